"""A real Chromium in front of the real program: the app of the test served on a thread, on the test's scripted clock."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from app.kernel import clock, outbox
from app.kernel.db import db
from app.kernel.mail import Mail

logging.getLogger("werkzeug").setLevel(logging.ERROR)

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass
class House:
    """The program as it runs: its app, where it listens, and what time it is there."""

    app: Flask
    port: int
    now: datetime

    def at(self, instant: datetime) -> None:
        """Let it be that time, for the server and for the test."""
        self.now = instant
        clock.set_clock(instant)

    def deliver(self) -> None:
        """Do what the worker would do by now."""
        outbox.run_due_jobs()
        outbox.drain()

    def last_letter(self, address: str) -> Mail:
        self.deliver()
        db.session.rollback()
        return db.session.scalars(select(Mail).where(Mail.to_address == address).order_by(Mail.id.desc()).limit(1)).one()


@pytest.fixture
def house(app: Flask) -> Iterator[House]:
    house = House(app, 0, clock.now())

    def on_the_scripted_clock(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        clock.set_clock(house.now)
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, on_the_scripted_clock, threaded=True)
    house.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield house
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    if not AXE.exists():
        pytest.skip("axe-core is not installed: python3 tools/setup.py test")
    return path


@pytest.fixture
def browser(chromium: str, house: House) -> Iterator[Browser]:
    """A browser for which http://lab.test is the house, so that the links of letters work as they are."""
    with sync_playwright() as playwright:
        rules = f"--host-resolver-rules=MAP lab.test 127.0.0.1:{house.port}"
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, rules])
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """`visit("/machines", size=DESK, locale="en", scheme="dark", javascript=False)`: a fresh visitor on that page.

    Any error in the console or uncaught exception fails the test.
    """
    contexts: list[BrowserContext] = []
    request.node._contexts = contexts
    troubles: list[str] = []

    def open_page(path: str = "/", *, size: Any = PHONE, locale: str = "fr", scheme: Any = "light", **options: Any) -> Page:
        context = browser.new_context(
            base_url="http://lab.test",
            viewport=size,
            locale={"fr": "fr-FR", "en": "en-GB"}[locale],
            color_scheme=scheme,
            has_touch=size is PHONE,
            java_script_enabled=options.pop("javascript", True),
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: _note(troubles, message))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def _note(troubles: list[str], message: Any) -> None:
    """Errors of ours; a 4xx answer that the test provoked is written to the console by the browser itself."""
    if message.type == "error" and "the server responded with a status of 4" not in message.text:
        troubles.append(message.text)


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is, WCAG 2.2 A and AA, one line each; sideways scrolling counts too."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})")
    lines = [
        f"{page.url}: {one['id']}: {one['help']} ({'; '.join(node['html'][:120] for node in one['nodes'][:3])})"
        for one in found["violations"]
    ]
    if page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        lines.append(f"{page.url}: scrolls sideways at {page.viewport_size}")
    return lines


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """When a story fails, keep a picture of each page and its address in the report."""
    report = yield
    pages = [page for context in getattr(item, "_contexts", []) for page in context.pages]
    if call.when == "call" and call.excinfo:
        folder = Path(item.config.rootpath) / ".pytest_cache" / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(pages):
            picture = folder / f"{item.name}-{number}.png".replace("/", "-")
            page.screenshot(path=picture, full_page=True)
            report.sections.append((f"page {number}", f"{page.url}\n{picture}"))
    return report


@pytest.fixture
def sound() -> Iterator[Callable[[Page], None]]:
    """Look at a page on the way; at the end, every violation on any of them fails the test at once."""
    found: list[str] = []
    yield lambda page: found.extend(violations(page))
    assert sorted(set(found)) == []
