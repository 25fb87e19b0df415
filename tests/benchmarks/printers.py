"""Fifty printers that print, watched by the engine: its share of a core, its memory, and that the dead delay nobody.

Their server is a small one of our own that answers as OctoPrint does, in another process, or accepts and never answers.
"""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import insert

from app.accounts.models import Member
from app.calendar.models import Kind, Occupancy, Purpose, Resource
from app.kernel import clock
from app.kernel.db import Base, db, transaction
from machines.models import Machine, Reservation
from machines.printing import gcode, vault
from machines.printing.engine import Engine
from machines.printing.models import PrinterLink, PrintFile, PrintJob
from machines.printing.rules import JobState
from machines.rules import Status
from tests.benchmarks.footprint import resident
from tests.benchmarks.report import Line
from tests.benchmarks.seed import House, house
from tests.printing.gcode_files import good

PRINTERS, HUNG = 50, 10
WARM_SECONDS, SECONDS = 12.0, 60.0
EVERY = 5.0 * 1.1
"""How long the engine may wait between two looks at a print."""

fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Watched:
    """`share` of a core in percent, `grown` in MB since it was warm, `latest` the seconds by which a look came too late."""

    share: float
    grown: float
    latest: float
    looks: int


def measure(folder: Path) -> Iterator[Line]:
    fine = watch(folder / "fine", printers=PRINTERS, hung=0)
    a_second = fine.looks / (WARM_SECONDS + SECONDS)
    yield Line(f"{PRINTERS} prints watched, of a core", fine.share, 5, "%", note=f"{a_second:.1f} looks a second")
    yield Line(f"{PRINTERS} prints watched, memory grown in a minute", fine.grown, 3, "MB")
    torn = watch(folder / "torn", printers=PRINTERS, hung=HUNG)
    yield Line(f"{HUNG} of {PRINTERS} servers hang, the others late by", torn.latest, 2, "s")


def watch(folder: Path, *, printers: int, hung: int, warm: float = WARM_SECONDS, seconds: float = SECONDS) -> Watched:
    """An engine on so many prints for so long; the first `hung` servers never answer."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(256)
        port = listening.getsockname()[1]
        one = house(folder)
        one = replace(one, environment={**one.environment, "PRINTER_NETWORKS": "127.0.0.0/8", "PRINTER_PORTS": str(port)})
        _print(one, port, printers)
        ours, theirs = fork.Pipe()
        server = fork.Process(target=_serve, args=(listening, hung, theirs), daemon=True)
        server.start()
        mine, yours = fork.Pipe()
        engine = fork.Process(target=_run, args=(one, warm, seconds, yours), daemon=True)
        engine.start()
        try:
            share, grown = mine.recv() if mine.poll(warm + seconds + 60) else (float("inf"), float("inf"))
            ours.send(None)
            looks: dict[str, list[float]] = ours.recv()
        finally:
            engine.kill()
            server.kill()
    good = {name: times for name, times in looks.items() if int(name[1:]) >= hung}
    gaps = [after - before for times in good.values() for before, after in pairwise(times)]
    latest = max(gaps, default=float("inf")) - EVERY if len(good) == printers - hung else float("inf")
    return Watched(share, grown, max(0.0, latest), sum(map(len, looks.values())))


# ── the engine, in a process of its own ──────────────────────────────────────────────────────────────────────────────


def _run(one: House, warm: float, seconds: float, told: Connection) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=Engine(one.app()).run, args=(stopping,), daemon=True)
    thread.start()
    time.sleep(warm)
    begun, cpu, memory = time.monotonic(), time.process_time(), resident(os.getpid())
    time.sleep(seconds)
    share = 100 * (time.process_time() - cpu) / (time.monotonic() - begun)
    told.send((share, resident(os.getpid()) - memory))
    stopping.set()
    thread.join(10)


# ── the printers' server ─────────────────────────────────────────────────────────────────────────────────────────────


def _serve(listening: socket.socket, hung: int, told: Connection) -> None:
    asyncio.run(_answer_until_told(listening, hung, told))


async def _answer_until_told(listening: socket.socket, hung: int, told: Connection) -> None:
    looks: dict[str, list[float]] = defaultdict(list)
    begun = time.monotonic()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            _empty, name, *rest = head.split(b" ", 2)[1].decode().split("/")
            is_job = rest[-1] == "job"
            if is_job:
                looks[name].append(time.monotonic() - begun)
            if int(name[1:]) < hung:
                await asyncio.sleep(3600)
            body = json.dumps(_job(name, time.monotonic() - begun) if is_job else _TEMPERATURES).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, sock=listening)
    async with server:
        while not told.poll():
            await asyncio.sleep(0.1)
    told.send(dict(looks))


_TEMPERATURES = {"temperature": {"tool0": {"actual": 214.8, "target": 215.0}, "bed": {"actual": 60.1, "target": 60.0}}}


def _job(name: str, seconds: float) -> dict[str, object]:
    file = {"name": "1-1.gcode", "path": _path(int(name[1:])), "origin": "local", "size": 5_000_000}
    done = {
        "completion": seconds / 100, "filepos": int(seconds * 1000), "printTime": int(seconds),
        "printTimeLeft": 1800, "printTimeLeftOrigin": "estimate",
    }  # fmt: skip
    return {"state": "Printing", "job": {"file": file, "user": "etabli", "estimatedPrintTime": 3600}, "progress": done}


def _path(number: int) -> str:
    return f"fablab/{number + 1}/{number + 1}-1.gcode"


# ── what they print ──────────────────────────────────────────────────────────────────────────────────────────────────


def _print(one: House, port: int, printers: int) -> None:
    """So many reservations that print, for some hours."""
    app = one.app()
    with app.app_context():
        Base.metadata.create_all(db.engine)
        now = clock.now()
        starts_at, ends_at = now - timedelta(minutes=10), now + timedelta(hours=3)
        with transaction():
            place = Resource(kind=Kind.SITE, name={"en": "Forge"}, slug="forge", position=0)
            member = Member(email="ada@forge.test", name="Ada", created_at=now, calendar_token="ada")
            db.session.add_all([place, member])
            db.session.flush()
            facts = _facts()
            for number in range(printers):
                ident = number + 1
                resource = Resource(
                    kind=Kind.MACHINE, parent_id=place.id, name={"en": f"P{ident}"}, slug=f"p{ident}", position=ident
                )
                db.session.add(resource)
                db.session.flush()
                held = {"starts_at": starts_at, "ends_at": ends_at}
                values = [
                    (Machine, {"id": ident, "resource_id": resource.id, "slug": f"p{ident}", "code": f"P{ident}",
                               "name": {"en": f"P{ident}"}}),
                    (Occupancy, {"id": ident, "resource_id": resource.id, "lane": 0, "purpose": Purpose.RESERVATION,
                                 "subject": f"reservation:{ident}", **held}),
                    (Reservation, {"id": ident, "machine_id": ident, "member_id": member.id, "payer_id": member.id,
                                   "occupancy_id": ident, "status": Status.IN_USE, "quoted_cents": 0, "desk_code": "1234",
                                   "booked_at": now, "changed_at": now, **held}),
                    (PrintFile, {"id": ident, "owner_id": member.id, "name": "part.gcode", "sha256": f"{ident:064}",
                                 "size": 5_000_000, "stored": f"file{ident}", "uploaded_at": now, "facts": facts}),
                    (PrinterLink, {"id": ident, "machine_id": ident, "kind": "octoprint",
                                   "address": f"http://127.0.0.1:{port}/p{number}", "key_sealed": vault.seal("a key")}),
                    (PrintJob, {"id": ident, "reservation_id": ident, "link_id": ident, "file_id": ident, "attempt": 1,
                                "state": JobState.PRINTING, "remote_path": _path(number), "attached_at": now,
                                "attached_by_id": member.id, "started_at": now, "estimated_seconds": 3600}),
                ]  # fmt: skip
                for entity, columns in values:
                    db.session.execute(insert(entity).values(**columns))
        db.session.remove()
        db.engine.dispose()


def _facts() -> dict[str, object]:
    return gcode.to_json(gcode.read(io.BytesIO(good())))
