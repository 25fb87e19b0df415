"""What pages and feeds read about machines: a constant number of statements each, columns where rows are many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.accounts.models import Member
from app.calendar.models import Occupancy, Purpose, Resource
from billing.pricing import RateTerms
from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased, joinedload

from app.calendar import queries as calendar
from app.kernel import clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db
from app.kernel.periods import Period
from billing import rates
from machines.models import Incident, Machine, Requirement, Reservation, State
from machines.rules import LIVE, Missing, Status
from trainings import queries as trainings
from trainings.models import Competence, Level

AUTONOMY = (Level.AUTONOMOUS, Level.TRAINER)


def machine_by_id(machine_id: int) -> Machine:
    """Raises NoResultFound (404 at the edge)."""
    return db.session.scalars(select(Machine).where(Machine.id == machine_id).options(joinedload(Machine.resource))).one()


def machine(slug: str, *, even_retired: bool = False) -> Machine:
    """Raises NoResultFound for an unknown slug, and for a retired machine unless asked for."""
    statement = select(Machine).where(Machine.slug == slug).options(joinedload(Machine.resource))
    if not even_retired:
        statement = statement.where(Machine.state != State.RETIRED)
    return db.session.scalars(statement).one()


def machines(*, even_retired: bool = False) -> list[Machine]:
    """All of them, by space then code, with their resources."""
    statement = select(Machine).join(Machine.resource).options(joinedload(Machine.resource))
    if not even_retired:
        statement = statement.where(Machine.state != State.RETIRED)
    return list(db.session.scalars(statement.order_by(Resource.parent_id, Resource.position, Machine.code)))


def spaces() -> dict[int, dict[str, str]]:
    """The names of the places machines stand in, by resource id, in their order."""
    rows = db.session.execute(select(Resource.id, Resource.name).order_by(Resource.position, Resource.id))
    return {row.id: row.name for row in rows}


# ── who may use what ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing a machine asks for: any of these competences."""

    competences: tuple[tuple[int, str, Mapping[str, str]], ...]

    def met_by(self, held: Collection[int]) -> bool:
        return any(ident in held for ident, _slug, _name in self.competences)

    def as_missing(self) -> Missing:
        words = {"fr": " ou ", "en": " or "}
        names = {
            language: word.join(name.get(language) or next(iter(name.values()), "") for _id, _slug, name in self.competences)
            for language, word in words.items()
        }
        return Missing(self.competences[0][1], names)


def conditions(machine_ids: Iterable[int]) -> dict[int, list[Condition]]:
    """What each machine asks for, in one statement."""
    rows = db.session.execute(
        select(Requirement.machine_id, Requirement.condition, Competence.id, Competence.slug, Competence.name)
        .join(Competence, Competence.id == Requirement.competence_id)
        .where(Requirement.machine_id.in_(list(machine_ids)))
        .order_by(Requirement.machine_id, Requirement.condition, Competence.id)
    )
    grouped: dict[int, dict[int, list[tuple[int, str, Mapping[str, str]]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        grouped[row.machine_id][row.condition].append((row.id, row.slug, row.name))
    return {ident: [Condition(tuple(one)) for one in by_number.values()] for ident, by_number in grouped.items()}


def autonomous_in(member_id: int, on: date) -> dict[int, date | None]:
    """The competences a member holds well enough to be alone, with the last day of each. One statement."""
    held = trainings.held(member_id, on)
    return {ident: one.valid_until for ident, one in held.items() if one.level in AUTONOMY}


def missing_competences(member_id: int, machine_id: int, on: date) -> list[Missing]:
    """What the member still lacks on that day, for this machine."""
    asked = conditions([machine_id]).get(machine_id, [])
    if not asked:
        return []
    held = autonomous_in(member_id, on)
    return [condition.as_missing() for condition in asked if not condition.met_by(held)]


# ── the catalogue and the wall ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Now:
    """What a machine is doing: `free`, `busy`, `closed` or `out`, and until when, as far as one can see."""

    state: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Card:
    machine: Machine
    space: Mapping[str, str]
    now: Now
    next_free: datetime | None
    missing: tuple[Missing, ...]
    autonomous_until: date | None
    is_open_to_all: bool
    terms: RateTerms | None


def cards(member_id: int | None, tariff_group: str) -> list[Card]:
    """Every machine as the catalogue and the tool wall show it to this reader."""
    found, today = machines(), clock.today()
    states = states_now(found)
    asked = conditions(one.id for one in found)
    held = autonomous_in(member_id, today) if member_id is not None else {}
    terms = rates.terms_for([one.item for one in found], tariff_group, today)
    places = spaces()
    result = []
    for one in found:
        needed = asked.get(one.id, [])
        ends = [
            min_until
            for condition in needed
            for min_until in [max((held[c] or date.max for c, _s, _n in condition.competences if c in held), default=None)]
        ]
        last = min((end for end in ends if end is not None), default=None)
        now, next_free = states[one.id]
        result.append(
            Card(
                machine=one,
                space=places.get(one.resource.parent_id or 0, {}),
                now=now,
                next_free=next_free,
                missing=tuple(condition.as_missing() for condition in needed if not condition.met_by(held)),
                autonomous_until=None if last == date.max else last,
                is_open_to_all=not needed,
                terms=terms.get(one.item),
            )
        )
    return result


def states_now(found: Sequence[Machine]) -> dict[int, tuple[Now, datetime | None]]:
    """The state of each machine at this minute and when it is next free, looking a week ahead."""
    now = clock.now()
    ahead = Period(now, now + timedelta(days=7))
    ids = [one.resource_id for one in found]
    opening, free = calendar.opening(ids, ahead), calendar.free(ids, ahead)
    return {one.id: _state_now(one, now, opening[one.resource_id], free[one.resource_id]) for one in found}


def _state_now(one: Machine, now: datetime, opening: Sequence[Period], free: Sequence[Period]) -> tuple[Now, datetime | None]:
    next_free = next((period.start for period in free if one.out_until is None or period.end > one.out_until), None)
    if one.state is State.OUT_OF_ORDER and (one.out_until is None or one.out_until > now):
        return Now("out", one.out_until), None if one.out_until is None else next_free
    hours = next((period for period in opening if period.contains(now)), None)
    if hours is None:
        return Now("closed", opening[0].start if opening else None), next_free
    here = next((period for period in free if period.contains(now)), None)
    if here is not None:
        return Now("free", here.end), now
    return Now("busy", next_free), next_free


def similar(one: Machine) -> list[Machine]:
    """Machines of the same kind in the same space, which may stand in for this one."""
    statement = select(Machine).join(Machine.resource).options(joinedload(Machine.resource))
    statement = statement.where(
        Machine.icon == one.icon,
        Machine.id != one.id,
        Machine.state == State.IN_SERVICE,
        Machine.danger == one.danger,
        Resource.parent_id == one.resource.parent_id,
    )
    return list(db.session.scalars(statement.order_by(Machine.code)))


# ── reservations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def reservation_or_404(actor: Actor, reservation_id: int) -> Reservation:
    """The actor's own reservation, or anybody's for a manager. Raises NoResultFound otherwise, as for an unknown one."""
    statement = select(Reservation).where(Reservation.id == reservation_id).options(with_machine())
    if not actor.has(Role.MANAGER):
        statement = statement.where(Reservation.member_id == actor.member_id)
    return db.session.scalars(statement).one()


def of_member(member_id: int, *, past: int = 20) -> tuple[list[Reservation], list[Reservation]]:
    """(running and to come, soonest first; the last `past` ones, latest first). Two statements."""
    mine = select(Reservation).where(Reservation.member_id == member_id).options(with_machine())
    coming = mine.where(Reservation.status.in_(LIVE)).order_by(Reservation.starts_at)
    gone = mine.where(Reservation.status.not_in(LIVE)).order_by(Reservation.starts_at.desc()).limit(past)
    return list(db.session.scalars(coming)), list(db.session.scalars(gone))


def due_at(machine_id: int, member_id: int) -> Reservation | None:
    """The member's live reservation of this machine that is nearest now: what a scan at the machine is about."""
    return db.session.scalars(
        select(Reservation)
        .where(Reservation.machine_id == machine_id, Reservation.member_id == member_id, Reservation.status.in_(LIVE))
        .order_by(Reservation.starts_at)
        .options(with_machine())
        .limit(1)
    ).first()


def current_use(machine_id: int) -> Reservation | None:
    """Who uses the machine now, if anybody."""
    return db.session.scalars(
        select(Reservation).where(Reservation.machine_id == machine_id, Reservation.status == Status.IN_USE).limit(1)
    ).first()


def last_minutes(member_id: int, machine_id: int) -> int | None:
    """How long the member booked this machine for the last time."""
    row = db.session.execute(
        select(Reservation.starts_at, Reservation.ends_at)
        .where(Reservation.member_id == member_id, Reservation.machine_id == machine_id)
        .order_by(Reservation.id.desc())
        .limit(1)
    ).first()
    return int((row.ends_at - row.starts_at).total_seconds() // 60) if row else None


@dataclass(frozen=True, slots=True)
class DayLine:
    """One reservation of a day, as the Today board lists it."""

    id: int
    status: Status
    starts_at: datetime
    ends_at: datetime
    member_id: int
    member: str
    machine: Mapping[str, str]
    slug: str
    icon: str
    desk_code: str
    checked_in_at: datetime | None
    used_until: datetime | None
    outcome: str | None


def day_lines(period: Period) -> list[DayLine]:
    """Every reservation of a stretch but the cancelled ones, in order. One statement."""
    rows = db.session.execute(
        select(
            Reservation.id,
            Reservation.status,
            Reservation.starts_at,
            Reservation.ends_at,
            Reservation.member_id,
            Member.name.label("member"),
            Machine.name.label("machine"),
            Machine.slug,
            Machine.icon,
            Reservation.desk_code,
            Reservation.checked_in_at,
            Reservation.used_until,
            Reservation.outcome,
        )
        .join(Machine, Machine.id == Reservation.machine_id)
        .join(Member, Member.id == Reservation.member_id)
        .where(Reservation.starts_at >= period.start, Reservation.starts_at < period.end, Reservation.status != Status.CANCELLED)
        .order_by(Reservation.starts_at, Reservation.id)
    )
    return [DayLine(**row._mapping) for row in rows]


def affected(machine_id: int, period: Period | None = None) -> list[Reservation]:
    """Live reservations to come on a machine (within `period`, if given): what an outage touches."""
    statement = select(Reservation).where(
        Reservation.machine_id == machine_id, Reservation.status == Status.CONFIRMED, Reservation.ends_at > clock.now()
    )
    if period is not None:
        statement = statement.where(Reservation.starts_at < period.end)
    return list(db.session.scalars(statement.order_by(Reservation.starts_at).options(with_machine())))


@dataclass(frozen=True, slots=True)
class Trouble:
    """A machine that is out of order or has open faults."""

    machine: Machine
    incidents: list[Incident]
    touched: int


def troubles() -> list[Trouble]:
    """Machines in trouble with what was reported and how many reservations are touched. Three statements."""
    reported: dict[int, list[Incident]] = defaultdict(list)
    for incident in db.session.scalars(select(Incident).where(Incident.resolved_at.is_(None)).order_by(Incident.reported_at)):
        reported[incident.machine_id].append(incident)
    found = [one for one in machines() if one.state is State.OUT_OF_ORDER or one.id in reported]
    counts = dict(
        db.session.execute(
            select(Reservation.machine_id, func.count())
            .join(Machine, Machine.id == Reservation.machine_id)
            .where(
                Reservation.status == Status.CONFIRMED,
                Reservation.ends_at > clock.now(),
                Machine.state == State.OUT_OF_ORDER,
                (Machine.out_until.is_(None)) | (Reservation.starts_at < Machine.out_until),
            )
            .group_by(Reservation.machine_id)
        ).all()  # type: ignore[arg-type]
    )
    return [Trouble(one, reported.get(one.id, []), counts.get(one.id, 0)) for one in found]


def incidents(machine_id: int, most: int = 20) -> list[Incident]:
    """A machine's faults, the open ones first."""
    statement = select(Incident).where(Incident.machine_id == machine_id)
    ordered = statement.order_by(Incident.resolved_at.is_not(None), Incident.reported_at.desc()).limit(most)
    return list(db.session.scalars(ordered))


# ── feeds: columns only ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a feed's ETag is made of, and what its rows are read by."""

    machine_id: int
    resource_id: int
    slug: str
    capacity: int
    revision: int


def stamps(slug: str | None = None) -> list[Stamp]:
    """One machine's, or every machine's, in one statement."""
    statement: Select[Any] = (
        select(Machine.id, Machine.resource_id, Machine.slug, Resource.capacity, Resource.revision)
        .join(Resource, Resource.id == Machine.resource_id)
        .where(Machine.state != State.RETIRED)
        .order_by(Machine.id)
    )
    if slug is not None:
        statement = statement.where(Machine.slug == slug)
    return [Stamp(*row) for row in db.session.execute(statement)]


def events(resource_ids: Sequence[int], period: Period) -> list[Any]:
    """Rows (resource_id, starts_at, ends_at, purpose, reservation_id, member_id, status) that touch `period`. One statement."""
    claim = aliased(Reservation)
    statement = (
        calendar.touching(
            select(
                Occupancy.resource_id,
                Occupancy.starts_at,
                Occupancy.ends_at,
                Occupancy.purpose,
                claim.id.label("reservation_id"),
                claim.member_id,
                claim.status,
            ).select_from(Occupancy),
            resource_ids,
            period,
        )
        .outerjoin(claim, claim.occupancy_id == Occupancy.id)
        .order_by(Occupancy.resource_id, Occupancy.starts_at)
    )
    return list(db.session.execute(statement))


KINDS: Mapping[Purpose, str] = {
    Purpose.RESERVATION: "other",
    Purpose.MAINTENANCE: "repair",
    Purpose.CLOSURE: "closed",
    Purpose.PRIVATISATION: "hired",
    Purpose.SESSION: "class",
}


def reservations_for_feed(member_id: int) -> list[Reservation]:
    """What a personal calendar shows: from three months ago on; the cancelled ones stay for a month."""
    now = clock.now()
    return list(
        db.session.scalars(
            select(Reservation)
            .where(
                Reservation.member_id == member_id,
                Reservation.starts_at >= now - timedelta(days=92),
                (Reservation.status != Status.CANCELLED) | (Reservation.cancelled_at >= now - timedelta(days=31)),
            )
            .order_by(Reservation.starts_at)
            .options(with_machine())
        )
    )


def with_machine() -> Any:
    return joinedload(Reservation.machine).joinedload(Machine.resource)
