"""Who asks to be told of a date for a competence, and how many: the lab's reason to open one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from app.accounts.models import Member
from app.kernel import audit, clock
from app.kernel.actors import Actor
from app.kernel.db import db, locked, said
from app.kernel.refusals import NotAllowed, Refusal, Refused
from trainings import queries, reasons
from trainings.models import Competence, Interest, InterestEnd


def declare(*, actor: Actor, competence_id: int) -> Interest:
    """“Tell me when”. A second time changes nothing. Raises Refused for a retired competence or one already held."""
    member_id = _somebody(actor)
    locked(Member, member_id)
    competence = db.session.get_one(Competence, competence_id)
    if (already := _open(member_id, competence_id)) is not None:
        return already
    refusals: list[Refusal] = []
    if competence.retired_at is not None:
        refusals.append(reasons.COMPETENCE_RETIRED(competence=competence.name))
    held = queries.held(member_id, clock.today()).get(competence_id)
    if held is not None and held.level.is_autonomous:
        refusals.append(reasons.YOU_HOLD_IT(competence=competence.name, link={"slug": competence.slug}))
    if refusals:
        raise Refused(refusals)
    interest = Interest(member_id=member_id, competence_id=competence_id, declared_at=clock.now())
    db.session.add(interest)
    audit.record(actor, "interest.declared", competence.subject)
    return interest


def withdraw(*, actor: Actor, competence_id: int) -> None:
    """No longer. Nothing happens where nothing was asked."""
    member_id = _somebody(actor)
    locked(Member, member_id)
    interest = _open(member_id, competence_id)
    if interest is not None:
        interest.closed_at = clock.now()
        interest.closing = InterestEnd.WITHDRAWN
        audit.record(actor, "interest.withdrawn", f"competence:{competence_id}")


@dataclass(frozen=True, slots=True)
class Demand:
    competence_id: int
    slug: str
    name: said
    count: int
    oldest: datetime


def demand() -> list[Demand]:
    """How many wait for each competence and since when, most wanted first. One statement."""
    rows = db.session.execute(
        select(Competence.id, Competence.slug, Competence.name, func.count(Interest.id), func.min(Interest.declared_at))
        .join(Interest, Interest.competence_id == Competence.id)
        .where(Interest.closed_at.is_(None), Competence.retired_at.is_(None))
        .group_by(Competence.id, Competence.slug)
        .order_by(func.count(Interest.id).desc(), func.min(Interest.declared_at))
    )
    return [Demand(*row) for row in rows]


def _somebody(actor: Actor) -> int:
    if actor.member_id is None:
        raise NotAllowed
    return actor.member_id


def _open(member_id: int, competence_id: int) -> Interest | None:
    statement = select(Interest).where(
        Interest.member_id == member_id, Interest.competence_id == competence_id, Interest.closed_at.is_(None)
    )
    return db.session.scalars(statement).first()
