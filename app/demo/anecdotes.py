"""What people of the lab still tell: breakdowns and repairs, closures, exceptions made, rights taken away, notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from app.accounts import members, records
from app.calendar import blocks
from app.calendar.models import Purpose
from app.demo import joining
from app.demo import places as scenery
from app.demo.diary import Diary
from app.demo.people import Person
from app.demo.places import Places
from app.demo.plans import Plan
from app.demo.story import Story, wall
from app.demo.visits import Visits
from app.kernel import clock
from app.kernel.periods import Period
from machines import catalogue
from trainings import certifications, queries

FAR = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`ago` in days before the present, `lasts` in days; told by the member whose box this is."""

    ago: int
    hour: float
    slug: str
    by: str
    text: str
    stops: bool
    lasts: int
    repair: str


BREAKDOWNS = (
    Breakdown(214, 15.2, "martin-pecheur", "karim", "Bourrage : le filament a fondu dans la tête, plus rien ne sort.", True, 3,
              "Tête démontée, tube changé, quatre heures d’essai sans accroc."),
    Breakdown(163, 11.5, "laser-co2", "emma", "La coupe ne traverse plus le 5 mm : lentille voilée ?", False, 1,
              "Lentille changée, miroirs nettoyés."),
    Breakdown(98, 16.5, "fraiseuse", "bastien", "Arrêt d’urgence : la broche a crié, puis s’est bloquée.", True, 6,
              "Roulements changés par Youssef, remise en route vérifiée à deux."),
    Breakdown(44, 17.0, "surjeteuse", "priya", "Le boucleur du bas touche l’aiguille.", False, 2, "Réglé par Mai."),
    Breakdown(17, 14.0, "scie-a-ruban", "bastien", "Lame fêlée, je l’ai arrêtée.", True, 1, "Lame neuve, guides réalignés."),
)  # fmt: skip

NOTES = (
    (190, "lea", "karim", "Prêt à aider le jeudi soir à l’impression 3D. À proposer comme formateur au printemps."),
    (120, "lea", "emma", "Atelier Nova : facture groupée en fin de mois, voir avec Paul. Demande un devis pour 40 personnes."),
    (75, "lea", "lucas", "Quinze ans, sa mère vient le chercher à 18 h. Pas de machine rouge."),
    (58, "nora", "jerome", "Rencontré avec Chloé. Il a compris, il repassera la découpe laser quand il voudra."),
    (20, "lea", "kevin", "Trois absences, deux appels sans réponse. On garde son crédit de côté."),
    (12, "lea", "samir", "Discussion prévue samedi avec Youssef. Bon bricoleur, trop pressé."),
    (3, "lea", "ines", "Vient de la médiathèque, veut graver des tampons. Lui proposer la visite de samedi."),
)


@dataclass(slots=True)
class Anecdotes:
    story: Story
    places: Places
    diary: Diary
    visits: Visits
    people: dict[str, Person]

    def plan(self) -> None:
        """Everything that has its day. What lies before the first day did not happen."""
        lea, nora = self.people["lea"], self.people["nora"]
        self._on(150, 9, lambda: scenery.set_prices(lea.actor, self.places.machines.values(), self.places.equipment))
        self._on(118, 12, lambda: scenery.publish_second_charter(nora.actor, self.places))
        for number, box in enumerate(("lea", "chloe", "tom", "youssef", "mai", "paul", "nora")):
            self._on(117, 9 + number, self._accepts(self.people[box]))
        for one in BREAKDOWNS:
            self._on(one.ago, one.hour, self._breaks(one))
        for ago, by, about, text in NOTES:
            self._on(ago, 18.75, self._note(self.people[by], self.people[about], text))
        self._take_rights_away()
        self._service_the_laser()
        self._make_exceptions()
        self._leave_two_machines_ill()
        self._close_the_wood_shop()

    def newcomers(self, password_hash: str) -> None:
        """The last days: Inès and her first reservation, somebody who has not opened the letter, a guardian who waits."""
        story, ines, noe = self.story, self.people["ines"], self.people["noe"]
        unread = [Person("Zacharie Lenoir", "zacharie.lenoir", ()), Person("Betty Quinn", "betty.quinn", (), locale="en")]
        for hours, person in zip((26, 3), unread, strict=True):
            story.at(story.now - timedelta(hours=hours), lambda p=person: joining.sign_up_and_leave_it(p, password_hash))  # type: ignore[misc]
        story.at(story.now - timedelta(hours=40), lambda: joining.sign_up(noe, self.places, password_hash))
        tomorrow, after = self.next_open(story.today, 1), self.next_open(story.today, 2)
        sewing = self._wish(ines, "machine-a-coudre", tomorrow, hour=14.5, minutes=120, project="Sac en bâche")
        story.at(story.now - timedelta(hours=15), lambda: self.visits.book(sewing))
        karim = self.people["karim"]
        sign = self._wish(karim, "laser-co2", after, hour=17, minutes=120, project="Enseigne de la boulangerie")
        story.at(story.now - timedelta(hours=50), lambda: self.visits.book(sign))

    def next_open(self, after: date, number: int, slug: str = "laser-co2") -> date:
        """The `number`th open day after a day."""
        day = after
        while number:
            day += timedelta(days=1)
            number -= self.diary.is_open(day, slug)
        return day

    def last_open(self, before: date, slug: str = "laser-co2") -> date:
        day = before - timedelta(days=1)
        while not self.diary.is_open(day, slug):
            day -= timedelta(days=1)
        return day

    # ── machines in trouble ──────────────────────────────────────────────────────────────────────────────────────────

    def _breaks(self, one: Breakdown) -> Callable[[], None]:
        def act() -> None:
            if one.stops:
                self.diary.out[one.slug] = clock.now() + timedelta(days=one.lasts)
            ident = self._report(one.slug, one.by, one.text, stops=one.stops)
            self.story.at(clock.now() + timedelta(days=one.lasts), lambda: self._repair(one, ident))

        return act

    def _repair(self, one: Breakdown, incident_id: int) -> None:
        self.diary.out.pop(one.slug, None)
        lea = self.people["lea"]
        catalogue.resolve(actor=lea.actor, incident_id=incident_id, resolution=one.repair, back_in_service=one.stops)

    def _report(self, slug: str, by: str, text: str, *, stops: bool) -> int:
        machine = self.places.machines[slug]
        return catalogue.report(actor=self.people[by].actor, machine_id=machine.id, text=text, stops_machine=stops).id

    def _leave_two_machines_ill(self) -> None:
        """Since the last open day: the overlocker waits for a part and people have booked it; the embroiderer limps on."""
        day = self.last_open(self.story.today)
        back = wall(self.next_open(self.story.today, 2), 16)
        note = "Courroie cassée, pièce commandée."

        def stop() -> None:
            self.diary.out["surjeteuse"] = back
            catalogue.put_out_of_order(
                actor=self.people["lea"].actor, machine_id=self.places.machines["surjeteuse"].id, until=back, note=note
            )

        limps, stops = "Le fil du quatrième chariot casse.", "Elle force, puis plus rien ne tourne."
        self.story.on(day, 15.7, lambda: _only(self._report("brodeuse", "mai", limps, stops=False)))
        self.story.on(day, 17.4, lambda: _only(self._report("surjeteuse", "priya", stops, stops=True)))
        self.story.on(day, 17.75, stop)

    # ── closures ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _service_the_laser(self) -> None:
        """Each month the mirrors are cleaned, two hours after opening on a Tuesday."""
        day = self.story.first_day + timedelta(days=21)
        while day < self.story.today + timedelta(days=21):
            day += timedelta(days=(1 - day.weekday()) % 7)
            if self.diary.is_open(day):
                self._block("laser-co2", day, hours=2, purpose=Purpose.MAINTENANCE, reason="Nettoyage des miroirs")
            day += timedelta(days=28)

    def _close_the_wood_shop(self) -> None:
        """Next week a lorry comes; and the router gets two quiet hours before that."""
        day = self.next_open(self.story.today, 2, "fraiseuse")
        self._block("fraiseuse", day, hours=2, purpose=Purpose.MAINTENANCE, reason="Graissage des rails")
        day = self.next_open(self.story.today, 5, "fraiseuse")
        reason = "Livraison de bois : atelier fermé"
        self._block("fraiseuse", day, hours=4, purpose=Purpose.CLOSURE, reason=reason, space="bois")

    def _block(self, slug: str, day: date, *, hours: float, purpose: Purpose, reason: str, space: str = "") -> None:
        """From the opening of that day. People know three weeks before; nobody of the story books over it."""
        period = Period(start := self.diary.opening[slug][day][0].start, start + timedelta(hours=hours))
        slugs = [one.slug for one in self.places.equipment.values() if one.space == space] if space else [slug]
        self.diary.block(slugs, day, period, self.places)
        resource_id = self.places.spaces[space] if space else self.places.machines[slug].resource_id

        def act() -> None:
            blocks.block(actor=self.people["lea"].actor, resource_id=resource_id, period=period, purpose=purpose, reason=reason)

        self.story.on(max(day - timedelta(days=20), self.story.first_day + timedelta(days=1)), 9.25, act)

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_rights_away(self) -> None:
        self._on(60, 18.25, lambda: self._revoke("jerome", "decoupe-laser", "Laser laissé seul pendant la coupe, deux fois."))
        self._on(12, 17.5, lambda: self._suspend("samir", "A neutralisé le capteur de la scie pour gagner du temps."))
        reason = "Trois absences sans prévenir en un mois. À revoir avec Léa."
        kevin, lea = self.people["kevin"], self.people["lea"]
        self._on(20, 10.5, lambda: _only(members.suspend(actor=lea.actor, member_id=kevin.id, reason=reason)))

    def _revoke(self, box: str, slug: str, reason: str) -> None:
        if (ident := self._held(box, slug)) is not None:
            certifications.revoke(actor=self.people["chloe"].actor, certification_id=ident, reason=reason)

    def _suspend(self, box: str, reason: str) -> None:
        if (ident := self._held(box, "machines-a-bois")) is not None:
            certifications.suspend(actor=self.people["youssef"].actor, certification_id=ident, reason=reason)

    def _held(self, box: str, slug: str) -> int | None:
        held = queries.held(self.people[box].id, clock.today()).get(self.places.competences[slug])
        if held is None:
            self.story.notes[f"{box} does not hold {slug}"] += 1
            return None
        return held.certification_id

    def _accepts(self, person: Person) -> Callable[[], None]:
        return lambda: joining.accept_charter(person, self.places)

    def _note(self, by: Person, about: Person, text: str) -> Callable[[], None]:
        def act() -> None:
            if about.id:  # in a short story they may not have come yet
                records.write_note(actor=by.actor, member_id=about.id, text=text)

        return act

    def _make_exceptions(self) -> None:
        """Léa books for the firms where the rules would say no, and writes why."""
        reasons = ((170, "emma", "laser-co2", 300, "Quarante trophées pour samedi, vu avec Chloé."),
                   (84, "bastien", "fraiseuse", 360, "Comptoir du café associatif, Youssef reste."),
                   (31, "emma", "laser-co2", 270, "Maquette du concours, à rendre le lendemain."),
                   (-3, "emma", "laser-co2", 240, "Vitrine de Noël, quatre heures d’affilée."))  # fmt: skip
        for ago, box, slug, minutes, why in reasons:
            day = self.next_open(self.story.ago(ago + 1), 1, slug)
            plan = self._wish(self.people[box], slug, day, hour=12, minutes=minutes, project=why.split(",")[0])
            self._on(max(ago + 6, 2), 11, self._by_exception(plan, why))

    def _by_exception(self, plan: Plan, why: str) -> Callable[[], None]:
        return lambda: self.visits.book(plan, because=why)

    def _wish(self, person: Person, slug: str, day: date, *, hour: float, minutes: int, project: str) -> Plan:
        one = self.places.equipment[slug]
        return Plan(person, one, day, hour, minutes, 24.0, "come", project, 0.3, 0.5, 0.5)

    def _on(self, ago: int, hour: float, act: Callable[[], None]) -> None:
        """That many days ago, if the lab was there by then."""
        if ago < self.story.days - 14:
            self.story.on(self.story.ago(ago), hour, act)


def _only(_answer: object) -> None:
    """An act answers nothing."""
