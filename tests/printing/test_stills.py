"""The camera is looked through only while somebody looks at the print's page, and never stops a print."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import pytest
from flask import current_app

from app.kernel.db import transaction
from machines.printing import doors, stills
from machines.printing.gateway import Unreachable
from machines.printing.rules import JobState
from tests.machines.scene import fresh
from tests.printing.engine_scene import a_job, a_link, link_of, start
from tests.printing.hand import Hand


@pytest.fixture
def under_way(app, shop):
    """Ada's print on a simulated printer of its own, and the hand that turns its engine."""
    shutil.rmtree(current_app.extensions["settings"].uploads / "stills", ignore_errors=True)
    job = a_job(shop, link=a_link(shop.printer, address=f"simulator://p{secrets.token_hex(4)}?speed=5", camera_is_on=True))
    with transaction():
        printer = doors.backend(link_of(job))
    hand = Hand(app, link_of(job))
    start(shop.ada, job)
    hand.until(lambda: fresh(job).state is JobState.PRINTING)
    return job, printer, hand


def test_a_picture_is_fetched_while_somebody_looks(as_, shop, under_way):
    job, _printer, hand = under_way
    hand.rounds(2)
    assert stills.last(job.link_id) is None
    ada = as_(shop.ada)
    assert "hidden><div" in ada.get(f"/prints/{job.id}").text  # no picture yet
    hand.rounds(2)
    assert ada.get(f"/prints/{job.id}/picture").data.startswith(b"\xff\xd8")
    assert "hidden><div" not in ada.get(f"/prints/{job.id}").text


def test_a_camera_that_fails_disturbs_nothing(app, under_way, monkeypatch):
    job, printer, hand = under_way

    async def nothing(_self):
        raise Unreachable("no camera")

    monkeypatch.setattr(type(printer), "picture", nothing)
    stills.look(job.link_id)
    hand.rounds(3)
    assert fresh(job).state is JobState.PRINTING
    assert (link_of(job).failures, stills.last(job.link_id)) == (0, None)


def test_two_who_look_at_once_do_not_trip_over_each_other(app, monkeypatch):
    replace = Path.replace

    def looked_at_meanwhile(half, path):
        monkeypatch.setattr(Path, "replace", replace)
        stills.look(7)
        return replace(half, path)

    monkeypatch.setattr(Path, "replace", looked_at_meanwhile)
    stills.look(7)
    assert stills.is_looked_at(7)
    assert [one.name for one in stills._folder().iterdir() if one.name.startswith("7.")] == ["7.wanted"]
