"""temporary"""
from app.kernel.db import transaction
from app.kernel.money import Cents
from billing import weights
from tests.browser.conftest import browser, chromium, house, visit, DESK, PHONE
from tests.browser.scene import *
from tests.builders import acting
from tests.machines.scene import book
from tests.printing.test_pools import a_printer, a_file, petg, pla

def test_pictures(shop, house, visit, as_, petg, pla):
    p1=a_printer(shop, "prusa-1", petg, name={"fr":"Prusa MK4 no 1","en":"Prusa MK4 no 1"})
    a_printer(shop, "prusa-2", petg, name={"fr":"Prusa MK4 no 2","en":"Prusa MK4 no 2"})
    a_printer(shop, "ender", pla, name={"fr":"Ender 3","en":"Ender 3"}, longest_minutes=90)
    a_printer(shop, "mini", petg, name={"fr":"Prusa Mini","en":"Prusa Mini"}, link={"bed_x":80,"bed_y":80,"bed_z":80}, requirements=[[shop.laser.id]])
    book(shop.ben, p1, "16:00", 2, day="2026-11-26")
    with transaction():
        weights.set_price(actor=acting(shop.lea), item=petg.item, cents_per_kilogram=Cents(4000))
    f=a_file(shop.ada, "support-de-lampe-tres-long-nom-0.2mm_PETG_MK4_1h30m.gcode", layers=100)
    big=a_file(shop.ben, "grand.gcode", size=500)
    def shots(name, path, who, ctxs=((DESK,"light"),(PHONE,"light"),(DESK,"dark"),(PHONE,"dark"))):
        client=as_(who); client.get("/machines"); val=client.get_cookie("etabli").value
        for size, scheme in ctxs:
            p = visit("/machines", size=size, scheme=scheme)
            p.context.add_cookies([{"name":"etabli","value":val,"url":"http://lab.test"}])
            p.set_default_timeout(60000); p.goto(path)
            print(name, size["width"], scheme, "scrollWidth", p.evaluate("document.documentElement.scrollWidth"))
            p.screenshot(path=f"/tmp/shots-g/{name}-{size['width']}-{scheme}.png", full_page=True)
            if name=="pool" and scheme=="light" and size==PHONE:
                book(shop.ben, shop.bench, "10:00", 1, day="2026-12-02")
            p.context.close()
    import os
    shots("pool", f"/printers/book?file={f.id}&when=tonight", shop.ada)
    shots("none", f"/printers/book?file={big.id}&when=tonight", shop.ben, ((PHONE,"light"),(DESK,"dark")))
    try:
        shots("files", "/printers/book", shop.ada, ((PHONE,"light"),(DESK,"light")))
        shots("catalogue", "/machines", shop.ada, ((PHONE,"light"),(DESK,"light"),(DESK,"dark")))
    except Exception as e: print(e)
    # taken meanwhile: click after another booked
    client=as_(shop.ada); client.get("/machines"); val=client.get_cookie("etabli").value
    p = visit("/machines", size=DESK, scheme="light")
    p.context.add_cookies([{"name":"etabli","value":val,"url":"http://lab.test"}])
    p.goto(f"/printers/book?file={f.id}&when=tonight")
    p2=db_machine("prusa-2")
    book(shop.lea, p2, "17:00", 2, day="2026-11-26")
    p.keyboard.press("Tab")
    p.get_by_role("button", name="Réserver").first.click()
    p.wait_for_load_state()
    p.screenshot(path="/tmp/shots-g/taken-1280.png", full_page=True)
    p.set_viewport_size(PHONE); p.screenshot(path="/tmp/shots-g/taken-390.png", full_page=True)
    p.get_by_role("button", name="Réserver").first.click(); p.wait_for_load_state()
    print(p.url)
    p.screenshot(path="/tmp/shots-g/booked-390.png", full_page=True)

def db_machine(slug):
    from machines import queries
    return queries.machine(slug)
