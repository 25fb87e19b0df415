"""Which addresses the house may talk to, decided on what is written and on what it resolves to. Pure: `resolving` asks the names.

Printers live on private networks, so the usual rule (never a private address) is useless: what is not listed is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import parse_qs, urlsplit

from app.kernel.refusals import N_
from machines.printing.gateway import AddressRefused

Network = IPv4Network | IPv6Network
Ip = IPv4Address | IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*\.?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_QUERY = re.compile(r"[A-Za-z0-9._~=&%/:+-]*")
_SIMULATED = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The settings PRINTER_NETWORKS and PRINTER_PORTS."""

    networks: tuple[Network, ...]
    ports: frozenset[int]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is. `host` is a name or an address without brackets, `prefix` a path without its last slash; only a
    camera's address has a `query`.
    """

    scheme: str
    host: str
    port: int
    prefix: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.origin}{self.prefix}{'?' if self.query else ''}{self.query}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """As the Host header says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Simulated:
    """Which of the house's own simulated printers, and how many times faster than the clock it prints."""

    name: str
    speed: float


def parse(url: str, allowed: Allowed) -> Address:
    """The address of a printer's server, http or https, with an optional path in front.

    Raises AddressRefused with a sentence marked for translation. A name is only resolved when it is used (`resolving`).
    """
    address = _parse(url, allowed)
    if address.query:
        raise AddressRefused(N_("The address may hold no question mark: give the address of the server only."))
    if not _PREFIX.fullmatch(address.prefix) or {"." * n for n in (1, 2)} & set(address.prefix.split("/")):
        raise AddressRefused(N_("The path of the address may hold letters, digits, dots and dashes only."))
    return Address(address.scheme, address.host, address.port, address.prefix.rstrip("/"))


def parse_picture(url: str, allowed: Allowed) -> Address:
    """The address of a camera's still: any path, and a query. Raises AddressRefused."""
    address = _parse(url, allowed)
    if ".." in address.prefix or not _QUERY.fullmatch(address.prefix) or not _QUERY.fullmatch(address.query):
        raise AddressRefused(N_("The path of the address may hold letters, digits, dots and dashes only."))
    return address


def parse_simulated(url: str) -> Simulated:
    """`simulator://prusa-1?speed=30`. Raises AddressRefused."""
    parts = urlsplit(url)
    speed = (parse_qs(parts.query).get("speed") or ["1"])[0]
    if parts.scheme != "simulator" or not _SIMULATED.fullmatch(parts.netloc) or not re.fullmatch(r"\d{1,4}(\.\d)?", speed):
        raise AddressRefused(N_("A simulated printer’s address looks like simulator://prusa-1?speed=30."))
    if not float(speed):
        raise AddressRefused(N_("A simulated printer’s address looks like simulator://prusa-1?speed=30."))
    return Simulated(parts.netloc, float(speed))


def check(ip: Ip, allowed: Allowed, *, is_ours: bool = False) -> Ip:
    """The address to connect to (an IPv4 one written as IPv6 is unwrapped). `is_ours`: it belongs to this very machine.

    Raises AddressRefused unless it is in a listed network. Loopback, and our own addresses, need loopback to be listed by
    itself: 0.0.0.0/0 does not open them. Link-local, multicast and unspecified addresses are never allowed.
    """
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    listed = [network for network in allowed.networks if network.version == ip.version and ip in network]
    if ip.is_unspecified or ip.is_multicast or ip.is_link_local or (isinstance(ip, IPv4Address) and ip.is_reserved) or not listed:
        raise AddressRefused(N_("This address is not in the networks of the printers (PRINTER_NETWORKS)."))
    if ip.is_loopback and not any(network.is_loopback for network in listed):
        raise AddressRefused(N_("This address is this very machine’s own."))
    if is_ours and not any(network.is_loopback for network in allowed.networks):
        raise AddressRefused(N_("This address is this very machine’s own."))
    return ip


def _parse(url: str, allowed: Allowed) -> Address:
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in " \\#"):
        raise AddressRefused(N_("The address holds signs that an address may not have."))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressRefused(N_("This is not an address, for example http://192.168.1.20.")) from error
    if parts.scheme not in DEFAULT_PORTS:
        raise AddressRefused(N_("The address must begin with http:// or https://."))
    if "@" in parts.netloc:
        raise AddressRefused(N_("The address may hold no name and no password."))
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    if port not in allowed.ports:
        raise AddressRefused(N_("This port is not among those of the printers (PRINTER_PORTS)."))
    try:
        check(ip_address(host), allowed)
    except ValueError as error:
        if ":" in host or not _HOST.fullmatch(host):
            raise AddressRefused(N_("This is not an address, for example http://192.168.1.20.")) from error
    return Address(parts.scheme, host, port, parts.path, parts.query)
