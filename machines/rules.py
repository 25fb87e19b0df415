"""What stands between a person and a machine: booking, changing, checking in, ending. Pure decisions over facts.

Whether a slot is taken is not here: only the database can know. How each refusal is said is in `reasons`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.kernel.periods import Period, skipped_by_the_clock
from app.kernel.refusals import N_, Refusal, Term
from machines import reasons


class Status(enum.StrEnum):
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    IN_USE = "in_use"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class Outcome(enum.StrEnum):
    """How a use ended: by the member, by a host, or by the house when nobody did."""

    MEMBER = "member"
    HOST = "host"
    HOUSE = "house"


RESERVATION_MOVES: Mapping[Status, frozenset[Status]] = {
    Status.CONFIRMED: frozenset({Status.CHECKED_IN, Status.IN_USE, Status.CANCELLED, Status.NO_SHOW}),
    Status.CHECKED_IN: frozenset({Status.IN_USE, Status.COMPLETED, Status.CANCELLED}),
    Status.IN_USE: frozenset({Status.COMPLETED}),
    Status.COMPLETED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.NO_SHOW: frozenset(),
}
STATUS_WORDS: Mapping[Status, Term] = {
    Status.CONFIRMED: Term(N_("Confirmed")),
    Status.CHECKED_IN: Term(N_("Checked in")),
    Status.IN_USE: Term(N_("Under way")),
    Status.COMPLETED: Term(N_("Completed")),
    Status.CANCELLED: Term(N_("Cancelled")),
    Status.NO_SHOW: Term(N_("No-show")),
}

LIVE = (Status.CONFIRMED, Status.CHECKED_IN, Status.IN_USE)

GRACE = timedelta(minutes=5)
"""After booking, a slip is taken back freely, however soon the start."""
LONGEST_MINUTES = 6 * 24 * 60
"""No reservation is longer, whatever the machine says and whoever asks: with its turnaround it stays one row of the timetable."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody asks for, before anybody knows whether it makes sense. `skipped` tells of a hole of the clock."""

    start: datetime
    end: datetime
    skipped: bool = False

    @classmethod
    def said(cls, start: datetime, end: datetime, tz: ZoneInfo) -> Claim:
        """From two instants as people write them: one without an offset is wall-clock time in `tz`.

        Of a repeated hour it is the first; one inside the hole of the spring change does not exist.
        """
        holes = any(moment.tzinfo is None and skipped_by_the_clock(moment, tz) for moment in (start, end))
        first, last = (moment if moment.tzinfo else moment.replace(tzinfo=tz) for moment in (start, end))
        return cls(first.astimezone(UTC), last.astimezone(UTC), holes)

    @classmethod
    def lasting(cls, start: datetime, minutes: int, tz: ZoneInfo) -> Claim:
        """From a start, said as in `said`, and a length in elapsed minutes."""
        begun = cls.said(start, start, tz)
        return cls(begun.start, begun.start + timedelta(minutes=minutes), begun.skipped)

    @property
    def period(self) -> Period | None:
        return Period(self.start, self.end) if self.end > self.start else None

    @property
    def minutes(self) -> int:
        return int((self.end - self.start).total_seconds() // 60)


@dataclass(frozen=True, slots=True)
class BookingLimits:
    shortest_minutes: int
    longest_minutes: int
    step_minutes: int
    horizon_days: int
    notice_minutes: int
    ahead_most: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A competence somebody lacks: how it is called in each language, and where to read about it."""

    slug: str
    name: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """All a booking decision may depend on. Loaded by `reservations`, never by a rule.

    `missing` is as of the start; `local_start` and `local_end` are naive wall-clock times of the lab, for the step.
    `upcoming` counts the member's other reservations to come on this machine. `is_change` tells of a reservation that exists
    already, `is_new_start` of a start it had not before.
    """

    now: datetime
    claim: Claim
    local_start: datetime
    local_end: datetime
    opening: tuple[Period, ...]
    email_proved: bool
    charter_accepted: bool
    suspended: str | None
    missing: tuple[Missing, ...]
    in_service: bool
    out_until: datetime | None
    overdue_cents: int
    upcoming: int
    busy_elsewhere: tuple[Mapping[str, str], ...]
    limits: BookingLimits
    today: date
    is_retired: bool = False
    has_it_already: bool = False
    is_change: bool = False
    is_new_start: bool = True


def email_is_proved(facts: BookingFacts) -> Iterator[Refusal]:
    if not facts.email_proved:
        yield reasons.EMAIL_NOT_PROVED()


def charter_is_accepted(facts: BookingFacts) -> Iterator[Refusal]:
    if not facts.charter_accepted:
        yield reasons.CHARTER_NOT_ACCEPTED()


def account_is_open(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.suspended is not None:
        yield reasons.SUSPENDED(reason=facts.suspended)


def holds_every_competence(facts: BookingFacts) -> Iterator[Refusal]:
    for missing in facts.missing:
        yield reasons.NOT_CERTIFIED(competence=dict(missing.name), link={"slug": missing.slug})


def machine_is_in_service(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.is_retired:
        yield reasons.RETIRED()
    else:
        yield from service_refusals(facts.in_service, facts.out_until, facts.claim.start)


def makes_sense(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.claim.skipped:
        yield reasons.SKIPPED_HOUR()
    if facts.claim.end == facts.claim.start:
        yield reasons.NO_LENGTH()
    elif facts.claim.end < facts.claim.start:
        yield reasons.ENDS_BEFORE_START()


def starts_in_the_future(facts: BookingFacts) -> Iterator[Refusal]:
    """The slot that runs now may still be taken, for whoever stands before the free machine; never one that is over."""
    began_before = facts.claim.start <= facts.now - timedelta(minutes=facts.limits.step_minutes)
    is_over = facts.claim.period is not None and facts.claim.end <= facts.now
    if is_over or (facts.is_new_start and began_before):
        yield reasons.IN_THE_PAST()


def inside_opening_hours(facts: BookingFacts) -> Iterator[Refusal]:
    period = facts.claim.period
    if period is None or facts.claim.minutes > LONGEST_MINUTES:
        return
    if not any(hours.contains(period) for hours in facts.opening):
        yield reasons.LAB_CLOSED()


def within_length(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.claim.period is None:
        return
    if facts.claim.minutes < facts.limits.shortest_minutes:
        yield reasons.TOO_SHORT(minutes=facts.limits.shortest_minutes)
    if facts.claim.minutes > LONGEST_MINUTES:
        yield reasons.LONGER_THAN_ANY(days=LONGEST_MINUTES // 24 // 60)
    elif facts.claim.minutes > facts.limits.longest_minutes:
        yield reasons.TOO_LONG(minutes=facts.limits.longest_minutes)


def on_the_step(facts: BookingFacts) -> Iterator[Refusal]:
    step = facts.limits.step_minutes
    if any(moment.minute % step or moment.second or moment.microsecond for moment in (facts.local_start, facts.local_end)):
        yield reasons.OFF_STEP(minutes=step)


def within_horizon(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.local_start.date() > facts.today + timedelta(days=facts.limits.horizon_days):
        yield reasons.TOO_FAR(days=facts.limits.horizon_days)


def with_enough_notice(facts: BookingFacts) -> Iterator[Refusal]:
    notice = timedelta(minutes=facts.limits.notice_minutes)
    if facts.is_new_start and notice and facts.claim.start < facts.now + notice:
        yield reasons.TOO_SOON(minutes=facts.limits.notice_minutes)


def within_allowance(facts: BookingFacts) -> Iterator[Refusal]:
    """A change adds none."""
    if not facts.is_change and facts.upcoming >= facts.limits.ahead_most:
        yield reasons.TOO_MANY(count=facts.upcoming)


def not_taken_by_oneself(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.has_it_already:
        yield reasons.YOURS_ALREADY()


def one_machine_at_a_time(facts: BookingFacts) -> Iterator[Refusal]:
    for machine in facts.busy_elsewhere:
        yield reasons.BUSY_ELSEWHERE(machine=dict(machine))


def owes_nothing_overdue(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.overdue_cents > 0:
        yield reasons.OWES()


BOOKING_RULES: Sequence[Callable[[BookingFacts], Iterator[Refusal]]] = (
    account_is_open,
    email_is_proved,
    charter_is_accepted,
    holds_every_competence,
    machine_is_in_service,
    makes_sense,
    starts_in_the_future,
    inside_opening_hours,
    within_length,
    on_the_step,
    within_horizon,
    with_enough_notice,
    within_allowance,
    not_taken_by_oneself,
    one_machine_at_a_time,
    owes_nothing_overdue,
)


def booking_refusals(facts: BookingFacts, *, override: bool = False) -> list[Refusal]:
    """Every reason to say no, in the order a person would want to fix them; `override` lifts the overridable ones."""
    found = [refusal for rule in BOOKING_RULES for refusal in rule(facts)]
    return [refusal for refusal in found if not (override and refusal.reason.overridable)]


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """For giving back a slot, or part of it. `notice_minutes` is the lab's."""

    now: datetime
    status: Status
    starts_at: datetime
    booked_at: datetime
    notice_minutes: int

    @property
    def free_until(self) -> datetime:
        """Until when it costs nothing and asks nobody."""
        return max(self.starts_at - timedelta(minutes=self.notice_minutes), self.booked_at + GRACE)


def cancel_refusals(facts: ChangeFacts, *, override: bool = False) -> list[Refusal]:
    if Status.CANCELLED not in RESERVATION_MOVES[facts.status]:
        return [not_any_more(facts.status)]
    return [] if override else _late_refusals(facts)


def move_refusals(facts: ChangeFacts, *, only_longer: bool = False, override: bool = False) -> list[Refusal]:
    """What has begun may only last longer; that gives nothing back, so it is never too late for it."""
    if facts.status is not Status.CONFIRMED and not (only_longer and facts.status in LIVE):
        return [not_any_more(facts.status)]
    return [] if override or only_longer else _late_refusals(facts)


def _late_refusals(facts: ChangeFacts) -> list[Refusal]:
    return [reasons.TOO_LATE(until=facts.free_until)] if facts.now >= facts.free_until else []


def not_any_more(status: Status) -> Refusal:
    return reasons.NOT_ANY_MORE(status=STATUS_WORDS[status])


def service_refusals(in_service: bool, out_until: datetime | None, at: datetime) -> Iterator[Refusal]:
    if in_service or (out_until is not None and at >= out_until):
        return
    yield reasons.OUT_OF_SERVICE() if out_until is None else reasons.OUT_OF_SERVICE_UNTIL(until=out_until)
