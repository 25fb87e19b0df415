"""The clockwork of printing. Each reservation and each print has a transaction of its own; all bear being late or run twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy import Select, select

from app.kernel import clock, outbox
from app.kernel.db import db, repeating, transaction
from machines import usage
from machines.models import Reservation
from machines.printing import overruns, preflight, prints
from machines.printing.models import PrinterLink, PrintJob
from machines.printing.rules import RUNNING, JobState
from machines.rules import LIVE, Status

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    outbox.every(app, "printing.expire", timedelta(minutes=1), expire)
    outbox.every(app, "printing.preflight", timedelta(minutes=1), look_ahead)
    outbox.every(app, "printing.give_back_unusable", timedelta(minutes=1), give_back_unusable)
    outbox.every(app, "printing.end_slots", timedelta(minutes=1), end_slots)


def expire() -> None:
    """Prints that nobody started in their slot."""
    is_over = Reservation.status.not_in(LIVE) | (Reservation.ends_at <= clock.now())
    _each(prints.expire_if_over, _of_jobs().where(PrintJob.state == JobState.ATTACHED, is_over))


def look_ahead() -> None:
    """Whether the printers of the next slots are there."""
    now = clock.now()
    soon = (
        Reservation.status.in_((Status.CONFIRMED, Status.CHECKED_IN)),
        Reservation.starts_at > now,
        Reservation.starts_at <= now + preflight.BEFORE,
    )
    _each(preflight.check, _of_printers().where(*soon))


def give_back_unusable() -> None:
    """Slots that run on printers nobody can use."""
    latest = clock.now() - usage.patience()
    running = (Reservation.status.in_(LIVE), Reservation.starts_at <= latest, Reservation.ends_at > clock.now())
    _each(preflight.give_back_if_unusable, _of_printers().where(*running, PrinterLink.unusable_since <= latest))


def end_slots() -> None:
    """Prints that are under way at the end of their slot: what the printer's rule says."""
    _each(_end_slot, _of_jobs().where(PrintJob.state.in_(RUNNING), Reservation.ends_at <= clock.now()))


def _end_slot(job_id: int) -> None:
    overruns.at_slot_end(job=db.session.scalars(select(PrintJob).where(PrintJob.id == job_id)).one())


def _of_jobs() -> Select[int]:
    return select(PrintJob.id).join(Reservation, Reservation.id == PrintJob.reservation_id).order_by(PrintJob.id)


def _of_printers() -> Select[int]:
    linked = select(Reservation.id).join(PrinterLink, PrinterLink.machine_id == Reservation.machine_id)
    return linked.where(PrinterLink.is_enabled).order_by(Reservation.id)


def _each(act: Callable[[int], object], statement: Select[int]) -> None:
    """Do `act` to each; what fails is told at the end, after the others."""
    idents = list(db.session.scalars(statement))
    db.session.rollback()
    failed: Exception | None = None
    for ident in idents:
        try:
            _whole(act, ident)
        except Exception as error:
            db.session.rollback()
            log.warning("%s of %s: %s", act.__name__, ident, error)
            failed = error
    if failed is not None:
        raise failed


@repeating
def _whole(act: Callable[[int], object], ident: int) -> None:
    with transaction():
        act(ident)
