"""Booking, changing and checking in as pure decisions: one row a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.kernel.periods import Period
from machines import rules
from machines.rules import BookingFacts, BookingLimits, ChangeFacts, CheckInFacts, Claim, Missing, Status

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


def facts(start: datetime = at(27, 14), end: datetime = at(27, 16), **changes: object) -> BookingFacts:
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


def codes(found: list[rules.Refusal]) -> list[str]:
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
        ({"start": at(27, 14), "end": at(27, 14)}, "no_length"),
        ({"start": at(27, 14), "end": at(27, 13)}, "ends_before_start"),
        ({"start": at(27, 14), "end": at(27, 14, 15)}, "too_short"),
        ({"start": at(27, 9), "end": at(27, 14)}, "too_long"),
        ({"start": at(27, 14, 5), "end": at(27, 16, 5)}, "off_step"),
        ({"start": at(27, 18), "end": at(27, 20)}, "lab_closed"),
        ({"start": at(26, 9), "end": at(26, 10)}, "in_the_past"),
        ({"limits": BookingLimits(30, 240, 15, 0, 0, 3)}, "too_far"),
        ({"limits": BookingLimits(30, 240, 15, 30, 2000, 3)}, "too_soon"),
        ({"claim": Claim(at(27, 14), at(27, 16), skipped=True)}, "skipped_hour"),
    ],
)
def test_each_thing_in_the_way_has_its_reason(spoiled: dict[str, object], code: str) -> None:
    assert codes(rules.booking_refusals(facts(**spoiled))) == [code]  # type: ignore[arg-type]


def test_everything_in_the_way_is_said_at_once() -> None:
    found = rules.booking_refusals(facts(at(27, 19), at(27, 19, 5), charter_accepted=False, in_service=False))
    assert codes(found) == ["charter_not_accepted", "out_of_service", "lab_closed", "too_short", "off_step"]


def test_an_override_lifts_convenience_but_never_safety() -> None:
    found = rules.booking_refusals(
        facts(at(27, 18), at(27, 23), missing=(Missing("laser", {"fr": "Laser"}),), in_service=False, suspended="unpaid"),
        override=True,
    )
    assert codes(found) == ["suspended", "not_certified", "out_of_service"]


def test_a_machine_out_of_order_until_noon_can_be_booked_after() -> None:
    assert rules.booking_refusals(facts(in_service=False, out_until=at(27, 12))) == []


def test_the_slot_that_runs_now_may_still_be_taken() -> None:
    running = facts(at(26, 10), at(26, 11), now=at(26, 10, 14))
    assert rules.booking_refusals(running) == []
    assert codes(rules.booking_refusals(replace(running, now=at(26, 10, 15)))) == ["in_the_past"]


def test_shortening_what_has_begun_is_not_booking_in_the_past() -> None:
    assert rules.booking_refusals(facts(at(26, 9), at(26, 11), is_new=False)) == []


@pytest.mark.parametrize(
    ("wall", "skipped"),
    [("2027-03-28T01:45", False), ("2027-03-28T02:00", True), ("2027-03-28T02:59", True), ("2027-03-28T03:00", False)],
)
def test_the_hole_of_the_spring_change_is_seen(wall: str, skipped: bool) -> None:
    start = datetime.fromisoformat(wall)
    assert Claim.from_wall(start, start + timedelta(hours=2), PARIS).skipped is skipped


@pytest.mark.parametrize(
    ("status", "now", "code"),
    [
        (Status.CONFIRMED, at(27, 11), None),
        (Status.CONFIRMED, at(27, 12), "too_late"),
        (Status.CHECKED_IN, at(27, 11), None),
        (Status.IN_USE, at(27, 11), "not_any_more"),
        (Status.COMPLETED, at(27, 11), "not_any_more"),
        (Status.CANCELLED, at(27, 11), "not_any_more"),
        (Status.NO_SHOW, at(27, 11), "not_any_more"),
    ],
)
def test_a_reservation_can_be_changed_until_two_hours_before(status: Status, now: datetime, code: str | None) -> None:
    found = rules.change_refusals(ChangeFacts(now, status, at(27, 14), notice_minutes=120))
    assert codes(found) == ([code] if code else [])


def test_a_manager_with_a_reason_may_cancel_late_but_not_undo_a_use() -> None:
    assert rules.change_refusals(ChangeFacts(at(27, 13), Status.CONFIRMED, at(27, 14), 120), override=True) == []
    assert codes(rules.change_refusals(ChangeFacts(at(27, 13), Status.COMPLETED, at(27, 14), 120), override=True))


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
    assert codes(rules.check_in_refusals(arriving(**changes))) == expected


def test_no_state_leads_back() -> None:
    reached = {after for moves in rules.RESERVATION_MOVES.values() for after in moves}
    assert Status.CONFIRMED not in reached
    assert all(not rules.RESERVATION_MOVES[end] for end in (Status.COMPLETED, Status.CANCELLED, Status.NO_SHOW))


def test_the_code_turns_every_minute_and_the_one_before_still_opens() -> None:
    now = datetime(2026, 11, 26, 9, 0, 30, tzinfo=UTC)
    code = rules.check_in_code("secret", now)
    assert len(code) == 6
    assert code.isdigit()
    assert rules.code_is_right("secret", f"{code[:3]} {code[3:]}", now)
    assert rules.code_is_right("secret", code, now + timedelta(seconds=60))
    assert not rules.code_is_right("secret", code, now + timedelta(seconds=120))
    assert not rules.code_is_right("another", code, now)
    assert not rules.code_is_right("secret", "é", now)
