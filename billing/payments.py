"""Money taken at the desk, and mistakes undone by a reversing entry. How it covers charges is in `settlements`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.accounts.models import Member
from app.kernel import audit, clock, mail
from app.kernel.actors import Actor, Role
from app.kernel.db import db, locked
from app.kernel.money import Cents
from app.kernel.refusals import NotAllowed, Refused
from billing import desk, ledger, numbering, queries, receipts, rules, settlements
from billing.ledger import Posting
from billing.models import Payment, Receipt
from billing.rules import TILLS, Account, Method


def take(*, actor: Actor, payer_id: int, cents: Cents, method: Method, at: datetime) -> Receipt:
    """Take a payment of part or all of what the payer owes, put towards the oldest charges first, and give its receipt.

    Raises Refused for more than is due, NotAllowed to all but managers and accountants, NoResultFound for an unknown payer.
    """
    if not desk.may_hold(actor):
        raise NotAllowed
    if cents <= 0:
        raise ValueError("a payment is more than nothing")
    locked(Member, payer_id)
    owed = queries.balance_cents(payer_id)
    if found := rules.payment_refusals(cents=cents, owed_cents=owed):
        raise Refused(found)
    number = numbering.next_number(numbering.RECEIPTS, at.astimezone(clock.zone()).year)
    payment = Payment(
        payer_id=payer_id, cents=cents, method=method, taken_at=at, taken_by_id=actor.member_id, allocated_cents=Cents(0)
    )
    db.session.add(payment)
    db.session.flush()  # allocations and the receipt name its id
    settlements.spread(payer_id, at)
    entry = ledger.append(
        kind="payment",
        subject=f"receipt:{number}",
        key=ledger.payment_key(number),
        postings=[Posting(TILLS[method], cents), Posting(Account.RECEIVABLE, Cents(-cents), payer_id)],
        at=at,
    )
    receipt = receipts.issue(payment, number, owes_cents=Cents(owed - cents), seal=entry.hash[:12])
    audit.record(actor, "payment.taken", f"member:{payer_id}", receipt=number, cents=cents, method=method.value)
    mail.send("billing.receipt", key=f"billing.receipt:{number}", receipt=number)
    return receipt


def cancel(*, actor: Actor, number: str, reason: str, at: datetime) -> Payment:
    """Undo a payment taken by mistake: what it covered is due again. The receipt stays, marked cancelled.

    Raises Refused when it is cancelled already, NotAllowed to all but managers.
    """
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    payer_id, payment_id = db.session.execute(select(Receipt.payer_id, Receipt.payment_id).where(Receipt.number == number)).one()
    locked(Member, payer_id)
    payment = locked(Payment, payment_id)
    if payment.cancelled_at is not None:
        raise Refused([rules.ALREADY_CANCELLED()])
    settlements.undo(payment, at)
    payment.cancelled_at, payment.cancelled_by_id, payment.cancellation_reason = at, actor.member_id, reason
    settlements.spread(payer_id, at)
    ledger.append(
        kind="payment_cancelled",
        subject=f"receipt:{number}",
        key=f"payment_cancelled:{number}",
        postings=[Posting(Account.RECEIVABLE, payment.cents, payer_id), Posting(TILLS[payment.method], Cents(-payment.cents))],
        at=at,
    )
    audit.record(actor, "payment.cancelled", f"member:{payer_id}", receipt=number, cents=payment.cents, reason=reason)
    mail.send("billing.payment_cancelled", key=f"billing.payment_cancelled:{number}", receipt=number)
    return payment
