"""Money as JSON: one's own charges and receipts, the prices, and the desk. The same services and refusals as the pages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import url_for
from sqlalchemy.exc import NoResultFound

from app.accounts import queries as accounts
from app.kernel import api, clock
from app.kernel.actors import current_actor
from app.kernel.api import answers, once, scoped
from app.kernel.db import db
from app.kernel.refusals import NotAllowed
from app.kernel.web import public
from billing import adjustments, desk, payments, price_list, queries, receipts
from billing.models import Adjustment, Charge, Receipt
from billing.schemas import (
    AccountSchema,
    AdjustmentSchema,
    AskSchema,
    ChargeSchema,
    PaymentSchema,
    PriceSchema,
    ReceiptSchema,
)

blp = api.blueprint("billing", __name__, "What things cost, what is owed, and the desk")

SHOWN = 100


@blp.get("/prices")
@blp.response(200, PriceSchema(many=True))
@public
def prices() -> list[dict[str, Any]]:
    """What an hour of each machine costs today, by tariff group. What is not listed is free."""
    return [{"item": one.item, "name": one.name, "rates": one.terms} for one in price_list.priced_items()]


@blp.get("/charges")
@blp.response(200, ChargeSchema(many=True))
@answers(blp, 401, 403)
@scoped("reservations")
def my_charges() -> list[Charge]:
    """What you were charged, the last hundred."""
    return queries.charges_of(current_actor().member_id or 0, limit=SHOWN)


@blp.post(f"/charges/<int(max={api.MAX_ID}):charge_id>/adjustments")
@blp.arguments(AskSchema)
@blp.response(201, AdjustmentSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def ask_adjustment(said: dict[str, Any], charge_id: int) -> Adjustment:
    """Ask the team to lower one of your charges."""
    actor = current_actor()
    if queries.charge(charge_id).payer_id != actor.member_id:
        raise NoResultFound
    ident = once(lambda: adjustments.ask(actor=actor, charge_id=charge_id, note=said["note"], at=clock.now()).id)
    return queries.adjustment(ident)


@blp.get("/receipts/<number>")
@blp.response(200, ReceiptSchema)
@answers(blp, 401, 403, 404)
@scoped("reservations")
def receipt(number: str) -> dict[str, Any]:
    """One of your receipts; any receipt for managers and accountants."""
    return _shown(receipts.readable(current_actor(), number))


@blp.get(f"/desk/members/<int(max={api.MAX_ID}):member_id>/charges")
@blp.response(200, AccountSchema)
@answers(blp, 401, 403, 404)
@scoped("desk")
def charges_of(member_id: int) -> dict[str, Any]:
    """What a member owes, and the last hundred charges."""
    if not desk.may_hold(current_actor()):
        raise NotAllowed
    return {
        "member_id": member_id,
        "name": accounts.member(member_id).name,
        "owes_cents": queries.balance_cents(member_id),
        "charges": queries.charges_of(member_id, limit=SHOWN),
    }


@blp.post("/desk/payments")
@blp.arguments(PaymentSchema)
@blp.response(201, ReceiptSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("desk")
def take_payment(said: dict[str, Any]) -> Any:
    """Take a payment, put towards the oldest charges first. Send an `Idempotency-Key`: repeated, it is taken once."""
    actor = current_actor()

    def act() -> int:
        taken = payments.take(actor=actor, payer_id=said["member_id"], cents=said["cents"], method=said["method"], at=clock.now())
        db.session.flush()  # the answer names its id
        return taken.id

    ident = once(act)
    shown = _shown(queries.receipt_by_id(ident))
    return shown, 201, {"Location": url_for("billing_api.receipt", number=shown["number"])}


def _shown(found: Receipt) -> dict[str, Any]:
    return {**asdict(receipts.printed(found)), "cancelled_at": found.payment.cancelled_at}
