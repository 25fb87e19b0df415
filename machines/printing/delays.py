"""What somebody may do whose printer is still busy with the print before: wait, take another printer, give back, end it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.calendar import queries as calendar
from app.kernel import audit, clock
from app.kernel.actors import HOUSE, Actor
from app.kernel.db import db, savepoint
from app.kernel.refusals import N_, Reason, Refused
from machines import facts as machine_facts
from machines import requirements, reservations
from machines.models import Machine, Reservation, State
from machines.printing import overruns, prints
from machines.printing.events import note
from machines.printing.models import PrinterLink, PrintJob
from machines.printing.rules import OPEN, RUNNING, EndPolicy, JobState
from machines.rules import Claim, Status

NOT_DELAYED = Reason(
    "printing.not_delayed",
    N_("The printer is not late for this slot any more."),
    N_("Look at the reservation again: you can use it as planned."),
    icon="printer",
)
NOT_SIBLING = Reason(
    "printing.not_sibling",
    N_("This machine does not take the place of the printer."),
    N_("Choose one of those shown."),
    icon="printer",
)
MAY_NOT_END = Reason(
    "printing.may_not_end",
    N_("The print before yours cannot be ended by you now."),
    N_("On some printers it can, once your slot has begun and you have checked in; else ask the team."),
    icon="stop",
)
BEGUN_ALREADY = Reason(
    "printing.begun_already",
    N_("You have begun to use this slot."),
    N_("End it when you leave: the minutes the printer was taken from you cost nothing."),
    icon="clock",
)

_BEFORE_USE = (Status.CONFIRMED, Status.CHECKED_IN)


@dataclass(frozen=True, slots=True)
class Delay:
    """Why a slot is late: the print of somebody else, until about when. `siblings` are free for the whole slot."""

    reservation: Reservation
    job: PrintJob
    free_about: datetime | None
    siblings: list[Machine]
    may_end: bool
    may_leave: bool


def delay(reservation: Reservation) -> Delay | None:
    """None when the printer is not late for it. `reservation` comes with its machine."""
    job = _in_the_way(reservation)
    if job is None:
        return None
    may_leave = reservation.status in _BEFORE_USE
    return Delay(
        reservation=reservation,
        job=job,
        free_about=max(job.ends_about, clock.now()) if job.ends_about else None,
        siblings=list(_siblings(reservation)) if may_leave else [],
        may_end=_may_end(reservation, job),
        may_leave=may_leave,
    )


def wait(*, actor: Actor, reservation_id: int) -> Reservation:
    """Keep the slot. Nobody is absent from a busy printer: the clock of no-shows stands still meanwhile."""
    reservation, _machine, _job = _delayed(actor, reservation_id)
    audit.record(actor, "reservation.waits", reservation.subject)
    return reservation


def give_back(*, actor: Actor, reservation_id: int) -> Reservation:
    """Cancel free of charge, however late it is. Raises Refused when the printer is not late, or the use has begun."""
    reservation, _machine, job = _delayed(actor, reservation_id)
    if reservation.status not in _BEFORE_USE:
        raise Refused([BEGUN_ALREADY()])
    reservations.give_back(actor=actor, reservation=reservation, reason=None, override_reason=f"late: {job.subject}")
    return reservation


def move_to(*, actor: Actor, reservation_id: int, machine_id: int) -> Reservation:
    """The same time on another printer that asks for the same and is free; what was attached comes along where it fits.

    Raises Refused with every reason of booking there; the slot is kept then.
    """
    reservation, _machine, job = _delayed(actor, reservation_id)
    if reservation.status not in _BEFORE_USE:
        raise Refused([BEGUN_ALREADY()])
    sibling = next((one for one in _siblings(reservation) if one.id == machine_id), None)
    if sibling is None:
        raise Refused([NOT_SIBLING()])
    claim, member_id, project = Claim(reservation.starts_at, reservation.ends_at), reservation.member_id, reservation.project
    attached = select(PrintJob).where(PrintJob.reservation_id == reservation.id, PrintJob.state == JobState.ATTACHED)
    files = [(one.id, one.file_id, one.material_id) for one in db.session.scalars(attached.order_by(PrintJob.attempt))]
    reservations.give_back(actor=actor, reservation=reservation, reason=None, override_reason=f"late: {job.subject}")
    db.session.flush()  # the place on the timetable is free before the other is asked for
    whose = member_id if actor.member_id != member_id else None
    taken = reservations.book(actor=actor, machine=sibling, claim=claim, member_id=whose, project=project)
    for ident, file_id, material_id in files:
        _bring(actor, taken, ident, file_id, material_id)
    return taken


def end_print(*, actor: Actor, reservation_id: int) -> PrintJob:
    """Ask for the print before one's own to stop, where the printer's rule leaves it to who is next and stands there."""
    reservation, _machine, job = _delayed(actor, reservation_id)
    if not _may_end(reservation, job):
        raise Refused([MAY_NOT_END()])
    ended = prints.cancel(actor=HOUSE, job_id=job.id)
    ended.cancelled_by_id = actor.member_id
    note(ended, "ended_by_next", actor.member_id, reservation=reservation.id)
    audit.record(actor, "print.ended_by_next", ended.subject, reservation=reservation.id)
    return ended


def _delayed(actor: Actor, reservation_id: int) -> tuple[Reservation, Machine, PrintJob]:
    reservation, machine = machine_facts.lock(reservation_id)
    reservations.only_theirs(actor, reservation)
    job = _in_the_way(reservation)
    if job is None:
        raise Refused([NOT_DELAYED()])
    return reservation, machine, job


def _in_the_way(reservation: Reservation) -> PrintJob | None:
    """Somebody else's print on its printer that surely passes into this slot; None of slots that are over."""
    if reservation.status not in (*_BEFORE_USE, Status.IN_USE) or reservation.ends_at <= clock.now():
        return None
    found = (
        select(PrintJob)
        .join(PrinterLink, PrinterLink.id == PrintJob.link_id)
        .where(PrinterLink.machine_id == reservation.machine_id, PrintJob.state.in_(OPEN))
        .where(PrintJob.reservation_id != reservation.id)
    )
    job = db.session.scalars(found).one_or_none()
    if job is None or (job.overrun_since is None and reservation.starts_at > clock.now()):
        return None
    following = overruns.harmed(job)
    return job if following is not None and following.id == reservation.id else None


def _may_end(reservation: Reservation, job: PrintJob) -> bool:
    policy = db.session.scalars(select(PrinterLink.end_policy).where(PrinterLink.id == job.link_id)).one()
    is_there = reservation.status in (Status.CHECKED_IN, Status.IN_USE) and reservation.starts_at <= clock.now()
    return policy is EndPolicy.ASK_NEXT and is_there and job.state in RUNNING


def _siblings(reservation: Reservation) -> Iterator[Machine]:
    """Other printers of the house that ask for the same and are free for the whole of the slot."""
    printers = (
        select(Machine)
        .join(PrinterLink, PrinterLink.machine_id == Machine.id)
        .where(Machine.id != reservation.machine_id, Machine.state == State.IN_SERVICE, PrinterLink.is_enabled)
        .where(~select(PrintJob.id).where(PrintJob.link_id == PrinterLink.id, PrintJob.state.in_(OPEN)).exists())
        .options(joinedload(Machine.resource))
        .order_by(Machine.code)
    )
    found = list(db.session.scalars(printers))
    asked = requirements.conditions([reservation.machine_id, *(one.id for one in found)])
    own = _as_sets(asked.get(reservation.machine_id, []))
    for machine in found:
        is_same = _as_sets(asked.get(machine.id, [])) == own
        if is_same and calendar.has_free_lane(machine.resource_id, reservation.period):
            yield machine


def _as_sets(conditions: list[requirements.Condition]) -> set[frozenset[int]]:
    return {frozenset(one.ids) for one in conditions}


def _bring(actor: Actor, taken: Reservation, job_id: int, file_id: int, material_id: int | None) -> None:
    """Attach a file to the new slot; one that does not fit that printer stays with its owner."""
    try:
        with savepoint():
            prints.attach(actor=actor, reservation_id=taken.id, file_id=file_id, material_id=material_id)
    except Refused:
        job = db.session.get_one(PrintJob, job_id)
        note(job, "not_brought_along", actor.member_id)
