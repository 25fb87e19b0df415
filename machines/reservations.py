"""Booking, moving and cancelling: load the facts under lock, ask the rules, write, tell. Check-in and use are in `usage`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts import queries as accounts
from app.accounts.queries import Standing
from app.calendar import occupancies
from app.calendar import queries as calendar
from app.calendar.models import Purpose
from app.kernel import audit, clock, mail
from app.kernel.actors import Actor, Role
from app.kernel.db import write
from app.kernel.money import Cents
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refusal, Refused
from billing import pricing, rates
from machines import facts, reasons, rules
from machines.models import Machine, Reservation
from machines.printing import under_way
from machines.rules import BookingFacts, ChangeFacts, Claim, Status

_SAID_ALREADY = (reasons.LAB_CLOSED, reasons.LONGER_THAN_ANY)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page shows before anybody commits: the price line by line, until when cancelling is free, and everything that
    stands in the way.
    """

    machine: Machine
    claim: Claim
    price: pricing.PricedLine | None
    free_until: datetime
    refusals: list[Refusal]

    @property
    def is_soon(self) -> bool:
        """Whether only the moment after booking is left to change one's mind."""
        return self.free_until <= clock.now() + rules.GRACE


def offer(*, member_id: int, machine: Machine, claim: Claim) -> Offer:
    """The same facts and rules as `book`, read without a lock. Writes nothing."""
    standing = accounts.standing(member_id)
    known = facts.booking(standing, machine, claim)
    found = rules.booking_refusals(known)
    price = _price(standing, machine, claim.period) if claim.period else None
    terms = ChangeFacts(clock.now(), Status.CONFIRMED, claim.start, clock.now(), facts.cancel_notice_minutes())
    return Offer(machine, claim, price, terms.free_until, [*found, *_taken(known, machine, found)])


def book(
    *,
    actor: Actor,
    machine: Machine,
    claim: Claim,
    member_id: int | None = None,
    project: str | None = None,
    override_reason: str | None = None,
) -> Reservation:
    """Reserve `machine` for the actor, or for `member_id` when a manager books for somebody.

    Raises Refused with every applicable reason, or SLOT_TAKEN if another booking won the race; NotAllowed when somebody who
    is not a manager books for another person or overrides.
    """
    why = _override(actor, override_reason)
    whose = _whose(actor, member_id)
    standing = accounts.standing_locked(whose)  # the facts below count this member's reservations
    ground = facts.claimed(machine)
    known = facts.booking(standing, machine, claim, ground=ground)
    found = rules.booking_refusals(known, override=why is not None)
    period = claim.period
    if found or period is None:
        raise Refused([*found, *_taken(known, machine, found)])
    [occupancy] = occupancies.occupy_claimed(
        [ground.place],
        _taking(machine, period),
        purpose=Purpose.RESERVATION,
        subject=f"booking:{secrets.token_hex(8)}",
    )
    now = clock.now()
    reservation = Reservation(
        machine_id=machine.id,
        member_id=whose,
        payer_id=whose,
        occupancy_id=occupancy.id,
        starts_at=period.start,
        ends_at=period.end,
        status=Status.CONFIRMED,
        project=(project or "").strip() or None,
        quoted_cents=Cents(_price(standing, machine, period).amount_cents),
        desk_code=f"{secrets.randbelow(10_000):04}",
        override_reason=why,
        booked_at=now,
        booked_by_id=actor.member_id,
        changed_at=now,
        revision=0,
        wrong_codes=0,
    )
    write(reservation)  # the occupancy, the audit and the letter name its id
    occupancies.rename(occupancy, reservation.subject)
    audit.record(actor, "reservation.booked", reservation.subject, override_reason=why)
    _tell("machines.booked", reservation)
    return reservation


def move(*, actor: Actor, reservation_id: int, claim: Claim, override_reason: str | None = None) -> Reservation:
    """Give a reservation another time (or length); the old one is kept until the new one is sure.

    One that has begun may only last longer. Raises Refused with every reason; NotAllowed when an override is asked by
    somebody who is not a manager.
    """
    why = _override(actor, override_reason)
    reservation, machine = _to_change(actor, reservation_id)
    only_longer = claim.start == reservation.starts_at and claim.end > reservation.ends_at
    if found := rules.move_refusals(facts.change(reservation), only_longer=only_longer, override=why is not None):
        raise Refused(found)
    if claim == Claim(reservation.starts_at, reservation.ends_at):
        return reservation
    standing = accounts.standing(reservation.member_id)
    known = facts.booking(standing, machine, claim, changing=reservation)
    period = claim.period
    if (found := rules.booking_refusals(known, override=why is not None)) or period is None:
        raise Refused(found)
    before = reservation.period
    occupancies.move(reservation.occupancy_id, _taking(machine, period))
    reservation.starts_at, reservation.ends_at = period.start, period.end
    reservation.quoted_cents = Cents(_price(standing, machine, period).amount_cents)
    _touch(reservation)
    times = {"before": _written(before), "after": _written(period)}
    audit.record(actor, "reservation.moved", reservation.subject, **times, override_reason=why)
    if reservation.status is Status.CONFIRMED:  # who stands at the machine has just read it on the screen
        _tell("machines.moved", reservation, before=times["before"])
    return reservation


def extend(*, actor: Actor, reservation_id: int) -> Reservation:
    """Add a quarter of an hour (or the machine's step), also to a running use, if the machine and the lab are free then."""
    reservation, machine = _to_change(actor, reservation_id)
    later = reservation.ends_at + timedelta(minutes=machine.extension_minutes)
    return move(actor=actor, reservation_id=reservation_id, claim=Claim(reservation.starts_at, later))


def cancel(*, actor: Actor, reservation_id: int, reason: str | None = None, override_reason: str | None = None) -> Reservation:
    """Give the slot back. The row stays; the timetable forgets it.

    Managers may cancel for somebody, with a reason the person is told. Raises Refused (TOO_LATE, NOT_ANY_MORE).
    """
    why = _override(actor, override_reason)
    reservation, _machine = _to_change(actor, reservation_id)
    stands = rules.cancel_refusals(facts.change(reservation), override=why is not None)
    if found := [*stands, *under_way.refusals(reservation.id)]:
        raise Refused(found)
    give_back(actor=actor, reservation=reservation, reason=reason, override_reason=why)
    return reservation


def give_back(*, actor: Actor, reservation: Reservation, reason: str | None, override_reason: str | None = None) -> None:
    """Cancel a locked reservation without asking any rule: for `cancel`, and for the house when the machine is broken."""
    now = clock.now()
    reservation.status = Status.CANCELLED
    reservation.cancelled_at = now
    _touch(reservation)
    occupancies.release(reservation.subject, now)
    audit.record(actor, "reservation.cancelled", reservation.subject, reason=reason, override_reason=override_reason)
    _tell("machines.cancelled", reservation, reason=reason, by_staff=actor.member_id != reservation.member_id)


def only_theirs(actor: Actor, reservation: Reservation) -> None:
    """Members act on their own reservations, managers on everybody's. Raises NotAllowed."""
    if actor.member_id != reservation.member_id and not actor.has(Role.MANAGER):
        raise NotAllowed


def _override(actor: Actor, reason: str | None) -> str | None:
    """Why the rules of convenience are lifted, None when they are not. Raises NotAllowed for all but managers."""
    why = (reason or "").strip() or None
    if why and not actor.has(Role.MANAGER):
        raise NotAllowed
    return why


def _whose(actor: Actor, member_id: int | None) -> int:
    whose = member_id if member_id is not None else actor.member_id
    if whose is None or (whose != actor.member_id and not actor.has(Role.MANAGER)):
        raise NotAllowed
    return whose


def _to_change(actor: Actor, reservation_id: int) -> tuple[Reservation, Machine]:
    reservation, machine = facts.lock(reservation_id)
    only_theirs(actor, reservation)
    return reservation, machine


def _taking(machine: Machine, period: Period) -> Period:
    """What the timetable gives away: the use, and the turnaround after it."""
    return period.extended(timedelta(minutes=machine.turnaround_minutes))


def _price(standing: Standing, machine: Machine, period: Period) -> pricing.PricedLine:
    """By the rate of the first day."""
    terms = rates.terms(machine.item, standing.tariff_group, period.start.astimezone(clock.zone()).date())
    return pricing.price_time(period.minutes, terms)


def _touch(reservation: Reservation) -> None:
    reservation.revision += 1
    reservation.changed_at = clock.now()


def _tell(template: str, reservation: Reservation, **more: object) -> None:
    """The letter says what was true now, whatever happens before the worker writes it."""
    mail.send(
        template,
        key=f"{template}:{reservation.id}:{reservation.revision}",
        reservation=reservation.id,
        revision=reservation.revision,
        start=reservation.starts_at.isoformat(),
        end=reservation.ends_at.isoformat(),
        cents=reservation.quoted_cents,
        **more,
    )


def _written(period: Period) -> list[str]:
    return [period.start.isoformat(), period.end.isoformat()]


def _taken(known: BookingFacts, machine: Machine, found: Sequence[Refusal]) -> list[Refusal]:
    """A friendly look at the timetable before the guard's verdict, so that everything in the way is said at once."""
    period = known.claim.period
    if period is None or known.has_it_already or any(one.reason in _SAID_ALREADY for one in found):
        return []
    if calendar.has_free_lane(machine.resource_id, _taking(machine, period)):
        return []
    return [occupancies.SLOT_TAKEN(start=period.start, end=period.end)]
