"""Booking, changing and checking in as pure decisions: one row a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.kernel.periods import Period
from machines import arrivals, codes, reasons, rules
from machines.arrivals import CheckInFacts
from machines.rules import BookingFacts, BookingLimits, ChangeFacts, Claim, Missing, Status

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


TWO, FOUR = at(27, 14), at(27, 16)


def facts(start: datetime = TWO, end: datetime = FOUR, **changes: object) -> BookingFacts:
    """Somebody who may book, tomorrow 14–16, on a machine in service; each test spoils one thing."""
    local = [moment.astimezone(PARIS).replace(tzinfo=None) for moment in (start, end)]
    good = BookingFacts(
        now=NOW,
        claim=Claim(start, end),
        local_start=local[0],
        local_end=local[1],
        opening=(Period(at(26, 9), at(26, 19)), Period(at(27, 9), at(27, 19))),
        email_proved=True,
        charter_accepted=True,
        suspended=None,
        missing=(),
        in_service=True,
        out_until=None,
        overdue_cents=0,
        upcoming=0,
        busy_elsewhere=(),
        limits=BookingLimits(30, 240, 15, 30, 0, 3),
        today=date(2026, 11, 26),
    )
    return replace(good, **changes)  # type: ignore[arg-type]


def codes_of(found: list[rules.Refusal]) -> list[str]:
    return [refusal.code.removeprefix("machines.") for refusal in found]


def test_somebody_ready_may_book() -> None:
    assert rules.booking_refusals(facts()) == []


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        ({"email_proved": False}, "email_not_proved"),
        ({"charter_accepted": False}, "charter_not_accepted"),
        ({"suspended": "unpaid"}, "suspended"),
        ({"missing": (Missing("laser", {"fr": "Laser"}),)}, "not_certified"),
        ({"in_service": False}, "out_of_service"),
        ({"in_service": False, "out_until": at(27, 15)}, "out_of_service"),
        ({"overdue_cents": 1}, "owes_overdue"),
        ({"upcoming": 3}, "too_many"),
        ({"busy_elsewhere": ({"fr": "Fraiseuse"},)}, "busy_elsewhere"),
        ({"has_it_already": True}, "yours_already"),
        ({"is_retired": True, "in_service": False}, "retired"),
        ({"start": at(27, 14), "end": at(27, 14)}, "no_length"),
        ({"start": at(27, 14), "end": at(27, 13)}, "ends_before_start"),
        ({"start": at(27, 14), "end": at(27, 14, 15)}, "too_short"),
        ({"start": at(27, 9), "end": at(27, 14)}, "too_long"),
        ({"start": at(20, 9), "end": at(27, 9, 15), "is_new_start": False, "is_change": True}, "longer_than_any"),
        ({"start": at(27, 14, 5), "end": at(27, 16, 5)}, "off_step"),
        ({"start": at(27, 18), "end": at(27, 20)}, "lab_closed"),
        ({"start": at(26, 9), "end": at(26, 10)}, "in_the_past"),
        ({"limits": BookingLimits(30, 240, 15, 0, 0, 3)}, "too_far"),
        ({"limits": BookingLimits(30, 240, 15, 30, 2000, 3)}, "too_soon"),
        ({"claim": Claim(at(27, 14), at(27, 16), skipped=True)}, "skipped_hour"),
    ],
)
def test_each_thing_in_the_way_has_its_reason(spoiled: dict[str, object], code: str) -> None:
    assert codes_of(rules.booking_refusals(facts(**spoiled))) == [code]  # type: ignore[arg-type]


def test_everything_in_the_way_is_said_at_once() -> None:
    found = rules.booking_refusals(facts(at(27, 19), at(27, 19, 5), charter_accepted=False, in_service=False))
    assert codes_of(found) == ["charter_not_accepted", "out_of_service", "lab_closed", "too_short", "off_step"]


def test_a_hole_of_the_clock_and_no_length_are_both_said() -> None:
    nothing = facts(at(27, 14), at(27, 14), claim=Claim(at(27, 14), at(27, 14), skipped=True))
    assert codes_of(rules.booking_refusals(nothing)) == ["skipped_hour", "no_length"]


def test_no_override_makes_a_reservation_longer_than_the_timetable_can_hold() -> None:
    found = rules.booking_refusals(facts(at(27, 9), at(27, 9) + timedelta(days=7)), override=True)
    assert codes_of(found) == ["longer_than_any"]


def test_only_convenience_can_be_lifted() -> None:
    safe = {name for name, reason in vars(reasons).items() if isinstance(reason, reasons.Reason) and reason.overridable}
    assert safe == {
        "LAB_CLOSED", "OWES", "TOO_SHORT", "TOO_LONG", "OFF_STEP", "TOO_FAR", "TOO_SOON", "TOO_MANY", "YOURS_ALREADY",
        "BUSY_ELSEWHERE", "TOO_LATE",
    }  # fmt: skip


def test_an_override_lifts_convenience_but_never_safety() -> None:
    found = rules.booking_refusals(
        facts(at(27, 18), at(27, 23), missing=(Missing("laser", {"fr": "Laser"}),), in_service=False, suspended="unpaid"),
        override=True,
    )
    assert codes_of(found) == ["suspended", "not_certified", "out_of_service"]


def test_a_machine_out_of_order_until_noon_can_be_booked_after() -> None:
    assert rules.booking_refusals(facts(in_service=False, out_until=at(27, 12))) == []


def test_the_slot_that_runs_now_may_still_be_taken() -> None:
    running = facts(at(26, 10), at(26, 11), now=at(26, 10, 14))
    assert rules.booking_refusals(running) == []
    assert codes_of(rules.booking_refusals(replace(running, now=at(26, 10, 15)))) == ["in_the_past"]


def test_the_part_of_a_running_hour_that_is_over_cannot_be_taken() -> None:
    hourly = BookingLimits(30, 240, 60, 30, 0, 3)
    over = facts(at(26, 10), at(26, 10, 30), now=at(26, 10, 30), limits=hourly)
    assert codes_of(rules.booking_refusals(over)) == ["in_the_past", "off_step"]


def test_lengthening_what_has_begun_is_not_booking_in_the_past() -> None:
    longer = facts(at(26, 9), at(26, 11), is_new_start=False, is_change=True)
    assert rules.booking_refusals(longer) == []
    assert codes_of(rules.booking_refusals(replace(longer, now=at(26, 11)))) == ["in_the_past"]


def test_a_change_adds_none_to_those_to_come() -> None:
    assert rules.booking_refusals(facts(upcoming=3, is_change=True)) == []


@pytest.mark.parametrize(
    ("wall", "skipped"),
    [("2027-03-28T01:45", False), ("2027-03-28T02:00", True), ("2027-03-28T02:59", True), ("2027-03-28T03:00", False)],
)
def test_the_hole_of_the_spring_change_is_seen(wall: str, skipped: bool) -> None:
    start = datetime.fromisoformat(wall)
    assert Claim.lasting(start, 120, PARIS).skipped is skipped
    assert Claim.said(start, start + timedelta(hours=2), PARIS).skipped is skipped


def test_a_claim_is_said_in_wall_time_with_an_offset_or_both() -> None:
    whole = Claim(at(27, 14), at(27, 16))
    wall, aware = datetime(2026, 11, 27, 14), datetime.fromisoformat("2026-11-27T15:00:00+00:00")
    assert Claim.said(wall, aware, PARIS) == Claim.said(wall, datetime(2026, 11, 27, 16), PARIS) == whole
    hole = datetime(2027, 3, 28, 2, 30)
    assert Claim.said(hole, datetime.fromisoformat("2027-03-28T04:00:00+02:00"), PARIS).skipped


def test_of_a_repeated_hour_it_is_the_first() -> None:
    claim = Claim.said(datetime(2026, 10, 25, 2), datetime(2026, 10, 25, 3), PARIS)
    assert (claim.start.hour, claim.minutes) == (0, 120)


def change(now: datetime, status: Status = Status.CONFIRMED, booked_at: datetime = NOW) -> ChangeFacts:
    """Tomorrow at 14:00, in a lab that wants two hours' notice."""
    return ChangeFacts(now, status, at(27, 14), booked_at, notice_minutes=120)


@pytest.mark.parametrize(
    ("status", "now", "cancelling", "moving", "lengthening"),
    [
        (Status.CONFIRMED, at(27, 11, 59), None, None, None),
        (Status.CONFIRMED, at(27, 12), "too_late", "too_late", None),
        (Status.CHECKED_IN, at(27, 11), None, "not_any_more", None),
        (Status.CHECKED_IN, at(27, 13, 55), "too_late", "not_any_more", None),
        (Status.IN_USE, at(27, 14), "not_any_more", "not_any_more", None),
        (Status.COMPLETED, at(27, 11), "not_any_more", "not_any_more", "not_any_more"),
        (Status.CANCELLED, at(27, 11), "not_any_more", "not_any_more", "not_any_more"),
        (Status.NO_SHOW, at(27, 11), "not_any_more", "not_any_more", "not_any_more"),
    ],
)
def test_a_slot_is_given_back_until_two_hours_before_and_may_always_grow(
    status: Status, now: datetime, cancelling: str | None, moving: str | None, lengthening: str | None
) -> None:
    known = change(now, status)
    assert codes_of(rules.cancel_refusals(known)) == ([cancelling] if cancelling else [])
    assert codes_of(rules.move_refusals(known)) == ([moving] if moving else [])
    assert codes_of(rules.move_refusals(known, only_longer=True)) == ([lengthening] if lengthening else [])


def test_a_slip_is_taken_back_for_five_minutes_however_soon_the_start() -> None:
    booked_at = at(27, 13, 50)
    assert rules.cancel_refusals(change(at(27, 13, 54), booked_at=booked_at)) == []
    assert codes_of(rules.cancel_refusals(change(at(27, 13, 55), booked_at=booked_at))) == ["too_late"]


def test_a_manager_with_a_reason_may_cancel_late_but_not_undo_a_use() -> None:
    assert rules.cancel_refusals(change(at(27, 13)), override=True) == []
    assert codes_of(rules.cancel_refusals(change(at(27, 13), Status.COMPLETED), override=True)) == ["not_any_more"]
    assert codes_of(rules.move_refusals(change(at(27, 14), Status.IN_USE), override=True)) == ["not_any_more"]


def arriving(**changes: object) -> CheckInFacts:
    good = CheckInFacts(
        now=at(27, 13, 55),
        status=Status.CONFIRMED,
        period=Period(at(27, 14), at(27, 16)),
        opens_minutes=10,
        code_is_right=True,
        wrong_codes=0,
        ticks_missing=False,
        suspended=None,
        missing=(),
        in_service=True,
        out_until=None,
    )
    return replace(good, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"code_is_right": None}, []),
        ({"now": at(27, 13, 49)}, ["too_early"]),
        ({"now": at(27, 16)}, ["already_over"]),
        ({"code_is_right": False}, ["wrong_code"]),
        ({"code_is_right": False, "wrong_codes": 8}, ["too_many_codes"]),
        ({"code_is_right": True, "wrong_codes": 8}, ["too_many_codes"]),
        ({"ticks_missing": True}, ["safety_not_ticked"]),
        ({"missing": (Missing("laser", {"fr": "Laser"}),)}, ["not_certified"]),
        ({"in_service": False}, ["out_of_service"]),
        ({"suspended": "unpaid"}, ["suspended"]),
        ({"status": Status.IN_USE}, ["not_any_more"]),
        ({"status": Status.CANCELLED}, ["not_any_more"]),
    ],
)
def test_what_was_true_when_booking_is_asked_again_at_the_machine(changes: dict[str, object], expected: list[str]) -> None:
    assert codes_of(arrivals.check_in_refusals(arriving(**changes))) == expected


def test_no_state_leads_back() -> None:
    reached = {after for moves in rules.RESERVATION_MOVES.values() for after in moves}
    assert Status.CONFIRMED not in reached
    assert all(not rules.RESERVATION_MOVES[end] for end in (Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW))


def test_the_code_turns_every_minute_and_the_one_before_still_opens() -> None:
    now = datetime(2026, 11, 26, 9, 0, 30, tzinfo=UTC)
    code = codes.check_in_code("secret", now)
    assert len(code) == 6
    assert code.isdigit()
    assert codes.code_is_right("secret", f"{code[:3]} {code[3:]}", now)
    assert codes.code_is_right("secret", code, now + timedelta(seconds=60))
    assert not codes.code_is_right("secret", code, now + timedelta(seconds=120))
    assert not codes.code_is_right("another", code, now)
    assert not codes.code_is_right("secret", "é", now)
