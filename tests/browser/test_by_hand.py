"""What a page does better with a script: drawing a time, keeping words through a refresh, sending once, showing what applies."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from app.kernel import clock
from app.kernel.db import transaction
from machines import catalogue
from tests.browser.conftest import DESK
from tests.browser.scene import a_whole_lab, sign_in
from tests.builders import a_member, acting
from tests.conftest import PARIS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FREE = ".timetable.desk-only td[data-url]"


def claimed(page):
    """What the address of the booking card asks for, in the lab's time."""
    start = re.search(r"start=([^&#]+)", page.url).group(1).replace("%3A", ":").replace("%2B", "+")
    minutes = re.search(r"minutes=(\d+)", page.url)
    return datetime.fromisoformat(start).astimezone(PARIS).strftime("%H:%M"), int(minutes.group(1)) if minutes else None


def hour_cell(page, hour):
    """The free cell that begins at this hour of today, as a box on the screen."""
    begins = clock.now().astimezone(PARIS).replace(hour=hour, minute=0).isoformat()
    instant = datetime.fromisoformat(begins)
    cells = page.locator(FREE)
    starts = cells.evaluate_all("cells => cells.map(cell => cell.dataset.start)")
    [number] = [n for n, text in enumerate(starts) if datetime.fromisoformat(text) == instant]
    return cells.nth(number).bounding_box()


def test_a_time_drawn_over_free_hours_is_the_time_proposed(house, visit):
    a_whole_lab()
    page = visit("/timetable", size=DESK)
    first, last = hour_cell(page, 14), hour_cell(page, 15)
    page.mouse.move(first["x"] + 2, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(first["x"] + 30, first["y"] + 20)
    page.mouse.move(last["x"] + last["width"] * 0.45, last["y"] + 20)
    assert page.locator(".drawn").inner_text().replace("\u00a0", " ") == "14 h – 15 h 30"
    page.mouse.up()
    page.wait_for_url("**/machines/laser-1?*#book")
    assert claimed(page) == ("14:00", 90)


def test_a_time_drawn_backwards_is_the_same_time(house, visit):
    a_whole_lab()
    page = visit("/timetable", size=DESK)
    first, last = hour_cell(page, 14), hour_cell(page, 15)
    page.mouse.move(last["x"] + last["width"] * 0.45, last["y"] + 20)
    page.mouse.down()
    page.mouse.move(last["x"], last["y"] + 20)
    page.mouse.move(first["x"] + 2, first["y"] + 20)
    page.mouse.up()
    page.wait_for_url("**/machines/laser-1?*#book")
    assert claimed(page) == ("14:00", 90)


def test_escape_forgets_what_was_drawn(house, visit):
    a_whole_lab()
    page = visit("/timetable", size=DESK)
    cell = hour_cell(page, 14)
    page.mouse.move(cell["x"] + 2, cell["y"] + 20)
    page.mouse.down()
    page.mouse.move(cell["x"] + 40, cell["y"] + 20)
    page.keyboard.press("Escape")
    assert page.locator(".drawn").count() == 0
    page.mouse.up()
    page.wait_for_timeout(200)
    assert page.url.endswith("/timetable")


def test_a_click_inside_an_hour_proposes_the_quarter_under_it(house, visit):
    a_whole_lab()
    page = visit("/timetable", size=DESK)
    cell = hour_cell(page, 14)
    page.mouse.click(cell["x"] + cell["width"] * 0.6, cell["y"] + 20)
    page.wait_for_url("**/machines/laser-1?*#book")
    assert claimed(page) == ("14:30", None)


def test_a_finger_that_rests_draws_and_one_that_swipes_scrolls(house, visit):
    a_whole_lab()
    page = visit("/timetable", size=DESK)
    touch = page.context.new_cdp_session(page)
    first, last = hour_cell(page, 14), hour_cell(page, 16)

    def finger(what, x=None):
        points = [] if x is None else [{"x": x, "y": first["y"] + 20}]
        touch.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": points})

    finger("touchStart", first["x"] + 3)
    finger("touchMove", first["x"] + 60)
    page.wait_for_timeout(450)
    assert page.locator(".drawn").count() == 0
    finger("touchEnd")

    finger("touchStart", first["x"] + 3)
    page.wait_for_timeout(450)
    finger("touchMove", last["x"] + last["width"] - 3)
    finger("touchEnd")
    page.wait_for_url("**/machines/laser-1?*#book")
    assert claimed(page) == ("14:00", 180)


def test_words_being_typed_survive_the_board_refreshing_itself(house, visit):
    lab = a_whole_lab()
    with transaction():
        catalogue.report(actor=acting(lab.chloe), machine_id=lab.machine.id, text="Odeur de brûlé.", stops_machine=False)
    page = visit("/", size=DESK)
    sign_in(page, "lea@lab.test", "fr")
    page.clock.install(time=house.now)
    page.goto("/today")
    page.locator("details[id^=fault] summary").click()
    page.locator("textarea").fill("Lentille nettoyée")
    page.locator("h1").click()
    with page.expect_response("**/today"):
        page.clock.fast_forward(timedelta(seconds=61).seconds * 1000)
    page.wait_for_timeout(300)
    assert page.locator("textarea").input_value() == "Lentille nettoyée"


def test_two_clicks_send_a_form_once(house, visit):
    lab = a_whole_lab()
    a_member("Ada Lovelace", charter=lab.charter, email="ada@lab.test", password_hash=lab.lea.password_hash)
    page = visit("/")
    sign_in(page, "ada@lab.test", "fr")
    page.goto("/machines/laser-1/faults")
    page.get_by_role("textbox").fill("Le capot ne ferme plus.")
    busy, sent = page.evaluate(
        """() => {
             let sent = 0;
             addEventListener("submit", event => { sent += event.defaultPrevented ? 0 : 1; });
             const button = document.querySelector("form.form button");
             button.click();
             button.click();
             return [button.getAttribute("aria-busy"), sent];
           }"""
    )
    assert (busy, sent) == ("true", 1)
    page.wait_for_url("**/machines/laser-1")


def test_a_guardian_is_asked_for_only_by_those_who_are_minors(house, visit):
    lab = a_whole_lab()
    a_member("Nina Neuve", email="nina@lab.test", password_hash=lab.lea.password_hash)
    page = visit("/")
    sign_in(page, "nina@lab.test", "fr")
    page.goto("/charter")
    guardian = page.locator("#guardian")
    assert not guardian.is_visible()
    page.locator("input[name=is_minor]").check()
    assert guardian.is_visible()
    page.locator("form.form button").click()
    page.wait_for_selector(".form-errors:focus")


def test_the_menu_closes_by_escape_and_gives_the_focus_back(house, visit):
    a_whole_lab()
    page = visit("/")
    menu = page.locator("details.menu")
    menu.locator("summary").click()
    assert menu.locator("nav").is_visible()
    page.keyboard.press("Escape")
    assert not menu.locator("nav").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_night_theme_is_one_click_away_and_stays(house, visit):
    a_whole_lab()
    page = visit("/machines")
    page.get_by_role("button", name="Nuit").click()
    page.wait_for_selector("html[data-theme=dark]")
    page.goto("/timetable")
    assert page.locator("html").get_attribute("data-theme") == "dark"
