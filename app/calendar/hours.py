"""The opening hours of every resource, read in two statements and kept in memory while the site's revision holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from holidays import country_holidays
from holidays.countries.france import FR
from sqlalchemy import func, select

from app.accounts import lab
from app.calendar.models import Kind, OpeningException, OpeningRule, Resource
from app.calendar.rules import Hours, SpecialDays, WeeklyHours, opening_periods
from app.kernel.db import db, run
from app.kernel.periods import Period, local_day

REGIONS = {"Alsace-Moselle": "57", "GP": "971", "MQ": "972", "GF": "973", "RE": "974", "YT": "976"}
"""The lab's choice of public holidays, as `holidays` names the subdivisions of France."""
KEPT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Book:
    """All hours at one revision: what each resource says itself, and who stands over whom."""

    revision: tuple[int, int]
    hours: Mapping[int, Hours]
    parents: Mapping[int, int | None]
    holiday_region: str | None
    closes_on_holidays: bool
    _computed: dict[tuple[tuple[int, ...], date, date], list[Period]] = field(default_factory=dict, compare=False, repr=False)

    def opening(self, resource_ids: Iterable[int], period: Period, tz: ZoneInfo) -> dict[int, list[Period]]:
        """The open stretches that touch `period`, whole, in order, for each resource."""
        first, last = period.start.astimezone(tz).date(), period.end.astimezone(tz).date()
        known: dict[tuple[int, ...], list[Period]] = {}
        found = {}
        for ident in resource_ids:
            if (deciding := self._deciding(ident)) not in known:
                known[deciding] = [one for one in self._stretches(deciding, first, last, tz) if one.overlaps(period)]
            found[ident] = known[deciding]
        return found

    def _deciding(self, resource_id: int) -> tuple[int, ...]:
        """The places whose hours count for the resource, from itself up to its site."""
        idents: list[int] = []
        ident: int | None = resource_id
        while ident is not None:
            if ident in self.hours:
                idents.append(ident)
            ident = self.parents.get(ident)
        return tuple(idents)

    def _stretches(self, deciding: tuple[int, ...], first: date, last: date, tz: ZoneInfo) -> list[Period]:
        """Computed once: the same few weeks are asked for again and again, and each is dozens of conversions of clocks."""
        if (kept := self._computed.get((deciding, first, last))) is None:
            days = Period(local_day(first, tz).start, local_day(last, tz).end)
            chain = [self.hours[ident] for ident in deciding]
            kept = opening_periods(days, chain, self.holidays([first.year, last.year]), tz)
            if len(self._computed) >= KEPT_MOST:
                self._computed.clear()
            self._computed[deciding, first, last] = kept
        return kept

    def holidays(self, years: Iterable[int], language: str = "fr") -> Mapping[date, str]:
        """Public holidays of France (and of the lab's region) by name, if the lab closes then; of the years around too."""
        if not self.closes_on_holidays:
            return {}
        wanted = sorted(years)
        around = range(wanted[0] - 1, wanted[-1] + 2)
        return {day: name for year in around for day, name in _public_holidays(self.holiday_region, year, language)}


@lru_cache(maxsize=256)
def _public_holidays(region: str | None, year: int, language: str) -> tuple[tuple[date, str], ...]:
    """`region` is one the lab may choose in its settings, or the library's own code; any other adds no holiday."""
    code = REGIONS.get(region or "", region)
    known = code if code in FR.subdivisions else None
    named = "fr" if language == "fr" else "en_US"
    return tuple(country_holidays("FR", subdiv=known, years=year, language=named).items())


Revision = tuple[int, int]


def revision_columns() -> tuple[Any, Any]:
    """Two numbers that change with the hours, the tree or the lab's holidays, to be selected along with other columns."""
    places = select(func.coalesce(func.sum(Resource.revision), 0)).where(Resource.kind != Kind.MACHINE)
    count = select(func.count(Resource.id)).where(Resource.kind != Kind.MACHINE)
    return places.scalar_subquery().label("hours_revision"), count.scalar_subquery().label("places")


_REVISION = select(*revision_columns())


def revision() -> Revision:
    """One statement."""
    row = run(_REVISION).one()
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
    for rule in db.session.scalars(select(OpeningRule).order_by(OpeningRule.id)):
        weekly[rule.resource_id].append(
            WeeklyHours(rule.weekday, rule.opens_minute, rule.closes_minute, rule.valid_from, rule.valid_until)
        )
    special: dict[int, list[SpecialDays]] = defaultdict(list)
    for exception in db.session.scalars(select(OpeningException).order_by(OpeningException.id)):
        hours = tuple((opens, closes) for opens, closes in exception.periods)
        special[exception.resource_id].append(SpecialDays(exception.first_day, exception.last_day, hours, exception.id))
    parents = {row.id: row.parent_id for row in db.session.execute(select(Resource.id, Resource.parent_id))}
    house = lab.current()
    return Book(
        revision=current,
        hours={ident: Hours(tuple(weekly[ident]), tuple(special[ident])) for ident in {*weekly, *special}},
        parents=parents,
        holiday_region=house.holidays_region if house else None,
        closes_on_holidays=bool(house and house.closes_on_holidays),
    )
