"""What is held, by whom, until when, and what still stands before somebody; read only.

A certification *counts* on a day when it is valid that day, was granted after the member's last revocation of that
competence, and no suspension of that competence runs now.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.accounts.models import Member
from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from app.kernel import clock
from app.kernel.db import db, said
from trainings import rules
from trainings.models import (
    Capacity,
    Certification,
    Competence,
    Ending,
    Evidence,
    Interest,
    Level,
    Prerequisite,
    Revocation,
    Suspension,
)

PAGE = 50
SOON_DAYS = 30

# ── what counts ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Held:
    """The best certification that counts. Use `level.is_autonomous` to ask whether they may work alone."""

    competence_id: int
    level: Level
    valid_until: date | None
    certification_id: int
    valid_from: date


def counting(on: date, row: Any = Certification, *, even_suspended: bool = False) -> ColumnElement[bool]:
    """The condition that `row` counts on that day."""
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


def counting_rows(member_ids: Iterable[int], on: date, *, even_suspended: bool = False) -> dict[int, list[Held]]:
    """Everything that counts, best first for each competence. One statement."""
    rows = db.session.execute(
        select(
            Certification.member_id,
            Certification.competence_id,
            Certification.level,
            Certification.valid_until,
            Certification.id,
            Certification.valid_from,
        ).where(Certification.member_id.in_(set(member_ids)), counting(on, even_suspended=even_suspended))
    )
    found: dict[int, list[Held]] = defaultdict(list)
    for row in rows:
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
    """Raises NoResultFound."""
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


def running_suspensions(member_id: int) -> dict[int, str]:
    """Reasons of the suspensions that run, by competence."""
    rows = db.session.execute(
        select(Suspension.competence_id, Suspension.reason).where(
            Suspension.member_id == member_id, Suspension.ended_at.is_(None)
        )
    )
    return {row.competence_id: row.reason for row in rows}


def open_interests(member_id: int) -> frozenset[int]:
    return frozenset(
        db.session.scalars(select(Interest.competence_id).where(Interest.member_id == member_id, Interest.closed_at.is_(None)))
    )


# ── who holds, who waits ─────────────────────────────────────────────────────────────────────────────────────────────

_RANK = {level.value: level.rank for level in Level}


def _rank(row: Any) -> ColumnElement[int]:
    return case(_RANK, value=row.level)


def _is_best(on: date, *, even_suspended: bool = False) -> ColumnElement[bool]:
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
class Holder:
    certification_id: int
    member_id: int
    name: str
    level: Level
    valid_from: date
    valid_until: date | None
    suspended_reason: str | None
    soon: bool


def holders(competence_id: int, on: date, *, page: int = 1) -> tuple[list[Holder], int]:
    """Who holds it, suspended ones first, then by last day; one page of PAGE, and how many there are."""
    chosen = (
        Certification.competence_id == competence_id,
        counting(on, even_suspended=True),
        _is_best(on, even_suspended=True),
    )
    total = db.session.scalar(select(func.count()).select_from(Certification).where(*chosen)) or 0
    rows = db.session.execute(
        select(
            Certification.id,
            Certification.member_id,
            Member.name,
            Certification.level,
            Certification.valid_from,
            Certification.valid_until,
            Suspension.reason,
        )
        .join(Member, Member.id == Certification.member_id)
        .outerjoin(
            Suspension,
            and_(
                Suspension.member_id == Certification.member_id,
                Suspension.competence_id == Certification.competence_id,
                Suspension.ended_at.is_(None),
            ),
        )
        .where(*chosen)
        .order_by(Suspension.id.is_(None), func.coalesce(Certification.valid_until, date.max), Member.name)
        .limit(PAGE)
        .offset((page - 1) * PAGE)
    )
    limit = on + timedelta(days=SOON_DAYS)
    return [Holder(*row, row.valid_until is not None and row.valid_until <= limit) for row in rows], total


@dataclass(frozen=True, slots=True)
class Expiring:
    certification_id: int
    member_id: int
    name: str
    competence_id: int
    slug: str
    competence: said
    level: Level
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
            Certification.valid_until,
        )
        .join(Member, Member.id == Certification.member_id)
        .join(Competence, Competence.id == Certification.competence_id)
        .where(Certification.valid_until <= today + timedelta(days=days), counting(today), _is_best(today))
        .order_by(Certification.valid_until, Certification.id)
    )
    return [Expiring(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Waiting:
    member_id: int
    name: str
    declared_at: datetime


def waiting(competence_id: int, *, most: int = 100) -> list[Waiting]:
    """Who asked to be told of a date, longest first."""
    rows = db.session.execute(
        select(Interest.member_id, Member.name, Interest.declared_at)
        .join(Member, Member.id == Interest.member_id)
        .where(Interest.competence_id == competence_id, Interest.closed_at.is_(None))
        .order_by(Interest.declared_at, Interest.id)
        .limit(most)
    )
    return [Waiting(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Trainer:
    member_id: int
    name: str


def trainers(competence_ids: Sequence[int], on: date) -> dict[int, list[Trainer]]:
    """Who trains each competence on that day, by name. One statement."""
    rows = db.session.execute(
        select(Certification.competence_id, Member.id, Member.name)
        .join(Member, Member.id == Certification.member_id)
        .where(
            Certification.competence_id.in_(list(competence_ids)),
            Certification.level == Level.TRAINER,
            Member.suspended_at.is_(None),
            counting(on),
        )
        .distinct()
        .order_by(Member.name)
    )
    found: dict[int, list[Trainer]] = defaultdict(list)
    for competence_id, member_id, name in rows:
        found[competence_id].append(Trainer(member_id, name))
    return found


# ── one member's, one certification's ────────────────────────────────────────────────────────────────────────────────


class BadgeState(enum.StrEnum):
    HELD = "held"
    SOON = "soon"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Badge:
    """Where a member stands with one competence: the certification that says it, and why it does not count."""

    competence: Competence
    certification_id: int
    level: Level
    valid_from: date
    valid_until: date | None
    state: BadgeState
    reason: str | None = None

    @property
    def counts(self) -> bool:
        return self.state in (BadgeState.HELD, BadgeState.SOON)


def badges(member_id: int, on: date) -> list[Badge]:
    """One badge for each competence the member ever held, in the lab's order. Four statements."""
    rows = list(
        db.session.scalars(
            select(Certification)
            .where(Certification.member_id == member_id)
            .options(joinedload(Certification.competence))
            .order_by(Certification.id)
        )
    )
    suspended = running_suspensions(member_id)
    revoked: dict[int, Revocation] = {}
    for revocation in db.session.scalars(select(Revocation).where(Revocation.member_id == member_id).order_by(Revocation.id)):
        revoked[revocation.competence_id] = revocation
    by_competence: dict[int, list[Certification]] = defaultdict(list)
    for row in rows:
        by_competence[row.competence_id].append(row)
    found = [_badge(own, suspended.get(ident), revoked.get(ident), on) for ident, own in by_competence.items()]
    return sorted(found, key=lambda badge: (badge.competence.position, badge.competence.id))


def _badge(rows: Sequence[Certification], suspended: str | None, revoked: Revocation | None, on: date) -> Badge:
    after = [row for row in rows if revoked is None or row.id > revoked.through_id]
    valid = [row for row in after if row.valid_from <= on and (row.valid_until is None or row.valid_until >= on)]

    def strength(row: Certification) -> tuple[int, date, int]:
        return row.level.rank, row.valid_until or date.max, row.id

    if valid:
        best = max(valid, key=strength)
        if suspended is not None:
            return _as_badge(best, BadgeState.SUSPENDED, suspended)
        soon = best.valid_until is not None and best.valid_until <= on + timedelta(days=SOON_DAYS)
        return _as_badge(best, BadgeState.SOON if soon else BadgeState.HELD)
    if after:
        return _as_badge(max(after, key=lambda row: row.valid_until or date.max), BadgeState.EXPIRED)
    return _as_badge(max(rows, key=lambda row: row.id), BadgeState.REVOKED, revoked.reason if revoked else None)


def _as_badge(row: Certification, state: BadgeState, reason: str | None = None) -> Badge:
    return Badge(row.competence, row.id, row.level, row.valid_from, row.valid_until, state, reason)


def certification(ident: int) -> Certification:
    """With its competence. Raises NoResultFound."""
    statement = select(Certification).where(Certification.id == ident).options(joinedload(Certification.competence))
    return db.session.scalars(statement).one()


def certifications_of(member_id: int, competence_id: int) -> list[Certification]:
    """All a member ever had of one competence, newest first."""
    statement = select(Certification).where(Certification.member_id == member_id, Certification.competence_id == competence_id)
    return list(db.session.scalars(statement.order_by(Certification.id.desc())))


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """`verb` is granted, suspended, lifted or revoked."""

    verb: str
    at: datetime
    by_id: int
    words: str | None
    capacity: Capacity | None = None
    evidence: Evidence | None = None


def history(row: Certification) -> list[HistoryEntry]:
    """What happened to this certification, oldest first. Two statements."""
    mine: Mapping[str, Any] = {"member_id": row.member_id, "competence_id": row.competence_id}
    suspensions = db.session.scalars(
        select(Suspension).filter_by(**mine).where(Suspension.through_id >= row.id).order_by(Suspension.id)
    )
    revocation = db.session.scalars(
        select(Revocation).filter_by(**mine).where(Revocation.through_id >= row.id).order_by(Revocation.id).limit(1)
    ).first()
    entries = [HistoryEntry("granted", row.granted_at, row.granted_by_id, row.note, row.granted_as, row.evidence)]
    for one in suspensions:
        if revocation is not None and one.through_id > revocation.through_id:
            break  # pronounced on what was granted after the revocation
        entries.append(HistoryEntry("suspended", one.suspended_at, one.suspended_by_id, one.reason))
        if one.ending is Ending.LIFTED and one.ended_at and one.ended_by_id:
            entries.append(HistoryEntry("lifted", one.ended_at, one.ended_by_id, one.ending_note))
    if revocation is not None:
        entries.append(HistoryEntry("revoked", revocation.revoked_at, revocation.revoked_by_id, revocation.reason))
    return entries


def running_suspension(member_id: int, competence_id: int) -> Suspension | None:
    return db.session.scalars(
        select(Suspension)
        .where(Suspension.member_id == member_id, Suspension.competence_id == competence_id, Suspension.ended_at.is_(None))
        .execution_options(populate_existing=True)
    ).first()
