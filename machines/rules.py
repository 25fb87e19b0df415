"""What stands between a person and a machine: booking, changing, checking in, ending. Pure decisions over facts.

Whether a slot is taken is not here: only the database can know.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.kernel.periods import Period, skipped_by_the_clock
from app.kernel.refusals import N_, Reason, Refusal, Term


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
LIVE = (Status.CONFIRMED, Status.CHECKED_IN, Status.IN_USE)
WRONG_CODES_MOST = 8

EMAIL_NOT_PROVED = Reason(
    "machines.email_not_proved",
    N_("Your e-mail address is not proved yet."),
    N_("Open the link in our mail, or have it sent again."),
    next_endpoint="accounts.profile",
    icon="mail",
)
CHARTER_NOT_ACCEPTED = Reason(
    "machines.charter_not_accepted",
    N_("You have not accepted the lab's charter yet."),
    N_("Read the charter, 3 min"),
    next_endpoint="accounts.charter",
    icon="file",
)
SUSPENDED = Reason(
    "machines.suspended", N_("Your account is suspended: %(reason)s"), N_("Talk to a fab manager to settle it."), icon="lock"
)
NOT_CERTIFIED = Reason(
    "machines.not_certified",
    N_("You need the “%(competence)s” certification for this machine."),
    N_("See how to get it"),
    next_endpoint="trainings.competence",
    icon="lock",
)
OUT_OF_SERVICE = Reason(
    "machines.out_of_service",
    N_("This machine is out of order."),
    N_("Choose another machine, or come back later."),
    icon="repair",
)
OUT_OF_SERVICE_UNTIL = Reason(
    "machines.out_of_service",
    N_("This machine is out of order until %(until)s."),
    N_("Book it after that, or choose another machine."),
    icon="repair",
)
ENDS_BEFORE_START = Reason(
    "machines.ends_before_start", N_("The end comes before the start."), N_("Choose an end after the start."), icon="clock"
)
NO_LENGTH = Reason(
    "machines.no_length", N_("A reservation needs some length."), N_("Choose an end after the start."), icon="clock"
)
SKIPPED_HOUR = Reason(
    "machines.skipped_hour",
    N_("That hour does not exist: the clocks go forward that night."),
    N_("Choose a time before 2:00 or from 3:00."),
    icon="clock",
)
IN_THE_PAST = Reason(
    "machines.in_the_past", N_("That time is already past."), N_("Choose a time that is still to come."), icon="clock"
)
LAB_CLOSED = Reason(
    "machines.lab_closed",
    N_("The lab is closed during part of that time."),
    N_("Choose a time inside the opening hours."),
    next_endpoint="machines.timetable",
    overridable=True,
    icon="clock",
)
OWES = Reason(
    "machines.owes_overdue",
    N_("A bill of yours has been waiting for more than a month."),
    N_("See what is due"),
    next_endpoint="billing.account",
    overridable=True,
    icon="euro",
)
TOO_SHORT = Reason(
    "machines.too_short",
    N_("This machine is booked for at least %(minutes)d minutes."),
    N_("Choose a longer time."),
    overridable=True,
    icon="clock",
)
TOO_LONG = Reason(
    "machines.too_long",
    N_("This machine is booked for at most %(minutes)d minutes."),
    N_("Choose a shorter time."),
    overridable=True,
    icon="clock",
)
OFF_STEP = Reason(
    "machines.off_step",
    N_("Start and end fall on steps of %(minutes)d minutes."),
    N_("Choose a round time."),
    overridable=True,
    icon="clock",
)
TOO_FAR = Reason(
    "machines.too_far",
    N_("This machine is booked at most %(days)d days ahead."),
    N_("Choose an earlier day."),
    overridable=True,
    icon="calendar",
)
TOO_SOON = Reason(
    "machines.too_soon",
    N_("This machine is booked at least %(minutes)d minutes ahead."),
    N_("Choose a later time, or ask at the desk."),
    overridable=True,
    icon="clock",
)
TOO_MANY = Reason(
    "machines.too_many",
    N_("You have %(count)d reservations to come on this machine, the most one person may have."),
    N_("See your reservations"),
    next_endpoint="reservations.mine",
    overridable=True,
    icon="calendar",
)
BUSY_ELSEWHERE = Reason(
    "machines.busy_elsewhere",
    N_("You have already booked %(machine)s at that time, and both need you beside them."),
    N_("See your reservations"),
    next_endpoint="reservations.mine",
    overridable=True,
    icon="people",
)

NOT_ANY_MORE = Reason(
    "machines.not_any_more",
    N_("This reservation can no longer be changed that way: its state is “%(status)s”."),
    N_("See your reservations"),
    next_endpoint="reservations.mine",
)
TOO_LATE = Reason(
    "machines.too_late",
    N_("It could be cancelled or moved until %(until)s."),
    N_("Call the desk: a host can still free the machine for somebody else."),
    overridable=True,
    icon="clock",
)
TOO_EARLY = Reason(
    "machines.too_early", N_("You can check in from %(opens)s."), N_("Come back then: your slot is kept."), icon="clock"
)
ALREADY_OVER = Reason(
    "machines.already_over",
    N_("This slot ended at %(ended)s."),
    N_("Book another one."),
    next_endpoint="machines.catalogue",
    icon="clock",
)
WRONG_CODE = Reason(
    "machines.wrong_code",
    N_("That is not the code shown on the machine now."),
    N_("Read it again on the machine's screen: it changes every minute."),
    icon="qr",
)
TOO_MANY_CODES = Reason(
    "machines.too_many_codes",
    N_("Too many wrong codes for this reservation."),
    N_("Ask a host to check you in from the Today board."),
    icon="qr",
)
SAFETY_NOT_TICKED = Reason(
    "machines.safety_not_ticked",
    N_("Please tick both safety points before starting."),
    N_("They are your promise to the next person."),
    icon="check",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody asks for, before anybody knows whether it makes sense. `skipped` tells of a hole of the clock."""

    start: datetime
    end: datetime
    skipped: bool = False

    @classmethod
    def from_wall(cls, start: datetime, end: datetime, tz: ZoneInfo) -> Claim:
        """From naive wall-clock times in `tz`; of a repeated hour, the first."""
        holes = skipped_by_the_clock(start, tz) or skipped_by_the_clock(end, tz)
        return cls(start.replace(tzinfo=tz).astimezone(UTC), end.replace(tzinfo=tz).astimezone(UTC), holes)

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

    `missing` is as of the start; `local_start` is naive wall-clock time of the lab, for the step.
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
    is_new: bool = True


def email_is_proved(facts: BookingFacts) -> Iterator[Refusal]:
    if not facts.email_proved:
        yield EMAIL_NOT_PROVED()


def charter_is_accepted(facts: BookingFacts) -> Iterator[Refusal]:
    if not facts.charter_accepted:
        yield CHARTER_NOT_ACCEPTED()


def account_is_open(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.suspended is not None:
        yield SUSPENDED(reason=facts.suspended)


def holds_every_competence(facts: BookingFacts) -> Iterator[Refusal]:
    for missing in facts.missing:
        yield NOT_CERTIFIED(competence=dict(missing.name), link={"slug": missing.slug})


def machine_is_in_service(facts: BookingFacts) -> Iterator[Refusal]:
    yield from _service_refusals(facts.in_service, facts.out_until, facts.claim.start)


def makes_sense(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.claim.skipped:
        yield SKIPPED_HOUR()
    elif facts.claim.end == facts.claim.start:
        yield NO_LENGTH()
    elif facts.claim.end < facts.claim.start:
        yield ENDS_BEFORE_START()


def starts_in_the_future(facts: BookingFacts) -> Iterator[Refusal]:
    """The slot that runs now may still be taken, for whoever stands before the free machine."""
    if facts.is_new and facts.claim.start <= facts.now - timedelta(minutes=facts.limits.step_minutes):
        yield IN_THE_PAST()


def inside_opening_hours(facts: BookingFacts) -> Iterator[Refusal]:
    period = facts.claim.period
    if period is not None and not any(hours.contains(period) for hours in facts.opening):
        yield LAB_CLOSED()


def within_length(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.claim.period is None:
        return
    if facts.claim.minutes < facts.limits.shortest_minutes:
        yield TOO_SHORT(minutes=facts.limits.shortest_minutes)
    if facts.claim.minutes > facts.limits.longest_minutes:
        yield TOO_LONG(minutes=facts.limits.longest_minutes)


def on_the_step(facts: BookingFacts) -> Iterator[Refusal]:
    step = facts.limits.step_minutes
    if any(moment.minute % step or moment.second or moment.microsecond for moment in (facts.local_start, facts.local_end)):
        yield OFF_STEP(minutes=step)


def within_horizon(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.local_start.date() > facts.today + timedelta(days=facts.limits.horizon_days):
        yield TOO_FAR(days=facts.limits.horizon_days)


def with_enough_notice(facts: BookingFacts) -> Iterator[Refusal]:
    notice = timedelta(minutes=facts.limits.notice_minutes)
    if facts.is_new and notice and facts.claim.start < facts.now + notice:
        yield TOO_SOON(minutes=facts.limits.notice_minutes)


def within_allowance(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.upcoming >= facts.limits.ahead_most:
        yield TOO_MANY(count=facts.upcoming)


def one_machine_at_a_time(facts: BookingFacts) -> Iterator[Refusal]:
    for machine in facts.busy_elsewhere:
        yield BUSY_ELSEWHERE(machine=dict(machine))


def owes_nothing_overdue(facts: BookingFacts) -> Iterator[Refusal]:
    if facts.overdue_cents > 0:
        yield OWES()


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
    one_machine_at_a_time,
    owes_nothing_overdue,
)


def booking_refusals(facts: BookingFacts, *, override: bool = False) -> list[Refusal]:
    """Every reason to say no, in the order a person would want to fix them; `override` lifts the overridable ones."""
    found = [refusal for rule in BOOKING_RULES for refusal in rule(facts)]
    return [refusal for refusal in found if not (override and refusal.reason.overridable)]


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """For cancelling, and for moving what is still to come. `notice_minutes` is the lab's."""

    now: datetime
    status: Status
    starts_at: datetime
    notice_minutes: int


def change_refusals(facts: ChangeFacts, *, override: bool = False) -> list[Refusal]:
    if Status.CANCELLED not in RESERVATION_MOVES[facts.status]:
        return [NOT_ANY_MORE(status=STATUS_WORDS[facts.status])]
    until = facts.starts_at - timedelta(minutes=facts.notice_minutes)
    if facts.now >= until and not override:
        return [TOO_LATE(until=until)]
    return []


@dataclass(frozen=True, slots=True)
class CheckInFacts:
    """`code_is_right` is None when a host vouches for the person, who then needs no code."""

    now: datetime
    status: Status
    period: Period
    opens_minutes: int
    code_is_right: bool | None
    wrong_codes: int
    ticks_missing: bool
    suspended: str | None
    missing: tuple[Missing, ...]
    in_service: bool
    out_until: datetime | None


def check_in_refusals(facts: CheckInFacts) -> list[Refusal]:
    """Nobody unqualified starts a machine: what was true when booking is asked again, and none of it can be lifted."""
    if Status.CHECKED_IN not in RESERVATION_MOVES[facts.status]:
        return [NOT_ANY_MORE(status=STATUS_WORDS[facts.status])]
    return list(_check_in_refusals(facts))


def _check_in_refusals(facts: CheckInFacts) -> Iterator[Refusal]:
    opens = facts.period.start - timedelta(minutes=facts.opens_minutes)
    if facts.suspended is not None:
        yield SUSPENDED(reason=facts.suspended)
    for missing in facts.missing:
        yield NOT_CERTIFIED(competence=dict(missing.name), link={"slug": missing.slug})
    yield from _service_refusals(facts.in_service, facts.out_until, facts.now)
    if facts.now < opens:
        yield TOO_EARLY(opens=opens)
    if facts.now >= facts.period.end:
        yield ALREADY_OVER(ended=facts.period.end)
    if facts.code_is_right is False:
        yield WRONG_CODE() if facts.wrong_codes < WRONG_CODES_MOST else TOO_MANY_CODES()
    elif facts.code_is_right and facts.wrong_codes >= WRONG_CODES_MOST:
        yield TOO_MANY_CODES()
    if facts.ticks_missing:
        yield SAFETY_NOT_TICKED()


def _service_refusals(in_service: bool, out_until: datetime | None, at: datetime) -> Iterator[Refusal]:
    if in_service or (out_until is not None and at >= out_until):
        return
    yield OUT_OF_SERVICE() if out_until is None else OUT_OF_SERVICE_UNTIL(until=out_until)


STATUS_WORDS: Mapping[Status, Term] = {
    Status.CONFIRMED: Term(N_("Confirmed")),
    Status.CHECKED_IN: Term(N_("Checked in")),
    Status.IN_USE: Term(N_("Under way")),
    Status.COMPLETED: Term(N_("Completed")),
    Status.CANCELLED: Term(N_("Cancelled")),
    Status.NO_SHOW: Term(N_("No-show")),
}

CODE_SECONDS = 60


def check_in_code(secret: str, at: datetime) -> str:
    """The six digits a machine's screen shows during the minute of `at` (an HMAC of the minute, RFC 4226's truncation)."""
    minute = int(at.timestamp()) // CODE_SECONDS
    digest = hmac.new(secret.encode(), str(minute).encode(), hashlib.sha256).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def code_is_right(secret: str, code: str, at: datetime) -> bool:
    """Whether `code` is this minute's or the one before: who read it a moment ago is still there."""
    typed = "".join(code.split())
    accepted = (check_in_code(secret, at), check_in_code(secret, at - timedelta(seconds=CODE_SECONDS)))
    return any(hmac.compare_digest(typed.encode(), one.encode()) for one in accepted)
