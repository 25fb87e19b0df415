"""What trainings does by itself: warn before certifications end, and take the trainer flag when a trainer's has ended."""

from __future__ import annotations

from datetime import timedelta

from app.kernel import clock, mail
from app.kernel.db import transaction
from trainings import certifications, queries

NOTICES = (timedelta(days=7), timedelta(days=30))
"""How long before the last day we write, nearest first."""


def warn_of_expiry() -> None:
    """One letter from 30 days before the end, one from 7. Late is fine: it asks what ends *within* so many days, and the
    outbox keeps one letter a key, so neither a day's stop nor a second worker says anything twice. A certification given
    for less than a notice is not announced by it: its holder has just read that date."""
    today = clock.today()
    with transaction():
        for ending in queries.expiring(NOTICES[-1].days):
            notice = next(notice for notice in NOTICES if ending.valid_until <= today + notice)
            if ending.valid_from > ending.valid_until - notice:
                continue
            mail.send(
                "trainings.expiring",
                key=f"certification:{ending.certification_id}:expiring:{notice.days}",
                certification=ending.certification_id,
            )


def note_lapsed_trainers() -> None:
    with transaction():
        certifications.note_lapsed_trainers()
