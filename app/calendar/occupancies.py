"""Taking and giving back: the only writer of occupancies. The database decides every race; a row lock keeps the peace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.calendar import queries
from app.calendar.guards import NO_OVERLAP
from app.calendar.models import LONGEST, Occupancy, Purpose, Resource
from app.calendar.rules import SLOT_TAKEN
from app.kernel.db import db, is_violation, lock_all, locked
from app.kernel.periods import Period
from app.kernel.refusals import Refused

__all__ = ["SLOT_TAKEN", "finish", "move", "occupy", "release", "take_whole"]


def occupy(
    resource_ids: Sequence[int], period: Period, *, purpose: Purpose, subject: str, note: str | None = None
) -> list[Occupancy]:
    """Take the lowest free lane of each resource, all of them or none.

    Raises Refused([SLOT_TAKEN]) when one has no free lane; the caller's transaction survives.
    """
    resources = lock_all(Resource, resource_ids)
    busy = _busy_lanes([resource.id for resource in resources], period)
    rows = []
    for resource in resources:
        lane = next((lane for lane in range(resource.capacity) if lane not in busy.get(resource.id, set())), None)
        if lane is None:
            raise _taken(period)
        rows += _rows(Occupancy(purpose=purpose, subject=subject, note=note), resource.id, lane, period)
    return _write(rows, resources, period)


def take_whole(resource_id: int, period: Period, *, purpose: Purpose, subject: str, note: str | None = None) -> list[Occupancy]:
    """Take a place and everything under it, every lane. All or nothing, like `occupy`.

    What is added under the place later is not taken: the place itself shows why it is closed.
    """
    resources = lock_all(Resource, [resource_id, *queries.under(resource_id)])
    taking = Occupancy(purpose=purpose, subject=subject, note=note)
    lanes = [(resource.id, lane) for resource in resources for lane in range(resource.capacity)]
    rows = [row for ident, lane in lanes for row in _rows(taking, ident, lane, period)]
    return _write(rows, resources, period)


def move(occupancy_id: int, period: Period) -> Occupancy:
    """The same occupancy at another time, on its own lane or else on another free one. Raises Refused([SLOT_TAKEN])."""
    resource_id = db.session.scalars(select(Occupancy.resource_id).where(Occupancy.id == occupancy_id)).one()
    [resource] = lock_all(Resource, [resource_id])
    row = locked(Occupancy, occupancy_id)
    busy = _busy_lanes([resource_id], period, but=occupancy_id).get(resource_id, set())
    lanes = [row.lane, *(lane for lane in range(resource.capacity) if lane != row.lane)]
    free = next((lane for lane in lanes if lane not in busy), None)
    if free is None:
        raise _taken(period)
    _touch([resource])
    with _guarded(period):
        row.lane, row.starts_at, row.ends_at = free, period.start, period.end
    return row


def finish(occupancy_id: int, at: datetime) -> None:
    """End it at `at` if that is sooner than planned; release it if it had not begun by then. Later is left as it is."""
    resource_id = db.session.scalars(select(Occupancy.resource_id).where(Occupancy.id == occupancy_id)).one()
    [resource] = lock_all(Resource, [resource_id])
    row = locked(Occupancy, occupancy_id)
    if row.released_at is None and at <= row.starts_at:
        row.released_at = at
    elif row.released_at is None and at < row.ends_at:
        row.ends_at = at
    _touch([resource])


def release(subject: str, at: datetime) -> int:
    """Give back everything the subject holds from `at` on; what had begun ends then. Returns how many rows it touched."""
    held = select(Occupancy).where(Occupancy.subject == subject, Occupancy.released_at.is_(None), Occupancy.ends_at > at)
    ids = [row.resource_id for row in db.session.scalars(held)]
    if not ids:
        return 0
    resources = lock_all(Resource, list(set(ids)))
    for row in db.session.scalars(held.execution_options(populate_existing=True)):
        if row.starts_at >= at:
            row.released_at = at
        else:
            row.ends_at = at
    _touch(resources)
    return len(ids)


def _write(rows: list[Occupancy], resources: Sequence[Resource], period: Period) -> list[Occupancy]:
    _touch(resources)
    with _guarded(period):
        db.session.add_all(rows)
    return rows


@contextmanager
def _guarded(period: Period) -> Iterator[None]:
    """Write the body inside a savepoint of its own, so that the guard's refusal leaves the rest of the transaction alone."""
    db.session.flush()  # what was pending before is no part of the savepoint
    try:
        with db.session.begin_nested():
            yield
    except DBAPIError as error:
        if is_violation(error, NO_OVERLAP):
            raise _taken(period) from error
        raise


def _touch(resources: Sequence[Resource]) -> None:
    for resource in resources:
        resource.revision += 1


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


def _busy_lanes(resource_ids: Sequence[int], period: Period, *, but: int | None = None) -> dict[int, set[int]]:
    """Lanes that are taken during `period`, a look before the guard's verdict: it chooses the lane, the guard decides."""
    statement = select(Occupancy.resource_id, Occupancy.lane).where(
        Occupancy.resource_id.in_(resource_ids),
        Occupancy.released_at.is_(None),
        Occupancy.starts_at < period.end,
        Occupancy.starts_at >= period.start - LONGEST,
        Occupancy.ends_at > period.start,
    )
    if but is not None:
        statement = statement.where(Occupancy.id != but)
    found: dict[int, set[int]] = {}
    for resource_id, lane in db.session.execute(statement):
        found.setdefault(resource_id, set()).add(lane)
    return found
