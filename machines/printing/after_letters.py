"""Letters about what comes after a slot: a print that goes on, to the team; a print that is charged later, to who pays."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts import queries as accounts
from app.kernel import i18n, mail
from app.kernel.db import db
from app.kernel.mail import Letter
from billing import queries as money
from billing.models import ChargeLine
from machines.models import Reservation
from machines.printing.letters import team
from machines.printing.models import PrintJob
from machines.printing.rules import OPEN


def init_app(app: Flask) -> None:
    mail.compose_with(app, "printing.overrun_team", _overrun_team)
    mail.compose_with(app, "printing.charged", _charged)


def _overrun_team(facts: dict[str, Any]) -> Letter | None:
    """Nothing is left to say once it has ended."""
    job, to = _job(facts["job"]), team()
    if to is None or job.state not in OPEN:
        return None
    with i18n.speaking(to.locale):
        name, owner = i18n.in_words(job.reservation.machine.name), job.reservation.member_id
        expected = [(_("Ends about"), i18n.moment(job.ends_about))] if job.ends_about else []
        return Letter(
            to=to,
            subject=_("%(machine)s still prints, and the slot is over", machine=name),
            lines=[
                _("The print is not finished, and the house does not decide alone what happens to it."),
                _("Please look at the printer and at who is next: let it finish, or stop it from its page."),
            ],
            facts=[
                (_("Machine"), name),
                (_("Member"), accounts.names([owner]).get(owner, "")),
                (_("The slot ended"), i18n.moment(job.reservation.ends_at)),
                *expected,
            ],
            actions=[(_("Open the print"), mail.absolute("prints.one", job_id=job.id))],
            reason=_("You get this letter because the team looks after the printers."),
        )


def _charged(facts: dict[str, Any]) -> Letter:
    """Why more is due than when the reservation ended, line by line."""
    job, charge = _job(facts["job"]), money.charge(facts["charge"])
    to = accounts.recipient(charge.payer_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(job.reservation.machine.name)
        told = [(_line(line), i18n.money(line.amount_cents)) for line in charge.lines]
        return Letter(
            to=to,
            subject=_("%(machine)s: what your print used is charged now", machine=name),
            lines=[
                _("How “%(file)s” ended was not settled when your reservation was charged. It is now.", file=job.file.name),
                _("If that is not right, ask for an adjustment from your account: somebody of the team looks at it."),
            ],
            facts=[
                (_("When"), i18n.span(job.reservation.starts_at, job.reservation.ends_at)),
                *told,
                (_("In all"), i18n.money(charge.amount_cents)),
            ],
            actions=[(_("Open the print"), mail.absolute("prints.one", job_id=job.id)),
                     (_("See my account"), mail.absolute("billing.account"))],
            reason=_("You get this letter because it changes what you owe."),
        )  # fmt: skip


def _line(line: ChargeLine) -> str:
    name = i18n.in_words(line.label)
    if line.milligrams is None:
        return f"{name}, {i18n.duration(line.billed_minutes)}"
    price = i18n.money(line.cents_per_kilogram or 0)
    terms = _("%(weight)s × %(price)s/kg", weight=i18n.weight(line.milligrams), price=price)
    return f"{name}, {terms}"


def _job(ident: int) -> PrintJob:
    whole = (joinedload(PrintJob.reservation).joinedload(Reservation.machine), joinedload(PrintJob.file))
    return db.session.scalars(select(PrintJob).where(PrintJob.id == ident).options(*whole)).one()
