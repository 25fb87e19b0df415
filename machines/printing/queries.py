"""What the pages of printing read, in a constant number of statements each; who may see a print is decided by the rows found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import joinedload

from app.kernel import clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db
from machines import requirements
from machines.models import Machine, Reservation
from machines.printing.models import (
    Material,
    PrinterLink,
    PrinterMaterial,
    PrintEvent,
    PrintFile,
    PrintJob,
    UsageRecord,
)
from machines.printing.rules import OPEN, JobState
from trainings import queries as trainings

PAGE = 30

# ── one print ────────────────────────────────────────────────────────────────────────────────────────────────────────


def job_or_404(actor: Actor, job_id: int) -> PrintJob:
    """A print of the actor's own reservation, or any for the team of its printer, with all it belongs to.

    Raises NoResultFound otherwise, as for an unknown one. One statement; two more for a trainer.
    """
    job = db.session.scalars(_whole().where(PrintJob.id == job_id)).one()
    if job.reservation.member_id != actor.member_id and not is_team(actor, job.reservation.machine_id):
        raise NoResultFound
    return job


def is_team(actor: Actor, machine_id: int) -> bool:
    """Whether the actor looks after that machine: managers, and trainers of a competence it asks for."""
    if actor.has(Role.MANAGER):
        return True
    if not actor.has(Role.TRAINER) or actor.member_id is None:
        return False
    asked = {ident for one in requirements.conditions([machine_id]).get(machine_id, []) for ident in one.ids}
    return bool(asked & trainings.trainer_competences(actor.member_id, clock.today()))


def team_or_404(actor: Actor, machine_id: int) -> None:
    """Raises NoResultFound for whoever does not look after that machine."""
    if not is_team(actor, machine_id):
        raise NoResultFound


def jobs_of_reservation(reservation_id: int) -> list[PrintJob]:
    """In the order they were attached. One statement."""
    return list(db.session.scalars(_whole().where(PrintJob.reservation_id == reservation_id).order_by(PrintJob.attempt)))


def link_of_machine(machine_id: int) -> PrinterLink | None:
    """How the house reaches this machine, if it is a printer it knows."""
    statement = select(PrinterLink).where(PrinterLink.machine_id == machine_id).options(joinedload(PrinterLink.machine))
    return db.session.scalars(statement).one_or_none()


def open_job(link_id: int) -> PrintJob | None:
    """What is under way on a printer."""
    return db.session.scalars(_whole().where(PrintJob.link_id == link_id, PrintJob.state.in_(OPEN))).one_or_none()


def materials_of(link_id: int) -> list[Material]:
    """What may be printed there: what the printer takes, else all that is offered. One statement."""
    taken = select(PrinterMaterial.material_id).where(PrinterMaterial.link_id == link_id)
    statement = select(Material).where(
        Material.is_offered, or_(Material.id.in_(taken), ~taken.exists())
    ).order_by(Material.code)  # fmt: skip
    return list(db.session.scalars(statement))


def materials(ids: Iterable[int | None]) -> dict[int, Material]:
    wanted = [ident for ident in ids if ident is not None]
    if not wanted:
        return {}
    return {one.id: one for one in db.session.scalars(select(Material).where(Material.id.in_(wanted)))}


def material_id(code: str | None) -> int | None:
    """None where none is said; 0, which no printer takes, for a code nobody knows."""
    if code is None:
        return None
    return db.session.scalar(select(Material.id).where(Material.code == code)) or 0


def files_of(member_id: int, most: int = 50) -> list[PrintFile]:
    """Whose bytes are still here, latest first."""
    statement = select(PrintFile).where(PrintFile.owner_id == member_id, PrintFile.forgotten_at.is_(None))
    return list(db.session.scalars(statement.order_by(PrintFile.uploaded_at.desc(), PrintFile.id.desc()).limit(most)))


def file_or_404(actor: Actor, file_id: int) -> PrintFile:
    """Raises NoResultFound for somebody else's, as for an unknown one."""
    return db.session.scalars(select(PrintFile).where(PrintFile.id == file_id, PrintFile.owner_id == actor.member_id)).one()


def events(job_id: int, most: int = 100) -> list[PrintEvent]:
    """What happened to a print, in order."""
    statement = select(PrintEvent).where(PrintEvent.job_id == job_id).order_by(PrintEvent.id).limit(most)
    return list(db.session.scalars(statement))


def _whole() -> Select[PrintJob]:
    return select(PrintJob).options(
        joinedload(PrintJob.reservation).joinedload(Reservation.machine).joinedload(Machine.resource),
        joinedload(PrintJob.link),
        joinedload(PrintJob.file),
    )


# ── history ──────────────────────────────────────────────────────────────────────────────────────────────────────────

ENDINGS: Mapping[str, Sequence[JobState]] = {
    "open": (JobState.ATTACHED, *sorted(OPEN)),
    "done": (JobState.DONE,),
    "not_done": (JobState.CANCELLED, JobState.FAILED, JobState.LOST, JobState.REJECTED),
}
"""What a history may be narrowed to; anything else shows all."""


@dataclass(frozen=True, slots=True)
class History:
    """One page of prints, latest first. `used` are the records that count, by job."""

    jobs: list[PrintJob]
    used: dict[int, UsageRecord]
    number: int
    pages: int


def history(
    *, member_id: int | None = None, machine: str | None = None, file_id: int | None = None, show: str = "all", number: int = 1
) -> History:
    """Prints of a member, of a printer (its slug), of a file, or of everybody. Three statements."""
    narrowed = select(PrintJob.id).join(PrintJob.reservation).join(Reservation.machine)
    if member_id is not None:
        narrowed = narrowed.where(Reservation.member_id == member_id)
    if machine:
        narrowed = narrowed.where(Machine.slug == machine.replace("\x00", ""))
    if file_id is not None:
        narrowed = narrowed.where(PrintJob.file_id == file_id)
    if show in ENDINGS:
        narrowed = narrowed.where(PrintJob.state.in_(ENDINGS[show]))
    total = db.session.scalar(select(func.count()).select_from(narrowed.subquery())) or 0
    pages = max(1, -(-total // PAGE))
    number = min(max(1, number), pages)
    found = _whole().where(PrintJob.id.in_(narrowed)).order_by(PrintJob.attached_at.desc(), PrintJob.id.desc())
    jobs = list(db.session.scalars(found.limit(PAGE).offset(PAGE * (number - 1))))
    return History(jobs, counting([job.id for job in jobs]), number, pages)


def jobs_of_file(file_id: int, most: int = 20) -> list[PrintJob]:
    """What became of a file, latest first; for its own page. One statement."""
    found = _whole().where(PrintJob.file_id == file_id).order_by(PrintJob.id.desc()).limit(most)
    return list(db.session.scalars(found))


def counting(job_ids: Iterable[int]) -> dict[int, UsageRecord]:
    """The record of each print that counts: the one no correction has reversed. One statement."""
    later = select(UsageRecord.reverses_id).where(UsageRecord.reverses_id.is_not(None))
    wanted = list(job_ids)
    if not wanted:
        return {}
    rows = db.session.scalars(select(UsageRecord).where(UsageRecord.job_id.in_(wanted), UsageRecord.id.not_in(later)))
    return {row.job_id: row for row in rows}


def counted_or_404(job_id: int) -> UsageRecord:
    """Raises NoResultFound while nothing is recorded."""
    if (found := counting([job_id]).get(job_id)) is None:
        raise NoResultFound
    return found


def printed_on() -> list[tuple[str, Mapping[str, str]]]:
    """The printers the house knows, as (slug, name), for a filter."""
    rows = db.session.execute(
        select(Machine.slug, Machine.name).join(PrinterLink, PrinterLink.machine_id == Machine.id).order_by(Machine.code)
    )
    return [(row.slug, row.name) for row in rows]


def before_me(job: PrintJob) -> int:
    """How many prints wait on that printer in reservations that begin before this one's."""
    statement = select(func.count(PrintJob.id)).join(PrintJob.reservation).where(
        PrintJob.link_id == job.link_id,
        PrintJob.state.in_((JobState.ATTACHED, *OPEN)),
        PrintJob.id != job.id,
        Reservation.ends_at > clock.now(),
        Reservation.starts_at < job.reservation.starts_at,
    )  # fmt: skip
    return db.session.scalar(statement) or 0
