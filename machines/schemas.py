"""Shapes of the machines' JSON. Instants are ISO 8601; one without an offset is wall-clock time of the lab."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import marshmallow as ma
from marshmallow import validate

from app.kernel.api import MAX_ID, ReasonSchema, Text
from machines.rules import Outcome, Status

EARLIEST, LATEST = datetime(2000, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - compared as naive wall-clock times


class Instant(ma.fields.DateTime):
    """An ISO 8601 instant, with or without an offset, between 2000 and 2200."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        instant: datetime = super()._deserialize(value, attr, data, **kwargs)
        if not EARLIEST <= instant.replace(tzinfo=None) <= LATEST:
            raise self.make_error("invalid", input=value, obj_type="datetime")
        return instant


class Words(ma.fields.Dict):
    """A text in the lab's languages, {"fr": …, "en": …}."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(keys=ma.fields.String(), values=ma.fields.String(), **kwargs)


class MachineSchema(ma.Schema):
    slug = ma.fields.String(required=True)
    code = ma.fields.String(required=True)
    name = Words(required=True)
    space = Words(required=True)
    danger = ma.fields.Integer(required=True)
    seats = ma.fields.Integer(required=True)
    state = ma.fields.String(required=True, metadata={"description": "free, busy, closed or out, now"})
    until = ma.fields.DateTime(required=True, allow_none=True)
    next_free = ma.fields.DateTime(required=True, allow_none=True)
    cents_per_hour = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "For you; null is free"})
    missing = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "Slugs of the competences you lack"})


class DaySpan(ma.Schema):
    """Where a feed begins and for how many days."""

    start = ma.fields.Date(load_default=None, data_key="from", validate=validate.Range(EARLIEST.date(), LATEST.date()))
    days = ma.fields.Integer(load_default=7, validate=validate.Range(1, 31))


class EventSchema(ma.Schema):
    start = ma.fields.DateTime(required=True)
    end = ma.fields.DateTime(required=True)
    kind = ma.fields.String(required=True)
    reservation = ma.fields.Integer(allow_none=True, metadata={"description": "Only your own"})


class PeriodSchema(ma.Schema):
    start = ma.fields.DateTime(required=True)
    end = ma.fields.DateTime(required=True)


class WeekSchema(ma.Schema):
    machine = ma.fields.String(required=True)
    seats = ma.fields.Integer(required=True)
    opening = ma.fields.List(ma.fields.Nested(PeriodSchema), required=True)
    events = ma.fields.List(ma.fields.Nested(EventSchema), required=True)


class TimetableSchema(ma.Schema):
    machines = ma.fields.List(ma.fields.Nested(WeekSchema), required=True)


class ClaimSchema(ma.Schema):
    start = Instant(required=True)
    end = Instant(required=True)


class BookingSchema(ClaimSchema):
    project = Text(load_default=None, allow_none=True, most=120)
    member_id = ma.fields.Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(1, MAX_ID),
        metadata={"description": "Managers book for others"},
    )
    override_reason = Text(load_default=None, allow_none=True, most=500)


class MoveSchema(ClaimSchema):
    override_reason = Text(load_default=None, allow_none=True, most=500)


class CancellationSchema(ma.Schema):
    reason = Text(load_default=None, allow_none=True, most=500)
    override_reason = Text(load_default=None, allow_none=True, most=500)


class CheckInSchema(ma.Schema):
    code = Text(required=True, most=12)
    ticks = ma.fields.Integer(required=True, validate=validate.Range(0, 20), metadata={"description": "Safety points ticked"})


class CompletionSchema(ma.Schema):
    is_clean = ma.fields.Boolean(required=True)
    note = Text(load_default="", least=0, most=1000)
    fault = Text(load_default="", least=0, most=1000)
    stops_machine = ma.fields.Boolean(load_default=False)


class FaultSchema(ma.Schema):
    text = Text(required=True, most=1000)
    stops_machine = ma.fields.Boolean(load_default=False)


class ReservationSchema(ma.Schema):
    id = ma.fields.Integer(required=True)
    machine = ma.fields.String(required=True, attribute="machine.slug")
    starts_at = ma.fields.DateTime(required=True)
    ends_at = ma.fields.DateTime(required=True)
    status = ma.fields.Enum(Status, by_value=True, required=True)
    project = ma.fields.String(required=True, allow_none=True)
    quoted_cents = ma.fields.Integer(required=True)
    revision = ma.fields.Integer(required=True)
    checked_in_at = ma.fields.DateTime(required=True, allow_none=True)
    used_from = ma.fields.DateTime(required=True, allow_none=True)
    used_until = ma.fields.DateTime(required=True, allow_none=True)
    outcome = ma.fields.Enum(Outcome, by_value=True, required=True, allow_none=True)
    desk_code = ma.fields.String(required=True)


class EligibilitySchema(ma.Schema):
    machine = ma.fields.String(required=True)
    may_book = ma.fields.Boolean(required=True)
    price_cents = ma.fields.Integer(required=True, allow_none=True)
    free_until = ma.fields.DateTime(required=True, metadata={"description": "Booked now, until when it is cancelled freely"})
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema), required=True)


class SlotSchema(ma.Schema):
    machine = ma.fields.String(required=True)
    start = ma.fields.DateTime(required=True)
    end = ma.fields.DateTime(required=True)


class FreeQuery(ma.Schema):
    minutes = ma.fields.Integer(load_default=120, validate=validate.Range(5, 1440))
