"""The story of a print, written as it happens: what took place, and who is told by letter. Nothing is decided here."""

from __future__ import annotations

from typing import Any

from app.kernel import clock, mail
from app.kernel.db import db
from machines.models import Reservation
from machines.printing.models import PrintEvent, PrintJob

LETTERS = (
    "approval_asked",
    "approved",
    "refused",
    "paused",
    "finished",
    "stopped",
    "failed",
    "lost",
    "unreachable",
    "stalled",
    "rejected",
    "preflight_failed",
    "not_startable",
    "key_refused",
)
"""What is written about as `printing.<name>`. All come with `job`, and with `team=True` when they are for the team, but:
`preflight_failed` and `not_startable` come with `reservation` (and `team`), `key_refused`, which is for the team, with `link`.
"""


def note(job: PrintJob, kind: str, member_id: int | None = None, **details: Any) -> None:
    """Write down what happened to a job, in the caller's transaction; details that are None are left out."""
    kept = {name: value for name, value in details.items() if value is not None}
    db.session.add(PrintEvent(job_id=job.id, at=clock.now(), kind=kind, member_id=member_id, details=kept))


def tell(name: str, job: PrintJob, *, once: str = "", team: bool = False) -> None:
    """Leave a letter about a job to its owner or to the team; `once` tells apart what may happen to it several times."""
    key = ":".join(part for part in (f"printing.{name}", str(job.id), once, "team" if team else "") if part)
    more = {"team": True} if team else {}
    mail.send(f"printing.{name}", key=key, job=job.id, **more)


def tell_not_there(reservation: Reservation, *, team: bool) -> None:
    """The printer of a slot is not there; once for each time the slot has had."""
    key = f"printing.preflight_failed:{reservation.id}:{reservation.revision}:{'team' if team else 'member'}"
    more = {"team": True} if team else {}
    mail.send("printing.preflight_failed", key=key, reservation=reservation.id, **more)
