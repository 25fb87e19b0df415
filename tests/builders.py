"""Believable rows for tests, with defaults that are right until a test says otherwise. Each commits like production."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from app.accounts.models import Charter, CharterAcceptance, Lab, Member
from app.kernel import clock
from app.kernel.actors import Actor, Door, Role
from app.kernel.db import Base, db, transaction
from app.kernel.periods import Period

_count = itertools.count(1)


def save(*rows: Base) -> None:
    """Add rows in a transaction of their own."""
    with transaction():
        db.session.add_all(rows)


def a_lab(**changes: Any) -> Lab:
    """La Forge du Canal: the lab's row."""
    values = {
        "id": 1,
        "name": "La Forge du Canal",
        "address": "12 quai de la Bobine",
        "postcode": "59100",
        "city": "Roubaix",
        "phone": "03 20 00 00 00",
        "email": "bonjour@forge.test",
        "closes_on_holidays": True,
        "check_in_opens_minutes": 10,
        "no_show_after_minutes": 15,
        "auto_end_after_minutes": 10,
        "cancel_notice_minutes": 120,
        "set_up_at": clock.now(),
    }
    lab = Lab(**{**values, **changes})
    save(lab)
    return lab


def a_charter(**changes: Any) -> Charter:
    """A charter in force since a month."""
    values = {
        "version": 1,
        "title": {"fr": "La charte", "en": "The charter"},
        "intro": {"fr": "Le lieu est à tous.", "en": "The place is everybody's."},
        "points": [{"fr": "Je range.", "en": "I tidy up."}],
        "published_at": clock.now() - timedelta(days=30),
    }
    charter = Charter(**{**values, **changes})
    save(charter)
    return charter


def a_member(
    name: str = "Ada Lovelace", *, roles: tuple[Role, ...] = (), charter: Charter | None = None, **changes: Any
) -> Member:
    """A member whose e-mail is proved; give `charter` and it is accepted too."""
    number = next(_count)
    values = {
        "name": name,
        "email": f"{name.split()[0].lower()}{number}@lab.test",
        "locale": "fr",
        "tariff_group": "standard",
        "roles": [role.value for role in roles],
        "photo_consent": False,
        "email_proved_at": clock.now() - timedelta(days=30),
        "session_epoch": 0,
        "calendar_token": f"calendar-token-{number}",
        "created_at": clock.now() - timedelta(days=60),
    }
    member = Member(**{**values, **changes})
    save(member)
    if charter is not None:
        save(CharterAcceptance(member_id=member.id, charter_id=charter.id, accepted_at=clock.now()))
    return member


def acting(member: Member, door: Door = Door.PAGE) -> Actor:
    """The actor that a signed-in member is."""
    return Actor(member_id=member.id, roles=frozenset(Role(role) for role in member.roles), door=door)


def period(start: str, hours: float = 1, *, day: str = "2026-11-27") -> Period:
    """`period("14:00", 2)`: two hours from 14:00 lab time, tomorrow unless a day is given."""
    begins = datetime.fromisoformat(f"{day}T{start}").replace(tzinfo=clock.zone())
    return Period(begins, begins + timedelta(hours=hours))
