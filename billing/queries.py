"""What pages and packages above read about money: a constant number of statements each, which the docstring names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import joinedload, selectinload

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.db import db, run
from app.kernel.money import Cents
from app.kernel.periods import local_day
from billing.models import Adjustment, Charge, LedgerEntry, LedgerPosting, Payment, Receipt
from billing.rules import METHOD_WORDS, OVERDUE_AFTER_DAYS, TILLS, Account, Status


def charge_for(subject: str) -> Charge | None:
    """One statement."""
    return db.session.scalars(select(Charge).where(Charge.subject == subject)).first()


def charges_for(subjects: Iterable[str]) -> dict[str, Charge]:
    """Charges by subject; what is not charged is left out. One statement."""
    rows = db.session.scalars(select(Charge).where(Charge.subject.in_(list(subjects))))
    return {row.subject: row for row in rows}


def charges_of(member_id: int, limit: int = 50, *, skip: int = 0) -> list[Charge]:
    """The member's charges with their lines: those to pay first, then latest first. Two statements."""
    rows = select(Charge).where(Charge.payer_id == member_id).options(selectinload(Charge.lines))
    order = (Charge.status != Status.OPEN, Charge.opened_at.desc(), Charge.id.desc())
    return list(db.session.scalars(rows.order_by(*order).limit(limit).offset(skip)))


def charge(charge_id: int) -> Charge:
    """Raises NoResultFound. Two statements."""
    return db.session.scalars(select(Charge).where(Charge.id == charge_id).options(selectinload(Charge.lines))).one()


def payments_of(member_id: int, limit: int = 50, *, skip: int = 0) -> list[Payment]:
    """The member's payments with their receipts, latest first, cancelled ones too. One statement."""
    rows = select(Payment).where(Payment.payer_id == member_id).options(joinedload(Payment.receipt))
    return list(db.session.scalars(rows.order_by(Payment.taken_at.desc(), Payment.id.desc()).limit(limit).offset(skip)))


def pages_of(member_id: int, size: int) -> int:
    """How many pages of `size` the member's charges and payments fill, whichever are more; at least one. One statement."""
    charges = select(func.count()).where(Charge.payer_id == member_id).scalar_subquery()
    payments = select(func.count()).where(Payment.payer_id == member_id).scalar_subquery()
    most: int = max(db.session.execute(select(charges, payments)).one())
    return max(1, -(-most // size))


def balance_cents(member_id: int) -> Cents:
    """What the member owes, by the ledger; below zero the lab owes them. One statement."""
    return balances([member_id])[member_id]


def balances(member_ids: Sequence[int]) -> dict[int, Cents]:
    """The same for several members. One statement."""
    rows = db.session.execute(
        select(LedgerPosting.member_id, func.sum(LedgerPosting.cents))
        .where(LedgerPosting.account == Account.RECEIVABLE, LedgerPosting.member_id.in_(list(member_ids)))
        .group_by(LedgerPosting.member_id)
    )
    found = {ident: Cents(int(cents)) for ident, cents in rows}
    return {ident: found.get(ident, Cents(0)) for ident in member_ids}


_OVERDUE = select(func.sum(Charge.amount_cents - Charge.credited_cents - Charge.paid_cents)).where(
    Charge.payer_id == bindparam("member_id"), Charge.status == Status.OPEN, Charge.opened_at < bindparam("before")
)


def overdue_cents(member_id: int, now: datetime) -> Cents:
    """What has been due for more than thirty days. One statement."""
    before = now - timedelta(days=OVERDUE_AFTER_DAYS)
    return Cents(int(run(_OVERDUE, member_id=member_id, before=before).scalar() or 0))


def day_takings(day: date) -> dict[str, Cents]:
    """What each till took on the lab's day, cancelled payments taken off, by the marked name of the method. One statement."""
    period = local_day(day, clock.zone())
    methods = {account: METHOD_WORDS[method] for method, account in TILLS.items()}
    rows = db.session.execute(
        select(LedgerPosting.account, func.sum(LedgerPosting.cents))
        .join(LedgerEntry, LedgerEntry.seq == LedgerPosting.entry_seq)
        .where(LedgerPosting.account.in_(methods), LedgerEntry.at >= period.start, LedgerEntry.at < period.end)
        .group_by(LedgerPosting.account)
    )
    found = {account: Cents(int(cents)) for account, cents in rows}
    return {words: found[account] for account, words in methods.items() if account in found}


@dataclass(frozen=True, slots=True)
class Debtor:
    """Somebody who owes; `since` is when their oldest open charge was opened."""

    member_id: int
    name: str
    owes_cents: Cents
    since: datetime

    @property
    def is_overdue(self) -> bool:
        return self.since < clock.now() - timedelta(days=OVERDUE_AFTER_DAYS)


def debtors() -> list[Debtor]:
    """Who owes something, the oldest debt first. One statement."""
    due = func.sum(Charge.amount_cents - Charge.credited_cents - Charge.paid_cents)
    since = func.min(Charge.opened_at)
    rows = db.session.execute(
        select(Member.id, Member.name, due.label("due"), since.label("since"))
        .join(Charge, Charge.payer_id == Member.id)
        .where(Charge.status == Status.OPEN)
        .group_by(Member.id, Member.name)
        .order_by(since, Member.id)
    )
    return [Debtor(row.id, row.name, Cents(int(row.due)), row.since) for row in rows]


def receipt(number: str) -> Receipt:
    """A receipt with its payment. Raises NoResultFound. One statement."""
    if "\x00" in number:
        raise NoResultFound
    found = select(Receipt).where(Receipt.number == number).options(joinedload(Receipt.payment))
    return db.session.scalars(found).one()


def receipt_by_id(receipt_id: int) -> Receipt:
    """The same by its row's number."""
    found = select(Receipt).where(Receipt.id == receipt_id).options(joinedload(Receipt.payment))
    return db.session.scalars(found).one()


def adjustment(adjustment_id: int) -> Adjustment:
    """A request with its charge and lines. Raises NoResultFound. Two statements."""
    found = select(Adjustment).where(Adjustment.id == adjustment_id)
    return db.session.scalars(found.options(joinedload(Adjustment.charge).selectinload(Charge.lines))).one()


def adjustments_of(charge_ids: Iterable[int]) -> dict[int, Adjustment]:
    """The latest request about each charge. One statement."""
    rows = db.session.scalars(select(Adjustment).where(Adjustment.charge_id.in_(list(charge_ids))).order_by(Adjustment.id))
    return {row.charge_id: row for row in rows}
