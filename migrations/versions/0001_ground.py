"""The ground: every table of the first release, and the guards that keep its promises."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

WRITTEN_ONCE = {
    "audit_entry": "",
    "ledger_entry": "",
    "ledger_posting": "",
    "charge_line": "",
    "allocation": "",
    "receipt": "",
    "adjustment": "OLD.answered_at IS NOT NULL",
    "certification": "",
    "certification_revocation": "",
    "certification_suspension": "OLD.ended_at IS NOT NULL",
}
"""Tables whose rows are never changed nor deleted, once the condition holds if there is one."""

FROZEN = {
    "charge": "id, subject, payer_id, amount_cents, opened_at, opened_by_id",
    "payment": "id, payer_id, cents, method, taken_at, taken_by_id",
    "rate": "id, item, tariff_group, cents_per_hour, minimum_minutes, step_minutes, valid_from",
}
"""Tables whose rows are never deleted, and the columns that never change."""

OTHERS = {
    "postgresql": [
        """CREATE EXTENSION IF NOT EXISTS btree_gist; ALTER TABLE occupancy ADD CONSTRAINT occupancy_no_overlap
  EXCLUDE USING gist (resource_id WITH =, lane WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&) WHERE (released_at IS NULL)""",
    ],
    "sqlite": [
        """CREATE TRIGGER occupancy_no_overlap_on_insert BEFORE INSERT ON occupancy
  WHEN NEW.released_at IS NULL AND (
    SELECT other.ends_at FROM occupancy AS other WHERE other.resource_id = NEW.resource_id AND other.lane = NEW.lane
      AND other.released_at IS NULL AND other.starts_at < NEW.ends_at
      ORDER BY other.starts_at DESC LIMIT 1) > NEW.starts_at
  BEGIN SELECT RAISE(ABORT, 'occupancy_no_overlap'); END""",
        """CREATE TRIGGER occupancy_no_overlap_on_update BEFORE UPDATE OF resource_id, lane, starts_at, ends_at, released_at ON occupancy
  WHEN NEW.released_at IS NULL AND (
    SELECT other.ends_at FROM occupancy AS other WHERE other.resource_id = NEW.resource_id AND other.lane = NEW.lane
      AND other.released_at IS NULL AND other.starts_at < NEW.ends_at AND other.id <> NEW.id
      ORDER BY other.starts_at DESC LIMIT 1) > NEW.starts_at
  BEGIN SELECT RAISE(ABORT, 'occupancy_no_overlap'); END""",
    ],
}

TABLES = [
    "incident",
    "reservation",
    "receipt",
    "machine_requirement",
    "charge_line",
    "certification_suspension",
    "certification_revocation",
    "allocation",
    "adjustment",
    "rate",
    "payment",
    "opening_rule",
    "opening_exception",
    "one_time_token",
    "occupancy",
    "member_note",
    "machine",
    "ledger_posting",
    "competence_prerequisite",
    "competence_interest",
    "charter_acceptance",
    "charge",
    "certification",
    "block",
    "audit_entry",
    "api_token",
    "submission",
    "sign_in_attempt",
    "resource",
    "periodic_job",
    "outbox_message",
    "member",
    "mail",
    "ledger_entry",
    "lab",
    "counter",
    "competence",
    "charter",
]


def upgrade() -> None:
    op.create_table(
        "charter",
        sa.Column("id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("intro", sa.JSON(), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charter")),
        sa.UniqueConstraint("version", name=op.f("uq_charter_version")),
    )
    op.create_table(
        "competence",
        sa.Column("id", KEY, nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("path", sa.JSON(), nullable=False),
        sa.Column("icon", sa.String(), nullable=False),
        sa.Column("valid_months", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("valid_months IS NULL OR valid_months BETWEEN 1 AND 120", name=op.f("ck_competence_validity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_competence")),
        sa.UniqueConstraint("slug", name=op.f("uq_competence_slug")),
    )
    op.create_table(
        "counter",
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_counter")),
    )
    op.create_table(
        "lab",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("postcode", sa.String(), nullable=False),
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("picture", sa.String(), nullable=True),
        sa.Column("closes_on_holidays", sa.Boolean(), nullable=False),
        sa.Column("holidays_region", sa.String(), nullable=True),
        sa.Column("check_in_opens_minutes", sa.Integer(), nullable=False),
        sa.Column("no_show_after_minutes", sa.Integer(), nullable=False),
        sa.Column("auto_end_after_minutes", sa.Integer(), nullable=False),
        sa.Column("cancel_notice_minutes", sa.Integer(), nullable=False),
        sa.Column("set_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_lab_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lab")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_entry_key")),
    )
    op.create_index(op.f("ix_ledger_entry_at"), "ledger_entry", ["at"], unique=False)
    op.create_index(op.f("ix_ledger_entry_subject"), "ledger_entry", ["subject"], unique=False)
    op.create_table(
        "mail",
        sa.Column("id", KEY, nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("to_name", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("message_id", name=op.f("uq_mail_message_id")),
    )
    op.create_index(op.f("ix_mail_to_address"), "mail", ["to_address"], unique=False)
    op.create_table(
        "member",
        sa.Column("id", KEY, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("tariff_group", sa.String(length=32), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("photo_consent", sa.Boolean(), nullable=False),
        sa.Column("emergency_contact", sa.String(), nullable=True),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("email_proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspension_reason", sa.String(), nullable=True),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("calendar_token", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sa.UniqueConstraint("calendar_token", name=op.f("uq_member_calendar_token")),
        sa.UniqueConstraint("email", name=op.f("uq_member_email")),
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", KEY, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_message_key")),
    )
    op.create_index(
        "ix_outbox_message_waiting",
        "outbox_message",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "periodic_job",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_periodic_job")),
    )
    op.create_table(
        "resource",
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("capacity BETWEEN 1 AND 1000", name=op.f("ck_resource_capacity_in_bounds")),
        sa.ForeignKeyConstraint(["parent_id"], ["resource.id"], name=op.f("fk_resource_parent_id_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource")),
        sa.UniqueConstraint("slug", name=op.f("uq_resource_slug")),
    )
    op.create_index(op.f("ix_resource_parent_id"), "resource", ["parent_id"], unique=False)
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index(op.f("ix_sign_in_attempt_at"), "sign_in_attempt", ["at"], unique=False)
    op.create_index("ix_sign_in_attempt_key", "sign_in_attempt", ["key", "at"], unique=False)
    op.create_table(
        "submission",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_submission")),
    )
    op.create_index(op.f("ix_submission_at"), "submission", ["at"], unique=False)
    op.create_table(
        "api_token",
        sa.Column("id", KEY, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_api_token_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_token_hash")),
    )
    op.create_index(op.f("ix_api_token_member_id"), "api_token", ["member_id"], unique=False)
    op.create_table(
        "audit_entry",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", KEY, nullable=True),
        sa.Column("door", sa.String(length=32), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["member.id"], name=op.f("fk_audit_entry_actor_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject", "at"], unique=False)
    op.create_table(
        "block",
        sa.Column("id", KEY, nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.Column("one_lane", sa.Boolean(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", KEY, nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by_id", KEY, nullable=True),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_block_in_order")),
        sa.ForeignKeyConstraint(["created_by_id"], ["member.id"], name=op.f("fk_block_created_by_id_member")),
        sa.ForeignKeyConstraint(["released_by_id"], ["member.id"], name=op.f("fk_block_released_by_id_member")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_block_resource_id_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
    )
    op.create_index("ix_block_resource_id_ends_at", "block", ["resource_id", "ends_at"], unique=False)
    op.create_table(
        "certification",
        sa.Column("id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("competence_id", KEY, nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by_id", KEY, nullable=False),
        sa.Column("granted_as", sa.String(length=32), nullable=False),
        sa.Column("evidence", sa.String(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("granted_by_id <> member_id", name=op.f("ck_certification_not_by_oneself")),
        sa.CheckConstraint("valid_until IS NULL OR valid_from < valid_until", name=op.f("ck_certification_valid_in_order")),
        sa.ForeignKeyConstraint(["competence_id"], ["competence.id"], name=op.f("fk_certification_competence_id_competence")),
        sa.ForeignKeyConstraint(["granted_by_id"], ["member.id"], name=op.f("fk_certification_granted_by_id_member")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_certification_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification")),
    )
    op.create_index("ix_certification_competence", "certification", ["competence_id", "valid_until"], unique=False)
    op.create_index("ix_certification_member", "certification", ["member_id", "competence_id"], unique=False)
    op.create_table(
        "charge",
        sa.Column("id", KEY, nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("payer_id", KEY, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("credited_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by_id", KEY, nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_cents >= 0", name=op.f("ck_charge_not_negative")),
        sa.CheckConstraint("credited_cents + paid_cents <= amount_cents", name=op.f("ck_charge_never_overpaid")),
        sa.CheckConstraint("credited_cents >= 0 AND paid_cents >= 0", name=op.f("ck_charge_covered_not_negative")),
        sa.ForeignKeyConstraint(["opened_by_id"], ["member.id"], name=op.f("fk_charge_opened_by_id_member")),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_charge_payer_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge")),
        sa.UniqueConstraint("subject", name=op.f("uq_charge_subject")),
    )
    op.create_index("ix_charge_payer", "charge", ["payer_id", "status", "opened_at"], unique=False)
    op.create_table(
        "charter_acceptance",
        sa.Column("id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("charter_id", KEY, nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("guardian_name", sa.String(), nullable=True),
        sa.Column("guardian_email", sa.String(), nullable=True),
        sa.Column("guardian_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["charter_id"], ["charter.id"], name=op.f("fk_charter_acceptance_charter_id_charter")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_charter_acceptance_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charter_acceptance")),
        sa.UniqueConstraint("member_id", "charter_id", name=op.f("uq_charter_acceptance_member_id_charter_id")),
    )
    op.create_table(
        "competence_interest",
        sa.Column("id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("competence_id", KEY, nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closing", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["competence_id"], ["competence.id"], name=op.f("fk_competence_interest_competence_id_competence")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_competence_interest_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_competence_interest")),
    )
    op.create_index("ix_competence_interest_competence", "competence_interest", ["competence_id", "declared_at"], unique=False)
    op.create_index(
        "uq_competence_interest_open",
        "competence_interest",
        ["member_id", "competence_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "competence_prerequisite",
        sa.Column("competence_id", KEY, nullable=False),
        sa.Column("needs_id", KEY, nullable=False),
        sa.CheckConstraint("competence_id <> needs_id", name=op.f("ck_competence_prerequisite_not_itself")),
        sa.ForeignKeyConstraint(
            ["competence_id"], ["competence.id"], name=op.f("fk_competence_prerequisite_competence_id_competence")
        ),
        sa.ForeignKeyConstraint(["needs_id"], ["competence.id"], name=op.f("fk_competence_prerequisite_needs_id_competence")),
        sa.PrimaryKeyConstraint("competence_id", "needs_id", name=op.f("pk_competence_prerequisite")),
    )
    op.create_index(op.f("ix_competence_prerequisite_needs_id"), "competence_prerequisite", ["needs_id"], unique=False)
    op.create_table(
        "ledger_posting",
        sa.Column("id", KEY, nullable=False),
        sa.Column("entry_seq", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("member_id", KEY, nullable=True),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_seq"], ["ledger_entry.seq"], name=op.f("fk_ledger_posting_entry_seq_ledger_entry")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_ledger_posting_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_posting")),
        sa.UniqueConstraint("entry_seq", "position", name=op.f("uq_ledger_posting_entry_seq_position")),
    )
    op.create_index("ix_ledger_posting_member", "ledger_posting", ["account", "member_id"], unique=False)
    op.create_table(
        "machine",
        sa.Column("id", KEY, nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("icon", sa.String(), nullable=False),
        sa.Column("picture", sa.String(), nullable=True),
        sa.Column("danger", sa.Integer(), nullable=False),
        sa.Column("is_attended", sa.Boolean(), nullable=False),
        sa.Column("can_do", sa.JSON(), nullable=False),
        sa.Column("cannot_do", sa.JSON(), nullable=False),
        sa.Column("house_rules", sa.JSON(), nullable=False),
        sa.Column("safety_ticks", sa.JSON(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("out_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_note", sa.String(), nullable=True),
        sa.Column("shortest_minutes", sa.Integer(), nullable=False),
        sa.Column("longest_minutes", sa.Integer(), nullable=False),
        sa.Column("step_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("notice_minutes", sa.Integer(), nullable=False),
        sa.Column("turnaround_minutes", sa.Integer(), nullable=False),
        sa.Column("ahead_most", sa.Integer(), nullable=False),
        sa.Column("bills_actual", sa.Boolean(), nullable=False),
        sa.Column("check_in_secret", sa.String(), nullable=False),
        sa.CheckConstraint("danger BETWEEN 1 AND 3", name=op.f("ck_machine_danger_class")),
        sa.CheckConstraint("shortest_minutes > 0 AND longest_minutes >= shortest_minutes", name=op.f("ck_machine_lengths")),
        sa.CheckConstraint("step_minutes > 0 AND 60 % step_minutes = 0", name=op.f("ck_machine_step_divides_the_hour")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_machine_resource_id_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine")),
        sa.UniqueConstraint("code", name=op.f("uq_machine_code")),
        sa.UniqueConstraint("resource_id", name=op.f("uq_machine_resource_id")),
        sa.UniqueConstraint("slug", name=op.f("uq_machine_slug")),
    )
    op.create_table(
        "member_note",
        sa.Column("id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("written_by_id", KEY, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_member_note_member_id_member")),
        sa.ForeignKeyConstraint(["written_by_id"], ["member.id"], name=op.f("fk_member_note_written_by_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_note")),
    )
    op.create_index(op.f("ix_member_note_member_id"), "member_note", ["member_id"], unique=False)
    op.create_table(
        "occupancy",
        sa.Column("id", KEY, nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_occupancy_in_order")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_occupancy_resource_id_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_occupancy")),
    )
    op.create_index("ix_occupancy_lane", "occupancy", ["resource_id", "lane", "starts_at"], unique=False)
    op.create_index("ix_occupancy_subject", "occupancy", ["subject"], unique=False)
    op.create_index("ix_occupancy_time", "occupancy", ["resource_id", "starts_at"], unique=False)
    op.create_table(
        "one_time_token",
        sa.Column("id", KEY, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("extra", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_one_time_token_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_one_time_token_hash")),
    )
    op.create_index(op.f("ix_one_time_token_expires_at"), "one_time_token", ["expires_at"], unique=False)
    op.create_index(op.f("ix_one_time_token_member_id"), "one_time_token", ["member_id"], unique=False)
    op.create_table(
        "opening_exception",
        sa.Column("id", KEY, nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("periods", sa.JSON(), nullable=False),
        sa.Column("note", sa.JSON(), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_opening_exception_days_in_order")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_opening_exception_resource_id_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_exception")),
    )
    op.create_index(op.f("ix_opening_exception_resource_id"), "opening_exception", ["resource_id"], unique=False)
    op.create_table(
        "opening_rule",
        sa.Column("id", KEY, nullable=False),
        sa.Column("resource_id", KEY, nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens_minute", sa.Integer(), nullable=False),
        sa.Column("closes_minute", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "opens_minute >= 0 AND opens_minute < closes_minute AND closes_minute <= 2160",
            name=op.f("ck_opening_rule_hours_in_order"),
        ),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_opening_rule_weekday")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_opening_rule_resource_id_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_rule")),
    )
    op.create_index(op.f("ix_opening_rule_resource_id"), "opening_rule", ["resource_id"], unique=False)
    op.create_table(
        "payment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("payer_id", KEY, nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by_id", KEY, nullable=True),
        sa.Column("allocated_cents", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by_id", KEY, nullable=True),
        sa.Column("cancellation_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("allocated_cents BETWEEN 0 AND cents", name=op.f("ck_payment_allocated_within")),
        sa.CheckConstraint("cancelled_at IS NULL OR allocated_cents = 0", name=op.f("ck_payment_cancelled_covers_nothing")),
        sa.CheckConstraint("cents > 0", name=op.f("ck_payment_positive")),
        sa.ForeignKeyConstraint(["cancelled_by_id"], ["member.id"], name=op.f("fk_payment_cancelled_by_id_member")),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_payment_payer_id_member")),
        sa.ForeignKeyConstraint(["taken_by_id"], ["member.id"], name=op.f("fk_payment_taken_by_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
    )
    op.create_index("ix_payment_payer", "payment", ["payer_id", "taken_at"], unique=False)
    op.create_table(
        "rate",
        sa.Column("id", KEY, nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("tariff_group", sa.String(length=32), nullable=False),
        sa.Column("cents_per_hour", sa.BigInteger(), nullable=False),
        sa.Column("minimum_minutes", sa.Integer(), nullable=False),
        sa.Column("step_minutes", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("set_by_id", KEY, nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cents_per_hour >= 0", name=op.f("ck_rate_not_negative")),
        sa.CheckConstraint("minimum_minutes >= 0", name=op.f("ck_rate_minimum_not_negative")),
        sa.CheckConstraint("step_minutes >= 1", name=op.f("ck_rate_step_at_least_one")),
        sa.CheckConstraint("valid_until IS NULL OR valid_from <= valid_until", name=op.f("ck_rate_valid_in_order")),
        sa.ForeignKeyConstraint(["set_by_id"], ["member.id"], name=op.f("fk_rate_set_by_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate")),
    )
    op.create_index("ix_rate_item", "rate", ["item", "tariff_group", "valid_from"], unique=False)
    op.create_index(
        "uq_rate_last",
        "rate",
        ["item", "tariff_group"],
        unique=True,
        sqlite_where=sa.text("valid_until IS NULL"),
        postgresql_where=sa.text("valid_until IS NULL"),
    )
    op.create_table(
        "adjustment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("charge_id", KEY, nullable=False),
        sa.Column("asked_by_id", KEY, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("answer", sa.String(length=32), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", KEY, nullable=True),
        sa.Column("answer_note", sa.Text(), nullable=True),
        sa.Column("new_cents", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(answer = 'accepted') = (new_cents IS NOT NULL) OR answer IS NULL", name=op.f("ck_adjustment_accepted_has_amount")
        ),
        sa.CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name=op.f("ck_adjustment_answered_whole")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["member.id"], name=op.f("fk_adjustment_answered_by_id_member")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["member.id"], name=op.f("fk_adjustment_asked_by_id_member")),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.id"], name=op.f("fk_adjustment_charge_id_charge")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustment")),
    )
    op.create_index(op.f("ix_adjustment_charge_id"), "adjustment", ["charge_id"], unique=False)
    op.create_index(
        "uq_adjustment_waiting",
        "adjustment",
        ["charge_id"],
        unique=True,
        sqlite_where=sa.text("answered_at IS NULL"),
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_table(
        "allocation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("payment_id", KEY, nullable=False),
        sa.Column("charge_id", KEY, nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cents <> 0", name=op.f("ck_allocation_not_zero")),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.id"], name=op.f("fk_allocation_charge_id_charge")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_allocation_payment_id_payment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
    )
    op.create_index(op.f("ix_allocation_charge_id"), "allocation", ["charge_id"], unique=False)
    op.create_index(op.f("ix_allocation_payment_id"), "allocation", ["payment_id"], unique=False)
    op.create_table(
        "certification_revocation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("competence_id", KEY, nullable=False),
        sa.Column("certification_id", KEY, nullable=False),
        sa.Column("through_id", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_certification_revocation_certification_id_certification")
        ),
        sa.ForeignKeyConstraint(
            ["competence_id"], ["competence.id"], name=op.f("fk_certification_revocation_competence_id_competence")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_certification_revocation_member_id_member")),
        sa.ForeignKeyConstraint(["revoked_by_id"], ["member.id"], name=op.f("fk_certification_revocation_revoked_by_id_member")),
        sa.ForeignKeyConstraint(
            ["through_id"], ["certification.id"], name=op.f("fk_certification_revocation_through_id_certification")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification_revocation")),
    )
    op.create_index(
        "ix_certification_revocation_member",
        "certification_revocation",
        ["member_id", "competence_id", "through_id"],
        unique=False,
    )
    op.create_table(
        "certification_suspension",
        sa.Column("id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("competence_id", KEY, nullable=False),
        sa.Column("certification_id", KEY, nullable=False),
        sa.Column("through_id", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("suspended_by_id", KEY, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", KEY, nullable=True),
        sa.Column("ending", sa.String(length=32), nullable=True),
        sa.Column("ending_note", sa.Text(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (ending IS NULL)", name=op.f("ck_certification_suspension_ended_how")),
        sa.ForeignKeyConstraint(
            ["certification_id"], ["certification.id"], name=op.f("fk_certification_suspension_certification_id_certification")
        ),
        sa.ForeignKeyConstraint(
            ["competence_id"], ["competence.id"], name=op.f("fk_certification_suspension_competence_id_competence")
        ),
        sa.ForeignKeyConstraint(["ended_by_id"], ["member.id"], name=op.f("fk_certification_suspension_ended_by_id_member")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_certification_suspension_member_id_member")),
        sa.ForeignKeyConstraint(
            ["suspended_by_id"], ["member.id"], name=op.f("fk_certification_suspension_suspended_by_id_member")
        ),
        sa.ForeignKeyConstraint(
            ["through_id"], ["certification.id"], name=op.f("fk_certification_suspension_through_id_certification")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification_suspension")),
    )
    op.create_index(
        op.f("ix_certification_suspension_competence_id"), "certification_suspension", ["competence_id"], unique=False
    )
    op.create_index(
        "uq_certification_suspension_running",
        "certification_suspension",
        ["member_id", "competence_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "charge_line",
        sa.Column("id", KEY, nullable=False),
        sa.Column("charge_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.JSON(), nullable=False),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("billed_minutes", sa.Integer(), nullable=False),
        sa.Column("cents_per_hour", sa.BigInteger(), nullable=False),
        sa.Column("minimum_minutes", sa.Integer(), nullable=False),
        sa.Column("step_minutes", sa.Integer(), nullable=False),
        sa.Column("tariff_group", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.id"], name=op.f("fk_charge_line_charge_id_charge")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_line")),
        sa.UniqueConstraint("charge_id", "position", name=op.f("uq_charge_line_charge_id_position")),
    )
    op.create_table(
        "machine_requirement",
        sa.Column("machine_id", KEY, nullable=False),
        sa.Column("condition", sa.Integer(), nullable=False),
        sa.Column("competence_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["competence_id"], ["competence.id"], name=op.f("fk_machine_requirement_competence_id_competence")
        ),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name=op.f("fk_machine_requirement_machine_id_machine")),
        sa.PrimaryKeyConstraint("machine_id", "condition", "competence_id", name=op.f("pk_machine_requirement")),
    )
    op.create_index(op.f("ix_machine_requirement_competence_id"), "machine_requirement", ["competence_id"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("id", KEY, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("payment_id", KEY, nullable=False),
        sa.Column("payer_id", KEY, nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_receipt_payer_id_member")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_receipt_payment_id_payment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("number", name=op.f("uq_receipt_number")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_receipt_payment_id")),
    )
    op.create_index(op.f("ix_receipt_payer_id"), "receipt", ["payer_id"], unique=False)
    op.create_table(
        "reservation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("machine_id", KEY, nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.Column("payer_id", KEY, nullable=False),
        sa.Column("occupancy_id", KEY, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(), nullable=True),
        sa.Column("quoted_cents", sa.BigInteger(), nullable=False),
        sa.Column("desk_code", sa.String(), nullable=False),
        sa.Column("wrong_codes", sa.Integer(), nullable=False),
        sa.Column("override_reason", sa.String(), nullable=True),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_by_id", KEY, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("is_clean", sa.Boolean(), nullable=True),
        sa.Column("closing_note", sa.Text(), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_reservation_in_order")),
        sa.ForeignKeyConstraint(["booked_by_id"], ["member.id"], name=op.f("fk_reservation_booked_by_id_member")),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name=op.f("fk_reservation_machine_id_machine")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_reservation_member_id_member")),
        sa.ForeignKeyConstraint(["occupancy_id"], ["occupancy.id"], name=op.f("fk_reservation_occupancy_id_occupancy")),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_reservation_payer_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
        sa.UniqueConstraint("occupancy_id", name=op.f("uq_reservation_occupancy_id")),
    )
    op.create_index("ix_reservation_machine", "reservation", ["machine_id", "starts_at"], unique=False)
    op.create_index("ix_reservation_member", "reservation", ["member_id", "starts_at"], unique=False)
    op.create_index("ix_reservation_status", "reservation", ["status", "starts_at"], unique=False)
    op.create_table(
        "incident",
        sa.Column("id", KEY, nullable=False),
        sa.Column("machine_id", KEY, nullable=False),
        sa.Column("reservation_id", KEY, nullable=True),
        sa.Column("reported_by_id", KEY, nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stops_machine", sa.Boolean(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by_id", KEY, nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name=op.f("fk_incident_machine_id_machine")),
        sa.ForeignKeyConstraint(["reported_by_id"], ["member.id"], name=op.f("fk_incident_reported_by_id_member")),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservation.id"], name=op.f("fk_incident_reservation_id_reservation")),
        sa.ForeignKeyConstraint(["resolved_by_id"], ["member.id"], name=op.f("fk_incident_resolved_by_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index("ix_incident_open", "incident", ["machine_id", "resolved_at"], unique=False)
    for guard in guards(op.get_bind().dialect.name):
        op.execute(sa.DDL(guard.replace("%", "%%")))


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def guards(dialect: str) -> Iterator[str]:
    """By hand, because autogenerate is blind to triggers and exclusion constraints."""
    for table, condition in WRITTEN_ONCE.items():
        yield from refusals(dialect, table, f"{table}_append_only", "", condition)
    for table, columns in FROZEN.items():
        yield from refusals(dialect, table, f"{table}_frozen", f" OF {columns}", "")
    yield from OTHERS[dialect]


def refusals(dialect: str, table: str, name: str, columns: str, condition: str) -> Iterator[str]:
    """Triggers that refuse DELETE, UPDATE (of `columns`) and, on PostgreSQL, TRUNCATE."""
    when = f" WHEN ({condition})" if condition else ""
    if dialect == "sqlite":
        for verb, of in (("UPDATE", columns), ("DELETE", "")):
            yield (
                f"CREATE TRIGGER {name}_on_{verb.lower()} BEFORE {verb}{of} ON {table}{when}"
                f" BEGIN SELECT RAISE(ABORT, '{name}'); END"
            )
        return
    change = f"DELETE OR UPDATE{columns}" if columns else "UPDATE OR DELETE"
    yield f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{name}'; END $$"
    yield f"CREATE TRIGGER {name}_on_change BEFORE {change} ON {table} FOR EACH ROW{when} EXECUTE FUNCTION {name}()"
    yield f"CREATE TRIGGER {name}_on_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
