"""The double-entry, append-only, hash-chained record of money. What is owed and what came in are sums of its postings."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, literal, select

from app.kernel.db import db
from app.kernel.money import Cents
from billing.guards import take_turn
from billing.models import Charge, LedgerEntry, LedgerPosting, Receipt
from billing.rules import Account

GENESIS = "0" * 64
"""What the first entry is chained to."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A signed amount on an account, debit positive; `member_id` for an account kept per member."""

    account: Account
    cents: Cents
    member_id: int | None = None


class Unbalanced(ValueError):
    """The postings of an entry do not add up to zero: a bug of the caller."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many good entries there are, and the first fault after them in words for the operator; None when all is well."""

    entries: int
    fault: str | None


def append(*, kind: str, subject: str, key: str, postings: Sequence[Posting], at: datetime) -> LedgerEntry:
    """Add one balanced entry to the end of the chain. The same `key` twice returns the first entry; nothing is ever updated.

    Raises Unbalanced, also for an entry without postings.
    """
    if not postings or sum(posting.cents for posting in postings) != 0:
        raise Unbalanced(f"{kind} of {subject}: {postings}")
    take_turn("ledger")
    if (first := _by_key(key)) is not None:
        return first
    last = db.session.execute(select(LedgerEntry.seq, LedgerEntry.hash).order_by(LedgerEntry.seq.desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    body = canonical(_document(seq=seq, at=at, kind=kind, subject=subject, key=key, postings=postings))
    entry = LedgerEntry(
        seq=seq, at=at, kind=kind, subject=subject, key=key, body=body, previous_hash=previous, hash=seal(previous, body)
    )
    db.session.add(entry)
    db.session.flush()  # the postings point at it
    db.session.add_all(
        LedgerPosting(entry_seq=seq, position=number, account=posting.account, member_id=posting.member_id, cents=posting.cents)
        for number, posting in enumerate(postings)
    )
    return entry


def verify() -> Verdict:
    """Walk the chain up to the first bad entry: a hole, a broken link, a changed text, columns or postings that say something
    else, no balance. Then look for a charge or a payment that the ledger does not know, which is how a cut tail shows.
    """
    previous, good = GENESIS, 0
    for entry, postings in _entries():
        if words := _wrong(entry, postings, previous=previous, expected=good + 1):
            return Verdict(good, f"entry {entry.seq} ({entry.kind} of {entry.subject}): {words}")
        previous, good = entry.hash, entry.seq
    return Verdict(good, _unknown())


def seal(previous_hash: str, body: str) -> str:
    return hashlib.sha256(f"{previous_hash}\n{body}".encode()).hexdigest()


def canonical(document: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces, NFC, whole numbers and strings only. Raises TypeError for anything else."""
    _only_plain(document)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return unicodedata.normalize("NFC", text)


def _only_plain(value: object) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _only_plain(name)
            _only_plain(inner)
    elif isinstance(value, list):
        for inner in value:
            _only_plain(inner)
    elif isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"{value!r} is neither a whole number nor a string")


def _document(
    *, seq: int, at: datetime, kind: str, subject: str, key: str, postings: Sequence[Posting] | Sequence[Row[Any]]
) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "kind": kind,
        "subject": subject,
        "key": key,
        "postings": [
            {"account": posting.account.value, "cents": int(posting.cents)}
            | ({"member": posting.member_id} if posting.member_id is not None else {})
            for posting in postings
        ],
    }


def _by_key(key: str) -> LedgerEntry | None:
    return db.session.scalars(select(LedgerEntry).where(LedgerEntry.key == key)).first()


def _entries(page: int = 1000) -> Iterator[tuple[Row[Any], list[Row[Any]]]]:
    """The chain in order with the postings of each entry: columns, a page at a time, so that ten years fit in memory."""
    last = -(2**62)
    entry, posting = LedgerEntry.__table__.c, LedgerPosting.__table__.c
    while True:
        chain = select(*entry).where(entry.seq > last).order_by(entry.seq).limit(page)
        entries = db.session.execute(chain).all()
        if not entries:
            return
        found: dict[int, list[Row[Any]]] = {row.seq: [] for row in entries}
        within = select(*posting).where(posting.entry_seq.between(entries[0].seq, entries[-1].seq))
        for row in db.session.execute(within.order_by(posting.entry_seq, posting.position)):
            found.setdefault(row.entry_seq, []).append(row)
        yield from ((row, found[row.seq]) for row in entries)
        last = entries[-1].seq


def _wrong(entry: Row[Any], postings: Sequence[Row[Any]], *, previous: str, expected: int) -> str:
    """What is wrong with an entry, or nothing."""
    if entry.seq != expected:
        return f"entry {expected} is missing before it"
    if entry.previous_hash != previous:
        return "it is not chained to the entry before it"
    if entry.hash != seal(previous, entry.body):
        return "its text was changed after it was sealed"
    told = _document(seq=entry.seq, at=entry.at, kind=entry.kind, subject=entry.subject, key=entry.key, postings=postings)
    if canonical(told) != entry.body:
        return "its columns or postings differ from the text it seals"
    if sum(posting.cents for posting in postings) != 0:
        return "its postings do not add up to zero"
    return ""


def charge_key(subject: str) -> str:
    """The key of the entry that charges `subject`."""
    return f"charge:{subject}"


def payment_key(number: str) -> str:
    """The key of the entry of the payment receipted as `number`."""
    return f"payment:{number}"


def _unknown() -> str | None:
    """The first charge or payment without its entry."""
    for column, amount, prefix in ((Charge.subject, Charge.amount_cents, "charge:"), (Receipt.number, None, "payment:")):
        entry = select(LedgerEntry.seq).where(LedgerEntry.key == literal(prefix) + column)
        orphans = select(column).where(~entry.exists()).order_by(column).limit(1)
        if amount is not None:
            orphans = orphans.where(amount > 0)
        if (name := db.session.scalar(orphans)) is not None:
            return f"no entry for {prefix}{name}: the end of the chain may be cut off"
    return None
