"""Machines, what they ask for, and the claims members make on them. Decisions live in `rules`, moves in the services."""

from __future__ import annotations

import enum
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.calendar.models import Resource
from app.kernel.db import Base, pk, said
from app.kernel.money import Cents
from app.kernel.periods import Period
from machines.rules import Outcome, Status


class State(enum.StrEnum):
    IN_SERVICE = "in_service"
    OUT_OF_ORDER = "out_of_order"
    RETIRED = "retired"


class Machine(Base):
    """Something members use by the hour. Its place, capacity and timetable are its resource's.

    Out of order, it is so from `out_from` until `out_until`, or until somebody puts it back. A document is a title and a URL.
    """

    __tablename__ = "machine"
    __table_args__ = (
        CheckConstraint("danger BETWEEN 1 AND 3", name="danger_class"),
        CheckConstraint("shortest_minutes > 0 AND longest_minutes >= shortest_minutes", name="lengths"),
        CheckConstraint("step_minutes > 0 AND 60 % step_minutes = 0", name="step_divides_the_hour"),
    )

    id: Mapped[pk]
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"), unique=True)
    slug: Mapped[str] = mapped_column(unique=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[said]
    icon: Mapped[str] = mapped_column(default="laser")
    picture: Mapped[str | None]
    danger: Mapped[int] = mapped_column(default=1)
    is_attended: Mapped[bool] = mapped_column(default=True)
    can_do: Mapped[said] = mapped_column(default=dict)
    cannot_do: Mapped[said] = mapped_column(default=dict)
    house_rules: Mapped[said] = mapped_column(default=dict)
    safety_ticks: Mapped[list[said]] = mapped_column(JSON, default=list)
    documents: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    state: Mapped[State] = mapped_column(default=State.IN_SERVICE)
    out_from: Mapped[datetime | None]
    out_until: Mapped[datetime | None]
    out_note: Mapped[str | None]

    shortest_minutes: Mapped[int] = mapped_column(default=30)
    longest_minutes: Mapped[int] = mapped_column(default=240)
    step_minutes: Mapped[int] = mapped_column(default=15)
    horizon_days: Mapped[int] = mapped_column(default=30)
    notice_minutes: Mapped[int] = mapped_column(default=0)
    turnaround_minutes: Mapped[int] = mapped_column(default=0)
    ahead_most: Mapped[int] = mapped_column(default=3)
    bills_actual: Mapped[bool] = mapped_column(default=False)

    check_in_secret: Mapped[str] = mapped_column(default=lambda: secrets.token_hex(16))

    resource: Mapped[Resource] = relationship(lazy="raise")
    requirements: Mapped[list[Requirement]] = relationship(lazy="raise", cascade="all, delete-orphan", back_populates="machine")

    @property
    def item(self) -> str:
        """What billing knows it by."""
        return f"machine:{self.id}"

    @property
    def subject(self) -> str:
        return f"machine:{self.id}"

    @property
    def extension_minutes(self) -> int:
        """By how much a running use is lengthened: a quarter of an hour, or the whole steps that cover it."""
        return -(-15 // self.step_minutes) * self.step_minutes

    def is_out_at(self, instant: datetime) -> bool:
        """Whether it cannot be used then, as far as one knows now."""
        if self.state is State.RETIRED:
            return True
        return self.state is State.OUT_OF_ORDER and (self.out_until is None or instant < self.out_until)


class Requirement(Base):
    """One way to satisfy one condition: all `condition` numbers must be met, by any one competence of each."""

    __tablename__ = "machine_requirement"

    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"), primary_key=True)
    condition: Mapped[int] = mapped_column(primary_key=True)
    competence_id: Mapped[int] = mapped_column(ForeignKey("competence.id"), primary_key=True, index=True)

    machine: Mapped[Machine] = relationship(lazy="raise", back_populates="requirements")


class Reservation(Base):
    """A member's claim on a machine, `[starts_at, ends_at)`; the turnaround after it is in the occupancy only.

    `revision` counts the changes a calendar program must hear of. `quoted_cents` is the price shown when it was made.
    `used_from` and `used_until` bound the real use.
    """

    __tablename__ = "reservation"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="in_order"),
        Index("ix_reservation_member", "member_id", "starts_at"),
        Index("ix_reservation_machine", "machine_id", "starts_at"),
        Index("ix_reservation_status", "status", "starts_at"),
    )

    id: Mapped[pk]
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    payer_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    occupancy_id: Mapped[int] = mapped_column(ForeignKey("occupancy.id"), unique=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[Status]
    revision: Mapped[int] = mapped_column(default=0)
    project: Mapped[str | None]
    quoted_cents: Mapped[Cents]
    desk_code: Mapped[str]
    wrong_codes: Mapped[int] = mapped_column(default=0)
    override_reason: Mapped[str | None]

    booked_at: Mapped[datetime]
    booked_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    changed_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    checked_in_at: Mapped[datetime | None]
    used_from: Mapped[datetime | None]
    used_until: Mapped[datetime | None]
    outcome: Mapped[Outcome | None]
    is_clean: Mapped[bool | None]
    closing_note: Mapped[str | None] = mapped_column(Text)

    machine: Mapped[Machine] = relationship(lazy="raise")

    @property
    def period(self) -> Period:
        return Period(self.starts_at, self.ends_at)

    @property
    def subject(self) -> str:
        return f"reservation:{self.id}"


class Incident(Base):
    """A fault somebody reported on a machine, open until somebody says what was done about it."""

    __tablename__ = "incident"
    __table_args__ = (Index("ix_incident_open", "machine_id", "resolved_at"),)

    id: Mapped[pk]
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"))
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservation.id"))
    reported_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    reported_at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)
    stops_machine: Mapped[bool]
    resolved_at: Mapped[datetime | None]
    resolved_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    resolution: Mapped[str | None] = mapped_column(Text)

    machine: Mapped[Machine] = relationship(lazy="raise")
