"""Operator's commands that belong to no single feature: worker, doctor, demo."""

from __future__ import annotations

import sys

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from app import health, worker

MARKS = {"ok": "✓", "warning": "!", "error": "✗"}


def init_app(app: Flask) -> None:
    @app.cli.command("worker")
    def run_worker() -> None:
        """Do what waits in the outbox and the periodic jobs, until stopped."""
        worker.run(current_app._get_current_object())  # type: ignore[attr-defined]

    @app.cli.command("doctor")
    def doctor() -> None:
        """Look at the house and say what is wrong, naming it; fails when something is."""
        found = health.findings()
        for finding in found:
            click.echo(f"{MARKS[finding.verdict]} {finding.what}: {finding.words}")
        if any(finding.verdict == "error" for finding in found):
            sys.exit(1)
        click.echo("All green." if all(finding.verdict == "ok" for finding in found) else "It works; see the remarks.")

    group = AppGroup("demo", help="A believable lab to look around in.")

    @group.command("load")
    @click.option("--seed", default=7, show_default=True, help="The same seed on the same day tells the same story.")
    @click.option("--days", default=365, show_default=True, type=click.IntRange(30, 400))
    @click.option("--members", default=120, show_default=True, type=click.IntRange(20, 120))
    def load_demo(seed: int, days: int, members: int) -> None:
        """Fill an empty database with a lab and a year of its life."""
        from app import demo  # its drawings and texts are for this command only

        try:
            loaded = demo.load(seed=seed, days=days, members=members)
        except demo.NotEmpty as refused:
            click.echo(str(refused), err=True)
            sys.exit(1)
        click.echo(f"{loaded.members} members and {loaded.reservations} reservations.")
        click.echo("\n".join(demo.sign_ins()))

    app.cli.add_command(group)
