"""What one member has booked, as booking, arriving and their own calendar look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, or_, select

from app.calendar.models import LONGEST
from app.kernel import clock
from app.kernel.db import db, run
from app.kernel.periods import Period
from machines import queries
from machines.models import Machine, Reservation
from machines.rules import LIVE, Status


def due_at(machine_id: int, member_id: int, opens: timedelta) -> Reservation | None:
    """The member's live reservation that a scan at the machine is about: the one to check in to, else the running one, else
    the next. `opens` is how long before its start one may check in.
    """
    now = clock.now()
    live = db.session.scalars(
        select(Reservation)
        .where(Reservation.machine_id == machine_id, Reservation.member_id == member_id, Reservation.status.in_(LIVE))
        .order_by(Reservation.starts_at)
        .options(queries.with_machine())
    ).all()
    due = [one for one in live if one.status is Status.CONFIRMED and one.starts_at - opens <= now < one.ends_at]
    running = [one for one in live if one.status is not Status.CONFIRMED]
    coming = [one for one in live if one.status is Status.CONFIRMED and one.ends_at > now]
    return next(iter([*due, *running, *coming]), None)


@dataclass(frozen=True, slots=True)
class Engagement:
    """What a member has still to do at machines: one live reservation, in columns."""

    reservation_id: int
    machine_id: int
    machine: Mapping[str, str]
    is_attended: bool
    status: Status
    period: Period


_ENGAGEMENTS = (
    select(
        Reservation.id,
        Reservation.machine_id,
        Machine.name,
        Machine.is_attended,
        Reservation.status,
        Reservation.starts_at,
        Reservation.ends_at,
    )
    .join(Machine, Machine.id == Reservation.machine_id)
    .where(
        Reservation.member_id == bindparam("member_id"),
        Reservation.status.in_(LIVE),
        Reservation.ends_at > bindparam("after"),
        Reservation.starts_at > bindparam("earliest"),  # none is longer: years of past ones are not looked at
    )
)


_ABOUT = _ENGAGEMENTS.where(
    or_(
        Reservation.machine_id == bindparam("machine_id"),
        and_(Reservation.starts_at < bindparam("end"), Reservation.ends_at > bindparam("start")),
    )
)


def engagements(member_id: int, now: datetime, *, about: tuple[int, Period | None] | None = None) -> list[Engagement]:
    """All of the member's, or only those at one machine or during one period. One statement."""
    mine = {"member_id": member_id, "after": now, "earliest": now - LONGEST}
    if about is None:
        rows = run(_ENGAGEMENTS, **mine)
    else:
        machine_id, period = about
        start, end = (period.start, period.end) if period else (now, now)
        rows = run(_ABOUT, machine_id=machine_id, start=start, end=end, **mine)
    return [
        Engagement(ident, machine_id, machine, is_attended, status, Period(starts_at, ends_at))
        for ident, machine_id, machine, is_attended, status, starts_at, ends_at in rows
    ]


@dataclass(frozen=True, slots=True)
class Habit:
    """How long, and for what, somebody booked a machine the last time."""

    minutes: int
    project: str | None


def habit(member_id: int, machine_id: int) -> Habit | None:
    row = db.session.execute(
        select(Reservation.starts_at, Reservation.ends_at, Reservation.project)
        .where(Reservation.member_id == member_id, Reservation.machine_id == machine_id)
        .order_by(Reservation.id.desc())
        .limit(1)
    ).first()
    return Habit(Period(row.starts_at, row.ends_at).minutes, row.project) if row else None


def for_calendar(member_id: int) -> list[Reservation]:
    """What a personal calendar shows: from three months ago on; the cancelled ones stay for a month."""
    now = clock.now()
    return list(
        db.session.scalars(
            select(Reservation)
            .where(
                Reservation.member_id == member_id,
                Reservation.starts_at >= now - timedelta(days=92),
                (Reservation.status != Status.CANCELLED) | (Reservation.cancelled_at >= now - timedelta(days=31)),
            )
            .order_by(Reservation.starts_at)
            .options(queries.with_machine())
        )
    )
