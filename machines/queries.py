"""What pages and feeds read about machines: a constant number of statements each, columns where rows are many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import joinedload

from app.accounts.models import Member
from app.calendar import queries as calendar
from app.calendar.models import Resource
from app.kernel import clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db
from app.kernel.periods import Period
from billing import rates
from billing.pricing import RateTerms
from machines import requirements
from machines.models import Incident, Machine, Reservation, State
from machines.rules import LIVE, LONGEST_MINUTES, Missing, Status


def machine_by_id(machine_id: int) -> Machine:
    """Raises NoResultFound (404 at the edge)."""
    return db.session.scalars(select(Machine).where(Machine.id == machine_id).options(joinedload(Machine.resource))).one()


def machine(slug: str, *, even_retired: bool = False) -> Machine:
    """Raises NoResultFound for an unknown slug, and for a retired machine unless asked for."""
    if "\x00" in slug:  # PostgreSQL cannot even be asked
        raise NoResultFound
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


# ── the catalogue and the wall ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Now:
    """What a machine is doing: `free`, `busy`, `closed` or `out`, and until when, as far as one can see."""

    state: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Card:
    """A machine as one reader sees it. `autonomous_until` says something only when nothing is missing; None is for good."""

    machine: Machine
    space: Mapping[str, str]
    now: Now
    next_free: datetime | None
    missing: tuple[Missing, ...]
    autonomous_until: date | None
    is_open_to_all: bool
    terms: RateTerms | None


def cards(member_id: int | None, tariff_group: str) -> list[Card]:
    """Every machine as the catalogue and the tool wall show it to this reader. Ten statements at most."""
    found, today = machines(), clock.today()
    states = states_now(found)
    asked = requirements.conditions(one.id for one in found)
    held = requirements.held_alone(member_id, today)
    terms = rates.terms_for([one.item for one in found], tariff_group, today)
    places = spaces()
    return [
        Card(
            machine=one,
            space=places.get(one.resource.parent_id or 0, {}),
            now=states[one.id][0],
            next_free=states[one.id][1],
            missing=requirements.missing(asked.get(one.id, []), held),
            autonomous_until=_autonomous_until(asked.get(one.id, []), held),
            is_open_to_all=one.id not in asked,
            terms=terms.get(one.item),
        )
        for one in found
    ]


def _autonomous_until(asked: Sequence[requirements.Condition], held: requirements.Held) -> date | None:
    ends = [condition.last_day(held) for condition in asked if condition.met_by(held)]
    return min((end for end in ends if end is not None), default=None)


def states_now(found: Sequence[Machine]) -> dict[int, tuple[Now, datetime | None]]:
    """The state of each machine at this minute and when it is next free, looking a week ahead."""
    now = clock.now()
    ahead = Period(now, now + timedelta(days=7))
    ids = [one.resource_id for one in found]
    opening, free = calendar.opening(ids, ahead), calendar.free(ids, ahead)
    return {one.id: _state_now(one, now, opening[one.resource_id], free[one.resource_id]) for one in found}


def _state_now(one: Machine, now: datetime, opening: Sequence[Period], free: Sequence[Period]) -> tuple[Now, datetime | None]:
    if one.is_out_at(now):
        back = one.out_until
        return Now("out", back), next((max(period.start, back) for period in free if period.end > back), None) if back else None
    next_free = free[0].start if free else None
    if not any(period.contains(now) for period in opening):
        return Now("closed", opening[0].start if opening else None), next_free
    if next_free == now:
        return Now("free", free[0].end), now
    return Now("busy", next_free), next_free


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
    """Every reservation that shares time with a stretch but the cancelled ones, in order. One statement."""
    longest = timedelta(minutes=LONGEST_MINUTES)
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
        .where(
            Reservation.starts_at >= period.start - longest,
            Reservation.starts_at < period.end,
            Reservation.ends_at > period.start,
            Reservation.status != Status.CANCELLED,
        )
        .order_by(Reservation.starts_at, Reservation.id)
    )
    return [DayLine(**row._mapping) for row in rows]


def affected(machine_id: int, until: datetime | None = None) -> list[Reservation]:
    """Live reservations of a machine that begin before `until`, if given: what an outage touches."""
    statement = select(Reservation).where(
        Reservation.machine_id == machine_id, Reservation.status.in_(LIVE), Reservation.ends_at > clock.now()
    )
    if until is not None:
        statement = statement.where(Reservation.starts_at < until)
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
    found = [one for one in machines() if one.is_out_at(clock.now()) or one.id in reported]
    counts = dict(
        db.session.execute(
            select(Reservation.machine_id, func.count())
            .join(Machine, Machine.id == Reservation.machine_id)
            .where(
                Reservation.status.in_(LIVE),
                Reservation.ends_at > clock.now(),
                Machine.state == State.OUT_OF_ORDER,
                (Machine.out_until.is_(None)) | (Reservation.starts_at < Machine.out_until),
            )
            .group_by(Reservation.machine_id)
        ).all()
    )
    return [Trouble(one, reported.get(one.id, []), counts.get(one.id, 0)) for one in found]


def incidents(machine_id: int, most: int = 20) -> list[Incident]:
    """A machine's faults, the open ones first."""
    statement = select(Incident).where(Incident.machine_id == machine_id)
    ordered = statement.order_by(Incident.resolved_at.is_not(None), Incident.reported_at.desc()).limit(most)
    return list(db.session.scalars(ordered))


def with_machine() -> Any:
    return joinedload(Reservation.machine).joinedload(Machine.resource)
