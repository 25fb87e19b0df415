"""When machines are taken, as feeds and timetables read it: columns, never entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any

from sqlalchemy import String, and_, bindparam, or_, select, type_coerce

from app.calendar import hours
from app.calendar import queries as calendar
from app.calendar.models import Occupancy, Purpose, Resource
from app.kernel.db import ManyRows, db, run
from app.kernel.periods import Period, merged
from machines.models import Machine, Reservation, State
from machines.rules import LIVE

KINDS: Mapping[Purpose, str] = {
    Purpose.RESERVATION: "other",
    Purpose.MAINTENANCE: "repair",
    Purpose.CLOSURE: "closed",
    Purpose.PRIVATISATION: "hired",
    Purpose.SESSION: "class",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a feed's ETag is made of, and what its rows are read by. `out` is the outage as it is known, if there is one."""

    machine_id: int
    resource_id: int
    slug: str
    seats: int
    revision: int
    out: tuple[datetime, datetime | None] | None
    hours: hours.Revision


_STAMP_COLUMNS = (
    select(
        Machine.id,
        Machine.resource_id,
        Machine.slug,
        Resource.capacity,
        Resource.revision,
        Machine.state == State.OUT_OF_ORDER,
        Machine.out_from,
        Machine.out_until,
        *hours.revision_columns(),
    )
    .join(Resource, Resource.id == Machine.resource_id)
    .where(Machine.state != State.RETIRED)
)
_STAMP = _STAMP_COLUMNS.where(Machine.slug == bindparam("slug"))
_STAMPS = ManyRows(_STAMP_COLUMNS)


def stamps(slug: str | None = None) -> list[Stamp]:
    """One machine's, or every machine's, in one statement."""
    if slug is not None and "\x00" in slug:
        return []
    rows = _STAMPS.read() if slug is None else run(_STAMP, slug=slug)
    return [
        Stamp(ident, resource_id, slug, seats, revision, (begun, until) if is_out and begun else None, (int(hours), int(places)))
        for ident, resource_id, slug, seats, revision, is_out, begun, until, hours, places in sorted(rows)
    ]


_EVENTS = calendar.touching(
    select(
        Occupancy.resource_id,
        Occupancy.starts_at,
        Occupancy.ends_at,
        Occupancy.purpose,
        Reservation.id.label("reservation_id"),
        Reservation.member_id,
        Reservation.status,
        Reservation.ends_at.label("use_ends_at"),
    )
    .select_from(Occupancy)
    .outerjoin(Reservation, Reservation.occupancy_id == Occupancy.id)
).order_by(Occupancy.resource_id, Occupancy.starts_at)


def events(resource_ids: Sequence[int], period: Period) -> list[Any]:
    """Rows (resource_id, starts_at, ends_at, purpose, reservation_id, member_id, status, use_ends_at) that touch `period`.

    They end with the turnaround, `use_ends_at` is the end of the reservation. One statement.
    """
    return list(db.session.execute(_EVENTS, calendar.bounds(resource_ids, period)))


_TAKEN = ManyRows(
    calendar.touching(
        select(
            Occupancy.resource_id,
            Occupancy.starts_at,
            Occupancy.ends_at,
            type_coerce(Occupancy.purpose, String),
            Reservation.id,
            Reservation.ends_at,
        )
        .select_from(Occupancy)
        .outerjoin(
            Reservation,
            and_(
                Reservation.occupancy_id == Occupancy.id,
                Reservation.member_id == bindparam("member_id"),
                or_(*(Reservation.status == status for status in LIVE)),
            ),
        )
    )
)


def taken(resource_ids: Sequence[int], period: Period, member_id: int | None) -> list[Any]:
    """Rows (resource_id, starts_at, ends_at, purpose, reservation_id, use_ends_at) that touch `period`, in order; the last two
    only where it is the member's own. One statement.
    """
    return sorted(_TAKEN.read(member_id=member_id, **calendar.bounds(resource_ids, period)), key=itemgetter(0, 1, 2))


def outage(stamp: Stamp, period: Period) -> Period | None:
    """The part of `period` during which the machine is out of order, as far as one knows now."""
    if stamp.out is None:
        return None
    begun, until = stamp.out
    start, end = max(begun, period.start), min(until or period.end, period.end)
    return Period(start, end) if start < end else None


def full(taken: Iterable[Period], seats: int) -> list[Period]:
    """When every seat is taken; where there is only one, each taking by itself."""
    found = sorted(taken)
    if seats == 1:
        return found
    edges = sorted({edge for one in found for edge in (one.start, one.end)})
    pieces = (Period(start, end) for start, end in pairwise(edges))
    return merged(piece for piece in pieces if sum(1 for one in found if one.overlaps(piece)) >= seats)
