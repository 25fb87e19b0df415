"""Billing by weight: what a kilogram costs, and lines of charges that were weighed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FROZEN = "id, item, cents_per_kilogram, valid_from"
"""The columns of a price that never change."""


def upgrade() -> None:
    op.create_table(
        "weight_rate",
        sa.Column("id", KEY, nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("cents_per_kilogram", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("set_by_id", KEY, nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cents_per_kilogram >= 0", name=op.f("ck_weight_rate_not_negative")),
        sa.CheckConstraint("valid_until IS NULL OR valid_from <= valid_until", name=op.f("ck_weight_rate_valid_in_order")),
        sa.ForeignKeyConstraint(["set_by_id"], ["member.id"], name=op.f("fk_weight_rate_set_by_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weight_rate")),
    )
    op.create_index("ix_weight_rate_item", "weight_rate", ["item", "valid_from"], unique=False)
    op.create_index(
        "uq_weight_rate_last",
        "weight_rate",
        ["item"],
        unique=True,
        sqlite_where=sa.text("valid_until IS NULL"),
        postgresql_where=sa.text("valid_until IS NULL"),
    )
    # Added in place, never in batch mode: copying the table would drop the guards that keep its rows as they were written.
    op.add_column("charge_line", sa.Column("milligrams", sa.Integer(), nullable=True))
    op.add_column("charge_line", sa.Column("cents_per_kilogram", sa.BigInteger(), nullable=True))
    for guard in refusals(op.get_bind().dialect.name):
        op.execute(sa.DDL(guard))


def downgrade() -> None:
    op.drop_column("charge_line", "cents_per_kilogram")
    op.drop_column("charge_line", "milligrams")
    op.drop_table("weight_rate")


def refusals(dialect: str) -> list[str]:
    """By hand, because autogenerate is blind to triggers: refuse DELETE, UPDATE of what is frozen and, on PostgreSQL, TRUNCATE."""
    name = "weight_rate_frozen"
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {name}_on_{verb.lower()} BEFORE {verb}{of} ON weight_rate BEGIN SELECT RAISE(ABORT, '{name}'); END"
            for verb, of in (("UPDATE", f" OF {FROZEN}"), ("DELETE", ""))
        ]
    each = f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{name}'; END $$",
        f"CREATE TRIGGER {name}_on_change BEFORE DELETE OR UPDATE OF {FROZEN} ON weight_rate {each}",
        f"CREATE TRIGGER {name}_on_truncate BEFORE TRUNCATE ON weight_rate FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    ]
