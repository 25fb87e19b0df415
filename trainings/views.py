"""Pages about competences: what there is, how to get there, who holds and who waits, and what managers write."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kernel import clock, i18n
from app.kernel.actors import Actor, Role, current_actor
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, public, see
from trainings import competences, facts, histories, interests, openings, queries, rosters
from trainings.forms import CompetenceForm
from trainings.models import Competence

bp = Blueprint("trainings", __name__, template_folder="templates")

MOST_SHOWN_PAGE = 10_000


# ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────


@bp.get("/competences", endpoint="competences")
@public
def competences_page() -> ResponseReturnValue:
    actor = current_actor()
    rows = queries.competences(retired_too=actor.has(Role.MANAGER))
    mine = _badges(actor)
    return page(
        "trainings/competences.html",
        competences=rows,
        names={row.id: row.name for row in rows},
        needs=queries.prerequisites(),
        opens=openings.opened_by([row.id for row in rows]),
        badges={badge.competence.id: badge for badge in mine},
        demand={row.competence_id: row.count for row in interests.demand()} if _is_team(actor) else {},
    )


@bp.get("/competences/<slug>")
@public
def competence(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)
    actor = current_actor()
    today = clock.today()
    certifier = facts.certifier(actor, row.id)
    context: dict[str, Any] = {}
    if certifier.may:
        number = min(max(request.args.get("page", 1, type=int), 1), MOST_SHOWN_PAGE)
        holders, total = rosters.holders(row.id, today, page=number)
        context = {
            "holders": holders,
            "total": total,
            "number": number,
            "pages": max(1, -(-total // rosters.PAGE)),
            "soon": [one for one in queries.expiring(histories.SOON_DAYS) if one.competence_id == row.id],
            "waiting": rosters.waiting(row.id),
        }
    badge = next((one for one in _badges(actor) if one.competence.id == row.id), None)
    return page(
        "trainings/competence.html",
        competence=row,
        steps=queries.steps(actor.member_id, [row.id], today),
        badge=badge,
        opens=openings.opened_by([row.id]).get(row.id, []),
        trainers=rosters.trainers([row.id], today).get(row.id, []) if actor.member_id is not None else [],
        waits=actor.member_id is not None and row.id in queries.open_interests(actor.member_id),
        certifier=certifier,
        today=today,
        **context,
    )


@bp.get("/account/competences")
def my_competences() -> ResponseReturnValue:
    actor = current_actor()
    member_id = actor.member_id or 0
    wished = queries.open_interests(member_id)
    badges = histories.badges(member_id, clock.today())
    return page(
        "trainings/my_competences.html",
        badges=badges,
        opens=openings.opened_by([badge.competence.id for badge in badges if badge.counts]),
        wished=[row for row in queries.competences() if row.id in wished],
    )


@bp.post("/competences/<slug>/interest")
def declare_interest(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)

    def act() -> str:
        interests.declare(actor=current_actor(), competence_id=row.id)
        return _page_of(row)

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(_page_of(row))
    flash(_("We will tell you when there is a date for “%(name)s”.", name=i18n.in_words(row.name)), "free")
    return see(url)


@bp.post("/competences/<slug>/interest/withdrawal")
def withdraw_interest(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)

    def act() -> str:
        interests.withdraw(actor=current_actor(), competence_id=row.id)
        return _page_of(row)

    url = once(act)
    flash(_("We will not write to you about “%(name)s”.", name=i18n.in_words(row.name)), "free")
    return see(url)


# ── what managers write ──────────────────────────────────────────────────────────────────────────────────────────────


@bp.get("/competences/new")
@needs(Role.MANAGER)
def new_competence() -> ResponseReturnValue:
    return _competence_page(_competence_form(None), None)


@bp.post("/competences")
@needs(Role.MANAGER)
def create_competence() -> ResponseReturnValue:
    form = _competence_form(None)
    if form.validate():

        def act() -> str:
            return _page_of(competences.create(actor=current_actor(), draft=form.draft()))

        try:
            return see(once(act))
        except Refused as refused:
            form.refuse(refused)
    return _competence_page(form, None)


@bp.get("/competences/<slug>/edit")
@needs(Role.MANAGER)
def edit_competence(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)
    form = _competence_form(row)
    form.fill(row, queries.prerequisites().get(row.id, []))
    return _competence_page(form, row)


@bp.post("/competences/<slug>")
@needs(Role.MANAGER)
def change_competence(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)
    form = _competence_form(row)
    if form.validate():

        def act() -> str:
            return _page_of(competences.change(actor=current_actor(), competence_id=row.id, draft=form.draft()))

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("“%(name)s” is saved.", name=i18n.in_words(row.name)), "free")
            return see(url)
    return _competence_page(form, row)


@bp.post("/competences/<slug>/retirement")
@needs(Role.MANAGER)
def retire_competence(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)

    def act() -> str:
        competences.retire(actor=current_actor(), competence_id=row.id)
        return _page_of(row)

    return see(once(act))


@bp.post("/competences/<slug>/reopening")
@needs(Role.MANAGER)
def reopen_competence(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)

    def act() -> str:
        competences.reopen(actor=current_actor(), competence_id=row.id)
        return _page_of(row)

    return see(once(act))


# ── shared ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_team(actor: Actor) -> bool:
    return actor.has(Role.MANAGER, Role.TRAINER)


def _badges(actor: Actor) -> list[histories.Badge]:
    return histories.badges(actor.member_id, clock.today()) if actor.member_id is not None else []


def _page_of(row: Competence) -> str:
    return url_for("trainings.competence", slug=row.slug)


def _competence_form(row: Competence | None) -> CompetenceForm:
    others = [one for one in queries.competences() if row is None or one.id != row.id]
    return CompetenceForm().name_choices(others, i18n.in_words)


def _competence_page(form: CompetenceForm, row: Competence | None) -> ResponseReturnValue:
    return page("trainings/competence_form.html", form.status, form=form, competence=row)
