"""Short words for what the tests of the calendar do again and again. Each act commits like production."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.calendar import occupancies, resources, wall_times
from app.calendar.models import Occupancy, OpeningRule, Purpose, Resource
from app.kernel.actors import Actor, Door, Role
from app.kernel.db import db, transaction
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from tests.builders import save

PARIS = ZoneInfo("Europe/Paris")
BOSS = Actor(member_id=None, roles=frozenset({Role.MANAGER}), door=Door.COMMAND)


def local(text: str) -> datetime:
    """“2027-01-04 10:00” on the lab's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def stretch(start: str, end: str, day: str = "2026-11-27") -> Period:
    """`stretch("10:00", "12:00")` tomorrow, lab time."""
    return Period(local(f"{day} {start}"), local(f"{day} {end}"))


def open_on(place: Resource, weekdays: Sequence[int], hours: str, first: str | None = None, last: str | None = None) -> None:
    """Weekly hours straight into the table, as they would stand."""
    save(
        *(
            OpeningRule(
                resource_id=place.id,
                weekday=weekday,
                opens_minute=opens,
                closes_minute=closes,
                valid_from=date.fromisoformat(first) if first else None,
                valid_until=date.fromisoformat(last) if last else None,
            )
            for weekday in weekdays
            for opens, closes in wall_times.stretches(hours)
        )
    )
    with transaction():
        resources.touch_sites()


def special(place: Resource, first: str, last: str | None = None, hours: str = "", **note: str) -> int:
    with transaction():
        return resources.add_exception(
            actor=BOSS,
            resource_id=place.id,
            first_day=date.fromisoformat(first),
            last_day=date.fromisoformat(last or first),
            periods=wall_times.stretches(hours),
            note=note,
        ).id


def take(place: Resource | Sequence[Resource], period: Period, subject: str = "reservation:1", **more: Any) -> list[Occupancy]:
    """One lane of each, committed."""
    places = [place] if isinstance(place, Resource) else list(place)
    with transaction():
        return occupancies.occupy([one.id for one in places], period, purpose=Purpose.RESERVATION, subject=subject, **more)


def rows(subject: str | None = None, *, live: bool = True) -> list[Occupancy]:
    """What is in the table now, by resource, lane and time."""
    db.session.rollback()
    statement = select(Occupancy).order_by(Occupancy.resource_id, Occupancy.lane, Occupancy.starts_at)
    if subject is not None:
        statement = statement.where(Occupancy.subject == subject)
    found = db.session.scalars(statement.execution_options(populate_existing=True))
    return [row for row in found if not live or row.released_at is None]


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [refusal.code for refusal in refused.value.refusals]


def hours(count: float) -> timedelta:
    return timedelta(hours=count)
