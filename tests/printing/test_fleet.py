"""The engine as it runs beside the worker: many printers at once, the dead delay nobody, one engine talks at a time."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from sqlalchemy import select

from app import worker
from app.kernel import alongside, clock
from app.kernel.db import db
from machines.printing import doors, watch
from machines.printing.engine import Engine
from machines.printing.gateway import Observation
from machines.printing.models import PrinterLink
from tests.benchmarks import printers
from tests.machines.scene import a_machine
from tests.printing.engine_scene import a_link
from tests.printing.hand import Scripted


@pytest.mark.slow
def test_hung_servers_delay_nobody_and_cost_little(tmp_path):
    """`make bench` does the same with fifty."""
    found = printers.watch(tmp_path / "fleet", printers=12, hung=3, warm=6, seconds=14)
    assert found.latest < 2
    assert found.share < 15
    assert found.grown < 3


class Hung(Scripted):
    """Connects, and never answers."""

    async def status(self) -> Observation:
        self.calls.append("status")
        await asyncio.sleep(3600)
        raise AssertionError


@pytest.fixture
def lively(monkeypatch):
    """An engine in real time with its waits made short."""
    clock.set_clock(None)
    for name in ("IDLE_SECONDS", "SLOT_SECONDS", "PRINTING_SECONDS"):
        monkeypatch.setattr(watch, name, 0.2)


def run(app, engine: Engine, seconds: float) -> None:
    db.session.rollback()
    stopping = threading.Event()
    thread = threading.Thread(target=engine.run, args=(stopping,))
    thread.start()
    time.sleep(seconds)
    stopping.set()
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.both_engines
def test_every_printer_has_a_task_of_its_own(app, shop, lively, monkeypatch):
    servers = {}
    for number, kind in enumerate((Hung, Scripted, Scripted)):
        machine = a_machine(shop.lea, shop.space, f"mk-{number}", icon="printer", is_attended=False)
        servers[a_link(machine).id] = kind()
    monkeypatch.setattr(doors, "backend", lambda link: servers[link.id])
    run(app, Engine(app), 4)
    hung, *well = servers.values()
    assert hung.calls.count("status") == 1
    assert all(server.calls.count("status") > 4 for server in well)
    assert all(server.calls[-1] == "close" for server in servers.values())
    states = dict(db.session.execute(select(PrinterLink.id, PrinterLink.observed_state)).all())
    assert sorted(str(state) for state in states.values()) == ["None", "idle", "idle"]


def test_a_link_that_is_removed_or_switched_off_is_let_go(app, shop, lively, monkeypatch):
    server, link = Scripted(), a_link(shop.printer)
    monkeypatch.setattr(doors, "backend", lambda _link: server)
    engine = Engine(app)

    async def story() -> None:
        await engine.beat()
        await asyncio.sleep(1)
        assert list(engine.watches) == [link.id]

        def switch_off() -> None:
            found = db.session.get_one(PrinterLink, link.id)
            found.is_enabled = False
            db.session.commit()

        await engine.in_database(switch_off)
        await engine.beat()
        assert (engine.watches, server.calls[-1]) == ({}, "close")

    db.session.rollback()
    asyncio.run(story())


def test_the_second_engine_waits_and_takes_over(app, shop, lively, monkeypatch):
    server = Scripted()
    a_link(shop.printer)
    monkeypatch.setattr(doors, "backend", lambda _link: server)
    first, second = Engine(app, holder="first"), Engine(app, holder="second")

    async def story() -> None:
        await first.beat()
        await second.beat()
        assert (len(first.watches), len(second.watches)) == (1, 0)
        stopping = threading.Event()
        stopping.set()
        await first.main(stopping)  # it is told to stop: it lets go
        await second.beat()
        assert (len(first.watches), len(second.watches)) == (0, 1)
        await second.main(stopping)

    db.session.rollback()
    asyncio.run(story())


def test_what_runs_beside_the_worker_is_begun_anew_when_it_fails(app, monkeypatch):
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.01)
    begun, stopping = [], threading.Event()

    def companion(event: threading.Event) -> None:
        begun.append(1)
        if len(begun) < 3:
            raise RuntimeError("stumbled")
        event.set()

    worker._accompany("printers", companion, stopping)
    assert len(begun) == 3


def test_the_engine_is_among_what_runs_beside_the_worker(app):
    assert "printers" in alongside.companions(app)
