"""What priced items are called: the packages above say so, by the first word of the item ("machine" of "machine:7").

A part of an item that has a price of its own ("machine:7:overrun") is called after the item, with the words of the part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from flask import Flask, current_app

ItemNames = Callable[[Sequence[int]], Mapping[str, dict[str, str]]]
"""Numbers in, names out: [7] gives {"machine:7": {"fr": …, "en": …}}. One statement at most; unknown ones are left out."""

_KEPT = "billing_item_names"
_PARTS = "billing_item_parts"


def add_item_names(app: Flask, prefix: str, function: ItemNames) -> None:
    app.extensions.setdefault(_KEPT, {})[prefix] = function


def add_item_part(app: Flask, part: str, words: Mapping[str, str]) -> None:
    """`words` are in the lab's languages, said after the name of the item."""
    app.extensions.setdefault(_PARTS, {})[part] = words


def item_names(items: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names by item, one call a prefix; an item nobody knows is left out."""
    wanted = list(items)
    parts: dict[str, Mapping[str, str]] = current_app.extensions.get(_PARTS, {})
    whole = {item: item.rpartition(":")[0] for item in wanted if item.rpartition(":")[2] in parts}
    asked: dict[str, set[int]] = defaultdict(set)
    for item in {whole.get(item, item) for item in wanted}:
        prefix, _colon, ident = item.partition(":")
        if ident.isascii() and ident.isdigit() and len(ident) < 10:
            asked[prefix].add(int(ident))
    known: dict[str, ItemNames] = current_app.extensions.get(_KEPT, {})
    found: dict[str, dict[str, str]] = {}
    for prefix, idents in asked.items():
        if prefix in known:
            found.update(known[prefix](sorted(idents)))
    for item, of in whole.items():
        if of in found:
            words = parts[item.rpartition(":")[2]]
            found[item] = {language: f"{name}, {words.get(language, '')}" for language, name in found[of].items()}
    return {item: found[item] for item in wanted if item in found}
