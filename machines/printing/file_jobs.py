"""What the clockwork does to files: forget what nobody uses, sweep what belongs to nobody."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.kernel import outbox
from app.kernel.db import transaction
from machines.printing import files


def init_app(app: Flask) -> None:
    outbox.every(app, "printing.forget_files", timedelta(days=1), forget_files)


def forget_files() -> None:
    """Each in a transaction of its own, so that no upload waits for all."""
    with transaction():
        old = list(files.unused())
    for ident in old:
        with transaction():
            files.forget_if_unused(ident)
    with transaction():
        files.sweep()
