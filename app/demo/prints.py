"""What people print in their visits, from the file to the record: asked for, carried out and seen as the engine would, by the
same services, with what a printer would have shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from random import Random

from sqlalchemy import select

from app.demo.equipment.filaments import FILAMENTS, PRINTERS, Printer
from app.demo.gcodes import PIECES, Piece, sliced
from app.demo.people import Person
from app.demo.places import Places
from app.demo.plans import Plan, weighted
from app.demo.story import Story
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import db
from app.kernel.money import Cents
from app.kernel.periods import Period
from billing import adjustments
from billing.models import Adjustment, Charge
from machines import usage
from machines.printing import carrying, files, links, materials, metering, observing, prints
from machines.printing.carrying import Order
from machines.printing.gateway import Observation, ProbeResult, RemoteFile, Seen
from machines.printing.models import PrintJob
from machines.printing.rules import Outcome

SHARE = 0.26
"""Of the visits to a printer, how many print through the house; the others come with a card, as before."""
BEFOREHAND = timedelta(hours=3)
"""How long before coming people send their file, where there is time."""
HANDS, ROOM = timedelta(minutes=3), timedelta(minutes=14)
"""From the check-in to the start; and what of a slot is not for printing."""
WAITING = timedelta(days=8)
"""A print nobody saw end is not older than this: later ones have been settled."""

ENDS = {"done": 82.0, "stopped": 5.0, "spoilt": 5.0, "fault": 4.0, "blamed": 4.0}
FAULT = "Heater of the nozzle: temperature out of bounds"
SPOILT = "Première couche décollée : pas de bordure dans le fichier."
HALF = "Vu avec Tom : buse encrassée. La moitié vous est rendue."


@dataclass(frozen=True, slots=True)
class Linked:
    """A printer of the demo as the house knows it."""

    printer: Printer
    link_id: int


@dataclass(slots=True)
class _Print:
    """What is known of one before it is over."""

    plan: Plan
    reservation_id: int
    job_id: int
    seconds: float
    size: int


@dataclass(slots=True)
class Prints:
    story: Story
    host: Person
    linked: Mapping[str, Linked]
    going: dict[int, _Print] = field(default_factory=dict)
    has_lost: bool = False

    def expect(self, plan: Plan, reservation_id: int, period: Period, arrives: datetime) -> None:
        """Somebody will come to this machine: perhaps with something for the house to print."""
        if plan.one.slug not in self.linked:
            return
        dice = self.story.dice("print", plan.person.box, plan.day, plan.hour)
        room = (period.end - max(arrives, period.start) - ROOM) / timedelta(minutes=1)
        piece = plan.piece or _piece(dice, room / 1.2)
        if piece is None or (plan.piece is None and dice.random() > SHARE):
            return
        filament = dice.choice(self.linked[plan.one.slug].printer.filaments)
        sends = clock.now() if plan.piece else max(clock.now(), arrives - BEFOREHAND)
        self.story.at(sends, lambda: self._attach(plan, reservation_id, piece, filament))

    def start_soon(self, reservation_id: int, begins: datetime) -> datetime | None:
        """They are here: the print starts within minutes. When it is over, if there is one and it may start."""
        one = self.going.pop(reservation_id, None)
        if one is None:
            return None
        starts = max(clock.now(), begins) + HANDS
        dice = self.story.dice("print ends", one.job_id)
        end = weighted(tuple(ENDS), tuple(ENDS.values()), dice)
        if end in ("spoilt", "blamed") and one.plan.person is self.host:  # nobody corrects their own
            end = "stopped"
        lasts = timedelta(seconds=one.seconds * dice.uniform(1.0, 1.08))
        over = starts + lasts * (1 if end == "done" else dice.uniform(0.2, 0.8))
        if end == "done" and not self.has_lost and self.story.now - WAITING < over <= self.story.now - timedelta(hours=20):
            self.has_lost, end = True, "lost"
        self.story.at(starts, lambda: self._start(one, lasts, over, end))
        return over

    def did_not_come(self, reservation_id: int, over: datetime) -> None:
        """What was to be printed expires with the slot."""
        if one := self.going.pop(reservation_id, None):
            self.story.at(over, lambda: _only(prints.expire_if_over(one.job_id)))

    def idle(self, link_id: int) -> None:
        """The printer is seen with nothing to do."""
        observing.apply(link_id=link_id, seen=Observation(at=clock.now(), state=Seen.IDLE))

    def attach(self, actor: Actor, reservation_id: int, name: str, code: bytes) -> PrintJob:
        """Send a file and put it to a reservation."""
        file = files.receive(actor=actor, name=f"{name}.gcode", source=BytesIO(code))
        return prints.attach(actor=actor, reservation_id=reservation_id, file_id=file.id)

    def approve(self, job_id: int) -> None:
        prints.decide(actor=self.host.actor, job_id=job_id, is_approved=True, note="Bien tranché, bonne impression.")

    def send(self, actor: Actor, link_id: int, job_id: int, *, because: str | None = None) -> Order:
        """Ask for the start, and carry it out as the engine does: the file, then the start, each once."""
        self.idle(link_id)
        prints.start(actor=actor, job_id=job_id, bed_is_clear=True, override_reason=because)
        order = carrying.next_order(link_id, Observation(at=clock.now(), state=Seen.IDLE))
        assert order is not None
        carrying.sent(job_id)
        carrying.claim_start(job_id)
        return order

    def _attach(self, plan: Plan, reservation_id: int, piece: Piece, filament: str) -> None:
        linked = self.linked[plan.one.slug]
        code = sliced(piece, filament=filament, bed=linked.printer.bed[:2], nozzle=linked.printer.nozzle)
        job = self.attach(plan.person.actor, reservation_id, piece.name, code)
        self.going[reservation_id] = _Print(plan, reservation_id, job.id, 60.0 * piece.minutes, len(code))
        if job.needs_approval and plan.piece is None:
            self.story.at(clock.now() + timedelta(minutes=1), lambda: self.approve(job.id))

    def _start(self, one: _Print, lasts: timedelta, over: datetime, end: str) -> None:
        linked = self.linked[one.plan.one.slug]
        path = self.send(one.plan.person.actor, linked.link_id, one.job_id).remote_path
        link_id, begun = linked.link_id, clock.now()

        def look(state: Seen = Seen.PRINTING) -> Observation:
            return seen_of(path, one.size, begun, lasts, state)

        def first() -> None:
            observing.apply(link_id=link_id, seen=look())
            usage.begin_with_print(one.reservation_id)

        self.story.at(begun + timedelta(seconds=20), first)
        self.story.at(over, lambda: self._end(one, link_id, path, look, end))

    def _end(self, one: _Print, link_id: int, path: str, look: Callable[..., Observation], end: str) -> None:
        now, owner = clock.now(), one.plan.person.actor
        if end == "done":
            done = Observation(at=now, state=Seen.IDLE, remote_path=path, completion=100.0, filepos=one.size,
                               print_seconds=look().print_seconds)  # fmt: skip
            observing.apply(link_id=link_id, seen=done, remote=RemoteFile(path, one.size, successes=1, last_success=True))
        elif end in ("fault", "lost"):
            observing.apply(link_id=link_id, seen=look())
            gone = Observation(at=now, state=Seen.FAULT if end == "fault" else Seen.DISCONNECTED,
                               error_text=FAULT if end == "fault" else None)  # fmt: skip
            observing.apply(link_id=link_id, seen=gone)
            self.story.at(now + timedelta(minutes=2), lambda: self.idle(link_id))
        else:
            observing.apply(link_id=link_id, seen=look())
            prints.cancel(actor=owner, job_id=one.job_id)
            carrying.next_order(link_id, look())
            observing.apply(link_id=link_id, seen=look(Seen.CANCELLING))
            observing.apply(link_id=link_id, seen=Observation(at=now, state=Seen.IDLE, remote_path=path))
            self._say_why(one, end)
        self.story.at(now + carrying.FORGOTTEN_AFTER, lambda: carrying.deleted(one.job_id))

    def _say_why(self, one: _Print, end: str) -> None:
        soon = clock.now() + timedelta(minutes=1)
        if end == "spoilt":
            self.story.at(soon, lambda: self._correct(self.host.actor, one.job_id, Outcome.FILE_FAILED, SPOILT))
        elif end == "blamed":
            self.story.at(soon, lambda: self._correct(one.plan.person.actor, one.job_id, Outcome.MACHINE_FAILED, ""))
            self.story.at(soon + timedelta(hours=26), lambda: self._answer(f"reservation:{one.reservation_id}"))

    def _answer(self, subject: str) -> None:
        """The team looks at a claim that was worth looking at."""
        waiting = select(Adjustment, Charge).join(Charge, Charge.id == Adjustment.charge_id)
        for asked, charge in db.session.execute(waiting.where(Charge.subject == subject, Adjustment.answered_at.is_(None))):
            half = Cents(charge.total_cents // 2)
            adjustments.accept(actor=self.host.actor, adjustment_id=asked.id, new_cents=half, words=HALF, at=clock.now())

    def _correct(self, actor: Actor, job_id: int, outcome: Outcome, note: str) -> None:
        metering.correct(actor=actor, job_id=job_id, outcome=outcome, note=note)


def link_printers(administrator: Actor, manager: Actor, places: Places) -> dict[str, Linked]:
    """The filaments with their prices, then each printer with what it can bear and how the lab wants it."""
    sold = {
        one.code: materials.add(
            actor=manager, code=one.code, name=one.name, density_mg=one.density, cents_per_kilogram=Cents(one.price)
        ).id
        for one in FILAMENTS
    }
    return {one.slug: _link(administrator, one, places.machines[one.slug].id, sold) for one in PRINTERS}


def _link(actor: Actor, one: Printer, machine_id: int, sold: Mapping[str, int]) -> Linked:
    link = links.connect(actor=actor, machine_id=machine_id, kind="simulator", address=one.address, revision=0)
    links.note_probe(actor=actor, link_id=link.id, found=ProbeResult(product="Simulator", version="1", user="etabli"))
    link = links.describe(
        actor=actor,
        link_id=link.id,
        revision=link.revision,
        material_ids=[sold[code] for code in one.filaments],
        bed_x=one.bed[0],
        bed_y=one.bed[1],
        bed_z=one.bed[2],
        nozzle_most=one.nozzle_most,
        bed_most=one.bed_most,
        nozzle_hundredths=one.nozzle_hundredths,
        approval=one.approval,
        end_policy=one.end_policy,
        counting=one.counting,
    )
    return Linked(one, link.id)


def seen_of(path: str, size: int, begun: datetime, lasts: timedelta, state: Seen) -> Observation:
    """What a printer shows now of a print that began then and lasts so long."""
    gone = min(clock.now() - begun, lasts)
    share = gone / lasts
    return Observation(
        at=clock.now(),
        state=state,
        remote_path=path,
        started_by="etabli",
        completion=100 * share,
        filepos=int(size * share),
        print_seconds=int(gone.total_seconds()),
        seconds_left=int((lasts - gone).total_seconds()),
        seconds_left_kind="estimate",
        tool_temp=214.6,
        tool_target=215.0,
        bed_temp=60.1,
        bed_target=60.0,
    )


def _piece(dice: Random, room: float) -> Piece | None:
    """One of the longest that fit."""
    fitting = [piece for piece in PIECES if piece.minutes <= room]
    return dice.choice(fitting[-4:]) if fitting else None


def _only(_answer: object) -> None:
    """An act answers nothing."""
