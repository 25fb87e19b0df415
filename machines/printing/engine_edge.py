"""The transactions of the engine: each function is one unit of work, run in a thread of the database, and asks no printer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.kernel import clock
from app.kernel.db import db, locked, repeating, run, transaction
from machines import usage
from machines.models import Reservation
from machines.printing import carrying, doors, foreign, observing, quiet
from machines.printing.carrying import Order
from machines.printing.gateway import Observation, PrinterBackend, PrinterError, RemoteFile, Seen
from machines.printing.models import PollerLease, PrinterLink, PrintJob
from machines.printing.observing import Change
from machines.printing.quiet import Look
from machines.printing.rules import OPEN, Circuit, JobState, Wish
from machines.printing.wishes import Act
from machines.rules import LIVE

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
BEFORE_A_SLOT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the engine knows of a printer between two looks. `slot_id` is the reservation that is near or running;
    `connects_for` that of which the printer may be connected by us, once.
    """

    link_id: int
    revision: int
    circuit: Circuit
    retry_at: datetime | None
    observed_state: Seen | None
    job_id: int | None = None
    remote_path: str | None = None
    job_state: JobState | None = None
    wish: Wish | None = None
    wished_at: datetime | None = None
    asked_at: datetime | None = None
    slot_id: int | None = None
    connects_for: int | None = None

    @property
    def pending(self) -> tuple[object, ...] | None:
        """The wish nobody has carried out yet, told apart from the one before."""
        return (self.job_id, self.wish, self.wished_at) if self.wish is not None and self.asked_at is None else None


@repeating
def hold_lease(holder: str) -> bool:
    """Take or renew the right to talk to the printers. Whether it is ours until LEASE from now."""
    now = clock.now()
    with transaction():
        mine = update(PollerLease).where(
            PollerLease.id == 1, (PollerLease.holder == holder) | (PollerLease.until <= now)
        )  # fmt: skip
        found = db.session.execute(mine.values(holder=holder, until=now + LEASE).returning(PollerLease.id)).one_or_none()
        if found is not None:
            return True
        insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
        first = insert(PollerLease).values(id=1, holder=holder, until=now + LEASE).on_conflict_do_nothing()
        return db.session.execute(first.returning(PollerLease.id)).one_or_none() is not None


@repeating
def let_go(holder: str) -> None:
    """Another engine need not wait for the lease to lapse."""
    with transaction():
        db.session.execute(update(PollerLease).where(PollerLease.id == 1, PollerLease.holder == holder).values(until=clock.now()))


def outlooks(slots: dict[int, int]) -> list[Outlook]:
    """Every printer that is linked and enabled; `slots` as `near_slots` found them. One statement."""
    rows = run(_OUTLOOKS).all()
    db.session.rollback()
    found = []
    for row in rows:
        slot = slots.get(row.machine_id)
        may_connect = row.may_connect and row.job_id is None and row.observed_state is Seen.DISCONNECTED
        found.append(
            Outlook(
                row.id, row.revision, row.circuit, row.retry_at, row.observed_state, row.job_id, row.remote_path, row.state,
                row.wish, row.wished_at, row.asked_at, slot, slot if may_connect else None,
            )
        )  # fmt: skip
    return found


_OUTLOOKS = (
    select(
        PrinterLink.id, PrinterLink.machine_id, PrinterLink.revision, PrinterLink.circuit, PrinterLink.retry_at,
        PrinterLink.observed_state, PrinterLink.may_connect, PrintJob.id.label("job_id"), PrintJob.remote_path,
        PrintJob.state, PrintJob.wish, PrintJob.wished_at, PrintJob.asked_at,
    )
    .outerjoin(PrintJob, (PrintJob.link_id == PrinterLink.id) & PrintJob.state.in_(OPEN))
    .where(PrinterLink.is_enabled, PrinterLink.address != "")
)  # fmt: skip


def near_slots() -> dict[int, int]:
    """Machines with a reservation that runs or begins within a quarter of an hour: the reservation by machine. One statement."""
    now = clock.now()
    rows = db.session.execute(
        select(Reservation.machine_id, Reservation.id)
        .join(PrinterLink, PrinterLink.machine_id == Reservation.machine_id)
        .where(Reservation.status.in_(LIVE), Reservation.starts_at <= now + BEFORE_A_SLOT, Reservation.ends_at > now)
        .order_by(Reservation.starts_at.desc())
    ).all()
    db.session.rollback()
    return {row.machine_id: row.id for row in rows}


def door(link_id: int) -> PrinterBackend:
    """Raises PrinterError when there is no key, or an address we may not talk to."""
    link = db.session.scalars(select(PrinterLink).where(PrinterLink.id == link_id)).one()
    db.session.rollback()
    return doors.backend(link)


def saw(holder: str, link_id: int, seen: Observation, remote: RemoteFile | None) -> Order | None:
    """Take in a look, and say what is to be asked of the printer now: claimed, committed, once."""
    order, changes = _saw(holder, link_id, seen, remote)
    for change in changes:
        _follow(change)
    return order


@repeating
def _saw(holder: str, link_id: int, seen: Observation, remote: RemoteFile | None) -> tuple[Order | None, list[Change]]:
    with transaction():
        link = locked(PrinterLink, link_id)
        if seen.state is Seen.OFFLINE:
            carrying.note_failure(link, seen.at, None, seen.trouble)
        else:
            carrying.note_success(link)
        changes = observing.apply(link_id=link_id, seen=seen, remote=remote)
        return (carrying.next_order(link_id, seen) if _is_ours(holder) else None), changes


@repeating
def keep(looks: Sequence[Look]) -> None:
    """Looks that brought no news, of many printers together."""
    with transaction():
        quiet.keep(looks)


@repeating
def failed(link_id: int, error: PrinterError) -> None:
    """The server could not be asked: the printer is as good as out of sight."""
    now = clock.now()
    with transaction():
        carrying.note_failure(locked(PrinterLink, link_id), now, error)
        nothing = Observation(at=now, state=Seen.UNKNOWN)
        changes = observing.apply(link_id=link_id, seen=nothing, remote=None)
        carrying.next_order(link_id, nothing)  # nothing can be asked; a start that has become too late is taken back
    for change in changes:
        _follow(change)


@repeating
def claim_start(holder: str, job_id: int) -> bool:
    with transaction():
        return _is_ours(holder) and carrying.claim_start(job_id)


@repeating
def write(act: Callable[..., object], *facts: object) -> None:
    """One of the small acts of `carrying`, in a unit of work of its own."""
    with transaction():
        act(*facts)


def answered(job_id: int | None, act: Act, error: PrinterError) -> None:
    if job_id is not None:
        write(carrying.answered, job_id, act, error)


def to_delete(link_id: int) -> list[tuple[int, str]]:
    found = carrying.to_delete(link_id)
    db.session.rollback()
    return found


def to_look_back(link_id: int) -> datetime | None:
    since = foreign.to_look_back(link_id)
    db.session.rollback()
    return since


def _is_ours(holder: str) -> bool:
    """Whether we still may talk: asked in the very transaction that claims a request."""
    now = clock.now()
    return db.session.execute(_HELD, {"holder": holder, "now": now}).one_or_none() is not None


_HELD = (
    select(PollerLease.id)
    .where(PollerLease.holder == bindparam("holder"), PollerLease.until > bindparam("now"))
    .with_for_update(key_share=True)
)


def _follow(change: Change) -> None:
    """What a print changes of its reservation, whose rows are locked in another order: a unit of work of its own.

    Whatever goes wrong with it, a request that was claimed leaves.
    """
    try:
        if change.after in (JobState.PRINTING, JobState.PAUSED):
            write(usage.begin_with_print, change.reservation_id)
        elif change.is_end:
            write(usage.end_if_forgotten, change.reservation_id)
    except Exception:
        log.exception("reservation %s: it did not follow its print", change.reservation_id)
