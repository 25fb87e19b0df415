"""The same acts as JSON: same rules, same refusals, told as problems."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.kernel import clock
from app.kernel.db import db
from tests.trainings.scene import a_certification, certify
from trainings import queries
from trainings.models import Certification

API = "/api/v1"


def codes(response):
    return {reason["code"] for reason in response.json["reasons"]}


def test_anybody_reads_what_the_lab_teaches(lab, client):
    [safety, laser, cnc] = client.get(f"{API}/competences").json
    assert (laser["slug"], laser["valid_months"], laser["prerequisites"]) == ("laser", 24, ["safety"])
    assert (safety["valid_months"], cnc["prerequisites"]) == (None, [])


def test_a_member_reads_what_they_hold_and_wait_for(lab, as_):
    ben = as_(lab.ben, "profile")
    for _ in range(2):
        assert ben.post(f"{API}/competences/laser/interest").status_code == 200
    mine = ben.get(f"{API}/me/competences").json
    assert [(one["competence"], one["state"], one["valid_until"]) for one in mine["competences"]] == [("safety", "held", None)]
    assert mine["interests"] == ["laser"]
    for _ in range(2):
        assert ben.delete(f"{API}/competences/laser/interest").status_code == 204
    assert ben.get(f"{API}/me/competences").json["interests"] == []
    assert codes(ben.post(f"{API}/competences/safety/interest")) == {"trainings.you_hold_it"}


def test_a_trainer_certifies_by_number_or_address_once_a_key(lab, as_):
    chloe = as_(lab.chloe, "trainings")
    given = {"email": lab.ben.email.upper(), "evidence": "demonstration", "note": "Fine"}
    first = chloe.post(f"{API}/competences/laser/certifications", json=given, headers={"Idempotency-Key": "k1"})
    again = chloe.post(f"{API}/competences/laser/certifications", json=given, headers={"Idempotency-Key": "k1"})
    assert first.status_code == again.status_code == 201
    assert first.json == again.json
    assert (first.json["level"], first.json["granted_as"], first.json["valid_until"]) == ("autonomous", "trainer", "2028-11-26")
    assert lab.laser.id in queries.held(lab.ben.id, clock.today())


def test_self_certification_is_refused_by_the_api_too(lab, as_):
    a_certification(lab.chloe, lab.safety, by=lab.lea, valid_until=None)
    before = db.session.scalar(select(func.count()).select_from(Certification))
    response = as_(lab.chloe, "trainings").post(f"{API}/competences/laser/certifications", json={"member_id": lab.chloe.id})
    assert response.status_code == 409
    assert "trainings.yourself" in codes(response)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Certification)) == before


def test_every_refusal_comes_at_once(lab, as_):
    given = {"member_id": lab.ada.id, "level": "trainer", "valid_until": "2026-11-26"}
    response = as_(lab.chloe, "trainings").post(f"{API}/competences/laser/certifications", json=given)
    expected = {"managers_name_trainers", "prerequisite_missing", "ends_too_soon"}
    assert codes(response) == {f"trainings.{code}" for code in expected}


def test_a_trainer_suspends_reinstates_and_revokes(lab, as_):
    row = certify(lab.chloe, lab.ben, lab.laser)
    chloe, url = as_(lab.chloe, "trainings"), f"{API}/certifications/{row.id}"
    assert chloe.post(f"{url}/suspension", json={"reason": "Unsafe"}).status_code == 200
    assert codes(chloe.post(f"{url}/suspension", json={"reason": "Unsafe"})) == {"trainings.already_suspended"}
    assert chloe.post(f"{url}/reinstatement", json={}).status_code == 200
    told = chloe.post(f"{url}/revocation", json={"reason": "Again"}).json
    assert [entry["verb"] for entry in told["history"]] == ["granted", "suspended", "lifted", "revoked"]
    db.session.rollback()
    assert lab.laser.id not in queries.held(lab.ben.id, clock.today())


# what a visitor, a member, a trainer of something else, its trainer and a manager get, each with every scope
ROUTES = [
    ("GET", "/competences", None, 200, 200, 200, 200, 200),
    ("GET", "/me/competences", None, 401, 200, 200, 200, 200),
    ("POST", "/competences/laser/certifications", {"email": "nobody@lab.test"}, 401, 403, 403, 404, 404),
    ("POST", "/competences/nothing/certifications", {"member_id": 1}, 401, 404, 404, 404, 404),
    ("POST", "/certifications/{row}/suspension", {"reason": "x"}, 401, 404, 404, 200, 409),
    ("POST", "/certifications/{row}/reinstatement", {}, 401, 404, 404, 409, 409),
    ("POST", "/certifications/{row}/revocation", {"reason": "x"}, 401, 404, 404, 200, 409),
    ("POST", "/certifications/999999/revocation", {"reason": "x"}, 401, 404, 404, 404, 404),
    ("POST", "/competences/cnc/interest", None, 401, 200, 409, 200, 200),
    ("DELETE", "/competences/cnc/interest", None, 401, 204, 204, 204, 204),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), [(m, p, b, list(e)) for m, p, b, *e in ROUTES])
def test_every_endpoint_answers_each_person_as_declared(lab, as_, method, path, body, expected):
    row = certify(lab.chloe, lab.ben, lab.laser)
    found = []
    for one in (None, lab.ada, lab.carl, lab.chloe, lab.lea):
        client = as_(one, "profile", "trainings") if one else as_(None)
        found.append(client.open(f"{API}{path.format(row=row.id)}", method=method, json=body).status_code)
    assert found == expected


@pytest.mark.parametrize("act", ["suspension", "reinstatement", "revocation"])
def test_ones_own_certification_is_only_read(lab, as_, act):
    row = certify(lab.chloe, lab.ben, lab.laser)
    url = f"{API}/certifications/{row.id}/{act}"
    assert as_(lab.ben, "trainings").post(url, json={"reason": "x", "note": "x"}).status_code in (403, 422)
    body = {"note": "x"} if act == "reinstatement" else {"reason": "x"}
    assert as_(lab.ben, "trainings").post(url, json=body).status_code == 403


@pytest.mark.parametrize(("scopes", "status"), [(("profile",), 403), (("trainings",), 201), ((), 401)])
def test_certifying_needs_the_scope(lab, as_, scopes, status):
    given = {"member_id": lab.ben.id}
    assert as_(lab.chloe, *scopes).post(f"{API}/competences/laser/certifications", json=given).status_code == status


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"member_id": 1, "email": "a@b.c"},
        {"member_id": 2**40},
        {"member_id": "1"},
        {"email": "a\x00b"},
        {"member_id": 1, "level": "wizard"},
        {"member_id": 1, "valid_until": "soon"},
        {"member_id": 1, "note": "x" * 2001},
    ],
)
def test_a_wrong_body_is_unprocessable(lab, as_, given):
    response = as_(lab.chloe, "trainings").post(f"{API}/competences/laser/certifications", json=given)
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
