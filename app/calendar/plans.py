"""What a place's days look like to a reader: its weekly hours, its seasons, its exceptions, and the next days one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from app.accounts.models import Member
from app.calendar import hours as books
from app.calendar.models import Block, OpeningException, Resource
from app.calendar.rules import Hours, Season, Source, plan_of_day
from app.calendar.wall_times import Stretch
from app.kernel import clock
from app.kernel.db import db
from app.kernel.periods import Period, local_day, wall_instant

AHEAD = 14
ALL_YEAR: Season = (None, None)

Level = tuple[Resource, Hours]


@dataclass(frozen=True, slots=True)
class Day:
    """One day as it will be. `name` is the holiday's, `note` the exception's; `inherited_from` is None for what is its own."""

    day: date
    opening: list[Period]
    source: Source
    name: str | None
    note: dict[str, str]
    inherited_from: dict[str, str] | None
    clock_change: int


@dataclass(frozen=True, slots=True)
class Weekly:
    """The seven days of one season, Monday first."""

    season: Season
    days: tuple[tuple[Stretch, ...], ...]

    @property
    def is_over(self) -> bool:
        return self.season[1] is not None and self.season[1] < clock.today()


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that is said about the hours of one place. `usual` is inherited when `inherited_from` names a place above."""

    usual: Weekly
    inherited_from: Resource | None
    seasons: list[Weekly]
    exceptions: list[OpeningException]
    days: list[Day]


def schedule(resource: Resource, *, language: str) -> Schedule:
    """Everything the page of hours shows. A constant number of statements."""
    levels = _levels(resource)
    hours = [own for _place, own in levels]
    level = next((level for level, own in enumerate(hours) if any(rule.season == ALL_YEAR for rule in own.weekly)), 0)
    today = clock.today()
    exceptions = list(
        db.session.scalars(
            select(OpeningException)
            .where(OpeningException.resource_id.in_([one.id for one, _own in levels]), OpeningException.last_day >= today)
            .order_by(OpeningException.first_day, OpeningException.id)
        )
    )
    seasons = sorted({rule.season for rule in hours[0].weekly} - {ALL_YEAR}, key=lambda season: season[0] or date.min)
    return Schedule(
        usual=_weekly(hours[level], ALL_YEAR),
        inherited_from=levels[level][0] if level else None,
        seasons=[_weekly(hours[0], season) for season in seasons],
        exceptions=[one for one in exceptions if one.resource_id == resource.id],
        days=_days(levels, exceptions, today, AHEAD, language),
    )


def days(resource: Resource, first: date, count: int, *, language: str) -> list[Day]:
    """`count` days from `first` on. A constant number of statements."""
    levels = _levels(resource)
    exceptions = db.session.scalars(
        select(OpeningException).where(
            OpeningException.resource_id.in_([one.id for one, _own in levels]),
            OpeningException.last_day >= first,
            OpeningException.first_day < first + timedelta(days=count),
        )
    )
    return _days(levels, list(exceptions), first, count, language)


@dataclass(frozen=True, slots=True)
class BlockLine:
    block: Block
    by: str | None
    released_by: str | None

    @property
    def is_live(self) -> bool:
        return self.block.released_at is None and self.block.ends_at > clock.now()


def blocks(resource_id: int, most: int = 50) -> list[BlockLine]:
    """What was blocked there, the latest first. Two statements."""
    rows = list(
        db.session.scalars(
            select(Block).where(Block.resource_id == resource_id).order_by(Block.starts_at.desc(), Block.id.desc()).limit(most)
        )
    )
    who = {ident for row in rows for ident in (row.created_by_id, row.released_by_id) if ident is not None}
    found = db.session.execute(select(Member.id, Member.name).where(Member.id.in_(who))) if who else ()
    names = {row.id: row.name for row in found}
    return [BlockLine(row, names.get(row.created_by_id or 0), names.get(row.released_by_id or 0)) for row in rows]


def block_place(block_id: int) -> int | None:
    return db.session.scalar(select(Block.resource_id).where(Block.id == block_id))


def _levels(resource: Resource) -> list[Level]:
    """The place and those above it, up to the site, each with what it says itself. Two statements at most."""
    book = books.book()
    idents, above = [resource.id], book.parents.get(resource.id)
    while above is not None:
        idents.append(above)
        above = book.parents.get(above)
    rows = {row.id: row for row in db.session.scalars(select(Resource).where(Resource.id.in_(idents)))}
    return [(rows[ident], book.hours.get(ident, Hours())) for ident in idents]


def _weekly(hours: Hours, season: Season) -> Weekly:
    mine = [rule for rule in hours.weekly if rule.season == season]
    return Weekly(
        season,
        tuple(tuple(sorted((rule.opens, rule.closes) for rule in mine if rule.weekday == weekday)) for weekday in range(7)),
    )


def _days(levels: list[Level], exceptions: list[OpeningException], first: date, count: int, language: str) -> list[Day]:
    tz = clock.zone()
    holidays = books.book().holidays([first.year, (first + timedelta(days=count)).year], language)
    notes = {one.id: one.note for one in exceptions}
    hours = [own for _place, own in levels]
    found = []
    for day in (first + timedelta(days=n) for n in range(count)):
        plan = plan_of_day(day, hours, day in holidays)
        found.append(
            Day(
                day=day,
                opening=[
                    Period(start, end)
                    for opens, closes in plan.hours
                    if (start := wall_instant(day, opens, tz)) < (end := wall_instant(day, closes, tz))
                ],
                source=plan.source,
                name=holidays.get(day),
                note=notes.get(plan.special.ident, {}) if plan.special else {},
                inherited_from=levels[plan.level][0].name if plan.level else None,
                clock_change=round(local_day(day, tz).duration.total_seconds() / 3600) - 24,
            )
        )
    return found
