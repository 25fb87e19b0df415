"""Fixtures on a real OctoPrint, for every test below tests/.

- `octoprint`: OctoPrint 1.11.8, shared by the session, reset before each test: connected, idle, no files (about 0.1 s).
- `octoprint_next`: the same with 2.0.0rc7. `any_octoprint` runs the test on both.
- `open_printer(server, key=…)`: our client on it; `ALLOWED` are address rules that let it through. `settings_for` of
  tests/conftest.py allows loopback and every port as well, so the app may have `server.url` as a link's address.
- `gcode(folder, seconds=2)`: a file that prints about so long (the virtual printer only takes its time for dwells and heating),
  0.5 mm of filament a step.
- `seen(printer, state, …)` waits until the client observes one of the states.

`server.gcode("!!DEBUG:trigger_fatal_error_marlin")`, `drop_connection`, `go_awol`, `reset`, `M112` break the printer;
`hang/go_on`, `stop/start`, `kill` break the server; `unplug/plug` the cable; the next test finds all of it mended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from machines.printing import addresses
from machines.printing.addresses import Address, Allowed
from machines.printing.gateway import Observation, PrinterBackend, Seen
from machines.printing.octoprint import OctoPrint
from tests.real.octoprint import server
from tests.real.octoprint.server import Server

ALLOWED = Allowed((ip_network("127.0.0.0/8"),), frozenset(range(1, 65536)))


@pytest.fixture(scope="session")
def _octoprint_stable() -> Iterator[Server]:
    yield from _lend(server.STABLE)


@pytest.fixture(scope="session")
def _octoprint_next() -> Iterator[Server]:
    yield from _lend(server.NEXT)


@pytest.fixture
def octoprint(_octoprint_stable: Server) -> Server:
    _octoprint_stable.reset()
    return _octoprint_stable


@pytest.fixture
def octoprint_next(_octoprint_next: Server) -> Server:
    _octoprint_next.reset()
    return _octoprint_next


@pytest.fixture(params=["octoprint", "octoprint_next"])
def any_octoprint(request: pytest.FixtureRequest) -> Server:
    one: Server = request.getfixturevalue(request.param)
    return one


def _lend(version: str) -> Iterator[Server]:
    manager = server.running(version)
    try:
        one = manager.__enter__()
    except server.NoOctoPrint as reason:
        pytest.skip(str(reason))
    try:
        yield one
    finally:
        manager.__exit__(None, None, None)


def address_of(one: Server) -> Address:
    return addresses.parse(one.url, ALLOWED)


def open_printer(one: Server, key: str | None = None, *, camera: str | None = None) -> OctoPrint:
    look = addresses.parse_picture(camera, ALLOWED) if camera else None
    return OctoPrint(address_of(one), key or one.key, allowed=ALLOWED, camera=look)


def gcode(folder: Path, *, seconds: float = 2, name: str = "part.gcode", begin: str = "", dwell: float = 0.25) -> Path:
    steps = max(1, round(seconds / dwell))
    lines = [f";TIME:{max(1, round(seconds))}", "; filament_diameter = 1.75", *begin.splitlines(), "G21", "G90", "M82", "G92 E0"]
    for step in range(1, steps + 1):
        lines += [f"G1 X{50 + step % 2} Y{50 + step % 3} E{step * 0.5:.3f} F6000", f"G4 P{round(dwell * 1000)}"]
    path = folder / name
    path.write_text("\n".join([*lines, "M84", ""]))
    return path


async def seen(printer: PrinterBackend, *states: Seen, seconds: float = 20) -> Observation:
    deadline = time.monotonic() + seconds
    while (now := await printer.status()).state not in states:
        assert time.monotonic() < deadline, f"still {now}"
        await asyncio.sleep(0.05)
    return now
