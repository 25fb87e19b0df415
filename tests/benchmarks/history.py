"""A hundred times as many reservations: the same weeks, the same bytes, in the same statements and about the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks import booking, feeds, report, server
from tests.benchmarks.feeds import Feed
from tests.benchmarks.report import Line
from tests.benchmarks.seed import House, bookings
from tests.benchmarks.server import Served

ROUNDS = 8


def measure(small: House, large: House, folder: Path, engine: str) -> Iterator[Line]:
    """Against a database without the history, on the same engine and in the same run."""
    what = f"2,000,000 reservations, {engine}"
    before, after = feeds.feeds(small.app()), feeds.feeds(large.app())
    others = sum(abs(less.statements - more.statements) for less, more in zip(before, after, strict=True))
    yield Line(f"{what}, other statements", others, 0, "")
    with (
        server.serving("wsgi:application", small.environment, folder / "small.log") as one,
        server.serving("wsgi:application", large.environment, folder / "large.log") as other,
    ):
        for less, more in zip(before, after, strict=True):
            yield _times(f"{what}, {less.words}", partial(_rate, one, less), partial(_rate, other, more))
    yield _times(f"{what}, booking by the service", _booking(small), _booking(large))


def _rate(served: Served, feed: Feed) -> float:
    return feeds.rate(served, feed.request, status=200, length=len(feed.body))


def _booking(house: House) -> Callable[[], float]:
    app = house.app()
    service = booking.Service(app)
    with app.app_context():
        claims = iter(bookings(booking.NEEDED))
    booking.rate(service.book, claims)
    return lambda: booking.rate(service.book, claims)


def _times(measure: str, small: Callable[[], float], large: Callable[[], float]) -> Line:
    """How many times as long it takes with the history."""
    share = report.share(large, small, ROUNDS)
    return Line(measure, 100 / share.per_cent, 1.3, "times", note=f"{max(share.ours):.0f} of {max(share.floor):.0f} a second")
