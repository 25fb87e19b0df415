"""What priced items are called: the packages above say so, by the first word of the item ("machine" of "machine:7")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from flask import Flask, current_app

ItemNames = Callable[[Sequence[int]], Mapping[str, dict[str, str]]]
"""Numbers in, names out: [7] gives {"machine:7": {"fr": …, "en": …}}. One statement at most; unknown ones are left out."""

_KEPT = "billing_item_names"


def add_item_names(app: Flask, prefix: str, function: ItemNames) -> None:
    app.extensions.setdefault(_KEPT, {})[prefix] = function


def item_names(items: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names by item, one call a prefix; an item nobody knows is left out."""
    asked: dict[str, list[int]] = defaultdict(list)
    for item in items:
        prefix, _colon, ident = item.partition(":")
        if ident.isascii() and ident.isdigit() and len(ident) < 10:
            asked[prefix].append(int(ident))
    known: dict[str, ItemNames] = current_app.extensions.get(_KEPT, {})
    found: dict[str, dict[str, str]] = {}
    for prefix, idents in asked.items():
        if prefix in known:
            found.update(known[prefix](idents))
    return found
