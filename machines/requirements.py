"""What machines ask of people, and who meets it on a given day; read only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Date, bindparam, select

from app.kernel.db import run
from machines.models import Requirement
from machines.rules import Missing
from trainings import queries as trainings
from trainings.models import Competence

Held = Mapping[int, date | None]
"""The competences somebody may use alone, each with its last day (None: for good)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing a machine asks for: any of these competences, as (id, slug, name)."""

    competences: tuple[tuple[int, str, Mapping[str, str]], ...]

    @property
    def ids(self) -> list[int]:
        return [ident for ident, _slug, _name in self.competences]

    def met_by(self, held: Collection[int]) -> bool:
        return any(ident in held for ident in self.ids)

    def last_day(self, held: Held) -> date | None:
        """Until when `held`, which meets it, does so; None for good."""
        ends = [held[ident] for ident in self.ids if ident in held]
        return None if None in ends else max(end for end in ends if end is not None)

    def as_missing(self) -> Missing:
        words = {"fr": " ou ", "en": " or "}
        names = {
            language: word.join(name.get(language) or next(iter(name.values()), "") for _id, _slug, name in self.competences)
            for language, word in words.items()
        }
        return Missing(self.competences[0][1], names)


_CONDITIONS = (
    select(Requirement.machine_id, Requirement.condition, Competence.id, Competence.slug, Competence.name)
    .join(Competence, Competence.id == Requirement.competence_id)
    .where(Requirement.machine_id.in_(bindparam("machine_ids", expanding=True)))
    .order_by(Requirement.machine_id, Requirement.condition, Competence.id)
)


def conditions(machine_ids: Iterable[int]) -> dict[int, list[Condition]]:
    """What each machine asks for, all of it; one that asks for nothing is left out. One statement."""
    rows = run(_CONDITIONS, machine_ids=list(machine_ids))
    grouped: dict[int, dict[int, list[tuple[int, str, Mapping[str, str]]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        grouped[row.machine_id][row.condition].append((row.id, row.slug, row.name))
    return {ident: [Condition(tuple(one)) for one in by_number.values()] for ident, by_number in grouped.items()}


def held_alone(member_id: int | None, on: date) -> Held:
    """What a member may use alone on that day; nothing for a visitor. One statement."""
    if member_id is None:
        return {}
    return {ident: one.valid_until for ident, one in trainings.held(member_id, on).items() if one.level.is_autonomous}


def missing(asked: Iterable[Condition], held: Held) -> tuple[Missing, ...]:
    return tuple(condition.as_missing() for condition in asked if not condition.met_by(held))


_ASKED = (
    select(
        Requirement.condition,
        Competence.id,
        Competence.slug,
        Competence.name,
        trainings.held_alone(bindparam("member_id"), Competence.id, bindparam("on", type_=Date)),
    )
    .join(Competence, Competence.id == Requirement.competence_id)
    .where(Requirement.machine_id == bindparam("machine_id"))
    .order_by(Requirement.condition, Competence.id)
)


def missing_competences(member_id: int, machine_id: int, on: date) -> tuple[Missing, ...]:
    """What the member still lacks on that day, for this machine. One statement."""
    grouped: dict[int, list[tuple[int, str, Mapping[str, str]]]] = defaultdict(list)
    met = set()
    for number, ident, slug, name, is_held in run(_ASKED, machine_id=machine_id, member_id=member_id, on=on):
        grouped[number].append((ident, slug, name))
        if is_held:
            met.add(number)
    return tuple(Condition(tuple(one)).as_missing() for number, one in grouped.items() if number not in met)


def may_use(member_id: int, machine_ids: Collection[int], on: date) -> set[int]:
    """Those of the machines the member may use alone on that day. Two statements."""
    asked, held = conditions(machine_ids), held_alone(member_id, on)
    return {ident for ident in machine_ids if not missing(asked.get(ident, []), held)}
