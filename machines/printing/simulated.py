"""A printer on a table of our own, as pure data: what it holds, what time does to it, what a look at it shows.

`simulator` keeps it in a file and answers for it. It behaves as OctoPrint was seen to: pausing and stopping take a moment, a
stopped print leaves nulls, a fault wipes everything, a power cut leaves no trace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from machines.printing.gateway import Observation, Seen

MOMENTS = {Seen.STARTING: 0.2, Seen.PAUSING: 0.5, Seen.RESUMING: 0.2, Seen.CANCELLING: 0.3}
"""Seconds a passing state lasts."""
AMBIENT, TOOL, BED = 21.0, 215.0, 60.0
WARMING, COOLING = 40.0, 150.0
"""Seconds in which two thirds of a change of temperature are through."""


@dataclass
class Stored:
    """A file of the printer; its bytes lie in the folder as `bytes_in`. `seconds` is how long it prints at speed 1."""

    size: int
    seconds: float
    marker: dict[str, str]
    bytes_in: str
    successes: int = 0
    failures: int = 0
    last_success: bool | None = None
    last_print_seconds: float | None = None
    last_ended_at: datetime | None = None
    put_by: str | None = None


@dataclass
class Job:
    """The print under way: `printed` of its `seconds` were through at `since`, when `state` began."""

    path: str
    user: str | None
    seconds: float
    state: Seen
    since: datetime
    printed: float = 0.0


@dataclass
class Heat:
    """Temperatures at an instant, and what they go for (0: nothing)."""

    at: datetime | None = None
    tool: float = AMBIENT
    bed: float = AMBIENT
    tool_target: float = 0.0
    bed_target: float = 0.0


@dataclass
class Table:
    """All there is of one printer. `server` is up, down or starting; `printer` idle, disconnected or fault.

    `faults` is a script, each entry used once: `{"call": "start", "raises": "OutcomeUnknown", "is_done": true}` for the next
    call of that name, `{"at": 40, "does": "fault", "text": "…"}` for when 40 % of a print's time is through; it does fault,
    power_cut, unplug, pause (the file asks), cancel (somebody at the printer) or stall (prints on without moving).
    """

    server: str = "up"
    printer: Seen = Seen.IDLE
    error: str | None = None
    files: dict[str, Stored] = field(default_factory=dict)
    job: Job | None = None
    selected: str | None = None
    selected_by: str | None = None
    finished_in: float | None = None
    heat: Heat = field(default_factory=Heat)
    faults: list[dict[str, object]] = field(default_factory=list)


def pass_time(table: Table, now: datetime, speed: float) -> None:
    """Bring the table from its last instant to `now`."""
    while (job := table.job) is not None:
        lasts = MOMENTS.get(job.state)
        if lasts is not None:
            ends = job.since + timedelta(seconds=lasts)
            if ends > now:
                return
            _go_on(table, job, ends, speed)
            continue
        if job.state is not Seen.PRINTING:
            return
        script = _next_turn(table, job)
        turn = job.seconds if script is None else job.seconds * float(str(script["at"])) / 100
        ends = job.since + timedelta(seconds=turn - job.printed)
        if ends > now:
            return
        job.printed, job.since = turn, ends
        if script is None:
            end(table, ends, speed, is_success=True)
        elif script["does"] == "stall":
            return
        else:
            table.faults.remove(script)
            befall(table, str(script["does"]), str(script.get("text", "")), ends, speed)


def begin(table: Table, path: str, user: str | None, now: datetime, speed: float) -> None:
    table.selected, table.selected_by, table.finished_in, table.error = path, user, None, None
    table.job = Job(path, user, max(0.5, table.files[path].seconds / speed), Seen.STARTING, now)
    _heat(table, now, speed, TOOL, BED)


def change(table: Table, state: Seen, now: datetime) -> None:
    """Let the print go on in another state from now on; what was printed until now stays printed."""
    job = table.job
    if job is not None:
        job.printed = printed(job, now)
        job.state, job.since = state, now


def end(table: Table, now: datetime, speed: float, *, is_success: bool) -> None:
    job = table.job
    if job is None:
        return
    stored = table.files[job.path]
    stored.successes += is_success
    stored.failures += not is_success
    stored.last_success, stored.last_print_seconds = is_success, job.seconds if is_success else None
    stored.last_ended_at = now
    table.job, table.finished_in = None, job.seconds if is_success else None
    _heat(table, now, speed, 0, 0)


def befall(table: Table, what: str, text: str, now: datetime, speed: float) -> None:
    """Something happens to the printer: see `Table.faults`."""
    if what == "pause":
        change(table, Seen.PAUSED, now)
        return
    if what == "power_cut":
        table.job = None  # nothing is counted: nobody was there to count
    end(table, now, speed, is_success=False)
    if what in ("fault", "unplug", "power_cut"):
        table.printer = Seen.FAULT if what == "fault" else Seen.DISCONNECTED
        table.error = text or "the printer halted" if what == "fault" else None
        table.selected = table.selected_by = table.finished_in = None
        _heat(table, now, speed, 0, 0)


def printed(job: Job, now: datetime) -> float:
    """Seconds of printing that are through."""
    if job.state is not Seen.PRINTING:
        return job.printed
    return min(job.seconds, job.printed + (now - job.since).total_seconds())


def share_printed(table: Table, now: datetime) -> float | None:
    """How much of the selected file is printed, 0 to 1; None when it is not being printed, nor was to its end."""
    if table.job is None:
        return 1.0 if table.finished_in is not None else None
    stalls = [float(str(one["at"])) / 100 for one in table.faults if one.get("does") == "stall"]
    return min(1.0, printed(table.job, now) / table.job.seconds, *stalls)


def look(table: Table, now: datetime, speed: float, filepos: int | None) -> Observation:
    """What is seen of a printer whose server answers. `filepos` is the line's end that `share_printed` comes to."""
    job, stored = table.job, table.files.get(table.selected or "")
    through = printed(job, now) if job else table.finished_in
    tool, bed = temperatures(table.heat, now, speed)
    if table.printer is not Seen.IDLE:
        return Observation(at=now, state=table.printer, error_text=table.error)
    return Observation(
        at=now,
        state=job.state if job else Seen.IDLE,
        remote_path=table.selected,
        started_by=table.selected_by,
        completion=100 * filepos / stored.size if filepos is not None and stored and stored.size else None,
        filepos=filepos,
        print_seconds=None if through is None else int(through),
        seconds_left=max(0, math.ceil(job.seconds - (through or 0))) if job else 0 if through is not None else None,
        seconds_left_kind="estimate" if job else None,
        tool_temp=tool,
        tool_target=table.heat.tool_target,
        bed_temp=bed,
        bed_target=table.heat.bed_target,
    )


def temperatures(heat: Heat, now: datetime, speed: float) -> tuple[float, float]:
    """Tool and bed now, in tenths of a degree."""
    gone = (now - heat.at).total_seconds() * speed if heat.at else 0.0

    def near(since: float, target: float) -> float:
        goal = target or AMBIENT
        return round(goal + (since - goal) * math.exp(-gone / (WARMING if target else COOLING)), 1)

    return near(heat.tool, heat.tool_target), near(heat.bed, heat.bed_target)


def _go_on(table: Table, job: Job, now: datetime, speed: float) -> None:
    """A passing state is through."""
    if job.state is Seen.CANCELLING:
        end(table, now, speed, is_success=False)
    else:
        change(table, Seen.PAUSED if job.state is Seen.PAUSING else Seen.PRINTING, now)


def _next_turn(table: Table, job: Job) -> dict[str, object] | None:
    """The scripted event that comes first in this print."""
    coming = [one for one in table.faults if "at" in one and job.seconds * float(str(one["at"])) / 100 >= job.printed]
    return min(coming, key=lambda one: float(str(one["at"])), default=None)


def _heat(table: Table, now: datetime, speed: float, tool: float, bed: float) -> None:
    warm_tool, warm_bed = temperatures(table.heat, now, speed)
    table.heat = Heat(now, warm_tool, warm_bed, tool, bed)
