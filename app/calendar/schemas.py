"""The JSON shapes of places and openings."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import marshmallow as ma

from app.calendar.models import Kind
from app.calendar.rules import Source
from app.kernel.api import Text

MOST_DAYS = 92
EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)


def _words() -> ma.fields.Dict:
    """A text in the lab's languages, {"fr": …, "en": …}; either may be missing."""
    return ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String(), required=True)


class PlaceSchema(ma.Schema):
    slug = ma.fields.String(required=True)
    kind = ma.fields.Enum(Kind, by_value=True, required=True)
    name = _words()
    parent = ma.fields.String(required=True, allow_none=True, metadata={"description": "Slug of the place it is in"})
    capacity = ma.fields.Integer(required=True, metadata={"description": "How many may take it at once"})


class HoursQuery(ma.Schema):
    """Days of the lab, both included; a week from today unless they say otherwise, three months at most."""

    bounds = ma.validate.Range(EARLIEST, LATEST)
    first = ma.fields.Date(load_default=None, data_key="from", validate=bounds)
    last = ma.fields.Date(load_default=None, data_key="to", validate=bounds)
    place = Text(load_default=None, most=60, metadata={"description": "Slug; the site when left out"})

    @ma.validates_schema
    def in_order(self, data: dict[str, Any], **_kwargs: Any) -> None:
        first, last = data["first"], data["last"]
        if last is not None and first is None:
            raise ma.ValidationError("Give from too.", "from")
        if last is not None and not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
            raise ma.ValidationError(f"Give a day from `from` on, at most {MOST_DAYS} days in all.", "to")


class HoursStretchSchema(ma.Schema):
    start = ma.fields.AwareDateTime(required=True)
    end = ma.fields.AwareDateTime(required=True)


class HoursDaySchema(ma.Schema):
    """One day as it will be, and what decided it: the weekly hours, exceptional days, a public holiday, or nothing."""

    day = ma.fields.Date(required=True)
    source = ma.fields.Enum(Source, by_value=True, required=True)
    holiday = ma.fields.String(required=True, allow_none=True)
    note = _words()
    opening = ma.fields.List(ma.fields.Nested(HoursStretchSchema), required=True)


class HoursSchema(ma.Schema):
    place = ma.fields.String(required=True)
    days = ma.fields.List(ma.fields.Nested(HoursDaySchema), required=True)
