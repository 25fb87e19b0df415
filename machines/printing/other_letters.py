"""Letters about a printer to people whose print it is not: who is next, who has a slot on a silent printer, whose it may be."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts import queries as accounts
from app.kernel import clock, i18n, mail
from app.kernel.db import db
from app.kernel.mail import Letter
from machines import links, queries
from machines.models import Reservation
from machines.printing.foreign import Answer
from machines.printing.letters import team
from machines.printing.models import ForeignPrint, PrinterLink, PrintJob
from machines.rules import LIVE


def init_app(app: Flask) -> None:
    for name, composer in (
        ("overrun_next", _overrun_next),
        ("preflight_failed", _preflight_failed),
        ("not_startable", _not_startable),
        ("key_refused", _key_refused),
        ("foreign_asked", _foreign_asked),
        ("foreign_alert", _foreign_alert),
    ):
        mail.compose_with(app, f"printing.{name}", composer)


def _overrun_next(facts: dict[str, Any]) -> Letter | None:
    """`job` goes on into the slot of `reservation`; nothing of whose print it is."""
    reservation = _reservation(facts["reservation"])
    job = db.session.get_one(PrintJob, facts["job"])
    if reservation.status not in LIVE or reservation.ends_at <= clock.now():
        return None
    to = accounts.recipient(reservation.member_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(reservation.machine.name)
        expected = [(_("Free about"), i18n.moment(job.ends_about))] if job.ends_about else []
        return Letter(
            to=to,
            subject=_("%(machine)s may be late for your slot", machine=name),
            lines=[
                _("The print before yours takes longer than planned, and a print that is stopped halfway helps nobody."),
                _("You can wait, take another printer that is free, or give the slot back free of charge: choose on its page."),
                _("You are not counted as absent while the printer is busy."),
            ],
            facts=[(_("Machine"), name), (_("Your slot"), i18n.span(reservation.starts_at, reservation.ends_at)), *expected],
            actions=[(_("Choose"), mail.absolute("reservations.one", reservation_id=reservation.id))],
        )


def _preflight_failed(facts: dict[str, Any]) -> Letter | None:
    """The printer of `reservation` is not ready a few minutes before; to its owner, or to the team with `team`."""
    reservation = _reservation(facts["reservation"])
    to = team() if facts.get("team") else accounts.recipient(reservation.member_id)
    if to is None or reservation.status not in LIVE:
        return None
    with i18n.speaking(to.locale):
        name = i18n.in_words(reservation.machine.name)
        return Letter(
            to=to,
            subject=_("%(machine)s is not ready yet for %(time)s", machine=name, time=i18n.hour(reservation.starts_at)),
            lines=[
                _("A slot begins soon and the printer does not answer. Please switch it on and check its cable.")
                if facts.get("team")
                else _("Your slot begins soon and we cannot reach the printer. The team has been told and has a look."),
                _("If it stays away for the first fifteen minutes, the slot is given back and nothing is charged."),
            ],
            facts=[(_("Machine"), name), (_("When"), i18n.span(reservation.starts_at, reservation.ends_at))],
            actions=[(_("Open the Today board"), mail.absolute("reports.today"))]
            if facts.get("team")
            else [(_("Move or cancel"), links.url(reservation))],
        )


def _not_startable(facts: dict[str, Any]) -> Letter | None:
    """The printer of `reservation` could not be used at the start of its slot, which was given back."""
    reservation = _reservation(facts["reservation"])
    to = team() if facts.get("team") else accounts.recipient(reservation.member_id)
    if to is None:
        return None
    with i18n.speaking(to.locale):
        name = i18n.in_words(reservation.machine.name)
        again = mail.absolute("machines.machine", slug=reservation.machine.slug)
        return Letter(
            to=to,
            subject=_("%(machine)s could not be used: the slot is given back", machine=name),
            lines=[
                _("The printer could not be used for the first minutes of the slot, so the reservation was given back.")
                if facts.get("team")
                else _("We are sorry: the printer could not be used at the start of your slot, so we gave it back."),
                _("Nothing is charged and nobody is counted as absent."),
            ],
            facts=[(_("Machine"), name), (_("When"), i18n.span(reservation.starts_at, reservation.ends_at))],
            actions=[(_("Open the Today board"), mail.absolute("reports.today"))]
            if facts.get("team")
            else [(_("Choose another time"), again), (_("See the other printers"), mail.absolute("prints.wall"))],
        )


def _key_refused(facts: dict[str, Any]) -> Letter | None:
    """The server of the printer `link` no longer takes our key: to the team."""
    link = db.session.scalars(
        select(PrinterLink).where(PrinterLink.id == facts["link"]).options(joinedload(PrinterLink.machine))
    ).one()
    to = team()
    if to is None:
        return None
    with i18n.speaking(to.locale):
        name = i18n.in_words(link.machine.name)
        return Letter(
            to=to,
            subject=_("%(machine)s: its server does not accept our key any more", machine=name),
            lines=[
                _("Nothing can be started or stopped from here until an administrator asks for a new key."),
                _("A print under way goes on: look after it at the printer."),
            ],
            facts=[(_("Machine"), name)],
            actions=[(_("Open the printer’s link"), mail.absolute("printer_links.one", slug=link.machine.slug))],
        )


def _foreign_asked(facts: dict[str, Any]) -> Letter | None:
    """Was the print `foreign`, seen during their slot and not started here, theirs? To `member`."""
    foreign = _foreign(facts["foreign"])
    if foreign.answered_at is not None:
        return None
    to = accounts.recipient(facts["member"])
    with i18n.speaking(to.locale):
        name = i18n.in_words(foreign.link.machine.name)
        return Letter(
            to=to,
            subject=_("%(machine)s: was this print yours?", machine=name),
            lines=[
                _("The printer ran during your slot, but the print was not started from here."),
                _("Please say whether it was yours: one tap is enough, and the lab knows what its printers did."),
            ],
            facts=_seen(foreign, name),
            actions=[(_("Answer"), mail.absolute("prints.foreign", foreign_id=foreign.id))],
        )


def _foreign_alert(facts: dict[str, Any]) -> Letter | None:
    """Somebody prints outside any reservation, or in a maintenance: to the team, at once; or did, as is found `afterwards`, with
    `others` that nobody knows.
    """
    foreign, to = _foreign(facts["foreign"]), team()
    if to is None or (foreign.answered_at is not None and foreign.answer not in (Answer.NOT_MINE, Answer.MAPPED)):
        return None
    with i18n.speaking(to.locale):
        name = i18n.in_words(foreign.link.machine.name)
        user = [(_("User of its server"), foreign.remote_user)] if foreign.remote_user else []
        if foreign.member_id is not None:
            user.append((_("Member"), accounts.names([foreign.member_id]).get(foreign.member_id, "")))
        more = [_("It is asked to stop, because the printer is kept free now.")] if foreign.stop_wished_at else []
        if facts.get("others"):
            more.append(_("It was found in the night, with others: the page “Prints that wait” lists them all."))
        return Letter(
            to=to,
            subject=_("%(machine)s printed something nobody booked", machine=name)
            if facts.get("afterwards")
            else _("%(machine)s prints something nobody booked", machine=name),
            lines=[
                _("A print was started at the printer or on its server’s own page, outside any reservation.")
                if foreign.answer != Answer.NOT_MINE
                else _("A print was started at the printer or on its server’s own page; who had the slot says it is not theirs."),
                *more,
                _("Please have a look, and say whose it is.") if foreign.member_id is None else _("Please have a look."),
            ],
            facts=[*_seen(foreign, name), *user],
            actions=[(_("Say whose it is"), mail.absolute("prints.foreign", foreign_id=foreign.id))],
        )


def _seen(foreign: ForeignPrint, machine: str) -> list[tuple[str, str]]:
    seen = i18n.span(foreign.seen_from, foreign.seen_until) if foreign.seen_until else i18n.moment(foreign.seen_from)
    file = [(_("File"), foreign.remote_path.rpartition("/")[2])] if foreign.remote_path else []
    return [(_("Machine"), machine), (_("Seen"), seen), *file]


def _reservation(ident: int) -> Reservation:
    return db.session.scalars(select(Reservation).where(Reservation.id == ident).options(queries.with_machine())).one()


def _foreign(ident: int) -> ForeignPrint:
    statement = select(ForeignPrint).where(ForeignPrint.id == ident)
    return db.session.scalars(statement.options(joinedload(ForeignPrint.link).joinedload(PrinterLink.machine))).one()
