"""The first set-up: the lab, its first charter and its first administrator in one act; then what is left to say, step by step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import func, select

from app.accounts import access, lab, members, queries
from app.accounts import charter as charters
from app.accounts.models import Charter, Member
from app.kernel import idempotency
from app.kernel.actors import Actor, Door, Role
from app.kernel.audit import AuditEntry
from app.kernel.db import db, locked
from app.kernel.refusals import N_


def open_lab(*, lab_name: str, city: str, name: str, email: str, password_hash: str, locale: str) -> Member | None:
    """The lab and its first administrator; None when somebody was faster. Of two at once, the second waits for the first.

    An account that has the address already becomes the administrator's, with the password given here: whoever chose the one
    before does not get in.
    """
    idempotency.claim("set-up")
    if queries.administrators():
        return None
    by = Actor(None, door=Door.COMMAND)
    if lab.current() is None:
        lab.create(actor=by, name=lab_name, city=city, email=email.strip().lower())
    if queries.charter_in_force() is None:
        charters.publish_first(actor=by)
    members.add(actor=by, name=name, email=email, password_hash=password_hash, locale=locale)
    member = members.promote(actor=by, email=email, role=Role.ADMINISTRATOR)
    if member.password_hash != password_hash:
        access.change_password(actor=by, member_id=member.id, password_hash=password_hash)
    return locked(Member, member.id)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a new lab says about itself, and the page where. Its words are marked with N_."""

    title: str
    why: str
    label: str
    endpoint: str
    icon: str
    is_done: bool


def steps() -> list[Step]:
    """In the order a lab needs them. What the rooms above do is read from the audit: a step is done once it was ever done."""
    verbs = set(db.session.scalars(select(AuditEntry.verb).where(AuditEntry.verb.in_(_VERBS)).distinct()))
    places = db.session.scalars(select(AuditEntry.details).where(AuditEntry.verb == "resource.created"))
    has_spaces = any(details.get("kind") == "space" for details in places)
    house = lab.current()

    def happened(*any_of: str) -> bool:
        return not verbs.isdisjoint(any_of)

    return [
        Step(
            N_("Say where the lab is"),
            N_("Its address, telephone, a welcome sentence and a photo are the first things people see."),
            N_("Describe the lab"),
            "people.lab_settings",
            "pin",
            bool(house and house.address),
        ),
        Step(
            N_("Say when it is open"),
            N_("Usual hours, holidays and exceptions: nobody books while it is closed."),
            N_("Set the hours"),
            "calendar.hours",
            "clock",
            happened("hours.set", "hours.exception_added"),
        ),
        Step(
            N_("Name its spaces"),
            N_("Wood shop, laser room, sewing corner: machines stand in spaces."),
            N_("Add the spaces"),
            "calendar.places",
            "home",
            has_spaces,
        ),
        Step(
            N_("List what is learnt here"),
            N_("A competence opens machines: “Safety”, “CO₂ laser”. Those who train it certify members."),
            N_("Add a competence"),
            "trainings.new_competence",
            "check",
            happened("competence.created"),
        ),
        Step(
            N_("Add the machines"),
            N_("Photo, danger class, what it asks for, how long it is booked."),
            N_("Add a machine"),
            "machine_admin.add",
            "laser",
            happened("machine.added"),
        ),
        Step(
            N_("Read the charter, and make it yours"),
            N_("A first one is in force; members agree with each point before they book."),
            N_("Edit the charter"),
            "people.edit_charter",
            "file",
            (db.session.scalar(select(func.max(Charter.version))) or 0) > 1,
        ),
        Step(
            N_("Send real mails"),
            N_("Without a mail server, letters stay in the program, where administrators read them. SMTP_URL names the server."),
            N_("Read the letters"),
            "people.letters",
            "mail",
            bool(current_app.extensions["settings"].smtp_url),
        ),
        Step(
            N_("Bring the team in"),
            N_("Colleagues sign up like anybody; then give them their role on their page."),
            N_("Find a member"),
            "people.members_list",
            "people",
            _has_colleagues(),
        ),
    ]


_VERBS: Collection[str] = ("hours.set", "hours.exception_added", "competence.created", "machine.added")


def _has_colleagues() -> bool:
    staff = db.session.scalars(select(Member.roles).where(Member.suspended_at.is_(None)))
    return sum(1 for roles in staff if roles) > 1
