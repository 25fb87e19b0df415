"""This very minute: somebody at the machines if the lab is open, questions that wait for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import String, cast, func, literal, select

from app.demo.desk import Desk
from app.demo.diary import Diary
from app.demo.equipment import EQUIPMENT
from app.demo.people import PROJECTS, Person
from app.demo.plans import Plan
from app.demo.story import Story
from app.demo.visits import Visits
from app.kernel import clock
from app.kernel.db import db
from billing.models import Adjustment, Charge
from machines.models import Machine, Reservation
from machines.rules import Status

AT_WORK = 8
"""How many are at a machine when the story ends in opening hours."""

QUESTIONS = {
    "laser": "L’extraction s’est arrêtée au milieu, j’ai dû tout recommencer.",
    "print": "La première couche n’a jamais tenu, la pièce est à refaire.",
    "wood": "J’étais parti à 16 h 30, j’ai oublié d’appuyer sur « Terminer ».",
    "textile": "Le fil a cassé toutes les cinq minutes, je n’ai rien pu finir.",
    "vinyl": "La lame était émoussée, le rouleau est perdu.",
}
WAITING = 3
SOON = timedelta(minutes=25)


@dataclass(slots=True)
class Present:
    story: Story
    diary: Diary
    visits: Visits
    desk: Desk
    people: list[Person]

    def arrange(self) -> None:
        """Under the clock of the present."""
        self._fill_the_benches()
        self._leave_questions_open()

    def _fill_the_benches(self) -> None:
        """The story leaves people at work by itself; where it left too few, some stand at the door."""
        busy = db.session.scalar(select(func.count()).where(Reservation.status == Status.IN_USE)) or 0
        dice = self.story.dice("present")
        machines = sorted(EQUIPMENT, key=lambda one: -one.pull * dice.random())
        for one in machines:
            if busy >= AT_WORK:
                return
            able = [
                person
                for person in self.people
                if one.craft in person.crafts and person.energy > 0 and person.is_here(self.story.today)
                and person.may(one.needs, self.story.today)
            ]  # fmt: skip
            if not able:
                continue
            person, project = dice.choice(able), dice.choice(PROJECTS[one.craft])
            local = clock.now().astimezone(clock.zone())
            hour = local.hour + local.minute // one.step * one.step / 60
            for minutes in sorted(set(one.minutes), reverse=True):
                plan = Plan(person, one, self.story.today, hour, minutes, 0.0, "come", project, 0.5, 0.5, 0.5)
                if self.visits.walk_in(plan):
                    busy += 1
                    break

    def _leave_questions_open(self) -> None:
        """Some find a bill of these days too high, and nobody has answered yet: one a person, Karim first."""
        since = self.story.now - timedelta(days=9)
        asked = select(Adjustment.charge_id)
        rows = db.session.execute(
            select(Charge.id, Charge.payer_id, Charge.opened_at, Machine.slug)
            .join(Reservation, Charge.subject == literal("reservation:") + cast(Reservation.id, String))
            .join(Machine, Machine.id == Reservation.machine_id)
            .where(Charge.opened_at >= since, Charge.amount_cents > Charge.credited_cents, Charge.id.not_in(asked))
            .order_by(Charge.opened_at.desc(), Charge.id.desc())
        ).all()
        latest = {row.payer_id: row for row in reversed(rows)}
        waiting = [(person, latest[person.id]) for person in self.people if person.id in latest and person.box != "emma"]
        crafts = {one.slug: one.craft for one in EQUIPMENT}
        said: set[str] = set()
        for person, row in waiting:
            craft = crafts[row.slug]
            if craft in said or len(said) == WAITING:
                continue
            said.add(craft)
            with clock.at(min(row.opened_at + SOON, self.story.now)):
                self.desk.ask_and_wait(person, row.id, QUESTIONS[craft])
