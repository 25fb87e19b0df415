"""What happens to a member: joining, changing, roles, suspension. Ways in are in `access`, what is written down in `records`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.accounts import access, queries, rules, tokens
from app.accounts.models import Lab, Member, TokenPurpose
from app.kernel import audit, clock, mail
from app.kernel.actors import Actor, Door, Role
from app.kernel.db import db, is_violation, lock_all, locked
from app.kernel.refusals import NotAllowed, Refused


def sign_up(*, actor: Actor, name: str, email: str, password_hash: str | None, locale: str, back: str = "") -> Member | None:
    """A new member, whose address is proved by the link in the letter, which leads on to the path `back`.

    None when the address has an account already: its owner is written to (how to sign in, or how to prove it if that never
    happened), and the page says the same as for a new one.
    """
    known = queries.member_by_email(email)
    if known is None:
        member = _add(actor, name=name, email=email, password_hash=password_hash, locale=locale)
        if member is not None:
            access.send_proof(member, password_hash, back)
        return member
    if known.email_proved_at is None:
        access.send_proof(known, password_hash, back)
    else:
        mail.send("accounts.already_member", member=known.id)
    return None


def add(*, actor: Actor, name: str, email: str, password_hash: str | None, locale: str) -> Member | None:
    """By who runs the lab: the address counts as proved. None when it has an account already."""
    member = _add(actor, name=name, email=email, password_hash=password_hash, locale=locale)
    if member is not None:
        member.email_proved_at = clock.now()
    return member


def _add(actor: Actor, *, name: str, email: str, password_hash: str | None, locale: str) -> Member | None:
    member = Member(
        name=one_line(name),
        email=email.strip().lower(),
        password_hash=password_hash,
        locale=locale,
        created_at=clock.now(),
        roles=[],
    )
    if not _kept(lambda: db.session.add(member)):
        return None
    audit.record(actor, "member.joined", member.subject)
    return member


def _kept(change: Callable[[], None]) -> bool:
    """Whether the database took `change`; not, when another account has that address (by a sign-up at the same moment)."""
    try:
        with db.session.begin_nested():
            change()
            db.session.flush()
    except IntegrityError as error:
        if is_violation(error, "email"):
            return False
        raise
    return True


def one_line(text: str) -> str:
    """A name goes into the head of letters: spaces between its words, and no line break."""
    return " ".join(text.split())


def update_profile(*, actor: Actor, member_id: int, **values: Any) -> Member:
    """Name, language, tariff group, consents. Raises NotAllowed for somebody else's."""
    if actor.member_id != member_id and not actor.has(Role.MANAGER):
        raise NotAllowed
    member = locked(Member, member_id)
    if "name" in values:
        values["name"] = one_line(values["name"])
    changed = sorted(name for name, value in values.items() if getattr(member, name) != value)
    for name in changed:
        setattr(member, name, values[name])
    if changed:
        audit.record(actor, "member.profile_changed", member.subject, changed=changed)
    return member


def ask_email_change(*, actor: Actor, member_id: int, email: str) -> None:
    """The new address counts once its link is followed. A taken one is told to its owner only."""
    email = email.strip().lower()
    if (known := queries.member_by_email(email)) is not None:
        mail.send("accounts.already_member", member=known.id)
        return
    token = tokens.issue(TokenPurpose.CHANGE_EMAIL, member_id, extra=email)
    mail.send("accounts.change_email", member=member_id, token=token, email=email)
    audit.record(actor, "member.email_change_asked", f"member:{member_id}")


def change_email(*, token: str) -> Member:
    """The address before is told, and no letter sent there lets anybody in any more.

    Raises Refused when the link is spent, or the address was taken meanwhile.
    """
    row = tokens.spend(TokenPurpose.CHANGE_EMAIL, token)
    member = locked(Member, row.member_id)
    before, after = member.email, row.extra or ""
    if not _kept(lambda: setattr(member, "email", after)):
        raise Refused([rules.ADDRESS_TAKEN()])
    member.email_proved_at = clock.now()
    tokens.cancel(member.id)
    mail.send("accounts.email_changed", member=member.id, before=before)
    audit.record(Actor(member_id=member.id, door=Door.LINK), "member.email_changed", member.subject)
    return member


def new_calendar_address(*, actor: Actor, member_id: int) -> Member:
    """The old secret address of the calendar stops working."""
    member = locked(Member, member_id)
    member.calendar_token = secrets.token_urlsafe(24)
    audit.record(actor, "member.calendar_address_changed", member.subject)
    return member


# ── by the team ──────────────────────────────────────────────────────────────────────────────────────────────────────


def grant_role(*, actor: Actor, member_id: int, role: Role) -> Member:
    """Raises Refused for a role above the actor's; NotAllowed for who is not a manager."""
    actor, member = _staff_changes(actor, member_id)
    if found := rules.role_refusals(actor_roles=actor.roles, role=role, is_last_administrator=False):
        raise Refused(found)
    if role.value not in member.roles:
        member.roles = sorted({*member.roles, role.value})
        audit.record(actor, "member.role_granted", member.subject, role=role.value)
    return member


def revoke_role(*, actor: Actor, member_id: int, role: Role) -> Member:
    """Raises Refused for a role above the actor's, and for the last administrator's."""
    actor, member = _staff_changes(actor, member_id)
    last = role is Role.ADMINISTRATOR and _is_last_administrator(member)
    if found := rules.role_refusals(actor_roles=actor.roles, role=role, is_last_administrator=last):
        raise Refused(found)
    if role.value in member.roles:
        member.roles = sorted({*member.roles} - {role.value})
        audit.record(actor, "member.role_revoked", member.subject, role=role.value)
    return member


def promote(*, actor: Actor, email: str, role: Role) -> Member:
    """By the operator's command: any role, without asking. Raises LookupError for an unknown address."""
    known = queries.member_by_email(email)
    if known is None:
        raise LookupError(email)
    lock_all(Lab, [1])
    member = locked(Member, known.id)
    member.email_proved_at = member.email_proved_at or clock.now()
    if role.value not in member.roles:
        member.roles = sorted({*member.roles, role.value})
        audit.record(actor, "member.role_granted", member.subject, role=role.value)
    return member


def set_trainer(member_id: int, is_trainer: bool) -> None:
    """Trainings says whether somebody trains anything; in its transaction."""
    member = locked(Member, member_id)
    roles = {*member.roles} - {Role.TRAINER.value} | ({Role.TRAINER.value} if is_trainer else set())
    if sorted(roles) != member.roles:
        member.roles = sorted(roles)


def suspend(*, actor: Actor, member_id: int, reason: str) -> Member:
    """At once: they can sign in and read why, book nothing, and their roles sleep. See rules.suspension_refusals."""
    actor, member = _staff_changes(actor, member_id)
    _ask_about(actor, member)
    member.suspended_at, member.suspension_reason = clock.now(), reason
    audit.record(actor, "member.suspended", member.subject, reason=reason)
    mail.send("accounts.suspended", member=member_id, reason=reason)
    return member


def reinstate(*, actor: Actor, member_id: int) -> Member:
    actor, member = _staff_changes(actor, member_id)
    _ask_about(actor, member)
    if member.suspended_at is not None:
        member.suspended_at = member.suspension_reason = None
        audit.record(actor, "member.reinstated", member.subject)
        mail.send("accounts.reinstated", member=member_id)
    return member


def _staff_changes(actor: Actor, member_id: int) -> tuple[Actor, Member]:
    """The actor and the member as they are now. Such changes wait for each other on the lab's row: of two administrators who
    act on each other at once, the second one finds out what they still are.
    """
    lock_all(Lab, [1])
    if actor.member_id is not None:
        now = db.session.scalars(
            select(Member).where(Member.id == actor.member_id).execution_options(populate_existing=True)
        ).one()
        actor = replace(actor, roles=queries.actor_for(now, actor.door).roles)
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    return actor, locked(Member, member_id)


def _ask_about(actor: Actor, member: Member) -> None:
    found = rules.suspension_refusals(
        actor_roles=actor.roles,
        member_roles=member.roles,
        is_themselves=actor.member_id == member.id,
        is_last_administrator=_is_last_administrator(member),
    )
    if found:
        raise Refused(found)


def _is_last_administrator(member: Member) -> bool:
    is_one = Role.ADMINISTRATOR.value in member.roles and member.suspended_at is None
    return is_one and queries.administrators() <= 1
