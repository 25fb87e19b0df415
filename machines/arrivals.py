"""What is asked of somebody at the machine, before starting and when leaving. Pure decisions over facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel.periods import Period
from app.kernel.refusals import Refusal
from machines import reasons, rules
from machines.rules import Missing, Status

WRONG_CODES_MOST = 8


@dataclass(frozen=True, slots=True)
class CheckInFacts:
    """`code_is_right` is None when a host vouches for the person, who then needs no code."""

    now: datetime
    status: Status
    period: Period
    opens_minutes: int
    code_is_right: bool | None
    wrong_codes: int
    ticks_missing: bool
    suspended: str | None
    missing: tuple[Missing, ...]
    in_service: bool
    out_until: datetime | None


def check_in_refusals(facts: CheckInFacts) -> list[Refusal]:
    """Nobody unqualified starts a machine: what was true when booking is asked again, and none of it can be lifted."""
    if Status.CHECKED_IN not in rules.RESERVATION_MOVES[facts.status]:
        return [rules.not_any_more(facts.status)]
    return list(_arriving_refusals(facts))


def ending_refusals(status: Status) -> list[Refusal]:
    """Twice is refused, not charged."""
    return [] if Status.COMPLETED in rules.RESERVATION_MOVES[status] else [rules.not_any_more(status)]


def _arriving_refusals(facts: CheckInFacts) -> Iterator[Refusal]:
    opens = facts.period.start - timedelta(minutes=facts.opens_minutes)
    if facts.suspended is not None:
        yield reasons.SUSPENDED(reason=facts.suspended)
    for missing in facts.missing:
        yield reasons.NOT_CERTIFIED(competence=dict(missing.name), link={"slug": missing.slug})
    yield from rules.service_refusals(facts.in_service, facts.out_until, facts.now)
    if facts.now < opens:
        yield reasons.TOO_EARLY(opens=opens)
    if facts.now >= facts.period.end:
        yield reasons.ALREADY_OVER(ended=facts.period.end)
    if facts.code_is_right is False:
        yield reasons.WRONG_CODE() if facts.wrong_codes < WRONG_CODES_MOST else reasons.TOO_MANY_CODES()
    elif facts.code_is_right and facts.wrong_codes >= WRONG_CODES_MOST:
        yield reasons.TOO_MANY_CODES()
    if facts.ticks_missing:
        yield reasons.SAFETY_NOT_TICKED()
