"""The simulated printer prints by the clock, is one for every process, and breaks where its script says."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.kernel import clock
from machines.printing.gateway import Conflict, OutcomeUnknown, Seen, TooLarge, Unreachable
from machines.printing.simulator import Simulator
from tests.real.octoprint.fixtures import gcode

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NAME = "fablab/12/7-1.gcode"
HOUR = b"; estimated printing time (normal mode) = 1h 0m 0s\n"


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    clock.set_clock(NOON)
    yield
    clock.set_clock(None)


@pytest.fixture
def printer(tmp_path: Path) -> Simulator:
    return Simulator(tmp_path / "printers", "prusa-1")


def later(**duration: float) -> None:
    clock.set_clock(NOON + timedelta(**duration))


def started(printer: Simulator, folder: Path) -> Path:
    """An hour's print, begun at noon."""
    source = gcode(folder, seconds=50)
    source.write_bytes(HOUR + source.read_bytes().split(b"\n", 1)[1])
    asyncio.run(printer.upload(source, NAME, {}))
    asyncio.run(printer.start(NAME))
    return source


def look(printer: Simulator):
    return asyncio.run(printer.status())


def test_it_prints_as_long_as_the_slicer_said(printer, tmp_path):
    source = started(printer, tmp_path)
    assert look(printer).state is Seen.STARTING
    later(minutes=30)
    half = look(printer)
    assert (half.state, half.print_seconds, half.seconds_left) == (Seen.PRINTING, 1799, 1801)
    assert half.completion == pytest.approx(50, abs=1)
    assert source.read_bytes()[half.filepos - 1 : half.filepos] == b"\n"
    later(minutes=61)
    done = look(printer)
    assert (done.state, done.completion, done.filepos, done.print_seconds) == (Seen.IDLE, 100, source.stat().st_size, 3600)
    assert asyncio.run(printer.stat(NAME)).last_print_seconds == 3600


def test_a_fast_one_tells_the_time_it_really_takes(tmp_path):
    fast = Simulator(tmp_path / "printers", "fast", speed=30)
    started(fast, tmp_path)
    later(minutes=1)
    assert (look(fast).print_seconds, look(fast).seconds_left) == (59, 61)
    later(minutes=3)
    assert look(fast).state is Seen.IDLE


def test_a_pause_costs_no_printing(printer, tmp_path):
    started(printer, tmp_path)
    later(minutes=10)
    asyncio.run(printer.pause())
    later(minutes=20)
    assert (look(printer).state, look(printer).print_seconds) == (Seen.PAUSED, 599)
    asyncio.run(printer.resume())
    later(minutes=30)
    assert (look(printer).state, look(printer).print_seconds) == (Seen.PRINTING, 1199)


def test_it_warms_up_and_cools_down(printer, tmp_path):
    assert look(printer).tool_temp == 21
    started(printer, tmp_path)
    later(seconds=20)
    assert 80 < look(printer).tool_temp < 150
    later(minutes=10)
    assert (look(printer).tool_temp, look(printer).tool_target, look(printer).bed_temp) == (215, 215, 60)
    asyncio.run(printer.cancel(NAME))
    later(minutes=11)
    assert (look(printer).tool_target, 21 < look(printer).tool_temp < 215) == (0, True)


def test_two_processes_see_one_printer(printer, tmp_path):
    started(printer, tmp_path)
    later(minutes=10)
    script = f"""
import asyncio, datetime
from pathlib import Path
from app.kernel import clock
from machines.printing.simulator import Simulator
clock.set_clock(datetime.datetime.fromisoformat({clock.now().isoformat()!r}))
one = Simulator(Path({str(tmp_path / "printers")!r}), "prusa-1")
seen = asyncio.run(one.status())
asyncio.run(one.cancel(seen.remote_path))
print(seen.state, seen.print_seconds)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (found.stdout.split(), found.stderr) == (["printing", "599"], "")
    assert look(printer).state is Seen.CANCELLING


def test_of_many_starts_at_once_one_is_taken(printer, tmp_path):
    asyncio.run(printer.upload(gcode(tmp_path), NAME, {}))
    command = f"""
import asyncio
from pathlib import Path
from machines.printing.gateway import Conflict
from machines.printing.simulator import Simulator
try:
    asyncio.run(Simulator(Path({str(tmp_path / "printers")!r}), "prusa-1").start({NAME!r}))
    print("taken")
except Conflict:
    print("refused")
"""
    starts = [subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sorted(one.communicate(timeout=60)[0].strip() for one in starts) == ["refused", "refused", "refused", "taken"]


@pytest.mark.parametrize(
    ("what", "state", "failures", "path"),
    [
        ("fault", Seen.FAULT, 1, None),
        ("power_cut", Seen.DISCONNECTED, 0, None),
        ("unplug", Seen.DISCONNECTED, 1, None),
        ("cancel", Seen.IDLE, 1, NAME),
        ("pause", Seen.PAUSED, 0, NAME),
        ("stall", Seen.PRINTING, 0, NAME),
    ],
)
def test_it_breaks_where_the_script_says(printer, tmp_path, what, state, failures, path):
    started(printer, tmp_path)
    printer.script({"at": 40, "does": what, "text": "Thermal runaway"})
    later(minutes=20)
    assert look(printer).state is Seen.PRINTING
    later(minutes=90)
    found = look(printer)
    assert (found.state, found.remote_path) == (state, path)
    assert found.error_text == ("Thermal runaway" if what == "fault" else None)
    assert asyncio.run(printer.stat(NAME)).failures == failures


def test_a_stalled_print_stands_at_its_line(printer, tmp_path):
    started(printer, tmp_path)
    printer.script({"at": 40, "does": "stall"})
    later(minutes=30)
    once = look(printer)
    later(minutes=50)
    assert look(printer).filepos == once.filepos
    assert once.completion == pytest.approx(40, abs=1)


def test_a_scripted_answer_fails_once_before_or_after_the_deed(printer, tmp_path):
    printer.script(
        {"call": "upload", "raises": "TooLarge"},
        {"call": "start", "raises": "OutcomeUnknown", "is_done": True},
        {"call": "pause", "raises": "OutcomeUnknown"},
    )
    with pytest.raises(TooLarge):
        asyncio.run(printer.upload(gcode(tmp_path), NAME, {}))
    assert asyncio.run(printer.upload(gcode(tmp_path, seconds=60), NAME, {})) == NAME
    with pytest.raises(OutcomeUnknown):
        asyncio.run(printer.start(NAME))
    later(seconds=5)
    assert look(printer).state is Seen.PRINTING
    with pytest.raises(OutcomeUnknown):
        asyncio.run(printer.pause())
    assert look(printer).state is Seen.PRINTING
    asyncio.run(printer.pause())
    assert look(printer).state is Seen.PAUSING


def test_its_server_goes_and_comes_and_the_print_goes_on(printer, tmp_path):
    started(printer, tmp_path)
    printer.serve("down")
    later(minutes=10)
    assert look(printer).state is Seen.OFFLINE
    with pytest.raises(Unreachable):
        asyncio.run(printer.pause())
    printer.serve("starting")
    assert look(printer).state is Seen.STARTING_UP
    printer.serve("up")
    assert (look(printer).state, look(printer).print_seconds) == (Seen.PRINTING, 599)


def test_it_is_connected_again(printer, tmp_path):
    printer.befall("fault", "MINTEMP")
    assert asyncio.run(printer.error_details()) == "MINTEMP"
    with pytest.raises(Conflict):
        printer.start_here(asyncio.run(printer.upload(gcode(tmp_path), NAME, {})))
    asyncio.run(printer.connect_printer())
    assert look(printer).state is Seen.IDLE


def test_its_camera_shows_the_print_grow(printer, tmp_path):
    before = asyncio.run(printer.picture())
    started(printer, tmp_path)
    later(minutes=40)
    after = asyncio.run(printer.picture())
    assert before.content_type == after.content_type == "image/png"
    assert before.data != after.data
