"""Printing: printers and their servers, files, jobs, what was seen of them and what they used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

WRITTEN_ONCE = ("print_event", "usage_record")
"""Tables whose rows are never changed nor deleted."""


def upgrade() -> None:
    op.create_table(
        "material",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("density_mg", sa.Integer(), nullable=False),
        sa.Column("is_offered", sa.Boolean(), nullable=False),
        sa.CheckConstraint("density_mg > 0", name=op.f("ck_material_density")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_material")),
        sa.UniqueConstraint("code", name=op.f("uq_material_code")),
    )
    op.create_table(
        "poller_lease",
        sa.Column("id", KEY, nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poller_lease")),
    )
    op.create_table(
        "print_file",
        sa.Column("id", KEY, nullable=False),
        sa.Column("owner_id", KEY, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.String(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name=op.f("fk_print_file_owner_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_file")),
    )
    op.create_index("ix_print_file_owner", "print_file", ["owner_id", "uploaded_at"], unique=False)
    op.create_index("uq_print_file_owner_id_sha256", "print_file", ["owner_id", "sha256"], unique=True)

    op.create_table(
        "printer_link",
        sa.Column("id", KEY, nullable=False),
        sa.Column("machine_id", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("key_sealed", sa.Text(), nullable=True),
        sa.Column("app_name", sa.String(), nullable=True),
        sa.Column("former_app", sa.String(), nullable=True),
        sa.Column("remote_user", sa.String(), nullable=True),
        sa.Column("product", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.Column("too_strong", sa.JSON(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("bed_x", sa.Integer(), nullable=False),
        sa.Column("bed_y", sa.Integer(), nullable=False),
        sa.Column("bed_z", sa.Integer(), nullable=False),
        sa.Column("nozzle_most", sa.Integer(), nullable=False),
        sa.Column("bed_most", sa.Integer(), nullable=False),
        sa.Column("nozzle_hundredths", sa.Integer(), nullable=False),
        sa.Column("tools", sa.Integer(), nullable=False),
        sa.Column("refused_commands", sa.JSON(), nullable=True),
        sa.Column("approval", sa.String(length=32), nullable=False),
        sa.Column("end_policy", sa.String(length=32), nullable=False),
        sa.Column("overrun_grace_minutes", sa.Integer(), nullable=False),
        sa.Column("counting", sa.String(length=32), nullable=False),
        sa.Column("heat_up_minutes", sa.Integer(), nullable=False),
        sa.Column("may_connect", sa.Boolean(), nullable=False),
        sa.Column("stops_foreign_in_blocks", sa.Boolean(), nullable=False),
        sa.Column("camera_address", sa.String(), nullable=True),
        sa.Column("camera_is_on", sa.Boolean(), nullable=False),
        sa.Column("circuit", sa.String(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed_state", sa.String(length=32), nullable=True),
        sa.Column("observed", sa.JSON(), nullable=True),
        sa.Column("usable_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unusable_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("prints_known_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("preflight_for_id", KEY, nullable=True),
        sa.CheckConstraint("bed_x > 0 AND bed_y > 0 AND bed_z > 0", name=op.f("ck_printer_link_bed")),
        sa.CheckConstraint("overrun_grace_minutes >= 0", name=op.f("ck_printer_link_grace")),
        sa.CheckConstraint("tools > 0", name=op.f("ck_printer_link_tools")),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name=op.f("fk_printer_link_machine_id_machine")),
        sa.ForeignKeyConstraint(
            ["preflight_for_id"], ["reservation.id"], name=op.f("fk_printer_link_preflight_for_id_reservation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_printer_link")),
        sa.UniqueConstraint("machine_id", name=op.f("uq_printer_link_machine_id")),
    )
    op.create_table(
        "foreign_print",
        sa.Column("id", KEY, nullable=False),
        sa.Column("link_id", KEY, nullable=False),
        sa.Column("remote_path", sa.String(), nullable=True),
        sa.Column("remote_user", sa.String(), nullable=True),
        sa.Column("seen_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reservation_id", KEY, nullable=True),
        sa.Column("member_id", KEY, nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", KEY, nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("stop_wished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["answered_by_id"], ["member.id"], name=op.f("fk_foreign_print_answered_by_id_member")),
        sa.ForeignKeyConstraint(["link_id"], ["printer_link.id"], name=op.f("fk_foreign_print_link_id_printer_link")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_foreign_print_member_id_member")),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservation.id"], name=op.f("fk_foreign_print_reservation_id_reservation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_foreign_print")),
    )
    op.create_index("ix_foreign_print_link", "foreign_print", ["link_id", "seen_from"], unique=False)
    op.create_index(
        "uq_foreign_print_going_on",
        "foreign_print",
        ["link_id"],
        unique=True,
        sqlite_where=sa.text("seen_until IS NULL"),
        postgresql_where=sa.text("seen_until IS NULL"),
    )

    op.create_table(
        "print_job",
        sa.Column("id", KEY, nullable=False),
        sa.Column("reservation_id", KEY, nullable=False),
        sa.Column("link_id", KEY, nullable=False),
        sa.Column("file_id", KEY, nullable=False),
        sa.Column("material_id", KEY, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("remote_path", sa.String(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attached_by_id", KEY, nullable=False),
        sa.Column("estimated_seconds", sa.Integer(), nullable=True),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", KEY, nullable=True),
        sa.Column("is_approved", sa.Boolean(), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("bed_clear_by_id", KEY, nullable=True),
        sa.Column("bed_clear_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("start_override", sa.String(), nullable=True),
        sa.Column("wish", sa.String(length=32), nullable=True),
        sa.Column("wished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wished_by_id", KEY, nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by_id", KEY, nullable=True),
        sa.Column("paused_by", sa.String(length=32), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("print_seconds", sa.Integer(), nullable=False),
        sa.Column("filepos", sa.BigInteger(), nullable=True),
        sa.Column("filepos_moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completion", sa.Double(), nullable=True),
        sa.Column("seconds_left", sa.Integer(), nullable=True),
        sa.Column("seconds_left_kind", sa.String(), nullable=True),
        sa.Column("ends_about", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreachable_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stalled_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overrun_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overrun_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overrun_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_text", sa.Text(), nullable=True),
        sa.Column("remote_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["attached_by_id"], ["member.id"], name=op.f("fk_print_job_attached_by_id_member")),
        sa.ForeignKeyConstraint(["bed_clear_by_id"], ["member.id"], name=op.f("fk_print_job_bed_clear_by_id_member")),
        sa.ForeignKeyConstraint(["cancelled_by_id"], ["member.id"], name=op.f("fk_print_job_cancelled_by_id_member")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["member.id"], name=op.f("fk_print_job_decided_by_id_member")),
        sa.ForeignKeyConstraint(["file_id"], ["print_file.id"], name=op.f("fk_print_job_file_id_print_file")),
        sa.ForeignKeyConstraint(["link_id"], ["printer_link.id"], name=op.f("fk_print_job_link_id_printer_link")),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"], name=op.f("fk_print_job_material_id_material")),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservation.id"], name=op.f("fk_print_job_reservation_id_reservation")),
        sa.ForeignKeyConstraint(["wished_by_id"], ["member.id"], name=op.f("fk_print_job_wished_by_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_job")),
    )
    op.create_index("ix_print_job_file", "print_job", ["file_id"], unique=False)
    op.create_index("ix_print_job_link_id", "print_job", ["link_id"], unique=False)
    op.create_index("ix_print_job_state", "print_job", ["state"], unique=False)
    op.create_index(
        "uq_print_job_open",
        "print_job",
        ["link_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('cancelling', 'paused', 'printing', 'sending', 'starting')"),
        postgresql_where=sa.text("state IN ('cancelling', 'paused', 'printing', 'sending', 'starting')"),
    )
    op.create_index("uq_print_job_reservation_id_attempt", "print_job", ["reservation_id", "attempt"], unique=True)

    op.create_table(
        "printer_material",
        sa.Column("link_id", KEY, nullable=False),
        sa.Column("material_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["printer_link.id"], name=op.f("fk_printer_material_link_id_printer_link")),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"], name=op.f("fk_printer_material_material_id_material")),
        sa.PrimaryKeyConstraint("link_id", "material_id", name=op.f("pk_printer_material")),
    )
    op.create_table(
        "remote_member",
        sa.Column("link_id", KEY, nullable=False),
        sa.Column("remote_user", sa.String(), nullable=False),
        sa.Column("member_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["printer_link.id"], name=op.f("fk_remote_member_link_id_printer_link")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_remote_member_member_id_member")),
        sa.PrimaryKeyConstraint("link_id", "remote_user", name=op.f("pk_remote_member")),
    )
    op.create_table(
        "print_event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("member_id", KEY, nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["print_job.id"], name=op.f("fk_print_event_job_id_print_job")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_print_event_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_event")),
    )
    op.create_index("ix_print_event_job", "print_event", ["job_id", "id"], unique=False)

    op.create_table(
        "usage_record",
        sa.Column("id", KEY, nullable=False),
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("reverses_id", KEY, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", KEY, nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("machine_seconds", sa.Integer(), nullable=False),
        sa.Column("occupied_seconds", sa.Integer(), nullable=False),
        sa.Column("filament_mm", sa.Integer(), nullable=False),
        sa.Column("filament_mg", sa.Integer(), nullable=False),
        sa.Column("filament_is_exact", sa.Boolean(), nullable=False),
        sa.Column("is_free", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["print_job.id"], name=op.f("fk_usage_record_job_id_print_job")),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["member.id"], name=op.f("fk_usage_record_recorded_by_id_member")),
        sa.ForeignKeyConstraint(["reverses_id"], ["usage_record.id"], name=op.f("fk_usage_record_reverses_id_usage_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_record")),
    )
    op.create_index("ix_usage_record_job_id", "usage_record", ["job_id"], unique=False)
    op.create_index(
        "uq_usage_record_first",
        "usage_record",
        ["job_id"],
        unique=True,
        sqlite_where=sa.text("reverses_id IS NULL"),
        postgresql_where=sa.text("reverses_id IS NULL"),
    )
    op.create_index("uq_usage_record_reverses_id", "usage_record", ["reverses_id"], unique=True)
    for table in WRITTEN_ONCE:
        for guard in refusals(op.get_bind().dialect.name, table):
            op.execute(sa.DDL(guard.replace("%", "%%")))


def downgrade() -> None:
    op.drop_table("usage_record")
    op.drop_table("print_event")
    op.drop_table("remote_member")
    op.drop_table("printer_material")
    op.drop_table("print_job")
    op.drop_table("foreign_print")
    op.drop_table("printer_link")
    op.drop_table("print_file")
    op.drop_table("poller_lease")
    op.drop_table("material")


def refusals(dialect: str, table: str) -> list[str]:
    """By hand, because autogenerate is blind to triggers: refuse DELETE, UPDATE and, on PostgreSQL, TRUNCATE."""
    name = f"{table}_append_only"
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {name}_on_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{name}'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{name}'; END $$",
        f"CREATE TRIGGER {name}_on_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
        f"CREATE TRIGGER {name}_on_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    ]
