"""One printer, watched: look, take in, send what is wished, wait. A round never raises; a printer's failures are its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.kernel import clock
from machines.printing import carrying, foreign, quiet, stills
from machines.printing import engine_edge as edge
from machines.printing.carrying import Order
from machines.printing.engine_edge import Outlook
from machines.printing.gateway import (
    Conflict,
    Observation,
    OutcomeUnknown,
    PrinterBackend,
    PrinterError,
    Rejected,
    RemoteFile,
    Seen,
    ServerFault,
    TooLarge,
)
from machines.printing.quiet import Look
from machines.printing.rules import Circuit, JobState
from machines.printing.wishes import Act

log = logging.getLogger(__name__)

PRINTING_SECONDS, SLOT_SECONDS, IDLE_SECONDS = 5.0, 10.0, 60.0
AFTER_AN_ACT_SECONDS = 1.0
READ_SECONDS, WRITE_SECONDS = 20.0, 40.0
"""Belts: every backend has deadlines of its own."""
CLEAN_SECONDS = 1800.0
LISTING_SECONDS = 60.0
LOOK_BACK_EVERY, LOOK_BACK_AGAIN = timedelta(minutes=30), timedelta(hours=6)

InDatabase = Callable[..., Awaitable[Any]]


class Watch:
    """`in_database` runs a function of `engine_edge`; `note` keeps a look that brought no news, for a little later. The task
    belongs to whoever calls `begin`.
    """

    def __init__(self, in_database: InDatabase, holder: str, outlook: Outlook, note: Callable[[Look], None]) -> None:
        self.outlook = outlook
        self._note = note
        self._last_whole: Observation | None = None
        self._db, self._holder = in_database, holder
        self._backend: PrinterBackend | None = None
        self._revision = outlook.revision
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connected_for: int | None = None
        self._clean_at = 0.0
        self._looks_back_at: datetime | None = None
        self._acted = self._is_away = False

    def begin(self) -> None:
        self._task = asyncio.create_task(self._live(), name=f"printer {self.outlook.link_id}")

    @property
    def has_ended(self) -> bool:
        """Whether it was begun and looks no more, whatever ended it."""
        return self._task is not None and self._task.done()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close()

    def hear(self, outlook: Outlook) -> None:
        """What changed since: a wish, a new print, a slot that comes near, another address or key."""
        before, self.outlook = self.outlook, outlook
        is_new_wish = outlook.pending is not None and outlook.pending != before.pending
        is_nearer = (outlook.job_id and not before.job_id) or (outlook.slot_id and not before.slot_id)
        if outlook.revision != before.revision or is_new_wish or is_nearer:
            self._wake.set()

    async def _live(self) -> None:
        await asyncio.sleep(random.uniform(0, 0.5))  # noqa: S311 - printers are not all asked at once
        while True:
            self._wake.clear()
            wait = await self.round()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    async def round(self) -> float:
        """One look and what follows from it. How long to wait for the next, in seconds."""
        self._acted = self._is_away = False
        if (wait := self._must_wait()) > 0:
            return wait
        try:
            await self._look()
        except PrinterError as error:
            log.info("printer %s: %s: %s", self.outlook.link_id, type(error).__name__, error)
            await self._note_failed(error)
        except SQLAlchemyError as error:
            log.warning("printer %s: database away: %s", self.outlook.link_id, error)
        except Exception:
            log.exception("printer %s: this round failed", self.outlook.link_id)
            await self._note_failed(ServerFault("an unexpected answer"))
        return self.pause()

    def pause(self) -> float:
        """Seconds until the next look, if nothing wakes us."""
        if self._acted:
            return AFTER_AN_ACT_SECONDS
        one = self.outlook
        seconds = PRINTING_SECONDS if one.job_id or self._is_away else SLOT_SECONDS if one.slot_id else IDLE_SECONDS
        return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - jitter

    def _must_wait(self) -> float:
        """While its circuit says so; a link that was changed is tried at once."""
        if self._revision != self.outlook.revision or self.outlook.retry_at is None:
            return 0.0
        return _seconds_until(self.outlook.retry_at)

    async def _note_failed(self, error: PrinterError) -> None:
        self._is_away = True
        try:
            await self._db(edge.failed, self.outlook.link_id, error)
        except SQLAlchemyError as away:
            log.warning("printer %s: database away: %s", self.outlook.link_id, away)
        except Exception:
            log.exception("printer %s: its failure could not be kept", self.outlook.link_id)

    async def _look(self) -> None:
        backend = await self._door()
        seen = await _within(READ_SECONDS, backend.status())
        self._is_away = seen.state is Seen.OFFLINE
        if self._is_quiet(seen):
            self._note(Look(self.outlook.link_id, self.outlook.job_id, seen))
            await self._show(backend)
            return
        remote = await self._file_of_job(backend, seen)
        if seen.state is Seen.FAULT and self.outlook.job_id and "error_details" in backend.capabilities:
            seen = await _with_details(backend, seen)
        self._last_whole = None
        order = await self._db(edge.saw, self._holder, self.outlook.link_id, seen, remote)
        self._last_whole = seen
        if order is not None:
            self._acted = True
            await self._carry_out(backend, order)
        elif self.outlook.job_id is not None:
            await self._show(backend)
        elif seen.state is Seen.DISCONNECTED:
            await self._connect(backend)
        elif self.outlook.job_id is None and seen.state is Seen.IDLE:
            await self._clean(backend)
            await self._look_back(backend)

    async def _show(self, backend: PrinterBackend) -> None:
        """A still of the camera, while somebody looks at the print's page; without one nothing is lost."""
        if self.outlook.job_id is None or "picture" not in backend.capabilities:
            return
        if await self._db(stills.is_looked_at, self.outlook.link_id):
            with contextlib.suppress(PrinterError):
                if (still := await _within(READ_SECONDS, backend.picture())) is not None:
                    await self._db(stills.keep, self.outlook.link_id, still.data)

    def _is_quiet(self, seen: Observation) -> bool:
        """Nothing asked, nothing new: the printer is idle as before, or goes on with the print that is known to go on."""
        one = self.outlook
        is_known = one.job_state is JobState.PRINTING and one.remote_path == seen.remote_path
        is_calm = one.wish is None and one.circuit is Circuit.CLOSED and one.retry_at is None
        return is_calm and quiet.is_quiet(self._last_whole, seen) and (is_known if one.job_id else seen.state is Seen.IDLE)

    async def _door(self) -> PrinterBackend:
        if self._revision != self.outlook.revision:
            await self._close()
            self._revision = self.outlook.revision
        if self._backend is None:
            self._backend = await self._db(edge.door, self.outlook.link_id)
        return self._backend

    async def _file_of_job(self, backend: PrinterBackend, seen: Observation) -> RemoteFile | None:
        """What the server counts of the open job's file, where the look alone does not tell that it prints."""
        one = self.outlook
        is_told = seen.is_active and seen.remote_path == one.remote_path
        away = (Seen.OFFLINE, Seen.STARTING_UP, Seen.UNKNOWN)
        if one.remote_path is None or one.job_state in (None, JobState.SENDING) or is_told or seen.state in away:
            return None
        found: RemoteFile | None = await _within(READ_SECONDS, backend.stat(one.remote_path))
        return found

    async def _carry_out(self, backend: PrinterBackend, order: Order) -> None:
        if order.act is Act.SEND:
            await self._send(backend, order)
            return
        try:
            if order.act is Act.PAUSE:
                await _within(WRITE_SECONDS, backend.pause())
            elif order.act is Act.RESUME:
                await _within(WRITE_SECONDS, backend.resume())
            else:
                await _within(WRITE_SECONDS, backend.cancel(order.remote_path))
        except PrinterError as error:
            log.info("printer %s: %s: %s: %s", self.outlook.link_id, order.act, type(error).__name__, error)
            await self._db(edge.answered, order.job_id, order.act, error)

    async def _send(self, backend: PrinterBackend, order: Order) -> None:
        """The file, verified; then a last look; then the start, claimed before it leaves."""
        if not await self._deliver(backend, order):
            return
        seen = await _within(READ_SECONDS, backend.status())
        if seen.state is not Seen.IDLE:
            other = await self._db(edge.saw, self._holder, self.outlook.link_id, seen, None)
            if other is not None:
                await self._carry_out(backend, other)
            return
        if not await self._db(edge.claim_start, self._holder, order.job_id):
            return
        try:
            await _within(WRITE_SECONDS, backend.start(order.remote_path))
        except PrinterError as error:
            log.info("printer %s: start: %s: %s", self.outlook.link_id, type(error).__name__, error)
            await self._db(edge.answered, order.job_id, Act.SEND, error)

    async def _deliver(self, backend: PrinterBackend, order: Order) -> bool:
        """Whether the file is there, with our marker and its size. What is there already is not sent again.

        A name of its own for every attempt: an upload whose answer was lost may be sent again, it never replaces anything.
        """
        there = await _within(READ_SECONDS, backend.stat(order.remote_path))
        if there is None:
            assert order.source is not None
            allowed = carrying.upload_allowed(order.size).total_seconds()
            try:
                path = await _within(allowed, backend.upload(order.source, order.remote_path, dict(order.marker)))
            except (TooLarge, Rejected) as error:
                await self._db(edge.write, carrying.not_sent, order.job_id, type(error).__name__)
                return False
            except Conflict:
                path = order.remote_path
            if path != order.remote_path:
                await self._db(edge.write, carrying.not_sent, order.job_id, "Renamed")
                return False
            there = await _within(READ_SECONDS, backend.stat(path))
        if there is None or there.size != order.size or dict(there.marker) != dict(order.marker):
            await self._db(edge.write, carrying.not_sent, order.job_id, "Differs")
            return False
        await self._db(edge.write, carrying.sent, order.job_id)
        return True

    async def _connect(self, backend: PrinterBackend) -> None:
        """One try for every slot, where the house may."""
        wanted = self.outlook.connects_for
        if wanted is None or wanted == self._connected_for:
            return
        self._connected_for = wanted
        self._acted = True
        await _within(WRITE_SECONDS, backend.connect_printer())

    async def _clean(self, backend: PrinterBackend) -> None:
        """Take files away that nobody needs any more, now and then."""
        now = asyncio.get_running_loop().time()
        if now < self._clean_at:
            return
        self._clean_at = now + CLEAN_SECONDS
        for job_id, path in await self._db(edge.to_delete, self.outlook.link_id):
            with contextlib.suppress(Conflict):
                await _within(WRITE_SECONDS, backend.delete(path))
                await self._db(edge.write, carrying.deleted, job_id)

    async def _look_back(self, backend: PrinterBackend) -> None:
        """Once a night, ask for the prints that no look saw. A server that cannot say is left in peace for hours."""
        now = clock.now()
        if (self._looks_back_at is not None and now < self._looks_back_at) or "history" not in backend.capabilities:
            return
        self._looks_back_at = now + LOOK_BACK_EVERY
        if (since := await self._db(edge.to_look_back, self.outlook.link_id)) is None:
            return
        try:
            told = await _within(LISTING_SECONDS, backend.printed_since(since))
        except PrinterError as error:
            log.info("printer %s: looking back: %s: %s", self.outlook.link_id, type(error).__name__, error)
            self._looks_back_at = now + LOOK_BACK_AGAIN
            return
        await self._db(edge.write, foreign.look_back, self.outlook.link_id, now, told)

    async def _close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            with contextlib.suppress(PrinterError):
                await backend.close()


async def _within(seconds: float, call: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise OutcomeUnknown(f"no answer within {seconds:.0f} s") from error


async def _with_details(backend: PrinterBackend, seen: Observation) -> Observation:
    """A fault with what the server knows of it, if it says."""
    with contextlib.suppress(PrinterError):
        details = await _within(READ_SECONDS, backend.error_details())
        if details:
            return replace(seen, error_text=details)
    return seen


def _seconds_until(instant: datetime) -> float:
    return max(0.0, (instant - clock.now()).total_seconds())
