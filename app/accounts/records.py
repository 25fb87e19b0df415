"""What is written down about a member: the team's notes, and everything accounts keeps, for the person to take away."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.accounts import queries
from app.accounts.models import ApiToken, Charter, CharterAcceptance, MemberNote
from app.kernel import clock
from app.kernel.actors import Actor, Role
from app.kernel.audit import AuditEntry
from app.kernel.db import db
from app.kernel.refusals import NotAllowed


def write_note(*, actor: Actor, member_id: int, text: str) -> MemberNote:
    """For the team's eyes, until the person asks for their data."""
    if not actor.has(Role.MANAGER) or actor.member_id is None:
        raise NotAllowed
    queries.member(member_id)
    note = MemberNote(member_id=member_id, written_by_id=actor.member_id, written_at=clock.now(), text=text)
    db.session.add(note)
    return note


def personal_data(member_id: int) -> dict[str, Any]:
    """What accounts keeps about a person, as JSON values. The law gives them the team's notes too (GDPR, article 15)."""
    member = queries.member(member_id)
    columns = ("name", "email", "locale", "photo_consent", "emergency_contact", "roles", "suspension_reason")
    dates = ("born_on", "email_proved_at", "suspended_at", "created_at")
    return {
        **{name: getattr(member, name) for name in columns},
        "tariff_group": member.tariff_group.value,
        **{name: value.isoformat() if (value := getattr(member, name)) else None for name in dates},
        "charters": _charters(member_id),
        "api_tokens": [
            {"name": row.name, "scopes": row.scopes, "created_at": row.created_at.isoformat()}
            for row in db.session.scalars(select(ApiToken).where(ApiToken.member_id == member_id).order_by(ApiToken.created_at))
        ],
        "notes": [{"at": note.written_at.isoformat(), "text": note.text} for note, _author in queries.notes(member_id)],
        "acts": [
            {"at": row.at.isoformat(), "verb": row.verb, "subject": row.subject}
            for row in db.session.scalars(
                select(AuditEntry).where(AuditEntry.actor_id == member_id).order_by(AuditEntry.at, AuditEntry.id)
            )
        ],
    }


def _charters(member_id: int) -> list[dict[str, Any]]:
    rows = db.session.execute(
        select(Charter.version, CharterAcceptance)
        .join(Charter, Charter.id == CharterAcceptance.charter_id)
        .where(CharterAcceptance.member_id == member_id)
        .order_by(Charter.version)
    )
    return [
        {
            "version": version,
            "accepted_at": row.accepted_at.isoformat(),
            "guardian_name": row.guardian_name,
            "guardian_email": row.guardian_email,
            "guardian_confirmed_at": row.guardian_confirmed_at.isoformat() if row.guardian_confirmed_at else None,
        }
        for version, row in rows
    ]
