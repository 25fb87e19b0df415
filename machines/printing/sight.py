"""What a look at a printer says of the print that is under way there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from machines.printing.gateway import Observation, Seen
from machines.printing.rules import LOST_AFTER, OPEN, UNCONFIRMED, JobState, Outcome, Wish


@dataclass(frozen=True, slots=True)
class Known:
    """A job as far as it is known, for the next observation. `asked_at` is of the wish that is open; `idle_since` when, after a
    start was sent, the printer was first heard not printing it.
    """

    state: JobState
    remote_path: str | None
    wish: Wish | None
    asked_at: datetime | None
    cancel_asked: bool
    ends_about: datetime | None
    unreachable_since: datetime | None
    started_at: datetime | None
    idle_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """Where an observation takes a job. `why` is a word for the event and the record; None where nothing changed."""

    state: JobState
    why: str | None = None
    outcome: Outcome | None = None


_FINISHED = Next(JobState.DONE, "finished", Outcome.DONE)
_STOPPED = Next(JobState.CANCELLED, "cancelled", Outcome.CANCELLED)
_FAULT = Next(JobState.FAILED, "fault", Outcome.MACHINE_FAILED)
_STOPPED_ELSEWHERE = Next(JobState.FAILED, "stopped_elsewhere", Outcome.STOPPED_ELSEWHERE)
_GONE = Next(JobState.LOST, "gone", Outcome.UNKNOWN)

AWAY = frozenset({Seen.OFFLINE, Seen.STARTING_UP, Seen.UNKNOWN})
"""Nothing is seen of the printer."""
_WITHOUT_PRINTER = frozenset({Seen.DISCONNECTED, Seen.CONNECTING})


def next_state(job: Known, seen: Observation, remote_successes: int | None = None, remote_failures: int | None = None) -> Next:
    """What an observation says of an open job. The counters are of the prints of its file on the server, where they were asked
    for; None: not known. A file has a name of its own for every attempt, so that whatever they count is this very print.

    Never concludes anything from silence but, an hour after the expected end, that the print is out of sight.
    """
    if job.state not in OPEN or job.state is JobState.SENDING:
        return Next(job.state)
    if seen.state in AWAY:
        return _unseen(job, seen)
    ours = seen.remote_path is not None and seen.remote_path == job.remote_path
    if ours and seen.is_active:
        return _active(job, seen)
    if remote_successes or (ours and seen.completion is not None and seen.completion >= 100):
        return _FINISHED
    if job.state is JobState.STARTING:
        return _not_begun(job, seen, bool(remote_failures))
    return _over(job, seen, ours, bool(remote_failures))


def _unseen(job: Known, seen: Observation) -> Next:
    expected = job.ends_about or job.asked_at or seen.at
    since = job.unreachable_since or seen.at
    if seen.at > max(expected, since) + LOST_AFTER:
        return Next(JobState.LOST, "unreachable", Outcome.UNKNOWN)
    return Next(job.state)


def _active(job: Known, seen: Observation) -> Next:
    if seen.state is Seen.CANCELLING or job.state is JobState.CANCELLING:
        return Next(JobState.CANCELLING, None if job.state is JobState.CANCELLING else "cancelling")
    if seen.state is Seen.PAUSED:
        return Next(JobState.PAUSED, None if job.state is JobState.PAUSED else "paused")
    if job.state is JobState.PRINTING:
        return Next(JobState.PRINTING)
    return Next(JobState.PRINTING, "resumed" if job.state is JobState.PAUSED else "printing")


def _not_begun(job: Known, seen: Observation, has_failed: bool) -> Next:
    """A start was sent, and the print is not seen. A server that hung carries out late what it was sent, so a minute of seeing
    the printer idle is asked for, not a minute of waiting.
    """
    if has_failed:
        return _failed(job, seen)
    since = job.idle_since or seen.at
    if seen.at - since <= UNCONFIRMED:
        return Next(JobState.STARTING)
    if seen.state in _WITHOUT_PRINTER and seen.error_text is None:
        return _GONE
    return Next(JobState.REJECTED, "never_seen")


def _over(job: Known, seen: Observation, ours: bool, has_failed: bool) -> Next:
    """Printing, paused or stopping before; not active now, and not finished.

    After a fault the server says so; after a restart of the server there is no trace of the print, and nothing can be learned.
    """
    if seen.state is Seen.FAULT or (seen.state in _WITHOUT_PRINTER and seen.error_text is not None):
        return _FAULT
    if has_failed:
        return _failed(job, seen)
    if job.cancel_asked and (ours or job.state is JobState.CANCELLING):
        return _STOPPED
    return _STOPPED_ELSEWHERE if ours and seen.state not in _WITHOUT_PRINTER else _GONE


def _failed(job: Known, seen: Observation) -> Next:
    """The server counted the print as failed: a stop, or a printer that went away."""
    if seen.state is Seen.FAULT or seen.error_text is not None:
        return _FAULT
    if job.cancel_asked:
        return _STOPPED
    return _FAULT if seen.state in _WITHOUT_PRINTER else _STOPPED_ELSEWHERE
