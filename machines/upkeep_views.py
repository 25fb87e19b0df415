"""Pages beside a machine: faults told and resolved, and the screen with the code of the minute. Routes of `views.bp`."""

from __future__ import annotations

from flask import abort, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kernel import clock
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, public, see
from machines import catalogue, queries, screens
from machines.forms import FaultForm, ResolutionForm
from machines.models import Machine
from machines.views import bp

__all__ = ["bp"]


@bp.route("/machines/<slug>/faults", methods=["GET", "POST"])
def report_fault(slug: str) -> ResponseReturnValue:
    one = queries.machine(slug)
    form = FaultForm()
    if form.validate_on_submit():
        actor = current_actor()

        def act() -> str:
            catalogue.report(
                actor=actor, machine_id=one.id, text=form.text.data or "", stops_machine=bool(form.stops_machine.data)
            )
            return url_for("machines.machine", slug=slug)

        url = once(act)
        flash(_("Thank you. The team has been told."), "free")
        return see(url)
    return page("machines/fault.html", form.status if form.is_submitted() else 200, machine=one, form=form)


@bp.get("/machines/<slug>/screen/<token>")
@public
def screen(slug: str, token: str) -> ResponseReturnValue:
    """What the tablet or the sheet beside the machine shows: who is next, and the code that proves one stands there."""
    one = queries.machine(slug)
    if not screens.opens(one, token):
        abort(404)
    [state] = queries.states_now([one]).values()
    return page(
        "machines/screen.html",
        block="screen",
        machine=one,
        code=screens.code(one),
        qr=screens.qr(one),
        now=state[0],
        seconds_left=screens.seconds_left(),
        seen_at=clock.now(),
    )


@bp.post("/machines/<slug>/screen")
@needs(Role.MANAGER)
def open_screen(slug: str) -> ResponseReturnValue:
    """The address to open on the machine's tablet."""
    return see(_screen_url(queries.machine(slug)))


@bp.post("/machines/<slug>/screen/renewal")
@needs(Role.MANAGER)
def renew_screen(slug: str) -> ResponseReturnValue:
    """A new address for the tablet, because somebody may have the old one."""
    one, actor = queries.machine(slug), current_actor()
    return see(once(lambda: _screen_url(catalogue.renew_secret(actor=actor, machine_id=one.id))))


def _screen_url(one: Machine) -> str:
    return url_for("machines.screen", slug=one.slug, token=screens.token(one))


@bp.post(f"/incidents/<int(max={MAX_ID}):incident_id>/resolution")
@needs(Role.MANAGER)
def resolve_incident(incident_id: int) -> ResponseReturnValue:
    form = ResolutionForm()
    if not form.validate_on_submit():
        flash(_("Say what was done, for the machine's history."), "stop")
        return see(url_for("reports.today"))
    actor = current_actor()

    def act() -> str:
        catalogue.resolve(
            actor=actor,
            incident_id=incident_id,
            resolution=form.resolution.data or "",
            back_in_service=bool(form.back_in_service.data),
        )
        return url_for("reports.today")

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(url_for("reports.today"))
    flash(_("Noted in the machine's history."), "free")
    return see(url)
