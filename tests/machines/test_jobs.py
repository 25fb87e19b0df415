"""The machines' clockwork: late, early, twice, after a day's stop, and when one reservation is broken."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app import worker
from app.kernel import clock, outbox
from app.kernel.db import db, transaction
from billing.models import Charge
from machines import jobs, usage
from machines.models import Reservation
from machines.rules import Outcome, Status
from tests.machines.scene import at, book, cancel, check_in, end, fresh, letters, move, ready, set_clock


def statuses(*rows):
    return [fresh(row).status for row in rows]


def test_the_clockwork_knows_every_job(app):
    assert {name for name in app.extensions["jobs"] if name.startswith("machines.")} == {
        "machines.begin_due", "machines.mark_no_shows", "machines.end_forgotten", "machines.put_back_due", "machines.remind",
    }  # fmt: skip


@pytest.mark.both_engines
def test_a_day_with_the_worker_running(app, shop):
    zoe = ready(shop, "Zoé Neuf")
    early, absent, forgotten = book(shop.ada, shop.laser1), book(zoe, shop.laser2), book(shop.ben, shop.printer, "13:00", 1)
    set_clock("12:55")
    check_in(shop.ben, forgotten, shop.printer)
    seen = []
    for now in ("12:59", "13:00", "13:52", "13:59", "14:00", "14:10", "14:14", "14:15"):
        set_clock(now)
        if now == "13:52":
            check_in(shop.ada, early, shop.laser1)
        while worker.step(app):
            pass
        seen.append((now, *(status.value for status in statuses(early, absent, forgotten))))
    assert seen == [
        ("12:59", "confirmed", "confirmed", "checked_in"),
        ("13:00", "confirmed", "confirmed", "in_use"),
        ("13:52", "checked_in", "confirmed", "in_use"),
        ("13:59", "checked_in", "confirmed", "in_use"),
        ("14:00", "in_use", "confirmed", "in_use"),
        ("14:10", "in_use", "confirmed", "completed"),
        ("14:14", "in_use", "confirmed", "completed"),
        ("14:15", "in_use", "no_show", "completed"),
    ]


def test_a_worker_stopped_for_a_day_catches_up_with_everything(app, shop):
    zoe = ready(shop, "Zoé Neuf")
    absent, forgotten, early = book(shop.ada, shop.laser1), book(zoe, shop.laser2), book(shop.ben, shop.bench, "15:00", 1)
    set_clock("14:00")
    check_in(zoe, forgotten, shop.laser2)
    set_clock("14:55")
    check_in(shop.ben, early, shop.bench)
    set_clock("17:03", "2026-11-28")
    while worker.step(app):
        pass
    assert statuses(absent, forgotten, early) == [Status.NO_SHOW, Status.COMPLETED, Status.COMPLETED]
    assert (fresh(forgotten).used_until, fresh(forgotten).outcome) == (at("16:00"), Outcome.HOUSE)
    assert (fresh(early).used_from, fresh(early).used_until) == (at("15:00"), at("16:00"))
    assert db.session.scalar(select(func.count(Charge.id))) == 2


def test_every_job_bears_being_run_twice(shop):
    absent, forgotten = book(shop.ada, shop.laser1), book(shop.ben, shop.printer, "14:00", 1)
    set_clock("14:00")
    check_in(shop.ben, forgotten, shop.printer)
    set_clock("15:30")
    for _ in range(3):
        for job in (jobs.begin_due, jobs.mark_no_shows, jobs.end_forgotten, jobs.put_back_due, jobs.remind):
            job()
    assert [fresh(row).revision for row in (absent, forgotten)] == [1, 0]
    assert db.session.scalar(select(func.count(Charge.id))) == 1
    assert len(letters("no_show")) == len(letters("completed")) == 1


def test_one_broken_reservation_does_not_stop_the_others(shop, monkeypatch):
    first, second, third = (book(member, machine) for member, machine in _three(shop))
    set_clock("14:20")
    note = usage.note_absence

    def failing(ident):
        if ident == second.id:
            raise RuntimeError("broken")
        return note(ident)

    monkeypatch.setattr(usage, "note_absence", failing)
    with pytest.raises(RuntimeError):
        jobs.mark_no_shows()
    assert statuses(first, second, third) == [Status.NO_SHOW, Status.CONFIRMED, Status.NO_SHOW]


def _three(shop):
    return [(shop.ada, shop.laser1), (ready(shop, "Zoé Neuf"), shop.laser2), (shop.ben, shop.printer)]


# ── reminders ────────────────────────────────────────────────────────────────────────────────────────────────────────


def hourly(start, hours):
    """Run the reminders every hour; when each letter was written."""
    seen = []
    for hour in range(hours):
        clock.set_clock(start + timedelta(hours=hour))
        jobs.remind()
        outbox.drain()
    for letter in letters("reminder"):
        seen.append((letter.to_name, letter.created_at))
    return seen


def test_a_reminder_comes_the_day_before_once(shop):
    book(shop.ada, shop.laser1, day="2026-12-01")
    assert hourly(at("10:00", "2026-11-26"), 5 * 24) == [("Ada Lovelace", at("14:00", "2026-11-30"))]


def test_who_booked_or_moved_just_now_is_not_reminded_of_it(shop):
    book(shop.ada, shop.laser1, "09:00", 1, day="2026-11-27")
    assert hourly(at("10:00", "2026-11-26"), 23)[0][1] == at("17:00", "2026-11-26")


def test_a_booking_for_the_same_day_gets_none(shop):
    book(shop.ada, shop.laser1, "17:00", 1, day="2026-11-26")
    assert hourly(at("10:00", "2026-11-26"), 10) == []


def test_a_moved_reservation_gets_a_reminder_for_its_new_time(shop):
    row = book(shop.ada, shop.laser1, day="2026-12-01")
    assert len(hourly(at("13:00", "2026-11-30"), 2)) == 1
    move(shop.ada, row, "14:00", day="2026-12-03")
    assert [when for _name, when in hourly(at("15:00", "2026-11-30"), 72)] == [
        at("14:00", "2026-11-30"), at("14:00", "2026-12-02"),
    ]  # fmt: skip


def test_a_worker_stopped_overnight_still_reminds_in_the_morning(shop):
    book(shop.ada, shop.laser1, day="2026-12-01")
    set_clock("11:00", "2026-12-01")
    jobs.remind()
    assert len(letters("reminder")) == 1


def test_a_reminder_written_too_late_or_after_a_cancellation_is_not_sent(shop):
    row, other = book(shop.ada, shop.laser1, day="2026-12-01"), book(shop.ben, shop.bench, day="2026-12-01")
    set_clock("14:00", "2026-11-30")
    jobs.remind()
    cancel(shop.ada, row)
    set_clock("14:01", "2026-12-01")
    assert letters("reminder") == []
    assert fresh(other).status is Status.CONFIRMED


def test_nobody_is_reminded_of_what_runs_or_is_over(shop):
    row = book(shop.ada, shop.laser1)
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
    end(shop.ada, row)
    clock.set_clock(at("15:00", "2026-11-26"))
    jobs.remind()
    assert letters("reminder") == []


def test_jobs_look_only_at_what_is_due(shop, statements):
    for day in ("2026-11-27", "2026-11-28", "2026-11-30"):
        book(shop.ada, shop.laser1, day=day)
    statements.clear()
    for job in (jobs.begin_due, jobs.mark_no_shows, jobs.end_forgotten, jobs.put_back_due):
        job()
    assert len(statements) <= 6, statements
    with transaction():
        assert db.session.scalar(select(func.count(Reservation.id)).where(Reservation.revision > 0)) == 0
