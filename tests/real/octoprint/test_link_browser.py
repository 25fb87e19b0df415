"""The page that waits for a yes goes on by itself in a real browser, with JavaScript and without; the pages are sound."""

from __future__ import annotations

import pytest

from machines.printing.asking import Pending
from machines.printing.key_views import PENDING
from tests.browser.conftest import DESK, PHONE, browser, chromium, house, sound, visit
from tests.machines.conftest import as_, built, shop
from tests.machines.scene import fresh
from tests.real.octoprint.test_link_cases import PAGE, adele, link

__all__ = ["adele", "as_", "browser", "built", "chromium", "house", "link", "shop", "sound", "visit"]

pytestmark = [pytest.mark.real, pytest.mark.browser, pytest.mark.slow]


def signed_in(visit, adele, path, **options):
    page = visit("/machines", locale="en", **options)
    page.set_default_timeout(20_000)
    page.context.add_cookies([{"name": "etabli", "value": adele.client.get_cookie("etabli").value, "url": "http://lab.test"}])
    page.goto(path)
    return page


def follow(adele, page):
    """The request lives in the browser's session: let the one who decides know of it."""
    [value] = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "etabli"]
    adele.client.set_cookie("etabli", value)
    with adele.client.session_transaction() as session:
        assert Pending.opened(session[PENDING])


@pytest.mark.parametrize("javascript", [True, False])
def test_case_7_the_page_goes_on_by_itself(visit, adele, link, javascript):
    adele.page()
    page = signed_in(visit, adele, PAGE, javascript=javascript)
    page.get_by_label("Name of the user in OctoPrint").fill("platform")
    page.get_by_role("button", name="Ask OctoPrint for a key").click()
    page.wait_for_url("**/request")
    door = page.get_by_role("link", name="Open OctoPrint in a new tab")
    assert door.get_attribute("href").startswith(adele.printer.url)
    door.focus()
    page.wait_for_timeout(7000)  # longer than OctoPrint keeps a request that nobody asks after
    if javascript:
        assert page.evaluate("document.activeElement.textContent.trim()") == "Open OctoPrint in a new tab"
    follow(adele, page)
    adele.decide(True)
    page.wait_for_url(f"**{PAGE}")
    assert page.get_by_text("The key is stored. platform is our user there.").is_visible()
    assert fresh(link).remote_user == "platform"


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "dark")])
def test_the_pages_are_sound(request, adele, link, size, scheme):
    adele.client.post(f"{PAGE}/key", data={"key": adele.printer.keys["viewer"]})
    adele.client.post("/materials", data={"code": "PLA", "name_fr": "PLA", "price": "25", "is_offered": "y"})
    adele.ask()
    # Only now, because Playwright keeps an event loop running in this thread.
    visit, sound = request.getfixturevalue("visit"), request.getfixturevalue("sound")
    for path in (f"{PAGE}/request", PAGE, "/printers/laser-1/link", "/printers", "/materials", "/materials/1"):
        page = signed_in(visit, adele, path, size=size, scheme=scheme)
        sound(page)
        page.context.close()
