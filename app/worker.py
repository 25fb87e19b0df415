"""The worker's loop: due jobs, then outbox messages, then sleep. One process, or several."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.kernel import outbox
from app.kernel.db import db

log = logging.getLogger(__name__)

HEARTBEAT = "worker.heartbeat"
IDLE_SECONDS = 1.0


def init_app(app: Flask) -> None:
    outbox.every(app, HEARTBEAT, timedelta(seconds=15), lambda: None)


def run(app: Flask) -> None:
    """Work until SIGTERM or SIGINT; what is claimed is finished first. A database that is away is waited for."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    log.info("worker started")
    while not stopping.is_set():
        try:
            idle = not step(app)
        except DBAPIError as error:
            log.warning("database away: %s", error)
            idle = True
        if idle:
            stopping.wait(IDLE_SECONDS)
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
