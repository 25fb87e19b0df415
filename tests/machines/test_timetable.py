"""The timetable: what each quarter of an hour shows to whom, also on the days the clocks change."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest

from app.calendar import occupancies, resources
from app.calendar.models import Purpose
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.periods import Period
from machines import queries, timetable
from tests.builders import acting
from tests.machines.scene import at, book, cancel, check_in, crowd, end, ready, set_clock
from tests.machines.test_outages import put_out

TOMORROW = date(2026, 11, 27)


def row_of(slug, member=None, day=TOMORROW):
    db.session.rollback()
    found = [one for one in queries.machines() if one.slug == slug]
    table = timetable.of_day(found, day, member.id if member else None)
    assert sum(cell.quarters for cell in table.rows[0].cells) == table.quarters
    return table.rows[0]


def seen(row):
    """Every cell as (kind, from, to), neighbours of one kind together."""
    found = []
    for cell in row.cells:
        start, end = (moment.astimezone(clock.zone()).strftime("%H:%M") for moment in (cell.start, cell.end))
        if found and found[-1][0] == cell.kind:
            found[-1] = (cell.kind, found[-1][1], end)
        else:
            found.append((cell.kind, start, end))
    return found


def opening(shop, *hours, days=range(7)):
    with transaction():
        resources.set_weekly(
            actor=acting(shop.lea), resource_id=shop.space.id, hours=[(day, *one) for day in days for one in hours]
        )


# ── what a day looks like ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_open_day_is_free_from_opening_to_closing_one_link_an_hour(shop):
    row = row_of("laser-1")
    assert [(cell.kind, cell.quarters) for cell in row.cells] == [("free", 4)] * 10
    assert row.free == [Period(at("09:00"), at("19:00"))]


def test_ones_own_use_is_shown_to_the_minute_its_turnaround_is_nobodys(shop):
    mine = book(shop.ada, shop.laser1)
    assert seen(row_of("laser-1", shop.ada)) == [
        ("free", "09:00", "14:00"), ("mine", "14:00", "16:00"), ("other", "16:00", "16:15"), ("free", "16:15", "19:00"),
    ]  # fmt: skip
    [cell] = [cell for cell in row_of("laser-1", shop.ada).cells if cell.kind == "mine"]
    assert (cell.reservation_id, cell.start, cell.end) == (mine.id, at("14:00"), at("16:00"))


@pytest.mark.parametrize("who", [None, "ben", "lea"])
def test_anothers_use_is_only_booked_without_name_or_number(shop, who):
    book(shop.ada, shop.laser1, project="Secret lamp")
    row = row_of("laser-1", getattr(shop, who) if who else None)
    assert seen(row)[1] == ("other", "14:00", "16:15")
    assert {cell.reservation_id for cell in row.cells} == {None}


def test_two_neighbours_are_two_cells(shop):
    book(shop.ada, shop.printer, "14:00", 1)
    book(shop.ben, shop.printer, "15:00", 1)
    others = [cell for cell in row_of("printer").cells if cell.kind == "other"]
    assert [cell.quarters for cell in others] == [4, 4]


def test_what_is_past_is_not_bookable_and_the_running_slot_still_is(shop):
    set_clock("10:20", "2026-11-26")
    row = row_of("laser-1", day=date(2026, 11, 26))
    assert seen(row) == [("past", "09:00", "10:15"), ("free", "10:15", "19:00")]


def test_what_cannot_be_booked_yet_or_no_more_is_not_offered(shop):
    assert seen(row_of("laser-1", day=date(2026, 12, 26)))[0][0] == "free"
    assert seen(row_of("laser-1", day=date(2026, 12, 28))) == [("past", "09:00", "19:00")]
    with transaction():
        machine = db.session.merge(shop.laser1)
        machine.notice_minutes = 24 * 60
    assert seen(row_of("laser-1")) == [("past", "09:00", "10:00"), ("free", "10:00", "19:00")]


def test_a_cancelled_use_leaves_no_trace_and_an_early_end_frees_the_rest(shop):
    row = book(shop.ada, shop.laser1)
    cancel(shop.ada, row)
    assert seen(row_of("laser-1", shop.ada)) == [("free", "09:00", "19:00")]
    row = book(shop.ada, shop.laser1)
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
    set_clock("14:37")
    end(shop.ada, row)
    set_clock("14:38")
    assert seen(row_of("laser-1", shop.ada))[-2:] == [("other", "14:00", "15:00"), ("free", "15:00", "19:00")]


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [
        (Purpose.MAINTENANCE, "repair"),
        (Purpose.CLOSURE, "closed"),
        (Purpose.PRIVATISATION, "hired"),
        (Purpose.SESSION, "class"),
    ],
)
def test_each_purpose_has_its_paint(shop, purpose, kind):
    with transaction():
        occupancies.take_whole(shop.space.id, Period(at("14:00"), at("18:00")), purpose=purpose, subject="block:1")
    for slug in ("laser-1", "bench"):
        assert seen(row_of(slug))[1] == (kind, "14:00", "18:00")


def test_what_the_team_does_outside_the_hours_is_shown_too(shop):
    opening(shop, (9 * 60, 12 * 60), (14 * 60, 19 * 60))
    with transaction():
        occupancies.take_whole(
            shop.laser1.resource_id, Period(at("12:30"), at("13:30")), purpose=Purpose.MAINTENANCE, subject="block:1"
        )
    assert seen(row_of("laser-1")) == [
        ("free", "09:00", "12:00"), ("closed", "12:00", "12:30"), ("repair", "12:30", "13:30"),
        ("closed", "13:30", "14:00"), ("free", "14:00", "19:00"),
    ]  # fmt: skip


def test_an_outage_is_painted_until_its_end_and_the_rest_is_free(shop):
    put_out(shop.lea, shop.laser1, until=at("12:00"))
    assert seen(row_of("laser-1")) == [("repair", "09:00", "12:00"), ("free", "12:00", "19:00")]
    put_out(shop.lea, shop.laser1)
    assert seen(row_of("laser-1")) == [("repair", "09:00", "19:00")]
    assert seen(row_of("laser-1", day=date(2026, 11, 26)))[0] == ("past", "09:00", "10:00")


def test_a_closed_day_has_usual_columns_and_nothing_else(shop):
    row = row_of("laser-1", day=date(2026, 11, 29))
    assert [(cell.kind, cell.quarters) for cell in row.cells] == [("closed", 40)]
    assert not row.is_open


def test_a_quarter_that_is_only_half_open_is_not_offered(shop):
    opening(shop, (9 * 60 + 10, 12 * 60))
    assert seen(row_of("laser-1")) == [("past", "09:00", "09:15"), ("free", "09:15", "12:00")]


# ── seats ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bench_is_free_while_a_seat_is_and_says_how_many(shop):
    people = crowd(shop, 6)
    for person in people[:5]:
        book(person, shop.bench, "14:00", 1)
    cells = {cell.start: cell for cell in row_of("bench").cells}
    assert (cells[at("13:00")].kind, cells[at("13:00")].seats_left) == ("free", 6)
    assert (cells[at("14:00")].kind, cells[at("14:00")].seats_left) == ("free", 1)
    assert seen(row_of("bench", people[0]))[1] == ("mine", "14:00", "15:00")
    book(people[5], shop.bench, "14:30", 0.5)
    assert seen(row_of("bench")) == [("free", "09:00", "14:30"), ("other", "14:30", "15:00"), ("free", "15:00", "19:00")]
    assert {cell.seats_left for cell in row_of("laser-1").cells} == {None}


# ── nights, and the days the clocks change ───────────────────────────────────────────────────────────────────────────


def test_an_evening_that_ends_after_midnight_belongs_to_its_day(shop):
    opening(shop, (18 * 60, 26 * 60))
    book(shop.ada, shop.printer, "23:30", 2)
    assert seen(row_of("printer")) == [("free", "18:00", "23:30"), ("other", "23:30", "01:30"), ("free", "01:30", "02:00")]
    assert seen(row_of("printer", day=date(2026, 11, 28)))[0] == ("free", "18:00", "02:00")


def test_a_place_that_never_closes_shows_whole_days(shop):
    opening(shop, (0, 24 * 60))
    row = row_of("printer")
    assert sum(cell.quarters for cell in row.cells) == 96
    assert seen(row) == [("free", "00:00", "00:00")]


@pytest.mark.parametrize(
    ("day", "now", "quarters", "heads"),
    [
        (date(2027, 3, 28), "2027-03-20", 92, ["00", "01", "03", "04"]),
        (date(2026, 10, 25), "2026-10-20", 100, ["00", "01", "02", "02", "03"]),
    ],
)
def test_the_day_the_clocks_change_has_the_hours_it_has(shop, day, now, quarters, heads):
    opening(shop, (0, 24 * 60))
    set_clock("12:00", now)
    db.session.rollback()
    table = timetable.of_day([queries.machine("printer")], day, None)
    assert table.quarters == quarters
    assert [hour.starts_at.astimezone(clock.zone()).strftime("%H") for hour in table.hours][: len(heads)] == heads
    [row] = table.rows
    assert sum(cell.quarters for cell in row.cells) == quarters
    starts = [cell.start for cell in row.cells]
    assert starts == sorted(set(starts))
    assert all(cell.kind == "free" and cell.end - cell.start == timedelta(hours=1) for cell in row.cells)


@pytest.mark.parametrize(
    ("monday", "now", "quarters", "sunday"),
    [
        (date(2027, 3, 22), "2027-03-20", 96, [("free", 8), ("closed", 4), ("free", 84)]),
        (date(2026, 10, 19), "2026-10-18", 100, [("free", 100)]),
    ],
)
def test_in_the_week_of_the_change_every_row_has_every_column(shop, monday, now, quarters, sunday):
    opening(shop, (0, 24 * 60))
    set_clock("12:00", now)
    db.session.rollback()
    table = timetable.of_week(queries.machine("printer"), monday, None)
    assert table.quarters == quarters
    assert sum(hour.quarters for hour in table.hours) == quarters
    assert [sum(cell.quarters for cell in row.cells) for row in table.rows] == [quarters] * 7
    merged = []
    for cell in table.rows[6].cells:
        if merged and merged[-1][0] == cell.kind:
            merged[-1] = (cell.kind, merged[-1][1] + cell.quarters)
        else:
            merged.append((cell.kind, cell.quarters))
    assert merged == sunday


def test_a_use_across_the_repeated_hour_is_as_long_as_it_is(shop):
    opening(shop, (0, 24 * 60))
    set_clock("12:00", "2026-10-20")
    book(shop.ada, shop.printer, "01:00", 3, day="2026-10-25")
    mine = [cell for cell in row_of("printer", shop.ada, date(2026, 10, 25)).cells if cell.kind == "mine"]
    assert [cell.quarters for cell in mine] == [12]


def test_both_passes_of_the_repeated_hour_can_be_booked_by_their_link(shop, as_):
    opening(shop, (0, 24 * 60))
    set_clock("12:00", "2026-10-20")
    page = as_(shop.ada).get("/timetable?day=2026-10-25").get_data(as_text=True)
    starts = re.findall(r'data-start="(2026-10-25T0[01]:00:00\+00:00)"', page)
    assert {"2026-10-25T00:00:00+00:00", "2026-10-25T01:00:00+00:00"} <= set(starts)
    card = as_(shop.ada).get("/machines/printer?start=2026-10-25T01:00:00%2B00:00&minutes=60").get_data(as_text=True)
    assert '<time datetime="2026-10-25T01:00:00+00:00">' in card


# ── the rest of the table ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_line_of_the_present_stands_in_its_quarter_today_only(shop):
    set_clock("10:20", "2026-11-26")
    machines = queries.machines()
    assert timetable.of_day(machines, date(2026, 11, 26), None).now_quarter == 5
    assert timetable.of_day(machines, TOMORROW, None).now_quarter is None
    set_clock("07:00", "2026-11-26")
    assert timetable.of_day(machines, date(2026, 11, 26), None).now_quarter is None


def test_a_lab_without_machines_has_an_empty_table(app):
    assert timetable.of_day([], TOMORROW, None).rows == []


@pytest.mark.parametrize("uses", [0, 20])
def test_a_day_of_all_machines_is_five_statements_however_full(shop, statements, uses):
    for n in range(uses):
        book(ready(shop, f"Many{n} X"), [shop.laser1, shop.printer, shop.bench][n % 3], f"{9 + n // 3:02}:00", 0.75)
    machines = queries.machines()
    timetable.of_day(machines, TOMORROW, shop.ada.id)  # the book of hours is read once
    statements.clear()
    timetable.of_day(machines, TOMORROW, shop.ada.id)
    assert len(statements) == 5, statements


def test_lab_time_is_shown_whatever_the_zone_of_the_reader(shop, as_):
    book(shop.ada, shop.laser1)
    page = as_(shop.ada).get("/timetable?day=2026-11-27").get_data(as_text=True)
    assert "14\u00a0h – 16\u00a0h" in page
    assert datetime.fromisoformat("2026-11-27T13:00:00+00:00") == at("14:00")
