"""Places and openings as JSON, public, with every answer declared."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.accounts import lab
from app.kernel.db import transaction
from tests.calendar.scene import BOSS, open_on, special

API = "/api/v1"


def test_the_tree_is_public_and_parents_come_first(house, client):
    found = client.get(f"{API}/places").json
    assert [(one["slug"], one["kind"], one["parent"], one["capacity"]) for one in found] == [
        ("site", "site", None, 1),
        ("workshop", "space", "site", 1),
        ("laser", "machine", "workshop", 1),
        ("cnc", "machine", "workshop", 1),
        ("sewing", "space", "site", 1),
        ("table", "machine", "sewing", 6),
    ]
    assert found[0]["name"] == {"fr": "La Forge", "en": "The Forge"}


def test_openings_are_a_week_from_today_of_the_site_unless_asked_otherwise(house, client):
    found = client.get(f"{API}/opening").json
    assert found["place"] == "site"
    assert [one["day"] for one in found["days"]] == [(date(2026, 11, 26) + timedelta(days=n)).isoformat() for n in range(7)]
    assert found["days"][0] == {
        "day": "2026-11-26",
        "source": "weekly",
        "holiday": None,
        "note": {},
        "opening": [{"start": "2026-11-26T09:00:00+00:00", "end": "2026-11-26T18:00:00+00:00"}],
    }
    assert [len(one["opening"]) for one in found["days"]] == [1, 1, 0, 0, 0, 1, 1]


def test_each_day_says_what_decided_it(house, client):
    open_on(house.laser, range(7), "0:00–24:00")
    special(house.laser, "2027-03-30", en="Repair")
    found = client.get(f"{API}/opening?from=2027-03-27&to=2027-03-30&place=laser", headers={"Accept-Language": "en"}).json["days"]
    assert [(one["source"], one["holiday"], one["note"]) for one in found] == [
        ("weekly", None, {}),
        ("weekly", None, {}),
        ("holiday", "Easter Monday", {}),
        ("special", None, {"en": "Repair"}),
    ]
    [night] = found[1]["opening"]
    assert night == {"start": "2027-03-27T23:00:00+00:00", "end": "2027-03-28T22:00:00+00:00"}


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ("from=2027-01-01&to=2027-04-02", 200, None),
        ("from=2027-01-01&to=2027-04-03", 422, "to"),
        ("from=2027-01-02&to=2027-01-01", 422, "to"),
        ("to=2027-01-01", 422, "from"),
        ("from=soon", 422, "from"),
        ("from=1999-12-31", 422, "from"),
        ("from=9999-12-31", 422, "from"),
        ("from=2199-12-31&to=2199-12-31", 200, None),
        ("place=nothing", 404, None),
        ("place=", 422, "place"),
        ("place=a%00b", 422, "place"),
    ],
)
def test_wrong_questions_are_told_by_field(house, client, asked, status, field):
    response = client.get(f"{API}/opening?{asked}")
    assert response.status_code == status
    if status != 200:
        assert response.content_type == "application/problem+json"
    if field:
        assert field in str(response.json["errors"])


def test_without_a_site_there_is_nothing_to_open(app, client):
    assert client.get(f"{API}/places").json == []
    assert client.get(f"{API}/opening").status_code == 404


def test_a_change_of_holidays_is_seen_at_once(house, client):
    asked = f"{API}/opening?from=2027-05-06&to=2027-05-06"
    assert client.get(asked).json["days"][0]["opening"] == []
    with transaction():
        lab.change(actor=BOSS, closes_on_holidays=False)
    assert len(client.get(asked).json["days"][0]["opening"]) == 1


def test_the_document_declares_every_answer(house, client):
    paths = client.get(f"{API}/openapi.json").json["paths"]
    assert set(paths["/api/v1/places"]["get"]["responses"]) == {"200"}
    assert set(paths["/api/v1/opening"]["get"]["responses"]) == {"200", "404", "422"}


def test_openings_cost_a_constant_number_of_statements(house, client, statements):
    client.get(f"{API}/opening")
    statements.clear()
    client.get(f"{API}/opening?from=2027-01-01&to=2027-01-02&place=laser")
    few = len(statements)
    statements.clear()
    client.get(f"{API}/opening?from=2027-01-01&to=2027-03-31&place=laser")
    assert len(statements) == few <= 6
