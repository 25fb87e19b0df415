"""The lab itself, its members, the charter they accept, and the secrets that let them in (kept as hashes)."""

from __future__ import annotations

import enum
import secrets
from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base, pk, said


class TariffGroup(enum.StrEnum):
    """Which price level a member chose, privately."""

    STANDARD = "standard"
    SOLIDARITY = "solidarity"
    PROFESSIONAL = "professional"


class Lab(Base):
    """The one lab of this installation, and what it changes itself. The single row has id 1."""

    __tablename__ = "lab"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[pk]
    name: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    postcode: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    description: Mapped[said] = mapped_column(default=dict)
    picture: Mapped[str | None]
    closes_on_holidays: Mapped[bool] = mapped_column(default=True)
    holidays_region: Mapped[str | None]
    check_in_opens_minutes: Mapped[int] = mapped_column(default=10)
    no_show_after_minutes: Mapped[int] = mapped_column(default=15)
    auto_end_after_minutes: Mapped[int] = mapped_column(default=10)
    cancel_notice_minutes: Mapped[int] = mapped_column(default=120)
    set_up_at: Mapped[datetime]


class Member(Base):
    """A person with an account. `email` is lower-case; `session_epoch` rises to end every session at once."""

    __tablename__ = "member"

    id: Mapped[pk]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    locale: Mapped[str] = mapped_column(default="fr")
    tariff_group: Mapped[TariffGroup] = mapped_column(default=TariffGroup.STANDARD)
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    photo_consent: Mapped[bool] = mapped_column(default=False)
    emergency_contact: Mapped[str | None]
    born_on: Mapped[date | None]
    email_proved_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspension_reason: Mapped[str | None]
    session_epoch: Mapped[int] = mapped_column(default=0)
    calendar_token: Mapped[str] = mapped_column(unique=True, default=lambda: secrets.token_urlsafe(24))
    created_at: Mapped[datetime]

    is_authenticated = is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What flask-login keeps in the session."""
        return f"{self.id}:{self.session_epoch}"

    @property
    def initials(self) -> str:
        words = self.name.split()
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else self.name

    @property
    def subject(self) -> str:
        return f"member:{self.id}"


class MemberNote(Base):
    """What the team should know about a member; only managers read it."""

    __tablename__ = "member_note"

    id: Mapped[pk]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    written_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    written_at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)


class Charter(Base):
    """One version of the lab's charter; the highest version is the one in force."""

    __tablename__ = "charter"

    id: Mapped[pk]
    version: Mapped[int] = mapped_column(unique=True)
    title: Mapped[said]
    intro: Mapped[said] = mapped_column(default=dict)
    points: Mapped[list[said]] = mapped_column(JSON, default=list)
    published_at: Mapped[datetime]


class CharterAcceptance(Base):
    """Who accepted which version, when. A minor's counts once the guardian confirmed."""

    __tablename__ = "charter_acceptance"
    __table_args__ = (UniqueConstraint("member_id", "charter_id"),)

    id: Mapped[pk]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    charter_id: Mapped[int] = mapped_column(ForeignKey("charter.id"))
    accepted_at: Mapped[datetime]
    guardian_name: Mapped[str | None]
    guardian_email: Mapped[str | None]
    guardian_confirmed_at: Mapped[datetime | None]


class TokenPurpose(enum.StrEnum):
    PROVE_EMAIL = "prove_email"
    CHANGE_EMAIL = "change_email"
    SIGN_IN = "sign_in"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a purpose
    GUARDIAN = "guardian"


class OneTimeToken(Base):
    """A link that works once, until `expires_at`. Only its SHA-256 is kept.

    `extra` is what the link brings: the password hash its sign-up chose ("" for none), the new address, or the acceptance.
    """

    __tablename__ = "one_time_token"

    id: Mapped[pk]
    hash: Mapped[str] = mapped_column(unique=True)
    purpose: Mapped[TokenPurpose]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    extra: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A try to get in or to have us write: two rows, for what was tried (`password:account:…`) and from where
    (`password:address:…`). A right password takes its rows away again.
    """

    __tablename__ = "sign_in_attempt"
    __table_args__ = (Index("ix_sign_in_attempt_key", "key", "at"),)

    id: Mapped[pk]
    key: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class ApiToken(Base):
    """A key to the JSON API, shown once; only its SHA-256 is kept."""

    __tablename__ = "api_token"

    id: Mapped[pk]
    hash: Mapped[str] = mapped_column(unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), index=True)
    name: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
