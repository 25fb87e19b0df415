"""The one that talks to the printers: a task for each, beside the worker, in one process at a time (`PollerLease`).

It looks often where something happens and seldom elsewhere, sends what somebody wished, once, and never lets a printer that
does not answer delay another. What a look means is decided elsewhere; what is written is in `engine_edge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.kernel.db import db
from machines.printing import engine_edge as edge
from machines.printing.engine_edge import Outlook
from machines.printing.quiet import Look
from machines.printing.watch import Watch

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every look is no news

TICK = 1.0
RENEW_SECONDS = 5.0
SLOTS_SECONDS = 10.0

T = TypeVar("T")


class Engine:
    """One per process. `run` blocks until `stopping` is set; several processes may run one, and one of them talks."""

    def __init__(self, app: Flask, *, holder: str | None = None) -> None:
        self.app = app
        self.holder = holder or f"{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(4)}"
        self.watches: dict[int, Watch] = {}
        # Of its own: what waits for a name to be resolved must not keep the database waiting.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="printers")
        self._slots: dict[int, int] = {}
        self._looks: list[Look] = []
        self._slots_at = self._held_at = -1e9
        self._leads = False

    def run(self, stopping: threading.Event) -> None:
        asyncio.run(self.main(stopping))

    async def main(self, stopping: threading.Event) -> None:
        log.info("printers: %s", self.holder)
        try:
            while not stopping.is_set():
                await self.beat()
                await asyncio.sleep(TICK)
        finally:
            was_leading = self._leads
            await self._dismiss()
            if was_leading:
                with contextlib.suppress(DBAPIError):  # it lapses by itself
                    await self.in_database(edge.let_go, self.holder)
            self._threads.shutdown()

    async def beat(self) -> None:
        """Hold the lease, see what is wanted, let every printer's task know. A database that is away is waited for."""
        try:
            if not await self._hold():
                await self._dismiss()
                return
            if time.monotonic() - self._slots_at > SLOTS_SECONDS:
                self._slots = await self.in_database(edge.near_slots)
                self._slots_at = time.monotonic()
            await self._keep_looks()
            await self._tend(await self.in_database(edge.outlooks, self._slots))
        except DBAPIError as error:
            log.warning("printers: database away: %s", error)
            if time.monotonic() - self._held_at > edge.LEASE.total_seconds():
                await self._dismiss()

    async def in_database(self, act: Callable[..., T], *facts: Any) -> T:
        """Run `act` in a thread, in the app's context, with the clock of the caller."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, self._in_app, act, facts)

    def _in_app(self, act: Callable[..., T], facts: tuple[Any, ...]) -> T:
        with self.app.app_context():
            try:
                return act(*facts)
            finally:
                db.session.remove()

    async def _hold(self) -> bool:
        begun = time.monotonic()
        if self._leads and begun - self._held_at < RENEW_SECONDS:
            return True
        self._leads = await self.in_database(edge.hold_lease, self.holder)
        if self._leads:
            self._held_at = begun
        return self._leads

    async def _keep_looks(self) -> None:
        looks, self._looks = self._looks, []
        if looks:
            await self.in_database(edge.keep, looks)

    async def _tend(self, outlooks: list[Outlook]) -> None:
        wanted = {one.link_id: one for one in outlooks}
        for link_id, watch in list(self.watches.items()):
            if watch.has_ended:
                log.error("printer %s: nobody watched it any more, somebody does again", link_id)
            if watch.has_ended or link_id not in wanted:
                await self.watches.pop(link_id).stop()
        for link_id, outlook in wanted.items():
            if link_id not in self.watches:
                self.watches[link_id] = Watch(self.in_database, self.holder, outlook, self.note)
                self.watches[link_id].begin()
            else:
                self.watches[link_id].hear(outlook)

    def note(self, look: Look) -> None:
        self._looks.append(look)

    async def _dismiss(self) -> None:
        watches, self.watches, self._leads = list(self.watches.values()), {}, False
        await asyncio.gather(*(watch.stop() for watch in watches))
