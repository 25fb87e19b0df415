"""Who holds a competence, who trains it, who waits for it, and finding a member to certify; read only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, select

from app.accounts.models import Member
from app.kernel.db import db
from trainings import rules
from trainings.histories import SOON_DAYS
from trainings.models import Certification, Interest, Level, Suspension
from trainings.queries import counting, is_best

PAGE = 50


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
        is_best(on, even_suspended=True),
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
    found = [
        Holder(
            certification_id=row.id,
            member_id=row.member_id,
            name=row.name,
            level=row.level,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            suspended_reason=row.reason,
            soon=row.valid_until is not None and row.valid_until <= limit,
        )
        for row in rows
    ]
    return found, total


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


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody the search found. `hint` is their masked address: enough to tell two namesakes apart, no more."""

    member_id: int
    name: str
    hint: str


def find_members(words: str, *, most: int = 12) -> list[Found]:
    """Members whose name has every word, or whose address is exactly that. Accents and capitals do not matter."""
    wanted = rules.plain(words).split()
    if not wanted or len("".join(wanted)) < 2:
        return []
    rows = db.session.execute(select(Member.id, Member.name, Member.email).order_by(Member.name, Member.id))
    found = [
        Found(row.id, row.name, masked(row.email))
        for row in rows
        if row.email == words.strip().lower() or all(word in rules.plain(row.name) for word in wanted)
    ]
    return found[:most]


def members_named(member_ids: Sequence[int]) -> list[Found]:
    """Those of `member_ids` there are, in that order."""
    rows = {
        row.id: Found(row.id, row.name, masked(row.email))
        for row in db.session.execute(select(Member.id, Member.name, Member.email).where(Member.id.in_(member_ids)))
    }
    return [rows[ident] for ident in dict.fromkeys(member_ids) if ident in rows]


def member_with_email(email: str) -> int | None:
    return db.session.scalar(select(Member.id).where(Member.email == email.strip().lower()))


def masked(email: str) -> str:
    """“b…@lab.test”."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}…@{domain}"


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
