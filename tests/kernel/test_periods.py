"""Half-open stretches of time, against a model that counts single minutes."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.periods import Period, local_day, merged, skipped_by_the_clock, wall_instant, without

PARIS = ZoneInfo("Europe/Paris")
ZONES = [ZoneInfo(name) for name in ("Europe/Paris", "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")]
START = datetime(2027, 3, 27, 22, 0, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    first = draw(st.integers(0, 300))
    return Period(at(first), at(first + draw(st.integers(1, 90))))


def minutes(found: list[Period]) -> set[int]:
    """Every minute that is covered, counted one by one."""
    return {
        minute
        for one in found
        for minute in range(int((one.start - START).total_seconds()) // 60, int((one.end - START).total_seconds()) // 60)
    }


def is_tidy(found: list[Period]) -> bool:
    """In order, and no two that overlap or touch."""
    return all(before.end < after.start for before, after in itertools.pairwise(found))


@given(periods(), periods())
def test_two_periods_overlap_when_they_share_a_minute(one, other):
    shared = minutes([one]) & minutes([other])
    assert one.overlaps(other) == other.overlaps(one) == bool(shared)
    clipped = one.clip(other)
    assert minutes([clipped] if clipped else []) == shared
    assert one.contains(other) == (minutes([other]) <= minutes([one]))


@given(st.lists(periods(), max_size=12))
def test_merging_keeps_every_minute_in_the_fewest_periods(found):
    tidy = merged(found)
    assert minutes(tidy) == minutes(found)
    assert is_tidy(tidy)
    assert merged(tidy) == tidy


@given(st.lists(periods(), max_size=8), st.lists(periods(), max_size=8))
def test_cutting_out_leaves_exactly_the_other_minutes(whole, taken):
    left = without(whole, taken)
    assert minutes(left) == minutes(whole) - minutes(taken)
    assert is_tidy(left)


@given(periods(), st.integers(0, 100))
def test_extending_only_adds(period, more):
    assert period.extended(timedelta(minutes=more)).minutes == period.minutes + more


def test_touching_periods_do_not_overlap():
    ten, eleven = Period(at(0), at(60)), Period(at(60), at(120))
    assert not ten.overlaps(eleven)
    assert ten.clip(eleven) is None
    assert not ten.contains(at(60))
    assert eleven.contains(at(60))


@pytest.mark.parametrize(("start", "end"), [(at(0), at(0)), (at(1), at(0))])
def test_a_period_ends_after_it_starts(start, end):
    with pytest.raises(ValueError, match="ends after"):
        Period(start, end)


def test_a_period_needs_aware_instants():
    with pytest.raises(ValueError, match="aware"):
        Period(at(0).replace(tzinfo=None), at(1))
    with pytest.raises(ValueError, match="aware"):
        Period(at(0), at(1).replace(tzinfo=None))


def test_length_is_elapsed_time_whatever_the_clock_shows():
    night = Period(datetime(2027, 3, 28, 1, 0, tzinfo=PARIS), datetime(2027, 3, 28, 4, 0, tzinfo=PARIS))
    assert night.minutes == 120
    assert Period(datetime(2027, 10, 31, 1, 0, tzinfo=PARIS), datetime(2027, 10, 31, 4, 0, tzinfo=PARIS)).minutes == 240


def test_the_hour_that_comes_twice_in_october_is_two_hours():
    first, second = (datetime(2027, 10, 31, 2, 30, fold=fold, tzinfo=PARIS) for fold in (0, 1))
    between = Period(first, second)
    assert between.minutes == 60
    assert not between.overlaps(Period(second, second + timedelta(hours=1)))
    assert between.contains(first)
    assert not between.contains(second.astimezone(UTC))
    assert Period(second, second + timedelta(hours=1)) != Period(first, first + timedelta(hours=1))
    assert Period(first, second) == Period(first.astimezone(UTC), second.astimezone(UTC))


# ── the wall clock ───────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.dates(date(2000, 1, 1), date(2150, 1, 1)), st.integers(0, 2160), st.sampled_from(ZONES))
def test_the_clock_on_the_wall_shows_what_was_asked_or_jumps_over_it(day, minute, tz):
    instant = wall_instant(day, minute, tz)
    asked = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    shown = instant.astimezone(tz).replace(tzinfo=None)
    if skipped_by_the_clock(asked, tz):
        before = (instant - timedelta(minutes=1)).astimezone(tz).replace(tzinfo=None)
        assert before < asked < shown or asked == before + timedelta(minutes=1)
    else:
        assert shown == asked
        earlier = [instant - timedelta(minutes=back) for back in range(30, 181, 30)]
        assert all(one.astimezone(tz).replace(tzinfo=None) != asked for one in earlier)


@given(st.dates(date(2000, 1, 1), date(2150, 1, 1)), st.integers(0, 2159), st.sampled_from(ZONES))
def test_later_on_the_wall_is_never_earlier(day, minute, tz):
    assert wall_instant(day, minute, tz) <= wall_instant(day, minute + 1, tz)


@given(st.dates(date(2000, 1, 1), date(2150, 1, 1)), st.sampled_from(ZONES))
def test_days_follow_each_other_without_a_gap(day, tz):
    today, tomorrow = local_day(day, tz), local_day(day + timedelta(days=1), tz)
    assert today.end == tomorrow.start
    assert timedelta(hours=23) <= today.duration <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("day", "minute", "expected"),
    [
        ("2027-03-28", 119, "2027-03-28T00:59"),
        ("2027-03-28", 120, "2027-03-28T01:00"),
        ("2027-03-28", 150, "2027-03-28T01:00"),
        ("2027-03-28", 180, "2027-03-28T01:00"),
        ("2027-10-31", 150, "2027-10-31T00:30"),
        ("2027-10-31", 180, "2027-10-31T02:00"),
        ("2027-03-27", 1440 + 150, "2027-03-28T01:00"),
    ],
)
def test_the_hole_of_march_is_its_change_and_the_double_hour_of_october_its_first(day, minute, expected):
    assert wall_instant(date.fromisoformat(day), minute, PARIS) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
