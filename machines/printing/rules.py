"""The life of a print, as pure decisions: its states, what may start, what a print is free of.

What an observation means for it is in `sight`. The sentences of the refusals are in `reasons`; what a file may contain is judged
in `lint`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel.refusals import N_, Refusal, Term
from machines.printing import reasons
from machines.printing.gateway import Observation, Seen
from machines.rules import Status


class JobState(enum.StrEnum):
    ATTACHED = "attached"
    SENDING = "sending"
    STARTING = "starting"
    PRINTING = "printing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    LOST = "lost"
    REJECTED = "rejected"
    EXPIRED = "expired"


OPEN = frozenset({JobState.SENDING, JobState.STARTING, JobState.PRINTING, JobState.PAUSED, JobState.CANCELLING})
"""The printer is theirs: no other job may be open on it."""
RUNNING = frozenset({JobState.PRINTING, JobState.PAUSED, JobState.CANCELLING})
ENDED = frozenset(JobState) - OPEN - {JobState.ATTACHED}

MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.ATTACHED: frozenset({JobState.SENDING, JobState.EXPIRED}),
    JobState.SENDING: frozenset({JobState.STARTING, JobState.ATTACHED, JobState.EXPIRED}),
    JobState.STARTING: frozenset({JobState.PRINTING, JobState.PAUSED, JobState.CANCELLING, JobState.REJECTED, JobState.DONE,
                                  JobState.FAILED, JobState.CANCELLED, JobState.LOST}),
    JobState.PRINTING: frozenset({JobState.PAUSED, JobState.CANCELLING, JobState.DONE, JobState.CANCELLED, JobState.FAILED,
                                  JobState.LOST}),
    JobState.PAUSED: frozenset({JobState.PRINTING, JobState.CANCELLING, JobState.DONE, JobState.CANCELLED, JobState.FAILED,
                                JobState.LOST}),
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.DONE, JobState.FAILED, JobState.LOST}),
    **{state: frozenset() for state in ENDED},
}  # fmt: skip

STATE_WORDS: Mapping[JobState, Term] = {
    JobState.ATTACHED: Term(N_("Ready")),
    JobState.SENDING: Term(N_("Sending to the printer")),
    JobState.STARTING: Term(N_("Starting")),
    JobState.PRINTING: Term(N_("Printing")),
    JobState.PAUSED: Term(N_("Paused")),
    JobState.CANCELLING: Term(N_("Stopping")),
    JobState.DONE: Term(N_("Finished")),
    JobState.CANCELLED: Term(N_("Stopped")),
    JobState.FAILED: Term(N_("Failed")),
    JobState.LOST: Term(N_("Lost from sight")),
    JobState.REJECTED: Term(N_("Refused by the printer")),
    JobState.EXPIRED: Term(N_("Never started")),
}


class Wish(enum.StrEnum):
    """What somebody asked of a print, until an observation shows it."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


class Approval(enum.StrEnum):
    """Whether somebody of the team looks at a print before it starts."""

    NEVER = "never"
    FIRST = "first"  # until the member has finished one on this printer
    ALWAYS = "always"


class EndPolicy(enum.StrEnum):
    """What happens to a print that is not finished at the end of its slot."""

    FINISH = "finish"
    ASK_NEXT = "ask_next"
    STAFF = "staff"
    CANCEL = "cancel"


class Counting(enum.StrEnum):
    """Which minutes are paid for: the slot, the machine's own, or from start to end by the clock."""

    RESERVED = "reserved"
    MACHINE = "machine"
    OCCUPIED = "occupied"


class Circuit(enum.StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    AUTH = "auth"


class PausedBy(enum.StrEnum):
    MEMBER = "member"
    STAFF = "staff"
    FILE = "file"
    PRINTER = "printer"


class Outcome(enum.StrEnum):
    """How a print ended, as it counts. UNKNOWN waits for somebody to say."""

    DONE = "done"
    CANCELLED = "cancelled"
    MACHINE_FAILED = "machine_failed"
    FILE_FAILED = "file_failed"
    STOPPED_ELSEWHERE = "stopped_elsewhere"
    UNKNOWN = "unknown"


class Source(enum.StrEnum):
    """Who or what says so."""

    OBSERVED = "observed"
    MEMBER = "member"
    STAFF = "staff"
    HOUSE = "house"


FRESH = timedelta(seconds=15)
"""An older observation starts nothing."""
EARLY = timedelta(minutes=5)
UNCONFIRMED = timedelta(seconds=60)
"""How long a start that nobody saw happen is waited for, on an idle printer."""
UNREACHABLE_ALARM = timedelta(minutes=2)
LOST_AFTER = timedelta(minutes=60)
"""After the expected end of a print whose printer does not answer."""
STALLED_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class StartFacts:
    """All that starting a print may depend on. `missing` names the competences lacked now; `busy_with` the open job's state;
    `free_until` how long nobody else has the machine (None: nobody has it next).
    """

    now: datetime
    status: Status
    starts_at: datetime
    ends_at: datetime
    is_theirs: bool
    is_staff: bool
    missing: tuple[str, ...]
    is_suspended: bool
    machine_is_out: bool
    is_blocked: bool
    is_open_hours: bool
    job_state: JobState
    has_open_job: bool
    circuit: Circuit
    is_enabled: bool
    observation: Observation | None
    bed_is_clear: bool
    findings: tuple[Refusal, ...]
    needs_approval: bool
    is_approved: bool | None
    estimated_seconds: int | None
    free_until: datetime | None


def start_refusals(facts: StartFacts, *, override: bool = False) -> list[Refusal]:
    """Every reason the print cannot start now; `override` (staff, with a written reason) lifts the overridable ones."""
    found = [refusal for rule in START_RULES for refusal in rule(facts)]
    return [refusal for refusal in found if not (override and facts.is_staff and refusal.reason.overridable)]


def still_refusals(facts: StartFacts, *, override: bool) -> list[Refusal]:
    """What came between a start that was asked and its moment: of the member, of the machine, of the time that is left."""
    found = [*able_now(facts), *fits_in_time(facts)]
    if facts.machine_is_out:
        found.append(reasons.MACHINE_OUT())
    return [refusal for refusal in found if not (override and refusal.reason.overridable)]


def in_their_own_slot(facts: StartFacts) -> Iterator[Refusal]:
    if not (facts.is_theirs or facts.is_staff):
        yield reasons.NOT_YOURS()
    if facts.now < facts.starts_at - EARLY:
        yield reasons.SLOT_NOT_BEGUN(start=facts.starts_at)
    elif facts.now >= facts.ends_at:
        yield reasons.SLOT_OVER(end=facts.ends_at)
    elif facts.status in (Status.CANCELLED, Status.NO_SHOW, Status.COMPLETED):
        yield reasons.SLOT_CLOSED()
    elif facts.status is Status.CONFIRMED:
        yield reasons.NOT_CHECKED_IN()


def able_now(facts: StartFacts) -> Iterator[Refusal]:
    for name in facts.missing:
        yield reasons.NOT_CERTIFIED_NOW(competence=name)
    if facts.is_suspended:
        yield reasons.SUSPENDED_NOW()


def machine_may_run(facts: StartFacts) -> Iterator[Refusal]:
    if facts.machine_is_out:
        yield reasons.MACHINE_OUT()
    if facts.is_blocked and not facts.is_staff:
        yield reasons.MACHINE_BLOCKED()
    if not facts.is_open_hours:
        yield reasons.CLOSED_NOW()


def printer_is_idle(facts: StartFacts) -> Iterator[Refusal]:
    if facts.has_open_job:
        yield reasons.ANOTHER_JOB()
        return
    if not facts.is_enabled or facts.circuit is Circuit.AUTH:
        yield reasons.PRINTER_NOT_LINKED()
        return
    seen = facts.observation
    if facts.circuit is Circuit.OPEN or seen is None or facts.now - seen.at > FRESH or seen.state is Seen.UNKNOWN:
        yield reasons.NOT_SEEN_LATELY()
        return
    if seen.state in (Seen.OFFLINE, Seen.STARTING_UP):
        yield reasons.PRINTER_AWAY()
    elif seen.state in (Seen.DISCONNECTED, Seen.CONNECTING, Seen.FAULT):
        yield reasons.PRINTER_DISCONNECTED()
    elif seen.state is not Seen.IDLE:
        yield reasons.PRINTER_BUSY()


def job_is_ready(facts: StartFacts) -> Iterator[Refusal]:
    if facts.job_state is not JobState.ATTACHED:
        yield reasons.ALREADY_STARTED()
    yield from facts.findings
    if facts.needs_approval and facts.is_approved is None:
        yield reasons.WAITS_FOR_APPROVAL()
    elif facts.needs_approval and not facts.is_approved:
        yield reasons.NOT_APPROVED()


def bed_is_clear(facts: StartFacts) -> Iterator[Refusal]:
    if not facts.bed_is_clear:
        yield reasons.BED_NOT_CLEAR()


def fits_in_time(facts: StartFacts) -> Iterator[Refusal]:
    if facts.estimated_seconds is None:
        return
    ends_about = facts.now + timedelta(seconds=facts.estimated_seconds)
    last = facts.ends_at if facts.free_until is None else max(facts.ends_at, facts.free_until)
    if ends_about > last and (facts.free_until is not None or ends_about > facts.ends_at + LOST_AFTER):
        yield reasons.ENDS_TOO_LATE(ends_about=ends_about, free_until=last)


START_RULES = (
    in_their_own_slot,
    able_now,
    machine_may_run,
    printer_is_idle,
    job_is_ready,
    fits_in_time,
    bed_is_clear,
)


# ── time and money ───────────────────────────────────────────────────────────────────────────────────────────────────

START_FACTOR_PERCENT = 115
"""Real time over the slicer's, until a printer has taught its own (the median of its last finished prints)."""


def estimated_seconds(slicer_seconds: int | None, factor_percent: int, heat_up_minutes: int) -> int | None:
    """How long a print takes here; None when the file says nothing and nothing moves."""
    if slicer_seconds is None:
        return None
    return -(-slicer_seconds * factor_percent // 100) + 60 * heat_up_minutes


def learned_percent(ratios: list[float]) -> int:
    """The median of real over estimated times, in percent; at least three are asked for. Between 50 and 400."""
    if len(ratios) < 3:
        return START_FACTOR_PERCENT
    ordered = sorted(ratios)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return max(50, min(400, round(median * 100)))


def is_free(outcome: Outcome) -> bool:
    """What the machine spoilt costs nothing; what nobody knows yet is held, which is not free."""
    return outcome is Outcome.MACHINE_FAILED


def is_held(outcome: Outcome) -> bool:
    return outcome is Outcome.UNKNOWN


def filament_milligrams(millimetres: float, *, diameter_um: int, density_mg: int) -> int:
    """The weight of a length of filament: length × π/4 × d² × density. Diameter in micrometres, density in mg/cm³."""
    area_mm2 = 3.141592653589793 / 4 * (diameter_um / 1000) ** 2
    return round(millimetres * area_mm2 * density_mg / 1000)
