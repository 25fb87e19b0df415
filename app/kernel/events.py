"""News that travel upward: a lower package announces a fact, those above who subscribed react in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app

_Event = TypeVar("_Event")


def init_app(app: Flask) -> None:
    app.extensions["subscriptions"] = defaultdict(list)


def subscribe(app: Flask, event: type[_Event], handler: Callable[[_Event], None]) -> None:
    """Call `handler` for each `event` published; subscribers run in the order of wiring."""
    app.extensions["subscriptions"][event].append(handler)


def publish(event: Any) -> None:
    """Tell every subscriber now. An exception of a subscriber undoes the whole transaction, which is wanted."""
    for handler in current_app.extensions["subscriptions"].get(type(event), ()):
        handler(event)
