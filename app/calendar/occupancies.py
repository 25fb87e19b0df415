"""Taking and giving back: the only writer of occupancies. The database decides every race; a row lock keeps the peace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import DBAPIError

from app.calendar import queries
from app.calendar.guards import NO_OVERLAP
from app.calendar.models import LONGEST, Occupancy, Purpose, Resource
from app.calendar.rules import SLOT_TAKEN
from app.kernel.db import Violation, db, insert_unless, is_violation, locked, run, savepoint
from app.kernel.periods import Period
from app.kernel.refusals import Refused

__all__ = ["SLOT_TAKEN", "claim", "finish", "move", "occupy", "occupy_claimed", "release", "rename", "take_whole"]


class Place(NamedTuple):
    """What taking needs to know of a resource, which is locked."""

    id: int
    capacity: int


def claim(resource_ids: Sequence[int]) -> list[Place]:
    """Lock the places until the end, always the whole list at once and in ascending order, so that two who want the same ones
    never wait for each other; and say that something about them changes.
    """
    idents = sorted(resource_ids)
    if len(idents) > 1:
        run(_LOCK, idents=idents)
    return sorted(Place(ident, capacity) for ident, capacity in run(_TOUCH, idents=idents))


def occupy(
    resource_ids: Sequence[int], period: Period, *, purpose: Purpose, subject: str, note: str | None = None
) -> list[Occupancy]:
    """Take the lowest free lane of each resource, all of them or none. What is returned says what was written; it is no part of
    the session.

    Raises Refused([SLOT_TAKEN]) when one has no free lane; the caller's transaction survives.
    """
    return occupy_claimed(claim(resource_ids), period, purpose=purpose, subject=subject, note=note)


def occupy_claimed(
    places: Sequence[Place], period: Period, *, purpose: Purpose, subject: str, note: str | None = None
) -> list[Occupancy]:
    """The same for places claimed before, so that what was decided about them since holds."""
    busy = _busy_lanes([place.id for place in places], period)
    rows = []
    for resource in places:
        lane = next((lane for lane in range(resource.capacity) if lane not in busy.get(resource.id, set())), None)
        if lane is None:
            raise _taken(period)
        rows += _rows(Occupancy(purpose=purpose, subject=subject, note=note), resource.id, lane, period)
    return _write(rows, period)


def take_whole(resource_id: int, period: Period, *, purpose: Purpose, subject: str, note: str | None = None) -> list[Occupancy]:
    """Take a place and everything under it, every lane. All or nothing, like `occupy`.

    What is added under the place later is not taken: the place itself shows why it is closed.
    """
    resources = claim([resource_id, *queries.under(resource_id)])
    taking = Occupancy(purpose=purpose, subject=subject, note=note)
    lanes = [(resource.id, lane) for resource in resources for lane in range(resource.capacity)]
    rows = [row for ident, lane in lanes for row in _rows(taking, ident, lane, period)]
    return _write(rows, period)


def move(occupancy_id: int, period: Period) -> Occupancy:
    """The same occupancy at another time, on its own lane or else on another free one. Raises Refused([SLOT_TAKEN])."""
    resource_id = db.session.scalars(select(Occupancy.resource_id).where(Occupancy.id == occupancy_id)).one()
    [resource] = claim([resource_id])
    row = locked(Occupancy, occupancy_id)
    busy = _busy_lanes([resource_id], period, but=occupancy_id).get(resource_id, set())
    lanes = [row.lane, *(lane for lane in range(resource.capacity) if lane != row.lane)]
    free = next((lane for lane in lanes if lane not in busy), None)
    if free is None:
        raise _taken(period)
    with _guarded(period):
        row.lane, row.starts_at, row.ends_at = free, period.start, period.end
    return row


def rename(row: Occupancy, subject: str) -> None:
    """Whose it is, once that has a number of its own."""
    run(_RENAME, ident=row.id, now_called=subject)
    row.subject = subject


_RENAME = update(Occupancy).where(Occupancy.id == bindparam("ident")).values(subject=bindparam("now_called"))


def finish(occupancy_id: int, at: datetime) -> None:
    """End it at `at` if that is sooner than planned; release it if it had not begun by then. Later is left as it is."""
    resource_id = db.session.scalars(select(Occupancy.resource_id).where(Occupancy.id == occupancy_id)).one()
    claim([resource_id])
    row = locked(Occupancy, occupancy_id)
    if row.released_at is None and at <= row.starts_at:
        row.released_at = at
    elif row.released_at is None and at < row.ends_at:
        row.ends_at = at


def release(subject: str, at: datetime) -> int:
    """Give back everything the subject holds from `at` on; what had begun ends then. Returns how many rows it touched."""
    held = select(Occupancy).where(Occupancy.subject == subject, Occupancy.released_at.is_(None), Occupancy.ends_at > at)
    ids = [row.resource_id for row in db.session.scalars(held)]
    if not ids:
        return 0
    claim(list(set(ids)))
    for row in db.session.scalars(held.execution_options(populate_existing=True)):
        if row.starts_at >= at:
            row.released_at = at
        else:
            row.ends_at = at
    return len(ids)


def _write(rows: list[Occupancy], period: Period) -> list[Occupancy]:
    """The guard's refusal leaves the rest of the transaction alone: a single row needs no savepoint for that, several do."""
    with _refusing(period), savepoint() if len(rows) > 1 else nullcontext():
        for row in rows:
            row.id = insert_unless(NO_OVERLAP, Occupancy, **{name: getattr(row, name) for name in _WRITTEN})
    return rows


_WRITTEN = ("resource_id", "lane", "starts_at", "ends_at", "purpose", "subject", "note")


@contextmanager
def _guarded(period: Period) -> Iterator[None]:
    """Write the body inside a savepoint of its own, so that the guard's refusal leaves the rest of the transaction alone."""
    db.session.flush()  # what was pending before is no part of the savepoint
    with _refusing(period), db.session.begin_nested():
        yield


@contextmanager
def _refusing(period: Period) -> Iterator[None]:
    try:
        yield
    except Violation as error:
        raise _taken(period) from error
    except DBAPIError as error:
        if is_violation(error, NO_OVERLAP):
            raise _taken(period) from error
        raise


_LOCK = (
    select(Resource.id)
    .where(Resource.id.in_(bindparam("idents", expanding=True)))
    .order_by(Resource.id)
    .with_for_update(key_share=True)
)
_TOUCH = (
    update(Resource)
    .where(Resource.id.in_(bindparam("idents", expanding=True)))
    .values(revision=Resource.revision + 1)
    .returning(Resource.id, Resource.capacity)
)


def _taken(period: Period) -> Refused:
    return Refused([SLOT_TAKEN(start=period.start, end=period.end)])


def _rows(taking: Occupancy, resource_id: int, lane: int, period: Period) -> list[Occupancy]:
    """One row, or several in a row for what lasts longer than LONGEST."""
    rows, start = [], period.start
    while start < period.end:
        end = min(start + LONGEST, period.end)
        rows.append(
            Occupancy(
                resource_id=resource_id,
                lane=lane,
                starts_at=start,
                ends_at=end,
                purpose=taking.purpose,
                subject=taking.subject,
                note=taking.note,
            )
        )
        start = end
    return rows


_LANES = queries.touching(select(Occupancy.resource_id, Occupancy.lane, Occupancy.id))


def _busy_lanes(resource_ids: Sequence[int], period: Period, *, but: int | None = None) -> dict[int, set[int]]:
    """Lanes that are taken during `period`, a look before the guard's verdict: it chooses the lane, the guard decides."""
    found: dict[int, set[int]] = {}
    for resource_id, lane, ident in run(_LANES, **queries.bounds(resource_ids, period)):
        if ident != but:
            found.setdefault(resource_id, set()).add(lane)
    return found
