"""What time costs: the minimum, the step, and sums that lose no cent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.money import Cents
from billing.pricing import PricedLine, RateTerms, price_time, price_together, total_cents

rate = st.builds(
    RateTerms,
    cents_per_hour=st.integers(0, 50_000).map(Cents),
    minimum_minutes=st.integers(0, 240),
    step_minutes=st.integers(1, 120),
)
minutes = st.integers(0, 10_000)
lines = st.lists(st.builds(price_time, minutes, st.one_of(st.none(), rate)), max_size=12)


@pytest.mark.parametrize(
    ("used", "cents_per_hour", "minimum", "step", "billed", "amount"),
    [
        (60, 1000, 0, 1, 60, 1000),
        (20, 1000, 0, 1, 20, 333),
        (1, 1000, 0, 1, 1, 17),
        (0, 1000, 15, 15, 0, 0),
        (1, 1000, 15, 1, 15, 250),
        (15, 1000, 15, 1, 15, 250),
        (16, 1000, 15, 1, 16, 267),
        (16, 1000, 0, 15, 30, 500),
        (30, 1000, 0, 15, 30, 500),
        (31, 1000, 0, 15, 45, 750),
        (1, 1000, 20, 15, 30, 500),
        (90, 0, 30, 30, 90, 0),
        (33, 450, 0, 1, 33, 248),
        (3, 30, 0, 1, 3, 2),
    ],
)
def test_time_is_counted_from_the_minimum_in_whole_steps(used, cents_per_hour, minimum, step, billed, amount):
    line = price_time(used, RateTerms(Cents(cents_per_hour), minimum, step))
    assert (line.minutes, line.billed_minutes, line.amount_cents) == (used, billed, amount)


def test_without_a_rate_time_is_free():
    line = price_time(90, None)
    assert (line.billed_minutes, line.cents_per_hour, line.amount_cents) == (90, 0, 0)


def test_time_cannot_be_negative():
    with pytest.raises(ValueError, match="cannot be priced"):
        price_time(-1, RateTerms(Cents(1000)))


def test_three_thirds_of_an_hour_cost_the_hour():
    third = price_time(20, RateTerms(Cents(1000)))
    assert third.amount_cents == 333
    together = price_together([third] * 3)
    assert sum(line.amount_cents for line in together) == 1000
    assert sorted(line.amount_cents for line in together) == [333, 333, 334]


def test_a_free_line_beside_paid_ones_stays_free():
    free, paid = price_time(60, None), price_time(20, RateTerms(Cents(1000)))
    assert [line.amount_cents for line in price_together([free, paid, paid])] == [0, 334, 333]


@given(lines)
def test_lines_add_up_to_the_exact_sum_rounded_once(found: list[PricedLine]):
    exact = sum((Fraction(line.cents_per_hour * line.billed_minutes, 60) for line in found), Fraction(0))
    nearest = Decimal(exact.numerator) / Decimal(exact.denominator)
    expected = int(nearest.quantize(Decimal(1), ROUND_HALF_UP))
    assert sum(line.amount_cents for line in price_together(found)) == expected == total_cents(found)


@given(lines)
def test_each_line_stays_beside_its_own_price(found: list[PricedLine]):
    for line in price_together(found):
        assert abs(line.amount_cents - Fraction(line.cents_per_hour * line.billed_minutes, 60)) < 1 + Fraction(1, 2)


@given(minutes, rate)
def test_one_line_costs_the_same_alone_and_in_a_charge(used, terms):
    alone = price_time(used, terms)
    assert price_together([alone]) == [alone]


@given(minutes, rate)
def test_what_is_billed_is_at_least_what_was_used_and_less_than_a_step_more(used, terms):
    billed = price_time(used, terms).billed_minutes
    at_least = max(used, terms.minimum_minutes) if used else 0
    assert at_least <= billed < at_least + terms.step_minutes
    assert billed % terms.step_minutes == 0


@given(minutes, minutes, rate)
def test_more_time_never_costs_less(one, other, terms):
    shorter, longer = sorted((one, other))
    assert price_time(shorter, terms).amount_cents <= price_time(longer, terms).amount_cents
