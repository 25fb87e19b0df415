"""The letter to the team about a print that goes on after its slot."""

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
from machines.models import Reservation
from machines.printing.letters import team
from machines.printing.models import PrintJob
from machines.printing.rules import OPEN


def init_app(app: Flask) -> None:
    mail.compose_with(app, "printing.overrun_team", _overrun_team)


def _overrun_team(facts: dict[str, Any]) -> Letter | None:
    """Nothing is left to say once it has ended."""
    whole = joinedload(PrintJob.reservation).joinedload(Reservation.machine)
    job = db.session.scalars(select(PrintJob).where(PrintJob.id == facts["job"]).options(whole)).one()
    to = team()
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
