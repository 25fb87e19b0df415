"""What billing plugs into the app, in order."""

from __future__ import annotations

from flask import Flask

from billing import guards as guards


def init_app(app: Flask) -> None:
    """Wire the feature."""
