"""What the machines' clockwork does, each in transactions of its own; every job bears being late, early or run twice."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from app.kernel import clock, mail, outbox
from app.kernel.db import db, transaction
from machines import usage
from machines.models import Reservation
from machines.rules import Status


def init_app(app: Flask) -> None:
    outbox.every(app, "machines.begin_due", timedelta(seconds=20), _begin_due)
    outbox.every(app, "machines.mark_no_shows", timedelta(minutes=1), _mark_no_shows)
    outbox.every(app, "machines.end_forgotten", timedelta(minutes=1), _end_forgotten)
    outbox.every(app, "machines.remind", timedelta(minutes=15), remind)


def remind() -> None:
    """The day before, once per time: a moved reservation gets another reminder, one booked for today gets none."""
    now = clock.now()
    with transaction():
        soon = db.session.execute(
            select(Reservation.id, Reservation.revision).where(
                Reservation.status == Status.CONFIRMED,
                Reservation.starts_at > now + timedelta(hours=12),
                Reservation.starts_at <= now + timedelta(hours=24),
                Reservation.changed_at < now - timedelta(hours=6),
            )
        ).all()
        for row in soon:
            key = f"machines.reminder:{row.id}:{row.revision}"
            mail.send("machines.reminder", key=key, reservation=row.id, revision=row.revision)


def _begin_due() -> None:
    with transaction():
        usage.begin_due()


def _mark_no_shows() -> None:
    with transaction():
        usage.mark_no_shows()


def _end_forgotten() -> None:
    with transaction():
        usage.end_forgotten()
