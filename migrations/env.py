"""Run by `flask db …`: migrations on the app's own engine. Guards are written by hand in the versions: see app.kernel.guards."""

from __future__ import annotations

from alembic import context

from app.kernel.db import Base, db


def run() -> None:
    """On SQLite a table is altered by copying it (batch mode), which drops its triggers: put them back in the same version."""
    with db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()


run()
