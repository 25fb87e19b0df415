"""One request to a printer's server or camera, bounded in every way; the only place that speaks HTTP to the outside.

Never longer than its deadline, whatever drips (httpx limits single reads, not their sum); never more than a few megabytes;
never anywhere but to an address checked for this very request; no redirect, no proxy, no cookie, no kept connection (one that
the server closed meanwhile would leave a write in doubt).
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from machines.printing import resolving
from machines.printing.addresses import Address, Allowed, Ip
from machines.printing.gateway import (
    NotSecure,
    OutcomeUnknown,
    OutOfDate,
    PrinterError,
    ServerFault,
    StartingUp,
    Unreachable,
    Untrusted,
    WrongName,
)

# httpcore looks for it at every step of every request, all along the path; told once that it is not there, it asks asyncio.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

CONNECT_SECONDS = 3.0
MOST_BYTES = 2 * 1024 * 1024

_WRONG_NAME, _OUT_OF_DATE = (62, 63, 64), (9, 10)
"""What OpenSSL says of a certificate it refuses (X509_V_ERR_…)."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes

    def object(self) -> dict[str, Any]:
        """The JSON object it is. Raises ServerFault."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ServerFault("the answer is not JSON") from error
        if not isinstance(found, dict):
            raise ServerFault("the answer is not a JSON object")
        return found


class Reset(OutcomeUnknown):
    """The server closed the connection without an answer, at the latest when it had everything."""


class _Progress:
    """How far a request got, as httpx's tracing tells."""

    is_begun = False

    async def note(self, event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.is_begun = True


async def ask(
    address: Address,
    method: str,
    path: str,
    *,
    allowed: Allowed,
    deadline: float,
    certificate: str | None = None,
    headers: Mapping[str, str] | None = None,
    most_bytes: int = MOST_BYTES,
    **content: Any,
) -> Answer:
    """Whatever is answered, with any status. `content` is httpx's `json`, or `data` and `files` (streamed). `certificate`, in
    PEM, is the only one trusted there; without one the system's authorities are.

    Raises AddressRefused; Unreachable when nothing was sent, or reading; of the former, NotSecure for want of a certificate;
    StartingUp when something answers that is not HTTP; ServerFault for too long an answer; for writes that left and have no
    answer, OutcomeUnknown (Reset when the server hung up).
    """
    import httpx  # only here: hardly any process of the web ever speaks to a printer, and it weighs five megabytes

    progress = _Progress()
    is_write = method != "GET"
    try:
        async with asyncio.timeout(deadline):
            ips = await resolving.resolve(address, allowed)
            for left, ip in enumerate(ips, 1 - len(ips)):
                try:
                    return await _once(
                        address, ip, method, path,
                        trusted=certificate, headers=headers or {}, most_bytes=most_bytes, progress=progress, content=content,
                    )  # fmt: skip
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                    if left == 0:
                        raise _not_connected(error) from error
    except TimeoutError as error:
        raise _silent(is_write and progress.is_begun, f"no answer within {deadline:.0f} s") from error
    except httpx.RemoteProtocolError as error:  # the placeholder of a starting OctoPrint says two bare words and hangs up
        raise (Reset if is_write else StartingUp)("what answers does not speak HTTP") from error
    except (httpx.ReadError, httpx.WriteError) as error:
        raise _hung_up(is_write, error) from error
    except httpx.TransportError as error:
        raise _silent(is_write and progress.is_begun, _said(error)) from error
    raise Unreachable("no such host")


async def _once(
    address: Address,
    ip: Ip,
    method: str,
    path: str,
    *,
    trusted: str | None,
    headers: Mapping[str, str],
    most_bytes: int,
    progress: _Progress,
    content: Mapping[str, Any],
) -> Answer:
    import httpx

    host = f"[{ip}]" if isinstance(ip, IPv6Address) else str(ip)
    url = f"{address.scheme}://{host}:{address.port}{path}"
    fixed = {"Host": address.authority, "Connection": "close", "Accept-Encoding": "identity", "User-Agent": "etabli"}
    limits = httpx.Timeout(None, connect=CONNECT_SECONDS)
    told = {"sni_hostname": address.host, "trace": progress.note}
    async with (
        httpx.AsyncClient(verify=_tls(trusted), trust_env=False, follow_redirects=False, timeout=limits) as client,
        client.stream(method, url, headers={**headers, **fixed}, extensions=told, **content) as answer,
    ):
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > most_bytes:
                raise ServerFault("the answer is too long")
        return Answer(answer.status_code, answer.headers.get("content-type", ""), bytes(body))


@lru_cache(maxsize=256)
def _tls(certificate: str | None) -> ssl.SSLContext:
    """That certificate alone, be it the server's own or of who signed it; else the system's authorities, so that a lab may add
    its own there. Never without verification, nor of another name than the one that is asked.
    """
    context = ssl.create_default_context(cadata=certificate)
    if certificate is not None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _not_connected(error: Exception) -> Unreachable:
    refused = _of_tls(error)
    if refused is None:
        return Unreachable(_said(error))
    if not isinstance(refused, ssl.SSLCertVerificationError):
        return NotSecure(refused.reason or "no TLS")
    code, words = refused.verify_code, refused.verify_message
    return (WrongName if code in _WRONG_NAME else OutOfDate if code in _OUT_OF_DATE else Untrusted)(words)


def _of_tls(error: BaseException | None) -> ssl.SSLError | None:
    """What TLS said, among the causes: httpx wraps it twice."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _silent(is_in_doubt: bool, text: str) -> PrinterError:
    return OutcomeUnknown(text) if is_in_doubt else Unreachable(text)


def _hung_up(is_write: bool, error: Exception) -> PrinterError:
    return Reset("the server hung up") if is_write else Unreachable(_said(error))


def _said(error: Exception) -> str:
    """What went wrong, without anything the server said: the kind of error, and the system's words for it."""
    return str(error) or type(error).__name__
