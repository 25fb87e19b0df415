"""The machines' JSON: the same services and rules as the pages, and feeds that answer 304 while nothing changed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import orjson
from app.accounts.models import TariffGroup
from flask import Response, abort, g, request, url_for
from sqlalchemy import select

from app.calendar import queries as calendar
from app.kernel import api, clock
from app.kernel.actors import current_actor
from app.kernel.api import answers, once, scoped
from app.kernel.db import db, transaction
from app.kernel.periods import Period, wall_instant
from app.kernel.refusals import Refused
from app.kernel.web import public
from machines import catalogue, queries, reservations, rules, usage
from machines.models import Machine, Reservation, State
from machines.rules import LIVE, Claim, Outcome
from machines.schemas import (
    BookingSchema,
    CancellationSchema,
    CheckInSchema,
    ClaimSchema,
    CompletionSchema,
    DaySpan,
    EligibilitySchema,
    FaultSchema,
    FreeQuery,
    MachineSchema,
    MoveSchema,
    ReservationSchema,
    SlotSchema,
    TimetableSchema,
    WeekSchema,
    as_claim,
)
from machines.usage import Ending
from machines.views import alternatives_to

blp = api.blueprint("machines", __name__, "Machines, their timetable, and reservations from booking to the end of use")

IDENT = f"<int(max={api.MAX_ID}):reservation_id>"


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
            "state": card.now.state,
            "until": card.now.until,
            "next_free": card.next_free,
            "cents_per_hour": card.terms.cents_per_hour if card.terms else None,
            "missing": [missing.slug for missing in card.missing],
        }
        for card in queries.cards(current_actor().member_id, group)
    ]


@blp.get("/machines/<slug>/week")
@blp.arguments(DaySpan, location="query")
@blp.response(200, WeekSchema)
@answers(blp, 404, 422)
@public
def week(span: dict[str, Any], slug: str) -> Response:
    """What happens on one machine: busy stretches without names, your own with their number. Carries an ETag."""
    return _feed(queries.stamps(slug), span, single=True)


@blp.get("/timetable")
@blp.arguments(DaySpan, location="query")
@blp.response(200, TimetableSchema)
@answers(blp, 422)
@public
def timetable(span: dict[str, Any]) -> Response:
    """The same for every machine together, in the same number of statements. Carries an ETag."""
    return _feed(queries.stamps(), span, single=False)


def _feed(stamps: list[queries.Stamp], span: dict[str, Any], *, single: bool) -> Response:
    if not stamps and single:
        abort(404)
    first: date = span["start"] or clock.today()
    member_id = current_actor().member_id
    opening_revision = calendar.opening_revision()
    parts = (opening_revision, member_id, first, span["days"], [(stamp.resource_id, stamp.revision) for stamp in stamps])
    tag = hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()
    if tag in request.if_none_match:
        response = Response(status=304)
    else:
        response = Response(_feed_body(stamps, first, span["days"], member_id, single=single), content_type="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _feed_body(stamps: list[queries.Stamp], first: date, days: int, member_id: int | None, *, single: bool) -> bytes:
    tz = clock.zone()
    period = Period(wall_instant(first, 0, tz), wall_instant(first + timedelta(days=days), 0, tz))
    ids = [stamp.resource_id for stamp in stamps]
    events: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for resource_id, starts_at, ends_at, purpose, reservation_id, whose, status in queries.events(ids, period):
        mine = member_id is not None and whose == member_id and status in LIVE
        events[resource_id].append(
            {
                "start": starts_at,
                "end": ends_at,
                "kind": "mine" if mine else queries.KINDS[purpose],
                "reservation": reservation_id if mine else None,
            }
        )
    opening = calendar.opening(ids, period)
    weeks = [
        {
            "machine": stamp.slug,
            "opening": [{"start": hours.start, "end": hours.end} for hours in opening[stamp.resource_id]],
            "events": events[stamp.resource_id],
        }
        for stamp in stamps
    ]
    return orjson.dumps(weeks[0] if single else {"machines": weeks})


@blp.post("/machines/<slug>/eligibility")
@blp.arguments(ClaimSchema)
@blp.response(200, EligibilitySchema)
@answers(blp, 400, 401, 403, 404, 415)
@scoped("reservations")
def eligibility(wanted: dict[str, Any], slug: str) -> dict[str, Any]:
    """Whether you may have this stretch, its price, and every reason against it. Changes nothing."""
    machine = queries.machine(slug)
    actor = current_actor()
    assert actor.member_id is not None
    claim = as_claim(wanted["start"], wanted["end"])
    offer = reservations.offer(actor=actor, member_id=actor.member_id, machine=machine, claim=claim)
    return {
        "machine": slug,
        "may_book": not offer.refusals,
        "price_cents": offer.price.amount_cents if offer.price else None,
        "reasons": api.reasons(offer.refusals),
    }


@blp.get("/first-free")
@blp.arguments(FreeQuery, location="query")
@blp.response(200, SlotSchema(many=True))
@answers(blp, 401, 403, 422)
@scoped("reservations")
def first_free(query: dict[str, Any]) -> list[dict[str, Any]]:
    """The first free stretches on the machines where you are autonomous."""
    member = g.member
    cards = [
        card
        for card in queries.cards(member.id, member.tariff_group)
        if not card.missing and card.machine.state is State.IN_SERVICE
    ]
    by_resource = {card.machine.resource_id: card.machine for card in cards}
    slots = calendar.first_free(
        list(by_resource),
        query["minutes"],
        after=clock.now(),
        turnaround_minutes={ident: machine.turnaround_minutes for ident, machine in by_resource.items()},
    )
    return [_slot(by_resource, slot) for slot in slots[:20]]


@blp.post("/machines/<slug>/reservations")
@blp.arguments(BookingSchema)
@blp.response(201, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def book(wanted: dict[str, Any], slug: str) -> Any:
    """Book. A refusal carries every reason at once and, when the slot is taken, up to three alternatives."""
    machine = queries.machine(slug)
    actor = current_actor()
    claim = as_claim(wanted["start"], wanted["end"])
    more = {name: wanted[name] for name in ("project", "member_id", "override_reason")}
    try:
        ident = once(lambda: reservations.book(actor=actor, machine=machine, claim=claim, **more).id)
    except Refused as refused:
        return _with_alternatives(refused, machine, claim)
    response = _reservation(ident)
    return response, 201, {"Location": url_for("machines_api.one", reservation_id=ident)}


@blp.get("/reservations")
@blp.response(200, ReservationSchema(many=True))
@answers(blp, 401, 403)
@scoped("reservations")
def mine() -> list[Reservation]:
    """Yours: those to come, then the last hundred."""
    member_id = current_actor().member_id
    assert member_id is not None
    coming, past = queries.of_member(member_id, past=100)
    return [*coming, *past]


@blp.get(f"/reservations/{IDENT}")
@blp.response(200, ReservationSchema)
@answers(blp, 401, 403, 404)
@scoped("reservations")
def one(reservation_id: int) -> Reservation:
    """One of yours."""
    return queries.reservation_or_404(current_actor(), reservation_id)


@blp.post(f"/reservations/{IDENT}/period")
@blp.arguments(MoveSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def move(wanted: dict[str, Any], reservation_id: int) -> Any:
    """Another time or another length."""
    found = one_of_mine(reservation_id)
    claim = as_claim(wanted["start"], wanted["end"])
    actor, reason = current_actor(), wanted["override_reason"]
    try:
        once(lambda: reservations.move(actor=actor, reservation_id=reservation_id, claim=claim, override_reason=reason).id)
    except Refused as refused:
        return _with_alternatives(refused, found.machine, claim)
    return _reservation(reservation_id)


@blp.post(f"/reservations/{IDENT}/cancellation")
@blp.arguments(CancellationSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def cancel(why: dict[str, Any], reservation_id: int) -> Reservation:
    """Give the slot back."""
    one_of_mine(reservation_id)
    actor = current_actor()
    once(lambda: reservations.cancel(actor=actor, reservation_id=reservation_id, **why).id)
    return _reservation(reservation_id)


@blp.post(f"/reservations/{IDENT}/check-in")
@blp.arguments(CheckInSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def check_in(said: dict[str, Any], reservation_id: int) -> Reservation:
    """Say you are at the machine, with the code it shows now."""
    one_of_mine(reservation_id)
    actor = current_actor()
    try:
        once(lambda: usage.check_in(actor=actor, reservation_id=reservation_id, **said).id)
    except Refused as refused:
        if any(refusal.reason is rules.WRONG_CODE for refusal in refused.refusals):
            with transaction():
                usage.note_wrong_code(reservation_id)
        raise
    return _reservation(reservation_id)


@blp.post(f"/reservations/{IDENT}/completion")
@blp.arguments(CompletionSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def complete(said: dict[str, Any], reservation_id: int) -> Reservation:
    """Finish: clean? fault? The charge is in /charges."""
    found = one_of_mine(reservation_id)
    actor = current_actor()
    outcome = Outcome.MEMBER if found.member_id == actor.member_id else Outcome.HOST
    once(lambda: usage.end(actor=actor, reservation_id=reservation_id, ending=Ending(**said), outcome=outcome).id)
    return _reservation(reservation_id)


@blp.post("/machines/<slug>/faults")
@blp.arguments(FaultSchema)
@blp.response(204)
@answers(blp, 400, 401, 403, 404, 415)
@scoped("reservations")
def report_fault(said: dict[str, Any], slug: str) -> None:
    """Something is wrong with a machine."""
    machine, actor = queries.machine(slug), current_actor()
    once(lambda: catalogue.report(actor=actor, machine_id=machine.id, **said).id)


def one_of_mine(reservation_id: int) -> Reservation:
    return queries.reservation_or_404(current_actor(), reservation_id)


def _reservation(ident: int) -> Reservation:
    statement = select(Reservation).where(Reservation.id == ident).options(queries.with_machine())
    return db.session.scalars(statement.execution_options(populate_existing=True)).one()


def _with_alternatives(refused: Refused, machine: Machine, claim: Claim) -> Response:
    reasons = api.reasons(refused.refusals)
    taken = any(refusal.code == "calendar.slot_taken" for refusal in refused.refusals)
    found = alternatives_to(machine, claim.period) if taken and claim.period else []
    by_resource = {one.resource_id: one for one in [machine, *(queries.similar(machine) if found else [])]}
    alternatives = [
        {**slot, "start": slot["start"].isoformat(), "end": slot["end"].isoformat()}
        for slot in (_slot(by_resource, each) for each in found)
    ]
    detail = " ".join(str(reason["message"]) for reason in reasons)
    return api.problem(409, detail, reasons=reasons, alternatives=alternatives)


def _slot(by_resource: dict[int, Machine], slot: calendar.Slot) -> dict[str, Any]:
    return {"machine": by_resource[slot.resource_id].slug, "start": slot.period.start, "end": slot.period.end}
