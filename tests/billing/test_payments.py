"""Taking money: never more than is due, the oldest first, numbered without a gap, and undone only by a reversing entry."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from app.kernel.outbox import OutboxMessage
from app.kernel.refusals import NotAllowed, Refused
from billing import ledger, numbering, payments, queries, receipts
from billing.models import Allocation, Counter, LedgerEntry, Payment, Receipt
from billing.rules import Method, Status
from tests.billing.scene import accept, again, ask, cancel, charge, codes, count, kinds, laser_line, owes, pay, the_books_agree
from tests.builders import a_member, acting
from tests.trainings.scene import at_once


def numbers() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Receipt.number).order_by(Receipt.number)))


def taking(by, payer, cents, method=Method.CASH):
    """What a click does, for a thread."""
    actor, ident, at = acting(by), payer.id, clock.now()
    return lambda: payments.take(actor=actor, payer_id=ident, cents=Cents(cents), method=method, at=at).number


# ── taking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_a_payment_settles_the_charge_and_gives_a_receipt(lab):
    row = charge(lab.ada, 1000)
    receipt = pay(lab.lea, lab.ada, 1000)
    assert receipt.number == "RC-2026-000001"
    assert (again(row).status, again(row).settled_at) == (Status.SETTLED, clock.now())
    assert owes(lab.ada) == 0
    assert kinds() == ["charge", "payment"]
    assert queries.day_takings(clock.today()) == {"Cash": 1000}
    the_books_agree()


def test_part_of_it_is_put_towards_the_oldest_charges(lab):
    with clock.at(clock.now() - timedelta(days=2)):
        old = charge(lab.ada, 300)
    new = charge(lab.ada, 1000)
    pay(lab.lea, lab.ada, 500)
    assert [(again(one).status, again(one).paid_cents) for one in (old, new)] == [(Status.SETTLED, 300), (Status.OPEN, 200)]
    pay(lab.alba, lab.ada, 800, Method.CARD_TERMINAL)
    assert again(new).status is Status.SETTLED
    assert queries.day_takings(clock.today()) == {"Cash": 500, "Card terminal": 800}
    the_books_agree()


@pytest.mark.parametrize(("due", "offered", "code"), [(1000, 1001, "more_than_owed"), (0, 1, "nothing_due")])
def test_the_desk_never_takes_more_than_is_due(lab, due, offered, code):
    if due:
        charge(lab.ada, due)
    with pytest.raises(Refused) as refused:
        pay(lab.lea, lab.ada, offered)
    assert codes(refused) == {code}
    assert (count(Payment), count(Counter)) == (0, 0)


@pytest.mark.parametrize("who", ["carl", "ada"])
def test_only_the_desk_takes_payments(lab, who):
    charge(lab.ada, 1000)
    with pytest.raises(NotAllowed):
        pay(getattr(lab, who), lab.ada, 1000)
    assert count(Payment) == 0


def test_nobody_unknown_pays(lab):
    with pytest.raises(NoResultFound), transaction():
        payments.take(actor=acting(lab.lea), payer_id=999, cents=Cents(1), method=Method.CASH, at=clock.now())


@pytest.mark.parametrize("cents", [0, -5])
def test_a_payment_of_nothing_is_a_bug(lab, cents):
    charge(lab.ada, 1000)
    with pytest.raises(ValueError, match="more than nothing"):
        pay(lab.lea, lab.ada, cents)


@pytest.mark.both_engines
def test_two_payments_at_once_cannot_overpay(app, lab):
    charge(lab.ada, 1000)
    results = at_once(app, taking(lab.lea, lab.ada, 600), taking(lab.alba, lab.ada, 600), taking(lab.lea, lab.ada, 1000))
    assert sum(isinstance(one, str) for one in results) == 1
    assert sum(isinstance(one, Refused) for one in results) == 2
    assert owes(lab.ada) in (400, 0)
    the_books_agree()


@pytest.mark.both_engines
def test_payments_at_once_of_what_fits_are_all_taken(app, lab):
    charge(lab.ada, 1000)
    results = at_once(app, *(taking(lab.lea, lab.ada, 250) for _ in range(4)))
    assert sorted(results) == [f"RC-2026-00000{n}" for n in (1, 2, 3, 4)]
    assert owes(lab.ada) == 0
    the_books_agree()
    assert ledger.verify().fault is None


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_numbers_have_no_gap_though_many_pay_at_once_and_some_fail(app, lab):
    people = [a_member(f"Payer{n} X") for n in range(12)]
    for one in people:
        charge(one, 1000)

    def failing(act):
        def whole():
            act()
            raise Refused([])  # at the very last step, with the number taken

        return whole

    acts = [taking(lab.lea, one, 1000) for one in people]
    results = at_once(app, *(failing(act) if n % 3 == 2 else act for n, act in enumerate(acts)))
    assert sum(isinstance(one, Refused) for one in results) == 4
    assert numbers() == [f"RC-2026-{n:06}" for n in range(1, 9)]
    assert ledger.verify().fault is None


def test_the_number_begins_again_with_the_lab_s_new_year(lab):
    charge(lab.ada, 1000)
    for moment in ("2026-12-31T22:59:00+00:00", "2026-12-31T23:01:00+00:00", "2027-06-01T12:00:00+00:00"):
        with clock.at(datetime.fromisoformat(moment)):
            pay(lab.lea, lab.ada, 100)
    assert numbers() == ["RC-2026-000001", "RC-2027-000001", "RC-2027-000002"]


def test_each_series_counts_for_itself(app):
    with transaction():
        assert [numbering.next_number("AA", 2026) for _ in range(2)] == ["AA-2026-000001", "AA-2026-000002"]
        assert numbering.next_number("BB", 2026) == "BB-2026-000001"


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_says_what_was_paid_for_and_never_changes(lab):
    with clock.at(clock.now() - timedelta(days=1)):
        old = charge(lab.ada, 300)
    new = charge(lab.ada, lines=[laser_line(25, 1000, minimum_minutes=30), laser_line(20, 1000)])
    accept(lab.lea, ask(lab.ada, old), 200)
    pay(lab.lea, lab.ada, 100)
    receipt = pay(lab.lea, lab.ada, 600, Method.CARD_TERMINAL)
    accept(lab.lea, ask(lab.ada, new), 500)
    db.session.expire_all()
    printed = receipts.printed(queries.receipt(receipt.number))
    assert (printed.lab["name"], printed.payer, printed.taken_by) == ("La Forge du Canal", "Ada Lovelace", "Léa Martin")
    assert (printed.method, printed.cents, printed.owes_cents) == (Method.CARD_TERMINAL, 600, 333)
    first, second = printed.covered
    assert (first.charge_id, first.credited_cents, first.paid_before_cents, first.paid_cents) == (old.id, 100, 100, 100)
    assert (second.charge_id, second.credited_cents, second.paid_cents, second.left_cents) == (new.id, 0, 500, 333)
    assert [(line.minutes, line.billed_minutes, line.amount_cents) for line in second.lines] == [(25, 30, 500), (20, 20, 333)]
    assert second.lines[0].ends_at == clock.now()
    sealed = db.session.scalars(select(LedgerEntry).where(LedgerEntry.key == f"payment:{receipt.number}")).one()
    assert sealed.hash.startswith(printed.seal)


def test_a_receipt_is_mailed_once(lab):
    charge(lab.ada, 1000)
    receipt = pay(lab.lea, lab.ada, 1000)
    db.session.rollback()
    keys = db.session.scalars(select(OutboxMessage.key).where(OutboxMessage.topic == "mail.send")).all()
    assert keys == [f"billing.receipt:{receipt.number}"]


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_a_cancelled_payment_leaves_its_receipt_and_makes_the_charge_due_again(lab):
    row = charge(lab.ada, 1000)
    receipt = pay(lab.lea, lab.ada, 1000)
    cancel(lab.lea, receipt, "Typed for the wrong person")
    found = again(row)
    assert (found.status, found.due_cents, found.settled_at) == (Status.OPEN, 1000, None)
    assert owes(lab.ada) == 1000
    assert numbers() == [receipt.number]
    assert kinds() == ["charge", "payment", "payment_cancelled"]
    assert queries.day_takings(clock.today()) == {"Cash": 0}
    acts = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "payment.cancelled")).all()
    assert [act.details["reason"] for act in acts] == ["Typed for the wrong person"]
    the_books_agree()


def test_the_till_of_the_day_it_was_taken_keeps_its_figure(lab):
    charge(lab.ada, 1000)
    with clock.at(clock.now() - timedelta(days=1)):
        receipt = pay(lab.lea, lab.ada, 1000)
    cancel(lab.lea, receipt)
    assert queries.day_takings(clock.today() - timedelta(days=1)) == {"Cash": 1000}
    assert queries.day_takings(clock.today()) == {"Cash": -1000}


def test_a_payment_is_cancelled_once(lab):
    charge(lab.ada, 1000)
    receipt = pay(lab.lea, lab.ada, 1000)
    cancel(lab.lea, receipt)
    with pytest.raises(Refused) as refused:
        cancel(lab.lea, receipt)
    assert codes(refused) == {"already_cancelled"}
    assert count(LedgerEntry) == 3


@pytest.mark.parametrize("who", ["alba", "carl", "ada"])
def test_only_managers_cancel(lab, who):
    charge(lab.ada, 1000)
    receipt = pay(lab.alba, lab.ada, 1000)
    with pytest.raises(NotAllowed):
        cancel(getattr(lab, who), receipt)


@pytest.mark.both_engines
def test_cancelling_at_once_happens_once(app, lab):
    charge(lab.ada, 1000)
    number, actor, at = pay(lab.lea, lab.ada, 1000).number, acting(lab.lea), clock.now()

    def act():
        return payments.cancel(actor=actor, number=number, reason="x", at=at).id

    results = at_once(app, *[act] * 4)
    assert sum(isinstance(one, Refused) for one in results) == 3
    assert owes(lab.ada) == 1000
    the_books_agree()


def test_days_are_the_lab_s_not_utc_s(lab):
    charge(lab.ada, 1000)
    with clock.at(datetime.fromisoformat("2026-11-26T23:30:00+00:00")):  # half past midnight in Paris
        pay(lab.lea, lab.ada, 400)
    assert queries.day_takings(date(2026, 11, 26)) == {}
    assert queries.day_takings(date(2026, 11, 27)) == {"Cash": 400}


# ── whatever happens ─────────────────────────────────────────────────────────────────────────────────────────────────

steps = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.integers(0, 3000)),
        st.tuples(st.just("pay"), st.integers(1, 4000)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("adjust"), st.integers(0, 3000)),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_the_books_agree_whatever_happens(lab, story):
    payer = a_member("Whoever X")
    charged, taken = [], []
    for act, number in story:
        try:
            if act == "charge":
                charged.append(charge(payer, number))
            elif act == "pay":
                taken.append(pay(lab.lea, payer, number))
            elif act == "cancel" and taken:
                cancel(lab.lea, taken[number % len(taken)])
            elif act == "adjust" and charged:
                accept(lab.lea, ask(payer, charged[number % len(charged)]), number // 2)
        except Refused:
            db.session.rollback()
            waiting = queries.adjustments_of([one.id for one in charged])
            for one in waiting.values():
                if one.answered_at is None:
                    accept_lower(lab.lea, one)
    the_books_agree()
    assert ledger.verify().fault is None


def accept_lower(by, adjustment):
    """Answer a request that could not be answered as asked, so that the next one may come."""
    found = queries.adjustment(adjustment.id)
    accept(by, found, max(0, found.charge.total_cents - 1))


def test_allocations_never_exceed_the_payment(lab):
    charge(lab.ada, 300)
    charge(lab.ada, 700)
    pay(lab.lea, lab.ada, 1000)
    db.session.rollback()
    assert sum(db.session.scalars(select(Allocation.cents))) == 1000
