"""A printer, a file and a print in a word each, up to the state a test begins with. Every act commits like production."""

from __future__ import annotations

import io
from typing import Any

from sqlalchemy import select

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.db import db, transaction
from machines.models import Machine, Reservation
from machines.printing import files, observing, prints
from machines.printing.gateway import Observation, RemoteFile, Seen
from machines.printing.models import PrinterLink, PrintEvent, PrintFile, PrintJob, UsageRecord
from machines.printing.observing import Change
from machines.printing.rules import JobState, Wish
from tests.builders import acting, save
from tests.machines.scene import book, check_in, fresh, set_clock
from tests.printing.gcode_files import good

NOON = "14:00"


def a_link(machine: Machine, **changes: Any) -> PrinterLink:
    values = {"kind": "simulator", "address": f"simulator://{machine.slug}"}
    link = PrinterLink(machine_id=machine.id, **{**values, **changes})
    save(link)
    return link


def a_file(owner: Member, more: str = "", name: str = "vase.gcode", **changes: str) -> PrintFile:
    with transaction():
        return files.receive(actor=acting(owner), name=name, source=io.BytesIO(good(more, **changes)))


def attach(by: Member, reservation: Reservation, file: PrintFile, **more: Any) -> PrintJob:
    with transaction():
        return prints.attach(actor=acting(by), reservation_id=reservation.id, file_id=file.id, **more)


def start(by: Member, job: PrintJob, *, bed_is_clear: bool = True, **more: Any) -> PrintJob:
    with transaction():
        return prints.start(actor=acting(by), job_id=job.id, bed_is_clear=bed_is_clear, **more)


def ask(act: Any, by: Member, job: PrintJob) -> PrintJob:
    """`ask(prints.pause, ada, job)`."""
    with transaction():
        return act(actor=acting(by), job_id=job.id)


def look(
    link: PrinterLink, state: Seen, path: str | None = None, *, remote: RemoteFile | None = None, **more: Any
) -> list[Change]:
    """The printer is seen now."""
    with transaction():
        seen = Observation(at=clock.now(), state=state, remote_path=path, **more)
        return observing.apply(link_id=link.id, seen=seen, remote=remote)


def a_slot(shop: Any, member: Member | None = None, **more: Any) -> Reservation:
    """Tomorrow from 14:00, two hours on the printer, checked in at its first minute."""
    member = member or shop.ada
    reservation = book(member, shop.printer, NOON, **more)
    set_clock(NOON)
    return check_in(member, reservation, shop.printer)


def a_job(shop: Any, **more: Any) -> PrintJob:
    """Ada's, attached in her running slot; the printer has just been seen idle."""
    link = more.pop("link", None) or a_link(shop.printer)
    reservation = a_slot(shop)
    look(link, Seen.IDLE)
    return attach(shop.ada, reservation, a_file(shop.ada, **more))


def put(job: PrintJob, state: JobState, *, wish: Wish | None = None, **columns: Any) -> PrintJob:
    """The job as if the engine had brought it there."""
    with transaction():
        row = db.session.scalars(select(PrintJob).where(PrintJob.id == job.id)).one()
        row.state, row.wish = state, wish
        row.remote_path = row.remote_path or f"fablab/{row.reservation_id}/{row.id}-{row.attempt}.gcode"
        row.wished_at = clock.now() if wish else None
        for name, value in columns.items():
            setattr(row, name, value)
    return fresh(job)


def printing(job: PrintJob, shop: Any) -> PrintJob:
    """Started, sent, and seen printing."""
    start(shop.ada, job)
    job = put(job, JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    look(link_of(job), Seen.PRINTING, job.remote_path, completion=1.0, filepos=10, print_seconds=1)
    return fresh(job)


def link_of(job: PrintJob) -> PrinterLink:
    return db.session.scalars(select(PrinterLink).where(PrinterLink.id == job.link_id)).one()


def reservation_of(job: PrintJob) -> Reservation:
    db.session.rollback()
    found = select(Reservation).where(Reservation.id == job.reservation_id).execution_options(populate_existing=True)
    return db.session.scalars(found).one()


def story(job: PrintJob) -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(PrintEvent.kind).where(PrintEvent.job_id == job.id).order_by(PrintEvent.id)))


def records(job: PrintJob) -> list[UsageRecord]:
    db.session.rollback()
    return list(db.session.scalars(select(UsageRecord).where(UsageRecord.job_id == job.id).order_by(UsageRecord.id)))
