"""Promises kept by the database itself: constraints and triggers that the ORM cannot express, by dialect.

A guard is created with its table by `create_all`, and by hand in a migration (autogenerate is blind to it, and SQLite's
batch mode silently drops triggers). `missing` looks for every one of them: `flask doctor` and the tests call it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import DDL, Connection, FromClause, event, text


@dataclass(frozen=True, slots=True)
class Guard:
    """`name` is how the database calls it, and the text of the error when it refuses."""

    name: str
    dialect: str
    create: str


_attached: list[Guard] = []

_FOUND = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT conname FROM pg_constraint"
    " UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


def attach(table: FromClause, guards: Sequence[Guard]) -> None:
    """Create `guards` after `table`, each on its own dialect."""
    for guard in guards:
        _attached.append(guard)
        event.listen(table, "after_create", _ddl(guard))


def _ddl(guard: Guard) -> DDL:
    ddl: DDL = DDL(guard.create.replace("%", "%%"))  # type: ignore[no-untyped-call]
    return ddl.execute_if(dialect=guard.dialect)


def expected(dialect: str) -> list[Guard]:
    return [guard for guard in _attached if guard.dialect == dialect]


def missing(connection: Connection) -> list[str]:
    """Names of the guards this database should have and has not."""
    dialect = connection.dialect.name
    found = set(connection.execute(text(_FOUND[dialect])).scalars())
    return [guard.name for guard in expected(dialect) if guard.name not in found]


def append_only(table: str, *, when: str = "") -> list[Guard]:
    """Refuse UPDATE, DELETE and (PostgreSQL) TRUNCATE on `table`, for rows where the SQL condition `when` on OLD holds."""
    name = f"{table}_append_only"
    condition = f" WHEN ({when})" if when else ""
    function = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{name}'; END $$"
    )
    row = f"FOR EACH ROW{condition} EXECUTE FUNCTION {name}()"
    return [
        Guard(f"{name}_on_change", "postgresql",
              f"{function}; CREATE TRIGGER {name}_on_change BEFORE UPDATE OR DELETE ON {table} {row}"),
        Guard(f"{name}_on_truncate", "postgresql",
              f"CREATE TRIGGER {name}_on_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"),
        *(
            Guard(f"{name}_on_{verb.lower()}", "sqlite",
                  f"CREATE TRIGGER {name}_on_{verb.lower()} BEFORE {verb} ON {table}{condition}"
                  f" BEGIN SELECT RAISE(ABORT, '{name}'); END")
            for verb in ("UPDATE", "DELETE")
        ),
    ]  # fmt: skip
