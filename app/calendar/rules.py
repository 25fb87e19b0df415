"""When a place is open, decided from rules, exceptions and holidays. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.kernel.periods import Period, merged, wall_instant
from app.kernel.refusals import N_, Reason, Refusal, Term

SLOT_TAKEN = Reason(
    "calendar.slot_taken",
    N_("Somebody has just taken this time."),
    N_("Choose one of the nearest free times."),
    icon="clock",
)
IN_THE_WAY = Reason(
    "calendar.in_the_way",
    N_("%(place)s is taken from %(start)s to %(end)s (%(purpose)s)."),
    N_("Move or cancel it first, then block the place."),
    icon="calendar",
)
MORE_IN_THE_WAY = Reason(
    "calendar.more_in_the_way",
    N_("And %(more)d more things stand in the way after that."),
    N_("Choose a shorter time, or start with those."),
    icon="calendar",
)
OVER_ALREADY = Reason(
    "calendar.over_already", N_("This time is over already."), N_("Choose an end that is still to come."), icon="clock"
)
TOO_LONG = Reason(
    "calendar.block_too_long",
    N_("A place is blocked for at most %(days)d days."),
    N_("Choose an earlier end; you can block it again later."),
    icon="clock",
)
RELEASED_ALREADY = Reason(
    "calendar.released_already",
    N_("This block is released or over already."),
    N_("Nothing more to do: the place can be booked."),
    icon="check",
)
NOT_EMPTY = Reason(
    "calendar.not_empty", N_("There are still machines or spaces in this place."), N_("Move or retire them first."), icon="lock"
)
NAME_TAKEN = Reason("calendar.name_taken", N_("Another place has this short address already."), N_("Choose another one."))
TOO_DEEP = Reason("calendar.inside_itself", N_("A place cannot be inside itself."), N_("Choose another parent."))
NOT_A_PLACE = Reason(
    "calendar.not_a_place", N_("Nothing can be put inside that place any more."), N_("Choose a place that is in use.")
)
SITE_STAYS = Reason(
    "calendar.site_stays", N_("The site itself cannot be retired or moved."), N_("Close it with exceptional days instead.")
)
SEATS_TAKEN = Reason(
    "calendar.seats_taken",
    N_("Seat %(seat)d is booked until %(until)s, so the place cannot have fewer seats yet."),
    N_("Wait until then, or move that reservation first."),
    icon="calendar",
)
SEASONS_OVERLAP = Reason(
    "calendar.seasons_overlap",
    N_("Another season runs from %(first)s to %(last)s: one day cannot follow two."),
    N_("Choose dates outside it, or change that season first."),
    icon="calendar",
)

PURPOSE_WORDS = {
    "reservation": Term(N_("a reservation")),
    "maintenance": Term(N_("maintenance")),
    "closure": Term(N_("a closure")),
    "privatisation": Term(N_("a private hire")),
    "session": Term(N_("a training session")),
}
"""Why something is taken, by the value of models.Purpose, as said in the middle of a sentence."""

MINUTES_MOST = 36 * 60
"""A closing may pass midnight, until noon of the next day."""
BLOCK_DAYS_MOST = 366

Season = tuple[date | None, date | None]
"""First and last day on which weekly hours hold; (None, None) is all year."""


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Open from `opens` to `closes` minutes after midnight of each `weekday` (0 is Monday), between two days if given."""

    weekday: int
    opens: int
    closes: int
    valid_from: date | None = None
    valid_until: date | None = None

    def applies(self, day: date) -> bool:
        starts = self.valid_from is None or self.valid_from <= day
        return starts and (self.valid_until is None or day <= self.valid_until)

    @property
    def season(self) -> Season:
        return self.valid_from, self.valid_until


@dataclass(frozen=True, slots=True)
class SpecialDays:
    """From `first` to `last`, both included, these hours and no others; none at all means closed. `ident` finds the note."""

    first: date
    last: date
    hours: tuple[tuple[int, int], ...]
    ident: int = 0

    def applies(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Hours:
    """What is said about one resource itself, before anything is inherited."""

    weekly: tuple[WeeklyHours, ...] = ()
    special: tuple[SpecialDays, ...] = ()


class Source(enum.StrEnum):
    """What decides the opening of a day."""

    SPECIAL = "special"
    HOLIDAY = "holiday"
    WEEKLY = "weekly"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The opening of one day as minutes after midnight, and what decided it: `level` counts from the resource upward."""

    hours: tuple[tuple[int, int], ...]
    source: Source
    level: int = 0
    special: SpecialDays | None = None


def plan_of_day(day: date, chain: Sequence[Hours], is_holiday: bool) -> DayPlan:
    """The opening of one day. `chain` goes from the resource up to the site.

    The nearest special day wins (the last one said, on one level); else a holiday closes; else the nearest level with weekly
    hours in force decides.
    """
    for level, hours in enumerate(chain):
        for special in reversed(hours.special):
            if special.applies(day):
                return DayPlan(tuple(sorted(special.hours)), Source.SPECIAL, level, special)
    if is_holiday:
        return DayPlan((), Source.HOLIDAY)
    for level, hours in enumerate(chain):
        if in_force := _in_force(hours.weekly, day):
            mine = tuple(sorted((rule.opens, rule.closes) for rule in in_force if rule.weekday == day.weekday()))
            return DayPlan(mine, Source.WEEKLY, level)
    return DayPlan((), Source.NOTHING)


def _in_force(weekly: Sequence[WeeklyHours], day: date) -> list[WeeklyHours]:
    """The hours that hold that day: a season replaces those of all year; of two seasons, the one that began last."""
    applying = [rule for rule in weekly if rule.applies(day)]
    if not applying:
        return []
    season = max((rule.season for rule in applying), key=_precedence)
    return [rule for rule in applying if rule.season == season]


def _precedence(season: Season) -> tuple[bool, date, int]:
    first, last = season
    return season != (None, None), first or date.min, -(last or date.max).toordinal()


def hours_of_day(day: date, chain: Sequence[Hours], is_holiday: bool) -> tuple[tuple[int, int], ...]:
    """The opening of one day as minutes after midnight."""
    return plan_of_day(day, chain, is_holiday).hours


def opening_periods(period: Period, chain: Sequence[Hours], holidays: Mapping[date, str], tz: ZoneInfo) -> list[Period]:
    """Open stretches that touch `period`, as half-open UTC periods in order, touching ones merged; not clipped.

    Hours are wall-clock times in `tz`; on the days the clocks change, a round-the-clock opening lasts 23 or 25 hours, which
    is right.
    """
    first = period.start.astimezone(tz).date() - timedelta(days=2)
    last = period.end.astimezone(tz).date() + timedelta(days=1)
    found = [
        Period(start, end)
        for day in _days(first, last)
        for opens, closes in hours_of_day(day, chain, day in holidays)
        if (start := wall_instant(day, opens, tz)) < (end := wall_instant(day, closes, tz))
    ]
    return [stretch for stretch in merged(found) if stretch.overlaps(period)]


def seasons_overlap(one: Season, other: Season) -> bool:
    """Whether two seasons share a day; hours of all year are no season."""
    if (None, None) in (one, other):
        return False
    starts, ends = max(one[0] or date.min, other[0] or date.min), min(one[1] or date.max, other[1] or date.max)
    return starts <= ends


def block_refusals(period: Period, now: datetime) -> list[Refusal]:
    """Why a place cannot be blocked for `period`, whatever is booked there."""
    if period.end <= now:
        return [OVER_ALREADY()]
    if period.duration > timedelta(days=BLOCK_DAYS_MOST):
        return [TOO_LONG(days=BLOCK_DAYS_MOST)]
    return []


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
