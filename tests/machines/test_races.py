"""Promises that hold when people act at the same moment: threads and processes, on both engines."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.calendar.models import Occupancy
from app.kernel import clock
from app.kernel.db import db, repeating, transaction
from app.kernel.refusals import Refused
from billing.models import Charge
from machines import catalogue, jobs, reservations, usage
from machines.models import Machine, Reservation, State
from machines.rules import LIVE, Status
from machines.usage import Ending
from tests.builders import acting
from tests.machines.scene import (
    at_once,
    book,
    check_in,
    claim,
    codes_of,
    crowd,
    fresh,
    letters,
    set_clock,
    shown_code,
)

pytestmark = pytest.mark.both_engines


def booking(member, machine, start="14:00", hours=2, **more):
    actor, wanted = acting(member), claim(start, hours, **more)
    return lambda: reservations.book(actor=actor, machine=machine, claim=wanted).id


def outcomes(results):
    """How often what came out: won, or the codes of the refusal; any other error as itself."""
    return Counter(
        "won" if isinstance(one, int) else ",".join(codes_of(one)) if isinstance(one, Refused) else one for one in results
    )


def live():
    db.session.rollback()
    return db.session.scalars(select(Reservation).where(Reservation.status.in_(LIVE))).all()


def overlaps():
    """Pairs of unreleased occupancies of one lane that share time, counted without the guard's help."""
    db.session.rollback()
    rows = db.session.scalars(select(Occupancy).where(Occupancy.released_at.is_(None))).all()
    return [
        (one.id, other.id)
        for one in rows
        for other in rows
        if one.id < other.id
        and (one.resource_id, one.lane) == (other.resource_id, other.lane)
        and one.starts_at < other.ends_at
        and other.starts_at < one.ends_at
    ]


@pytest.fixture
def sixteen(shop):
    return crowd(shop, 16)


# ── one slot, many people ────────────────────────────────────────────────────────────────────────────────────────────


def test_sixteen_people_on_one_slot_make_one_winner(app, shop, sixteen):
    results = at_once(app, [booking(member, shop.laser1) for member in sixteen])
    assert outcomes(results) == {"won": 1, "calendar.slot_taken": 15}
    assert (len(live()), overlaps()) == (1, [])


def test_sixteen_processes_on_one_slot_make_one_winner(app, shop, sixteen):
    results = in_processes(app, [booking(member, shop.laser1) for member in sixteen])
    assert Counter(results) == {"won": 1, "calendar.slot_taken": 15}
    assert (len(live()), overlaps()) == (1, [])


def test_fifteen_losers_each_get_three_alternatives(app, shop, sixteen, as_):
    clients = [as_(member, "reservations") for member in sixteen]
    body = {"start": "2026-11-27T14:00", "end": "2026-11-27T16:00"}
    url = "/api/v1/machines/laser-1/reservations"
    responses = at_once(app, [_posting(client, url, body) for client in clients], bare=True)
    assert Counter(status for status, _json in responses) == {201: 1, 409: 15}
    lost = [said for status, said in responses if status == 409]
    assert {tuple(reason["code"] for reason in said["reasons"]) for said in lost} == {("calendar.slot_taken",)}
    assert {len(said["alternatives"]) for said in lost} == {3}


def test_overlapping_wishes_never_overlap(app, shop, sixteen):
    starts = ["13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30"] * 2
    results = at_once(app, [booking(member, shop.laser1, start) for member, start in zip(sixteen, starts, strict=True)])
    assert set(outcomes(results)) <= {"won", "calendar.slot_taken"}
    assert overlaps() == []
    assert 1 <= len(live()) <= 3


def test_ten_people_take_the_six_seats_of_the_bench(app, shop):
    people = crowd(shop, 10)
    results = at_once(app, [booking(person, shop.bench) for person in people])
    assert outcomes(results) == {"won": 6, "calendar.slot_taken": 4}
    assert overlaps() == []


def test_a_freed_slot_is_won_once(app, shop, sixteen):
    row = book(shop.ada, shop.laser1)
    giving = lambda: reservations.cancel(actor=acting(shop.ada), reservation_id=row.id).id  # noqa: E731
    results = at_once(app, [giving, *(booking(member, shop.laser1) for member in sixteen[:5])])
    assert set(outcomes(results)) <= {"won", "calendar.slot_taken"}
    assert len(live()) <= 1
    assert overlaps() == []


# ── one person, many clicks ──────────────────────────────────────────────────────────────────────────────────────────


def test_two_clicks_make_one_reservation(app, shop, as_):
    client, form = as_(shop.ada), {"day": "2026-11-27", "start": "14:00", "minutes": "120", "key": "k"}
    results = at_once(app, [lambda: client.post("/machines/laser-1/reservations", data=form).location] * 4, bare=True)
    assert len(set(results)) == 1
    assert len(live()) == 1


def test_eight_tabs_never_make_more_reservations_than_one_may_have(app, shop):
    wishes = [booking(shop.ada, shop.laser1, f"{hour}:00", 0.75) for hour in (10, 11, 12, 13, 14, 15, 16, 17)]
    results = at_once(app, wishes)
    assert outcomes(results) == {"won": 3, "too_many": 5}


def test_nobody_stands_at_two_machines_however_fast_they_click(app, shop):
    results = at_once(app, [booking(shop.ada, machine) for machine in (shop.laser1, shop.laser2, shop.bench)] * 2)
    assert outcomes(results)["won"] == 1
    assert len(live()) == 1
    assert not any(isinstance(one, Exception) and not isinstance(one, Refused) for one in results)


def test_two_moves_into_one_slot_move_one(app, shop, sixteen):
    rows = [book(sixteen[n], shop.laser1, start, 1) for n, start in enumerate(("10:00", "12:00", "16:00"))]

    def moving(row):
        return lambda: reservations.move(actor=acting(shop.lea), reservation_id=row.id, claim=claim("14:00", 1)).id

    results = at_once(app, [moving(row) for row in rows])
    assert outcomes(results) == {"won": 1, "calendar.slot_taken": 2}
    assert overlaps() == []


# ── the end of a use ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_use_ended_by_four_at_once_is_charged_once(app, shop):
    row = book(shop.ada, shop.laser1)
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
    set_clock("16:30")
    ending = lambda who: lambda: usage.end(actor=acting(who), reservation_id=row.id, ending=Ending(is_clean=True)).id  # noqa: E731
    forgotten = lambda: int(usage.end_if_forgotten(row.id))  # noqa: E731
    results = at_once(app, [ending(shop.ada), ending(shop.lea), ending(shop.adele), forgotten])
    assert not any(isinstance(one, Exception) and not isinstance(one, Refused) for one in results)
    assert db.session.scalar(select(func.count(Charge.id))) == 1


def test_two_workers_do_each_thing_once(app, shop, sixteen):
    gone = [book(sixteen[n], machine, "14:00", 1) for n, machine in enumerate((shop.laser1, shop.laser2))]
    forgotten = book(sixteen[2], shop.printer, "14:00", 1)
    set_clock("14:00")
    check_in(sixteen[2], forgotten, shop.printer)
    set_clock("15:30")
    db.session.rollback()

    def work():
        for job in (jobs.begin_due, jobs.mark_no_shows, jobs.end_forgotten, jobs.put_back_due, jobs.remind):
            job()

    results = at_once(app, [work] * 3, bare=True)
    assert results == [None] * 3
    assert {fresh(row).status for row in gone} == {Status.NO_SHOW}
    assert {fresh(row).revision for row in gone} == {1}
    assert fresh(forgotten).status is Status.COMPLETED
    assert db.session.scalar(select(func.count(Charge.id))) == 1
    assert Counter(letter.template for letter in letters()) == {
        "machines.booked": 3, "machines.no_show": 2, "machines.completed": 1,
    }  # fmt: skip


def test_who_arrives_while_the_house_gives_up_is_either_there_or_absent(app, shop):
    row = book(shop.ada, shop.laser1)
    set_clock("14:15")
    code = shown_code(shop.laser1)
    arriving = lambda: usage.check_in(actor=acting(shop.ada), reservation_id=row.id, code=code, ticks=2).id  # noqa: E731
    results = at_once(app, [arriving, lambda: int(usage.note_absence(row.id))])
    assert not any(isinstance(one, Exception) and not isinstance(one, Refused) for one in results)
    is_there = fresh(row).status is Status.IN_USE
    assert fresh(row).status in (Status.IN_USE, Status.NO_SHOW)
    assert isinstance(results[0], int) is is_there


# ── machines that stop or leave ──────────────────────────────────────────────────────────────────────────────────────


def test_nobody_has_a_reservation_on_a_machine_that_left(app, shop, sixteen):
    retiring = lambda: catalogue.retire(actor=acting(shop.lea), machine_id=shop.laser1.id).id  # noqa: E731
    results = at_once(app, [retiring, *(booking(member, shop.laser1) for member in sixteen[:5])])
    assert set(outcomes(results)) <= {"won", "calendar.slot_taken", "still_booked", "retired", "retired,calendar.slot_taken"}
    left = fresh(db.session.get_one(Machine, shop.laser1.id)).state is State.RETIRED
    assert len(live()) == (0 if left else 1)


def test_a_fault_at_the_end_an_outage_and_new_bookings_do_not_wait_for_each_other(app, shop, sixteen):
    row = book(shop.ada, shop.laser1)
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
    ending = Ending(is_clean=True, fault="It smells", stops_machine=True)
    acts: list[Callable[[], Any]] = [
        lambda: usage.end(actor=acting(shop.ada), reservation_id=row.id, ending=ending).id,
        lambda: catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.laser1.id, until=None, note="x").id,
        lambda: catalogue.report(actor=acting(shop.ben), machine_id=shop.laser1.id, text="y", stops_machine=True).id,
        lambda: catalogue.put_back(actor=acting(shop.adele), machine_id=shop.laser1.id).id,
        *(booking(member, shop.laser1, "17:00", 1) for member in sixteen[:6]),
    ]
    for _ in range(2):
        results = at_once(app, acts)
        strange = [one for one in results if not isinstance(one, (int, Refused))]
        assert strange == []
    assert overlaps() == []


# ── helpers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _posting(client: Any, url: str, body: dict[str, Any]) -> Callable[[], tuple[int, Any]]:
    def post() -> tuple[int, Any]:
        response = client.post(url, json=body)
        return response.status_code, response.json

    return post


def in_processes(app: Flask, acts: Sequence[Callable[[], Any]]) -> list[str]:
    """Like `at_once`, each act in a process of its own: "won", the codes of the refusal, or what broke."""
    db.session.rollback()
    db.session.remove()
    db.engine.dispose()
    context = multiprocessing.get_context("fork")
    gate, told = context.Barrier(len(acts)), context.SimpleQueue()

    def run(act: Callable[[], Any]) -> None:
        try:
            db.engine.dispose(close=False)

            @repeating
            def whole() -> None:
                with transaction():
                    act()

            gate.wait()
            whole()
            told.put("won")
        except Refused as refused:
            told.put(",".join(codes_of(refused)))
        except BaseException as error:
            told.put(f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)

    assert clock.now()
    processes = [context.Process(target=run, args=(act,)) for act in acts]
    for process in processes:
        process.start()
    results = [told.get() for _ in processes]
    for process in processes:
        process.join(30)
    return results
