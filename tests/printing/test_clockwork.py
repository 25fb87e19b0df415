"""What the clockwork does of itself: before a slot, in a slot whose printer is away, and after a slot nobody printed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.outbox import OutboxMessage
from machines import jobs as machine_jobs
from machines.printing import jobs
from machines.printing.gateway import Seen
from machines.printing.rules import Circuit, JobState
from machines.rules import Status
from tests.machines.scene import book, fresh, letters, set_clock
from tests.printing.engine_scene import a_job, a_link, link_of, look, printing, put, reservation_of, story


def preflights() -> list[bool]:
    """Those left to be written: whether they are for the team."""
    db.session.rollback()
    rows = db.session.scalars(select(OutboxMessage).where(OutboxMessage.topic == "mail.send").order_by(OutboxMessage.id))
    wanted = [row.payload for row in rows if row.payload["template"] == "printing.preflight_failed"]
    return [bool(one["facts"].get("team")) for one in wanted]


@pytest.mark.both_engines
def test_what_was_not_started_in_its_slot_expires(shop):
    job = a_job(shop)
    jobs.expire()
    assert fresh(job).state is JobState.ATTACHED
    set_clock("16:00")
    jobs.expire()
    jobs.expire()
    assert (fresh(job).state, story(job)) == (JobState.EXPIRED, ["attached", "expired"])


@pytest.mark.parametrize(
    ("state", "is_wrong"),
    [
        (Seen.IDLE, False), (Seen.OFFLINE, True), (Seen.DISCONNECTED, True), (Seen.FAULT, True), (Seen.PRINTING, True),
        (Seen.STARTING_UP, True),
    ],
)  # fmt: skip
def test_ten_minutes_before_a_slot_its_printer_is_looked_at(shop, state, is_wrong):
    link = a_link(shop.printer)
    book(shop.ada, shop.printer, "14:00")
    set_clock("13:49")
    look(link, state, "benchy.gcode" if state is Seen.PRINTING else None)
    jobs.look_ahead()
    assert preflights() == []
    set_clock("13:50")
    look(link, state, "benchy.gcode" if state is Seen.PRINTING else None)
    jobs.look_ahead()
    jobs.look_ahead()
    assert preflights() == ([False, True] if is_wrong else [])


def test_a_print_of_the_slot_before_is_no_trouble_of_the_printer(shop):
    job = printing(a_job(shop), shop)
    book(shop.lea, shop.printer, "16:00")
    set_clock("15:50")
    look(link_of(job), Seen.PRINTING, job.remote_path)
    jobs.look_ahead()
    assert preflights() == []


@pytest.mark.parametrize("stale", [timedelta(minutes=2), None])
def test_a_printer_nobody_has_seen_lately_is_not_ready(shop, stale):
    link = a_link(shop.printer)
    book(shop.ada, shop.printer, "14:00")
    set_clock("13:50")
    if stale:
        clock.set_clock(clock.now() - stale)
        look(link, Seen.IDLE)
        clock.set_clock(clock.now() + stale)
    jobs.look_ahead()
    assert preflights() == [False, True]


@pytest.mark.both_engines
def test_a_printer_away_for_a_quarter_of_an_hour_gives_the_slot_back_at_no_cost(shop):
    link = a_link(shop.printer)
    reservation = book(shop.ada, shop.printer, "14:00")
    set_clock("13:50")
    look(link, Seen.OFFLINE)
    set_clock("14:14")
    look(link, Seen.OFFLINE)
    jobs.give_back_unusable()
    assert fresh(reservation).status is Status.CONFIRMED
    set_clock("14:15")
    jobs.give_back_unusable()
    jobs.give_back_unusable()
    assert fresh(reservation).status is Status.CANCELLED
    [letter] = letters("cancelled")
    assert "L’imprimante" in letter.text or "The printer could not be used" in letter.text


def test_who_stands_there_gets_the_slot_back_too_but_not_with_a_print(shop):
    job = a_job(shop)
    look(link_of(job), Seen.DISCONNECTED)
    set_clock("14:20")
    put(job, JobState.DONE, started_at=clock.now(), ended_at=clock.now())
    jobs.give_back_unusable()
    assert reservation_of(job).status is Status.IN_USE
    put(job, JobState.ATTACHED, started_at=None, ended_at=None)
    jobs.give_back_unusable()
    assert reservation_of(job).status is Status.CANCELLED


def test_a_short_absence_of_the_printer_takes_nobodys_slot(shop):
    link = a_link(shop.printer)
    reservation = book(shop.ada, shop.printer, "14:00")
    set_clock("14:14")
    look(link, Seen.OFFLINE)
    set_clock("14:16")
    jobs.give_back_unusable()
    assert fresh(reservation).status is Status.CONFIRMED


@pytest.mark.both_engines
def test_nobody_is_absent_from_a_printer_that_cannot_be_used(shop):
    link = a_link(shop.printer)
    reservation = book(shop.ada, shop.printer, "14:00")
    set_clock("14:10")
    look(link, Seen.OFFLINE)
    set_clock("14:20")
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.CONFIRMED
    look(link, Seen.IDLE)
    set_clock("14:34")
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.CONFIRMED
    set_clock("14:35")
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.NO_SHOW


def test_nobody_is_absent_from_a_printer_that_still_prints_for_another(shop):
    job = printing(a_job(shop), shop)
    following = book(shop.lea, shop.printer, "16:00")
    set_clock("16:20")
    machine_jobs.mark_no_shows()
    assert fresh(following).status is Status.CONFIRMED
    look(link_of(job), Seen.IDLE, job.remote_path, completion=100.0)
    set_clock("16:34")
    machine_jobs.mark_no_shows()
    assert fresh(following).status is Status.CONFIRMED
    set_clock("16:36")
    machine_jobs.mark_no_shows()
    assert fresh(following).status is Status.NO_SHOW


def test_nobody_is_absent_from_a_printer_on_which_somebody_prints_beside_the_house(shop):
    link = a_link(shop.printer)
    reservation = book(shop.ada, shop.printer, "14:00")
    set_clock("14:10")
    look(link, Seen.PRINTING, "theirs.gcode")
    set_clock("14:20")
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.CONFIRMED
    look(link, Seen.IDLE)
    set_clock("14:34")
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.CONFIRMED
    set_clock("14:36")
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.NO_SHOW


def test_a_printer_seen_all_the_time_changes_nothing_for_who_does_not_come(shop):
    link = a_link(shop.printer)
    look(link, Seen.IDLE)
    reservation = book(shop.ada, shop.printer, "14:00")
    set_clock("14:15")
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.NO_SHOW


def test_a_use_that_prints_is_not_ended_for_being_forgotten(shop):
    job = printing(a_job(shop), shop)
    set_clock("16:30")
    machine_jobs.end_forgotten()
    assert reservation_of(job).status is Status.IN_USE
    look(link_of(job), Seen.IDLE, job.remote_path, completion=100.0)
    machine_jobs.end_forgotten()
    assert reservation_of(job).status is Status.COMPLETED


def test_a_link_switched_off_leaves_the_machine_as_any_other(shop):
    link = a_link(shop.printer, is_enabled=False)
    reservation = book(shop.ada, shop.printer, "14:00")
    look(link, Seen.OFFLINE)
    set_clock("14:15")
    jobs.give_back_unusable()
    machine_jobs.mark_no_shows()
    assert fresh(reservation).status is Status.NO_SHOW


def test_an_open_circuit_is_not_ready(shop):
    link = a_link(shop.printer)
    book(shop.ada, shop.printer, "14:00")
    set_clock("13:50")
    look(link, Seen.IDLE)
    with transaction():
        db.session.merge(link).circuit = Circuit.OPEN
    jobs.look_ahead()
    assert preflights() == [False, True]
