"""Operator's commands that belong to no single feature: worker, doctor, demo."""

from __future__ import annotations

from flask import Flask, current_app

from app import worker


def init_app(app: Flask) -> None:
    @app.cli.command("worker")
    def run_worker() -> None:
        """Do what waits in the outbox and the periodic jobs, until stopped."""
        worker.run(current_app._get_current_object())  # type: ignore[attr-defined]
