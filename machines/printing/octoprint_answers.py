"""What OctoPrint's answers mean: its statuses, its states, its numbers. Asks nothing; `octoprint` does."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from app.kernel import clock
from machines.printing.gateway import (
    MOST_PAST_PRINTS,
    OUR_FOLDER,
    BadKey,
    Conflict,
    Forbidden,
    NotFound,
    Observation,
    OutcomeUnknown,
    PastPrint,
    PrinterError,
    RateLimited,
    Rejected,
    RemoteFile,
    Seen,
    ServerFault,
    StartingUp,
    TooLarge,
)
from machines.printing.http import Answer

MEANT = {401: BadKey, 403: Forbidden, 404: NotFound, 409: Conflict, 413: TooLarge, 429: RateLimited}

STATES = {
    "Operational": Seen.IDLE,
    "Starting": Seen.STARTING,
    "Starting print from SD": Seen.STARTING,
    "Printing": Seen.PRINTING,
    "Printing from SD": Seen.PRINTING,
    "Pausing": Seen.PAUSING,
    "Paused": Seen.PAUSED,
    "Resuming": Seen.RESUMING,
    "Cancelling": Seen.CANCELLING,
    "Finishing": Seen.FINISHING,
    "Offline": Seen.DISCONNECTED,
    "Closed": Seen.DISCONNECTED,
    "Offline after error": Seen.FAULT,
    "Error": Seen.FAULT,
    "Opening serial connection": Seen.CONNECTING,
    "Detecting serial connection": Seen.CONNECTING,
    "Connecting": Seen.CONNECTING,
    "Starting to send file to SD": Seen.BUSY,
    "Sending file to SD": Seen.BUSY,
    "Transferring file to SD": Seen.BUSY,
}


LAST_DATE = 2**32
"""No date a server tells is later."""


MOST_BYTES, MOST_SECONDS = 2**40, 366 * 24 * 3600
"""No file is longer, and no print takes more."""


def checked(answer: Answer, *, is_write: bool) -> Answer:
    """The answer when it is a success. Raises what its status means; the server's words are never repeated."""
    status = answer.status
    if 200 <= status < 300:
        return answer
    if 300 <= status < 400:
        raise ServerFault("the server sends elsewhere, where nobody follows")
    if status == 400:
        raise _meant_by_400(answer)
    if status in (502, 504) and is_write:
        raise OutcomeUnknown(f"status {status}")
    if status in (501, 502, 503, 504):  # 501: the placeholder while OctoPrint loads; the others: the proxy before it
        raise StartingUp(f"status {status}")
    raise MEANT.get(status, Rejected if status < 500 else ServerFault)(f"status {status}")


def _meant_by_400(answer: Answer) -> PrinterError:
    if not answer.body:
        return TooLarge("the file is larger than the server takes")
    if b"CSRF" in answer.body:
        return BadKey("the key is refused")
    return Rejected("status 400")


def observed(told: Mapping[str, Any]) -> Observation:
    """What /api/job tells. Raises ServerFault when it is not OctoPrint's answer; a field that makes no sense is left out."""
    state, job, progress = told.get("state"), told.get("job"), told.get("progress")
    if not isinstance(state, str) or not isinstance(job, dict) or not isinstance(progress, dict):
        raise ServerFault("what answers is not OctoPrint")
    file = job["file"] if isinstance(job.get("file"), dict) else {}
    return Observation(
        at=clock.now(),
        state=STATES.get(state, Seen.FAULT if state.startswith(("Error", "Offline")) else Seen.UNKNOWN),
        remote_path=text(file.get("path")),
        started_by=text(job.get("user")),
        completion=number(progress.get("completion")),
        filepos=whole(progress.get("filepos")),
        print_seconds=seconds(progress.get("printTime")),
        seconds_left=seconds(progress.get("printTimeLeft")),
        seconds_left_kind=text(progress.get("printTimeLeftOrigin")),
        error_text=text(told.get("error")),
    )


def with_temperatures(seen: Observation, told: Mapping[str, Any]) -> Observation:
    """`told` is the `temperature` of /api/printer; the first tool speaks for all."""
    tool = told["tool0"] if isinstance(told.get("tool0"), dict) else {}
    bed = told["bed"] if isinstance(told.get("bed"), dict) else {}
    return replace(
        seen,
        tool_temp=number(tool.get("actual")),
        tool_target=number(tool.get("target")),
        bed_temp=number(bed.get("actual")),
        bed_target=number(bed.get("target")),
    )


def remote_file(told: Mapping[str, Any], asked: str) -> RemoteFile:
    prints = told["prints"] if isinstance(told.get("prints"), dict) else {}
    last = prints["last"] if isinstance(prints.get("last"), dict) else {}
    return RemoteFile(
        path=text(told.get("path")) or asked,
        size=whole(told.get("size")) or 0,
        marker=_marker(told.get("userdata")),
        successes=whole(prints.get("success")) or 0,
        failures=whole(prints.get("failure")) or 0,
        last_success=last["success"] if isinstance(last.get("success"), bool) else None,
        last_print_seconds=seconds(last.get("printTime")),
    )


def past_prints(told: Mapping[str, Any], since: datetime) -> list[PastPrint]:
    """What the listing of all files tells of their last prints, outside our folder."""
    found, folders = [], [told.get("files")]
    while folders:
        entries = folders.pop()
        for one in entries if isinstance(entries, list) else ():
            if not isinstance(one, dict):
                continue
            folders.append(one.get("children"))
            if (past := _past_print(one)) is not None and past.ended_at >= since:
                found.append(past)
    return sorted(found, key=lambda past: past.ended_at)[-MOST_PAST_PRINTS:]


def _past_print(told: Mapping[str, Any]) -> PastPrint | None:
    """A folder counts its files' prints once more: they are not asked of it."""
    prints, path = told.get("prints"), text(told.get("path"))
    last = prints.get("last") if isinstance(prints, dict) and told.get("type") == "machinecode" else None
    date = number(last.get("date")) if isinstance(last, dict) else None
    if path is None or path.startswith(OUR_FOLDER) or not isinstance(last, dict) or date is None or not 0 < date < LAST_DATE:
        return None
    seconds = number(last.get("printTime"))
    return PastPrint(
        path=path,
        ended_at=datetime.fromtimestamp(date, UTC),
        put_by=text(told.get("user")),
        is_success=last["success"] if isinstance(last.get("success"), bool) else None,
        seconds=seconds if seconds is not None and 0 <= seconds < date else None,
    )


def file_door(remote_path: str) -> str:
    return f"/api/files/local/{quote(remote_path)}"


def _marker(told: object) -> dict[str, str]:
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except ValueError:
            return {}
    return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}


def text(told: object) -> str | None:
    """Without what no database keeps: a NUL, half of a pair."""
    return (told[:500].replace("\0", "").encode(errors="ignore").decode() or None) if isinstance(told, str) else None


def number(told: object) -> float | None:
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    try:
        found = float(told)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(told: object, most: int = MOST_BYTES) -> int | None:
    found = number(told)
    return None if found is None else int(max(0, min(found, most)))


def seconds(told: object) -> int | None:
    return whole(told, MOST_SECONDS)
