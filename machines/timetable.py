"""The timetable as rows of cells: each cell spans whole quarters of an hour, so a table needs neither script nor style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.calendar.models import Purpose

from app.calendar import queries as calendar
from app.kernel import clock
from app.kernel.periods import Period, merged, wall_instant, without
from machines import queries
from machines.models import Machine, State
from machines.rules import LIVE

QUARTER = timedelta(minutes=15)
USUAL = (9 * 60, 19 * 60)


@dataclass(frozen=True, slots=True)
class Cell:
    """`kind` is the kit's data-kind: free, mine, other, class, hired, repair, closed, past."""

    kind: str
    quarters: int
    start: datetime
    end: datetime
    reservation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    machine: Machine
    day: date
    cells: list[Cell]
    free: list[Period]

    @property
    def is_open(self) -> bool:
        return any(cell.kind != "closed" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Hour:
    """A heading of the ruler, over four quarters."""

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


def of_day(found: Sequence[Machine], day: date, member_id: int | None) -> Table:
    """One row a machine."""
    return _table(found, [day], member_id)


def of_week(one: Machine, first: date, member_id: int | None) -> Table:
    """One row a day, Monday to Sunday from `first`."""
    return _table([one], [first + timedelta(days=n) for n in range(7)], member_id)


def _table(found: Sequence[Machine], days: Sequence[date], member_id: int | None) -> Table:
    tz, now = clock.zone(), clock.now()
    ids = [one.resource_id for one in found]
    whole = Period(wall_instant(days[0], 0, tz), wall_instant(days[-1] + timedelta(days=1), 0, tz))
    opening, free = calendar.opening(ids, whole), calendar.free(ids, whole)
    taken: dict[int, list[Any]] = {ident: [] for ident in ids}
    for event in queries.events(ids, whole):
        taken[event.resource_id].append(event)
    opens, closes = _window(opening, days)
    rows = []
    for one in found:
        for day in days:
            start, end = wall_instant(day, opens, tz), wall_instant(day, closes, tz)
            window = Period(start, end)
            here = [piece for period in free[one.resource_id] if (piece := period.clip(window))]
            bookable = _bookable(one, here, now)
            sight = _Sight(one, merged(opening[one.resource_id]), bookable, taken[one.resource_id], member_id, now)
            cells = _cells(window, sight)
            rows.append(Row(one, day, cells, bookable))
    base = wall_instant(days[0], opens, tz)
    quarters = sum(cell.quarters for cell in rows[0].cells) if rows else (closes - opens) // 15
    hours = [Hour(base + QUARTER * i, min(4, quarters - i)) for i in range(0, quarters, 4)]
    elapsed = int((now - base) / QUARTER) if base <= now < base + QUARTER * quarters and len(days) == 1 else None
    return Table(list(days), hours, rows, quarters, elapsed)


def _window(opening: Mapping[int, Sequence[Period]], days: Sequence[date]) -> tuple[int, int]:
    """The whole hours, in minutes of the wall clock, that show every opening of these days."""
    tz = clock.zone()
    opens, closes = [], []
    for period in (period for periods in opening.values() for period in periods):
        start, end = period.start.astimezone(tz), period.end.astimezone(tz)
        if start.date() in days:
            opens.append(start.hour * 60)
            overnight = (end.date() - start.date()).days * 24 * 60
            closes.append(min(24 * 60, -(-(overnight + end.hour * 60 + end.minute) // 60) * 60))
    return (min(opens), max(closes)) if opens else USUAL


def _bookable(one: Machine, free: Sequence[Period], now: datetime) -> list[Period]:
    """Free stretches from the current step on, cut where the machine is out of order."""
    step = timedelta(minutes=one.step_minutes)
    floor = now - (now - datetime.fromtimestamp(0, tz=now.tzinfo)) % step
    out: list[Period] = []
    if one.state is State.OUT_OF_ORDER:
        out = [Period(floor - timedelta(days=1), one.out_until or floor + timedelta(days=4000))]
    past = Period(datetime.fromtimestamp(0, tz=now.tzinfo), floor)
    return without(free, [past, *out])


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one row is painted from: a machine, when it is open, free and taken, and who looks."""

    one: Machine
    opening: Sequence[Period]
    free: Sequence[Period]
    taken: Sequence[Any]
    member_id: int | None
    now: datetime


def _cells(window: Period, sight: _Sight) -> list[Cell]:
    count = int(window.duration / QUARTER)
    kinds = [_kind(Period(window.start + QUARTER * i, window.start + QUARTER * (i + 1)), sight) for i in range(count)]
    cells: list[Cell] = []
    begun = 0
    for i in range(1, count + 1):
        if i == count or kinds[i] != kinds[begun]:
            kind, _key, reservation_id = kinds[begun]
            start, end = window.start + QUARTER * begun, window.start + QUARTER * i
            cells.append(Cell(kind, i - begun, start, end, reservation_id))
            begun = i
    return cells


def _kind(quarter: Period, sight: _Sight) -> tuple[str, object, int | None]:
    """What to paint over a quarter: (kind, what it must share to be one cell with its neighbour, own reservation)."""
    here = [event for event in sight.taken if event.starts_at < quarter.end and quarter.start < event.ends_at]
    for event in here:
        if sight.member_id is not None and event.member_id == sight.member_id and event.status in LIVE:
            return "mine", event.reservation_id, event.reservation_id
    if not any(period.overlaps(quarter) for period in sight.opening):
        blocked = next((event for event in here if event.purpose is not Purpose.RESERVATION), None)
        return ("closed", "closed", None) if blocked is None else (queries.KINDS[blocked.purpose], blocked.starts_at, None)
    if any(period.overlaps(quarter) for period in sight.free):
        return "free", quarter.start.astimezone(clock.zone()).replace(minute=0), None
    if here:
        kind = queries.KINDS[here[0].purpose]
        return kind, (here[0].starts_at if sight.one.resource.capacity == 1 else kind), None
    out_until = sight.one.out_until
    if sight.one.state is State.OUT_OF_ORDER and quarter.end > sight.now and (out_until is None or quarter.start < out_until):
        return "repair", "out", None
    return "past", "past", None
