"""From the door to the bill: check-in, start, end of use; and what the house does when nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.accounts.models import Member
from billing.models import Charge
from sqlalchemy import select

from app.accounts import lab
from app.accounts import queries as accounts
from app.calendar import occupancies
from app.kernel import audit, clock, mail
from app.kernel.actors import HOUSE, Actor
from app.kernel.db import db, locked
from app.kernel.periods import Period
from app.kernel.refusals import Refused
from billing import charges, pricing, rates
from machines import catalogue, queries, rules
from machines.models import Machine, Reservation, State
from machines.rules import LIVE, RESERVATION_MOVES, CheckInFacts, Outcome, Status


@dataclass(frozen=True, slots=True)
class Ending:
    """What the person says when leaving: is it clean, is something wrong, and what the next one should know."""

    is_clean: bool
    note: str = ""
    fault: str = ""
    stops_machine: bool = False


def check_in(*, actor: Actor, reservation_id: int, code: str | None, ticks: int, vouched: bool = False) -> Reservation:
    """Say one is at the machine. During the slot the use starts at once; before it, at its first minute.

    `code` is the one the machine shows now; a host who sees the person vouches instead. Raises Refused; a wrong code is
    counted by `note_wrong_code`, in a transaction of its own.
    """
    reservation, machine = _locked(reservation_id)
    standing = accounts.standing(reservation.member_id)
    house = lab.current()
    facts = CheckInFacts(
        now=clock.now(),
        status=reservation.status,
        period=reservation.period,
        opens_minutes=house.check_in_opens_minutes if house else 10,
        code_is_right=None if vouched else rules.code_is_right(machine.check_in_secret, code or "", clock.now()),
        wrong_codes=reservation.wrong_codes,
        ticks_missing=not vouched and ticks < len(machine.safety_ticks),
        suspended=standing.suspended,
        missing=tuple(queries.missing_competences(reservation.member_id, machine.id, clock.today())),
        in_service=machine.state is State.IN_SERVICE,
        out_until=machine.out_until,
    )
    if found := rules.check_in_refusals(facts):
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


def end(*, actor: Actor, reservation_id: int, ending: Ending, outcome: Outcome = Outcome.MEMBER) -> Charge:
    """Finish a use now: free the rest of the slot, open the charge, pass on a fault. Twice is refused, not charged."""
    reservation, machine = _locked(reservation_id)
    if Status.COMPLETED not in RESERVATION_MOVES[reservation.status]:
        raise Refused([rules.NOT_ANY_MORE(status=rules.STATUS_WORDS[reservation.status])])
    charge = _finish(actor, reservation, machine, ending, outcome)
    if ending.fault:
        catalogue.report(
            actor=actor,
            machine_id=machine.id,
            text=ending.fault,
            stops_machine=ending.stops_machine,
            reservation_id=reservation.id,
        )
    return charge


def begin_due() -> int:
    """Those checked in early begin at their first minute. Returns how many; safe to run twice."""
    return sum(_each(select(Reservation.id).where(Reservation.status == Status.CHECKED_IN, Reservation.starts_at <= clock.now())))


def mark_no_shows() -> int:
    """Who has not checked in some minutes after the start frees the machine. Looks for *older than*, so a stop loses nobody."""
    house = lab.current()
    latest = clock.now() - timedelta(minutes=house.no_show_after_minutes if house else 15)
    absent = db.session.scalars(
        select(Reservation.id).where(Reservation.status == Status.CONFIRMED, Reservation.starts_at <= latest)
    ).all()
    marked = 0
    for ident in absent:
        reservation, _machine = _locked(ident)
        if reservation.status is not Status.CONFIRMED or reservation.starts_at > latest:
            continue
        reservation.status = Status.NO_SHOW
        reservation.revision += 1
        reservation.changed_at = clock.now()
        occupancies.finish(reservation.occupancy_id, clock.now())
        audit.record(HOUSE, "reservation.no_show", reservation.subject)
        mail.send("machines.no_show", key=f"machines.no_show:{ident}", reservation=ident)
        marked += 1
    return marked


def end_forgotten() -> int:
    """Uses that nobody ended stop some minutes after their slot; the bill counts to the end of the slot, no further."""
    house = lab.current()
    latest = clock.now() - timedelta(minutes=house.auto_end_after_minutes if house else 10)
    forgotten = db.session.scalars(
        select(Reservation.id).where(Reservation.status.in_((Status.IN_USE, Status.CHECKED_IN)), Reservation.ends_at <= latest)
    ).all()
    ended = 0
    for ident in forgotten:
        reservation, machine = _locked(ident)
        if reservation.status not in LIVE or reservation.ends_at > latest:
            continue
        _finish(HOUSE, reservation, machine, None, Outcome.HOUSE)
        ended += 1
    return ended


def _each(statement: object) -> Sequence[int]:
    begun = []
    for ident in db.session.scalars(statement).all():  # type: ignore[call-overload]
        reservation, _machine = _locked(ident)
        if reservation.status is Status.CHECKED_IN and reservation.starts_at <= clock.now():
            _begin(reservation)
            begun.append(1)
    return begun


def _locked(reservation_id: int) -> tuple[Reservation, Machine]:
    owner = db.session.scalars(select(Reservation.member_id).where(Reservation.id == reservation_id)).one()
    locked(Member, owner)
    reservation = locked(Reservation, reservation_id)
    return reservation, queries.machine_by_id(reservation.machine_id)


def _begin(reservation: Reservation) -> None:
    reservation.status = Status.IN_USE
    reservation.used_from = max(reservation.checked_in_at or reservation.starts_at, reservation.starts_at)


def _finish(actor: Actor, reservation: Reservation, machine: Machine, ending: Ending | None, outcome: Outcome) -> Charge:
    now = min(clock.now(), reservation.ends_at) if outcome is Outcome.HOUSE else clock.now()
    reservation.status = Status.COMPLETED
    reservation.used_from = reservation.used_from or reservation.checked_in_at or reservation.starts_at
    reservation.used_until = max(now, reservation.used_from)
    reservation.outcome = outcome
    if ending is not None:
        reservation.is_clean = ending.is_clean
        reservation.closing_note = ending.note or None
    occupancies.finish(reservation.occupancy_id, clock.now() + timedelta(minutes=machine.turnaround_minutes))
    charge = charges.open_charge(
        actor=actor,
        payer_id=reservation.payer_id,
        subject=reservation.subject,
        lines=[_line(reservation, machine)],
        at=clock.now(),
    )
    audit.record(actor, "reservation.completed", reservation.subject, outcome=outcome.value)
    mail.send("machines.completed", key=f"machines.completed:{reservation.id}", reservation=reservation.id)
    return charge


def _line(reservation: Reservation, machine: Machine) -> charges.NewLine:
    """Reserved time, or the real use when the machine says so; by the rate in force on the first day."""
    group = accounts.standing(reservation.payer_id).tariff_group
    terms = rates.terms(machine.item, group, reservation.starts_at.astimezone(clock.zone()).date())
    period = reservation.period
    if machine.bills_actual and reservation.used_from and reservation.used_until:
        begun, ended = reservation.used_from, max(reservation.used_until, reservation.used_from + timedelta(minutes=1))
        period = Period(begun, ended)
    minutes = -(-int(period.duration.total_seconds()) // 60)
    return charges.NewLine(label=machine.name, price=pricing.price_time(minutes, terms))
