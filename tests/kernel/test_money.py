"""Amounts as people type them, one rounding, and shares that never lose a cent."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.kernel.money import Cents, NotAnAmount, parse_amount, rounded, share

amounts = st.integers(-(10**11), 10**11).map(Cents)


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("4,85", 485), ("4.85", 485), ("1 234,5 €", 123450), ("1,234.50", 123450), ("1.234,50", 123450), ("0", 0), ("-3", -300),
        ("−3", -300), ("12", 1200), ("€ 12", 1200), ("12 €", 1200), (" 12 ", 1200), ("1\u00a0234,50\u00a0€", 123450),
        ("1\u202f234,50", 123450), (",5", 50), (".5", 50), ("5,", 500), ("+7", 700), ("1 234 567,89", 123456789),
        ("1,234,567.89", 123456789), ("1.234.567,89", 123456789), ("0,10", 10), ("00012,3", 1230), ("-0", 0),
        ("1,234,567", 123456700), ("1.234.567", 123456700),
    ],
)  # fmt: skip
def test_amounts_are_read_as_people_type_them(typed, cents):
    assert parse_amount(typed) == cents


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "€", "abc", "4,855", "0.001", "1,2,3", "1.2.3", "--3", "3-", "NaN", "inf", "-Infinity", "1e3", "1E2", "0x10",
        "1_000", "١٢", "4,85 $", "1'234", "12,34.56", "1.23,456", "9" * 40, "10000000000,01", "4 85,1,", "sNaN", "1,234.5,6",
    ],
)  # fmt: skip
def test_anything_else_is_no_amount(typed):
    with pytest.raises(NotAnAmount):
        parse_amount(typed)


@given(st.integers(-(10**12), 10**12))
def test_what_is_written_is_read_back_in_both_languages(cents):
    sign, (euros, rest) = "-" if cents < 0 else "", divmod(abs(cents), 100)
    for typed in (
        f"{sign}{euros},{rest:02}",
        f"{sign}{euros}.{rest:02}",
        f"{sign}{euros:,}.{rest:02}",
        f"{sign}{euros},{rest:02} €",
    ):
        assert parse_amount(typed) == cents
    french = f"{euros:,}".replace(",", "\u202f")
    assert parse_amount(f"{sign}{french},{rest:02}\u00a0€") == cents


@given(st.text(max_size=30))
def test_reading_never_fails_otherwise(typed):
    try:
        found = parse_amount(typed)
    except NotAnAmount:
        return
    assert isinstance(found, int)
    assert abs(found) <= 10**12


@given(amounts, st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_shares_add_up_to_the_cent_and_stay_fair(total, weights):
    assume(any(weights))
    parts = share(total, weights)
    assert sum(parts) == total
    assert len(parts) == len(weights)
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(total * weight, sum(weights))
        assert abs(part - exact) < 1
        if weight == 0:
            assert part == 0


@given(amounts, st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_shares_of_a_refund_mirror_those_of_the_payment(total, weights):
    assume(any(weights))
    assert share(Cents(-total), weights) == [-part for part in share(total, weights)]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [-1]])
def test_shares_need_a_weight(weights):
    with pytest.raises(ValueError, match="weights"):
        share(Cents(100), weights)


def test_equal_shares_give_the_odd_cents_to_the_first():
    assert share(Cents(100), [1, 1, 1]) == [34, 33, 33]
    assert share(Cents(-100), [1, 1, 1]) == [-34, -33, -33]


@pytest.mark.parametrize(
    ("value", "cents"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("-2.5", -3), ("0.49", 0), ("-0.49", 0)]
)
def test_half_a_cent_is_rounded_away_from_zero(value, cents):
    assert rounded(Decimal(value)) == cents
