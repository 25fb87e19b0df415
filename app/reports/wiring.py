"""What the overviews plug into the app."""

from __future__ import annotations

from flask import Flask

from app.kernel.navigation import add_to_navigation
from app.kernel.refusals import N_
from app.reports import views


def init_app(app: Flask) -> None:
    app.register_blueprint(views.bp)
    add_to_navigation(app, N_("Home"), "reports.home", "home", order=0, in_tabbar=True)
    add_to_navigation(app, N_("Today"), "reports.today", "bell", order=5, audience="manager", in_tabbar=True)
