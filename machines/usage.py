"""From the door to the bill: check-in, start, end of use; and what the house does when nobody does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts import lab
from app.accounts import queries as accounts
from app.calendar import occupancies
from app.kernel import audit, clock, mail
from app.kernel.actors import HOUSE, Actor, Role
from app.kernel.db import locked
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refused
from billing import charges, pricing, rates
from billing.models import Charge
from machines import arrivals, catalogue, facts, reasons, reservations
from machines.models import Machine, Reservation
from machines.printing import metering, under_way
from machines.rules import Outcome, Status


@dataclass(frozen=True, slots=True)
class Ending:
    """What the person says when leaving: is it clean, is something wrong, and what the next one should know."""

    is_clean: bool
    note: str = ""
    fault: str = ""
    stops_machine: bool = False


def check_in(*, actor: Actor, reservation_id: int, code: str | None, ticks: int, vouched: bool = False) -> Reservation:
    """Say one is at the machine. During the slot the use starts at once; before it, at its first minute.

    `code` is the one the machine shows now; a manager who sees the person vouches instead. Raises Refused; a wrong code is
    counted by `note_wrong_code`, in a transaction of its own.
    """
    reservation, machine = facts.lock(reservation_id)
    reservations.only_theirs(actor, reservation)
    if vouched and not actor.has(Role.MANAGER):
        raise NotAllowed
    known = facts.arriving(reservation, machine, code=None if vouched else code or "", ticks=ticks)
    if found := arrivals.check_in_refusals(known):
        raise Refused(found)
    reservation.checked_in_at = clock.now()
    reservation.status = Status.CHECKED_IN
    audit.record(actor, "reservation.checked_in", reservation.subject, vouched=vouched or None)
    if reservation.starts_at <= clock.now():
        _begin(reservation)
    return reservation


def note_wrong_code(reservation_id: int) -> None:
    """Count a wrong code, so that nobody tries them all."""
    locked(Reservation, reservation_id).wrong_codes += 1


def is_wrong_code(refused: Refused) -> bool:
    """Whether a try was spoilt, so that the edge has to count it."""
    return any(refusal.reason is reasons.WRONG_CODE for refusal in refused.refusals)


def end(*, actor: Actor, reservation_id: int, ending: Ending) -> Charge:
    """Finish a use now: free the rest of the slot, open the charge, pass on a fault. Twice is refused, not charged."""
    reservation, machine = facts.lock(reservation_id)
    reservations.only_theirs(actor, reservation)
    if found := [*arrivals.ending_refusals(reservation.status), *under_way.refusals(reservation.id)]:
        raise Refused(found)
    if ending.fault:
        # Before the slot is given back, because whoever stops a machine locks it before its place on the timetable.
        catalogue.report(
            actor=actor,
            machine_id=machine.id,
            text=ending.fault,
            stops_machine=ending.stops_machine,
            reservation_id=reservation.id,
        )
    reservation.is_clean = ending.is_clean
    reservation.closing_note = ending.note or None
    outcome = Outcome.MEMBER if actor.member_id == reservation.member_id else Outcome.HOST
    return _finish(actor, reservation, machine, outcome)


def begin_if_due(reservation_id: int) -> bool:
    """Who checked in early begins at the first minute. Whether it did; safe to run twice."""
    reservation, _machine = facts.lock(reservation_id)
    if reservation.status is not Status.CHECKED_IN or reservation.starts_at > clock.now():
        return False
    _begin(reservation)
    return True


def note_absence(reservation_id: int) -> bool:
    """Who has not come some minutes after the start frees the machine. Whether it was so; safe to run twice.

    Those minutes count from the booking for whoever took a slot that was running, and from the moment when a printer could be
    used. Nobody is absent from a broken machine: then the house cancels.
    """
    reservation, machine = facts.lock(reservation_id)
    if reservation.status is not Status.CONFIRMED or clock.now() < _expected_at(reservation) + patience():
        return False
    if machine.is_out_at(clock.now()):
        reservations.give_back(actor=HOUSE, reservation=reservation, reason=machine.out_note)
        return True
    if under_way.is_held_up(machine.id, reservation.id):
        return False
    reservation.status = Status.NO_SHOW
    reservation.revision += 1
    reservation.changed_at = clock.now()
    occupancies.finish(reservation.occupancy_id, clock.now())
    audit.record(HOUSE, "reservation.no_show", reservation.subject)
    mail.send("machines.no_show", key=f"machines.no_show:{reservation.id}", reservation=reservation.id)
    return True


def end_if_forgotten(reservation_id: int) -> bool:
    """A use that nobody ended stops some minutes after its slot, or with its print if that is later; the bill counts to the end
    of the slot, no further.
    """
    reservation, machine = facts.lock(reservation_id)
    if arrivals.ending_refusals(reservation.status) or clock.now() < reservation.ends_at + leave_time():
        return False
    if under_way.is_open(reservation.id):
        return False
    _finish(HOUSE, reservation, machine, Outcome.HOUSE)
    return True


def begin_with_print(reservation_id: int) -> bool:
    """Who is checked in and prints uses the machine, also some minutes early. Whether it began so; safe to run twice."""
    reservation, _machine = facts.lock(reservation_id)
    if reservation.status is not Status.CHECKED_IN:
        return False
    _begin(reservation)
    return True


def patience() -> timedelta:
    """How long after the start an absent person is waited for."""
    house = lab.current()
    return timedelta(minutes=house.no_show_after_minutes if house else 15)


def leave_time() -> timedelta:
    """How long after the end of the slot a use may still be ended by whoever made it."""
    house = lab.current()
    return timedelta(minutes=house.auto_end_after_minutes if house else 10)


def _expected_at(reservation: Reservation) -> datetime:
    ready = under_way.usable_since(reservation.machine_id, reservation.id)
    return max(reservation.starts_at, reservation.changed_at, ready or reservation.starts_at)


def _begin(reservation: Reservation) -> None:
    reservation.status = Status.IN_USE
    reservation.used_from = max(reservation.checked_in_at or reservation.starts_at, reservation.starts_at)


def _finish(actor: Actor, reservation: Reservation, machine: Machine, outcome: Outcome) -> Charge:
    now = clock.now()
    ended_at = min(now, reservation.ends_at) if outcome is Outcome.HOUSE else now
    reservation.status = Status.COMPLETED
    reservation.used_from = reservation.used_from or reservation.checked_in_at or reservation.starts_at
    reservation.used_until = max(ended_at, reservation.used_from)
    reservation.outcome = outcome
    occupancies.finish(reservation.occupancy_id, ended_at + timedelta(minutes=machine.turnaround_minutes))
    time = _line(reservation, machine)
    lines = metering.lines(reservation, machine, time) or [time]
    charge = charges.open_charge(actor=actor, payer_id=reservation.payer_id, subject=reservation.subject, lines=lines, at=now)
    metering.charged(reservation, charge)
    audit.record(actor, "reservation.completed", reservation.subject, outcome=outcome.value)
    mail.send("machines.completed", key=f"machines.completed:{reservation.id}", reservation=reservation.id)
    return charge


def _line(reservation: Reservation, machine: Machine) -> charges.NewLine:
    """Reserved time, or the real use when the machine says so; by the rate in force on the first day."""
    group = accounts.standing(reservation.payer_id).tariff_group
    terms = rates.terms(machine.item, group, reservation.starts_at.astimezone(clock.zone()).date())
    period = _used(reservation) if machine.bills_actual else reservation.period
    minutes = -(-int(period.duration.total_seconds()) // 60)
    return charges.NewLine(label=machine.name, price=pricing.price_time(minutes, terms), item=machine.item, period=period)


def _used(reservation: Reservation) -> Period:
    """The real use, a minute at least."""
    begun = reservation.used_from or reservation.starts_at
    return Period(begun, max(reservation.used_until or begun, begun + timedelta(minutes=1)))
