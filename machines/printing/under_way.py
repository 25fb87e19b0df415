"""What machines need to know of printing, and nothing more: is a print under way, can the printer be used. Read only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from app.kernel.db import db
from app.kernel.refusals import Refusal
from machines.printing import reasons
from machines.printing.models import ForeignPrint, PrinterLink, PrintJob
from machines.printing.rules import OPEN


def refusals(reservation_id: int) -> list[Refusal]:
    """Why a reservation can neither be cancelled nor ended now. Whoever asks has the reservation locked, as a start has."""
    return [reasons.PRINT_UNDER_WAY()] if is_open(reservation_id) else []


def is_open(reservation_id: int) -> bool:
    """Whether the printer is taken by a print of this reservation."""
    statement = select(PrintJob.id).where(PrintJob.reservation_id == reservation_id, PrintJob.state.in_(OPEN)).limit(1)
    return db.session.scalars(statement).first() is not None


def is_held_up(machine_id: int, reservation_id: int) -> bool:
    """Whether nobody could use the printer now: it is out of reach, or prints for somebody else still, from here or elsewhere."""
    link = _link(machine_id)
    if link is None:
        return False
    others = select(PrintJob.id).where(
        PrintJob.link_id == link.id, PrintJob.state.in_(OPEN), PrintJob.reservation_id != reservation_id
    )
    foreign = select(ForeignPrint.id).where(ForeignPrint.link_id == link.id, ForeignPrint.seen_until.is_(None))
    return link.unusable_since is not None or any(db.session.scalars(one.limit(1)).first() for one in (others, foreign))


def usable_since(machine_id: int, reservation_id: int) -> datetime | None:
    """Since when the printer has been there for this reservation, which counts for who is late; None: always."""
    link = _link(machine_id)
    if link is None:
        return None
    others = select(func.max(PrintJob.ended_at)).where(
        PrintJob.link_id == link.id, PrintJob.started_at.is_not(None), PrintJob.reservation_id != reservation_id
    )
    foreign = select(func.max(ForeignPrint.seen_until)).where(ForeignPrint.link_id == link.id)
    known = (link.usable_since, db.session.scalar(others), db.session.scalar(foreign))
    return max((moment for moment in known if moment is not None), default=None)


def _link(machine_id: int) -> PrinterLink | None:
    statement = select(PrinterLink).where(PrinterLink.machine_id == machine_id, PrinterLink.is_enabled)
    return db.session.scalars(statement).one_or_none()
