"""Managers' pages about places: the tree, adding, renaming, ordering, retiring. Hours and blocks have pages of their own."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.calendar import hours, queries, resources
from app.calendar.forms import PlaceForm, slug_of
from app.calendar.models import Kind, Resource
from app.kernel import i18n
from app.kernel.actors import Role, current_actor
from app.kernel.refusals import Refused
from app.kernel.web import HouseForm, flash_refusals, needs, once, page, see

bp = Blueprint("calendar", __name__, template_folder="templates")


@bp.route("/places", methods=["GET", "POST"])
@needs(Role.MANAGER)
def places() -> ResponseReturnValue:
    tree = queries.places()
    form = PlaceForm()
    form.parent.choices = _choices(tree)
    if form.validate_on_submit():
        actor = current_actor()

        def act() -> str:
            made = resources.create(
                actor=actor,
                parent_id=form.parent.data,
                kind=Kind.SPACE,
                name=form.name,
                slug=form.address,
                capacity=form.capacity.data or 1,
            )
            return url_for("calendar.places", _anchor=made.slug)

        if (url := attempt(act, form)) is not None:
            flash(_("The place is added."), "free")
            return see(url)
    book = hours.book()
    return page(
        "calendar/places.html",
        form.status if form.is_submitted() else 200,
        tree=tree,
        form=form,
        with_own_hours={ident for ident, own in book.hours.items() if own.weekly},
    )


@bp.route("/places/<slug>", methods=["GET", "POST"])
@needs(Role.MANAGER)
def place(slug: str) -> ResponseReturnValue:
    found = _space_or_site(slug)
    tree = queries.places()
    form = PlaceForm() if request.method == "POST" else PlaceForm.describing(found)
    if found.kind is Kind.SITE:
        form.without_place()
    else:
        under = {found.id, *queries.under(found.id)}
        form.parent.choices = _choices([one for one in tree if one.resource.id not in under])
    if form.validate_on_submit():
        actor = current_actor()

        def act() -> str:
            resources.describe(
                actor=actor,
                resource_id=found.id,
                name=form.name,
                slug=form.slug.data or found.slug or slug_of(form.name_fr.data),
                parent_id=form.parent.data if form.parent else None,
                capacity=(form.capacity.data or 1) if form.capacity else found.capacity,
            )
            return url_for("calendar.places")

        if (url := attempt(act, form)) is not None:
            flash(_("Saved."), "free")
            return see(url)
    things = next((one.things for one in tree if one.resource.id == found.id), [])
    status = form.status if form.is_submitted() else 200
    return page("calendar/place.html", status, place=found, form=form, things=things)


@bp.post("/places/<slug>/position")
@needs(Role.MANAGER)
def reposition(slug: str) -> ResponseReturnValue:
    found, actor, up = _space_or_site(slug), current_actor(), request.form.get("direction") == "up"

    def act() -> str:
        resources.reposition(actor=actor, resource_id=found.id, up=up)
        return url_for("calendar.places", _anchor=slug)

    return see(once(act))


@bp.post("/places/<slug>/retirement")
@needs(Role.MANAGER)
def retire(slug: str) -> ResponseReturnValue:
    found, actor = _space_or_site(slug), current_actor()

    def act() -> str:
        resources.retire(actor=actor, resource_id=found.id)
        return url_for("calendar.places")

    if (url := attempt(act)) is None:
        return see(url_for("calendar.place", slug=slug))
    flash(_("The place is retired; its history stays."), "free")
    return see(url)


def attempt(act: Callable[[], str], form: HouseForm | None = None) -> str | None:
    """Where `act` leads; None when it is refused, with the reasons on the form, or above the next page without one."""
    try:
        return once(act)
    except Refused as refused:
        if form is not None:
            form.refuse(refused)
        else:
            flash_refusals(refused)
        return None


def _space_or_site(slug: str) -> Resource:
    """Machines are described on their own page."""
    return queries.resource(slug, Kind.SITE, Kind.SPACE)


def _choices(tree: list[queries.Place]) -> list[tuple[int, str]]:
    return [(one.resource.id, "\u00a0\u00a0" * one.depth + i18n.in_words(one.resource.name)) for one in tree]
