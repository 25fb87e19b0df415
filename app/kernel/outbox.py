"""Work that is slow or unreliable, written in the transaction that decides it and done later by the worker; and clockwork.

Nothing here sends or charges anything: handlers are registered by topic in each feature's wiring.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import JSON, Index, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base, db, is_deadlock, pk, transaction

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
RETRIES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 240))

Handler = Callable[[dict[str, Any]], None]
Job = Callable[[], None]


class Transient(Exception):
    """The outside world failed in a way that time may mend: try again later, for as long as it takes."""


class OutboxMessage(Base):
    """One thing to do. Done when `done_at` is set; parked (shown to managers, with a way to try again) when `parked_at` is."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index(
            "ix_outbox_message_waiting",
            "due_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[pk]
    topic: Mapped[str]
    key: Mapped[str | None] = mapped_column(unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    parked_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class PeriodicJob(Base):
    """When a job of `wiring` runs next. Two workers claim it the same way as a message, so it never runs twice at once."""

    __tablename__ = "periodic_job"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_due_at: Mapped[datetime]
    last_run_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


@dataclass(frozen=True, slots=True)
class _Handling:
    run: Handler
    talks_outside: bool


@dataclass(frozen=True, slots=True)
class _Clockwork:
    run: Job
    every: timedelta


def init_app(app: Flask) -> None:
    app.extensions["outbox"] = {}
    app.extensions["jobs"] = {}


def handle(app: Flask, topic: str, handler: Handler, *, talks_outside: bool = False) -> None:
    """Register the handler of a topic. It must be idempotent.

    It runs inside one transaction together with the message's completion; one that `talks_outside` (mail, HTTP) runs before
    that transaction, outside any, because no network call may hold the write lock.
    """
    app.extensions["outbox"][topic] = _Handling(handler, talks_outside)


def every(app: Flask, name: str, period: timedelta, job: Job) -> None:
    """Register a periodic job; it opens its own transactions and must bear being run late or twice."""
    app.extensions["jobs"][name] = _Clockwork(job, period)


_ONCE = {
    dialect.__name__.rsplit(".", 1)[-1]: dialect.insert(OutboxMessage).on_conflict_do_nothing(index_elements=["key"])
    for dialect in (postgresql, sqlite)
}


def enqueue(topic: str, payload: dict[str, Any], *, key: str | None = None, due_at: datetime | None = None) -> None:
    """Leave a message in the caller's transaction. The same `key` a second time changes nothing."""
    now = clock.now()
    values = {"topic": topic, "key": key, "payload": payload, "created_at": now, "due_at": due_at or now, "attempts": 0}
    if key is None:
        db.session.add(OutboxMessage(**values))
        return
    connection = db.session().connection()
    connection.execute(_ONCE[connection.dialect.name], values)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A message in hand. `attempts` is its fencing token: whoever claims it later, after our lease, has a higher one."""

    id: int
    topic: str
    payload: dict[str, Any]
    attempts: int


class _Overtaken(Exception):
    """The lease ran out and another worker has the message: what we did in this transaction must not count."""


def work_once() -> bool:
    """Claim and do one due message. False when there was none."""
    message = _claim()
    if message is None:
        return False
    try:
        handling: _Handling = current_app.extensions["outbox"][message.topic]
        if handling.talks_outside:
            handling.run(message.payload)
        with transaction():
            if not handling.talks_outside:
                handling.run(message.payload)
            _settle(message, done_at=clock.now(), last_error=None)
    except _Overtaken:
        log.warning("outbox %s #%s took longer than its lease: another worker has it", message.topic, message.id)
    except Exception as error:
        log.warning("outbox %s #%s failed: %s", message.topic, message.id, error, exc_info=not isinstance(error, Transient))
        _put_back(message, error)
    return True


def run_due_jobs() -> int:
    """Run every periodic job that is due, each claimed first. Returns how many ran."""
    jobs: dict[str, _Clockwork] = current_app.extensions["jobs"]
    planned = {row.name: row.next_due_at for row in db.session.execute(select(PeriodicJob.name, PeriodicJob.next_due_at))}
    db.session.rollback()
    ran = 0
    for name, clockwork in jobs.items():
        claim = _claim_job(name, planned.get(name), clockwork.every)
        if claim is None:
            continue
        ran += 1
        error: str | None = None
        try:
            clockwork.run()
        except Exception as failure:
            log.exception("job %s failed", name)
            error = f"{type(failure).__name__}: {failure}"[:500]
        db.session.rollback()
        _finish_job(name, claim, error)
    return ran


def drain(limit: int = 10_000) -> int:
    """Do every due message now (tests, the demo, development). Returns how many."""
    done = 0
    while done < limit and work_once():
        done += 1
    return done


def retry(message_id: int) -> None:
    """Give a message that is parked or waits another life, in the caller's transaction; nothing while it is being done."""
    now = clock.now()
    db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.id == message_id,
            OutboxMessage.done_at.is_(None),
            or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now),
        )
        .values(leased_until=None, parked_at=None, attempts=0, due_at=now)
        .execution_options(synchronize_session=False)
    )


def _claim() -> _Claimed | None:
    now = clock.now()
    free = (
        OutboxMessage.done_at.is_(None),
        OutboxMessage.parked_at.is_(None),
        OutboxMessage.due_at <= now,
        or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now),
    )
    for _ in range(5):
        candidate = db.session.scalar(
            select(OutboxMessage.id).where(*free).order_by(OutboxMessage.due_at, OutboxMessage.id).limit(1)
        )
        if candidate is None:
            db.session.rollback()
            return None
        with transaction():
            claimed = db.session.execute(
                update(OutboxMessage)
                .where(OutboxMessage.id == candidate, *free)
                .values(leased_until=now + LEASE, attempts=OutboxMessage.attempts + 1)
                .returning(OutboxMessage.id, OutboxMessage.topic, OutboxMessage.payload, OutboxMessage.attempts)
                .execution_options(synchronize_session=False)
            ).one_or_none()
        if claimed is not None:
            return _Claimed(*claimed)
    return None


def _claim_job(name: str, planned: datetime | None, period: timedelta) -> _JobClaim | None:
    """Take a job that is due, or None. While it runs it is planned for the end of a lease, so that nobody else takes it."""
    now = clock.now()
    if planned is not None and planned > now:
        return None
    leased = now + max(LEASE, period)
    with transaction():
        if planned is None:
            insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
            fresh = insert(PeriodicJob).values(name=name, next_due_at=leased).on_conflict_do_nothing()
            taken = db.session.execute(fresh.returning(PeriodicJob.name))
        else:
            taken = db.session.execute(
                update(PeriodicJob)
                .where(PeriodicJob.name == name, PeriodicJob.next_due_at == planned)
                .values(next_due_at=leased)
                .returning(PeriodicJob.name)
                .execution_options(synchronize_session=False)
            )
        if taken.one_or_none() is None:
            return None
    return _JobClaim(leased, _next_due(planned or now, period, now))


@dataclass(frozen=True, slots=True)
class _JobClaim:
    leased: datetime
    next_due_at: datetime


def _next_due(planned: datetime, period: timedelta, now: datetime) -> datetime:
    """The next beat after now: beats that were missed are left out, and a late run shifts none of those to come."""
    return planned + period * ((now - planned) // period + 1)


def _finish_job(name: str, claim: _JobClaim, error: str | None) -> None:
    """Plan the next run, unless the lease ran out and another worker did."""
    with transaction():
        db.session.execute(
            update(PeriodicJob)
            .where(PeriodicJob.name == name, PeriodicJob.next_due_at == claim.leased)
            .values(next_due_at=claim.next_due_at, last_run_at=clock.now(), last_error=error)
            .execution_options(synchronize_session=False)
        )


def _settle(message: _Claimed, **values: Any) -> None:
    """Write down how it went. Raises _Overtaken when the message is no longer ours."""
    ours = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == message.id, OutboxMessage.attempts == message.attempts, OutboxMessage.done_at.is_(None))
        .values(leased_until=None, **values)
        .returning(OutboxMessage.id)
        .execution_options(synchronize_session=False)
    )
    if ours.one_or_none() is None:
        raise _Overtaken


def _put_back(message: _Claimed, error: Exception) -> None:
    """What time may mend comes back for ever, ever more slowly; anything else is parked after five tries."""
    db.session.rollback()
    words = f"{type(error).__name__}: {error}"[:500].replace("\x00", "")
    delay = RETRIES[min(message.attempts, len(RETRIES)) - 1]
    lasts = not isinstance(error, Transient) and not is_deadlock(error)
    try:
        with transaction():
            if lasts and message.attempts >= len(RETRIES):
                _settle(message, parked_at=clock.now(), last_error=words)
            else:
                _settle(message, due_at=clock.now() + delay, last_error=words)
    except _Overtaken:
        log.warning("outbox %s #%s: another worker has it", message.topic, message.id)
