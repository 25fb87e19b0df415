"""Operator's commands that belong to no single feature: worker, doctor, openapi."""

from __future__ import annotations

import sys

import click
from flask import Flask, current_app

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
