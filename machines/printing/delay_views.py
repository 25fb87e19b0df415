"""What somebody chooses whose printer is still busy with the print before: `delays`. Routes of `print_views.bp`."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kernel.actors import current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, once, see
from machines import queries as machines
from machines.printing import delays
from machines.printing.print_views import bp

__all__ = ["bp"]

DELAY = f"/reservations/<int(max={MAX_ID}):reservation_id>/delay"


@bp.post(f"{DELAY}/patience")
def wait(reservation_id: int) -> ResponseReturnValue:
    """I wait."""
    actor = current_actor()
    machines.reservation_or_404(actor, reservation_id)

    def act() -> str:
        delays.wait(actor=actor, reservation_id=reservation_id)
        return _page(reservation_id)

    return _done(act, reservation_id, _("Good: your slot stays yours, and you are not counted as absent."))


@bp.post(f"{DELAY}/return")
def give_back(reservation_id: int) -> ResponseReturnValue:
    """I would rather not, free of charge."""
    actor = current_actor()
    machines.reservation_or_404(actor, reservation_id)

    def act() -> str:
        delays.give_back(actor=actor, reservation_id=reservation_id)
        return _page(reservation_id)

    return _done(act, reservation_id, _("Given back, free of charge. We are sorry for the trouble."))


@bp.post(f"{DELAY}/move")
def move_to(reservation_id: int) -> ResponseReturnValue:
    """The same time on another printer."""
    actor, machine_id = current_actor(), request.form.get("machine_id", 0, type=int)
    machines.reservation_or_404(actor, reservation_id)

    def act() -> str:
        return _page(delays.move_to(actor=actor, reservation_id=reservation_id, machine_id=machine_id).id)

    return _done(act, reservation_id, _("Moved: the same time, on this printer."))


@bp.post(f"{DELAY}/end")
def end(reservation_id: int) -> ResponseReturnValue:
    """Stop the print before mine, where the printer's rule leaves it to me."""
    actor = current_actor()
    machines.reservation_or_404(actor, reservation_id)

    def act() -> str:
        delays.end_print(actor=actor, reservation_id=reservation_id)
        return _page(reservation_id)

    return _done(act, reservation_id, _("Asked to stop: it may take a moment until the printer does."))


def _page(reservation_id: int) -> str:
    return url_for("reservations.one", reservation_id=reservation_id)


def _done(act: Callable[[], str], reservation_id: int, words: str) -> ResponseReturnValue:
    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(_page(reservation_id))
    flash(words, "free")
    return see(url)
