"""Becoming a member: sign-up, the letter that proves the address, the profile, the charter, roles, and a minor's guardian."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from app.accounts import access, charter, members, passwords
from app.accounts.models import TariffGroup
from app.demo.people import Person
from app.demo.places import Places
from app.demo.story import Story
from app.kernel import clock
from app.kernel.actors import Actor, Door, Role
from app.kernel.db import db
from app.kernel.outbox import OutboxMessage

GUARDIANS = {"lucas": "Isabelle Fontaine", "noe": "Rémi Bailly"}
VISITOR = Actor(member_id=None)
OPERATOR = Actor(member_id=None, roles=frozenset({Role.ADMINISTRATOR}), door=Door.COMMAND)


def sign_up(person: Person, places: Places, password_hash: str) -> None:
    """They open the letter at once: their address is proved, and the charter is read."""
    _create_account(person, password_hash)
    access.prove_email(token=token_of_last_letter())
    _write_profile(person)
    accept_charter(person, places)


def sign_up_and_leave_it(person: Person, password_hash: str) -> None:
    """The letter is still unopened."""
    _create_account(person, password_hash)


def accept_charter(person: Person, places: Places) -> None:
    """The version in force, if they have not yet: the lab asks before anything else."""
    if person.charter >= places.charter_version:
        return
    person.charter = places.charter_version
    guardian = GUARDIANS.get(person.box)
    charter.accept(
        actor=person.actor,
        version=person.charter,
        photo_consent=person.consent,
        guardian_name=guardian,
        guardian_email=f"guardian.of.{person.email}" if guardian else None,
    )
    if person.fate == "minor":
        charter.confirm_by_guardian(token=token_of_last_letter())


def appoint(story: Story, people: list[Person], password_hash: str) -> None:
    """The first day: the operator names the administrator, who names the others."""
    nora = people[0]
    _create_account(nora, password_hash)
    access.prove_email(token=token_of_last_letter())
    members.promote(actor=OPERATOR, email=nora.email, role=Role.ADMINISTRATOR)
    for person in people[1:]:
        _create_account(person, password_hash)
        access.prove_email(token=token_of_last_letter())
        for role in sorted(person.roles):
            members.grant_role(actor=nora.actor, member_id=person.id, role=role)
    for person in people:
        person.joins_on = story.first_day
        _write_profile(person)


def hashed_password(password: str) -> str:
    """Argon2 once for everybody: it takes its time by design."""
    return passwords.hashed(password)


def token_of_last_letter() -> str:
    """What is in the link of the letter just written: the database keeps only its hash."""
    letters = select(OutboxMessage.payload).where(OutboxMessage.topic == "mail.send").order_by(OutboxMessage.id.desc())
    token: str = db.session.scalars(letters.limit(1)).one()["facts"]["token"]
    return token


def _create_account(person: Person, password_hash: str) -> None:
    member = members.sign_up(
        actor=VISITOR, name=person.name, email=person.email, password_hash=password_hash, locale=person.locale
    )
    if member is None:
        raise ValueError(f"two people of the demo share {person.email}")
    person.id, person.joins_on = member.id, clock.today()


def _write_profile(person: Person) -> None:
    changes: dict[str, object] = {}
    if person.group is not TariffGroup.STANDARD:
        changes["tariff_group"] = person.group
    if person.contact:
        changes["emergency_contact"] = person.contact
    if person.box in GUARDIANS:
        changes["born_on"] = date(clock.today().year - 15, 3, 14)
    if changes:
        members.update_profile(actor=person.actor, member_id=person.id, **changes)
