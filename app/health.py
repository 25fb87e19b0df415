"""Is the house well? The checks behind `flask doctor`, `/healthz` and `/readyz`."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from app.kernel import clock, guards
from app.kernel.db import db, sqlite_version
from app.kernel.mail import Mail
from app.kernel.outbox import OutboxMessage, PeriodicJob
from app.kernel.settings import Settings
from app.kernel.web import public
from app.worker import HEARTBEAT
from machines.printing import link_commands

bp = Blueprint("health", __name__)

SILENT_AFTER = timedelta(minutes=2)
SAFE_SQLITE = (3, 51, 3)
"""Before it, a rare bug could corrupt a file in WAL mode (sqlite.org, release notes of 3.51.3)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`verdict` is ok, warning or error; an error makes `flask doctor` fail."""

    what: str
    verdict: str
    words: str


@bp.get("/healthz")
@public
def alive() -> Response:
    return Response("alive\n", content_type="text/plain")


@bp.get("/readyz")
@public
def ready() -> Response:
    """200 when the database answers, is migrated, and a worker was seen lately; 503 with the reasons otherwise."""
    try:
        failing = [finding for finding in (migrations(), worker()) if finding.verdict != "ok"]
    except DBAPIError:
        db.session.rollback()
        failing = [Finding("database", "error", "no answer")]
    text = "\n".join(f"{finding.what}: {finding.words}" for finding in failing) or "ready"
    return Response(f"{text}\n", 503 if failing else 200, content_type="text/plain")


def findings() -> list[Finding]:
    """Everything the doctor looks at."""
    return [engine(), migrations(), promises(), worker(), outbox(), mail(), translations(), uploads(), printers()]


def engine() -> Finding:
    name = db.engine.dialect.name
    version = ".".join(map(str, sqlite_version()))
    if name == "sqlite" and sqlite_version() < SAFE_SQLITE:
        return Finding("database", "warning", f"SQLite {version}; 3.51.3 or PostgreSQL is safer for a busy lab")
    return Finding("database", "ok", name if name != "sqlite" else f"SQLite {version}")


def migrations() -> Finding:
    from alembic.config import Config  # only here: no worker carries it that is not asked
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(current_app.root_path).parent / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return Finding("migrations", "ok", f"at {head}")
    return Finding("migrations", "error", f"at {current}, should be {head}: run `flask db upgrade`")


def promises() -> Finding:
    with db.engine.connect() as connection:
        lost = guards.missing(connection)
    if lost:
        return Finding("guards", "error", f"missing: {', '.join(lost)}")
    return Finding("guards", "ok", f"{len(guards.expected(db.engine.dialect.name))} in place")


def worker() -> Finding:
    seen = db.session.scalar(select(PeriodicJob.last_run_at).where(PeriodicJob.name == HEARTBEAT))
    if seen is None or clock.now() - seen > SILENT_AFTER:
        return Finding(
            "worker", "warning", "not seen for two minutes: start `flask worker`" if seen else "never seen: start `flask worker`"
        )
    return Finding("worker", "ok", f"seen {int((clock.now() - seen).total_seconds())} s ago")


def outbox() -> Finding:
    parked = db.session.scalar(select(func.count()).where(OutboxMessage.parked_at.is_not(None), OutboxMessage.done_at.is_(None)))
    if parked:
        return Finding("outbox", "warning", f"{parked} messages wait for a decision on the outbox page")
    return Finding("outbox", "ok", "nothing parked")


def mail() -> Finding:
    settings: Settings = current_app.extensions["settings"]
    if not settings.smtp_url:
        kept = db.session.scalar(select(func.count(Mail.id)))
        return Finding("mail", "ok", f"no SMTP_URL: {kept} letters kept in the database, for administrators to read")
    parts = urlsplit(settings.smtp_url)
    try:
        with smtplib.SMTP(parts.hostname or "localhost", parts.port or 25, timeout=5):
            return Finding("mail", "ok", f"{parts.hostname} answers")
    except OSError as error:
        return Finding("mail", "warning", f"{parts.hostname} does not answer ({error}); letters wait")


def translations() -> Finding:
    catalogue = Path(current_app.root_path) / "translations" / "fr" / "LC_MESSAGES" / "messages.mo"
    if catalogue.exists():
        return Finding("translations", "ok", "French and English")
    return Finding("translations", "error", "French is not compiled: run `make setup`")


def uploads() -> Finding:
    settings: Settings = current_app.extensions["settings"]
    settings.uploads.mkdir(parents=True, exist_ok=True)
    probe = settings.uploads / ".probe"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding("uploads", "error", f"{settings.uploads} is not writable: {error}")
    return Finding("uploads", "ok", "writable")


def printers() -> Finding:
    return Finding("printers", *link_commands.diagnosis())


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
