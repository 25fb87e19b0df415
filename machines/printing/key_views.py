"""Pages that ask a printer's server: testing the connection, getting a key, renewing and revoking it.

With `link_views` the only requests of the web that talk to a printer. Each conversation is over before a transaction begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from flask import Blueprint, Response, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.kernel import clock
from app.kernel.actors import Role, current_actor
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, see
from machines.models import Machine
from machines.printing import addresses, doors, links, octoprint_keys, troubles
from machines.printing.asking import ENDING_WORDS, Ending, Pending
from machines.printing.gateway import BadKey, NotFound, PrinterBackend, PrinterError, ProbeResult, Rejected
from machines.printing.link_forms import KeyForm, RequestForm
from machines.printing.link_views import ONE, linked, show
from machines.printing.models import PrinterLink

_T = TypeVar("_T")

bp = Blueprint("printer_keys", __name__, template_folder="templates")

PENDING = "printer_key_request"


class _Got(NamedTuple):
    """A key, under which name it was made, and the server that knows it."""

    link_id: int
    key: str
    app: str | None
    address: str


@bp.post(f"{ONE}/test")
@needs(Role.ADMINISTRATOR)
def test(slug: str) -> ResponseReturnValue:
    _machine, link = linked(slug)
    actor, link_id, back = current_actor(), link.id, _back(slug)
    try:
        found = _talk(_probe(doors.backend(link)))
    except PrinterError as error:
        return _failed(error, link_id, "test", back)

    def act() -> str:
        links.note_probe(actor=actor, link_id=link_id, found=found)
        return back

    url = once(act)
    flash(_("%(product)s %(version)s answers.", product=found.product, version=found.version), "free")
    return see(url)


@bp.post(f"{ONE}/key")
@needs(Role.ADMINISTRATOR)
def paste(slug: str) -> ResponseReturnValue:
    """A key that somebody made in OctoPrint; kept only once the server there has known it."""
    machine, link = _octoprint(slug)
    form = KeyForm()
    if not form.validate_on_submit():
        return show(machine, form.status, pasted=form)
    key, link_id, kind, address, trusted = form.key.data or "", link.id, link.kind, link.address, link.certificate
    try:
        found = _talk(_probe(doors.open_door(kind, address, key, certificate=trusted)))
    except PrinterError as error:
        form.refuse(Refused([troubles.refusal(error)]))
        return show(machine, form.status, pasted=form)
    return see(_store(slug, _Got(link_id, key, form.app.data or None, address), found))


@bp.post(f"{ONE}/request")
@needs(Role.ADMINISTRATOR)
def ask(slug: str) -> ResponseReturnValue:
    """Ask OctoPrint for a key; its administrator says yes there while the next page waits."""
    machine, link = _octoprint(slug)
    form = RequestForm()
    if not form.validate_on_submit():
        return show(machine, form.status, asked=form)
    user, app = (form.user.data or "").strip(), links.next_app_name(link, machine.slug)
    link_id, where, allowed, trusted = link.id, link.address, doors.allowed(), link.certificate
    try:
        address = addresses.parse(where, allowed)
        if not _talk(octoprint_keys.is_supported(address, allowed, certificate=trusted)):
            raise NotFound("no application keys there")
        asked = _talk(octoprint_keys.ask(address, allowed, app=app, user=user, certificate=trusted))
    except PrinterError as error:
        return _failed(error, link_id, "request", _back(slug))
    now = clock.now()
    pending = Pending(link_id, where, app, user, asked.token, asked.dialog, asked_at=now, looked_at=now)
    session[PENDING] = pending.sealed()
    return see(url_for("printer_keys.wait", slug=slug))


@bp.get(f"{ONE}/request")
@needs(Role.ADMINISTRATOR)
def wait(slug: str) -> ResponseReturnValue:
    """Look after the request, which OctoPrint drops when nobody does for five seconds: the page asks each second by itself, with
    or without JavaScript. The key comes once and is stored at once.
    """
    machine, link = _octoprint(slug)
    pending = Pending.opened(session.get(PENDING))
    if pending is None or pending.link_id != link.id:
        return see(_back(slug))
    now, allowed, trusted, ending, trouble = clock.now(), doors.allowed(), link.certificate, None, None
    try:
        address = addresses.parse(pending.address, allowed)
        key = _talk(octoprint_keys.poll(address, allowed, pending.token, certificate=trusted))
        if key is not None:
            session.pop(PENDING)
            found = _talk(_probe(doors.open_door(doors.OCTOPRINT, pending.address, key, certificate=trusted)))
            return see(_store(slug, _Got(pending.link_id, key, pending.app, pending.address), found))
    except NotFound:
        ending = pending.ending(now)
    except PrinterError as error:
        trouble = troubles.refusal(error)
    if ending is None and pending.is_over(now):
        ending = Ending.EXPIRED
    if ending is not None or PENDING not in session:
        session.pop(PENDING, None)
    else:
        session[PENDING] = pending.looked(now).sealed()
        if request.headers.get("HX-Request") and request.args.get("said", "") == (trouble.code if trouble else ""):
            return Response(status=204)  # nothing new: the part that asks stays as it is, and whoever is in it
    return page(
        "printing/connect.html",
        block="waiting",
        machine=machine,
        pending=pending,
        ending=ENDING_WORDS.get(ending) if ending else None,
        trouble=trouble,
        is_waiting=PENDING in session,
    )


@bp.post(f"{ONE}/request/withdrawal")
@needs(Role.ADMINISTRATOR)
def withdraw(slug: str) -> ResponseReturnValue:
    """Look after it no more: OctoPrint drops it by itself."""
    session.pop(PENDING, None)
    return see(_back(slug))


@bp.post(f"{ONE}/rotation/<int(max=999999999):revision>")
@needs(Role.ADMINISTRATOR)
def rotate(slug: str, revision: int) -> ResponseReturnValue:
    """Another key in the place of this one: made under a new name, tried, stored, and only then is the old one revoked."""
    machine, link = _octoprint(slug)
    back = _back(slug)
    if link.revision != revision or link.former_app:
        flash_refusals(Refused([links.CHANGED_MEANWHILE()]))
        return see(back)
    link_id, where, user, missing = link.id, link.address, link.remote_user, set(link.missing)
    app, allowed, trusted = links.next_app_name(link, machine.slug), doors.allowed(), link.certificate
    try:
        old, address = doors.key(link), addresses.parse(where, allowed)
        key = _talk(octoprint_keys.make_another(address, allowed, key=old, app=app, certificate=trusted))
        if key == old:
            raise BadKey("the same key again")
        found = _talk(_probe(doors.open_door(doors.OCTOPRINT, where, key, certificate=trusted)))
        if found.user != user or set(found.missing) - missing:
            _talk(octoprint_keys.revoke(address, allowed, key=old, app=app, certificate=trusted))
            flash(_("The new key was of another user or allowed less: it was given back, and the old one stays."), "stop")
            return see(back)
    except PrinterError as error:
        flash(_("The old key stays in use."), "care")
        return _failed(error, link_id, "rotation", back)
    url = _store(slug, _Got(link_id, key, app, where), found, revision)
    _revoke_former(slug, link_id)
    return see(url)


@bp.post(f"{ONE}/former-key")
@needs(Role.ADMINISTRATOR)
def revoke_former(slug: str) -> ResponseReturnValue:
    """Try again to revoke the key before this one."""
    _machine, link = _octoprint(slug)
    _revoke_former(slug, link.id)
    return see(_back(slug))


def _store(slug: str, got: _Got, found: ProbeResult, revision: int | None = None) -> str:
    actor, back = current_actor(), _back(slug)

    def act() -> str:
        links.store_key(
            actor=actor,
            link_id=got.link_id,
            key=got.key,
            app_name=got.app,
            found=found,
            address=got.address,
            revision=revision,
        )
        return back

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return back
    flash(_("The key is stored. %(user)s is our user there.", user=found.user or "–"), "free")
    return url


def _revoke_former(slug: str, link_id: int) -> None:
    """Revoke the key before this one with this one; what fails is said and can be tried again."""
    _machine, link = linked(slug)
    app, where, actor, allowed, trusted = link.former_app, link.address, current_actor(), doors.allowed(), link.certificate
    if app is None:
        return
    try:
        address = addresses.parse(where, allowed)
        _talk(octoprint_keys.revoke(address, allowed, key=doors.key(link), app=app, certificate=trusted))
    except (NotFound, Rejected):
        flash(_("The old key was gone already."), "free")
    except PrinterError as error:
        flash(_("The old key could not be revoked yet; it still opens the printer. Try again below."), "care")
        flash_refusals(Refused([troubles.refusal(error)]))
        return
    else:
        flash(_("The old key is revoked."), "free")

    with transaction():
        links.note_former_revoked(actor=actor, link_id=link_id, app_name=app)


def _failed(error: PrinterError, link_id: int, what: str, back: str) -> ResponseReturnValue:
    """Say what went wrong, and write down that it was tried."""
    refusal = troubles.refusal(error)
    with transaction():
        links.note_failure(actor=current_actor(), link_id=link_id, what=what, reason=refusal.code)
    flash_refusals(Refused([refusal]))
    return see(back)


async def _probe(backend: PrinterBackend) -> ProbeResult:
    try:
        return await backend.probe()
    finally:
        await backend.close()


def _talk(conversation: Coroutine[Any, Any, _T]) -> _T:
    """Hear a printer's server out, with no transaction open: it may take its time."""
    db.session.rollback()
    return asyncio.run(conversation)


def _octoprint(slug: str) -> tuple[Machine, PrinterLink]:
    """Raises NoResultFound for a simulated printer too: it asks for no key."""
    machine, link = linked(slug)
    if link.kind != doors.OCTOPRINT:
        raise NoResultFound
    return machine, link


def _back(slug: str) -> str:
    return url_for("printer_links.one", slug=slug)
