"""Guessers are slowed down by account and by address, counted in the database; nobody is locked out by them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.accounts import throttle, tokens
from app.accounts.models import SignInAttempt
from app.accounts.throttle import PER_ACCOUNT, PER_ADDRESS, WINDOW, Throttled, Try
from app.kernel import clock
from app.kernel.db import db, transaction
from tests.accounts.scene import PASSWORD, Browser, at_once, count, letters_to, link_in


def tried(address, times=PER_ADDRESS):
    """Rows as so many tries on other accounts leave them."""
    for number in range(times):
        rows = (f"password:account:user{number}@example.org", f"password:address:{address}")
        db.session.add_all(SignInAttempt(key=key, at=clock.now()) for key in rows)
    db.session.commit()


def guess(browser, email, times, **more):
    form = browser.form("/sign-in")
    return [browser.send(form, email=email, password=f"guess number {n}", **more).status_code for n in range(times)]


def test_the_ninth_guess_waits_even_when_it_is_right(people, browser):
    assert guess(browser, people.ada.email, 10) == [409] * PER_ACCOUNT + [429] * 2
    sent = browser.fill("/sign-in", email=people.ada.email, password=PASSWORD)
    assert sent.status_code == 429
    assert sent.headers["Retry-After"] == "900"
    assert people.ada.email in sent.get_data(as_text=True)
    clock.set_clock(clock.now() + WINDOW)
    browser.sign_in(people.ada)


def test_the_owner_gets_in_by_a_link_whatever_guessers_do(people, app):
    guess(Browser(app), people.ada.email, 12)
    me = Browser(app, address="198.51.100.7")
    me.fill("/sign-in", email=people.ada.email, password="")
    me.fill(link_in(letters_to(people.ada.email)[0]))
    assert me.name == "Ada Lovelace"
    assert me.fill("/account", "/account/password", current=PASSWORD, password="a quite new sentence").status_code == 303


def test_signing_up_with_somebodys_address_closes_nothing_to_them(people, app):
    form = Browser(app).form("/sign-up")
    stranger = Browser(app)
    form = stranger.form("/sign-up")
    answers = [stranger.send(form, key=str(n), name="X", email=people.ada.email, password="") for n in range(10)]
    assert [one.status_code for one in answers] == [303] * PER_ACCOUNT + [429] * 2
    Browser(app).sign_in(people.ada)


@pytest.mark.parametrize("variant", [str.upper, str.title, lambda email: f"  {email}\t", lambda email: email.swapcase()])
def test_capitals_and_spaces_make_no_other_account(people, browser, variant):
    guess(browser, people.ada.email, PER_ACCOUNT)
    assert guess(browser, variant(people.ada.email), 1) == [429]


def test_an_address_that_tries_many_accounts_waits(people, app):
    tried("203.0.113.9", PER_ADDRESS - 1)
    assert guess(Browser(app, address="203.0.113.9"), people.ben.email, 3) == [409, 429, 429]
    Browser(app, address="203.0.113.10").sign_in(people.ada)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_an_address_in_another_dress_is_the_same(app, one, other, is_same):
    throttle.count_try(Try.PASSWORD, "ada", one)
    throttle.count_try(Try.PASSWORD, "ben", other)
    keys = db.session.scalars(select(SignInAttempt.key).where(SignInAttempt.key.contains(":address:"))).all()
    assert (len(set(keys)) == 1) == is_same


def test_a_forwarded_address_is_not_believed_without_a_proxy_of_ours(people, app):
    tried("192.0.2.1")
    browser = Browser(app)
    browser.headers["X-Forwarded-For"] = "203.0.113.77"
    assert guess(browser, people.ben.email, 1) == [429]


def test_those_who_get_in_do_not_count_so_a_whole_class_signs_in_from_the_labs_network(people, app):
    tried("192.0.2.1", PER_ADDRESS - 1)
    for _ in range(3):
        Browser(app, address="192.0.2.1").sign_in(people.ada)
    assert count(SignInAttempt, SignInAttempt.key == "password:address:192.0.2.1") == PER_ADDRESS - 1


def test_a_right_password_of_ones_own_wipes_no_tries_on_the_accounts_of_others(people, app):
    guess(Browser(app), people.ben.email, PER_ACCOUNT)
    Browser(app).sign_in(people.ada)
    assert count(SignInAttempt, SignInAttempt.key == "password:address:192.0.2.1") == PER_ACCOUNT
    assert guess(Browser(app), people.ben.email, 1) == [429]


@pytest.mark.both_engines
def test_a_burst_passes_no_more_than_the_limit(app, people):
    results = at_once(
        app, *[lambda: throttle.count_try(Try.PASSWORD, "ada", "192.0.2.1")] * (PER_ACCOUNT * 3), in_transaction=False
    )
    passed = [one for one in results if one is None]
    assert len(passed) <= PER_ACCOUNT
    assert all(isinstance(one, Throttled) for one in results if one is not None)


def test_insisting_does_not_lengthen_the_wait(app):
    for _ in range(PER_ACCOUNT):
        throttle.count_try(Try.PASSWORD, "ada", "192.0.2.1")
    clock.set_clock(clock.now() + WINDOW - timedelta(seconds=1))
    with pytest.raises(Throttled):
        throttle.count_try(Try.PASSWORD, "ada", "192.0.2.1")
    clock.set_clock(clock.now() + timedelta(seconds=1))
    throttle.count_try(Try.PASSWORD, "ada", "192.0.2.1")


def test_tries_are_forgotten_after_ninety_days(app):
    throttle.count_try(Try.PASSWORD, "ada", "192.0.2.1")
    clock.set_clock(clock.now() + timedelta(days=89))
    with transaction():
        tokens.forget_old()
    assert count(SignInAttempt) == 2
    clock.set_clock(clock.now() + timedelta(days=2))
    with transaction():
        tokens.forget_old()
    assert count(SignInAttempt) == 0


def test_one_address_is_not_flooded_with_letters(people, app):
    form = (browser := Browser(app)).form("/sign-in")
    answers = [browser.send(form, email=people.ada.email, password="").status_code for _ in range(10)]
    assert answers == [303] * PER_ACCOUNT + [429] * 2
    letters = letters_to(people.ada.email)
    assert len(letters) == PER_ACCOUNT
    assert browser.fill(link_in(letters[0])).status_code == 303  # the owner is not locked out: any of them works
