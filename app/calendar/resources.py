"""The tree of places: sites, spaces and machines. Retiring hides; nothing that was ever taken is deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import func, select

from app.calendar.models import Kind, OpeningException, OpeningRule, Resource
from app.calendar.rules import NAME_TAKEN, NOT_EMPTY, TOO_DEEP
from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db, lock_all, locked
from app.kernel.refusals import NotAllowed, Refused

USUAL_HOURS = [(day, 10 * 60, 19 * 60) for day in (1, 2, 3, 4)] + [(5, 10 * 60, 18 * 60)]
"""Tuesday to Friday 10–19, Saturday 10–18: what a new lab starts from."""


def create_site(name: str) -> Resource:
    """The lab itself, with usual hours, once. A second call returns the first."""
    if (site := db.session.scalars(select(Resource).where(Resource.kind == Kind.SITE).limit(1)).first()) is not None:
        return site
    site = Resource(kind=Kind.SITE, name={"fr": name}, slug="site")
    db.session.add(site)
    db.session.flush()  # its hours name its id
    for weekday, opens, closes in USUAL_HOURS:
        db.session.add(OpeningRule(resource_id=site.id, weekday=weekday, opens_minute=opens, closes_minute=closes))
    return site


def create(*, actor: Actor, parent_id: int, kind: Kind, name: Mapping[str, str], slug: str, capacity: int = 1) -> Resource:
    """A space or a machine under a place. Raises Refused when the slug is taken."""
    _only_managers(actor)
    _check_slug(slug, None)
    last = db.session.scalar(select(func.max(Resource.position)).where(Resource.parent_id == parent_id))
    resource = Resource(
        parent_id=parent_id, kind=kind, name=dict(name), slug=slug, capacity=capacity, position=(last or 0) + 1, revision=0
    )
    db.session.add(resource)
    touch([parent_id])
    db.session.flush()  # the audit names its id
    audit.record(actor, "resource.created", f"resource:{resource.id}", kind=kind.value)
    return resource


def describe(
    *, actor: Actor, resource_id: int, name: Mapping[str, str], slug: str, parent_id: int | None, capacity: int
) -> Resource:
    """Rename, move or resize a place. Raises Refused for a taken slug or a place put inside itself."""
    _only_managers(actor)
    _check_slug(slug, resource_id)
    resource = locked(Resource, resource_id)
    above = parent_id
    while above is not None:
        if above == resource_id:
            raise Refused([TOO_DEEP()])
        above = db.session.scalar(select(Resource.parent_id).where(Resource.id == above))
    before = resource.parent_id
    resource.name, resource.slug, resource.parent_id, resource.capacity = dict(name), slug, parent_id, capacity
    touch([ident for ident in (resource_id, before, parent_id) if ident is not None])
    audit.record(actor, "resource.described", f"resource:{resource_id}")
    return resource


def retire(*, actor: Actor, resource_id: int) -> Resource:
    """Hide a place that holds nothing any more; its history stays. Raises Refused while something stands in it."""
    _only_managers(actor)
    resource = locked(Resource, resource_id)
    inside = select(func.count()).where(Resource.parent_id == resource_id, Resource.retired_at.is_(None))
    if db.session.scalar(inside):
        raise Refused([NOT_EMPTY()])
    resource.retired_at = clock.now()
    touch([ident for ident in (resource_id, resource.parent_id) if ident is not None])
    audit.record(actor, "resource.retired", f"resource:{resource_id}")
    return resource


def touch(resource_ids: Sequence[int]) -> None:
    """Say that something about these places changed, so that every cache and feed hears of it."""
    for resource in lock_all(Resource, list(set(resource_ids))):
        resource.revision += 1


def touch_sites() -> None:
    """The lab's own settings changed (holidays)."""
    touch(list(db.session.scalars(select(Resource.id).where(Resource.kind == Kind.SITE))))


def set_weekly(
    *,
    actor: Actor,
    resource_id: int,
    hours: Sequence[tuple[int, int, int]],
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> None:
    """Replace the weekly hours of one place for one validity; `hours` are (weekday, opens, closes) in minutes."""
    _only_managers(actor)
    same = select(OpeningRule).where(
        OpeningRule.resource_id == resource_id,
        OpeningRule.valid_from.is_(None) if valid_from is None else OpeningRule.valid_from == valid_from,
        OpeningRule.valid_until.is_(None) if valid_until is None else OpeningRule.valid_until == valid_until,
    )
    for rule in db.session.scalars(same):
        db.session.delete(rule)
    for weekday, opens, closes in hours:
        db.session.add(
            OpeningRule(
                resource_id=resource_id,
                weekday=weekday,
                opens_minute=opens,
                closes_minute=closes,
                valid_from=valid_from,
                valid_until=valid_until,
            )
        )
    touch([resource_id])
    _touch_all_places(resource_id)
    audit.record(actor, "hours.set", f"resource:{resource_id}", hours=[list(one) for one in hours])


def add_exception(
    *,
    actor: Actor,
    resource_id: int,
    first_day: date,
    last_day: date,
    periods: Sequence[tuple[int, int]],
    note: Mapping[str, str],
) -> OpeningException:
    """Days with hours of their own, or closed."""
    _only_managers(actor)
    exception = OpeningException(
        resource_id=resource_id,
        first_day=first_day,
        last_day=last_day,
        periods=[list(period) for period in periods],
        note=dict(note),
    )
    db.session.add(exception)
    _touch_all_places(resource_id)
    audit.record(
        actor, "hours.exception_added", f"resource:{resource_id}", first=first_day.isoformat(), last=last_day.isoformat()
    )
    return exception


def remove_exception(*, actor: Actor, exception_id: int) -> None:
    _only_managers(actor)
    exception = locked(OpeningException, exception_id)
    db.session.delete(exception)
    _touch_all_places(exception.resource_id)
    audit.record(
        actor,
        "hours.exception_removed",
        f"resource:{exception.resource_id}",
        first=exception.first_day.isoformat(),
        last=exception.last_day.isoformat(),
    )


def _touch_all_places(resource_id: int) -> None:
    """Hours of a machine are in the same book as everybody's: the site's revision tells that the book is old."""
    touch([resource_id])
    touch_sites()


def _check_slug(slug: str, but: int | None) -> None:
    other = db.session.scalar(select(Resource.id).where(Resource.slug == slug))
    if other is not None and other != but:
        raise Refused([NAME_TAKEN()])


def _only_managers(actor: Actor) -> None:
    if not actor.has(Role.MANAGER):
        raise NotAllowed
