"""The scripted clock: acts wait for their instant and happen in order, each as if it were then. Nothing later than now does."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from random import Random

from app.kernel import clock
from app.kernel.periods import wall_instant
from app.kernel.refusals import Refused

Act = Callable[[], None]


@dataclass(slots=True)
class Story:
    """`now` is where the story ends: the present. `size` is 1 for the lab of 120 members.

    The dice of anything are thrown from the seed and its name, so that one part of the story does not disturb another.
    """

    now: datetime
    days: int
    seed: int
    size: float = 1.0
    notes: Counter[str] = field(default_factory=Counter)
    after_each: Callable[[datetime], None] = lambda _instant: None
    _script: list[tuple[datetime, int, Act]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    @property
    def today(self) -> date:
        return self.now.astimezone(clock.zone()).date()

    @property
    def first_day(self) -> date:
        return self.today - timedelta(days=self.days)

    def ago(self, days: int) -> date:
        return self.today - timedelta(days=days)

    def dice(self, *about: object) -> Random:
        return Random("/".join(str(one) for one in (self.seed, *about)))  # noqa: S311 - a story, not a secret

    def at(self, instant: datetime, act: Act) -> None:
        """Let `act` happen then; never, if that is after the present."""
        if instant <= self.now:
            heapq.heappush(self._script, (instant, next(self._numbers), act))

    def on(self, day: date, hour: float, act: Act) -> None:
        """The same by the clock on the lab's wall: 14.5 is half past two."""
        self.at(wall(day, hour), act)

    def play(self) -> None:
        """Until nothing is left. An act may plan others; one planned for the past happens next.

        The services may say no, as they do to everybody: that is noted, and life goes on.
        """
        while self._script:
            instant, _number, act = heapq.heappop(self._script)
            with clock.at(instant):
                try:
                    act()
                except Refused as refused:
                    self.notes.update(refusal.code for refusal in refused.refusals)
                self.after_each(instant)


def wall(day: date, hour: float) -> datetime:
    """The instant at which the lab's clock shows `hour`."""
    return wall_instant(day, round(hour * 60), clock.zone())
