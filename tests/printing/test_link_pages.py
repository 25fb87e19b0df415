"""Pages about printers' links and filaments: who may open what, nothing typed is lost, no key is ever shown."""

from __future__ import annotations

import logging
import re

import pytest
from sqlalchemy import select, text

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from machines.printing import key_views, links, materials
from machines.printing.asking import LONGEST, Pending
from machines.printing.gateway import ProbeResult
from machines.printing.models import Material, PrinterLink
from machines.printing.rules import Circuit
from tests.builders import acting
from tests.conftest import settings_for
from tests.machines.scene import fresh

ADDRESS = "http://127.0.0.1:9"
"""Nobody listens there."""
SECRET = "AbCdEf0123456789-printer-key"
PAGE = "/printers/printer/link"
FIELDS = {
    "bed_x": "250", "bed_y": "210", "bed_z": "210", "nozzle_most": "290", "bed_most": "110", "nozzle_hundredths": "40",
    "tools": "1", "refused_commands": "", "approval": "never", "end_policy": "finish", "overrun_grace_minutes": "60",
    "counting": "reserved", "heat_up_minutes": "4", "camera_address": "",
}  # fmt: skip


def body(response):
    return re.sub(r"\s+", " ", response.get_data(as_text=True))


def a_link(shop, kind="octoprint", address=ADDRESS):
    with transaction():
        link = links.connect(actor=acting(shop.adele), machine_id=shop.printer.id, kind=kind, address=address, revision=0)
    return fresh(link)


def with_key(shop, link, app="Etabli printer", **found):
    probed = ProbeResult("OctoPrint", "1.11.8", "etabli", **found)
    with transaction():
        links.store_key(actor=acting(shop.adele), link_id=link.id, key=SECRET, app_name=app, found=probed, address=link.address)
    return fresh(link)


@pytest.fixture
def link(shop):
    return a_link(shop)


@pytest.fixture
def adele(shop, as_):
    shop.adele.locale = "en"
    with transaction():
        db.session.add(shop.adele)
    return as_(shop.adele)


# ── every route, every role ──────────────────────────────────────────────────────────────────────────────────────────

# what a visitor, a member, a trainer, an accountant, a manager and an administrator get
READING = [
    ("/printers", 303, 403, 403, 403, 200, 200),
    ("/printers/printer/link", 303, 403, 403, 403, 200, 200),
    ("/printers/laser-1/link", 303, 403, 403, 403, 200, 200),
    ("/printers/nothing/link", 303, 403, 403, 403, 404, 404),
    ("/printers/a%00b/link", 303, 403, 403, 403, 404, 404),
    ("/printers/printer/link/request", 303, 403, 403, 403, 403, 303),
    ("/materials", 303, 403, 403, 403, 200, 200),
    ("/materials/1", 303, 403, 403, 403, 200, 200),
    ("/materials/999999", 303, 403, 403, 403, 404, 404),
    ("/materials/99999999999999999999", 404, 404, 404, 404, 404, 404),
]
WRITING = [
    ("/printers/printer/link/address", 303, 403, 403, 403, 403, 422),
    ("/printers/printer/link/certificate", 303, 403, 403, 403, 403, 404),
    ("/printers/printer/link/settings", 303, 403, 403, 403, 403, 422),
    ("/printers/printer/link/key", 303, 403, 403, 403, 403, 422),
    ("/printers/printer/link/request", 303, 403, 403, 403, 403, 422),
    ("/printers/printer/link/request/withdrawal", 303, 403, 403, 403, 403, 303),
    ("/printers/printer/link/test", 303, 403, 403, 403, 403, 303),
    ("/printers/printer/link/rotation/0", 303, 403, 403, 403, 403, 303),
    ("/printers/printer/link/rotation/99999999999999999999", 404, 404, 404, 404, 404, 404),
    ("/printers/printer/link/former-key", 303, 403, 403, 403, 403, 303),
    ("/printers/printer/link/disabling", 303, 403, 403, 403, 403, 303),
    ("/printers/printer/link/enabling", 303, 403, 403, 403, 403, 303),
    ("/printers/printer/link/removal", 303, 403, 403, 403, 403, 303),
    ("/printers/laser-1/link/settings", 303, 403, 403, 403, 403, 404),
    ("/printers/laser-1/link/test", 303, 403, 403, 403, 403, 404),
    ("/printers/laser-1/link/removal", 303, 403, 403, 403, 403, 404),
    ("/materials", 303, 403, 403, 403, 422, 422),
    ("/materials/1", 303, 403, 403, 403, 422, 422),
]


def test_who_may_open_what(shop, as_, link):
    with transaction():
        materials.add(actor=acting(shop.lea), code="PLA", name={"fr": "PLA"}, density_mg=None, cents_per_kilogram=None)
    browsers = [as_(who) for who in (None, shop.ada, shop.chloe, shop.alba, shop.lea, shop.adele)]
    found = [(path, *(browser.get(path).status_code for browser in browsers)) for path, *_rest in READING]
    assert found == READING
    found = [(path, *(browser.post(path).status_code for browser in browsers)) for path, *_rest in WRITING]
    assert found == WRITING


def test_a_manager_looks_and_has_no_button(shop, as_, link):
    with_key(shop, link)
    html = body(as_(shop.lea).get(PAGE))
    assert "http://127.0.0.1:9" in html
    assert "250" in html
    assert f'action="{PAGE}' not in html


def test_the_ways_to_the_page(shop, adele):
    for start in ("/printers", "/machines/printer/edit"):
        assert PAGE in body(adele.get(start))
    assert 'href="/printers"' in body(adele.get("/setup"))
    assert "/printers/laser-1/link" not in body(adele.get("/machines/laser-1/edit"))


# ── the address ──────────────────────────────────────────────────────────────────────────────────────────────────────


def link_it(client, address, kind="octoprint", revision="0", **more):
    return client.post(f"{PAGE}/address", data={"kind": kind, "address": address, "revision": revision, **more})


def test_an_address_is_stored_as_one_types_it(shop, adele):
    assert link_it(adele, " http://127.0.0.1:5000/ ").status_code == 303
    assert fresh(links.of_machine(shop.printer.id)).address == "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://8.8.8.8", "PRINTER_NETWORKS"),
        ("file:///etc/passwd", "must begin with http"),
        ("http://admin:pass@127.0.0.1", "no name and no password"),
        ("", "Give the address."),
        ("http://127.0.0.1/\x00", "Only plain letters"),
    ],
)
def test_an_address_that_is_refused_comes_back_with_the_reason(shop, adele, address, words):
    answer = link_it(adele, address)
    assert answer.status_code == 422
    assert words in body(answer)
    assert links.of_machine(shop.printer.id) is None
    if "\x00" not in address:
        assert f'value="{address}"' in body(answer)


def test_that_the_key_will_be_forgotten_is_said_before(shop, adele, link):
    assert "forgets the key" not in body(adele.get(PAGE))
    stored = with_key(shop, link)
    assert "forgets the key" in body(adele.get(PAGE))
    assert link_it(adele, "http://127.0.0.1:10", revision=str(stored.revision)).status_code == 303
    assert fresh(link).key_sealed is None
    assert "No key yet" in body(adele.get(PAGE))


def test_a_stale_address_is_not_taken_and_may_be_sent_again(shop, adele, link):
    with_key(shop, link)
    answer = link_it(adele, "http://127.0.0.1:10", revision="1")
    assert answer.status_code == 409
    assert "Somebody else changed" in body(answer)
    assert 'value="http://127.0.0.1:10"' in body(answer)
    assert fresh(link).address == ADDRESS
    assert link_it(
        adele, "http://127.0.0.1:10", revision=re.search(r'name="revision" type="hidden" value="(\d+)"', body(answer))[1]
    )
    assert fresh(link).address == "http://127.0.0.1:10"


def test_simulated_printers_are_not_for_a_real_lab(app, shop, adele, monkeypatch, tmp_path):
    assert "Simulated printer" in body(adele.get(PAGE))
    url = db.engine.url.render_as_string(hide_password=False)
    monkeypatch.setitem(app.extensions, "settings", settings_for(tmp_path, url, environment="production"))
    assert "Simulated printer" not in body(adele.get(PAGE))
    assert link_it(adele, "simulator://prusa-1", kind="simulator").status_code == 422
    a_link(shop, "simulator", "simulator://prusa-1")
    assert "Simulated printer" in body(adele.get(PAGE))


def test_a_simulated_printer_answers_and_asks_for_no_key(shop, adele):
    link_it(adele, "simulator://prusa-1?speed=30", kind="simulator")
    assert adele.post(f"{PAGE}/test").status_code == 303
    html = body(adele.get(PAGE))
    assert "Simulator 1 answers." in html
    assert "Get a key" not in html
    for path in ("key", "request", "rotation/1", "former-key"):
        assert adele.post(f"{PAGE}/{path}", data={"user": "x", "key": "12345678"}).status_code == 404


# ── the key ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_page_log_row_or_audit_ever_holds_the_key(shop, adele, link, caplog):
    caplog.set_level(logging.DEBUG)
    with_key(shop, link)
    pages = [
        adele.get(PAGE), adele.get("/printers"), adele.post(f"{PAGE}/key", data={"key": SECRET}), adele.post(f"{PAGE}/test"),
        adele.post(f"{PAGE}/key", data={"key": f"{SECRET} with a space"}), adele.post(f"{PAGE}/rotation/2"), adele.get(PAGE),
    ]  # fmt: skip
    assert [one.status_code for one in pages] == [200, 200, 409, 303, 422, 303, 200]
    assert not any(SECRET in body(one) or SECRET in str(one.headers) for one in pages)
    assert SECRET not in caplog.text
    db.session.rollback()
    with db.engine.connect() as connection:
        names = list(connection.scalars(text("select name from sqlite_master where type = 'table'")))
        rows = [str(row) for name in names for row in connection.execute(text(f'select * from "{name}"'))]
    assert any("printer.attempt_failed" in row for row in rows)
    assert not any(SECRET in row for row in rows)


@pytest.mark.parametrize("path", ["test", "request"])
def test_what_cannot_be_reached_is_said_in_words_and_written_down(shop, adele, link, path):
    with_key(shop, link)
    assert adele.post(f"{PAGE}/{path}", data={"user": "etabli"}).status_code == 303
    html = body(adele.get(PAGE))
    assert "does not answer at this address" in html
    assert "attempts" not in html  # httpx says “All connection attempts failed”
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "printer.attempt_failed")).one()
    assert entry.details == {"what": path, "reason": "printing.unreachable"}


def test_too_strong_and_missing_permissions_are_shown_with_what_to_do(shop, adele, link):
    with_key(shop, link, missing=("PRINT",), too_strong=("ADMIN", "SETTINGS"))
    html = body(adele.get(PAGE))
    assert "Missing: <code>PRINT</code>" in html
    assert "<code>ADMIN</code>, <code>SETTINGS</code>" in html
    assert "Its permissions need a look" in html


def test_the_trouble_the_engine_met_is_said(shop, adele, link):
    with_key(shop, link)
    with transaction():
        row = db.session.get_one(PrinterLink, link.id)
        row.circuit, row.trouble = Circuit.OPEN, "StartingUp"
    for path in (PAGE, "/printers"):
        assert "server is starting" in body(adele.get(path))


def test_renewing_from_a_stale_page_asks_nobody(shop, adele, link):
    stored = with_key(shop, link)
    adele.post(f"{PAGE}/rotation/{stored.revision - 1}")
    assert "Somebody else changed" in body(adele.get(PAGE))
    assert db.session.scalars(select(AuditEntry.verb).where(AuditEntry.verb == "printer.attempt_failed")).all() == []


def pending_for(client, link, **changes):
    now = clock.now()
    values = {
        "link_id": link.id, "address": link.address, "app": "Etabli printer", "user": "etabli", "token": "token-0123456789",
        "dialog": f"{ADDRESS}/plugin/appkeys/auth/token", "asked_at": now, "looked_at": now,
    }  # fmt: skip
    with client.session_transaction() as session:
        session[key_views.PENDING] = Pending(**{**values, **changes}).sealed()


def test_a_server_that_goes_away_meanwhile_is_said_and_the_request_kept(adele, link):
    pending_for(adele, link)
    html = body(adele.get(f"{PAGE}/request"))
    assert "does not answer" in html
    assert "Open OctoPrint in a new tab" in html
    assert '<noscript><meta http-equiv="refresh"' in html
    part = adele.get(f"{PAGE}/request?said=", headers={"HX-Request": "true"})
    assert (part.status_code, "<html" in body(part)) == (200, False)
    again = adele.get(f"{PAGE}/request?said=printing.unreachable", headers={"HX-Request": "true"})
    assert (again.status_code, again.data) == (204, b"")


def test_after_ten_minutes_the_wait_ends(adele, link):
    pending_for(adele, link, asked_at=clock.now() - LONGEST)
    html = body(adele.get(f"{PAGE}/request"))
    assert "Ten minutes have passed" in html
    assert "hx-trigger" not in html
    assert adele.get(f"{PAGE}/request").status_code == 303


def test_a_request_of_another_printer_or_a_spoilt_one_is_none(adele, link):
    pending_for(adele, link, link_id=link.id + 1)
    assert adele.get(f"{PAGE}/request").status_code == 303
    with adele.session_transaction() as session:
        session[key_views.PENDING] = "spoilt"
    assert adele.get(f"{PAGE}/request").status_code == 303


def test_giving_up_ends_the_wait(adele, link):
    pending_for(adele, link)
    assert adele.post(f"{PAGE}/request/withdrawal").status_code == 303
    with adele.session_transaction() as session:
        assert key_views.PENDING not in session


# ── limits and policies ──────────────────────────────────────────────────────────────────────────────────────────────


def save(client, revision, **typed):
    return client.post(f"{PAGE}/settings", data={**FIELDS, "revision": str(revision), **typed})


def test_limits_are_saved_and_shown_as_saved(shop, adele, link):
    answer = save(
        adele, 1, bed_x="300", refused_commands="m112\nG28\n@pause\nM112", approval="always", may_connect="y", camera_is_on="y",
        camera_address="http://127.0.0.1/?action=snapshot",
    )  # fmt: skip
    assert answer.status_code == 303
    stored = fresh(link)
    assert (stored.bed_x, stored.refused_commands, stored.approval.value) == (300, ["M112", "G28", "@pause"], "always")
    assert (stored.may_connect, stored.stops_foreign_in_blocks, stored.camera_is_on) == (True, False, True)
    html = body(adele.get(PAGE))
    for shown in ('value="300"', "M112 G28 @pause", 'value="always" id="approval-2" checked'):
        assert shown in html


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"bed_x": "0"}, "between 1 and 5000"),
        ({"bed_x": "wide"}, "Not a valid integer"),
        ({"tools": "9" * 5000}, "tools"),
        ({"refused_commands": "M112\nrm -rf"}, "look at “rm”"),
        ({"approval": "sometimes"}, "Invalid Choice"),
        ({"camera_is_on": "y"}, "switch the camera off"),
        ({"camera_address": "http://8.8.8.8/x.jpg"}, "PRINTER_NETWORKS"),
        ({"materials": "7"}, "not a valid choice"),
    ],
)
def test_what_makes_no_sense_comes_back_as_typed(adele, link, typed, words):
    answer = save(adele, 1, bed_y="333", **typed)
    assert answer.status_code == 422
    assert words in body(answer)
    assert 'value="333"' in body(answer)
    assert fresh(link).bed_y == 210


def test_a_stale_form_keeps_what_was_typed_shows_what_is_stored_and_may_be_sent_again(shop, adele, link):
    assert save(adele, 1, bed_x="300", approval="always").status_code == 303
    answer = save(adele, 1, bed_x="400")
    html = body(answer)
    assert answer.status_code == 409
    assert "Somebody else changed this printer’s link meanwhile." in html
    assert 'value="400"' in html
    assert "<dt>Width, mm</dt><dd>300</dd>" in html
    assert "<dd>The team, every print</dd>" in html
    assert "<dt>Depth, mm</dt>" not in html
    assert fresh(link).bed_x == 300
    assert save(adele, 2, bed_x="400").status_code == 303
    assert fresh(link).bed_x == 400


def test_the_same_click_twice_is_one_change(adele, link):
    for _click in range(2):
        assert save(adele, 1, bed_x="300", key="once").status_code == 303
    assert fresh(link).revision == 2


def test_switching_off_on_and_removing(adele, link):
    for path, words in (("disabling", "Switched off"), ("enabling", "No key yet"), ("removal", "Link this printer")):
        assert adele.post(f"{PAGE}/{path}").status_code == 303
        assert words in body(adele.get(PAGE))
    assert fresh(link).address == ""


# ── filaments ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_filaments_are_added_priced_and_changed(shop, as_, adele):
    lea = as_(shop.lea)
    typed = {"code": "petg", "name_fr": "PETG", "name_en": "PETG", "price": "28,50", "is_offered": "y"}
    assert lea.post("/materials", data=typed).status_code == 303
    made = db.session.scalars(select(Material)).one()
    assert (made.code, made.density_mg, dict(materials.prices())) == ("PETG", 1270, {made.item: 2850})
    assert "€28.50 a kilogram" in body(adele.get("/materials"))
    assert 'value="28,50"' in body(lea.get(f"/materials/{made.id}"))
    changed = {**typed, "density_mg": "1300", "price": "", "is_offered": ""}
    assert lea.post(f"/materials/{made.id}", data=changed).status_code == 303
    assert (fresh(made).density_mg, fresh(made).is_offered, dict(materials.prices())) == (1300, False, {})
    assert "without charge" in body(adele.get("/materials"))


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ({"code": "PLA"}, 409, "has the code “PLA” already"),
        ({"code": "P L A"}, 422, "Only letters"),
        ({"name_fr": ""}, 422, "Give the filament a name."),
        ({"density_mg": "1"}, 422, "between 100 and 25000"),
        ({"price": "cheap"}, 422, "Write an amount"),
        ({"name_en": "a\x00b"}, 422, "Name in English"),
    ],
)
def test_a_filament_that_makes_no_sense_is_not_kept(shop, adele, typed, status, words):
    with transaction():
        materials.add(actor=acting(shop.lea), code="PLA", name={"fr": "PLA"}, density_mg=None, cents_per_kilogram=None)
    answer = adele.post("/materials", data={"code": "ABS", "name_fr": "ABS typed", "price": "", **typed})
    assert (answer.status_code, words in body(answer)) == (status, True)
    assert "name_fr" in typed or 'value="ABS typed"' in body(answer)
    assert [one.code for one in materials.every()] == ["PLA"]


def test_a_printer_takes_what_is_ticked(shop, adele, link):
    with transaction():
        made = [
            materials.add(
                actor=acting(shop.lea), code=code, name={"fr": code}, density_mg=None, cents_per_kilogram=None, is_offered=offered
            )
            for code, offered in (("PLA", True), ("ABS", True), ("OLD", False))
        ]
        ids = [one.id for one in made]
    assert "OLD · OLD" not in body(adele.get(PAGE))
    assert save(adele, 1, materials=[str(ids[0])]).status_code == 303
    assert links.materials_of(link.id) == [ids[0]]
