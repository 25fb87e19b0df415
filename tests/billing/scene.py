"""What happens at a desk, in a word each. Every act commits like production."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.accounts.models import Member, TariffGroup
from app.kernel import clock
from app.kernel.actors import HOUSE
from app.kernel.db import Base, db, transaction
from app.kernel.money import Cents
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from billing import adjustments, charges, payments, queries, rates
from billing.charges import NewLine
from billing.models import Adjustment, Allocation, Charge, LedgerEntry, Payment, Rate, Receipt
from billing.pricing import RateTerms, price_time
from billing.rules import Method
from tests.builders import acting

LASER = {"fr": "Découpe laser", "en": "Laser cutter"}

_count = itertools.count(1)


def set_rate(by: Member, item: str, cents: int | None, group: str = "standard", **more: Any) -> Rate | None:
    valid_from: date | None = more.pop("valid_from", None)
    terms = RateTerms(Cents(cents), tariff_group=group, **more) if cents is not None else None
    with transaction():
        return rates.set_rate(actor=acting(by), item=item, tariff_group=TariffGroup(group), terms=terms, valid_from=valid_from)


def laser_line(minutes: int = 60, cents_per_hour: int = 1000, **more: Any) -> NewLine:
    end = clock.now()
    terms = RateTerms(Cents(cents_per_hour), **more)
    return NewLine(LASER, price_time(minutes, terms), item="machine:7", period=Period(end - timedelta(minutes=minutes), end))


def charge(payer: Member, cents: int = 1000, *, subject: str | None = None, lines: list[NewLine] | None = None) -> Charge:
    """A charge of one hour that costs `cents`, for a subject of its own."""
    with transaction():
        return charges.open_charge(
            actor=HOUSE,
            payer_id=payer.id,
            subject=subject or f"reservation:{next(_count)}",
            lines=lines if lines is not None else [laser_line(60, cents)],
            at=clock.now(),
        )


def pay(by: Member, payer: Member, cents: int, method: Method = Method.CASH) -> Receipt:
    with transaction():
        return payments.take(actor=acting(by), payer_id=payer.id, cents=Cents(cents), method=method, at=clock.now())


def cancel(by: Member, receipt: Receipt, reason: str = "Typed twice") -> Payment:
    with transaction():
        return payments.cancel(actor=acting(by), number=receipt.number, reason=reason, at=clock.now())


def ask(by: Member, about: Charge, note: str = "The lens was cracked") -> Adjustment:
    with transaction():
        return adjustments.ask(actor=acting(by), charge_id=about.id, note=note, at=clock.now())


def accept(by: Member, adjustment: Adjustment, new_cents: int, words: str = "") -> Adjustment:
    with transaction():
        return adjustments.accept(
            actor=acting(by), adjustment_id=adjustment.id, new_cents=Cents(new_cents), words=words, at=clock.now()
        )


def decline(by: Member, adjustment: Adjustment, words: str = "The log shows a full hour") -> Adjustment:
    with transaction():
        return adjustments.decline(actor=acting(by), adjustment_id=adjustment.id, words=words, at=clock.now())


def again(row: Charge) -> Charge:
    """The charge as the database has it now, with its lines."""
    db.session.rollback()
    db.session.expire_all()
    return queries.charge(row.id)


def owes(member: Member) -> int:
    db.session.rollback()
    return queries.balance_cents(member.id)


def count(model: type[Base]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def kinds() -> list[str]:
    """The kinds of the ledger's entries, in order."""
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.kind).order_by(LedgerEntry.seq)))


def codes(refused: pytest.ExceptionInfo[Refused]) -> set[str]:
    return {refusal.code.removeprefix("billing.") for refusal in refused.value.refusals}


def the_books_agree() -> None:
    """What each member owes by the ledger is what their charges leave due, less what they have in credit."""
    db.session.rollback()
    db.session.expire_all()
    allocated: dict[int, int] = {}
    covered: dict[int, int] = {}
    for row in db.session.scalars(select(Allocation)):
        allocated[row.payment_id] = allocated.get(row.payment_id, 0) + row.cents
        covered[row.charge_id] = covered.get(row.charge_id, 0) + row.cents
    due: dict[int, int] = {}
    for one in db.session.scalars(select(Charge)):
        assert one.paid_cents == covered.get(one.id, 0)
        assert (one.status == "open") == (one.due_cents > 0)
        due[one.payer_id] = due.get(one.payer_id, 0) + one.due_cents
    for paid in db.session.scalars(select(Payment)):
        assert paid.allocated_cents == allocated.get(paid.id, 0)
        free = 0 if paid.cancelled_at else paid.cents - paid.allocated_cents
        due[paid.payer_id] = due.get(paid.payer_id, 0) - free
    for member_id, cents in due.items():
        assert queries.balance_cents(member_id) == cents
