"""The lab round the printer, for the cases that go through the whole house."""

from __future__ import annotations

import pytest
from flask import Flask

from machines.printing import watch
from tests.real.octoprint.floor import Floor, a_floor
from tests.real.octoprint.server import Server


@pytest.fixture
def floor(app: Flask, octoprint: Server) -> Floor:
    return a_floor(app, octoprint)


@pytest.fixture
def any_floor(app: Flask, any_octoprint: Server) -> Floor:
    """On both releases."""
    return a_floor(app, any_octoprint)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine looks twice a second instead of every five seconds to a minute: only the pace differs."""
    for name in ("PRINTING_SECONDS", "SLOT_SECONDS", "IDLE_SECONDS", "AFTER_AN_ACT_SECONDS"):
        monkeypatch.setattr(watch, name, 0.5)
