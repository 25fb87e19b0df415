"""Writing millions of rows quickly: without triggers, indexes and syncs, which all stand again at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, bindparam, text

_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
_POSTGRESQL_INDEXES = """SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS sql FROM pg_index
  WHERE indrelid = CAST(:name AS regclass) AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)"""
_POSTGRESQL_EXCLUSIONS = """SELECT conname AS name, pg_get_constraintdef(oid) AS sql FROM pg_constraint
  WHERE conrelid = CAST(:name AS regclass) AND contype = 'x'"""


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection that trusts its rows and commits at the end; no other is open meanwhile."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        if is_sqlite:
            for pragma in ("synchronous=off", "foreign_keys=off"):
                driver.execute(f"PRAGMA {pragma}")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'")
        yield connection
        connection.commit()
        if is_sqlite:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.exec_driver_sql("ANALYZE")  # as autovacuum would have by then
            connection.commit()
    engine.dispose()


@contextlib.contextmanager
def bare(connection: Connection, tables: Sequence[str]) -> Iterator[None]:
    """Take the triggers, indexes and exclusions of `tables` away and put them back as they were."""
    before, after = _sqlite(connection, tables) if connection.dialect.name == "sqlite" else _postgresql(connection, tables)
    for statement in before:
        connection.exec_driver_sql(statement)
    yield
    for statement in after:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def _sqlite(connection: Connection, tables: Sequence[str]) -> tuple[list[str], list[str]]:
    rows = [row for row in connection.execute(text(_SQLITE)) if row.tbl_name in tables]
    return [f'DROP {row.type} "{row.name}"' for row in rows], [row.sql for row in rows]


def _postgresql(connection: Connection, tables: Sequence[str]) -> tuple[list[str], list[str]]:
    before, after = [], []
    for name in tables:
        for row in connection.execute(text(_POSTGRESQL_EXCLUSIONS).bindparams(bindparam("name", name))):
            before.append(f"ALTER TABLE {name} DROP CONSTRAINT {row.name}")
            after.append(f"ALTER TABLE {name} ADD CONSTRAINT {row.name} {row.sql}")
        for row in connection.execute(text(_POSTGRESQL_INDEXES).bindparams(bindparam("name", name))):
            before.append(f"DROP INDEX {row.name}")
            after.append(row.sql)
        sequence = f"pg_get_serial_sequence('{name}', 'id')"
        after.append(f"SELECT setval({sequence}, (SELECT max(id) FROM {name}))")
    return before, after
