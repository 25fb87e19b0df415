"""When a printer's server that fails is asked again: ever more seldom, one try at a time. Pure.

Whether the key is refused or the server silent makes two different circuits: a refused key is no question of waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from machines.printing.gateway import AddressRefused, BadKey, Forbidden, PrinterError, RateLimited
from machines.printing.rules import Circuit

OPENS_AFTER = 3
TRIES = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 30, 60, 120, 240))
KEY_TRIED = timedelta(minutes=15)
RATE_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Standing:
    """How it goes with a server. `retry_at` is when it may be asked again, None: whenever one likes."""

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    retry_at: datetime | None = None
    opened_at: datetime | None = None
    trouble: str | None = None


def after_failure(before: Standing, at: datetime, trouble: str) -> Standing:
    """One more silence. The third opens the circuit; each one after it makes the wait longer."""
    failures = before.failures + 1
    if failures < OPENS_AFTER:
        return Standing(Circuit.CLOSED, failures, at + TRIES[0], None, trouble)
    wait = TRIES[min(failures - OPENS_AFTER, len(TRIES) - 1)]
    was_open = before.circuit is Circuit.OPEN
    return Standing(Circuit.OPEN, failures, at + wait, before.opened_at if was_open else at, trouble)


def after_error(before: Standing, at: datetime, error: PrinterError) -> Standing:
    """What an error says of the circuit."""
    trouble = type(error).__name__
    if isinstance(error, BadKey | Forbidden | AddressRefused):
        was_refused = before.circuit is Circuit.AUTH
        return Standing(Circuit.AUTH, before.failures + 1, at + KEY_TRIED, before.opened_at if was_refused else at, trouble)
    if isinstance(error, RateLimited):
        return Standing(before.circuit, before.failures, at + RATE_PAUSE, before.opened_at, trouble)
    return after_failure(before, at, trouble)
