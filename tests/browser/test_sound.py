"""Every page in the hand, by night, looked at by axe; the stories look by day. On a desk, none scrolls sideways either."""

from __future__ import annotations

import pytest

from app.kernel.db import transaction
from machines import catalogue
from tests.browser.conftest import DESK, PHONE
from tests.browser.scene import a_whole_lab, sign_in
from tests.builders import acting

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = ("/", "/machines", "/machines/laser-1", "/timetable", "/prices", "/nowhere", "/sign-in", "/sign-up", "/privacy")
TEAM = (
    "/", "/machines/laser-1", "/timetable", "/competences", "/competences/laser", "/reservations", "/first-free", "/account",
    "/account/competences", "/account/money", "/machines/laser-1/faults", "/today", "/members", "/desk", "/machines/laser-1/edit",
    "/competences/laser/edit", "/places", "/hours", "/setup", "/settings", "/charter/editor", "/prices/edit/machine:1",
)  # fmt: skip


def test_every_page_is_sound_by_night(house, visit, sound):
    lab = a_whole_lab()
    with transaction():
        catalogue.report(actor=acting(lab.chloe), machine_id=lab.machine.id, text="Odeur de brûlé.", stops_machine=True)
    page = visit("/", scheme="dark")
    wide = []

    def look(path):
        page.set_viewport_size(PHONE)
        page.goto(path)
        sound(page)
        page.set_viewport_size(DESK)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)

    for path in OPEN:
        look(path)
    sign_in(page, "lea@lab.test", "fr")
    for path in (*TEAM, f"/members/{lab.chloe.id}", f"/desk/{lab.chloe.id}"):
        look(path)
    assert wide == []
