"""The workshop, and clients signed in as somebody or carrying their token."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import tokens
from app.accounts.models import Member
from app.kernel.db import db, transaction
from tests.builders import acting
from tests.machines.scene import Workshop, a_workshop
from tests.real import postgres


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Where the workshop is kept once the first test has built it: the file, and its rows by name."""
    return {"file": tmp_path_factory.mktemp("workshop") / "workshop.sqlite3"}


@pytest.fixture
def shop(app: Flask, engine_name: str, built: dict[str, Any]) -> Workshop:
    """Built once an engine, then copied: a fresh one for every test."""
    copy = _copy_file if engine_name == "sqlite" else _copy_database
    if engine_name not in built:
        workshop = a_workshop()
        rows = {name: (type(row), row.id) for name, row in vars(workshop).items()}
        built[engine_name] = rows
        copy(built, keep=True)
    else:
        copy(built, keep=False)
    return Workshop(**{name: db.session.get_one(kind, ident) for name, (kind, ident) in built[engine_name].items()})


def _copy_file(built: dict[str, Any], *, keep: bool) -> None:
    """Keep the workshop's file, or bring it back."""
    live = Path(db.engine.url.database or "")
    if keep:
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    _let_go()
    source, target = (live, built["file"]) if keep else (built["file"], live)
    for path in (source, target):
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(source, target)


def _copy_database(built: dict[str, Any], *, keep: bool) -> None:
    live = db.engine.url.render_as_string(hide_password=False)
    _let_go()
    if keep:
        built["database"] = postgres.clone_database(live)
    else:
        postgres.drop_database(live)
        postgres.clone_database(built["database"], into=live)


def _let_go() -> None:
    db.session.rollback()
    db.session.remove()
    db.engine.dispose()


@pytest.fixture
def as_(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FlaskClient]:
    """`as_(ada)` is a browser where Ada is signed in, `as_(ada, "reservations")` a program with a token of that scope."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)

    def client_of(member: Member | None, *scopes: str) -> FlaskClient:
        client = app.test_client()
        if member is not None and scopes:
            with transaction():
                token = tokens.create_api_token(actor=acting(member), member_id=member.id, name="test", scopes=scopes, days=60)
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        elif member is not None:
            with client.session_transaction() as session:
                session["_user_id"], session["_fresh"] = member.get_id(), True
        return client

    return client_of
