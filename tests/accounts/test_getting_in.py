"""Sign-up, proof, sign-in by password and by link, reset, sign-out: as a browser lives them, forged forms refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.accounts import queries
from app.accounts.models import Member, OneTimeToken
from app.kernel import clock
from tests.accounts.scene import PASSWORD, Browser, count, fresh, letters_to, link_in, with_password
from tests.builders import a_member

INES = {"name": "Inès Durand", "email": "ines@example.org", "password": ""}


def test_a_newcomer_signs_up_proves_the_address_and_is_in(people, browser):
    sent = browser.fill("/sign-up", **INES)
    assert (sent.status_code, sent.location) == (303, "/look-at-your-mail")
    assert "ines@example.org" in browser.text("/look-at-your-mail")
    assert browser.name is None
    [letter] = letters_to("ines@example.org")
    link = link_in(letter)
    assert "Inès Durand" in browser.text(link)
    assert browser.fill(link).status_code == 303
    assert browser.name == "Inès Durand"
    assert count(Member, Member.email == "ines@example.org", Member.email_proved_at.is_not(None)) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_at_a_link_uses_nothing_up(people, browser, method):
    browser.fill("/sign-up", **INES)
    link = link_in(letters_to("ines@example.org")[0])
    for _ in range(3):
        assert browser.client.open(link, method=method).status_code == 200
    assert count(Member, Member.email == "ines@example.org", Member.email_proved_at.is_not(None)) == 0
    assert count(OneTimeToken, OneTimeToken.used_at.is_not(None)) == 0
    assert browser.name is None


def test_a_link_works_once(people, app, browser):
    browser.fill("/sign-up", **INES)
    link = link_in(letters_to("ines@example.org")[0])
    other = Browser(app)
    form = other.form(link)
    browser.fill(link)
    assert other.send(form).status_code == 410
    assert other.get(link).status_code == 410
    assert other.name is None


@pytest.mark.parametrize(("path", "hours"), [("/sign-in", 0.25), ("/password/forgotten", 1)])
def test_a_link_ends_with_its_time(people, browser, path, hours):
    form = browser.form(path)
    browser.send(form, email=people.ada.email)
    link = link_in(letters_to(people.ada.email)[0])
    clock.set_clock(clock.now() + timedelta(hours=hours, seconds=-1))
    assert browser.get(link).status_code == 200
    clock.set_clock(clock.now() + timedelta(seconds=1))
    assert browser.get(link).status_code == 410


@pytest.mark.parametrize("password", [PASSWORD, ""])
def test_a_member_gets_in_with_a_password_or_with_a_link(people, browser, password):
    browser.fill("/sign-in", email=f"  {people.ada.email.upper()} ", password=password)
    if not password:
        assert browser.name is None
        browser.fill(link_in(letters_to(people.ada.email)[0]))
    assert browser.name == "Ada Lovelace"


def test_the_links_button_sends_a_link_even_when_a_wrong_password_was_filled_in(people, browser):
    sent = browser.fill("/sign-in", email=people.ada.email, password="what the browser remembered", link="y")
    assert sent.location == "/look-at-your-mail"
    assert letters_to(people.ada.email)[0].template == "accounts.sign_in_link"


def test_where_one_was_going_survives_every_form_and_letter(people, browser):
    asked = browser.get("/account/tokens")
    assert asked.location == "/sign-in?next=/account/tokens"
    wrong = browser.fill(asked.location, "/sign-in", email=people.ada.email, password="not this one at all")
    assert wrong.status_code == 409
    assert 'name="next" value="/account/tokens"' in wrong.get_data(as_text=True)
    assert browser.fill(asked.location, "/sign-in", email=people.ada.email, password=PASSWORD).location == "/account/tokens"


def test_where_one_was_going_survives_the_link_and_the_sign_up(people, browser):
    browser.fill("/sign-in?next=/machines?show=mine", "/sign-in", email=people.ada.email, password="")
    link = link_in(letters_to(people.ada.email)[0])
    assert browser.fill(link).location == "/machines?show=mine"
    browser.fill("/account", "/sign-out")
    browser.fill("/sign-up?next=/machines", "/sign-up", **INES)
    assert browser.fill(link_in(letters_to("ines@example.org")[0])).location == "/machines"


@pytest.mark.parametrize(
    "evil",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example",
        "javascript:alert(1)", "\\\\evil.example", " //evil.example", "/\x00/evil.example", "http:///evil.example",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(people, browser, evil):
    form = browser.form("/sign-in")
    sent = browser.send(form, email=people.ada.email, password=PASSWORD, next=evil)
    assert sent.status_code == 303
    assert sent.location == "/" or sent.location == "/%00/evil.example"
    again = browser.client.get("/sign-in", query_string={"next": evil})
    assert again.location in ("/", "/%00/evil.example")


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(people, browser):
    wrong = browser.fill("/sign-in", email=people.ada.email, password="not this one at all")
    nobody = browser.fill("/sign-in", email="nobody@example.org", password="not this one at all")
    assert (wrong.status_code, nobody.status_code) == (409, 409)
    assert "do not go together" in wrong.get_data(as_text=True)
    assert "do not go together" in nobody.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/sign-in", "/password/forgotten", "/sign-up"])
def test_asking_for_a_letter_says_the_same_for_known_and_unknown_addresses(people, app, path):
    typed = {"name": "Somebody", "password": ""} if path == "/sign-up" else {}
    answers = []
    for address in (people.ada.email, "nobody@example.org"):
        one = Browser(app)
        sent = one.fill(path, email=address, **typed)
        said = one.text(sent.location).partition("<main")[2].partition("<form")[0]
        answers.append((sent.status_code, sent.location, said.replace(address, "…")))
    assert answers[0] == answers[1]
    if path != "/sign-up":
        assert letters_to("nobody@example.org") == []


def test_an_account_without_a_password_cannot_be_entered_with_one(people, browser):
    assert browser.fill("/sign-in", email=people.ben.email, password="anything at all").status_code == 409


def test_who_signs_up_twice_is_told_by_letter_only(people, browser):
    browser.fill("/sign-up", **INES | {"email": people.ada.email})
    assert [letter.template for letter in letters_to(people.ada.email)] == ["accounts.already_member"]
    assert count(Member, Member.email == people.ada.email) == 1


def test_two_clicks_make_one_account_and_one_letter(people, browser):
    form = browser.form("/sign-up")
    assert [browser.send(form, **INES).status_code for _ in range(2)] == [303, 303]
    assert count(Member, Member.email == "ines@example.org") == 1
    assert len(letters_to("ines@example.org")) == 1


def test_who_never_got_the_letter_signs_up_again_and_gets_another(people, browser):
    browser.fill("/sign-up", **INES)
    browser.fill("/sign-up", **INES)
    links = [link_in(letter) for letter in letters_to("ines@example.org")]
    assert len(links) == 2
    assert browser.fill(links[0]).status_code == 303
    assert browser.get(links[1]).status_code == 410


# ── an address is its owner's, whoever typed it first ────────────────────────────────────────────────────────────────


def test_a_stranger_who_signed_up_first_with_my_address_does_not_share_my_account(people, app):
    stranger, me = Browser(app), Browser(app)
    stranger.fill("/sign-up", **INES | {"password": "the stranger's own one"})
    stranger.fill("/sign-in", email="ines@example.org", password="the stranger's own one")
    assert stranger.name == "Inès Durand"
    me.fill("/sign-up", **INES | {"password": PASSWORD})
    mine = link_in(letters_to("ines@example.org")[0])
    me.fill(mine)
    assert me.name == "Inès Durand"
    assert stranger.name is None
    assert Browser(app).fill("/sign-in", email="ines@example.org", password="the stranger's own one").status_code == 409
    Browser(app).sign_in(fresh(_ines()))


def test_a_link_to_sign_in_sets_aside_the_password_of_an_address_nobody_proved(people, app):
    stranger, me = Browser(app), Browser(app)
    stranger.fill("/sign-up", **INES | {"password": "the stranger's own one"})
    me.fill("/sign-in", email="ines@example.org", password="")
    newest = letters_to("ines@example.org")[0]
    assert newest.template == "accounts.sign_in_link"
    assert me.fill(link_in(newest)).location == "/account#password"
    assert _ines().password_hash is None
    assert "choose your password again" in me.text("/account")


def _ines() -> Member:
    member = queries.member_by_email("ines@example.org")
    assert member is not None
    return member


# ── forged, fixed, stolen ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/sign-up", "/sign-in", "/password/forgotten", "/sign-out", "/locale", "/theme"])
def test_a_form_that_is_not_ours_is_refused(people, browser, path):
    sent = browser.client.post(path, data={"email": "ada@example.org", "name": "Ada", "password": "", "key": "k"})
    assert sent.status_code == 400
    assert count(Member, Member.email == "ada@example.org") == 0


def test_the_session_of_before_does_not_survive_signing_in(people, browser):
    with browser.client.session_transaction() as session:
        session["planted"] = "by somebody else"
    browser.sign_in(people.ada)
    with browser.client.session_transaction() as session:
        assert "planted" not in session
        assert session.permanent


def test_a_new_password_ends_every_session_and_every_letter_on_its_way(people, app, browser):
    laptop = Browser(app).sign_in(people.ada)
    browser.fill("/sign-in", email=people.ada.email, password="")
    link = link_in(letters_to(people.ada.email)[0])
    browser.fill("/password/forgotten", email=people.ada.email)
    reset = link_in(letters_to(people.ada.email)[0])
    weak = browser.fill(reset, password="short")
    assert weak.status_code == 422
    assert browser.fill(reset, password="another long sentence").status_code == 303
    assert browser.name == "Ada Lovelace"
    assert laptop.name is None
    assert Browser(app).get(link).status_code == 410
    assert Browser(app).fill("/sign-in", email=people.ada.email, password=PASSWORD).status_code == 409
    Browser(app).sign_in(people.ada, "another long sentence")


def test_signing_out_everywhere_ends_the_other_devices(people, app, browser):
    phone = Browser(app).sign_in(people.ada)
    browser.sign_in(people.ada)
    assert browser.fill("/account", "/sign-out/everywhere").location == "/sign-in"
    assert (phone.name, browser.name) == (None, None)


def test_signing_out_ends_this_browser_only(people, app, browser):
    phone = Browser(app).sign_in(people.ada)
    browser.sign_in(people.ada)
    assert browser.fill("/account", "/sign-out").location == "/"
    assert (phone.name, browser.name) == ("Ada Lovelace", None)


def test_who_is_suspended_gets_in_and_reads_why(people, app):
    sam = a_member("Sam Puni", charter=people.charter, suspended_at=clock.now(), suspension_reason="Left the saw on")
    browser = Browser(app).sign_in(with_password(sam))
    assert "Left the saw on" in browser.text("/account")


# ── what is typed ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": "a\x00b"},
        {"name": "a\x07b"},
        {"email": ""},
        {"email": "not an address"},
        {"email": "a@b@c.org"},
        {"email": f"{'a' * 200}@example.org"},
        {"email": "a\x00@example.org"},
        {"password": "short"},
        {"password": "aaaaaaaaaaaaaaaa"},
        {"password": "ines durand"},
        {"password": "INES@example.org"},
        {"password": "x" * 201},
    ],
)
def test_a_wrong_sign_up_is_shown_again_with_what_was_typed(people, browser, wrong):
    sent = browser.fill("/sign-up", **INES | wrong)
    page = sent.get_data(as_text=True)
    assert sent.status_code == 422
    assert 'aria-invalid="true"' in page
    assert ("Inès Durand" in page) or "name" in wrong
    assert count(Member, Member.name.like("In%")) == 0


def test_a_name_keeps_to_one_line(people, browser):
    browser.fill("/sign-up", **INES | {"name": "  Inès \r\n Durand "})
    assert _ines().name == "Inès Durand"
    assert letters_to("ines@example.org")[0].to_name == "Inès Durand"


def test_letters_speak_the_language_of_the_sign_up_and_then_of_the_member(people, app):
    Browser(app, language="en-GB").fill("/sign-up", **INES)
    assert (_ines().locale, letters_to("ines@example.org")[0].locale) == ("en", "en")
    Browser(app, language="en").fill("/sign-in", email=people.ada.email, password="")
    assert letters_to(people.ada.email)[0].locale == "fr"


def test_a_visitors_language_and_light_are_kept(people, browser):
    assert browser.fill("/sign-in", "/locale", locale="fr").location == "/sign-in"
    assert '<html lang="fr"' in browser.text("/sign-in")
    browser.fill("/privacy", "/theme", theme="dark")
    assert 'data-theme="dark"' in browser.text("/privacy")
    browser.fill("/privacy", "/theme", theme="")
    assert "data-theme" not in browser.text("/privacy").partition("<body")[0]
    browser.fill("/privacy", "/locale", locale="xx")
    assert '<html lang="fr"' in browser.text("/privacy")
