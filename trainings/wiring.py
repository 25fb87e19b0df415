"""What trainings plugs into the app, in order."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from app.kernel import api, outbox
from app.kernel.navigation import add_to_navigation
from app.kernel.refusals import N_
from trainings import certification_views, jobs, letters, openings
from trainings.api import blp


def init_app(app: Flask) -> None:
    """Pages, JSON, letters, and two periodic jobs."""
    openings.init_app(app)
    app.register_blueprint(certification_views.bp)
    api.register(app, blp)
    letters.init_app(app)
    outbox.every(app, "trainings.warn_of_expiry", timedelta(hours=1), jobs.warn_of_expiry)
    outbox.every(app, "trainings.note_lapsed_trainers", timedelta(hours=1), jobs.note_lapsed_trainers)
    add_to_navigation(app, N_("Competences"), "trainings.competences", "check", order=30)
