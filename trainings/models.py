"""Competences, who holds them since when and until when, what was taken away and why, and who waits for a date.

No row here is overwritten: a renewal, a suspension and a revocation are rows of their own. `queries.held` says what counts.
"""

from __future__ import annotations

import enum
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel import guards
from app.kernel.db import Base, pk, said
from trainings.rules import Capacity, Evidence, Level

__all__ = [
    "Capacity",
    "Certification",
    "Competence",
    "Ending",
    "Evidence",
    "Interest",
    "InterestEnd",
    "Level",
    "Prerequisite",
    "Revocation",
    "Suspension",
]


class Competence(Base):
    """Something one learns to do safely. `path` says in words how to get it; `valid_months` None: for good."""

    __tablename__ = "competence"
    __table_args__ = (CheckConstraint("valid_months IS NULL OR valid_months BETWEEN 1 AND 120", name="validity"),)

    id: Mapped[pk]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[said]
    description: Mapped[said] = mapped_column(default=dict)
    path: Mapped[said] = mapped_column(default=dict)
    icon: Mapped[str] = mapped_column(default="check")
    valid_months: Mapped[int | None]
    position: Mapped[int] = mapped_column(default=0)
    retired_at: Mapped[datetime | None]

    @property
    def subject(self) -> str:
        return f"competence:{self.id}"


class Prerequisite(Base):
    """`competence_id` asks for `needs_id` first. `competences.save` refuses circles."""

    __tablename__ = "competence_prerequisite"
    __table_args__ = (CheckConstraint("competence_id <> needs_id", name="not_itself"),)

    competence_id: Mapped[int] = mapped_column(ForeignKey("competence.id"), primary_key=True)
    needs_id: Mapped[int] = mapped_column(ForeignKey("competence.id"), primary_key=True, index=True)


class Certification(Base):
    """A member holds `competence` from one day to another, both included. Never changed: a renewal is a new row.

    `valid_until` None: without an end. `granted_as` tells a trainer's act from a manager's. The ids of one member grow in the
    order of granting, for the member's row is locked before: revocations and suspensions say "up to this one" by id.
    """

    __tablename__ = "certification"
    __table_args__ = (
        CheckConstraint("valid_until IS NULL OR valid_from < valid_until", name="valid_in_order"),
        CheckConstraint("granted_by_id <> member_id", name="not_by_oneself"),
        Index("ix_certification_member", "member_id", "competence_id"),
        Index("ix_certification_competence", "competence_id", "valid_until"),
    )

    id: Mapped[pk]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    competence_id: Mapped[int] = mapped_column(ForeignKey("competence.id"))
    level: Mapped[Level]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
    granted_at: Mapped[datetime]
    granted_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    granted_as: Mapped[Capacity]
    evidence: Mapped[Evidence]
    note: Mapped[str | None] = mapped_column(Text)

    competence: Mapped[Competence] = relationship(lazy="raise")

    @property
    def subject(self) -> str:
        return f"certification:{self.id}"


class Ending(enum.StrEnum):
    """How a suspension ended."""

    LIFTED = "lifted"
    REVOKED = "revoked"


class Suspension(Base):
    """Nothing of this competence counts for the member until `ended_at`. One at a time; it ends once.

    `certification_id` is the one it was pronounced on, `through_id` the newest there was.
    """

    __tablename__ = "certification_suspension"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (ending IS NULL)", name="ended_how"),
        Index(
            "uq_certification_suspension_running",
            "member_id",
            "competence_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[pk]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    competence_id: Mapped[int] = mapped_column(ForeignKey("competence.id"), index=True)
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"))
    through_id: Mapped[int] = mapped_column(ForeignKey("certification.id"))
    reason: Mapped[str] = mapped_column(Text)
    suspended_at: Mapped[datetime]
    suspended_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    ending: Mapped[Ending | None]
    ending_note: Mapped[str | None] = mapped_column(Text)


class Revocation(Base):
    """Every certification of this competence up to `through_id` counts no more, for good; only a new one does."""

    __tablename__ = "certification_revocation"
    __table_args__ = (Index("ix_certification_revocation_member", "member_id", "competence_id", "through_id"),)

    id: Mapped[pk]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    competence_id: Mapped[int] = mapped_column(ForeignKey("competence.id"))
    certification_id: Mapped[int] = mapped_column(ForeignKey("certification.id"))
    through_id: Mapped[int] = mapped_column(ForeignKey("certification.id"))
    reason: Mapped[str] = mapped_column(Text)
    revoked_at: Mapped[datetime]
    revoked_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))


class InterestEnd(enum.StrEnum):
    WITHDRAWN = "withdrawn"
    CERTIFIED = "certified"


class Interest(Base):
    """A member asks to be told when a date for this competence comes up. Open while `closed_at` is None, one at a time."""

    __tablename__ = "competence_interest"
    __table_args__ = (
        Index(
            "uq_competence_interest_open",
            "member_id",
            "competence_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_competence_interest_competence", "competence_id", "declared_at"),
    )

    id: Mapped[pk]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    competence_id: Mapped[int] = mapped_column(ForeignKey("competence.id"))
    declared_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closing: Mapped[InterestEnd | None]


guards.attach(Certification.__table__, guards.append_only("certification"))
guards.attach(Revocation.__table__, guards.append_only("certification_revocation"))
guards.attach(Suspension.__table__, guards.append_only("certification_suspension", when="OLD.ended_at IS NOT NULL"))
