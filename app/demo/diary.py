"""What the story remembers of who is where when, so that people ask for free times. The database decides all the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from app.calendar import queries as calendar
from app.demo.equipment import Equipment
from app.demo.people import Person
from app.demo.places import Places
from app.demo.story import Story, wall
from app.kernel import clock
from app.kernel.periods import Period

AHEAD = timedelta(days=60)


@dataclass(slots=True)
class Diary:
    """`opening` is by machine slug and day. A taking is the use with its turnaround."""

    opening: Mapping[str, Mapping[date, list[Period]]]
    taken: dict[tuple[str, date], list[Period]] = field(default_factory=lambda: defaultdict(list))
    people: dict[tuple[int, date], list[Period]] = field(default_factory=lambda: defaultdict(list))
    out: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, story: Story, places: Places) -> Diary:
        """All the hours of the story and of the weeks to come, in one reading."""
        whole = Period(wall(story.first_day, 0), wall(story.today, 0) + AHEAD)
        by_resource = calendar.opening([one.resource_id for one in places.machines.values()], whole)
        opening: dict[str, dict[date, list[Period]]] = {}
        for slug, machine in places.machines.items():
            days: dict[date, list[Period]] = defaultdict(list)
            for period in by_resource[machine.resource_id]:
                days[period.start.astimezone(clock.zone()).date()].append(period)
            opening[slug] = dict(days)
        return cls(opening)

    def is_open(self, day: date, slug: str = "laser-co2") -> bool:
        return bool(self.opening[slug].get(day))

    def fit(self, one: Equipment, person: Person, day: date, wish: datetime, minutes: int, *, after: datetime) -> Period | None:
        """The free stretch nearest to the wish that starts on the step, not before `after`."""
        length = timedelta(minutes=minutes)
        floor = after - timedelta(minutes=one.step) + timedelta(seconds=1)
        starts = (start for start in _starts(self.opening[one.slug].get(day, ()), length, one.step) if start >= floor)
        for start in sorted(starts, key=lambda start: (abs(start - wish), start)):
            period = Period(start, start + length)
            if self._is_free(one, person, day, period):
                return period
        return None

    def take(self, one: Equipment, person: Person, period: Period) -> None:
        day = period.start.astimezone(clock.zone()).date()
        self.taken[one.slug, day].append(period.extended(timedelta(minutes=one.turnaround)))
        if one.is_attended:
            self.people[person.id, day].append(period)

    def give_back(self, one: Equipment, person: Person, period: Period) -> None:
        day = period.start.astimezone(clock.zone()).date()
        self.taken[one.slug, day].remove(period.extended(timedelta(minutes=one.turnaround)))
        if one.is_attended:
            self.people[person.id, day].remove(period)

    def block(self, slugs: Iterable[str], day: date, period: Period, places: Places) -> None:
        """The team takes machines for something else: every seat of them."""
        for slug in slugs:
            self.taken[slug, day] += [period] * places.equipment[slug].capacity

    def _is_free(self, one: Equipment, person: Person, day: date, period: Period) -> bool:
        whole = period.extended(timedelta(minutes=one.turnaround))
        if one.slug in self.out and period.start < self.out[one.slug]:
            return False
        if sum(1 for other in self.taken[one.slug, day] if other.overlaps(whole)) >= one.capacity:
            return False
        return not one.is_attended or not any(other.overlaps(period) for other in self.people[person.id, day])


def _starts(opening: Iterable[Period], length: timedelta, step: int) -> Iterator[datetime]:
    for period in opening:
        start = period.start
        while start + length <= period.end:
            yield start
            start += timedelta(minutes=step)
