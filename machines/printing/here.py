"""What the page of a machine says when it is a printer: what it does now, and the reader's own way to print on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import db
from machines.models import Machine, Reservation
from machines.printing import queries
from machines.printing.live import Live, condition, live
from machines.printing.models import PrintFile, PrintJob
from machines.rules import LIVE

FILES = 3


@dataclass(frozen=True, slots=True)
class Here:
    """`job` is what is under way, whoever's it is; only `is_mine` tells the reader whose."""

    condition: str
    seen_at: datetime | None
    age_seconds: int
    job: PrintJob | None
    live: Live | None
    is_mine: bool
    is_team: bool
    files: list[PrintFile]
    reservation: Reservation | None


def here(machine: Machine, actor: Actor) -> Here | None:
    """None where the house knows no printer. One statement then; else two, and two more for a member."""
    link = queries.link_of_machine(machine.id)
    if link is None:
        return None
    now, job = clock.now(), queries.open_job(link.id)
    return Here(
        condition=condition(link, now),
        seen_at=link.observed_at,
        age_seconds=max(0, int((now - link.observed_at).total_seconds())) if link.observed_at else 0,
        job=job,
        live=live(job, link, now) if job else None,
        is_mine=job is not None and actor.member_id is not None and job.reservation.member_id == actor.member_id,
        is_team=queries.is_team(actor, machine.id),
        files=queries.files_of(actor.member_id, FILES) if actor.member_id is not None else [],
        reservation=_next_slot(machine.id, actor.member_id, now) if actor.member_id is not None else None,
    )


def _next_slot(machine_id: int, member_id: int, now: datetime) -> Reservation | None:
    """The reader's slot that runs or comes next."""
    mine = select(Reservation).where(
        Reservation.machine_id == machine_id,
        Reservation.member_id == member_id,
        Reservation.status.in_(LIVE),
        Reservation.ends_at > now,
    )
    return db.session.scalars(mine.order_by(Reservation.starts_at).limit(1)).first()
