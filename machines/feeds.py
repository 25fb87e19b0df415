"""Calendars of reservations: one's own under a secret address, a machine's that says only *busy*, and the .ics of a mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app
from flask_babel import gettext as _

from app.accounts import lab
from app.accounts import queries as accounts
from app.calendar import feeds as ics
from app.kernel import clock, i18n
from app.kernel.mail import Recipient
from app.kernel.periods import Period, merged
from app.kernel.settings import Settings
from app.kernel.web import public
from machines import agenda, busy, links
from machines.models import Reservation
from machines.rules import Status

bp = Blueprint("feeds", __name__)

GONE = (Status.CANCELLED, Status.NO_SHOW)


@bp.get("/calendar/<token>.ics")
@public
def personal(token: str) -> Response:
    """One's reservations, for a calendar program; the secret address is the key."""
    member = accounts.member_by_calendar_token(token) if "\x00" not in token else None
    if member is None:
        abort(404)
    with i18n.speaking(member.locale):
        events = [
            event(one, (one.starts_at, one.ends_at), one.revision, cancelled=one.status in GONE)
            for one in agenda.for_calendar(member.id)
        ]
        house = lab.current()
        return _answer(ics.calendar_text(events, name=_("My reservations, %(lab)s", lab=house.name if house else "Établi")))


@bp.get("/machines/<slug>.ics")
@public
def machine(slug: str) -> Response:
    """When a machine is busy, and nothing else: no names, no titles."""
    found = busy.stamps(slug)
    if not found:
        abort(404)
    [stamp], now = found, clock.now()
    period = Period(now - timedelta(days=7), now + timedelta(days=60))
    taken = [Period(row.starts_at, row.ends_at) for row in busy.events([stamp.resource_id], period)]
    if out := busy.outage(stamp, period):
        taken += [out] * stamp.seats
    events = [
        ics.Event(
            uid=f"busy-{stamp.machine_id}-{int(stretch.start.timestamp())}@{_host()}",
            sequence=0,
            starts_at=stretch.start,
            ends_at=stretch.end,
            summary=_("Busy"),
            description="",
            location="",
            url="",
            cancelled=False,
            updated_at=now,
        )
        for stretch in merged(busy.full(taken, stamp.seats))
    ]
    return _answer(ics.calendar_text(events, name=slug))


def invitation(
    reservation: Reservation, to: Recipient, when: tuple[datetime, datetime], revision: int, *, cancelled: bool = False
) -> str:
    """The .ics of a mail: the same UID for ever, a SEQUENCE that rises with each change, CANCEL at the end."""
    settings: Settings = current_app.extensions["settings"]
    house = lab.current()
    organizer = (house.name if house else "", parseaddr(settings.mail_from)[1])
    alone = event(reservation, when, revision, cancelled=cancelled)
    return ics.calendar_text(
        [replace(alone, organizer=organizer, attendee=(to.name, to.address))],
        name=i18n.in_words(reservation.machine.name),
        method="CANCEL" if cancelled else "REQUEST",
    )


def event(reservation: Reservation, when: tuple[datetime, datetime], revision: int, *, cancelled: bool) -> ics.Event:
    house = lab.current()
    return ics.Event(
        uid=f"reservation-{reservation.id}@{_host()}",
        sequence=revision,
        starts_at=when[0],
        ends_at=when[1],
        summary=i18n.in_words(reservation.machine.name),
        description=reservation.project or "",
        location=f"{house.name}, {house.address}, {house.city}" if house else "",
        url=links.url(reservation),
        cancelled=cancelled,
        updated_at=reservation.changed_at,
    )


def _host() -> str:
    settings: Settings = current_app.extensions["settings"]
    return urlsplit(settings.base_url).hostname or "localhost"


def _answer(text: str) -> Response:
    response = Response(text, content_type="text/calendar; charset=utf-8")
    response.headers["Cache-Control"] = "private, max-age=300"
    return response
