"""The main job, lived in a browser on a phone: from sign-up to an hour on the laser and its receipt, in both languages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from icalendar import Calendar

from app.kernel import clock
from app.kernel.db import db
from machines.codes import check_in_code
from machines.models import Machine
from tests.browser.scene import PASSWORD, a_whole_lab, follow, say, sign_in
from tests.builders import a_member
from tests.conftest import PARIS
from tests.trainings.scene import a_certification

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def link_in(letter, part):
    """The address in a letter that leads to `part` of the house."""
    return next(url for url in re.findall(r"http://lab\.test\S+", letter.text) if part in url)


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_a_newcomer_goes_from_sign_up_to_the_receipt(house, visit, sound, locale):
    lab = a_whole_lab()

    def words(sentence, **values):
        return say(locale, sentence, **values)

    # Inès signs up on her phone and proves her address from the letter.
    ines = visit("/", locale=locale)
    sound(ines)
    follow(ines.get_by_role("link", name=words("Become a member")).first)
    sound(ines)
    ines.get_by_label(words("Your name")).fill("Inès Moreau")
    ines.get_by_label(words("E-mail address")).fill("ines@example.org")
    ines.locator("input[name=password]").fill(PASSWORD)
    follow(ines.get_by_role("button", name=words("Create my account")))
    ines.wait_for_url("**/look-at-your-mail")
    sound(ines)
    ines.goto(link_in(house.last_letter("ines@example.org"), "/email-proofs/"))
    sound(ines)
    follow(ines.get_by_role("button", name=words("Yes, it is mine")))

    # The charter, point by point.
    ines.goto("/charter")
    sound(ines)
    for box in ines.locator("input[name=points]").all():
        box.check()
    follow(ines.get_by_role("button", name=words("I agree")))

    # Two steps are left on the laser; the machine page says which.
    ines.goto("/machines")
    sound(ines)
    follow(ines.get_by_role("link", name=lab.machine.name[locale]).first)
    assert ines.locator("ol.path > li:not([data-done])").count() == 2
    sound(ines)

    # Chloé certifies her, for safety and then for the laser.
    chloe = visit("/", locale=locale)
    sign_in(chloe, "chloe@lab.test", locale)
    for competence in (lab.safety, lab.laser):
        chloe.goto(f"/competences/{competence.slug}/certifications?q=Moreau")
        follow(chloe.locator("ul.lines a.act").first)
        sound(chloe)
        follow(chloe.locator("form[method=post] button[type=submit]").last)
    sound(chloe)

    # Three clicks: the machine, the proposed slot as it is, confirmed.
    ines.goto("/machines")
    clicks = 0
    follow(ines.get_by_role("link", name=lab.machine.name[locale]).first)
    clicks += 1
    sound(ines)
    follow(ines.locator("#book").get_by_role("button", name=words("Book"), exact=True))
    clicks += 1
    ines.wait_for_url(re.compile(r"/reservations/\d+(#.*)?$"))
    assert clicks <= 3
    sound(ines)

    # The letter carries an .ics with the same two hours.
    booked = house.last_letter("ines@example.org")
    [event] = Calendar.from_ical(booked.calendar).walk("VEVENT")
    starts = event["DTSTART"].dt
    assert starts == datetime(2026, 11, 26, 10, 0, tzinfo=PARIS)
    assert event["DTEND"].dt - starts == timedelta(hours=2)
    assert event["SEQUENCE"] == 0

    # At the machine: the code of its screen, two ticks.
    house.at(starts + timedelta(minutes=2))
    ines.goto("/reservations")
    sound(ines)
    machine = db.session.get_one(Machine, lab.machine.id)
    ines.goto(f"/machines/laser-1/check-in?code={check_in_code(machine.check_in_secret, clock.now())}")
    sound(ines)
    for box in ines.locator("input[name=ticks]").all():
        box.check()
    follow(ines.get_by_role("button", name=words("I am here, start")))
    ines.wait_for_url(re.compile(r"/reservations(/\d+)?$"))
    sound(ines)

    # An hour and a half later: clean, no fault, the price.
    house.at(starts + timedelta(minutes=92))
    ines.goto("/reservations")
    sound(ines)
    follow(ines.get_by_role("link", name=words("Finish")).first)
    sound(ines)
    ines.locator("input[name=is_clean][value=yes]").check()
    follow(ines.get_by_role("button", name=words("Finish and see the price")))
    ines.wait_for_url(re.compile(r"/reservations/\d+(#.*)?$"))
    price = {"fr": "24,00\u00a0€", "en": "€24.00"}[locale]
    assert price in ines.locator("main").inner_text()
    sound(ines)

    # Léa takes the money at the desk.
    lea = visit("/", locale=locale)
    sign_in(lea, "lea@lab.test", locale)
    lea.goto("/desk")
    sound(lea)
    follow(lea.get_by_role("link", name=re.compile("Inès Moreau")).first)
    sound(lea)
    lea.locator("input[name=method][value=cash]").check()
    follow(lea.locator("form:has(input[name=amount]) button").last)
    sound(lea)

    # And Inès has her receipt, on the page and in the mail.
    letter = house.last_letter("ines@example.org")
    assert price in letter.text
    ines.goto("/account/money")
    sound(ines)
    follow(ines.locator("a[href*='/receipts/']").first)
    assert price in ines.locator("main").inner_text()
    sound(ines)


def test_booking_works_without_javascript(house, visit):
    lab = a_whole_lab()
    _certified_ada(lab)
    ada = visit("/", javascript=False, locale="en")
    sign_in(ada, "ada@lab.test", "en")
    ada.goto("/machines/laser-1")
    follow(ada.locator("#book").get_by_role("button", name="Book", exact=True))
    ada.wait_for_url(re.compile(r"/reservations/\d+(#.*)?$"))
    follow(ada.locator("#cancel").get_by_role("button", name="Cancel this reservation"))
    assert "Cancelled" in ada.locator("main").inner_text()


def test_booking_works_with_the_keyboard_alone(house, visit):
    """Tab to the machine, Enter, Tab to Book, Enter: what has the focus is always visible on the way."""
    lab = a_whole_lab()
    _certified_ada(lab)
    ada = visit("/", locale="en")
    sign_in(ada, "ada@lab.test", "en")
    ada.goto("/machines")
    _tab_to(ada, "a[href$='/machines/laser-1']")
    ada.keyboard.press("Enter")
    ada.wait_for_url("**/machines/laser-1*")
    _tab_to(ada, "#book form[method=post] button:not([type=button])")
    ada.keyboard.press("Enter")
    ada.wait_for_url(re.compile(r"/reservations/\d+(#.*)?$"))


def _tab_to(page, selector):
    for _ in range(150):
        page.keyboard.press("Tab")
        has_focus, outlined = page.evaluate(
            """selector => {
                 const here = document.activeElement;
                 const boxes = [here, here.parentElement, here.closest("li, article")].filter(Boolean);
                 const looks = [...boxes.map(one => getComputedStyle(one)), getComputedStyle(here, "::after")];
                 const shows = style => style.outlineStyle !== "none" && style.outlineWidth !== "0px";
                 return [here.matches(selector), looks.some(shows)];
               }""",
            selector,
        )
        assert outlined, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if has_focus:
            return
    pytest.fail(f"the keyboard does not reach {selector}")


def _certified_ada(lab):
    ada = a_member("Ada Lovelace", charter=lab.charter, email="ada@lab.test", locale="en", password_hash=lab.lea.password_hash)
    for competence in (lab.safety, lab.laser):
        a_certification(ada, competence, by=lab.chloe)
    return ada
