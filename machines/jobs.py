"""What the machines' clockwork does. Every job bears being late, early or run twice, and looks for *older than*.

Each reservation has a transaction of its own: nobody waits for the whole list, and one that fails does not stop the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from app.kernel import clock, mail, outbox
from app.kernel.db import db, repeating, transaction
from machines import catalogue, usage
from machines.models import Machine, Reservation, State
from machines.rules import Status

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    outbox.every(app, "machines.begin_due", timedelta(seconds=20), begin_due)
    outbox.every(app, "machines.mark_no_shows", timedelta(minutes=1), mark_no_shows)
    outbox.every(app, "machines.end_forgotten", timedelta(minutes=1), end_forgotten)
    outbox.every(app, "machines.put_back_due", timedelta(minutes=1), put_back_due)
    outbox.every(app, "machines.remind", timedelta(minutes=15), remind)


def begin_due() -> None:
    """Those checked in early begin at their first minute."""
    _each(usage.begin_if_due, Reservation.status == Status.CHECKED_IN, Reservation.starts_at <= clock.now())


def mark_no_shows() -> None:
    """Who has not checked in some minutes after the start frees the machine."""
    latest = clock.now() - usage.patience()
    _each(usage.note_absence, Reservation.status == Status.CONFIRMED, Reservation.starts_at <= latest)


def end_forgotten() -> None:
    """Uses that nobody ended stop some minutes after their slot."""
    latest = clock.now() - usage.leave_time()
    _each(usage.end_if_forgotten, Reservation.status.in_((Status.IN_USE, Status.CHECKED_IN)), Reservation.ends_at <= latest)


def put_back_due() -> None:
    """Machines whose outage had an end are back in service after it."""
    due = (Machine.state == State.OUT_OF_ORDER, Machine.out_until <= clock.now())
    for ident in _idents(Machine.id, *due):
        with transaction():
            catalogue.put_back_if_due(ident)


def remind() -> None:
    """The day before, once per time: a moved reservation gets another reminder, one booked or moved just now gets none."""
    now = clock.now()
    with transaction():
        soon = db.session.execute(
            select(Reservation.id, Reservation.revision).where(
                Reservation.status == Status.CONFIRMED,
                Reservation.starts_at > now + timedelta(hours=2),
                Reservation.starts_at <= now + timedelta(hours=24),
                Reservation.changed_at < now - timedelta(hours=6),
            )
        ).all()
        for row in soon:
            key = f"machines.reminder:{row.id}:{row.revision}"
            mail.send("machines.reminder", key=key, reservation=row.id, revision=row.revision)


def _each(act: Callable[[int], bool], *due: ColumnElement[bool]) -> None:
    """Do `act` to every reservation that is due; what fails is told at the end, after the others."""
    failed: Exception | None = None
    for ident in _idents(Reservation.id, *due):
        try:
            _whole(act, ident)
        except Exception as error:
            db.session.rollback()
            log.warning("reservation %s: %s", ident, error)
            failed = error
    if failed is not None:
        raise failed


@repeating
def _whole(act: Callable[[int], bool], ident: int) -> None:
    with transaction():
        act(ident)


def _idents(column: InstrumentedAttribute[int], *due: ColumnElement[bool]) -> list[int]:
    found = list(db.session.scalars(select(column).where(*due).order_by(column)))
    db.session.rollback()
    return found
