"""When somebody would like a print to begin, said in a word or a day, and how much of a printer's time it needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.kernel.periods import Period, local_day, wall_instant

SOONEST, TONIGHT, TOMORROW = "soonest", "tonight", "tomorrow"
WORDS = (SOONEST, TONIGHT, TOMORROW)
EVENING, SMALL_HOURS = 17 * 60, 5 * 60
"""A night lasts from the one until the other, in minutes after midnight of the lab."""
AHEAD = timedelta(days=14)
FAR = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Window:
    """`word` is how it was said, the day as ISO for a day; a print of this window begins within `period`."""

    word: str
    period: Period

    @property
    def is_day(self) -> bool:
        return self.word not in WORDS


def window(said: str, now: datetime, tz: ZoneInfo) -> Window:
    """What is unreadable, over, or years away is as good as “as soon as possible”."""
    today = now.astimezone(tz).date()
    if said == TONIGHT:
        return Window(TONIGHT, _from(now, _night(now, tz)))
    if said == TOMORROW:
        return Window(TOMORROW, local_day(today + timedelta(days=1), tz))
    day = _day(said)
    if day is None or not today <= day <= today + FAR:
        return Window(SOONEST, Period(now, now + AHEAD))
    return Window(day.isoformat(), _from(now, local_day(day, tz)))


def minutes_needed(seconds: int, *, shortest_minutes: int, step_minutes: int) -> int:
    """Whole steps of the machine that cover a print, and at least its shortest reservation."""
    minutes = max(-(-seconds // 60), shortest_minutes)
    return -(-minutes // step_minutes) * step_minutes


def _night(now: datetime, tz: ZoneInfo) -> Period:
    """The one that goes on in the small hours, else the one to come."""
    today = now.astimezone(tz).date()
    evening = today - timedelta(days=1) if now < wall_instant(today, SMALL_HOURS, tz) else today
    return Period(wall_instant(evening, EVENING, tz), wall_instant(evening + timedelta(days=1), SMALL_HOURS, tz))


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


def _from(now: datetime, period: Period) -> Period:
    return Period(max(now, period.start), period.end)
