"""Loads what the rules of booking, changing and arriving need to know, with the rows concerned locked first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from app.accounts import lab
from app.accounts import queries as accounts
from app.accounts.models import Member
from app.accounts.queries import Standing
from app.calendar import hours, occupancies
from app.calendar import queries as calendar
from app.calendar.occupancies import Place
from app.kernel import clock
from app.kernel.db import db, locked, run
from app.kernel.periods import Period
from billing import queries as money
from machines import agenda, codes, requirements, rules
from machines.arrivals import CheckInFacts
from machines.models import Machine, Reservation, State
from machines.rules import BookingFacts, BookingLimits, ChangeFacts, Claim, Missing, Status


def lock(reservation_id: int) -> tuple[Reservation, Machine]:
    """Lock the member, then the reservation: the order in which every booking takes its locks. The machine is read anew."""
    owner = db.session.scalars(select(Reservation.member_id).where(Reservation.id == reservation_id)).one()
    locked(Member, owner)
    reservation = locked(Reservation, reservation_id)
    return reservation, _anew(reservation.machine_id)


_ASKED = (
    Machine.state,
    Machine.out_from,
    Machine.out_until,
    Machine.is_attended,
    Machine.shortest_minutes,
    Machine.longest_minutes,
    Machine.step_minutes,
    Machine.horizon_days,
    Machine.notice_minutes,
    Machine.turnaround_minutes,
    Machine.ahead_most,
)
_ASKED_OF_MACHINE = select(*_ASKED, *hours.revision_columns()).where(Machine.id == bindparam("machine_id"))


@dataclass(frozen=True, slots=True)
class Ground:
    """What a booking stands on: its place on the timetable, claimed, and the revision of the opening hours."""

    place: Place
    hours: hours.Revision


def claimed(machine: Machine) -> Ground:
    """Claim the machine's place and read anew what a booking asks of the machine: until the end nobody puts it out of order,
    retires it or changes its limits.
    """
    [place] = occupancies.claim([machine.resource_id])
    *asked, hours_revision, places = run(_ASKED_OF_MACHINE, machine_id=machine.id).one()
    for column, value in zip(_ASKED, asked, strict=True):
        set_committed_value(machine, column.key, value)
    return Ground(place, (int(hours_revision), int(places)))


def booking(
    standing: Standing, machine: Machine, claim: Claim, *, changing: Reservation | None = None, ground: Ground | None = None
) -> BookingFacts:
    """With the `ground` claimed, the hours are not asked for again."""
    period = claim.period if claim.minutes <= rules.LONGEST_MINUTES else None
    return known(
        standing,
        machine,
        claim,
        engagements=agenda.engagements(standing.member_id, clock.now(), about=(machine.id, period)),
        opening=_opening(machine, period, ground) if period else [],
        missing=requirements.missing_competences(standing.member_id, machine.id, claim.start.astimezone(clock.zone()).date()),
        overdue_cents=money.overdue_cents(standing.member_id, clock.now()),
        changing=changing,
    )


def known(
    standing: Standing,
    machine: Machine,
    claim: Claim,
    *,
    engagements: Sequence[agenda.Engagement],
    opening: Sequence[Period],
    missing: tuple[Missing, ...],
    overdue_cents: int,
    changing: Reservation | None = None,
) -> BookingFacts:
    """The facts of a booking from what was read already, also for many machines together. No statement."""
    now, tz = clock.now(), clock.zone()
    period = claim.period if claim.minutes <= rules.LONGEST_MINUTES else None
    local_start, local_end = (moment.astimezone(tz).replace(tzinfo=None) for moment in (claim.start, claim.end))
    others = [one for one in engagements if changing is None or one.reservation_id != changing.id]
    meanwhile = [one for one in others if period is not None and one.period.overlaps(period)]
    elsewhere = [one for one in meanwhile if one.machine_id != machine.id and one.is_attended and machine.is_attended]
    return BookingFacts(
        now=now,
        claim=claim,
        local_start=local_start,
        local_end=local_end,
        opening=tuple(opening),
        email_proved=standing.email_proved,
        charter_accepted=standing.charter_accepted,
        suspended=standing.suspended,
        missing=missing,
        in_service=machine.state is State.IN_SERVICE,
        out_until=machine.out_until,
        overdue_cents=overdue_cents,
        upcoming=sum(1 for one in others if one.machine_id == machine.id and one.status is not Status.IN_USE),
        busy_elsewhere=tuple(one.machine for one in elsewhere),
        limits=BookingLimits(
            shortest_minutes=machine.shortest_minutes,
            longest_minutes=machine.longest_minutes,
            step_minutes=machine.step_minutes,
            horizon_days=machine.horizon_days,
            notice_minutes=machine.notice_minutes,
            ahead_most=machine.ahead_most,
        ),
        today=clock.today(),
        is_retired=machine.state is State.RETIRED,
        has_it_already=any(one.machine_id == machine.id for one in meanwhile),
        is_change=changing is not None,
        is_new_start=changing is None or changing.starts_at != claim.start,
    )


def _opening(machine: Machine, period: Period, ground: Ground | None) -> list[Period]:
    known = ground.hours if ground else None
    return calendar.opening([machine.resource_id], period, revision=known)[machine.resource_id]


def change(reservation: Reservation) -> ChangeFacts:
    """What moving and cancelling depend on, for the services and for pages that show whether they are possible."""
    return ChangeFacts(
        now=clock.now(),
        status=reservation.status,
        starts_at=reservation.starts_at,
        booked_at=reservation.booked_at,
        notice_minutes=cancel_notice_minutes(),
    )


def arriving(reservation: Reservation, machine: Machine, *, code: str | None, ticks: int) -> CheckInFacts:
    """`code` is what the person typed, None when a host vouches for them."""
    standing = accounts.standing(reservation.member_id)
    house = lab.current()
    return CheckInFacts(
        now=clock.now(),
        status=reservation.status,
        period=reservation.period,
        opens_minutes=house.check_in_opens_minutes if house else 10,
        code_is_right=None if code is None else codes.code_is_right(machine.check_in_secret, code, clock.now()),
        wrong_codes=reservation.wrong_codes,
        ticks_missing=code is not None and ticks < len(machine.safety_ticks),
        suspended=standing.suspended,
        missing=requirements.missing_competences(reservation.member_id, machine.id, clock.today()),
        in_service=not machine.is_out_at(clock.now()),
        out_until=machine.out_until,
    )


def cancel_notice_minutes() -> int:
    house = lab.current()
    return house.cancel_notice_minutes if house else 0


_ANEW = (
    select(Machine)
    .where(Machine.id == bindparam("machine_id"))
    .options(joinedload(Machine.resource))
    .execution_options(populate_existing=True)
)


def _anew(machine_id: int) -> Machine:
    """Whatever the request read of it before its transaction began."""
    return db.session.scalars(_ANEW, {"machine_id": machine_id}).one()
