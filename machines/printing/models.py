"""Printers and their servers, files, jobs, what was seen of them and what they used. Decisions live in `rules`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kernel import clock, guards
from app.kernel.db import Base, pk, said
from machines.models import Machine, Reservation
from machines.printing.gateway import Seen
from machines.printing.rules import (
    OPEN,
    Approval,
    Circuit,
    Counting,
    EndPolicy,
    JobState,
    Outcome,
    PausedBy,
    Source,
    Wish,
)

_OPEN = text(f"state IN ({', '.join(repr(state.value) for state in sorted(OPEN))})")


class PrinterLink(Base):
    """How the house reaches a printer and what it may do there, and the last that was seen of it.

    `key_sealed` is the key to its server, sealed by `vault`; `certificate`, in PEM, is the only one trusted there, else the
    system's authorities are. Both are cleared when the address changes. `former_app` names the key before it while that one is
    not yet revoked there. `address` is empty once the link was removed. Sizes in millimetres, temperatures in °C. `observed` is
    the last Observation as JSON; nothing is started on one older than 15 s. One of `usable_since` and `unusable_since` is set,
    by what was seen. Foreign prints that ended before `prints_known_until` have been looked for.
    """

    __tablename__ = "printer_link"
    __table_args__ = (
        CheckConstraint("bed_x > 0 AND bed_y > 0 AND bed_z > 0", name="bed"),
        CheckConstraint("tools > 0", name="tools"),
        CheckConstraint("overrun_grace_minutes >= 0", name="grace"),
    )

    id: Mapped[pk]
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"), unique=True)
    kind: Mapped[str]
    address: Mapped[str]
    certificate: Mapped[str | None] = mapped_column(Text)
    key_sealed: Mapped[str | None] = mapped_column(Text)
    app_name: Mapped[str | None]
    former_app: Mapped[str | None]
    remote_user: Mapped[str | None]
    product: Mapped[str | None]
    version: Mapped[str | None]
    probed_at: Mapped[datetime | None]
    missing: Mapped[list[str]] = mapped_column(JSON, default=list)
    too_strong: Mapped[list[str]] = mapped_column(JSON, default=list)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    revision: Mapped[int] = mapped_column(default=0)

    bed_x: Mapped[int] = mapped_column(default=250)
    bed_y: Mapped[int] = mapped_column(default=210)
    bed_z: Mapped[int] = mapped_column(default=210)
    nozzle_most: Mapped[int] = mapped_column(default=290)
    bed_most: Mapped[int] = mapped_column(default=110)
    nozzle_hundredths: Mapped[int] = mapped_column(default=40)
    tools: Mapped[int] = mapped_column(default=1)
    refused_commands: Mapped[list[str] | None] = mapped_column(JSON)

    approval: Mapped[Approval] = mapped_column(default=Approval.NEVER)
    end_policy: Mapped[EndPolicy] = mapped_column(default=EndPolicy.FINISH)
    overrun_grace_minutes: Mapped[int] = mapped_column(default=60)
    counting: Mapped[Counting] = mapped_column(default=Counting.RESERVED)
    heat_up_minutes: Mapped[int] = mapped_column(default=4)
    may_connect: Mapped[bool] = mapped_column(default=False)
    stops_foreign_in_blocks: Mapped[bool] = mapped_column(default=False)
    camera_address: Mapped[str | None]
    camera_is_on: Mapped[bool] = mapped_column(default=False)

    circuit: Mapped[Circuit] = mapped_column(default=Circuit.CLOSED)
    failures: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    alerted_at: Mapped[datetime | None]
    trouble: Mapped[str | None]
    observed_at: Mapped[datetime | None]
    observed_state: Mapped[Seen | None]
    observed: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    usable_since: Mapped[datetime | None]
    unusable_since: Mapped[datetime | None]
    prints_known_until: Mapped[datetime] = mapped_column(default=clock.now)
    preflight_for_id: Mapped[int | None] = mapped_column(ForeignKey("reservation.id"))

    machine: Mapped[Machine] = relationship(lazy="raise")

    @property
    def subject(self) -> str:
        return f"printer:{self.id}"


class Material(Base):
    """A filament the lab sells by weight; its price is the rate of its item, per kilogram. Density in milligrams per cm³."""

    __tablename__ = "material"
    __table_args__ = (CheckConstraint("density_mg > 0", name="density"),)

    id: Mapped[pk]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[said]
    density_mg: Mapped[int]
    is_offered: Mapped[bool] = mapped_column(default=True)

    @property
    def item(self) -> str:
        return f"material:{self.id}"


class PrinterMaterial(Base):
    """A printer takes this material."""

    __tablename__ = "printer_material"

    link_id: Mapped[int] = mapped_column(ForeignKey("printer_link.id"), primary_key=True)
    material_id: Mapped[int] = mapped_column(ForeignKey("material.id"), primary_key=True)


class PrintFile(Base):
    """A member's G-code, checked and kept. `facts` is what `gcode` read in it, `stored` its name in the folder of uploads.

    The same bytes sent twice by one member are one row. `forgotten_at` tells that the bytes are gone; the row stays for history.
    """

    __tablename__ = "print_file"
    __table_args__ = (
        Index("ix_print_file_owner", "owner_id", "uploaded_at"),
        Index("uq_print_file_owner_id_sha256", "owner_id", "sha256", unique=True),
    )

    id: Mapped[pk]
    owner_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    name: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    stored: Mapped[str]
    uploaded_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    forgotten_at: Mapped[datetime | None]


class PrintJob(Base):
    """One file printed once, in a reservation. At most one is open on a printer (a unique index says so).

    `wish` is what somebody asked and nobody has seen happen yet, `asked_at` when the request for it left the house: it is
    written before the request, and no request is sent a second time. Observed figures are the largest seen. `idle_since`: the
    printer is seen idle though a start was sent. `overrun_seen_at`: the first look by which it passes its slot, `overrun_since`:
    the one that made sure of it.
    """

    __tablename__ = "print_job"
    __table_args__ = (
        Index("uq_print_job_reservation_id_attempt", "reservation_id", "attempt", unique=True),
        Index("uq_print_job_open", "link_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_print_job_file", "file_id"),
        Index("ix_print_job_state", "state"),
    )

    id: Mapped[pk]
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservation.id"))
    link_id: Mapped[int] = mapped_column(ForeignKey("printer_link.id"), index=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("print_file.id"))
    material_id: Mapped[int | None] = mapped_column(ForeignKey("material.id"))
    attempt: Mapped[int]
    state: Mapped[JobState]
    remote_path: Mapped[str | None]
    revision: Mapped[int] = mapped_column(default=0)

    attached_at: Mapped[datetime]
    attached_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    estimated_seconds: Mapped[int | None]
    needs_approval: Mapped[bool] = mapped_column(default=False)
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    is_approved: Mapped[bool | None]
    decision_note: Mapped[str | None] = mapped_column(Text)

    bed_clear_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    bed_clear_at: Mapped[datetime | None]
    start_override: Mapped[str | None]

    wish: Mapped[Wish | None]
    wished_at: Mapped[datetime | None]
    wished_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    asked_at: Mapped[datetime | None]
    cancelled_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    paused_by: Mapped[PausedBy | None]

    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    print_seconds: Mapped[int] = mapped_column(default=0)
    filepos: Mapped[int | None] = mapped_column(BigInteger)
    filepos_moved_at: Mapped[datetime | None]
    completion: Mapped[float | None]
    seconds_left: Mapped[int | None]
    seconds_left_kind: Mapped[str | None]
    ends_about: Mapped[datetime | None]

    idle_since: Mapped[datetime | None]
    unreachable_since: Mapped[datetime | None]
    stalled_since: Mapped[datetime | None]
    overrun_seen_at: Mapped[datetime | None]
    overrun_since: Mapped[datetime | None]
    overrun_told_at: Mapped[datetime | None]
    alerted_at: Mapped[datetime | None]
    error_text: Mapped[str | None] = mapped_column(Text)
    remote_deleted_at: Mapped[datetime | None]

    reservation: Mapped[Reservation] = relationship(lazy="raise")
    link: Mapped[PrinterLink] = relationship(lazy="raise")
    file: Mapped[PrintFile] = relationship(lazy="raise")

    @property
    def subject(self) -> str:
        return f"print:{self.id}"


class PrintEvent(Base):
    """What happened to a job, in order; never changed. `details` has no personal data but ids."""

    __tablename__ = "print_event"
    __table_args__ = (Index("ix_print_event_job", "job_id", "id"),)

    id: Mapped[pk]
    job_id: Mapped[int] = mapped_column(ForeignKey("print_job.id"))
    at: Mapped[datetime]
    kind: Mapped[str]
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class UsageRecord(Base):
    """What a job used, once a job; never changed. A correction is another row that reverses it and names who and why.

    `counted` is which of a job's figures this is: the first record has `reverses_id` None; a correction reverses the whole of
    the one before it and states the new figures. Filament in millimetres and milligrams.
    """

    __tablename__ = "usage_record"
    __table_args__ = (
        Index("uq_usage_record_first", "job_id", unique=True, sqlite_where=text("reverses_id IS NULL"),
              postgresql_where=text("reverses_id IS NULL")),
        Index("uq_usage_record_reverses_id", "reverses_id", unique=True),
    )  # fmt: skip

    id: Mapped[pk]
    job_id: Mapped[int] = mapped_column(ForeignKey("print_job.id"), index=True)
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("usage_record.id"))
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    outcome: Mapped[Outcome]
    source: Mapped[Source]
    machine_seconds: Mapped[int]
    occupied_seconds: Mapped[int]
    filament_mm: Mapped[int]
    filament_mg: Mapped[int]
    filament_is_exact: Mapped[bool]
    is_free: Mapped[bool]
    note: Mapped[str | None] = mapped_column(Text)
    inputs: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class ForeignPrint(Base):
    """A print the house did not start, seen on one of its printers, until somebody says whose it was.

    `stop_wished_at` is set when the house wants it stopped, `stop_asked_at` when the one request for it left the house.
    """

    __tablename__ = "foreign_print"
    __table_args__ = (
        Index("ix_foreign_print_link", "link_id", "seen_from"),
        Index("uq_foreign_print_going_on", "link_id", unique=True, sqlite_where=text("seen_until IS NULL"),
              postgresql_where=text("seen_until IS NULL")),
    )  # fmt: skip

    id: Mapped[pk]
    link_id: Mapped[int] = mapped_column(ForeignKey("printer_link.id"))
    remote_path: Mapped[str | None]
    remote_user: Mapped[str | None]
    seen_from: Mapped[datetime]
    seen_until: Mapped[datetime | None]
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey("reservation.id"))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    asked_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    answer: Mapped[str | None]
    stop_wished_at: Mapped[datetime | None]
    stop_asked_at: Mapped[datetime | None]

    link: Mapped[PrinterLink] = relationship(lazy="raise")


class RemoteMember(Base):
    """Whose prints a user of a printer's server makes, as staff have said."""

    __tablename__ = "remote_member"

    link_id: Mapped[int] = mapped_column(ForeignKey("printer_link.id"), primary_key=True)
    remote_user: Mapped[str] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))


class PollerLease(Base):
    """Which process talks to the printers, until when; one row."""

    __tablename__ = "poller_lease"

    id: Mapped[pk]
    holder: Mapped[str]
    until: Mapped[datetime]


guards.attach(PrintEvent.__table__, guards.append_only("print_event"))
guards.attach(UsageRecord.__table__, guards.append_only("usage_record"))
