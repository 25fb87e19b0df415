"""The machines as JSON: the catalogue, feeds that answer 304 while nothing changed, what is free, faults.

Reservations are in `reservation_api`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import orjson
from flask import Response, abort, g, request

from app.accounts.models import TariffGroup
from app.calendar import queries as calendar
from app.kernel import api, clock
from app.kernel.actors import current_actor
from app.kernel.api import answers, once, scoped
from app.kernel.periods import Period, wall_instant
from app.kernel.web import columns_only, public
from machines import busy, catalogue, proposals, queries, reservations
from machines.rules import Claim
from machines.schemas import (
    ClaimSchema,
    DaySpan,
    EligibilitySchema,
    FaultSchema,
    FreeQuery,
    MachineSchema,
    SlotSchema,
    TimetableSchema,
    WeekSchema,
)

blp = api.blueprint("machines", __name__, "Machines, their timetable, what is free on them, and faults")


@blp.get("/machines")
@blp.response(200, MachineSchema(many=True))
@public
def list_machines() -> list[dict[str, Any]]:
    """Every machine, its state now, and what you still need for it."""
    member = g.get("member")
    group = member.tariff_group if member is not None else TariffGroup.STANDARD
    return [
        {
            "slug": card.machine.slug,
            "code": card.machine.code,
            "name": card.machine.name,
            "space": card.space,
            "danger": card.machine.danger,
            "seats": card.machine.resource.capacity,
            "state": card.now.state,
            "until": card.now.until,
            "next_free": card.next_free,
            "cents_per_hour": card.terms.cents_per_hour if card.terms else None,
            "missing": [missing.slug for missing in card.missing],
        }
        for card in queries.cards(current_actor().member_id, group)
    ]


@blp.get("/machines/<slug>/week")
@blp.arguments(DaySpan(), location="query")
@blp.response(200, WeekSchema)
@blp.alt_response(304, description="Not modified since the ETag you sent")
@answers(blp, 404, 422)
@columns_only
@public
def week(span: dict[str, Any], slug: str) -> Response:
    """What happens on one machine: busy stretches without names, your own with their number. Carries an ETag."""
    return _feed(busy.stamps(slug), span, single=True)


@blp.get("/timetable")
@blp.arguments(DaySpan(), location="query")
@blp.response(200, TimetableSchema)
@blp.alt_response(304, description="Not modified since the ETag you sent")
@answers(blp, 422)
@columns_only
@public
def timetable(span: dict[str, Any]) -> Response:
    """The same for every machine together, in the same number of statements. Carries an ETag."""
    return _feed(busy.stamps(), span, single=False)


def _feed(stamps: list[busy.Stamp], span: dict[str, Any], *, single: bool) -> Response:
    if not stamps and single:
        abort(404)
    first: date = span["start"] or clock.today()
    member_id = current_actor().member_id
    parts = (member_id, first, span["days"], [(stamp.resource_id, stamp.revision, stamp.hours) for stamp in stamps])
    tag = hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        response = Response(_feed_body(stamps, first, span["days"], member_id, single=single), content_type="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _feed_body(stamps: list[busy.Stamp], first: date, days: int, member_id: int | None, *, single: bool) -> bytes:
    tz = clock.zone()
    period = Period(wall_instant(first, 0, tz), wall_instant(first + timedelta(days=days), 0, tz))
    ids = [stamp.resource_id for stamp in stamps]
    events: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for resource_id, start, end, purpose, mine, use_ends_at in busy.taken(ids, period, member_id):
        if mine is None:
            event = {"start": start, "end": end, "kind": busy.KINDS[purpose], "reservation": None}
        else:
            event = {"start": start, "end": min(end, use_ends_at), "kind": "mine", "reservation": mine}
        events[resource_id].append(event)
    opening = calendar.opening(ids, period, revision=stamps[0].hours if stamps else None)
    weeks = []
    for stamp in stamps:
        here = events[stamp.resource_id]
        if out := busy.outage(stamp, period):
            here.append({"start": out.start, "end": out.end, "kind": "repair", "reservation": None})
        hours = [{"start": hours.start, "end": hours.end} for hours in opening[stamp.resource_id]]
        weeks.append({"machine": stamp.slug, "seats": stamp.seats, "opening": hours, "events": here})
    return orjson.dumps(weeks[0] if single else {"machines": weeks})


@blp.get("/machines/<slug>/eligibility")
@blp.arguments(ClaimSchema, location="query")
@blp.response(200, EligibilitySchema)
@answers(blp, 401, 403, 404, 422)
@scoped("reservations")
def eligibility(wanted: dict[str, Any], slug: str) -> dict[str, Any]:
    """Whether you may have this stretch, its price, until when cancelling is free, and every reason against it."""
    machine = queries.machine(slug)
    claim = Claim.said(wanted["start"], wanted["end"], clock.zone())
    offer = reservations.offer(member_id=g.member.id, machine=machine, claim=claim)
    return {
        "machine": slug,
        "may_book": not offer.refusals,
        "price_cents": offer.price.amount_cents if offer.price else None,
        "free_until": offer.free_until,
        "reasons": api.reasons(offer.refusals),
    }


@blp.get("/first-free")
@blp.arguments(FreeQuery, location="query")
@blp.response(200, SlotSchema(many=True))
@answers(blp, 401, 403, 422)
@scoped("reservations")
def first_free(query: dict[str, Any]) -> list[dict[str, Any]]:
    """The first free stretch on each machine where you are autonomous, soonest first."""
    member = g.member
    ready = [card.machine for card in queries.cards(member.id, member.tariff_group) if not card.missing]
    return [as_slot(proposal) for proposal in proposals.first_of_each(ready, member.id, query["minutes"])]


@blp.post("/machines/<slug>/faults")
@blp.arguments(FaultSchema)
@blp.response(204)
@answers(blp, 400, 401, 403, 404, 415)
@scoped("reservations")
def report_fault(said: dict[str, Any], slug: str) -> None:
    """Something is wrong with a machine."""
    machine, actor = queries.machine(slug), current_actor()
    once(lambda: catalogue.report(actor=actor, machine_id=machine.id, **said).id)


def as_slot(proposal: proposals.Proposal) -> dict[str, Any]:
    return {"machine": proposal.machine.slug, "start": proposal.period.start, "end": proposal.period.end}
