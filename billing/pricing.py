"""What time and weight cost. Pure, exact until the one rounding at the end of a charge.

A price per hour times minutes is a whole number of sixtieths of a cent, a price per kilogram times milligrams one of
millionths; both are whole numbers of `PARTS` of a cent, so sums are exact: three lines of 20 minutes at 10 € an hour are
10.00 € together, though each alone reads 3.33 €. `price_together` rounds the sum once and shares it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.kernel.money import ZERO, Cents, share

STANDARD = "standard"
"""The tariff group whose rate applies to a group without one of its own."""

PARTS = 3_000_000
"""Into how many parts a cent is divided so that minutes at an hourly price and milligrams at one per kilogram are whole."""


@dataclass(frozen=True, slots=True)
class RateTerms:
    """What an hour costs, all taxes included, and how time is counted: at least the minimum, then whole steps.

    `tariff_group` is the group whose rate this is; it may be the standard one for a member of another group.
    """

    cents_per_hour: Cents
    minimum_minutes: int = 0
    step_minutes: int = 1
    tariff_group: str = STANDARD


@dataclass(frozen=True, slots=True)
class PricedLine:
    """Time or material with its price and the terms that explain it. What is free has a price of zero.

    `exact` is the price in `PARTS` of a cent; `amount_cents` the share of the charge's total it came to. Time has no
    milligrams, material no minutes.
    """

    minutes: int
    billed_minutes: int
    cents_per_hour: Cents
    minimum_minutes: int
    step_minutes: int
    tariff_group: str
    amount_cents: Cents
    milligrams: int | None = None
    cents_per_kilogram: Cents | None = None

    @property
    def is_weighed(self) -> bool:
        return self.milligrams is not None

    @property
    def exact(self) -> int:
        time = self.cents_per_hour * self.billed_minutes * (PARTS // 60)
        return time + (self.cents_per_kilogram or 0) * (self.milligrams or 0) * (PARTS // 1_000_000)


def price_time(minutes: int, terms: RateTerms | None) -> PricedLine:
    """The price of `minutes` alone; without terms it is free. Raises ValueError for a negative time."""
    if minutes < 0:
        raise ValueError(f"{minutes} minutes cannot be priced")
    if terms is None:
        return PricedLine(minutes, minutes, ZERO, 0, 1, STANDARD, ZERO)
    billed = billed_minutes(minutes, terms)
    line = PricedLine(minutes, billed, terms.cents_per_hour, terms.minimum_minutes, terms.step_minutes, terms.tariff_group, ZERO)
    return replace(line, amount_cents=_rounded(line.exact))


def price_weight(milligrams: int, cents_per_kilogram: Cents | None) -> PricedLine:
    """The price of so much material alone; without a price it is free. Raises ValueError for a negative weight."""
    if milligrams < 0:
        raise ValueError(f"{milligrams} milligrams cannot be priced")
    line = PricedLine(0, 0, ZERO, 0, 1, STANDARD, ZERO, milligrams, cents_per_kilogram or ZERO)
    return replace(line, amount_cents=_rounded(line.exact))


def billed_minutes(minutes: int, terms: RateTerms) -> int:
    """The minutes paid for: none for no time, else at least the minimum, rounded up to whole steps."""
    if minutes == 0:
        return 0
    at_least = max(minutes, terms.minimum_minutes)
    return -(-at_least // terms.step_minutes) * terms.step_minutes


def price_together(lines: Sequence[PricedLine]) -> list[PricedLine]:
    """The lines of one charge, their amounts such that they add up to the exact sum rounded once."""
    exact = sum(line.exact for line in lines)
    if exact == 0:
        return list(lines)
    amounts = share(_rounded(exact), [line.exact for line in lines])
    return [replace(line, amount_cents=amount) for line, amount in zip(lines, amounts, strict=True)]


def total_cents(lines: Sequence[PricedLine]) -> Cents:
    """What priced lines come to together."""
    return Cents(sum(line.amount_cents for line in price_together(lines)))


def _rounded(parts: int) -> Cents:
    """To a whole cent, half up; a price is never negative."""
    return Cents((parts + PARTS // 2) // PARTS)
