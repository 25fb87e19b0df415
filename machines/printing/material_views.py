"""Managers' pages about filaments: what is sold by weight, its density, what a kilogram costs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.web import needs, once, page, see
from machines.printing import materials
from machines.printing.link_forms import MaterialForm
from machines.printing.models import Material

bp = Blueprint("materials", __name__, template_folder="templates")


@bp.route("/materials", methods=["GET", "POST"], endpoint="all")
@needs(Role.MANAGER)
def every() -> ResponseReturnValue:
    """All of them, and the form for one more."""
    form, actor = MaterialForm(), current_actor()
    if form.validate_on_submit():

        def act() -> str:
            materials.add(actor=actor, **_typed(form))
            return url_for("materials.all")

        if (url := _try(act, form)) is not None:
            flash(_("The filament is in the list."), "free")
            return see(url)
    return _page(form, None)


@bp.route(f"/materials/<int(max={MAX_ID}):material_id>", methods=["GET", "POST"])
@needs(Role.MANAGER)
def one(material_id: int) -> ResponseReturnValue:
    material, actor = materials.one(material_id), current_actor()
    form = MaterialForm()
    if not form.is_submitted():
        return _page(MaterialForm.describing(material, materials.prices().get(material.item)), material)
    if form.validate():

        def act() -> str:
            materials.change(actor=actor, material_id=material_id, **_typed(form))
            return url_for("materials.all")

        if (url := _try(act, form)) is not None:
            flash(_("Saved."), "free")
            return see(url)
    return _page(form, material)


def _typed(form: MaterialForm) -> dict[str, Any]:
    return {
        "code": form.code.data,
        "name": form.name,
        "density_mg": form.density_mg.data,
        "cents_per_kilogram": form.price.data,
        "is_offered": form.is_offered.data,
    }


def _try(act: Any, form: MaterialForm) -> str | None:
    try:
        return once(act)
    except Refused as refused:
        form.refuse(refused)
        return None


def _page(form: MaterialForm, material: Material | None) -> ResponseReturnValue:
    return page(
        "printing/materials.html",
        form.status if form.is_submitted() else 200,
        form=form,
        material=material,
        materials=materials.every(),
        prices=materials.prices(),
    )
