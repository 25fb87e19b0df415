"""The JSON edge: problems instead of pages, tokens with scopes, one effect a key, and a document that is true."""

from __future__ import annotations

import pytest
from flask import request
from sqlalchemy import select

from app.kernel.actors import Actor, Door
from app.kernel.audit import AuditEntry
from app.kernel.db import db
from tests.builders import a_member

API = "/api/v1"


@pytest.fixture
def holder(probe, monkeypatch):
    """`holder("desk")`: a program whose token has these scopes; `holder(session=True)`: a signed-in browser."""
    member = a_member()

    def identify():
        told = request.headers.get("X-Test-Scopes")
        if told is None:
            return None
        scopes = None if told == "session" else frozenset(told.split())
        return member, Actor(member.id, door=Door.API, scopes=scopes)

    monkeypatch.setitem(probe.extensions, "identify", identify)

    def of(*scopes, session=False):
        client = probe.test_client()
        client.environ_base["HTTP_X_TEST_SCOPES"] = "session" if session else " ".join(scopes)
        return client

    return of


def acts() -> int:
    db.session.rollback()
    return len(db.session.scalars(select(AuditEntry)).all())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/probe/bug", 405),
        ("GET", "/probe/bug", 500),
        ("GET", "/probe/no", 409),
        ("GET", "/probe/desk", 401),
    ],
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_error_is_a_problem(visitor, method, path, status, language):
    response = visitor.open(f"{API}{path}", method=method, headers={"Accept-Language": language})
    assert response.status_code == response.json["status"] == status
    assert response.content_type == "application/problem+json"
    assert {"type", "title", "detail"} <= set(response.json)
    assert "secret of the house" not in response.text


def test_a_bug_gives_the_number_of_its_line_in_the_log(visitor, caplog):
    told = visitor.get(f"{API}/probe/bug", headers={"Accept-Language": "en"}).json["detail"]
    [line] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert told.rsplit(" ", 1)[1] in line.getMessage()


def test_a_method_that_is_not_allowed_says_which_are(visitor):
    assert "GET" in visitor.post(f"{API}/probe/bug").headers["Allow"]


def test_a_refusal_carries_all_its_reasons_as_data_and_as_words(visitor):
    found = visitor.get(f"{API}/probe/no", headers={"Accept-Language": "en"}).json
    assert [(one["code"], one["message"], one["next_step"]) for one in found["reasons"]] == [("probe.no", "Closed", "Home")] * 2
    assert found["reasons"][0]["params"] == {"at": "2026-11-26T09:00:00+00:00"}
    assert found["reasons"][1]["params"] == {"count": 3}
    french = visitor.get(f"{API}/probe/no", headers={"Accept-Language": "fr"}).json
    assert french["reasons"][0]["message"] == "Fermé"
    assert french["reasons"][0]["code"] == "probe.no"


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_opens_what_its_scopes_say(holder, visitor):
    assert holder("desk").get(f"{API}/probe/desk").status_code == 200
    assert holder("profile", "manage").get(f"{API}/probe/desk").status_code == 403
    assert holder().get(f"{API}/probe/desk").status_code == 403
    nobody = visitor.get(f"{API}/probe/desk")
    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_browser_may_read_and_never_write(holder):
    browser = holder(session=True)
    assert browser.get(f"{API}/probe/desk").status_code == 200
    assert browser.head(f"{API}/probe/desk").status_code == 200
    assert browser.post(f"{API}/probe/act").status_code == 401
    assert acts() == 0


# ── one effect a key ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_key_and_body_act_once(holder):
    program = holder("desk")
    answers = [program.post(f"{API}/probe/act", json={"a": 1}, headers={"Idempotency-Key": "k"}).json for _ in range(3)]
    assert answers == [{"number": 1}] * 3
    assert acts() == 1


def test_the_same_key_with_another_body_is_told_to_be_a_mistake(holder):
    program = holder("desk")
    program.post(f"{API}/probe/act", json={"a": 1}, headers={"Idempotency-Key": "k"})
    response = program.post(f"{API}/probe/act", json={"a": 2}, headers={"Idempotency-Key": "k"})
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert acts() == 1


def test_a_refused_call_forgets_its_key(holder, probe):
    program = holder("desk")
    probe.extensions["probe"].failures = 1
    first, again = (program.post(f"{API}/probe/act", headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (409, 200)
    assert acts() == 1


def test_a_call_without_a_key_always_acts(holder):
    program = holder("desk")
    for _ in range(2):
        program.post(f"{API}/probe/act")
    assert acts() == 2


# ── the document ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_document_is_openapi_3_1_and_names_the_token(visitor):
    found = visitor.get(f"{API}/openapi.json").json
    assert found["openapi"].startswith("3.1")
    assert found["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}


def test_every_endpoint_says_what_it_does_and_every_error_is_a_problem(visitor):
    found = visitor.get(f"{API}/openapi.json").json
    silent, dressed_wrong = [], []
    for path, methods in found["paths"].items():
        for method, told in methods.items():
            if method == "parameters" or "/probe/" in path:
                continue
            if not told.get("summary"):
                silent.append((method, path))
            for status, answer in told["responses"].items():
                if status.isdigit() and int(status) >= 400:
                    kinds = set(_resolved(found, answer).get("content", {}))
                    if kinds != {"application/problem+json"}:
                        dressed_wrong.append((method, path, status, kinds))
    assert silent == []
    assert dressed_wrong == []


def _resolved(document, answer):
    if "$ref" not in answer:
        return answer
    return document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
