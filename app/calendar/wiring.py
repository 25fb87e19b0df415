"""What calendar plugs into the app, in order."""

from __future__ import annotations

from flask import Flask

from app.accounts.events import LabChanged, LabCreated
from app.calendar import resources
from app.kernel import events


def init_app(app: Flask) -> None:
    events.subscribe(app, LabCreated, lambda news: _make_site(news.name))
    events.subscribe(app, LabChanged, lambda _news: resources.touch_sites())


def _make_site(name: str) -> None:
    resources.create_site(name)
