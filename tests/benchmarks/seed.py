"""A year of a busy lab: 200 members, 40 machines, 2,000 certifications, 20,000 reservations; and a hundred times as much.

Rows are written in bulk, with the triggers and indexes of the two long tables put back afterwards; services are for what is
measured. Every open day, two reservations a machine leave the same stretches free, from which `bookings` takes its claims.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, case, cast, func, insert, literal, select

from app.accounts import lab
from app.accounts.models import Charter, CharterAcceptance, Member, TariffGroup
from app.calendar import queries as calendar
from app.calendar.models import Kind, Occupancy, Purpose, Resource
from app.factory import create_app
from app.kernel import clock
from app.kernel.actors import HOUSE, Role
from app.kernel.db import UtcDateTime, db, transaction
from app.kernel.periods import Period
from app.kernel.settings import Settings
from billing.models import Rate
from machines.models import Machine, Requirement, Reservation
from machines.rules import Claim, Status
from tests.benchmarks import bulk
from trainings.models import Capacity, Certification, Competence, Evidence, Level

MEMBERS, MACHINES, COMPETENCES, RESERVATIONS = 200, 40, 10, 20_000
A_HUNDRED_TIMES = 2_000_000
TURNAROUND = 15

MORNING, AFTERNOON = (time(10, 0), time(11, 30)), (time(14, 0), time(16, 0))
FREE_STARTS = (time(11, 45), time(12, 30), time(13, 15), time(16, 15), time(17, 0))
FREE_MINUTES = 30
HOURLY = tuple((time(hour), time(hour, 45)) for hour in range(10, 18))


@dataclass(frozen=True, slots=True)
class House:
    """One seeded database with what a process needs to open it."""

    url: str
    environment: Mapping[str, str]

    def app(self) -> Flask:
        return create_app(Settings.from_env(self.environment))


@dataclass(frozen=True, slots=True)
class Booking:
    """A claim that no rule refuses, and whose it is."""

    member_id: int
    machine_id: int
    slug: str
    claim: Claim


def house(folder: Path, url: str | None = None) -> House:
    """What a lab in `folder` is opened with: SQLite there, or the database at `url`."""
    folder.mkdir(exist_ok=True)
    address = url or f"sqlite:///{folder / 'etabli.sqlite3'}"
    secret = "of no use outside this folder, and long enough"
    return House(address, {"ETABLI_HOME": str(folder), "DATABASE_URL": address, "SECRET_KEY": secret})


def seed(one: House) -> None:
    """An empty database becomes the busy lab."""
    app = one.app()
    with app.app_context():
        upgrade(os.fspath(Path(app.root_path).parent / "migrations"))
        with transaction():
            lab.create(actor=HOUSE, name="La Forge du Canal", closes_on_holidays=True, cancel_notice_minutes=120)
            _people()
            _machines()
        _reserve(_a_year(), RESERVATIONS)
        db.engine.dispose()


def add_history(one: House) -> None:
    """The same lab after so many years that it has a hundred times the reservations; the last year is as it was."""
    app = one.app()
    with app.app_context():
        _reserve(_long_ago(), A_HUNDRED_TIMES - RESERVATIONS)
        db.engine.dispose()


def bookings(count: int) -> list[Booking]:
    """`count` claims in the free stretches of the days to come, no two of a member at the same time. Needs an app context."""
    machines = list(db.session.execute(select(Machine.id, Machine.slug, Machine.resource_id).order_by(Machine.id)))
    resource = machines[0].resource_id
    tz, today = clock.zone(), clock.today()
    month = Period(clock.now() + timedelta(days=1), clock.now() + timedelta(days=29))
    opening = calendar.opening([resource], month)[resource]
    found, slot = [], 0
    for day in (today + timedelta(days=n) for n in range(1, 29)):
        for start in FREE_STARTS:
            naive = datetime.combine(day, start)
            claim = Claim.lasting(naive, FREE_MINUTES, tz)
            if claim.period is None or not any(hours.contains(claim.period) for hours in opening):
                continue
            for number, machine in enumerate(machines):
                found.append(Booking((slot * 7 + number) % MEMBERS + 1, machine.id, machine.slug, claim))
            slot += 1
    if len(found) < count:
        raise RuntimeError(f"only {len(found)} claims fit, {count} are wanted")
    return found[:count]


# ── people and machines ──────────────────────────────────────────────────────────────────────────────────────────────


def _people() -> None:
    long_ago = clock.now() - timedelta(days=400)
    charter = Charter(version=1, title={"en": "The charter"}, points=[{"en": "I tidy up."}], published_at=long_ago)
    db.session.add(charter)
    db.session.add_all(
        Member(
            id=number,
            email=f"member{number}@forge.test",
            name=f"Member Number{number}",
            roles=[Role.MANAGER.value] if number == 1 else [],
            email_proved_at=long_ago,
            created_at=long_ago,
        )
        for number in range(1, MEMBERS + 1)
    )
    db.session.flush()  # what follows names their ids
    db.session.add_all(
        CharterAcceptance(member_id=number, charter_id=charter.id, accepted_at=long_ago) for number in range(1, MEMBERS + 1)
    )
    db.session.add_all(
        Competence(id=number, slug=f"competence-{number}", name={"fr": f"Compétence {number}", "en": f"Competence {number}"})
        for number in range(1, COMPETENCES + 1)
    )
    db.session.flush()
    granted = {
        "level": Level.AUTONOMOUS,
        "valid_from": long_ago.date(),
        "valid_until": clock.today() + timedelta(days=400),
        "granted_at": long_ago,
        "granted_as": Capacity.MANAGER,
        "evidence": Evidence.PRACTICAL,
    }
    db.session.execute(
        insert(Certification),
        [
            {"member_id": member, "competence_id": competence, "granted_by_id": 1 if member != 1 else 2, **granted}
            for member in range(1, MEMBERS + 1)
            for competence in range(1, COMPETENCES + 1)
        ],
    )


def _machines() -> None:
    site = db.session.scalars(select(Resource)).one()
    spaces = [Resource(parent_id=site.id, kind=Kind.SPACE, name={"fr": f"Salle {n}"}, slug=f"room-{n}") for n in range(4)]
    db.session.add_all(spaces)
    db.session.flush()
    for number in range(1, MACHINES + 1):
        name = {"fr": f"Machine {number}", "en": f"Machine {number}"}
        resource = Resource(parent_id=spaces[number % 4].id, kind=Kind.MACHINE, name=name, slug=f"machine-{number}")
        db.session.add(resource)
        db.session.flush()
        machine = Machine(
            resource_id=resource.id,
            slug=f"machine-{number}",
            code=f"M{number:02}",
            name=name,
            turnaround_minutes=TURNAROUND,
            ahead_most=1000,  # asked for at every booking, never what stops one here
        )
        db.session.add(machine)
        db.session.flush()
        for condition in range(1 + number % 2):
            competence = (number + condition) % COMPETENCES + 1
            db.session.add(Requirement(machine_id=machine.id, condition=condition, competence_id=competence))
        for group, cents in ((TariffGroup.STANDARD, 1200), (TariffGroup.SOLIDARITY, 800), (TariffGroup.PROFESSIONAL, 2400)):
            db.session.add(
                Rate(
                    item=machine.item,
                    tariff_group=group,
                    cents_per_hour=cents,
                    minimum_minutes=15,
                    step_minutes=5,
                    valid_from=date(2020, 1, 1),
                    set_at=clock.now(),
                )
            )


# ── reservations, in bulk ────────────────────────────────────────────────────────────────────────────────────────────


def _a_year() -> Iterator[tuple[datetime, datetime]]:
    """Two stretches of each open day, from the end of the next month backwards: a year of them is asked for."""
    return _stretches(clock.today() + timedelta(days=31), (AFTERNOON, MORNING))


def _long_ago() -> Iterator[tuple[datetime, datetime]]:
    """Eight stretches of each open day, before the year."""
    return _stretches(clock.today() - timedelta(days=400), tuple(reversed(HOURLY)))


def _stretches(last: date, times: tuple[tuple[time, time], ...]) -> Iterator[tuple[datetime, datetime]]:
    day, tz = last, clock.zone()
    while True:
        if 1 <= day.weekday() <= 5:
            for start, end in times:
                yield (
                    datetime.combine(day, start, tz).astimezone(UTC),
                    datetime.combine(day, end, tz).astimezone(UTC),
                )
        day -= timedelta(days=1)


def _reserve(stretches: Iterator[tuple[datetime, datetime]], count: int) -> None:
    """`count` reservations: every machine in every stretch, one in sixteen cancelled, the members taking turns."""
    turnaround = timedelta(minutes=TURNAROUND)
    wanted = reversed(list(islice(stretches, count // MACHINES)))
    rows = [{"n": n, "starts_at": start, "ends_at": end, "busy_until": end + turnaround} for n, (start, end) in enumerate(wanted)]
    with bulk.writing(db.engine) as connection, bulk.bare(connection, ("occupancy", "reservation")):
        _STRETCH.create(connection)
        connection.execute(insert(_STRETCH), rows)
        _copy(connection)
        _STRETCH.drop(connection)


_STRETCH = Table(
    "stretch",
    MetaData(),
    Column("n", Integer),
    *(Column(name, UtcDateTime()) for name in ("starts_at", "ends_at", "busy_until")),
    prefixes=["TEMPORARY"],
)


def _copy(connection: Connection) -> None:
    """Every machine takes every stretch, in the order of time as if they had been booked one by one."""
    now, c = clock.now(), _STRETCH.c
    first = connection.scalar(select(func.coalesce(func.max(Occupancy.id), 0))) or 0
    ident = c.n * MACHINES + Machine.id + first
    member = (c.n * 7 + Machine.id * 13) % MEMBERS + 1
    cancelled = (c.n + Machine.id) % 16 == 0
    subject = literal("reservation:").concat(cast(ident, String))
    everything = select(Machine.id).join(_STRETCH, literal(True)).order_by(c.n, Machine.id)
    taking = {
        "id": ident,
        "resource_id": Machine.resource_id,
        "lane": literal(0),
        "starts_at": c.starts_at,
        "ends_at": c.busy_until,
        "purpose": literal(Purpose.RESERVATION, Occupancy.purpose.type),
        "subject": subject,
        "released_at": case((cancelled, c.starts_at), else_=None),
    }
    connection.execute(insert(Occupancy).from_select(list(taking), everything.with_only_columns(*taking.values())))
    outcome = case((cancelled, Status.CANCELLED), (c.starts_at > now, Status.CONFIRMED), else_=Status.COMPLETED)
    claiming = {
        "id": ident,
        "machine_id": Machine.id,
        "member_id": member,
        "payer_id": member,
        "occupancy_id": ident,
        "starts_at": c.starts_at,
        "ends_at": c.ends_at,
        "status": cast(outcome, Reservation.status.type),
        "revision": literal(0),
        "quoted_cents": literal(2400),
        "desk_code": literal("0000"),
        "wrong_codes": literal(0),
        "booked_at": c.starts_at,
        "booked_by_id": member,
        "changed_at": c.starts_at,
        "cancelled_at": case((cancelled, c.starts_at), else_=None),
    }
    connection.execute(insert(Reservation).from_select(list(claiming), everything.with_only_columns(*claiming.values())))
