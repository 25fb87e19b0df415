"""From an address to the internet addresses that may be connected to, each time anew, all of them checked (`addresses`)."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from machines.printing import addresses
from machines.printing.addresses import Address, Allowed, Ip
from machines.printing.gateway import Unreachable

_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolving")
"""Of their own: a name server that does not answer keeps a thread for half a minute, and other work must not wait for it."""


async def resolve(address: Address, allowed: Allowed) -> list[Ip]:
    """What the host means now, without doubles, in the resolver's order.

    One refused address among them refuses all: the next answer may have it first. Raises AddressRefused or Unreachable.
    """
    try:
        found = [ip_address(address.host)]
    except ValueError:
        found = await asyncio.get_running_loop().run_in_executor(_threads, _ask, address.host)
    checked = [addresses.check(ip, allowed, is_ours=_is_ours(ip)) for ip in found]
    return list(dict.fromkeys(checked))


def _ask(host: str) -> list[Ip]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("no such host") from error
    return [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in answers]


def _is_ours(ip: Ip) -> bool:
    """Whether this very machine has the address: only then may a socket be bound to it."""
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True
