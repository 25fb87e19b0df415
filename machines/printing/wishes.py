"""What has become of a wish by what was seen, and what may be asked of the printer next. Pure.

A request is sent once. Only an observation says that it was heard; a wish that nothing comes of is dropped and may be made
anew by a person.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from machines.printing.gateway import Observation, Seen
from machines.printing.rules import JobState, Wish

HEARD_WITHIN = timedelta(seconds=60)
"""A pause or a resume that was sent and shows no effect by then was not heard."""
SENT_WITHIN = timedelta(minutes=2)
"""A pause or a resume that could not be sent by then is not wanted any more; a stop always is."""
PAUSE_COMES_WITHIN = timedelta(seconds=30)
"""A resume waits that long for the pause before it to show."""
STARTED_WITHIN = timedelta(minutes=5)
"""A start that cannot be sent by then would surprise somebody whose bed is not empty any more."""

GOING = frozenset({Seen.STARTING, Seen.PRINTING, Seen.RESUMING})


class Act(enum.StrEnum):
    SEND = "send"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


class Fate(enum.StrEnum):
    GRANTED = "granted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Wished:
    """A job's open wish. `is_ours`: the print that was seen active is this job's."""

    state: JobState
    wish: Wish | None
    wished_at: datetime | None
    asked_at: datetime | None
    is_ours: bool


def fate(job: Wished, seen: Observation) -> Fate | None:
    """What became of a pause or a resume; None while it is open."""
    if job.wish not in (Wish.PAUSE, Wish.RESUME):
        return None
    wished = job.wished_at or seen.at
    if job.is_ours and job.wish is Wish.PAUSE and seen.state is Seen.PAUSED:
        return Fate.GRANTED
    if job.is_ours and job.wish is Wish.RESUME and seen.state in GOING:
        goes_on = job.asked_at is not None or seen.at - wished > PAUSE_COMES_WITHIN
        return Fate.GRANTED if goes_on else None
    is_too_late = seen.at - job.asked_at > HEARD_WITHIN if job.asked_at is not None else seen.at - wished > SENT_WITHIN
    return Fate.DROPPED if is_too_late and seen.state is not Seen.PAUSING else None


def due(job: Wished, seen: Observation) -> Act | None:
    """What may be asked of the printer now, once."""
    if job.asked_at is not None:
        return None
    if job.state is JobState.SENDING:
        return Act.SEND if job.wish is Wish.START and seen.state is Seen.IDLE else None
    if not job.is_ours or seen.state is Seen.CANCELLING:
        return None
    if job.wish is Wish.CANCEL:
        return Act.CANCEL
    if job.wish is Wish.PAUSE and seen.state in GOING:
        return Act.PAUSE
    return Act.RESUME if job.wish is Wish.RESUME and seen.state is Seen.PAUSED else None
