"""When a place is open: wall-clock rules through clock changes, holidays, seasons, exceptions and the tree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.accounts import lab
from app.calendar import hours as books
from app.calendar import plans, queries, resources, wall_times
from app.calendar.models import Resource
from app.calendar.rules import Source
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.periods import Period, local_day
from app.kernel.refusals import Refused
from tests.calendar.scene import BOSS, codes, hours, local, open_on, special

MARCH, OCTOBER = "2027-03-28", "2027-10-31"
ALL_WEEK = range(7)


def opening(place: Resource, day: str) -> list[tuple[str, str]]:
    """The open stretches that touch one day of the lab, in lab time."""
    tz = clock.zone()
    whole = local_day(date.fromisoformat(day), tz)
    return [
        (f"{one.start.astimezone(tz):%d %H:%M}", f"{one.end.astimezone(tz):%d %H:%M}")
        for one in queries.opening([place.id], whole)[place.id]
    ]


def lasting(place: Resource, day: str) -> timedelta:
    """How long a place is open within one day of the lab."""
    whole = local_day(date.fromisoformat(day), clock.zone())
    pieces = [piece for one in queries.opening([place.id], whole)[place.id] if (piece := one.clip(whole))]
    return sum((piece.duration for piece in pieces), timedelta())


# ── both clock changes ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("day", "length"), [("2027-03-27", 24), (MARCH, 23), ("2027-03-30", 24), (OCTOBER, 25)])
def test_a_round_the_clock_day_lasts_as_long_as_the_day_does(house, day, length):
    open_on(house.laser, ALL_WEEK, "0:00–24:00")
    assert lasting(house.laser, day) == hours(length)


@pytest.mark.parametrize("day", ["2027-03-26", "2027-03-30", "2027-10-29", "2027-11-02"])
def test_an_opening_at_ten_stays_at_ten_across_both_clock_changes(house, day):
    stretch = queries.opening([house.site.id], local_day(date.fromisoformat(day), clock.zone()))[house.site.id]
    assert [(one.start.astimezone(clock.zone()).hour, one.duration) for one in stretch] == [(10, hours(9))]
    offset = 2 if "2027-03-28" < day < "2027-10-31" else 1
    assert stretch[0].start == datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=UTC) - hours(offset)


@pytest.mark.parametrize(
    ("day", "written", "length"),
    [
        (MARCH, "1:00–4:00", 2),
        (MARCH, "2:00–4:00", 1),
        (MARCH, "2:30–4:00", 1),
        (OCTOBER, "1:00–4:00", 4),
        (OCTOBER, "2:00–3:00", 2),
        ("2027-03-27", "22:00–4:00", 5),
        ("2027-10-30", "22:00–4:00", 7),
    ],
)
def test_an_opening_over_the_change_is_shorter_in_march_and_longer_in_october(house, day, written, length):
    weekday = date.fromisoformat(day).weekday()
    open_on(house.laser, [weekday], written)
    [stretch] = queries.opening([house.laser.id], local_day(date.fromisoformat(day), clock.zone()))[house.laser.id]
    assert stretch.duration == hours(length)


def test_an_opening_wholly_inside_the_hole_of_march_is_no_opening(house):
    open_on(house.laser, ALL_WEEK, "2:00–3:00")
    assert opening(house.laser, MARCH) == []
    assert opening(house.laser, "2027-03-30") == [("30 02:00", "30 03:00")]


def test_the_page_says_when_the_clocks_change(house):
    changes = {one.day.isoformat(): one.clock_change for one in plans.days(house.site, date(2027, 3, 1), 300, language="fr")}
    assert {day: change for day, change in changes.items() if change} == {MARCH: -1, OCTOBER: 1}


# ── after midnight, several stretches ────────────────────────────────────────────────────────────────────────────────


def test_closing_after_midnight_belongs_to_the_day_it_began_on(house):
    open_on(house.laser, [4], "18:00–02:00")
    assert opening(house.laser, "2026-11-27") == [("27 18:00", "28 02:00")]
    assert opening(house.laser, "2026-11-28") == [("27 18:00", "28 02:00")]
    assert lasting(house.laser, "2026-11-28") == hours(2)


def test_a_holiday_does_not_cut_the_evening_before_it(house):
    open_on(house.laser, ALL_WEEK, "18:00–02:00")
    assert opening(house.laser, "2026-12-25") == [("24 18:00", "25 02:00")]


def test_stretches_that_touch_are_one_and_a_lunch_break_is_a_break(house):
    open_on(house.laser, [4], "9:00–12:00, 12:00–14:00")
    open_on(house.cnc, [4], "9:00–12:00, 14:00–18:00")
    assert opening(house.laser, "2026-11-27") == [("27 09:00", "27 14:00")]
    assert opening(house.cnc, "2026-11-27") == [("27 09:00", "27 12:00"), ("27 14:00", "27 18:00")]


# ── public holidays ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def daily(house):
    """Open every day of the week, so that only holidays close."""
    open_on(house.site, [0, 5, 6], "10:00–19:00")
    return house


FRENCH = ["01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25"]
EASTER_2027 = ["03-29", "05-06", "05-17"]


@pytest.mark.parametrize("day", FRENCH + EASTER_2027)
def test_a_public_holiday_closes(daily, day):
    assert opening(daily.site, f"2027-{day}") == []


@pytest.mark.parametrize("day", ["2027-03-26", "2027-12-26"])
@pytest.mark.parametrize(
    ("region", "is_open"), [(None, True), ("Alsace-Moselle", False), ("57", False), ("GP", None), ("GF", True)]
)
def test_alsace_and_moselle_have_two_holidays_more(daily, day, region, is_open):
    with transaction():
        lab.change(actor=BOSS, holidays_region=region)
    if is_open is None:  # Guadeloupe keeps Good Friday, not the second day of Christmas
        is_open = day == "2027-12-26"
    assert bool(opening(daily.site, day)) is is_open


@pytest.mark.parametrize(("region", "day"), [("GP", "05-27"), ("MQ", "05-22"), ("GF", "06-10"), ("RE", "12-20"), ("YT", "04-27")])
def test_each_region_of_the_settings_keeps_its_day_of_abolition(daily, region, day):
    assert opening(daily.site, f"2027-{day}")
    with transaction():
        lab.change(actor=BOSS, holidays_region=region)
    assert opening(daily.site, f"2027-{day}") == []


def test_a_lab_may_open_on_holidays(daily):
    assert opening(daily.site, "2027-07-14") == []
    with transaction():
        lab.change(actor=BOSS, closes_on_holidays=False)
    assert opening(daily.site, "2027-07-14") == [("14 10:00", "14 19:00")]


def test_exceptional_days_win_over_a_holiday(daily):
    special(daily.site, "2027-07-14", hours="14:00–18:00")
    assert opening(daily.site, "2027-07-14") == [("14 14:00", "14 18:00")]


def test_holidays_are_named_in_the_readers_language(daily):
    [french] = plans.days(daily.site, date(2027, 7, 14), 1, language="fr")
    [english] = plans.days(daily.site, date(2027, 7, 14), 1, language="en")
    assert (french.source, french.name, english.name) == (Source.HOLIDAY, "Fête nationale", "National Day")


def test_new_years_day_is_found_from_the_year_before(daily):
    found = plans.days(daily.site, date(2026, 12, 30), 5, language="fr")
    assert [bool(one.opening) for one in found] == [True, True, False, True, True]


# ── down the tree ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_hours_come_down_the_tree_until_a_place_says_its_own(house):
    inherited = [("27 10:00", "27 19:00")]
    assert opening(house.laser, "2026-11-27") == opening(house.workshop, "2026-11-27") == inherited
    open_on(house.workshop, [4], "8:00–12:00")
    assert opening(house.laser, "2026-11-27") == [("27 08:00", "27 12:00")]
    assert opening(house.table, "2026-11-27") == inherited
    open_on(house.laser, [4], "9:00–10:00")
    assert opening(house.laser, "2026-11-27") == [("27 09:00", "27 10:00")]
    assert opening(house.cnc, "2026-11-27") == [("27 08:00", "27 12:00")]


def test_a_place_with_hours_of_its_own_is_closed_on_the_days_it_does_not_name(house):
    open_on(house.workshop, [0], "8:00–12:00")
    assert opening(house.laser, "2026-11-27") == []


def test_the_nearest_exceptional_day_wins(house):
    special(house.site, "2026-11-27")
    assert opening(house.laser, "2026-11-27") == []
    special(house.workshop, "2026-11-27", hours="20:00–22:00")
    assert opening(house.laser, "2026-11-27") == [("27 20:00", "27 22:00")]
    assert opening(house.table, "2026-11-27") == []


def test_of_two_exceptions_of_one_place_the_last_said_wins(house):
    special(house.site, "2026-11-23", "2026-11-29")
    special(house.site, "2026-11-27", hours="10:00–12:00")
    assert opening(house.site, "2026-11-26") == []
    assert opening(house.site, "2026-11-27") == [("27 10:00", "27 12:00")]


def test_an_exception_that_is_removed_is_forgotten_at_once(house):
    ident = special(house.site, "2026-11-27")
    assert opening(house.site, "2026-11-27") == []
    with transaction():
        resources.remove_exception(actor=BOSS, resource_id=house.site.id, exception_id=ident)
    assert opening(house.site, "2026-11-27") == [("27 10:00", "27 19:00")]


def test_both_days_of_an_exception_are_included(house):
    special(house.site, "2026-11-25", "2026-11-26")
    assert [bool(opening(house.site, f"2026-11-{day}")) for day in (24, 25, 26, 27)] == [True, False, False, True]


def test_moving_a_place_changes_the_hours_it_inherits(house):
    open_on(house.sewing, [4], "14:00–16:00")
    assert opening(house.laser, "2026-11-27") == [("27 10:00", "27 19:00")]
    with transaction():
        resources.describe(
            actor=BOSS, resource_id=house.laser.id, name=house.laser.name, slug="laser", parent_id=house.sewing.id, capacity=1
        )
    assert opening(house.laser, "2026-11-27") == [("27 14:00", "27 16:00")]


# ── seasons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_season_replaces_the_usual_hours_and_ends(house):
    open_on(house.site, [3], "14:00–18:00", "2027-07-01", "2027-08-31")
    assert opening(house.site, "2027-06-30") == [("30 10:00", "30 19:00")]
    assert opening(house.site, "2027-07-01") == [("01 14:00", "01 18:00")]
    assert opening(house.site, "2027-07-02") == []
    assert opening(house.site, "2027-08-26") == [("26 14:00", "26 18:00")]
    assert opening(house.site, "2027-09-02") == [("02 10:00", "02 19:00")]


def test_new_hours_from_a_day_on_replace_the_old_for_good(house):
    open_on(house.site, [4], "9:00–17:00", "2027-01-01")
    assert opening(house.site, "2026-12-18") == [("18 10:00", "18 19:00")]
    assert opening(house.site, "2030-01-04") == [("04 09:00", "04 17:00")]


def test_a_space_may_have_a_season_and_follow_the_site_the_rest_of_the_year(house):
    open_on(house.workshop, [4], "8:00–9:00", "2026-11-23", "2026-11-29")
    assert opening(house.laser, "2026-11-20") == [("20 10:00", "20 19:00")]
    assert opening(house.laser, "2026-11-27") == [("27 08:00", "27 09:00")]


def test_two_seasons_never_share_a_day(house):
    open_on(house.site, [3], "14:00–18:00", "2027-07-01", "2027-08-31")
    with pytest.raises(Refused) as refused, transaction():
        weekly(house.site, "2027-08-31", "2027-09-30")
    assert codes(refused) == ["calendar.seasons_overlap"]
    with transaction():
        weekly(house.site, "2027-09-01", None)
    with pytest.raises(Refused), transaction():
        weekly(house.site, None, None, first_open=date(2028, 1, 1))


def weekly(place, first, last, *, first_open=None):
    resources.set_weekly(
        actor=BOSS,
        resource_id=place.id,
        hours=[(0, 600, 700)],
        valid_from=first_open or (date.fromisoformat(first) if first else None),
        valid_until=date.fromisoformat(last) if last else None,
    )


def test_setting_the_week_again_replaces_it_and_leaves_the_seasons_alone(house):
    open_on(house.site, [3], "14:00–18:00", "2027-07-01", "2027-08-31")
    with transaction():
        resources.set_weekly(actor=BOSS, resource_id=house.site.id, hours=[(4, 480, 720)])
    assert opening(house.site, "2026-11-26") == []
    assert opening(house.site, "2026-11-27") == [("27 08:00", "27 12:00")]
    assert opening(house.site, "2027-07-01") == [("01 14:00", "01 18:00")]


# ── speed, and the whole set of callers ──────────────────────────────────────────────────────────────────────────────


def test_hours_cost_one_statement_for_any_number_of_places(house, statements):
    week = Period(local("2026-11-23 00:00"), local("2026-11-30 00:00"))
    everything = [one.id for one in (house.site, house.workshop, house.sewing, house.laser, house.cnc, house.table)]
    queries.opening(everything, week)
    db.session.rollback()
    statements.clear()
    queries.opening(everything, week)
    assert len(statements) == 1
    known = books.revision()
    statements.clear()
    queries.opening(everything, week, revision=known)
    assert statements == []


def test_no_hours_at_all_is_closed(house):
    with transaction():
        resources.set_weekly(actor=BOSS, resource_id=house.site.id, hours=[])
    assert opening(house.laser, "2026-11-27") == []
    [day] = plans.days(house.laser, date(2026, 11, 27), 1, language="fr")
    assert day.source is Source.NOTHING


def test_the_schedule_page_reads_a_constant_number_of_statements(house, statements):
    special(house.site, "2026-11-27")
    db.session.rollback()
    plans.schedule(house.laser, language="fr")
    statements.clear()
    plans.schedule(house.laser, language="fr")
    few = len(statements)
    for day in range(1, 20):
        special(house.workshop, f"2026-12-{day:02}", hours="10:00–12:00")
    plans.schedule(house.laser, language="fr")
    statements.clear()
    plans.schedule(house.laser, language="fr")
    assert len(statements) == few <= 4


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        ("9:30", 570), ("09:30", 570), ("9h30", 570), ("9 h 30", 570), ("9\u00a0h\u00a030", 570), ("9H30", 570), ("9.30", 570),
        ("9h", 540), ("9 h", 540), ("9", 540), ("00:00", 0), ("24:00", 1440), ("24h", 1440),
        ("02:00 the next day", 1560), ("2 h le lendemain", 1560), ("2:00 +1", 1560), ("2h30 (+1)", 1590),
        ("2:00, next day", 1560),
    ],
)  # fmt: skip
def test_times_are_read_as_people_type_them(typed, minutes):
    assert wall_times.minute_of_day(typed) == minutes


@pytest.mark.parametrize(
    "typed", ["", "25h", "24:01", "9:60", "9:3", "noon", "-1", "9:30:00", "9h30pm", "9" * 30, "1e1", "९:30x"]
)
def test_what_is_no_time_is_refused(typed):
    with pytest.raises(wall_times.NotATime):
        wall_times.minute_of_day(typed)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ()),
        ("10:00–12:30, 14 h – 19 h", ((600, 750), (840, 1140))),
        ("14-19 et 10-12", ((600, 720), (840, 1140))),
        ("10h à 12h; 13 to 15", ((600, 720), (780, 900))),
        ("18:00–02:00", ((1080, 1560),)),
        ("19:00–10:00 the next day", ((1140, 2040),)),
        ("0-24", ((0, 1440),)),
    ],
)
def test_openings_are_read_and_written_back(typed, found):
    assert wall_times.stretches(typed) == found
    assert wall_times.stretches(wall_times.written(found)) == found
    assert wall_times.stretches(wall_times.written(found, "le lendemain")) == found


@pytest.mark.parametrize("typed", ["19:00–10:00", "10-12, 11-13", "10-10", "12:00–13:00 the next day", "0:00–2:00 +1"])
def test_openings_out_of_order_are_refused(typed):
    with pytest.raises(wall_times.NotInOrder):
        wall_times.stretches(typed)


@pytest.mark.parametrize("typed", ["10", "10-", "-", "10-12-14", "10–noon", ", ,x"])
def test_half_an_opening_is_refused(typed):
    with pytest.raises(wall_times.NotATime):
        wall_times.stretches(typed)
