"""Places and things that can be taken for a period, when they are open, and who takes them: one table, one truth."""

from __future__ import annotations

import enum
from datetime import date, datetime, timedelta

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base, pk, said

LONGEST = timedelta(days=7)


class Kind(enum.StrEnum):
    SITE = "site"
    SPACE = "space"
    MACHINE = "machine"


class Purpose(enum.StrEnum):
    """Why something is taken; the timetable paints each in its own way."""

    RESERVATION = "reservation"
    MAINTENANCE = "maintenance"
    CLOSURE = "closure"
    PRIVATISATION = "privatisation"
    SESSION = "session"


class Resource(Base):
    """A site, a space in it, or a machine in a space. `capacity` lanes may be taken at once.

    `revision` rises in every transaction that changes its occupancies or its hours: feeds and caches are as fresh as it is.
    """

    __tablename__ = "resource"
    __table_args__ = (CheckConstraint("capacity BETWEEN 1 AND 1000", name="capacity_in_bounds"),)

    id: Mapped[pk]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("resource.id"), index=True)
    kind: Mapped[Kind]
    name: Mapped[said]
    slug: Mapped[str] = mapped_column(unique=True)
    position: Mapped[int] = mapped_column(default=0)
    capacity: Mapped[int] = mapped_column(default=1)
    revision: Mapped[int] = mapped_column(default=0)
    retired_at: Mapped[datetime | None]


class OpeningRule(Base):
    """Weekly hours of a resource, wall-clock minutes of the lab's zone; inherited by what stands under it."""

    __tablename__ = "opening_rule"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("opens_minute >= 0 AND opens_minute < closes_minute AND closes_minute <= 2160", name="hours_in_order"),
    )

    id: Mapped[pk]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"), index=True)
    weekday: Mapped[int]
    opens_minute: Mapped[int]
    closes_minute: Mapped[int]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]


class OpeningException(Base):
    """Days, both included, with hours of their own; `periods` is a list of [opens, closes] minutes, empty when closed."""

    __tablename__ = "opening_exception"
    __table_args__ = (CheckConstraint("first_day <= last_day", name="days_in_order"),)

    id: Mapped[pk]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    periods: Mapped[list[list[int]]] = mapped_column(JSON, default=list)
    note: Mapped[said] = mapped_column(default=dict)


class Block(Base):
    """A place taken out of use by the team, for maintenance or a closure; `reason` is read by members on the timetable.

    Its occupancies carry `subject`. `one_lane` takes a single seat of a place with several; else every lane of the place is
    taken, and of all that stands under it.
    """

    __tablename__ = "block"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="in_order"),
        Index("ix_block_resource_id_ends_at", "resource_id", "ends_at"),
    )

    id: Mapped[pk]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    one_lane: Mapped[bool] = mapped_column(default=False)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    purpose: Mapped[Purpose]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    released_at: Mapped[datetime | None]
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))

    @property
    def subject(self) -> str:
        return f"block:{self.id}"


class Occupancy(Base):
    """One lane of one resource, taken for `[starts_at, ends_at)`. Released rows stay for history; the guard forgets them.

    The guard (`guards.py`) keeps two unreleased rows of a lane from overlapping. No row is longer than LONGEST (what lasts
    longer is several rows), so that a search by time is a short walk along an index, however many years lie behind.
    """

    __tablename__ = "occupancy"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="in_order"),
        Index("ix_occupancy_lane", "resource_id", "lane", "starts_at"),
        Index("ix_occupancy_time", "resource_id", "starts_at"),
        Index("ix_occupancy_subject", "subject"),
    )

    id: Mapped[pk]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    lane: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    purpose: Mapped[Purpose]
    subject: Mapped[str]
    note: Mapped[str | None]
    released_at: Mapped[datetime | None]
