"""How long prints really take on each printer, learned from its last finished ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import func, select

from app.kernel.db import db
from machines.printing import rules
from machines.printing.models import PrintFile, PrintJob
from machines.printing.rules import JobState

TAUGHT_BY = 20
"""How many of its last finished prints a printer learns its pace from."""


def percents(link_ids: Collection[int]) -> dict[int, int]:
    """What each printer's last finished prints took, over what their files say, in percent. One statement."""
    rank = func.row_number().over(partition_by=PrintJob.link_id, order_by=PrintJob.id.desc()).label("rank")
    finished = (
        select(PrintJob.link_id, PrintJob.file_id, PrintJob.print_seconds, rank)
        .where(PrintJob.link_id.in_(link_ids), PrintJob.state == JobState.DONE, PrintJob.print_seconds > 0)
        .subquery()
    )
    last = (
        select(finished.c.link_id, finished.c.print_seconds, PrintFile.facts)
        .join(PrintFile, PrintFile.id == finished.c.file_id)
        .where(finished.c.rank <= TAUGHT_BY)
    )
    ratios: dict[int, list[float]] = defaultdict(list)
    for link_id, seconds, facts in db.session.execute(last):
        if said := facts.get("seconds"):
            ratios[link_id].append(seconds / said)
    return {ident: rules.learned_percent(ratios[ident]) for ident in link_ids}
