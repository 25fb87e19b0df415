"""Booking through the service, against a bare transaction that writes the same rows; and through the page, one after another."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import select

from app.kernel.actors import Actor
from app.kernel.db import db, transaction
from machines import queries, reservations
from machines.models import Machine
from tests.benchmarks import client, report, server, visitors
from tests.benchmarks.client import Request
from tests.benchmarks.report import Line
from tests.benchmarks.seed import TURNAROUND, Booking, House, bookings

BATCH, ROUNDS, PAGE_BATCHES = 25, 14, 8
NEEDED = 1 + BATCH * (2 + 2 * ROUNDS + PAGE_BATCHES)

_LOCKS = tuple(f"SELECT id FROM {table} WHERE id = ? FOR NO KEY UPDATE" for table in ("member", "resource"))
_WRITES = (
    """INSERT INTO occupancy (resource_id, lane, starts_at, ends_at, purpose, subject, note, released_at)
       VALUES (?, 0, ?, ?, 'reservation', ?, NULL, NULL) RETURNING id""",
    "UPDATE resource SET revision = revision + 1 WHERE id = ?",
    """INSERT INTO reservation (machine_id, member_id, payer_id, occupancy_id, starts_at, ends_at, status, revision, project,
       quoted_cents, desk_code, wrong_codes, override_reason, booked_at, booked_by_id, changed_at)
       VALUES (?, ?, ?, ?, ?, ?, 'confirmed', 0, NULL, 600, '1234', 0, NULL, ?, ?, ?) RETURNING id""",
    "UPDATE occupancy SET subject = ? WHERE id = ?",
    "INSERT INTO audit_entry (at, actor_id, door, verb, subject, details) VALUES (?, ?, 'page', 'reservation.booked', ?, '{}')",
    """INSERT INTO outbox_message (topic, "key", payload, created_at, due_at, attempts)
       VALUES ('mail.send', ?, ?, ?, ?, 0) ON CONFLICT ("key") DO NOTHING""",
)


class Bare:
    """The same locks and writes by the driver alone, on the engine's own connection: nothing is asked, nothing is decided."""

    def __init__(self, app: Flask) -> None:
        with app.app_context():
            engine = db.engine
            self._resources = {machine.id: machine.resource_id for machine in db.session.scalars(select(Machine))}
        self.connection = engine.raw_connection()
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._cursor = self.connection.cursor()
        self._locks = () if self._is_sqlite else [self._dialect(statement) for statement in _LOCKS]
        self._writes = [self._dialect(statement) for statement in _WRITES]

    def book(self, one: Booking) -> None:
        resource_id, period, now = self._resources[one.machine_id], one.claim.period, datetime.now(UTC)
        assert period is not None
        start, end, at = self._instant(period.start), self._instant(period.end), self._instant(now)
        taken_until = self._instant(period.end + timedelta(minutes=TURNAROUND))
        occupy, touch, reserve, name, record, tell = self._writes
        if self._is_sqlite:
            self._cursor.execute("BEGIN IMMEDIATE")
        for lock, ident in zip(self._locks, (one.member_id, resource_id), strict=False):
            self._cursor.execute(lock, (ident,))
        occupancy_id = self._id(occupy, (resource_id, start, taken_until, f"booking:{one.member_id:016x}"))
        self._cursor.execute(touch, (resource_id,))
        who = (one.machine_id, one.member_id, one.member_id, occupancy_id)
        reservation_id = self._id(reserve, (*who, start, end, at, one.member_id, at))
        subject = f"reservation:{reservation_id}"
        self._cursor.execute(name, (subject, occupancy_id))
        self._cursor.execute(record, (at, one.member_id, subject))
        facts = {"reservation": reservation_id, "revision": 0, "start": str(period.start), "end": str(period.end)}
        payload = json.dumps({"template": "machines.booked", "facts": facts})
        self._cursor.execute(tell, (f"machines.booked:{reservation_id}:0", payload, at, at))
        self.connection.commit()

    def _id(self, statement: str, values: Sequence[Any]) -> int:
        self._cursor.execute(statement, values)
        return int(self._cursor.fetchone()[0])

    def _instant(self, instant: datetime) -> Any:
        return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if self._is_sqlite else instant

    def _dialect(self, statement: str) -> str:
        return statement if self._is_sqlite else statement.replace("?", "%s")


class Service:
    """As a request does it: a context and a session of its own, one transaction, every rule."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        with app.app_context():
            self._machines = {machine.id: machine for machine in queries.machines()}

    def book(self, one: Booking) -> None:
        with self._app.app_context(), transaction():
            reservations.book(actor=Actor(one.member_id), machine=self._machines[one.machine_id], claim=one.claim)


def rate(book: Callable[[Booking], None], claims: Iterator[Booking], count: int = BATCH) -> float:
    """Bookings a second, one after another."""
    some = list(islice(claims, count))
    begun = time.perf_counter()
    for one in some:
        book(one)
    return len(some) / (time.perf_counter() - begun)


def measure(one: House, engine: str, least: float) -> Iterator[Line]:
    """The share of the bare rate, on a database nobody else writes to."""
    app = one.app()
    with app.app_context():
        claims = iter(bookings(NEEDED))
    service, bare = Service(app), Bare(app)
    with closing(bare.connection):
        _must_write_the_same(app, service, next(claims))
        rate(service.book, claims), rate(bare.book, claims)
        share = report.share(lambda: rate(service.book, claims), lambda: rate(bare.book, claims), ROUNDS)
    yield share.line(f"booking by the service, {engine}, of bare writes", least)


def _must_write_the_same(app: Flask, service: Service, one: Booking) -> None:
    """The comparison is only fair while both write the same: raises when the service has learned to write something else."""
    with visitors.statements(app) as seen:
        service.book(one)
    wanted, found = (sorted(_write(text) for text in texts if _write(text)) for texts in (seen, _WRITES))
    if wanted != found:
        raise RuntimeError(f"the service writes {wanted}, the bare transaction {found}: bring the latter up to date")


def _write(statement: str) -> str:
    """ "INSERT occupancy", "UPDATE resource"; nothing for a statement that only reads."""
    words = statement.replace('"', "").split()
    return {"INSERT": f"INSERT {words[2]}", "UPDATE": f"UPDATE {words[1]}"}.get(words[0], "")


def through_the_page(one: House, folder: Path) -> Iterator[Line]:
    """The form of the machine's page, posted by members who signed in, each answer awaited before the next request."""
    app = one.app()
    with app.app_context():
        claims = bookings(NEEDED)[-PAGE_BATCHES * BATCH :]
    people = {member_id: visitors.signed_in(app, member_id) for member_id in {claim.member_id for claim in claims}}
    posts = [_post(claim, people[claim.member_id], app) for claim in claims]
    with server.serving("wsgi:application", one.environment, folder / "house.log") as house:
        warm = Request("GET", "/machines/machine-1", people[claims[0].member_id].headers)
        client.one_after_another(house.port, [warm] * 3, status=200)
        rates = [
            client.one_after_another(house.port, posts[first : first + BATCH], status=303)
            for first in range(0, len(posts), BATCH)
        ]
    yield Line(
        "booking through the page, SQLite", max(rates), 100, "a second", at_least=True,
        note=f"the best of {len(rates)} batches; median {statistics.median(rates):.0f}",
    )  # fmt: skip


def _post(one: Booking, visitor: visitors.Visitor, app: Flask) -> Request:
    local = one.claim.start.astimezone(app.extensions["settings"].timezone)
    typed = {
        "csrf_token": visitor.csrf_token,
        "key": f"{one.machine_id}-{local:%d-%H%M}",
        "day": f"{local:%Y-%m-%d}",
        "start": f"{local:%H:%M}",
        "minutes": one.claim.minutes,
        "project": "",
    }
    headers = (*visitor.headers, ("Content-Type", "application/x-www-form-urlencoded"))
    return Request("POST", f"/machines/{one.slug}/reservations", headers, urlencode(typed))
