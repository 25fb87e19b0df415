"""Looks that bring no news: most of them. They are kept together, many in one unit of work, with two statements.

At the latest every three quarters of a minute a look is taken in whole, by `observing`, which alone decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import JSON, bindparam, case, type_coerce, update

from app.kernel.db import UtcDateTime, db
from machines.printing.gateway import Observation, Seen
from machines.printing.models import PrinterLink, PrintJob
from machines.printing.observing import as_json
from machines.printing.rules import JobState

WHOLE_EVERY = timedelta(seconds=45)
_EVEN = (Seen.IDLE, Seen.PRINTING)
"""What a printer does for long."""


@dataclass(frozen=True, slots=True)
class Look:
    link_id: int
    job_id: int | None
    seen: Observation


def is_quiet(last_whole: Observation | None, seen: Observation) -> bool:
    """Whether nothing but figures changed since the last look that was taken in whole, a moment ago."""
    return (
        last_whole is not None
        and seen.state in _EVEN
        and (seen.state, seen.remote_path, seen.error_text) == (last_whole.state, last_whole.remote_path, last_whole.error_text)
        and seen.at - last_whole.at < WHOLE_EVERY
    )


def keep(looks: Sequence[Look]) -> None:
    """Write the figures of quiet looks, in the caller's transaction. One that was overtaken changes nothing."""
    connection = db.session().connection()
    ordered = sorted(looks, key=lambda look: look.link_id)
    connection.execute(_LINKS, [{"link": one.link_id, "seen_at": one.seen.at, "told": as_json(one.seen)} for one in ordered])
    if printing := [_figures(one) for one in ordered if one.job_id is not None]:
        connection.execute(_JOBS, printing)


def _figures(one: Look) -> dict[str, object]:
    seen = one.seen
    return {
        "job": one.job_id,
        "path": seen.remote_path,
        "seen_at": seen.at,
        "done": seen.completion,
        "place": seen.filepos,
        "seconds": seen.print_seconds or 0,
        "left": seen.seconds_left,
        "kind": seen.seconds_left_kind,
    }


_AT = bindparam("seen_at", type_=UtcDateTime())
_MOVED = bindparam("place").is_not(None) & (PrintJob.filepos.is_(None) | (PrintJob.filepos < bindparam("place")))
_LINKS = (
    update(PrinterLink.__table__)  # type: ignore[arg-type]
    .where(
        PrinterLink.id == bindparam("link"),
        PrinterLink.observed_at < _AT,
        PrinterLink.unusable_since.is_(None),
    )
    .values(observed_at=_AT, observed=type_coerce(bindparam("told"), JSON))
)
_JOBS = (
    update(PrintJob.__table__)  # type: ignore[arg-type]
    .where(
        PrintJob.id == bindparam("job"),
        PrintJob.state == JobState.PRINTING,
        PrintJob.remote_path == bindparam("path"),
        PrintJob.print_seconds <= bindparam("seconds"),
    )
    .values(
        completion=bindparam("done"),
        print_seconds=bindparam("seconds"),
        seconds_left=bindparam("left"),
        seconds_left_kind=bindparam("kind"),
        filepos=case((_MOVED, bindparam("place")), else_=PrintJob.filepos),
        filepos_moved_at=case((_MOVED, _AT), else_=PrintJob.filepos_moved_at),
    )
)
