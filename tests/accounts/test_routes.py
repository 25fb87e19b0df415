"""Every page of accounts answers each kind of person as declared, and none is forgotten here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.accounts import tokens
from app.accounts.models import TokenPurpose
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.mail import Mail
from app.kernel.outbox import OutboxMessage
from tests.accounts.scene import Browser
from tests.builders import save

WHO = ("visitor", "ada", "chloe", "lea", "abel", "nora")
"""A visitor, a member, a trainer, a manager, an accountant, an administrator."""

ANYBODY = (200, 200, 200, 200, 200, 200)
MEMBERS = (303, 200, 200, 200, 200, 200)
MANAGERS = (303, 403, 403, 200, 403, 200)
ADMINISTRATORS = (303, 403, 403, 403, 403, 200)
GONE = (410, 410, 410, 410, 410, 410)
NOWHERE = (404, 404, 404, 404, 404, 404)

READING = {
    "accounts.sign_up": ("/sign-up", (200, 303, 303, 303, 303, 303)),
    "accounts.sign_in": ("/sign-in", (200, 303, 303, 303, 303, 303)),
    "accounts.follow_link": ("/sign-in/link/{sign_in}", ANYBODY),
    "accounts.prove_email": ("/email-proofs/{prove_email}", ANYBODY),
    "accounts.change_email": ("/email-changes/{change_email}", ANYBODY),
    "accounts.reset_password": ("/password/{reset_password}", ANYBODY),
    "accounts.guardian": ("/guardian/nothing", GONE),
    "accounts.forgotten": ("/password/forgotten", ANYBODY),
    "accounts.look_at_mail": ("/look-at-your-mail", ANYBODY),
    "accounts.privacy": ("/privacy", ANYBODY),
    "accounts.charter": ("/charter", ANYBODY),
    "accounts.profile": ("/account", MEMBERS),
    "accounts.api_tokens": ("/account/tokens", MEMBERS),
    "accounts.my_data": ("/account/data.json", MEMBERS),
    "people.members_list": ("/members", (303, 403, 403, 200, 200, 200)),
    "people.lab_settings": ("/settings", MANAGERS),
    "people.edit_charter": ("/charter/editor", MANAGERS),
    "people.checklist": ("/setup", MANAGERS),
    "people.outbox_page": ("/admin/outbox", MANAGERS),
    "people.letters": ("/admin/letters", ADMINISTRATORS),
    "people.letter": ("/admin/letters/{mail}", ADMINISTRATORS),
    "people.letter_page": ("/admin/letters/{mail}/page", ADMINISTRATORS),
    "people.letter_calendar": ("/admin/letters/{mail}.ics", ADMINISTRATORS),
    "people.picture": ("/pictures/none.webp", NOWHERE),
    "people.set_up": ("/setup/guessed", NOWHERE),
}

# what an empty form that is ours is answered with
SENT = (303, 303, 303, 303, 303, 303)
WRONG = (422, 422, 422, 422, 422, 422)
BY_MEMBERS_WRONG = (303, 422, 422, 422, 422, 422)
BY_MANAGERS = (303, 403, 403, 303, 403, 303)
BY_MANAGERS_WRONG = (303, 403, 403, 422, 403, 422)

WRITING = {
    "accounts.sign_up": ("/sign-up", (422, 303, 303, 303, 303, 303)),
    "accounts.sign_in": ("/sign-in", (422, 303, 303, 303, 303, 303)),
    "accounts.follow_link": ("/sign-in/link/nothing", GONE),
    "accounts.prove_email": ("/email-proofs/nothing", GONE),
    "accounts.change_email": ("/email-changes/nothing", GONE),
    "accounts.reset_password": ("/password/nothing", GONE),
    "accounts.guardian": ("/guardian/nothing", GONE),
    "accounts.forgotten": ("/password/forgotten", WRONG),
    "accounts.set_locale": ("/locale", SENT),
    "accounts.set_theme": ("/theme", SENT),
    "accounts.profile": ("/account", BY_MEMBERS_WRONG),
    "accounts.ask_email_change": ("/account/email", BY_MEMBERS_WRONG),
    "accounts.resend_proof": ("/account/email-proof", SENT),
    "accounts.change_password": ("/account/password", BY_MEMBERS_WRONG),
    "accounts.new_calendar_address": ("/account/calendar-address", SENT),
    "accounts.api_tokens": ("/account/tokens", BY_MEMBERS_WRONG),
    "accounts.revoke_token": ("/account/tokens/1/revocation", SENT),
    "accounts.accept_charter": ("/charter/acceptance", (303, 409, 409, 409, 409, 409)),  # of no version
    "people.grant_role": ("/members/{ben}/roles", BY_MANAGERS),
    "people.revoke_role": ("/members/{ben}/roles/revocation", BY_MANAGERS),
    "people.suspend": ("/members/{ben}/suspension", BY_MANAGERS),
    "people.reinstate": ("/members/{ben}/reinstatement", BY_MANAGERS),
    "people.write_note": ("/members/{ben}/notes", BY_MANAGERS),
    "people.lab_settings": ("/settings", BY_MANAGERS_WRONG),
    "people.edit_charter": ("/charter/editor", BY_MANAGERS_WRONG),
    "people.retry": ("/admin/outbox/{message}/retry", BY_MANAGERS),
    "people.set_up": ("/setup/guessed", NOWHERE),
    "accounts.sign_out_everywhere": ("/sign-out/everywhere", SENT),
    "accounts.sign_out": ("/sign-out", SENT),
}


@pytest.fixture
def there(people):
    """What the addresses of the tables name."""
    letter = Mail(
        template="x", to_address="a@b.org", to_name="A", locale="fr", subject="S", text="t", html="<head></head>", calendar="x",
        method="PUBLISH", message_id="<1@x>", created_at=clock.now(),
    )  # fmt: skip
    message = OutboxMessage(topic="x", payload={}, created_at=clock.now(), due_at=clock.now(), attempts=0)
    save(letter, message)
    names = {"mail": letter.id, "message": message.id, "ben": people.ben.id}
    for purpose in TokenPurpose:
        with transaction():
            names[purpose.value] = tokens.issue(purpose, people.ben.id, "new@example.org")
    return names


@pytest.fixture
def browser_of(people, as_):
    return lambda who: as_(None if who == "visitor" else getattr(people, who))


@pytest.mark.parametrize("who", WHO)
def test_every_page_is_shown_to_whom_it_is_for(there, browser_of, who):
    browser = browser_of(who)
    found = {endpoint: browser.get(path.format(**there)).status_code for endpoint, (path, _answers) in READING.items()}
    assert found == {endpoint: answers[WHO.index(who)] for endpoint, (_path, answers) in READING.items()}


@pytest.mark.parametrize("who", WHO)
def test_every_form_is_taken_from_whom_it_is_for(there, browser_of, who):
    browser, found = browser_of(who), {}
    for endpoint, (path, _answers) in WRITING.items():
        ours = {"csrf_token": browser.form("/privacy", "/theme").values["csrf_token"]}
        found[endpoint] = browser.client.post(path.format(**there), data=ours).status_code
    assert found == {endpoint: answers[WHO.index(who)] for endpoint, (_path, answers) in WRITING.items()}


def test_no_page_of_accounts_is_missing_from_these_tables(app):
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] not in ("accounts", "people"):
            continue
        if "GET" in rule.methods:
            assert rule.endpoint in READING, rule
        if "POST" in rule.methods:
            assert rule.endpoint in WRITING, rule


def test_no_page_of_accounts_opens_a_door_of_its_own_to_other_methods(app, people):
    for method in ("PUT", "PATCH", "DELETE"):
        for path in ("/account", "/settings", "/sign-in"):
            assert Browser(app).client.open(path, method=method).status_code in (400, 405)


def test_no_id_of_a_page_is_that_of_an_icon(app):
    """Every page carries the icons: a label would point to the drawing instead of its field."""
    icons = set(re.findall(r'<symbol id="([^"]+)"', (Path(app.root_path) / "static" / "icons.svg").read_text()))
    for template in (Path(app.root_path) / "accounts" / "templates" / "accounts").glob("*.html"):
        assert icons.isdisjoint(re.findall(r'\bid="([^"]+)"', template.read_text())), template.name
    assert "calendar" in icons
