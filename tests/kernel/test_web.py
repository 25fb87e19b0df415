"""The HTML edge: who gets in, one effect a submission, error pages that help, headers, and no way out to another site."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from flask import request
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.test import create_environ, run_wsgi_app

from app.factory import create_app
from app.kernel import web
from app.kernel.actors import Role
from app.kernel.audit import AuditEntry
from app.kernel.db import db
from tests.builders import a_lab, a_member
from tests.conftest import settings_for


@pytest.fixture(autouse=True)
def _no_forgery_check(request, probe, monkeypatch):
    """Forged forms have tests of their own, which ask for `forgery`."""
    if "forgery" not in request.fixturenames:
        monkeypatch.setitem(probe.config, "WTF_CSRF_ENABLED", False)


@pytest.fixture
def forgery(probe):
    """Forms are checked as in production."""
    assert probe.config.get("WTF_CSRF_ENABLED", True)


def signed_in(probe, *roles: Role, **changes):
    member = a_member(roles=roles, **changes)
    client = probe.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = f"{member.id}:{member.session_epoch}", True
    return client


def acts() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry.verb)))


# ── where one is sent next ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "target", ["/", "/machines", "/machines?day=2026-11-26#book", "/a//b", "/é", "/a%09b", "/x?next=//evil", "/a:b"]
)
def test_a_path_of_this_site_is_followed(target):
    assert web.safe_next(target, "/home") == target


@pytest.mark.parametrize(
    "target",
    [
        None, "", "machines", "//evil.test", "///evil.test", "////evil.test", "https://evil.test", "https:evil.test", "HTTPS:/x",
        "javascript:alert(1)", "/\\evil.test", "\\/evil.test", "\\\\evil.test", "/\t/evil.test", "\t//evil.test", "/\n/evil.test",
        "/\r/evil.test", "/\r\n/evil.test", "/\x00/evil", "/\x0b/evil", "/\x7f/evil", " //evil.test", " /machines",
        "/\u2028/evil",         "/a\r\nSet-Cookie: x=1", "?next=/", "#x", "../x",
    ],
)  # fmt: skip
def test_any_other_address_is_not(target):
    assert web.safe_next(target, "/home") == "/home"


# ── who gets in ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_page_that_says_nothing_asks_for_a_member_and_comes_back_after(probe, visitor):
    response = visitor.get("/probe/members?day=1")
    assert response.status_code == 303
    assert response.location.endswith("next=/probe/members?day%3D1")
    assert signed_in(probe).get("/probe/members").text == "in"


def test_a_fragment_is_sent_to_sign_in_as_a_whole_page(visitor):
    response = visitor.get("/probe/members", headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert "/sign-in" in response.headers["HX-Redirect"]


@pytest.mark.parametrize(
    ("roles", "status"),
    [((), 403), ((Role.TRAINER,), 403), ((Role.ACCOUNTANT,), 403), ((Role.MANAGER,), 200), ((Role.ADMINISTRATOR,), 200)],
)
def test_a_page_for_managers_is_for_managers(probe, roles, status):
    assert signed_in(probe, *roles).get("/probe/managers").status_code == status


def test_a_head_request_asks_for_the_same_rights_and_answers_nothing(probe, visitor):
    assert visitor.head("/probe/members").status_code == 303
    assert visitor.head("/probe/managers").status_code == 303
    response = visitor.head("/probe/hello")
    assert (response.status_code, response.data) == (200, b"")
    assert signed_in(probe).head("/probe/managers").status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/", "/probe/hello", "/probe/members", "/nothing/here", "/static/nothing.css", "/api/v1/nothing"]
)
def test_no_method_on_no_path_is_a_bug(visitor, method, path):
    assert visitor.open(path, method=method).status_code < 500


# ── one submission, one effect ───────────────────────────────────────────────────────────────────────────────────────


def test_two_clicks_act_once_and_lead_to_the_same_place(probe, visitor):
    first, again = (visitor.post("/probe/act", data={"key": "k", "text": "a"}) for _ in range(2))
    assert first.status_code == again.status_code == 303
    assert first.location == again.location
    assert acts() == ["acted"]


def test_going_back_and_changing_the_form_is_another_submission(probe, visitor):
    for text in ("a", "b", "a"):
        visitor.post("/probe/act", data={"key": "k", "text": text})
    assert len(acts()) == 2


def test_a_submission_without_a_key_always_acts(probe, visitor):
    for _ in range(2):
        visitor.post("/probe/act", data={"text": "a"})
    assert len(acts()) == 2


def test_a_key_is_ones_own(probe):
    ada, ben = signed_in(probe), signed_in(probe)
    for client in (ada, ben, ada):
        client.post("/probe/act", data={"key": "k"})
    assert len(acts()) == 2


def test_a_refused_act_forgets_its_key_and_leaves_nothing(probe, visitor):
    probe.extensions["probe"].failures = 1
    assert visitor.post("/probe/act", data={"key": "k"}).location == "/probe/hello"
    assert acts() == []
    assert "number" in visitor.post("/probe/act", data={"key": "k"}).location
    assert acts() == ["acted"]


def test_what_was_typed_cannot_be_guessed_from_the_database(probe, visitor):
    visitor.post("/probe/act", data={"key": "k", "text": "a password"})
    [key] = db.session.execute(db.text("SELECT key FROM submission")).scalars()
    assert "password" not in key
    secret = probe.config["SECRET_KEY"]
    probe.config["SECRET_KEY"] = "another key, just as long as the first"
    try:
        visitor.post("/probe/act", data={"key": "k", "text": "a password"})
        keys = set(db.session.execute(db.text("SELECT key FROM submission")).scalars())
    finally:
        probe.config["SECRET_KEY"] = secret
    assert len(keys) == 2


def test_an_htmx_form_is_sent_on_by_a_header(probe, visitor):
    response = visitor.post("/probe/act", data={"key": "k"}, headers={"HX-Request": "true"})
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["HX-Redirect"].startswith("/probe/hello")


# ── a lost transaction is run again ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_deadlock_is_tried_again_with_the_same_form_and_file(probe, visitor, failures):
    probe.extensions["probe"].failures = failures
    response = visitor.post("/probe/deadlock", data={"text": "typed", "file": (BytesIO(b"a picture"), "a.png")})
    assert response.text == "done"
    assert probe.extensions["probe"].read == [("typed", b"a picture")] * (failures + 1)
    assert acts() == ["acted"]


def test_a_database_that_gives_up_for_good_is_said_to_be_busy(probe, visitor):
    probe.extensions["probe"].failures = 4
    response = visitor.post("/probe/deadlock", data={"text": "typed"}, headers={"Accept-Language": "en"})
    assert response.status_code == 503
    assert "very busy" in response.text
    assert acts() == []


# ── error pages ──────────────────────────────────────────────────────────────────────────────────────────────────────

ERRORS = [
    ("GET", "/nothing/here", 404, "There is nothing here", "rien ici"),
    ("GET", "/probe/gone", 404, "There is nothing here", "rien ici"),
    ("POST", "/probe/hello", 405, "cannot be used that way", "pas"),
    ("GET", "/probe/forbidden", 403, "for the lab", "équipe"),
    ("GET", "/probe/bug", 500, "Something broke on our side", "de notre côté"),
    ("GET", "/probe/bug-in-transaction", 500, "Something broke on our side", "de notre côté"),
]


@pytest.mark.parametrize(("method", "path", "code", "english", "french"), ERRORS)
def test_errors_are_told_in_both_languages_with_their_number(visitor, method, path, code, english, french):
    for language, words in (("en", english), ("fr", french)):
        response = visitor.open(path, method=method, headers={"Accept-Language": language})
        assert response.status_code == code
        assert words in response.text
        assert f'lang="{language}"' in response.text
        assert "secret of the house" not in response.text
        assert "Traceback" not in response.text
        if code == 500:
            assert re.search(r"\b[0-9a-f]{12}\b", response.text)


def test_the_number_of_an_error_is_the_one_in_the_log(visitor, caplog):
    response = visitor.get("/probe/bug")
    [number] = set(re.findall(r"\b[0-9a-f]{12}\b", response.text))
    [line] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert number in line.getMessage()
    assert "secret of the house" in str(line.exc_info)


def test_a_method_that_is_not_allowed_says_which_are(visitor):
    assert set(visitor.post("/probe/hello").headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_an_error_of_a_member_is_told_in_their_language_with_their_navigation(probe):
    a_lab()
    response = signed_in(probe, locale="en").get("/nothing/here", headers={"Accept-Language": "fr"})
    assert "There is nothing here" in response.text
    assert "/sign-in" not in response.text


def test_a_bug_leaves_nothing_half_done(probe, visitor):
    visitor.get("/probe/bug-in-transaction")
    assert acts() == []
    assert visitor.get("/probe/hello").status_code == 200


def test_too_large_a_body_is_told_so(visitor):
    response = visitor.post("/probe/deadlock", data={"file": (BytesIO(b"x" * (13 * 1024 * 1024)), "a.png")})
    assert response.status_code == 413
    assert "10" in response.text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_with_the_database_away_there_is_still_a_page(probe, visitor, monkeypatch, language):
    def away(*_args, **_kwargs):
        raise OperationalError("SELECT", {}, Exception("could not connect"))

    client = signed_in(probe)
    monkeypatch.setattr(db.engine.dialect, "do_execute", away)
    for path in ("/probe/members", "/probe/bug", "/machines", "/"):
        response = client.get(path, headers={"Accept-Language": language})
        assert response.status_code == 500
        assert {"en": "Something broke on our side", "fr": "de notre côté"}[language] in response.text
        assert f'lang="{language}"' in response.text
        assert "Content-Security-Policy" in response.headers


# ── forged forms ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("forgery")
def test_a_form_without_our_token_changes_nothing(probe):
    client = signed_in(probe)
    response = client.post("/probe/act", data={"key": "k", "csrf_token": "forged"}, headers={"Accept-Language": "en"})
    assert response.status_code == 400
    assert acts() == []


@pytest.mark.usefixtures("forgery")
def test_the_token_of_a_page_opens_a_form_and_the_header_does_too(probe):
    client = signed_in(probe)
    token = re.search(r'"X-CSRFToken": "([^"]+)"', client.get("/nothing/here").text).group(1)
    assert client.post("/probe/act", data={"key": "1", "csrf_token": token}).status_code == 303
    assert client.post("/probe/act", data={"key": "2"}, headers={"X-CSRFToken": token}).status_code == 303
    assert signed_in(probe).post("/probe/act", data={"csrf_token": token}).status_code == 400


# ── headers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/", "/nothing/here", "/probe/bug", "/static/house.css", "/api/v1/openapi.json", "/api/v1/nothing"]
)
def test_every_answer_carries_the_security_headers(probe, visitor, path):
    a_lab()
    headers = visitor.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == policy["style-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "*" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert "Server" not in headers or "Python" not in headers["Server"]


def test_pages_are_nobody_elses_to_keep(probe, visitor):
    a_lab()
    response = visitor.get("/")
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert {"HX-Request", "Cookie"} <= {one.strip() for one in response.headers["Vary"].split(",")}


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(probe):
    cookie = probe.test_client().get("/nothing/here").headers["Set-Cookie"]
    assert "etabli=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_what_is_said_above_a_page_is_escaped(visitor):
    page = visitor.get("/probe/flash").text
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_nothing_on_a_page_comes_from_another_site_or_runs_inline(probe, visitor):
    a_lab()
    page = visitor.get("/").text
    assert re.findall(r'(?:src|href)="(?:https?:)?//(?!lab\.test)[^"]*"', page) == []
    assert re.findall(r"\son[a-z]+=", page) == []
    assert re.findall(r'\sstyle="', page) == []
    assert re.findall(r"<script(?![^>]*src=)", page) == []


def test_behind_a_proxy_the_address_is_the_one_it_names(tmp_path):
    """X-Forwarded-For is believed from the right, one step a trusted proxy."""
    seen = {}
    for proxies in (0, 1):
        app = create_app(settings_for(tmp_path, f"sqlite:///{tmp_path}/x.sqlite3", trusted_proxies=proxies))
        found = seen[proxies] = []
        app.before_request_funcs[None].insert(0, lambda found=found: found.extend([request.remote_addr, request.is_secure]))
        environ = create_environ("/healthz", environ_overrides={"REMOTE_ADDR": "10.0.0.1"})
        environ |= {"HTTP_X_FORWARDED_FOR": "1.2.3.4, 5.6.7.8", "HTTP_X_FORWARDED_PROTO": "https"}
        run_wsgi_app(app.wsgi_app, environ)
    assert seen == {0: ["10.0.0.1", False], 1: ["5.6.7.8", True]}
