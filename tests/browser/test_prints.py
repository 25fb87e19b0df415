"""Prints in a browser: every page sound in the hand and on a desk, stopping by holding, and all of it without a script."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.kernel import clock
from app.kernel.db import db, transaction
from machines.printing import metering
from machines.printing.gateway import Seen
from machines.printing.models import ForeignPrint, PrintJob
from machines.printing.rules import Approval, JobState, Outcome, PausedBy, Source, Wish
from tests.browser.conftest import DESK, PHONE
from tests.browser.scene import a_whole_lab, follow, say, sign_in
from tests.builders import save
from tests.machines.scene import book, check_in, fresh
from tests.printing.engine_scene import a_file, a_link, attach, link_of, look, put, start
from tests.printing.gcode_files import good

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TODAY = "2026-11-26"


def a_slot(lab, hour="10:00", hours=2, member=None):
    return book(member or lab.chloe, lab.machine, hour, hours, day=TODAY)


def running(lab, house, *, camera=False):
    """Chloé's print, a third of its time done."""
    link = a_link(lab.machine, camera_is_on=camera)
    slot = a_slot(lab)
    check_in(lab.chloe, slot, lab.machine)
    look(link, Seen.IDLE)
    job = attach(lab.chloe, slot, a_file(lab.chloe, "M600\n", "Support de caméra, version 4_PETG_0.2mm_MK4.gcode"))
    start(lab.chloe, job)
    job = put(job, JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    seen = {
        "print_seconds": 1500,
        "seconds_left": 3000,
        "seconds_left_kind": "analysis",
        "tool_temp": 214.6,
        "tool_target": 215.0,
    }
    look(link, Seen.PRINTING, job.remote_path, completion=30.0, filepos=100, **seen)
    return fresh(job)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_a_print_is_sound(house, visit, sound, scheme):
    lab = a_whole_lab()
    job = running(lab, house)
    page, wide = visit("/", scheme=scheme), []
    sign_in(page, "lea@lab.test", "fr")

    def see(*paths):
        for path in paths:
            for size in (PHONE, DESK):
                page.set_viewport_size(size)
                page.goto(path)
                sound(page)
                if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                    wide.append((path, size["width"]))

    one = f"/prints/{job.id}"
    see(one, f"{one}/cancellation", "/prints", "/printers/wall", "/machines/laser-1", "/machines/laser-1/prints")
    since = clock.now() - timedelta(minutes=4)
    put(job, JobState.PRINTING, unreachable_since=since, stalled_since=since, overrun_since=since)
    see(one)
    put(job, JobState.PAUSED, paused_by=PausedBy.FILE, unreachable_since=None, stalled_since=None, overrun_since=None)
    see(one)
    job = put(job, JobState.LOST, ended_at=clock.now())
    with transaction():
        metering.record(job=job, outcome=Outcome.UNKNOWN, source=Source.OBSERVED, at=clock.now())
        link_of(job).approval = Approval.ALWAYS
    later = a_slot(lab, "14:00")
    waits = attach(lab.chloe, later, a_file(lab.chloe, "M0\n", "bracelet.gcode"))
    put(waits, JobState.ATTACHED, needs_approval=True)
    save(ForeignPrint(link_id=job.link_id, remote_path="part.gcode", remote_user="pi", seen_from=since, reservation_id=later.id))
    see(one, f"/prints/{waits.id}", f"/reservations/{later.id}", f"/reservations/{later.id}/prints")
    see("/prints/approvals", "/foreign-prints/1", "/today", f"/members/{lab.chloe.id}/prints")
    assert wide == []


def test_holding_the_button_stops_and_a_click_asks_first(house, visit):
    lab = a_whole_lab()
    job = running(lab, house)
    page = visit("/", size=DESK)
    sign_in(page, "chloe@lab.test", "fr")
    page.goto(f"/prints/{job.id}")
    button = page.locator("a[data-hold]")
    follow(button)
    assert page.url.endswith("/cancellation")
    assert fresh(job).wish is None
    page.go_back()
    box = page.locator("a[data-hold]").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    with page.expect_navigation():
        page.mouse.down()
        page.wait_for_timeout(1300)
    page.mouse.up()
    assert page.url.endswith(f"/prints/{job.id}")
    assert fresh(job).wish is Wish.CANCEL


def test_letting_go_or_slipping_off_in_time_stops_nothing(house, visit):
    lab = a_whole_lab()
    job = running(lab, house)
    page = visit("/", size=DESK)
    sign_in(page, "chloe@lab.test", "fr")
    page.goto(f"/prints/{job.id}")
    box = page.locator("a[data-hold]").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.wait_for_timeout(300)
    page.mouse.move(box["x"] + 10, box["y"] - 200)
    page.wait_for_timeout(1200)
    page.mouse.up()
    assert page.url.endswith(f"/prints/{job.id}")
    assert fresh(job).wish is None


def test_the_page_follows_the_print_by_itself(house, visit):
    lab = a_whole_lab()
    job = running(lab, house)
    page = visit("/", size=DESK)
    sign_in(page, "chloe@lab.test", "fr")
    page.goto(f"/prints/{job.id}")
    assert page.locator("progress").get_attribute("value") == "33"
    seen = {"print_seconds": 3000, "seconds_left": 1000, "seconds_left_kind": "analysis"}
    look(link_of(job), Seen.PRINTING, job.remote_path, completion=80.0, filepos=200, **seen)
    page.locator("progress[value='75']").wait_for(timeout=9000)
    with page.expect_navigation(timeout=9000):  # a new state is a new page, buttons included
        put(job, JobState.PAUSED, paused_by=PausedBy.FILE)
    assert page.get_by_role("button", name=say("fr", "Go on")).count() == 1


def test_without_a_script_one_sends_starts_and_stops(house, visit):
    lab = a_whole_lab()
    link, slot = a_link(lab.machine), a_slot(lab)
    check_in(lab.chloe, slot, lab.machine)
    page = visit("/", javascript=False)
    sign_in(page, "chloe@lab.test", "fr")
    page.goto(f"/reservations/{slot.id}/prints")
    page.locator("input[type=file]").set_input_files({"name": "vase.gcode", "mimeType": "text/plain", "buffer": good()})
    page.locator("form.form button").click()
    assert "/prints/" in page.url
    look(link, Seen.IDLE)
    page.reload()
    page.locator("input[name=bed_is_clear]").check()
    page.locator("form.form button").click()
    number = int(page.url.rpartition("/")[2])
    db.session.rollback()
    assert db.session.get_one(PrintJob, number).state is JobState.SENDING
    page.get_by_role("link", name=say("fr", "Stop the print")).click()
    page.locator("form.row button").click()
    db.session.rollback()
    assert db.session.get_one(PrintJob, number).state is JobState.ATTACHED
