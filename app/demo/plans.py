"""Who will want which machine on which day, and how it will go: thrown for the whole year before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import TypeVar

from app.demo.diary import Diary
from app.demo.equipment import EQUIPMENT, Equipment
from app.demo.gcodes import Piece
from app.demo.people import ENGLISH_PROJECTS, PROJECTS, Person
from app.demo.story import Story

_Thing = TypeVar("_Thing")

DAYS_AHEAD = 24
"""How far beyond the present people have plans already."""

AT_FIRST, GROWTH, CROWD = 3.2, 3.9, 3.0
"""Plans a day when the lab opened, how many more by now, and how much fuller the days around the present are.

Each plan costs some sixty statements: these numbers decide how long the demo takes to build.
"""

WEEKDAYS = (0.55, 0.95, 1.2, 1.25, 0.95, 1.4, 1.0)
MONTHS = (1.0, 1.0, 1.05, 1.05, 1.0, 1.05, 0.75, 0.6, 1.05, 1.1, 1.15, 1.05)
FATES = {"come": 84.0, "forget": 2.5, "no_show": 3.5, "cancel": 6.0, "move": 4.0}
HOURS = ((10.25, 24), (11.0, 14), (13.5, 13), (14.5, 17), (16.0, 15), (17.25, 24), (18.5, 10), (20.0, 6))


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody means to do. `lead` is in hours before the wished hour; `late`, `early` and `luck` are 0 to 1.

    `piece` is what they have sent to be printed already; without one, the dice decide.
    """

    person: Person
    one: Equipment
    day: date
    hour: float
    minutes: int
    lead: float
    fate: str
    project: str | None
    late: float
    early: float
    luck: float
    piece: Piece | None = None


def plans(story: Story, diary: Diary, people: Sequence[Person]) -> Iterator[Plan]:
    """Day by day, from the first week until some weeks after the present."""
    for number in range(3, story.days + DAYS_AHEAD):
        day = story.first_day + timedelta(days=number)
        if not diary.is_open(day):
            continue
        dice = story.dice("day", day.isoformat())
        here = [person for person in people if person.is_here(day) and person.energy > 0]
        for _ in range(_how_many(story, day, dice)):
            plan = _plan(day, here, diary, dice)
            if plan is not None:
                yield plan


def _how_many(story: Story, day: date, dice: Random) -> int:
    """The lab grows all year; the days around the present are the fullest."""
    grown = min(1.0, (day - story.first_day).days / max(story.days, 1))
    mean = (AT_FIRST + GROWTH * grown) * WEEKDAYS[day.weekday()] * MONTHS[day.month - 1] * story.size
    if story.ago(9) <= day <= story.today + timedelta(days=9):
        mean *= CROWD
    return max(2, round(dice.gauss(mean, mean * 0.18)))


def _plan(day: date, here: Sequence[Person], diary: Diary, dice: Random) -> Plan | None:
    one = weighted(EQUIPMENT, [one.pull for one in EQUIPMENT], dice)
    lead = _lead(dice)
    asked_on = day - timedelta(days=round(lead / 24))
    able = [
        person
        for person in here
        if one.craft in person.crafts
        and person.joins_on < asked_on
        and person.may(one.needs, day, max(asked_on, person.joins_on))
    ]
    throws = dice.random(), dice.random(), dice.random()
    minutes, hour, fate = dice.choice(one.minutes), _hour(dice), weighted(tuple(FATES), tuple(FATES.values()), dice)
    if not able or not diary.is_open(day, one.slug):
        return None
    person = weighted(able, [person.energy for person in able], dice)
    return Plan(person, one, day, hour, minutes, lead, fate, _project(person, one, dice), *throws)


def _lead(dice: Random) -> float:
    """Some stand at the door, most know a few days before, a few plan weeks ahead."""
    kind = dice.random()
    if kind < 0.17:
        return 0.0
    if kind < 0.34:
        return dice.uniform(2, 9)
    if kind < 0.74:
        return 24 * dice.uniform(1, 4)
    return 24 * dice.uniform(4, 16)


def _hour(dice: Random) -> float:
    hours, weights = zip(*HOURS, strict=True)
    hour: float = weighted(hours, weights, dice)
    return hour + dice.uniform(-0.5, 0.5)


def _project(person: Person, one: Equipment, dice: Random) -> str | None:
    if dice.random() < 0.22:
        return None
    known = ENGLISH_PROJECTS if person.locale == "en" else PROJECTS[one.craft]
    return dice.choice(known)


def weighted(things: Sequence[_Thing], weights: Sequence[float], dice: Random) -> _Thing:
    """`Random.choices` for one, with sums written out: its result must not change between versions of Python."""
    sums = list(accumulate(weights))
    at = dice.random() * sums[-1]
    return next(thing for thing, reached in zip(things, sums, strict=True) if at < reached)
