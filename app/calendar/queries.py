"""What is open, taken and free: columns, not entities, in a constant number of statements for any number of resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, select

from app.calendar import hours as books
from app.calendar.models import LONGEST, Kind, Occupancy, Purpose, Resource
from app.kernel import clock
from app.kernel.db import db
from app.kernel.periods import Period, merged, without

SOON = timedelta(days=14)

_Statement = TypeVar("_Statement", bound="Select[*tuple[Any, ...]]")


@dataclass(frozen=True, slots=True)
class Busy:
    occupancy_id: int
    lane: int
    period: Period
    purpose: Purpose
    subject: str
    note: str | None


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A stretch that was free when we looked."""

    period: Period
    resource_id: int


def opening(resource_ids: Sequence[int], period: Period, *, revision: books.Revision | None = None) -> dict[int, list[Period]]:
    """The open stretches that touch `period`, whole, in order. One statement, none when the caller knows the revision."""
    return books.book(revision).opening(resource_ids, period, clock.zone())


def touching(statement: _Statement) -> _Statement:
    """Narrow a select over Occupancy to the unreleased rows of some resources that share time with a period.

    Which ones and when are parameters (`bounds`), so that the statement is built once. `starts_at` is bounded from below too
    (no row is longer than LONGEST), so that the search is a range of the index.
    """
    return statement.where(
        Occupancy.resource_id.in_(bindparam("resource_ids", expanding=True)),
        Occupancy.released_at.is_(None),
        Occupancy.ends_at > bindparam("bounds_start"),
        Occupancy.starts_at < bindparam("bounds_end"),
        Occupancy.starts_at >= bindparam("bounds_earliest"),
    )


def bounds(resource_ids: Sequence[int], period: Period) -> dict[str, Any]:
    """The parameters of a `touching` statement."""
    earliest = period.start - LONGEST
    return {
        "resource_ids": resource_ids, "bounds_start": period.start, "bounds_end": period.end, "bounds_earliest": earliest,
    }  # fmt: skip


_OCCUPIED = touching(
    select(
        Occupancy.resource_id,
        Occupancy.id,
        Occupancy.lane,
        Occupancy.starts_at,
        Occupancy.ends_at,
        Occupancy.purpose,
        Occupancy.subject,
        Occupancy.note,
    )
).order_by(Occupancy.starts_at)


def occupied(resource_ids: Sequence[int], period: Period) -> dict[int, list[Busy]]:
    """Who takes what during `period`. One statement."""
    found: dict[int, list[Busy]] = {ident: [] for ident in resource_ids}
    for row in db.session.execute(_OCCUPIED, bounds(resource_ids, period)):
        found[row.resource_id].append(
            Busy(row.id, row.lane, Period(row.starts_at, row.ends_at), row.purpose, row.subject, row.note)
        )
    return found


def free(resource_ids: Sequence[int], period: Period) -> dict[int, list[Period]]:
    """Stretches inside `period` that are open and have at least one lane left. Three statements."""
    open_hours, taken, lanes = opening(resource_ids, period), occupied(resource_ids, period), _capacities(resource_ids)
    result = {}
    for ident in resource_ids:
        within = [piece for stretch in open_hours[ident] if (piece := stretch.clip(period))]
        result[ident] = without(within, _full(taken[ident], lanes.get(ident, 1)))
    return result


def has_free_lane(resource_id: int, period: Period) -> bool:
    """Whether some lane is untouched during the whole of `period`. Two statements."""
    taken = {busy.lane for busy in occupied([resource_id], period)[resource_id]}
    return len(taken) < _capacities([resource_id]).get(resource_id, 1)


def first_free(
    minutes: Mapping[int, int],
    *,
    after: datetime,
    days: int = 14,
    step_minutes: int = 15,
    turnaround_minutes: Mapping[int, int] | None = None,
) -> list[Slot]:
    """Starts on the step, from `after` on, where each resource's `minutes` (and then the turnaround) fit; soonest first."""
    return sorted(
        slot
        for ident, starts in _fitting(minutes, Period(after, after + timedelta(days=days)), turnaround_minutes).items()
        for slot in _starts(ident, starts, minutes[ident], step_minutes, after)
    )


def alternatives(
    resource_ids: Sequence[int],
    period: Period,
    *,
    count: int = 3,
    turnaround_minutes: Mapping[int, int] | None = None,
) -> list[Slot]:
    """The nearest stretches of the same length, before or after; the first resource before the others when equally near."""
    now = clock.now()
    begin = max(now, period.start - timedelta(days=3))
    if period.end + SOON <= begin:
        return []
    around = Period(begin, max(period.end, begin) + SOON)
    fitting = _fitting(dict.fromkeys(resource_ids, period.minutes), around, turnaround_minutes)
    found = [slot for ident, starts in fitting.items() for slot in _starts(ident, starts, period.minutes, 15, begin)]
    rank = {ident: number for number, ident in enumerate(resource_ids)}
    found.sort(key=lambda slot: (abs(slot.period.start - period.start), rank[slot.resource_id], slot.period.start))
    chosen: list[Slot] = []
    for slot in found:
        if all(slot.resource_id != other.resource_id or not slot.period.overlaps(other.period) for other in chosen):
            chosen.append(slot)
        if len(chosen) == count:
            break
    return chosen


def resource(slug: str, *kinds: Kind) -> Resource:
    """What has this short address and is not retired, of one of `kinds` when given. Raises NoResultFound."""
    statement = select(Resource).where(Resource.slug == slug, Resource.retired_at.is_(None))
    return db.session.scalars(statement.where(Resource.kind.in_(kinds)) if kinds else statement).one()


def site() -> Resource | None:
    return db.session.scalars(select(Resource).where(Resource.kind == Kind.SITE).order_by(Resource.id).limit(1)).first()


@dataclass(frozen=True, slots=True)
class Place:
    """A site or space in the tree; `things` are the machines that stand right in it."""

    resource: Resource
    depth: int
    things: list[Resource]


def places() -> list[Place]:
    """The tree without what is retired, parents before children, in its order. One statement."""
    rows = db.session.scalars(select(Resource).where(Resource.retired_at.is_(None)).order_by(Resource.position, Resource.id))
    by_parent: dict[int | None, list[Resource]] = defaultdict(list)
    for row in rows:
        by_parent[row.parent_id].append(row)

    def below(parent: int | None, depth: int) -> list[Place]:
        found = []
        for one in by_parent[parent]:
            if one.kind is not Kind.MACHINE:
                things = [thing for thing in by_parent[one.id] if thing.kind is Kind.MACHINE]
                found += [Place(one, depth, things), *below(one.id, depth + 1)]
        return found

    return below(None, 0)


def under(resource_id: int) -> list[int]:
    """Everything below a place that is not retired, whatever the depth."""
    tree = (
        select(Resource.id).where(Resource.parent_id == resource_id, Resource.retired_at.is_(None)).cte("under", recursive=True)
    )
    below = select(Resource.id).join(tree, Resource.parent_id == tree.c.id).where(Resource.retired_at.is_(None))
    return list(db.session.scalars(select(tree.union_all(below).c.id)))


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that holds a place, its lanes and rows counted as one."""

    place: dict[str, str]
    period: Period
    purpose: Purpose
    subject: str


def in_the_way(resource_ids: Sequence[int], period: Period) -> list[Obstacle]:
    """What holds any of these during `period`, soonest first. One statement."""
    columns = select(
        Resource.name, Occupancy.resource_id, Occupancy.starts_at, Occupancy.ends_at, Occupancy.purpose, Occupancy.subject
    ).join(Resource, Resource.id == Occupancy.resource_id)
    ordered = touching(columns).order_by(Occupancy.starts_at, Occupancy.id)
    found: dict[tuple[int, str], Obstacle] = {}
    for row in db.session.execute(ordered, bounds(resource_ids, period)):
        known = found.get((row.resource_id, row.subject))
        start = min(row.starts_at, known.period.start) if known else row.starts_at
        end = max(row.ends_at, known.period.end) if known else row.ends_at
        found[row.resource_id, row.subject] = Obstacle(row.name, Period(start, end), row.purpose, row.subject)
    return sorted(found.values(), key=lambda one: (one.period.start, one.subject))


def _capacities(resource_ids: Sequence[int]) -> dict[int, int]:
    rows = db.session.execute(select(Resource.id, Resource.capacity).where(Resource.id.in_(resource_ids)))
    return {row.id: row.capacity for row in rows}


def _full(taken: Sequence[Busy], lanes: int) -> list[Period]:
    """When every lane is taken at once."""
    if lanes == 1:
        return [busy.period for busy in taken]
    edges = sorted({edge for busy in taken for edge in (busy.period.start, busy.period.end)})
    pieces = [Period(a, b) for a, b in pairwise(edges)]
    return merged(piece for piece in pieces if len({busy.lane for busy in taken if busy.period.overlaps(piece)}) >= lanes)


def _fitting(minutes: Mapping[int, int], within: Period, turnaround_minutes: Mapping[int, int] | None) -> dict[int, list[Period]]:
    """Per resource, when a use of its `minutes` may *start*: `[earliest, latest]` as periods a step wider than needed.

    The use must be open and free; the turnaround after it must be free but may pass the closing. With several lanes, one
    lane must be free for the whole of it.
    """
    resource_ids = list(minutes)
    open_hours, taken, lanes = (
        opening(resource_ids, within),
        occupied(resource_ids, within.extended(LONGEST)),
        _capacities(resource_ids),
    )
    result: dict[int, list[Period]] = {}
    for ident in resource_ids:
        length = timedelta(minutes=minutes[ident])
        turnaround = timedelta(minutes=(turnaround_minutes or {}).get(ident, 0))
        by_lane: dict[int, list[Period]] = defaultdict(list)
        for busy in taken[ident]:
            by_lane[busy.lane].append(Period(busy.period.start - turnaround, busy.period.end) if turnaround else busy.period)
        found = []
        for lane in range(lanes.get(ident, 1)):
            for stretch in without([piece for o in open_hours[ident] if (piece := o.clip(within))], by_lane[lane]):
                if stretch.duration >= length:
                    found.append(Period(stretch.start, stretch.end - length + timedelta(microseconds=1)))
        result[ident] = merged(found)
    return result


def _starts(ident: int, starts: Sequence[Period], minutes: int, step_minutes: int, after: datetime) -> list[Slot]:
    """Every start on the step inside each stretch."""
    tz, length, found = clock.zone(), timedelta(minutes=minutes), []
    for stretch in starts:
        start = _rounded_up(max(stretch.start, after), step_minutes, tz)
        while start < stretch.end:
            found.append(Slot(Period(start, start + length), ident))
            start += timedelta(minutes=step_minutes)
    return found


def _rounded_up(instant: datetime, step_minutes: int, tz: Any) -> datetime:
    local = instant.astimezone(tz)
    spare = timedelta(minutes=local.minute % step_minutes, seconds=local.second, microseconds=local.microsecond)
    return (instant - spare + timedelta(minutes=step_minutes) if spare else instant).astimezone(UTC)
