"""The engine's hand on one printer, a round at a time, and printers' servers that do what a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from app.kernel import clock
from app.kernel.db import db
from machines.printing import engine_edge as edge
from machines.printing.engine import Engine
from machines.printing.gateway import Observation, PastPrint, Picture, PrinterError, ProbeResult, RemoteFile, Seen
from machines.printing.models import PrinterLink
from machines.printing.quiet import Look
from machines.printing.watch import Watch


class Hand:
    """One engine and its watch of one printer. Another hand on the same printer is another process, or one started anew."""

    def __init__(self, app: Flask, link: PrinterLink, holder: str = "here") -> None:
        self.loop = asyncio.new_event_loop()
        self.engine, self.link_id = Engine(app, holder=holder), link.id
        self.watch: Watch | None = None
        self.looks: list[Look] = []

    def round(self, seconds: float = 0) -> float:
        """Some seconds later, one round. How long the engine would wait for the next."""
        clock.set_clock(clock.now() + timedelta(seconds=seconds))
        db.session.rollback()
        return self.loop.run_until_complete(self._round())

    def rounds(self, many: int, seconds: float = 5) -> None:
        for _ in range(many):
            self.round(seconds)

    def until(self, is_so: Callable[[], bool], *, most: int = 60, seconds: float = 5) -> None:
        for _ in range(most):
            if is_so():
                return
            self.round(seconds)
        raise AssertionError(f"not so after {most} rounds")

    async def _round(self) -> float:
        run = self.engine.in_database
        await run(edge.hold_lease, self.engine.holder)
        found = await run(edge.outlooks, await run(edge.near_slots))
        outlook = next(one for one in found if one.link_id == self.link_id)
        if self.watch is None:
            self.watch = Watch(run, self.engine.holder, outlook, self.looks.append)
        self.watch.outlook = outlook
        wait = await self.watch.round()
        if self.looks:
            await run(edge.keep, self.looks)
            self.looks.clear()
        return wait


class Scripted:
    """A printer's server of which a test says all. `says` is the next look, `raises` what a call of that name raises, once it
    has been noted in `calls`.
    """

    kind = "scripted"
    capabilities = frozenset({"error_details", "history"})

    def __init__(self) -> None:
        self.says = Observation(at=clock.now(), state=Seen.IDLE)
        self.raises: dict[str, PrinterError] = {}
        self.past: list[PastPrint] = []
        self.asked_since: list[datetime] = []
        self.files: dict[str, RemoteFile] = {}
        self.calls: list[str] = []
        self.meanwhile: dict[str, Callable[[], Any]] = {}
        self.details: str | None = None

    def look(self, state: Seen, path: str | None = None, **more: Any) -> None:
        self.says = Observation(at=clock.now(), state=state, remote_path=path, **more)

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.meanwhile:
            await asyncio.to_thread(self.meanwhile[name])
        if name in self.raises:
            raise self.raises[name]

    async def status(self) -> Observation:
        await self._called("status")
        return replace(self.says, at=clock.now())

    async def upload(self, source: Path, remote_path: str, marker: Mapping[str, str]) -> str:
        await self._called("upload")
        self.files[remote_path] = RemoteFile(remote_path, source.stat().st_size, dict(marker))
        return remote_path

    async def stat(self, remote_path: str) -> RemoteFile | None:
        await self._called("stat")
        return self.files.get(remote_path)

    async def printed_since(self, since: datetime) -> list[PastPrint]:
        await self._called("printed_since")
        self.asked_since.append(since)
        return [one for one in self.past if one.ended_at >= since]

    async def start(self, remote_path: str) -> None:
        await self._called("start")

    async def pause(self) -> None:
        await self._called("pause")

    async def resume(self) -> None:
        await self._called("resume")

    async def cancel(self, remote_path: str) -> None:
        await self._called("cancel")

    async def delete(self, remote_path: str) -> None:
        await self._called("delete")

    async def connect_printer(self) -> None:
        await self._called("connect_printer")

    async def error_details(self) -> str | None:
        return self.details

    async def probe(self) -> ProbeResult:
        return ProbeResult("Scripted", "1", None)

    async def picture(self) -> Picture | None:
        return None

    async def close(self) -> None:
        self.calls.append("close")

    def writes(self) -> list[str]:
        return [call for call in self.calls if call not in ("status", "stat", "printed_since", "close")]
