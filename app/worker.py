"""The worker's loop: due jobs, then outbox messages, then sleep; and what runs alongside it. One process, or several."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.kernel import alongside, outbox
from app.kernel.db import db

log = logging.getLogger(__name__)

HEARTBEAT = "worker.heartbeat"
IDLE_SECONDS = 1.0
AGAIN_SECONDS = 5.0
LAST_SECONDS = 30.0


def init_app(app: Flask) -> None:
    outbox.every(app, HEARTBEAT, timedelta(seconds=15), lambda: None)


def run(app: Flask) -> None:
    """Work until SIGTERM or SIGINT; what is claimed is finished first. A database that is away is waited for."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    companions = [
        threading.Thread(target=_accompany, args=(name, companion, stopping), name=name, daemon=True)
        for name, companion in alongside.companions(app).items()
    ]
    for thread in companions:
        thread.start()
    log.info("worker started")
    while not stopping.is_set():
        try:
            idle = not step(app)
        except DBAPIError as error:
            log.warning("database away: %s", error)
            idle = True
        if idle:
            stopping.wait(IDLE_SECONDS)
    for thread in companions:
        thread.join(LAST_SECONDS)
    log.info("worker stopped")


def step(app: Flask) -> bool:
    """One round: every due job, at most 50 messages. Whether anything was done."""
    with app.app_context():
        done = bool(outbox.run_due_jobs())
        for _ in range(50):
            if not outbox.work_once():
                break
            done = True
        db.session.remove()
    return done


def _accompany(name: str, companion: alongside.Companion, stopping: threading.Event) -> None:
    """One that fails begins anew a little later; it stops neither the loop nor the others."""
    while not stopping.is_set():
        try:
            companion(stopping)
        except Exception:
            log.exception("%s failed", name)
            stopping.wait(AGAIN_SECONDS)
