"""Booking, moving and cancelling: load the facts under lock, ask the rules, write, tell. Check-in and use are in `usage`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts.models import Member
from app.calendar.models import Purpose
from sqlalchemy import func, select

from app.accounts import lab
from app.accounts import queries as accounts
from app.calendar import occupancies
from app.calendar import queries as calendar
from app.kernel import audit, clock, mail
from app.kernel.actors import Actor, Role
from app.kernel.db import db, locked
from app.kernel.money import Cents
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refusal, Refused
from billing import pricing, rates
from billing import queries as money
from machines import queries, rules
from machines.models import Machine, Reservation, State
from machines.rules import LIVE, BookingFacts, BookingLimits, ChangeFacts, Claim, Status

COMING = (Status.CONFIRMED, Status.CHECKED_IN)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page shows before anybody commits: the price line by line, and everything that stands in the way."""

    machine: Machine
    claim: Claim
    price: pricing.PricedLine | None
    refusals: list[Refusal]


def offer(*, actor: Actor, member_id: int, machine: Machine, claim: Claim) -> Offer:
    """The same facts and rules as `book`, read without a lock. Writes nothing."""
    facts = _booking_facts(member_id, machine, claim)
    found = rules.booking_refusals(facts)
    period = claim.period
    price = None
    if period is not None:
        price = quote(member_id=member_id, machine=machine, period=period)
        if not any(refusal.reason is rules.LAB_CLOSED for refusal in found):
            found += _taken(machine, period)
    return Offer(machine, claim, price, found)


def quote(*, member_id: int, machine: Machine, period: Period) -> pricing.PricedLine:
    """The price of a stretch for this member, by the rate of its first day."""
    group = accounts.standing(member_id).tariff_group
    terms = rates.terms(machine.item, group, period.start.astimezone(clock.zone()).date())
    return pricing.price_time(period.minutes, terms)


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
    whose = _whose(actor, member_id, override_reason)
    locked(Member, whose)  # the facts below count this member's reservations: nobody books for them meanwhile
    facts = _booking_facts(whose, machine, claim)
    found = rules.booking_refusals(facts, override=bool(override_reason))
    period = claim.period
    if found or period is None:
        raise Refused(found)
    price = quote(member_id=whose, machine=machine, period=period)
    [occupancy] = occupancies.occupy(
        [machine.resource_id],
        period.extended(timedelta(minutes=machine.turnaround_minutes)),
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
        project=project or None,
        quoted_cents=Cents(price.amount_cents),
        desk_code=f"{secrets.randbelow(10_000):04}",
        override_reason=override_reason,
        booked_at=now,
        booked_by_id=actor.member_id,
        changed_at=now,
        revision=0,
        wrong_codes=0,
    )
    db.session.add(reservation)
    db.session.flush()  # the occupancy, the audit and the letter name its id
    occupancy.subject = reservation.subject
    audit.record(actor, "reservation.booked", reservation.subject, override_reason=override_reason)
    _tell("machines.booked", reservation)
    return reservation


def move(*, actor: Actor, reservation_id: int, claim: Claim, override_reason: str | None = None) -> Reservation:
    """Give a reservation another time (or length); the old one is kept until the new one is sure.

    Raises Refused with every reason; NotAllowed when an override is asked by somebody who is not a manager.
    """
    reservation, machine = _to_change(actor, reservation_id, override_reason)
    is_running = reservation.status is Status.IN_USE
    if not is_running:
        _check_change(reservation, override_reason)
    facts = _booking_facts(reservation.member_id, machine, claim, changing=reservation)
    found = rules.booking_refusals(facts, override=bool(override_reason))
    period = claim.period
    if found or period is None:
        raise Refused(found)
    before = reservation.period
    occupancies.move(reservation.occupancy_id, period.extended(timedelta(minutes=machine.turnaround_minutes)))
    reservation.starts_at, reservation.ends_at = period.start, period.end
    reservation.quoted_cents = Cents(quote(member_id=reservation.member_id, machine=machine, period=period).amount_cents)
    _touch(reservation)
    audit.record(
        actor,
        "reservation.moved",
        reservation.subject,
        before=[before.start.isoformat(), before.end.isoformat()],
        after=[period.start.isoformat(), period.end.isoformat()],
        override_reason=override_reason,
    )
    _tell("machines.moved", reservation, before=[before.start.isoformat(), before.end.isoformat()])
    return reservation


def extend(*, actor: Actor, reservation_id: int, minutes: int = 15) -> Reservation:
    """Add minutes to a use that is running, if the machine and the lab are free for them."""
    reservation, _machine = _to_change(actor, reservation_id, None)
    if reservation.status is not Status.IN_USE:
        raise Refused([rules.NOT_ANY_MORE(status=rules.STATUS_WORDS[reservation.status])])
    later = Claim(reservation.starts_at, reservation.ends_at + timedelta(minutes=minutes))
    return move(actor=actor, reservation_id=reservation_id, claim=later)


def cancel(*, actor: Actor, reservation_id: int, reason: str | None = None, override_reason: str | None = None) -> Reservation:
    """Give the slot back. The row stays; the timetable forgets it.

    Managers may cancel for somebody, with a reason the person is told. Raises Refused (TOO_LATE, NOT_ANY_MORE).
    """
    reservation, _machine = _to_change(actor, reservation_id, override_reason)
    _check_change(reservation, override_reason)
    reservation.status = Status.CANCELLED
    reservation.cancelled_at = clock.now()
    _touch(reservation)
    occupancies.release(reservation.subject, clock.now())
    audit.record(actor, "reservation.cancelled", reservation.subject, reason=reason, override_reason=override_reason)
    _tell("machines.cancelled", reservation, reason=reason, by_staff=actor.member_id != reservation.member_id)
    return reservation


def _whose(actor: Actor, member_id: int | None, override_reason: str | None) -> int:
    whose = member_id if member_id is not None else actor.member_id
    if whose is None or ((whose != actor.member_id or override_reason) and not actor.has(Role.MANAGER)):
        raise NotAllowed
    return whose


def _to_change(actor: Actor, reservation_id: int, override_reason: str | None) -> tuple[Reservation, Machine]:
    """Lock the member, then the reservation: the order every booking takes its locks in."""
    owner = db.session.scalars(select(Reservation.member_id).where(Reservation.id == reservation_id)).one()
    if override_reason and not actor.has(Role.MANAGER):
        raise NotAllowed
    locked(Member, owner)
    reservation = locked(Reservation, reservation_id)
    return reservation, queries.machine_by_id(reservation.machine_id)


def _check_change(reservation: Reservation, override_reason: str | None) -> None:
    house = lab.current()
    facts = ChangeFacts(
        now=clock.now(),
        status=reservation.status,
        starts_at=reservation.starts_at,
        notice_minutes=house.cancel_notice_minutes if house else 0,
    )
    if found := rules.change_refusals(facts, override=bool(override_reason)):
        raise Refused(found)


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
        **more,
    )


def _booking_facts(member_id: int, machine: Machine, claim: Claim, changing: Reservation | None = None) -> BookingFacts:
    now, tz = clock.now(), clock.zone()
    period = claim.period
    standing = accounts.standing(member_id)
    local_start, local_end = (moment.astimezone(tz).replace(tzinfo=None) for moment in (claim.start, claim.end))
    upcoming, elsewhere = _own_reservations(member_id, machine, period, now, changing)
    opening = calendar.opening([machine.resource_id], period)[machine.resource_id] if period else []
    return BookingFacts(
        now=now,
        claim=claim,
        local_start=local_start,
        local_end=local_end,
        opening=tuple(opening),
        email_proved=standing.email_proved,
        charter_accepted=standing.charter_accepted,
        suspended=standing.suspended,
        missing=tuple(queries.missing_competences(member_id, machine.id, local_start.date())),
        in_service=machine.state is State.IN_SERVICE,
        out_until=machine.out_until,
        overdue_cents=money.overdue_cents(member_id, now),
        upcoming=upcoming,
        busy_elsewhere=elsewhere,
        limits=BookingLimits(
            shortest_minutes=machine.shortest_minutes,
            longest_minutes=machine.longest_minutes,
            step_minutes=machine.step_minutes,
            horizon_days=machine.horizon_days,
            notice_minutes=machine.notice_minutes,
            ahead_most=machine.ahead_most,
        ),
        today=clock.today(),
        is_new=changing is None or changing.starts_at != claim.start,
    )


def _own_reservations(
    member_id: int, machine: Machine, period: Period | None, now: datetime, changing: Reservation | None
) -> tuple[int, tuple[dict[str, str], ...]]:
    """How many the member has to come on this machine, and which attended machines they booked at that time."""
    mine = select(
        Reservation.machine_id, Reservation.status, Reservation.starts_at, Reservation.ends_at, Machine.name, Machine.is_attended
    ).join(Machine, Machine.id == Reservation.machine_id)
    mine = mine.where(Reservation.member_id == member_id, Reservation.status.in_(LIVE), Reservation.ends_at > now)
    if changing is not None:
        mine = mine.where(Reservation.id != changing.id)
    rows = db.session.execute(mine).all()
    upcoming = sum(1 for row in rows if row.machine_id == machine.id and row.status in COMING)
    if period is None or not machine.is_attended:
        return upcoming, ()
    clashing = [
        row.name
        for row in rows
        if row.is_attended and row.machine_id != machine.id and row.starts_at < period.end and period.start < row.ends_at
    ]
    return upcoming, tuple(clashing)


def _taken(machine: Machine, period: Period) -> list[Refusal]:
    """A friendly look before the guard's verdict, so that a page can say it before the click."""
    wanted = period.extended(timedelta(minutes=machine.turnaround_minutes))
    if calendar.has_free_lane(machine.resource_id, wanted):
        return []
    return [occupancies.SLOT_TAKEN(start=period.start, end=period.end)]


def count_coming(member_id: int) -> int:
    """Reservations to come, for the badge of the member's page."""
    coming = select(func.count()).where(Reservation.member_id == member_id, Reservation.status.in_(COMING))
    return db.session.scalar(coming) or 0
