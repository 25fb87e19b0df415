"""What the processes of a crowd do: each act is one unit of work, as the edge of the program would run it."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from sqlalchemy import select

import app.factory  # noqa: F401 - imported once, before the processes part
from app.calendar import occupancies
from app.calendar.models import Occupancy, Purpose
from app.kernel import audit, outbox, web
from app.kernel.actors import HOUSE
from app.kernel.db import db, transaction
from app.kernel.periods import Period

MINUTE = timedelta(minutes=1)


def init_app(app: Flask) -> None:
    outbox.handle(app, "test.note", _note)
    outbox.handle(app, "test.die", _die)
    app.extensions["jobs"].clear()
    outbox.every(app, "test.job", MINUTE, _job)


def take(*, resource_ids: list[int], period: Period, subject: str) -> int:
    """Returns the lane of the first."""
    with transaction():
        return occupancies.occupy(resource_ids, period, purpose=Purpose.RESERVATION, subject=subject)[0].lane


def take_place(*, resource_id: int, period: Period, subject: str) -> int:
    with transaction():
        return len(occupancies.take_whole(resource_id, period, purpose=Purpose.CLOSURE, subject=subject))


def take_either(*, resource_id: int | None = None, place_id: int | None = None, period: Period, subject: str) -> int:
    if place_id is not None:
        return take_place(resource_id=place_id, period=period, subject=subject)
    assert resource_id is not None
    return take(resource_ids=[resource_id], period=period, subject=subject)


def move(*, subject: str, period: Period) -> int:
    with transaction():
        ident = db.session.scalars(select(Occupancy.id).where(Occupancy.subject == subject)).one()
        return occupancies.move(ident, period).lane


def change_mind(*, resource_id: int, period: Period, subject: str, times: int) -> int:
    """Take and give back again and again; returns how often it was taken."""
    from app.kernel import clock
    from app.kernel.refusals import Refused

    taken = 0
    for _ in range(times):
        try:
            take(resource_ids=[resource_id], period=period, subject=subject)
        except Refused:
            continue
        taken += 1
        with transaction():
            occupancies.release(subject, clock.now())
    return taken


def submit(*, key: str, path: str = "/places") -> str:
    """A form sent with a key; the act writes one line in the audit."""
    with current_app.test_request_context(path, method="POST", data={"key": key}):

        def act() -> str:
            audit.record(HOUSE, "submitted", f"key:{key}", by=os.getpid())
            time.sleep(0.01)
            return f"/made/{os.getpid()}"

        return web.once(act)


def work() -> int:
    """Do what waits in the outbox until nothing does."""
    return outbox.drain()


def tick() -> int:
    return outbox.run_due_jobs()


def wait_and_tick(*, flag: str) -> int:
    """Run the due jobs once somebody else's has begun."""
    for _ in range(500):
        if Path(flag).exists():
            return outbox.run_due_jobs()
        time.sleep(0.01)
    raise TimeoutError(flag)


def tick_slowly(*, flag: str, until: str) -> int:
    """Run the due jobs; the job raises `flag` and lasts until `until` exists."""
    current_app.extensions["slow"] = (flag, until)
    try:
        return outbox.run_due_jobs()
    finally:
        del current_app.extensions["slow"]


def _note(payload: dict[str, Any]) -> None:
    audit.record(HOUSE, "noted", f"message:{payload['number']}")


def _die(payload: dict[str, Any]) -> None:
    """The process ends in the middle of its work, as after kill -9; another one that comes later does it."""
    audit.record(HOUSE, "noted", f"message:{payload['number']}")
    db.session.flush()
    if not Path(payload["grave"]).exists():
        Path(payload["grave"]).write_text("here", encoding="utf-8")
        os._exit(9)


def _job() -> None:
    with transaction():
        audit.record(HOUSE, "job.began", "job:test", by=os.getpid())
    flag, until = current_app.extensions.get("slow", (None, None))
    if flag is not None:
        Path(flag).write_text("began", encoding="utf-8")
        for _ in range(500):
            if Path(until).exists():
                break
            time.sleep(0.01)
