"""Competences and certifications as JSON: the same services, the same refusals as the pages."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy.exc import NoResultFound

from app.kernel import api, clock
from app.kernel.actors import Actor, current_actor
from app.kernel.api import answers, scoped
from app.kernel.db import transaction
from app.kernel.refusals import NotAllowed
from app.kernel.web import public
from trainings import certifications, facts, histories, interests, openings, queries, rosters, rules
from trainings.models import Certification
from trainings.schemas import (
    CertificationSchema,
    CertifySchema,
    CompetenceSchema,
    InterestSchema,
    MyCompetencesSchema,
    NoteInputSchema,
    ReasonInputSchema,
)

blp = api.blueprint("trainings", __name__, "What one learns to use machines safely, and who holds it")

ID = "<int(max=2147483647):certification_id>"


@blp.get("/competences")
@public
@blp.response(200, CompetenceSchema(many=True))
def list_competences() -> list[dict[str, Any]]:
    """What the lab teaches, and what each competence opens."""
    rows = queries.competences()
    slugs = {row.id: row.slug for row in rows}
    needs = queries.prerequisites()
    opened = openings.opened_by([row.id for row in rows])
    return [
        {
            "slug": row.slug,
            "name": row.name,
            "description": row.description,
            "path": row.path,
            "valid_months": row.valid_months,
            "prerequisites": [slugs[ident] for ident in needs.get(row.id, [])],
            "opens": [{"name": name, "url": url} for name, url in opened.get(row.id, [])],
        }
        for row in rows
    ]


@blp.get("/me/competences")
@scoped("profile")
@blp.response(200, MyCompetencesSchema)
@answers(blp, 401, 403)
def my_competences() -> dict[str, Any]:
    """What you hold, held or wait for."""
    member_id = _myself(current_actor())
    wished = queries.open_interests(member_id)
    return {
        "competences": [
            {
                "competence": badge.competence.slug,
                "certification_id": badge.certification_id,
                "level": badge.level,
                "valid_from": badge.valid_from,
                "valid_until": badge.valid_until,
                "state": badge.state.value,
                "reason": badge.reason,
            }
            for badge in histories.badges(member_id, clock.today())
        ],
        "interests": [row.slug for row in queries.competences(retired_too=True) if row.id in wished],
    }


@blp.post("/competences/<slug>/certifications")
@scoped("trainings")
@blp.arguments(CertifySchema)
@blp.response(201, CertificationSchema)
@answers(blp, 400, 401, 403, 404, 409, 422)
def create_certification(given: dict[str, Any], slug: str) -> dict[str, Any]:
    """Certify one member from today, or renew. Send an `Idempotency-Key` to be able to repeat the call."""
    actor = current_actor()
    competence = queries.competence(slug)
    if not facts.certifier(actor, competence.id).may:
        raise NotAllowed  # before the member is looked up: nobody learns here who has an account
    member_id = given.get("member_id") or rosters.member_with_email(given["email"])
    if member_id is None:
        raise NoResultFound

    def act() -> int:
        return certifications.grant(
            actor=actor,
            member_id=member_id,
            competence_id=competence.id,
            level=given["level"],
            valid_until=given["valid_until"],
            evidence=given["evidence"],
            note=given["note"],
        ).id

    return _shown(api.once(act))


@blp.post(f"/certifications/{ID}/suspension")
@scoped("trainings")
@blp.arguments(ReasonInputSchema)
@blp.response(200, CertificationSchema)
@answers(blp, 400, 401, 403, 404, 409, 422)
def suspend_certification(given: dict[str, Any], certification_id: int) -> dict[str, Any]:
    """Stop a competence for its holder at once, with the reason they will read."""
    actor = _entitled(certification_id)
    with transaction():
        certifications.suspend(actor=actor, certification_id=certification_id, reason=given["reason"])
    return _shown(certification_id)


@blp.post(f"/certifications/{ID}/reinstatement")
@scoped("trainings")
@blp.arguments(NoteInputSchema)
@blp.response(200, CertificationSchema)
@answers(blp, 400, 401, 403, 404, 409, 422)
def reinstate_certification(given: dict[str, Any], certification_id: int) -> dict[str, Any]:
    """Lift the suspension that runs."""
    actor = _entitled(certification_id)
    with transaction():
        certifications.lift(actor=actor, certification_id=certification_id, note=given["note"])
    return _shown(certification_id)


@blp.post(f"/certifications/{ID}/revocation")
@scoped("trainings")
@blp.arguments(ReasonInputSchema)
@blp.response(200, CertificationSchema)
@answers(blp, 400, 401, 403, 404, 409, 422)
def revoke_certification(given: dict[str, Any], certification_id: int) -> dict[str, Any]:
    """Take a competence away for good; only a new certification gives it back."""
    actor = _entitled(certification_id)
    with transaction():
        certifications.revoke(actor=actor, certification_id=certification_id, reason=given["reason"])
    return _shown(certification_id)


@blp.post("/competences/<slug>/interest")
@scoped("profile")
@blp.response(200, InterestSchema)
@answers(blp, 401, 403, 404, 409)
def declare_interest(slug: str) -> dict[str, Any]:
    """Ask to be told when a date comes up; asking twice changes nothing."""
    competence = queries.competence(slug)
    with transaction():
        interest = interests.declare(actor=current_actor(), competence_id=competence.id)
    return {"competence": slug, "declared_at": interest.declared_at}


@blp.delete("/competences/<slug>/interest")
@scoped("profile")
@blp.response(204)
@answers(blp, 401, 403, 404)
def withdraw_interest(slug: str) -> Response:
    """No longer wait for a date."""
    competence = queries.competence(slug)
    with transaction():
        interests.withdraw(actor=current_actor(), competence_id=competence.id)
    return Response(status=204)


def _myself(actor: Actor) -> int:
    if actor.member_id is None:
        raise NotAllowed
    return actor.member_id


def _entitled(certification_id: int) -> Actor:
    """404 for what one may not read, 403 for what one may only read (one's own)."""
    actor = current_actor()
    row = histories.certification(certification_id)
    certifier = facts.certifier(actor, row.competence_id)
    if not rules.may_read(certifier, member_id=row.member_id):
        raise NoResultFound
    if not certifier.may:
        raise NotAllowed
    return actor


def _shown(certification_id: int) -> dict[str, Any]:
    row: Certification = histories.certification(certification_id)
    names = ("id", "member_id", "level", "valid_from", "valid_until", "granted_at", "granted_by_id", "granted_as")
    return {
        **{name: getattr(row, name) for name in (*names, "evidence", "note")},
        "competence": row.competence.slug,
        "history": histories.history(row),
    }
