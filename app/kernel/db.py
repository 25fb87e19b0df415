"""The database: our typed Base, column types, the one way to write (`transaction`), and each dialect's habits."""

from __future__ import annotations

import enum
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypeVar

import orjson
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Enum,
    Executable,
    Integer,
    MetaData,
    Select,
    String,
    bindparam,
    event,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, make_transient_to_detached, mapped_column, registry
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine

from app.kernel.money import Cents

try:
    from pysqlite3 import dbapi2 as sqlite3  # a newer SQLite than the system's, where a wheel exists
except ImportError:
    import sqlite3

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware instants in, aware UTC instants out, on both engines. Raises ValueError for a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must be aware")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        # Feeds read hundreds: on SQLite the text becomes an aware instant in one step instead of three.
        return _instant_from_text if dialect.name == "sqlite" else _instant_in_utc


def _instant_from_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def _instant_in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


# A 64-bit key; on SQLite an INTEGER PRIMARY KEY is one already, and only it counts up by itself.
_BigKey: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")

pk = Annotated[int, mapped_column(_BigKey, primary_key=True)]
said = dict[str, str]
"""A text the lab writes in its own languages: {"fr": …, "en": …}; the reader's is shown, else the first there is."""


def _values(members: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in members]


class Base(DeclarativeBase):
    """Every model's parent: typed columns, named constraints."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            datetime: UtcDateTime(),
            Cents: BigInteger(),
            str: String(),
            said: JSON(),
            enum.Enum: Enum(enum.Enum, native_enum=False, length=32, values_callable=_values),
        },
    )
    metadata = registry.metadata


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

_Row = TypeVar("_Row", bound=Base)
_Function = TypeVar("_Function", bound=Callable[..., Any])


@contextmanager
def transaction() -> Iterator[None]:
    """One unit of work: commit at the end, roll back on any exception. Only the edge opens one; they do not nest.

    It first ends whatever read the request has open, then takes the write lock (SQLite: BEGIN IMMEDIATE), so a check and the
    write that follows it are one. Rows loaded before may be stale: a service re-reads what it decides on with `locked`.
    """
    session = db.session()
    if session.info.get("writing"):
        raise RuntimeError("transaction() does not nest: the edge has one already")
    session.commit()
    session.info["writing"] = True
    try:
        with _to_write():
            session.info["connection"] = session.connection()
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info["writing"] = False
        session.info["connection"] = None


def run(statement: Executable, /, **parameters: Any) -> CursorResult[*tuple[Any, ...]]:
    """Run a statement of columns (not of entities); what the session still holds is sent first, as always.

    It goes around the ORM, whose own part costs as much again as the query: for statements built once, on the paths that
    many take.
    """
    session = db.session()
    session.flush()
    connection: Connection = session.info.get("connection") or session.connection()
    return connection.execute(statement, parameters)


def write(row: _Row) -> _Row:
    """Insert one new row now, with what was set on it, and keep it in the session as if it had been read.

    What `add` and `flush` come to for a single row that brings no related ones, for half the cost.
    """
    session, known = db.session(), inspect(type(row))
    values = {name: value for name, value in row.__dict__.items() if name in known.columns}
    [row.id] = run(insert(type(row)), **values).inserted_primary_key or (None,)  # type: ignore[attr-defined]
    make_transient_to_detached(row)
    if (earlier := session.identity_map.get(known.identity_key_from_instance(row))) is not None:
        session.expunge(earlier)  # of a transaction that was rolled back: SQLite gives its number again
    session.add(row)
    return row


class ManyRows:
    """A select built once and read whole, for feeds of hundreds of rows. Instants and strings come as their types say; an
    enumeration's column must be read as a string. The order is for the reader to make.

    SQLite's driver lets go of the interpreter at every row, and the threads of a worker fight for it: there the rows travel
    together, as one JSON text.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        inner = statement.subquery()
        self._plain = statement
        self._together = select(func.json_group_array(func.json_array(*inner.c)))
        self._instants = [place for place, column in enumerate(inner.c) if isinstance(column.type, UtcDateTime)]

    def read(self, **parameters: Any) -> list[Any]:
        connection = db.session().connection()
        if connection.dialect.name != "sqlite":
            return list(connection.execute(self._plain, parameters))
        rows: list[Any] = orjson.loads(connection.scalar(self._together, parameters) or "[]")
        for row in rows:
            for place in self._instants:
                if (text := row[place]) is not None:
                    row[place] = datetime.fromisoformat(f"{text}+00:00")
        return rows


@contextmanager
def savepoint() -> Iterator[None]:
    """Undo what the body ran when it fails, and nothing else."""
    with db.session().connection().begin_nested():
        yield


class Violation(Exception):
    """The database would have refused the row because of the constraint of this name; the transaction goes on."""


def insert_unless(constraint: str, entity: type[Base], /, **values: Any) -> int:
    """Insert a row and return its id. Raises Violation when the constraint stands against it.

    On SQLite a trigger's refusal takes back its statement only. PostgreSQL would give the whole transaction up, or ask for a
    savepoint, two more round trips: it is asked to do nothing instead.
    """
    dialect = db.session().connection().dialect.name
    try:
        ident = run(_unless(constraint, entity, dialect), **values).scalar()
    except DBAPIError as error:
        if is_violation(error, constraint):
            raise Violation(constraint) from error
        raise
    if ident is None:
        raise Violation(constraint)
    return int(ident)


@cache
def _unless(constraint: str, entity: type[Base], dialect: str) -> Executable:
    returned = entity.id  # type: ignore[attr-defined]
    if dialect == "postgresql":
        return postgresql.insert(entity).on_conflict_do_nothing(constraint=constraint).returning(returned)
    return insert(entity).returning(returned)


def locked(entity: type[_Row], ident: int, *options: ORMOption) -> _Row:
    """Re-read one row under a row lock (the write lock on SQLite). Raises NoResultFound if it is gone."""
    row: _Row = db.session.execute(_one(entity).options(*options), {"ident": ident}).scalar_one()
    return row


def lock_all(entity: type[_Row], idents: Sequence[int]) -> list[_Row]:
    """Lock several rows, always in ascending order, so that two who want the same rows never wait for each other."""
    return list(db.session.execute(_several(entity), {"idents": sorted(idents)}).scalars())


@cache
def _one(entity: type[Base]) -> Select[Any]:
    return _for_update(select(entity).where(entity.id == bindparam("ident")))  # type: ignore[attr-defined]


@cache
def _several(entity: type[Base]) -> Select[Any]:
    wanted = entity.id.in_(bindparam("idents", expanding=True))  # type: ignore[attr-defined]
    return _for_update(select(entity).where(wanted).order_by(entity.id))  # type: ignore[attr-defined]


def _for_update(statement: Select[Any]) -> Select[Any]:
    # FOR NO KEY UPDATE: foreign-key checks by others go on undisturbed. SQLite leaves it out.
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)


def is_deadlock(error: BaseException) -> bool:
    """Whether the whole unit of work may simply be run again (PostgreSQL 40P01 and 40001, a busy SQLite file)."""
    if not isinstance(error, DBAPIError):
        return False
    if getattr(error.orig, "sqlstate", None) in ("40P01", "40001"):
        return True
    return isinstance(error, OperationalError) and "database is locked" in str(error.orig)


def repeating(function: _Function) -> _Function:
    """Run a whole unit of work again, up to three times with jitter, when the database gave it up to a deadlock."""

    def run(*args: Any, **kwargs: Any) -> Any:
        for attempt in range(3):
            try:
                return function(*args, **kwargs)
            except DBAPIError as error:
                if not is_deadlock(error):
                    raise
                db.session.rollback()
                time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - jitter, not a secret
        return function(*args, **kwargs)

    return run  # type: ignore[return-value]


def is_violation(error: BaseException, name: str) -> bool:
    """Whether the database refused because of the constraint or trigger called `name`."""
    return isinstance(error, DBAPIError) and name in str(error.orig)


def init_app(app: Flask, url: str) -> None:
    """Bind the session to `url` and give each engine its habits."""
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.startswith("sqlite"):
        options = {"module": sqlite3, "connect_args": {"check_same_thread": False, "timeout": 10}}
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        # In the dialect's own place for it: a listener for "begin" would make every statement look for listeners.
        engine.dialect.do_begin = _sqlite_begin  # type: ignore[method-assign]


def _sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is below
    # recursive_triggers: else INSERT OR REPLACE deletes the old row without asking the guards against DELETE.
    for pragma in ("journal_mode=wal", "synchronous=full", "busy_timeout=10000", "foreign_keys=on", "recursive_triggers=on"):
        connection.execute(f"PRAGMA {pragma}")


_intent = threading.local()


@contextmanager
def _to_write() -> Iterator[None]:
    """What begins in the body is meant to write: SQLite takes its lock at once."""
    _intent.write = True
    try:
        yield
    finally:
        _intent.write = False


def _sqlite_begin(dbapi_connection: PoolProxiedConnection) -> None:
    dbapi_connection.execute("BEGIN IMMEDIATE" if getattr(_intent, "write", False) else "BEGIN")


def sqlite_version() -> tuple[int, ...]:
    """Of the SQLite we would open, whether or not we do."""
    version: tuple[int, ...] = sqlite3.sqlite_version_info
    return version


def engine() -> Engine:
    """The engine of the current app."""
    return db.engine
