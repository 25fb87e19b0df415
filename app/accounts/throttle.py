"""Slowing guessers down, by account and by address, counted in the database so that every process counts together.

Each kind of try has its own count: whoever types wrong passwords for somebody else does not close their way in by a link.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import delete, func, select

from app.accounts.models import SignInAttempt
from app.accounts.rules import TOO_MANY_LETTERS, TOO_MANY_TRIES
from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.refusals import Reason, Refused

WINDOW = timedelta(minutes=15)
PER_ACCOUNT, PER_ADDRESS = 8, 60


class Try(enum.StrEnum):
    """What is counted: a password typed to get in, one typed to change something, a letter asked for, an account opened."""

    PASSWORD = "password"  # noqa: S105 - the name of a kind
    CONFIRMATION = "confirmation"
    LETTER = "letter"
    JOINING = "joining"


_WORDS: Mapping[Try, Reason] = {Try.LETTER: TOO_MANY_LETTERS}


class Throttled(Refused):
    """Too many tries: 429 at the edge."""

    def __init__(self, kind: Try) -> None:
        super().__init__([_WORDS.get(kind, TOO_MANY_TRIES)(minutes=int(WINDOW.total_seconds() // 60))])


def count_try(kind: Try, account: str, address: str) -> None:
    """Count this try in a transaction of its own, whatever comes of it. Raises Throttled when there were too many.

    It is committed before it is counted: of many at the same moment each sees all that came before it, so that no burst passes
    more than the limit. A try that was refused is not kept, so that insisting does not lengthen the wait.
    """
    now = clock.now()
    mine = [SignInAttempt(key=key, at=now) for key in (_account(kind, account), _address(kind, address))]
    with transaction():
        db.session.add_all(mine)
    counted = (
        select(SignInAttempt.key, func.count())
        .where(SignInAttempt.key.in_([row.key for row in mine]), SignInAttempt.at > now - WINDOW)
        .group_by(SignInAttempt.key)
    )
    tries = {row[0]: row[1] for row in db.session.execute(counted)}
    if tries[mine[0].key] > PER_ACCOUNT or tries[mine[1].key] > PER_ADDRESS:
        with transaction():
            db.session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_([row.id for row in mine])))
        raise Throttled(kind)


def forgive(kind: Try, account: str, address: str) -> None:
    """A right answer wipes the account's slate, and its own try off the address's, in the caller's transaction."""
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.key == _account(kind, account)))
    last = select(func.max(SignInAttempt.id)).where(SignInAttempt.key == _address(kind, address)).scalar_subquery()
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.id == last).execution_options(synchronize_session=False))


def _account(kind: Try, account: str) -> str:
    return f"{kind}:account:{account.strip().lower()[:200]}"


def _address(kind: Try, address: str) -> str:
    """One IPv6 household or server has 2⁶⁴ addresses: they count as one."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{kind}:address:unknown"
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip_address(int(ip) >> 64 << 64)
    return f"{kind}:address:{ip}"
