"""No double booking, as a property of the database: nobody can write two unreleased overlaps on one lane of one resource.

The trigger looks only at the last row that starts before the new end: rows that hold never overlap, so no earlier one can
reach further.
"""

from __future__ import annotations

from app.calendar.models import Occupancy
from app.kernel.guards import Guard, attach

NO_OVERLAP = "occupancy_no_overlap"

_POSTGRESQL = f"""ALTER TABLE occupancy ADD CONSTRAINT {NO_OVERLAP}
  EXCLUDE USING gist (resource_id WITH =, lane WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&) WHERE (released_at IS NULL)"""


def _sqlite(event: str, name: str, unless_itself: str) -> str:
    return f"""CREATE TRIGGER {NO_OVERLAP}_on_{name} BEFORE {event} ON occupancy
  WHEN NEW.released_at IS NULL AND (
    SELECT other.ends_at FROM occupancy AS other WHERE other.resource_id = NEW.resource_id AND other.lane = NEW.lane
      AND other.released_at IS NULL AND other.starts_at < NEW.ends_at{unless_itself}
      ORDER BY other.starts_at DESC LIMIT 1) > NEW.starts_at
  BEGIN SELECT RAISE(ABORT, '{NO_OVERLAP}'); END"""  # noqa: S608 - DDL made of constants


GUARDS = [
    Guard(NO_OVERLAP, "postgresql", f"CREATE EXTENSION IF NOT EXISTS btree_gist; {_POSTGRESQL}"),
    Guard(f"{NO_OVERLAP}_on_insert", "sqlite", _sqlite("INSERT", "insert", "")),
    Guard(
        f"{NO_OVERLAP}_on_update",
        "sqlite",
        _sqlite("UPDATE OF resource_id, lane, starts_at, ends_at, released_at", "update", " AND other.id <> NEW.id"),
    ),
]

attach(Occupancy.__table__, GUARDS)
