"""The timetable as JSON: few statements however full, 304 while nothing changed, nobody's name."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from app.accounts import lab
from app.calendar import occupancies, resources
from app.calendar.models import Purpose
from app.kernel.db import transaction
from app.kernel.periods import Period
from machines import catalogue
from tests.builders import acting
from tests.machines.scene import at, book, cancel, check_in, crowd, end, extend, move, ready, set_clock
from tests.machines.test_outages import put_back, put_out, retire

API = "/api/v1"
WEEK = f"{API}/machines/laser-1/week?from=2026-11-23"
ALL = f"{API}/timetable?from=2026-11-23"


def events(client, url=WEEK):
    response = client.get(url)
    assert response.status_code == 200
    return [(one["kind"], instant(one["start"]), instant(one["end"]), one["reservation"]) for one in response.json["events"]]


def instant(text):
    return datetime.fromisoformat(text)


# ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_week_says_when_it_is_open_and_busy_ones_own_with_their_number(shop, as_):
    row = book(shop.ada, shop.laser1, project="Secret lamp")
    book(ready(shop, "Zoé Neuf"), shop.laser1, "10:00", 1)
    assert events(as_(shop.ada, "profile")) == [
        ("other", at("10:00"), at("11:10"), None), ("mine", at("14:00"), at("16:00"), row.id),
    ]  # fmt: skip
    seen = as_(None).get(WEEK)
    assert "Secret" not in seen.get_data(as_text=True)
    assert {(one["kind"], one["reservation"]) for one in seen.json["events"]} == {("other", None)}
    assert [instant(one["start"]) for one in seen.json["opening"]][:2] == [at("09:00", "2026-11-23"), at("09:00", "2026-11-24")]
    assert len(seen.json["opening"]) == 6
    assert seen.json["seats"] == 1


@pytest.mark.parametrize(("day", "hours"), [("2027-03-27", 6), ("2027-03-28", 5), ("2026-10-25", 7), ("2026-10-26", 6)])
def test_a_night_of_the_clock_change_is_an_hour_shorter_or_longer(shop, as_, day, hours):
    with transaction():
        nights = [(weekday, 0, 6 * 60) for weekday in range(7)]
        resources.set_weekly(actor=acting(shop.lea), resource_id=shop.space.id, hours=nights)
    [night] = as_(None).get(f"{API}/machines/laser-1/week?from={day}&days=1").json["opening"]
    assert instant(night["start"]) == at("00:00", day)
    assert (instant(night["end"]) - instant(night["start"])).total_seconds() == hours * 3600


def test_the_day_asked_for_is_the_labs_day(shop, as_):
    book(shop.ada, shop.laser1, "09:00", 1)
    url = f"{API}/machines/laser-1/week?days=1&from="
    assert len(events(as_(None), url + "2026-11-27")) == 1
    assert events(as_(None), url + "2026-11-26") == []
    assert events(as_(None), url + "2026-11-28") == []


def test_all_machines_come_together(shop, as_):
    book(shop.ada, shop.laser1)
    book(shop.ben, shop.bench)
    found = {one["machine"]: one for one in as_(None).get(ALL).json["machines"]}
    assert list(found) == ["laser-1", "laser-2", "printer", "bench"]
    assert {slug: len(one["events"]) for slug, one in found.items()} == {"laser-1": 1, "laser-2": 0, "printer": 0, "bench": 1}
    assert found["bench"]["seats"] == 6


def test_closures_events_and_outages_have_their_kind(shop, as_):
    with transaction():
        occupancies.take_whole(
            shop.space.id, Period(at("14:00"), at("18:00")), purpose=Purpose.PRIVATISATION, subject="privatisation:1"
        )
    put_out(shop.lea, shop.laser1, until=at("12:00"))
    assert events(as_(None)) == [
        ("hired", at("14:00"), at("18:00"), None), ("repair", at("10:00", "2026-11-26"), at("12:00"), None),
    ]  # fmt: skip
    put_out(shop.lea, shop.laser1)
    assert events(as_(None))[-1] == ("repair", at("10:00", "2026-11-26"), at("00:00", "2026-11-30"), None)


def test_a_place_nobody_set_up_has_an_empty_timetable(app, client):
    assert client.get(f"{API}/timetable").json == {"machines": []}


# ── how many statements ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def full(shop):
    people = crowd(shop, 12)
    for n, machine in enumerate((shop.laser1, shop.laser2, shop.printer, shop.bench)):
        for m, hour in enumerate(("10:00", "12:00", "14:00")):
            book(people[3 * n + m], machine, hour, 1)


@pytest.mark.parametrize("door", ["session", "token", "visitor"])
@pytest.mark.parametrize(("url", "most"), [(WEEK, 4), (ALL, 5)])
def test_a_week_is_few_statements_however_full(shop, full, as_, statements, url, most, door):
    client = {"session": as_(shop.ada), "token": as_(shop.ada, "profile"), "visitor": as_(None)}[door]
    client.get(url)  # the hours are read once and kept, the token's use noted once an hour
    statements.clear()
    response = client.get(url)
    assert len(statements) <= most, statements
    assert len(statements) == (2 if door == "visitor" else 3)
    statements.clear()
    again = client.get(url, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert len(statements) == (1 if door == "visitor" else 2), statements


# ── unchanged, or not ────────────────────────────────────────────────────────────────────────────────────────────────


def changes(shop, row):
    """Everything that changes what the week of the laser shows, one after the other."""
    zoe = ready(shop, "Zoé Neuf")
    yield lambda: book(zoe, shop.laser1, "10:00", 1)
    yield lambda: move(shop.ada, row, "15:00")
    yield lambda: put_out(shop.lea, shop.laser1, until=at("11:00"))
    yield lambda: put_back(shop.lea, shop.laser1)
    yield lambda: resources_closed(shop)
    yield lambda: changed_lab(shop)
    yield lambda: seats(shop)
    set_clock("15:00")
    yield lambda: check_in(shop.ada, row, shop.laser1)
    yield lambda: extend(shop.ada, row)
    set_clock("16:00")
    yield lambda: end(shop.ada, row)


def resources_closed(shop):
    with transaction():
        resources.add_exception(
            actor=acting(shop.lea), resource_id=shop.space.id, first_day=date(2026, 11, 28), last_day=date(2026, 11, 28),
            periods=[], note={},
        )  # fmt: skip


def changed_lab(shop):
    with transaction():
        lab.change(actor=acting(shop.lea), closes_on_holidays=False)


def seats(shop):
    with transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.laser1.id, space_id=shop.space.id, capacity=2, slug="laser-1",
            code="LASER-1", name=shop.laser1.name, requirements=[[shop.safety.id], [shop.laser.id]],
        )  # fmt: skip


def test_every_change_is_a_new_etag_and_no_change_is_none(shop, as_):
    row = book(shop.ada, shop.laser1)
    client, tags = as_(None), set()
    for act in changes(shop, row):
        for url in (WEEK, ALL):
            tag = client.get(url).headers["ETag"]
            assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
            tags.add((url, tag))
        if act.__code__.co_names[0] == "check_in":  # being there changes nothing of what is busy
            act()
            continue
        act()
        for url in (WEEK, ALL):
            fresh = client.get(url).headers["ETag"]
            assert (url, fresh) not in tags, act.__code__.co_names


def test_a_change_of_one_machine_leaves_the_others_week_unchanged(shop, as_):
    client, url = as_(None), f"{API}/machines/laser-2/week?from=2026-11-23"
    tag = client.get(url).headers["ETag"]
    cancel(shop.ada, book(shop.ada, shop.laser1))
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304


def test_a_tag_made_weak_on_the_way_is_still_the_same(shop, as_):
    client = as_(None)
    tag = client.get(WEEK).headers["ETag"]
    assert client.get(WEEK, headers={"If-None-Match": f"W/{tag}"}).status_code == 304


def test_each_reader_and_each_week_has_tags_of_their_own(shop, as_):
    tags = {as_(who).get(WEEK).headers["ETag"] for who in (None, shop.ada, shop.ben)}
    tags |= {as_(None).get(url).headers["ETag"] for url in (f"{WEEK}&days=8", WEEK.replace("23", "30"))}
    assert len(tags) == 5
    assert "private" in as_(shop.ada).get(WEEK).headers["Cache-Control"]


def test_a_retired_machine_has_no_week(shop, as_):
    tag = as_(None).get(ALL).headers["ETag"]
    retire(shop.lea, shop.laser1)
    assert as_(None).get(WEEK).status_code == 404
    assert as_(None).get(ALL, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "query", ["from=soon", "from=0001-01-01", "from=9999-12-31", "days=0", "days=32", "days=x", "from=2026-02-30", "from=a%00"]
)
def test_a_span_that_makes_no_sense_is_unprocessable(shop, as_, query):
    for path in ("machines/laser-1/week", "timetable"):
        response = as_(None).get(f"{API}/{path}?{query}")
        assert (response.status_code, response.content_type) == (422, "application/problem+json")


@pytest.mark.parametrize("slug", ["nothing", "a%00b", "..%2f..%2fetc"])
def test_a_machine_there_is_not_is_not_found(shop, as_, slug):
    response = as_(None).get(f"{API}/machines/{slug}/week")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
