"""Loads what the rules of certifying need to know, with the people concerned locked first."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.exc import NoResultFound

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db, lock_all
from trainings import histories, queries, rules
from trainings.models import Certification, Level, Revocation, Suspension


def certifier(actor: Actor, competence_id: int) -> rules.Certifier:
    """What the actor may do about one competence today."""
    person = db.session.get(Member, actor.member_id) if actor.member_id is not None else None
    trains = actor.member_id is not None and competence_id in queries.trainer_competences(actor.member_id, clock.today())
    return rules.Certifier(actor.member_id, trains, actor.has(Role.MANAGER), _suspended(person))


def lock_people(actor: Actor, *member_ids: int) -> dict[int, Member]:
    """Lock the members and the one who acts, ascending: two acts about the same person, or about the trainer's own
    right to act, come one after the other."""
    wanted = set(member_ids)
    everybody = wanted if actor.member_id is None else wanted | {actor.member_id}
    people = {row.id: row for row in lock_all(Member, list(everybody))}
    if not wanted <= people.keys():
        raise NoResultFound("no such member")
    return people


def _suspended(person: Member | None) -> str | None:
    if person is None or person.suspended_at is None:
        return None
    return person.suspension_reason or ""


def certifying_facts(
    actor: Actor, competence_id: int, people: dict[int, Member], levels: dict[int, Level], valid_until: date | None
) -> list[rules.CertifyingFacts]:
    today = clock.today()
    known = {row.id: row for row in queries.competences(retired_too=True)}
    if competence_id not in known:
        raise NoResultFound("no such competence")
    competence = known[competence_id]
    needs = queries.prerequisites().get(competence_id, [])
    live = queries.counting_rows(people, today)
    suspensions = {
        row.member_id: row
        for row in db.session.scalars(
            select(Suspension).where(
                Suspension.member_id.in_(list(levels)),
                Suspension.competence_id == competence_id,
                Suspension.ended_at.is_(None),
            )
        )
    }
    own = [row for row in live.get(actor.member_id or 0, []) if row.competence_id == competence_id]
    person = people.get(actor.member_id or 0)
    acting = rules.Certifier(
        member_id=actor.member_id,
        trains_it=any(row.level is Level.TRAINER for row in own),
        is_manager=actor.has(Role.MANAGER),
        suspended=_suspended(person),
    )
    until = valid_until or rules.last_day(today, competence.valid_months)
    found = []
    for member_id, level in levels.items():
        rows = live.get(member_id, [])
        alone = {row.competence_id for row in rows if row.level.is_autonomous}
        suspension = suspensions.get(member_id)
        member = people[member_id]
        found.append(
            rules.CertifyingFacts(
                certifier=acting,
                slug=competence.slug,
                competence=competence.name,
                is_retired=competence.retired_at is not None,
                valid_months=competence.valid_months,
                member_id=member_id,
                member=member.name,
                account_suspended=_suspended(member),
                email_proved=member.email_proved_at is not None,
                missing=tuple(rules.Needed(known[i].slug, known[i].name) for i in needs if i not in alone),
                suspended=suspension.reason if suspension else None,
                suspended_certification_id=suspension.certification_id if suspension else None,
                live=tuple(rules.LiveRow(row.level, row.valid_until) for row in rows if row.competence_id == competence_id),
                level=level,
                valid_from=today,
                valid_until=until,
            )
        )
    return found


def taking_facts(actor: Actor, certification_id: int) -> tuple[Certification, rules.TakingFacts]:
    row = histories.certification(certification_id)
    people = lock_people(actor, row.member_id)
    today = clock.today()
    own = queries.counting_rows([row.member_id], today, even_suspended=True).get(row.member_id, [])
    own = [one for one in own if one.competence_id == row.competence_id]
    suspension = queries.running_suspension(row.member_id, row.competence_id)
    through = db.session.scalar(
        select(func.max(Revocation.through_id)).where(
            Revocation.member_id == row.member_id, Revocation.competence_id == row.competence_id
        )
    )
    return row, rules.TakingFacts(
        certifier=certifier(actor, row.competence_id),
        slug=row.competence.slug,
        competence=row.competence.name,
        member_id=row.member_id,
        member=people[row.member_id].name,
        holds=bool(own),
        is_trainer=any(one.level is Level.TRAINER for one in own),
        suspended=suspension.reason if suspension else None,
        is_revoked=through is not None and through >= row.id,
    )
