"""Who lives in the demo lab: the team, a few people with a story, and everybody else. Nobody here exists."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random

from app.accounts.models import TariffGroup
from app.kernel.actors import Actor, Role

DOMAIN = "forge.example"
PASSWORD = "canal-et-copeaux"  # noqa: S105 - printed at every start of the demo

CRAFTS = ("laser", "print", "wood", "textile", "electronics", "vinyl")


@dataclass(slots=True, eq=False)
class Person:
    """A member, with what the database does not know: habits. `pays` says when they come to the desk.

    `holds` are the certifications the trainers plan to give, by competence: first and last day (None: for good).
    """

    name: str
    box: str
    crafts: tuple[str, ...]
    group: TariffGroup = TariffGroup.STANDARD
    locale: str = "fr"
    energy: float = 1.0
    pays: str = "now"
    roles: frozenset[Role] = frozenset()
    joins_after: float = 0
    leaves_after: float | None = None
    consent: bool = True
    contact: str | None = None
    fate: str = ""
    id: int = 0
    joins_on: date = date.max
    leaves_on: date = date.max
    charter: int = 0
    owes_since: datetime | None = None
    last_paid: datetime | None = None
    holds: dict[str, list[tuple[date, date | None]]] = field(default_factory=dict)

    @property
    def email(self) -> str:
        return f"{self.box}@{DOMAIN}"

    @property
    def actor(self) -> Actor:
        return Actor(member_id=self.id, roles=self.roles)

    def is_here(self, day: date) -> bool:
        return self.joins_on <= day < self.leaves_on

    def may(self, needs: Sequence[Sequence[str]], *days: date) -> bool:
        """Whether they hold one competence of each condition on all these days."""
        return all(any(all(self._held(slug, day) for day in days) for slug in ways) for ways in needs)

    def _held(self, slug: str, day: date) -> bool:
        return any(first <= day and (last is None or day <= last) for first, last in self.holds.get(slug, ()))


PRO, SOLIDARITY = TariffGroup.PROFESSIONAL, TariffGroup.SOLIDARITY


def team() -> list[Person]:
    """Those who keep the place. They are there from the first day."""
    return [
        Person("Nora Lambert", "nora", (), roles=frozenset({Role.ADMINISTRATOR})),
        Person("Léa Marchand", "lea", ("laser", "print", "wood", "vinyl"), roles=frozenset({Role.MANAGER}), energy=0.3),
        Person("Chloé Dubreuil", "chloe", ("laser", "vinyl", "textile"), energy=0.6),
        Person("Tom Nguyen", "tom", ("print", "electronics"), energy=0.7),
        Person("Youssef El Amrani", "youssef", ("wood",), energy=0.6),
        Person("Mai Lefebvre", "mai", ("textile",), energy=0.6),
        Person("Paul Girard", "paul", (), roles=frozenset({Role.ACCOUNTANT})),
    ]


def known() -> list[Person]:
    """People with a story, in a lab of any size. `joins_after` and `leaves_after` are shares of the time it has run."""
    return [
        Person(
            "Karim Benali", "karim", ("laser", "print", "electronics"), energy=3.2, pays="week", joins_after=0.02,
            contact="Sabrina, 06 00 00 00 01",
        ),
        Person("Inès Moreau", "ines", ("textile",), group=SOLIDARITY, energy=0, fate="newcomer"),
        Person(
            "Emma Rossi (Atelier Nova)", "emma", ("laser", "vinyl", "wood"), group=PRO, energy=3.0, pays="month",
            joins_after=0.01,
        ),
        Person(
            "Bastien Delcourt (Menuiserie Delcourt)", "bastien", ("wood",), group=PRO, energy=2.2, pays="month", joins_after=0.05,
        ),
        Person("Priya Nair", "priya", ("print", "textile"), locale="en", energy=1.8, joins_after=0.1),
        Person("Jérôme Carlier", "jerome", ("laser",), energy=0.9, joins_after=0.03, fate="revoked"),
        Person("Samir Bouzid", "samir", ("wood",), energy=1.2, joins_after=0.04, fate="suspended"),
        Person("Kévin Lemaire", "kevin", ("print",), energy=0.8, joins_after=0.06, fate="shut_out"),
        Person("Lucas Fontaine", "lucas", ("print", "electronics"), group=SOLIDARITY, energy=1.1, joins_after=0.2, fate="minor"),
        Person("Noé Bailly", "noe", (), energy=0, fate="waiting"),
        Person("Maëlle Vasseur", "maelle", ("laser", "textile"), energy=1.0, pays="never", joins_after=0.05, leaves_after=0.8),
        Person("Gilles Ducrocq", "gilles", ("wood",), energy=1.0, pays="never", joins_after=0.1, leaves_after=0.7),
    ]  # fmt: skip


def others(count: int, dice: Random) -> list[Person]:
    """Everybody else: half are there within weeks of the opening, the rest come all year long, most after the summer."""
    people = []
    for number, name in enumerate(NAMES[:count]):
        first = dice.random()
        crafts = dice.sample(CRAFTS, k=dice.choices((1, 2, 3), (5, 4, 1))[0])
        people.append(
            Person(
                name,
                f"{_plain(name.split()[0])}.{_plain(''.join(name.split()[1:]))}",
                tuple(crafts),
                group=dice.choices((TariffGroup.STANDARD, SOLIDARITY, PRO), (70, 24, 6))[0],
                locale="en" if name in ENGLISH_SPEAKERS else "fr",
                energy=round(dice.lognormvariate(-0.1, 0.75), 3),
                pays=dice.choices(("now", "week", "month", "late"), (20, 34, 38, 8))[0],
                joins_after=dice.uniform(0.005, 0.08) if number < len(NAMES) * 0.42 else 0.1 + 0.88 * dice.random() ** 0.8,
                leaves_after=dice.uniform(0.45, 0.95) if first < 0.12 else None,
                consent=dice.random() < 0.62,
                contact=f"{dice.choice(CONTACTS)}, 06 00 00 {dice.randrange(100):02} {dice.randrange(100):02}"
                if dice.random() < 0.35
                else None,
            )
        )
    return people


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())


CONTACTS = ("Maman", "Papa", "Claire", "Mehdi", "Sophie", "Julien", "Awa", "Pierre", "Nadia")
ENGLISH_SPEAKERS = {"James O’Connor", "Aoife Byrne", "Daniel Osei", "Ingrid Solberg"}

NAMES = (
    "Amélie Caron", "Mehdi Haddad", "Fatou Diallo", "Julien Lecomte", "Sophie Wattier", "Thi Lan Pham", "Antoine Delattre",
    "Nadia Cherif", "Romain Vandamme", "Awa Ndiaye", "Camille Renard", "Ibrahim Traoré", "Élodie Masson", "Hugo Carpentier",
    "Yasmine Belkacem", "Mathieu Poulain", "Clara Fernandes", "Moussa Camara", "Justine Lemoine", "David Cohen",
    "Agathe Delannoy", "Rachid Ouali", "Marion Desmet", "Kofi Mensah", "Lucie Bailleul", "Pierre Hennebelle", "Sarah Zerrouki",
    "Nicolas Duhamel", "Mariama Bah", "Vincent Leroy", "James O’Connor", "Anaïs Couvreur", "Bilal Mansouri", "Pauline Deroo",
    "Minh Tran", "Guillaume Fontenel", "Leïla Saïdi", "Benoît Crépin", "Inaya Koné", "Alexis Watrin", "Zoé Plancke",
    "Tarek Boumediene", "Élise Vermeersch", "Olivier Bonte", "Rokia Sissoko", "Damien Lesage", "Manon Flament", "Aoife Byrne",
    "Karima Lounes", "Simon Hautcœur", "Florence Bajard", "Ousmane Sow", "Adèle Rousseau", "Farid Meziane", "Noémie Cordier",
    "Thibault Wallaert", "Jade Nguyen-Roy", "Salomé Lévy", "Corentin Maes", "Hawa Keïta", "Laurent Thiébaut", "Emilia Kowalska",
    "Yanis Hamdi", "Charlotte Dumont", "Gaëtan Lemaître", "Soraya Benhaddou", "Arthur Vanhove", "Mélanie Picard", "Daniel Osei",
    "Céline Gosselin", "Abdoulaye Barry", "Marine Leclercq", "Théo Bruneel", "Sabrina Aït Ali", "Étienne Ruyssen",
    "Lina Mahfoud", "Quentin Dervaux", "Aminata Touré", "Fabrice Wibaux", "Ingrid Solberg", "Hélène Marquant", "Sofiane Khelifi",
    "Capucine Tiberghien", "Rayan Amari", "Delphine Lagache", "Mamadou Cissé", "Violette Dhalluin", "Stéphane Roger",
    "Nour El Khatib", "Baptiste Leclair", "Julie Petitprez", "Aurélien Dubus", "Safia Rahmani", "Louis Vercruysse",
    "Oumou Fofana", "Margaux Lepers", "Cédric Mortier", "Imane Tazi", "Valentin Houzé", "Alice Demeyer", "Omar Chaoui",
    "Gwenaëlle Le Bihan",
)  # fmt: skip

PROJECTS = {
    "laser": (
        "Enseigne pour la boulangerie", "Boîte à jeux pour l’école Camus", "Lampe en contreplaqué", "Faire-part gravés",
        "Maquette de la halle", "Trophées du tournoi de pétanque", "Pochoirs pour la fresque", "Présentoir à boucles d’oreilles",
        "Puzzle de la Lys", "Étiquettes de ruche", "Tampons du marché de Noël", "Mobile pour bébé", "Façade de synthé",
        "Plaque de rue pour rire", "Étui à carnets en cuir", "Horloge murale",
    ),
    "print": (
        "Pièce de rechange pour volet roulant", "Support de vélo cargo", "Boîtier de capteur de CO₂", "Prothèse de main pour Léo",
        "Gabarits de perçage", "Figurines du jeu de rôle", "Pied de lampe", "Bouchon de robinet introuvable", "Moule à savon",
        "Drone d’observation des berges", "Engrenages pour l’horloge", "Casque de cosplay", "Poignée de porte de four",
    ),
    "wood": (
        "Tabouret en frêne", "Bibliothèque d’angle", "Planche à découper", "Nichoirs pour le canal", "Cadre de ruche",
        "Établi pliant", "Jouets à roulettes", "Plan de travail du café associatif", "Coffre de batterie", "Assise de chaise",
        "Stand du marché", "Guitare électrique", "Boîte aux lettres à livres",
    ),
    "textile": (
        "Sac en toile de bâche", "Ourlets du rideau de scène", "Écussons des pompiers", "Veste en jean réparée",
        "Couvertures pour le refuge", "Costumes de carnaval", "Housse de machine", "Serviettes brodées", "Trousse de voyage",
        "Bannières du club de canoë", "Pantalon sur mesure", "Doudou de secours",
    ),
    "electronics": (
        "Station météo du jardin partagé", "Réparation d’un ampli à lampes", "Pédale de fuzz", "Horloge à tubes",
        "Compteur de passages à vélo", "Grille-pain ressuscité", "Capteur de niveau du canal", "Badgeuse de la cantine",
        "Guirlande pilotée", "Radio de grand-père",
    ),
    "vinyl": (
        "Stickers du club d’aviron", "Lettrage de la camionnette", "Flocage des maillots", "Vitrine de la fleuriste",
        "Pochoirs à graffiti", "Signalétique du refuge",
    ),
}  # fmt: skip

ENGLISH_PROJECTS = (
    "Shelf brackets",
    "Costume for the school play",
    "Sensor case",
    "Birthday sign",
    "Phone stand",
    "Patchwork bag",
)
