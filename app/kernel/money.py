"""Amounts in whole cents and the only rounding of the house. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NewType

Cents = NewType("Cents", int)
ZERO = Cents(0)


class NotAnAmount(ValueError):
    """The text cannot be read as an amount of money."""


def rounded(value: Decimal) -> Cents:
    """`value` cents to a whole cent, half away from zero."""
    return Cents(int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP)))


def per_hour(cents_per_hour: Cents, minutes: int) -> Cents:
    """The price of `minutes` at an hourly price, rounded once."""
    return rounded(Decimal(cents_per_hour) * minutes / 60)


def portion(cents: Cents, basis_points: int) -> Cents:
    """A share of an amount; 2000 basis points are 20 %."""
    return rounded(Decimal(cents) * basis_points / 10_000)


def share(total: Cents, weights: Sequence[int]) -> list[Cents]:
    """Split `total` in proportion to `weights` so that the parts add up to it exactly (largest remainders first).

    Raises ValueError when no weight is positive or one is negative.
    """
    if any(weight < 0 for weight in weights) or not any(weights):
        raise ValueError("weights must be non-negative and not all zero")
    sign, size, whole = (-1 if total < 0 else 1), abs(total), sum(weights)
    parts = [size * weight // whole for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for i in remainders[: size - sum(parts)]:
        parts[i] += 1
    return [Cents(sign * part) for part in parts]


def parse_amount(text: str) -> Cents:
    """Read euros as people type them in French or English: "4,85", "1 234,5 €", "1,234.50", "0".

    Raises NotAnAmount for anything else, more than two decimals included (a tenth of a cent is a typing error).
    """
    kept = "".join(text.replace("€", "").split()).replace("\u202f", "").replace("\u00a0", "").replace("−", "-")
    comma, dot = kept.rfind(","), kept.rfind(".")
    if comma >= 0 and dot >= 0:
        grouping = "," if dot > comma else "."
        kept = kept.replace(grouping, "")
    kept = kept.replace(",", ".")
    try:
        value = Decimal(kept)
    except InvalidOperation:
        raise NotAnAmount(text) from None
    cents = value * 100
    if not value.is_finite() or cents != cents.to_integral_value() or abs(cents) > 10**12:
        raise NotAnAmount(text)
    return Cents(int(cents))
