"""Who one is: profile, address, password, calendar, keys for programs, one's data."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.accounts import queries
from app.accounts.models import ApiToken, TariffGroup
from app.kernel.audit import AuditEntry
from app.kernel.db import db
from tests.accounts.scene import PASSWORD, Browser, count, fresh, letters_to, link_in
from tests.builders import a_member


@pytest.fixture
def ada(people, as_):
    return as_(people.ada)


def test_a_member_changes_their_profile(people, ada):
    typed = {"name": "Ada  King", "locale": "en", "tariff_group": "solidarity", "photo_consent": "y", "born_on": "1985-12-10"}
    assert ada.fill("/account", emergency_contact="Byron, 06 00 00 00 00", **typed).status_code == 303
    row = fresh(people.ada)
    assert (row.name, row.locale, row.tariff_group, row.photo_consent) == ("Ada King", "en", TariffGroup.SOLIDARITY, True)
    assert (row.emergency_contact, row.born_on.isoformat()) == ("Byron, 06 00 00 00 00", "1985-12-10")
    assert "Saved." in ada.text("/account")
    ada.fill("/account", photo_consent=None, emergency_contact="", born_on="")
    row = fresh(people.ada)
    assert (row.photo_consent, row.emergency_contact, row.born_on) == (False, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"locale": "xx"},
        {"tariff_group": "royal"},
        {"tariff_group": None},
        {"born_on": "2030-01-01"},
        {"born_on": "1899-12-31"},
        {"born_on": "yesterday"},
        {"born_on": "2023-02-29"},
        {"emergency_contact": "x" * 201},
        {"emergency_contact": "a\x00"},
    ],
)
def test_a_wrong_profile_is_shown_again_and_nothing_is_kept(people, ada, wrong):
    sent = ada.fill("/account", **{"name": "Ada King"} | wrong)
    assert sent.status_code == 422
    assert 'class="notice form-errors"' in sent.get_data(as_text=True)
    assert fresh(people.ada).name == "Ada Lovelace"


def test_the_price_level_is_shown_to_nobody_but_the_till(people, as_, ada):
    ada.fill("/account", tariff_group="solidarity")
    assert "olidar" not in as_(people.lea).text(f"/members/{people.ada.id}")


# ── the address ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_address_counts_once_its_link_is_pressed_and_the_old_one_is_told(people, ada, app):
    old = people.ada.email
    asked = ada.fill("/account", "/account/email", email="Ada@New.example", current=PASSWORD)
    assert asked.status_code == 303
    link = link_in(letters_to("ada@new.example")[0])
    assert fresh(people.ada).email == old
    Browser(app).fill(link)
    assert fresh(people.ada).email == "ada@new.example"
    assert letters_to(old)[0].template == "accounts.email_changed"
    assert Browser(app).fill("/sign-in", email=old, password=PASSWORD).status_code == 409
    Browser(app).sign_in(fresh(people.ada))


def test_an_open_session_alone_does_not_take_the_account_over(people, ada):
    for path in ("/account/email", "/account/password"):
        typed = {"email": "thief@example.org"} if path.endswith("email") else {"password": "a password of the thief"}
        assert ada.fill("/account", path, current="a guess", **typed).status_code == 422
        assert ada.fill("/account", path, current="", **typed).status_code == 422
    assert letters_to("thief@example.org") == []
    Browser(ada.client.application).sign_in(people.ada)


def test_guessing_the_present_password_is_slowed_down(people, ada):
    form = ada.form("/account", "/account/password")
    answers = [ada.send(form, current=f"guess {n}", password="a password of the thief").status_code for n in range(10)]
    assert answers == [422] * 8 + [429] * 2


def test_who_has_no_password_chooses_one_and_stays_in(people, app, browser):
    browser.fill("/sign-in", email=people.ben.email, password="")
    browser.fill(link_in(letters_to(people.ben.email)[0]))
    assert browser.fill("/account", "/account/password", password=PASSWORD).status_code == 303
    assert browser.name == "Ben Oz"
    Browser(app).sign_in(people.ben)


def test_a_taken_address_is_told_to_its_owner_only(people, ada):
    said = ada.fill("/account", "/account/email", email=people.ben.email, current=PASSWORD)
    free = ada.fill("/account", "/account/email", email="free@example.org", current=PASSWORD)
    assert (said.status_code, said.location) == (free.status_code, free.location)
    assert [letter.template for letter in letters_to(people.ben.email)] == ["accounts.already_member"]


def test_an_address_taken_meanwhile_is_refused_with_the_reason(people, ada):
    ada.fill("/account", "/account/email", email="new@example.org", current=PASSWORD)
    link = link_in(letters_to("new@example.org")[0])
    a_member("Quick One", email="new@example.org")
    sent = ada.fill(link)
    assert sent.status_code == 410
    assert fresh(people.ada).email != "new@example.org"


def test_a_letter_to_the_old_address_lets_nobody_in_after_the_change(people, ada, app):
    Browser(app).fill("/sign-in", email=people.ada.email, password="")
    old_link = link_in(letters_to(people.ada.email)[0])
    ada.fill("/account", "/account/email", email="ada@new.example", current=PASSWORD)
    Browser(app).fill(link_in(letters_to("ada@new.example")[0]))
    assert Browser(app).get(old_link).status_code == 410


def test_the_proof_is_sent_again_to_who_lacks_it_and_not_without_end(people, as_):
    paul = a_member("Paul Neuf", email_proved_at=None, charter=people.charter)
    browser = as_(paul)
    assert '/account/email-proof"' in browser.text("/account")
    form = browser.form("/account", "/account/email-proof")
    answers = [browser.send(form, key=str(n)) for n in range(9)]
    assert [one.status_code for one in answers] == [303] * 8 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    letters = letters_to(paul.email)
    assert len(letters) == 8
    browser.fill(link_in(letters[0]))
    assert fresh(paul).email_proved_at is not None


def test_a_password_changed_before_the_proof_is_not_undone_by_it(people, as_, app):
    paul = a_member("Paul Neuf", email_proved_at=None, charter=people.charter)
    browser = as_(paul)
    browser.fill("/account", "/account/email-proof")
    first = link_in(letters_to(paul.email)[0])
    browser.fill("/account", "/account/password", current=PASSWORD, password="a second sentence of mine")
    assert browser.get(first).status_code == 410
    browser.fill(link_in(letters_to(paul.email)[0]))
    Browser(app).sign_in(paul, "a second sentence of mine")


# ── calendar, keys, data ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_calendars_secret_address_is_replaced(people, ada):
    before = fresh(people.ada).calendar_token
    assert before in ada.text("/account")
    assert ada.get(f"/calendar/{before}.ics").status_code == 200
    ada.fill("/account", "/account/calendar-address")
    after = fresh(people.ada).calendar_token
    assert after != before
    assert ada.get(f"/calendar/{before}.ics").status_code == 404
    assert ada.get(f"/calendar/{after}.ics").status_code == 200


def test_a_key_is_shown_once_kept_as_a_fingerprint_and_revoked(people, app, ada):
    form = ada.form("/account/tokens")
    made = ada.send(form, name="The screen", scopes=["profile", "reservations"], days="30")
    [token] = set(re.findall(r"etabli_[\w-]+", made.get_data(as_text=True)))
    assert ada.send(form, name="The screen", scopes=["profile", "reservations"], days="30").status_code == 303
    assert count(ApiToken) == 1
    assert token not in ada.text("/account/tokens")
    assert count(ApiToken, ApiToken.hash == token) == 0
    bearer = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/api/v1/me", headers=bearer).json["name"] == "Ada Lovelace"
    [row] = queries.live_tokens(people.ada.id)
    ada.fill("/account/tokens", f"/account/tokens/{row.id}/revocation")
    assert app.test_client().get("/api/v1/me", headers=bearer).status_code == 401


def test_nobody_revokes_a_key_of_somebody_else(people, as_, ada):
    ada.fill("/account/tokens", name="Mine", scopes=["profile"], days="30")
    [row] = queries.live_tokens(people.ada.id)
    lea = as_(people.lea)
    form = lea.form("/account", "/sign-out")
    form.action = f"/account/tokens/{row.id}/revocation"
    lea.send(form)
    assert len(queries.live_tokens(people.ada.id)) == 1


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 81}, {"scopes": []}, {"scopes": ["everything"]}, {"days": "9999"}, {"days": "x"}]
)
def test_a_wrong_key_is_not_made(people, ada, wrong):
    assert ada.fill("/account/tokens", **{"name": "x", "scopes": ["profile"], "days": "30"} | wrong).status_code == 422
    assert count(ApiToken) == 0


def test_my_data_is_everything_the_account_keeps(people, as_, ada):
    as_(people.lea).fill(f"/members/{people.ada.id}", f"/members/{people.ada.id}/notes", text="Careful with the saw")
    response = ada.get("/account/data.json")
    assert "attachment" in response.headers["Content-Disposition"]
    mine = response.json
    assert (mine["name"], mine["email"]) == ("Ada Lovelace", people.ada.email)
    assert [note["text"] for note in mine["notes"]] == ["Careful with the saw"]
    assert [charter["version"] for charter in mine["charters"]] == [1]
    assert "password_hash" not in mine


def test_what_changes_is_in_the_audit_without_its_secrets(people, ada):
    ada.fill("/account", name="Ada King")
    ada.fill("/account", "/account/password", current=PASSWORD, password="another long sentence")
    kept = select(AuditEntry).where(AuditEntry.actor_id == people.ada.id).order_by(AuditEntry.id)
    rows = [(row.verb, row.details) for row in db.session.scalars(kept)]
    assert rows == [("member.profile_changed", {"changed": ["name"]}), ("member.password_set", {})]


def test_the_whole_account_page_costs_few_statements(people, ada, statements):
    statements.clear()
    ada.get("/account")
    assert len(statements) <= 5
