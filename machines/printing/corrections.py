"""Who may say how a print ended, after the printer has had its word or none. Pure decisions over facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.kernel.money import Cents
from app.kernel.refusals import N_, Reason, Refusal
from machines.printing.rules import Outcome, Source

AUTOMATIC_BELOW = Cents(500)
"""What a member's word that it was the machine takes back at once; from there on a manager looks at it."""

NOT_ENDED_YET = Reason(
    "printing.not_ended_yet",
    N_("This print has not ended yet."),
    N_("Say how it ended once it has."),
    icon="printer",
)
SAID_ALREADY = Reason(
    "printing.said_already",
    N_("How this print ended is known already."),
    N_("If that is wrong, tell the team: they can correct it."),
    icon="person",
)
NOTE_MISSING = Reason(
    "printing.note_missing",
    N_("A correction needs a word of why."),
    N_("Write it below: it stays with the print."),
    icon="person",
)

_MAY_HAVE_BEEN_THE_MACHINE = frozenset({Outcome.FILE_FAILED, Outcome.STOPPED_ELSEWHERE, Outcome.CANCELLED})


@dataclass(frozen=True, slots=True)
class SaidFacts:
    """`before` and `source` are of the record that counts, None while there is none."""

    before: Outcome | None
    source: Source | None
    outcome: Outcome
    is_staff: bool
    note: str


def refusals(facts: SaidFacts) -> list[Refusal]:
    """Every reason this cannot be said so. The team may always correct, with a note; a member answers what is open."""
    return list(_refusals(facts))


def may_ask_member(before: Outcome, source: Source) -> bool:
    """Whether the member still has something to say: how it ended, or that it was the machine."""
    return before is Outcome.UNKNOWN or (source is Source.OBSERVED and before in _MAY_HAVE_BEEN_THE_MACHINE)


def _refusals(facts: SaidFacts) -> Iterator[Refusal]:
    if facts.before is None or facts.source is None:
        yield NOT_ENDED_YET()
    elif facts.is_staff:
        if not facts.note.strip():
            yield NOTE_MISSING()
    elif not may_ask_member(facts.before, facts.source) or facts.outcome not in _answers(facts.before):
        yield SAID_ALREADY()


def _answers(before: Outcome) -> frozenset[Outcome]:
    """What a member may say."""
    return frozenset(Outcome) - {before} if before is Outcome.UNKNOWN else frozenset({Outcome.MACHINE_FAILED})
