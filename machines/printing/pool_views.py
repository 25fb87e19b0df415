"""Pages from a file to a slot: which printer can have it when, and booking it with the file attached, in one click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kernel import clock, i18n
from app.kernel.actors import Actor, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refusal, Refused
from app.kernel.web import once, page, see, shown
from machines import queries as machines
from machines import reservations
from machines.models import Machine
from machines.printing import files, pools, prints, queries, reasons, windows
from machines.printing.models import Material, PrintFile
from machines.printing.pool_forms import SlotForm

bp = Blueprint("print_pools", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page is about: a file of the reader's, a filament, and when. `choices` are the filaments to choose from."""

    file: PrintFile
    material: Material | None
    when: windows.Window
    choices: list[Material]

    @property
    def asked(self) -> dict[str, str | int]:
        """As the address of the page says it."""
        code = {"material": self.material.code} if self.material else {}
        return {"file": self.file.id, **code, "when": self.when.word}


@bp.get("/printers/book")
def book() -> ResponseReturnValue:
    """Every printer's first free slot for a file; without one, the files to choose from."""
    actor = current_actor()
    assert actor.member_id is not None
    if not request.args.get("file"):
        return page("printing/pool_files.html", files=queries.files_of(actor.member_id), has_printers=pools.has_printers())
    return _pool_page(_wish(request.args))


@bp.post("/printers/book")
def create() -> ResponseReturnValue:
    actor, wish, form = current_actor(), _wish(request.form), SlotForm()
    if not form.validate_on_submit():
        flash(_("This slot cannot be read. Choose one of those below."), "stop")
        return _pool_page(wish, 422)
    machine = machines.machine(form.machine.data or "")
    try:
        url = once(lambda: _take(actor, wish, machine, form))
    except Refused as refused:
        return _pool_page(wish, 409, refused.refusals, (machine, form))
    flash(_("It is yours: %(when)s. Your file is attached.", when=i18n.span(form.claim.start, form.claim.end)), "free")
    return see(url)


def _take(actor: Actor, wish: Wish, machine: Machine, form: SlotForm) -> str:
    """The reservation and the print in it, both or neither."""
    reservation = reservations.book(actor=actor, machine=machine, claim=form.claim)
    prints.attach(
        actor=actor,
        reservation_id=reservation.id,
        file_id=wish.file.id,
        material_id=wish.material.id if wish.material else None,
    )
    return url_for("reservations.one", reservation_id=reservation.id)


def _wish(values: Mapping[str, str]) -> Wish:
    """404 for a file that is not the reader's. What else cannot be read is as good as not said."""
    said = values.get("file", "")
    if not (said.isascii() and said.isdigit() and int(said[:20]) <= MAX_ID):
        abort(404)
    file, choices = queries.file_or_404(current_actor(), int(said)), pools.materials()
    code = values.get("material", "")
    material = next((one for one in choices if one.code == code), None) or (pools.one_material(code) if code else None)
    when = windows.window(values.get("when", ""), clock.now(), clock.zone())
    return Wish(file, material or pools.said_by(file, choices), when, choices)


def _pool_page(
    wish: Wish, status: int = 200, refusals: list[Refusal] | None = None, wanted: tuple[Machine, SlotForm] | None = None
) -> ResponseReturnValue:
    """`refusals` say why the slot `wanted` could not be had; the nearest ones are offered in its place."""
    me = current_actor().member_id
    assert me is not None
    file, material = wish.file, wish.material
    against = [*(refusals or []), *([] if refusals or files.is_here(file) else [reasons.FILE_FORGOTTEN()])]
    nearest: list[pools.Offer] = []
    if wanted:
        machine, form = wanted
        nearest = pools.nearest(member_id=me, file=file, material=material, machine=machine, start=form.claim.start)
    pool = pools.look(member_id=me, file=file, material=material, window=wish.when)
    more: dict[str, Any] = {"words": windows.WORDS, "day": wish.when.period.start.astimezone(clock.zone()).date()}
    return page(
        "printing/pool.html",
        status,
        wish=wish,
        asked=wish.asked,
        pool=pool,
        shut=shown(pool.shut),
        refusals=shown(against),
        left_out=[(one.machine, shown(one.refusals)) for one in pool.left_out],
        nearest=nearest,
        **more,
    )
