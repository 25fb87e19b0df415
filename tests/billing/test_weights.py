"""What a kilogram costs on which day, and charges that mix time and weight without losing a cent."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from app.kernel import clock, i18n, outbox
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.mail import Mail
from app.kernel.money import Cents
from app.kernel.refusals import NotAllowed, Refused
from billing import ledger, receipts, weights
from billing.charges import NewLine
from billing.models import LedgerEntry, LedgerPosting, WeightRate
from billing.pricing import PricedLine, RateTerms, price_time, price_together, price_weight, total_cents
from billing.rules import Account
from tests.billing.scene import accept, again, ask, charge, codes, laser_line, owes, pay, the_books_agree
from tests.builders import acting
from tests.trainings.scene import at_once

PETG = "material:3"
NAME = {"fr": "PETG", "en": "PETG"}

terms = st.builds(
    RateTerms,
    cents_per_hour=st.integers(0, 50_000).map(Cents),
    minimum_minutes=st.integers(0, 240),
    step_minutes=st.integers(1, 120),
)
time_line = st.builds(price_time, st.integers(0, 10_000), st.one_of(st.none(), terms))
weight_line = st.builds(price_weight, st.integers(0, 5_000_000), st.one_of(st.none(), st.integers(0, 500_000).map(Cents)))
mixed = st.lists(st.one_of(time_line, weight_line), max_size=12)


def set_price(by, cents, item=PETG, valid_from=None):
    with transaction():
        return weights.set_price(
            actor=acting(by), item=item, cents_per_kilogram=None if cents is None else Cents(cents), valid_from=valid_from
        )


def in_days(days):
    return clock.today() + timedelta(days=days)


def price(days=0, item=PETG):
    db.session.rollback()
    return weights.price(item, in_days(days))


def petg(milligrams, cents=2900):
    return NewLine(NAME, price_weight(milligrams, Cents(cents)), item=PETG)


def exact_cents(line):
    time = Fraction(line.cents_per_hour * line.billed_minutes, 60)
    return time + Fraction((line.cents_per_kilogram or 0) * (line.milligrams or 0), 1_000_000)


# ── sums ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("milligrams", "cents", "amount"),
    [(1_000_000, 2900, 2900), (23_400, 2900, 68), (0, 2900, 0), (172, 2900, 0), (173, 2900, 1), (500_000, 1, 1), (499_999, 1, 0)],
)
def test_weight_is_paid_in_proportion_and_rounded_once(milligrams, cents, amount):
    line = price_weight(milligrams, Cents(cents))
    assert (line.amount_cents, line.milligrams, line.minutes, line.billed_minutes) == (amount, milligrams, 0, 0)


def test_material_without_a_price_is_free():
    line = price_weight(23_400, None)
    assert (line.amount_cents, line.cents_per_kilogram, line.is_weighed) == (0, 0, True)


def test_a_weight_cannot_be_negative():
    with pytest.raises(ValueError, match="cannot be priced"):
        price_weight(-1, Cents(2900))


def test_thirds_of_a_cent_of_time_and_of_weight_make_whole_ones():
    third_of_an_hour = price_time(20, RateTerms(Cents(1000)))
    lines = [third_of_an_hour, third_of_an_hour, third_of_an_hour, price_weight(500, Cents(1000)), price_weight(500, Cents(1000))]
    assert sum(line.amount_cents for line in lines) == 1001, "each alone"
    assert sum(line.amount_cents for line in price_together(lines)) == 1001, "1000 and twice half a cent"
    assert sum(line.amount_cents for line in price_together([lines[0], lines[1], *lines[3:]])) == 668, "667.67"


@given(mixed)
def test_any_mix_of_time_and_weight_adds_up_to_the_exact_sum_rounded_once(found: list[PricedLine]):
    exact = sum((exact_cents(line) for line in found), Fraction(0))
    half_up = int(exact + Fraction(1, 2))
    assert sum(line.amount_cents for line in price_together(found)) == half_up == total_cents(found)


@given(mixed)
def test_each_line_of_a_mix_stays_beside_its_own_price(found: list[PricedLine]):
    for line in price_together(found):
        assert abs(line.amount_cents - exact_cents(line)) < Fraction(3, 2)


@given(weight_line)
def test_one_weighed_line_costs_the_same_alone_and_in_a_charge(line: PricedLine):
    assert price_together([line]) == [line]


# ── prices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_price_ends_the_one_before_and_overwrites_nothing(lab):
    set_price(lab.lea, 2900)
    set_price(lab.lea, 3100, valid_from=in_days(10))
    assert [price(days) for days in (-1, 0, 9, 10, 100)] == [None, 2900, 2900, 3100, 3100]
    rows = weights.history(PETG)
    assert [(row.cents_per_kilogram, row.valid_from, row.last_day) for row in rows] == [
        (3100, in_days(10), None),
        (2900, in_days(0), in_days(9)),
    ]


def test_a_price_planned_for_later_keeps_its_day_and_the_last_of_one_day_holds(lab):
    set_price(lab.lea, 3500, valid_from=in_days(20))
    set_price(lab.lea, 2900, valid_from=in_days(10))
    set_price(lab.lea, 3000, valid_from=in_days(10))
    assert [price(days) for days in (0, 10, 19, 20)] == [None, 3000, 3000, 3500]
    assert [row.cents_per_kilogram for row in weights.history(PETG)] == [3500, 3000]


def test_ending_a_price_makes_the_material_free(lab):
    set_price(lab.lea, 2900)
    set_price(lab.lea, None, valid_from=in_days(3))
    assert [price(days) for days in (2, 3)] == [2900, None]
    assert weights.prices([PETG, "material:9"], in_days(2)) == {PETG: 2900} == weights.price_list(in_days(2))


def test_no_price_begins_in_the_past_and_only_managers_set_them(lab):
    with pytest.raises(Refused) as refused:
        set_price(lab.lea, 2900, valid_from=in_days(-1))
    assert codes(refused) == {"rate_in_the_past"}
    for who in (lab.alba, lab.carl, lab.ada):
        with pytest.raises(NotAllowed):
            set_price(who, 2900)
    assert price() is None


def test_who_set_a_price_is_in_the_audit(lab):
    set_price(lab.lea, 2900)
    last = db.session.scalars(select(AuditEntry).where(AuditEntry.subject == PETG)).one()
    assert (last.verb, last.actor_id, last.details["cents_per_kilogram"]) == ("rate.set", lab.lea.id, 2900)


@pytest.mark.both_engines
def test_prices_set_at_once_leave_one_in_force(app, lab):
    actor = acting(lab.lea)

    def setting(cents):
        def act():
            weights.set_price(actor=actor, item=PETG, cents_per_kilogram=Cents(cents))
            db.session.flush()
            return cents

        return act

    wanted = [2600, 2700, 2800, 2900]
    assert at_once(app, *(setting(cents) for cents in wanted)) == wanted
    lasting = select(func.count()).select_from(WeightRate).where(WeightRate.item == PETG, WeightRate.valid_until.is_(None))
    assert db.session.scalar(lasting) == 1
    assert len(weights.history(PETG)) == 1


@pytest.mark.both_engines
@pytest.mark.parametrize("change", ["UPDATE weight_rate SET cents_per_kilogram = 1", "DELETE FROM weight_rate"])
def test_nobody_rewrites_a_price(app, lab, change):
    set_price(lab.lea, 2900)
    with pytest.raises(DBAPIError, match="weight_rate_frozen"), transaction():
        db.session.execute(text(change))
    assert price() == 2900


# ── charges ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def postings(of):
    db.session.rollback()
    rows = db.session.execute(
        select(LedgerPosting.account, LedgerPosting.cents)
        .join(LedgerEntry, LedgerEntry.seq == LedgerPosting.entry_seq)
        .where(LedgerEntry.subject == of.reference)
        .order_by(LedgerPosting.position)
    )
    return [tuple(row) for row in rows]


@pytest.mark.both_engines
def test_time_and_material_are_revenue_of_their_own_and_balance(app, lab):
    made = charge(lab.ada, lines=[laser_line(20), petg(23_400)])
    assert postings(made) == [(Account.RECEIVABLE, 401), (Account.MACHINE_TIME, -333), (Account.MATERIAL, -68)]
    assert [(line.amount_cents, line.milligrams, line.cents_per_kilogram) for line in again(made).lines] == [
        (333, None, None),
        (68, 23_400, 2900),
    ]
    assert (owes(lab.ada), ledger.verify().fault) == (401, None)
    the_books_agree()


@pytest.mark.parametrize(
    ("lines", "account"), [([laser_line], Account.MACHINE_TIME), ([lambda: petg(1_000_000)], Account.MATERIAL)]
)
def test_what_earns_nothing_has_no_posting(lab, lines, account):
    made = charge(lab.ada, lines=[line() for line in lines])
    assert [found for found, _cents in postings(made)] == [Account.RECEIVABLE, account]


def test_free_material_alone_leaves_no_entry(lab):
    made = charge(lab.ada, lines=[petg(23_400, 0)])
    assert (made.status, postings(made), ledger.verify().fault) == ("settled", [], None)


def test_an_adjustment_and_a_payment_of_a_weighed_charge_keep_the_books(lab):
    made = charge(lab.ada, lines=[laser_line(60), petg(100_000)])
    accept(lab.lea, ask(lab.ada, made), 500)
    pay(lab.lea, lab.ada, 500)
    assert (again(made).status, owes(lab.ada), ledger.verify().fault) == ("settled", 0, None)
    the_books_agree()


# ── how it is told ───────────────────────────────────────────────────────────────────────────────────────────────────


def plain(response):
    return response.get_data(as_text=True).replace("\u00a0", " ")


def test_weights_are_told_in_the_reader_s_language(app):
    with i18n.speaking("fr"):
        assert [i18n.weight(mg).replace("\u00a0", " ") for mg in (23_412, 350, 1_250_000)] == ["23,4 g", "0,35 g", "1,25 kg"]
    with i18n.speaking("en"):
        assert i18n.weight(23_412).replace("\u00a0", " ") == "23.4 g"


def test_the_account_the_receipt_and_the_letter_say_how_much_of_what(lab, as_):
    charge(lab.ada, lines=[laser_line(60), petg(23_400)])
    wanted = "23,4 g × 29,00 €/kg"
    assert wanted in plain(as_(lab.ada).get("/account/money"))
    receipt = pay(lab.lea, lab.ada, 1068)
    page = plain(as_(lab.ada).get(f"/receipts/{receipt.number}"))
    assert wanted in page
    assert "PETG" in page
    outbox.drain()
    assert f"PETG, {wanted}" in db.session.scalars(select(Mail.text)).one().replace("\u00a0", " ")
    [covered] = receipts.printed(receipt).covered
    assert [(line.milligrams, line.cents_per_kilogram) for line in covered.lines] == [(None, None), (23_400, 2900)]


def test_the_interface_gives_the_weight(lab, as_):
    charge(lab.ada, lines=[laser_line(60), petg(23_400)])
    [found] = as_(lab.ada, "reservations").get("/api/v1/charges").get_json()
    assert [(line["milligrams"], line["cents_per_kilogram"]) for line in found["lines"]] == [(None, None), (23_400, 2900)]
