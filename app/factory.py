"""The roof: `create_app` puts every feature on the ground, in order. Only wsgi.py and the tests import it."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask

from app import cli, health, worker
from app.accounts import wiring as accounts
from app.calendar import wiring as calendar
from app.kernel import api, db, errors, events, i18n, mail, outbox, web
from app.kernel.settings import Settings
from app.reports import wiring as reports
from billing import wiring as billing
from machines import wiring as machines
from trainings import wiring as trainings


class _Migrations:
    """Flask-Migrate, loaded by who migrates: with Alembic and its templates it weighs ten megabytes in every worker."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        from flask_migrate import Migrate

        Migrate(self._app, db.db, directory="migrations", render_as_batch=True)
        return getattr(self._app.extensions["migrate"], name)


def create_app(settings: Settings | None = None) -> web.House:
    """The application. Many may live in one process: nothing is kept in module globals."""
    settings = settings or Settings.from_env()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = web.House("app")
    app.extensions["settings"] = settings
    app.config["ENV_NAME"] = settings.environment
    db.init_app(app, settings.database_url)
    app.extensions["migrate"] = _Migrations(app)
    i18n.init_app(app)
    web.init_app(app)
    errors.init_app(app)
    api.init_app(app)
    events.init_app(app)
    outbox.init_app(app)
    mail.init_app(app)
    for feature in (accounts, calendar, billing, trainings, machines, reports):
        feature.init_app(app)
    health.init_app(app)
    worker.init_app(app)
    cli.init_app(app)
    return app
