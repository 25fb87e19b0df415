"""Places and openings as JSON, for everybody: what a calendar, a sign at the door or another lab needs to know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.exc import NoResultFound

from app.calendar import plans, queries
from app.calendar.schemas import HoursQuery, HoursSchema, PlaceSchema
from app.kernel import api, clock, i18n
from app.kernel.api import answers
from app.kernel.web import public

blp = api.blueprint("calendar", __name__, "Places, and when they are open")

WEEK = timedelta(days=6)


@blp.get("/places")
@blp.response(200, PlaceSchema(many=True))
@public
def list_places() -> list[dict[str, Any]]:
    """The site, its spaces and the machines in them, parents first."""
    tree = queries.places()
    slugs = {one.resource.id: one.resource.slug for one in tree}
    return [
        {"slug": row.slug, "kind": row.kind, "name": row.name, "parent": slugs.get(row.parent_id or 0), "capacity": row.capacity}
        for one in tree
        for row in (one.resource, *one.things)
    ]


@blp.get("/opening")
@blp.arguments(HoursQuery, location="query")
@blp.response(200, HoursSchema)
@answers(blp, 404, 422)
@public
def opening(given: dict[str, Any]) -> dict[str, Any]:
    """When a place is open, day by day. Hours after midnight belong to the day they began on."""
    place = queries.resource(given["place"]) if given["place"] else queries.site()
    if place is None:
        raise NoResultFound
    first = given["first"] or clock.today()
    last = given["last"] or first + WEEK
    found = plans.days(place, first, (last - first).days + 1, language=i18n.locale())
    return {
        "place": place.slug,
        "days": [
            {"day": one.day, "source": one.source, "holiday": one.name, "note": one.note, "opening": one.opening} for one in found
        ],
    }
