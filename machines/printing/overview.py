"""What is seen across the printers: what waits for the team, and the wall of the lab. Four statements and three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import contains_eager, joinedload

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import db
from machines.models import Machine, Reservation, State
from machines.printing import foreign
from machines.printing.live import condition
from machines.printing.models import ForeignPrint, PrinterLink, PrintJob, UsageRecord
from machines.printing.queries import is_team
from machines.printing.rules import OPEN, Circuit, JobState, Outcome
from machines.rules import LIVE


@dataclass(frozen=True, slots=True)
class Desk:
    """What waits for the team about printing; each list in the order in which it came."""

    approvals: list[tuple[PrintJob, str]]
    lost: list[tuple[PrintJob, str]]
    foreign: list[tuple[ForeignPrint, str | None]]
    troubles: list[tuple[PrinterLink, str]]

    @property
    def count(self) -> int:
        return len(self.approvals) + len(self.lost) + len(self.foreign) + len(self.troubles)


def desk() -> Desk:
    """Four statements, whatever waits."""
    now = clock.now()
    approvals = _with_names(
        PrintJob.needs_approval, PrintJob.is_approved.is_(None), PrintJob.state == JobState.ATTACHED, Reservation.ends_at > now
    )
    return Desk(approvals, _with_names(PrintJob.state == JobState.LOST, _is_unsettled()), foreign_waiting(), _troubles(now))


def foreign_waiting() -> list[tuple[ForeignPrint, str | None]]:
    """Prints nobody has said whose they are, with the member who was asked."""
    rows = db.session.execute(
        select(ForeignPrint, Member.name)
        .join(ForeignPrint.link)
        .join(PrinterLink.machine)
        .outerjoin(Reservation, Reservation.id == ForeignPrint.reservation_id)
        .outerjoin(Member, Member.id == Reservation.member_id)
        .where(ForeignPrint.answered_at.is_(None) | (ForeignPrint.answer == foreign.Answer.NOT_MINE.value))
        .options(contains_eager(ForeignPrint.link).contains_eager(PrinterLink.machine))
        .order_by(ForeignPrint.seen_from)
        .limit(50)
    )
    return [(row[0], row[1]) for row in rows]


def foreign_or_404(actor: Actor, foreign_id: int) -> ForeignPrint:
    """One the team may see, or the member it was asked of. Raises NoResultFound otherwise."""
    found = foreign.one(foreign_id)
    is_asked = actor.member_id is not None and foreign.asked_member(found) == actor.member_id
    if not is_asked and not is_team(actor, found.link.machine_id):
        raise NoResultFound
    return found


def _with_names(*conditions: Any) -> list[tuple[PrintJob, str]]:
    rows = db.session.execute(
        select(PrintJob, Member.name)
        .join(PrintJob.reservation)
        .join(Reservation.machine)
        .join(PrintJob.file)
        .join(Member, Member.id == Reservation.member_id)
        .where(*conditions)
        .options(
            contains_eager(PrintJob.reservation).contains_eager(Reservation.machine),
            contains_eager(PrintJob.file),
            joinedload(PrintJob.link),
        )
        .order_by(Reservation.starts_at, PrintJob.id)
        .limit(50)
    )
    return [(row[0], row[1]) for row in rows]


def _is_unsettled() -> Any:
    """How it ended is still unknown: the record that counts says so."""
    later = select(UsageRecord.reverses_id).where(UsageRecord.reverses_id.is_not(None))
    return (
        select(UsageRecord.id)
        .where(UsageRecord.job_id == PrintJob.id, UsageRecord.outcome == Outcome.UNKNOWN, UsageRecord.id.not_in(later))
        .exists()
    )


def _troubles(now: datetime) -> list[tuple[PrinterLink, str]]:
    statement = (
        select(PrinterLink)
        .join(PrinterLink.machine)
        .where(PrinterLink.is_enabled, Machine.state != State.RETIRED)
        .options(contains_eager(PrinterLink.machine))
        .order_by(Machine.code)
    )
    found = [(link, "auth" if link.circuit is Circuit.AUTH else condition(link, now)) for link in db.session.scalars(statement)]
    return [(link, word) for link, word in found if word in ("auth", "away", "fault", "unplugged")]


# ── the printers themselves ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Printer:
    """A printer as the wall shows it: nobody's name, no file's. `taken` is the next reservation's (start, end), if any soon."""

    link: PrinterLink
    condition: str
    job: PrintJob | None
    taken: tuple[datetime, datetime] | None
    is_out: bool


def printers() -> list[Printer]:
    """Every printer that is not retired. Three statements."""
    now = clock.now()
    statement = (
        select(PrinterLink)
        .join(PrinterLink.machine)
        .where(Machine.state != State.RETIRED)
        .options(contains_eager(PrinterLink.machine))
        .order_by(Machine.code)
    )
    links = list(db.session.scalars(statement))
    jobs = {job.link_id: job for job in db.session.scalars(select(PrintJob).where(PrintJob.state.in_(OPEN)))}
    taken = _next_taken([link.machine_id for link in links], now)
    return [
        Printer(link, condition(link, now), jobs.get(link.id), taken.get(link.machine_id), link.machine.is_out_at(now))
        for link in links
    ]


def _next_taken(machine_ids: Sequence[int], now: datetime) -> dict[int, tuple[datetime, datetime]]:
    """The slot that runs or comes next on each machine."""
    first = (
        select(Reservation.machine_id, func.min(Reservation.starts_at).label("starts_at"))
        .where(Reservation.machine_id.in_(machine_ids), Reservation.status.in_(LIVE), Reservation.ends_at > now)
        .group_by(Reservation.machine_id)
        .subquery()
    )
    rows = db.session.execute(
        select(Reservation.machine_id, Reservation.starts_at, Reservation.ends_at)
        .join(first, and_(first.c.machine_id == Reservation.machine_id, first.c.starts_at == Reservation.starts_at))
        .where(Reservation.status.in_(LIVE))
    )
    return {row.machine_id: (row.starts_at, row.ends_at) for row in rows}
