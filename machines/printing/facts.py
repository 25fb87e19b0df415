"""Loads what the rules of starting a print need to know. Whoever starts has locked the rows before; pages read without."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, select

from app.accounts import queries as accounts
from app.calendar import queries as calendar
from app.calendar.models import Purpose
from app.kernel import clock, i18n
from app.kernel.actors import Actor
from app.kernel.db import db
from app.kernel.periods import Period
from app.kernel.refusals import Refusal
from machines import requirements
from machines.models import Machine, Reservation
from machines.printing import files, lint, pace, queries, rules
from machines.printing.gateway import Observation, Seen
from machines.printing.models import PrinterLink, PrintFile, PrintJob
from machines.printing.rules import OPEN, Approval, JobState, StartFacts

_MOMENT = timedelta(seconds=1)


def starting(
    actor: Actor,
    job: PrintJob,
    *,
    reservation: Reservation,
    machine: Machine,
    link: PrinterLink,
    file: PrintFile,
    bed_is_clear: bool,
) -> StartFacts:
    """What is true now. The certifications and the suspension are those of the member whose print it is."""
    now, resource = clock.now(), machine.resource_id
    standing = accounts.standing(reservation.member_id)
    lacking = requirements.missing_competences(reservation.member_id, machine.id, clock.today())
    estimate = estimated_seconds(link, file)
    ends_about = now + timedelta(seconds=estimate or 0)
    taken = calendar.occupied([resource], Period(now, max(ends_about, reservation.ends_at, now + _MOMENT)))[resource]
    others = [one for one in taken if one.subject != reservation.subject]
    return StartFacts(
        now=now,
        status=reservation.status,
        starts_at=reservation.starts_at,
        ends_at=reservation.ends_at,
        is_theirs=actor.member_id == reservation.member_id,
        is_staff=queries.is_team(actor, machine.id),
        missing=tuple(i18n.in_words(one.name) for one in lacking),
        is_suspended=standing.suspended is not None,
        machine_is_out=machine.is_out_at(now),
        is_blocked=any(one.period.start <= now and one.purpose is not Purpose.RESERVATION for one in others),
        is_open_hours=bool(calendar.opening([resource], Period(now, now + _MOMENT))[resource]),
        job_state=job.state,
        has_open_job=db.session.scalars(_open_elsewhere(job)).first() is not None,
        circuit=link.circuit,
        is_enabled=link.is_enabled,
        observation=last_observation(link),
        bed_is_clear=bed_is_clear,
        findings=tuple(blocking(file, link)),
        needs_approval=job.needs_approval,
        is_approved=job.is_approved,
        estimated_seconds=estimate,
        free_until=min((one.period.start for one in others if one.period.start > now), default=None),
    )


def _open_elsewhere(job: PrintJob) -> Select[int]:
    return select(PrintJob.id).where(PrintJob.link_id == job.link_id, PrintJob.state.in_(OPEN), PrintJob.id != job.id).limit(1)


def blocking(file: PrintFile, link: PrinterLink) -> list[Refusal]:
    """What in the file keeps it from this printer, whoever asks."""
    return [one.refusal for one in lint.findings(files.facts(file), files.limits(link)) if one.blocks]


def last_observation(link: PrinterLink) -> Observation | None:
    """The last look, as far as a start depends on it."""
    if link.observed_at is None or link.observed_state is None:
        return None
    path = (link.observed or {}).get("remote_path")
    return Observation(at=link.observed_at, state=Seen(link.observed_state), remote_path=path)


def estimated_seconds(link: PrinterLink, file: PrintFile) -> int | None:
    """How long the file takes on this printer, warming up included; None when nothing is known."""
    return rules.estimated_seconds(files.facts(file).seconds, pace.percents([link.id])[link.id], link.heat_up_minutes)


def needs_approval(link: PrinterLink, owner_id: int) -> bool:
    """Whether the team looks at a print of this member before it starts there."""
    if link.approval is not Approval.FIRST:
        return link.approval is Approval.ALWAYS
    finished = (
        select(PrintJob.id)
        .join(Reservation, Reservation.id == PrintJob.reservation_id)
        .where(PrintJob.link_id == link.id, PrintJob.state == JobState.DONE, Reservation.member_id == owner_id)
    )
    return db.session.scalars(finished.limit(1)).first() is None
