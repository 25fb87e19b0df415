"""What the house asks of a printer's server, whatever it is: one protocol, what it observes, how it fails. Pure.

`octoprint` talks to the real one, `simulator` is one that prints on a table of its own. Both pass the same contract suite.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol


class Seen(enum.StrEnum):
    """What a printer was seen doing."""

    OFFLINE = "offline"  # its server does not answer
    STARTING_UP = "starting_up"  # its server is starting: neither an alarm nor a printer
    DISCONNECTED = "disconnected"  # the server answers, no printer hangs on it
    CONNECTING = "connecting"
    FAULT = "fault"
    IDLE = "idle"
    STARTING = "starting"
    PRINTING = "printing"
    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMING = "resuming"
    CANCELLING = "cancelling"
    FINISHING = "finishing"
    BUSY = "busy"  # occupied with something that is not a print
    UNKNOWN = "unknown"


OUR_FOLDER = "fablab/"
"""Where the house puts its files on a printer's server; nobody else's are touched."""
MOST_PAST_PRINTS = 100

ACTIVE = frozenset({Seen.STARTING, Seen.PRINTING, Seen.PAUSING, Seen.PAUSED, Seen.RESUMING, Seen.CANCELLING, Seen.FINISHING})
"""A print is under way."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a printer.

    `completion` is percent of the file's bytes (may be -100 for an empty file), `filepos` a byte offset in it, at a line end.
    `print_seconds` stands still in pauses. `seconds_left_kind` is the server's word (linear, analysis, estimate, average,
    mixed-…). Temperatures in °C. `trouble` is, of a server that is OFFLINE, the name of the class of what went wrong.
    """

    at: datetime
    state: Seen
    remote_path: str | None = None
    started_by: str | None = None
    completion: float | None = None
    filepos: int | None = None
    print_seconds: int | None = None
    seconds_left: int | None = None
    seconds_left_kind: str | None = None
    tool_temp: float | None = None
    tool_target: float | None = None
    bed_temp: float | None = None
    bed_target: float | None = None
    error_text: str | None = None
    trouble: str | None = None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Who answers, as whom we are known there, and what that allows. `too_strong` names permissions we should not have,
    `missing` those we need.
    """

    product: str
    version: str
    user: str | None
    permissions: frozenset[str] = frozenset()
    too_strong: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the printer's server. `marker` is what we wrote beside it; the counters are of its prints there."""

    path: str
    size: int
    marker: Mapping[str, str] = field(default_factory=dict)
    successes: int = 0
    failures: int = 0
    last_success: bool | None = None
    last_print_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class PastPrint:
    """The last print of a file, as the printer's server remembers it and by its clock. `put_by` is the server's user who put the
    file there, who need not have started it; `seconds` is not told of what failed.
    """

    path: str
    ended_at: datetime
    put_by: str | None = None
    is_success: bool | None = None
    seconds: float | None = None

    @property
    def began_at(self) -> datetime:
        return self.ended_at - timedelta(seconds=self.seconds or 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """A still of the camera."""

    content_type: str
    data: bytes


class PrinterError(Exception):
    """Asking a printer's server failed. The text is for the log and for staff; it never holds a key nor a raw answer."""


class Unreachable(PrinterError):
    """Nothing was heard: refused, timed out while connecting, no such host. A write did not reach it."""


class NotSecure(Unreachable):
    """Something answers, and no safe connection could be made with it: nothing was sent, not even the key."""


class Untrusted(NotSecure):
    """Its certificate is none that we trust there."""


class WrongName(Untrusted):
    """Its certificate is of another name or address than the one we ask."""


class OutOfDate(Untrusted):
    """A certificate is over, or not valid yet."""


class StartingUp(PrinterError):
    """The server is starting and not ready to be asked."""


class OutcomeUnknown(PrinterError):
    """A write was sent and nothing came back: it may have been done, may be done later. Never send it again."""


class BadKey(PrinterError):
    """The key is wrong or was revoked."""


class Forbidden(PrinterError):
    """The key is known and not allowed to do this."""


class Conflict(PrinterError):
    """The printer is in another state than the request needs (busy, or not connected: read the state, not the text)."""


class NotFound(PrinterError):
    """No such file, or no such door."""


class Rejected(PrinterError):
    """The server refuses what was sent (name, type, form)."""


class TooLarge(PrinterError):
    """The file is larger than the server takes."""


class RateLimited(PrinterError):
    """Asked too often: wait."""


class ServerFault(PrinterError):
    """An answer that makes no sense, or a fault of the server."""


class AddressRefused(PrinterError):
    """The address is not one we may talk to (settings PRINTER_NETWORKS, PRINTER_PORTS)."""


class PrinterBackend(Protocol):
    """One printer's server. Every call has a total deadline and raises PrinterError; writes are sent once, never retried.

    `status` alone never raises for a printer that is away or a server that is down: it answers with OFFLINE, STARTING_UP or
    DISCONNECTED; it raises BadKey, Forbidden, RateLimited, ServerFault, and AddressRefused when a name has moved elsewhere.
    """

    kind: str
    capabilities: frozenset[str]

    async def probe(self) -> ProbeResult: ...

    async def status(self) -> Observation: ...

    async def upload(self, source: Path, remote_path: str, marker: Mapping[str, str]) -> str:
        """Send a file under a new name, never over another (Conflict). Returns the path the server gave it."""

    async def stat(self, remote_path: str) -> RemoteFile | None:
        """None when there is no such file."""

    async def printed_since(self, since: datetime) -> list[PastPrint]:
        """The last print of each file outside our folder that ended since then, the earliest first, a hundred at most. Costly."""

    async def start(self, remote_path: str) -> None:
        """Select and print. No exception says only that the request was taken: an observation tells whether it prints."""

    async def pause(self) -> None: ...

    async def resume(self) -> None:
        """Conflict while it is still pausing: the server would lose it, so nothing was sent. Ask again once it is paused."""

    async def cancel(self, remote_path: str) -> None:
        """Stop the print of that file; Conflict when another one, or none, is under way."""

    async def delete(self, remote_path: str) -> None:
        """Without an error when it is gone already; Conflict while it is printed."""

    async def error_details(self) -> str | None:
        """What the server knows of the last fault, if it says."""

    async def connect_printer(self) -> None: ...

    async def picture(self) -> Picture | None:
        """A still of the camera; None when there is none."""

    async def close(self) -> None: ...
