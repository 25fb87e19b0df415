"""The charter: versions, a box each point, minors and guardians, asked again when it changes, reminded meanwhile."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from app.accounts import charter as charters
from app.accounts import queries, rules
from app.accounts.models import Charter, CharterAcceptance
from app.kernel import clock
from app.kernel.actors import Role
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from tests.accounts.scene import Browser, at_once, codes, count, fresh, letters_to, link_in
from tests.builders import a_lab, a_member, acting

POINTS = [{"fr": "Je range.", "en": "I tidy up."}, {"fr": "Je signale.", "en": "I report."}]


def publish(by, points=POINTS):
    with transaction():
        return charters.publish(actor=acting(by), title={"fr": "La charte", "en": "The charter"}, intro={}, points=points)


@pytest.fixture
def newcomer(people):
    return a_member("Inès Durand", locale="en")


def accepted(member):
    return queries.standing(member.id).charter_accepted


def test_who_has_not_agreed_is_sent_to_the_charter_once_and_back_where_they_were_going(newcomer, as_):
    browser = as_(newcomer)
    asked = browser.get("/machines?show=mine")
    assert (asked.status_code, asked.location) == (303, "/charter?next=/machines?show%3Dmine")
    sent = browser.fill(asked.location, "/charter/acceptance", points=["0"], photo_consent="y")
    assert sent.location == "/machines?show=mine"
    assert accepted(newcomer)
    assert fresh(newcomer).photo_consent is True
    assert "read the charter" not in browser.text("/machines")


def test_who_looks_around_first_is_reminded_on_every_page(newcomer, as_):
    browser = as_(newcomer)
    browser.get("/")
    for path in ("/", "/machines", "/account", "/"):
        assert "Before booking, read the charter" in browser.text(path)
    assert "Before booking, read the charter" not in browser.text("/charter")
    assert not accepted(newcomer)


def test_a_new_version_is_asked_for_in_a_session_that_was_open_before(people, as_):
    browser = as_(people.ada)
    assert browser.get("/machines").status_code == 200
    publish(people.lea)
    assert browser.get("/machines").location == "/charter?next=/machines"
    assert browser.get("/machines").status_code == 200
    assert not accepted(people.ada)
    publish(people.lea)
    assert browser.get("/machines").location == "/charter?next=/machines"
    browser.fill("/charter", "/charter/acceptance", points=["0", "1"])
    assert accepted(people.ada)
    assert count(CharterAcceptance, CharterAcceptance.member_id == people.ada.id) == 2


def test_pictures_fragments_and_programs_are_not_sent_to_the_charter(newcomer, as_):
    browser = as_(newcomer)
    for headers in ({"HX-Request": "true"}, {"Sec-Fetch-Dest": "image"}):
        assert browser.get("/machines", headers=headers).status_code == 200
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.get("/account/data.json").status_code == 200
    assert browser.get("/machines").status_code == 303


@pytest.mark.parametrize("points", [[], ["0"], ["0", "0"], ["0", "7"], ["x", "1"], ["0", "1", "2"]])
def test_every_point_has_its_box(people, newcomer, as_, points):
    publish(people.lea)
    browser = as_(newcomer)
    sent = browser.fill("/charter", "/charter/acceptance", points=points)
    assert sent.status_code == 422
    assert not accepted(newcomer)


def test_two_clicks_agree_once(newcomer, as_):
    browser = as_(newcomer)
    form = browser.form("/charter", "/charter/acceptance")
    assert [browser.send(form, points=["0"]).status_code for _ in range(2)] == [303, 303]
    assert count(CharterAcceptance, CharterAcceptance.member_id == newcomer.id) == 1


def test_agreeing_with_a_version_replaced_meanwhile_shows_the_new_one_unticked(people, newcomer, as_):
    browser = as_(newcomer)
    form = browser.form("/charter", "/charter/acceptance")
    publish(people.lea, [{"fr": "Tout autre chose.", "en": "Something else altogether."}])
    sent = browser.send(form, points=["0"])
    page = sent.get_data(as_text=True)
    assert sent.status_code == 409
    assert "The charter changed meanwhile." in page
    assert "Something else altogether." in page
    assert 'name="version" value="2"' in page
    assert 'value="0" id="points-0" checked' not in page
    assert not accepted(newcomer)


@pytest.mark.both_engines
def test_two_versions_published_at_once_are_two_versions(app, people):
    lea = acting(people.lea)
    act = lambda: charters.publish(actor=lea, title={"fr": "C"}, intro={}, points=POINTS).version  # noqa: E731
    made = at_once(app, *[act] * 4)
    assert sorted(made) == [2, 3, 4, 5]


@pytest.mark.both_engines
def test_agreeing_in_many_tabs_at_once_is_one_agreement(app, people, newcomer):
    ines = acting(newcomer)
    at_once(app, *[lambda: charters.accept(actor=ines, version=1, photo_consent=False)] * 4)
    assert count(CharterAcceptance, CharterAcceptance.member_id == newcomer.id) == 1


@pytest.mark.both_engines
def test_nobody_ends_up_having_agreed_with_what_they_did_not_read(app, people, newcomer):
    ines, lea = acting(newcomer), acting(people.lea)
    results = at_once(
        app,
        lambda: charters.accept(actor=ines, version=1, photo_consent=False),
        lambda: charters.publish(actor=lea, title={"fr": "C"}, intro={}, points=POINTS),
    )
    assert not accepted(newcomer)
    kept = db.session.scalars(
        select(Charter.version).join(CharterAcceptance).where(CharterAcceptance.member_id == newcomer.id)
    ).all()
    assert kept == ([] if isinstance(results[0], Refused) else [1])


def test_only_managers_publish(people):
    for member in (people.ada, people.chloe, people.abel):
        with pytest.raises(NotAllowed):
            publish(member)
    assert publish(people.nora).version == 2


EDITED = {
    "title_fr": "La charte", "title_en": "The charter", "intro_fr": "", "intro_en": "",
    "points_fr": "Je range.\n\n Je signale. \n", "points_en": "I tidy up.\nI report.",
}  # fmt: skip


def test_a_manager_edits_the_version_in_force_into_a_new_one(people, as_):
    lea = as_(people.lea)
    form = lea.form("/charter/editor")
    assert (form.values["title_en"], form.values["points_en"]) == (["The charter"], ["I tidy up."])
    assert lea.send(form, **EDITED).location == "/charter"
    in_force = queries.charter_in_force()
    assert (in_force.version, in_force.points) == (2, POINTS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"title_fr": ""},
        {"points_fr": ""},
        {"points_fr": "\n \n"},
        {"points_en": "One only"},
        {"points_fr": "\n".join("abcdefgh"), "points_en": "\n".join("abcdefgh")},
        {"intro_en": "x" * 1001},
    ],
)
def test_a_wrong_charter_is_shown_again(people, as_, wrong):
    assert as_(people.lea).fill("/charter/editor", **EDITED | wrong).status_code == 422
    assert count(Charter) == 1


# ── minors ───────────────────────────────────────────────────────────────────────────────────────────────────────────

MINOR = {"points": ["0"], "is_minor": "y", "guardian_name": "Odile Durand", "guardian_email": "Odile@example.org"}


def test_a_minor_may_book_once_the_guardian_has_agreed(newcomer, as_, app):
    browser = as_(newcomer)
    browser.fill("/charter", "/charter/acceptance", **MINOR)
    standing = queries.standing(newcomer.id)
    assert (standing.charter_accepted, standing.guardian_awaited) == (False, True)
    assert "your guardian has agreed" in browser.text("/machines")
    [letter] = letters_to("odile@example.org")
    link, guardian = link_in(letter), Browser(app)
    assert "Inès Durand" in guardian.text(link)
    assert "I tidy up." in guardian.text(link)
    assert guardian.client.head(link).status_code == 200
    assert not accepted(newcomer)
    agreed = guardian.fill(link)
    assert agreed.status_code == 200
    assert accepted(newcomer)
    assert guardian.name is None
    assert guardian.get(link).status_code == 410


def test_what_was_said_before_is_not_undone_by_agreeing_with_a_new_version(people, newcomer, as_):
    browser = as_(newcomer)
    browser.fill("/charter", "/charter/acceptance", **MINOR | {"photo_consent": "y"})
    publish(people.lea)
    form = browser.form("/charter", "/charter/acceptance")
    assert form.values["photo_consent"] == ["y"]
    assert "points" not in form.values
    browser.send(form, points=["0", "1"])
    assert fresh(newcomer).photo_consent is True


def test_who_waits_for_a_guardian_need_not_type_them_again(newcomer, as_):
    browser = as_(newcomer)
    browser.fill("/charter", "/charter/acceptance", **MINOR)
    browser.fill("/charter", "/charter/acceptance", points=["0"])
    assert len(letters_to("odile@example.org")) == 2


def test_the_guardian_reads_what_the_minor_agreed_to_even_when_it_changed_meanwhile(people, newcomer, as_, app):
    as_(newcomer).fill("/charter", "/charter/acceptance", **MINOR)
    publish(people.lea, [{"en": "Something else altogether."}])
    link = link_in(letters_to("odile@example.org")[0])
    assert "I tidy up." in Browser(app).text(link)


def test_a_guardians_letter_is_written_again_on_demand_and_not_without_end(newcomer, as_):
    browser = as_(newcomer)
    for _ in range(8):
        browser.fill("/charter", "/charter/acceptance", **MINOR)
    assert browser.fill("/charter", "/charter/acceptance", **MINOR).status_code == 429
    assert len(letters_to("odile@example.org")) == 8


@pytest.mark.parametrize("wrong", [{"guardian_name": " "}, {"guardian_email": ""}, {"guardian_email": "odile"}])
def test_a_minor_names_a_guardian_who_can_be_written_to(newcomer, as_, wrong):
    assert as_(newcomer).fill("/charter", "/charter/acceptance", **MINOR | wrong).status_code == 422
    assert count(CharterAcceptance, CharterAcceptance.member_id == newcomer.id) == 0


def test_nobody_is_their_own_guardian(newcomer, as_):
    sent = as_(newcomer).fill("/charter", "/charter/acceptance", **MINOR | {"guardian_email": newcomer.email.upper()})
    assert sent.status_code == 409
    assert count(CharterAcceptance, CharterAcceptance.member_id == newcomer.id) == 0


def test_who_is_known_to_be_under_18_cannot_leave_the_guardian_out(people):
    young = a_member("Tim Jeune", born_on=clock.today().replace(year=clock.today().year - 17))
    with pytest.raises(Refused) as refused, transaction():
        charters.accept(actor=acting(young), version=1, photo_consent=False)
    assert codes(refused) == {"guardian_needed"}


@pytest.mark.parametrize(
    ("born_on", "day", "age"),
    [
        ("2008-02-29", "2026-02-28", 17),
        ("2008-02-29", "2026-03-01", 18),
        ("2008-02-29", "2028-02-28", 19),
        ("2008-02-29", "2028-02-29", 20),
        ("2008-11-26", "2026-11-25", 17),
        ("2008-11-26", "2026-11-26", 18),
        ("2026-01-01", "2026-12-31", 0),
    ],
)
def test_an_age_is_right_on_any_day(born_on, day, age):
    assert rules.age_on(date.fromisoformat(day), date.fromisoformat(born_on)) == age


def test_a_house_without_a_charter_asks_for_none(app, as_):
    a_lab()
    member = a_member("Ada Lovelace", roles=(Role.MANAGER,))
    assert accepted(member)
    browser = as_(member)
    assert browser.get("/machines").status_code == 200
    assert browser.get("/charter").status_code == 200
