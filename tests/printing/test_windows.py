"""When somebody would like a print to begin, and how much of a printer's time it takes."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from machines.printing.windows import AHEAD, minutes_needed, window

PARIS = ZoneInfo("Europe/Paris")


def local(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("said", "now", "word", "start", "end"),
    [
        ("tonight", "2026-11-26 12:00", "tonight", "2026-11-26 17:00", "2026-11-27 05:00"),
        ("tonight", "2026-11-26 18:20", "tonight", "2026-11-26 18:20", "2026-11-27 05:00"),
        ("tonight", "2026-11-26 03:00", "tonight", "2026-11-26 03:00", "2026-11-26 05:00"),
        ("tonight", "2026-11-26 05:00", "tonight", "2026-11-26 17:00", "2026-11-27 05:00"),
        ("tomorrow", "2026-11-26 12:00", "tomorrow", "2026-11-27 00:00", "2026-11-28 00:00"),
        ("tomorrow", "2027-03-27 12:00", "tomorrow", "2027-03-28 00:00", "2027-03-29 00:00"),
        ("2026-11-30", "2026-11-26 12:00", "2026-11-30", "2026-11-30 00:00", "2026-12-01 00:00"),
        ("2026-11-26", "2026-11-26 12:00", "2026-11-26", "2026-11-26 12:00", "2026-11-27 00:00"),
    ],
)
def test_a_word_or_a_day_is_a_stretch_of_time(said, now, word, start, end):
    found = window(said, local(now), PARIS)
    assert (found.word, found.period.start, found.period.end) == (word, local(start), local(end))


@pytest.mark.parametrize("said", ["", "soonest", "yesterday", "2026-11-25", "2026-02-30", "9999-12-31", "\x00", "tonight "])
def test_anything_else_is_as_soon_as_possible(said):
    now = local("2026-11-26 12:00")
    found = window(said, now, PARIS)
    assert (found.word, found.period.start, found.period.end) == ("soonest", now, now + AHEAD)


def test_tomorrow_lasts_as_long_as_the_day():
    assert window("tomorrow", local("2027-03-27 12:00"), PARIS).period.duration == timedelta(hours=23)


@pytest.mark.parametrize(
    ("seconds", "shortest", "step", "minutes"),
    [(1, 30, 15, 30), (1800, 30, 15, 30), (1801, 30, 15, 45), (7200, 30, 60, 120), (7201, 30, 60, 180), (60, 50, 20, 60)],
)
def test_a_print_takes_whole_steps_and_at_least_the_shortest(seconds, shortest, step, minutes):
    assert minutes_needed(seconds, shortest_minutes=shortest, step_minutes=step) == minutes
