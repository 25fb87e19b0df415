"""Work left for later: done once, tried again, parked, given another life; and clockwork that keeps its beat."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.kernel import audit, clock, events, outbox
from app.kernel.actors import HOUSE
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.outbox import LEASE, RETRIES, OutboxMessage, PeriodicJob, Transient

pytestmark = pytest.mark.both_engines

MINUTE = timedelta(minutes=1)


@pytest.fixture
def handlers(app, monkeypatch):
    """An empty registry, to be filled by the test."""
    monkeypatch.setitem(app.extensions, "outbox", {})
    monkeypatch.setitem(app.extensions, "jobs", {})
    return app


@pytest.fixture
def seen(handlers):
    """Payloads in the order they were handled by topics "inside" and "outside"."""
    found = []
    outbox.handle(handlers, "inside", found.append)
    outbox.handle(handlers, "outside", found.append, talks_outside=True)
    return found


def leave(topic="inside", payload=None, **more):
    with transaction():
        outbox.enqueue(topic, payload or {}, **more)


def message() -> OutboxMessage:
    db.session.rollback()
    return db.session.scalars(select(OutboxMessage).execution_options(populate_existing=True)).one()


def later(by: timedelta) -> None:
    clock.set_clock(clock.now() + by)


def live(rounds: int) -> None:
    """Work, then wait for what is due next, and again."""
    for _ in range(rounds):
        outbox.drain()
        clock.set_clock(max(clock.now() + MINUTE, message().due_at))


def fails(app, error, topic="failing", **more):
    """A topic whose handler raises `error()` until it returns None; returns the list of attempts."""
    tries = []

    def handler(_payload):
        tries.append(clock.now())
        if (raised := error()) is not None:
            raise raised

    outbox.handle(app, topic, handler, **more)
    return tries


# ── leaving and doing ────────────────────────────────────────────────────────────────────────────────────────────────


def test_messages_are_done_in_the_order_they_were_due(seen):
    leave(payload={"n": 3}, due_at=clock.now() - MINUTE)
    leave("outside", {"n": 1}, due_at=clock.now() - 3 * MINUTE)
    leave(payload={"n": 2}, due_at=clock.now() - 2 * MINUTE)
    assert outbox.drain() == 3
    assert [one["n"] for one in seen] == [1, 2, 3]
    assert not outbox.work_once()


def test_what_is_not_due_waits(seen):
    leave(due_at=clock.now() + MINUTE)
    assert not outbox.work_once()
    later(MINUTE)
    assert outbox.work_once()


def test_a_message_is_part_of_the_transaction_that_leaves_it(seen):
    def give_up():
        outbox.enqueue("inside", {})
        outbox.enqueue("inside", {}, key="k")
        raise RuntimeError

    with pytest.raises(RuntimeError), transaction():
        give_up()
    assert not outbox.work_once()


def test_the_same_key_says_a_thing_once(seen):
    for number in range(3):
        leave(payload={"n": number}, key="once")
    leave(payload={"n": 9}, key="other")
    assert outbox.drain() == 2
    assert [one["n"] for one in seen] == [0, 9]
    leave(payload={"n": 4}, key="once")
    assert outbox.drain() == 0


def test_what_a_handler_writes_and_that_it_is_done_are_one(handlers):
    def handler(_payload):
        audit.record(HOUSE, "half", "test:1")
        db.session.flush()
        raise RuntimeError("in the middle")

    outbox.handle(handlers, "half", handler)
    leave("half")
    assert outbox.work_once()
    assert db.session.scalars(select(AuditEntry)).all() == []
    assert message().done_at is None


def test_a_handler_that_talks_outside_holds_no_transaction(handlers):
    found = []
    outbox.handle(handlers, "outside", lambda _payload: found.append(db.session.info.get("writing")), talks_outside=True)
    outbox.handle(handlers, "inside", lambda _payload: found.append(db.session.info.get("writing")))
    leave("outside")
    leave("inside")
    outbox.drain()
    assert [bool(one) for one in found] == [False, True]


# ── trying again, parking ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outside", [False, True])
def test_what_time_may_mend_is_tried_for_ever_ever_more_slowly(handlers, outside):
    tries = fails(handlers, lambda: Transient("server down"), talks_outside=outside)
    leave("failing")
    live(10)
    assert len(tries) == 10
    gaps = [after - before for before, after in pairwise(tries)]
    assert gaps[: len(RETRIES)] == list(RETRIES)
    assert set(gaps[len(RETRIES) :]) == {RETRIES[-1]}
    assert message().parked_at is None
    assert message().last_error == "Transient: server down"


def test_a_bug_is_tried_five_times_then_parked_and_shown(handlers):
    tries = fails(handlers, lambda: ZeroDivisionError("a bug"))
    leave("failing")
    live(9)
    assert len(tries) == 5
    found = message()
    assert (found.parked_at is not None, found.last_error, found.attempts) == (True, "ZeroDivisionError: a bug", 5)


def test_a_deadlock_is_not_counted_as_a_bug(handlers):
    error = OperationalError("UPDATE", {}, Exception("database is locked"))
    tries = fails(handlers, lambda: error)
    leave("failing")
    live(9)
    assert len(tries) > 5
    assert message().parked_at is None


def test_it_is_done_as_soon_as_it_can_be(handlers):
    answers = iter([Transient("down"), Transient("down"), None])
    tries = fails(handlers, lambda: next(answers))
    leave("failing")
    live(9)
    assert len(tries) == 3
    assert (message().done_at is not None, message().last_error) == (True, None)


def test_a_topic_nobody_handles_is_parked_not_lost(handlers):
    leave("unheard")
    live(9)
    assert message().parked_at is not None
    assert "KeyError" in message().last_error


def test_an_error_that_cannot_be_stored_as_it_is_is_stored_anyway(handlers):
    fails(handlers, lambda: ValueError("\x00" + "x" * 2000))
    leave("failing")
    outbox.drain()
    assert len(message().last_error) <= 500


def test_one_broken_message_does_not_stop_the_others(handlers, seen):
    fails(handlers, lambda: ZeroDivisionError())
    leave("failing")
    leave(payload={"n": 1})
    outbox.drain()
    assert seen == [{"n": 1}]


# ── another life ─────────────────────────────────────────────────────────────────────────────────────────────────────


def retry():
    ident = message().id
    with transaction():
        outbox.retry(ident)


def test_a_parked_message_gets_five_more_tries_at_once(handlers):
    tries = fails(handlers, lambda: ZeroDivisionError())
    leave("failing")
    for _ in range(2):
        live(7)
        retry()
        assert outbox.work_once()
        assert message().parked_at is None
    assert len(tries) == 5 + 5 + 1


def test_a_message_that_waits_is_tried_now(handlers):
    tries = fails(handlers, lambda: Transient())
    leave("failing")
    for _ in range(4):
        outbox.drain()
        later(timedelta(hours=1))
    assert len(tries) == 4
    retry()
    outbox.drain()
    assert len(tries) == 5


def test_a_message_that_is_done_is_not_done_again(seen):
    leave()
    outbox.drain()
    retry()
    later(LEASE)
    assert outbox.drain() == 0
    assert len(seen) == 1


def test_a_message_in_hand_is_left_to_who_has_it(handlers, seen):
    """Asked to try again while a worker has it: nobody else gets it before the lease ends."""
    leave()
    assert outbox._claim() is not None
    retry()
    assert not outbox.work_once()
    later(LEASE)
    assert outbox.work_once()
    assert len(seen) == 1


def test_who_comes_back_after_the_lease_finds_the_work_no_longer_theirs(handlers):
    """A worker so slow that another did its message meanwhile: what it wrote is undone, and the message stays done."""
    done = []

    def handler(payload):
        audit.record(HOUSE, "handled", f"by:{len(done)}")
        if not done:
            done.append("slow")
            db.session.rollback()
            db.session.info["writing"] = False
            later(LEASE)
            assert outbox.work_once()
            db.session.info["writing"] = True
            audit.record(HOUSE, "handled", "by:too late")

    outbox.handle(handlers, "slow", handler)
    leave("slow")
    assert outbox.work_once()
    assert [entry.subject for entry in db.session.scalars(select(AuditEntry))] == ["by:1"]
    assert (message().done_at is not None, message().last_error, message().attempts) == (True, None, 2)


# ── clockwork ────────────────────────────────────────────────────────────────────────────────────────────────────────


def job() -> PeriodicJob:
    db.session.rollback()
    return db.session.scalars(select(PeriodicJob).execution_options(populate_existing=True)).one()


def test_a_job_runs_at_once_and_then_at_each_beat(handlers):
    ran: list[datetime] = []
    start = clock.now()
    outbox.every(handlers, "job", timedelta(minutes=10), lambda: ran.append(clock.now()))
    for _ in range(35):
        outbox.run_due_jobs()
        later(MINUTE)
    assert [(at - start) // MINUTE for at in ran] == [0, 10, 20, 30]


def test_a_late_run_shifts_none_of_the_beats_to_come(handlers):
    ran = []
    start = clock.now()
    outbox.every(handlers, "job", timedelta(minutes=10), lambda: ran.append(clock.now()))
    for minute in (0, 13, 20, 58, 59, 60, 61):
        clock.set_clock(start + minute * MINUTE)
        outbox.run_due_jobs()
    assert [(at - start) // MINUTE for at in ran] == [0, 13, 20, 58, 60]


def test_a_job_that_fails_says_why_and_runs_at_its_next_beat(handlers):
    answers = iter([RuntimeError("no luck"), None])

    def run():
        audit.record(HOUSE, "half", "job:1")
        if (error := next(answers)) is not None:
            raise error

    outbox.every(handlers, "job", MINUTE, run)
    assert outbox.run_due_jobs() == 1
    assert job().last_error == "RuntimeError: no luck"
    assert db.session.scalars(select(AuditEntry)).all() == []
    later(MINUTE)
    assert outbox.run_due_jobs() == 1
    assert job().last_error is None
    assert job().last_run_at == clock.now()


def test_one_job_that_fails_does_not_stop_the_others(handlers):
    ran = []
    outbox.every(handlers, "a", MINUTE, lambda: ran.append("a") or 1 / 0)
    outbox.every(handlers, "b", MINUTE, lambda: ran.append("b"))
    assert outbox.run_due_jobs() == 2
    assert ran == ["a", "b"]


def test_an_idle_worker_reads_and_does_not_write(handlers, statements):
    for name in ("a", "b", "c"):
        outbox.every(handlers, name, timedelta(hours=1), lambda: None)
    outbox.run_due_jobs()
    statements.clear()
    assert outbox.run_due_jobs() == 0
    assert not outbox.work_once()
    assert len(statements) == 2
    assert all(one.startswith("SELECT") for one in statements)


# ── news ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Happened:
    pass


class Other:
    pass


def test_news_reach_subscribers_in_order_and_nobody_else(app, monkeypatch):
    monkeypatch.setitem(app.extensions, "subscriptions", dict(app.extensions["subscriptions"]))
    heard = []
    app.extensions["subscriptions"].setdefault(Happened, [])
    events.subscribe(app, Happened, lambda _news: heard.append("first"))
    events.subscribe(app, Happened, lambda _news: heard.append("second"))
    events.publish(Happened())
    events.publish(Other())
    assert heard == ["first", "second"]


def test_a_subscriber_that_fails_undoes_the_fact_itself(app, monkeypatch):
    monkeypatch.setitem(app.extensions, "subscriptions", {Happened: []})
    events.subscribe(app, Happened, lambda _news: 1 / 0)

    def tell():
        audit.record(HOUSE, "fact", "test:1")
        events.publish(Happened())

    with pytest.raises(ZeroDivisionError), transaction():
        tell()
    assert db.session.scalars(select(AuditEntry)).all() == []
