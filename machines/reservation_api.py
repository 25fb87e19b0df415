"""Reservations as JSON, from booking to the end of use: the same services and rules as the pages.

A manager's token acts on other people's reservations only with the scope `manage`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, url_for
from sqlalchemy import select

from app.calendar.rules import SLOT_TAKEN
from app.kernel import api, clock
from app.kernel.actors import Actor, current_actor
from app.kernel.api import answers, once, scoped
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused
from machines import proposals, queries, reservations, usage
from machines.api import as_slot
from machines.models import Machine, Reservation
from machines.reasons import LAB_CLOSED
from machines.rules import Claim
from machines.schemas import (
    BookingSchema,
    CancellationSchema,
    CheckInSchema,
    CompletionSchema,
    MoveSchema,
    ReservationSchema,
)
from machines.usage import Ending

blp = api.blueprint("reservations", __name__, "Reservations, from booking to the end of use")

IDENT = f"<int(max={api.MAX_ID}):reservation_id>"


@blp.post("/machines/<slug>/reservations")
@blp.arguments(BookingSchema)
@blp.response(201, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def book(wanted: dict[str, Any], slug: str) -> Any:
    """Book. A refusal carries every reason at once and, when the time is taken or closed, up to three alternatives."""
    machine, actor, claim = queries.machine(slug), acting(), _claim(wanted)
    more = {name: wanted[name] for name in ("project", "member_id", "override_reason")}
    try:
        ident = once(lambda: reservations.book(actor=actor, machine=machine, claim=claim, **more).id)
    except Refused as refused:
        return _with_alternatives(refused, machine, more["member_id"] or actor.member_id, claim)
    return _reservation(ident), 201, {"Location": url_for("reservations_api.one", reservation_id=ident)}


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
    return queries.reservation_or_404(acting(), reservation_id)


@blp.post(f"/reservations/{IDENT}/period")
@blp.arguments(MoveSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def move(wanted: dict[str, Any], reservation_id: int) -> Any:
    """Another time or another length. Refused, the old one is kept."""
    actor, claim, reason = acting(), _claim(wanted), wanted["override_reason"]
    queries.reservation_or_404(actor, reservation_id)
    try:
        once(lambda: reservations.move(actor=actor, reservation_id=reservation_id, claim=claim, override_reason=reason).id)
    except Refused as refused:
        found = queries.reservation_or_404(actor, reservation_id)  # as it is now, with its machine
        return _with_alternatives(refused, found.machine, found.member_id, claim, moving=found)
    return _reservation(reservation_id)


@blp.post(f"/reservations/{IDENT}/cancellation")
@blp.arguments(CancellationSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def cancel(why: dict[str, Any], reservation_id: int) -> Reservation:
    """Give the slot back."""
    actor = acting()
    queries.reservation_or_404(actor, reservation_id)
    once(lambda: reservations.cancel(actor=actor, reservation_id=reservation_id, **why).id)
    return _reservation(reservation_id)


@blp.post(f"/reservations/{IDENT}/check-in")
@blp.arguments(CheckInSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def check_in(said: dict[str, Any], reservation_id: int) -> Reservation:
    """Say you are at the machine, with the code it shows now."""
    actor = acting()
    queries.reservation_or_404(actor, reservation_id)
    try:
        once(lambda: usage.check_in(actor=actor, reservation_id=reservation_id, **said).id)
    except Refused as refused:
        if usage.is_wrong_code(refused):
            with transaction():
                usage.note_wrong_code(reservation_id)
        raise
    return _reservation(reservation_id)


@blp.post(f"/reservations/{IDENT}/extension")
@blp.response(200, ReservationSchema)
@answers(blp, 401, 403, 404, 409)
@scoped("reservations")
def extend(reservation_id: int) -> Reservation:
    """A quarter of an hour more (or a step of the machine), also while you use it, when nobody waits."""
    actor = acting()
    queries.reservation_or_404(actor, reservation_id)
    once(lambda: reservations.extend(actor=actor, reservation_id=reservation_id).id)
    return _reservation(reservation_id)


@blp.post(f"/reservations/{IDENT}/completion")
@blp.arguments(CompletionSchema)
@blp.response(200, ReservationSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("reservations")
def complete(said: dict[str, Any], reservation_id: int) -> Reservation:
    """Finish: clean? fault? The charge is in /charges."""
    actor = acting()
    queries.reservation_or_404(actor, reservation_id)
    once(lambda: usage.end(actor=actor, reservation_id=reservation_id, ending=Ending(**said)).id)
    return _reservation(reservation_id)


def acting() -> Actor:
    actor = current_actor()
    if actor.scopes is None or "manage" in actor.scopes:
        return actor
    return replace(actor, roles=frozenset())


def _claim(wanted: dict[str, Any]) -> Claim:
    return Claim.said(wanted["start"], wanted["end"], clock.zone())


def _reservation(ident: int) -> Reservation:
    statement = select(Reservation).where(Reservation.id == ident).options(queries.with_machine())
    return db.session.scalars(statement.execution_options(populate_existing=True)).one()


def _with_alternatives(
    refused: Refused, machine: Machine, member_id: int | None, claim: Claim, *, moving: Reservation | None = None
) -> Response:
    said = api.reasons(refused.refusals)
    found: list[proposals.Proposal] = []
    if member_id is not None and claim.period and any(one.reason in (SLOT_TAKEN, LAB_CLOSED) for one in refused.refusals):
        found = proposals.nearest(machine, member_id, claim.period, moving=moving)
    alternatives = [{name: _plain(value) for name, value in as_slot(proposal).items()} for proposal in found]
    return api.problem(409, " ".join(str(reason["message"]) for reason in said), reasons=said, alternatives=alternatives)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else value.isoformat()
