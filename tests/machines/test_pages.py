"""Pages about machines and reservations: who may open what, three clicks to an hour, nothing typed is lost, no surprise."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.kernel import clock
from app.kernel.db import db, transaction
from billing import charges
from billing.pricing import RateTerms, price_time
from machines import links, proposals, queries, screens
from machines.models import Machine, Reservation
from machines.rules import Status
from tests.builders import a_member, acting
from tests.machines.scene import at, book, cancel, check_in, crowd, end, fresh, ready, set_clock
from tests.machines.test_outages import FIELDS, put_out, report, retire


def text(response):
    return response.get_data(as_text=True)


def count(model=Reservation):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


# ── every route, every role ──────────────────────────────────────────────────────────────────────────────────────────

# what a visitor, the member (Ada), another member, a trainer, an accountant, a manager and an administrator get
READING = [
    ("/machines", 200, 200, 200, 200, 200, 200, 200),
    ("/machines?show=mine", 200, 200, 200, 200, 200, 200, 200),
    ("/machines/laser-1", 200, 200, 200, 200, 200, 200, 200),
    ("/machines/nothing", 404, 404, 404, 404, 404, 404, 404),
    ("/machines/a%00b", 404, 404, 404, 404, 404, 404, 404),
    ("/machines/laser-1.ics", 200, 200, 200, 200, 200, 200, 200),
    ("/machines/pictures/nothing.webp", 404, 404, 404, 404, 404, 404, 404),
    ("/machines/pictures/..%2f..%2fetc%2fpasswd", 404, 404, 404, 404, 404, 404, 404),
    ("/machines/laser-1/screen/forged", 404, 404, 404, 404, 404, 404, 404),
    ("/timetable", 200, 200, 200, 200, 200, 200, 200),
    ("/timetable?day=2026-11-29&show=mine", 200, 200, 200, 200, 200, 200, 200),
    ("/first-free", 303, 200, 200, 200, 200, 200, 200),
    ("/reservations", 303, 200, 200, 200, 200, 200, 200),
    ("/reservations/{row}", 303, 200, 404, 404, 404, 200, 200),
    ("/reservations/999999", 303, 404, 404, 404, 404, 404, 404),
    ("/reservations/99999999999999999999", 404, 404, 404, 404, 404, 404, 404),
    ("/reservations/{row}/completion", 303, 303, 404, 404, 404, 303, 303),
    ("/machines/laser-1/check-in", 303, 200, 200, 200, 200, 200, 200),
    ("/machines/nothing/check-in", 303, 404, 404, 404, 404, 404, 404),
    ("/machines/laser-1/faults", 303, 200, 200, 200, 200, 200, 200),
    ("/machines/new", 303, 403, 403, 403, 403, 200, 200),
    ("/machines/laser-1/edit", 303, 403, 403, 403, 403, 200, 200),
    ("/calendar/nothing.ics", 404, 404, 404, 404, 404, 404, 404),
    ("/r/nothing", 404, 404, 404, 404, 404, 404, 404),
]
WRITING = [
    ("/machines/laser-1/reservations", 303, 422, 422, 422, 422, 422, 422),
    ("/machines/nothing/reservations", 303, 404, 404, 404, 404, 404, 404),
    ("/reservations/{row}/period", 303, 422, 404, 404, 404, 422, 422),
    ("/reservations/{row}/extension", 303, 303, 404, 404, 404, 303, 303),
    ("/reservations/{row}/completion", 303, 422, 404, 404, 404, 422, 422),
    ("/reservations/{row}/cancellation", 303, 303, 404, 404, 404, 303, 303),
    ("/reservations/{row}/presence", 303, 403, 403, 403, 403, 303, 303),
    ("/reservations/99999999999999999999/presence", 404, 404, 404, 404, 404, 404, 404),
    ("/machines/laser-1/check-in", 303, 422, 200, 200, 200, 200, 200),
    ("/machines/laser-1/faults", 303, 422, 422, 422, 422, 422, 422),
    ("/machines/laser-1/screen", 303, 403, 403, 403, 403, 303, 303),
    ("/machines/laser-1/screen/renewal", 303, 403, 403, 403, 403, 303, 303),
    ("/machines/new", 303, 403, 403, 403, 403, 422, 422),
    ("/machines/laser-1/edit", 303, 403, 403, 403, 403, 422, 422),
    ("/machines/laser-1/outage", 303, 403, 403, 403, 403, 303, 303),
    ("/machines/laser-1/return", 303, 403, 403, 403, 403, 303, 303),
    ("/machines/laser-2/retirement", 303, 403, 403, 403, 403, 303, 404),
    ("/incidents/{incident}/resolution", 303, 403, 403, 403, 403, 303, 303),
    ("/r/nothing/cancellation", 404, 404, 404, 404, 404, 404, 404),
    ("/r/nothing/period", 404, 404, 404, 404, 404, 404, 404),
]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", path, expected) for path, *expected in READING] + [("POST", path, expected) for path, *expected in WRITING],
)
def test_every_page_answers_each_person_as_declared(shop, as_, method, path, expected):
    row, incident = book(shop.ada, shop.laser1), report(shop.ben, shop.laser1)
    people = (None, shop.ada, shop.ben, shop.chloe, shop.alba, shop.lea, shop.adele)
    path = path.format(row=row.id, incident=incident.id)
    assert [as_(person).open(path, method=method).status_code for person in people] == expected


def test_no_page_was_forgotten(app):
    declared = {re.sub(r"\{\w+\}|nothing|laser-\d|9{6,}|forged", "*", path.split("?")[0]) for path, *_rest in READING + WRITING}
    ours = ("machines.", "reservations.", "machine_admin.", "feeds.")
    rules = {re.sub(r"<[^>]+>", "*", rule.rule) for rule in app.url_map.iter_rules() if rule.endpoint.startswith(ours)}
    known = {path.replace("%2f", "/") for path in declared} | {"/machines/pictures/*", "/machines/*/screen/*"}
    assert rules - known == set()


def test_a_visitor_who_posts_changes_nothing(shop, as_):
    row = book(shop.ada, shop.laser1)
    for path in ("cancellation", "period", "completion", "presence", "extension"):
        as_(None).post(f"/reservations/{row.id}/{path}", data={"key": "k"})
    assert fresh(row).revision == 0


# ── three clicks to an hour ──────────────────────────────────────────────────────────────────────────────────────────


def links_of(page):
    return re.findall(r'href="([^"]+)"', page)


def form_of(page, action):
    """What the browser would send from the form with that action, untouched."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}[^"]*".*?</form>', page, re.DOTALL).group()
    fields = re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', form)
    fields += [(name, value) for value, name in re.findall(r'<input[^>]*value="([^"]*)"[^>]*name="(\w+)"', form)]
    return dict(fields) | dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*type="\w+"[^>]*value="([^"]*)"', form))


def test_machine_proposed_slot_book_is_all_it_takes(shop, as_):
    ada = as_(shop.ada)
    catalogue = text(ada.get("/machines"))
    assert "/machines/laser-1" in links_of(catalogue)
    page = text(ada.get("/machines/laser-1"))  # first click
    fields = form_of(page, "/machines/laser-1/reservations")
    assert (fields["day"], fields["start"][:5], fields["minutes"]) == ("2026-11-26", "10:00", "120")
    response = ada.post("/machines/laser-1/reservations", data=fields)  # second
    assert response.status_code == 303
    [row] = db.session.scalars(select(Reservation)).all()
    assert response.location.endswith(f"/reservations/{row.id}")
    assert row.period.start == at("10:00", "2026-11-26")


def test_before_confirming_the_card_says_price_rules_and_the_last_free_moment(shop, as_):
    with transaction():
        db.session.merge(shop.laser1).house_rules = {"fr": "On reste à côté."}
    page = text(as_(shop.ada).get("/machines/laser-1?start=2026-11-27T14:00&minutes=120"))
    card = page[page.index('id="book"') : page.index("</aside>")]
    assert "36,00\u00a0€" in card
    assert "vendredi 27 novembre, 12\u00a0h" in card
    assert 'href="#rules"' in card
    assert "On reste à côté." in page
    soon = text(as_(shop.ada).get("/machines/laser-1?start=2026-11-26T11:00&minutes=120"))
    assert "5\u00a0min" in soon[soon.index('id="book"') : soon.index("</aside>")]


def test_the_length_and_the_project_of_the_last_time_are_proposed(shop, as_):
    book(shop.ada, shop.laser1, "09:00", 1, project="A lamp")
    fields = form_of(text(as_(shop.ada).get("/machines/laser-1")), "/machines/laser-1/reservations")
    assert (fields["minutes"], fields["project"]) == ("60", "A lamp")


def test_a_free_stretch_of_the_timetable_leads_to_the_same_card(shop, as_):
    ada = as_(shop.ada)
    page = text(ada.get("/timetable?day=2026-11-27"))
    url = next(link for link in links_of(page) if "laser-1?start=2026-11-27T13" in link).replace("&amp;", "&")
    fields = form_of(text(ada.get(url)), "/machines/laser-1/reservations")
    assert (fields["day"], fields["start"][:5]) == ("2026-11-27", "14:00")
    assert ada.post("/machines/laser-1/reservations", data=fields).status_code == 303


def test_the_first_free_two_hours_lead_to_the_same_card(shop, as_):
    ada = as_(shop.ada)
    page = text(ada.get("/first-free?minutes=120"))
    urls = [link.replace("&amp;", "&") for link in links_of(page) if "?start=" in link]
    assert len(urls) == 4
    assert all("minutes=120" in url for url in urls)
    assert form_of(text(ada.get(urls[0])), "/machines/laser-1/reservations")["start"][:5] == "10:00"


@pytest.mark.parametrize("minutes", ["0", "-5", "7", "99999", "x", "1000000000000000000000", ""])
def test_any_length_in_the_address_is_borne(shop, as_, minutes):
    ada = as_(shop.ada)
    assert ada.get(f"/first-free?minutes={minutes}").status_code == 200
    assert ada.get(f"/machines/laser-1?minutes={minutes}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "start=soon", "start=0001-01-01T00:00", "start=9999-12-31T23:59", "start=2027-03-28T02:30", "start=2026-11-20T10:00",
        "start=2026-11-27T14:00%2B25:00", "start=", "week=soon", "week=0001-01-01", "week=9999-12-31", "start=2026-11-27",
        "start=2026-11-27T14:00&minutes=999999999", "project=%3Cscript%3E", "start=%00",
    ],
)  # fmt: skip
def test_any_address_of_a_machine_is_borne(shop, as_, query):
    for who in (None, shop.ada):
        response = as_(who).get(f"/machines/laser-1?{query}")
        assert response.status_code == 200
        assert "<script>" not in text(response).replace('<script src="', "").replace("<script nonce", "")


@pytest.mark.parametrize("query", ["day=soon", "day=0001-01-01", "day=9999-12-31", "show=x", "show=999999", "day=%00"])
def test_any_address_of_the_timetable_is_borne(shop, as_, query):
    assert as_(shop.ada).get(f"/timetable?{query}").status_code == 200


# ── refused, and nothing lost ────────────────────────────────────────────────────────────────────────────────────────

WANTED = {"day": "2026-11-27", "start": "14:00", "minutes": "120", "project": "A lamp", "key": "k"}
URL = "/machines/laser-1/reservations"


def test_a_taken_slot_keeps_what_was_typed_and_its_alternatives_really_book(shop, as_):
    book(ready(shop, "Zoé Neuf"), shop.laser1)
    ada = as_(shop.ada)
    response = ada.post(URL, data=WANTED)
    page = text(response)
    assert response.status_code == 409
    assert 'value="A lamp"' in page
    found = [link.replace("&amp;", "&") for link in links_of(page) if "project=A+lamp" in link]
    assert len(found) == 3
    for link in found:
        slug = re.search(r"/machines/([\w-]+)", link).group(1)
        fields = form_of(text(ada.get(link)), f"/machines/{slug}/reservations")
        assert fields["project"] == "A lamp"
        made = ada.post(f"/machines/{slug}/reservations", data=fields)
        assert made.status_code == 303
        cancel(shop.ada, db.session.scalars(select(Reservation).order_by(Reservation.id.desc()).limit(1)).one())


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"day": ""}, 422),
        ({"day": "soon"}, 422),
        ({"day": "0001-01-01"}, 422),
        ({"day": "9999-12-31"}, 422),
        ({"start": ""}, 422),
        ({"start": "25:00"}, 422),
        ({"minutes": "x"}, 422),
        ({"minutes": "99999999999999999999"}, 422),
        ({"project": "x" * 121}, 422),
        ({"project": "a\x00b"}, 422),
        ({"day": "2026-11-26", "start": "09:00"}, 409),
        ({"minutes": "0"}, 409),
        ({"minutes": "-60"}, 409),
        ({"start": "18:00"}, 409),
        ({"day": "2027-03-28", "start": "02:30"}, 409),
        ({"minutes": "8000"}, 409),
    ],
)
def test_a_time_that_cannot_be_names_its_reason_and_keeps_the_rest(shop, as_, changes, status):
    response = as_(shop.ada).post(URL, data=WANTED | changes)
    page = text(response)
    assert response.status_code == status
    assert 'name="project"' in page
    if "project" not in changes:
        assert 'value="A lamp"' in page
    assert ("form-errors" in page) is (status == 422)
    assert ('class="reasons"' in page) is (status == 409)
    assert count() == 0


def test_a_newcomer_sees_every_reason_with_its_next_step(shop, as_):
    page = text(as_(shop.ben).get("/machines/laser-1?start=2026-11-27T14:00&minutes=120"))
    assert "/competences/safety" in page
    assert "/competences/laser" in page
    response = as_(shop.ben).post(URL, data=WANTED)
    assert response.status_code == 409
    assert "safety (en)" in text(response)
    assert count() == 0


@pytest.mark.parametrize(
    ("changes", "link"),
    [
        ({"email_proved_at": None}, "/account"),
        ({"suspended_at": "now", "suspension_reason": "Left it alone"}, None),
    ],
)
def test_each_reason_about_the_person_has_its_way_out(shop, as_, changes, link):
    if changes.get("suspended_at"):
        changes = changes | {"suspended_at": clock.now()}
    zoe = a_member("Zoé Neuf", charter=shop.charter, **changes)
    page = text(as_(zoe).get("/machines/bench?start=2026-11-27T14:00&minutes=120"))
    reasons = page[page.index('class="reasons"') : page.index("</aside>")]
    assert (link in reasons) if link else ("Left it alone" in reasons)


def test_who_owes_is_led_to_the_bill(shop, as_):
    clock.set_clock(clock.now() - timedelta(days=40))
    line = charges.NewLine(label={"fr": "Laser"}, price=price_time(60, RateTerms(1000)))
    with transaction():
        charges.open_charge(actor=acting(shop.lea), payer_id=shop.ben.id, subject="test:1", lines=[line], at=clock.now())
    clock.set_clock(clock.now() + timedelta(days=40))
    response = as_(shop.ben).post("/machines/bench/reservations", data=WANTED)
    assert response.status_code == 409
    assert 'class="reasons"' in text(response)


def test_two_clicks_make_one_reservation_and_two_tabs_are_told(shop, as_):
    ada = as_(shop.ada)
    first, second = (ada.post(URL, data=WANTED) for _ in range(2))
    assert first.location == second.location
    assert count() == 1
    assert ada.post(URL, data=WANTED | {"key": "another"}).status_code == 409
    assert count() == 1


def test_a_form_without_its_token_books_nothing(app, shop):
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = shop.ada.get_id(), True
    assert client.post(URL, data=WANTED).status_code in (400, 422)
    assert count() == 0


# ── managers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_manager_books_for_a_member_by_their_address(shop, as_):
    lea = as_(shop.lea)
    response = lea.post(URL, data=WANTED | {"member": f" {shop.ada.email.upper()} "})
    assert response.status_code == 303
    assert db.session.scalars(select(Reservation)).one().member_id == shop.ada.id
    assert "Ada Lovelace" in text(lea.get(response.location))


@pytest.mark.parametrize(("who", "member", "status"), [("lea", "nobody@lab.test", 422), ("ada", "ben", 422), ("lea", "ben", 409)])
def test_nobody_is_booked_for_who_cannot_be(shop, as_, who, member, status):
    address = shop.ben.email if member == "ben" else member
    response = as_(getattr(shop, who)).post(URL, data=WANTED | {"member": address})
    assert response.status_code == status
    assert address in text(response) or who == "ada"
    assert count() == 0


def test_a_member_cannot_write_a_reason_for_an_exception(shop, as_):
    assert as_(shop.ada).post(URL, data=WANTED | {"start": "18:00", "override_reason": "Please"}).status_code == 403
    response = as_(shop.lea).post(
        URL, data=WANTED | {"start": "18:00", "override_reason": "Open evening", "member": shop.ada.email}
    )
    assert response.status_code == 303


# ── the machine's page ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_says_how_far_one_is(shop, as_):
    assert "2 steps left" in text(as_(shop.ben).get("/machines/laser-1"))
    assert "26 novembre 2027" in text(as_(shop.ada).get("/machines"))
    assert "Certification needed" in text(as_(None).get("/machines", headers={"Accept-Language": "en"}))
    assert "Open to all" in text(as_(None).get("/machines", headers={"Accept-Language": "en"}))


def test_an_outage_and_faults_are_told_and_nothing_is_proposed(shop, as_):
    report(shop.ben, shop.laser1, text="It <i>smells</i>", stops=True)
    page = text(as_(shop.ada).get("/machines/laser-1"))
    assert "It &lt;i&gt;smells" in page
    assert f'action="{URL}' not in page
    assert as_(shop.ada).post(URL, data=WANTED).status_code == 409
    put_out(shop.lea, shop.laser2, until=at("12:00"))
    fields = form_of(text(as_(shop.ada).get("/machines/laser-2")), "/machines/laser-2/reservations")
    assert (fields["day"], fields["start"][:5]) == ("2026-11-27", "12:00")


def test_a_retired_machine_refuses_politely(shop, as_):
    retire(shop.lea, shop.laser1)
    response = as_(shop.ada).post(URL, data=WANTED)
    assert response.status_code == 409
    assert count() == 0


def test_a_week_further_on_shows_that_week_and_proposes_in_it(shop, as_):
    page = text(as_(shop.ada).get("/machines/laser-1?week=2026-12-10"))
    assert form_of(page, URL)["day"] == "2026-12-10"
    assert "week=2026-12-14" in page
    assert "week=2026-11-30" in page
    shown = text(as_(shop.ada).get("/machines/laser-1?start=2026-12-17T10:00"))
    assert "week=2026-12-21" in shown


def test_when_all_is_taken_for_weeks_the_next_free_time_is_still_found(shop):
    with transaction():
        machine = db.session.merge(shop.printer)
        machine.horizon_days, machine.ahead_most, machine.longest_minutes = 60, 100, 8640
    for n in range(18):
        day = (clock.today() + timedelta(days=n)).isoformat()
        if n not in (3, 10, 17):
            book(shop.lea, shop.printer, "09:00" if n else "10:00", 10 if n else 9, day=day)
    db.session.rollback()
    found = proposals.first(queries.machine("printer"), shop.ada.id, 120)
    assert found.start == at("09:00", "2026-12-14")


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def photo(size=(1200, 900), kind="JPEG"):
    written = io.BytesIO()
    Image.new("RGB", size, "orange").save(written, kind)
    return written.getvalue()


def stored(app):
    folder = app.extensions["settings"].uploads / "machines"
    return set(folder.iterdir()) if folder.exists() else set()


def with_photo(shop, data, name):
    return FIELDS | {"space": str(shop.space.id), "photo": (io.BytesIO(data), name)}


@pytest.mark.parametrize("name", ["photo.jpg", "../../etc/passwd", "photo.exe", "été.png", ""])
def test_a_photo_is_kept_under_a_name_of_ours_whatever_its_own(app, shop, as_, name):
    before = stored(app)
    response = as_(shop.lea).post("/machines/new", data=with_photo(shop, photo(), name or "x.jpg"))
    assert response.status_code == 303
    [path] = stored(app) - before
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.webp", path.name)
    machine = queries.machine("cutter")
    assert machine.picture == path.name
    seen = as_(None).get(f"/machines/pictures/{path.name}")
    assert (seen.status_code, seen.mimetype) == (200, "image/webp")
    assert path.name in text(as_(None).get("/machines"))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"MZ\x90\x00 this is a program", "photo.jpg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "photo.svg"),
        (photo()[:200], "cut.jpg"),
        (b"", "empty.jpg"),
        (b"\xff\xd8\xff" + b"0" * (11 * 1024 * 1024), "large.jpg"),
    ],
)
def test_what_is_no_photo_is_refused_by_its_field_and_nothing_is_stored(app, shop, as_, data, name):
    before = stored(app)
    response = as_(shop.lea).post("/machines/new", data=with_photo(shop, data, name))
    assert response.status_code == 422
    assert 'value="Cutter"' in text(response)
    assert (stored(app), count(Machine)) == (before, 4)


def test_twelve_megabytes_are_too_many(app, shop, as_):
    before = stored(app)
    response = as_(shop.lea).post("/machines/new", data=with_photo(shop, b"\xff\xd8" + b"0" * (13 * 1024 * 1024), "x.jpg"))
    assert response.status_code == 413
    assert (stored(app), count(Machine)) == (before, 4)


def test_saving_without_a_photo_keeps_the_old_one(shop, as_):
    lea = as_(shop.lea)
    lea.post("/machines/new", data=with_photo(shop, photo(), "x.jpg"))
    before = queries.machine("cutter").picture
    lea.post("/machines/cutter/edit", data=FIELDS | {"space": str(shop.space.id), "name_en": "Other", "key": "k2"})
    db.session.rollback()
    after = queries.machine("cutter")
    assert (after.picture, after.name["en"]) == (before, "Other")


# ── few statements ───────────────────────────────────────────────────────────────────────────────────────────────────

STATEMENTS = {
    "/machines": 13,
    "/machines/laser-1": 35,
    "/timetable?day=2026-11-27": 17,
    "/first-free": 16,
    "/reservations": 7,
    "/reservations/1": 7,
    "/machines/laser-1/check-in": 5,
    "/machines/laser-1/edit": 8,
}


@pytest.mark.parametrize(("url", "number"), list(STATEMENTS.items()))
def test_a_page_issues_as_many_statements_full_as_empty(shop, as_, statements, url, number):
    who = shop.lea if url.endswith("edit") else shop.ada
    book(shop.ada, shop.laser1)
    client = as_(who)
    few = _statements(client, url, statements)
    for n, zoe in enumerate(crowd(shop, 6)):
        book(zoe, shop.laser2, f"{9 + n:02}:15", 0.75)
        cancel(shop.ada, book(shop.ada, shop.printer, f"{9 + n:02}:00", 0.5, day="2026-11-28"))
        report(zoe, shop.laser1)
    for hour in ("10:00", "12:00", "14:00"):
        book(shop.ada, shop.bench, hour, 1, day="2026-12-01")
    many = _statements(client, url, statements)
    assert few == many <= number, statements


def _statements(client, url, statements):
    client.get(url)
    statements.clear()
    assert client.get(url).status_code == 200
    return len(statements)


# ── fragments, links ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "has"), [("/timetable", "data-kind"), ("/first-free", "?start="), ("/reservations", 'id="reservations"')]
)
def test_htmx_gets_the_part_it_asks_for(shop, as_, url, has):
    book(shop.ada, shop.laser1)
    response = as_(shop.ada).get(url, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert has in text(response)
    assert "<html" not in text(response)
    assert "HX-Request" in response.headers["Vary"]


def test_the_screen_refreshes_its_part_only(shop, as_):
    url = f"/machines/laser-1/screen/{screens.token(shop.laser1)}"
    response = as_(None).get(url, headers={"HX-Request": "true"})
    assert "<html" not in text(response)
    assert "<svg" in text(response)


def test_my_reservations_show_what_runs_comes_and_was(shop, as_):
    rows = [book(shop.ada, machine, start, 1) for machine, start in ((shop.laser1, "14:00"), (shop.bench, "16:00"))]
    set_clock("14:00")
    check_in(shop.ada, rows[0], shop.laser1)
    page = text(as_(shop.ada).get("/reservations"))
    assert f"/reservations/{rows[0].id}/completion" in page
    assert f"/reservations/{rows[0].id}/extension" in page
    assert shop.ada.calendar_token in page
    end(shop.ada, rows[0])
    page = text(as_(shop.ada).get("/reservations"))
    assert "18,00" in page
    assert f"/reservations/{rows[1].id}" in page
    assert shop.ben.calendar_token not in page


def test_a_page_by_link_needs_no_account_and_shows_nothing_private(shop, as_):
    row = book(shop.ada, shop.laser1)
    page = text(as_(None).get(f"/r/{links.token(row)}"))
    assert "laser-1 (fr)" in page
    assert row.desk_code not in re.sub(r'value="[^"]*"|token=[^"]*', "", page)
    assert shop.ada.email not in page
    assert fresh(row).status is Status.CONFIRMED


def test_an_extension_from_the_page_says_how_much(shop, as_):
    row = book(shop.ada, shop.laser1)
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
    ada = as_(shop.ada)
    response = ada.post(f"/reservations/{row.id}/extension", data={"key": "k"})
    assert "15\u00a0min" in text(ada.get(response.location))
    assert fresh(row).ends_at == at("16:15")
