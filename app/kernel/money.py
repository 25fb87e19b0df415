"""Amounts in whole cents and the only rounding of the house. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NewType

Cents = NewType("Cents", int)
ZERO = Cents(0)


class NotAnAmount(ValueError):
    """The text cannot be read as an amount of money."""


def rounded(value: Decimal) -> Cents:
    """`value` cents to a whole cent, half away from zero."""
    return Cents(int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP)))


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


_AMOUNT = re.compile(
    r"""(?P<sign>[-+]?)\ ?(?:
      (?P<plain>[0-9]*)(?:[.,](?P<cents>[0-9]{0,2}))?                     # 4,85  4.85  ,5  12
    | (?P<spaced>[0-9]{1,3}(?:\ [0-9]{3})+)(?:[.,](?P<cents_2>[0-9]{0,2}))?  # 1 234,50
    | (?P<english>[0-9]{1,3}(?:,[0-9]{3})+)\.(?P<cents_3>[0-9]{0,2})       # 1,234.50
    | (?P<german>[0-9]{1,3}(?:\.[0-9]{3})+),(?P<cents_4>[0-9]{0,2})        # 1.234,50
    | (?P<millions>[0-9]{1,3}(?:(?:,[0-9]{3}){2,}|(?:\.[0-9]{3}){2,}))     # 1,234,567
    )""",
    re.VERBOSE,
)
MOST = 10**12


def parse_amount(text: str) -> Cents:
    """Read euros as people type them in French or English: "4,85", "1 234,5 €", "1,234.50", "0".

    Raises NotAnAmount for anything else: more than two decimals (a tenth of a cent is a typing error, and "1,234" could be
    either), groups that are not of three, more than ten thousand million.
    """
    kept = " ".join(text.replace("€", " ").replace("−", "-").split())
    found = _AMOUNT.fullmatch(kept)
    if found is None or not any(character.isdigit() for character in kept) or text.count("€") > 1:
        raise NotAnAmount(text)
    parts = {name: value for name, value in found.groupdict().items() if value}
    cents = next((value for name, value in parts.items() if name.startswith("cents")), "").ljust(2, "0")
    names = ("plain", "spaced", "english", "german", "millions")
    euros = "".join(character for name in names for character in parts.get(name, "") if character.isdigit())
    amount = int(euros[:20] or 0) * 100 + int(cents)
    if len(euros) > 20 or amount > MOST:
        raise NotAnAmount(text)
    return Cents(-amount if parts.get("sign") == "-" else amount)
