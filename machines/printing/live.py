"""What a print looks like to somebody who watches it: its time done, what is left, what is odd. From loaded rows only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from machines.printing.gateway import Seen
from machines.printing.models import PrinterLink, PrintJob
from machines.printing.prints import ASK_AGAIN
from machines.printing.rules import OPEN, RUNNING, Circuit, JobState, PausedBy, Wish

LOOKED_AGAIN = timedelta(seconds=30)
"""An older look is told with its age, as something that may have changed."""


@dataclass(frozen=True, slots=True)
class Live:
    """`percent` is of time, not of the file's bytes; None while nothing is known. `doubts` are words a template says."""

    state: JobState
    wish: Wish | None
    percent: int | None
    seconds_done: int
    seconds_left: int | None
    ends_about: datetime | None
    tool_temp: float | None
    tool_target: float | None
    bed_temp: float | None
    bed_target: float | None
    seen_at: datetime | None
    age_seconds: int | None
    is_stale: bool
    paused_by: PausedBy | None
    doubts: tuple[str, ...]

    can_pause: bool
    can_resume: bool
    can_cancel: bool

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def live(job: PrintJob, link: PrinterLink, now: datetime) -> Live:
    """How a job stands now, by the last look at its printer."""
    seen = link.observed or {}
    at = link.observed_at
    left = _left(job, link)
    return Live(
        state=job.state,
        wish=job.wish,
        percent=percent(job.print_seconds, left) if job.state in RUNNING else None,
        seconds_done=job.print_seconds,
        seconds_left=left,
        ends_about=job.ends_about if job.state in RUNNING else None,
        tool_temp=_number(seen, "tool_temp"),
        tool_target=_number(seen, "tool_target"),
        bed_temp=_number(seen, "bed_temp"),
        bed_target=_number(seen, "bed_target"),
        seen_at=at,
        age_seconds=max(0, int((now - at).total_seconds())) if at else None,
        is_stale=at is None or now - at > LOOKED_AGAIN,
        paused_by=job.paused_by if job.state is JobState.PAUSED else None,
        doubts=tuple(_doubts(job)),
        can_pause=job.state is JobState.PRINTING and job.wish is None,
        can_resume=job.state is JobState.PAUSED and job.wish is None,
        can_cancel=_can_cancel(job, now),
    )


def percent(seconds_done: int, seconds_left: int | None) -> int | None:
    """Of the whole time; 99 at most, because only the end is the end."""
    if seconds_left is None or seconds_done + seconds_left <= 0:
        return None
    return min(99, 100 * seconds_done // (seconds_done + seconds_left))


def _can_cancel(job: PrintJob, now: datetime) -> bool:
    """A stop that nobody saw happen may be asked for again after a while."""
    if job.state not in RUNNING:
        return job.state is JobState.SENDING or (job.state is JobState.STARTING and job.cancelled_by_id is None)
    return job.wish is not Wish.CANCEL or (job.asked_at is not None and now - job.asked_at > ASK_AGAIN)


def _left(job: PrintJob, link: PrinterLink) -> int | None:
    """By the end that was foretold at the last look."""
    if job.state not in RUNNING or job.ends_about is None or link.observed_at is None:
        return None
    return max(0, int((job.ends_about - link.observed_at).total_seconds()))


def _doubts(job: PrintJob) -> list[str]:
    found = [
        ("unreachable", job.unreachable_since),
        ("stalled", job.stalled_since),
        ("overrun", job.overrun_since),
    ]
    return [word for word, since in found if since is not None] if job.state in OPEN else []


def _number(seen: dict[str, Any], name: str) -> float | None:
    value = seen.get(name)
    return float(value) if isinstance(value, (int, float)) else None


# ── a printer as anybody sees it ─────────────────────────────────────────────────────────────────────────────────────


def condition(link: PrinterLink, now: datetime) -> str:
    """One word for what a printer does: `off`, `unknown`, `away`, `unplugged`, `fault`, `free`, `printing`, `paused`, `busy`."""
    if not link.is_enabled:
        return "off"
    if link.circuit is not Circuit.CLOSED or link.observed_state in (Seen.OFFLINE, Seen.STARTING_UP):
        return "away"
    if link.observed_at is None or link.observed_state is None or now - link.observed_at > timedelta(minutes=2):
        return "unknown"
    return _CONDITIONS.get(link.observed_state, "unknown")


_CONDITIONS = {
    Seen.DISCONNECTED: "unplugged",
    Seen.CONNECTING: "unplugged",
    Seen.FAULT: "fault",
    Seen.IDLE: "free",
    Seen.STARTING: "printing",
    Seen.PRINTING: "printing",
    Seen.RESUMING: "printing",
    Seen.FINISHING: "printing",
    Seen.PAUSING: "paused",
    Seen.PAUSED: "paused",
    Seen.CANCELLING: "busy",
    Seen.BUSY: "busy",
}
