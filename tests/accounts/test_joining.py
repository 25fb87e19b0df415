"""Joining and changing address under concurrency, on both engines; links spent by two at once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts import access, members, queries, setup, tokens
from app.accounts.models import Lab, Member, OneTimeToken, TokenPurpose
from app.kernel.actors import Actor
from app.kernel.db import db, transaction
from app.kernel.outbox import OutboxMessage
from app.kernel.refusals import NotAllowed, Refused
from tests.accounts.scene import at_once, codes, count, fresh, letters_to
from tests.builders import a_lab, a_member, acting

VISITOR = Actor(None)


def join(email="ines@example.org", password_hash=None):
    return members.sign_up(actor=VISITOR, name="Inès Durand", email=email, password_hash=password_hash, locale="fr")


def issue(purpose, member, extra=None):
    with transaction():
        return tokens.issue(purpose, member.id, extra)


@pytest.mark.both_engines
def test_eight_sign_ups_at_once_with_one_address_are_one_account(app):
    a_lab()
    results = at_once(app, *[join, lambda: join(" INES@Example.org ")] * 4)
    assert [one for one in results if isinstance(one, Exception)] == []
    assert count(Member) == 1
    assert sum(1 for one in results if one is not None) == 1
    assert letters_to("ines@example.org")


@pytest.mark.both_engines
def test_two_members_who_move_to_one_address_at_once_do_not_share_it(app):
    a_lab()
    ada, ben = a_member("Ada Lovelace"), a_member("Ben Oz")
    links = [issue(TokenPurpose.CHANGE_EMAIL, one, "new@example.org") for one in (ada, ben)]
    results = at_once(app, *[lambda link=link: members.change_email(token=link) for link in links])
    assert sorted(type(one).__name__ for one in results) == ["Member", "Refused"]
    assert [codes(one) for one in results if isinstance(one, Refused)] == [{"address_taken"}]
    assert count(Member, Member.email == "new@example.org") == 1


@pytest.mark.both_engines
def test_a_sign_up_and_a_change_to_the_same_address_at_once_leave_one_owner(app):
    a_lab()
    link = issue(TokenPurpose.CHANGE_EMAIL, a_member("Ada Lovelace"), "ines@example.org")
    results = at_once(app, join, lambda: members.change_email(token=link))
    assert all(one is None or isinstance(one, (Member, Refused)) for one in results)
    assert count(Member, Member.email == "ines@example.org") == 1


@pytest.mark.both_engines
@pytest.mark.parametrize(
    ("purpose", "use"),
    [
        (TokenPurpose.SIGN_IN, lambda link: access.follow_link(token=link)),
        (TokenPurpose.PROVE_EMAIL, lambda link: access.prove_email(token=link)),
        (TokenPurpose.RESET_PASSWORD, lambda link: access.reset_password(token=link, password_hash="x")),
    ],
)
def test_of_two_who_use_one_link_at_once_one_gets_in(app, purpose, use):
    a_lab()
    link = issue(purpose, a_member("Ada Lovelace"))
    results = at_once(app, *[lambda: use(link)] * 4)
    assert sum(1 for one in results if isinstance(one, Refused)) == 3
    assert {"link_spent"} in [codes(one) for one in results if isinstance(one, Refused)]


@pytest.mark.parametrize("purpose", list(TokenPurpose))
def test_a_link_serves_its_purpose_only(app, purpose):
    link = issue(purpose, a_member("Ada Lovelace"))
    for other in TokenPurpose:
        assert (tokens.peek(other, link) is not None) == (other is purpose)


def test_only_the_fingerprint_of_a_link_is_kept_in_its_row(app):
    link = issue(TokenPurpose.SIGN_IN, a_member("Ada Lovelace"))
    row = db.session.scalars(select(OneTimeToken)).one()
    assert link not in (row.hash, row.extra)
    assert row.hash == tokens.fingerprint(link)


def test_asking_for_a_link_leaves_the_same_trace_for_a_known_and_an_unknown_address(app):
    ada = a_member("Ada Lovelace")
    for address in (ada.email, "nobody@example.org"):
        with transaction():
            access.ask_link(email=address)
            access.ask_reset(email=address)
    rows = db.session.execute(select(OutboxMessage.topic, OutboxMessage.payload).order_by(OutboxMessage.id)).all()
    assert [(topic, sorted(payload)) for topic, payload in rows] == [
        ("accounts.send_link", ["back", "email"]),
        ("accounts.send_reset", ["email"]),
    ] * 2
    assert count(OneTimeToken) == 0


# ── the first set-up ─────────────────────────────────────────────────────────────────────────────────────────────────


def open_lab(name="La Forge", email="lea@example.org", password_hash="a hash"):
    return setup.open_lab(lab_name=name, city="Roubaix", name="Léa Martin", email=email, password_hash=password_hash, locale="fr")


@pytest.mark.both_engines
def test_four_set_ups_at_once_make_one_lab_and_one_administrator(app):
    acts = [lambda n=n: open_lab(f"Lab {n}", f"person{n}@example.org") for n in range(4)]
    results = at_once(app, *acts)
    assert [one for one in results if isinstance(one, Exception)] == []
    assert sum(1 for one in results if one is not None) == 1
    assert (count(Lab), count(Member), queries.administrators()) == (1, 1, 1)


def test_who_sets_the_lab_up_owns_the_account_whoever_opened_it_before(app):
    stranger = a_member("Stranger", email="lea@example.org", password_hash="the stranger's", email_proved_at=None)
    with transaction():
        open_lab()
    row = fresh(stranger)
    assert (row.password_hash, row.roles, row.session_epoch) == ("a hash", ["administrator"], 1)
    assert row.email_proved_at is not None


def test_a_member_added_by_the_house_needs_no_letter(app):
    with transaction():
        added = members.add(actor=VISITOR, name="Ada", email="Ada@Example.org", password_hash=None, locale="fr")
        again = members.add(actor=VISITOR, name="Ada", email="ada@example.org", password_hash=None, locale="fr")
    assert added.email_proved_at is not None
    assert again is None
    assert letters_to("ada@example.org") == []


def test_somebody_elses_profile_is_not_ones_to_change(app):
    ada, ben = a_member("Ada Lovelace"), a_member("Ben Oz")
    with pytest.raises(NotAllowed), transaction():
        members.update_profile(actor=acting(ben), member_id=ada.id, name="Mine")
    assert fresh(ada).name == "Ada Lovelace"
