"""Prints that pass their slot: when that is said, to whom, what happens at the end, and what who is next may do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock, outbox
from app.kernel.db import db, transaction
from app.kernel.mail import Mail
from app.kernel.refusals import NotAllowed, Refused
from machines import usage
from machines.models import Reservation
from machines.printing import delays, overruns
from machines.printing.models import PrintEvent, PrintJob
from machines.printing.rules import EndPolicy, JobState, Outcome, Wish
from machines.rules import Status
from tests.builders import acting
from tests.machines.scene import a_machine, book, check_in, fresh, set_clock
from tests.machines.scene import codes_of as codes
from tests.printing.prints_scene import a_file, a_job, a_printer, a_slot, ends, later, seen


@pytest.fixture
def link(shop):
    return a_printer(shop)


@pytest.fixture
def slot(shop, link):
    return a_slot(shop)


@pytest.fixture
def job(shop, link, slot):
    return a_job(slot, link, a_file(shop.ada))


@pytest.fixture
def following(shop, link):
    """Ben has the printer from 16:00 to 18:00."""
    return book(shop.ben, shop.printer, "16:00", 2)


def look(job, left, **more):
    """The engine sees that so many minutes are left."""
    with transaction():
        row = db.session.get_one(PrintJob, job.id)
        overruns.look(job=row, seen=seen(seconds_left=left * 60, seconds_left_kind="estimate", **more))
    return fresh(job)


def sees_it_late(job, left=180):
    """Two looks a minute apart."""
    look(job, left)
    later(seconds=60)
    return look(job, left)


def at_the_end(job):
    with transaction():
        return overruns.at_slot_end(job=db.session.get_one(PrintJob, job.id))


def letters(template=None):
    outbox.drain()
    db.session.rollback()
    rows = db.session.execute(select(Mail.template, Mail.to_name).order_by(Mail.id))
    found = [(row.template.removeprefix("printing."), row.to_name) for row in rows if row.template.startswith("printing.")]
    return [one for one in found if template is None or one[0] == template]


def decide(link, policy, **more):
    with transaction():
        row = db.session.merge(link)
        row.end_policy = policy
        for name, value in more.items():
            setattr(row, name, value)


def choose(act, who, reservation, **more):
    with transaction():
        return act(actor=acting(who), reservation_id=reservation.id, **more)


# ── foretelling ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_end_is_foretold_by_the_server_where_it_knows_else_by_ourselves(shop, job):
    now = clock.now()
    assert look(job, 30).ends_about == now + timedelta(minutes=30)
    row = fresh(job)
    guess = seen(seconds_left=60, seconds_left_kind="linear", print_seconds=600)
    assert overruns.forecast_end(row, guess) == now + timedelta(seconds=3000)
    assert overruns.forecast_end(row, seen(print_seconds=9999)) == now
    row.estimated_seconds = None
    assert overruns.forecast_end(row, guess) == now + timedelta(seconds=60)
    assert overruns.forecast_end(row, seen()) is None


def test_a_print_that_fits_tells_nobody(shop, job, following):
    assert sees_it_late(job, left=90).overrun_since is None
    assert letters() == []


def test_one_look_is_no_proof(shop, job):
    assert look(job, 180).overrun_since is None
    later(seconds=59)
    assert look(job, 180).overrun_since is None
    later(seconds=1)
    assert look(job, 180).overrun_since == clock.now()


def test_a_jump_that_is_taken_back_begins_anew(shop, job):
    look(job, 180)
    later(seconds=40)
    look(job, 60)
    later(seconds=40)
    assert look(job, 180).overrun_since is None
    assert letters() == []


def test_the_owner_and_who_is_next_are_told_once(shop, job, following):
    sees_it_late(job)
    for _ in range(3):
        later(seconds=60)
        look(job, 170)
    assert letters() == [("overrun_owner", "Ada Lovelace"), ("overrun_next", "Ben Oz")]
    events = db.session.scalars(select(PrintEvent.kind).where(PrintEvent.job_id == job.id))
    assert list(events).count("overrun_foreseen") == 1


def test_they_are_told_again_a_quarter_of_an_hour_before_and_at_the_end(shop, job, following):
    sees_it_late(job)
    for when in ("15:44", "15:45", "15:50", "16:00", "16:10"):
        set_clock(when)
        look(job, 60)
    at_the_end(job)
    assert letters("overrun_owner") == [("overrun_owner", "Ada Lovelace")] * 3
    assert letters("overrun_next") == [("overrun_next", "Ben Oz")] * 3


def test_foreseen_late_it_is_said_once_and_not_for_every_stage(shop, job, following):
    set_clock("15:50")
    sees_it_late(job, left=60)
    assert letters() == [("overrun_owner", "Ada Lovelace"), ("overrun_next", "Ben Oz")]


def test_whose_slot_is_not_touched_is_not_troubled(shop, link, job):
    book(shop.ben, shop.printer, "18:00", 1)
    sees_it_late(job, left=180)
    assert letters() == [("overrun_owner", "Ada Lovelace")]


def test_a_cancelled_slot_is_nobody_s(shop, job, following):
    with transaction():
        db.session.get_one(Reservation, following.id).status = Status.CANCELLED
    sees_it_late(job)
    assert letters() == [("overrun_owner", "Ada Lovelace")]


# ── at the end ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_before_the_end_nothing_is_decided(shop, link, job):
    decide(link, EndPolicy.CANCEL)
    set_clock("15:59")
    assert at_the_end(job) is False
    assert fresh(job).wish is None


def test_it_finishes_within_the_grace_while_nobody_suffers_then_the_team_is_called_once(shop, link, job):
    decide(link, EndPolicy.FINISH, overrun_grace_minutes=30)
    set_clock("16:29")
    assert at_the_end(job) is False
    set_clock("16:30")
    assert at_the_end(job) is True
    later(minutes=1)
    at_the_end(job)
    assert (fresh(job).wish, letters("overrun_team")) == (None, [("overrun_team", "La Forge du Canal")])


def test_who_is_next_and_suffers_brings_the_team_at_once(shop, link, job, following):
    decide(link, EndPolicy.FINISH, overrun_grace_minutes=30)
    look(job, 180)
    set_clock("16:01")
    assert at_the_end(job) is True
    assert letters("overrun_team") == [("overrun_team", "La Forge du Canal")]


def test_where_the_team_decides_it_is_called_at_the_end(shop, link, job):
    decide(link, EndPolicy.STAFF)
    set_clock("16:00")
    assert at_the_end(job) is True
    assert letters("overrun_team") == [("overrun_team", "La Forge du Canal")]


def test_where_the_rule_is_to_stop_it_is_asked_to_stop_once(shop, link, job):
    decide(link, EndPolicy.CANCEL)
    set_clock("16:00")
    assert [at_the_end(job), at_the_end(job)] == [True, False]
    row = fresh(job)
    assert (row.wish, row.wished_by_id, row.cancelled_by_id) == (Wish.CANCEL, None, None)


def test_where_who_is_next_decides_the_team_is_left_in_peace(shop, link, job, following):
    decide(link, EndPolicy.ASK_NEXT)
    set_clock("16:30")
    assert at_the_end(job) is False
    assert letters("overrun_team") == []


def test_an_ended_print_is_left_alone(shop, link, job):
    decide(link, EndPolicy.CANCEL)
    set_clock("15:30")
    ends(job, Outcome.DONE)
    set_clock("16:00")
    assert at_the_end(job) is False


# ── who is next ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sibling(shop):
    """Another printer that asks for nothing either."""
    machine = a_machine(shop.lea, shop.space, "printer-2", icon="printer", is_attended=False, longest_minutes=2880)
    a_printer(shop, machine)
    return machine


def delay_of(reservation):
    return delays.delay(fresh(reservation))


def test_nobody_is_absent_from_a_busy_printer(shop, link, slot, job, following):
    look(job, 240)
    set_clock("16:20")
    with transaction():
        assert usage.note_absence(following.id) is False
    set_clock("16:40")
    ends(job, Outcome.DONE)
    set_clock("16:54")
    with transaction():
        assert usage.note_absence(following.id) is False
    set_clock("16:55")
    with transaction():
        assert usage.note_absence(following.id) is True


def test_they_see_until_when_and_where_else(shop, job, following, sibling):
    assert delay_of(following) is None
    look(job, 180)
    assert delay_of(following) is None, "one look is no proof"
    sees_it_late(job)
    found = delay_of(following)
    assert (found.free_about, [one.id for one in found.siblings], found.may_leave, found.may_end) == (
        fresh(job).ends_about, [sibling.id], True, False,
    )  # fmt: skip


def test_a_sibling_that_is_taken_or_asks_for_more_is_not_offered(shop, job, following, sibling):
    sees_it_late(job)
    a_printer(shop, shop.laser2)
    book(shop.lea, sibling, "17:00", 1)
    assert delay_of(following).siblings == []


def test_waiting_keeps_the_slot(shop, job, following):
    sees_it_late(job)
    choose(delays.wait, shop.ben, following)
    assert fresh(following).status is Status.CONFIRMED


def test_giving_back_is_free_however_late(shop, job, following):
    sees_it_late(job)
    set_clock("16:10")
    choose(delays.give_back, shop.ben, following)
    assert fresh(following).status is Status.CANCELLED


def test_moving_takes_the_same_time_on_the_other_printer_and_the_files_along(shop, link, job, following, sibling):
    a_job(following, link, a_file(shop.ben, "vase.gcode"), state=JobState.ATTACHED, started_at=None, remote_path=None)
    sees_it_late(job)
    taken = choose(delays.move_to, shop.ben, following, machine_id=sibling.id)
    assert (taken.machine_id, taken.starts_at, taken.ends_at) == (sibling.id, following.starts_at, following.ends_at)
    assert fresh(following).status is Status.CANCELLED
    [brought] = db.session.scalars(select(PrintJob).where(PrintJob.reservation_id == taken.id))
    assert brought.state is JobState.ATTACHED


def test_a_move_that_is_refused_keeps_the_slot(shop, job, following, sibling):
    sees_it_late(job)
    with pytest.raises(Refused) as refused:
        choose(delays.move_to, shop.ben, following, machine_id=shop.laser1.id)
    assert codes(refused) == ["printing.not_sibling"]
    assert fresh(following).status is Status.CONFIRMED


def test_no_choice_is_left_when_the_printer_is_not_late(shop, job, following, sibling):
    look(job, 60)
    for act, more in ((delays.wait, {}), (delays.give_back, {}), (delays.move_to, {"machine_id": sibling.id})):
        with pytest.raises(Refused) as refused:
            choose(act, shop.ben, following, **more)
        assert codes(refused) == ["printing.not_delayed"]


def test_nobody_chooses_for_others(shop, job, following):
    sees_it_late(job)
    for act in (delays.wait, delays.give_back, delays.end_print):
        with pytest.raises(NotAllowed):
            choose(act, shop.ada, following)


@pytest.mark.parametrize("policy", list(EndPolicy))
def test_who_is_next_and_there_ends_it_where_the_rule_says_so(shop, link, job, following, policy):
    decide(link, policy)
    sees_it_late(job)
    set_clock("16:00")
    check_in(shop.ben, following, shop.printer)
    if policy is not EndPolicy.ASK_NEXT:
        with pytest.raises(Refused) as refused:
            choose(delays.end_print, shop.ben, following)
        assert codes(refused) == ["printing.may_not_end"]
        return
    choose(delays.end_print, shop.ben, following)
    row = fresh(job)
    assert (row.wish, row.cancelled_by_id) == (Wish.CANCEL, shop.ben.id)


def test_nobody_ends_it_before_their_slot_or_from_afar(shop, link, job, following):
    decide(link, EndPolicy.ASK_NEXT)
    sees_it_late(job)
    set_clock("16:05")
    with pytest.raises(Refused) as refused:
        choose(delays.end_print, shop.ben, following)
    assert codes(refused) == ["printing.may_not_end"]
    assert fresh(job).wish is None
