"""Who may certify, suspend, lift and revoke, and what stands in the way; validity dates; circles of prerequisites. Pure."""

from __future__ import annotations

import calendar
import enum
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.kernel.refusals import N_, Refusal
from trainings import reasons


class Level(enum.StrEnum):
    """How far somebody holds a competence. Only AUTONOMOUS and TRAINER may work alone."""

    ASSISTED = "assisted"
    AUTONOMOUS = "autonomous"
    TRAINER = "trainer"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def is_autonomous(self) -> bool:
        return self is not Level.ASSISTED


_RANKS = {Level.ASSISTED: 1, Level.AUTONOMOUS: 2, Level.TRAINER: 3}

LEVEL_WORDS: Mapping[Level, str] = {
    Level.ASSISTED: N_("With help"),
    Level.AUTONOMOUS: N_("Autonomous"),
    Level.TRAINER: N_("Trainer"),
}


class Evidence(enum.StrEnum):
    """What a certification rested on."""

    PRACTICAL = "practical"
    DEMONSTRATION = "demonstration"
    PRIOR_PROOF = "prior_proof"
    INTERVIEW = "interview"


EVIDENCE_WORDS: Mapping[Evidence, str] = {
    Evidence.PRACTICAL: N_("Practical check at the machine"),
    Evidence.DEMONSTRATION: N_("Demonstration followed"),
    Evidence.PRIOR_PROOF: N_("Proof from elsewhere (diploma, another lab)"),
    Evidence.INTERVIEW: N_("Conversation"),
}


class Capacity(enum.StrEnum):
    """In which quality somebody certified, suspended, lifted or revoked."""

    TRAINER = "trainer"
    MANAGER = "manager"


# ── what one may do ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Certifier:
    """Who acts, as far as one competence is concerned. `trains_it` means TRAINER level, live today."""

    member_id: int | None
    trains_it: bool
    is_manager: bool
    suspended: str | None

    @property
    def may(self) -> bool:
        return self.trains_it or self.is_manager


def capacity(certifier: Certifier, level: Level) -> Capacity:
    """In which quality this is recorded: as trainer where that is enough, else as manager."""
    return Capacity.TRAINER if certifier.trains_it and level is not Level.TRAINER else Capacity.MANAGER


@dataclass(frozen=True, slots=True)
class Needed:
    """A prerequisite somebody lacks."""

    slug: str
    name: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LiveRow:
    level: Level
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class CertifyingFacts:
    """All a certifying decision may depend on. Days are the lab's local days; `valid_until` is the last valid day."""

    certifier: Certifier
    slug: str
    competence: Mapping[str, str]
    is_retired: bool
    valid_months: int | None
    member_id: int
    member: str
    account_suspended: str | None
    email_proved: bool
    missing: tuple[Needed, ...]
    suspended: str | None
    suspended_certification_id: int | None
    live: tuple[LiveRow, ...]
    level: Level
    valid_from: date
    valid_until: date | None


def by_somebody_entitled(facts: CertifyingFacts) -> Iterator[Refusal]:
    if not facts.certifier.may:
        yield reasons.NOT_TRAINER(competence=dict(facts.competence), link={"slug": facts.slug})


def by_somebody_in_good_standing(facts: CertifyingFacts) -> Iterator[Refusal]:
    if facts.certifier.suspended is not None:
        yield reasons.YOU_ARE_SUSPENDED(reason=facts.certifier.suspended)


def by_somebody_else(facts: CertifyingFacts) -> Iterator[Refusal]:
    if facts.certifier.member_id == facts.member_id:
        yield reasons.YOURSELF()


def trainers_are_named_by_managers(facts: CertifyingFacts) -> Iterator[Refusal]:
    if facts.level is Level.TRAINER and not facts.certifier.is_manager:
        yield reasons.MANAGERS_NAME_TRAINERS()


def competence_is_taught(facts: CertifyingFacts) -> Iterator[Refusal]:
    if facts.is_retired:
        yield reasons.COMPETENCE_RETIRED(competence=dict(facts.competence))


def account_is_open(facts: CertifyingFacts) -> Iterator[Refusal]:
    if facts.account_suspended is not None:
        yield reasons.ACCOUNT_SUSPENDED(member=facts.member)


def email_is_proved(facts: CertifyingFacts) -> Iterator[Refusal]:
    if not facts.email_proved:
        yield reasons.EMAIL_NOT_PROVED(member=facts.member)


def prerequisites_are_held(facts: CertifyingFacts) -> Iterator[Refusal]:
    for needed in facts.missing:
        yield reasons.PREREQUISITE_MISSING(member=facts.member, competence=dict(needed.name), link={"slug": needed.slug})


def nothing_is_suspended(facts: CertifyingFacts) -> Iterator[Refusal]:
    if facts.suspended is not None:
        link = {"certification_id": facts.suspended_certification_id}
        yield reasons.COMPETENCE_SUSPENDED(member=facts.member, reason=facts.suspended, link=link)


def it_changes_something(facts: CertifyingFacts) -> Iterator[Refusal]:
    """The second of two trainers at once learns what the first just did; and nobody thinks a date was brought forward."""
    for row in facts.live:
        if row.level.rank < facts.level.rank:
            continue
        if row.valid_until is None:
            yield reasons.ALREADY_HELD_FOR_GOOD(member=facts.member)
            return
        if facts.valid_until is not None and row.valid_until >= facts.valid_until:
            yield reasons.ALREADY_HELD(member=facts.member, until=row.valid_until)
            return


def dates_are_in_order(facts: CertifyingFacts) -> Iterator[Refusal]:
    if facts.valid_until is not None and facts.valid_until <= facts.valid_from:
        yield reasons.ENDS_TOO_SOON(first=facts.valid_from)


def within_the_validity(facts: CertifyingFacts) -> Iterator[Refusal]:
    latest = last_day(facts.valid_from, facts.valid_months)
    if latest is not None and (facts.valid_until is None or facts.valid_until > latest):
        yield reasons.ENDS_TOO_LATE(latest=latest)


CERTIFYING_RULES: Sequence[Callable[[CertifyingFacts], Iterator[Refusal]]] = (
    by_somebody_entitled,
    by_somebody_in_good_standing,
    by_somebody_else,
    trainers_are_named_by_managers,
    competence_is_taught,
    account_is_open,
    email_is_proved,
    prerequisites_are_held,
    nothing_is_suspended,
    it_changes_something,
    dates_are_in_order,
    within_the_validity,
)


def certifying_refusals(facts: CertifyingFacts) -> list[Refusal]:
    """Every reason not to certify. None of them can be lifted: they are about safety."""
    return [refusal for rule in CERTIFYING_RULES for refusal in rule(facts)]


@dataclass(frozen=True, slots=True)
class TakingFacts:
    """For suspending, lifting and revoking. `holds` and `is_trainer` ignore a suspension that runs."""

    certifier: Certifier
    slug: str
    competence: Mapping[str, str]
    member_id: int
    member: str
    holds: bool
    is_trainer: bool
    suspended: str | None
    is_revoked: bool


def suspension_refusals(facts: TakingFacts) -> list[Refusal]:
    found = list(_taking_refusals(facts))
    if facts.suspended is not None:
        found.append(reasons.ALREADY_SUSPENDED(reason=facts.suspended))
    return found


def revocation_refusals(facts: TakingFacts) -> list[Refusal]:
    found = list(_taking_refusals(facts))
    if facts.holds and facts.is_trainer and not facts.certifier.is_manager:
        found.append(reasons.MANAGERS_NAME_TRAINERS())
    return found


def lifting_refusals(facts: TakingFacts) -> list[Refusal]:
    found = list(_entitlement_refusals(facts))
    if facts.suspended is None:
        found.append(reasons.NOT_SUSPENDED())
    return found


def _taking_refusals(facts: TakingFacts) -> Iterator[Refusal]:
    yield from _entitlement_refusals(facts)
    if facts.is_revoked:
        yield reasons.ALREADY_REVOKED()
    elif not facts.holds:
        yield reasons.NOT_HELD_ANY_MORE(member=facts.member)


def _entitlement_refusals(facts: TakingFacts) -> Iterator[Refusal]:
    if not facts.certifier.may:
        yield reasons.NOT_TRAINER(competence=dict(facts.competence), link={"slug": facts.slug})
    if facts.certifier.suspended is not None:
        yield reasons.YOU_ARE_SUSPENDED(reason=facts.certifier.suspended)
    if facts.certifier.member_id == facts.member_id:
        yield reasons.YOURSELF()


def may_read(certifier: Certifier, *, member_id: int) -> bool:
    """Whose history one may open: one's own; any of a competence one trains; all, for managers."""
    return certifier.may or (certifier.member_id is not None and certifier.member_id == member_id)


# ── validity and prerequisites ───────────────────────────────────────────────────────────────────────────────────────


def last_day(valid_from: date, valid_months: int | None) -> date | None:
    """The last valid day after `valid_months` calendar months: 31 August + 6 is the last of February. None: no end."""
    if valid_months is None:
        return None
    years, month = divmod(valid_from.month - 1 + valid_months, 12)
    year, month = valid_from.year + years, month + 1
    return date(year, month, min(valid_from.day, calendar.monthrange(year, month)[1]))


def circle(requires: Mapping[int, Sequence[int]], start: int) -> list[int]:
    """The way from `start` back to itself along prerequisites (both ends named), or [] where there is none."""
    waiting: list[list[int]] = [[start]]
    seen: set[int] = set()
    while waiting:
        path = waiting.pop()
        for needed in requires.get(path[-1], ()):
            if needed == start:
                return [*path, start]
            if needed not in seen:
                seen.add(needed)
                waiting.append([*path, needed])
    return []


def path_to(wanted: Sequence[int], requires: Mapping[int, Sequence[int]], done: frozenset[int]) -> list[int]:
    """`wanted` and the prerequisites on the way, each after what it needs.

    What stands before something already `done` is shown only where it is done too: nobody is asked to walk back.
    """
    ordered: list[int] = []
    visiting: set[int] = set()

    def walk(ident: int) -> None:
        if ident in ordered or ident in visiting:
            return
        visiting.add(ident)
        for needed in requires.get(ident, ()):
            if needed in done or ident not in done:
                walk(needed)
        ordered.append(ident)

    for ident in wanted:
        walk(ident)
    return ordered


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def plain(text: str) -> str:
    """Lower case, without accents: how names are compared."""
    parts = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def slug_of(name: str) -> str:
    """“Découpe laser CO₂” → “decoupe-laser-co2”: the address of a page, at most 60 characters."""
    return re.sub(r"[^a-z0-9]+", "-", plain(name)).strip("-")[:60].strip("-")


def is_slug(text: str) -> bool:
    return bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text)) and len(text) <= 60 and text != "new"
