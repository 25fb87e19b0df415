"""What a database is made of, written down so that two can be compared: columns, keys, indexes, constraints, guards."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, inspect, text

OURS_NOT = {"alembic_version"}

_POSTGRES = """
SELECT 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL SELECT 'trigger ' || tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function ' || proname, pg_get_functiondef(pg_proc.oid) FROM pg_proc
  JOIN pg_language ON pg_language.oid = prolang WHERE pronamespace = 'public'::regnamespace AND lanname = 'plpgsql'
UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'column ' || table_name || '.' || column_name, concat_ws(' ', data_type, character_maximum_length, is_nullable,
  column_default) FROM information_schema.columns WHERE table_schema = 'public'
"""


def described(connection: Connection) -> dict[str, str]:
    """Each part by name, as the engine itself tells it."""
    found = _of_postgresql(connection) if connection.dialect.name == "postgresql" else _of_sqlite(connection)
    return {name: plain for name, plain in found.items() if not OURS_NOT & set(re.split(r"[ .]", name))}


def _of_postgresql(connection: Connection) -> dict[str, str]:
    return {name: _plain(words) for name, words in connection.execute(text(_POSTGRES)) if "alembic_version" not in name}


def _of_sqlite(connection: Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    looked = inspect(connection)
    for table in looked.get_table_names():
        for column in looked.get_columns(table):
            told = {name: str(column[name]) for name in ("type", "nullable", "default", "primary_key")}
            found[f"column {table}.{column['name']}"] = repr(sorted(told.items()))
        _add(found, "primary key", table, [looked.get_pk_constraint(table)])
        _add(found, "foreign key", table, looked.get_foreign_keys(table))
        _add(found, "unique", table, looked.get_unique_constraints(table))
        _add(found, "check", table, looked.get_check_constraints(table))
        _add(found, "index", table, looked.get_indexes(table))
    statement = (
        "SELECT type || ' ' || name, sql FROM sqlite_master WHERE type IN ('trigger', 'view') OR (type = 'index' AND sql <> '')"
    )
    return found | {name: _plain(sql) for name, sql in connection.execute(text(statement))}


def _add(found: dict[str, str], kind: str, table: str, parts: list[Any]) -> None:
    for part in parts:
        told = {name: str(value) for name, value in part.items() if name not in ("comment", "name", "dialect_options")}
        found[f"{kind} {table}.{part.get('name')}"] = _plain(repr(sorted(told.items())))


def _plain(words: str) -> str:
    return " ".join(words.replace('"', "").split())
