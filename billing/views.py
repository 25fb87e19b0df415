"""What a member sees of money: what things cost, what they owe, their receipts, and asking for a price to be looked at."""

from __future__ import annotations

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.kernel import clock
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.web import once, page, public, see
from billing import adjustments, price_list, queries, receipts, rules
from billing.forms import GROUP_WORDS, AskForm
from billing.models import Charge

bp = Blueprint("billing", __name__, template_folder="templates")

SHOWN = 20


@bp.get("/account/money")
def account() -> ResponseReturnValue:
    """What I owe, what for, and what I paid."""
    member_id = current_actor().member_id or 0
    pages = queries.pages_of(member_id, SHOWN)
    number = min(max(request.args.get("page", 1, type=int) or 1, 1), pages)
    charges = queries.charges_of(member_id, SHOWN, skip=(number - 1) * SHOWN)
    return page(
        "billing/account.html",
        balance=queries.balance_cents(member_id),
        charges=charges,
        asked=queries.adjustments_of([one.id for one in charges]),
        payments=queries.payments_of(member_id, SHOWN, skip=(number - 1) * SHOWN),
        number=number,
        pages=pages,
        status_words=rules.STATUS_WORDS,
        method_words=rules.METHOD_WORDS,
    )


@bp.route(f"/account/money/charges/<int(max={MAX_ID}):charge_id>/adjustment", methods=["GET", "POST"])
def ask_adjustment(charge_id: int) -> ResponseReturnValue:
    _own_charge(charge_id)
    form = AskForm()
    if form.validate_on_submit():
        actor, note = current_actor(), form.note.data or ""

        def act() -> str:
            adjustments.ask(actor=actor, charge_id=charge_id, note=note, at=clock.now())
            return url_for("billing.account")

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("Your question is with the team; the answer comes by mail."), "free")
            return see(url)
    status = form.status if form.is_submitted() else 200
    return page("billing/ask_adjustment.html", status, form=form, charge=_own_charge(charge_id))


@bp.get("/receipts/<number>")
def receipt(number: str) -> ResponseReturnValue:
    """Made for printing. One's own, or anybody's for the desk."""
    found = receipts.readable(current_actor(), number)
    return page(
        "billing/receipt.html",
        receipt=receipts.printed(found),
        payment=found.payment,
        is_own=found.payer_id == current_actor().member_id,
        may_cancel=current_actor().has(Role.MANAGER) and found.payment.cancelled_at is None,
        method_words=rules.METHOD_WORDS,
    )


@bp.get("/prices", endpoint="price_list")
@public
def prices() -> ResponseReturnValue:
    return page(
        "billing/price_list.html",
        items=price_list.priced_items(),
        weighed=price_list.weighed_items(),
        groups=GROUP_WORDS,
        may_edit=current_actor().has(Role.MANAGER),
        today=clock.today(),
    )


def _own_charge(charge_id: int) -> Charge:
    charge = queries.charge(charge_id)
    if charge.payer_id != current_actor().member_id:
        raise NoResultFound
    return charge
