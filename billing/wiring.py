"""What billing plugs into the app, in order: pages, JSON, letters, the desk's entry, `flask ledger verify`."""

from __future__ import annotations

import sys

import click
from flask import Flask
from flask.cli import AppGroup

from app.kernel import api
from app.kernel.navigation import add_to_navigation
from app.kernel.refusals import N_
from billing import api as billing_api
from billing import desk_views as desk_views  # its pages join the blueprint below
from billing import ledger, letters, views


def init_app(app: Flask) -> None:
    app.register_blueprint(views.bp)
    api.register(app, billing_api.blp)
    letters.init_app(app)
    add_to_navigation(app, N_("Desk"), "billing.desk", "euro", order=50, audience="manager accountant")
    _commands(app)


def _commands(app: Flask) -> None:
    group = AppGroup("ledger", help="The books.")

    @group.command("verify")
    def verify() -> None:
        """Walk the whole chain; name the first bad entry and fail, or say that all is well."""
        verdict = ledger.verify()
        if verdict.fault is not None:
            click.echo(str(verdict.fault), err=True)
            sys.exit(1)
        click.echo(f"{verdict.entries} entries, an unbroken chain, all in balance.")

    app.cli.add_command(group)
