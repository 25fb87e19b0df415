"""The first day: the lab, its rooms and machines, what it teaches, its hours, prices and charter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from app.accounts import charter, lab
from app.accounts.models import TariffGroup
from app.calendar import resources
from app.calendar.models import Kind, Resource
from app.demo import drawings
from app.demo.equipment import EQUIPMENT, SPACES, Equipment
from app.demo.story import Story
from app.demo.teaching import TAUGHT
from app.demo.words import both
from app.kernel import uploads
from app.kernel.actors import Actor
from app.kernel.db import db
from app.kernel.money import Cents
from billing import rates
from billing.pricing import RateTerms
from machines import catalogue
from machines.models import Machine
from trainings import competences

GROUPS = (TariffGroup.STANDARD, TariffGroup.SOLIDARITY, TariffGroup.PROFESSIONAL)
NAME = "La Forge du Canal"

WEEK = [(0, 14, 19), (1, 10, 19), (2, 10, 19), (3, 10, 22), (4, 10, 19), (5, 10, 18)]
SUMMER = [(1, 13, 20), (2, 13, 20), (3, 13, 22), (4, 13, 20), (5, 10, 16)]
WOOD_SHOP = [(1, 10, 18), (2, 10, 18), (3, 10, 20), (4, 10, 18), (5, 10, 17)]
WOOD_SHOP_SUMMER = [(1, 13, 19), (2, 13, 19), (3, 13, 20), (4, 13, 19), (5, 10, 16)]
"""Weekday, opening and closing hour. The wood shop closes earlier: it has neighbours."""


@dataclass(slots=True)
class Places:
    """What the story needs to find again, by slug."""

    machines: dict[str, Machine]
    equipment: dict[str, Equipment]
    competences: dict[str, int]
    spaces: dict[str, int]
    site_id: int
    charter_version: int = 1


def open_the_lab(actor: Actor) -> None:
    lab.create(
        actor=actor,
        name=NAME,
        address="12 quai de la Bobine",
        postcode="59100",
        city="Roubaix",
        phone="03 20 00 00 00",
        email="bonjour@forge.example",
        description=both(
            "Un atelier partagé dans une ancienne filature, au bord du canal. On y apprend, on y répare, on y fabrique, "
            "et on y boit un café avec celles et ceux qui savent.",
            "A shared workshop in an old spinning mill, by the canal. Learn, repair, make, and have a coffee with those who "
            "know how.",
        ),
        picture=uploads.store_drawing(drawings.workshop(), "lab"),
    )


def furnish(story: Story, actor: Actor) -> Places:
    """Competences, spaces and machines with their rates, hours, the first charter."""
    charter.publish_first(actor=actor)
    taught = _teach(actor)
    site_id = db.session.scalars(select(Resource.id).where(Resource.kind == Kind.SITE)).one()
    spaces = {
        space.slug: resources.create(actor=actor, parent_id=site_id, kind=Kind.SPACE, name=space.name, slug=space.slug).id
        for space in SPACES
    }
    _set_hours(story, actor, site_id, spaces["bois"])
    machines = {one.slug: _install(actor, one, spaces[one.space], taught) for one in EQUIPMENT}
    return Places(machines, {one.slug: one for one in EQUIPMENT}, taught, spaces, site_id)


def publish_second_charter(actor: Actor, places: Places) -> None:
    """A lesson of the year became a point: everybody is asked again."""
    points = [
        *charter.FIRST_POINTS,
        both(
            "Je lance une impression longue seulement si quelqu’un peut l’arrêter.",
            "I start a long print only when somebody can stop it.",
        ),
    ]
    published = charter.publish(
        actor=actor,
        title=both("La charte de l’atelier", "The workshop’s charter"),
        intro=both(
            "Huit points, pour que chacun reparte entier et content. Le dernier est nouveau.",
            "Eight points, so that everybody leaves whole and happy. The last one is new.",
        ),
        points=points,
    )
    places.charter_version = published.version


def set_prices(actor: Actor, machines: Iterable[Machine], equipment: dict[str, Equipment], *, of: float = 1.0) -> None:
    """From today, the rates of these machines are a share `of` their usual price, in whole tens of cents."""
    for machine in machines:
        one = equipment[machine.slug]
        if one.hourly is None:
            continue
        for group, cents in zip(
            (TariffGroup.STANDARD, TariffGroup.SOLIDARITY, TariffGroup.PROFESSIONAL), one.hourly, strict=True
        ):
            price = Cents(round(cents * of / 10) * 10)
            terms = RateTerms(price, minimum_minutes=15, step_minutes=5, tariff_group=group.value)
            rates.set_rate(actor=actor, item=machine.item, tariff_group=group, terms=terms)


def _teach(actor: Actor) -> dict[str, int]:
    found: dict[str, int] = {}
    for position, taught in enumerate(TAUGHT, start=1):
        draft = competences.Draft(
            name=taught.name,
            description=taught.description,
            path=taught.path,
            icon=taught.icon,
            valid_months=taught.valid_months,
            prerequisite_ids=[found[slug] for slug in taught.needs],
            position=position,
            slug=taught.slug,
        )
        found[taught.slug] = competences.create(actor=actor, draft=draft).id
    return found


def _install(actor: Actor, one: Equipment, space_id: int, taught: dict[str, int]) -> Machine:
    return catalogue.add(
        actor=actor,
        space_id=space_id,
        capacity=one.capacity,
        requirements=[[taught[slug] for slug in ways] for ways in one.needs],
        slug=one.slug,
        code=one.code,
        name=one.name,
        icon=one.icon,
        picture=uploads.store_drawing(drawings.machine(one.slug), "machines"),
        danger=one.danger,
        is_attended=one.is_attended,
        can_do=one.can_do,
        cannot_do=one.cannot_do,
        house_rules=one.house_rules,
        safety_ticks=list(one.ticks),
        documents=list(one.documents),
        shortest_minutes=30,
        longest_minutes=one.longest,
        step_minutes=one.step,
        horizon_days=one.horizon,
        turnaround_minutes=one.turnaround,
        ahead_most=one.ahead,
        bills_actual=one.bills_actual,
    )


def _set_hours(story: Story, actor: Actor, site_id: int, wood_shop_id: int) -> None:
    resources.set_weekly(actor=actor, resource_id=site_id, hours=_minutes(WEEK))
    resources.set_weekly(actor=actor, resource_id=wood_shop_id, hours=_minutes(WOOD_SHOP))
    for year in range(story.first_day.year, story.today.year + 2):
        for place, hours in ((site_id, SUMMER), (wood_shop_id, WOOD_SHOP_SUMMER)):
            resources.set_weekly(
                actor=actor,
                resource_id=place,
                hours=_minutes(hours),
                valid_from=date(year, 7, 1),
                valid_until=date(year, 8, 31),
            )
        for first, last, periods, note in _special_days(year):
            if last >= story.first_day and first <= story.today + timedelta(days=200):
                resources.add_exception(
                    actor=actor, resource_id=site_id, first_day=first, last_day=last, periods=periods, note=note
                )


def _special_days(year: int) -> list[tuple[date, date, list[tuple[int, int]], dict[str, str]]]:
    heritage = date(year, 9, 21) - timedelta(days=(date(year, 9, 21).weekday() - 6) % 7)
    fair = date(year, 6, 15) - timedelta(days=(date(year, 6, 15).weekday() - 5) % 7)
    return [
        (date(year, 8, 3), date(year, 8, 22), [], both("Fermeture d’été : on repeint.", "Summer closing: we are painting.")),
        (date(year, 12, 24), date(year + 1, 1, 2), [], both("Fermeture de fin d’année.", "Closed for the end of the year.")),
        (heritage, heritage, [(600, 1080)], both("Journées du patrimoine : visites.", "Heritage day: tours.")),
        (fair, fair, [(600, 1320)], both("Portes ouvertes jusqu’à 22 h.", "Open house until 22:00.")),
    ]  # fmt: skip


def _minutes(hours: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    return [(weekday, opens * 60, closes * 60) for weekday, opens, closes in hours]
