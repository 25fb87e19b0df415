"""What calendar plugs into the app, in order: pages, JSON, and what it does when the lab is created or changes."""

from __future__ import annotations

from flask import Flask

from app.accounts.events import LabChanged, LabCreated
from app.calendar import api as calendar_api
from app.calendar import block_views, hours_views, resources, views
from app.kernel import api, events
from app.kernel.navigation import add_to_navigation
from app.kernel.refusals import N_

__all__ = ["block_views", "hours_views", "init_app"]


def init_app(app: Flask) -> None:
    app.register_blueprint(views.bp)
    api.register(app, calendar_api.blp)
    events.subscribe(app, LabCreated, lambda news: _make_site(news.name))
    events.subscribe(app, LabChanged, lambda _news: resources.touch_sites())
    add_to_navigation(app, N_("Opening hours"), "calendar.hours", "clock", order=38)
    add_to_navigation(app, N_("Places"), "calendar.places", "pin", order=50, audience="manager")


def _make_site(name: str) -> None:
    resources.create_site(name)
