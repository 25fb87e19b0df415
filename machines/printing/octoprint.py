"""OctoPrint 1.11 and 2.0 as a PrinterBackend. Keys are asked for, renewed and revoked in `octoprint_keys`.

What its server really answers was tried out, and differs from its documentation: a wrong key is 403 for reading and a 400
about CSRF for writing; 204 proves nothing; offline and busy are the same 409; a file over the limit is an empty 400 or a
reset; addresses in its answers come from the request's Host and are never used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from app.kernel import clock
from machines.printing import http
from machines.printing.addresses import Address, Allowed
from machines.printing.gateway import (
    BadKey,
    Conflict,
    Forbidden,
    NotFound,
    Observation,
    OutcomeUnknown,
    PastPrint,
    Picture,
    PrinterError,
    ProbeResult,
    Rejected,
    RemoteFile,
    Seen,
    ServerFault,
    StartingUp,
    TooLarge,
    Unreachable,
)
from machines.printing.http import Answer
from machines.printing.octoprint_answers import checked, file_door, observed, past_prints, remote_file, text, with_temperatures

EXTRA_SECONDS = 3.0
UPLOAD_BYTES_PER_SECOND = 200_000
MOST_PICTURE_BYTES = 5 * 1024 * 1024
LISTING_SECONDS, MOST_LISTING_BYTES = 45.0, 8 * 1024 * 1024
PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")

NEEDED = ("STATUS", "FILES_LIST", "FILES_UPLOAD", "FILES_DOWNLOAD", "FILES_SELECT", "FILES_DELETE", "PRINT")
TOO_STRONG = ("ADMIN", "SETTINGS", "SYSTEM", "CONTROL")

_WARM = frozenset(Seen) - {Seen.DISCONNECTED, Seen.CONNECTING, Seen.FAULT, Seen.UNKNOWN}
"""States in which a printer tells its temperatures."""
WARM_FOR = timedelta(seconds=12)
"""How long what was told of them is repeated."""


class OctoPrint:
    """One server. Holds no connection; the key is sent to `address` only, in a header. The camera is asked without it.

    `certificate`, in PEM, is the only one trusted at `address`, and of a camera on the same host.
    """

    kind = "octoprint"
    capabilities = frozenset(
        {"upload", "pause", "file_marker", "file_position", "started_by", "history", "connect", "error_details", "picture"}
    )

    read_seconds = 8.0
    write_seconds = 15.0

    def __init__(
        self,
        address: Address,
        key: str | None,
        *,
        allowed: Allowed,
        camera: Address | None = None,
        certificate: str | None = None,
    ) -> None:
        self.address, self.allowed, self.camera, self.certificate = address, allowed, camera, certificate
        self._headers = {"X-Api-Key": key} if key else {}
        self._warm: Observation | None = None

    async def probe(self) -> ProbeResult:
        version = (await self._get("/api/version")).object()
        text = str(version.get("text", ""))
        if not text.startswith("OctoPrint") or "Moonraker" in text:
            raise ServerFault("what answers is not OctoPrint")
        who = (await self._get("/api/currentuser")).object()
        if not who.get("name"):  # any key gets a 200 here
            raise BadKey("the key is not known")
        permissions = frozenset(str(one) for one in who.get("permissions") or ())
        return ProbeResult(
            product="OctoPrint",
            version=str(version.get("server", "")),
            user=str(who["name"]),
            permissions=permissions,
            too_strong=tuple(name for name in TOO_STRONG if name in permissions),
            missing=() if "ADMIN" in permissions else tuple(name for name in NEEDED if name not in permissions),
        )

    async def status(self) -> Observation:
        try:
            seen = observed((await self._get("/api/job")).object())
        except Unreachable as error:
            return Observation(at=clock.now(), state=Seen.OFFLINE, error_text=str(error), trouble=type(error).__name__)
        except StartingUp:
            return Observation(at=clock.now(), state=Seen.STARTING_UP)
        except (NotFound, Conflict, Rejected) as error:
            raise ServerFault("what answers is not OctoPrint") from error
        return await self._with_temperatures(seen) if seen.state in _WARM else seen

    async def _with_temperatures(self, seen: Observation) -> Observation:
        """The print matters more than its temperatures: without them where they are not told.

        While the printer does the same, they are asked for at every third look or so: half of all requests would be theirs.
        """
        if (last := self._warm) is not None and last.state is seen.state and seen.at - last.at < WARM_FOR:
            return replace(
                seen,
                tool_temp=last.tool_temp,
                tool_target=last.tool_target,
                bed_temp=last.bed_temp,
                bed_target=last.bed_target,
            )
        self._warm = await self._ask_temperatures(seen)
        return self._warm

    async def _ask_temperatures(self, seen: Observation) -> Observation:
        try:
            answer = await self._get("/api/printer?exclude=state,sd", deadline=EXTRA_SECONDS)
            found = answer.object().get("temperature")
        except PrinterError:
            return seen
        return with_temperatures(seen, found if isinstance(found, dict) else {})

    async def upload(self, source: Path, remote_path: str, marker: Mapping[str, str]) -> str:
        size = source.stat().st_size
        path = PurePosixPath(remote_path)
        form = {
            "path": "" if str(path.parent) == "." else str(path.parent),
            "filename": path.name,
            "noOverwrite": "true",
            "userdata": json.dumps(dict(marker)),
        }
        try:
            with source.open("rb") as file:
                answer = await self._write(
                    "POST", "/api/files/local", deadline=30 + size / UPLOAD_BYTES_PER_SECOND, data=form,
                    files={"file": (path.name, file, "application/octet-stream")},
                )  # fmt: skip
        except http.Reset as error:
            return await self._after_hanging_up(remote_path, size, error)
        stored = answer.object().get("files", {}).get("local", {}).get("path")
        if not isinstance(stored, str) or not stored:
            raise ServerFault("the server does not say where it put the file")
        return stored

    async def _after_hanging_up(self, remote_path: str, size: int, error: Exception) -> str:
        """A server that hangs up in the middle of a file and is well has refused it for its size."""
        try:
            found = await self.stat(remote_path)
        except PrinterError:
            raise OutcomeUnknown("the server hung up") from error
        if found is not None and found.size == size:
            return found.path
        raise TooLarge("the server hung up while the file was sent") from error

    async def stat(self, remote_path: str) -> RemoteFile | None:
        try:
            return remote_file((await self._get(file_door(remote_path))).object(), remote_path)
        except NotFound:
            return None
        except ServerFault:  # a file in a folder that is not there is answered 500, not 404
            if await self._has_folders(remote_path):
                raise
            return None

    async def _has_folders(self, remote_path: str) -> bool:
        try:
            for folder in reversed(PurePosixPath(remote_path).parents[:-1]):
                await self._get(file_door(str(folder)))
        except NotFound:
            return False
        return True

    async def printed_since(self, since: datetime) -> list[PastPrint]:
        listing = await self._get("/api/files/local?recursive=true", deadline=LISTING_SECONDS, most_bytes=MOST_LISTING_BYTES)
        return past_prints(listing.object(), since)

    async def start(self, remote_path: str) -> None:
        await self._write("POST", file_door(remote_path), json={"command": "select", "print": True})

    async def pause(self) -> None:
        await self._write("POST", "/api/job", json={"command": "pause", "action": "pause"})

    async def resume(self) -> None:
        if observed((await self._get("/api/job")).object()).state is Seen.PAUSING:
            raise Conflict("still pausing, a resume would be lost")
        await self._write("POST", "/api/job", json={"command": "pause", "action": "resume"})

    async def cancel(self, remote_path: str) -> None:
        seen = observed((await self._get("/api/job")).object())
        if not seen.is_active or seen.remote_path != remote_path:
            raise Conflict("another print, or none, is under way")
        await self._write("POST", "/api/job", json={"command": "cancel"})

    async def delete(self, remote_path: str) -> None:
        try:
            await self._write("DELETE", file_door(remote_path))
        except NotFound:
            return

    async def error_details(self) -> str | None:
        try:
            found = (await self._get("/api/printer/error")).object()
        except (NotFound, Conflict):
            return None
        said = [str(found[name]) for name in ("error", "reason", "consequence") if found.get(name)]
        return text(" · ".join(said))

    async def connect_printer(self) -> None:
        await self._write("POST", "/api/connection", json={"command": "connect"})

    async def picture(self) -> Picture | None:
        if self.camera is None:
            return None
        path = (self.camera.prefix or "/") + (f"?{self.camera.query}" if self.camera.query else "")
        answer = await http.ask(
            self.camera, "GET", path, allowed=self.allowed, deadline=self.read_seconds, most_bytes=MOST_PICTURE_BYTES,
            certificate=self.certificate if self.camera.host == self.address.host else None,
        )  # fmt: skip
        kind = answer.content_type.partition(";")[0].strip().lower()
        if answer.status != 200 or kind not in PICTURES:
            raise ServerFault("the camera does not answer with a picture")
        return Picture(kind, answer.body)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _get(self, path: str, *, deadline: float | None = None, **limits: int) -> Answer:
        answer = await self._ask("GET", path, deadline=deadline or self.read_seconds, **limits)
        return checked(answer, is_write=False) if answer.status != 403 else await self._refused()

    async def _write(self, method: str, path: str, *, deadline: float | None = None, **content: Any) -> Answer:
        answer = await self._ask(method, path, deadline=deadline or self.write_seconds, **content)
        return checked(answer, is_write=True) if answer.status != 403 else await self._refused()

    async def _refused(self) -> Answer:
        """403 is for a key nobody knows, for one of a user put out, and for one that may not: a closer look tells which.

        A user put out still has a name and permissions there, and may nothing.
        """
        try:
            who = (await self._ask("GET", "/api/currentuser", deadline=EXTRA_SECONDS)).object()
            may_look = "STATUS" in (who.get("permissions") or ())
            version = await self._ask("GET", "/api/version", deadline=EXTRA_SECONDS)
        except (PrinterError, TypeError) as error:
            raise BadKey("the key is refused") from error
        if not who.get("name") or (may_look and version.status == 403):
            raise BadKey("the key is refused")
        raise Forbidden("the key may not do this")

    async def _ask(self, method: str, path: str, *, deadline: float, **content: Any) -> Answer:
        path = f"{self.address.prefix}{path}"
        return await http.ask(
            self.address, method, path, allowed=self.allowed, deadline=deadline, certificate=self.certificate,
            headers=self._headers, **content,
        )  # fmt: skip
