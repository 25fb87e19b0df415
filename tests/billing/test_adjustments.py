"""Asking for a price to be looked at, and the answer: lower or the same, once, by somebody else."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from billing import adjustments
from billing.charges import NewLine
from billing.models import Adjustment
from billing.pricing import price_time
from billing.rules import Answer, AnswerFacts, Status, answer_refusals
from tests.billing.scene import (
    LASER,
    accept,
    again,
    ask,
    cancel,
    charge,
    codes,
    count,
    decline,
    kinds,
    owes,
    pay,
    the_books_agree,
)
from tests.builders import acting
from tests.trainings.scene import at_once


@pytest.mark.parametrize(
    ("is_answered", "is_own", "new_cents", "expected"),
    [
        (False, False, None, []),
        (False, False, 999, []),
        (False, False, 0, []),
        (False, False, 1000, ["not_lower"]),
        (False, False, 1001, ["not_lower"]),
        (True, False, 500, ["already_answered"]),
        (False, True, None, ["own_request"]),
        (True, True, 2000, ["already_answered", "own_request", "not_lower"]),
    ],
)
def test_every_reason_an_answer_is_refused(is_answered, is_own, new_cents, expected):
    facts = AnswerFacts(is_answered=is_answered, is_own=is_own, total_cents=1000, new_cents=new_cents)
    assert [one.code.removeprefix("billing.") for one in answer_refusals(facts)] == expected


def test_what_the_house_gives_answers_no_request_but_the_claim_it_decides(lab):
    row = charge(lab.ada, 1000)
    asked = ask(lab.ada, row, "The lens was cracked")
    lea, at = acting(lab.lea), clock.now()
    with transaction():
        given = adjustments.grant(actor=lea, charge_id=row.id, new_cents=900, note="A late start", at=at)
    assert (given.note, given.answer, given.answered_by_id, given.new_cents) == ("A late start", Answer.ACCEPTED, lab.lea.id, 900)
    assert [one.id for one in adjustments.waiting()] == [asked.id]
    with transaction():
        last = adjustments.grant(actor=lea, charge_id=row.id, new_cents=600, note="Yes", at=at, claim="The lens was cracked")
    assert (last.id, adjustments.waiting(), owes(lab.ada)) == (asked.id, [], 600)
    the_books_agree()


def test_a_request_waits_for_the_team(lab, statements):
    row = charge(lab.ada, 1000)
    asked = ask(lab.ada, row, "The lens was cracked")
    ask(lab.ben, charge(lab.ben, 300))
    statements.clear()
    first, second = adjustments.waiting()
    assert len(statements) == 1
    assert (first.id, first.member_id, first.member) == (asked.id, lab.ada.id, "Ada Lovelace")
    assert (first.charge_label, first.total_cents, first.note) == (LASER, 1000, "The lens was cracked")
    assert (first.asked_at, second.member) == (clock.now(), "Ben Oz")


def test_an_open_charge_is_lowered_and_a_credit_written(lab):
    row = charge(lab.ada, 1000)
    accept(lab.lea, ask(lab.ada, row), 600, "Sorry about the lens")
    found = again(row)
    assert (found.status, found.amount_cents, found.total_cents, found.due_cents) == (Status.OPEN, 1000, 600, 600)
    assert owes(lab.ada) == 600
    assert kinds() == ["charge", "adjustment"]
    assert adjustments.waiting() == []
    acts = db.session.scalars(select(AuditEntry.verb).where(AuditEntry.subject == row.reference).order_by(AuditEntry.id))
    assert list(acts) == ["charge.opened", "adjustment.asked", "adjustment.accepted"]
    the_books_agree()


def test_lowered_to_what_was_paid_it_is_settled(lab):
    row = charge(lab.ada, 1000)
    pay(lab.lea, lab.ada, 600)
    accept(lab.lea, ask(lab.ada, row), 600)
    assert again(row).status is Status.SETTLED
    assert owes(lab.ada) == 0


def test_lowered_to_nothing_it_is_cancelled(lab):
    row = charge(lab.ada, 1000)
    accept(lab.lea, ask(lab.ada, row), 0)
    assert (again(row).status, owes(lab.ada)) == (Status.CANCELLED, 0)
    the_books_agree()


def test_paid_beyond_the_new_price_the_rest_covers_the_oldest_open_charge(lab):
    paid = charge(lab.ada, 1000)
    pay(lab.lea, lab.ada, 1000)
    waiting = charge(lab.ada, 300)
    accept(lab.lea, ask(lab.ada, paid), 600)
    assert (again(paid).status, again(paid).paid_cents) == (Status.SETTLED, 600)
    assert again(waiting).status is Status.SETTLED
    assert owes(lab.ada) == -100
    the_books_agree()


def test_credit_covers_the_next_charge_by_itself(lab):
    paid = charge(lab.ada, 1000)
    pay(lab.lea, lab.ada, 1000)
    accept(lab.lea, ask(lab.ada, paid), 600)
    assert owes(lab.ada) == -400
    small, large = charge(lab.ada, 150), charge(lab.ada, 400)
    assert (again(small).status, again(large).due_cents) == (Status.SETTLED, 150)
    assert owes(lab.ada) == 150
    the_books_agree()


def test_cancelling_the_payment_behind_a_credit_makes_all_it_covered_due_again(lab):
    paid = charge(lab.ada, 1000)
    receipt = pay(lab.lea, lab.ada, 1000)
    accept(lab.lea, ask(lab.ada, paid), 600)
    later = charge(lab.ada, 150)
    cancel(lab.lea, receipt)
    assert (again(paid).due_cents, again(later).due_cents, owes(lab.ada)) == (600, 150, 750)
    the_books_agree()


def test_a_declined_request_changes_no_price_and_keeps_the_words(lab):
    row = charge(lab.ada, 1000)
    answered = decline(lab.alba, ask(lab.ada, row), "The log shows a full hour")
    assert (answered.answer, answered.answer_note, answered.answered_by_id) == (
        Answer.DECLINED,
        "The log shows a full hour",
        lab.alba.id,
    )
    assert (owes(lab.ada), kinds()) == (1000, ["charge"])


def test_one_request_at_a_time_and_another_after_the_answer(lab):
    row = charge(lab.ada, 1000)
    first = ask(lab.ada, row)
    with pytest.raises(Refused) as refused:
        ask(lab.ada, row)
    assert codes(refused) == {"already_asked"}
    decline(lab.lea, first)
    assert ask(lab.ada, row).id != first.id


@pytest.mark.both_engines
def test_asking_at_once_asks_once(app, lab):
    row, actor, at = charge(lab.ada, 1000), acting(lab.ada), clock.now()
    results = at_once(app, *[lambda: adjustments.ask(actor=actor, charge_id=row.id, note="x", at=at).id] * 4)
    assert sum(isinstance(one, Refused) for one in results) == 3
    assert count(Adjustment) == 1


@pytest.mark.both_engines
def test_answering_at_once_answers_once(app, lab):
    row = charge(lab.ada, 1000)
    ident, lea, alba, at = ask(lab.ada, row).id, acting(lab.lea), acting(lab.alba), clock.now()
    results = at_once(
        app,
        lambda: adjustments.accept(actor=lea, adjustment_id=ident, new_cents=600, words=None, at=at).id,
        lambda: adjustments.accept(actor=alba, adjustment_id=ident, new_cents=500, words=None, at=at).id,
        lambda: adjustments.decline(actor=alba, adjustment_id=ident, words="no", at=at).id,
    )
    assert sum(isinstance(one, Refused) for one in results) == 2
    assert owes(lab.ada) in (600, 500, 1000)
    the_books_agree()


def test_a_free_use_has_nothing_to_adjust(lab):
    with pytest.raises(Refused) as refused:
        ask(lab.ada, charge(lab.ada, lines=[NewLine(LASER, price_time(60, None))]))
    assert codes(refused) == {"nothing_to_adjust"}


def test_nobody_asks_for_somebody_else(lab):
    with pytest.raises(NotAllowed):
        ask(lab.ben, charge(lab.ada, 1000))


@pytest.mark.parametrize("who", ["carl", "ada", "ben"])
def test_only_the_desk_answers(lab, who):
    asked = ask(lab.ada, charge(lab.ada, 1000))
    with pytest.raises(NotAllowed):
        accept(getattr(lab, who), asked, 0)
    with pytest.raises(NotAllowed):
        decline(getattr(lab, who), asked)


def test_nobody_lowers_their_own_charge(lab):
    asked = ask(lab.lea, charge(lab.lea, 1000))
    with pytest.raises(Refused) as refused:
        accept(lab.lea, asked, 0)
    assert codes(refused) == {"own_request"}
    accept(lab.alba, asked, 0)
    assert owes(lab.lea) == 0


def test_a_price_is_never_raised(lab):
    asked = ask(lab.ada, charge(lab.ada, 1000))
    with pytest.raises(Refused) as refused:
        accept(lab.lea, asked, 1000)
    assert codes(refused) == {"not_lower"}
    assert owes(lab.ada) == 1000
