"""Taking a place out of use for maintenance or a closure, and giving it back early. What is booked there is never touched."""

from __future__ import annotations

from collections.abc import Sequence

from app.calendar import occupancies, queries
from app.calendar.models import Block, Purpose, Resource
from app.calendar.rules import (
    IN_THE_WAY,
    MORE_IN_THE_WAY,
    PURPOSE_WORDS,
    RELEASED_ALREADY,
    block_refusals,
)
from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db, lock_all, locked
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refusal, Refused

PURPOSES = (Purpose.MAINTENANCE, Purpose.CLOSURE)
MOST_NAMED = 20


def block(*, actor: Actor, resource_id: int, period: Period, purpose: Purpose, reason: str, one_lane: bool = False) -> Block:
    """Take a place, every lane of it and everything under it, for `period`; or one free lane of it only.

    Raises Refused with each thing that stands in the way, or for a period that is over or too long.
    """
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    if purpose not in PURPOSES:
        raise ValueError(f"a block is for maintenance or a closure, not for {purpose}")
    if found := block_refusals(period, clock.now()):
        raise Refused(found)
    ids = [resource_id] if one_lane else [resource_id, *queries.under(resource_id)]
    resources = lock_all(Resource, ids)
    obstacles = queries.in_the_way(ids, period)
    if obstacles and not (one_lane and queries.has_free_lane(resource_id, period)):
        raise Refused(_named(obstacles))
    made = Block(
        resource_id=resources[0].id if one_lane else resource_id,
        one_lane=one_lane,
        starts_at=period.start,
        ends_at=period.end,
        purpose=purpose,
        reason=reason,
        created_at=clock.now(),
        created_by_id=actor.member_id,
    )
    db.session.add(made)
    db.session.flush()  # its occupancies name its id
    if one_lane:
        occupancies.occupy([resource_id], period, purpose=purpose, subject=made.subject, note=reason)
    else:
        occupancies.take_whole(resource_id, period, purpose=purpose, subject=made.subject, note=reason)
    audit.record(
        actor,
        "place.blocked",
        f"resource:{resource_id}",
        block=made.id,
        purpose=purpose.value,
        start=period.start.isoformat(),
        end=period.end.isoformat(),
        reason=reason,
    )
    return made


def release(*, actor: Actor, block_id: int) -> Block:
    """Give a blocked place back now. Raises Refused when it is released or over already."""
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    found, now = locked(Block, block_id), clock.now()
    if found.released_at is not None or found.ends_at <= now:
        raise Refused([RELEASED_ALREADY()])
    found.released_at, found.released_by_id = now, actor.member_id
    occupancies.release(found.subject, now)
    audit.record(actor, "place.released", f"resource:{found.resource_id}", block=found.id)
    return found


def _named(obstacles: Sequence[queries.Obstacle]) -> list[Refusal]:
    named = [
        IN_THE_WAY(
            place=one.place,
            start=one.period.start,
            end=one.period.end,
            purpose=PURPOSE_WORDS[one.purpose],
            subject=one.subject,
        )
        for one in obstacles[:MOST_NAMED]
    ]
    return [*named, MORE_IN_THE_WAY(more=len(obstacles) - MOST_NAMED)] if len(obstacles) > MOST_NAMED else named
