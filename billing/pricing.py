"""What time costs. Pure, exact until the one rounding at the end of a charge.

A price per hour times minutes is a whole number of sixtieths of a cent, so sums are exact: three lines of 20 minutes at
10 € an hour are 10.00 € together, though each alone reads 3.33 €. `price_together` rounds the sum once and shares it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.kernel.money import ZERO, Cents, per_hour, share

STANDARD = "standard"
"""The tariff group whose rate applies to a group without one of its own."""


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
    """Time with its price and the terms that explain it. Free time has no price per hour.

    `sixtieths` is the exact price in sixtieths of a cent; `amount_cents` the share of the charge's total it came to.
    """

    minutes: int
    billed_minutes: int
    cents_per_hour: Cents
    minimum_minutes: int
    step_minutes: int
    tariff_group: str
    amount_cents: Cents

    @property
    def sixtieths(self) -> int:
        return self.cents_per_hour * self.billed_minutes


def price_time(minutes: int, terms: RateTerms | None) -> PricedLine:
    """The price of `minutes` alone; without terms it is free. Raises ValueError for a negative time."""
    if minutes < 0:
        raise ValueError(f"{minutes} minutes cannot be priced")
    if terms is None:
        return PricedLine(minutes, minutes, ZERO, 0, 1, STANDARD, ZERO)
    billed = billed_minutes(minutes, terms)
    amount = per_hour(terms.cents_per_hour, billed)
    return PricedLine(
        minutes, billed, terms.cents_per_hour, terms.minimum_minutes, terms.step_minutes, terms.tariff_group, amount
    )


def billed_minutes(minutes: int, terms: RateTerms) -> int:
    """The minutes paid for: none for no time, else at least the minimum, rounded up to whole steps."""
    if minutes == 0:
        return 0
    at_least = max(minutes, terms.minimum_minutes)
    return -(-at_least // terms.step_minutes) * terms.step_minutes


def price_together(lines: Sequence[PricedLine]) -> list[PricedLine]:
    """The lines of one charge, their amounts such that they add up to the exact sum rounded once."""
    exact = sum(line.sixtieths for line in lines)
    if exact == 0:
        return list(lines)
    total = per_hour(Cents(exact), 1)
    amounts = share(total, [line.sixtieths for line in lines])
    return [replace(line, amount_cents=amount) for line, amount in zip(lines, amounts, strict=True)]


def total_cents(lines: Sequence[PricedLine]) -> Cents:
    """What priced lines come to together."""
    return Cents(sum(line.amount_cents for line in price_together(lines)))
