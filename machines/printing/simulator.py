"""A printer that prints on a table of its own, by the clock, for the demo and the tests: the same contract as a real one.

What it is lives in `<folder>/<name>.json`, read and written under a lock, so that the web, the worker and the tests see one
printer; its files lie beside it. What time does to it is in `simulated`.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image, ImageDraw

from app.kernel import clock
from machines.printing import gateway, simulated
from machines.printing.gateway import (
    ACTIVE,
    MOST_PAST_PRINTS,
    OUR_FOLDER,
    Conflict,
    NotFound,
    Observation,
    PastPrint,
    Picture,
    ProbeResult,
    Rejected,
    RemoteFile,
    Seen,
    StartingUp,
    Unreachable,
)
from machines.printing.simulated import Heat, Job, Stored, Table

EXTENSIONS = (".gcode", ".gco", ".g")
_TIME = re.compile(rb"; ?(?:TIME:(?P<seconds>\d+)|estimated printing time[^=]*= ?(?P<words>[\d dhms]+))")
_DWELL = re.compile(rb"G4 (?P<unit>[PS])(?P<many>\d+(?:\.\d+)?)")
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
USER = "etabli"


class Simulator:
    """One simulated printer, connected and idle when it is first looked at. Times are shortened by `speed`."""

    kind = "simulator"
    capabilities = frozenset(
        {"upload", "pause", "file_marker", "file_position", "started_by", "history", "connect", "error_details", "picture"}
    )

    def __init__(self, folder: Path, name: str, *, speed: float = 1.0) -> None:
        self._state, self._files, self._speed = folder / f"{name}.json", folder / name, speed

    async def probe(self) -> ProbeResult:
        with self._called("probe"):
            return ProbeResult(product="Simulator", version="1", user=USER)

    async def status(self) -> Observation:
        try:
            with self._called("status") as table:
                now = clock.now()
                return simulated.look(table, now, self._speed, self._filepos(table, now))
        except Unreachable as error:
            return Observation(at=clock.now(), state=Seen.OFFLINE, error_text=str(error))
        except StartingUp:
            return Observation(at=clock.now(), state=Seen.STARTING_UP)

    async def upload(self, source: Path, remote_path: str, marker: Mapping[str, str]) -> str:
        if not remote_path.endswith(EXTENSIONS) or ".." in remote_path.split("/") or remote_path.startswith("/"):
            raise Rejected("the server takes no such name")
        self._files.mkdir(parents=True, exist_ok=True)
        half = self._files / f"{uuid4().hex}.half"
        try:
            seconds = await asyncio.to_thread(_take, source, half)
            with self._called("upload") as table:
                if remote_path in table.files:
                    raise Conflict("there is such a file already")
                kept = hashlib.sha256(remote_path.encode()).hexdigest()[:24]
                table.files[remote_path] = Stored(half.stat().st_size, seconds, dict(marker), kept, put_by=USER)
                half.rename(self._files / kept)
        finally:
            half.unlink(missing_ok=True)
        return remote_path

    async def stat(self, remote_path: str) -> RemoteFile | None:
        with self._called("stat") as table:
            if (one := table.files.get(remote_path)) is None:
                return None
            counted = (one.successes, one.failures, one.last_success, one.last_print_seconds)
            return RemoteFile(remote_path, one.size, one.marker, *counted)

    async def printed_since(self, since: datetime) -> list[PastPrint]:
        with self._called("printed_since") as table:
            found = [
                PastPrint(path, one.last_ended_at, one.put_by, one.last_success, one.last_print_seconds)
                for path, one in table.files.items()
                if not path.startswith(OUR_FOLDER) and one.last_ended_at is not None and one.last_ended_at >= since
            ]
        return sorted(found, key=lambda one: one.ended_at)[-MOST_PAST_PRINTS:]

    async def start(self, remote_path: str) -> None:
        with self._called("start") as table:
            self._begin(table, remote_path, USER)

    async def pause(self) -> None:
        with self._called("pause") as table:
            if _active(table).state is Seen.PRINTING:
                simulated.change(table, Seen.PAUSING, clock.now())

    async def resume(self) -> None:
        with self._called("resume") as table:
            job = _active(table)
            if job.state is Seen.PAUSING:
                raise Conflict("still pausing, a resume would be lost")
            if job.state is Seen.PAUSED:
                simulated.change(table, Seen.RESUMING, clock.now())

    async def cancel(self, remote_path: str) -> None:
        with self._called("cancel") as table:
            if _active(table).path != remote_path:
                raise Conflict("another print is under way")
            simulated.change(table, Seen.CANCELLING, clock.now())

    async def delete(self, remote_path: str) -> None:
        with self._called("delete") as table:
            if table.job and table.job.path == remote_path:
                raise Conflict("it is being printed")
            if found := table.files.pop(remote_path, None):
                (self._files / found.bytes_in).unlink(missing_ok=True)

    async def error_details(self) -> str | None:
        with self._called("error_details") as table:
            return table.error

    async def connect_printer(self) -> None:
        with self._called("connect_printer") as table:
            if table.printer is not Seen.IDLE:
                table.printer, table.error = Seen.IDLE, None

    async def picture(self) -> Picture | None:
        with self._called("picture") as table:
            return _picture(simulated.share_printed(table, clock.now()) or 0.0)

    async def close(self) -> None:
        """Nothing is kept open."""

    # What happens on the table itself: for tests, and for the demo.

    def script(self, *faults: dict[str, object]) -> None:
        """Write what shall go wrong: see `simulated.Table.faults`. None of it: forget what was written."""
        with self._table() as table:
            table.faults = [*table.faults, *faults] if faults else []

    def befall(self, what: str, text: str = "") -> None:
        """Let something happen now: fault, power_cut, unplug, pause, cancel."""
        with self._table() as table:
            simulated.befall(table, what, text, clock.now(), self._speed)

    def plug(self) -> None:
        with self._table() as table:
            table.printer, table.error = Seen.IDLE, None

    def serve(self, server: str) -> None:
        """The printer's server is `up`, `down` or `starting`; a print goes on."""
        with self._table() as table:
            table.server = server

    def start_here(self, remote_path: str, *, user: str | None = None) -> None:
        """Somebody starts a file at the printer itself."""
        with self._table() as table:
            self._begin(table, remote_path, user)

    def _begin(self, table: Table, remote_path: str, user: str | None) -> None:
        if remote_path not in table.files:
            raise NotFound("no such file")
        if table.job or table.printer is not Seen.IDLE:
            raise Conflict("the printer is busy or not connected")
        simulated.begin(table, remote_path, user, clock.now(), self._speed)

    @contextmanager
    def _called(self, name: str) -> Iterator[Table]:
        """The table for a call from outside, when the server answers it. A scripted failure may come before or after."""
        with self._table() as table:
            if table.server == "down":
                raise Unreachable("Connection refused")
            if table.server == "starting":
                raise StartingUp("the server is starting")
            failure = next((one for one in table.faults if one.get("call") == name), None)
            if failure:
                table.faults.remove(failure)
            if failure is None or failure.get("is_done"):
                yield table
            else:
                self._write(table)
                raise _error(failure)
        if failure:
            raise _error(failure)

    @contextmanager
    def _table(self) -> Iterator[Table]:
        """The printer as it is now, nobody else's meanwhile; written back unless the body fails."""
        self._state.parent.mkdir(parents=True, exist_ok=True)
        with self._state.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            table = _read(self._state)
            simulated.pass_time(table, clock.now(), self._speed)
            yield table
            self._write(table)

    def _write(self, table: Table) -> None:
        half = self._state.with_suffix(".half")
        half.write_text(json.dumps(asdict(table), default=datetime.isoformat))
        half.replace(self._state)

    def _filepos(self, table: Table, now: datetime) -> int | None:
        """Where the selected file is at, always a line's end."""
        share, stored = simulated.share_printed(table, now), table.files.get(table.selected or "")
        if share is None or stored is None:
            return None
        with (self._files / stored.bytes_in).open("rb") as file:
            file.seek(max(0, int(share * stored.size) - 1))
            file.readline()
            return file.tell()


def _active(table: Table) -> Job:
    if table.job is None or table.job.state not in ACTIVE:
        raise Conflict("no print is under way")
    return table.job


def _error(failure: Mapping[str, object]) -> gateway.PrinterError:
    kind: type[gateway.PrinterError] = getattr(gateway, str(failure.get("raises", "OutcomeUnknown")))
    return kind(str(failure.get("text", "as scripted")))


def _read(path: Path) -> Table:
    if not path.exists():
        return Table()
    told: dict[str, Any] = json.loads(path.read_text())
    job, heat = told.pop("job"), told.pop("heat")
    if job:
        job |= {"state": Seen(job["state"]), "since": datetime.fromisoformat(job["since"])}
    heat["at"] = heat["at"] and datetime.fromisoformat(heat["at"])
    return Table(
        **{
            **told,
            "printer": Seen(told["printer"]),
            "files": {name: _stored(one) for name, one in told["files"].items()},
            "job": Job(**job) if job else None,
            "heat": Heat(**heat),
        }
    )


def _stored(told: dict[str, Any]) -> Stored:
    ended_at = told.get("last_ended_at")
    return Stored(**{**told, "last_ended_at": ended_at and datetime.fromisoformat(ended_at)})


def _take(source: Path, into: Path) -> float:
    """Copy a file; how long it prints."""
    shutil.copyfile(source, into)
    return _seconds(into)


def _seconds(path: Path) -> float:
    """How long a file prints: as its slicer says, else its dwells, else by its size."""
    dwells = 0.0
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b"G4 ") and (found := _DWELL.match(line)):
                dwells += float(found["many"]) / (1000 if found["unit"] == b"P" else 1)
            elif line.startswith(b";") and (said := _TIME.match(line)):
                words = re.findall(r"(\d+)([dhms])", (said["words"] or b"").decode())
                return float(said["seconds"] or sum(int(many) * _UNITS[unit] for many, unit in words))
    return dwells or max(1.0, path.stat().st_size / 400)


def _picture(share: float) -> Picture:
    """What a camera would see: a bed, and a tower as high as the print has come."""
    image = Image.new("RGB", (640, 480), "#20262c")
    draw = ImageDraw.Draw(image)
    draw.polygon([(120, 400), (520, 400), (580, 450), (60, 450)], fill="#4b5660")
    top = 410 - round(260 * share)
    draw.rectangle((260, top, 380, 420), fill="#d9822b")
    draw.polygon([(300, top - 40), (340, top - 40), (322, top - 4), (318, top - 4)], fill="#c9ced3")
    kept = BytesIO()
    image.save(kept, "PNG")
    return Picture("image/png", kept.getvalue())
