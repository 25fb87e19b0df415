"""Granting, suspending, lifting and revoking certifications. Every act locks the people it is about, then asks the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select, update

from app.accounts import members
from app.accounts.models import Member
from app.kernel import audit, clock, events, mail
from app.kernel.actors import Actor, Role
from app.kernel.db import db
from app.kernel.refusals import Refusal, Refused
from trainings import facts as load
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
    people = load.lock_people(actor, *levels)
    found = load.certifying_facts(actor, competence_id, people, levels, valid_until)
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
    found = load.certifying_facts(actor, competence_id, people, levels, valid_until)
    return {facts.member_id: rules.certifying_refusals(facts) for facts in found}


def suspend(*, actor: Actor, certification_id: int, reason: str) -> Suspension:
    """Stop everything the member may do with this competence, at once, until somebody else lifts it."""
    row, facts = load.taking_facts(actor, certification_id)
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
    row, facts = load.taking_facts(actor, certification_id)
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
    row, facts = load.taking_facts(actor, certification_id)
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


def _refuse(refusals: Sequence[Refusal]) -> None:
    if refusals:
        raise Refused(refusals)


def _newest(row: Certification) -> int:
    statement = select(func.max(Certification.id)).where(
        Certification.member_id == row.member_id, Certification.competence_id == row.competence_id
    )
    return db.session.scalar(statement) or row.id
