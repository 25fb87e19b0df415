"""Dates, times, amounts and refusals, as each reader's language writes them, always in the lab's time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import g, session

from app.kernel import clock, i18n
from app.kernel.refusals import N_, Amount, Reason, Refused, Term
from tests.builders import a_member

pytestmark = pytest.mark.usefixtures("app")

AFTERNOON = datetime(2026, 11, 26, 13, 30, tzinfo=UTC)


@pytest.fixture(params=["fr", "en"])
def language(request, app):
    with i18n.speaking(request.param):
        yield request.param


def told(language: str, french: str, english: str) -> str:
    return (french if language == "fr" else english).replace("_", "\u00a0")


@pytest.mark.parametrize(
    ("cents", "french", "english"),
    [
        (485, "4,85_€", "€4.85"),
        (0, "0,00_€", "€0.00"),
        (-300, "−3,00_€", "−€3.00"),
        (123456789, "1_234_567,89_€", "€1,234,567.89"),
        (10**15 + 1, "10_000_000_000_000,01_€", "€10,000,000,000,000.01"),
        (5, "0,05_€", "€0.05"),
    ],
)
def test_amounts(language, cents, french, english):
    assert i18n.money(cents) == told(language, french, english)


@pytest.mark.parametrize(
    ("minutes", "french", "english"),
    [(0, "14_h_30", "14:30"), (30, "15_h", "15:00"), (35, "15_h_05", "15:05"), (9 * 60 + 30, "0_h", "0:00")],
)
def test_times_are_the_labs_and_have_no_narrow_space(language, minutes, french, english):
    shown = i18n.hour(AFTERNOON + timedelta(minutes=minutes))
    assert shown == told(language, french, english)
    assert "\u202f" not in shown


def test_a_time_is_the_labs_whatever_zone_it_comes_in(language):
    tokyo = AFTERNOON.astimezone(clock.ZoneInfo("Asia/Tokyo"))
    assert i18n.hour(tokyo) == i18n.hour(AFTERNOON)
    assert i18n.day(datetime(2026, 11, 26, 23, 30, tzinfo=UTC)) == told(language, "vendredi 27 novembre", "Friday 27 November")


@pytest.mark.parametrize(
    ("day", "french", "english"),
    [
        (date(2026, 11, 26), "jeudi 26 novembre", "Thursday 26 November"),
        (date(2026, 12, 1), "mardi 1er décembre", "Tuesday 1 December"),
        (date(2027, 1, 1), "vendredi 1er janvier 2027", "Friday 1 January 2027"),
        (date(2026, 8, 11), "mardi 11 août", "Tuesday 11 August"),
    ],
)
def test_days_in_words_with_the_year_when_it_is_another(language, day, french, english):
    assert i18n.day(day) == told(language, french, english)


def test_the_year_is_said_or_left_out_on_demand(language):
    assert i18n.day(date(2026, 11, 26), year=True).endswith("2026")
    assert not i18n.day(date(2027, 11, 26), year=False).endswith("2027")


def test_a_stretch_names_its_second_day_only_when_it_is_another(language):
    evening = AFTERNOON.replace(hour=21, minute=0)
    assert i18n.span(AFTERNOON, AFTERNOON + timedelta(hours=1)) == told(
        language, "jeudi 26 novembre, 14_h_30 – 15_h_30", "Thursday 26 November, 14:30 – 15:30"
    )
    assert i18n.span(evening, evening + timedelta(hours=4)) == told(
        language, "jeudi 26 novembre, 22_h – vendredi 27 novembre, 2_h", "Thursday 26 November, 22:00 – Friday 27 November, 2:00"
    )


@pytest.mark.parametrize(("minutes", "shown"), [(45, "45_min"), (60, "1_h"), (90, "1_h_30"), (125, "2_h_05"), (0, "0_min")])
def test_lengths(language, minutes, shown):
    assert i18n.duration(minutes) == shown.replace("_", "\u00a0")


@pytest.mark.parametrize(
    ("said", "french", "english"),
    [
        ({"fr": "Laser", "en": "Cutter"}, "Laser", "Cutter"),
        ({"fr": "Laser"}, "Laser", "Laser"),
        ({"en": "Cutter"}, "Cutter", "Cutter"),
        ({"fr": "", "en": "Cutter"}, "Cutter", "Cutter"),
        ({}, "", ""),
        (None, "", ""),
    ],
)
def test_a_text_of_the_lab_is_the_readers_or_the_first_there_is(language, said, french, english):
    assert i18n.in_words(said) == told(language, french, english)


NOT_NOW = Reason(
    "test.not_now",
    N_("Not at %(start)s on %(day)s with %(machine)s for %(price)s (%(status)s), %(count)d times."),
    N_("Wait until %(day)s."),
)


def test_a_refusal_is_a_sentence_with_everything_in_the_readers_language(language):
    refusal = NOT_NOW(
        start=AFTERNOON, day=date(2026, 12, 1), machine={"fr": "la scie", "en": "the saw"}, price=Amount(1250),
        status=Term(N_("Closed")), count=3,
    )  # fmt: skip
    assert i18n.explain(refusal) == told(
        language,
        "Not at jeudi 26 novembre, 14_h_30 on mardi 1er décembre with la scie for 12,50_€ (Fermé), 3 times.",
        "Not at Thursday 26 November, 14:30 on Tuesday 1 December with the saw for €12.50 (Closed), 3 times.",
    )
    assert i18n.next_step(refusal) == told(language, "Wait until mardi 1er décembre.", "Wait until Tuesday 1 December.")


def test_a_reason_without_a_next_step_has_none(app):
    assert i18n.next_step(Reason("test.bare", N_("No."))()) == ""


def test_a_refusal_keeps_its_code_and_all_its_siblings():
    refused = Refused([NOT_NOW(count=1), NOT_NOW(count=2)])
    assert [one.code for one in refused.refusals] == ["test.not_now"] * 2
    assert str(refused) == "test.not_now, test.not_now"


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("en", "en"), ("en-US,en;q=0.9", "en"), ("fr-CA", "fr"), ("de,en;q=0.5", "en"), ("de", "fr"), ("", "fr"),
        ("en;q=0.1,fr", "fr"), ("*", "fr"),
    ],
)  # fmt: skip
def test_a_visitor_is_spoken_to_in_the_language_of_their_browser(app, asked, spoken):
    with app.test_request_context("/", headers={"Accept-Language": asked}):
        assert i18n.locale() == spoken


def test_a_members_own_language_comes_before_the_one_picked_and_the_browsers(app):
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        session["locale"] = "xx"
        assert i18n.locale() == "en"
    with app.test_request_context("/", headers={"Accept-Language": "fr"}):
        session["locale"] = "en"
        assert i18n.locale() == "en"
    with app.test_request_context("/", headers={"Accept-Language": "fr"}):
        session["locale"] = "fr"
        g.member = a_member(locale="en")
        assert i18n.locale() == "en"


def test_another_language_is_spoken_for_a_letter_and_then_no_longer(app):
    with i18n.speaking("fr"):
        with i18n.speaking("en"):
            assert i18n.locale() == "en"
        assert i18n.locale() == "fr"
        with i18n.speaking("tlh"):
            assert i18n.locale() == "fr"
