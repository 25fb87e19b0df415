"""Rates, charges, payments and receipts; the ledger they leave behind. What is written once is guarded by the database."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import TariffGroup
from app.kernel.db import Base, pk, said
from app.kernel.money import Cents
from billing.pricing import RateTerms
from billing.rules import Account, Answer, Method, Status


class Rate(Base):
    """What an hour of `item` costs a tariff group from one day until the day before another. Changes are new rows.

    `item` is the subject of what is priced ("machine:7"); billing does not interpret it.
    """

    __tablename__ = "rate"
    __table_args__ = (
        CheckConstraint("cents_per_hour >= 0", name="not_negative"),
        CheckConstraint("minimum_minutes >= 0", name="minimum_not_negative"),
        CheckConstraint("step_minutes >= 1", name="step_at_least_one"),
        CheckConstraint("valid_until IS NULL OR valid_from <= valid_until", name="valid_in_order"),
        Index("ix_rate_item", "item", "tariff_group", "valid_from"),
        Index(
            "uq_rate_last",
            "item",
            "tariff_group",
            unique=True,
            sqlite_where=text("valid_until IS NULL"),
            postgresql_where=text("valid_until IS NULL"),
        ),
    )

    id: Mapped[pk]
    item: Mapped[str]
    tariff_group: Mapped[TariffGroup]
    cents_per_hour: Mapped[Cents]
    minimum_minutes: Mapped[int]
    step_minutes: Mapped[int]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]  # the first day it no longer holds; None: until further notice
    set_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    set_at: Mapped[datetime]

    @property
    def terms(self) -> RateTerms:
        return RateTerms(self.cents_per_hour, self.minimum_minutes, self.step_minutes, self.tariff_group)

    @property
    def last_day(self) -> date | None:
        """The last day it holds; None until further notice."""
        return self.valid_until - timedelta(days=1) if self.valid_until else None

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)


class WeightRate(Base):
    """What a kilogram of `item` costs from one day until the day before another, whoever buys it. Changes are new rows."""

    __tablename__ = "weight_rate"
    __table_args__ = (
        CheckConstraint("cents_per_kilogram >= 0", name="not_negative"),
        CheckConstraint("valid_until IS NULL OR valid_from <= valid_until", name="valid_in_order"),
        Index("ix_weight_rate_item", "item", "valid_from"),
        Index(
            "uq_weight_rate_last",
            "item",
            unique=True,
            sqlite_where=text("valid_until IS NULL"),
            postgresql_where=text("valid_until IS NULL"),
        ),
    )

    id: Mapped[pk]
    item: Mapped[str]
    cents_per_kilogram: Mapped[Cents]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]  # the first day it no longer holds; None: until further notice
    set_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    set_at: Mapped[datetime]

    @property
    def last_day(self) -> date | None:
        """The last day it holds; None until further notice."""
        return self.valid_until - timedelta(days=1) if self.valid_until else None


class Charge(Base):
    """What a member owes for a subject ("reservation:42"), charged once. Amounts include taxes.

    `amount_cents` is frozen as charged; adjustments add to `credited_cents`, payments to `paid_cents`.
    """

    __tablename__ = "charge"
    __table_args__ = (
        CheckConstraint("amount_cents >= 0", name="not_negative"),
        CheckConstraint("credited_cents >= 0 AND paid_cents >= 0", name="covered_not_negative"),
        CheckConstraint("credited_cents + paid_cents <= amount_cents", name="never_overpaid"),
        Index("ix_charge_payer", "payer_id", "status", "opened_at"),
    )

    id: Mapped[pk]
    subject: Mapped[str] = mapped_column(unique=True)
    payer_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    status: Mapped[Status]
    amount_cents: Mapped[Cents]
    credited_cents: Mapped[Cents] = mapped_column(default=Cents(0))
    paid_cents: Mapped[Cents] = mapped_column(default=Cents(0))
    opened_at: Mapped[datetime]
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    settled_at: Mapped[datetime | None]

    lines: Mapped[list[ChargeLine]] = relationship(lazy="raise", order_by="ChargeLine.position")

    @property
    def total_cents(self) -> Cents:
        """What it costs, adjustments taken off."""
        return Cents(self.amount_cents - self.credited_cents)

    @property
    def due_cents(self) -> Cents:
        return Cents(self.amount_cents - self.credited_cents - self.paid_cents)

    @property
    def is_settled(self) -> bool:
        return self.status is not Status.OPEN

    @property
    def reference(self) -> str:
        """What the ledger and the audit know it by."""
        return f"charge:{self.id}"


class ChargeLine(Base):
    """One thing charged, frozen with the terms that explain its price. The label is in the lab's languages, as it was then.

    What is sold by weight has `milligrams` and `cents_per_kilogram` and no minutes; time has neither of the two.
    """

    __tablename__ = "charge_line"
    __table_args__ = (UniqueConstraint("charge_id", "position"),)

    id: Mapped[pk]
    charge_id: Mapped[int] = mapped_column(ForeignKey("charge.id"))
    position: Mapped[int]
    label: Mapped[said]
    item: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    minutes: Mapped[int]
    billed_minutes: Mapped[int]
    cents_per_hour: Mapped[Cents]
    minimum_minutes: Mapped[int]
    step_minutes: Mapped[int]
    tariff_group: Mapped[str]
    amount_cents: Mapped[Cents]
    milligrams: Mapped[int | None]
    cents_per_kilogram: Mapped[Cents | None]


class Payment(Base):
    """Money taken at the desk. A mistake is cancelled by a reversing entry; the row and its receipt stay.

    `allocated_cents` is the part that covers charges; the rest is the member's credit for charges to come.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("cents > 0", name="positive"),
        CheckConstraint("allocated_cents BETWEEN 0 AND cents", name="allocated_within"),
        CheckConstraint("cancelled_at IS NULL OR allocated_cents = 0", name="cancelled_covers_nothing"),
        Index("ix_payment_payer", "payer_id", "taken_at"),
    )

    id: Mapped[pk]
    payer_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    cents: Mapped[Cents]
    method: Mapped[Method]
    taken_at: Mapped[datetime]
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    allocated_cents: Mapped[Cents] = mapped_column(default=Cents(0))
    cancelled_at: Mapped[datetime | None]
    cancelled_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    cancellation_reason: Mapped[str | None] = mapped_column(Text)

    receipt: Mapped[Receipt] = relationship(lazy="raise", back_populates="payment")


class Allocation(Base):
    """Part of a payment put towards a charge; negative when it is taken back (a cancelled payment, a lowered price)."""

    __tablename__ = "allocation"
    __table_args__ = (CheckConstraint("cents <> 0", name="not_zero"),)

    id: Mapped[pk]
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), index=True)
    charge_id: Mapped[int] = mapped_column(ForeignKey("charge.id"), index=True)
    cents: Mapped[Cents]
    at: Mapped[datetime]


class Counter(Base):
    """The last number given in a series that has no gaps, by year of the lab's calendar."""

    __tablename__ = "counter"

    series: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class Receipt(Base):
    """What the member was given for a payment: `body` is canonical JSON, as it was printed the first time."""

    __tablename__ = "receipt"

    id: Mapped[pk]
    number: Mapped[str] = mapped_column(unique=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), unique=True)
    payer_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    issued_at: Mapped[datetime]
    body: Mapped[str] = mapped_column(Text)

    payment: Mapped[Payment] = relationship(lazy="raise", back_populates="receipt")


class Adjustment(Base):
    """A member asks for a charge to be lowered; a manager or an accountant answers once, in words."""

    __tablename__ = "adjustment"
    __table_args__ = (
        CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name="answered_whole"),
        CheckConstraint("(answer = 'accepted') = (new_cents IS NOT NULL) OR answer IS NULL", name="accepted_has_amount"),
        Index(
            "uq_adjustment_waiting",
            "charge_id",
            unique=True,
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
    )

    id: Mapped[pk]
    charge_id: Mapped[int] = mapped_column(ForeignKey("charge.id"), index=True)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    asked_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text)
    answer: Mapped[Answer | None]
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    answer_note: Mapped[str | None] = mapped_column(Text)
    new_cents: Mapped[Cents | None]

    charge: Mapped[Charge] = relationship(lazy="raise")


class LedgerEntry(Base):
    """One balanced fact in a chain. `body` is the canonical JSON that `hash` seals; the other columns only help to find it."""

    __tablename__ = "ledger_entry"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    key: Mapped[str] = mapped_column(unique=True)
    body: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str]
    hash: Mapped[str]


class LedgerPosting(Base):
    """A signed amount on an account, debit positive. `member_id` says whose receivable it is."""

    __tablename__ = "ledger_posting"
    __table_args__ = (
        UniqueConstraint("entry_seq", "position"),
        Index("ix_ledger_posting_member", "account", "member_id"),
    )

    id: Mapped[pk]
    entry_seq: Mapped[int] = mapped_column(ForeignKey("ledger_entry.seq"))
    position: Mapped[int]
    account: Mapped[Account]
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    cents: Mapped[Cents]
