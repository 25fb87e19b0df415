"""Granting, suspending, lifting and revoking certifications. Every act locks the people it is about, then asks the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.accounts.models import Member
from sqlalchemy import func, select, update
from sqlalchemy.exc import NoResultFound

from app.accounts import members
from app.kernel import audit, clock, events, mail
from app.kernel.actors import Actor, Role
from app.kernel.db import db, lock_all
from app.kernel.refusals import Refusal, Refused
from trainings import queries, rules
from trainings.events import CertificationGranted, CertificationLost
from trainings.models import (
    Certification,
    Ending,
    Evidence,
    Interest,
    InterestEnd,
    Level,
    Revocation,
    Suspension,
)


@dataclass(frozen=True, slots=True)
class Award:
    """Who is to get which level."""

    member_id: int
    level: Level = Level.AUTONOMOUS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one award: a certification, or every reason against it."""

    member_id: int
    name: str
    certification: Certification | None
    refusals: Sequence[Refusal]


def grant(
    *,
    actor: Actor,
    member_id: int,
    competence_id: int,
    level: Level = Level.AUTONOMOUS,
    evidence: Evidence = Evidence.PRACTICAL,
    valid_until: date | None = None,
    note: str | None = None,
) -> Certification:
    """Certify one member from today; `valid_until` None takes the competence's own validity.

    A renewal is the same act. Raises Refused with every reason, NoResultFound for an unknown member or competence.
    """
    [outcome] = grant_all(
        actor=actor,
        competence_id=competence_id,
        awards=[Award(member_id, level)],
        evidence=evidence,
        valid_until=valid_until,
        note=note,
    )
    if outcome.certification is None:
        raise Refused(outcome.refusals)
    return outcome.certification


def grant_all(
    *,
    actor: Actor,
    competence_id: int,
    awards: Sequence[Award],
    evidence: Evidence = Evidence.PRACTICAL,
    valid_until: date | None = None,
    note: str | None = None,
) -> list[Outcome]:
    """Certify several members in the caller's transaction, each for themselves: one's refusal does not hold up another.

    Outcomes come in the order of `awards`; a member named twice counts once, with the last level. The number of
    statements does not grow with the number of people (but for new trainers, one or two each).
    """
    levels = {award.member_id: award.level for award in awards}
    people = _lock(actor, *levels)
    found = _facts(actor, competence_id, people, levels, valid_until)
    now = clock.now()
    outcomes: list[Outcome] = []
    for facts in found:
        refusals = rules.certifying_refusals(facts)
        certification = None
        if not refusals and actor.member_id is not None:
            certification = Certification(
                member_id=facts.member_id,
                competence_id=competence_id,
                level=facts.level,
                valid_from=facts.valid_from,
                valid_until=facts.valid_until,
                granted_at=now,
                granted_by_id=actor.member_id,
                granted_as=rules.capacity(facts.certifier, facts.level),
                evidence=evidence,
                note=note,
            )
        outcomes.append(Outcome(facts.member_id, facts.member, certification, refusals))
    _announce(actor, [outcome.certification for outcome in outcomes if outcome.certification])
    return outcomes


def preview(
    *, actor: Actor, competence_id: int, awards: Sequence[Award], valid_until: date | None = None
) -> dict[int, list[Refusal]]:
    """What stands against each award as things are now, without granting anything; unknown members are left out."""
    levels = {award.member_id: award.level for award in awards}
    wanted = {*levels, actor.member_id} - {None}
    people = {row.id: row for row in db.session.scalars(select(Member).where(Member.id.in_(wanted)))}
    levels = {ident: level for ident, level in levels.items() if ident in people}
    found = _facts(actor, competence_id, people, levels, valid_until)
    return {facts.member_id: rules.certifying_refusals(facts) for facts in found}


def certifier(actor: Actor, competence_id: int) -> rules.Certifier:
    """What the actor may do about one competence today."""
    person = db.session.get(Member, actor.member_id) if actor.member_id is not None else None
    trains = actor.member_id is not None and competence_id in queries.trainer_competences(actor.member_id, clock.today())
    return rules.Certifier(actor.member_id, trains, actor.has(Role.MANAGER), _suspended(person))


def suspend(*, actor: Actor, certification_id: int, reason: str) -> Suspension:
    """Stop everything the member may do with this competence, at once, until somebody else lifts it."""
    row, facts = _taking_facts(actor, certification_id)
    _refuse(rules.suspension_refusals(facts))
    assert actor.member_id is not None
    suspension = Suspension(
        member_id=row.member_id,
        competence_id=row.competence_id,
        certification_id=row.id,
        through_id=_newest(row),
        reason=reason,
        suspended_at=clock.now(),
        suspended_by_id=actor.member_id,
    )
    db.session.add(suspension)
    db.session.flush()  # the letter names its id
    _note_trainer(row.member_id, was_trainer=facts.is_trainer)
    audit.record(actor, "certification.suspended", row.subject, reason=reason)
    events.publish(CertificationLost(row.member_id, row.competence_id))
    mail.send("trainings.suspended", suspension=suspension.id)
    return suspension


def lift(*, actor: Actor, certification_id: int, note: str | None = None) -> Suspension:
    """End the suspension that runs: what was granted before counts again."""
    row, facts = _taking_facts(actor, certification_id)
    _refuse(rules.lifting_refusals(facts))
    suspension = queries.running_suspension(row.member_id, row.competence_id)
    assert suspension is not None
    _end(suspension, actor, Ending.LIFTED, note)
    db.session.flush()  # what follows asks what counts
    _note_trainer(row.member_id, was_trainer=facts.is_trainer)
    audit.record(actor, "certification.reinstated", row.subject, note=note)
    held = queries.held(row.member_id, clock.today()).get(row.competence_id)
    if held is not None:
        events.publish(CertificationGranted(row.member_id, row.competence_id, held.level))
    mail.send("trainings.lifted", suspension=suspension.id)
    return suspension


def revoke(*, actor: Actor, certification_id: int, reason: str) -> Revocation:
    """Take the competence away for good: no certification granted until now counts any more. It ends a suspension too."""
    row, facts = _taking_facts(actor, certification_id)
    _refuse(rules.revocation_refusals(facts))
    assert actor.member_id is not None
    revocation = Revocation(
        member_id=row.member_id,
        competence_id=row.competence_id,
        certification_id=row.id,
        through_id=_newest(row),
        reason=reason,
        revoked_at=clock.now(),
        revoked_by_id=actor.member_id,
    )
    db.session.add(revocation)
    if suspension := queries.running_suspension(row.member_id, row.competence_id):
        _end(suspension, actor, Ending.REVOKED, reason)
    db.session.flush()  # the letter names its id
    _note_trainer(row.member_id, was_trainer=facts.is_trainer)
    audit.record(actor, "certification.revoked", row.subject, reason=reason)
    events.publish(CertificationLost(row.member_id, row.competence_id))
    mail.send("trainings.revoked", revocation=revocation.id)
    return revocation


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lock(actor: Actor, *member_ids: int) -> dict[int, Member]:
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


def _facts(
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


def _taking_facts(actor: Actor, certification_id: int) -> tuple[Certification, rules.TakingFacts]:
    row = queries.certification(certification_id)
    people = _lock(actor, row.member_id)
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


def _refuse(refusals: Sequence[Refusal]) -> None:
    if refusals:
        raise Refused(refusals)


def _newest(row: Certification) -> int:
    statement = select(func.max(Certification.id)).where(
        Certification.member_id == row.member_id, Certification.competence_id == row.competence_id
    )
    return db.session.scalar(statement) or row.id


# ── consequences ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _announce(actor: Actor, granted: Sequence[Certification]) -> None:
    db.session.add_all(granted)
    db.session.flush()  # the audit and the letters name their ids
    autonomous = [row for row in granted if row.level.is_autonomous]
    if autonomous:
        db.session.execute(
            update(Interest)
            .where(
                Interest.member_id.in_([row.member_id for row in autonomous]),
                Interest.competence_id == autonomous[0].competence_id,
                Interest.closed_at.is_(None),
            )
            .values(closed_at=clock.now(), closing=InterestEnd.CERTIFIED)
            .execution_options(synchronize_session=False)
        )
    for row in granted:
        if row.level is Level.TRAINER:
            members.set_trainer(row.member_id, True)
        audit.record(
            actor,
            "certification.granted",
            row.subject,
            member=row.member_id,
            competence=row.competence_id,
            level=row.level,
            valid_until=row.valid_until.isoformat() if row.valid_until else None,
            granted_as=row.granted_as,
        )
        events.publish(CertificationGranted(row.member_id, row.competence_id, row.level))
        mail.send("trainings.certified", certification=row.id)


def _end(suspension: Suspension, actor: Actor, ending: Ending, note: str | None) -> None:
    suspension.ended_at = clock.now()
    suspension.ended_by_id = actor.member_id
    suspension.ending = ending
    suspension.ending_note = note


def _note_trainer(member_id: int, *, was_trainer: bool) -> None:
    """Keep the account's trainer flag true to what counts."""
    if was_trainer:
        members.set_trainer(member_id, bool(queries.trainer_competences(member_id, clock.today())))


def note_lapsed_trainers() -> int:
    """Take the trainer flag from those whose last TRAINER certification ran out. Returns from how many."""
    lapsed = db.session.scalars(
        select(Member)
        .where(
            Member.id.in_(
                select(Certification.member_id).where(
                    Certification.level == Level.TRAINER, Certification.valid_until < clock.today()
                )
            )
        )
        .order_by(Member.id)
    )
    flagged = [row.id for row in lapsed if Role.TRAINER.value in row.roles]
    held = queries.held_by(flagged, clock.today()) if flagged else {}
    gone = [ident for ident in flagged if not any(row.level is Level.TRAINER for row in held.get(ident, {}).values())]
    for ident in gone:
        members.set_trainer(ident, False)
    return len(gone)
