"""A new lab: its one-time address, its checklist; and the operator's commands."""

from __future__ import annotations

import re

import pytest

from app.accounts import admin_views, queries
from app.accounts.models import ApiToken, Lab, Member
from app.calendar.models import Kind, Resource
from app.kernel.audit import AuditEntry
from app.kernel.db import db
from tests.accounts.scene import PASSWORD, Browser, count, fresh, letters_to
from tests.builders import a_member

FIRST = {"lab_name": "La Forge", "city": "Roubaix", "name": "Léa Martin", "email": "Lea@example.org", "password": PASSWORD}


@pytest.fixture
def address(app):
    """The path of the address printed at the first start."""
    return admin_views.set_up_url().removeprefix("http://lab.test")


def test_the_first_administrator_opens_the_lab_and_is_led_through_the_rest(app, browser, address):
    sent = browser.fill(address, **FIRST)
    assert sent.location == "/setup"
    page = browser.text("/setup")
    for path in ("/settings", "/hours", "/places", "/competences/new", "/machines/new", "/charter/editor", "/admin/letters"):
        assert f'href="{path}"' in page, path
    lab = db.session.get_one(Lab, 1)
    assert (lab.name, lab.city, lab.email) == ("La Forge", "Roubaix", "lea@example.org")
    assert queries.charter_in_force().version == 1
    assert count(Resource, Resource.kind == Kind.SITE) == 1
    member = queries.member_by_email("lea@example.org")
    assert (member.roles, member.email_proved_at is not None) == (["administrator"], True)
    assert letters_to("lea@example.org") == []


def test_the_address_dies_with_the_first_administrator(app, browser, address):
    form = browser.form(address)
    browser.send(form, **FIRST)
    late = Browser(app)
    assert late.get(address).location == "/setup"
    assert late.client.get("/setup").location == "/sign-in?next=/setup"
    again = Browser(app)
    form.values["csrf_token"] = again.form("/sign-in").values["csrf_token"]
    assert again.send(form, **FIRST | {"email": "thief@example.org"}).location == "/setup"
    assert count(Member) == 1


@pytest.mark.parametrize("token", ["x", "InNldC11cCI.wrong", "%00"])
def test_a_guessed_address_opens_nothing(app, browser, token):
    assert browser.get(f"/setup/{token}").status_code == 404


@pytest.mark.parametrize("wrong", [{"lab_name": ""}, {"name": ""}, {"email": "lea"}, {"password": ""}, {"password": "short"}])
def test_a_wrong_set_up_is_shown_again_and_makes_nothing(app, browser, address, wrong):
    assert browser.fill(address, **FIRST | wrong).status_code == 422
    assert (count(Lab), count(Member)) == (0, 0)


def test_the_checklist_ticks_what_was_done(app, browser, address):
    browser.fill(address, **FIRST)

    def left():
        return int(re.search(r"<h1>(\d+) ", browser.text("/setup")).group(1))

    assert left() == 8
    browser.fill("/settings", address="12 quai de la Bobine")
    assert left() == 7
    form = browser.form("/charter/editor")
    browser.send(form, points_fr="Un\nDeux", points_en="One\nTwo")
    browser.fill("/charter", "/charter/acceptance", points=["0", "1"])
    assert left() == 6
    browser.fill("/competences/new", "/competences", name_fr="Sécurité", key="c")
    assert left() == 5
    ada = a_member("Ada Lovelace")
    browser.fill(f"/members/{ada.id}", f"/members/{ada.id}/roles", role="manager")
    assert left() == 4


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def run(app):
    def command(line):
        db.session.rollback()
        result = app.test_cli_runner().invoke(args=line.split(" "))
        return result.exit_code, result.output.strip()

    return command


def test_promote_makes_the_first_administrator_and_says_when_there_is_nobody(app, run):
    ada = a_member("Ada Lovelace", email="ada@example.org", email_proved_at=None)
    assert run("members promote Ada@Example.org") == (0, "Ada@Example.org is administrator")
    assert (fresh(ada).roles, fresh(ada).email_proved_at is not None) == (["administrator"], True)
    assert run("members promote ada@example.org --role accountant")[0] == 0
    assert fresh(ada).roles == ["accountant", "administrator"]
    code, said = run("members promote nobody@example.org")
    assert (code, "nobody@example.org" in said) == (1, True)
    assert run("members promote ada@example.org --role king")[0] == 2
    assert count(AuditEntry, AuditEntry.verb == "member.role_granted") == 2


def test_add_makes_a_member_who_needs_no_proof(app, run):
    assert run("members add ada@example.org --name Ada")[1] == "ada@example.org added"
    assert run("members add ada@example.org --name Ada")[1] == "ada@example.org has an account already"
    assert count(Member, Member.email_proved_at.is_not(None)) == 1


def test_a_token_is_printed_once_and_works(app, run):
    a_member("Ada Lovelace", email="ada@example.org")
    code, token = run("tokens create --member ada@example.org --scope profile --scope reservations --days 7")
    assert code == 0
    assert re.fullmatch(r"etabli_[\w-]{40}", token)
    me = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json["email"] == "ada@example.org"
    assert count(ApiToken, ApiToken.hash == token) == 0


@pytest.mark.parametrize(
    "line",
    [
        "tokens create --member nobody@example.org --scope profile",
        "tokens create --member ada@example.org --scope everything",
        "tokens create --member ada@example.org",
        "tokens create --member ada@example.org --scope profile --days 0",
    ],
)
def test_a_wrong_command_makes_no_token(app, run, line):
    a_member("Ada Lovelace", email="ada@example.org")
    assert run(line)[0] != 0
    assert count(ApiToken) == 0


def test_the_setup_link_is_printed_until_there_is_an_administrator(app, run):
    code, link = run("setup link")
    assert code == 0
    assert app.test_client().get(link.removeprefix("http://lab.test")).status_code == 200
    a_member("Ada Lovelace", email="ada@example.org")
    run("members promote ada@example.org")
    assert run("setup link")[1] == "The lab is set up already."
