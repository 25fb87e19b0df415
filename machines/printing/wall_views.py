"""The wall of printers, for members and for the lab's big screen: no name, no file. Routes of `print_views.bp`."""

from __future__ import annotations

from flask import abort, url_for
from flask.typing import ResponseReturnValue

from app.kernel import clock
from app.kernel.actors import Role
from app.kernel.web import needs, page, public, see
from machines import screens
from machines.printing import overview
from machines.printing.job_page import shared
from machines.printing.live import live
from machines.printing.print_views import bp

__all__ = ["bp"]


@bp.get("/printers/wall")
def wall() -> ResponseReturnValue:
    return _wall()


@bp.get("/printers/wall/<token>")
@public
def wall_screen(token: str) -> ResponseReturnValue:
    """The same, opened on a screen where nobody is signed in."""
    if not screens.opens_wall(token):
        abort(404)
    return _wall()


@bp.post("/printers/wall")
@needs(Role.MANAGER)
def open_wall() -> ResponseReturnValue:
    """The address to open on the lab's screen."""
    return see(url_for("prints.wall_screen", token=screens.wall_token()))


def _wall() -> ResponseReturnValue:
    now = clock.now()
    printers = [(one, live(one.job, one.link, now) if one.job else None) for one in overview.printers()]
    return page("printing/wall.html", block="wall", printers=printers, seen_at=now, **shared())
