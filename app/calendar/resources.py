"""The tree of places: sites, spaces and machines. Retiring hides; nothing that was ever taken is deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, NoResultFound

from app.calendar.models import Kind, Occupancy, OpeningException, OpeningRule, Resource
from app.calendar.rules import (
    NAME_TAKEN,
    NOT_A_PLACE,
    NOT_EMPTY,
    SEASONS_OVERLAP,
    SEATS_TAKEN,
    SITE_STAYS,
    TOO_DEEP,
    Season,
    seasons_overlap,
)
from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db, is_violation, lock_all, locked
from app.kernel.refusals import N_, NotAllowed, Refused, Term

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
    """A space or a machine under a place. Raises Refused when the slug is taken or the parent is no place in use."""
    _only_managers(actor)
    _lock_parent(parent_id)
    last = db.session.scalar(select(func.max(Resource.position)).where(Resource.parent_id == parent_id))
    resource = Resource(
        parent_id=parent_id, kind=kind, name=dict(name), slug=slug, capacity=capacity, position=(last or 0) + 1, revision=0
    )
    touch([parent_id])
    _write_slug(slug, resource)
    audit.record(actor, "resource.created", f"resource:{resource.id}", kind=kind.value)
    return resource


def describe(
    *, actor: Actor, resource_id: int, name: Mapping[str, str], slug: str, parent_id: int | None, capacity: int
) -> Resource:
    """Rename, move or resize a place.

    Raises Refused for a taken slug, a place put inside itself or into one that is no place in use, a site given a parent, and
    fewer seats than are booked.
    """
    _only_managers(actor)
    before = db.session.scalar(select(Resource.parent_id).where(Resource.id == resource_id))
    lock_all(Resource, [ident for ident in (resource_id, before, parent_id) if ident is not None])
    resource = locked(Resource, resource_id)
    if (resource.kind is Kind.SITE) != (parent_id is None):
        raise Refused([SITE_STAYS()])
    if parent_id is not None and parent_id != before:
        _check_not_inside(resource_id, parent_id)
        _lock_parent(parent_id)
    if capacity < resource.capacity:
        _check_seats(resource_id, capacity)
    resource.name, resource.parent_id, resource.capacity = dict(name), parent_id, capacity
    touch([ident for ident in (resource_id, before, parent_id) if ident is not None])
    _write_slug(slug, resource)
    audit.record(actor, "resource.described", f"resource:{resource_id}")
    return resource


def reposition(*, actor: Actor, resource_id: int, up: bool) -> None:
    """Change places with the neighbour above or below; the first one up and the last one down stay where they are."""
    _only_managers(actor)
    resource = locked(Resource, resource_id)
    siblings = list(
        db.session.scalars(
            select(Resource)
            .where(Resource.parent_id == resource.parent_id, Resource.kind == resource.kind, Resource.retired_at.is_(None))
            .order_by(Resource.position, Resource.id)
        )
    )
    here = next((rank for rank, one in enumerate(siblings) if one.id == resource_id), None)
    there = None if here is None else here - 1 if up else here + 1
    if here is None or there is None or not 0 <= there < len(siblings):
        return
    siblings[here], siblings[there] = siblings[there], siblings[here]
    for rank, one in enumerate(siblings):
        one.position = rank + 1
    touch([resource_id])
    audit.record(actor, "resource.moved", f"resource:{resource_id}", up=up)


def retire(*, actor: Actor, resource_id: int) -> Resource:
    """Hide a place that holds nothing any more; its history stays. Raises Refused while something stands in it."""
    _only_managers(actor)
    parent_id = db.session.scalar(select(Resource.parent_id).where(Resource.id == resource_id))
    lock_all(Resource, [ident for ident in (resource_id, parent_id) if ident is not None])
    resource = locked(Resource, resource_id)
    if resource.kind is Kind.SITE:
        raise Refused([SITE_STAYS()])
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
    touch(_sites())


def set_weekly(
    *,
    actor: Actor,
    resource_id: int,
    hours: Sequence[tuple[int, int, int]],
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> None:
    """Replace the weekly hours of one place for one season (all year without dates); none at all removes them.

    `hours` are (weekday, opens, closes) in minutes. Raises Refused when the season shares a day with another one.
    """
    _only_managers(actor)
    _touch_all_places(resource_id)
    if hours:
        _check_seasons(resource_id, (valid_from, valid_until))
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
    audit.record(
        actor,
        "hours.set",
        f"resource:{resource_id}",
        hours=[list(one) for one in hours],
        valid_from=valid_from.isoformat() if valid_from else None,
        valid_until=valid_until.isoformat() if valid_until else None,
    )


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


def remove_exception(*, actor: Actor, resource_id: int, exception_id: int) -> None:
    """Raises NoResultFound for an exception of another place."""
    _only_managers(actor)
    exception = locked(OpeningException, exception_id)
    if exception.resource_id != resource_id:
        raise NoResultFound
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
    touch([resource_id, *_sites()])


def _sites() -> list[int]:
    return list(db.session.scalars(select(Resource.id).where(Resource.kind == Kind.SITE)))


def _lock_parent(parent_id: int) -> None:
    found = lock_all(Resource, [parent_id])
    if not found or found[0].retired_at is not None or found[0].kind is Kind.MACHINE:
        raise Refused([NOT_A_PLACE()])


def _check_not_inside(resource_id: int, parent_id: int) -> None:
    above: int | None = parent_id
    while above is not None:
        if above == resource_id:
            raise Refused([TOO_DEEP()])
        above = db.session.scalar(select(Resource.parent_id).where(Resource.id == above))


def _check_seats(resource_id: int, capacity: int) -> None:
    last = db.session.execute(
        select(Occupancy.lane, Occupancy.ends_at)
        .where(Occupancy.resource_id == resource_id, Occupancy.lane >= capacity)
        .where(Occupancy.released_at.is_(None), Occupancy.ends_at > clock.now())
        .order_by(Occupancy.ends_at.desc())
        .limit(1)
    ).first()
    if last is not None:
        raise Refused([SEATS_TAKEN(seat=last.lane + 1, until=last.ends_at)])


def _check_seasons(resource_id: int, season: Season) -> None:
    rows = db.session.execute(
        select(OpeningRule.valid_from, OpeningRule.valid_until).where(OpeningRule.resource_id == resource_id).distinct()
    )
    for first, last in rows:
        if (first, last) != season and seasons_overlap(season, (first, last)):
            raise Refused([SEASONS_OVERLAP(first=first or Term(N_("the beginning")), last=last or Term(N_("the end")))])


def _write_slug(slug: str, resource: Resource) -> None:
    """Give the resource its short address; the table's own constraint decides between two who take it at once."""
    other = db.session.scalar(select(Resource.id).where(Resource.slug == slug))
    if other is not None and other != resource.id:
        raise Refused([NAME_TAKEN()])
    db.session.flush()
    try:
        with db.session.begin_nested():
            resource.slug = slug
            db.session.add(resource)
    except IntegrityError as error:
        if is_violation(error, "slug"):
            raise Refused([NAME_TAKEN()]) from error
        raise


def _only_managers(actor: Actor) -> None:
    if not actor.has(Role.MANAGER):
        raise NotAllowed
