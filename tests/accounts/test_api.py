"""Accounts as JSON: the same house by another door, every error a problem document."""

from __future__ import annotations

import pytest

from app.accounts import queries, tokens
from app.accounts.models import ApiToken, Member
from app.accounts.throttle import PER_ACCOUNT
from app.kernel import clock
from app.kernel.actors import Actor, Role
from app.kernel.api import SCOPES
from app.kernel.db import transaction
from tests.accounts.scene import PASSWORD, Browser, count, fresh, letters_to, link_in
from tests.builders import a_member

API = "/api/v1"
INES = {"name": "Inès Durand", "email": "Ines@example.org", "password": PASSWORD, "locale": "en"}


class Program:
    """A program with a key of `member`, or without any."""

    def __init__(self, app, member=None, *scopes):
        self.client, self.headers = app.test_client(), {}
        if member is not None:
            with transaction():
                token = tokens.create_api_token(
                    actor=Actor(member.id), member_id=member.id, name="test", scopes=scopes or tuple(SCOPES)
                )
            self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method, path, json=None, **more):
        return self.client.open(API + path, method=method, json=json, headers=self.headers | more)


@pytest.fixture
def program(app):
    return lambda member=None, *scopes: Program(app, member, *scopes)


def codes(response):
    assert response.content_type == "application/problem+json"
    return {reason["code"].removeprefix("accounts.") for reason in response.json["reasons"]}


def test_a_program_joins_proves_gets_a_key_and_accepts_the_charter(people, program):
    visitor = program()
    assert visitor("POST", "/members", INES).status_code == 202
    token = link_in(letters_to("ines@example.org")[0]).rpartition("/")[2]
    assert visitor("POST", "/email-proofs", {"token": token}).status_code == 204
    assert codes(visitor("POST", "/email-proofs", {"token": token})) == {"link_spent"}
    wanted = {"email": "ines@EXAMPLE.org", "password": PASSWORD, "scopes": ["profile"]}
    made = visitor("POST", "/tokens", wanted)
    assert made.status_code == 201
    ines = program()
    ines.headers = {"Authorization": f"Bearer {made.json['token']}"}
    me = ines("GET", "/me").json
    assert (me["name"], me["locale"], me["email_proved"], me["charter_accepted"]) == ("Inès Durand", "en", True, False)
    version = visitor("GET", "/charter").json["version"]
    assert codes(ines("POST", "/charter/acceptance", {"version": version + 1})) == {"no_charter"}
    assert ines("POST", "/charter/acceptance", {"version": version, "photo_consent": True}).status_code == 204
    assert ines("GET", "/me").json["charter_accepted"] is True


def test_joining_answers_the_same_for_an_address_that_has_an_account(people, program):
    known = program()("POST", "/members", INES | {"email": people.ada.email})
    new = program()("POST", "/members", INES)
    assert (known.status_code, known.data, known.headers["Content-Type"]) == (202, new.data, new.headers["Content-Type"])
    assert [letter.template for letter in letters_to(people.ada.email)] == ["accounts.already_member"]


def test_a_wrong_password_gets_no_key_and_many_wait(people, program):
    wanted = {"email": people.ada.email, "password": "a guess, wrong", "scopes": ["profile"]}
    answers = [program()("POST", "/tokens", wanted) for _ in range(PER_ACCOUNT + 1)]
    assert codes(answers[0]) == {"wrong_password"}
    assert [one.status_code for one in answers] == [409] * PER_ACCOUNT + [429]
    assert answers[-1].headers["Retry-After"] == "900"
    assert program()("POST", "/tokens", wanted | {"password": PASSWORD}).status_code == 429
    assert count(ApiToken) == 0


def test_the_pages_and_the_api_count_guesses_together(people, app, program):
    wanted = {"email": people.ada.email, "password": "a guess, wrong", "scopes": ["profile"]}
    for _ in range(PER_ACCOUNT):
        program()("POST", "/tokens", wanted)
    assert Browser(app).fill("/sign-in", email=people.ada.email, password=PASSWORD).status_code == 429


def test_a_member_changes_their_profile(people, program):
    ada = program(people.ada, "profile")
    changed = ada("PATCH", "/me", {"name": "Ada\nKing", "tariff_group": "solidarity", "photo_consent": True})
    assert (changed.json["name"], changed.json["tariff_group"]) == ("Ada King", "solidarity")
    assert fresh(people.ada).photo_consent is True
    assert ada("PATCH", "/me", {}).status_code == 200
    for wrong in ({"name": ""}, {"locale": "xx"}, {"tariff_group": "royal"}, {"roles": ["administrator"]}, {"name": "a\x00"}):
        assert ada("PATCH", "/me", wrong).status_code == 422
    assert fresh(people.ada).roles == []


def test_a_minor_names_a_guardian(people, program):
    ines = a_member("Inès Durand")
    said = {"version": 1, "guardian_name": "Odile", "guardian_email": "Odile@example.org"}
    assert program(ines, "profile")("POST", "/charter/acceptance", said).status_code == 204
    assert queries.standing(ines.id).guardian_awaited
    assert letters_to("odile@example.org")
    yourself = said | {"guardian_email": ines.email}
    assert codes(program(ines, "profile")("POST", "/charter/acceptance", yourself)) == {"guardian_is_you"}
    answers = [program(ines, "profile")("POST", "/charter/acceptance", said).status_code for _ in range(PER_ACCOUNT)]
    assert answers == [204] * (PER_ACCOUNT - 1) + [429]


def test_a_house_without_a_charter_says_so(app, program):
    assert program()("GET", "/charter").status_code == 404


def test_managers_find_members(people, program):
    found = program(people.lea, "manage")("GET", "/members?search=chloe").json
    assert [one["name"] for one in found] == ["Chloé Petit"]
    assert "tariff_group" not in found[0]


# a visitor, then a member, a trainer, a manager, an accountant and an administrator, each with every scope
ROUTES = [
    ("GET", "/me", None, 401, 200, 200, 200, 200, 200),
    ("PATCH", "/me", {}, 401, 200, 200, 200, 200, 200),
    ("GET", "/charter", None, 200, 200, 200, 200, 200, 200),
    ("POST", "/charter/acceptance", {"version": 1}, 401, 204, 204, 204, 204, 204),
    ("GET", "/members", None, 401, 403, 403, 200, 403, 200),
    ("POST", "/members", INES, 202, 202, 202, 202, 202, 202),
    ("POST", "/email-proofs", {"token": "x"}, 409, 409, 409, 409, 409, 409),
    ("POST", "/tokens", {"email": "x@y.org", "password": "x", "scopes": ["profile"]}, 409, 409, 409, 409, 409, 409),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), [(m, p, b, list(e)) for m, p, b, *e in ROUTES])
def test_every_endpoint_answers_each_person_as_declared(people, program, method, path, body, expected):
    everybody = (None, people.ada, people.chloe, people.lea, people.abel, people.nora)
    assert [program(one)(method, path, body).status_code for one in everybody] == expected


def test_no_endpoint_of_accounts_is_missing_from_the_table(app):
    found = {
        (method, rule.rule.removeprefix(API))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("accounts_api.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert found == {(method, path) for method, path, *_rest in ROUTES}


@pytest.mark.parametrize("path", ["/me", "/members"])
def test_a_key_opens_only_what_its_scopes_say(people, program, path):
    right = {"/me": "profile", "/members": "manage"}[path]
    for scope in SCOPES:
        assert program(people.lea, scope)("GET", path).status_code == (200 if scope == right else 403)


def test_a_session_reads_and_never_writes(people, as_):
    browser = as_(people.ada)
    assert browser.get(f"{API}/me").status_code == 200
    assert browser.client.patch(f"{API}/me", json={"name": "Forged"}).status_code == 401
    assert fresh(people.ada).name == "Ada Lovelace"


@pytest.mark.parametrize("how", ["expired", "revoked", "wrong", "empty", "basic"])
def test_a_key_that_no_longer_works_opens_nothing(people, program, how):
    ada = program(people.ada)
    [row] = queries.live_tokens(people.ada.id)
    if how == "expired":
        clock.set_clock(row.expires_at)
    elif how == "revoked":
        with transaction():
            tokens.revoke_api_token(actor=Actor(people.ada.id), member_id=people.ada.id, token_id=row.id)
    else:
        ada.headers = {"Authorization": {"wrong": "Bearer etabli_x", "empty": "Bearer ", "basic": "Basic eDp5"}[how]}
    answer = ada("GET", "/me")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_suspended_manager_keeps_their_own_data_and_loses_the_others(people, program):
    max_ = a_member("Max Cadre", roles=(Role.MANAGER,), suspended_at=clock.now(), suspension_reason="Left the saw on")
    assert program(max_)("GET", "/me").json["suspended"] == "Left the saw on"
    assert program(max_)("GET", "/members").status_code == 403


def test_when_a_key_was_used_is_known_to_the_hour(people, program):
    ada = program(people.ada)
    ada("GET", "/me")
    [row] = queries.live_tokens(people.ada.id)
    assert row.last_used_at == clock.now()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "a\x00b"},
        {"email": "nobody"},
        {"email": ""},
        {"email": ["a@b.org"]},
        {"email": f"{'a' * 250}@b.org"},
        {"locale": "xx"},
        {"password": 12},
        {"surprise": True},
    ],
)
def test_a_wrong_body_is_unprocessable_and_makes_nobody(people, program, wrong):
    before = count(Member)
    answer = program()("POST", "/members", INES | wrong)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert count(Member) == before


def test_a_weak_password_is_refused_with_its_reason(people, program):
    assert codes(program()("POST", "/members", INES | {"password": "short"})) == {"weak_password"}


@pytest.mark.parametrize("half", [r"\ud800", r"a\udfffb"])
def test_half_a_character_is_unprocessable(people, app, half):
    body = f'{{"name": "{half}", "email": "ines@example.org"}}'
    answer = app.test_client().post(f"{API}/members", data=body, content_type="application/json")
    assert answer.status_code == 422
