"""What time it is, and what day it is for the lab. Tests and the demo replace it; nothing else reads the system clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import current_app

_scripted: ContextVar[datetime | None] = ContextVar("scripted", default=None)


def now() -> datetime:
    """The current instant, aware, in UTC, to the microsecond."""
    return _scripted.get() or datetime.now(UTC)


def zone() -> ZoneInfo:
    """The lab's time zone: every wall-clock rule is computed in it."""
    zone: ZoneInfo = current_app.extensions["settings"].timezone
    return zone


def today() -> date:
    """The lab's local day."""
    return now().astimezone(zone()).date()


def set_clock(instant: datetime | None) -> None:
    """Script the clock for this context (None gives the real one back)."""
    _scripted.set(instant.astimezone(UTC) if instant else None)


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Script the clock for the body of a `with`."""
    token = _scripted.set(instant.astimezone(UTC))
    try:
        yield
    finally:
        _scripted.reset(token)
