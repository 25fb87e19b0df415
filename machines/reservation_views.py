"""Pages about one's reservations: the list, moving, cancelling, checking in, ending; also through the signed link of a mail."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.accounts import lab
from app.accounts import queries as accounts
from app.kernel import clock, i18n
from app.kernel.actors import Actor, Door, Role, current_actor
from app.kernel.db import transaction
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, public, see, shown
from billing import queries as money
from machines import links, queries, reservations, rules, usage
from machines.forms import CancellationForm, CheckInForm, EndingForm, ReservationForm
from machines.models import Reservation
from machines.rules import Claim, Outcome, Status
from machines.usage import Ending
from machines.views import alternatives_to

bp = Blueprint("reservations", __name__, template_folder="templates")


@bp.get("/reservations", endpoint="mine")
def my_reservations() -> ResponseReturnValue:
    actor = current_actor()
    assert actor.member_id is not None
    coming, past = queries.of_member(actor.member_id)
    running = [one for one in coming if one.status is Status.IN_USE]
    charges = money.charges_for([one.subject for one in [*coming, *past]])
    return page(
        "machines/my_reservations.html",
        block="reservations",
        running=running,
        coming=[one for one in coming if one.status is not Status.IN_USE],
        past=past,
        charges=charges,
        calendar_url=url_for("feeds.personal", token=accounts.member(actor.member_id).calendar_token, _external=True),
        **_shared(),
    )


@bp.get("/reservations/<int:reservation_id>")
def one(reservation_id: int) -> ResponseReturnValue:
    return _reservation_page(_own(reservation_id), current_actor(), None)


@bp.get("/r/<token>")
@public
def by_link(token: str) -> ResponseReturnValue:
    """The same page, from a mail: looking changes nothing, each button asks."""
    reservation, actor = _linked(token)
    return _reservation_page(reservation, actor, token)


@bp.post("/reservations/<int:reservation_id>/cancellation")
def cancel(reservation_id: int) -> ResponseReturnValue:
    return _cancel(_own(reservation_id), current_actor(), None)


@bp.post("/r/<token>/cancellation")
@public
def cancel_by_link(token: str) -> ResponseReturnValue:
    return _cancel(*_linked(token), token)


@bp.post("/reservations/<int:reservation_id>/period")
def move(reservation_id: int) -> ResponseReturnValue:
    return _move(_own(reservation_id), current_actor(), None)


@bp.post("/r/<token>/period")
@public
def move_by_link(token: str) -> ResponseReturnValue:
    return _move(*_linked(token), token)


@bp.route("/machines/<slug>/check-in", methods=["GET", "POST"])
def check_in(slug: str) -> ResponseReturnValue:
    """Where the QR on the machine leads: one button and the safety ticks, for the reservation that is due."""
    machine = queries.machine(slug)
    actor = current_actor()
    assert actor.member_id is not None
    reservation = queries.due_at(machine.id, actor.member_id)
    form = CheckInForm(code=request.args.get("code", ""))
    form.offer_ticks([i18n.in_words(tick) for tick in machine.safety_ticks])
    if reservation is not None and reservation.status is not Status.CONFIRMED:
        return see(url_for("reservations.one", reservation_id=reservation.id))
    if reservation is not None and form.is_submitted() and form.validate():
        url = url_for("reservations.one", reservation_id=reservation.id)
        ident, ticks = reservation.id, len(form.ticks.data or [])

        def act() -> str:
            usage.check_in(actor=actor, reservation_id=ident, code=form.code.data, ticks=ticks)
            return url

        try:
            once(act)
        except Refused as refused:
            if any(refusal.reason is rules.WRONG_CODE for refusal in refused.refusals):
                with transaction():
                    usage.note_wrong_code(ident)
            form.refuse(refused)
        else:
            return see(url)
    return page(
        "machines/check_in.html",
        form.status if form.is_submitted() else 200,
        machine=machine,
        reservation=reservation,
        form=form,
        **_shared(),
    )


@bp.post("/reservations/<int:reservation_id>/presence")
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


@bp.route("/reservations/<int:reservation_id>/completion", methods=["GET", "POST"])
def complete(reservation_id: int) -> ResponseReturnValue:
    """Clean? Fault? Then the price."""
    reservation = _own(reservation_id)
    actor = current_actor()
    form = EndingForm()
    if form.validate_on_submit():
        ending = Ending(
            is_clean=form.is_clean.data == "yes",
            note=form.note.data or "",
            fault=form.fault.data or "",
            stops_machine=bool(form.stops_machine.data),
        )
        outcome = Outcome.MEMBER if actor.member_id == reservation.member_id else Outcome.HOST

        def act() -> str:
            usage.end(actor=actor, reservation_id=reservation_id, ending=ending, outcome=outcome)
            return url_for("reservations.one", reservation_id=reservation_id)

        try:
            return see(once(act))
        except Refused as refused:
            form.refuse(refused)
    elif not form.is_submitted() and reservation.status is Status.COMPLETED:
        return see(url_for("reservations.one", reservation_id=reservation_id))
    return page("machines/ending.html", form.status if form.is_submitted() else 200, reservation=reservation, form=form)


@bp.post("/reservations/<int:reservation_id>/extension")
def extend(reservation_id: int) -> ResponseReturnValue:
    """Fifteen minutes more, when nobody waits."""
    _own(reservation_id)
    actor, back = current_actor(), url_for("reservations.mine")

    def act() -> str:
        reservations.extend(actor=actor, reservation_id=reservation_id)
        return back

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(back)
    flash(_("15 minutes more."), "free")
    return see(url)


def _own(reservation_id: int) -> Reservation:
    return queries.reservation_or_404(current_actor(), reservation_id)


def _linked(token: str) -> tuple[Reservation, Actor]:
    """The reservation of a signed link and its owner acting through it; 404 for any other text."""
    known = links.read(token)
    if known is None:
        abort(404)
    actor = Actor(member_id=known[1], door=Door.LINK)
    try:
        return queries.reservation_or_404(actor, known[0]), actor
    except NoResultFound:
        abort(404)


def _reservation_page(
    reservation: Reservation, actor: Actor, token: str | None, form: ReservationForm | None = None, status: int = 200
) -> ResponseReturnValue:
    member = accounts.member(reservation.member_id)
    form = form or ReservationForm.for_claim(Claim(reservation.starts_at, reservation.ends_at))
    alternatives = []
    if any(refusal.code in ("calendar.slot_taken", "machines.lab_closed") for refusal in form.refusals) and form.claim.period:
        alternatives = alternatives_to(reservation.machine, form.claim.period)
    return page(
        "machines/reservation.html",
        status,
        reservation=reservation,
        member=member,
        is_mine=actor.member_id == reservation.member_id,
        token=token,
        charge=money.charge_for(reservation.subject),
        form=form,
        refusals=shown(form.refusals),
        alternatives=alternatives,
        can_change=not rules.change_refusals(_change_facts(reservation)),
        change_until=_change_until(reservation),
        **_shared(),
    )


def _cancel(reservation: Reservation, actor: Actor, token: str | None) -> ResponseReturnValue:
    form = CancellationForm()
    back = _page_of(reservation, token)
    if not form.validate_on_submit():
        return see(back)

    def act() -> str:
        reservations.cancel(
            actor=actor,
            reservation_id=reservation.id,
            reason=form.reason.data or None,
            override_reason=form.override_reason.data or None,
        )
        return back

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(back)
    flash(_("Cancelled. Somebody else can use the machine now."), "free")
    return see(url)


def _move(reservation: Reservation, actor: Actor, token: str | None) -> ResponseReturnValue:
    form = ReservationForm()
    before = i18n.span(reservation.starts_at, reservation.ends_at)
    if form.validate_on_submit():

        def act() -> str:
            reservations.move(
                actor=actor,
                reservation_id=reservation.id,
                claim=form.claim,
                override_reason=form.override_reason.data or None,
            )
            return _page_of(reservation, token)

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            after = i18n.span(form.claim.start, form.claim.end)
            flash(_("Moved from %(before)s to %(after)s.", before=before, after=after), "free")
            return see(url)
    return _reservation_page(_fresh(reservation, actor), actor, token, form, form.status)


def _fresh(reservation: Reservation, actor: Actor) -> Reservation:
    return queries.reservation_or_404(actor, reservation.id)


def _page_of(reservation: Reservation, token: str | None) -> str:
    if token is not None:
        return url_for("reservations.by_link", token=token)
    return url_for("reservations.one", reservation_id=reservation.id)


def _change_facts(reservation: Reservation) -> rules.ChangeFacts:
    house = lab.current()
    notice = house.cancel_notice_minutes if house else 0
    return rules.ChangeFacts(clock.now(), reservation.status, reservation.starts_at, notice)


def _change_until(reservation: Reservation) -> object:
    house = lab.current()
    return reservation.starts_at - timedelta(minutes=house.cancel_notice_minutes if house else 0)


def _shared() -> dict[str, object]:
    """What several of these pages need to say the state and the clock."""
    house = lab.current()
    return {
        "Status": Status,
        "status_words": rules.STATUS_WORDS,
        "clock_now": clock.now(),
        "zone": clock.zone(),
        "auto_end": timedelta(minutes=house.auto_end_after_minutes if house else 10),
        "check_in_opens": timedelta(minutes=house.check_in_opens_minutes if house else 10),
    }
