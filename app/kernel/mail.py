"""Letters: composed in the reader's language by a feature, kept in the database, delivered by SMTP when there is a server.

A feature registers a composer by template name; `send` leaves a message in the outbox with the few facts the letter needs.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, current_app, render_template, url_for
from sqlalchemy import Text, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock, i18n, outbox
from app.kernel.db import Base, db, pk, transaction
from app.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    name: str
    locale: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says, before any layout. `facts` are (label, value) pairs, `actions` (label, absolute URL) pairs.

    `calendar` is the text of an .ics file and `method` its iTIP method (REQUEST, CANCEL, PUBLISH).
    """

    to: Recipient
    subject: str
    lines: list[str]
    facts: list[tuple[str, str]] = field(default_factory=list)
    actions: list[tuple[str, str]] = field(default_factory=list)
    reason: str = ""
    calendar: str | None = None
    method: str = "PUBLISH"


Composer = Callable[[dict[str, Any]], Letter | None]


class Mail(Base):
    """One letter as it was written. Without a mail server it stays here, where administrators read it."""

    __tablename__ = "mail"

    id: Mapped[pk]
    template: Mapped[str]
    to_address: Mapped[str] = mapped_column(index=True)
    to_name: Mapped[str]
    locale: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    calendar: Mapped[str | None] = mapped_column(Text)
    method: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


def init_app(app: Flask) -> None:
    app.extensions["composers"] = {}
    outbox.handle(app, "mail.send", _compose)
    outbox.handle(app, "mail.deliver", _deliver, talks_outside=True)


def compose_with(app: Flask, template: str, composer: Composer) -> None:
    """Register who writes the letters called `template`. A composer returns None when there is nothing left to say."""
    app.extensions["composers"][template] = composer


def send(template: str, *, key: str | None = None, **facts: Any) -> None:
    """Leave a letter to be written and sent, in the caller's transaction. `facts` are JSON values."""
    outbox.enqueue("mail.send", {"template": template, "facts": facts}, key=key)


def _compose(payload: dict[str, Any]) -> None:
    composer: Composer = current_app.extensions["composers"][payload["template"]]
    letter = composer(payload["facts"])
    if letter is None:
        return
    settings: Settings = current_app.extensions["settings"]
    with i18n.speaking(letter.to.locale):
        text = render_template("mail/letter.txt", letter=letter)
        html = render_template("mail/letter.html", letter=letter)
    mail = Mail(
        template=payload["template"],
        to_address=letter.to.address,
        to_name=" ".join(letter.to.name.split()),
        locale=letter.to.locale,
        subject=" ".join(letter.subject.split()),
        text=text,
        html=html,
        calendar=letter.calendar,
        method=letter.method,
        message_id=make_msgid(domain=urlsplit(settings.base_url).hostname),
        created_at=clock.now(),
    )
    db.session.add(mail)
    if settings.smtp_url:
        db.session.flush()  # the delivery names its id
        outbox.enqueue("mail.deliver", {"mail": mail.id}, key=f"mail:{mail.id}")


def _deliver(payload: dict[str, Any]) -> None:
    """Hand one letter to the server. A crash after it took it sends it again with the same Message-ID, never loses it."""
    settings: Settings = current_app.extensions["settings"]
    mail = db.session.scalars(select(Mail).where(Mail.id == payload["mail"])).one()
    db.session.commit()
    if mail.sent_at is None and settings.smtp_url:
        try:
            with _server(settings.smtp_url) as server:
                server.send_message(_as_message(mail, settings))
        except (OSError, smtplib.SMTPException) as error:
            if _is_final(error):
                raise
            raise outbox.Transient(f"{type(error).__name__}: {error}") from error
        with transaction():
            db.session.execute(update(Mail).where(Mail.id == mail.id).values(sent_at=clock.now()))


def _is_final(error: Exception) -> bool:
    """Whether the server refused this very letter or its reader for good (5xx): asking for ever would not help.

    A refused sign-in or sender is the lab's own setting, which somebody will mend: the letters wait for it.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return any(500 <= code < 600 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600


def _server(url: str) -> smtplib.SMTP:
    """smtp:// plain, smtp+starttls:// upgraded, smtps:// encrypted from the start. 20 s deadline on every step."""
    parts = urlsplit(url)
    host, context = parts.hostname or "localhost", ssl.create_default_context()
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=20, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=20)
    try:
        if parts.scheme == "smtp+starttls":
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except Exception:
        server.close()
        raise
    return server


def _as_message(mail: Mail, settings: Settings) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = mail.subject
    message["From"] = formataddr(parseaddr(settings.mail_from))
    message["To"] = formataddr((mail.to_name, mail.to_address))
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    if mail.calendar:
        # Inside the alternatives it becomes an invitation in mail programs; as a file, any calendar can open it.
        message.add_alternative(mail.calendar, subtype="calendar", params={"method": mail.method})
        message.add_attachment(mail.calendar.encode(), maintype="text", subtype="calendar", filename="reservation.ics")
    message["Content-Language"] = mail.locale  # last: making alternatives moves Content- headers into the first of them
    return message


def absolute(endpoint: str, **values: Any) -> str:
    """The full address of a page, for a letter written by the worker, which has no request to take it from."""
    settings: Settings = current_app.extensions["settings"]
    with current_app.test_request_context(base_url=settings.base_url):
        return url_for(endpoint, _external=True, **values)
