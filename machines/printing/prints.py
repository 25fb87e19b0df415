"""What people ask of a print: attach, approve, start, pause, resume, cancel. Each writes a wish; `engine` carries it out.

No printer is talked to here, and nothing here says that something happened: only an observation does (`observing`).
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from app.kernel import audit, clock
from app.kernel.actors import HOUSE, Actor, Role
from app.kernel.db import db, locked
from app.kernel.refusals import NotAllowed, Refused
from machines import facts as machine_facts
from machines.models import Machine, Reservation
from machines.printing import facts, files, queries, reasons, rules
from machines.printing.events import LETTERS, note, tell
from machines.printing.gateway import OUR_FOLDER
from machines.printing.models import PrinterLink, PrintEvent, PrintFile, PrintJob
from machines.printing.rules import ENDED, OPEN, RUNNING, JobState, StartFacts, Wish
from machines.rules import LIVE

__all__ = ["LETTERS", "again", "attach", "cancel", "decide", "discard", "pause", "resume", "start", "start_facts"]

ASK_AGAIN = timedelta(seconds=60)
"""A stop that was asked this long ago, and that nobody saw happen, may be asked once more."""

NAME_SPENT = frozenset({"TooLarge", "Rejected", "Renamed", "Differs"})
"""Why a file was not sent, where it is to have another name the next time."""


def attach(*, actor: Actor, reservation_id: int, file_id: int, material_id: int | None = None) -> PrintJob:
    """Put a file to a reservation of its owner. Raises Refused with every reason; NotAllowed for what is somebody else's."""
    reservation, machine = machine_facts.lock(reservation_id)
    _only_owner_or_team(actor, reservation)
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == file_id)).one()
    if file.owner_id not in (reservation.member_id, actor.member_id):
        raise NotAllowed
    link = queries.link_of_machine(machine.id)
    if link is None:
        raise Refused([reasons.PRINTER_NOT_LINKED()])
    return _attach(actor, reservation, link, file, material_id)


def again(*, actor: Actor, job_id: int) -> PrintJob:
    """The same file once more, as another print of the same reservation, once the one before has ended."""
    before = _job(job_id)
    reservation, _machine = machine_facts.lock(before.reservation_id)
    _only_owner_or_team(actor, reservation)
    if before.state not in ENDED:
        raise Refused([reasons.CANNOT_DO_NOW()])
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == before.file_id)).one()
    link = db.session.scalars(select(PrinterLink).where(PrinterLink.id == before.link_id)).one()
    return _attach(actor, reservation, link, file, before.material_id)


def discard(*, actor: Actor, job_id: int) -> None:
    """Take back what was attached and never started; the file stays with its owner."""
    reservation, _link, job = _locked(job_id)
    _only_owner_or_team(actor, reservation)
    if job.state is not JobState.ATTACHED:
        raise Refused([reasons.CANNOT_DO_NOW()])
    _expire(job, "discarded", actor.member_id)


def expire_if_over(job_id: int) -> bool:
    """A slot over, and nothing started: the print expires. Whether it did; safe to run twice."""
    reservation, _link, job = _locked(job_id)
    is_over = reservation.status not in LIVE or reservation.ends_at <= clock.now()
    if job.state is not JobState.ATTACHED or not is_over:
        return False
    _expire(job, "expired", None)
    return True


def decide(*, actor: Actor, job_id: int, is_approved: bool, note: str) -> PrintJob:
    """Say, as a manager, whether a print may start. A refusal has its reason in `note`. Once."""
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    _reservation, _link, job = _locked(job_id)
    if job.decided_at is not None:
        raise Refused([reasons.ALREADY_DECIDED()])
    if job.state is not JobState.ATTACHED or not job.needs_approval:
        raise Refused([reasons.CANNOT_DO_NOW()])
    job.decided_at, job.decided_by_id = clock.now(), actor.member_id
    job.is_approved, job.decision_note = is_approved, note.strip() or None
    verdict = "approved" if is_approved else "refused"
    _written(actor, job, verdict)
    tell(verdict, job)
    return job


def start_facts(actor: Actor, job: PrintJob, *, bed_is_clear: bool = False) -> StartFacts:
    """What a start would be judged by now, read without a lock: for pages that show beforehand what stands in the way."""
    reservation = db.session.scalars(select(Reservation).where(Reservation.id == job.reservation_id)).one()
    machine = db.session.scalars(select(Machine).where(Machine.id == reservation.machine_id)).one()
    link = db.session.scalars(select(PrinterLink).where(PrinterLink.id == job.link_id)).one()
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == job.file_id)).one()
    return facts.starting(actor, job, reservation=reservation, machine=machine, link=link, file=file, bed_is_clear=bed_is_clear)


def start(*, actor: Actor, job_id: int, bed_is_clear: bool, override_reason: str | None = None) -> PrintJob:
    """Ask for a print to be sent and started. Of several at once on one printer, one is taken.

    The locks: member, reservation, the machine's place on the timetable, the printer, the job. Raises Refused with every
    reason; NotAllowed when an override is asked by somebody who is not of the team.
    """
    reservation, machine = machine_facts.lock(_job(job_id).reservation_id)
    _only_owner_or_team(actor, reservation)
    why = (override_reason or "").strip() or None
    if why and not queries.is_team(actor, machine.id):
        raise NotAllowed
    machine_facts.claimed(machine)
    link = locked(PrinterLink, _job(job_id).link_id)
    job = locked(PrintJob, job_id)
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == job.file_id)).one()
    known = facts.starting(actor, job, reservation=reservation, machine=machine, link=link, file=file, bed_is_clear=bed_is_clear)
    if found := rules.start_refusals(known, override=why is not None):
        raise Refused(found)
    files.path(file)
    now = clock.now()
    if _is_name_spent(job):
        job.attempt = _next_attempt(reservation.id)
    job.remote_path = f"{OUR_FOLDER}{reservation.id}/{job.id}-{job.attempt}.gcode"
    job.state = JobState.SENDING
    _wish(job, Wish.START, actor)
    job.bed_clear_at, job.bed_clear_by_id = now, actor.member_id
    job.start_override = why
    job.estimated_seconds = known.estimated_seconds
    _written(actor, job, "start_asked", override_reason=why)
    return job


def pause(*, actor: Actor, job_id: int) -> PrintJob:
    """Ask for a pause; the printer first finishes what it has in hand."""
    job = _open(actor, job_id)
    if job.state is not JobState.PRINTING or job.wish in (Wish.CANCEL, Wish.PAUSE):
        raise Refused([reasons.CANNOT_DO_NOW()])
    if job.wish is Wish.RESUME and job.asked_at is None:
        raise Refused([reasons.CANNOT_DO_NOW()])
    _wish(job, Wish.PAUSE, actor)
    _written(actor, job, "pause_asked")
    return job


def resume(*, actor: Actor, job_id: int) -> PrintJob:
    """Ask to go on. While the pause is still coming, the wish is kept until it is there."""
    job = _open(actor, job_id)
    is_pausing = job.state is JobState.PRINTING and job.wish is Wish.PAUSE
    if not (is_pausing or (job.state is JobState.PAUSED and job.wish is not Wish.CANCEL)):
        raise Refused([reasons.CANNOT_DO_NOW()])
    if is_pausing and job.asked_at is None:
        _unwish(job)  # the pause never left the house: nothing has to be undone
    elif job.wish is not Wish.RESUME:
        _wish(job, Wish.RESUME, actor)
    _written(actor, job, "resume_asked")
    return job


def cancel(*, actor: Actor, job_id: int) -> PrintJob:
    """Ask for a print to stop; one that is not yet sent goes back to being ready.

    Where the start is asked and not yet seen, the stop waits for it to be seen.
    """
    job = _open(actor, job_id)
    if job.state is JobState.SENDING:
        job.state = JobState.ATTACHED
        _unwish(job)
    elif job.state in RUNNING:
        if job.wish is Wish.CANCEL and not _may_ask_again(job):
            raise Refused([reasons.CANNOT_DO_NOW()])
        _wish(job, Wish.CANCEL, actor)
        job.cancelled_by_id = actor.member_id
    elif actor.member_id is None or job.cancelled_by_id is not None:
        raise Refused([reasons.CANNOT_DO_NOW()])
    else:
        job.cancelled_by_id = actor.member_id
    _written(actor, job, "cancel_asked")
    return job


def _may_ask_again(job: PrintJob) -> bool:
    return job.asked_at is not None and clock.now() - job.asked_at > ASK_AGAIN


def _attach(actor: Actor, reservation: Reservation, link: PrinterLink, file: PrintFile, material_id: int | None) -> PrintJob:
    if reservation.status not in LIVE:
        raise Refused([reasons.SLOT_CLOSED()])
    if reservation.ends_at <= clock.now():
        raise Refused([reasons.SLOT_OVER(end=reservation.ends_at)])
    files.path(file)
    found = facts.blocking(file, link)
    takes = {one.id: one.code for one in queries.materials_of(link.id)}
    if material_id is None:
        material_id = _material_said(takes, files.facts(file).material)
    elif material_id not in takes:
        found.append(reasons.MATERIAL_NOT_TAKEN())
    if found:
        raise Refused(found)
    assert actor.member_id is not None  # the house prints nothing
    job = PrintJob(
        reservation_id=reservation.id,
        link_id=link.id,
        file_id=file.id,
        material_id=material_id,
        attempt=_next_attempt(reservation.id),
        state=JobState.ATTACHED,
        attached_at=clock.now(),
        attached_by_id=actor.member_id,
        estimated_seconds=facts.estimated_seconds(link, file),
        needs_approval=not queries.is_team(actor, link.machine_id) and facts.needs_approval(link, reservation.member_id),
    )
    db.session.add(job)
    db.session.flush()  # the events and the letters name its id
    _written(actor, job, "attached", file=file.id)
    if job.needs_approval:
        tell("approval_asked", job, team=True)
    return job


def _material_said(takes: dict[int, str], said: str | None) -> int | None:
    """The material the file itself names, or the only one there is."""
    named = [ident for ident, code in takes.items() if said and code.casefold() == said.casefold()]
    return named[0] if named else next(iter(takes)) if len(takes) == 1 else None


def _is_name_spent(job: PrintJob) -> bool:
    """Whether the server did not take the file under its name, or has another there. What it has already is used."""
    kinds = ("start_asked", "not_sent")
    told = select(PrintEvent.details).where(PrintEvent.job_id == job.id, PrintEvent.kind.in_(kinds))
    last = db.session.scalars(told.order_by(PrintEvent.id.desc()).limit(1)).first()
    return last is not None and last.get("why") in NAME_SPENT


def _next_attempt(reservation_id: int) -> int:
    most = db.session.scalar(select(func.max(PrintJob.attempt)).where(PrintJob.reservation_id == reservation_id))
    return (most or 0) + 1


def _expire(job: PrintJob, kind: str, member_id: int | None) -> None:
    job.state, job.ended_at = JobState.EXPIRED, clock.now()
    job.revision += 1
    note(job, kind, member_id)


def _wish(job: PrintJob, wish: Wish, actor: Actor) -> None:
    job.wish, job.wished_at, job.wished_by_id, job.asked_at = wish, clock.now(), actor.member_id, None


def _unwish(job: PrintJob) -> None:
    job.wish = job.wished_at = job.wished_by_id = job.asked_at = None


def _written(actor: Actor, job: PrintJob, kind: str, **details: object) -> None:
    job.revision += 1
    note(job, kind, actor.member_id, **details)
    audit.record(actor, f"print.{kind}", job.subject, **details)


def _job(job_id: int) -> PrintJob:
    return db.session.scalars(select(PrintJob).where(PrintJob.id == job_id)).one()


def _locked(job_id: int) -> tuple[Reservation, PrinterLink, PrintJob]:
    """The printer and the job locked, the reservation read."""
    job = _job(job_id)
    reservation = db.session.scalars(select(Reservation).where(Reservation.id == job.reservation_id)).one()
    return reservation, locked(PrinterLink, job.link_id), locked(PrintJob, job_id)


def _open(actor: Actor, job_id: int) -> PrintJob:
    """An open job of the actor's own, or one of a machine they look after; the house may act on all."""
    reservation, _link, job = _locked(job_id)
    _only_owner_or_team(actor, reservation)
    if job.state not in OPEN:
        raise Refused([reasons.NOT_OPEN()])
    return job


def _only_owner_or_team(actor: Actor, reservation: Reservation) -> None:
    if actor != HOUSE and actor.member_id != reservation.member_id and not queries.is_team(actor, reservation.machine_id):
        raise NotAllowed
