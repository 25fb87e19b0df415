"""Prints the house did not start: noticed once, attributed or asked about, stopped only where that is wanted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.calendar import blocks
from app.calendar.models import Purpose
from app.kernel import clock, outbox
from app.kernel.db import db, transaction
from app.kernel.mail import Mail
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refused
from machines.printing import foreign
from machines.printing.foreign import Answer
from machines.printing.gateway import PastPrint, Seen
from machines.printing.models import ForeignPrint, PrinterLink, PrintJob, RemoteMember
from machines.printing.rules import JobState, Outcome
from tests.builders import acting
from tests.machines.scene import at, at_once, end, fresh, set_clock
from tests.machines.scene import codes_of as codes
from tests.printing.prints_scene import a_file, a_job, a_printer, a_slot, ends, later, seen

THEIRS = "member/benchy.gcode"


@pytest.fixture
def link(shop):
    return a_printer(shop)


def notice(link, state=Seen.PRINTING, path=THEIRS, user="ben", job=None):
    """The engine looks."""
    with transaction():
        row = db.session.get_one(PrinterLink, link.id)
        of = db.session.get_one(PrintJob, job.id) if job else None
        foreign.notice(link=row, seen=seen(state, remote_path=path, started_by=user), open_job=of)


def found():
    db.session.rollback()
    return list(db.session.scalars(select(ForeignPrint).order_by(ForeignPrint.id)))


def letters():
    outbox.drain()
    db.session.rollback()
    rows = db.session.execute(select(Mail.template, Mail.to_name).order_by(Mail.id))
    return [(row.template.removeprefix("printing."), row.to_name) for row in rows if row.template.startswith("printing.")]


def says(who, row, answer, member=None, **more):
    with transaction():
        return foreign.attribute(
            actor=acting(who), foreign_id=row.id, member_id=member.id if member else None, answer=answer, **more
        )


def known_user(shop, link, user="ben", member=None):
    with transaction():
        foreign.remember_user(actor=acting(shop.lea), link_id=link.id, remote_user=user, member_id=(member or shop.ben).id)


TEAM = ("foreign_alert", "La Forge du Canal")


# ── noticing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_print_in_nobody_s_slot_is_noticed_once_and_the_team_called(shop, link):
    begun = clock.now()
    for _ in range(3):
        notice(link)
        later(seconds=5)
    [row] = found()
    assert (row.remote_path, row.remote_user, row.seen_from, row.seen_until) == (THEIRS, "ben", begun, None)
    assert (row.reservation_id, row.member_id, row.asked_at) == (None, None, None)
    assert letters() == [TEAM]


@pytest.mark.parametrize("state", [Seen.IDLE, Seen.DISCONNECTED, Seen.FAULT])
def test_its_end_is_noted(shop, link, state):
    notice(link)
    later(minutes=30)
    notice(link, state, path=None)
    assert found()[0].seen_until == clock.now()


@pytest.mark.parametrize("state", [Seen.OFFLINE, Seen.STARTING_UP, Seen.UNKNOWN])
def test_nothing_is_learned_while_nothing_is_seen(shop, link, state):
    notice(link)
    later(minutes=30)
    notice(link, state, path=None)
    notice(link)
    [row] = found()
    assert row.seen_until is None


def test_the_file_named_a_little_later_is_the_same_print(shop, link):
    notice(link, path=None, user=None)
    notice(link)
    notice(link, path=None)
    [row] = found()
    assert (row.remote_path, row.remote_user) == (THEIRS, "ben")
    assert letters() == [TEAM]


def test_another_file_is_another_print(shop, link):
    notice(link)
    later(seconds=5)
    notice(link, path="member/other.gcode")
    first, second = found()
    assert (first.seen_until, second.remote_path) == (clock.now(), "member/other.gcode")


def test_our_own_prints_are_not_foreign(shop, link):
    slot = a_slot(shop)
    job = a_job(slot, link, a_file(shop.ada))
    notice(link, path=job.remote_path, job=job)
    notice(link, path=None, job=job)
    assert found() == []
    ends(job, Outcome.UNKNOWN)
    assert fresh(job).state is JobState.LOST
    notice(link, path=job.remote_path)
    assert found() == []


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.CANCELLED, Outcome.MACHINE_FAILED])
def test_a_file_of_ours_printed_again_at_the_server_is_foreign(shop, link, outcome):
    job = a_job(a_slot(shop), link, a_file(shop.ada))
    ends(job, outcome)
    notice(link, path=job.remote_path)
    assert [row.remote_path for row in found()] == [job.remote_path]


def test_one_lost_from_sight_for_days_is_not_what_prints_now(shop, link):
    job = a_job(a_slot(shop), link, a_file(shop.ada))
    ends(job, Outcome.UNKNOWN)
    later(hours=30)
    notice(link, path=job.remote_path)
    assert [row.remote_path for row in found()] == [job.remote_path]


def test_another_print_in_the_place_of_ours_is_foreign(shop, link):
    slot = a_slot(shop)
    job = a_job(slot, link, a_file(shop.ada))
    notice(link, job=job)
    assert [row.remote_path for row in found()] == [THEIRS]


@pytest.mark.both_engines
def test_two_looks_at_once_notice_one_print(app, shop):
    ident = a_printer(shop).id

    def act():
        row = db.session.get_one(PrinterLink, ident)
        foreign.notice(link=row, seen=seen(remote_path=THEIRS), open_job=None)
        return "done"

    assert at_once(app, [act] * 5) == ["done"] * 5
    assert len(found()) == 1
    assert letters() == [TEAM]


# ── whose ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_in_somebody_s_slot_they_are_asked(shop, link):
    slot = a_slot(shop)
    notice(link)
    [row] = found()
    assert (row.reservation_id, row.asked_at, foreign.asked_member(row)) == (slot.id, clock.now(), shop.ada.id)
    assert letters() == [("foreign_asked", "Ada Lovelace")]


def test_a_known_user_in_their_own_slot_is_not_asked(shop, link):
    known_user(shop, link, "ada", shop.ada)
    a_slot(shop)
    notice(link, user="ada")
    [row] = found()
    assert (row.member_id, row.answer, letters()) == (shop.ada.id, Answer.MAPPED, [])


def test_a_known_user_outside_their_slot_is_named_to_the_team(shop, link):
    known_user(shop, link)
    notice(link)
    assert (found()[0].member_id, letters()) == (shop.ben.id, [TEAM])


def test_a_test_of_the_team_alarms_nobody(shop, link):
    known_user(shop, link, "lea", shop.lea)
    notice(link, user="lea")
    assert (found()[0].member_id, letters()) == (shop.lea.id, [])


def test_the_member_says_whether_it_was_theirs(shop, link):
    a_slot(shop)
    notice(link)
    [row] = found()
    with pytest.raises(NotAllowed):
        says(shop.ben, row, "mine")
    says(shop.ada, row, "mine")
    row = fresh(row)
    assert (row.member_id, row.answered_by_id, row.answer) == (shop.ada.id, shop.ada.id, "mine")
    for who, answer in ((shop.ada, "not_mine"), (shop.lea, "nobody")):
        with pytest.raises(Refused) as refused:
            says(who, row, answer)
        assert codes(refused) == ["printing.foreign_answered"]


def test_not_theirs_goes_to_the_team_who_say_whose_and_keep_it_in_mind(shop, link):
    a_slot(shop)
    notice(link)
    [row] = found()
    assert foreign.listed(only_open=True) == [row]
    assert letters() == [("foreign_asked", "Ada Lovelace")]
    says(shop.ada, row, "not_mine")
    assert letters() == [("foreign_asked", "Ada Lovelace"), TEAM]
    says(shop.lea, row, "member", shop.ben, remember=True)
    assert fresh(row).member_id == shop.ben.id
    assert db.session.get(RemoteMember, (link.id, "ben")).member_id == shop.ben.id
    assert foreign.listed(only_open=True) == []
    assert [one.id for one in foreign.listed()] == [row.id]


@pytest.mark.parametrize("answer", ["member", "test", "nobody", "mapped"])
def test_the_team_s_answers_are_not_a_member_s(shop, link, answer):
    a_slot(shop)
    notice(link)
    with pytest.raises(NotAllowed):
        says(shop.ada, found()[0], answer, shop.ada)


def test_the_team_names_somebody(shop, link):
    notice(link)
    with pytest.raises(Refused) as refused:
        says(shop.lea, found()[0], "member")
    assert codes(refused) == ["printing.foreign_no_member"]


@pytest.mark.both_engines
def test_two_answers_at_once_leave_one(app, shop):
    link = a_printer(shop)
    a_slot(shop)
    notice(link)
    [row] = found()
    ada, ident = acting(shop.ada), row.id

    def answer(word):
        return lambda: foreign.attribute(actor=ada, foreign_id=ident, member_id=None, answer=word).answer

    results = at_once(app, [answer("mine"), answer("not_mine")])
    told = [one for one in results if isinstance(one, str)]
    assert len(told) == 1, results
    assert [codes(one) for one in results if isinstance(one, Refused)] == [["printing.foreign_answered"]]
    assert fresh(row).answer == told[0]


# ── in blocks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def block(shop, hours=2):
    start = clock.now()
    with transaction():
        blocks.block(
            actor=acting(shop.lea), resource_id=shop.printer.resource_id,
            period=Period(start, start + timedelta(hours=hours)), purpose=Purpose.MAINTENANCE, reason="Nozzle",
        )  # fmt: skip


@pytest.mark.parametrize("stops", [False, True])
def test_in_a_block_the_team_is_called_and_it_is_stopped_where_wanted(shop, stops):
    link = a_printer(shop, stops_foreign_in_blocks=stops)
    set_clock("14:00")
    block(shop)
    notice(link)
    [row] = found()
    assert (row.stop_wished_at is not None, row.stop_asked_at, letters()) == (stops, None, [TEAM])


def test_outside_blocks_nothing_is_stopped_ever(shop):
    link = a_printer(shop, stops_foreign_in_blocks=True)
    notice(link)
    assert found()[0].stop_wished_at is None


def test_a_test_of_the_team_in_a_block_goes_on(shop):
    link = a_printer(shop, stops_foreign_in_blocks=True)
    known_user(shop, link, "lea", shop.lea)
    set_clock("14:00")
    block(shop)
    notice(link, user="lea")
    assert (found()[0].stop_wished_at, letters()) == (None, [])


# ── found at night ───────────────────────────────────────────────────────────────────────────────────────────────────


def past(hour, path=THEIRS, user="ben", minutes=2.0, **more):
    """A print that ended then, on the day of the workshop."""
    return PastPrint(path, at(hour), user, True, minutes * 60, **more)


def look_back(link, *told):
    with transaction():
        foreign.look_back(link.id, clock.now(), told)


def night(day="2026-11-28"):
    set_clock("03:30", day)


def since(link):
    db.session.rollback()
    return foreign.to_look_back(link.id)


def test_a_print_no_look_saw_is_found_and_told_to_the_team(shop, link):
    night()
    look_back(link, past("15:00"))
    [row] = found()
    assert (row.remote_path, row.remote_user) == (THEIRS, "ben")
    assert (row.seen_from, row.seen_until) == (at("14:58"), at("15:00"))
    assert (row.reservation_id, row.member_id, letters()) == (None, None, [TEAM])


@pytest.mark.both_engines
def test_looking_back_twice_writes_and_tells_nothing_twice(app, shop):
    link = a_printer(shop)
    night()
    ident, now, told = link.id, clock.now(), [past("15:00"), past("16:00", "other.gcode"), past("17:00", minutes=0)]
    assert at_once(app, [lambda: foreign.look_back(ident, now, told)] * 4) == [None] * 4
    look_back(link, *told)
    assert [row.remote_path for row in found()] == [THEIRS, "other.gcode", THEIRS]
    assert letters() == [TEAM]


def test_several_of_a_night_are_one_letter_that_says_so(shop, link):
    night()
    look_back(link, past("15:00"), past("16:00", "other.gcode"))
    assert letters() == [TEAM]
    [body] = db.session.scalars(select(Mail.text).where(Mail.template == "printing.foreign_alert"))
    assert "with others" in body or "avec d’autres" in body


def test_one_that_was_seen_is_not_found_again(shop, link):
    notice(link)
    later(minutes=10)
    notice(link, Seen.IDLE, path=None)
    seen_from, seen_until = found()[0].seen_from, found()[0].seen_until
    night()
    skewed = timedelta(seconds=90)
    look_back(
        link,
        PastPrint(THEIRS, seen_until, None, True, 580.0),
        PastPrint(THEIRS, seen_from - skewed, None, True, 1.0),
        PastPrint(THEIRS, seen_until + skewed, None, False),
    )
    assert len(found()) == 1
    look_back(link, PastPrint(THEIRS, seen_from - 2 * skewed, None, True, 1.0), PastPrint("x.gcode", seen_until, None, True, 9.0))
    assert len(found()) == 3


def test_ours_under_another_name_and_what_is_dated_later_than_now_are_left(shop, link):
    slot = a_slot(shop)
    a_job(slot, link, a_file(shop.ada), remote_path="renamed.gcode")
    set_clock("16:30")
    look_back(link, past("15:00", "renamed.gcode"), past("16:31"))
    assert found() == []
    set_clock("16:32")
    look_back(link, past("16:31"))
    assert len(found()) == 1


@pytest.mark.parametrize("is_over", [False, True])
def test_whoever_had_the_slot_is_asked_about_what_was_printed_in_it(shop, link, is_over):
    slot = a_slot(shop)
    if is_over:
        set_clock("15:30")
        end(shop.ada, slot)
    set_clock("15:45")
    look_back(link, past("15:00"), past("15:40", "after.gcode"))
    during, after = found()
    assert (during.reservation_id, foreign.asked_member(during)) == (slot.id, shop.ada.id)
    assert (after.reservation_id is None) is is_over
    assert letters().count(("foreign_asked", "Ada Lovelace")) == (1 if is_over else 2)
    assert letters().count(TEAM) == (1 if is_over else 0)


def test_a_known_user_is_attributed_at_night_too(shop, link):
    known_user(shop, link, "ada", shop.ada)
    known_user(shop, link)
    a_slot(shop)
    night()
    look_back(link, past("15:00", "hers.gcode", "ada"), past("18:00", "his.gcode", "ben"), past("19:00", "test.gcode", None))
    assert [(row.member_id, row.answer) for row in found()] == [
        (shop.ada.id, "mapped"),
        (shop.ben.id, "mapped"),
        (None, None),
    ]
    assert letters() == [TEAM]


def test_a_file_of_the_team_may_have_been_started_by_anybody(shop, link):
    known_user(shop, link, "lea", shop.lea)
    night()
    look_back(link, past("18:00", "calibration.gcode", "lea"))
    assert (found()[0].member_id, letters()) == (shop.lea.id, [TEAM])


def test_what_is_over_is_never_stopped(shop):
    link = a_printer(shop, stops_foreign_in_blocks=True)
    set_clock("14:00")
    block(shop)
    set_clock("15:30")
    look_back(link, past("15:00"))
    assert (found()[0].stop_wished_at, letters()) == (None, [TEAM])


def test_a_night_is_looked_back_on_once_or_in_the_morning_after_it(shop, link):
    begun = clock.now()
    assert since(link) is None
    set_clock("02:59", "2026-11-27")
    assert since(link) is None
    set_clock("09:00", "2026-11-27")
    assert since(link) == begun - timedelta(minutes=10)
    look_back(link)
    assert since(link) is None
    set_clock("03:00", "2026-11-28")
    assert since(link) == at("08:50", "2026-11-27")
    set_clock("03:00", "2026-12-29")
    assert since(link) == at("03:00", "2026-12-22")
