"""Prints of the workshop's printer, made without a printer: what the engine would have seen, in a word each."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from billing import weights
from machines.models import Machine, Reservation
from machines.printing import files, metering
from machines.printing.gateway import Observation, Seen
from machines.printing.models import Material, PrinterLink, PrintFile, PrintJob, UsageRecord
from machines.printing.rules import Counting, JobState, Outcome, Source
from tests.builders import acting, save
from tests.machines.scene import Workshop, book, check_in, set_clock

LINE = "G1 X{x} Y{y} E{mm}\n"
METRES = 10
"""The file extrudes so many metres, one a line."""


def a_printer(shop: Workshop, machine: Machine | None = None, **changes: Any) -> PrinterLink:
    """The workshop's printer, linked; charged by the slot unless the test says otherwise."""
    of = machine or shop.printer
    with transaction():
        db.session.get_one(Machine, of.id).bills_actual = False
    values: dict[str, Any] = {"kind": "simulator", "address": f"simulator://{of.slug}", "counting": Counting.RESERVED}
    link = PrinterLink(machine_id=of.id, **{**values, **changes})
    save(link)
    return link


def petg(shop: Workshop, cents: int | None = 2900) -> Material:
    """1.27 g/cm³; a kilogram costs 29 € unless the test says otherwise."""
    material = Material(code="petg", name={"fr": "PETG", "en": "PETG"}, density_mg=1270)
    save(material)
    if cents is not None:
        with transaction():
            weights.set_price(actor=acting(shop.lea), item=material.item, cents_per_kilogram=Cents(cents))
    return material


def gcode() -> bytes:
    moves = "".join(LINE.format(x=50 + step % 2 * 40, y=50 + step, mm="1000.0") for step in range(METRES))
    return f"M83\nG28\nG1 Z0.2 F1800\n{moves}M84\n; filament_type = PETG\n".encode()


def position_after(metres: int) -> int:
    """The byte offset at which so many metres have been extruded."""
    lines = gcode().splitlines(keepends=True)
    return sum(len(line) for line in lines[: 3 + metres])


def a_file(owner: Member, name: str = "part.gcode") -> PrintFile:
    with transaction():
        return files.receive(actor=acting(owner), name=name, source=io.BytesIO(gcode()))


def a_slot(
    shop: Workshop, who: Member | None = None, start: str = "14:00", hours: float = 2, machine: Machine | None = None
) -> Reservation:
    """A reservation of the printer, its owner standing there at its first minute."""
    member, of = who or shop.ada, machine or shop.printer
    reservation = book(member, of, start, hours)
    before = clock.now()
    set_clock(start)
    check_in(member, reservation, of)
    clock.set_clock(max(before, reservation.starts_at))
    return reservation


def a_job(reservation: Reservation, link: PrinterLink, file: PrintFile, **changes: Any) -> PrintJob:
    """Printing since the start of the slot, unless the test says otherwise."""
    of = db.session.get_one(Reservation, reservation.id)
    known = list(db.session.scalars(select(PrintJob).where(PrintJob.reservation_id == of.id)))
    values: dict[str, Any] = {
        "attempt": len(known) + 1,
        "state": JobState.PRINTING,
        "attached_at": of.starts_at,
        "attached_by_id": of.member_id,
        "started_at": of.starts_at,
        "remote_path": f"fablab/{of.id}/{len(known) + 1}-1.gcode",
        "estimated_seconds": 3600,
    }
    job = PrintJob(reservation_id=of.id, link_id=link.id, file_id=file.id, **{**values, **changes})
    save(job)
    return job


STATES = {
    Outcome.DONE: JobState.DONE,
    Outcome.CANCELLED: JobState.CANCELLED,
    Outcome.UNKNOWN: JobState.LOST,
    Outcome.MACHINE_FAILED: JobState.FAILED,
    Outcome.FILE_FAILED: JobState.FAILED,
    Outcome.STOPPED_ELSEWHERE: JobState.FAILED,
}


def ends(job: PrintJob, outcome: Outcome, **seen: Any) -> UsageRecord:
    """The engine sees it end now, and what it had seen last."""
    with transaction():
        row = db.session.get_one(PrintJob, job.id)
        row.state, row.ended_at = STATES[outcome], clock.now()
        for name, value in seen.items():
            setattr(row, name, value)
        return metering.record(job=row, outcome=outcome, source=Source.OBSERVED, at=clock.now())


def says(who: Member, job: PrintJob, outcome: Outcome, note: str = "", **more: Any) -> UsageRecord:
    with transaction():
        return metering.correct(actor=acting(who), job_id=job.id, outcome=outcome, note=note, **more)


def seen(state: Seen = Seen.PRINTING, at: datetime | None = None, **more: Any) -> Observation:
    return Observation(at=at or clock.now(), state=state, **more)


def later(**length: float) -> None:
    clock.set_clock(clock.now() + timedelta(**length))
