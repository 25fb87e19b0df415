"""What the lab teaches: managers create, change, order, retire and reopen competences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db, lock_all, said
from app.kernel.refusals import NotAllowed, Refused
from trainings import queries, reasons, rules
from trainings.models import Competence, Prerequisite


@dataclass(frozen=True, slots=True)
class Draft:
    """What a manager wrote. `slug` counts when creating only: addresses stay, posters and QR codes carry them."""

    name: said
    description: said = field(default_factory=dict)
    path: said = field(default_factory=dict)
    icon: str = "check"
    valid_months: int | None = None
    prerequisite_ids: Sequence[int] = ()
    position: int = 0
    slug: str = ""


def create(*, actor: Actor, draft: Draft) -> Competence:
    """Raises Refused when its address is taken or a prerequisite is gone."""
    _managers_only(actor)
    slug = draft.slug or rules.slug_of(draft.name.get("fr") or next(iter(draft.name.values())))
    if db.session.scalar(select(Competence.id).where(Competence.slug == slug)) is not None:
        raise Refused([reasons.SLUG_TAKEN(slug=slug)])
    competence = Competence(
        slug=slug,
        name=draft.name,
        description=draft.description,
        path=draft.path,
        icon=draft.icon,
        valid_months=draft.valid_months,
        position=draft.position,
    )
    try:
        with db.session.begin_nested():
            db.session.add(competence)
    except IntegrityError as error:  # somebody else took the address in the meantime
        raise Refused([reasons.SLUG_TAKEN(slug=slug)]) from error
    _set_prerequisites(competence, draft.prerequisite_ids)
    audit.record(actor, "competence.created", competence.subject, slug=slug)
    return competence


def change(*, actor: Actor, competence_id: int, draft: Draft) -> Competence:
    """A new validity counts for the certifications to come; those granted keep their dates. Raises Refused for a circle."""
    _managers_only(actor)
    competence = _locked_among_all(competence_id)
    competence.name = draft.name
    competence.description = draft.description
    competence.path = draft.path
    competence.icon = draft.icon
    competence.valid_months = draft.valid_months
    competence.position = draft.position
    _set_prerequisites(competence, draft.prerequisite_ids)
    audit.record(
        actor,
        "competence.changed",
        competence.subject,
        valid_months=draft.valid_months,
        prerequisites=sorted(draft.prerequisite_ids),
    )
    return competence


def retire(*, actor: Actor, competence_id: int) -> None:
    """Nobody is certified for it any more, and nothing asks for it first; those who hold it keep it."""
    _managers_only(actor)
    competence = _locked_among_all(competence_id)
    if competence.retired_at is None:
        competence.retired_at = clock.now()
        audit.record(actor, "competence.retired", competence.subject)


def reopen(*, actor: Actor, competence_id: int) -> None:
    _managers_only(actor)
    competence = _locked_among_all(competence_id)
    if competence.retired_at is not None:
        competence.retired_at = None
        audit.record(actor, "competence.reopened", competence.subject)


def _managers_only(actor: Actor) -> None:
    if not actor.has(Role.MANAGER):
        raise NotAllowed


def _locked_among_all(competence_id: int) -> Competence:
    """Lock every competence: two managers could otherwise close a circle together, each seeing half of it."""
    rows = lock_all(Competence, list(db.session.scalars(select(Competence.id))))
    return next((row for row in rows if row.id == competence_id), None) or db.session.get_one(Competence, competence_id)


def _set_prerequisites(competence: Competence, wanted: Sequence[int]) -> None:
    names = {row.id: row.name for row in queries.competences(retired_too=True)}
    if not set(wanted) <= names.keys():
        raise Refused([reasons.UNKNOWN_PREREQUISITE()])
    needs = _all_prerequisites()
    needs[competence.id] = list(dict.fromkeys(wanted))
    if path := rules.circle(needs, competence.id):
        raise Refused([reasons.CIRCLE(path=_spelled(path, names))])
    db.session.execute(delete(Prerequisite).where(Prerequisite.competence_id == competence.id))
    db.session.add_all(Prerequisite(competence_id=competence.id, needs_id=ident) for ident in needs[competence.id])
    db.session.flush()


def _all_prerequisites() -> dict[int, list[int]]:
    """With the retired ones: they may be reopened, and the circle would be there."""
    needs: dict[int, list[int]] = {}
    for competence_id, needs_id in db.session.execute(select(Prerequisite.competence_id, Prerequisite.needs_id)):
        needs.setdefault(competence_id, []).append(needs_id)
    return needs


def _spelled(path: Sequence[int], names: Mapping[int, said]) -> said:
    """The way round, in each language."""
    return {
        language: " → ".join(names[ident].get(language) or next(iter(names[ident].values())) for ident in path)
        for language in ("fr", "en")
    }
