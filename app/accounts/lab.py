"""The lab's own row: read once a request, changed by its administrators, created by the first set-up."""

from __future__ import annotations

from typing import Any

from flask import g, has_app_context
from sqlalchemy import select

from app.accounts.events import LabChanged, LabCreated
from app.accounts.models import Lab
from app.kernel import audit, clock, events
from app.kernel.actors import Actor, Role
from app.kernel.db import db, locked
from app.kernel.refusals import NotAllowed


def current() -> Lab | None:
    """The lab, or None before it is set up."""
    if has_app_context() and (kept := g.get("lab")) is not None and kept in db.session:
        found: Lab = kept
        return found
    g.lab = db.session.scalars(select(Lab).limit(1)).first()
    return g.lab  # type: ignore[no-any-return]


def create(*, actor: Actor, name: str, **more: Any) -> Lab:
    """The single row, once; announces LabCreated so that the calendar makes its site."""
    lab = Lab(id=1, name=name, set_up_at=clock.now(), **more)
    db.session.add(lab)
    db.session.flush()  # the rooms above read it
    events.publish(LabCreated(name))
    audit.record(actor, "lab.created", "lab:1")
    return lab


def change(*, actor: Actor, **values: Any) -> Lab:
    """Managers change what the lab says of itself and its delays."""
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    lab = locked(Lab, 1)
    changed = sorted(name for name, value in values.items() if getattr(lab, name) != value)
    for name in changed:
        setattr(lab, name, values[name])
    if changed:
        events.publish(LabChanged())
        audit.record(actor, "lab.changed", "lab:1", changed=changed)
    return lab
