"""What is held, by whom, until when, and what still stands before somebody; read only.

A certification *counts* on a day when it is valid that day, was granted after the member's last revocation of that
competence, and no suspension of that competence runs now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, bindparam, case, exists, func, or_, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import aliased

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.db import db, run, said
from trainings import histories, rules
from trainings.histories import running_suspensions
from trainings.models import (
    Certification,
    Competence,
    Interest,
    Level,
    Prerequisite,
    Revocation,
    Suspension,
)

AUTONOMOUS = tuple(level for level in Level if level.is_autonomous)

# ── what counts ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Held:
    """The best certification that counts. Use `level.is_autonomous` to ask whether they may work alone."""

    competence_id: int
    level: Level
    valid_until: date | None
    certification_id: int
    valid_from: date


def counting(on: Any, row: Any = Certification, *, even_suspended: bool = False) -> ColumnElement[bool]:
    """The condition that `row` counts on that day (a date, or the parameter that will bring it)."""
    revoked = exists().where(
        Revocation.member_id == row.member_id,
        Revocation.competence_id == row.competence_id,
        Revocation.through_id >= row.id,
    )
    valid = and_(row.valid_from <= on, or_(row.valid_until.is_(None), row.valid_until >= on), ~revoked)
    return valid if even_suspended else and_(valid, ~_is_suspended(row))


def _is_suspended(row: Any) -> ColumnElement[bool]:
    return exists().where(
        Suspension.member_id == row.member_id, Suspension.competence_id == row.competence_id, Suspension.ended_at.is_(None)
    )


def held_alone(member_id: Any, competence_id: Any, on: Any) -> ColumnElement[bool]:
    """The condition that the member may use the competence alone on that day; each a value, a column or a parameter."""
    mine = (Certification.member_id == member_id, Certification.competence_id == competence_id)
    return exists().where(*mine, Certification.level.in_(AUTONOMOUS), counting(on))


_OF_MEMBERS = select(
    Certification.member_id,
    Certification.competence_id,
    Certification.level,
    Certification.valid_until,
    Certification.id,
    Certification.valid_from,
).where(Certification.member_id.in_(bindparam("member_ids", expanding=True)))
_COUNTING = _OF_MEMBERS.where(counting(bindparam("on", type_=Date)))
_COUNTING_EVEN_SUSPENDED = _OF_MEMBERS.where(counting(bindparam("on", type_=Date), even_suspended=True))


def counting_rows(member_ids: Iterable[int], on: date, *, even_suspended: bool = False) -> dict[int, list[Held]]:
    """Everything that counts, best first for each competence. One statement."""
    statement = _COUNTING_EVEN_SUSPENDED if even_suspended else _COUNTING
    found: dict[int, list[Held]] = defaultdict(list)
    for row in run(statement, member_ids=list(set(member_ids)), on=on):
        found[row.member_id].append(Held(*row[1:]))
    for held_rows in found.values():
        held_rows.sort(key=_strength, reverse=True)
    return found


def _strength(row: Held) -> tuple[int, date, int]:
    return row.level.rank, row.valid_until or date.max, row.certification_id


def _best(rows: Iterable[Held]) -> dict[int, Held]:
    best: dict[int, Held] = {}
    for row in rows:
        best.setdefault(row.competence_id, row)
    return best


def held_by(member_ids: Iterable[int], on: date) -> dict[int, dict[int, Held]]:
    """`held` for several members, in one statement; who holds nothing is left out."""
    return {member_id: _best(rows) for member_id, rows in counting_rows(member_ids, on).items()}


def held(member_id: int, on: date) -> dict[int, Held]:
    """The best certification that counts on that day, by competence. One statement."""
    return held_by([member_id], on).get(member_id, {})


def trainer_competences(member_id: int, on: date) -> frozenset[int]:
    """Competences somebody may certify as a trainer on that day."""
    return frozenset(ident for ident, row in held(member_id, on).items() if row.level is Level.TRAINER)


def missing_competences(member_id: int, competence_ids: Sequence[int], on: date) -> list[Competence]:
    """Those of `competence_ids` the member may not use alone on that day, in their order. Two statements."""
    have = {ident for ident, row in held(member_id, on).items() if row.level.is_autonomous}
    wanted = [ident for ident in competence_ids if ident not in have]
    rows = {row.id: row for row in db.session.scalars(select(Competence).where(Competence.id.in_(wanted)))}
    return [rows[ident] for ident in wanted if ident in rows]


# ── competences and the way to them ──────────────────────────────────────────────────────────────────────────────────


def competences(*, retired_too: bool = False) -> list[Competence]:
    statement = select(Competence).order_by(Competence.position, Competence.id)
    if not retired_too:
        statement = statement.where(Competence.retired_at.is_(None))
    return list(db.session.scalars(statement))


def competence(slug: str) -> Competence:
    """Raises NoResultFound, also for what could never be an address of ours."""
    if not rules.is_slug(slug):
        raise NoResultFound(slug)
    return db.session.scalars(select(Competence).where(Competence.slug == slug)).one()


def prerequisites() -> dict[int, list[int]]:
    """What each competence asks for first; retired ones, which nobody can get any more, are left out."""
    rows = db.session.execute(
        select(Prerequisite.competence_id, Prerequisite.needs_id)
        .join(Competence, Competence.id == Prerequisite.needs_id)
        .where(Competence.retired_at.is_(None))
        .order_by(Prerequisite.competence_id, Competence.position, Competence.id)
    )
    needs: dict[int, list[int]] = defaultdict(list)
    for competence_id, needs_id in rows:
        needs[competence_id].append(needs_id)
    return needs


@dataclass(frozen=True, slots=True)
class Step:
    """One competence on the way. `done`: may work alone. `level` is what is held, also ASSISTED, which is not `done`."""

    competence_id: int
    slug: str
    name: said
    done: bool
    until: date | None
    suspended_reason: str | None
    interest: bool
    level: Level | None = None
    icon: str = "check"


def steps(member_id: int | None, competence_ids: Sequence[int], on: date) -> list[Step]:
    """What `competence_ids` ask of a member (or of a visitor), each after its prerequisites. At most five statements."""
    have = held(member_id, on) if member_id is not None else {}
    suspended = running_suspensions(member_id) if member_id is not None else {}
    wished = open_interests(member_id) if member_id is not None else frozenset()
    done = frozenset(ident for ident, row in have.items() if row.level.is_autonomous)
    known = {row.id: row for row in competences(retired_too=True)}
    order = rules.path_to([ident for ident in competence_ids if ident in known], prerequisites(), done)
    return [
        Step(
            competence_id=ident,
            slug=known[ident].slug,
            name=known[ident].name,
            done=ident in done,
            until=have[ident].valid_until if ident in have else None,
            suspended_reason=suspended.get(ident),
            interest=ident in wished,
            level=have[ident].level if ident in have else None,
            icon=known[ident].icon,
        )
        for ident in order
    ]


def running_suspension(member_id: int, competence_id: int) -> Suspension | None:
    return db.session.scalars(
        select(Suspension)
        .where(Suspension.member_id == member_id, Suspension.competence_id == competence_id, Suspension.ended_at.is_(None))
        .execution_options(populate_existing=True)
    ).first()


def open_interests(member_id: int) -> frozenset[int]:
    return frozenset(
        db.session.scalars(select(Interest.competence_id).where(Interest.member_id == member_id, Interest.closed_at.is_(None)))
    )


# ── what ends ────────────────────────────────────────────────────────────────────────────────────────────────────────

_RANK = {level.value: level.rank for level in Level}


def _rank(row: Any) -> ColumnElement[int]:
    return case(_RANK, value=row.level)


def is_best(on: date, *, even_suspended: bool = False) -> ColumnElement[bool]:
    """That no other certification of the same member and competence is stronger; the newest of two equals."""
    other = aliased(Certification)
    far = date.max
    mine, theirs = func.coalesce(Certification.valid_until, far), func.coalesce(other.valid_until, far)
    stronger = or_(
        _rank(other) > _rank(Certification),
        and_(_rank(other) == _rank(Certification), theirs > mine),
        and_(_rank(other) == _rank(Certification), theirs == mine, other.id > Certification.id),
    )
    return ~exists().where(
        other.member_id == Certification.member_id,
        other.competence_id == Certification.competence_id,
        counting(on, other, even_suspended=even_suspended),
        stronger,
    )


@dataclass(frozen=True, slots=True)
class Expiring:
    certification_id: int
    member_id: int
    member: str
    competence_id: int
    slug: str
    competence: said
    level: Level
    valid_from: date
    valid_until: date


def expiring(days: int) -> list[Expiring]:
    """What runs out within `days` days and was not renewed, soonest first. One statement."""
    today = clock.today()
    rows = db.session.execute(
        select(
            Certification.id,
            Certification.member_id,
            Member.name,
            Certification.competence_id,
            Competence.slug,
            Competence.name,
            Certification.level,
            Certification.valid_from,
            Certification.valid_until,
        )
        .join(Member, Member.id == Certification.member_id)
        .join(Competence, Competence.id == Certification.competence_id)
        .where(Certification.valid_until <= today + timedelta(days=days), counting(today), is_best(today))
        .order_by(Certification.valid_until, Certification.id)
    )
    return [
        Expiring(
            certification_id=row.id,
            member_id=row.member_id,
            member=row[2],
            competence_id=row.competence_id,
            slug=row.slug,
            competence=row[5],
            level=row.level,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
        for row in rows
    ]


def held_with_names(member_id: int) -> list[histories.Badge]:
    """For a member's page (`trainings/_held.html`): one badge for each competence they ever held."""
    return histories.badges(member_id, clock.today())
