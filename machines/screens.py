"""The screen beside a machine and the wall of printers: their signed addresses, and the code. A new secret closes old ones."""

from __future__ import annotations

import segno
from flask import current_app, url_for
from itsdangerous import BadSignature, URLSafeSerializer
from markupsafe import Markup

from app.kernel import clock
from machines import codes
from machines.models import Machine


def token(machine: Machine) -> str:
    """What opens the screen; given to managers only, so that nobody reads the code from home."""
    return _signer(machine).dumps(machine.id)


def opens(machine: Machine, token: str) -> bool:
    try:
        return bool(_signer(machine).loads(token) == machine.id)
    except BadSignature:
        return False


def code(machine: Machine) -> str:
    return codes.check_in_code(machine.check_in_secret, clock.now())


def seconds_left() -> int:
    """Until the next code."""
    return codes.CODE_SECONDS - int(clock.now().timestamp()) % codes.CODE_SECONDS


def qr(machine: Machine) -> Markup:
    """The code as a picture that leads to the check-in, code included."""
    link = url_for("reservations.check_in", slug=machine.slug, code=code(machine), _external=True)
    drawing = segno.make(link, error="m").svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None)
    return Markup(drawing)  # noqa: S704 - our own drawing


def _signer(machine: Machine) -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt=f"machine-screen:{machine.check_in_secret}")


def wall_token() -> str:
    """What opens the wall of printers on a screen where nobody is signed in."""
    return str(_wall_signer().dumps("wall"))


def opens_wall(token: str) -> bool:
    try:
        return bool(_wall_signer().loads(token) == "wall")
    except BadSignature:
        return False


def _wall_signer() -> URLSafeSerializer:
    """Not bound to a machine's secret: the wall shows no code, and nothing that a member could not see."""
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="printers-wall")
