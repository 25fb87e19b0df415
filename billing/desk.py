"""Who holds the desk: takes payments, reads what members owe, answers their requests."""

from __future__ import annotations

from app.kernel.actors import Actor, Role


def may_hold(actor: Actor) -> bool:
    return actor.has(Role.MANAGER, Role.ACCOUNTANT)
