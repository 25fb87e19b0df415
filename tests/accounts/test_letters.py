"""Letters are in the reader's language and their links work; administrators read them without a mail server, not with one."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from icalendar import Calendar

from app.accounts import access, members
from app.accounts.models import Member
from app.kernel import clock, outbox
from app.kernel.db import db, transaction
from app.kernel.mail import Mail
from app.kernel.outbox import OutboxMessage
from tests.accounts.scene import PASSWORD, Browser, count, fresh, letters_to, link_in
from tests.builders import a_member, acting, save
from tests.conftest import settings_for

ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"


def a_letter(**changes):
    values = {
        "template": "machines.booked", "to_address": "ada@lab.test", "to_name": "Ada Lovelace", "locale": "fr",
        "subject": "Jeudi, 14 h : laser", "text": "Bonjour,\nhttp://lab.test/machines", "method": "REQUEST",
        "html": '<!doctype html><html lang="fr"><head><title>x</title></head><body><a href="http://lab.test/machines">Voir</a>'
        "<script>alert(1)</script></body></html>",
        "calendar": ICS, "message_id": f"<{count(Mail)}@lab.test>", "created_at": clock.now(),
    }  # fmt: skip
    letter = Mail(**values | changes)
    save(letter)
    return letter


@pytest.fixture
def with_smtp(app, monkeypatch, tmp_path):
    settings = settings_for(tmp_path, app.extensions["settings"].database_url, smtp_url="smtp://127.0.0.1:1")
    monkeypatch.setitem(app.extensions, "settings", settings)


def all_letters(people, app):
    """One of each letter accounts writes to Ada (in French) and to Ben (in English)."""
    for member in (people.ada, people.ben):
        one = Browser(app)
        one.fill("/sign-in", email=member.email, password="")
        one.fill("/password/forgotten", email=member.email)
        one.fill("/sign-up", name="x", email=member.email, password="")
        with transaction():
            access.send_proof(db.session.get_one(Member, member.id), None)
            members.ask_email_change(actor=acting(member), member_id=member.id, email=f"new-{member.email}")
            members.suspend(actor=acting(people.nora), member_id=member.id, reason="Left the saw on")
            members.reinstate(actor=acting(people.nora), member_id=member.id)
    return {member.name: letters_to(member.email) + letters_to(f"new-{member.email}") for member in (people.ada, people.ben)}


def test_every_letter_speaks_its_readers_language_and_says_who_writes(people, app):
    written = all_letters(people, app)
    assert {letter.locale for letter in written["Ada Lovelace"]} == {"fr"}
    assert {letter.locale for letter in written["Ben Oz"]} == {"en"}
    for letters in written.values():
        assert len({letter.template for letter in letters}) == 7
    for letter in written["Ben Oz"]:
        assert letter.text.startswith("Hello Ben Oz,")
        assert "La Forge du Canal" in letter.text
        assert '<html lang="en">' in letter.html


def test_every_link_of_a_letter_opens_a_page(people, app):
    for letters in all_letters(people, app).values():
        for letter in letters:
            links = re.findall(r"http://lab\.test(/\S*)", letter.text)
            assert set(links) == set(re.findall(r'href="http://lab\.test([^"]*)"', letter.html))
            for link in links:
                assert Browser(app).get(link).status_code in (200, 410), link


def test_a_letter_whose_reader_has_been_answered_is_not_written(people, app, as_):
    ines = a_member("Inès Durand")
    minor = {"points": ["0"], "is_minor": "y", "guardian_name": "Odile", "guardian_email": "odile@example.org"}
    browser = as_(ines)
    browser.fill("/charter", "/charter/acceptance", **minor)
    first = link_in(letters_to("odile@example.org")[0])
    browser.fill("/charter", "/charter/acceptance", **minor)
    Browser(app).fill(first)
    assert len(letters_to("odile@example.org")) == 1


# ── read by administrators ───────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_mail_server_the_letters_page_is_how_people_prove_their_address(people, as_, app):
    Browser(app).fill("/sign-up", name="Inès Durand", email="ines@example.org", password=PASSWORD)
    outbox.drain()
    nora = as_(people.nora)
    [path] = set(re.findall(r'href="(/admin/letters/\d+)"', nora.text("/admin/letters?to=ines")))
    page = nora.text(path)
    assert f'<iframe class="letter" src="{path}/page"' in page
    link = re.search(r'<a href="http://lab\.test(/email-proofs/[^"]+)"', page)
    assert link is not None
    framed = nora.text(f"{path}/page")
    assert f'href="http://lab.test{link.group(1)}"' in framed
    nora.fill(link.group(1))
    assert nora.name == "Inès Durand"


def test_a_letter_is_shown_where_it_can_do_nothing(people, as_):
    letter = a_letter()
    nora = as_(people.nora)
    response = nora.get(f"/admin/letters/{letter.id}/page")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "sandbox allow-top-navigation-by-user-activation" in policy
    assert "allow-scripts" not in policy
    assert '<head><base target="_top">' in response.get_data(as_text=True)
    assert "<script>" not in nora.text(f"/admin/letters/{letter.id}").partition("letter-text")[2]


def test_a_letters_calendar_file_is_taken_away(people, as_):
    with_one, without = a_letter(), a_letter(calendar=None)
    nora = as_(people.nora)
    response = nora.get(f"/admin/letters/{with_one.id}.ics")
    assert response.content_type == "text/calendar; charset=utf-8"
    assert Calendar.from_ical(response.data)["version"] == "2.0"
    assert nora.get(f"/admin/letters/{without.id}.ics").status_code == 404
    assert ".ics" not in nora.text(f"/admin/letters/{without.id}")


def test_with_a_mail_server_nobody_reads_the_keys_of_others(people, as_, with_smtp):
    sealed, ordinary = a_letter(template="accounts.sign_in_link", text="http://lab.test/sign-in/link/secret"), a_letter()
    nora = as_(people.nora)
    page = nora.text(f"/admin/letters/{sealed.id}")
    assert "secret" not in page
    assert "<iframe" not in page
    assert nora.get(f"/admin/letters/{sealed.id}/page").status_code == 404
    assert nora.get(f"/admin/letters/{sealed.id}.ics").status_code == 404
    assert nora.get(f"/admin/letters/{ordinary.id}/page").status_code == 200


@pytest.mark.parametrize(
    ("words", "found"), [("", 2), ("ADA@", 1), ("lab.test", 2), ("laser", 2), ("%", 0), ("_", 0), ("a\x00da", 1), ("zoe", 0)]
)
def test_letters_are_found_by_a_part_of_their_address_or_subject(people, as_, words, found):
    a_letter()
    a_letter(to_address="ben@lab.test")
    page = as_(people.nora).client.get("/admin/letters", query_string={"to": words}).get_data(as_text=True)
    assert len(re.findall(r'href="/admin/letters/\d+"', page)) == found


# ── the outbox ───────────────────────────────────────────────────────────────────────────────────────────────────────


def a_message(**changes):
    values = {
        "topic": "mail.send", "key": None, "payload": {"template": "accounts.sign_in_link", "facts": {"token": "a-secret"}},
        "created_at": clock.now(), "due_at": clock.now(), "attempts": 0,
    }  # fmt: skip
    message = OutboxMessage(**values | changes)
    save(message)
    return message


def test_the_outbox_page_shows_what_failed_first_and_no_secret(people, as_):
    a_message(topic="mail.deliver", due_at=clock.now() + timedelta(hours=1), attempts=2, last_error="Transient: away")
    parked = a_message(parked_at=clock.now(), attempts=5, last_error="KeyError: 'template'")
    page = as_(people.lea).text("/admin/outbox")
    assert page.index("KeyError") < page.index("Transient: away")
    assert f"/admin/outbox/{parked.id}/retry" in page
    assert "a-secret" not in page


def test_try_again_gives_a_parked_message_another_life(people, as_):
    parked = a_message(
        topic="accounts.send_link", payload={"email": people.ada.email, "back": ""}, parked_at=clock.now(), attempts=5
    )
    lea = as_(people.lea)
    sent = lea.fill("/admin/outbox", f"/admin/outbox/{parked.id}/retry")
    assert sent.location == "/admin/outbox"
    assert len(letters_to(people.ada.email)) == 1
    assert fresh_message(parked).done_at is not None
    assert count(OutboxMessage, OutboxMessage.parked_at.is_not(None)) == 0


def fresh_message(message):
    db.session.rollback()
    return db.session.get_one(OutboxMessage, message.id, populate_existing=True)


def test_a_language_chosen_later_is_that_of_the_letters_to_come(people, app, as_):
    as_(people.ada).fill("/account", "/account", locale="en")
    assert fresh(people.ada).locale == "en"
    Browser(app).fill("/sign-in", email=people.ada.email, password="")
    assert letters_to(people.ada.email)[0].text.startswith("Hello Ada Lovelace,")
