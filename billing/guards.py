"""What the database itself refuses about money, and the turns that writers take.

The ledger, the lines of charges, allocations and receipts are written once. Of a charge or a payment only what happened to
it since may change; an answered adjustment and an ended rate never do.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite

from app.kernel.db import db
from app.kernel.guards import Guard, append_only, attach
from billing.models import (
    Adjustment,
    Allocation,
    Charge,
    ChargeLine,
    Counter,
    LedgerEntry,
    LedgerPosting,
    Payment,
    Rate,
    Receipt,
    WeightRate,
)

_TURNS = {"ledger": 4_210_001, "rates": 4_210_002}


def take_turn(what: str) -> None:
    """Wait for every other writer of `what` to commit: an advisory lock on PostgreSQL; on SQLite the transaction is one."""
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURNS[what]})


def begin_series(series: str, year: int) -> None:
    """Make sure the counter's row is there; whoever makes it at the same moment waits for the other."""
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    db.session.execute(insert(Counter).values(series=series, year=year, last=0).on_conflict_do_nothing())


def frozen(table: str, *columns: str) -> list[Guard]:
    """Refuse DELETE of a row of `table`, and UPDATE of any of `columns`."""
    name, listed = f"{table}_frozen", ", ".join(columns)
    function = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{name}'; END $$"
    )
    raises = f"BEGIN SELECT RAISE(ABORT, '{name}'); END"
    row = f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    return [
        Guard(f"{name}_on_change", "postgresql",
              f"{function}; CREATE TRIGGER {name}_on_change BEFORE DELETE OR UPDATE OF {listed} ON {table} {row}"),
        Guard(f"{name}_on_truncate", "postgresql",
              f"CREATE TRIGGER {name}_on_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"),
        Guard(f"{name}_on_update", "sqlite", f"CREATE TRIGGER {name}_on_update BEFORE UPDATE OF {listed} ON {table} {raises}"),
        Guard(f"{name}_on_delete", "sqlite", f"CREATE TRIGGER {name}_on_delete BEFORE DELETE ON {table} {raises}"),
    ]  # fmt: skip


attach(LedgerEntry.__table__, append_only("ledger_entry"))
attach(LedgerPosting.__table__, append_only("ledger_posting"))
attach(ChargeLine.__table__, append_only("charge_line"))
attach(Allocation.__table__, append_only("allocation"))
attach(Receipt.__table__, append_only("receipt"))
attach(Adjustment.__table__, append_only("adjustment", when="OLD.answered_at IS NOT NULL"))
attach(Charge.__table__, frozen("charge", "id", "subject", "payer_id", "amount_cents", "opened_at", "opened_by_id"))
attach(Payment.__table__, frozen("payment", "id", "payer_id", "cents", "method", "taken_at", "taken_by_id"))
attach(
    Rate.__table__,
    frozen("rate", "id", "item", "tariff_group", "cents_per_hour", "minimum_minutes", "step_minutes", "valid_from"),
)
attach(WeightRate.__table__, frozen("weight_rate", "id", "item", "cents_per_kilogram", "valid_from"))
