"""What one look at a printer changes: the printer's own state, the print under way, who is told. Decided by `sight` and `wishes`.

Runs in the transaction of whoever looked; asks no printer anything.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from app.kernel.db import db, locked
from machines.models import Reservation
from machines.printing import files, foreign, metering, overruns, rules, wishes
from machines.printing.events import note, tell
from machines.printing.gateway import Observation, RemoteFile, Seen
from machines.printing.models import PrinterLink, PrintFile, PrintJob
from machines.printing.rules import ENDED, OPEN, JobState, PausedBy, Source, Wish
from machines.printing.sight import AWAY, Known, Next, next_state
from machines.printing.wishes import Fate, Wished

NOT_USABLE = AWAY | {Seen.DISCONNECTED, Seen.CONNECTING, Seen.FAULT}
BLINK = timedelta(minutes=1)
"""A printer away for less does not make anybody's wait begin anew."""
UNSEEN = timedelta(minutes=2)
"""A print out of sight for longer is not held to have run until somebody looked again."""

_WAITS = frozenset({"M0", "M1", "M25", "M226", "M600", "M601", "@PAUSE", "PAUSE"})
"""Commands that pause a print until a person comes."""

_ENDINGS = {
    JobState.DONE: "finished",
    JobState.CANCELLED: "stopped",
    JobState.FAILED: "failed",
    JobState.LOST: "lost",
    JobState.REJECTED: "rejected",
}


@dataclass(frozen=True, slots=True)
class _Looked:
    """When a print was last seen under way, and how long it had printed by then."""

    at: datetime | None
    print_seconds: int


@dataclass(frozen=True, slots=True)
class Change:
    """A job went from one state to another; `why` is the word in its story."""

    job_id: int
    reservation_id: int
    before: JobState
    after: JobState
    why: str

    @property
    def is_end(self) -> bool:
        return self.after in ENDED


def apply(*, link_id: int, seen: Observation, remote: RemoteFile | None = None) -> list[Change]:
    """Take in one look, with what the server says of the open job's file where it was asked. Returns what became of the job.

    Locks the printer, then the job.
    """
    link = locked(PrinterLink, link_id)
    note_state(link, seen)
    job = open_job(link_id)
    changes = [] if job is None else _apply(link, job, seen, remote)
    foreign.notice(link=link, seen=seen, open_job=job)
    return changes


def open_job(link_id: int) -> PrintJob | None:
    """The job that has the printer, locked."""
    return db.session.scalars(_OPEN_JOB, {"link_id": link_id}).one_or_none()


_OPEN_JOB = (
    select(PrintJob)
    .where(PrintJob.link_id == bindparam("link_id"), PrintJob.state.in_(sorted(OPEN)))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


def note_state(link: PrinterLink, seen: Observation) -> None:
    """Keep the look, and since when the printer can be used or cannot."""
    link.observed_at, link.observed_state, link.observed = seen.at, seen.state, as_json(seen)
    if seen.state in NOT_USABLE:
        link.unusable_since = link.unusable_since or seen.at
    elif link.unusable_since is not None or link.usable_since is None:
        away_since, link.unusable_since = link.unusable_since, None
        if link.usable_since is None or away_since is None or seen.at - away_since >= BLINK:
            link.usable_since = seen.at


def is_ours(job: PrintJob, seen: Observation) -> bool:
    """Whether the print that was seen active is this job's."""
    return seen.is_active and seen.remote_path is not None and seen.remote_path == job.remote_path


def wished(job: PrintJob, seen: Observation) -> Wished:
    return Wished(job.state, job.wish, job.wished_at, job.asked_at, is_ours(job, seen))


def end(job: PrintJob, after: JobState, at: datetime, why: str, error_text: str | None = None) -> None:
    """Close a job and tell; what it used is recorded by whoever knows the outcome."""
    job.state, job.ended_at = after, at
    job.started_at = job.started_at or (job.asked_at if after is not JobState.REJECTED else None)
    job.wish = job.wished_at = job.asked_at = None
    job.error_text = error_text or job.error_text
    job.unreachable_since = job.stalled_since = job.idle_since = None
    job.revision += 1
    note(job, _ENDINGS[after], why=why, error=error_text)
    tell(_ENDINGS[after], job)
    if after in (JobState.FAILED, JobState.LOST):
        tell(_ENDINGS[after], job, team=True)


def _apply(link: PrinterLink, job: PrintJob, seen: Observation, remote: RemoteFile | None) -> list[Change]:
    before, looked = job.state, _looked(job)
    after = next_state(_known(job), seen, remote.successes if remote else None, remote.failures if remote else None)
    _measure(job, seen)
    _doubt(link, job, seen)
    if after.state is not before:
        _move(job, after, seen, remote, looked)
    elif before in OPEN:
        _settle_wish(job, seen)
    if job.state in OPEN and is_ours(job, seen):
        overruns.look(job=job, seen=seen)
    return [Change(job.id, job.reservation_id, before, job.state, after.why or "")] if job.state is not before else []


def _known(job: PrintJob) -> Known:
    return Known(
        state=job.state,
        remote_path=job.remote_path,
        wish=job.wish,
        asked_at=job.asked_at,
        cancel_asked=job.wish is Wish.CANCEL or job.cancelled_by_id is not None,
        ends_about=job.ends_about,
        unreachable_since=job.unreachable_since,
        started_at=job.started_at,
        idle_since=job.idle_since,
    )


def _measure(job: PrintJob, seen: Observation) -> None:
    """Figures only grow; those of another print, or of none, are not ours."""
    if seen.remote_path is None or seen.remote_path != job.remote_path:
        return
    job.print_seconds = max(job.print_seconds, seen.print_seconds or 0)
    if seen.filepos is not None and seen.filepos > (job.filepos or -1):
        job.filepos, job.filepos_moved_at = seen.filepos, seen.at
    job.completion = seen.completion if seen.completion is not None else job.completion
    if seen.is_active:
        job.seconds_left, job.seconds_left_kind = seen.seconds_left, seen.seconds_left_kind


class _Doubt(enum.StrEnum):
    UNREACHABLE = "unreachable"
    STALLED = "stalled"


def _doubt(link: PrinterLink, job: PrintJob, seen: Observation) -> None:
    """Since when the printer is not heard, stands still, or is idle though a start was sent; alarms once each time."""
    if seen.state in AWAY:
        job.unreachable_since = job.unreachable_since or seen.at
        job.idle_since = None
        if (
            job.alerted_at is None
            and seen.at - job.unreachable_since > rules.UNREACHABLE_ALARM
            and job.state is not JobState.SENDING
        ):
            _alarm(job, _Doubt.UNREACHABLE, seen.at)
        return
    if job.unreachable_since is not None:
        if job.alerted_at is not None:
            note(job, "heard_again")
        job.unreachable_since = job.alerted_at = None
        job.filepos_moved_at = seen.at if job.filepos_moved_at is not None else None
    if job.state is JobState.STARTING:
        job.idle_since = None if is_ours(job, seen) else job.idle_since or seen.at
    _look_for_stall(link, job, seen)


def _look_for_stall(link: PrinterLink, job: PrintJob, seen: Observation) -> None:
    if not is_ours(job, seen) or seen.state is not Seen.PRINTING:
        job.filepos_moved_at = seen.at if job.filepos_moved_at is not None else None
        job.stalled_since = None
        return
    moved_at = job.filepos_moved_at = job.filepos_moved_at or seen.at
    if seen.at - moved_at <= rules.STALLED_AFTER:
        job.stalled_since = None
    elif job.stalled_since is None and seen.at - moved_at > _may_stand(link, job):
        job.stalled_since = moved_at
        _alarm(job, _Doubt.STALLED, moved_at)


def _may_stand(link: PrinterLink, job: PrintJob) -> timedelta:
    """How long the place in the file may stay the same: the longest wait the file asks for, and heating up."""
    dwell = files.facts(_file(job)).longest_dwell_seconds
    return max(rules.STALLED_AFTER, timedelta(seconds=dwell, minutes=link.heat_up_minutes))


def _alarm(job: PrintJob, doubt: _Doubt, since: datetime) -> None:
    if doubt is _Doubt.UNREACHABLE:
        job.alerted_at = since
    note(job, doubt.value)
    for is_team in (False, True):
        tell(doubt.value, job, once=since.isoformat(), team=is_team)


def _move(job: PrintJob, after: Next, seen: Observation, remote: RemoteFile | None, looked: _Looked) -> None:
    if after.state in ENDED:
        _finish(job, after, seen, remote, looked)
        return
    before, job.state = job.state, after.state
    job.revision += 1
    job.started_at = job.started_at or seen.at
    job.idle_since = None
    details: dict[str, Any] = {}
    if after.state is JobState.PAUSED:
        job.paused_by = _who_paused(job)
        details["by"] = job.paused_by.value
    elif before is JobState.PAUSED and after.state is JobState.PRINTING:
        job.paused_by = None
    note(job, after.why or after.state.value, **details)
    if after.state is JobState.PAUSED and job.paused_by is not PausedBy.MEMBER:
        tell("paused", job, once=seen.at.isoformat())
    _settle_wish(job, seen)


def _settle_wish(job: PrintJob, seen: Observation) -> None:
    if job.wish is Wish.START and job.state in rules.RUNNING:
        job.wish = job.wished_at = job.asked_at = None
        if job.cancelled_by_id is not None:  # asked for while nobody knew whether it prints
            job.wish, job.wished_at, job.wished_by_id = Wish.CANCEL, seen.at, job.cancelled_by_id
        return
    fate = wishes.fate(wished(job, seen), seen)
    if fate is None:
        return
    if fate is Fate.DROPPED:
        note(job, "not_heard", wish=job.wish.value if job.wish else None)
    job.wish = job.wished_at = job.asked_at = None


def _finish(job: PrintJob, after: Next, seen: Observation, remote: RemoteFile | None, looked: _Looked) -> None:
    if after.state is JobState.DONE:
        job.completion = 100.0
        job.print_seconds = max(job.print_seconds, int((remote.last_print_seconds if remote else None) or 0))
    error = seen.error_text if after.state in (JobState.FAILED, JobState.LOST, JobState.REJECTED) else None
    end(job, after.state, seen.at, after.why or after.state.value, error)
    if after.outcome is not None:
        until = _known_end(job, looked, seen.at)
        metering.record(job=job, outcome=after.outcome, source=Source.OBSERVED, at=seen.at, until=until)


def _looked(job: PrintJob) -> _Looked:
    at = overruns.last_look(job)
    if at is None and (begun := job.started_at or job.asked_at) is not None:
        at = begun + timedelta(seconds=job.print_seconds)
    return _Looked(at, job.print_seconds)


def _known_end(job: PrintJob, looked: _Looked, at: datetime) -> datetime:
    """Seen to end, it is now; after an outage, the last look at it and what its printer says it printed since."""
    if looked.at is None or at - looked.at <= UNSEEN:
        return at
    return min(at, looked.at + timedelta(seconds=max(0, job.print_seconds - looked.print_seconds)))


def _who_paused(job: PrintJob) -> PausedBy:
    """Whoever asked; else the file, if it has a command that waits for a person; else the printer itself."""
    if job.wish in (Wish.PAUSE, Wish.RESUME):
        owner = db.session.scalars(select(Reservation.member_id).where(Reservation.id == job.reservation_id)).one()
        return PausedBy.MEMBER if job.wished_by_id == owner else PausedBy.STAFF
    commands = {mark.command.upper() for mark in files.facts(_file(job)).commands}
    return PausedBy.FILE if commands & _WAITS else PausedBy.PRINTER


def _file(job: PrintJob) -> PrintFile:
    return db.session.scalars(select(PrintFile).where(PrintFile.id == job.file_id)).one()


def as_json(seen: Observation) -> dict[str, Any]:
    return {**asdict(seen), "at": seen.at.isoformat(), "state": seen.state.value}
