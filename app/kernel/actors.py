"""Who is acting, with which roles, through which door. Services receive an Actor and trust nothing else."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from flask import g


class Role(enum.StrEnum):
    """Beyond being a member. Trainers are trainers *of a competence*: see trainings."""

    TRAINER = "trainer"
    MANAGER = "manager"
    ACCOUNTANT = "accountant"
    ADMINISTRATOR = "administrator"


class Door(enum.StrEnum):
    """How the actor came in; the audit keeps it."""

    PAGE = "page"
    API = "api"
    LINK = "link"
    COMMAND = "command"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Actor:
    """`member_id` is None for the house itself (jobs, commands) and for a visitor who is not signed in."""

    member_id: int | None
    roles: frozenset[Role] = field(default_factory=frozenset)
    door: Door = Door.PAGE
    scopes: frozenset[str] | None = None

    def has(self, *roles: Role) -> bool:
        """Whether the actor holds any of `roles`; an administrator holds them all but trainer and accountant's books."""
        return bool(self.roles & set(roles)) or (Role.ADMINISTRATOR in self.roles and Role.MANAGER in roles)

    @property
    def is_staff(self) -> bool:
        return self.has(Role.MANAGER)


HOUSE = Actor(member_id=None, door=Door.WORKER)
"""The house acting by itself: periodic jobs and outbox handlers."""


def current_actor() -> Actor:
    """Who is acting in this request, as the edge found out; a visitor where nobody signed in."""
    actor: Actor | None = g.get("actor")
    return actor or Actor(member_id=None)
