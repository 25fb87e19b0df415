"""Signed addresses for one reservation, so that a mail can lead to it without signing in. They expire with the reservation."""

from __future__ import annotations

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer

from app.kernel import mail
from machines.models import Reservation


def token(reservation: Reservation) -> str:
    return _signer().dumps([reservation.id, reservation.member_id])


def url(reservation: Reservation) -> str:
    """The absolute address, for a letter."""
    return mail.absolute("reservations.by_link", token=token(reservation))


def read(token: str) -> tuple[int, int] | None:
    """(reservation, member) of a link of ours, None for any other text."""
    try:
        reservation_id, member_id = _signer().loads(token)
        return int(reservation_id), int(member_id)
    except (BadSignature, ValueError, TypeError):
        return None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="reservation-link")
