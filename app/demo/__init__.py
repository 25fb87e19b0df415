"""A believable lab with a year behind it, lived through the services under a scripted clock, ending now.

Only for an empty database. The same seed on the same day tells the same story; where the present falls in it depends on the
hour. Everything is one transaction: a crash in the middle leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import current_app
from sqlalchemy import func, select

from app.accounts import lab
from app.accounts.models import Member
from app.demo import joining, life
from app.demo.people import DOMAIN, PASSWORD
from app.demo.story import Story
from app.kernel import audit, clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from machines.models import Reservation

__all__ = ["Loaded", "NotEmpty", "is_loaded", "load", "sign_ins"]

LOADED = "demo.loaded"
MEMBERS = 120

FACES = (
    ("Administrator", "nora"),
    ("Fab manager, Léa", "lea"),
    ("Trainer, Chloé", "chloe"),
    ("Accountant, Paul", "paul"),
    ("Certified member, Karim", "karim"),
    ("Newcomer, Inès", "ines"),
    ("Professional, Emma", "emma"),
    ("Member in English, Priya", "priya"),
)


class NotEmpty(Exception):
    """There is a lab or a member in this database already; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it. `notes` counts what did not go as people meant it."""

    members: int
    reservations: int
    notes: dict[str, int]


def load(*, seed: int = 7, days: int = 365, members: int = MEMBERS) -> Loaded:
    """Fill the empty database with `days` of life of a lab of about `members` people. Raises NotEmpty."""
    if lab.current() is not None or db.session.scalar(select(func.count(Member.id))):
        raise NotEmpty("There is a lab in this database already. Point ETABLI_HOME or DATABASE_URL at an empty one.")
    password_hash = joining.hashed_password(PASSWORD)
    story = Story(clock.now().replace(second=0, microsecond=0), days=days, seed=seed, size=members / MEMBERS)
    stored = _uploads()
    try:
        with TemporaryDirectory() as folder:
            with transaction():
                presses = life.live(story, members, password_hash, Path(folder))
                with clock.at(story.now):
                    audit.record(joining.OPERATOR, LOADED, "lab:1", seed=seed, days=days, members=members)
            presses.set_up(current_app.extensions["settings"].home)
    except BaseException:
        for path in _uploads() - stored:
            path.unlink()
        raise
    finally:
        current_app.extensions.pop("memory", None)
    people, visits = (db.session.scalar(select(func.count(table.id))) or 0 for table in (Member, Reservation))
    return Loaded(people, visits, dict(story.notes))


def is_loaded() -> bool:
    """Whether the lab in this database is the demo."""
    return db.session.scalar(select(AuditEntry.id).where(AuditEntry.verb == LOADED).limit(1)) is not None


def sign_ins() -> list[str]:
    """Who to be, to look around: role, address and password, a line each."""
    lines = [f"  {who:<26} {f'{box}@{DOMAIN}':<22} {PASSWORD}" for who, box in FACES]
    return ["Sign in as (everybody has the same password):", *lines]


def _uploads() -> set[Path]:
    """Every drawing and print file that is stored."""
    uploads: Path = current_app.extensions["settings"].uploads
    return {path for path in uploads.rglob("*") if path.is_file()}
