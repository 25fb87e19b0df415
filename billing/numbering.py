"""Numbers without gaps: a series a year, from a row locked until the transaction that uses the number ends."""

from __future__ import annotations

from sqlalchemy import update

from app.kernel.db import db
from billing.guards import begin_series
from billing.models import Counter

RECEIPTS = "RC"


def next_number(series: str, year: int) -> str:
    """“RC-2026-000124”. A rollback gives the number back, so nobody else gets one of the series until this one is written."""
    begin_series(series, year)
    mine = (Counter.series == series, Counter.year == year)
    taken = update(Counter).where(*mine).values(last=Counter.last + 1).returning(Counter.last)
    last = db.session.execute(taken.execution_options(synchronize_session=False)).scalar_one()
    return f"{series}-{year}-{last:06}"
