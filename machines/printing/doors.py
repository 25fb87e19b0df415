"""Opening the way to a printer: which addresses may be talked to, and the backend behind a link. No request is made here."""

from __future__ import annotations

from flask import current_app

from app.kernel.refusals import N_, Term
from app.kernel.settings import Settings
from machines.printing import addresses, vault
from machines.printing.gateway import AddressRefused, BadKey, PrinterBackend
from machines.printing.models import PrinterLink
from machines.printing.octoprint import OctoPrint
from machines.printing.simulator import Simulator

OCTOPRINT, SIMULATOR = "octoprint", "simulator"
KINDS = {OCTOPRINT: Term("OctoPrint"), SIMULATOR: Term(N_("Simulated printer"))}


def backend(link: PrinterLink) -> PrinterBackend:
    """What talks to that printer, with its key. Raises AddressRefused, and BadKey when no key can be used."""
    if link.kind == SIMULATOR:
        return open_door(link.kind, link.address, None)
    camera = link.camera_address if link.camera_is_on else None
    return open_door(link.kind, link.address, key(link), camera=camera, certificate=link.certificate)


def key(link: PrinterLink) -> str:
    """Raises BadKey when there is none, or none that can be read."""
    if link.key_sealed is None:
        raise BadKey("no key is stored")
    try:
        return vault.open_sealed(link.key_sealed)
    except vault.Unreadable as error:
        raise BadKey("the stored key cannot be read: SECRET_KEY has changed") from error


def open_door(
    kind: str, address: str, with_key: str | None, *, camera: str | None = None, certificate: str | None = None
) -> PrinterBackend:
    """A backend for what is not, or not yet, a stored link. Raises AddressRefused; a camera it may not look at is none."""
    if kind == SIMULATOR:
        table = addresses.parse_simulated(address)
        return Simulator(_settings().home / "printers", table.name, speed=table.speed)
    permitted = allowed()
    return OctoPrint(
        addresses.parse(address, permitted),
        with_key,
        allowed=permitted,
        camera=_camera(camera, permitted),
        certificate=certificate,
    )


def _camera(address: str | None, permitted: addresses.Allowed) -> addresses.Address | None:
    try:
        return addresses.parse_picture(address, permitted) if address else None
    except AddressRefused:
        return None


def canonical(kind: str, address: str) -> str:
    """The address as it is stored: one text for one server. Raises AddressRefused where this kind cannot be at it."""
    if kind == SIMULATOR:
        addresses.parse_simulated(address)
        return address
    return str(addresses.parse(address, allowed()))


def allowed() -> addresses.Allowed:
    settings = _settings()
    return addresses.Allowed(settings.printer_networks, settings.printer_ports)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
