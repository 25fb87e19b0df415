"""Taking and giving back: lanes, whole places, all or nothing, and a transaction that survives a refusal. On both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from app.calendar import occupancies, queries, resources
from app.calendar.models import LONGEST, Occupancy, Purpose, Resource
from app.kernel import audit, clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, is_violation, transaction
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from tests.calendar.scene import BOSS, codes, hours, local, rows, stretch, take

pytestmark = pytest.mark.both_engines

TEN, ELEVEN = stretch("10:00", "11:00"), stretch("11:00", "12:00")
TAKEN = ["calendar.slot_taken"]


def refused(act) -> list[str]:
    with pytest.raises(Refused) as raised, transaction():
        act()
    return codes(raised)


def whole(place, period, subject="block:1"):
    with transaction():
        return occupancies.take_whole(place.id, period, purpose=Purpose.MAINTENANCE, subject=subject)


# ── one lane ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("start", "end", "collides"),
    [
        ("8:00", "9:00", False), ("9:00", "10:00", False), ("9:00", "10:01", True), ("9:00", "13:00", True),
        ("10:00", "12:00", True), ("10:30", "11:00", True), ("11:59", "13:00", True), ("12:00", "13:00", False),
    ],
)  # fmt: skip
def test_only_shared_time_collides(house, start, end, collides):
    take(house.laser, stretch("10:00", "12:00"))
    wanted = stretch(start.zfill(5), end.zfill(5))
    if collides:
        assert refused(lambda: occupancies.occupy([house.laser.id], wanted, purpose=Purpose.SESSION, subject="s:1")) == TAKEN
    else:
        take(house.laser, wanted, "s:1")
    assert len(rows()) == (1 if collides else 2)


def test_a_cancelled_booking_no_longer_counts(house):
    take(house.laser, TEN, "reservation:1")
    with transaction():
        assert occupancies.release("reservation:1", clock.now()) == 1
    take(house.laser, TEN, "reservation:2")
    assert [row.subject for row in rows()] == ["reservation:2"]
    assert len(rows(live=False)) == 2


def test_the_same_time_can_be_taken_and_given_back_again_and_again(house):
    for number in range(5):
        take(house.laser, TEN, f"reservation:{number}")
        with transaction():
            occupancies.release(f"reservation:{number}", clock.now())
    assert rows() == []
    assert len(rows(live=False)) == 5


def test_two_machines_of_one_opening_are_taken_apart(house):
    take(house.laser, TEN)
    take(house.cnc, TEN)
    assert {row.resource_id for row in rows()} == {house.laser.id, house.cnc.id}


# ── seats ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_seats_two_to_six_can_be_booked_after_the_first_and_the_seventh_is_refused(house):
    for seat in range(6):
        [row] = take(house.table, TEN, f"reservation:{seat}")
        assert row.lane == seat
    assert (
        refused(lambda: occupancies.occupy([house.table.id], TEN, purpose=Purpose.RESERVATION, subject="reservation:7")) == TAKEN
    )
    take(house.table, ELEVEN, "reservation:8")
    assert len(rows()) == 7


def test_a_seat_given_back_is_the_next_one_taken(house):
    for seat in range(3):
        take(house.table, TEN, f"reservation:{seat}")
    with transaction():
        occupancies.release("reservation:1", clock.now())
    [row] = take(house.table, TEN, "reservation:9")
    assert row.lane == 1


def test_a_seat_must_be_free_for_the_whole_time(house):
    both = Period(TEN.start, ELEVEN.end)
    for seat in range(6):
        take(house.table, TEN, f"ten:{seat}")
        take(house.table, ELEVEN, f"eleven:{seat}")
    with transaction():
        for gone in ("ten:0", "ten:1", "eleven:4"):
            occupancies.release(gone, clock.now())
    assert not queries.has_free_lane(house.table.id, both)
    assert (
        refused(lambda: occupancies.occupy([house.table.id], both, purpose=Purpose.RESERVATION, subject="reservation:7")) == TAKEN
    )
    with transaction():
        occupancies.release("ten:4", clock.now())
    [row] = take(house.table, both, "reservation:7")
    assert row.lane == 4


# ── all or nothing ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_several_resources_are_taken_together_or_not_at_all(house):
    take(house.cnc, TEN, "reservation:1")
    everything = [house.table.id, house.cnc.id, house.laser.id]
    assert refused(lambda: occupancies.occupy(everything, TEN, purpose=Purpose.SESSION, subject="session:1")) == TAKEN
    assert rows("session:1") == []
    take([house.table, house.cnc, house.laser], ELEVEN, "session:1")
    assert {row.resource_id for row in rows("session:1")} == set(everything)


def test_taking_a_space_takes_everything_under_it_every_seat(house):
    whole(house.site, TEN)
    found = {(row.resource_id, row.lane) for row in rows("block:1")}
    singles = {(place.id, 0) for place in (house.site, house.workshop, house.sewing, house.laser, house.cnc)}
    assert found == singles | {(house.table.id, seat) for seat in range(6)}
    for place in (house.laser, house.table, house.workshop):
        assert (
            refused(lambda place=place: occupancies.occupy([place.id], TEN, purpose=Purpose.RESERVATION, subject="r:1")) == TAKEN
        )


def test_one_booked_seat_keeps_the_whole_place_from_being_taken(house):
    take(house.table, TEN)
    assert refused(lambda: occupancies.take_whole(house.site.id, TEN, purpose=Purpose.CLOSURE, subject="block:1")) == TAKEN
    assert [row.subject for row in rows()] == ["reservation:1"]
    whole(house.workshop, TEN)


def test_what_is_retired_is_not_taken_with_its_space(house):
    with transaction():
        resources.retire(actor=BOSS, resource_id=house.cnc.id)
    whole(house.workshop, TEN)
    assert {row.resource_id for row in rows()} == {house.workshop.id, house.laser.id}


def test_a_refusal_leaves_the_rest_of_the_transaction_alone(house):
    """The guard's own refusal too: taking a whole place asks nobody before it writes."""
    take(house.table, TEN, "reservation:1")
    with transaction():
        audit.record(BOSS, "before", "test:1")
        for act in (
            lambda: occupancies.take_whole(house.sewing.id, TEN, purpose=Purpose.CLOSURE, subject="block:1"),
            lambda: occupancies.take_whole(house.site.id, TEN, purpose=Purpose.CLOSURE, subject="block:2"),
        ):
            with pytest.raises(Refused):
                act()
        occupancies.occupy([house.laser.id], TEN, purpose=Purpose.RESERVATION, subject="reservation:2")
        audit.record(BOSS, "after", "test:1")
    assert [row.subject for row in rows()] == ["reservation:2", "reservation:1"]
    assert list(db.session.scalars(db.select(AuditEntry.verb).order_by(AuditEntry.id))) == ["before", "after"]


# ── moving, finishing, releasing ─────────────────────────────────────────────────────────────────────────────────────


def test_moving_keeps_the_seat_when_it_is_free_and_takes_another_when_not(house):
    [first] = take(house.table, TEN, "reservation:1")
    take(house.table, ELEVEN, "reservation:2")
    with transaction():
        moved = occupancies.move(first.id, stretch("13:00", "14:00"))
    assert moved.lane == 0
    with transaction():
        moved = occupancies.move(first.id, stretch("10:30", "11:30"))
    assert moved.lane == 1


def test_moving_may_overlap_its_own_old_time(house):
    [row] = take(house.laser, TEN)
    with transaction():
        occupancies.move(row.id, stretch("10:30", "11:30"))
    assert [(one.starts_at, one.ends_at) for one in rows()] == [(local("2026-11-27 10:30"), local("2026-11-27 11:30"))]


def test_a_refused_move_leaves_the_old_time(house):
    [row] = take(house.laser, TEN)
    take(house.laser, ELEVEN, "reservation:2")
    assert refused(lambda: occupancies.move(row.id, stretch("10:30", "11:30"))) == TAKEN
    assert rows("reservation:1")[0].starts_at == TEN.start


def test_finishing_early_frees_the_rest_and_later_changes_nothing(house):
    [row] = take(house.laser, TEN)
    with transaction():
        occupancies.finish(row.id, local("2026-11-27 10:20"))
    assert rows()[0].ends_at == local("2026-11-27 10:20")
    take(house.laser, stretch("10:20", "11:00"), "reservation:2")
    with transaction():
        occupancies.finish(row.id, local("2026-11-27 12:00"))
    assert rows("reservation:1")[0].ends_at == local("2026-11-27 10:20")


def test_finishing_what_has_not_begun_gives_it_back(house):
    [row] = take(house.laser, TEN)
    with transaction():
        occupancies.finish(row.id, TEN.start)
    assert rows() == []


def test_releasing_ends_what_runs_and_gives_back_what_comes(house):
    take(house.laser, TEN)
    take(house.laser, stretch("14:00", "15:00"))
    with transaction():
        assert occupancies.release("reservation:1", local("2026-11-27 10:30")) == 2
        assert occupancies.release("reservation:1", local("2026-11-27 10:30")) == 0
    assert [(row.starts_at, row.ends_at) for row in rows()] == [(TEN.start, local("2026-11-27 10:30"))]


def test_releasing_somebody_elses_takes_nothing_of_yours(house):
    take(house.laser, TEN, "reservation:1")
    take(house.cnc, TEN, "reservation:11")
    with transaction():
        assert occupancies.release("reservation:1", clock.now()) == 1
    assert [row.subject for row in rows()] == ["reservation:11"]


# ── what lasts long ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_lasts_longer_than_a_week_is_several_rows_and_still_one_hold(house):
    three_weeks = Period(local("2026-12-01 10:00"), local("2026-12-22 11:00"))
    whole(house.laser, three_weeks)
    found = rows("block:1")
    assert [row.ends_at - row.starts_at for row in found] == [LONGEST, LONGEST, LONGEST, hours(1)]
    for day in ("2026-12-02", "2026-12-08", "2026-12-20"):
        assert not queries.has_free_lane(house.laser.id, stretch("10:00", "11:00", day))
    [hold] = queries.in_the_way([house.laser.id], three_weeks)
    assert (hold.period, hold.subject) == (three_weeks, "block:1")


def test_a_search_finds_a_row_that_began_a_week_before(house):
    take(house.laser, Period(local("2026-11-27 10:00"), local("2026-11-27 10:00") + LONGEST))
    last_minute = stretch("09:59", "10:00", "2026-12-04")
    assert not queries.has_free_lane(house.laser.id, last_minute)
    assert queries.has_free_lane(house.laser.id, stretch("10:00", "10:01", "2026-12-04"))


# ── the guard itself ─────────────────────────────────────────────────────────────────────────────────────────────────


def raw(place, period, *, lane=0, released=None, subject="raw:1"):
    return insert(Occupancy).values(
        resource_id=place.id, lane=lane, starts_at=period.start, ends_at=period.end, purpose=Purpose.RESERVATION, subject=subject,
        released_at=released,
    )  # fmt: skip


@pytest.mark.parametrize(
    "wanted", [stretch("10:59", "12:00"), stretch("09:00", "10:01"), stretch("09:00", "13:00"), stretch("10:15", "10:45"), TEN]
)
def test_the_table_refuses_an_overlap_whoever_writes_it(house, wanted):
    take(house.laser, TEN)
    take(house.laser, stretch("20:00", "21:00"), "reservation:2")
    moved = update(Occupancy).where(Occupancy.subject == "reservation:2").values(starts_at=wanted.start, ends_at=wanted.end)
    for statement in (raw(house.laser, wanted), moved):
        with pytest.raises(DBAPIError) as error, transaction():
            db.session.execute(statement)
        assert is_violation(error.value, "occupancy_no_overlap")


def test_a_released_row_cannot_come_back_over_another(house):
    take(house.laser, TEN, "reservation:1")
    with transaction():
        occupancies.release("reservation:1", clock.now())
    take(house.laser, TEN, "reservation:2")
    with pytest.raises(DBAPIError) as error, transaction():
        db.session.execute(update(Occupancy).where(Occupancy.subject == "reservation:1").values(released_at=None))
    assert is_violation(error.value, "occupancy_no_overlap")


def test_the_guard_lets_pass_what_is_right(house):
    take(house.laser, TEN)
    with transaction():
        db.session.execute(raw(house.laser, ELEVEN))
        db.session.execute(raw(house.laser, TEN, lane=1))
        db.session.execute(raw(house.cnc, TEN))
        db.session.execute(raw(house.laser, TEN, released=clock.now()))
    assert len(rows(live=False)) == 5


@pytest.mark.parametrize("length", [timedelta(0), timedelta(minutes=-5)])
def test_the_table_refuses_a_row_that_does_not_end_after_it_starts(house, length):
    backwards = (
        insert(Occupancy)
        .values(resource_id=house.laser.id, lane=0, starts_at=TEN.start, ends_at=TEN.start + length)
        .values(purpose=Purpose.RESERVATION, subject="raw:1")
    )
    with pytest.raises(DBAPIError) as error, transaction():
        db.session.execute(backwards)
    assert is_violation(error.value, "in_order")


# ── every change is heard of, and costs few statements ───────────────────────────────────────────────────────────────


def revisions(ids) -> dict[int, int]:
    return dict(db.session.execute(select(Resource.id, Resource.revision).where(Resource.id.in_(ids))).tuples().all())


def test_every_change_raises_the_revision_of_what_it_touches(house):
    ids = [house.laser.id, house.cnc.id]

    def after(act) -> list[int]:
        with transaction():
            act()
        found = revisions(ids)
        return [found[ident] for ident in ids]

    first = revisions(ids)
    [row] = take(house.laser, TEN)
    assert revisions(ids)[house.laser.id] > first[house.laser.id]
    seen = [revisions(ids)[ident] for ident in ids]
    for act in (
        lambda: occupancies.move(row.id, ELEVEN),
        lambda: occupancies.finish(row.id, local("2026-11-27 11:30")),
        lambda: occupancies.release("reservation:1", clock.now()),
    ):
        now = after(act)
        assert now[0] > seen[0]
        assert now[1] == seen[1]
        seen = now


def test_taking_costs_a_constant_number_of_statements(house, statements):
    take(house.laser, TEN, "warm:1")
    counts = []
    for number, places in enumerate(([house.laser], [house.laser, house.cnc, house.table]), start=12):
        statements.clear()
        take(places, stretch(f"{number}:00", f"{number}:30"), f"reservation:{number}")
        counts.append(len(statements))
    assert counts[0] <= 3  # lock and revision, look, row
    assert counts[1] <= counts[0] + 3  # the order of the locks, and two rows more
