"""Before a slot, whether its printer is there; in it, what becomes of the reservation when the printer cannot be used."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from app.accounts import queries as accounts
from app.kernel import clock, i18n, mail
from app.kernel.actors import HOUSE
from app.kernel.db import db, locked
from machines import facts as machine_facts
from machines import reservations, usage
from machines.models import Reservation
from machines.printing.events import tell_not_there
from machines.printing.gateway import Seen
from machines.printing.models import PrinterLink, PrintJob
from machines.printing.observing import NOT_USABLE
from machines.printing.rules import OPEN, Circuit
from machines.rules import LIVE, Status

BEFORE = timedelta(minutes=10)
SEEN_WITHIN = timedelta(minutes=1)


def check(reservation_id: int) -> bool:
    """Some minutes before a slot: is the printer reachable, connected, idle? Else its member and the team are told, once.

    Whether something was wrong; safe to run twice.
    """
    reservation, machine = machine_facts.lock(reservation_id)
    link = _link(machine.id)
    if link is None or link.preflight_for_id == reservation.id or reservation.status not in (Status.CONFIRMED, Status.CHECKED_IN):
        return False
    link.preflight_for_id = reservation.id
    if _is_ready(link):
        return False
    for team in (False, True):
        tell_not_there(reservation, team=team)
    return True


def give_back_if_unusable(reservation_id: int) -> bool:
    """A printer that cannot be used, a quarter of an hour into a slot: the house takes the reservation back, at no cost.

    Not where something was printed or is being printed. Whether it was so; safe to run twice.
    """
    reservation, machine = machine_facts.lock(reservation_id)
    link = _link(machine.id)
    now = clock.now()
    if link is None or link.unusable_since is None or reservation.status not in LIVE or reservation.ends_at <= now:
        return False
    if now - max(reservation.starts_at, reservation.changed_at, link.unusable_since) < usage.patience():
        return False
    if _has_printed(reservation):
        return False
    with i18n.speaking(accounts.recipient(reservation.member_id).locale):
        why = _("The printer could not be used.")
    reservations.give_back(actor=HOUSE, reservation=reservation, reason=why)
    mail.send("printing.not_startable", key=f"printing.not_startable:{reservation.id}", reservation=reservation.id, team=True)
    return True


def _is_ready(link: PrinterLink) -> bool:
    """A print of ours under way is no trouble of the printer's: who comes next is told of it by other letters."""
    if link.circuit is not Circuit.CLOSED or link.observed_at is None or clock.now() - link.observed_at > SEEN_WITHIN:
        return False
    if link.observed_state in NOT_USABLE:
        return False
    ours = select(PrintJob.id).where(PrintJob.link_id == link.id, PrintJob.state.in_(OPEN)).limit(1)
    return link.observed_state is Seen.IDLE or db.session.scalars(ours).first() is not None


def _has_printed(reservation: Reservation) -> bool:
    begun = PrintJob.started_at.is_not(None) | PrintJob.state.in_(OPEN)
    statement = select(PrintJob.id).where(PrintJob.reservation_id == reservation.id, begun).limit(1)
    return db.session.scalars(statement).first() is not None


def _link(machine_id: int) -> PrinterLink | None:
    """The printer's row, locked."""
    statement = select(PrinterLink.id).where(PrinterLink.machine_id == machine_id, PrinterLink.is_enabled)
    ident = db.session.scalars(statement).one_or_none()
    return None if ident is None else locked(PrinterLink, ident)
