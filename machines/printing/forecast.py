"""What a print will take and cost, told before it starts: time here, weight, price by the rates of the day, and the slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.accounts import queries as accounts
from app.kernel import clock
from app.kernel.money import ZERO, Cents
from billing import pricing, rates, weights
from machines.printing import files
from machines.printing.models import Material, PrintJob
from machines.printing.rules import Counting


@dataclass(frozen=True, slots=True)
class Forecast:
    """`seconds` is of this printer (its learned factor and warming up included), None where the file says nothing.

    `late_minutes` is by how much the print would pass the end of its slot, 0 when it fits.
    """

    seconds: int | None
    milligrams: int | None
    time_cents: Cents
    material_cents: Cents | None
    counting: Counting
    ends_about: datetime | None
    late_minutes: int

    @property
    def total_cents(self) -> Cents:
        return Cents(self.time_cents + (self.material_cents or 0))

    @property
    def minutes(self) -> int | None:
        return None if self.seconds is None else -(-self.seconds // 60)


def forecast(job: PrintJob, material: Material | None) -> Forecast:
    """At most three statements."""
    now, reservation = clock.now(), job.reservation
    ends_about = None
    if job.estimated_seconds is not None:
        ends_about = max(now, reservation.starts_at) + timedelta(seconds=job.estimated_seconds)
    late = ends_about - reservation.ends_at if ends_about else timedelta()
    milligrams = files.grams(files.facts(job.file), material)
    return Forecast(
        seconds=job.estimated_seconds,
        milligrams=milligrams,
        time_cents=_time(job),
        material_cents=_weight(job, material, milligrams),
        counting=job.link.counting,
        ends_about=ends_about,
        late_minutes=max(0, -(-int(late.total_seconds()) // 60)),
    )


def _time(job: PrintJob) -> Cents:
    """The slot, whose price was said when it was booked, or the minutes of the print by the rate of that day."""
    reservation = job.reservation
    if job.link.counting is Counting.RESERVED or job.estimated_seconds is None:
        return reservation.quoted_cents
    group = accounts.standing(reservation.payer_id).tariff_group
    terms = rates.terms(reservation.machine.item, group, reservation.starts_at.astimezone(clock.zone()).date())
    return pricing.price_time(-(-job.estimated_seconds // 60), terms).amount_cents


def _weight(job: PrintJob, material: Material | None, milligrams: int | None) -> Cents | None:
    """None where there is no weight to price."""
    if material is None or milligrams is None:
        return None
    price = weights.price(material.item, job.reservation.starts_at.astimezone(clock.zone()).date())
    return pricing.price_weight(milligrams, price).amount_cents if price is not None else ZERO
