"""A manager takes a place out of use: told of everything in the way, which stays untouched, and free to give it back early."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.calendar import blocks, plans
from app.calendar.models import Block, Purpose
from app.calendar.rules import BLOCK_DAYS_MOST
from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refused
from tests.builders import acting
from tests.calendar.scene import codes, local, rows, stretch, take

DAY = stretch("08:00", "20:00")


def block(house, place, period=DAY, *, who=None, purpose=Purpose.MAINTENANCE, one_lane=False) -> Block:
    with transaction():
        return blocks.block(
            actor=acting(who or house.lea),
            resource_id=place.id,
            period=period,
            purpose=purpose,
            reason="Filters",
            one_lane=one_lane,
        )


def release(house, made: Block, who=None) -> None:
    with transaction():
        blocks.release(actor=acting(who or house.lea), block_id=made.id)


@pytest.mark.both_engines
def test_a_blocked_machine_cannot_be_booked_and_its_neighbour_can(house):
    made = block(house, house.laser)
    with pytest.raises(Refused):
        take(house.laser, stretch("10:00", "11:00"))
    take(house.cnc, stretch("10:00", "11:00"))
    [row] = rows(made.subject)
    assert (row.purpose, row.note) == (Purpose.MAINTENANCE, "Filters")


@pytest.mark.both_engines
def test_blocking_a_space_blocks_everything_in_it(house):
    made = block(house, house.workshop, purpose=Purpose.CLOSURE)
    assert {row.resource_id for row in rows(made.subject)} == {house.workshop.id, house.laser.id, house.cnc.id}
    take(house.table, stretch("10:00", "11:00"))


@pytest.mark.both_engines
def test_everything_in_the_way_is_named_and_left_untouched(house):
    take(house.cnc, stretch("14:00", "15:00"), "reservation:2")
    take(house.laser, stretch("10:00", "11:00"), "reservation:1")
    take(house.laser, stretch("20:00", "21:00"), "reservation:3")
    before = [(row.id, row.starts_at, row.ends_at) for row in rows()]
    with pytest.raises(Refused) as refused:
        block(house, house.site)
    assert codes(refused) == ["calendar.in_the_way"] * 2
    assert [one.params["subject"] for one in refused.value.refusals] == ["reservation:1", "reservation:2"]
    assert refused.value.refusals[0].params["place"] == {"fr": "Laser"}
    assert [(row.id, row.starts_at, row.ends_at) for row in rows()] == before
    assert db.session.scalars(select(Block)).all() == []


def test_seats_of_one_reservation_are_one_thing_in_the_way(house):
    with transaction():
        blocks.block(actor=acting(house.lea), resource_id=house.table.id, period=DAY, purpose=Purpose.CLOSURE, reason="x")
    with pytest.raises(Refused) as refused:
        block(house, house.sewing)
    assert codes(refused) == ["calendar.in_the_way"]


def test_a_long_list_is_cut_and_says_how_much_is_left(house):
    for number in range(25):
        start = local("2026-11-27 08:00") + timedelta(minutes=20 * number)
        take(house.laser, Period(start, start + timedelta(minutes=20)), f"reservation:{number}")
    with pytest.raises(Refused) as refused:
        block(house, house.laser)
    assert codes(refused)[-1] == "calendar.more_in_the_way"
    assert refused.value.refusals[-1].params == {"more": 5}
    assert len(refused.value.refusals) == 21


@pytest.mark.both_engines
def test_one_seat_is_blocked_and_the_others_stay(house):
    for seat in range(5):
        take(house.table, stretch("10:00", "11:00"), f"reservation:{seat}")
    block(house, house.table, one_lane=True)
    with pytest.raises(Refused):
        take(house.table, stretch("10:00", "11:00"), "reservation:9")
    with pytest.raises(Refused) as refused:
        block(house, house.table, one_lane=True)
    assert set(codes(refused)) == {"calendar.in_the_way"}
    take(house.table, stretch("11:00", "12:00"), "reservation:9")


@pytest.mark.both_engines
def test_a_block_is_released_early_and_remembers_by_whom(house):
    made = block(house, house.workshop)
    clock.set_clock(local("2026-11-27 12:00"))
    release(house, made)
    take(house.laser, stretch("12:00", "13:00"))
    with pytest.raises(Refused):
        take(house.laser, stretch("11:00", "11:30"), "reservation:2")
    [line] = plans.blocks(house.workshop.id)
    assert (line.by, line.released_by, line.is_live) == ("Léa Martin", "Léa Martin", False)
    assert {entry.verb for entry in db.session.scalars(select(AuditEntry))} == {"place.blocked", "place.released"}
    with pytest.raises(Refused) as refused:
        release(house, made)
    assert codes(refused) == ["calendar.released_already"]


def test_a_block_that_is_over_is_not_released(house):
    made = block(house, house.laser)
    clock.set_clock(DAY.end)
    with pytest.raises(Refused) as refused:
        release(house, made)
    assert codes(refused) == ["calendar.released_already"]


@pytest.mark.parametrize(
    ("period", "code"),
    [
        (stretch("08:00", "10:00", "2026-11-26"), "calendar.over_already"),
        (
            Period(local("2026-11-27 08:00"), local("2026-11-27 08:01") + timedelta(days=BLOCK_DAYS_MOST)),
            "calendar.block_too_long",
        ),
    ],
)
def test_a_block_is_neither_over_nor_endless(house, period, code):
    with pytest.raises(Refused) as refused:
        block(house, house.laser, period)
    assert codes(refused) == [code]


def test_a_block_may_start_a_moment_ago_and_last_a_year(house):
    block(house, house.laser, Period(clock.now() - timedelta(minutes=3), clock.now() + timedelta(hours=1)))
    block(house, house.sewing, Period(DAY.start, DAY.start + timedelta(days=BLOCK_DAYS_MOST)))
    assert len(rows()) > 50


def test_only_managers_block_and_release(house):
    with pytest.raises(NotAllowed):
        block(house, house.laser, who=house.ada)
    made = block(house, house.laser)
    with pytest.raises(NotAllowed):
        release(house, made, who=house.ada)


@pytest.mark.parametrize("purpose", [Purpose.RESERVATION, Purpose.SESSION, Purpose.PRIVATISATION])
def test_a_block_is_for_maintenance_or_a_closure(house, purpose):
    with pytest.raises(ValueError, match="block"):
        block(house, house.laser, purpose=purpose)
