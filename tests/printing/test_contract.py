"""What every PrinterBackend promises, kept by the simulator and by a real OctoPrint alike."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.kernel import clock
from machines.printing.gateway import ACTIVE, Conflict, NotFound, PrinterBackend, Rejected, Seen
from machines.printing.simulator import Simulator
from tests.real.octoprint.fixtures import gcode, open_printer, seen

MARKER = {"platform": "etabli", "job": "7", "sha256": "ab" * 32}
NAMES = (f"fablab/12/{number}-1.gcode" for number in itertools.count(1))
"""New for each test: OctoPrint counts the prints of a name that its file no longer has."""


@dataclass
class Bench:
    """A printer to try, and the hand that pulls its cable."""

    printer: PrinterBackend
    unplug: Callable[[], None]
    start_here: Callable[[str], None]
    name: str = field(default_factory=lambda: next(NAMES))


def run(doing: Coroutine[Any, Any, None]) -> None:
    asyncio.run(doing)


@pytest.fixture(params=["simulator", pytest.param("octoprint", marks=[pytest.mark.real, pytest.mark.slow])])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "simulator":
        simulator = Simulator(tmp_path / "printers", "prusa-1")
        return Bench(simulator, lambda: simulator.befall("unplug"), lambda path: simulator.start_here(path, user="member"))
    server = request.getfixturevalue("octoprint")

    def start_here(path: str) -> None:
        status, _ = server.ask(
            "POST", f"/api/files/local/{path}", {"command": "select", "print": True}, key=server.keys["member"]
        )
        assert status == 204

    return Bench(open_printer(server), server.unplug, start_here)


def test_who_answers_is_told_and_nothing_is_missing(bench):
    async def story():
        found = await bench.printer.probe()
        assert found.product
        assert found.version
        assert found.user
        assert (found.missing, found.too_strong) == ((), ())

    run(story())


def test_a_file_keeps_its_size_and_our_marker(bench, tmp_path):
    async def story():
        source = gcode(tmp_path)
        path = await bench.printer.upload(source, bench.name, MARKER)
        found = await bench.printer.stat(path)
        assert path == bench.name
        assert (found.path, found.size, found.marker) == (bench.name, source.stat().st_size, MARKER)
        assert (found.successes, found.failures, found.last_success) == (0, 0, None)

    run(story())


def test_a_file_nobody_sent_is_none(bench):
    async def story():
        assert await bench.printer.stat("fablab/0/0-0.gcode") is None

    run(story())


def test_no_file_is_written_over_another(bench, tmp_path):
    async def story():
        await bench.printer.upload(gcode(tmp_path), bench.name, MARKER)
        with pytest.raises(Conflict):
            await bench.printer.upload(gcode(tmp_path, seconds=4, name="other.gcode"), bench.name, {})
        assert (await bench.printer.stat(bench.name)).marker == MARKER

    run(story())


@pytest.mark.parametrize("name", ["../evil.gcode", "fablab/picture.stl"])
def test_what_is_no_gcode_in_our_folder_is_rejected(bench, tmp_path, name):
    async def story():
        with pytest.raises(Rejected):
            await bench.printer.upload(gcode(tmp_path), name, {})

    run(story())


def test_a_print_is_seen_from_its_start_to_its_end(bench, tmp_path):
    async def story():
        printer = bench.printer
        source = gcode(tmp_path, seconds=3)
        ends_of_lines = {0} | {at + 1 for at, byte in enumerate(source.read_bytes()) if byte == ord("\n")}
        path = await printer.upload(source, bench.name, MARKER)
        await printer.start(path)
        begun = await seen(printer, *ACTIVE)
        assert begun.remote_path == path
        under_way = []
        while (now := await printer.status()).is_active:
            under_way.append(now)
            await asyncio.sleep(0.1)
        through = [one.filepos for one in under_way if one.filepos is not None]
        assert through == sorted(through)
        assert len(set(through)) > 2
        assert set(through) <= ends_of_lines
        assert (now.state, now.remote_path, now.completion, now.filepos) == (Seen.IDLE, path, 100, source.stat().st_size)
        stored = await printer.stat(path)
        assert (stored.successes, stored.failures, stored.last_success) == (1, 0, True)
        assert stored.last_print_seconds == pytest.approx(3, abs=1.5)

    run(story())


def test_a_pause_takes_a_moment_and_stops_the_clock_of_the_print(bench, tmp_path):
    async def story():
        printer = bench.printer
        path = await printer.upload(gcode(tmp_path, seconds=30), bench.name, MARKER)
        await printer.start(path)
        await seen(printer, Seen.PRINTING)
        await printer.pause()
        paused = await seen(printer, Seen.PAUSED)
        await asyncio.sleep(0.6)
        later = await printer.status()
        assert (later.state, later.print_seconds, later.filepos) == (Seen.PAUSED, paused.print_seconds, paused.filepos)
        await printer.resume()
        await seen(printer, Seen.PRINTING)

    run(story())


def test_a_resume_that_would_be_lost_is_not_sent(bench, tmp_path):
    async def story():
        printer = bench.printer
        path = await printer.upload(gcode(tmp_path, seconds=30, dwell=1), bench.name, MARKER)
        await printer.start(path)
        await seen(printer, Seen.PRINTING)
        await printer.pause()
        with pytest.raises(Conflict):
            await printer.resume()
        await seen(printer, Seen.PAUSED)
        await printer.resume()
        await seen(printer, Seen.PRINTING)

    run(story())


def test_what_was_printed_outside_our_folder_is_remembered(bench, tmp_path):
    async def story():
        printer, theirs = bench.printer, bench.name.replace("fablab/", "people/")
        before = clock.now()
        path = await printer.upload(gcode(tmp_path), theirs, {})
        ours = await printer.upload(gcode(tmp_path), bench.name, MARKER)
        assert await printer.printed_since(before) == []
        await printer.start(ours)
        await seen(printer, *ACTIVE)
        await seen(printer, Seen.IDLE)
        bench.start_here(path)
        await seen(printer, *ACTIVE)
        await seen(printer, Seen.IDLE)
        [found] = await printer.printed_since(before)
        who = await printer.probe()
        assert (found.path, found.is_success, found.put_by) == (path, True, who.user)
        assert found.seconds == pytest.approx(2, abs=1.5)
        assert before < found.began_at < found.ended_at <= clock.now()
        assert await printer.printed_since(found.ended_at + timedelta(seconds=1)) == []
        bench.start_here(path)
        await seen(printer, Seen.PRINTING)
        await printer.cancel(path)
        await seen(printer, Seen.IDLE)
        [again] = await printer.printed_since(before)
        assert (again.is_success, again.seconds, again.began_at) == (False, None, again.ended_at)

    run(story())


def test_a_stopped_print_leaves_nothing_of_its_progress(bench, tmp_path):
    async def story():
        printer = bench.printer
        path = await printer.upload(gcode(tmp_path, seconds=30), bench.name, MARKER)
        await printer.start(path)
        await seen(printer, Seen.PRINTING)
        await printer.cancel(path)
        after = await seen(printer, Seen.IDLE)
        assert (after.remote_path, after.completion, after.filepos, after.print_seconds) == (path, None, None, None)
        stored = await printer.stat(path)
        assert (stored.successes, stored.failures, stored.last_success, stored.last_print_seconds) == (0, 1, False, None)

    run(story())


def test_another_print_is_never_stopped_nor_one_that_is_not_there(bench, tmp_path):
    async def story():
        printer = bench.printer
        path = await printer.upload(gcode(tmp_path, seconds=30), "by-hand.gcode", {})
        bench.start_here(path)
        found = await seen(printer, Seen.PRINTING)
        assert found.started_by == "member"
        with pytest.raises(Conflict):
            await printer.cancel(bench.name)
        await printer.cancel(path)
        await seen(printer, Seen.IDLE)
        with pytest.raises(Conflict):
            await printer.cancel(path)

    run(story())


def test_nothing_starts_twice_and_nothing_is_done_to_a_print_that_is_not(bench, tmp_path):
    async def story():
        printer = bench.printer
        path = await printer.upload(gcode(tmp_path, seconds=30), bench.name, MARKER)
        with pytest.raises(NotFound):
            await printer.start("fablab/0/0-0.gcode")
        with pytest.raises(Conflict):
            await printer.pause()
        await printer.start(path)
        await seen(printer, Seen.PRINTING)
        with pytest.raises(Conflict):
            await printer.start(path)
        with pytest.raises(Conflict):
            await printer.delete(path)

    run(story())


def test_a_file_is_gone_when_deleted_and_deleting_it_again_is_no_error(bench, tmp_path):
    async def story():
        path = await bench.printer.upload(gcode(tmp_path), bench.name, MARKER)
        await bench.printer.delete(path)
        assert await bench.printer.stat(path) is None
        await bench.printer.delete(path)

    run(story())


def test_a_printer_without_its_cable_is_disconnected_and_starts_nothing(bench, tmp_path):
    async def story():
        path = await bench.printer.upload(gcode(tmp_path), bench.name, MARKER)
        bench.unplug()
        found = await seen(bench.printer, Seen.DISCONNECTED)
        assert found.remote_path is None
        with pytest.raises(Conflict):
            await bench.printer.start(path)

    run(story())
