"""The timetable as rows of cells: each cell spans whole quarters of an hour, so a table needs neither script nor style."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from app.calendar import queries as calendar
from app.calendar.models import Purpose
from app.kernel import clock
from app.kernel.periods import Period, local_day, merged, wall_instant, without
from machines import busy
from machines.models import Machine, State
from machines.rules import LIVE

QUARTER = timedelta(minutes=15)
NOON_AFTER = timedelta(hours=12)
USUAL = (9 * 60, 19 * 60)


@dataclass(frozen=True, slots=True)
class Cell:
    """`kind` is the kit's data-kind: free, mine, other, class, hired, repair, closed, past.

    `start` and `end` are those of the quarters, of one's own reservation to the minute. `seats_left` is the least number of
    free seats during a free cell of a machine with several, None otherwise.
    """

    kind: str
    quarters: int
    start: datetime
    end: datetime
    reservation_id: int | None = None
    seats_left: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """`free` are the stretches one may book, whole."""

    machine: Machine
    day: date
    cells: list[Cell]
    free: list[Period]

    @property
    def is_open(self) -> bool:
        return any(cell.kind != "closed" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Hour:
    """A heading of the ruler and how many columns stand under it; `starts_at` is an instant of the first day that has it."""

    starts_at: datetime
    quarters: int


@dataclass(frozen=True, slots=True)
class Table:
    """`hours` heads the columns; `now_quarter` places the line of the present, None outside the day."""

    days: list[date]
    hours: list[Hour]
    rows: list[Row]
    quarters: int
    now_quarter: int | None


Column = tuple[int, int, int]
"""A quarter of the ruler by what the clock shows: hours after the day's midnight (25 is one in the morning after), 1 for the
second pass of the autumn change, minute."""


def of_day(found: Sequence[Machine], day: date, member_id: int | None) -> Table:
    """One row a machine. Five statements."""
    return _table(found, [day], member_id)


def of_week(one: Machine, first: date, member_id: int | None) -> Table:
    """One row a day, Monday to Sunday from `first`. Five statements."""
    return _table([one], [first + timedelta(days=n) for n in range(7)], member_id)


def _table(found: Sequence[Machine], days: Sequence[date], member_id: int | None) -> Table:
    now, ids = clock.now(), [one.resource_id for one in found]
    whole = Period(local_day(days[0], clock.zone()).start, local_day(days[-1], clock.zone()).end + NOON_AFTER)
    opening, free = calendar.opening(ids, whole), calendar.free(ids, whole)
    taken: dict[int, list[Any]] = {ident: [] for ident in ids}
    for event in busy.events(ids, whole):
        taken[event.resource_id].append(event)
    opens, closes = _window(opening, days)
    columns_of = {day: dict(_columns(day, opens, closes)) for day in days}
    ruler = sorted({column for columns in columns_of.values() for column in columns})
    rows = []
    for one in found:
        bookable = _bookable(one, free[one.resource_id], now)
        sight = _Sight(one, merged(opening[one.resource_id]), bookable, taken[one.resource_id], member_id, now)
        for day in days:
            quarters = columns_of[day]
            window = Period(min(quarters.values()), max(quarters.values()) + QUARTER)
            here = [piece for period in bookable if (piece := period.clip(window))]
            rows.append(Row(one, day, _cells([quarters.get(column) for column in ruler], window.start, sight), here))
    return Table(list(days), _hours(ruler, columns_of), rows, len(ruler), _now_quarter(ruler, columns_of, now))


def _window(opening: Mapping[int, Sequence[Period]], days: Sequence[date]) -> tuple[int, int]:
    """The whole hours, in minutes of the wall clock, that show every opening of these days.

    An evening that ends after midnight belongs to the day it began.
    """
    tz = clock.zone()
    opens, closes = [], []
    for day in days:
        whole = local_day(day, tz)
        tomorrow = local_day(day + timedelta(days=1), tz)
        for period in (period for periods in opening.values() for period in periods if period.overlaps(whole)):
            is_tail = period.start < whole.start and period.end <= whole.start + NOON_AFTER
            if is_tail:
                continue
            start, end = max(period.start, whole.start).astimezone(tz), period.end.astimezone(tz)
            opens.append(start.hour * 60)
            ends_in_the_night = period.start >= whole.start and period.end <= tomorrow.start + NOON_AFTER
            closes.append((end.date() - day).days * 1440 + _up_to_the_hour(end) if ends_in_the_night else 1440)
    return (min(opens), max(closes)) if opens else USUAL


def _up_to_the_hour(moment: datetime) -> int:
    return -(-(moment.hour * 60 + moment.minute) // 60) * 60


def _columns(day: date, opens: int, closes: int) -> Iterator[tuple[Column, datetime]]:
    """Every quarter of a day between two times of the wall clock, by its place on the ruler: 23 to 25 hours' worth."""
    tz = clock.zone()
    instant, end = wall_instant(day, opens, tz), wall_instant(day, closes, tz)
    while instant < end:
        local = instant.astimezone(tz)
        yield ((local.date() - day).days * 24 + local.hour, local.fold, local.minute), instant
        instant += QUARTER


def _hours(ruler: Sequence[Column], columns_of: Mapping[date, Mapping[Column, datetime]]) -> list[Hour]:
    found = []
    for _hour, columns in groupby(ruler, key=lambda column: column[:2]):
        under = list(columns)
        starts_at = next(by_column[under[0]] for by_column in columns_of.values() if under[0] in by_column)
        found.append(Hour(starts_at, len(under)))
    return found


def _now_quarter(ruler: Sequence[Column], columns_of: Mapping[date, Mapping[Column, datetime]], now: datetime) -> int | None:
    if len(columns_of) != 1:
        return None
    [quarters] = columns_of.values()
    return next((rank for rank, column in enumerate(ruler) if quarters[column] <= now < quarters[column] + QUARTER), None)


def _bookable(one: Machine, free: Sequence[Period], now: datetime) -> list[Period]:
    """Free stretches from the current step on, as far as the machine may be booked, cut where it is out of order."""
    step, epoch = timedelta(minutes=one.step_minutes), datetime.fromtimestamp(0, tz=now.tzinfo)
    earliest = now - (now - epoch) % step
    if one.notice_minutes:
        noticed = now + timedelta(minutes=one.notice_minutes)
        earliest = noticed + (epoch - noticed) % step
    last_day = now.astimezone(clock.zone()).date() + timedelta(days=one.horizon_days)
    horizon = local_day(last_day, clock.zone()).end
    within = Period(earliest, max(horizon, earliest + step))
    reachable = [piece for period in free if (piece := period.clip(within))]
    if not one.is_out_at(now):
        return reachable
    if one.out_until is None:
        return []
    return without(reachable, [Period(now - step, one.out_until)])


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the rows of a machine are painted from: when it is open, bookable and taken, and who looks."""

    one: Machine
    opening: Sequence[Period]
    free: Sequence[Period]
    taken: Sequence[Any]
    member_id: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class _Paint:
    """What a quarter looks like; neighbours of the same paint are one cell. `mark` keeps apart what is not the same thing."""

    kind: str
    mark: object = None
    reservation_id: int | None = None
    period: Period | None = None


_CLOSED = _Paint("closed")


def _cells(quarters: Sequence[datetime | None], begin: datetime, sight: _Sight) -> list[Cell]:
    """`quarters` has an instant for every column of the ruler, None where this day has no such time."""
    painted = [
        (quarter, _CLOSED if quarter is None else _paint(Period(quarter, quarter + QUARTER), sight)) for quarter in quarters
    ]
    cells: list[Cell] = []
    end = begin
    for paint, group in groupby(painted, key=lambda pair: pair[1]):
        columns = [quarter for quarter, _paint in group]
        instants = [quarter for quarter in columns if quarter is not None]
        start = instants[0] if instants else end
        end = instants[-1] + QUARTER if instants else end
        shown = paint.period or Period(start, max(end, start + timedelta.resolution))
        seats = _seats_left(shown, sight) if paint.kind == "free" else None
        cells.append(Cell(paint.kind, len(columns), shown.start, shown.end, paint.reservation_id, seats))
    return cells


def _paint(quarter: Period, sight: _Sight) -> _Paint:
    here = [event for event in sight.taken if event.starts_at < quarter.end and quarter.start < event.ends_at]
    if (mine := next((event for event in here if _is_mine(event, quarter, sight)), None)) is not None:
        return _Paint("mine", None, mine.reservation_id, Period(mine.starts_at, mine.use_ends_at))
    if not any(period.overlaps(quarter) for period in sight.opening):
        blocked = next((event for event in here if event.purpose is not Purpose.RESERVATION), None)
        return _CLOSED if blocked is None else _Paint(busy.KINDS[blocked.purpose], blocked.starts_at)
    if any(period.contains(quarter) for period in sight.free):
        local = quarter.start.astimezone(clock.zone())
        return _Paint("free", (local.date(), local.hour, local.fold))
    if _is_out(quarter, sight):
        return _Paint("repair")
    if len(here) >= sight.one.resource.capacity:
        kind = busy.KINDS[here[0].purpose]
        return _Paint(kind, here[0].starts_at if sight.one.resource.capacity == 1 else None)
    return _Paint("past")


def _is_mine(event: Any, quarter: Period, sight: _Sight) -> bool:
    """The reader's own use; its turnaround is nobody's."""
    is_own = sight.member_id is not None and event.member_id == sight.member_id and event.status in LIVE
    return is_own and quarter.start < event.use_ends_at


def _is_out(quarter: Period, sight: _Sight) -> bool:
    one = sight.one
    if one.state is not State.OUT_OF_ORDER or quarter.end <= (one.out_from or sight.now):
        return False
    return one.out_until is None or quarter.start < one.out_until


def _seats_left(period: Period, sight: _Sight) -> int | None:
    seats = sight.one.resource.capacity
    if seats == 1:
        return None
    taken = [Period(event.starts_at, event.ends_at) for event in sight.taken]
    most = max((n for n in range(1, seats + 1) if any(full.overlaps(period) for full in busy.full(taken, n))), default=0)
    return seats - most
