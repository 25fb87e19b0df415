"""The one way to write, and what each engine promises about instants, locks and clashes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, NoResultFound, OperationalError, StatementError

from app.accounts.models import Member
from app.kernel import audit, clock
from app.kernel.actors import HOUSE, Role
from app.kernel.audit import AuditEntry
from app.kernel.db import db, is_deadlock, lock_all, locked, repeating, transaction
from tests.builders import a_member, acting
from tests.trainings.scene import at_once

pytestmark = pytest.mark.both_engines


def verbs() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry.verb).order_by(AuditEntry.id)))


def test_what_is_written_is_kept_and_what_fails_is_not(app):
    with transaction():
        audit.record(HOUSE, "kept", "test:1")

    def fail() -> None:
        audit.record(HOUSE, "lost", "test:1")
        db.session.flush()
        raise KeyError

    with pytest.raises(KeyError), transaction():
        fail()
    with transaction():
        audit.record(HOUSE, "after", "test:1")
    assert verbs() == ["kept", "after"]


def test_transactions_do_not_nest_and_the_outer_one_says_so(app):
    with pytest.raises(RuntimeError, match="nest"), transaction(), transaction():
        pass
    with transaction():
        audit.record(HOUSE, "after", "test:1")
    assert verbs() == ["after"]


def test_sixteen_readers_that_write_lose_no_update(app):
    member = a_member()

    def raise_epoch() -> None:
        row = locked(Member, member.id)
        row.session_epoch += 1

    at_once(app, *[raise_epoch] * 16)
    db.session.rollback()
    assert db.session.scalar(select(Member.session_epoch).where(Member.id == member.id)) == 16


def test_rows_are_locked_in_one_order_whoever_asks(app):
    members = [a_member() for _ in range(3)]
    ids = [member.id for member in members]

    def raise_all(order: list[int]) -> None:
        for row in lock_all(Member, order):
            row.session_epoch += 1

    at_once(app, *[lambda order=order: raise_all(order) for order in (ids, ids[::-1], [ids[1], ids[0], ids[2]]) * 4])
    db.session.rollback()
    assert list(db.session.scalars(select(Member.session_epoch))) == [12, 12, 12]
    assert [row.id for row in lock_all(Member, ids[::-1])] == ids


def test_a_lock_reads_the_row_as_it_is_now(app):
    member = a_member()
    assert member.session_epoch == 0
    with db.engine.begin() as other:
        other.execute(Member.__table__.update().values(session_epoch=5))
    assert member.session_epoch == 0
    with transaction():
        assert locked(Member, member.id).session_epoch == 5
    with pytest.raises(NoResultFound), transaction():
        locked(Member, 999_999)


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 11, 26, 9, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 11, 26, 10, 0, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2027, 10, 31, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2000, 1, 1, tzinfo=UTC),
    ],
)
def test_instants_come_back_the_same_aware_and_in_utc(app, instant):
    with clock.at(instant), transaction():
        audit.record(HOUSE, "now", "test:1")
    db.session.expire_all()
    [entry] = db.session.scalars(select(AuditEntry))
    assert entry.at == instant.astimezone(UTC)
    assert entry.at.utcoffset() == timedelta(0)


def test_a_naive_instant_is_a_bug(app):
    with pytest.raises(StatementError, match="aware"), transaction():
        db.session.execute(select(AuditEntry).where(AuditEntry.at > datetime(2026, 1, 1)))


def test_an_act_says_who_through_which_door_and_leaves_out_what_is_none(app):
    member = a_member(roles=(Role.MANAGER,))
    with transaction():
        audit.record(acting(member), "did", "test:1", why="because", nothing=None)
    [entry] = db.session.scalars(select(AuditEntry))
    assert (entry.actor_id, entry.door, entry.details) == (member.id, "page", {"why": "because"})


# ── running a lost transaction again ─────────────────────────────────────────────────────────────────────────────────


class Gone(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("gone")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OperationalError("x", {}, Gone("40P01")), True),
        (OperationalError("x", {}, Gone("40001")), True),
        (OperationalError("x", {}, Exception("database is locked")), True),
        (OperationalError("x", {}, Gone("57P01")), False),
        (DBAPIError("x", {}, Exception("database is locked")), False),
        (ValueError("database is locked"), False),
    ],
)
def test_only_a_lost_transaction_is_run_again(app, error, again):
    assert is_deadlock(error) is again
    calls = []

    @repeating
    def act() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise error
        return "done"

    if again:
        assert act() == "done"
        assert len(calls) == 3
    else:
        with pytest.raises(type(error)):
            act()
        assert len(calls) == 1


def test_after_four_losses_it_gives_up(app):
    calls = []

    @repeating
    def act() -> None:
        calls.append(1)
        raise OperationalError("x", {}, Gone("40P01"))

    with pytest.raises(OperationalError):
        act()
    assert len(calls) == 4


def test_the_labs_day_is_the_labs(app):
    with clock.at(datetime(2026, 11, 26, 23, 30, tzinfo=UTC)):
        assert clock.today().isoformat() == "2026-11-27"
    with clock.at(datetime(2026, 7, 1, 22, 0, tzinfo=UTC)):
        assert clock.today().isoformat() == "2026-07-02"
