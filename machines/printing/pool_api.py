"""Where and when a file of yours could be printed, as JSON: the proposals of the page. Booking is `reservation_api`'s."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import g
from marshmallow import validate

from app.kernel import api, clock
from app.kernel.actors import current_actor
from app.kernel.api import MAX_ID, ReasonSchema, Text, answers, scoped
from machines.printing import pools, queries, windows
from machines.printing.pools import Offer
from machines.schemas import SlotSchema

blp = api.blueprint("print_pools", __name__, "Printers: where and when a file could be printed")


class PoolQuery(ma.Schema):
    file = ma.fields.Integer(required=True, validate=validate.Range(1, MAX_ID))
    material = Text(load_default=None, most=40, metadata={"description": "Its code; the one the file names when left out"})
    when = Text(load_default=windows.SOONEST, most=20, metadata={"description": "soonest, tonight, tomorrow or a day"})


class OfferSchema(SlotSchema):
    seconds = ma.fields.Integer(required=True, metadata={"description": "How long the print takes there, about"})
    price_cents = ma.fields.Integer(required=True, attribute="cents", metadata={"description": "For you, time and filament"})
    milligrams = ma.fields.Integer(required=True, allow_none=True)


class LeftOutSchema(ma.Schema):
    machine = ma.fields.String(required=True)
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema), required=True)


class PoolSchema(ma.Schema):
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema), required=True, metadata={"description": "Against every printer"})
    found = ma.fields.List(ma.fields.Nested(OfferSchema), required=True, metadata={"description": "Begin when you asked"})
    later = ma.fields.List(ma.fields.Nested(OfferSchema), required=True)
    left_out = ma.fields.List(ma.fields.Nested(LeftOutSchema), required=True)


@blp.get("/printers/proposals")
@blp.arguments(PoolQuery, location="query")
@blp.response(200, PoolSchema)
@answers(blp, 401, 403, 404, 422)
@scoped("reservations")
def proposals(query: dict[str, Any]) -> dict[str, Any]:
    """For each printer, its first free slot that is long enough for the file, or every reason it has none."""
    file = queries.file_or_404(current_actor(), query["file"])
    named = pools.one_material(query["material"]) if query["material"] else None
    pool = pools.look(
        member_id=g.member.id,
        file=file,
        material=named or pools.said_by(file, pools.materials()),
        window=windows.window(query["when"], clock.now(), clock.zone()),
    )
    return {
        "reasons": api.reasons(pool.shut),
        "found": [_offer(one) for one in pool.found],
        "later": [_offer(one) for one in pool.later],
        "left_out": [{"machine": one.machine.slug, "reasons": api.reasons(one.refusals)} for one in pool.left_out],
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "machine": offer.machine.slug,
        "start": offer.period.start,
        "end": offer.period.end,
        "seconds": offer.seconds,
        "cents": offer.cents,
        "milligrams": offer.material.milligrams if offer.material else None,
    }
