"""The receipt of a payment: numbered without gaps, and frozen as it was first given, in both languages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import selectinload

from app.accounts import lab
from app.accounts import queries as accounts
from app.kernel.actors import Actor
from app.kernel.db import db
from app.kernel.money import Cents
from billing import desk, ledger, queries
from billing.models import Allocation, Charge, ChargeLine, Payment, Receipt
from billing.rules import Method


@dataclass(frozen=True, slots=True)
class Line:
    """One thing paid for. Times are None where the charge named none, the weight and its price where it was not weighed."""

    label: Mapping[str, str]
    starts_at: datetime | None
    ends_at: datetime | None
    minutes: int
    billed_minutes: int
    cents_per_hour: Cents
    minimum_minutes: int
    step_minutes: int
    amount_cents: Cents
    milligrams: int | None = None
    cents_per_kilogram: Cents | None = None


@dataclass(frozen=True, slots=True)
class Covered:
    """What the payment did for one charge: its lines, the reductions granted before, what others paid, what is left."""

    charge_id: int
    opened_at: datetime
    lines: list[Line]
    credited_cents: Cents
    paid_before_cents: Cents
    paid_cents: Cents
    left_cents: Cents


@dataclass(frozen=True, slots=True)
class Printed:
    """A receipt as it was given. `seal` begins the hash of its ledger entry."""

    number: str
    lab: Mapping[str, str]
    payer: str
    payer_id: int
    taken_by: str
    method: Method
    cents: Cents
    taken_at: datetime
    owes_cents: Cents
    covered: list[Covered]
    seal: str


def issue(payment: Payment, number: str, *, owes_cents: Cents, seal: str) -> Receipt:
    """Write the receipt of a payment that has just been spread over its charges."""
    who = accounts.names([payment.payer_id, payment.taken_by_id or 0])
    house = lab.current()
    told = ("name", "address", "postcode", "city", "phone", "email")
    body = {
        "number": number,
        "lab": {name: getattr(house, name) for name in told} if house else {"name": ""},
        "payer": who[payment.payer_id],
        "payer_id": payment.payer_id,
        "taken_by": who.get(payment.taken_by_id or 0, ""),
        "method": payment.method.value,
        "cents": payment.cents,
        "taken_at": _told(payment.taken_at),
        "owes_cents": owes_cents,
        "covered": [_covered(charge, cents) for charge, cents in _charges_of(payment)],
        "seal": seal,
    }
    receipt = Receipt(
        number=number,
        payment_id=payment.id,
        payer_id=payment.payer_id,
        issued_at=payment.taken_at,
        body=ledger.canonical(body),
    )
    db.session.add(receipt)
    return receipt


def printed(receipt: Receipt) -> Printed:
    """Read a receipt back as it was written."""
    body: dict[str, Any] = json.loads(receipt.body)
    covered = [
        Covered(**{**each, "opened_at": _moment(each["opened_at"]), "lines": [_line_read(line) for line in each["lines"]]})
        for each in body["covered"]
    ]
    return Printed(**{**body, "method": Method(body["method"]), "taken_at": _moment(body["taken_at"]), "covered": covered})


def readable(actor: Actor, number: str) -> Receipt:
    """One's own receipt, or anybody's for the desk. Raises NoResultFound for others' and for unknown ones alike."""
    found = queries.receipt(number)
    if found.payer_id != actor.member_id and not desk.may_hold(actor):
        raise NoResultFound
    return found


def _charges_of(payment: Payment) -> list[tuple[Charge, Cents]]:
    """What the payment covers, the oldest charge first."""
    sums = (
        select(Allocation.charge_id, func.sum(Allocation.cents).label("cents"))
        .where(Allocation.payment_id == payment.id)
        .group_by(Allocation.charge_id)
        .subquery()
    )
    rows = db.session.execute(
        select(Charge, sums.c.cents)
        .join(sums, sums.c.charge_id == Charge.id)
        .options(selectinload(Charge.lines))
        .order_by(Charge.opened_at, Charge.id)
    )
    return [(row[0], Cents(int(row.cents))) for row in rows]


def _covered(charge: Charge, cents: Cents) -> dict[str, Any]:
    return {
        "charge_id": charge.id,
        "opened_at": _told(charge.opened_at),
        "lines": [_line(line) for line in charge.lines],
        "credited_cents": charge.credited_cents,
        "paid_before_cents": charge.paid_cents - cents,
        "paid_cents": cents,
        "left_cents": charge.due_cents,
    }


_NUMBERS = ("minutes", "billed_minutes", "cents_per_hour", "minimum_minutes", "step_minutes", "amount_cents")


def _line(line: ChargeLine) -> dict[str, Any]:
    told = {"label": line.label, **{name: getattr(line, name) for name in _NUMBERS}}
    if line.milligrams is not None:
        told |= {"milligrams": line.milligrams, "cents_per_kilogram": line.cents_per_kilogram or 0}
    if line.starts_at is not None and line.ends_at is not None:
        told |= {"starts_at": _told(line.starts_at), "ends_at": _told(line.ends_at)}
    return told


def _line_read(told: dict[str, Any]) -> Line:
    when = {name: _moment(told[name]) if name in told else None for name in ("starts_at", "ends_at")}
    return Line(**{**told, **when})


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(told: str) -> datetime:
    return datetime.fromisoformat(told)
