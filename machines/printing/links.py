"""Linking printers to the house: their address, their key, their limits and their policies. No request is made here.

Only administrators change a link. `revision` is what they had before their eyes: another one's change meanwhile is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import contains_eager

from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db, locked
from app.kernel.refusals import N_, NotAllowed, Reason, Refused
from machines.models import Machine
from machines.printing import addresses, certificates, doors, vault
from machines.printing.gateway import ProbeResult
from machines.printing.models import PrinterLink, PrinterMaterial, PrintJob
from machines.printing.rules import OPEN, Circuit

CHANGED_MEANWHILE = Reason(
    "printing.link_changed_meanwhile",
    N_("Somebody else changed this printer’s link meanwhile."),
    N_("What you typed is still here: compare it with what is stored now, then save again if yours is right."),
    icon="people",
)
PRINTING_NOW = Reason(
    "printing.link_in_use",
    N_("A print is under way on this printer."),
    N_("Let it end, or stop it on its page, then do this."),
    icon="printer",
)
NO_LINK = Reason(
    "printing.no_link",
    N_("This machine is not linked to a printer’s server."),
    N_("Give its address first."),
    icon="printer",
)

DESCRIBED = (
    "bed_x", "bed_y", "bed_z", "nozzle_most", "bed_most", "nozzle_hundredths", "tools", "refused_commands", "approval",
    "end_policy", "overrun_grace_minutes", "counting", "heat_up_minutes", "may_connect", "stops_foreign_in_blocks",
    "camera_address", "camera_is_on",
)  # fmt: skip


def connect(*, actor: Actor, machine_id: int, kind: str, address: str, revision: int) -> PrinterLink:
    """Give a machine the address of its printer's server. Another address than before forgets the key, so that it is never
    sent elsewhere, and the certificate. `revision` is 0 where there is no link yet.

    Raises gateway.AddressRefused, and Refused while a print is under way or when somebody else changed it meanwhile.
    """
    _only_administrators(actor)
    address = doors.canonical(kind, address)
    machine = locked(Machine, machine_id)
    link = db.session.scalars(select(PrinterLink).where(PrinterLink.machine_id == machine.id)).first()
    if link is None:
        link = PrinterLink(machine_id=machine.id, kind=kind, address=address, revision=0)
        db.session.add(link)
        db.session.flush()  # the audit names its id
    elif (link.kind, link.address) == (kind, address):
        return link
    else:
        link = _to_change(link.id, revision)
        _not_while_printing(link)
        _forget_server(link)
        link.kind, link.address, link.is_enabled = kind, address, True
    link.revision += 1
    audit.record(actor, "printer.address_set", link.subject, machine=machine.subject, kind=kind, address=address)
    return link


def trust(*, actor: Actor, link_id: int, text: str, revision: int) -> PrinterLink:
    """Trust only the certificates in this text at the printer's server; with an empty one, the system's authorities.

    Raises certificates.NotAccepted, and Refused when somebody else changed the link meanwhile.
    """
    _only_administrators(actor)
    wanted = certificates.read(text) if text.strip() else []
    link = _to_change(link_id, revision)
    pem = "".join(one.pem for one in wanted) or None
    if link.certificate != pem:
        had = certificates.read(link.certificate) if link.certificate else []
        link.certificate = pem
        link.revision += 1
        _try_again(link)
        changed = [[one.fingerprint for one in some] for some in (had, wanted)]
        audit.record(actor, "printer.certificate_set", link.subject, changed={"certificate": changed})
    return link


def store_key(
    *, actor: Actor, link_id: int, key: str, app_name: str | None, found: ProbeResult, address: str, revision: int | None = None
) -> PrinterLink:
    """Keep a key that was just proved at `address`: `found` is what it may do there. `app_name` is None for a pasted one.

    The name of a key of ours before it is kept as `former_app`, until that one is revoked. Raises Refused when the address is
    another one meanwhile, or anything is where `revision` is given.
    """
    _only_administrators(actor)
    link = _to_change(link_id, revision)
    if link.address != address:
        raise Refused([CHANGED_MEANWHILE()])
    is_another_of_ours = link.key_sealed is not None and link.app_name not in (None, app_name)
    link.former_app = link.app_name if is_another_of_ours and link.remote_user == found.user else None
    link.key_sealed, link.app_name = vault.seal(key), app_name
    link.revision += 1
    _note(link, found)
    audit.record(
        actor, "printer.key_stored", link.subject, app=app_name, former_app=link.former_app, user=found.user,
        too_strong=list(found.too_strong) or None, missing=list(found.missing) or None,
    )  # fmt: skip
    return link


def note_former_revoked(*, actor: Actor, link_id: int, app_name: str) -> None:
    """The key under that former name is revoked there, or known to be gone."""
    _only_administrators(actor)
    link = locked(PrinterLink, link_id)
    if link.former_app == app_name:
        link.former_app = None
        audit.record(actor, "printer.former_key_revoked", link.subject, app=app_name)


def note_probe(*, actor: Actor, link_id: int, found: ProbeResult) -> None:
    """Keep what a test of the connection found; a link that was given up is tried again."""
    _only_administrators(actor)
    link = locked(PrinterLink, link_id)
    _note(link, found)
    audit.record(actor, "printer.tested", link.subject, product=found.product, version=found.version, user=found.user)


def note_failure(*, actor: Actor, link_id: int, what: str, reason: str) -> None:
    """Somebody tried (test, request, rotation) and could not, for this reason's code."""
    _only_administrators(actor)
    audit.record(actor, "printer.attempt_failed", locked(PrinterLink, link_id).subject, what=what, reason=reason)


def describe(*, actor: Actor, link_id: int, revision: int, material_ids: Iterable[int], **described: Any) -> PrinterLink:
    """What the printer can bear and what may happen on it; the names are those of DESCRIBED.

    Raises Refused when it was changed meanwhile, gateway.AddressRefused for a camera in another network.
    """
    _only_administrators(actor)
    if described.get("camera_address"):
        addresses.parse_picture(described["camera_address"], doors.allowed())
    link = _to_change(link_id, revision)
    before = {name: getattr(link, name) for name in DESCRIBED if name in described}
    for name in before:
        setattr(link, name, described[name])
    changed: dict[str, Any] = {
        name: [_plain(was), _plain(described[name])] for name, was in before.items() if was != described[name]
    }
    had, wanted = materials_of(link.id), sorted(set(material_ids))
    if had != wanted:
        db.session.execute(delete(PrinterMaterial).where(PrinterMaterial.link_id == link.id))
        db.session.add_all(PrinterMaterial(link_id=link.id, material_id=ident) for ident in wanted)
        changed["materials"] = [had, wanted]
    if changed:
        link.revision += 1
        audit.record(actor, "printer.described", link.subject, changed=changed)
    return link


def enable(*, actor: Actor, link_id: int) -> None:
    """Let the house talk to the printer again."""
    _only_administrators(actor)
    link = locked(PrinterLink, link_id)
    if not link.address:
        raise Refused([NO_LINK()])
    if not link.is_enabled:
        link.is_enabled = True
        link.revision += 1
        _try_again(link)
        audit.record(actor, "printer.enabled", link.subject)


def disable(*, actor: Actor, link_id: int) -> None:
    """The house no longer talks to the printer; address and key are kept. Raises Refused while a print is under way."""
    _only_administrators(actor)
    link = locked(PrinterLink, link_id)
    _not_while_printing(link)
    if link.is_enabled:
        link.is_enabled = False
        link.revision += 1
        audit.record(actor, "printer.disabled", link.subject)


def remove(*, actor: Actor, link_id: int) -> None:
    """Forget address, key and camera; what was printed and the limits stay. Raises Refused while a print is under way."""
    _only_administrators(actor)
    link = locked(PrinterLink, link_id)
    _not_while_printing(link)
    if not link.address:
        return
    _forget_server(link)
    link.address, link.is_enabled = "", False
    link.camera_address, link.camera_is_on = None, False
    link.revision += 1
    audit.record(actor, "printer.removed", link.subject)


def of_machine(machine_id: int) -> PrinterLink | None:
    return db.session.scalars(select(PrinterLink).where(PrinterLink.machine_id == machine_id)).first()


def every() -> list[PrinterLink]:
    """All that have an address, with their machines, in the order of the machines' plates. One statement."""
    known = select(PrinterLink).join(PrinterLink.machine).where(PrinterLink.address != "").order_by(Machine.code)
    return list(db.session.scalars(known.options(contains_eager(PrinterLink.machine))))


def materials_of(link_id: int) -> list[int]:
    """The materials the printer takes, by id, in order."""
    chosen = select(PrinterMaterial.material_id).where(PrinterMaterial.link_id == link_id)
    return sorted(db.session.scalars(chosen))


def next_app_name(link: PrinterLink, slug: str) -> str:
    """A name for a new key, other than the one in use: OctoPrint answers a known name with the key it has for it already."""
    base = f"Etabli {slug}"
    if link.app_name is None:
        return base
    number = link.app_name.rpartition(" ")[2]
    return f"{base} {int(number) + 1 if number.isdigit() else 2}"


def _to_change(link_id: int, revision: int | None) -> PrinterLink:
    link = locked(PrinterLink, link_id)
    if revision is not None and link.revision != revision:
        raise Refused([CHANGED_MEANWHILE()])
    return link


def _not_while_printing(link: PrinterLink) -> None:
    if db.session.scalar(select(PrintJob.id).where(PrintJob.link_id == link.id, PrintJob.state.in_(OPEN)).limit(1)):
        raise Refused([PRINTING_NOW()])


def _note(link: PrinterLink, found: ProbeResult) -> None:
    link.product, link.version, link.remote_user = found.product, found.version, found.user
    link.missing, link.too_strong, link.probed_at = list(found.missing), list(found.too_strong), clock.now()
    _try_again(link)


def _try_again(link: PrinterLink) -> None:
    link.circuit, link.failures = Circuit.CLOSED, 0
    link.retry_at = link.opened_at = link.alerted_at = link.trouble = None


def _forget_server(link: PrinterLink) -> None:
    """All that was true of the server at the address before."""
    link.certificate = link.key_sealed = link.app_name = link.former_app = link.remote_user = link.product = link.version = (
        link.probed_at
    ) = None
    link.missing, link.too_strong = [], []
    link.observed = link.observed_at = link.observed_state = None
    link.prints_known_until = clock.now()
    _try_again(link)


def _plain(value: Any) -> Any:
    return value.value if hasattr(value, "value") else value


def _only_administrators(actor: Actor) -> None:
    if not actor.has(Role.ADMINISTRATOR):
        raise NotAllowed
