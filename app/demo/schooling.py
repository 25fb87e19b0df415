"""How people become certified: sessions of each competence through the year, renewals, and who waits for a date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from app.demo.diary import Diary
from app.demo.people import Person
from app.demo.places import Places
from app.demo.story import Story
from app.demo.teaching import TAUGHT
from app.kernel.actors import Actor
from trainings import certifications, interests, rules
from trainings.certifications import Award
from trainings.models import Evidence, Level

SESSIONS = {
    "securite": ((5, 10.5), (2, 18.0)),
    "decoupe-laser": ((5, 14.0), (2, 16.0)),
    "gravure-fibre": ((3, 18.0),),
    "decoupe-vinyle": ((4, 17.0),),
    "impression-3d": ((3, 18.0), (5, 11.0)),
    "impression-grande": ((3, 20.0),),
    "fraiseuse": ((5, 16.5),),
    "machines-a-bois": ((5, 14.0),),
    "broderie": ((2, 14.0),),
}
"""Weekdays and hours at which a competence is taught."""

PATHS = {
    "laser": (("securite", 1.0), ("decoupe-laser", 1.0), ("gravure-fibre", 0.34)),
    "print": (("impression-3d", 1.0), ("impression-grande", 0.36)),
    "wood": (("securite", 1.0), ("machines-a-bois", 0.75), ("fraiseuse", 0.55)),
    "textile": (("broderie", 0.5),),
    "electronics": (),
    "vinyl": (("decoupe-vinyle", 1.0),),
}
"""What each craft leads to, and how many of its people want it."""

VALID = {taught.slug: taught.valid_months for taught in TAUGHT}
TRAINER = {taught.slug: taught.trainer for taught in TAUGHT}


Seat = tuple[Person, Level]


@dataclass(slots=True)
class School:
    """Plans who is taught what and when; the story then plays it through the services."""

    story: Story
    places: Places
    diary: Diary
    team: dict[str, Person]

    def appoint_trainers(self) -> None:
        """The first day. A manager names trainers; nobody certifies himself or herself: Nora starts with Léa."""
        nora, lea = self.team["nora"], self.team["lea"]
        self._name_trainers(nora.actor, {"securite": [lea]})
        pupils = [person for box, person in self.team.items() if box in set(TRAINER.values()) - {"lea"}]
        self._grant(lea.actor, "securite", [(person, Level.AUTONOMOUS) for person in pupils])
        self._name_trainers(lea.actor, {slug: [self.team[box]] for slug, box in TRAINER.items() if box != "lea"})
        for slug in ("impression-3d", "decoupe-vinyle"):
            self._grant(self.team[TRAINER[slug]].actor, slug, [(lea, Level.AUTONOMOUS)])
        first = self.story.first_day
        held = [(person, "securite") for person in pupils] + [(lea, "impression-3d"), (lea, "decoupe-vinyle")]
        for person, slug in [*held, *((self.team[box], slug) for slug, box in TRAINER.items())]:
            person.holds.setdefault(slug, []).append((first, rules.last_day(first, VALID[slug])))
        for slug, box in TRAINER.items():
            self._plan_trainers_renewal(slug, self.team[box])

    def plan(self, people: Iterable[Person]) -> None:
        """Everybody's way, from their first week on."""
        classes: dict[tuple[date, float, str], list[Seat]] = defaultdict(list)
        for person in people:
            dice = self.story.dice("school", person.box)
            for slug, earliest in self._path(person, dice):
                self._plan_one(person, slug, earliest, dice, classes)
        for (day, hour, slug), seats in classes.items():
            self.story.on(day, hour, self._session(slug, seats))

    def _path(self, person: Person, dice: Random) -> list[tuple[str, date]]:
        wanted: list[tuple[str, date]] = []
        day = person.joins_on + timedelta(days=dice.randrange(0, 9))
        for craft in person.crafts:
            for slug, share in PATHS[craft]:
                if any(slug == known for known, _day in wanted):
                    continue
                if share == 1.0 or person.energy > 2 or person.fate == "suspended" or dice.random() < share:
                    wanted.append((slug, day))
                    day += timedelta(days=dice.choice((2, 5, 9, 16)))
        return wanted

    def _plan_one(
        self, person: Person, slug: str, earliest: date, dice: Random, classes: dict[tuple[date, float, str], list[Seat]]
    ) -> None:
        """A first date after what it asks for, perhaps with help first; then renewals, some forgotten."""
        taught = next(one for one in TAUGHT if one.slug == slug)
        held = [person.holds[needed][0][0] for needed in taught.needs if needed in person.holds]
        if len(held) < len(taught.needs):
            return
        session = self._next_session(slug, max([earliest, *held]) + timedelta(days=1))
        if session is None:
            return
        if dice.random() < 0.06:
            classes[(*session, slug)].append((person, Level.ASSISTED))
            session = self._next_session(slug, session[0] + timedelta(days=10))
            if session is None:
                return
        classes[(*session, slug)].append((person, Level.AUTONOMOUS))
        day = session[0]
        while True:
            last = rules.last_day(day, taught.valid_months)
            person.holds.setdefault(slug, []).append((day, last))
            if last is None or last > self.story.today + timedelta(days=40) or last >= person.leaves_on or _forgets(person, dice):
                return
            session = self._next_session(slug, last - timedelta(days=dice.randrange(6, 30)))
            if session is None or session[0] > self.story.today:
                return
            classes[(*session, slug)].append((person, Level.AUTONOMOUS))
            day = session[0]

    def _next_session(self, slug: str, after: date) -> tuple[date, float] | None:
        day = max(after, self.story.first_day + timedelta(days=2))
        for _ in range(70):
            if day > self.story.today:
                return None
            for weekday, hour in SESSIONS[slug]:
                if day.weekday() == weekday and self.diary.is_open(day):
                    return day, hour
            day += timedelta(days=1)
        return None

    def _session(self, slug: str, seats: list[Seat]) -> Callable[[], None]:
        evidence = Evidence.INTERVIEW if slug == "securite" else Evidence.PRACTICAL
        return lambda: self._grant(self.team[TRAINER[slug]].actor, slug, seats, evidence=evidence)

    def _grant(self, actor: Actor, slug: str, seats: list[Seat], *, evidence: Evidence = Evidence.PRIOR_PROOF) -> None:
        outcomes = certifications.grant_all(
            actor=actor,
            competence_id=self.places.competences[slug],
            awards=[Award(person.id, level) for person, level in seats],
            evidence=evidence,
        )
        for outcome in outcomes:
            self.story.notes["certified" if outcome.certification else "not certified"] += 1

    def _name_trainers(self, actor: Actor, named: dict[str, list[Person]]) -> None:
        for slug, trainers in named.items():
            self._grant(actor, slug, [(person, Level.TRAINER) for person in trainers])

    def _plan_trainers_renewal(self, slug: str, teacher: Person) -> None:
        """A month before the end, Léa names them again."""
        end = rules.last_day(self.story.first_day, VALID[slug])
        while end is not None and (day := end - timedelta(days=35)) <= self.story.today:
            self.story.on(day, 12, lambda: self._name_trainers(self.team["lea"].actor, {slug: [teacher]}))
            end = rules.last_day(day, VALID[slug])
            teacher.holds[slug].append((day, end))

    def ask_for_dates(self, people: list[Person]) -> None:
        """In the last weeks some people press “Tell me when” for what they do not hold."""
        dice = self.story.dice("interests")
        for person in people:
            if dice.random() > 0.16:
                continue
            slug = dice.choices(
                ("decoupe-laser", "fraiseuse", "machines-a-bois", "broderie", "impression-grande"), (5, 4, 3, 2, 2)
            )[0]
            day = max(self.story.ago(dice.randrange(1, 24)), person.joins_on + timedelta(days=1))
            if person.holds.get(slug) or not person.is_here(self.story.today):
                continue
            competence_id = self.places.competences[slug]
            self.story.on(day, 20.5, lambda p=person, c=competence_id: _ask(p, c))  # type: ignore[misc]


def _forgets(person: Person, dice: Random) -> bool:
    """One in four lets it run out; Karim’s ends soon, so that the lab has something to show him."""
    return dice.random() < 0.24 or person.box == "karim"


def _ask(person: Person, competence_id: int) -> None:
    interests.declare(actor=person.actor, competence_id=competence_id)
