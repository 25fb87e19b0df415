"""The promises that matter, under real concurrency: many processes, one database, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError

from app.calendar import occupancies
from app.calendar.models import Kind, Occupancy, Purpose, Resource
from app.factory import create_app
from app.kernel import audit, clock, guards, outbox
from app.kernel.actors import HOUSE
from app.kernel.audit import AuditEntry
from app.kernel.db import Base, db, transaction
from app.kernel.outbox import LEASE, OutboxMessage, PeriodicJob
from app.kernel.periods import Period
from tests.builders import save
from tests.conftest import settings_for
from tests.real import acts, postgres, schema
from tests.real.crowd import Crowd, Outcome, somebody

pytestmark = pytest.mark.both_engines

PEOPLE = 16
RACES = 6
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def crowds() -> Iterator[Callable[[Flask], Crowd]]:
    """One crowd an engine for the whole session; they let go of the database between two tests."""
    known: dict[str, Crowd] = {}

    def on(app: Flask) -> Crowd:
        url = app.config["SQLALCHEMY_DATABASE_URI"]
        if url not in known:
            known[url] = Crowd(url, app.extensions["settings"].home, PEOPLE)
        return known[url]

    yield on
    for crowd in known.values():
        crowd.go_home()


@pytest.fixture
def at_once(app: Flask, crowds: Callable[[Flask], Crowd]) -> Iterator[Callable[..., list[Outcome]]]:
    """`at_once(acts.take, [{…}, …])`: sixteen processes, each with a wish of its own."""
    crowd = crowds(app)

    def run(act: Callable[..., Any], wishes: list[dict[str, Any]], *, now: datetime | None = None) -> list[Outcome]:
        db.session.rollback()
        return crowd.at_once(act, wishes, now=now or clock.now())

    yield run
    crowd.rest()


@pytest.fixture
def machines(app: Flask) -> list[Resource]:
    """A space with four machines, the last a table of six seats."""
    space = Resource(kind=Kind.SPACE, name={"fr": "Atelier"}, slug="workshop")
    save(space)
    found = [
        Resource(kind=Kind.MACHINE, parent_id=space.id, name={"fr": str(n)}, slug=f"machine-{n}", capacity=6 if n == 3 else 1)
        for n in range(4)
    ]
    save(*found)
    return found


def slot(number: int, minutes: int = 60) -> Period:
    start = clock.now() + timedelta(days=1, hours=number)
    return Period(start, start + timedelta(minutes=minutes))


def tally(outcomes: list[Outcome]) -> Counter[str]:
    return Counter("done" if kind == "done" else str(what) for kind, what in outcomes)


def overlaps() -> list[tuple[int, int]]:
    """Pairs of live rows that share a lane and time, looked for without any help of the guard."""
    db.session.rollback()
    live = db.session.scalars(select(Occupancy).where(Occupancy.released_at.is_(None))).all()
    return [
        (one.id, other.id)
        for one, other in itertools.combinations(live, 2)
        if (one.resource_id, one.lane) == (other.resource_id, other.lane)
        and one.starts_at < other.ends_at
        and other.starts_at < one.ends_at
    ]


TAKEN = str(["calendar.slot_taken"])


# ── no double booking ────────────────────────────────────────────────────────────────────────────────────────────────


def test_sixteen_people_after_one_slot_make_one_winner_and_fifteen_refusals(machines, at_once):
    for race in range(RACES):
        wishes = [{"resource_ids": [machines[0].id], "period": slot(race), "subject": f"r:{race}:{n}"} for n in range(PEOPLE)]
        assert tally(at_once(acts.take, wishes)) == {"done": 1, TAKEN: 15}
    assert overlaps() == []


def test_slots_that_overlap_a_little_are_never_both_taken(machines, at_once):
    for race in range(RACES):
        start = slot(race * 3).start
        wishes = [
            {
                "resource_ids": [machines[0].id],
                "period": Period(begins, begins + timedelta(minutes=45)),
                "subject": f"r:{race}:{n}",
            }
            for n in range(PEOPLE)
            for begins in [start + timedelta(minutes=10 * n)]
        ]
        found = tally(at_once(acts.take, wishes))
        assert set(found) == {"done", TAKEN}
        assert 2 <= found["done"] <= 5
    assert overlaps() == []


def test_several_machines_asked_for_in_any_order_never_block_each_other(machines, at_once):
    chance = random.Random(7)
    for race in range(RACES):
        wishes = []
        for n in range(PEOPLE):
            wanted = chance.sample([one.id for one in machines[:3]], 3)
            wishes.append({"resource_ids": wanted, "period": slot(race), "subject": f"r:{race}:{n}"})
        assert tally(at_once(acts.take, wishes)) == {"done": 1, TAKEN: 15}
    assert overlaps() == []
    held = Counter(db.session.scalars(select(Occupancy.subject)))
    assert set(held.values()) == {3}


def test_two_of_three_machines_each_never_leave_half_a_booking(machines, at_once):
    pairs = [[a.id, b.id] for a, b in itertools.permutations(machines[:3], 2)]
    for race in range(RACES):
        wishes = [
            {"resource_ids": pairs[n % len(pairs)], "period": slot(race), "subject": f"r:{race}:{n}"} for n in range(PEOPLE)
        ]
        assert tally(at_once(acts.take, wishes)) == {"done": 1, TAKEN: 15}
    assert set(Counter(db.session.scalars(select(Occupancy.subject))).values()) == {2}


def test_six_seats_make_six_winners_each_with_a_seat_of_their_own(machines, at_once):
    for race in range(RACES):
        wishes = [{"resource_ids": [machines[3].id], "period": slot(race), "subject": f"r:{race}:{n}"} for n in range(PEOPLE)]
        outcomes = at_once(acts.take, wishes)
        assert tally(outcomes) == {"done": 6, TAKEN: 10}
        assert sorted(lane for kind, lane in outcomes if kind == "done") == [0, 1, 2, 3, 4, 5]
    assert overlaps() == []


def test_a_space_and_a_machine_in_it_are_never_both_taken(machines, at_once):
    space_id = machines[0].parent_id
    for race in range(RACES):
        wishes = [
            {"place_id": space_id, "period": slot(race), "subject": f"s:{race}:{n}"}
            if n % 2
            else {"resource_id": machines[n % 3].id, "period": slot(race), "subject": f"m:{race}:{n}"}
            for n in range(PEOPLE)
        ]
        outcomes = at_once(acts.take_either, wishes)
        assert set(tally(outcomes)) <= {"done", TAKEN}
        spaces = sum(kind == "done" for kind, _ in outcomes[1::2])
        singles = sum(kind == "done" for kind, _ in outcomes[0::2])
        assert (spaces, singles) == (1, 0) or (spaces == 0 and 1 <= singles <= 3)
    assert overlaps() == []


def test_sixteen_reservations_moved_to_one_slot_make_one_winner(machines, at_once):
    for n in range(PEOPLE):
        with transaction():
            occupancies.occupy([machines[0].id], slot(n), purpose=Purpose.RESERVATION, subject=f"r:{n}")
    wishes = [{"subject": f"r:{n}", "period": slot(50)} for n in range(PEOPLE)]
    assert tally(at_once(acts.move, wishes)) == {"done": 1, TAKEN: 15}
    assert overlaps() == []
    assert len(db.session.scalars(select(Occupancy)).all()) == PEOPLE


def test_taking_and_giving_back_by_many_never_overlaps_nor_fails(machines, at_once):
    wishes = [{"resource_id": machines[0].id, "period": slot(0), "subject": f"r:{n}", "times": 5} for n in range(PEOPLE)]
    outcomes = at_once(acts.change_mind, wishes)
    assert {kind for kind, _ in outcomes} == {"done"}
    assert sum(taken for _, taken in outcomes) == len(db.session.scalars(select(Occupancy)).all()) >= 5
    assert overlaps() == []
    assert db.session.scalars(select(Occupancy).where(Occupancy.released_at.is_(None))).all() == []


# ── one submission, one effect ───────────────────────────────────────────────────────────────────────────────────────


def noted(verb: str) -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry.subject).where(AuditEntry.verb == verb).order_by(AuditEntry.subject)))


def test_sixteen_clicks_with_one_key_act_once_and_all_get_the_same_answer(app, at_once):
    for race in range(RACES):
        outcomes = at_once(acts.submit, [{"key": f"key-{race}"}] * PEOPLE)
        assert {kind for kind, _ in outcomes} == {"done"}
        assert len({url for _, url in outcomes}) == 1
    assert noted("submitted") == sorted(f"key:key-{race}" for race in range(RACES))


def test_a_key_is_for_one_page_only(app, at_once):
    outcomes = at_once(acts.submit, [{"key": "k", "path": f"/page-{n % 4}"} for n in range(PEOPLE)])
    assert {kind for kind, _ in outcomes} == {"done"}
    assert len(noted("submitted")) == 4


# ── the outbox and the clockwork ─────────────────────────────────────────────────────────────────────────────────────


def leave(*numbers: int, topic: str = "test.note", **more: Any) -> None:
    with transaction():
        for number in numbers:
            outbox.enqueue(topic, {"number": number, **more})


def test_sixteen_workers_do_every_message_once(app, at_once):
    leave(*range(100, 160))
    outcomes = at_once(acts.work, [{}] * PEOPLE)
    assert {kind for kind, _ in outcomes} == {"done"}
    at_once(acts.work, [{}] * PEOPLE)  # a worker that lost five claims in a row had gone to sleep
    assert noted("noted") == [f"message:{number}" for number in range(100, 160)]
    assert db.session.scalars(select(OutboxMessage).where(OutboxMessage.done_at.is_(None))).all() == []


def test_a_worker_that_dies_leaves_its_message_to_the_next_one(app, at_once, tmp_path):
    leave(1, topic="test.die", grave=str(tmp_path / "grave"))
    settings = app.extensions["settings"]
    with somebody(acts.work, settings.database_url, settings.home, clock.now()) as worker:
        worker.join(30)
        assert worker.exitcode == 9
    assert noted("noted") == []
    at_once(acts.work, [{}] * PEOPLE)
    assert noted("noted") == []
    at_once(acts.work, [{}] * PEOPLE, now=clock.now() + LEASE)
    assert noted("noted") == ["message:1"]


def test_a_periodic_job_runs_once_a_beat_however_many_workers(app, at_once):
    for beat in range(4):
        outcomes = at_once(acts.tick, [{}] * PEOPLE, now=clock.now() + timedelta(minutes=beat))
        assert sorted(ran for _, ran in outcomes) == [0] * (PEOPLE - 1) + [1]
    assert len(noted("job.began")) == 4


def test_a_job_that_outlasts_its_period_is_not_begun_again_meanwhile(app, at_once, tmp_path):
    flag, until = tmp_path / "began", tmp_path / "enough"
    settings = app.extensions["settings"]
    with somebody(acts.tick_slowly, settings.database_url, settings.home, clock.now(), flag=str(flag), until=str(until)) as slow:
        outcomes = at_once(acts.wait_and_tick, [{"flag": str(flag)}] * PEOPLE, now=clock.now() + timedelta(minutes=3))
        assert {kind for kind, _ in outcomes} == {"done"}
        assert len(noted("job.began")) == 1
        until.write_text("now", encoding="utf-8")
        slow.join(30)
    at_once(acts.tick, [{}] * PEOPLE, now=clock.now() + timedelta(minutes=3))
    assert len(noted("job.began")) == 2


def test_a_job_whose_worker_died_is_run_again_after_its_lease(app, at_once, tmp_path):
    flag = tmp_path / "began"
    settings = app.extensions["settings"]
    with somebody(
        acts.tick_slowly, settings.database_url, settings.home, clock.now(), flag=str(flag), until=str(tmp_path / "never")
    ) as worker:
        wait_for(flag)
        worker.kill()
    at_once(acts.tick, [{}] * PEOPLE, now=clock.now() + LEASE - timedelta(seconds=1))
    assert len(noted("job.began")) == 1
    at_once(acts.tick, [{}] * PEOPLE, now=clock.now() + LEASE)
    assert len(noted("job.began")) == 2
    assert db.session.get(PeriodicJob, "test.job").last_error is None


def wait_for(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise TimeoutError(path)


# ── the audit is only ever added to ──────────────────────────────────────────────────────────────────────────────────

TAMPERING = {
    "sqlite": [
        "UPDATE audit_entry SET verb = 'something else'",
        "UPDATE audit_entry SET at = at",
        "DELETE FROM audit_entry",
        "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
        "REPLACE INTO audit_entry (id, at, door, verb, subject, details) VALUES (1, '', 'page', 'x', 'x', '{}')",
    ],
    "postgresql": [
        "UPDATE audit_entry SET verb = 'something else'",
        "UPDATE audit_entry SET at = at",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "TRUNCATE member CASCADE",
        "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE SET verb = 'x'",
    ],
}


def test_nobody_rewrites_the_audit(app, engine_name):
    with transaction():
        audit.record(HOUSE, "written", "test:1")
    for statement in TAMPERING[engine_name]:
        with pytest.raises(DBAPIError, match="audit_entry_append_only"), transaction():
            db.session.execute(text(statement))
        assert noted("written") == ["test:1"], statement


# ── the same database, whichever way it was made ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def migrated(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An app whose database was made by `flask db upgrade`, from nothing."""
    if engine_name == "sqlite":
        url = f"sqlite:///{tmp_path / 'migrated.sqlite3'}"
    else:
        url = postgres.create_database(request.getfixturevalue("postgres_server"))
    app = create_app(settings_for(tmp_path, url))
    with app.app_context():
        flask_migrate.upgrade(str(ROOT / "migrations"))
        yield app
        db.session.remove()
        db.engine.dispose()
    if engine_name != "sqlite":
        postgres.drop_database(url)


def test_every_guard_stands_after_create_all(app):
    with db.engine.connect() as connection:
        assert guards.missing(connection) == []
        assert len(guards.expected(connection.dialect.name)) > 10


def test_every_guard_stands_after_the_migrations(migrated):
    with db.engine.connect() as connection:
        assert guards.missing(connection) == []


def test_the_migrations_make_the_same_database_as_the_models(migrated, engine_name, request, tmp_path):
    with db.engine.connect() as connection:
        by_migrations = schema.described(connection)
    if engine_name == "sqlite":
        url = f"sqlite:///{tmp_path / 'models.sqlite3'}"
    else:
        url = postgres.create_database(request.getfixturevalue("postgres_server"))
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        by_models = schema.described(connection)
    engine.dispose()
    if engine_name != "sqlite":
        postgres.drop_database(url)
    assert len(by_models) > 300
    assert sorted(set(by_models) ^ set(by_migrations)) == []
    assert {name: (by_models[name], by_migrations[name]) for name in by_models if by_models[name] != by_migrations[name]} == {}


def test_nothing_is_left_to_migrate(migrated):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_guard_that_is_gone_is_named(app):
    name = {"sqlite": "audit_entry_append_only_on_delete", "postgresql": "audit_entry_append_only_on_change"}[
        db.engine.dialect.name
    ]
    drop = {"sqlite": f"DROP TRIGGER {name}", "postgresql": f"ALTER TABLE audit_entry DISABLE TRIGGER {name}"}
    with transaction():
        db.session.execute(text(drop[db.engine.dialect.name]))
    with db.engine.connect() as connection:
        assert guards.missing(connection) == [name]
