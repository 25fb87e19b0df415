"""Managers keep places, hours and blocks in pages; everybody reads the hours. What was typed wrong is kept and named."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy import func, select

from app.calendar import blocks, queries, resources
from app.calendar.models import Block, Kind, OpeningException, OpeningRule, Purpose, Resource
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.periods import local_day
from tests.builders import a_member, acting, save
from tests.calendar.scene import BOSS, open_on, rows, special, stretch, take

WEEK = {"tuesday": "9h–12h30, 14 h – 19 h", "friday": "18:00–02:00"}


@pytest.fixture
def lea(house, browser):
    """Léa's browser, in English."""
    with transaction():
        db.session.get(type(house.lea), house.lea.id).locale = "en"
    return browser(house.lea)


@pytest.fixture
def visitor(house, browser):
    """A visitor's browser, in English."""
    client = browser()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def text(response) -> str:
    """What a reader sees, without tags."""
    plain = re.sub(r"<[^>]+>", " ", response.text.split("<main", 1)[-1].partition(">")[2])
    return " ".join(html.unescape(plain).split())


def ids_are_unique(response) -> bool:
    found = re.findall(r'\sid="([^"]+)"', response.text.split("<main", 1)[-1])
    return len(found) == len(set(found))


def now(slug: str) -> Resource:
    """A place as it is in the table now."""
    db.session.expire_all()
    return queries.resource(slug)


# ── who may open what ────────────────────────────────────────────────────────────────────────────────────────────────

PAGES = [
    ("GET", "/hours", 200, 200, 200),
    ("GET", "/places/laser/hours", 200, 200, 200),
    ("GET", "/places/nothing/hours", 404, 404, 404),
    ("GET", "/places", 303, 403, 200),
    ("POST", "/places", 303, 403, 422),
    ("GET", "/places/workshop", 303, 403, 200),
    ("GET", "/places/laser", 303, 403, 404),
    ("POST", "/places/workshop", 303, 403, 422),
    ("POST", "/places/workshop/position", 303, 403, 303),
    ("POST", "/places/workshop/retirement", 303, 403, 303),
    ("POST", "/places/site/hours", 303, 403, 422),
    ("POST", "/places/site/hours/removal", 303, 403, 303),
    ("POST", "/places/site/exceptions", 303, 403, 422),
    ("POST", "/places/site/exceptions/999/removal", 303, 403, 404),
    ("GET", "/places/laser/blocks", 303, 403, 200),
    ("POST", "/places/laser/blocks", 303, 403, 422),
    ("POST", "/places/laser/blocks/999/release", 303, 403, 404),
    ("POST", "/places/nothing/blocks", 303, 403, 404),
]


@pytest.mark.parametrize(("method", "path", "visitor", "member", "manager"), PAGES)
def test_every_page_answers_each_person_as_declared(house, browser, method, path, visitor, member, manager):
    found = [browser(who).open(path, method=method).status_code for who in (None, house.ada, house.lea)]
    assert found == [visitor, member, manager]


def test_before_the_lab_is_set_up_there_are_no_hours_to_read(app, client):
    assert client.get("/hours").status_code == 404


@pytest.mark.parametrize("path", ["/hours", "/places", "/places/workshop", "/places/laser/hours", "/places/table/blocks"])
def test_every_page_has_one_heading_and_no_id_twice(house, lea, path):
    open_on(house.laser, [3], "14:00–18:00", "2027-07-01", "2027-08-31")
    special(house.site, "2026-11-28", fr="Inventaire")
    page = lea.get(path)
    assert page.text.count("<h1") == 1
    assert ids_are_unique(page)
    assert "style=" not in page.text


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_space_is_added_with_an_address_made_from_its_name(house, lea):
    sent = lea.post("/places", data={"name_fr": "Forge & métal", "name_en": "", "parent": house.site.id, "capacity": "4"})
    assert sent.status_code == 303
    made = queries.resource("forge-metal")
    assert (made.kind, made.parent_id, made.capacity, made.name) == (Kind.SPACE, house.site.id, 4, {"fr": "Forge & métal"})
    assert "Forge &amp; métal" in lea.get("/places").text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name_fr": " "}, "name_fr"),
        ({"capacity": "0"}, "capacity"),
        ({"capacity": "1001"}, "capacity"),
        ({"capacity": "many"}, "capacity"),
        ({"slug": "Not Good"}, "slug"),
        ({"parent": "999"}, "parent"),
        ({"name_fr": "x" * 81}, "name_fr"),
    ],
)
def test_a_wrong_space_names_the_field_and_keeps_the_rest(house, lea, changes, field):
    typed = {"name_fr": "Métal", "name_en": "Metal shop", "parent": house.site.id, "capacity": "4", "slug": "metal", **changes}
    page = lea.post("/places", data=typed)
    assert page.status_code == 422
    assert re.search(rf'id="{field}-error"', page.text)
    assert "Metal shop" in page.text
    assert len(queries.places()) == 3


def test_an_address_that_is_taken_is_refused_in_place(house, lea):
    page = lea.post("/places", data={"name_fr": "Autre", "parent": house.site.id, "capacity": "1", "slug": "laser"})
    assert page.status_code == 409
    assert "has this short address already" in text(page)


def test_a_space_is_renamed_and_moved(house, lea):
    typed = {"name_fr": "Bois", "name_en": "Wood", "parent": house.workshop.id, "capacity": "2", "slug": "wood"}
    assert lea.post("/places/sewing", data=typed).status_code == 303
    found = now("wood")
    assert (found.id, found.parent_id, found.name) == (house.sewing.id, house.workshop.id, {"fr": "Bois", "en": "Wood"})


def test_a_space_is_not_offered_itself_as_a_parent(house, lea):
    page = lea.get("/places/workshop")
    choices = re.search(r'<select[^>]*name="parent".*?</select>', page.text, re.DOTALL).group()
    assert "Workshop" not in choices
    assert "Sewing" in choices


def test_the_site_has_names_only(house, lea):
    assert 'name="parent"' not in lea.get("/places/site").text
    assert lea.post("/places/site", data={"name_fr": "La Grande Forge", "slug": "site"}).status_code == 303
    assert now("site").name == {"fr": "La Grande Forge"}


def test_two_clicks_move_a_space_once(house, lea):
    for place in ("a", "b"):
        lea.post("/places", data={"name_fr": place, "parent": house.site.id, "capacity": "1"})
    for _ in range(2):
        lea.post("/places/b/position", data={"direction": "up", "key": "one click"})
    assert [one.resource.slug for one in queries.places() if one.depth == 1] == ["workshop", "sewing", "b", "a"]


def test_a_space_that_is_not_empty_says_so_above_the_page(house, lea):
    page = lea.get(lea.post("/places/workshop/retirement").location)
    assert page.status_code == 200
    assert "still machines or spaces in this place" in text(page)


# ── hours ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def opening(place: Resource, day) -> list[str]:
    tz = clock.zone()
    found = queries.opening([place.id], local_day(day, tz))[place.id]
    return [f"{one.start.astimezone(tz):%H:%M}-{one.end.astimezone(tz):%H:%M}" for one in found]


def test_a_week_is_typed_as_people_write_it_and_previewed(house, lea):
    page = lea.get(lea.post("/places/site/hours", data=WEEK).location)
    assert opening(house.site, clock.today().replace(day=27)) == ["18:00-02:00"]
    seen = text(page)
    assert "Tuesday 1 December 9:00 – 12:30 , 14:00 – 19:00" in seen
    assert 'value="9:00–12:30, 14:00–19:00"' in page.text
    assert "Wednesday 2 December Closed" in seen


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("25h–26h", "“25h” is no opening"),
        ("10-12, 11-13", "two openings overlap"),
        ("19:00-10:00", "a closing comes before its opening"),
        ("<b>", "“&lt;b&gt;” is no opening"),
    ],
)
def test_a_wrong_time_names_its_day_and_the_remedy_and_keeps_what_was_typed(house, lea, typed, said):
    page = lea.post("/places/site/hours", data={**WEEK, "monday": typed})
    assert page.status_code == 422
    assert said in page.text
    assert "Write for example" in text(page) or "write for example" in text(page)
    assert 'href="#usual-monday"' in page.text
    assert "9h–12h30, 14 h – 19 h" in page.text
    assert ids_are_unique(page)
    assert db.session.scalar(select(func.count()).select_from(OpeningRule)) == 4


def test_a_week_without_any_opening_is_asked_again(house, lea):
    page = lea.post("/places/site/hours", data={"monday": " "})
    assert page.status_code == 422
    assert "at least one opening" in text(page)


def test_a_space_gets_hours_of_its_own_and_follows_the_site_again(house, lea):
    assert "As The Forge" in text(lea.get("/places/workshop/hours"))
    lea.post("/places/workshop/hours", data={"friday": "8-9"})
    page = lea.get("/places/workshop/hours")
    assert "Hours of its own" in text(page)
    assert opening(house.laser, clock.today().replace(day=27)) == ["08:00-09:00"]
    assert lea.post("/places/workshop/hours/removal").status_code == 303
    assert opening(house.laser, clock.today().replace(day=27)) == ["10:00-19:00"]


def test_a_season_is_added_changed_and_removed(house, lea):
    dates = {"valid_from": "2026-11-23", "valid_until": "2026-11-29"}
    assert lea.post("/places/site/hours", data={"season": "new", "friday": "14-15", **dates}).status_code == 303
    assert opening(house.site, clock.today().replace(day=27)) == ["14:00-15:00"]
    lea.post("/places/site/hours", data={"friday": "15-16", **dates})
    assert opening(house.site, clock.today().replace(day=27)) == ["15:00-16:00"]
    assert "From Monday 23 November 2026 to Sunday 29 November 2026" in text(lea.get("/hours"))
    lea.post("/places/site/hours/removal", data=dates)
    assert opening(house.site, clock.today().replace(day=27)) == ["10:00-19:00"]


@pytest.mark.parametrize(
    ("dates", "status", "said"),
    [
        ({}, 422, "Give the season a first or a last day"),
        ({"valid_from": "2027-02-01", "valid_until": "2027-01-01"}, 422, "The last day comes before the first"),
        ({"valid_from": "9999-01-01"}, 422, "Choose a year between 2000 and 2199"),
        ({"valid_from": "2027-08-31"}, 409, "Another season runs from"),
    ],
)
def test_a_wrong_season_is_told_in_its_own_form(house, lea, dates, status, said):
    open_on(house.site, [3], "14:00–18:00", "2027-07-01", "2027-08-31")
    page = lea.post("/places/site/hours", data={"season": "new", "friday": "14-15", **dates})
    assert page.status_code == status
    assert said in text(page)
    assert ids_are_unique(page)


def test_a_wrong_time_in_a_season_opens_that_season(house, lea):
    open_on(house.site, [3], "14:00–18:00", "2027-07-01", "2027-08-31")
    page = lea.post("/places/site/hours", data={"monday": "25h", "valid_from": "2027-07-01", "valid_until": "2027-08-31"})
    assert page.status_code == 422
    assert 'href="#season-1-monday"' in page.text


def test_exceptional_days_are_added_shown_to_everybody_and_removed(house, lea, visitor):
    sent = lea.post(
        "/places/site/exceptions", data={"first_day": "2026-11-27", "note_fr": "Inventaire", "note_en": "Stocktaking"}
    )
    assert sent.status_code == 303
    assert "Friday 27 November Stocktaking Closed" in text(visitor.get("/hours"))
    lea.post("/places/site/exceptions", data={"first_day": "2026-12-01", "last_day": "2026-12-02", "hours": "9h30-12h"})
    assert "Tuesday 1 December 9:30 – 12:00 Exceptional hours" in text(visitor.get("/hours"))
    [first, _second] = db.session.scalars(select(OpeningException).order_by(OpeningException.id))
    assert lea.post(f"/places/site/exceptions/{first.id}/removal").status_code == 303
    assert "Friday 27 November 10:00 – 19:00" in text(visitor.get("/hours"))


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({}, "first_day"),
        ({"first_day": "2026-11-27", "last_day": "2026-11-26"}, "last_day"),
        ({"first_day": "2026-11-27", "last_day": "2028-11-27"}, "last_day"),
        ({"first_day": "2026-11-27", "hours": "from nine"}, "hours"),
        ({"first_day": "27/11/2026"}, "first_day"),
        ({"first_day": "0001-01-01"}, "first_day"),
        ({"first_day": "2026-11-27", "note_fr": "a\x00b"}, "note_fr"),
    ],
)
def test_wrong_exceptional_days_name_the_field(house, lea, typed, field):
    page = lea.post("/places/site/exceptions", data={"note_en": "Kept", **typed})
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert 'value="Kept"' in page.text


def test_holidays_and_clock_changes_are_named_in_the_next_days(house, visitor):
    clock.set_clock(clock.now().replace(year=2027, month=3, day=24))
    seen = text(visitor.get("/hours"))
    assert "Monday 29 March Easter Monday Public holiday" in seen
    assert "Sunday 28 March The clocks go forward in the night." in seen


def test_hours_are_read_in_french_with_french_times(house, browser):
    seen = text(browser(house.ada).get("/places/table/hours"))
    assert "vendredi 27 novembre 10 h – 19 h" in seen


def test_readers_find_no_forms(house, browser):
    for who in (None, house.ada):
        page = browser(who).get("/hours")
        assert "set_hours" not in page.text
        assert "/places/site/hours" not in page.text


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TOMORROW = {
    "from_day": "2026-11-27",
    "from_time": "8h",
    "until_day": "2026-11-27",
    "until_time": "24:00",
    "purpose": "maintenance",
}


def test_a_machine_is_blocked_and_released_from_its_page(house, lea):
    assert lea.post("/places/laser/blocks", data={**TOMORROW, "reason": "New lens"}).status_code == 303
    [made] = db.session.scalars(select(Block))
    assert (made.starts_at.astimezone(clock.zone()).hour, made.ends_at) == (8, stretch("00:00", "01:00", "2026-11-28").start)
    seen = text(lea.get("/places/laser/blocks"))
    assert "New lens" in seen
    assert "Blocked by Léa Martin" in seen
    assert lea.post(f"/places/laser/blocks/{made.id}/release").status_code == 303
    assert rows(made.subject) == []
    assert "Released" in text(lea.get("/places/laser/blocks"))


def test_a_block_in_the_way_of_a_reservation_lists_it_and_links_to_it(house, lea):
    take(house.laser, stretch("10:00", "11:00"), "reservation:42")
    take(house.table, stretch("14:00", "15:00"), "visit:7")
    page = lea.post("/places/site/blocks", data={**TOMORROW, "reason": "Works"})
    assert page.status_code == 409
    seen = text(page)
    assert "Laser is taken from Friday 27 November, 10:00 to Friday 27 November, 11:00 (a reservation)." in seen
    assert "Table is taken from Friday 27 November, 14:00" in seen
    assert 'href="/reservations/42"' in page.text
    assert "Works" in page.text
    assert len(rows()) == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"until_day": "2026-11-26"}, "until_time"),
        ({"until_time": "8:00"}, "until_time"),
        ({"until_time": "8 o'clock"}, "until_time"),
        ({"from_time": "24:01"}, "from_time"),
        ({"from_day": ""}, "from_day"),
        ({"purpose": "reservation"}, "purpose"),
        ({"until_day": "9999-12-31"}, "until_day"),
    ],
)
def test_a_wrong_block_names_the_field_and_keeps_the_rest(house, lea, changes, field):
    page = lea.post("/places/laser/blocks", data={**TOMORROW, "reason": "New lens", **changes})
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert rows() == []


def test_a_block_over_the_hole_of_march_begins_at_the_change(house, lea):
    change = {"from_day": "2027-03-28", "from_time": "2:30", "until_day": "2027-03-28", "until_time": "4:00"}
    lea.post("/places/laser/blocks", data={**TOMORROW, **change, "reason": "x"})
    [row] = rows()
    assert (row.ends_at - row.starts_at).total_seconds() == 3600


def test_seats_are_offered_only_where_there_are_several(house, lea):
    assert 'name="extent"' in lea.get("/places/table/blocks").text
    assert 'name="extent"' not in lea.get("/places/laser/blocks").text
    lea.post("/places/table/blocks", data={**TOMORROW, "extent": "lane", "reason": "Broken lamp"})
    assert len(rows()) == 1
    assert "one seat" in text(lea.get("/places/table/blocks"))


def test_two_clicks_block_once(house, lea):
    for _ in range(2):
        assert lea.post("/places/laser/blocks", data={**TOMORROW, "reason": "x", "key": "k"}).status_code == 303
    assert len(rows()) == 1


def test_a_block_of_another_place_is_not_released_here(house, lea):
    with transaction():
        made = blocks.block(
            actor=acting(house.lea),
            resource_id=house.cnc.id,
            period=stretch("10:00", "11:00"),
            purpose=Purpose.CLOSURE,
            reason="x",
        )
    assert lea.post(f"/places/laser/blocks/{made.id}/release").status_code == 404
    assert len(rows()) == 1


# ── how much it costs ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/places", "/hours", "/places/workshop/hours", "/places/laser/blocks"])
def test_a_page_costs_the_same_statements_whatever_it_shows(house, lea, statements, path):
    with transaction():
        for day in (1, 2):
            blocks.block(
                actor=acting(house.lea), resource_id=house.laser.id, period=stretch("10:00", "11:00", f"2026-12-0{day}"),
                purpose=Purpose.CLOSURE, reason="x",
            )  # fmt: skip
    lea.get(path)
    statements.clear()
    lea.get(path)
    few = len(statements)
    other = a_member("Paul Brun", roles=())
    for number in range(12):
        special(house.workshop, f"2026-12-{number + 1:02}", hours="10-12")
        save(Resource(kind=Kind.SPACE, parent_id=house.site.id, name={"fr": f"Salle {number}"}, slug=f"room-{number}"))
        with transaction():
            resources.touch([house.site.id])
            blocks.block(
                actor=BOSS, resource_id=house.laser.id, period=stretch("12:00", "13:00", f"2026-12-{number + 1:02}"),
                purpose=Purpose.CLOSURE, reason=other.name,
            )  # fmt: skip
    lea.get(path)
    statements.clear()
    lea.get(path)
    assert len(statements) == few <= 10


@pytest.mark.parametrize("path", ["/places/site/exceptions/{}/removal", "/places/laser/blocks/{}/release"])
def test_a_number_beyond_any_is_nobodys(lea, path):
    assert lea.post(path.format("9" * 20)).status_code == 404
