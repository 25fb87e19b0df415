"""How charges get covered: money of a member goes to the oldest open charge first. Callers hold the payer's lock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.kernel.db import db, locked
from app.kernel.money import Cents
from billing.models import Allocation, Charge, Payment
from billing.rules import Status


def spread(payer_id: int, at: datetime) -> None:
    """Put the payer's money that covers nothing yet towards their open charges, the oldest of each first."""
    charges = _open_charges(payer_id)
    payments = _free_payments(payer_id) if charges else []
    for charge in charges:
        for payment in payments:
            cents = Cents(min(charge.due_cents, payment.cents - payment.allocated_cents))
            if cents > 0:
                _allocate(payment, charge, cents, at)
        refresh(charge, at)


def lower(charge: Charge, cents: Cents, at: datetime) -> Cents:
    """Take `cents` off what the charge costs. Returns what was paid beyond that, now free to cover other charges."""
    surplus = Cents(max(0, charge.paid_cents - (charge.total_cents - cents)))
    if surplus:
        _take_back(charge, surplus, at)
    charge.credited_cents = Cents(charge.credited_cents + cents)
    refresh(charge, at)
    return surplus


def undo(payment: Payment, at: datetime) -> None:
    """Take a payment back from every charge it covers; they are due again."""
    for charge_id, cents in _covered(Allocation.charge_id, Allocation.payment_id == payment.id):
        charge = locked(Charge, charge_id)
        _allocate(payment, charge, Cents(-cents), at)
        refresh(charge, at)


def refresh(charge: Charge, at: datetime) -> None:
    """Make the status say what the amounts say."""
    if charge.due_cents > 0:
        charge.status, charge.settled_at = Status.OPEN, None
        return
    is_void = charge.amount_cents > 0 and charge.total_cents == 0
    charge.status = Status.CANCELLED if is_void else Status.SETTLED
    charge.settled_at = charge.settled_at or at


def _allocate(payment: Payment, charge: Charge, cents: Cents, at: datetime) -> None:
    payment.allocated_cents = Cents(payment.allocated_cents + cents)
    charge.paid_cents = Cents(charge.paid_cents + cents)
    db.session.add(Allocation(payment_id=payment.id, charge_id=charge.id, cents=cents, at=at))


def _take_back(charge: Charge, surplus: Cents, at: datetime) -> None:
    """Free `surplus` of the payments that cover a charge, the latest first."""
    left = surplus
    for payment_id, covered in _covered(Allocation.payment_id, Allocation.charge_id == charge.id):
        cents = Cents(min(left, covered))
        if cents > 0:
            _allocate(locked(Payment, payment_id), charge, Cents(-cents), at)
            left = Cents(left - cents)


def _covered(column: InstrumentedAttribute[int], where: ColumnElement[bool]) -> list[tuple[int, Cents]]:
    """What is allocated net, by `column`, latest first."""
    net = func.sum(Allocation.cents)
    rows = db.session.execute(select(column, net).where(where).group_by(column).having(net > 0).order_by(column.desc()))
    return [(ident, Cents(int(cents))) for ident, cents in rows]


def _open_charges(payer_id: int) -> list[Charge]:
    rows = select(Charge).where(Charge.payer_id == payer_id, Charge.status == Status.OPEN)
    return list(db.session.scalars(rows.order_by(Charge.opened_at, Charge.id).execution_options(populate_existing=True)))


def _free_payments(payer_id: int) -> list[Payment]:
    rows = select(Payment).where(
        Payment.payer_id == payer_id, Payment.cancelled_at.is_(None), Payment.allocated_cents < Payment.cents
    )
    return list(db.session.scalars(rows.order_by(Payment.taken_at, Payment.id).execution_options(populate_existing=True)))
