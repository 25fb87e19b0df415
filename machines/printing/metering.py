"""What each print used, recorded once, and put right by a reversal when somebody knows better. What it costs is in `bills`.

No letter of its own: what a correction takes back is told by `billing.adjustment`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.kernel import audit, clock
from app.kernel.actors import HOUSE, Actor
from app.kernel.db import db, locked
from app.kernel.refusals import NotAllowed, Refused
from billing.charges import NewLine
from billing.models import Charge
from machines import facts as machine_facts
from machines.models import Machine, Reservation
from machines.printing import bill_lines, bills, corrections, files, gcode, queries, rules
from machines.printing.corrections import SaidFacts
from machines.printing.events import note as write_down
from machines.printing.models import Material, PrinterLink, PrintFile, PrintJob, UsageRecord
from machines.printing.rules import Counting, Outcome, Source

DENSITY_MG = 1240
"""Of filament nobody named: PLA's, the commonest. It is weighed for the record, never charged."""


def record(
    *, job: PrintJob, outcome: Outcome, source: Source, at: datetime, until: datetime | None = None, actor: Actor = HOUSE
) -> UsageRecord:
    """Write down what an ended print used; a print recorded before gets its first record back, whatever became of it since.

    `until` is the end that is paid for, where nobody saw the print end when it did.

    Filament is the file's total for a finished print, else exactly what its lines up to the last position seen extrude, from
    our own copy. Should the reservation be charged already, the difference is charged.
    """
    job = locked(PrintJob, job.id)
    if (first := _first(job.id)) is not None:
        return first
    before = current(_siblings(job))
    link = db.session.scalars(select(PrinterLink).where(PrinterLink.id == job.link_id)).one()
    row = UsageRecord(
        job_id=job.id,
        reverses_id=None,
        recorded_at=at,
        recorded_by_id=actor.member_id,
        outcome=outcome,
        source=source,
        is_free=rules.is_free(outcome),
        note=None,
        **_used(job, outcome, until or job.ended_at or at, link.counting),
    )
    db.session.add(row)
    db.session.flush()  # the event names its id
    write_down(job, "recorded", actor.member_id, record=row.id, outcome=outcome.value, source=source.value)
    reservation, machine = _reservation(job)
    bills.settle(
        actor=actor, reservation=reservation, machine=machine, job=job, before=before, after={**before, job.id: row}, note=""
    )
    return row


def correct(*, actor: Actor, job_id: int, outcome: Outcome, note: str, is_free: bool | None = None) -> UsageRecord:
    """Say how a print ended: reverse the record that counts and state it anew. What was charged follows.

    Its member answers what nobody knows, or says that it was the machine: below `AUTOMATIC_BELOW` it is free at once, above a
    manager is asked. The team corrects with a note, and decides with `is_free`. The same word twice changes nothing.
    Raises Refused with every reason, NotAllowed to everybody else.
    """
    job = db.session.scalars(select(PrintJob).where(PrintJob.id == job_id)).one()
    reservation, machine = machine_facts.lock(job.reservation_id)
    is_owner = actor.member_id is not None and actor.member_id == reservation.member_id
    is_staff = not is_owner and queries.is_team(actor, machine.id)
    if not (is_owner or is_staff):
        raise NotAllowed
    job = locked(PrintJob, job_id)
    before = current(_siblings(job))
    last = before.get(job_id)
    is_said = last is not None and last.source is not Source.OBSERVED and last.outcome is outcome
    if last is not None and is_said and is_free in (None, last.is_free):
        return last
    known = SaidFacts(last.outcome if last else None, last.source if last else None, outcome, is_staff, note)
    if (found := corrections.refusals(known)) or last is None:
        raise Refused(found)
    source = Source.STAFF if is_staff else Source.MEMBER
    row = _reversal(actor, job, last, outcome=outcome, source=source, note=note)
    row.is_free = rules.is_free(outcome) if is_free is None or not is_staff else is_free
    is_claim = not is_staff and outcome is Outcome.MACHINE_FAILED and _worth(reservation, machine, before, row)
    row.is_free = row.is_free and not is_claim
    db.session.add(row)
    db.session.flush()  # what is charged since is named after it
    write_down(job, "corrected", actor.member_id, record=row.id, outcome=outcome.value, free=row.is_free)
    audit.record(actor, "print.corrected", job.subject, outcome=outcome.value, before=last.outcome.value, note=note or None)
    words = note.strip() or _file_name(job)
    after = {**before, job_id: row}
    charge = bills.settle(
        actor=actor if is_staff else HOUSE,
        reservation=reservation,
        machine=machine,
        job=job,
        before=before,
        after=after,
        note=words,
        claim=_claim(job, before),
    )
    if is_claim and charge is not None:
        bills.ask_manager(charge, words)
    return row


def lines(reservation: Reservation, machine: Machine, time_line: NewLine) -> list[NewLine] | None:
    """What a reservation of a printer is charged: time by the way it counts, and a line of material a print.

    None for a machine that is no printer of the house, or no longer: it is charged its `time_line`.
    """
    link = bill_lines.link_of(machine.id)
    if link is None:
        return None
    known = bill_lines.ground(reservation, machine, link, time_line)
    if not known.jobs and not (link.is_enabled and link.address):
        return None
    return list(bill_lines.lines(known, current([job.id for job in known.jobs])).values())


def charged(reservation: Reservation, charge: Charge) -> None:
    """The charge of a reservation is open: where its member had said that the machine failed, a manager is asked now."""
    jobs = select(PrintJob).where(PrintJob.reservation_id == reservation.id).order_by(PrintJob.id)
    found = {job.id: job for job in db.session.scalars(jobs)}
    for job_id, row in current(found).items():
        if _is_claim(row):
            bills.ask_manager(charge, row.note or _file_name(found[job_id]))


def current(job_ids: Iterable[int]) -> dict[int, UsageRecord]:
    """The record of each print that counts: the one nothing has reversed. One statement."""
    return queries.counting(job_ids)


def _reversal(actor: Actor, job: PrintJob, last: UsageRecord, *, outcome: Outcome, source: Source, note: str) -> UsageRecord:
    """A new statement of the print that reverses `last`; the plastic is measured anew, because the outcome decides how."""
    is_measured = (outcome is Outcome.DONE) != (last.outcome is Outcome.DONE)
    figures = ("machine_seconds", "occupied_seconds", "filament_mm", "filament_mg", "filament_is_exact", "inputs")
    counting = Counting(last.inputs["counting"])
    used = (
        _used(job, outcome, bill_lines.until(last), counting) if is_measured else {name: getattr(last, name) for name in figures}
    )
    return UsageRecord(
        job_id=job.id,
        reverses_id=last.id,
        recorded_at=clock.now(),
        recorded_by_id=actor.member_id,
        outcome=outcome,
        source=source,
        is_free=False,
        note=note.strip() or None,
        **used,
    )


def _claim(job: PrintJob, records: dict[int, UsageRecord]) -> str | None:
    """The words in which its member asked a manager; None without such a request, or where another print has the same words."""
    ids = [ident for ident, row in records.items() if _is_claim(row)]
    jobs = db.session.scalars(select(PrintJob).where(PrintJob.id.in_(ids))).all() if job.id in ids else []
    words = {one.id: records[one.id].note or _file_name(one) for one in jobs}
    return words.pop(job.id) if job.id in words and list(words.values()).count(words[job.id]) == 1 else None


def _is_claim(row: UsageRecord) -> bool:
    return row.outcome is Outcome.MACHINE_FAILED and row.source is Source.MEMBER and not row.is_free


def _worth(reservation: Reservation, machine: Machine, before: dict[int, UsageRecord], row: UsageRecord) -> bool:
    """Whether so much hangs on it that a manager looks."""
    link = bill_lines.link_of(machine.id)
    if link is None:
        return False
    return bill_lines.worth(bills.ground(reservation, machine, link), before, row) >= corrections.AUTOMATIC_BELOW


def _used(job: PrintJob, outcome: Outcome, ended_at: datetime, counting: Counting) -> dict[str, Any]:
    """The figures of a record, and what they were made from."""
    occupied = int((ended_at - job.started_at).total_seconds()) if job.started_at else 0
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == job.file_id)).one()
    millimetres, is_exact = _millimetres(job, file, outcome)
    known, material = files.facts(file), db.session.get(Material, job.material_id) if job.material_id else None
    density = material.density_mg if material else DENSITY_MG
    return {
        "machine_seconds": job.print_seconds,
        "occupied_seconds": max(0, occupied),
        "filament_mm": round(millimetres),
        "filament_mg": rules.filament_milligrams(millimetres, diameter_um=known.diameter_um, density_mg=density),
        "filament_is_exact": is_exact,
        "inputs": {
            "counting": counting.value,
            "print_seconds": job.print_seconds,
            "started_at": job.started_at.isoformat() if job.started_at else None,
            "ended_at": ended_at.isoformat(),
            "filepos": job.filepos,
            "file_bytes": file.size,
            "file_mm": round(known.filament_total_mm, 4),
            "diameter_um": known.diameter_um,
            "density_mg": density,
            "material": material.code if material else None,
        },
    }


def _millimetres(job: PrintJob, file: PrintFile, outcome: Outcome) -> tuple[float, bool]:
    """How much plastic, and whether that is exact; without our copy or a position, in proportion to what was seen."""
    whole = files.facts(file).filament_total_mm
    if outcome is Outcome.DONE:
        return whole, True
    if job.started_at is None or job.filepos is None:
        share = job.print_seconds / job.estimated_seconds if job.estimated_seconds else 0.0
        return whole * min(1.0, share), whole == 0.0
    try:
        copy = files.path(file)
    except Refused:
        return whole * min(1.0, job.filepos / max(1, file.size)), False
    with copy.open("rb") as stream:
        return sum(gcode.extruded_mm(stream, job.filepos)), True


def _first(job_id: int) -> UsageRecord | None:
    rows = select(UsageRecord).where(UsageRecord.job_id == job_id, UsageRecord.reverses_id.is_(None))
    return db.session.scalars(rows).first()


def _siblings(job: PrintJob) -> list[int]:
    """The prints of the same reservation, itself among them."""
    return list(db.session.scalars(select(PrintJob.id).where(PrintJob.reservation_id == job.reservation_id)))


def _reservation(job: PrintJob) -> tuple[Reservation, Machine]:
    found = select(Reservation, Machine).join(Machine, Machine.id == Reservation.machine_id)
    row = db.session.execute(found.where(Reservation.id == job.reservation_id)).one()
    return row[0], row[1]


def _file_name(job: PrintJob) -> str:
    return db.session.scalars(select(PrintFile.name).where(PrintFile.id == job.file_id)).one()
