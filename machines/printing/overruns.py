"""Prints that will pass the end of their slot: foretold, told to whoever is concerned, and what happens at the end.

Letters: `printing.overrun_owner` (job), `printing.overrun_next` (job, reservation: whose slot it is), `printing.overrun_team`
(job). Each comes at most once a stage: when it is first foreseen, a quarter of an hour before the end, at the end. What the
next person may do about it is in `delays`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from app.kernel import clock, mail
from app.kernel.actors import HOUSE
from app.kernel.db import db, locked
from machines.models import Reservation
from machines.printing import prints
from machines.printing.events import note
from machines.printing.gateway import Observation, Seen
from machines.printing.models import PrinterLink, PrintJob
from machines.printing.rules import RUNNING, EndPolicy, Wish
from machines.rules import LIVE

SURE_AFTER = timedelta(seconds=60)
"""Two looks this far apart must both say so: what a server says is left jumps about."""
SOON = timedelta(minutes=15)

_GUESSED = ("linear", None)
"""What a server says is left when it does not know: bytes, not time. Ours is better."""


def look(*, job: PrintJob, seen: Observation) -> None:
    """Foretell the end of a running print by what was just seen; tell whoever is concerned when it passes the slot."""
    job.ends_about = forecast_end(job, seen)
    reservation = _reservation(job)
    if job.ends_about is None or job.ends_about <= reservation.ends_at:
        job.overrun_seen_at = job.overrun_since = None
        return
    if job.overrun_seen_at is None:
        job.overrun_seen_at = seen.at
    if job.overrun_since is None and seen.at - job.overrun_seen_at >= SURE_AFTER:
        job.overrun_since = seen.at
        job.revision += 1
        note(job, "overrun_foreseen", ends_about=job.ends_about.isoformat())
    if job.overrun_since is not None:
        tell(job, reservation, seen.at)


def forecast_end(job: PrintJob, seen: Observation) -> datetime | None:
    """By what its server says is left where that is time, else by our own estimate; None when nothing is known."""
    if seen.seconds_left is not None and seen.seconds_left_kind not in _GUESSED:
        return seen.at + timedelta(seconds=max(0, seen.seconds_left))
    if job.estimated_seconds is not None:
        done = max(job.print_seconds, seen.print_seconds or 0)
        return seen.at + timedelta(seconds=max(0, job.estimated_seconds - done))
    return seen.at + timedelta(seconds=max(0, seen.seconds_left)) if seen.seconds_left is not None else None


def last_look(job: PrintJob) -> datetime | None:
    """When the print was last seen under way, reckoned back from its forecast; None where nothing could be foretold."""
    if job.ends_about is None:
        return None
    at = job.ends_about
    told = Observation(at, Seen.PRINTING, seconds_left=job.seconds_left, seconds_left_kind=job.seconds_left_kind)
    return at - ((forecast_end(job, told) or at) - at)


def tell(job: PrintJob, reservation: Reservation, now: datetime) -> None:
    """Write to the owner and to who is next, once for the stage it has come to; a longer slot begins anew."""
    stage = "end" if now >= reservation.ends_at else "soon" if now >= reservation.ends_at - SOON else "foreseen"
    slot = int(reservation.ends_at.timestamp())
    mail.send("printing.overrun_owner", key=f"printing.overrun_owner:{job.id}:{slot}:{stage}", job=job.id)
    if (following := harmed(job)) is not None:
        key = f"printing.overrun_next:{job.id}:{following.id}:{slot}:{stage}"
        mail.send("printing.overrun_next", key=key, job=job.id, reservation=following.id)
    job.overrun_told_at = now


def harmed(job: PrintJob) -> Reservation | None:
    """Whose slot on the printer the print will take something of, or takes already."""
    following = next_one(job)
    until = max(job.ends_about or clock.now(), clock.now())
    return following if following is not None and following.starts_at < until else None


def next_one(job: PrintJob) -> Reservation | None:
    """The reservation after the print's own on the same machine, that is not over yet."""
    own = _reservation(job)
    later = select(Reservation).where(
        Reservation.machine_id == own.machine_id,
        Reservation.id != own.id,
        Reservation.status.in_(LIVE),
        Reservation.starts_at >= own.ends_at,
        Reservation.ends_at > clock.now(),
    )
    return db.session.scalars(later.order_by(Reservation.starts_at, Reservation.id).limit(1)).first()


def at_slot_end(*, job: PrintJob) -> bool:
    """What the printer's rule says of a print that is not finished at the end of its slot. Whether anything was done.

    `finish` lets it go on for the time of grace while nobody's slot suffers, then calls the team, as `staff` does at once;
    `ask_next` leaves it to the next person (`delays`); `cancel` stops it.
    """
    link = locked(PrinterLink, job.link_id)
    job = locked(PrintJob, job.id)
    reservation, now = _reservation(job), clock.now()
    if job.state not in RUNNING or now < reservation.ends_at:
        return False
    tell(job, reservation, now)
    if link.end_policy is EndPolicy.CANCEL:
        if job.wish is Wish.CANCEL:
            return False
        prints.cancel(actor=HOUSE, job_id=job.id)
        note(job, "stopped_at_slot_end")
        return True
    grace_over = now >= reservation.ends_at + timedelta(minutes=link.overrun_grace_minutes)
    following = harmed(job)
    is_harm = following is not None and following.starts_at <= now
    is_for_team = {
        EndPolicy.STAFF: True,
        EndPolicy.FINISH: grace_over or is_harm,
        EndPolicy.ASK_NEXT: grace_over and following is None,
    }[link.end_policy]
    if is_for_team:
        key = f"printing.overrun_team:{job.id}:{int(reservation.ends_at.timestamp())}"
        mail.send("printing.overrun_team", key=key, job=job.id)
    return is_for_team


def _reservation(job: PrintJob) -> Reservation:
    return db.session.scalars(select(Reservation).where(Reservation.id == job.reservation_id)).one()
