"""Times of day as people type them, and written back: minutes after midnight, past 1440 for the small hours after. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from app.calendar.rules import MINUTES_MOST

DAY = 24 * 60
SMALL_HOURS = 6 * 60
"""A closing typed without a day, at or before this and not after the opening, is meant for the next morning."""

Stretch = tuple[int, int]

_TIME = re.compile(r"(\d{1,2})\s*(?:[h:.]\s*(\d{2})?\s*)?", re.IGNORECASE)
_NEXT_DAY = re.compile(r"[\s,]*(?:\(?\+\s*1\)?|(?:\(?the )?next day\)?|\(?(?:le |du )?lendemain\)?)$", re.IGNORECASE)
_DASH = re.compile(r"\s*(?:[-–—−]|\bto\b|\bà\b)\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:[,;/\n]|\band\b|\bet\b|&)\s*", re.IGNORECASE)


class NotATime(ValueError):
    """The text is no time of day; `args[0]` is the part that could not be read."""


class NotInOrder(ValueError):
    """A stretch ends before it begins, or two of one day overlap; `args[0]` is what was typed."""


def minute_of_day(text: str) -> int:
    """Read "9:30", "9h30", "9 h 30", "9 h", "9", "24:00"; "the next day", "le lendemain" or "+1" after it adds a day.

    Raises NotATime for anything else.
    """
    typed = " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())
    plain = _NEXT_DAY.sub("", typed)
    found = _TIME.fullmatch(plain)
    if found is None:
        raise NotATime(text.strip())
    hours, minutes = int(found[1]), int(found[2] or 0)
    minute = hours * 60 + minutes + (DAY if plain != typed else 0)
    if minutes > 59 or hours * 60 + minutes > DAY:
        raise NotATime(text.strip())
    return minute


def stretches(text: str) -> tuple[Stretch, ...]:
    """Read "10:00–12:30, 14 h – 19 h" as (opens, closes) in order; nothing typed is no opening.

    Closing at 2:00 after opening at 18:00 is the next morning. Raises NotATime or NotInOrder.
    """
    parts = [part for part in _BETWEEN.split(text.strip()) if part.strip()]
    found = sorted(_stretch(part) for part in parts)
    for (_opens, closes), (opens, _closes) in pairwise(found):
        if opens < closes:
            raise NotInOrder(text.strip())
    return tuple(found)


def _stretch(text: str) -> Stretch:
    ends = _DASH.split(text.strip())
    if len(ends) != 2 or not all(ends):
        raise NotATime(text.strip())
    opens, closes = minute_of_day(ends[0]), minute_of_day(ends[1])
    if closes <= opens and closes <= SMALL_HOURS:
        closes += DAY
    if opens >= DAY or not opens < closes <= min(opens + DAY, MINUTES_MOST):
        raise NotInOrder(text.strip())
    return opens, closes


def written(hours: Sequence[Stretch], next_day: str = "+1") -> str:
    """What `stretches` reads back: "10:00–12:30, 18:00–2:00"; `next_day` is said where a late closing needs it."""
    return ", ".join(f"{_clock(opens)}–{_closing(closes, next_day)}" for opens, closes in hours)


def _closing(minute: int, next_day: str) -> str:
    if minute <= DAY:
        return _clock(minute)
    morning = _clock(minute - DAY)
    return morning if minute - DAY <= SMALL_HOURS else f"{morning} {next_day}"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"
