"""The words of money and every reason the desk says no. Pure: facts in, refusals out."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from app.kernel.money import Cents
from app.kernel.refusals import N_, Amount, Reason, Refusal


class Status(enum.StrEnum):
    """A charge is open while something is due, settled once covered, cancelled when an adjustment left nothing of it."""

    OPEN = "open"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class Method(enum.StrEnum):
    """How money comes in at the desk."""

    CASH = "cash"
    CARD_TERMINAL = "card_terminal"


class Answer(enum.StrEnum):
    """What became of an asked adjustment."""

    ACCEPTED = "accepted"
    DECLINED = "declined"


class Account(enum.StrEnum):
    """The ledger's accounts. A debit is positive: more owed to the lab, more in the till. A credit is negative: revenue.

    Beside each, the account of the French chart that an export would give it.
    """

    RECEIVABLE = "receivable"  # 411: what members owe, kept per member; below zero the lab owes them
    MACHINE_TIME = "machine_time"  # 706: revenue of machine use
    MATERIAL = "material"  # 7071: sales of material by weight
    ADJUSTMENTS = "adjustments"  # 709: reductions granted after the fact
    CASH = "cash"  # 531: the till
    CARD_TERMINAL = "card_terminal"  # 5115: taken by the terminal, on its way to the bank


TILLS = {Method.CASH: Account.CASH, Method.CARD_TERMINAL: Account.CARD_TERMINAL}

STATUS_WORDS = {
    Status.OPEN: N_("To be paid"),
    Status.SETTLED: N_("Settled"),
    Status.CANCELLED: N_("Cancelled"),
}
METHOD_WORDS = {Method.CASH: N_("Cash"), Method.CARD_TERMINAL: N_("Card terminal")}

OVERDUE_AFTER_DAYS = 30

NOTHING_DUE = Reason(
    "billing.nothing_due",
    N_("Nothing is due: everything is paid."),
    N_("Look at the last receipt: somebody may just have taken this payment."),
    icon="euro",
)
MORE_THAN_OWED = Reason(
    "billing.more_than_owed",
    N_("%(owed)s is due, and %(offered)s is more than that."),
    N_("Take %(owed)s at most."),
    icon="euro",
)
ALREADY_CANCELLED = Reason(
    "billing.already_cancelled",
    N_("This payment was cancelled already."),
    N_("Nothing is left to do."),
)
ALREADY_ASKED = Reason(
    "billing.already_asked",
    N_("You have already asked about this charge."),
    N_("The team will answer; tell them at the desk if it is urgent."),
)
NOTHING_TO_ADJUST = Reason(
    "billing.nothing_to_adjust",
    N_("Nothing is charged here, so there is nothing to adjust."),
    N_("If something is wrong all the same, tell the desk."),
)
ALREADY_ANSWERED = Reason(
    "billing.already_answered",
    N_("Somebody has answered this request already."),
    N_("Read the answer below; the member has received it."),
)
NOT_LOWER = Reason(
    "billing.not_lower",
    N_("An adjustment lowers the price, and %(total)s is what it costs now."),
    N_("Write a lower amount, or decline."),
    icon="euro",
)
RATE_IN_THE_PAST = Reason(
    "billing.rate_in_the_past",
    N_("A rate cannot start in the past: %(day)s is over."),
    N_("Choose today or a later day."),
    icon="calendar",
)
OWN_REQUEST = Reason(
    "billing.own_request",
    N_("This is your own request."),
    N_("Ask somebody else of the team to answer it."),
    icon="person",
)


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What answering a request for an adjustment depends on. `new_cents` is None to decline."""

    is_answered: bool
    is_own: bool
    total_cents: Cents
    new_cents: Cents | None


def payment_refusals(*, cents: Cents, owed_cents: Cents) -> list[Refusal]:
    """The desk takes part of what is due or all of it, never more."""
    if owed_cents <= 0:
        return [NOTHING_DUE()]
    if cents > owed_cents:
        return [MORE_THAN_OWED(owed=Amount(owed_cents), offered=Amount(cents))]
    return []


def asking_refusals(*, is_asked: bool, total_cents: Cents) -> list[Refusal]:
    """One request at a time, about something that costs something."""
    if is_asked:
        return [ALREADY_ASKED()]
    return [NOTHING_TO_ADJUST()] if total_cents <= 0 else []


def answer_refusals(facts: AnswerFacts) -> list[Refusal]:
    """Every reason the request cannot be answered so."""
    return list(_answer_refusals(facts))


def _answer_refusals(facts: AnswerFacts) -> Iterator[Refusal]:
    if facts.is_answered:
        yield ALREADY_ANSWERED()
    if facts.is_own:
        yield OWN_REQUEST()
    if facts.new_cents is not None and facts.new_cents >= facts.total_cents:
        yield NOT_LOWER(total=Amount(facts.total_cents))
