"""The code a machine's screen shows: who types it stands there. Pure."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

CODE_SECONDS = 60


def check_in_code(secret: str, at: datetime) -> str:
    """The six digits a machine's screen shows during the minute of `at` (an HMAC of the minute, RFC 4226's truncation)."""
    minute = int(at.timestamp()) // CODE_SECONDS
    digest = hmac.new(secret.encode(), str(minute).encode(), hashlib.sha256).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def code_is_right(secret: str, code: str, at: datetime) -> bool:
    """Whether `code` is this minute's or the one before: who read it a moment ago is still there."""
    typed = "".join(code.split())
    accepted = (check_in_code(secret, at), check_in_code(secret, at - timedelta(seconds=CODE_SECONDS)))
    return any(hmac.compare_digest(typed.encode(), one.encode()) for one in accepted)
