"""When a place is open, decided from rules, exceptions and holidays. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from app.kernel.periods import Period, merged, wall_instant
from app.kernel.refusals import N_, Reason

SLOT_TAKEN = Reason(
    "calendar.slot_taken",
    N_("Somebody has just taken this time."),
    N_("Choose one of the nearest free times."),
    icon="clock",
)
IN_THE_WAY = Reason(
    "calendar.in_the_way",
    N_("Something stands in the way at that time: %(what)s."),
    N_("Move or cancel it first, then block the place."),
    icon="calendar",
)
NOT_EMPTY = Reason(
    "calendar.not_empty", N_("There are still machines or spaces in this place."), N_("Move or retire them first."), icon="lock"
)
NAME_TAKEN = Reason("calendar.name_taken", N_("Another place has this short address already."), N_("Choose another one."))
TOO_DEEP = Reason("calendar.inside_itself", N_("A place cannot be inside itself."), N_("Choose another parent."))

MINUTES_MOST = 36 * 60
"""A closing may pass midnight, until noon of the next day."""


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


@dataclass(frozen=True, slots=True)
class SpecialDays:
    """From `first` to `last`, both included, these hours and no others; none at all means closed."""

    first: date
    last: date
    hours: tuple[tuple[int, int], ...]

    def applies(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Hours:
    """What is said about one resource itself, before anything is inherited."""

    weekly: tuple[WeeklyHours, ...] = ()
    special: tuple[SpecialDays, ...] = ()


def hours_of_day(day: date, chain: Sequence[Hours], is_holiday: bool) -> tuple[tuple[int, int], ...]:
    """The opening of one day as minutes after midnight. `chain` goes from the resource up to the site.

    The nearest special day wins; else a holiday closes; else the nearest level with weekly hours in force decides.
    """
    for hours in chain:
        for special in reversed(hours.special):
            if special.applies(day):
                return special.hours
    if is_holiday:
        return ()
    for hours in chain:
        if in_force := [rule for rule in hours.weekly if rule.applies(day)]:
            return tuple(sorted((rule.opens, rule.closes) for rule in in_force if rule.weekday == day.weekday()))
    return ()


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


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
