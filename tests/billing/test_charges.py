"""Charging once, for the right amount, with what explains it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import NoResultFound

from app.kernel import clock
from app.kernel.actors import HOUSE
from app.kernel.db import transaction
from app.kernel.periods import Period
from billing import charges, ledger, queries
from billing.charges import NewLine
from billing.models import Charge, ChargeLine, LedgerEntry
from billing.pricing import price_time
from billing.rules import Status
from tests.billing.scene import LASER, again, charge, count, kinds, laser_line, owes, the_books_agree
from tests.trainings.scene import at_once


@pytest.mark.both_engines
def test_a_charge_is_open_until_paid_and_in_the_books(lab):
    row = again(charge(lab.ada, 1000))
    assert (row.status, row.total_cents, row.due_cents, row.settled_at) == (Status.OPEN, 1000, 1000, None)
    assert owes(lab.ada) == 1000
    assert kinds() == ["charge"]


@pytest.mark.both_engines
def test_a_subject_is_charged_once(lab):
    first = charge(lab.ada, 1000, subject="reservation:42")
    second = charge(lab.ada, 700, subject="reservation:42")
    assert (second.id, second.total_cents) == (first.id, 1000)
    assert (count(Charge), count(ChargeLine), count(LedgerEntry)) == (1, 1, 1)


@pytest.mark.both_engines
def test_a_subject_charged_at_once_by_many_is_charged_once(app, lab):
    ada, line, at = lab.ada.id, laser_line(), clock.now()

    def act():
        return charges.open_charge(actor=HOUSE, payer_id=ada, subject="reservation:42", lines=[line], at=at).id

    assert len(set(at_once(app, *[act] * 6))) == 1
    assert (count(Charge), count(LedgerEntry)) == (1, 1)


def test_a_free_use_is_settled_at_once_and_leaves_no_entry(lab):
    row = again(charge(lab.ada, lines=[NewLine(LASER, price_time(60, None))]))
    assert (row.status, row.total_cents, row.settled_at) == (Status.SETTLED, 0, clock.now())
    assert count(LedgerEntry) == 0
    assert ledger.verify().fault is None


def test_three_thirds_of_an_hour_cost_the_hour(lab):
    row = again(charge(lab.ada, lines=[laser_line(20)] * 3))
    assert row.total_cents == 1000
    assert sorted(line.amount_cents for line in row.lines) == [333, 333, 334]
    assert owes(lab.ada) == 1000


def test_a_line_keeps_everything_that_explains_its_price(lab):
    period = Period(clock.now() - timedelta(minutes=25), clock.now())
    [line] = again(charge(lab.ada, lines=[laser_line(25, 1000, minimum_minutes=30, step_minutes=15)])).lines
    assert (line.label, line.item) == (LASER, "machine:7")
    assert (line.starts_at, line.ends_at) == (period.start, period.end)
    assert (line.minutes, line.billed_minutes, line.minimum_minutes, line.step_minutes) == (25, 30, 30, 15)
    assert (line.cents_per_hour, line.tariff_group, line.amount_cents) == (1000, "standard", 500)


def test_nobody_unknown_is_charged(app, lab):
    with pytest.raises(NoResultFound), transaction():
        charges.open_charge(actor=HOUSE, payer_id=999, subject="x:1", lines=[laser_line()], at=clock.now())
    assert count(Charge) == 0


def test_only_what_is_older_than_a_month_is_overdue(lab):
    with clock.at(clock.now() - timedelta(days=31)):
        charge(lab.ada, 300)
    with clock.at(clock.now() - timedelta(days=30)):
        charge(lab.ada, 500)
    charge(lab.ada, 900)
    assert queries.overdue_cents(lab.ada.id, clock.now()) == 300
    assert queries.overdue_cents(lab.ben.id, clock.now()) == 0


def test_who_owes_is_listed_the_oldest_debt_first(lab):
    with clock.at(clock.now() - timedelta(days=40)):
        charge(lab.ben, 300)
    charge(lab.ada, 500)
    charge(lab.ben, 200)
    charge(lab.carl, lines=[NewLine(LASER, price_time(60, None))])
    found = queries.debtors()
    assert [(one.name, one.owes_cents, one.is_overdue) for one in found] == [("Ben Oz", 500, True), ("Ada Lovelace", 500, False)]
    the_books_agree()


def test_reading_costs_the_same_whatever_there_is(lab, statements):
    rows = [charge(lab.ada, 100 + n, lines=[laser_line(20)] * 3) for n in range(12)]

    def asked(read):
        statements.clear()
        read()
        return len(statements)

    assert asked(lambda: queries.charge_for(rows[0].subject)) == 1
    assert asked(lambda: queries.charges_for([row.subject for row in rows])) == 1
    assert asked(lambda: [line.label for row in queries.charges_of(lab.ada.id) for line in row.lines]) == 2
    assert asked(lambda: queries.balance_cents(lab.ada.id)) == 1
    assert asked(lambda: queries.overdue_cents(lab.ada.id, clock.now())) == 1
    assert asked(lambda: queries.day_takings(clock.today())) == 1
    assert asked(queries.debtors) == 1


def test_what_others_are_charged_is_not_in_ones_own_list(lab):
    mine, theirs = charge(lab.ada, 100, subject="r:1"), charge(lab.ben, 200, subject="r:2")
    assert [row.id for row in queries.charges_of(lab.ada.id)] == [mine.id]
    assert queries.charges_for(["r:1", "r:2", "r:3"]).keys() == {"r:1", "r:2"}
    assert queries.charge_for("r:3") is None
    assert theirs.payer_id == lab.ben.id
