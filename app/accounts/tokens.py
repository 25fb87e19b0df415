"""Secrets that let people in: one-time links and API tokens. Only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, select, update

from app.accounts.models import ApiToken, OneTimeToken, SignInAttempt, TokenPurpose
from app.accounts.rules import LINK_SPENT
from app.kernel import audit, clock
from app.kernel.actors import Actor
from app.kernel.db import db
from app.kernel.idempotency import Submission
from app.kernel.refusals import Refused

LIVES = {
    TokenPurpose.PROVE_EMAIL: timedelta(hours=24),
    TokenPurpose.CHANGE_EMAIL: timedelta(hours=24),
    TokenPurpose.SIGN_IN: timedelta(minutes=15),
    TokenPurpose.RESET_PASSWORD: timedelta(hours=1),
    TokenPurpose.GUARDIAN: timedelta(days=14),
}
KEPT = timedelta(days=90)


def fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue(purpose: TokenPurpose, member_id: int, extra: str | None = None) -> str:
    """A new link's secret; it is in the letter and nowhere else."""
    token = secrets.token_urlsafe(24)
    now = clock.now()
    db.session.add(
        OneTimeToken(
            hash=fingerprint(token),
            purpose=purpose,
            member_id=member_id,
            extra=extra,
            created_at=now,
            expires_at=now + LIVES[purpose],
        )
    )
    return token


def peek(purpose: TokenPurpose, token: str) -> OneTimeToken | None:
    """The row of a link that would still work. Using it up is `spend`."""
    return db.session.scalars(
        select(OneTimeToken).where(
            OneTimeToken.hash == fingerprint(token),
            OneTimeToken.purpose == purpose,
            OneTimeToken.used_at.is_(None),
            OneTimeToken.expires_at > clock.now(),
        )
    ).first()


def cancel(member_id: int) -> None:
    """No letter on its way lets anybody in any more, after a new password or a new address. A guardian's is not one of them."""
    links = update(OneTimeToken).where(
        OneTimeToken.member_id == member_id, OneTimeToken.used_at.is_(None), OneTimeToken.purpose != TokenPurpose.GUARDIAN
    )
    db.session.execute(links.values(used_at=clock.now()).execution_options(synchronize_session=False))


def spend(purpose: TokenPurpose, token: str) -> OneTimeToken:
    """Use a link up: of two at once, one wins. Raises Refused(LINK_SPENT)."""
    row = peek(purpose, token)
    if row is not None:
        mine = update(OneTimeToken).where(OneTimeToken.id == row.id, OneTimeToken.used_at.is_(None))
        if db.session.execute(mine.values(used_at=clock.now())).rowcount == 1:  # type: ignore[attr-defined]
            return row
    raise Refused([LINK_SPENT()])


def create_api_token(*, actor: Actor, member_id: int, name: str, scopes: Iterable[str], days: int = 90) -> str:
    """A token for the JSON API; the caller shows it once."""
    token = f"etabli_{secrets.token_urlsafe(30)}"
    now = clock.now()
    row = ApiToken(
        hash=fingerprint(token),
        member_id=member_id,
        name=name,
        scopes=sorted(scopes),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    db.session.add(row)
    db.session.flush()  # the audit names its id
    audit.record(actor, "api_token.created", f"member:{member_id}", token=row.id, scopes=row.scopes)
    return token


def revoke_api_token(*, actor: Actor, member_id: int, token_id: int) -> None:
    mine = update(ApiToken).where(ApiToken.id == token_id, ApiToken.member_id == member_id, ApiToken.revoked_at.is_(None))
    if db.session.execute(mine.values(revoked_at=clock.now())).rowcount:  # type: ignore[attr-defined]
        audit.record(actor, "api_token.revoked", f"member:{member_id}", token=token_id)


def forget_old() -> None:
    """Drop what no longer serves: spent links after a week, tries after 90 days, submissions after a week."""
    now = clock.now()
    db.session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < now - timedelta(days=7)))
    db.session.execute(delete(SignInAttempt).where(SignInAttempt.at < now - KEPT))
    db.session.execute(delete(Submission).where(Submission.at < now - timedelta(days=7)))
