"""Pages where administrators link a printer to the house: its address, limits and policies. Its key is in `key_views`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.kernel import i18n
from app.kernel.actors import Role, current_actor
from app.kernel.refusals import Refused
from app.kernel.settings import Settings
from app.kernel.web import flash_refusals, needs, once, page, see
from machines import queries
from machines.models import Machine
from machines.printing import certificates, doors, links, materials, troubles
from machines.printing.gateway import AddressRefused
from machines.printing.link_forms import AddressForm, CertificateForm, KeyForm, PrinterForm, RequestForm
from machines.printing.models import PrinterLink

bp = Blueprint("printer_links", __name__, template_folder="templates")

ONE = "/printers/<slug>/link"
HIDDEN = ("csrf_token", "revision")


@bp.get("/printers", endpoint="all")
@needs(Role.MANAGER)
def every() -> ResponseReturnValue:
    linked = links.every()
    known = {link.machine_id for link in linked}
    others = [one for one in queries.machines() if one.icon in ("printer", "spool") and one.id not in known]
    return page("printing/links.html", linked=linked, others=others, said=said_of)


@bp.get(ONE, endpoint="one")
@needs(Role.MANAGER)
def look(slug: str) -> ResponseReturnValue:
    return show(queries.machine(slug))


@bp.post(f"{ONE}/address")
@needs(Role.ADMINISTRATOR)
def set_address(slug: str) -> ResponseReturnValue:
    machine, form, actor = queries.machine(slug), AddressForm(), current_actor()
    form.kind.choices = kinds()
    if form.validate_on_submit():

        def act() -> str:
            links.connect(
                actor=actor,
                machine_id=machine.id,
                kind=form.kind.data,
                address=form.address.data or "",
                revision=int(form.revision.data or 0),
            )
            return url_for("printer_links.one", slug=slug)

        try:
            url = once(act)
        except AddressRefused as error:
            form.address.errors = [_(str(error))]
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("The address is stored."), "free")
            return see(url)
    return show(machine, form.status, address=form)


@bp.post(f"{ONE}/certificate")
@needs(Role.ADMINISTRATOR)
def set_certificate(slug: str) -> ResponseReturnValue:
    machine, link = linked(slug)
    if not _is_https(link):
        raise NoResultFound
    form, actor, link_id = CertificateForm(), current_actor(), link.id
    if form.validate_on_submit():

        def act() -> str:
            text, revision = form.certificate.data or "", int(form.revision.data or 0)
            links.trust(actor=actor, link_id=link_id, text=text, revision=revision)
            return url_for("printer_links.one", slug=slug)

        try:
            url = once(act)
        except certificates.NotAccepted as error:
            form.certificate.errors = [_(str(error))]
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("Stored: test the connection."), "free")
            return see(url)
    return show(machine, form.status, certificate=form)


@bp.post(f"{ONE}/settings")
@needs(Role.ADMINISTRATOR)
def describe(slug: str) -> ResponseReturnValue:
    machine, link = linked(slug)
    form, actor = PrinterForm(), current_actor()
    form.materials.choices = material_choices(link)
    if form.validate_on_submit():

        def act() -> str:
            links.describe(
                actor=actor,
                link_id=link.id,
                revision=int(form.revision.data or 0),
                material_ids=form.materials.data or [],
                **form.described,
            )
            return url_for("printer_links.one", slug=slug)

        try:
            url = once(act)
        except AddressRefused as error:
            form.camera_address.errors = [_(str(error))]
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("Saved."), "free")
            return see(url)
    return show(machine, form.status, printer=form)


@bp.post(f"{ONE}/disabling")
@needs(Role.ADMINISTRATOR)
def disable(slug: str) -> ResponseReturnValue:
    return _act(slug, links.disable, _("The house no longer talks to this printer."))


@bp.post(f"{ONE}/enabling")
@needs(Role.ADMINISTRATOR)
def enable(slug: str) -> ResponseReturnValue:
    return _act(slug, links.enable, _("The house talks to this printer again."))


@bp.post(f"{ONE}/removal")
@needs(Role.ADMINISTRATOR)
def remove(slug: str) -> ResponseReturnValue:
    return _act(slug, links.remove, _("The link is removed: address and key are forgotten."))


def _act(slug: str, service: Callable[..., None], words: str) -> ResponseReturnValue:
    _machine, link = linked(slug)
    actor = current_actor()

    def act() -> str:
        service(actor=actor, link_id=link.id)
        return url_for("printer_links.one", slug=slug)

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(url_for("printer_links.one", slug=slug))
    flash(words, "free")
    return see(url)


def linked(slug: str) -> tuple[Machine, PrinterLink]:
    """Raises NoResultFound (404 at the edge) for a machine without a link."""
    machine = queries.machine(slug)
    link = links.of_machine(machine.id)
    if link is None or not link.address:
        raise NoResultFound
    return machine, link


def show(machine: Machine, status: int = 200, **forms: Any) -> ResponseReturnValue:
    """The page of a machine's link; a form that was refused comes back as it was typed."""
    link = links.of_machine(machine.id)
    is_linked = link is not None and bool(link.address)
    return page(
        "printing/link.html",
        status,
        machine=machine,
        link=link if is_linked else None,
        address=_address_form(link, forms.get("address")),
        certificate=_certificate_form(link, forms.get("certificate")) if link is not None and _is_https(link) else None,
        trusted=certificates.read(link.certificate) if link is not None and link.certificate else [],
        peer=_peer(link) if link is not None and _is_https(link) else None,
        asked=forms.get("asked") or RequestForm(formdata=None, user=(link.remote_user if link else None) or ""),
        pasted=forms.get("pasted") or KeyForm(formdata=None),
        printer=_printer_form(link, forms.get("printer")) if link is not None and is_linked else None,
        differs=_differences(link, forms.get("printer")) if link is not None else [],
        stored=_stored(link) if link is not None and is_linked else [],
        trouble=said_of(link) if link is not None and is_linked else None,
        networks=doors.allowed().networks,
        ports=_ranges(doors.allowed().ports),
        kinds=dict(kinds()),
        may_change=current_actor().has(Role.ADMINISTRATOR),
    )


def kinds() -> list[tuple[str, str]]:
    """What may be linked here: simulated printers only where the lab is not a real one, or has some already."""
    settings: Settings = current_app.extensions["settings"]
    simulates = settings.environment != "production" or any(link.kind == doors.SIMULATOR for link in links.every())
    offered = [doors.OCTOPRINT, doors.SIMULATOR] if simulates else [doors.OCTOPRINT]
    return [(kind, _(doors.KINDS[kind])) for kind in offered]


def material_choices(link: PrinterLink) -> list[tuple[int, str]]:
    """The filaments on offer, and those the printer takes already."""
    had = links.materials_of(link.id)
    return [(one.id, f"{one.code} · {i18n.in_words(one.name)}") for one in materials.every() if one.is_offered or one.id in had]


def said_of(link: PrinterLink) -> troubles.Standing:
    has_key = link.kind == doors.SIMULATOR or link.key_sealed is not None
    has_wrong_permissions = bool(link.missing or link.too_strong)
    return troubles.standing(troubles.Linked(link.is_enabled, has_key, link.circuit, link.trouble, has_wrong_permissions))


def _address_form(link: PrinterLink | None, given: AddressForm | None) -> AddressForm:
    revision = str(link.revision if link is not None else 0)
    form = given or AddressForm(
        formdata=None,
        revision=revision,
        kind=(link.kind if link is not None else None) or doors.OCTOPRINT,
        address=link.address if link is not None else "",
    )
    form.kind.choices = kinds()
    form.revision.data = revision
    return form


def _certificate_form(link: PrinterLink, given: CertificateForm | None) -> CertificateForm:
    form = given or CertificateForm(formdata=None, certificate=link.certificate or "")
    form.revision.data = str(link.revision)
    if certificates.is_secret(form.certificate.data or ""):
        form.certificate.data = ""
    return form


def _is_https(link: PrinterLink) -> bool:
    return link.address.startswith("https://")


def _peer(link: PrinterLink) -> str:
    """As openssl wants it, which takes no port for granted."""
    parts = urlsplit(link.address)
    return parts.netloc if parts.port else f"{parts.netloc}:443"


def _printer_form(link: PrinterLink, given: PrinterForm | None) -> PrinterForm:
    form = given or PrinterForm.describing(link, links.materials_of(link.id))
    form.materials.choices = material_choices(link)
    form.revision.data = str(link.revision)
    return form


def _differences(link: PrinterLink, given: PrinterForm | None) -> list[tuple[str, str]]:
    """Where a stale form says something else than what is stored: the field, and what is stored now."""
    if given is None or not given.refusals:
        return []
    stored = _printer_form(link, None)
    return [
        (given[field.short_name].label.text, _in_words(field))
        for field in stored
        if field.short_name not in HIDDEN and (given[field.short_name].data or None) != (field.data or None)
    ]


def _stored(link: PrinterLink) -> list[tuple[str, str]]:
    """All of it, for who may only look."""
    return [(field.label.text, _in_words(field)) for field in _printer_form(link, None) if field.short_name not in HIDDEN]


def _ranges(numbers: frozenset[int]) -> list[str]:
    """Neighbours together: 80, 443, 8000–8010."""
    firsts = sorted(number for number in numbers if number - 1 not in numbers)
    lasts = sorted(number for number in numbers if number + 1 not in numbers)
    return [str(first) if first == last else f"{first}–{last}" for first, last in zip(firsts, lasts, strict=True)]


def _in_words(field: Any) -> str:
    """What a field holds, as the page says it."""
    if isinstance(field.data, bool):
        return str(_("yes") if field.data else _("no"))
    if getattr(field, "choices", None):
        return ", ".join(str(label) for _value, label, chosen, _more in field.iter_choices() if chosen) or _("none")
    return str(field.data or _("none"))
