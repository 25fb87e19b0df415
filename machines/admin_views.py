"""Managers' pages about machines: adding, editing, taking out of service, retiring."""

from __future__ import annotations

from collections.abc import Callable, Collection

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from app.calendar.models import Kind, Resource
from app.kernel import clock, i18n, uploads
from app.kernel.actors import Role, current_actor
from app.kernel.db import db
from app.kernel.periods import wall_instant
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, see
from machines import catalogue, queries, requirements
from machines.forms import MachineForm, OutageForm
from trainings import queries as trainings

bp = Blueprint("machine_admin", __name__, template_folder="templates")


@bp.route("/machines/new", methods=["GET", "POST"])
@needs(Role.MANAGER)
def add() -> ResponseReturnValue:
    form = MachineForm()
    _offer_choices(form)
    if form.validate_on_submit() and _picture_is_kept(form):
        actor, described = current_actor(), {**form.described, "picture": form.picture.data or None}

        def act() -> str:
            machine = catalogue.add(
                actor=actor,
                space_id=form.space.data,
                capacity=form.capacity.data or 1,
                requirements=form.requirements,
                **described,
            )
            return url_for("machines.machine", slug=machine.slug)

        if (answer := _try(act, form)) is not None:
            flash(_("The machine is in the catalogue. Next, give it a price."), "free")
            return answer
    return page("machines/edit.html", form.status if form.is_submitted() else 200, form=form, machine=None)


@bp.route("/machines/<slug>/edit", methods=["GET", "POST"])
@needs(Role.MANAGER)
def edit(slug: str) -> ResponseReturnValue:
    machine = queries.machine(slug)
    conditions = [condition.ids for condition in requirements.conditions([machine.id]).get(machine.id, [])]
    form = MachineForm() if request.method == "POST" else MachineForm.describing(machine, conditions)
    form.more_conditions = [one for one in conditions if len(one) > 1][2:]
    _offer_choices(form, {ident for one in conditions for ident in one})
    if form.validate_on_submit() and _picture_is_kept(form):
        actor, described = current_actor(), {**form.described, "picture": form.picture.data or machine.picture}

        def act() -> str:
            changed = catalogue.describe(
                actor=actor,
                machine_id=machine.id,
                requirements=form.requirements,
                space_id=form.space.data,
                capacity=form.capacity.data or 1,
                **described,
            )
            return url_for("machines.machine", slug=changed.slug)

        if (answer := _try(act, form)) is not None:
            flash(_("Saved."), "free")
            return answer
    return page(
        "machines/edit.html",
        form.status if form.is_submitted() else 200,
        form=form,
        machine=machine,
        outage=OutageForm(formdata=None),
        affected=queries.affected(machine.id),
    )


@bp.post("/machines/<slug>/outage")
@needs(Role.MANAGER)
def put_out(slug: str) -> ResponseReturnValue:
    machine, form, actor = queries.machine(slug), OutageForm(), current_actor()
    back = url_for("machine_admin.edit", slug=slug)
    if not form.validate_on_submit():
        flash(_("Give the day it comes back as a date, or leave it empty."), "stop")
        return see(back)
    until = wall_instant(form.until.data, 0, clock.zone()) if form.until.data else None

    def act() -> str:
        catalogue.put_out_of_order(actor=actor, machine_id=machine.id, until=until, note=(form.note.data or "").strip())
        return back

    if (answer := _try(act, None)) is None:
        return see(back)
    touched = len(queries.affected(machine.id, until))
    flash(_("Nobody can book or start it now."), "care")
    if touched:
        flash(
            ngettext("%(num)d reservation is touched, see below.", "%(num)d reservations are touched, see below.", touched),
            "care",
        )
    return answer


@bp.post("/machines/<slug>/return")
@needs(Role.MANAGER)
def put_back(slug: str) -> ResponseReturnValue:
    machine, actor = queries.machine(slug), current_actor()
    back = url_for("machine_admin.edit", slug=slug)

    def act() -> str:
        catalogue.put_back(actor=actor, machine_id=machine.id)
        return back

    return see(once(act))


@bp.post("/machines/<slug>/retirement")
@needs(Role.MANAGER)
def retire(slug: str) -> ResponseReturnValue:
    machine, actor = queries.machine(slug), current_actor()

    def act() -> str:
        catalogue.retire(actor=actor, machine_id=machine.id)
        return url_for("machines.catalogue")

    return _try(act, None) or see(url_for("machine_admin.edit", slug=slug))


def _offer_choices(form: MachineForm, asked: Collection[int] = ()) -> None:
    """The places and the competences to choose from; one retired since stays on offer where it is asked for."""
    spaces = db.session.scalars(
        select(Resource)
        .where(Resource.kind != Kind.MACHINE, Resource.retired_at.is_(None))
        .order_by(Resource.position, Resource.id)
    )
    form.space.choices = [(space.id, i18n.in_words(space.name)) for space in spaces]
    known = [one for one in trainings.competences(retired_too=True) if one.retired_at is None or one.id in asked]
    competences = [(one.id, i18n.in_words(one.name)) for one in known]
    form.required_all.choices = form.required_any.choices = form.required_any_too.choices = competences


def _picture_is_kept(form: MachineForm) -> bool:
    """Store a photo that was sent; tells its field when it cannot be."""
    if not form.photo.data or not form.photo.data.filename:
        return True
    try:
        form.picture.data = uploads.store_picture(form.photo.data.stream, "machines")
    except Refused as refused:
        form.photo.errors = [i18n.explain(refusal) for refusal in refused.refusals]
        return False
    return True


def _try(act: Callable[[], str], form: MachineForm | None) -> ResponseReturnValue | None:
    try:
        return see(once(act))
    except Refused as refused:
        if form is not None:
            form.refuse(refused)
        else:
            flash_refusals(refused)
        return None
