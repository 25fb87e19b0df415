"""What a member sees of money: what things cost, what they owe, their receipts, and asking for a price to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.accounts.models import TariffGroup
from app.kernel import clock, i18n
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.web import once, page, public, see
from billing import adjustments, names, payments, queries, rates, receipts, rules
from billing.forms import GROUP_WORDS, AskForm
from billing.models import Charge, Receipt
from billing.pricing import RateTerms

bp = Blueprint("billing", __name__, template_folder="templates")

SHOWN = 100


@bp.get("/account/money")
def account() -> ResponseReturnValue:
    """What I owe, what for, and what I paid."""
    member_id = current_actor().member_id or 0
    charges = queries.charges_of(member_id, limit=SHOWN)
    return page(
        "billing/account.html",
        balance=queries.balance_cents(member_id),
        charges=charges,
        asked=queries.adjustments_of([one.id for one in charges]),
        payments=queries.payments_of(member_id, limit=SHOWN),
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
    found = readable_receipt(number)
    return page(
        "billing/receipt.html",
        receipt=receipts.printed(found),
        payment=found.payment,
        is_own=found.payer_id == current_actor().member_id,
        may_cancel=current_actor().has(Role.MANAGER) and found.payment.cancelled_at is None,
        method_words=rules.METHOD_WORDS,
    )


@dataclass(frozen=True, slots=True)
class PricedItem:
    """A line of the price list: what each group pays, its own rate or the standard one; None is free."""

    item: str
    name: dict[str, str]
    terms: dict[TariffGroup, RateTerms | None]


@bp.get("/prices")
@public
def price_list() -> ResponseReturnValue:
    return page(
        "billing/price_list.html",
        items=priced_items(),
        groups=GROUP_WORDS,
        may_edit=current_actor().has(Role.MANAGER),
        today=clock.today(),
    )


def priced_items() -> list[PricedItem]:
    """Today's price list, by name in the reader's language."""
    listed = rates.price_list(clock.today())
    known = names.item_names(listed)
    found = [
        PricedItem(item, known[item], {group: own.get(group, own.get(TariffGroup.STANDARD)) for group in TariffGroup})
        for item, own in listed.items()
        if item in known
    ]
    return sorted(found, key=lambda one: i18n.in_words(one.name).casefold())


def readable_receipt(number: str) -> Receipt:
    """Raises NoResultFound for one that is not there and for one that is not theirs alike."""
    found = queries.receipt(number)
    if found.payer_id != current_actor().member_id and not payments.may_hold_the_desk(current_actor()):
        raise NoResultFound
    return found


def _own_charge(charge_id: int) -> Charge:
    charge = queries.charge(charge_id)
    if charge.payer_id != current_actor().member_id:
        raise NoResultFound
    return charge
