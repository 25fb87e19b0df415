"""A print, lived in a browser on a phone against a real OctoPrint: from the file to the receipt, in both languages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.accounts import passwords
from app.accounts.models import Member
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from billing import weights
from machines.codes import check_in_code
from machines.models import Machine, Reservation
from machines.printing.models import PrintJob
from machines.printing.rules import JobState
from tests.browser.scene import PASSWORD, follow, say, sign_in
from tests.builders import acting
from tests.real.octoprint.fixtures import gcode
from tests.real.octoprint.floor import Floor, a_floor

pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def floor(app, octoprint, house):
    """The lab in real time, for its pages as well."""
    floor = a_floor(app, octoprint)
    house.now = None
    with transaction():
        secret = passwords.hashed(PASSWORD)
        for member in (floor.ada, floor.lea):
            db.session.get_one(Member, member.id).password_hash = secret
        weights.set_price(actor=acting(floor.lea), item=floor.petg.item, cents_per_kilogram=Cents(2900))
    return floor


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_a_print_goes_from_the_file_to_the_receipt(floor: Floor, house, visit, sound, tmp_path, locale):
    def words(sentence, **values):
        return say(locale, sentence, **values)

    with transaction():
        db.session.get_one(Member, floor.ada.id).locale = locale
    ada = visit("/", locale=locale)
    sign_in(ada, floor.ada.email, locale)

    # The file, checked at once: what is in it, where it fits.
    ada.goto("/print-files")
    sound(ada)
    path = gcode(tmp_path, seconds=14, name="équerre n°1.gcode", begin="; filament_type = PETG")
    ada.locator("input[type=file]").set_input_files(path)
    follow(ada.get_by_role("button", name=words("Send and check")))
    expect(ada.locator("h1")).to_have_text("équerre n°1.gcode")
    expect(ada.get_by_text(words("Fits"), exact=True).first).to_be_visible()
    sound(ada)

    # A printer for it, with the time and the price; booked in one click.
    follow(ada.get_by_role("link", name=words("Find a printer")))
    sound(ada)
    follow(ada.locator("form.act-form button").first)
    ada.wait_for_url(re.compile(r"/reservations/\d+"))
    sound(ada)
    reservation_id = int(re.search(r"/reservations/(\d+)", ada.url)[1])
    with transaction():  # the slot has come
        reservation = db.session.get_one(Reservation, reservation_id)
        reservation.starts_at = min(reservation.starts_at, clock.now() - timedelta(minutes=1))

    with floor.engine():
        # At the printer: its code, then the bed.
        secret = db.session.get_one(Machine, floor.machine.id).check_in_secret
        ada.goto(f"/machines/{floor.machine.slug}/check-in?code={check_in_code(secret, clock.now())}")
        sound(ada)
        follow(ada.get_by_role("button", name=words("I am here, start")))
        floor.until_seen_idle()
        job = db.session.scalars(select(PrintJob)).one()
        ada.goto(f"/prints/{job.id}")
        sound(ada)
        start = ada.get_by_role("button", name=words("Start the print"))
        start.click()  # nothing ticked: said, nothing started
        assert floor.server.state() == "Operational"
        ada.locator("input[name=bed_is_clear]").check()
        follow(start)
        sound(ada)

        # It prints, and the page says so by itself.
        floor.wait(job, JobState.PRINTING)
        expect(ada.get_by_role("button", name=words("Pause"))).to_be_visible(timeout=15000)
        expect(ada.locator(".gauge").first).to_be_visible(timeout=15000)
        sound(ada)
        follow(ada.get_by_role("button", name=words("Pause")))
        floor.wait(job, JobState.PAUSED)
        expect(ada.get_by_role("button", name=words("Go on"))).to_be_visible(timeout=15000)
        sound(ada)
        follow(ada.get_by_role("button", name=words("Go on")))
        floor.wait(job, JobState.DONE, seconds=40)
        expect(ada.get_by_role("heading", name=words("Finished"))).to_be_visible(timeout=15000)
        sound(ada)

    # The end of the use: what was used, what it costs.
    ada.goto(f"/reservations/{reservation_id}")
    sound(ada)
    follow(ada.get_by_role("link", name=words("Finish")).first)
    ada.locator("input[name=is_clean][value=yes]").check()
    follow(ada.get_by_role("button", name=words("Finish and see the price")))
    sound(ada)

    lea = visit("/", locale=locale)
    sign_in(lea, floor.lea.email, locale)
    lea.goto("/desk")
    follow(lea.get_by_role("link", name=re.compile("Ada Lovelace")).first)
    lea.locator("input[name=method][value=cash]").check()
    follow(lea.locator("form:has(input[name=amount]) button").last)

    ada.goto("/account/money")
    sound(ada)
    follow(ada.locator("a[href*='/receipts/']").first)
    expect(ada.locator("main")).to_contain_text("PETG")
    sound(ada)
    assert "finished" in floor.letters()
