"""The four printers at this minute: somebody's print on each, as the simulators show it; and what waits for somebody.

The simulators print in a folder of their own while the story is told; `set_up` gives them to the house once it is all written.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path

from app.demo.diary import Diary
from app.demo.gcodes import Piece, sliced
from app.demo.people import Person
from app.demo.places import Places
from app.demo.plans import Plan
from app.demo.prints import Linked, Prints
from app.demo.story import Story, wall
from app.demo.visits import Visits
from app.kernel import clock
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from machines import usage
from machines.printing import facts, gcode, links, observing
from machines.printing.gateway import Observation, Seen
from machines.printing.rules import START_FACTOR_PERCENT
from machines.printing.simulator import Simulator

KEPT_AWAY = ("shut_out", "suspended", "revoked", "minor", "newcomer", "waiting")
ALONE = "Longue impression sans surveillance, vue avec Léa."


@dataclass(frozen=True, slots=True)
class UnderWay:
    """`share` of the piece is printed; `paused` is since when the printer waits for another filament there."""

    slug: str
    piece: Piece
    filament: str
    share: float
    paused: timedelta = timedelta(0)


UNDER_WAY = (
    UnderWay("heron", Piece("malle-aux-tresors", "box", 235), "PLA", 0.12),
    UnderWay("loutre", Piece("roue-de-chariot", "gear", 150), "TPU", 0.47),
    UnderWay("martin-pecheur", Piece("support-antenne", "bracket", 165), "ASA", 0.83),
    UnderWay("libellule", Piece("bac-a-fleurs-bicolore", "box", 250), "PETG", 0.61, paused=timedelta(minutes=7)),
)


@dataclass(slots=True)
class _Press:
    """A print under way, as far as it has come."""

    what: UnderWay
    linked: Linked
    code: bytes
    lasts: timedelta
    begun: datetime
    period: Period
    person: Person = field(init=False)
    reservation_id: int = 0
    job_id: int = 0


READY = Piece("support-capteur-canal", "bracket", 70)
ASKED = Piece("patte-de-gouttiere", "bracket", 95)
NEVER_SEEN, ITS_USER = "porte-cles_v3.gcode", "atelier"


@dataclass(slots=True)
class Presses:
    story: Story
    places: Places
    diary: Diary
    visits: Visits
    prints: Prints
    people: Sequence[Person]
    teacher: Person
    folder: Path
    at_work: set[Person] = field(default_factory=set)

    def plan(self) -> None:
        """Before anybody plans anything: the printers are taken now."""
        for one in UNDER_WAY:
            self._plan(one)
        self.story.at(self.story.now - timedelta(hours=5), self._get_karim_ready)
        self.story.at(self.story.now - timedelta(hours=20), self._ask_for_approval)
        self.story.on(self.story.ago(2), 9.1, self._print_beside_the_house)

    def set_up(self, home: Path) -> None:
        """The simulators are the house's from now on."""
        shutil.copytree(self.folder, home / "printers", dirs_exist_ok=True)

    # ── under way ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _plan(self, one: UnderWay) -> None:
        linked, step = self.prints.linked[one.slug], self.places.equipment[one.slug].step
        change_at = one.share if one.paused else None
        bed, nozzle = linked.printer.bed[:2], linked.printer.nozzle
        code = sliced(one.piece, filament=one.filament, bed=bed, nozzle=nozzle, change_at=change_at)
        lasts = timedelta(seconds=gcode.read(BytesIO(code)).seconds or 0)
        begun = self.story.now - lasts * one.share - one.paused
        ends = begun + lasts * START_FACTOR_PERCENT / 100 + one.paused + timedelta(minutes=6 + step)
        period = Period(_on_step(begun - timedelta(minutes=8), step), _on_step(ends, step))
        for day in {_day(period.start), _day(period.end)}:
            self.diary.taken[one.slug, day].append(period)
        press = _Press(one, linked, code, lasts, begun, period)
        self.story.at(period.start - timedelta(minutes=50), lambda: self._book(press))

    def _book(self, press: _Press) -> None:
        press.person, slug = self._somebody(press.what.slug), press.what.slug
        day = _day(press.period.start)
        plan = Plan(press.person, self.places.equipment[slug], day, 0, 0, 0, "come", None, 0.5, 0.5, 0.5)
        is_open = any(hours.contains(press.period) for hours in self.diary.opening[slug].get(day, ()))
        try:
            press.reservation_id = self.visits.reserve(plan, press.period, None if is_open else ALONE)
        except Refused:
            press.reservation_id = self.visits.reserve(plan, press.period, ALONE)
        self.story.at(press.period.start + timedelta(minutes=2), lambda: self._come(press))

    def _somebody(self, slug: str) -> Person:
        """One who may, on no other printer now and not Karim, who has something else to do; else whoever teaches it."""
        machine = self.places.equipment[slug]
        able = [
            person
            for person in self.people
            if person.energy > 0 and person.fate not in KEPT_AWAY and person.box != "karim" and person not in self.at_work
            and machine.craft in person.crafts and person.is_here(self.story.today)
            and person.may(machine.needs, self.story.ago(1), self.story.today)
        ]  # fmt: skip
        chosen = self.story.dice("press", slug).choice(able or [self.teacher])
        self.at_work.add(chosen)
        return chosen

    def _come(self, press: _Press) -> None:
        """The host opens the door to them, and they send their file."""
        ticks = len(self.places.machines[press.what.slug].safety_ticks)
        host = self.visits.host.actor
        usage.check_in(actor=host, reservation_id=press.reservation_id, code=None, ticks=ticks, vouched=True)
        job = self.prints.attach(press.person.actor, press.reservation_id, press.what.piece.name, press.code)
        press.job_id = job.id
        if job.needs_approval:
            self.prints.approve(job.id)
        self.story.at(press.begun, lambda: self._start(press))

    def _start(self, press: _Press) -> None:
        """By themselves, or by the host where the lab is closed."""
        opening = self.diary.opening[press.what.slug].get(_day(press.begun), ())
        is_open = any(hours.start <= press.begun < hours.end for hours in opening)
        by, because = (press.person, None) if is_open else (self.visits.host, ALONE)
        order = self.prints.send(by.actor, press.linked.link_id, press.job_id, because=because)
        assert order.source is not None
        table = Simulator(self.folder, press.what.slug, speed=press.linked.printer.speed)
        asyncio.run(table.upload(order.source, order.remote_path, dict(order.marker)))
        asyncio.run(table.start(order.remote_path))

        def look() -> None:
            observing.apply(link_id=press.linked.link_id, seen=asyncio.run(table.status()))

        def begin() -> None:
            look()
            usage.begin_with_print(press.reservation_id)

        self.story.at(clock.now() + timedelta(seconds=20), begin)
        if press.what.paused:
            stops = clock.now() + press.lasts * press.what.share
            self.story.at(stops, lambda: table.befall("pause"))
            self.story.at(stops + timedelta(seconds=4), look)
        self.story.at(self.story.now, look)

    # ── waiting for somebody ─────────────────────────────────────────────────────────────────────────────────────────

    def _get_karim_ready(self) -> None:
        """He has sent a file and comes tonight, or on the next evening when a printer is free."""
        karim = next(person for person in self.people if person.box == "karim")
        soon = self.story.now + timedelta(minutes=20)
        for day in _days(self.story.today, 14):
            for slug in ("loutre", "heron"):
                one = self.places.equipment[slug]
                found = self.diary.fit(one, karim, day, wall(day, 19), 120, after=max(soon, wall(day, 16)))
                if found and karim.may(one.needs, day, self.story.ago(1)):
                    self._book_with_file(karim, slug, found, "Capteur de niveau du canal", READY)
                    return

    def _ask_for_approval(self) -> None:
        """Somebody's first print on a printer where the team looks at those."""
        slug = "martin-pecheur"
        one = self.places.equipment[slug]
        link = links.of_machine(self.places.machines[slug].id)
        for day in _days(self.story.today + timedelta(days=1), 14):
            for person in self.people:
                if person.box == "karim" or person.energy <= 0 or person.fate in KEPT_AWAY or link is None:
                    continue
                if not (person.may(one.needs, day, self.story.ago(1)) and person.is_here(self.story.today)):
                    continue
                found = self.diary.fit(one, person, day, wall(day, 14.5), 150, after=self.story.now)
                if found and facts.needs_approval(link, person.id):
                    self._book_with_file(person, slug, found, "Gouttière du cabanon", ASKED)
                    return
        self.story.notes["nobody asks for approval"] += 1

    def _book_with_file(self, person: Person, slug: str, period: Period, project: str, piece: Piece) -> None:
        day, minutes = _day(period.start), period.duration // timedelta(minutes=1)
        local = period.start.astimezone(clock.zone())
        hour = local.hour + local.minute / 60
        self.visits.book(
            Plan(person, self.places.equipment[slug], day, hour, minutes, 5, "come", project, 0.5, 0.5, 0.5, piece=piece)
        )

    def _print_beside_the_house(self) -> None:
        """Before the lab opened somebody printed from a card: nobody has said yet who."""
        link_id = self.prints.linked["loutre"].link_id
        seen = Observation(at=clock.now(), state=Seen.PRINTING, remote_path=NEVER_SEEN, started_by=ITS_USER, completion=3.0)
        observing.apply(link_id=link_id, seen=seen)
        self.story.at(clock.now() + timedelta(minutes=47), lambda: self.prints.idle(link_id))


def _day(instant: datetime) -> date:
    return instant.astimezone(clock.zone()).date()


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


def _on_step(instant: datetime, step: int) -> datetime:
    """The last instant before it at which a reservation may begin or end."""
    local = instant.astimezone(clock.zone())
    return instant - timedelta(minutes=local.minute % step, seconds=local.second, microseconds=local.microsecond)
