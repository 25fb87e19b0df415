"""What happens to a member: joining, proving an address, changing, roles, suspension, notes. Secrets are in `tokens`."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.accounts import queries, rules, tokens
from app.accounts.models import Member, MemberNote, TokenPurpose
from app.kernel import audit, clock, mail
from app.kernel.actors import Actor, Role
from app.kernel.db import db, is_violation, locked
from app.kernel.refusals import NotAllowed, Refused


def sign_up(*, actor: Actor, name: str, email: str, password_hash: str | None, locale: str) -> Member | None:
    """A new member, whose address is proved by the link in the letter. None when the address has an account already: its
    owner is written to, and the page says the same as for a new one.
    """
    email = email.strip().lower()
    if (known := queries.member_by_email(email)) is not None:
        mail.send("accounts.already_member", member=known.id)
        return None
    member = Member(
        name=" ".join(name.split()), email=email, password_hash=password_hash, locale=locale, created_at=clock.now(), roles=[]
    )
    try:
        with db.session.begin_nested():
            db.session.add(member)
            db.session.flush()
    except IntegrityError as error:
        if is_violation(error, "email"):
            return None
        raise
    audit.record(actor, "member.joined", member.subject)
    send_proof(member)
    return member


def send_proof(member: Member) -> None:
    """(Re)send the letter that proves the address."""
    token = tokens.issue(TokenPurpose.PROVE_EMAIL, member.id)
    mail.send("accounts.prove_email", member=member.id, token=token)


def prove_email(*, token: str) -> Member:
    """Raises Refused(LINK_SPENT)."""
    row = tokens.spend(TokenPurpose.PROVE_EMAIL, token)
    member = locked(Member, row.member_id)
    member.email_proved_at = member.email_proved_at or clock.now()
    audit.record(_themselves(member), "member.email_proved", member.subject)
    return member


def send_link(email: str) -> None:
    """A link to sign in, if the address has an account; silence otherwise."""
    if (member := queries.member_by_email(email)) is not None:
        mail.send("accounts.sign_in_link", member=member.id, token=tokens.issue(TokenPurpose.SIGN_IN, member.id))


def follow_link(*, token: str) -> Member:
    """Sign in with a link; it also proves the address, since it arrived there. Raises Refused(LINK_SPENT)."""
    row = tokens.spend(TokenPurpose.SIGN_IN, token)
    member = locked(Member, row.member_id)
    member.email_proved_at = member.email_proved_at or clock.now()
    return member


def send_reset(email: str) -> None:
    if (member := queries.member_by_email(email)) is not None:
        mail.send("accounts.reset_password", member=member.id, token=tokens.issue(TokenPurpose.RESET_PASSWORD, member.id))


def reset_password(*, token: str, password_hash: str) -> Member:
    """A new password, and every session ends. Raises Refused(LINK_SPENT)."""
    row = tokens.spend(TokenPurpose.RESET_PASSWORD, token)
    member = locked(Member, row.member_id)
    member.email_proved_at = member.email_proved_at or clock.now()
    set_password(actor=_themselves(member), member=member, password_hash=password_hash)
    return member


def set_password(*, actor: Actor, member: Member, password_hash: str) -> None:
    """`member` is locked by the caller. Every session of theirs ends."""
    member.password_hash = password_hash
    member.session_epoch += 1
    audit.record(actor, "member.password_set", member.subject)


def change_password(*, actor: Actor, member_id: int, password_hash: str) -> Member:
    member = locked(Member, member_id)
    set_password(actor=actor, member=member, password_hash=password_hash)
    return member


def update_profile(*, actor: Actor, member_id: int, **values: Any) -> Member:
    """Name, language, tariff group, consents. Raises NotAllowed for somebody else's."""
    if actor.member_id != member_id and not actor.has(Role.MANAGER):
        raise NotAllowed
    member = locked(Member, member_id)
    changed = sorted(name for name, value in values.items() if getattr(member, name) != value)
    for name in changed:
        setattr(member, name, values[name])
    if changed:
        audit.record(actor, "member.profile_changed", member.subject, changed=changed)
    return member


def ask_email_change(*, actor: Actor, member_id: int, email: str) -> None:
    """The new address counts once its link is followed; the old one is told. A taken one is told to its owner only."""
    email = email.strip().lower()
    if (known := queries.member_by_email(email)) is not None:
        mail.send("accounts.already_member", member=known.id)
        return
    token = tokens.issue(TokenPurpose.CHANGE_EMAIL, member_id, extra=email)
    mail.send("accounts.change_email", member=member_id, token=token, email=email)
    audit.record(actor, "member.email_change_asked", f"member:{member_id}")


def change_email(*, token: str) -> Member:
    """Raises Refused when the link is spent, or the address was taken meanwhile."""
    row = tokens.spend(TokenPurpose.CHANGE_EMAIL, token)
    member = locked(Member, row.member_id)
    if row.extra is None or queries.member_by_email(row.extra) is not None:
        raise Refused([rules.ADDRESS_TAKEN()])
    member.email, member.email_proved_at = row.extra, clock.now()
    audit.record(_themselves(member), "member.email_changed", member.subject)
    return member


def end_sessions(*, actor: Actor, member_id: int) -> Member:
    """Sign out everywhere, this browser included."""
    member = locked(Member, member_id)
    member.session_epoch += 1
    audit.record(actor, "member.signed_out_everywhere", member.subject)
    return member


def new_calendar_address(*, actor: Actor, member_id: int) -> Member:
    """The old secret address of the calendar stops working."""
    member = locked(Member, member_id)
    member.calendar_token = secrets.token_urlsafe(24)
    audit.record(actor, "member.calendar_address_changed", member.subject)
    return member


def grant_role(*, actor: Actor, member_id: int, role: Role) -> Member:
    """Raises Refused for a role above the actor's; NotAllowed for who is not a manager."""
    member = _staff_changes(actor, member_id)
    if found := rules.role_refusals(actor_roles=actor.roles, role=role, is_last_administrator=False):
        raise Refused(found)
    if role.value not in member.roles:
        member.roles = sorted({*member.roles, role.value})
        audit.record(actor, "member.role_granted", member.subject, role=role.value)
    return member


def revoke_role(*, actor: Actor, member_id: int, role: Role) -> Member:
    """Raises Refused for a role above the actor's, and for the last administrator's."""
    member = _staff_changes(actor, member_id)
    last = role is Role.ADMINISTRATOR and role.value in member.roles and queries.administrators() <= 1
    if found := rules.role_refusals(actor_roles=actor.roles, role=role, is_last_administrator=last):
        raise Refused(found)
    if role.value in member.roles:
        member.roles = sorted({*member.roles} - {role.value})
        audit.record(actor, "member.role_revoked", member.subject, role=role.value)
    return member


def promote(*, actor: Actor, email: str, role: Role) -> Member:
    """By the operator's command: any role, without asking. Raises LookupError for an unknown address."""
    member = queries.member_by_email(email)
    if member is None:
        raise LookupError(email)
    member = locked(Member, member.id)
    member.roles = sorted({*member.roles, role.value})
    member.email_proved_at = member.email_proved_at or clock.now()
    audit.record(actor, "member.role_granted", member.subject, role=role.value)
    return member


def set_trainer(member_id: int, is_trainer: bool) -> None:
    """Trainings says whether somebody trains anything; in its transaction."""
    member = locked(Member, member_id)
    roles = {*member.roles} - {Role.TRAINER.value} | ({Role.TRAINER.value} if is_trainer else set())
    if sorted(roles) != member.roles:
        member.roles = sorted(roles)


def suspend(*, actor: Actor, member_id: int, reason: str) -> Member:
    """At once: they can sign in and read why, and book nothing. Raises Refused for oneself or the last administrator."""
    member = _staff_changes(actor, member_id)
    if actor.member_id == member_id:
        raise Refused([rules.NOT_YOURSELF()])
    if Role.ADMINISTRATOR.value in member.roles and Role.ADMINISTRATOR not in actor.roles:
        raise Refused([rules.ONLY_ADMINISTRATORS()])
    member.suspended_at, member.suspension_reason = clock.now(), reason
    audit.record(actor, "member.suspended", member.subject, reason=reason)
    mail.send("accounts.suspended", member=member_id, reason=reason)
    return member


def reinstate(*, actor: Actor, member_id: int) -> Member:
    member = _staff_changes(actor, member_id)
    if actor.member_id == member_id:
        raise Refused([rules.NOT_YOURSELF()])
    if member.suspended_at is not None:
        member.suspended_at = member.suspension_reason = None
        audit.record(actor, "member.reinstated", member.subject)
        mail.send("accounts.reinstated", member=member_id)
    return member


def write_note(*, actor: Actor, member_id: int, text: str) -> MemberNote:
    """For the team's eyes."""
    if not actor.has(Role.MANAGER) or actor.member_id is None:
        raise NotAllowed
    queries.member(member_id)
    note = MemberNote(member_id=member_id, written_by_id=actor.member_id, written_at=clock.now(), text=text)
    db.session.add(note)
    return note


def personal_data(member_id: int) -> dict[str, Any]:
    """What accounts keeps about a person, for the person."""
    member = queries.member(member_id)
    columns = ("name", "email", "locale", "photo_consent", "emergency_contact", "roles", "suspension_reason")
    dates = ("born_on", "email_proved_at", "suspended_at", "created_at")
    return {
        **{name: getattr(member, name) for name in columns},
        "tariff_group": member.tariff_group.value,
        **{name: value.isoformat() if (value := getattr(member, name)) else None for name in dates},
        "acts": [
            {"at": row.at.isoformat(), "verb": row.verb, "subject": row.subject}
            for row in db.session.scalars(
                select(audit.AuditEntry).where(audit.AuditEntry.actor_id == member_id).order_by(audit.AuditEntry.at)
            )
        ],
    }


def _staff_changes(actor: Actor, member_id: int) -> Member:
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    return locked(Member, member_id)


def _themselves(member: Member) -> Actor:
    return Actor(member_id=member.id)
