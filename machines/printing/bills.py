"""What a correction of a print charges since, or takes back, and what a reservation and its prints came to.

A charge is never edited: more is charged for the subject of the print, less is an adjustment. Letter: `printing.charged`
(job, charge) when more is charged after the use.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import ColumnElement, select

from app.kernel import clock, mail
from app.kernel.actors import HOUSE, Actor
from app.kernel.db import db
from app.kernel.money import ZERO, Cents
from app.kernel.periods import Period
from billing import adjustments, charges, pricing
from billing import queries as money
from billing.charges import NewLine
from billing.models import Charge
from billing.pricing import PricedLine, RateTerms
from machines.models import Machine, Reservation
from machines.printing import bill_lines
from machines.printing.bill_lines import Ground, Records
from machines.printing.models import PrinterLink, PrintJob, UsageRecord


def settle(
    *,
    actor: Actor,
    reservation: Reservation,
    machine: Machine,
    job: PrintJob,
    before: Records,
    after: Records,
    note: str,
    claim: str | None = None,
) -> Charge | None:
    """Make what was charged agree with `after`, where it was opened already: charge more, or take some back.

    `claim` has the words of the member's request that is decided by it. Returns the charge that now holds the print; None when
    nothing was charged yet.
    """
    link, first = bill_lines.link_of(machine.id), money.charge_for(reservation.subject)
    if link is None or first is None:
        return None
    known = bill_lines.ground(reservation, machine, link, _time_charged(first, machine))
    old, new = bill_lines.lines(known, before), bill_lines.lines(known, after)
    more = [added for name, line in new.items() if (added := _beyond_before(line, old.get(name)))]
    own = first
    if more:
        subject = f"{job.subject}:{after[job.id].id}" if money.charge_for(job.subject) else job.subject
        own = charges.open_charge(actor=actor, payer_id=reservation.payer_id, subject=subject, lines=more, at=clock.now())
        mail.send("printing.charged", key=f"printing.charged:{own.id}", job=job.id, charge=own.id)
    if any(line.price.exact > (new[name].price.exact if name in new else 0) for name, line in old.items()):
        wanted, cost = bill_lines.total(new), cost_cents(reservation) or ZERO
        too_much = bill_lines.total(old) + (own.amount_cents if more else 0) - wanted
        # Charges made one after the other are each rounded: together they never cost more than the lines do.
        _take_back(actor, reservation, job, Cents(max(too_much, cost - wanted)), note=note, claim=claim)
    return own


def ground(reservation: Reservation, machine: Machine, link: PrinterLink) -> Ground:
    """What the lines of a reservation are made of, as it was charged where it is."""
    first = money.charge_for(reservation.subject)
    return bill_lines.ground(reservation, machine, link, _time_charged(first, machine) if first else None)


def cost_cents(reservation: Reservation) -> Cents | None:
    """What a reservation and its prints cost, whatever was charged or taken back since; None before it is charged. Two
    statements.
    """
    own = select(PrintJob.id).where(PrintJob.reservation_id == reservation.id)
    found = money.charges_for([reservation.subject, *_subjects(UsageRecord.job_id.in_(own))])
    return Cents(sum(one.total_cents for one in found.values())) if reservation.subject in found else None


def _subjects(where: ColumnElement[bool]) -> list[str]:
    """What prints may have been charged as, beside their reservation."""
    rows = db.session.execute(select(UsageRecord.job_id, UsageRecord.id).where(where)).all()
    return [*{f"print:{job_id}" for job_id, _ident in rows}, *(f"print:{job_id}:{ident}" for job_id, ident in rows)]


def _take_back(actor: Actor, reservation: Reservation, job: PrintJob, cents: Cents, *, note: str, claim: str | None) -> None:
    """Credit `cents`: of the print's own further charges first, of the other prints' then, last of the reservation's; never
    more than they cost.
    """
    own = _subjects(UsageRecord.job_id == job.id)
    all_of_it = select(PrintJob.id).where(PrintJob.reservation_id == reservation.id)
    found = money.charges_for([reservation.subject, *_subjects(UsageRecord.job_id.in_(all_of_it))])
    for charge in sorted(found.values(), key=lambda one: (one.subject not in own, -one.id)):
        credit = Cents(min(cents, charge.total_cents))
        if credit > 0:
            new_cents = Cents(charge.total_cents - credit)
            adjustments.grant(actor=actor, charge_id=charge.id, new_cents=new_cents, note=note, at=clock.now(), claim=claim)
            cents = Cents(cents - credit)


def ask_manager(charge: Charge, note: str) -> None:
    """Leave the member's word that it was the machine to a manager; one request at a time waits."""
    if charge.total_cents > 0 and not adjustments.is_waiting(charge.id):
        payer = Actor(member_id=charge.payer_id, door=HOUSE.door)
        adjustments.ask(actor=payer, charge_id=charge.id, note=note, at=clock.now())


def _time_charged(first: Charge, machine: Machine) -> NewLine | None:
    """The machine's own line as it was charged: its times and terms, whatever the rates have become. Free time has no terms."""
    for line in money.charge(first.id).lines[:1]:
        if line.item == machine.item and line.starts_at and line.ends_at:
            terms = RateTerms(line.cents_per_hour, line.minimum_minutes, line.step_minutes, line.tariff_group)
            period = Period(line.starts_at, line.ends_at)
            minutes = -(-int(period.duration.total_seconds()) // 60)
            price = pricing.price_time(minutes, terms if line.cents_per_hour else None)
            return NewLine(machine.name, price, machine.item, period)
    return None


def _beyond_before(line: NewLine, before: NewLine | None) -> NewLine | None:
    """What `line` costs more than it did; None when that is nothing."""
    new, old = line.price, before.price if before else None
    if old is None or old.exact == 0:
        return line if new.exact > 0 else None
    if new.exact <= old.exact:
        return None
    if new.is_weighed:
        return replace(line, price=pricing.price_weight((new.milligrams or 0) - (old.milligrams or 0), new.cents_per_kilogram))
    minutes, billed = max(0, new.minutes - old.minutes), new.billed_minutes - old.billed_minutes
    return replace(line, price=PricedLine(
        minutes, billed, new.cents_per_hour, new.minimum_minutes, new.step_minutes, new.tariff_group, ZERO
    ))  # fmt: skip
