"""What becomes of a plan: booked, moved or cancelled, checked in, used, ended, or nobody came. Each step by its service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from app.demo.desk import Desk
from app.demo.diary import Diary
from app.demo.joining import accept_charter
from app.demo.people import Person
from app.demo.places import Places
from app.demo.plans import Plan
from app.demo.prints import Prints
from app.demo.story import Story, wall
from app.kernel import clock
from app.kernel.db import db
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from machines import catalogue, codes, reservations, usage
from machines.models import Incident
from machines.rules import Claim
from machines.usage import Ending

ABSENT_AFTER = timedelta(minutes=16)
FORGOTTEN_AFTER = timedelta(minutes=11)
CLEARING = timedelta(minutes=3)
"""To take a print off its bed."""
WELL_BEFORE = timedelta(hours=8)
"""Plans change early enough for the lab to allow it."""

NOTES = (
    "Lentille nettoyée.", "Bobine presque finie.", "J’ai laissé les chutes dans le bac.", "Aspirateur à vider.",
    "Plateau à l’alcool.", "Réglages notés au cahier.",
)  # fmt: skip
FAULTS = {
    "laser": "Coupe moins nette sur le bord gauche.",
    "print": "La première couche accroche mal dans un coin.",
    "wood": "Un bruit sec quand la lame démarre.",
    "textile": "Le fil casse tous les deux mètres.",
    "electronics": "Le fer du poste 4 chauffe lentement.",
    "vinyl": "La lame accroche dans les virages serrés.",
}


@dataclass(slots=True)
class Visits:
    story: Story
    places: Places
    diary: Diary
    desk: Desk
    prints: Prints
    host: Person

    def expect(self, plan: Plan) -> None:
        """Let the booking happen at its hour."""
        self.story.at(_booked_at(plan), lambda: self.book(plan))

    def walk_in(self, plan: Plan) -> bool:
        """Somebody at the door takes the free machine before them and begins. Whether they could."""
        period = self._free(plan)
        if period is None or period.start > clock.now():
            return False
        try:
            ident = self.reserve(plan, period, None)
        except Refused:
            return False
        usage.check_in(actor=self.host.actor, reservation_id=ident, code=None, ticks=0, vouched=True)
        return True

    def book(self, plan: Plan, *, because: str | None = None) -> None:
        """At the free time nearest to the wish; with a written reason, the host books where the rules would say no."""
        period = self._free(plan)
        if period is None:
            self.story.notes["nothing free"] += 1
        else:
            self._follow(plan, self.reserve(plan, period, because), period)

    def _free(self, plan: Plan) -> Period | None:
        return self.diary.fit(plan.one, plan.person, plan.day, wall(plan.day, plan.hour), plan.minutes, after=clock.now())

    def reserve(self, plan: Plan, period: Period, because: str | None) -> int:
        """Who hears that a bill has waited too long pays it and asks again."""
        accept_charter(plan.person, self.places)
        try:
            ident = self._try_to_reserve(plan, period, because)
        except Refused as refused:
            if [refusal.code for refusal in refused.refusals] != ["machines.owes_overdue"] or plan.person.pays == "never":
                raise
            self.desk.settle(plan.person)
            ident = self._try_to_reserve(plan, period, because)
        self.diary.take(plan.one, plan.person, period)
        return ident

    def _try_to_reserve(self, plan: Plan, period: Period, because: str | None) -> int:
        return reservations.book(
            actor=self.host.actor if because else plan.person.actor,
            member_id=plan.person.id,
            machine=self.places.machines[plan.one.slug],
            claim=_claim(period),
            project=plan.project,
            override_reason=because,
        ).id

    def _follow(self, plan: Plan, ident: int, period: Period) -> None:
        ahead = period.start - clock.now()
        middle = clock.now() + ahead * (0.2 + 0.5 * plan.luck)
        if plan.fate == "cancel" and ahead > WELL_BEFORE:
            self.story.at(middle, lambda: self._cancel(plan, ident, period))
        elif plan.fate == "move" and ahead > WELL_BEFORE:
            self.story.at(middle, lambda: self._move(plan, ident, period))
        else:
            self._come(plan, ident, period)

    def _cancel(self, plan: Plan, ident: int, period: Period) -> None:
        reservations.cancel(actor=plan.person.actor, reservation_id=ident)
        self.diary.give_back(plan.one, plan.person, period)

    def _move(self, plan: Plan, ident: int, period: Period) -> None:
        """To another hour of the same day, or a shorter time where there is none."""
        self.diary.give_back(plan.one, plan.person, period)
        wish = period.start + timedelta(hours=2 if plan.luck > 0.5 else -2)
        other = self.diary.fit(plan.one, plan.person, plan.day, wish, plan.minutes, after=clock.now() + timedelta(hours=1))
        moved = other or period
        try:
            reservations.move(actor=plan.person.actor, reservation_id=ident, claim=_claim(moved))
        except Refused as refused:
            self.story.notes.update(refusal.code for refusal in refused.refusals)
            moved = period
        self.diary.take(plan.one, plan.person, moved)
        self._come(plan, ident, moved)

    def _come(self, plan: Plan, ident: int, period: Period) -> None:
        if plan.fate == "no_show":
            self._miss(ident, period)
            return
        arrives = max(clock.now(), period.start + timedelta(minutes=round(-4 + 16 * plan.late)))
        self.prints.expect(plan, ident, period, arrives)
        self.story.at(arrives, lambda: self._check_in(plan, ident, period))

    def _miss(self, ident: int, period: Period) -> None:
        """The house notes it, as its job does every minute."""
        self.story.at(max(clock.now(), period.start) + ABSENT_AFTER, lambda: _only(usage.note_absence(ident)))

    def _check_in(self, plan: Plan, ident: int, period: Period) -> None:
        machine = self.places.machines[plan.one.slug]
        vouched = plan.luck < 0.06
        try:
            usage.check_in(
                actor=self.host.actor if vouched else plan.person.actor,
                reservation_id=ident,
                code=None if vouched else codes.check_in_code(machine.check_in_secret, clock.now()),
                ticks=len(machine.safety_ticks),
                vouched=vouched,
            )
        except Refused as refused:  # a machine broken meanwhile, an account suspended: the house notes the absence
            self.story.notes.update(f"at the door: {refusal.code}" for refusal in refused.refusals)
            self.prints.did_not_come(ident, period.end)
            self._miss(ident, period)
            return
        prints_until = self.prints.start_soon(ident, period.start)
        if period.start > clock.now():
            self.story.at(period.start, lambda: _only(usage.begin_if_due(ident)))
        if plan.fate == "forget":
            self.story.at(period.end + FORGOTTEN_AFTER, lambda: self._forget(plan, ident))
            return
        if 0.4 < plan.luck < 0.43:
            self.story.at(period.end - timedelta(minutes=9), lambda: self._extend(plan, ident, period))
            return
        leaves = _leaves_at(plan, period)
        if prints_until is not None:
            leaves = max(leaves, prints_until + CLEARING)
        self.story.at(leaves, lambda: self._end(plan, ident))

    def _extend(self, plan: Plan, ident: int, period: Period) -> None:
        end = period.end
        try:
            end = reservations.extend(actor=plan.person.actor, reservation_id=ident).ends_at
        except Refused as refused:
            self.story.notes.update(f"to stay longer: {refusal.code}" for refusal in refused.refusals)
        self.story.at(end - timedelta(minutes=2), lambda: self._end(plan, ident))

    def _end(self, plan: Plan, ident: int) -> None:
        fault = FAULTS[plan.one.craft] if 0.700 < plan.luck < 0.707 else ""
        note = NOTES[int(plan.late * len(NOTES))] if 0.1 < plan.early < 0.2 else ""
        ending = Ending(is_clean=plan.early < 0.97, note=note, fault=fault)
        charge = usage.end(actor=plan.person.actor, reservation_id=ident, ending=ending)
        if fault:
            self.story.at(clock.now() + timedelta(hours=20 + 30 * plan.late), lambda: self._look_at(ident))
        if charge.due_cents > 0:
            self.desk.note_debt(plan.person)
        if 0.800 < plan.luck < 0.814 and charge.due_cents > 0:
            self.desk.will_ask(plan.person, charge.id, plan.late)
        self.desk.passes_by(plan.person)

    def _look_at(self, ident: int) -> None:
        """A host sees to what was said on leaving."""
        told = db.session.scalars(select(Incident.id).where(Incident.reservation_id == ident)).one()
        catalogue.resolve(
            actor=self.host.actor, incident_id=told, resolution="Vérifié et réglé avec un formateur.", back_in_service=False
        )

    def _forget(self, plan: Plan, ident: int) -> None:
        if usage.end_if_forgotten(ident):
            self.desk.note_debt(plan.person)


def _booked_at(plan: Plan) -> datetime:
    """At the door, or at an hour when people are awake."""
    wished = wall(plan.day, plan.hour)
    if not plan.lead:
        return wished
    asked = (wished - timedelta(hours=plan.lead)).astimezone(clock.zone())
    if plan.lead > 12:
        asked = asked.replace(hour=8 + int(plan.late * 14), minute=int(plan.early * 60))
    return max(asked, wall(asked.date(), 7.5))


def _leaves_at(plan: Plan, period: Period) -> datetime:
    """A few minutes before the end, or well before it for who was quick."""
    spare = timedelta(minutes=1 + int(plan.early * 6))
    if plan.early > 0.72:
        spare = period.duration * (0.1 + (plan.early - 0.72))
    return max(period.end - spare, clock.now() + timedelta(minutes=5))


def _claim(period: Period) -> Claim:
    return Claim(period.start, period.end)


def _only(_answer: bool) -> None:
    """An act answers nothing."""
