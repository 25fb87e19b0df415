"""Getting a key from OctoPrint without anybody typing one: ask, wait for the administrator's yes there, renew, revoke.

The request comes from our server to an address an administrator gave, under the same rules as any other; its answers lend a
token and a key, never an address. `certificate`, in PEM, is the only one trusted there, as for any other request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from machines.printing import http
from machines.printing.addresses import Address, Allowed
from machines.printing.gateway import NotFound, ServerFault
from machines.printing.http import Answer
from machines.printing.octoprint_answers import checked

SECONDS = 8.0
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for a yes. `dialog` is the page at the printer where it is given; poll at least every 5 s."""

    token: str
    dialog: str


async def is_supported(address: Address, allowed: Allowed, *, certificate: str | None = None) -> bool:
    """Whether a key may be asked for there. Raises PrinterError when nobody can be asked."""
    try:
        return (await _call(address, allowed, "GET", "/plugin/appkeys/probe", certificate=certificate)).status == 204
    except NotFound:
        return False


async def ask(address: Address, allowed: Allowed, *, app: str, user: str | None, certificate: str | None = None) -> Asked:
    """Ask for a key for `app`, as `user` (None: as whoever says yes). Raises RateLimited after three in a minute."""
    wanted = {"app": app} | ({"user": user} if user else {})
    answer = await _call(address, allowed, "POST", "/plugin/appkeys/request", certificate=certificate, json=wanted)
    token = _secret(answer, "app_token")
    page = f"{address}/plugin/appkeys/auth/{token}"
    return Asked(token, f"{page}?user={quote(user, safe='')}" if user else page)


async def poll(address: Address, allowed: Allowed, token: str, *, certificate: str | None = None) -> str | None:
    """The key, told once; None while nobody has decided. Raises NotFound when it was denied, or not polled for 5 s."""
    if not _TOKEN.fullmatch(token):
        raise NotFound("no such request")
    answer = await _call(address, allowed, "GET", f"/plugin/appkeys/request/{token}", certificate=certificate)
    return None if answer.status == 202 else _secret(answer, "api_key")


async def make_another(address: Address, allowed: Allowed, *, key: str, app: str, certificate: str | None = None) -> str:
    """A new key for the user of `key`, who needs no permission for it. `app` must be a name without a key yet: an old name
    gives the old key again, whatever its case.
    """
    wanted = {"command": "generate", "app": app}
    answer = await _call(address, allowed, "POST", "/api/plugin/appkeys", certificate=certificate, key=key, json=wanted)
    return _secret(answer, "api_key")


async def revoke(address: Address, allowed: Allowed, *, key: str, app: str, certificate: str | None = None) -> None:
    """Take back the key of `app`, with any key of the same user. Raises Rejected when there is none."""
    wanted = {"command": "revoke", "app": app}
    await _call(address, allowed, "POST", "/api/plugin/appkeys", certificate=certificate, key=key, json=wanted)


async def _call(
    address: Address,
    allowed: Allowed,
    method: str,
    path: str,
    *,
    certificate: str | None,
    key: str | None = None,
    json: Mapping[str, str] | None = None,
) -> Answer:
    content: dict[str, Any] = {} if json is None else {"json": json}
    headers = {"X-Api-Key": key} if key else {}
    path = f"{address.prefix}{path}"
    answer = await http.ask(
        address, method, path, allowed=allowed, deadline=SECONDS, certificate=certificate, headers=headers, **content
    )
    return checked(answer, is_write=method != "GET")


def _secret(answer: Answer, name: str) -> str:
    found = answer.object().get(name)
    if not isinstance(found, str) or not _TOKEN.fullmatch(found):
        raise ServerFault("what answers is not OctoPrint")
    return found
