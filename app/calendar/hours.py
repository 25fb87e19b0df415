"""The opening hours of every resource, read in two statements and kept in memory while the site's revision holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import holidays as calendars
from flask import current_app
from sqlalchemy import func, select

from app.accounts import lab
from app.calendar.models import Kind, OpeningException, OpeningRule, Resource
from app.calendar.rules import Hours, SpecialDays, WeeklyHours
from app.kernel.db import db


@dataclass(frozen=True, slots=True)
class Book:
    """All hours at one revision: what each resource says itself, and who stands over whom."""

    revision: tuple[int, int]
    hours: Mapping[int, Hours]
    parents: Mapping[int, int | None]
    holiday_region: str | None
    closes_on_holidays: bool

    def chain(self, resource_id: int) -> list[Hours]:
        """From the resource up to its site."""
        found: list[Hours] = []
        ident: int | None = resource_id
        while ident is not None:
            found.append(self.hours.get(ident, Hours()))
            ident = self.parents.get(ident)
        return found

    def holidays(self, years: Iterable[int]) -> Mapping[date, str]:
        """Public holidays of France (and of the lab's region) if the lab closes then."""
        if not self.closes_on_holidays:
            return {}
        subdivision = self.holiday_region if self.holiday_region in calendars.FR.subdivisions else None
        return calendars.country_holidays("FR", subdiv=subdivision, years=list(years))


Revision = tuple[int, int]


def revision_columns() -> tuple[Any, Any]:
    """Two numbers that change with the hours, the tree or the lab's holidays, to be selected along with other columns."""
    places = select(func.coalesce(func.sum(Resource.revision), 0)).where(Resource.kind != Kind.MACHINE)
    count = select(func.count(Resource.id)).where(Resource.kind != Kind.MACHINE)
    return places.scalar_subquery().label("hours_revision"), count.scalar_subquery().label("places")


def revision() -> Revision:
    """One statement."""
    row = db.session.execute(select(*revision_columns())).one()
    return int(row[0]), int(row[1])


def book(current: Revision | None = None) -> Book:
    """The hours in force now; one statement while nothing changed, none when the caller knows the revision already."""
    memory = current_app.extensions.setdefault("memory", {})
    current = current or revision()
    kept: Book | None = memory.get("hours")
    if kept is None or kept.revision != current:
        kept = memory["hours"] = _read(current)
    return kept


def _read(current: tuple[int, int]) -> Book:
    weekly: dict[int, list[WeeklyHours]] = defaultdict(list)
    for rule in db.session.scalars(select(OpeningRule)):
        weekly[rule.resource_id].append(
            WeeklyHours(rule.weekday, rule.opens_minute, rule.closes_minute, rule.valid_from, rule.valid_until)
        )
    special: dict[int, list[SpecialDays]] = defaultdict(list)
    for exception in db.session.scalars(select(OpeningException).order_by(OpeningException.id)):
        hours = tuple((opens, closes) for opens, closes in exception.periods)
        special[exception.resource_id].append(SpecialDays(exception.first_day, exception.last_day, hours))
    parents = {row.id: row.parent_id for row in db.session.execute(select(Resource.id, Resource.parent_id))}
    house = lab.current()
    return Book(
        revision=current,
        hours={ident: Hours(tuple(weekly[ident]), tuple(special[ident])) for ident in {*weekly, *special}},
        parents=parents,
        holiday_region=house.holidays_region if house else None,
        closes_on_holidays=bool(house and house.closes_on_holidays),
    )
