"""Pages from the door to the bill: checking in, a host who vouches, a longer use, the end. Routes of `reservation_views.bp`."""

from __future__ import annotations

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kernel import i18n
from app.kernel.actors import Role, current_actor
from app.kernel.db import transaction
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, see
from machines import agenda, arrivals, queries, reservations, usage
from machines.forms import CheckInForm, EndingForm
from machines.reservation_views import ONE, bp, check_in_opens, own, shared
from machines.rules import Status
from machines.usage import Ending

__all__ = ["bp"]


@bp.route("/machines/<slug>/check-in", methods=["GET", "POST"])
def check_in(slug: str) -> ResponseReturnValue:
    """Where the QR on the machine leads: one button and the safety ticks, for the reservation that is due."""
    machine = queries.machine(slug)
    actor = current_actor()
    assert actor.member_id is not None
    reservation = agenda.due_at(machine.id, actor.member_id, check_in_opens())
    form = CheckInForm(code=request.args.get("code", ""))
    form.offer_ticks([i18n.in_words(tick) for tick in machine.safety_ticks])
    if reservation is not None and reservation.status is not Status.CONFIRMED:
        return see(url_for("reservations.one", reservation_id=reservation.id))
    if reservation is not None and form.is_submitted() and form.validate():
        url = url_for("reservations.one", reservation_id=reservation.id)
        ident, ticks = reservation.id, len(set(form.ticks.data or []))

        def act() -> str:
            usage.check_in(actor=actor, reservation_id=ident, code=form.code.data, ticks=ticks)
            return url

        try:
            return see(once(act))
        except Refused as refused:
            if usage.is_wrong_code(refused):
                with transaction():
                    usage.note_wrong_code(ident)
            form.refuse(refused)
    return page(
        "machines/check_in.html",
        form.status if form.is_submitted() else 200,
        machine=machine,
        reservation=reservation,
        form=form,
        **shared(),
    )


@bp.post(f"{ONE}/presence")
@needs(Role.MANAGER)
def vouch(reservation_id: int) -> ResponseReturnValue:
    """A host who sees the person checks them in from the Today board."""
    actor = current_actor()

    def act() -> str:
        usage.check_in(actor=actor, reservation_id=reservation_id, code=None, ticks=0, vouched=True)
        return url_for("reports.today")

    try:
        return see(once(act))
    except Refused as refused:
        flash_refusals(refused)
        return see(url_for("reports.today"))


@bp.route(f"{ONE}/completion", methods=["GET", "POST"])
def complete(reservation_id: int) -> ResponseReturnValue:
    """Clean? Fault? Then the price."""
    reservation = own(reservation_id)
    actor, url = current_actor(), url_for("reservations.one", reservation_id=reservation_id)
    form = EndingForm()
    if form.validate_on_submit():
        ending = Ending(
            is_clean=form.is_clean.data == "yes",
            note=(form.note.data or "").strip(),
            fault=(form.fault.data or "").strip(),
            stops_machine=bool(form.stops_machine.data),
        )

        def act() -> str:
            usage.end(actor=actor, reservation_id=reservation_id, ending=ending)
            return url

        try:
            return see(once(act))
        except Refused as refused:
            form.refuse(refused)
            reservation = own(reservation_id)  # as it is now, with its machine
    elif not form.is_submitted() and arrivals.ending_refusals(reservation.status):
        return see(url)
    return page("machines/ending.html", form.status if form.is_submitted() else 200, reservation=reservation, form=form)


@bp.post(f"{ONE}/extension")
def extend(reservation_id: int) -> ResponseReturnValue:
    """A quarter of an hour more, when nobody waits."""
    minutes = own(reservation_id).machine.extension_minutes
    actor, back = current_actor(), url_for("reservations.one", reservation_id=reservation_id)

    def act() -> str:
        reservations.extend(actor=actor, reservation_id=reservation_id)
        return back

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(back)
    flash(_("%(minutes)s more.", minutes=i18n.duration(minutes)), "free")
    return see(url)
