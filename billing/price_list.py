"""The lab's price list: what is priced, by its name, for each tariff group."""

from __future__ import annotations

from dataclasses import dataclass

from app.accounts.models import TariffGroup
from app.kernel import clock, i18n
from app.kernel.money import Cents
from billing import names, rates, weights
from billing.pricing import RateTerms


@dataclass(frozen=True, slots=True)
class PricedItem:
    """A line of the price list: what each group pays, its own rate or the standard one; None is free."""

    item: str
    name: dict[str, str]
    terms: dict[TariffGroup, RateTerms | None]


@dataclass(frozen=True, slots=True)
class WeighedItem:
    """A line of the price list: what everybody pays a kilogram."""

    item: str
    name: dict[str, str]
    cents_per_kilogram: Cents


def weighed_items() -> list[WeighedItem]:
    """What is sold by weight today, by name in the reader's language."""
    listed = weights.price_list(clock.today())
    known = names.item_names(listed)
    found = [WeighedItem(item, known[item], cents) for item, cents in listed.items() if item in known]
    return sorted(found, key=lambda one: i18n.in_words(one.name).casefold())


def priced_items() -> list[PricedItem]:
    """Today's price list, by name in the reader's language."""
    listed = rates.price_list(clock.today())
    known = names.item_names(listed)
    found = [
        PricedItem(item, known[item], {group: own.get(group, own.get(TariffGroup.STANDARD)) for group in TariffGroup})
        for item, own in listed.items()
        if item in known
    ]
    return sorted(found, key=lambda one: i18n.in_words(one.name).casefold())
