"""What others read about people: columns where they suffice, one statement each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select

from app.accounts import rules
from app.accounts.models import ApiToken, Charter, CharterAcceptance, Member, MemberNote, TariffGroup
from app.kernel import clock
from app.kernel.actors import Actor, Door, Role
from app.kernel.db import db, run
from app.kernel.mail import Recipient

PAGE = 40


@dataclass(frozen=True, slots=True)
class Standing:
    """What a booking asks of a person. `suspended` is the reason, None when they are not.

    `guardian_awaited`: they did accept the charter, and it counts once their guardian confirms. `charter_version` is the one in
    force, None when there is none.
    """

    member_id: int
    tariff_group: TariffGroup
    locale: str
    email_proved: bool
    charter_accepted: bool
    suspended: str | None
    guardian_awaited: bool = False
    charter_version: int | None = None


def member(member_id: int) -> Member:
    """Raises NoResultFound."""
    return db.session.scalars(select(Member).where(Member.id == member_id)).one()


def member_by_email(email: str) -> Member | None:
    return db.session.scalars(select(Member).where(Member.email == email.strip().lower())).first()


def member_by_calendar_token(token: str) -> Member | None:
    return db.session.scalars(select(Member).where(Member.calendar_token == token)).first()


def recipient(member_id: int) -> Recipient:
    row = db.session.execute(select(Member.email, Member.name, Member.locale).where(Member.id == member_id)).one()
    return Recipient(row.email, row.name, row.locale)


def names(ids: Iterable[int]) -> dict[int, str]:
    rows = db.session.execute(select(Member.id, Member.name).where(Member.id.in_(set(ids))))
    return {row.id: row.name for row in rows}


_IN_FORCE = select(func.max(Charter.version)).scalar_subquery()
_THEIRS = (
    select(CharterAcceptance.id)
    .join(Charter, Charter.id == CharterAcceptance.charter_id)
    .where(CharterAcceptance.member_id == bindparam("member_id"), Charter.version == _IN_FORCE)
)
_CONFIRMED = or_(CharterAcceptance.guardian_email.is_(None), CharterAcceptance.guardian_confirmed_at.is_not(None))
_STANDING = select(
    Member.tariff_group,
    Member.locale,
    Member.email_proved_at,
    Member.suspended_at,
    Member.suspension_reason,
    or_(_THEIRS.where(_CONFIRMED).exists(), _IN_FORCE.is_(None)).label("accepted"),
    _THEIRS.where(~_CONFIRMED).exists().label("awaited"),
    _IN_FORCE.label("version"),
).where(Member.id == bindparam("member_id"))
_STANDING_LOCKED = _STANDING.with_for_update(key_share=True, of=Member)


def standing(member_id: int) -> Standing:
    """One statement. Without any charter published, everybody has accepted it. Raises NoResultFound."""
    return _standing(_STANDING, member_id)


def standing_locked(member_id: int) -> Standing:
    """The same, the member's row locked until the end: nobody else books for them meanwhile. One statement."""
    return _standing(_STANDING_LOCKED, member_id)


def _standing(statement: Select[*tuple[Any, ...]], member_id: int) -> Standing:
    row = run(statement, member_id=member_id).one()
    return Standing(
        member_id=member_id,
        tariff_group=row.tariff_group,
        locale=row.locale,
        email_proved=row.email_proved_at is not None,
        charter_accepted=bool(row.accepted),
        suspended=(row.suspension_reason or "") if row.suspended_at else None,
        guardian_awaited=bool(row.awaited),
        charter_version=row.version,
    )


def actor_for(one: Any, door: Door, scopes: Iterable[str] | None = None) -> Actor:
    """`one` is a member or a row with their id, roles and suspension. While somebody is suspended, their roles sleep."""
    known = {role.value for role in Role} if one.suspended_at is None else set()
    roles = frozenset(Role(role) for role in one.roles if role in known)
    return Actor(one.id, roles, door, frozenset(scopes) if scopes is not None else None)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of members; `number` counts from 1."""

    items: list[Member]
    number: int
    pages: int
    total: int


def search_members(text: str, number: int = 1) -> Page:
    """Members whose name or address has every word of the text, by name. Accents and capitals do not matter. Two statements.

    Names are compared here, not by the database: SQLite folds no É, and PostgreSQL sorts by the locale it was installed with.
    """
    wanted = rules.folded(text).split()[:5]
    rows = [
        (rules.folded(row.name), row.id, row.email) for row in db.session.execute(select(Member.id, Member.name, Member.email))
    ]
    found = sorted((name, ident) for name, ident, email in rows if all(word in name or word in email for word in wanted))
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(1, number), pages)
    shown = [ident for _name, ident in found[(number - 1) * PAGE : number * PAGE]]
    members = {one.id: one for one in db.session.scalars(select(Member).where(Member.id.in_(shown)))}
    return Page([members[ident] for ident in shown], number, pages, len(found))


def notes(member_id: int) -> list[tuple[MemberNote, str]]:
    """The team's notes with who wrote each, latest first."""
    rows = db.session.execute(
        select(MemberNote, Member.name)
        .join(Member, Member.id == MemberNote.written_by_id)
        .where(MemberNote.member_id == member_id)
        .order_by(MemberNote.written_at.desc())
    )
    return [(row[0], row[1]) for row in rows]


def charter_in_force() -> Charter | None:
    return db.session.scalars(select(Charter).order_by(Charter.version.desc()).limit(1)).first()


def charter_accepted_in(acceptance_id: int) -> tuple[CharterAcceptance, Charter]:
    """An acceptance and the version it is of. Raises NoResultFound."""
    row = db.session.execute(
        select(CharterAcceptance, Charter)
        .join(Charter, Charter.id == CharterAcceptance.charter_id)
        .where(CharterAcceptance.id == acceptance_id)
    ).one()
    return row[0], row[1]


def acceptance(member_id: int, charter_id: int) -> CharterAcceptance | None:
    return db.session.scalars(
        select(CharterAcceptance).where(CharterAcceptance.member_id == member_id, CharterAcceptance.charter_id == charter_id)
    ).first()


def live_tokens(member_id: int) -> list[ApiToken]:
    now = clock.now()
    return list(
        db.session.scalars(
            select(ApiToken)
            .where(and_(ApiToken.member_id == member_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now))
            .order_by(ApiToken.created_at)
        )
    )


def administrators() -> int:
    """How many there are. Roles are few and staff fewer: the rows are read and counted here, on both engines alike."""
    rows = db.session.scalars(select(Member.roles).where(Member.suspended_at.is_(None)))
    return sum(1 for roles in rows if Role.ADMINISTRATOR in roles)


def member_and_token(token_hash: str, now: datetime) -> tuple[Member, ApiToken] | None:
    """One statement."""
    row = db.session.execute(
        select(Member, ApiToken)
        .join(ApiToken, ApiToken.member_id == Member.id)
        .where(ApiToken.hash == token_hash, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)
    ).first()
    return (row[0], row[1]) if row else None
