"""Charging a member for a subject, once. What happens to the charge afterwards is in `payments` and `adjustments`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.accounts.models import Member
from app.kernel import audit
from app.kernel.actors import Actor
from app.kernel.db import db, locked
from app.kernel.money import Cents
from app.kernel.periods import Period
from billing import ledger, pricing, settlements
from billing.ledger import Posting
from billing.models import Charge, ChargeLine
from billing.pricing import PricedLine
from billing.rules import Account, Status


@dataclass(frozen=True, slots=True)
class NewLine:
    """One thing to charge: its name in the lab's languages, its price, and what of (`item`) and when, for the receipt."""

    label: Mapping[str, str]
    price: PricedLine
    item: str | None = None
    period: Period | None = None


def open_charge(*, actor: Actor, payer_id: int, subject: str, lines: Sequence[NewLine], at: datetime) -> Charge:
    """Charge the payer for `subject`; a subject charged before gets its first charge back, unchanged.

    The amounts of the lines are those of `pricing.price_together`. A charge of nothing is settled at once and leaves no entry
    in the ledger; the payer's credit, if any, covers the rest right away.
    """
    locked(Member, payer_id)
    if (first := db.session.scalars(select(Charge).where(Charge.subject == subject)).first()) is not None:
        return first
    priced = pricing.price_together([line.price for line in lines])
    amount = Cents(sum(price.amount_cents for price in priced))
    charge = Charge(
        subject=subject,
        payer_id=payer_id,
        status=Status.OPEN if amount else Status.SETTLED,
        amount_cents=amount,
        credited_cents=Cents(0),
        paid_cents=Cents(0),
        opened_at=at,
        opened_by_id=actor.member_id,
        settled_at=None if amount else at,
    )
    db.session.add(charge)
    db.session.flush()  # the lines and the audit name its id
    db.session.add_all(
        _line(charge.id, number, line, price) for number, (line, price) in enumerate(zip(lines, priced, strict=True))
    )
    audit.record(actor, "charge.opened", charge.reference, charged_for=subject, cents=amount)
    if amount:
        ledger.append(
            kind="charge",
            subject=charge.reference,
            key=ledger.charge_key(subject),
            postings=[
                Posting(Account.RECEIVABLE, amount, payer_id),
                *_revenue(priced),
            ],
            at=at,
        )
        settlements.spread(payer_id, at)
    return charge


def _revenue(priced: Sequence[PricedLine]) -> Iterator[Posting]:
    """What the lines earn, by what is sold; what earns nothing has no posting."""
    for account, is_weighed in ((Account.MACHINE_TIME, False), (Account.MATERIAL, True)):
        cents = sum(line.amount_cents for line in priced if line.is_weighed is is_weighed)
        if cents:
            yield Posting(account, Cents(-cents))


def _line(charge_id: int, position: int, line: NewLine, price: PricedLine) -> ChargeLine:
    return ChargeLine(
        charge_id=charge_id,
        position=position,
        label=dict(line.label),
        item=line.item,
        starts_at=line.period.start if line.period else None,
        ends_at=line.period.end if line.period else None,
        minutes=price.minutes,
        billed_minutes=price.billed_minutes,
        cents_per_hour=price.cents_per_hour,
        minimum_minutes=price.minimum_minutes,
        step_minutes=price.step_minutes,
        tariff_group=price.tariff_group,
        amount_cents=price.amount_cents,
        milligrams=price.milligrams,
        cents_per_kilogram=price.cents_per_kilogram,
    )
