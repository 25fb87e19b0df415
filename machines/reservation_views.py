"""Pages about one's reservations: the list, moving, cancelling, checking in, ending; also through the signed link of a mail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.accounts import lab
from app.accounts import queries as accounts
from app.kernel import clock, i18n
from app.kernel.actors import Actor, Door, current_actor
from app.kernel.api import MAX_ID
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, once, page, public, see, shown
from billing import queries as money
from machines import facts, links, queries, reservations, rules, usage
from machines.forms import CancellationForm, ReservationForm, is_near
from machines.models import Reservation, State
from machines.printing import job_page as printing
from machines.rules import Claim, Status
from machines.views import alternatives_to

bp = Blueprint("reservations", __name__, template_folder="templates")

ONE = f"/reservations/<int(max={MAX_ID}):reservation_id>"


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
        **shared(),
    )


@bp.get(ONE)
def one(reservation_id: int) -> ResponseReturnValue:
    return _reservation_page(own(reservation_id), current_actor(), None)


@bp.get("/r/<token>")
@public
def by_link(token: str) -> ResponseReturnValue:
    """The same page, from a mail: looking changes nothing, each button asks."""
    reservation, actor = _linked(token)
    return _reservation_page(reservation, actor, token)


@bp.post(f"{ONE}/cancellation")
def cancel(reservation_id: int) -> ResponseReturnValue:
    return _cancel(own(reservation_id), current_actor(), None)


@bp.post("/r/<token>/cancellation")
@public
def cancel_by_link(token: str) -> ResponseReturnValue:
    return _cancel(*_linked(token), token)


@bp.post(f"{ONE}/period")
def move(reservation_id: int) -> ResponseReturnValue:
    return _move(own(reservation_id), current_actor(), None)


@bp.post("/r/<token>/period")
@public
def move_by_link(token: str) -> ResponseReturnValue:
    return _move(*_linked(token), token)


def own(reservation_id: int) -> Reservation:
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
    asked = form.claim if form and form.is_readable else None
    form = form or ReservationForm.for_claim(Claim(reservation.starts_at, reservation.ends_at))
    nearest = alternatives_to(reservation.machine, reservation.member_id, asked, form.refusals, moving=reservation)
    known = facts.change(reservation)
    is_to_come = reservation.starts_at > clock.now() and reservation.machine.state is not State.RETIRED
    return page(
        "machines/reservation.html",
        status,
        reservation=reservation,
        member=accounts.member(reservation.member_id),
        is_mine=actor.member_id == reservation.member_id,
        token=token,
        charge=money.charge_for(reservation.subject),
        form=form,
        refusals=shown(form.refusals),
        alternatives=[_as_form(one.period) for one in nearest],
        can_change=not rules.cancel_refusals(known),
        can_move=not rules.move_refusals(known),
        change_until=known.free_until,
        is_retired=reservation.machine.state is State.RETIRED,
        undo=_undo(reservation, known),
        again=_as_form(reservation.period) if reservation.status is Status.CANCELLED and is_to_come else None,
        **printing.of_reservation(reservation, has_link=token is not None),
        **shared(),
    )


def _cancel(reservation: Reservation, actor: Actor, token: str | None) -> ResponseReturnValue:
    form = CancellationForm()
    back = _page_of(reservation, token)
    if not form.validate_on_submit():
        flash(_("A reason is 500 characters at most."), "stop")
        return see(back)

    def act() -> str:
        reservations.cancel(
            actor=actor, reservation_id=reservation.id, reason=form.reason.data, override_reason=form.override_reason.data
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
    before = reservation.period
    if form.validate_on_submit():

        def act() -> str:
            reservations.move(
                actor=actor, reservation_id=reservation.id, claim=form.claim, override_reason=form.override_reason.data
            )
            return _page_of(reservation, token, was=before.start.isoformat(), lasted=before.minutes)

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            spans = {"before": i18n.span(before.start, before.end), "after": i18n.span(form.claim.start, form.claim.end)}
            flash(_("Moved from %(before)s to %(after)s.", **spans), "free")
            return see(url)
    return _reservation_page(queries.reservation_or_404(actor, reservation.id), actor, token, form, form.status)


def _undo(reservation: Reservation, known: rules.ChangeFacts) -> dict[str, Any] | None:
    """Just after a move, what the form sends to go back: the page's address says where from, the rules decide as ever."""
    try:
        start, minutes = datetime.fromisoformat(request.args["was"].replace(" ", "+")), int(request.args["lasted"])
    except (KeyError, ValueError):
        return None
    if start.tzinfo is None or not is_near(start.date()) or not 0 < minutes <= rules.LONGEST_MINUTES:
        return None
    before = Period(start, start + timedelta(minutes=minutes))
    return None if before == reservation.period or rules.move_refusals(known) else _as_form(before)


def _as_form(period: Period) -> dict[str, Any]:
    """The fields of `ReservationForm` that ask for this time, and the time in words."""
    local = period.start.astimezone(clock.zone())
    fields = {"day": local.date().isoformat(), "start": f"{local:%H:%M}", "minutes": period.minutes}
    return {"fields": fields, "when": i18n.span(period.start, period.end)}


def _page_of(reservation: Reservation, token: str | None, **more: Any) -> str:
    if token is not None:
        return url_for("reservations.by_link", token=token, **more)
    return url_for("reservations.one", reservation_id=reservation.id, **more)


def check_in_opens() -> timedelta:
    house = lab.current()
    return timedelta(minutes=house.check_in_opens_minutes if house else 10)


def shared() -> dict[str, Any]:
    """What several of these pages need to say the state and the clock."""
    return {
        "Status": Status,
        "status_words": rules.STATUS_WORDS,
        "clock_now": clock.now(),
        "auto_end": usage.leave_time(),
        "check_in_opens": check_in_opens(),
    }
