"""The week of one machine and of all forty as JSON, for a signed-in member, against a bare view with the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask import Flask

from app.kernel import clock
from tests.benchmarks import client, footprint, report, server, visitors
from tests.benchmarks.client import Request
from tests.benchmarks.report import Line
from tests.benchmarks.seed import House
from tests.benchmarks.server import Served

MEMBER = 7
CONNECTIONS, SECONDS = 2, 0.3
"""Two connections keep one worker busy: one request is answered while the other is on its way."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One address with what it answers. `request` always wants the whole; `conditional` knows the tag already."""

    name: str
    words: str
    request: Request
    conditional: Request
    body: bytes
    statements: int
    statements_unchanged: int

    @property
    def events(self) -> int:
        found = json.loads(self.body)
        return sum(len(week["events"]) for week in found.get("machines", [found]))


def feeds(app: Flask) -> list[Feed]:
    """Both feeds of this week, asked once in this process to count their statements."""
    with app.app_context():
        today = clock.today()
    monday = today - timedelta(days=today.weekday())
    visitor = visitors.signed_in(app, MEMBER)
    paths = {
        "week": ("week of one machine", f"/api/v1/machines/machine-1/week?from={monday}&days=7"),
        "timetable": ("week of all 40 machines", f"/api/v1/timetable?from={monday}&days=7"),
    }
    return [_ask(app, name, words, path, visitor.headers) for name, (words, path) in paths.items()]


def _ask(app: Flask, name: str, words: str, path: str, headers: tuple[tuple[str, str], ...]) -> Feed:
    browser = app.test_client(use_cookies=False)
    local = {"REMOTE_ADDR": "127.0.0.1"}
    browser.get(path, headers=headers, environ_base=local)  # the hours are read once, then kept
    with visitors.statements(app) as seen:
        whole = browser.get(path, headers=headers, environ_base=local)
    conditions = (*headers, ("If-None-Match", whole.headers["ETag"]))
    with visitors.statements(app) as seen_again:
        unchanged = browser.get(path, headers=conditions, environ_base=local)
    if (whole.status_code, unchanged.status_code) != (200, 304):
        raise client.WrongAnswer(f"{path} answers {whole.status_code}, then {unchanged.status_code}")
    return Feed(
        name, words, Request("GET", path, headers), Request("GET", path, conditions), whole.data, len(seen), len(seen_again)
    )


def rate(served: Served, request: Request, *, status: int, length: int | None) -> float:
    return client.rate(served.port, request, status=status, length=length, seconds=SECONDS, connections=CONNECTIONS)


def measure(one: House, folder: Path) -> Iterator[Line]:
    """The lines of both feeds on one seeded database, and the size of the worker that served them."""
    found = feeds(one.app())
    bodies = folder / "bodies"
    bodies.mkdir(exist_ok=True)
    for feed in found:
        (bodies / f"{feed.name}.json").write_bytes(feed.body)
    with (
        server.serving("wsgi:application", one.environment, folder / "house.log") as house,
        server.serving("tests.benchmarks.floor:application", {"BENCH_BODIES": str(bodies)}, folder / "floor.log") as floor,
    ):
        for feed, statements, whole, unchanged in zip(found, (4, 5), (25, 12), (35, None), strict=True):
            yield from _lines(feed, house, floor, statements, whole, unchanged)
        yield Line("a worker that served them, resident", footprint.resident(house.worker), 120, "MB")


def _lines(feed: Feed, house: Served, floor: Served, statements: int, whole: float, unchanged: float | None) -> Iterator[Line]:
    seen = f"{feed.events} events, {len(feed.body)} bytes"
    yield Line(f"{feed.words}, statements", feed.statements, statements, "statements", note=seen)
    length = len(feed.body)
    bare, bare_unchanged = feed.request.to(f"/{feed.name}"), feed.conditional.to(f"/{feed.name}/unchanged")
    share = report.share(
        lambda: rate(house, feed.request, status=200, length=length), lambda: rate(floor, bare, status=200, length=length)
    )
    yield share.line(f"{feed.words}, of a bare view", whole)
    if unchanged is None:
        return
    share = report.share(
        lambda: rate(house, feed.conditional, status=304, length=None),
        lambda: rate(floor, bare_unchanged, status=304, length=None),
    )
    yield share.line(f"{feed.words}, unchanged, of a bare 304", unchanged, f", {feed.statements_unchanged} statements")
