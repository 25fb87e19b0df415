"""The letters about reservations and machines, in the reader's language, with the .ics that keeps their calendar right."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Flask
from flask_babel import gettext as _
from sqlalchemy import select

from app.accounts import lab
from app.accounts import queries as accounts
from app.kernel import clock, i18n, mail
from app.kernel.db import db
from app.kernel.mail import Letter
from billing import queries as money
from machines import facts as known_facts
from machines import feeds, links, queries
from machines.models import Incident, Reservation
from machines.rules import GRACE, Outcome, Status


def init_app(app: Flask) -> None:
    for name, composer in (
        ("booked", _booked),
        ("moved", _moved),
        ("cancelled", _cancelled),
        ("no_show", _no_show),
        ("completed", _completed),
        ("reminder", _reminder),
        ("fault", _fault),
    ):
        mail.compose_with(app, f"machines.{name}", composer)


def _booked(facts: dict[str, Any]) -> Letter:
    reservation, when = _facts(facts)
    to = accounts.recipient(reservation.member_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(reservation.machine.name)
        span = i18n.span(*when)
        return Letter(
            to=to,
            subject=_("%(machine)s, %(when)s: booked", machine=name, when=span),
            lines=[
                *([_("The team has booked this for you.")] if reservation.booked_by_id != reservation.member_id else []),
                _("The machine is yours. Come a few minutes early and scan the code on its screen to check in."),
                _("Cannot come? Give the slot back with the link below: somebody else will be glad."),
            ],
            facts=[
                (_("Machine"), name),
                (_("When"), span),
                (_("Where"), _where(reservation)),
                *_terms(reservation, when[0], facts["cents"]),
            ],
            actions=[(_("Move or cancel"), links.url(reservation))],
            calendar=feeds.invitation(reservation, to, when, facts["revision"]),
            method="REQUEST",
        )


def _moved(facts: dict[str, Any]) -> Letter:
    reservation, when = _facts(facts)
    to = accounts.recipient(reservation.member_id)
    before = [datetime.fromisoformat(moment) for moment in facts["before"]]
    with i18n.speaking(to.locale):
        name = i18n.in_words(reservation.machine.name)
        return Letter(
            to=to,
            subject=_("%(machine)s: moved to %(when)s", machine=name, when=i18n.span(*when)),
            lines=[_("Your reservation has a new time.")],
            facts=[
                (_("Machine"), name),
                (_("Before"), i18n.span(before[0], before[1])),
                (_("Now"), i18n.span(*when)),
                *_terms(reservation, when[0], facts["cents"]),
            ],
            actions=[(_("Move or cancel"), links.url(reservation))],
            calendar=feeds.invitation(reservation, to, when, facts["revision"]),
            method="REQUEST",
        )


def _cancelled(facts: dict[str, Any]) -> Letter:
    reservation, when = _facts(facts)
    to = accounts.recipient(reservation.member_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(reservation.machine.name)
        line = (
            _("The lab had to cancel this reservation. Nothing is charged.")
            if facts.get("by_staff")
            else _("Your reservation is cancelled. Nothing is charged.")
        )
        return Letter(
            to=to,
            subject=_("%(machine)s, %(when)s: cancelled", machine=name, when=i18n.span(*when)),
            lines=[line, *([_("Reason: %(reason)s", reason=facts["reason"])] if facts.get("reason") else [])],
            actions=[(_("Choose another time"), mail.absolute("machines.machine", slug=reservation.machine.slug))],
            calendar=feeds.invitation(reservation, to, when, facts["revision"], cancelled=True),
            method="CANCEL",
        )


def _no_show(facts: dict[str, Any]) -> Letter:
    reservation = _reservation(facts["reservation"])
    to = accounts.recipient(reservation.member_id)
    with i18n.speaking(to.locale):
        when = (reservation.starts_at, reservation.ends_at)
        name, span = i18n.in_words(reservation.machine.name), i18n.span(*when)
        return Letter(
            to=to,
            subject=_("%(machine)s, %(when)s: we missed you", machine=name, when=span),
            lines=[
                _("You had not checked in, so the machine was freed for others. Nothing is charged."),
                _("You were there after all? Tell the desk, it happens."),
            ],
            actions=[(_("See your reservations"), mail.absolute("reservations.mine"))],
            calendar=feeds.invitation(reservation, to, when, reservation.revision, cancelled=True),
            method="CANCEL",
        )


def _completed(facts: dict[str, Any]) -> Letter:
    reservation = _reservation(facts["reservation"])
    to = accounts.recipient(reservation.member_id)
    charge = money.charge_for(reservation.subject)
    total, due = (charge.total_cents, charge.due_cents) if charge else (0, 0)
    with i18n.speaking(to.locale):
        name = i18n.in_words(reservation.machine.name)
        lines = [_("Thank you for leaving the machine to the next person.")]
        if reservation.outcome is Outcome.HOUSE:
            lines = [_("Nobody ended this use, so it was ended at the end of its slot. Please press “Finish” next time.")]
        lines.append(_("Pay at the desk when you pass by.") if due else _("Nothing to pay."))
        used = (reservation.used_from or reservation.starts_at, reservation.used_until or reservation.ends_at)
        return Letter(
            to=to,
            subject=_("%(machine)s: your use, %(price)s", machine=name, price=i18n.money(total)),
            lines=lines,
            facts=[(_("Machine"), name), (_("Used"), i18n.span(*used)), (_("Price"), i18n.money(total))],
            actions=[(_("See the details"), mail.absolute("billing.account"))],
        )


def _reminder(facts: dict[str, Any]) -> Letter | None:
    reservation = _reservation(facts["reservation"])
    is_to_come = reservation.status is Status.CONFIRMED and reservation.starts_at > clock.now()
    if not is_to_come or reservation.revision != facts["revision"]:
        return None
    to = accounts.recipient(reservation.member_id)
    with i18n.speaking(to.locale):
        name, span = i18n.in_words(reservation.machine.name), i18n.span(reservation.starts_at, reservation.ends_at)
        return Letter(
            to=to,
            subject=_("Reminder: %(machine)s, %(when)s", machine=name, when=span),
            lines=[_("See you soon. If you cannot come, give the slot back now: somebody else will be glad.")],
            facts=[(_("Machine"), name), (_("When"), span), (_("Where"), _where(reservation))],
            actions=[(_("Move or cancel"), links.url(reservation))],
        )


def _fault(facts: dict[str, Any]) -> Letter | None:
    incident = db.session.get_one(Incident, facts["incident"])
    machine = queries.machine_by_id(incident.machine_id)
    house = lab.current()
    if house is None or not house.email:
        return None
    with i18n.speaking(i18n.DEFAULT_LOCALE):
        name = i18n.in_words(machine.name)
        by = accounts.names([incident.reported_by_id])[incident.reported_by_id]
        stopped = (
            _("The machine is stopped until somebody looks at it.") if incident.stops_machine else _("The machine still runs.")
        )
        return Letter(
            to=mail.Recipient(house.email, house.name, i18n.DEFAULT_LOCALE),
            subject=_("Fault on %(machine)s", machine=name),
            lines=[_("%(name)s reports: %(text)s", name=by, text=incident.text), stopped],
            actions=[(_("Open the Today board"), mail.absolute("reports.today"))],
        )


def _facts(facts: dict[str, Any]) -> tuple[Reservation, tuple[datetime, datetime]]:
    start, end = datetime.fromisoformat(facts["start"]), datetime.fromisoformat(facts["end"])
    return _reservation(facts["reservation"]), (start, end)


def _reservation(ident: int) -> Reservation:
    statement = select(Reservation).where(Reservation.id == ident).options(queries.with_machine())
    return db.session.scalars(statement).one()


def _terms(reservation: Reservation, starts_at: datetime, cents: int) -> list[tuple[str, str]]:
    """What it costs, and until when it is given back freely, where that is more than the moment after booking."""
    known = replace(known_facts.change(reservation), starts_at=starts_at)
    price = (_("Price, to pay after use"), i18n.money(cents) if cents else _("Free of charge"))
    if known.free_until <= reservation.booked_at + GRACE:
        return [price]
    return [price, (_("Cancel free of charge until"), i18n.moment(known.free_until))]


def _where(reservation: Reservation) -> str:
    house = lab.current()
    place = i18n.in_words(queries.spaces().get(reservation.machine.resource.parent_id or 0))
    return ", ".join(part for part in (place, house.name if house else "", house.address if house else "") if part)
