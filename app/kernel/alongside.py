"""What runs in a thread beside the worker's loop for as long as the worker does. Registered in a feature's wiring."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from flask import Flask

Companion = Callable[[threading.Event], None]
"""Runs until the event is set, and returns soon after."""


def alongside(app: Flask, name: str, companion: Companion) -> None:
    app.extensions.setdefault("alongside", {})[name] = companion


def companions(app: Flask) -> Mapping[str, Companion]:
    found: Mapping[str, Companion] = app.extensions.get("alongside", {})
    return found
