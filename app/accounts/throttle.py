"""Slowing guessers down, by account and by address, counted in the database so that every process counts together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select

from app.accounts.models import SignInAttempt
from app.accounts.rules import TOO_MANY_TRIES
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused

WINDOW = timedelta(minutes=15)
PER_ACCOUNT, PER_ADDRESS = 8, 40


class Throttled(Refused):
    """Too many tries: 429 at the edge."""

    def __init__(self) -> None:
        super().__init__([TOO_MANY_TRIES(minutes=int(WINDOW.total_seconds() // 60))])


def count_try(account: str, address: str) -> None:
    """Count this try in a transaction of its own, whatever comes of it. Raises Throttled when there were too many."""
    now = clock.now()
    keys = (f"account:{account.strip().lower()[:200]}", f"address:{address}")
    with transaction():
        tries = dict(
            db.session.execute(
                select(SignInAttempt.key, func.count())
                .where(SignInAttempt.key.in_(keys), SignInAttempt.at > now - WINDOW)
                .group_by(SignInAttempt.key)
            ).all()  # type: ignore[arg-type]
        )
        too_many = tries.get(keys[0], 0) >= PER_ACCOUNT or tries.get(keys[1], 0) >= PER_ADDRESS
        if not too_many:
            db.session.add_all(SignInAttempt(key=key, at=now) for key in keys)
    if too_many:
        raise Throttled


def forgive(account: str) -> None:
    """A right password wipes the account's slate, in the caller's transaction."""
    mine: Sequence[SignInAttempt] = db.session.scalars(
        select(SignInAttempt).where(SignInAttempt.key == f"account:{account.strip().lower()[:200]}")
    ).all()
    for row in mine:
        db.session.delete(row)
