"""What the prints of a reservation cost, line by line: a decision over what is known of them, and loading that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select

from app.accounts import queries as accounts
from app.kernel import clock
from app.kernel.db import db
from app.kernel.money import Cents
from app.kernel.periods import Period
from billing import pricing, rates, weights
from billing.charges import NewLine
from billing.pricing import RateTerms
from machines.models import Machine, Reservation
from machines.printing.models import Material, PrinterLink, PrintJob, UsageRecord
from machines.printing.rules import Counting, is_held

Records = Mapping[int, UsageRecord]
"""The record that counts, by job."""

OVERRUN = "overrun"
BEYOND = {"fr": "au-delà du créneau", "en": "beyond the slot"}


@dataclass(frozen=True, slots=True)
class Ground:
    """What the lines are made of. `time` is what the machine charges by itself, `late` the terms beyond the slot where they
    have a rate of their own; `lost_minutes` of the slot went to somebody else's print.
    """

    reservation: Reservation
    counting: Counting
    jobs: Sequence[PrintJob]
    materials: Mapping[int, Material]
    prices: Mapping[str, Cents]
    terms: RateTerms | None
    late: RateTerms | None
    time: NewLine
    lost_minutes: int


def link_of(machine_id: int) -> PrinterLink | None:
    return db.session.scalars(select(PrinterLink).where(PrinterLink.machine_id == machine_id)).one_or_none()


def ground(reservation: Reservation, machine: Machine, link: PrinterLink, time: NewLine | None = None) -> Ground:
    """Without `time`, it is the whole slot; time that was free is priced as it would have been. At most seven statements."""
    first_day = reservation.starts_at.astimezone(clock.zone()).date()
    group = accounts.standing(reservation.payer_id).tariff_group
    known = rates.terms_for([machine.item, late_item(machine.item)], group, first_day)
    terms = known.get(machine.item)
    jobs = list(db.session.scalars(select(PrintJob).where(PrintJob.reservation_id == reservation.id).order_by(PrintJob.id)))
    materials = _materials(jobs)
    time = time or NewLine(machine.name, pricing.price_time(reservation.period.minutes, None), machine.item, reservation.period)
    if terms is not None and not time.price.cents_per_hour:
        time = replace(time, price=pricing.price_time(time.price.minutes, terms))
    return Ground(
        reservation=reservation,
        counting=link.counting,
        jobs=jobs,
        materials=materials,
        prices=_prices(materials, first_day),
        terms=terms,
        late=known.get(late_item(machine.item)),
        time=time,
        lost_minutes=_lost_minutes(reservation, link, time.period or reservation.period),
    )


def late_item(item: str | None) -> str:
    """What minutes beyond the slot of a machine are priced as, where they have a rate of their own."""
    return f"{item}:{OVERRUN}"


def lines(known: Ground, records: Records) -> dict[str, NewLine]:
    """The lines by what they are for. Nothing is asked for what the machine spoilt, nor for what nobody knows yet.

    Minutes count as they did when the first of the prints was recorded, whatever the printer counts by since.
    """
    known = replace(known, counting=_counting(known, records))
    counted = [(job, records[job.id]) for job in known.jobs if job.id in records and not is_held(records[job.id].outcome)]
    paying = [(job, record) for job, record in counted if not record.is_free]
    is_by_slot = known.counting is Counting.RESERVED
    found = {"time": _slot(known, counted) if is_by_slot else _used(known, paying)}
    for job, record in paying:
        if line := _beyond(known, job, record):
            found[f"late:{job.id}"] = line
    for job, record in counted:
        if job.material_id is not None and record.filament_mg:
            found[f"material:{job.id}"] = _weight(known, known.materials[job.material_id], record)
    return found


def _counting(known: Ground, records: Records) -> Counting:
    said = next((records[job.id].inputs["counting"] for job in known.jobs if job.id in records), known.counting)
    return Counting(said)


def total(found: Mapping[str, NewLine]) -> Cents:
    return pricing.total_cents([line.price for line in found.values()])


def worth(known: Ground, records: Records, record: UsageRecord) -> Cents:
    """What becomes free if the machine spoilt the print of `record`, whatever that says of it."""
    paid, free = (total(lines(known, {**records, record.job_id: _as(record, is_free)})) for is_free in (False, True))
    return Cents(paid - free)


def until(record: UsageRecord) -> datetime:
    """The end of a print that is paid for: after an outage not when it was found ended, but the last that is known of it."""
    return datetime.fromisoformat(record.inputs["ended_at"])


def _as(record: UsageRecord, is_free: bool) -> UsageRecord:
    """The same figures, paid or free; no part of the session."""
    figures = ("outcome", "machine_seconds", "occupied_seconds", "filament_mg", "inputs")
    return UsageRecord(is_free=is_free, **{name: getattr(record, name) for name in figures})


# ── the lines ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _slot(known: Ground, counted: Sequence[tuple[PrintJob, UsageRecord]]) -> NewLine:
    """The slot, less what somebody else's print took of it; free when the machine spoilt every print made in it."""
    minutes = known.time.price.minutes
    if counted and all(record.is_free for _job, record in counted):
        return replace(known.time, price=pricing.price_time(minutes, None))
    if not known.lost_minutes:
        return known.time
    return replace(known.time, price=pricing.price_time(max(0, minutes - known.lost_minutes), _terms(known)))


def _terms(known: Ground) -> RateTerms | None:
    """Those of the line of time itself, where it has any."""
    line = known.time.price
    if not line.cents_per_hour:
        return known.terms
    return RateTerms(line.cents_per_hour, line.minimum_minutes, line.step_minutes, line.tariff_group)


def _used(known: Ground, paying: Sequence[tuple[PrintJob, UsageRecord]]) -> NewLine:
    """The minutes of the prints together, so that a minimum is asked for once."""
    seconds = sum(_counted_seconds(known, record) - _late_seconds(known, job, record) for job, record in paying)
    times = [(job.started_at, until(record)) for job, record in paying if job.started_at and until(record) > job.started_at]
    period = Period(min(start for start, _ in times), max(end for _, end in times)) if times else None
    return replace(known.time, price=pricing.price_time(_minutes(seconds), _terms(known)), period=period)


def _beyond(known: Ground, job: PrintJob, record: UsageRecord) -> NewLine | None:
    """Minutes beyond the slot: of a slot that is paid whole, at the ordinary price where there is no other."""
    terms = known.late
    if known.counting is Counting.RESERVED and terms is None and known.terms is not None:
        terms = replace(known.terms, minimum_minutes=0)
    minutes = _minutes(_late_seconds(known, job, record))
    if not minutes or terms is None:
        return None
    item = late_item(known.time.item) if known.late else known.time.item
    label = {language: f"{name}, {BEYOND.get(language, BEYOND['en'])}" for language, name in known.time.label.items()}
    start = max(known.reservation.ends_at, job.started_at or known.reservation.ends_at)
    return NewLine(label, pricing.price_time(minutes, terms), item, Period(start, until(record)))


def _late_seconds(known: Ground, job: PrintJob, record: UsageRecord) -> int:
    """Seconds after the slot that are counted apart from the others."""
    if job.started_at is None:
        return 0
    ended_at = until(record)
    if known.counting is Counting.RESERVED:
        last = max(known.reservation.ends_at, known.time.period.end if known.time.period else known.reservation.ends_at)
        return _seconds(ended_at - max(last, job.started_at))
    if known.late is None:
        return 0
    late = _seconds(ended_at - max(known.reservation.ends_at, job.started_at))
    return min(late, _counted_seconds(known, record))


def _weight(known: Ground, material: Material, record: UsageRecord) -> NewLine:
    price = None if record.is_free else known.prices.get(material.item)
    return NewLine(material.name, pricing.price_weight(record.filament_mg, price), material.item)


def _counted_seconds(known: Ground, record: UsageRecord) -> int:
    return record.machine_seconds if known.counting is Counting.MACHINE else record.occupied_seconds


def _seconds(length: timedelta) -> int:
    return max(0, int(length.total_seconds()))


def _minutes(seconds: int) -> int:
    return -(-seconds // 60)


# ── what they are made of ────────────────────────────────────────────────────────────────────────────────────────────


def _materials(jobs: Sequence[PrintJob]) -> dict[int, Material]:
    wanted = {job.material_id for job in jobs if job.material_id is not None}
    if not wanted:
        return {}
    return {one.id: one for one in db.session.scalars(select(Material).where(Material.id.in_(wanted)))}


def _prices(materials: Mapping[int, Material], on: date) -> dict[str, Cents]:
    return weights.prices([one.item for one in materials.values()], on) if materials else {}


def _lost_minutes(reservation: Reservation, link: PrinterLink, slot: Period) -> int:
    """How much of the slot the prints of other reservations took; a begun minute counts for the member."""
    rows = db.session.execute(
        select(PrintJob.started_at, PrintJob.ended_at).where(
            PrintJob.link_id == link.id,
            PrintJob.reservation_id != reservation.id,
            PrintJob.started_at.is_not(None),
            PrintJob.started_at < slot.end,
            or_(PrintJob.ended_at.is_(None), PrintJob.ended_at > slot.start),
        )
    )
    now: datetime = clock.now()
    lost = sum(_seconds(min(ended or now, slot.end) - max(begun or now, slot.start)) for begun, ended in rows)
    return _minutes(lost)
