"""Who did what to which subject, when and why: append-only, read by managers on each subject's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock, guards
from app.kernel.actors import Actor, Door
from app.kernel.db import Base, db, pk


class AuditEntry(Base):
    """One act. `subject` is "kind:id", as everywhere; `details` hold only JSON values, never secrets."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_subject", "subject", "at"),)

    id: Mapped[pk]
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    door: Mapped[Door]
    verb: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)


def record(actor: Actor, verb: str, subject: str, **details: Any) -> None:
    """Write down an act in the caller's transaction; details that are None are left out."""
    kept = {name: value for name, value in details.items() if value is not None}
    db.session.add(
        AuditEntry(at=clock.now(), actor_id=actor.member_id, door=actor.door, verb=verb, subject=subject, details=kept)
    )


guards.attach(AuditEntry.__table__, guards.append_only("audit_entry"))
