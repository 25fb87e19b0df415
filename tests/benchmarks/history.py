"""A hundred times as many reservations: the same weeks, the same bytes, in the same statements and about the same time."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import booking, feeds, server
from tests.benchmarks.report import ROUNDS, Line
from tests.benchmarks.seed import House, bookings


def measure(small: House, large: House, folder: Path, engine: str) -> Iterator[Line]:
    before, after = feeds.feeds(small.app()), feeds.feeds(large.app())
    more = sum(abs(a.statements - b.statements) for a, b in zip(before, after, strict=True))
    yield Line(f"2,000,000 reservations, {engine}, other statements", more, 0, "")
    with (
        server.serving("wsgi:application", small.environment, folder / "small.log") as one,
        server.serving("wsgi:application", large.environment, folder / "large.log") as other,
    ):
        for a, b in zip(before, after, strict=True):
            times = [
                feeds.rate(one, a.request, status=200, length=len(a.body))
                / feeds.rate(other, b.request, status=200, length=len(b.body))
                for _ in range(ROUNDS)
            ]
            yield Line(f"2,000,000 reservations, {engine}, {a.words}", statistics.median(times), 1.3, "times")
    yield _booking(small, large, engine)


def _booking(small: House, large: House, engine: str) -> Line:
    services, claims = [], []
    for house in (small, large):
        app = house.app()
        services.append(booking.Service(app))
        with app.app_context():
            claims.append(iter(bookings(booking.NEEDED)))
    for service, mine in zip(services, claims, strict=True):
        booking.rate(service.book, mine)
    times = [booking.rate(services[0].book, claims[0]) / booking.rate(services[1].book, claims[1]) for _ in range(booking.ROUNDS)]
    return Line(f"2,000,000 reservations, {engine}, booking by the service", statistics.median(times), 1.3, "times")
