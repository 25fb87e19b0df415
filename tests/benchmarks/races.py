"""Sixteen processes want one slot at the same instant, fifty times over: one of them gets it, the others are refused in words."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Barrier
from typing import Any

from flask import Flask
from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from app.calendar.models import Occupancy
from app.kernel.actors import Actor
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused
from machines import queries, reservations
from machines.models import Reservation
from tests.benchmarks.booking import NEEDED
from tests.benchmarks.report import Line
from tests.benchmarks.seed import MACHINES, Booking, House, bookings

RACES, RUNNERS = 50, 16
BOOKED, REFUSED = "booked", "calendar.slot_taken"


def measure(one: House, engine: str) -> Iterator[Line]:
    app = one.app()
    with app.app_context():
        claims = bookings(NEEDED + RACES * MACHINES)[NEEDED::MACHINES]
        db.session.remove()
        db.engine.dispose()  # no connection crosses the fork
    outcomes = _run(app, claims)
    winners = [[outcome for outcome in race if outcome == BOOKED] for race in outcomes]
    others = Counter(outcome for race in outcomes for outcome in race if outcome not in (BOOKED, REFUSED))
    without = sum(1 for race in winners if not race)
    with app.app_context():
        doubles = _doubles(claims) + sum(len(race) - 1 for race in winners if race)
    what = f"{RACES} races of {RUNNERS} processes, {engine}"
    yield Line(f"{what}, double bookings", doubles, 0, "", note=f"{sum(map(len, winners))} won")
    yield Line(f"{what}, errors or no winner", others.total() + without, 0, "", note=str(dict(others.most_common(3)) or ""))


def _run(app: Flask, claims: Sequence[Booking]) -> list[list[str]]:
    """What came of each runner in each race."""
    fork = multiprocessing.get_context("fork")
    start, answers = fork.Barrier(RUNNERS), fork.SimpleQueue()
    runners = [fork.Process(target=_runner, args=(app, number, claims, start, answers), daemon=True) for number in range(RUNNERS)]
    for runner in runners:
        runner.start()
    found = [answers.get() for _ in runners]
    for runner in runners:
        runner.join(30)
    return [list(race) for race in zip(*found, strict=True)]


def _runner(app: Flask, number: int, claims: Sequence[Booking], start: Barrier, answers: Any) -> None:
    seen = []
    with app.app_context():
        machines = {machine.id: machine for machine in queries.machines()}
    for claim in claims:
        start.wait(60)
        try:
            with app.app_context(), transaction():
                reservations.book(actor=Actor(number + 1), machine=machines[claim.machine_id], claim=claim.claim)
            seen.append(BOOKED)
        except Refused as refused:
            seen.append("+".join(refusal.code for refusal in refused.refusals))
        except Exception as error:
            seen.append(f"{type(error).__name__}: {error}"[:120])
    answers.put(seen)


def _doubles(claims: Sequence[Booking]) -> int:
    """Slots with more than one reservation, and any two unreleased rows of a lane that overlap."""
    one, other = aliased(Occupancy), aliased(Occupancy)
    overlap = and_(
        other.resource_id == one.resource_id, other.lane == one.lane, other.id > one.id, other.released_at.is_(None),
        other.starts_at < one.ends_at, one.starts_at < other.ends_at,
    )  # fmt: skip
    first = min(claim.claim.start for claim in claims)
    pairs = select(func.count()).select_from(one).join(other, overlap).where(one.released_at.is_(None), one.ends_at > first)
    taken = select(func.count()).select_from(Reservation).group_by(Reservation.machine_id, Reservation.starts_at)
    twice = [db.session.scalars(taken.where(Reservation.starts_at >= first)).all()]
    return (db.session.scalar(pairs) or 0) + sum(count - 1 for counts in twice for count in counts)
