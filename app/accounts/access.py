"""Ways into an account: links by mail, passwords, sessions. Hashes are made by `passwords`, before any transaction.

Asking for a link is one outbox message whoever asks; only the worker finds out whether the address has an account, so that
neither the answer nor its time tells.
"""

from __future__ import annotations

from typing import Any

from app.accounts import queries, tokens
from app.accounts.models import Member, TokenPurpose
from app.kernel import audit, clock, mail, outbox
from app.kernel.actors import Actor, Door
from app.kernel.db import locked


def ask_link(*, email: str, back: str = "") -> None:
    """A link to sign in, if the address has an account; it leads on to the path `back`."""
    outbox.enqueue("accounts.send_link", {"email": email.strip().lower(), "back": back})


def send_link(asked: dict[str, Any]) -> None:
    if (member := queries.member_by_email(asked["email"])) is not None:
        token = tokens.issue(TokenPurpose.SIGN_IN, member.id)
        mail.send("accounts.sign_in_link", member=member.id, token=token, back=asked["back"])


def follow_link(*, token: str) -> tuple[Member, bool]:
    """Sign in with a link; it also proves the address, since it arrived there. Says whether a password was set aside.

    A password chosen before anybody proved the address may be a stranger's: it goes, and their sessions with it.
    Raises Refused(LINK_SPENT).
    """
    row = tokens.spend(TokenPurpose.SIGN_IN, token)
    member = locked(Member, row.member_id)
    set_aside = member.email_proved_at is None and member.password_hash is not None
    if set_aside:
        tokens.cancel(member.id)
        member.password_hash = None
        member.session_epoch += 1
    if member.email_proved_at is None:
        member.email_proved_at = clock.now()
        audit.record(_by_link(member), "member.email_proved", member.subject)
    return member, set_aside


def ask_reset(*, email: str) -> None:
    """A link to a new password, if the address has an account."""
    outbox.enqueue("accounts.send_reset", {"email": email.strip().lower()})


def send_reset(asked: dict[str, Any]) -> None:
    if (member := queries.member_by_email(asked["email"])) is not None:
        token = tokens.issue(TokenPurpose.RESET_PASSWORD, member.id)
        mail.send("accounts.reset_password", member=member.id, token=token)


def reset_password(*, token: str, password_hash: str) -> Member:
    """A new password by the link of a letter, which proves the address too. Raises Refused(LINK_SPENT)."""
    row = tokens.spend(TokenPurpose.RESET_PASSWORD, token)
    member = locked(Member, row.member_id)
    member.email_proved_at = member.email_proved_at or clock.now()
    _set_password(_by_link(member), member, password_hash)
    return member


def change_password(*, actor: Actor, member_id: int, password_hash: str) -> Member:
    """Who changes it showed the present one to the edge."""
    member = locked(Member, member_id)
    _set_password(actor, member, password_hash)
    if member.email_proved_at is None:
        send_proof(member, password_hash)  # the letter before brought the password before
    return member


def _set_password(actor: Actor, member: Member, password_hash: str) -> None:
    """Every session ends, and every letter still on its way."""
    member.password_hash = password_hash
    member.session_epoch += 1
    tokens.cancel(member.id)
    audit.record(actor, "member.password_set", member.subject)


def end_sessions(*, actor: Actor, member_id: int) -> Member:
    """Sign out everywhere, this browser included; links on their way end too."""
    member = locked(Member, member_id)
    member.session_epoch += 1
    if member.email_proved_at is not None:
        tokens.cancel(member.id)
    audit.record(actor, "member.signed_out_everywhere", member.subject)
    return member


def send_proof(member: Member, password_hash: str | None, back: str = "") -> None:
    """(Re)send the letter that proves the address. It brings the password its sign-up chose: of two people who signed up with
    one address, the password is that of the one whose letter is used.
    """
    token = tokens.issue(TokenPurpose.PROVE_EMAIL, member.id, extra=password_hash or "")
    mail.send("accounts.prove_email", member=member.id, token=token, back=back)


def prove_email(*, token: str) -> Member:
    """Raises Refused(LINK_SPENT)."""
    row = tokens.spend(TokenPurpose.PROVE_EMAIL, token)
    member = locked(Member, row.member_id)
    if member.email_proved_at is None:
        if (brought := row.extra or None) != member.password_hash:
            member.password_hash = brought
            member.session_epoch += 1
        tokens.cancel(member.id)
        member.email_proved_at = clock.now()
        audit.record(_by_link(member), "member.email_proved", member.subject)
    return member


def _by_link(member: Member) -> Actor:
    return Actor(member_id=member.id, door=Door.LINK)
