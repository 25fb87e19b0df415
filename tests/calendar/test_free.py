"""What is free and when it can start, against a model that tries every minute one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.calendar import occupancies, queries
from app.calendar.models import Occupancy, OpeningRule, Purpose, Resource
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from tests.builders import save
from tests.calendar.scene import codes, hours, local, open_on, stretch, take

MONDAY = "2026-11-30"
naive = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def takings(draw: st.DrawFn) -> list[tuple[int, int, bool]]:
    """(start, length) in quarters of an hour from Monday noon, and whether it is given back."""
    return draw(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 16), st.booleans()), max_size=8))


def fill(place: Resource, wanted: Sequence[tuple[int, int, bool]]) -> None:
    with transaction():
        db.session.execute(delete(Occupancy))
    begin = local(f"{MONDAY} 12:00")
    for number, (start, length, given_back) in enumerate(wanted):
        period = Period(begin + timedelta(minutes=15 * start), begin + timedelta(minutes=15 * (start + length)))
        try:
            take(place, period, f"reservation:{number}")
        except Refused:
            continue
        if given_back:
            with transaction():
                occupancies.release(f"reservation:{number}", period.start)


class Model:
    """Minutes of the week, looked at one at a time."""

    def __init__(self, place: Resource, within: Period) -> None:
        self.within = within
        self.count = place.capacity
        self.hours = [piece for one in queries.opening([place.id], within)[place.id] if (piece := one.clip(within))]
        self.taken = queries.occupied([place.id], within.extended(hours(48)))[place.id]

    def is_open(self, minute: datetime) -> bool:
        return any(one.contains(minute) for one in self.hours)

    def is_free(self, minute: datetime, lane: int) -> bool:
        return not any(busy.lane == lane and busy.period.contains(minute) for busy in self.taken)

    def fits(self, start: datetime, minutes: int, turnaround: int) -> bool:
        """One lane is free for the use and the cleaning after it; the use is open."""
        step = timedelta(minutes=5)
        use = [start + step * n for n in range(minutes // 5)]
        cleaning = [start + timedelta(minutes=minutes) + step * n for n in range(turnaround // 5)]
        return all(self.is_open(minute) for minute in use) and any(
            all(self.is_free(minute, lane) for minute in use + cleaning) for lane in range(self.count)
        )


@pytest.fixture
def bench(house):
    """A table of three seats beside the laser, both open at odd hours."""
    with transaction():
        db.session.execute(delete(OpeningRule))
    bench = Resource(kind=house.laser.kind, parent_id=house.sewing.id, name={"fr": "Établi"}, slug="bench", capacity=3)
    save(bench)
    open_on(house.site, [0, 1], "12:00–17:30, 18:15–23:00")
    return bench


@naive
@given(takings(), st.booleans())
def test_what_is_free_is_open_and_has_a_lane_left(house, bench, wanted, on_bench):
    place = bench if on_bench else house.laser
    fill(place, wanted)
    within = Period(local(f"{MONDAY} 13:00"), local("2026-12-01 14:00"))
    free, model = queries.free([place.id], within)[place.id], Model(place, within)
    minute = within.start
    while minute < within.end:
        expected = model.is_open(minute) and any(model.is_free(minute, lane) for lane in range(place.capacity))
        assert any(one.contains(minute) for one in free) == expected, minute
        minute += timedelta(minutes=5)


@naive
@given(takings(), st.booleans(), st.sampled_from([15, 60, 90, 300]), st.sampled_from([0, 15, 45]), st.sampled_from([15, 30]))
def test_first_free_finds_every_start_that_fits_and_no_other(house, bench, wanted, on_bench, minutes, turnaround, step):
    place = bench if on_bench else house.laser
    fill(place, wanted)
    after = local(f"{MONDAY} 12:20")
    within = Period(after, after + timedelta(days=2))
    found = queries.first_free(
        {place.id: minutes}, after=after, days=2, step_minutes=step, turnaround_minutes={place.id: turnaround}
    )
    model = Model(place, within)
    expected, start = [], local(f"{MONDAY} 12:30")
    while start < within.end:
        if model.fits(start, minutes, turnaround):
            expected.append(start)
        start += timedelta(minutes=step)
    assert [slot.period.start for slot in found] == expected
    assert all(slot.period.minutes == minutes for slot in found)


@naive
@given(takings(), st.integers(0, 40), st.sampled_from([30, 60, 120]), st.sampled_from([0, 30]))
def test_alternatives_are_the_nearest_that_fit(house, bench, wanted, start, minutes, turnaround):
    fill(house.laser, wanted)
    clock.set_clock(local(f"{MONDAY} 12:00"))
    begins = local(f"{MONDAY} 12:00") + timedelta(minutes=15 * start)
    period = Period(begins, begins + timedelta(minutes=minutes))
    found = queries.alternatives([house.laser.id], period, turnaround_minutes={house.laser.id: turnaround})
    within = Period(local(f"{MONDAY} 12:00"), local("2026-12-15 12:00"))
    model = Model(house.laser, within)
    candidates, at = [], within.start
    while at < local("2026-12-08 12:00"):
        if model.fits(at, minutes, turnaround):
            candidates.append(at)
        at += timedelta(minutes=15)
    expected: list[datetime] = []
    for one in sorted(candidates, key=lambda candidate: (abs(candidate - begins), candidate)):
        if all(abs(one - other) >= timedelta(minutes=minutes) for other in expected):
            expected.append(one)
        if len(expected) == 3:
            break
    assert [slot.period.start for slot in found] == expected


def test_alternatives_are_never_in_the_past(house):
    clock.set_clock(local("2026-11-27 15:07"))
    found = queries.alternatives([house.laser.id], stretch("15:00", "16:00"))
    assert [slot.period.start for slot in found] == [local(f"2026-11-27 {time}") for time in ("15:15", "16:15", "17:15")]


def test_alternatives_to_a_time_long_past_are_none(house):
    assert queries.alternatives([house.laser.id], stretch("15:00", "16:00", "2026-10-01")) == []


def test_the_machine_one_asked_for_comes_first_among_equals(house):
    take(house.laser, stretch("15:00", "16:00"))
    found = queries.alternatives([house.laser.id, house.cnc.id], stretch("15:00", "16:00"), count=3)
    assert [(slot.resource_id, slot.period.start) for slot in found] == [
        (house.cnc.id, local("2026-11-27 15:00")),
        (house.laser.id, local("2026-11-27 14:00")),
        (house.laser.id, local("2026-11-27 16:00")),
    ]


def test_a_use_may_not_pass_the_closing_but_its_cleaning_may(house):
    found = queries.first_free(
        {house.laser.id: 60}, after=local("2026-11-27 17:30"), days=1, turnaround_minutes={house.laser.id: 30}
    )
    assert [slot.period.start for slot in found][:3] == [local(f"2026-11-27 {time}") for time in ("17:30", "17:45", "18:00")]
    assert all(slot.period.end <= local("2026-11-27 19:00") for slot in found if slot.period.start < local("2026-11-28 00:00"))


@pytest.mark.parametrize(
    ("change", "expected"), [("2027-03-28", ["01:30", "03:00"]), ("2027-10-31", ["01:30", "02:00", "02:30", "02:00"])]
)
def test_proposals_step_over_the_clock_change(house, change, expected):
    open_on(house.laser, [6], "1:30–4:00")
    found = queries.first_free({house.laser.id: 30}, after=local(f"{change} 00:00"), days=1, step_minutes=30)
    shown = [f"{slot.period.start.astimezone(clock.zone()):%H:%M}" for slot in found]
    assert shown[: len(expected)] == expected


def test_free_time_costs_three_statements_for_any_number_of_machines(house, statements):
    for number in range(10):
        take(
            house.laser,
            stretch(f"{10 + number % 9}:00", f"{10 + number % 9}:30", f"2026-12-{1 + number:02}"),
            f"reservation:{number}",
        )
    everything = [house.laser.id, house.cnc.id, house.table.id]
    week = Period(local("2026-11-23 00:00"), local("2026-12-30 00:00"))
    queries.free(everything, week)
    for ask in (
        lambda: queries.free(everything, week),
        lambda: queries.first_free(dict.fromkeys(everything, 60), after=week.start, days=30),
        lambda: queries.alternatives(everything, stretch("14:00", "15:00")),
    ):
        statements.clear()
        ask()
        assert len(statements) == 3


def test_a_refusal_names_what_was_wanted(house):
    take(house.laser, stretch("14:00", "16:00"))
    with pytest.raises(Refused) as refused, transaction():
        occupancies.occupy([house.laser.id], stretch("15:00", "17:00"), purpose=Purpose.RESERVATION, subject="reservation:2")
    assert codes(refused) == ["calendar.slot_taken"]
    assert refused.value.refusals[0].params["start"] == local("2026-11-27 15:00")
