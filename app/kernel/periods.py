"""Half-open stretches of time, as every feature means them. Pure: no clock, no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """`[start, end)`, both aware, kept in UTC; two periods that touch do not overlap.

    Raises ValueError for a naive instant or an end that is not after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a period needs aware instants")
        # Python compares two wall times of one zone without their fold: 2:30 and the 2:30 an hour later would be equal.
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError("a period ends after it starts")

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    @property
    def minutes(self) -> int:
        """Whole minutes, rounded down."""
        return int(self.duration.total_seconds() // 60)

    def overlaps(self, other: Period) -> bool:
        return self.start < other.end and other.start < self.end

    def contains(self, other: Period | datetime) -> bool:
        if isinstance(other, datetime):
            return self.start <= other < self.end
        return self.start <= other.start and other.end <= self.end

    def clip(self, other: Period) -> Period | None:
        """The shared stretch, or None where the two only touch or lie apart."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None

    def extended(self, by: timedelta) -> Period:
        return Period(self.start, self.end + by) if by else self


def merged(periods: Iterable[Period]) -> list[Period]:
    """The same time as the fewest periods, in order; overlapping and touching ones become one."""
    found: list[Period] = []
    for period in sorted(periods):
        if found and period.start <= found[-1].end:
            found[-1] = Period(found[-1].start, max(found[-1].end, period.end))
        else:
            found.append(period)
    return found


def without(whole: Sequence[Period], taken: Iterable[Period]) -> list[Period]:
    """What is left of `whole` once every `taken` stretch is cut out, in order."""
    left = merged(whole)
    for cut in merged(taken):
        left = [piece for period in left for piece in _cut(period, cut)]
    return left


def _cut(period: Period, cut: Period) -> Iterator[Period]:
    if not period.overlaps(cut):
        yield period
        return
    if period.start < cut.start:
        yield Period(period.start, cut.start)
    if cut.end < period.end:
        yield Period(cut.end, period.end)


def local_day(day: date, tz: ZoneInfo) -> Period:
    """Midnight to midnight in `tz`, as UTC instants: 23, 24 or 25 hours."""
    return Period(wall_instant(day, 0, tz), wall_instant(day + timedelta(days=1), 0, tz))


def wall_instant(day: date, minute: int, tz: ZoneInfo) -> datetime:
    """The UTC instant at which the clock in `tz` shows `minute` minutes after midnight of `day`.

    `minute` may pass 1440 (the small hours of the next day). A wall time that the spring change skips becomes the instant
    of the change; one that the autumn change repeats is the first of the two.
    """
    later, rest = divmod(minute, 24 * 60)
    naive = datetime.combine(day + timedelta(days=later), time(rest // 60, rest % 60))
    aware = naive.replace(tzinfo=tz)
    instant = aware.astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == naive:
        return instant
    # Skipped by the spring change: fold=1 reads the gap with the offset after it, which lands before the gap.
    gap = aware.replace(fold=0).utcoffset(), aware.replace(fold=1).utcoffset()
    assert gap[0] is not None
    assert gap[1] is not None
    step = abs(gap[1] - gap[0])
    before = instant - step
    while not _is_change(before, tz):
        before += timedelta(minutes=1)
    return before


def _is_change(instant: datetime, tz: ZoneInfo) -> bool:
    here = instant.astimezone(tz).utcoffset()
    return here != (instant - timedelta(minutes=1)).astimezone(tz).utcoffset()


def skipped_by_the_clock(naive: datetime, tz: ZoneInfo) -> bool:
    """Whether this wall time does not exist in `tz` (the hole of the spring change)."""
    return naive.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None) != naive
