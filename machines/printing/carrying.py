"""What the engine writes before and after it asks a printer for something: the claim of a request, its answer, the circuit.

A request is claimed (`asked_at`) and committed before it leaves; a claim is never given twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from app.kernel import audit, clock, mail
from app.kernel.actors import HOUSE
from app.kernel.db import db, locked
from app.kernel.refusals import Refused
from machines.models import Machine, Reservation
from machines.printing import circuits, facts, files, gateway, observing, rules, wishes
from machines.printing.circuits import Standing
from machines.printing.events import note, tell_not_there
from machines.printing.gateway import Observation, PrinterError, Seen
from machines.printing.models import ForeignPrint, PrinterLink, PrintFile, PrintJob
from machines.printing.rules import ENDED, UNREACHABLE_ALARM, Circuit, JobState, Wish
from machines.printing.wishes import STARTED_WITHIN, Act
from machines.rules import LIVE

FORGOTTEN_AFTER = timedelta(days=7)
"""How long after its end a file stays on the printer's server."""
UPLOAD_SECONDS, UPLOAD_BYTES_PER_SECOND = 60.0, 100_000

NOT_DONE = (
    gateway.Unreachable, gateway.StartingUp, gateway.BadKey, gateway.Forbidden, gateway.Conflict, gateway.NotFound,
    gateway.Rejected, gateway.TooLarge, gateway.RateLimited, gateway.AddressRefused,
)  # fmt: skip
"""Errors after which a write was surely not carried out; after any other nobody knows."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the engine is to ask of a printer, once. For a SEND the file comes first, and the start is claimed after it.

    Without a job it is about a print that is not the house's.
    """

    act: Act
    job_id: int | None
    remote_path: str
    source: Path | None = None
    size: int = 0
    marker: tuple[tuple[str, str], ...] = ()


def next_order(link_id: int, seen: Observation) -> Order | None:
    """What may be asked of the printer as it was just seen. All but a SEND is claimed by this."""
    job = observing.open_job(link_id)
    if job is None or job.remote_path is None:
        return _foreign_order(link_id, seen)
    act = wishes.due(observing.wished(job, seen), seen)
    if job.state is JobState.SENDING and act is None and job.wish is Wish.START:
        _not_now(job, seen)
    if act is None:
        return None
    if act is Act.SEND:
        return _to_send(job, job.remote_path, seen)
    job.asked_at = clock.now()
    note(job, f"{act.value}_sent")
    return Order(act, job.id, job.remote_path)


def _foreign_order(link_id: int, seen: Observation) -> Order | None:
    """Stop what the house did not start, where it wants that; once for each print."""
    statement = select(ForeignPrint).where(
        ForeignPrint.link_id == link_id,
        ForeignPrint.seen_until.is_(None),
        ForeignPrint.stop_wished_at.is_not(None),
        ForeignPrint.stop_asked_at.is_(None),
    )
    foreign = db.session.scalars(statement).one_or_none()
    if foreign is None or not seen.is_active or not seen.remote_path or seen.remote_path != foreign.remote_path:
        return None
    foreign.stop_asked_at = clock.now()
    return Order(Act.CANCEL, None, seen.remote_path)


def sent(job_id: int) -> None:
    """The file is there, whole and ours."""
    job = _locked(job_id)
    if job.state is JobState.SENDING:
        note(job, "sent")


def claim_start(job_id: int) -> bool:
    """Whether the start may leave now: it was not taken back meanwhile, and nothing has come between while its file was sent.
    It is claimed by this.
    """
    job = _locked(job_id)
    now = clock.now()
    if job.state is not JobState.SENDING or job.wish is not Wish.START or job.asked_at is not None:
        return False
    if (why := _no_longer(job, now)) is not None:
        take_back(job, why)
        return False
    job.state, job.asked_at = JobState.STARTING, now
    job.ends_about = now + timedelta(seconds=job.estimated_seconds) if job.estimated_seconds is not None else None
    job.revision += 1
    note(job, "start_sent")
    return True


def _no_longer(job: PrintJob, now: datetime) -> str | None:
    """Why a start that was asked before its file was sent may not leave after it."""
    reservation = db.session.scalars(select(Reservation).where(Reservation.id == job.reservation_id)).one()
    machine = db.session.scalars(select(Machine).where(Machine.id == reservation.machine_id)).one()
    link = db.session.scalars(select(PrinterLink).where(PrinterLink.id == job.link_id)).one()
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == job.file_id)).one()
    if reservation.ends_at <= now:
        return "slot_over"
    if job.wished_at is not None and now - job.wished_at > upload_allowed(file.size) + STARTED_WITHIN:
        return "too_late"
    known = facts.starting(HOUSE, job, reservation=reservation, machine=machine, link=link, file=file, bed_is_clear=True)
    found = rules.still_refusals(known, override=job.start_override is not None)
    return found[0].reason.code.removeprefix("printing.") if found else None


def upload_allowed(size: int) -> timedelta:
    """How long a file of so many bytes may take to the printer's server."""
    return timedelta(seconds=UPLOAD_SECONDS + size / UPLOAD_BYTES_PER_SECOND)


def not_sent(job_id: int, why: str) -> None:
    """The file cannot be sent as it is: the job is ready again, its attempt closed."""
    job = _locked(job_id)
    if job.state is JobState.SENDING:
        take_back(job, why)


def answered(job_id: int, act: Act, error: PrinterError) -> None:
    """A request that failed. What was surely not done is said; of anything else the next observations tell."""
    job = _locked(job_id)
    if job.state in ENDED or not isinstance(error, NOT_DONE):
        return
    why = type(error).__name__
    if act is Act.SEND:
        if job.state is JobState.STARTING:
            observing.end(job, JobState.REJECTED, clock.now(), why)
        return
    if job.wish is None or job.wish.value != act.value or job.asked_at is None:
        return  # something else is wished by now, and has not been asked
    if isinstance(error, gateway.Unreachable | gateway.StartingUp):
        job.asked_at = None  # it did not arrive: it is asked as soon as the printer is heard, unless it has become too late
    else:
        job.wish = job.wished_at = job.asked_at = None
        job.revision += 1
        note(job, "not_taken", why=why, act=act.value)


def take_back(job: PrintJob, why: str) -> None:
    """From being sent to being ready again; nothing was started."""
    job.state = JobState.ATTACHED
    job.wish = job.wished_at = job.asked_at = None
    job.unreachable_since = job.idle_since = None
    job.revision += 1
    note(job, "not_sent", why=why)


def note_success(link: PrinterLink) -> None:
    if link.failures or link.circuit is not Circuit.CLOSED or link.retry_at is not None:
        link.alerted_at = None
        _stand(link, Standing())


def note_failure(link: PrinterLink, at: datetime, error: PrinterError | None, silence: str | None = None) -> None:
    """One more failure of a printer's server; `error` None: it was not heard, for the trouble that is named `silence`."""
    before = Standing(link.circuit, link.failures, link.retry_at, link.opened_at, link.trouble)
    after = (
        circuits.after_failure(before, at, silence or "Unreachable") if error is None else circuits.after_error(before, at, error)
    )
    _stand(link, after)
    if before.circuit is not after.circuit:
        audit.record(HOUSE, "printer.circuit", link.subject, circuit=after.circuit.value, trouble=after.trouble)
    if after.opened_at is not None and link.alerted_at is None and at - after.opened_at > UNREACHABLE_ALARM:
        _alert(link, at)
    if after.circuit is Circuit.AUTH and before.circuit is not Circuit.AUTH:
        mail.send("printing.key_refused", key=f"printing.key_refused:{link.id}:{at.isoformat()}", link=link.id)


def _alert(link: PrinterLink, at: datetime) -> None:
    """Once for each silence, in a slot: the team is told. A print that is under way has an alarm of its own."""
    running = select(Reservation).where(
        Reservation.machine_id == link.machine_id,
        Reservation.status.in_(LIVE),
        Reservation.starts_at <= at,
        Reservation.ends_at > at,
    )
    if (slot := db.session.scalars(running).first()) is not None:
        link.alerted_at = at
        tell_not_there(slot, team=True)


def to_delete(link_id: int) -> list[tuple[int, str]]:
    """Files on the printer's server that nobody needs any more: (job, path)."""
    rows = db.session.execute(
        select(PrintJob.id, PrintJob.remote_path)
        .where(
            PrintJob.link_id == link_id,
            PrintJob.ended_at < clock.now() - FORGOTTEN_AFTER,
            PrintJob.remote_path.is_not(None),
            PrintJob.remote_deleted_at.is_(None),
        )
        .order_by(PrintJob.id)
        .limit(5)
    )
    return [(ident, path) for ident, path in rows if path is not None]


def deleted(job_id: int) -> None:
    _locked(job_id).remote_deleted_at = clock.now()


def _to_send(job: PrintJob, remote_path: str, seen: Observation) -> Order | None:
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == job.file_id)).one()
    if job.wished_at is not None and seen.at - job.wished_at > STARTED_WITHIN:
        take_back(job, "too_late")
        return None
    try:
        source = files.path(file)
    except Refused:
        take_back(job, "file_forgotten")
        return None
    platform: str = current_app.extensions["settings"].base_url
    marker = (("platform", platform), ("job", str(job.id)), ("sha256", file.sha256))
    return Order(Act.SEND, job.id, remote_path, source, file.size, marker)


def _not_now(job: PrintJob, seen: Observation) -> None:
    """A printer that is there and not idle will not be so soon; one that is away may come back within minutes."""
    is_late = job.wished_at is not None and seen.at - job.wished_at > STARTED_WITHIN
    is_away = seen.state in (Seen.OFFLINE, Seen.STARTING_UP, Seen.UNKNOWN, Seen.CONNECTING)
    if not is_away or is_late:
        take_back(job, "too_late" if is_away else f"printer_{seen.state.value}")


def _stand(link: PrinterLink, after: Standing) -> None:
    link.circuit, link.failures, link.retry_at = after.circuit, after.failures, after.retry_at
    link.opened_at, link.trouble = after.opened_at, after.trouble


def _locked(job_id: int) -> PrintJob:
    """The printer's row first, as everywhere."""
    locked(PrinterLink, db.session.scalars(select(PrintJob.link_id).where(PrintJob.id == job_id)).one())
    return locked(PrintJob, job_id)
