"""What every test stands on: a fresh database copied from a template, a scripted clock, people, and no way out to the network."""

from __future__ import annotations

import contextvars
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event

from app.factory import create_app
from app.kernel import clock
from app.kernel.db import Base, db
from app.kernel.settings import Settings
from tests.real import postgres

pytest_plugins = ["tests.real.octoprint.fixtures"]

T = TypeVar("T")

PARIS = ZoneInfo("Europe/Paris")
THURSDAY = datetime(2026, 11, 26, 10, 0, tzinfo=PARIS)
"""The day every test lives on unless it says otherwise: a Thursday, 10:00 in the lab."""


def as_a_server_would(act: Callable[[], T]) -> T:
    """Run `act` in a context of its own, as a server gives to each request; only the scripted clock is the test's."""
    instant = clock.now()
    db.session.rollback()

    def run() -> T:
        clock.set_clock(instant)
        return act()

    return contextvars.Context().run(run)


class HouseClient(FlaskClient):
    """Each request as a server would run it."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return as_a_server_would(lambda: super(HouseClient, self).open(*args, **kwargs))


def settings_for(home: Path, url: str, **changes: Any) -> Settings:
    values = {
        "environment": "test",
        "home": home,
        "database_url": url,
        "secret_key": "a test key that is long enough for it",
        "base_url": "http://lab.test",
        "smtp_url": None,
        "mail_from": "Établi <lab@lab.test>",
        "timezone": PARIS,
        "trusted_proxies": 0,
        "printer_networks": (ip_network("127.0.0.0/8"), ip_network("192.168.0.0/16")),
        "printer_ports": frozenset(range(1, 65536)),
        "print_file_megabytes": 1,
    }
    return Settings(**{**values, **changes})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("both_engines"):
        metafunc.parametrize("engine_name", ["sqlite", "postgresql"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for real peers and browsers come first: begun last, they would keep one worker long after the others."""
    slow = {item.path for item in items if item.get_closest_marker("real") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may be skipped (CI), a skip is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def engine_name(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Flask]:
    home = tmp_path_factory.mktemp("sqlite")
    app = create_app(settings_for(home, f"sqlite:///{home / 'lab.sqlite3'}"))
    app.test_client_class = HouseClient
    with app.app_context():
        Base.metadata.create_all(db.engine)
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    shutil.copy(home / "lab.sqlite3", home / "template.sqlite3")
    return home, app


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server we may create databases on; a machine without one says so and skips (CI refuses the skip)."""
    try:
        manager = postgres.temporary_postgres()
        url = manager.__enter__()
    except postgres.NoPostgres as reason:
        pytest.skip(str(reason))
    try:
        yield url
    finally:
        manager.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    url = postgres.create_database(postgres_server)
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def postgres_app(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Flask]]:
    url = postgres.clone_database(postgres_template)
    app = create_app(settings_for(tmp_path_factory.mktemp("pg"), url))
    app.test_client_class = HouseClient
    yield url, app
    with app.app_context():
        db.engine.dispose()
    postgres.drop_database(url)


@pytest.fixture
def app(engine_name: str, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The app on a fresh database of the asked engine, its context pushed, the clock at THURSDAY."""
    if engine_name == "sqlite":
        home, app = request.getfixturevalue("sqlite_template")
        for suffix in ("-wal", "-shm"):
            (home / f"lab.sqlite3{suffix}").unlink(missing_ok=True)
        shutil.copy(home / "template.sqlite3", home / "lab.sqlite3")
    else:
        url, app = request.getfixturevalue("postgres_app")
        postgres.drop_database(url)
        postgres.clone_database(request.getfixturevalue("postgres_template"), into=url)
    app.extensions.pop("memory", None)
    clock.set_clock(THURSDAY)
    with app.app_context():
        yield app
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()
    clock.set_clock(None)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL statements run since the list was last cleared, transaction control left out."""
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")):
            found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.fixture(autouse=True)
def _no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail on any connection beyond this machine."""
    connect: Callable[..., Any] = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
