"""A member finds a charge too high and asks; a manager or an accountant lowers it or declines, in words, once.

What the house itself finds wrong (a printer that failed) it lowers by `grant`, which leaves the same traces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.accounts.models import Member
from app.kernel import audit, mail
from app.kernel.actors import Actor
from app.kernel.db import db, locked
from app.kernel.money import ZERO, Cents
from app.kernel.refusals import Amount, NotAllowed, Refused
from billing import desk, ledger, rules, settlements
from billing.ledger import Posting
from billing.models import Adjustment, Charge, ChargeLine
from billing.rules import Account, Answer, AnswerFacts


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that nobody has answered yet. `charge_label` is the first thing charged, in the lab's languages."""

    id: int
    member_id: int
    member: str
    asked_at: datetime
    charge_id: int
    charge_label: Mapping[str, str]
    total_cents: Cents
    note: str


def waiting() -> list[Waiting]:
    """Oldest first. One statement."""
    rows = db.session.execute(
        select(Adjustment, Charge, Member.name, ChargeLine.label)
        .join(Charge, Charge.id == Adjustment.charge_id)
        .join(Member, Member.id == Adjustment.asked_by_id)
        .outerjoin(ChargeLine, (ChargeLine.charge_id == Charge.id) & (ChargeLine.position == 0))
        .where(Adjustment.answered_at.is_(None))
        .order_by(Adjustment.asked_at, Adjustment.id)
    )
    return [
        Waiting(one.id, one.asked_by_id, name, one.asked_at, charge.id, label or {}, charge.total_cents, one.note)
        for one, charge, name, label in rows
    ]


def ask(*, actor: Actor, charge_id: int, note: str, at: datetime) -> Adjustment:
    """Ask for one's own charge to be lowered. Raises Refused when a request waits already or nothing is charged."""
    charge = _locked_charge(charge_id)
    if actor.member_id is None or actor.member_id != charge.payer_id:
        raise NotAllowed
    if found := rules.asking_refusals(is_asked=is_waiting(charge_id), total_cents=charge.total_cents):
        raise Refused(found)
    adjustment = Adjustment(charge_id=charge_id, asked_by_id=actor.member_id, asked_at=at, note=note)
    db.session.add(adjustment)
    db.session.flush()  # the audit names its id
    audit.record(actor, "adjustment.asked", charge.reference, adjustment=adjustment.id)
    return adjustment


def accept(*, actor: Actor, adjustment_id: int, new_cents: Cents, words: str | None, at: datetime) -> Adjustment:
    """Lower the charge to `new_cents`: a credit in the ledger. Paid beyond that, the rest covers other charges.

    Raises Refused with every reason, NotAllowed to all but managers and accountants.
    """
    adjustment, charge = _to_answer(actor, adjustment_id, new_cents)
    return _lower(actor, adjustment, charge, new_cents=new_cents, words=words, at=at)


def grant(*, actor: Actor, charge_id: int, new_cents: Cents, note: str, at: datetime, claim: str | None = None) -> Adjustment:
    """Lower a charge to `new_cents` because the house, or somebody of the team, has found why; `note` says it.

    A request that waits goes on waiting, unless its words are those of the `claim` that is decided by this. Who may decide so
    is asked by the caller. Raises Refused when that is no less.
    """
    charge = _locked_charge(charge_id)
    if new_cents >= charge.total_cents:
        raise Refused([rules.NOT_LOWER(total=Amount(charge.total_cents))])
    waits = select(Adjustment).where(Adjustment.charge_id == charge_id, Adjustment.answered_at.is_(None))
    adjustment = db.session.scalars(waits.where(Adjustment.note == claim)).first() if claim is not None else None
    if adjustment is None:
        adjustment = Adjustment(
            charge_id=charge_id,
            asked_by_id=charge.payer_id,
            asked_at=at,
            note=note,
            answer=Answer.ACCEPTED,  # from the first, so that it stands beside a request that waits
            answer_note=None,
            answered_at=at,
            answered_by_id=actor.member_id,
            new_cents=new_cents,
        )
        db.session.add(adjustment)
        db.session.flush()  # the ledger and the letter name its id
    return _lower(actor, adjustment, charge, new_cents=new_cents, words=None, at=at)


def is_waiting(charge_id: int) -> bool:
    """Whether a request about this charge has no answer yet. One statement."""
    waits = select(Adjustment.id).where(Adjustment.charge_id == charge_id, Adjustment.answered_at.is_(None))
    return db.session.scalars(waits.limit(1)).first() is not None


def _lower(
    actor: Actor, adjustment: Adjustment, charge: Charge, *, new_cents: Cents, words: str | None, at: datetime
) -> Adjustment:
    credit = Cents(charge.total_cents - new_cents)
    freed = settlements.lower(charge, credit, at)
    adjustment.new_cents = new_cents
    _answer(actor, adjustment, Answer.ACCEPTED, words=words, freed=freed, at=at)
    settlements.spread(charge.payer_id, at)
    ledger.append(
        kind="adjustment",
        subject=charge.reference,
        key=f"adjustment:{adjustment.id}",
        postings=[Posting(Account.ADJUSTMENTS, credit), Posting(Account.RECEIVABLE, Cents(-credit), charge.payer_id)],
        at=at,
    )
    audit.record(actor, "adjustment.accepted", charge.reference, adjustment=adjustment.id, new_cents=new_cents)
    return adjustment


def decline(*, actor: Actor, adjustment_id: int, words: str, at: datetime) -> Adjustment:
    """Leave the charge as it is and say why. Raises Refused, NotAllowed to all but managers and accountants."""
    adjustment, charge = _to_answer(actor, adjustment_id, None)
    _answer(actor, adjustment, Answer.DECLINED, words=words, freed=ZERO, at=at)
    audit.record(actor, "adjustment.declined", charge.reference, adjustment=adjustment.id)
    return adjustment


def _to_answer(actor: Actor, adjustment_id: int, new_cents: Cents | None) -> tuple[Adjustment, Charge]:
    if not desk.may_hold(actor):
        raise NotAllowed
    charge_id = db.session.scalars(select(Adjustment.charge_id).where(Adjustment.id == adjustment_id)).one()
    charge = _locked_charge(charge_id)
    adjustment = locked(Adjustment, adjustment_id)
    facts = AnswerFacts(
        is_answered=adjustment.answered_at is not None,
        is_own=actor.member_id == adjustment.asked_by_id,
        total_cents=charge.total_cents,
        new_cents=new_cents,
    )
    if found := rules.answer_refusals(facts):
        raise Refused(found)
    return adjustment, charge


def _answer(actor: Actor, adjustment: Adjustment, answer: Answer, *, words: str | None, freed: Cents, at: datetime) -> None:
    adjustment.answer, adjustment.answer_note = answer, words or None
    adjustment.answered_at, adjustment.answered_by_id = at, actor.member_id
    mail.send("billing.adjustment", key=f"billing.adjustment:{adjustment.id}", adjustment=adjustment.id, freed=freed)


def _locked_charge(charge_id: int) -> Charge:
    """Lock the payer, then the charge."""
    payer_id = db.session.scalars(select(Charge.payer_id).where(Charge.id == charge_id)).one()
    locked(Member, payer_id)
    return locked(Charge, charge_id)
