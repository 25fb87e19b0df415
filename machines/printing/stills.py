"""The last picture of a printer's camera, kept a few seconds, and only while somebody who may look at it does.

A page says that it is looked at; the engine, which alone talks to printers, then fetches and keeps a picture. The lab's owner and
the team may see it while a print of theirs is under way; pictures are written anew, so that nothing but the picture is served.
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from flask import current_app
from PIL import Image

from app.kernel import clock

LOOKED_AT = timedelta(seconds=30)
"""How long after a look a picture is still fetched."""
KEPT = timedelta(seconds=60)
"""An older picture is not shown: it would tell of another print."""
MAX_BYTES = 8 * 1024 * 1024
WIDEST = 960


def look(link_id: int) -> None:
    """Somebody is looking at this printer now."""
    _touch(_folder() / f"{link_id}.wanted", b"")


def is_looked_at(link_id: int) -> bool:
    return _is_younger(_folder() / f"{link_id}.wanted", LOOKED_AT)


def keep(link_id: int, data: bytes) -> bool:
    """Keep a picture as the last one of that printer; whether it was one."""
    if len(data) > MAX_BYTES:
        return False
    try:
        with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            image.draft("RGB", (WIDEST, WIDEST))
            image.thumbnail((WIDEST, WIDEST))
            written = BytesIO()
            image.convert("RGB").save(written, "JPEG", quality=80)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    _touch(_folder() / f"{link_id}.jpg", written.getvalue())
    return True


def last(link_id: int) -> bytes | None:
    """The picture as JPEG, if there is a young one."""
    path = _folder() / f"{link_id}.jpg"
    return path.read_bytes() if _is_younger(path, KEPT) else None


def _touch(path: Path, data: bytes) -> None:
    """Write whole or not at all, dated by the house's clock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{secrets.token_hex(4)}.half")
    half.write_bytes(data)
    instant = clock.now().timestamp()
    os.utime(half, (instant, instant))
    half.replace(path)


def _is_younger(path: Path, age: timedelta) -> bool:
    try:
        written = path.stat().st_mtime
    except FileNotFoundError:
        return False
    return abs(clock.now().timestamp() - written) <= age.total_seconds()


def _folder() -> Path:
    root: Path = current_app.extensions["settings"].uploads
    return root / "stills"
