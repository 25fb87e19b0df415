"""The post room: letters as they were written, and what the worker could not do yet."""

from __future__ import annotations

from flask import Response, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from app.accounts.admin_views import bp
from app.kernel import outbox
from app.kernel.actors import Role
from app.kernel.api import MAX_ID
from app.kernel.db import db
from app.kernel.mail import Mail
from app.kernel.outbox import OutboxMessage
from app.kernel.web import needs, once, page, see

SEALED = "accounts."
"""Letters of accounts carry keys. With a mail server they reach their readers, and nobody else opens them here."""


@bp.get("/admin/letters")
@needs(Role.ADMINISTRATOR)
def letters() -> ResponseReturnValue:
    """What was written to people; without a mail server this is where letters are read."""
    words = request.args.get("to", "").replace("\x00", "")[:200].strip()
    statement = select(Mail).order_by(Mail.id.desc()).limit(100)
    if words:
        found = (column.icontains(words, autoescape=True) for column in (Mail.to_address, Mail.subject))
        statement = statement.where(or_(*found))
    return page("accounts/letters.html", letters=list(db.session.scalars(statement)), search=words, smtp=_smtp())


@bp.get(f"/admin/letters/<int(max={MAX_ID}):mail_id>")
@needs(Role.ADMINISTRATOR)
def letter(mail_id: int) -> ResponseReturnValue:
    one = _letter(mail_id)
    return page("accounts/letter.html", letter=one, smtp=_smtp(), is_sealed=_is_sealed(one))


@bp.get(f"/admin/letters/<int(max={MAX_ID}):mail_id>/page")
@needs(Role.ADMINISTRATOR)
def letter_page(mail_id: int) -> Response:
    """The letter as a mail program shows it, in a frame of ours: no script, no form, nothing fetched, links open whole pages."""
    one = _letter(mail_id)
    if _is_sealed(one):
        abort(404)
    response = Response(one.html.replace("<head>", '<head><base target="_top">', 1), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self';"
        " sandbox allow-top-navigation-by-user-activation"
    )
    return response


@bp.get(f"/admin/letters/<int(max={MAX_ID}):mail_id>.ics")
@needs(Role.ADMINISTRATOR)
def letter_calendar(mail_id: int) -> Response:
    one = _letter(mail_id)
    if not one.calendar or _is_sealed(one):
        abort(404)
    response = Response(one.calendar, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f"attachment; filename=letter-{one.id}.ics"
    return response


@bp.get("/admin/outbox")
@needs(Role.MANAGER)
def outbox_page() -> ResponseReturnValue:
    waiting = (
        select(OutboxMessage)
        .where(OutboxMessage.done_at.is_(None))
        .order_by(OutboxMessage.parked_at.is_(None), OutboxMessage.due_at)
    )
    return page("accounts/outbox.html", messages=list(db.session.scalars(waiting.limit(100))))


@bp.post(f"/admin/outbox/<int(max={MAX_ID}):message_id>/retry")
@needs(Role.MANAGER)
def retry(message_id: int) -> ResponseReturnValue:
    def act() -> str:
        outbox.retry(message_id)
        return url_for("people.outbox_page")

    return see(once(act))


def _letter(mail_id: int) -> Mail:
    return db.session.scalars(select(Mail).where(Mail.id == mail_id)).one()


def _smtp() -> bool:
    return bool(current_app.extensions["settings"].smtp_url)


def _is_sealed(one: Mail) -> bool:
    return _smtp() and one.template.startswith(SEALED)
