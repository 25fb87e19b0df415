"""A small lab for the stories: Léa manages, Chloé trains, the laser asks for two competences, an hour of it costs 12 €."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.support import Translations
from playwright.sync_api import Locator, Page

from app.accounts import lab, passwords
from app.accounts.models import Charter, Member, TariffGroup
from app.calendar import resources
from app.calendar.models import Kind, Resource
from app.kernel.actors import HOUSE, Role
from app.kernel.db import transaction
from app.kernel.money import Cents
from billing import rates
from billing.pricing import RateTerms
from machines import catalogue
from machines.models import Machine
from tests.builders import a_charter, a_member, acting
from tests.trainings.scene import a_certification, a_competence
from trainings.models import Competence, Level

PASSWORD = "une phrase de passe"
TRANSLATIONS = Path(__file__).parents[2] / "app" / "translations"


@cache
def _catalogue(locale: str) -> Translations:
    return Translations.load(TRANSLATIONS, [locale])


def say(locale: str, sentence: str, **values: object) -> str:
    """The sentence as the page says it in that language."""
    text = _catalogue(locale).gettext(sentence)
    return text % values if values else text


@dataclass(frozen=True)
class Lab:
    lea: Member
    chloe: Member
    charter: Charter
    safety: Competence
    laser: Competence
    machine: Machine
    space: Resource


def a_whole_lab() -> Lab:
    """As a lab is after its set-up; open Tuesday to Friday 10–19, Saturday 10–18."""
    with transaction():
        lab.create(
            actor=HOUSE, name="La Forge du Canal", address="12 quai de la Bobine", postcode="59100", city="Roubaix",
            phone="03 20 00 00 00", email="bonjour@forge.test",
        )  # fmt: skip
    charter = a_charter()
    with transaction():
        secret = passwords.hashed(PASSWORD)
    lea = a_member("Léa Martin", roles=(Role.MANAGER,), charter=charter, email="lea@lab.test", password_hash=secret)
    chloe = a_member("Chloé Petit", charter=charter, email="chloe@lab.test", password_hash=secret)
    safety = a_competence("safety", name={"fr": "Sécurité", "en": "Safety"}, position=1)
    laser = a_competence("laser", name={"fr": "Laser CO₂", "en": "CO₂ laser"}, needs=[safety], position=2)
    for competence in (safety, laser):
        a_certification(chloe, competence, Level.TRAINER, by=lea)
    manager = acting(lea)
    with transaction():
        site = resources.create_site("La Forge du Canal")
        space = resources.create(
            actor=manager, parent_id=site.id, kind=Kind.SPACE, name={"fr": "Découpe", "en": "Cutting"}, slug="cutting"
        )
        machine = catalogue.add(
            actor=manager, space_id=space.id, requirements=[[safety.id], [laser.id]], slug="laser-1", code="LAS-01",
            name={"fr": "Laser CO₂ 100 W", "en": "CO₂ laser 100 W"}, icon="laser", danger=2,
            can_do={"fr": "Coupe le bois et l’acrylique.", "en": "Cuts wood and acrylic."},
            safety_ticks=[
                {"fr": "L’aspiration tourne.", "en": "The extraction runs."},
                {"fr": "Je reste à côté.", "en": "I stay beside it."},
            ],
        )  # fmt: skip
        rates.set_rate(
            actor=manager, item=machine.item, tariff_group=TariffGroup.STANDARD, terms=RateTerms(Cents(1200), minimum_minutes=15)
        )
    return Lab(lea, chloe, charter, safety, laser, machine, space)


def follow(control: Locator) -> None:
    """Click, and be on the page it leads to, whether or not the click alone would have waited for it."""
    with control.page.expect_navigation():
        control.click()


def sign_in(page: Page, email: str, locale: str) -> None:
    """From any page to being signed in, by the form."""
    page.goto("/sign-in")
    form = page.locator("form", has=page.locator("input[name=password]"))
    form.locator("input[name=email]").fill(email)
    form.get_by_text(say(locale, "I have a password")).click()
    form.locator("input[name=password]").fill(PASSWORD)
    form.locator("details").get_by_role("button").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
