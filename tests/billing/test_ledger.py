"""The books: balanced, chained, written once, and tampering found out."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.kernel import clock, guards
from app.kernel.db import db, transaction
from billing import ledger
from billing.ledger import GENESIS, Posting, Unbalanced
from billing.models import LedgerEntry, LedgerPosting
from billing.rules import Account
from tests.billing.scene import accept, ask, cancel, charge, count, kinds, pay
from tests.trainings.scene import at_once


def append(cents=500, key="k", **changes):
    values = {
        "kind": "charge",
        "subject": "charge:1",
        "key": key,
        "postings": [Posting(Account.CASH, cents), Posting(Account.MACHINE_TIME, -cents)],
        "at": clock.now(),
    }
    return ledger.append(**{**values, **changes})


def entries():
    db.session.rollback()
    return db.session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq)).all()


# ── appending ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_each_entry_seals_the_one_before(app):
    with transaction():
        append(key="a")
        append(key="b")
    first, second = entries()
    assert (first.seq, first.previous_hash) == (1, GENESIS)
    assert (second.seq, second.previous_hash) == (2, first.hash)
    assert second.hash == hashlib.sha256(f"{first.hash}\n{second.body}".encode()).hexdigest()


@pytest.mark.both_engines
def test_the_same_key_twice_is_written_once(app):
    with transaction():
        first = append(500, key="a")
    with transaction():
        again = append(900, key="a")
    assert again.seq == first.seq
    assert count(LedgerEntry) == 1
    assert count(LedgerPosting) == 2


@pytest.mark.parametrize(
    "postings", [[], [Posting(Account.CASH, 5)], [Posting(Account.CASH, 5), Posting(Account.RECEIVABLE, -4, 1)]]
)
def test_an_entry_that_does_not_balance_is_a_bug(app, postings):
    with pytest.raises(Unbalanced), transaction():
        append(postings=postings)
    assert count(LedgerEntry) == 0


def test_the_text_is_canonical_and_stored_as_sealed(lab):
    row = charge(lab.ada, 1000, subject="reservation:1")
    [entry] = entries()
    assert entry.body == json.dumps(json.loads(entry.body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    told = json.loads(entry.body)
    assert (told["seq"], told["kind"], told["subject"]) == (1, "charge", f"charge:{row.id}")
    assert told["at"] == "2026-11-26T09:00:00.000000+00:00"
    assert told["postings"] == [
        {"account": "receivable", "cents": 1000, "member": lab.ada.id},
        {"account": "machine_time", "cents": -1000},
    ]


@pytest.mark.parametrize("value", [1.0, None, True, b"x", [0.5], {"a": None}])
def test_only_whole_numbers_and_words_are_sealed(value):
    with pytest.raises(TypeError):
        ledger.canonical({"value": value})


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
documents = st.recursive(
    st.one_of(st.integers(), words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(words, documents, max_size=5))
def test_the_order_of_names_does_not_change_the_text(document):
    backwards = dict(reversed(list(document.items())))
    assert ledger.canonical(document) == ledger.canonical(backwards)


@pytest.mark.both_engines
def test_entries_written_at_once_make_one_chain(app):
    results = at_once(app, *(lambda n=n: append(n + 1, key=f"k{n}").seq for n in range(8)))
    assert sorted(results) == list(range(1, 9))
    assert ledger.verify().fault is None


@pytest.mark.both_engines
def test_the_same_key_at_once_is_written_once(app):
    results = at_once(app, *(lambda: append(key="one").seq for _ in range(6)))
    assert results == [1] * 6
    assert count(LedgerEntry) == 1


def fail_after_appending():
    append(key="b")
    append(key="c", postings=[Posting(Account.CASH, 1)])


def test_a_rolled_back_entry_leaves_no_hole(app):
    with transaction():
        append(key="a")
    with pytest.raises(Unbalanced), transaction():
        fail_after_appending()
    with transaction():
        assert append(key="c").seq == 2
    assert ledger.verify() == ledger.Verdict(2, None)


# ── written once ─────────────────────────────────────────────────────────────────────────────────────────────────────


def a_written_story(lab):
    """A charge, a payment, a cancellation, a second payment and an accepted request."""
    row = charge(lab.ada, 1000)
    cancel(lab.lea, pay(lab.lea, lab.ada, 400))
    pay(lab.lea, lab.ada, 1000)
    accept(lab.lea, ask(lab.ada, row), 700)


WRITTEN = {
    "ledger_entry": "body",
    "ledger_posting": "cents",
    "charge_line": "amount_cents",
    "allocation": "cents",
    "receipt": "body",
    "charge": "amount_cents",
    "payment": "cents",
    "rate": "cents_per_hour",
    "adjustment": "note",
}


@pytest.mark.both_engines
@pytest.mark.parametrize(("table", "column"), WRITTEN.items())
def test_what_is_written_is_neither_changed_nor_deleted(lab, table, column):
    a_written_story(lab)
    forbidden = [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"]
    if db.engine.dialect.name == "postgresql":
        forbidden.append(f"TRUNCATE {table} CASCADE")
    for statement in forbidden:
        with pytest.raises(DBAPIError, match=f"{table}_(append_only|frozen)"), transaction():
            db.session.execute(text(statement))
    assert ledger.verify().fault is None


@pytest.mark.both_engines
def test_no_charge_can_be_covered_beyond_its_amount(lab):
    row = charge(lab.ada, 1000)
    with pytest.raises(DBAPIError, match="never_overpaid"), transaction():
        db.session.execute(text("UPDATE charge SET paid_cents = 1001 WHERE id = :id"), {"id": row.id})


# ── verifying ────────────────────────────────────────────────────────────────────────────────────────────────────────


def verify(app):
    return app.test_cli_runner().invoke(args=["ledger", "verify"])


@pytest.mark.both_engines
def test_an_untouched_ledger_is_found_sound(app, lab):
    a_written_story(lab)
    assert kinds() == ["charge", "payment", "payment_cancelled", "payment", "adjustment"]
    result = verify(app)
    assert (result.exit_code, result.output.split()[0]) == (0, "5")


TAMPERING = {
    "a changed text": ("UPDATE ledger_entry SET body = replace(body, '400', '40') WHERE seq = 2", 2),
    "a changed amount": ("UPDATE ledger_posting SET cents = cents * 2 WHERE entry_seq = 3", 3),
    "a changed date": ("UPDATE ledger_entry SET at = '2026-01-01 00:00:00' WHERE seq = 4", 4),
    "a changed subject": ("UPDATE ledger_entry SET subject = 'charge:99' WHERE seq = 1", 1),
    "another account": ("UPDATE ledger_posting SET account = 'card_terminal' WHERE entry_seq = 2 AND account = 'cash'", 2),
    "another member": ("UPDATE ledger_posting SET member_id = NULL WHERE entry_seq = 1 AND account = 'receivable'", 1),
    "a missing posting": ("DELETE FROM ledger_posting WHERE entry_seq = 5 AND account = 'receivable'", 5),
    "a broken link": ("UPDATE ledger_entry SET previous_hash = hash WHERE seq = 3", 3),
    "a hole": ("DELETE FROM ledger_posting WHERE entry_seq = 2; DELETE FROM ledger_entry WHERE seq = 2", 3),
}


def tamper(statements):
    """What somebody with the database's password can do: take the guards off first."""
    with transaction():
        sqlite = db.engine.dialect.name == "sqlite"
        for guard in guards.expected(db.engine.dialect.name):
            if guard.name.startswith(("ledger_entry", "ledger_posting")):
                table = "ledger_entry" if guard.name.startswith("ledger_entry") else "ledger_posting"
                db.session.execute(text(f"DROP TRIGGER {guard.name}" + ("" if sqlite else f" ON {table}")))
        for statement in statements.split("; "):
            db.session.connection().exec_driver_sql(statement)


@pytest.mark.both_engines
@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_found_and_the_first_bad_entry_named(app, lab, name):
    a_written_story(lab)
    statements, seq = TAMPERING[name]
    tamper(statements)
    result = verify(app)
    assert result.exit_code == 1
    assert result.output.startswith(f"entry {seq} ")


@pytest.mark.both_engines
def test_a_cut_tail_is_found_by_what_it_leaves_behind(app, lab):
    a_written_story(lab)
    charge(lab.ben, 300, subject="reservation:tail")
    tamper("DELETE FROM ledger_posting WHERE entry_seq = 6; DELETE FROM ledger_entry WHERE seq = 6")
    result = verify(app)
    assert result.exit_code == 1
    assert "charge:reservation:tail" in result.output


def test_a_resealed_entry_breaks_the_link_after_it(app, lab):
    a_written_story(lab)
    second = entries()[1]
    body = second.body.replace("400", "40")
    seal = ledger.seal(second.previous_hash, body)
    tamper(
        f"UPDATE ledger_entry SET body = '{body}', hash = '{seal}' WHERE seq = 2; "
        "UPDATE ledger_posting SET cents = cents / 10 WHERE entry_seq = 2"
    )
    assert verify(app).output.startswith("entry 3 ")


def test_ten_pages_of_entries_are_walked(app, monkeypatch):
    with transaction():
        for n in range(30):
            append(n + 1, key=f"k{n}")
    walked = [entry.seq for entry, _postings in ledger._entries(page=3)]
    assert walked == list(range(1, 31))
