"""Where one member stands with each competence, and what happened to one certification; read only."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.kernel.db import db
from trainings.models import Capacity, Certification, Competence, Ending, Evidence, Level, Revocation, Suspension

SOON_DAYS = 30
"""From when on an end is near enough to be said."""


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


def running_suspensions(member_id: int) -> dict[int, str]:
    """Reasons of the suspensions that run, by competence."""
    rows = db.session.execute(
        select(Suspension.competence_id, Suspension.reason).where(
            Suspension.member_id == member_id, Suspension.ended_at.is_(None)
        )
    )
    return {row.competence_id: row.reason for row in rows}


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
