"""Free stretches worth proposing to somebody: those that booking would not refuse for the machine's or for their own sake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import aliased, joinedload

from app.calendar import queries as calendar
from app.calendar.models import Resource
from app.kernel import clock
from app.kernel.db import db
from app.kernel.periods import Period
from machines import agenda, requirements
from machines.models import Machine, Reservation, State
from machines.rules import Claim, Status

BEFORE, AFTER = timedelta(days=3), timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stretch that was free when we looked."""

    machine: Machine
    period: Period

    @property
    def claim(self) -> Claim:
        return Claim(self.period.start, self.period.end)


def first(one: Machine, member_id: int | None, minutes: int, *, after: datetime | None = None) -> Claim | None:
    """The first free stretch of that length within two weeks, else of the shortest the machine allows, else further ahead."""
    begin = max(after or clock.now(), clock.now())
    for days in dict.fromkeys((AFTER, timedelta(days=one.horizon_days))):
        for length in dict.fromkeys((minutes, one.shortest_minutes)):
            if found := _free([(one, length)], member_id, begin=begin, end=begin + days):
                return found[0].claim
    return None


def first_of_each(found: Sequence[Machine], member_id: int, minutes: int) -> list[Proposal]:
    """The first free stretch of that length on each machine that has one, soonest first."""
    now = clock.now()
    nearest: dict[int, Proposal] = {}
    for proposal in _free([(one, minutes) for one in found], member_id, begin=now, end=now + AFTER):
        nearest.setdefault(proposal.machine.id, proposal)
    return sorted(nearest.values(), key=lambda proposal: proposal.period.start)


def nearest(one: Machine, member_id: int, period: Period, *, moving: Reservation | None = None, count: int = 3) -> list[Proposal]:
    """The nearest free stretches of the same length, before or after; also on machines that can stand in, unless it is a move."""
    now = clock.now()
    begin, end = max(now, period.start - BEFORE), period.end + AFTER
    if end <= begin:
        return []
    candidates = [one] if moving else [one, *_stand_ins(one, member_id, period)]
    found = _free([(other, period.minutes) for other in candidates], member_id, begin=begin, end=end, moving=moving)
    return _nearest(found, one, period.start, count)


def nearest_among(
    lengths: Sequence[tuple[Machine, int]], member_id: int, one: Machine, start: datetime, count: int = 3
) -> list[Proposal]:
    """The nearest free stretches to `start`, before or after, on any of these machines for its own length; `one` goes first."""
    begin = max(clock.now(), start - BEFORE)
    found = _free(lengths, member_id, begin=begin, end=max(begin, start) + AFTER)
    return _nearest(found, one, start, count)


def in_order(lengths: Sequence[tuple[Machine, int]], member_id: int, *, after: datetime) -> list[Proposal]:
    """Every free stretch of two weeks, on each machine for its own length, soonest first."""
    begin = max(after, clock.now())
    return _free(lengths, member_id, begin=begin, end=begin + AFTER)


def _nearest(found: Sequence[Proposal], one: Machine, start: datetime, count: int) -> list[Proposal]:
    chosen: list[Proposal] = []
    for proposal in sorted(found, key=lambda other: (abs(other.period.start - start), other.machine.id != one.id)):
        same = [other for other in chosen if other.machine.id == proposal.machine.id]
        if not any(other.period.overlaps(proposal.period) for other in same):
            chosen.append(proposal)
        if len(chosen) == count:
            break
    return chosen


def _stand_ins(one: Machine, member_id: int, period: Period) -> list[Machine]:
    """Machines of the same kind and danger in the same space, which the member may use as well."""
    here = aliased(Resource)
    alike = db.session.scalars(
        select(Machine)
        .join(Machine.resource)
        .options(joinedload(Machine.resource))
        .where(
            Machine.icon == one.icon,
            Machine.danger == one.danger,
            Machine.id != one.id,
            Machine.state != State.RETIRED,
            Resource.parent_id == select(here.parent_id).where(here.id == one.resource_id).scalar_subquery(),
        )
        .order_by(Machine.code)
    ).all()
    day = period.start.astimezone(clock.zone()).date()
    usable = requirements.may_use(member_id, [other.id for other in alike], day) if alike else set()
    return [other for other in alike if other.id in usable]


def _free(
    lengths: Sequence[tuple[Machine, int]],
    member_id: int | None,
    *,
    begin: datetime,
    end: datetime,
    moving: Reservation | None = None,
) -> list[Proposal]:
    """Every stretch of each machine's length that fits between `begin` and `end`, soonest first."""
    booked = agenda.engagements(member_id, clock.now()) if member_id is not None else []
    mine = [one for one in booked if moving is None or one.reservation_id != moving.id]
    taking = {one: minutes for one, minutes in lengths if _takes(one, minutes, mine, is_change=moving is not None)}
    by_resource = {one.resource_id: one for one in taking}
    if not by_resource:
        return []
    slots = calendar.first_free(
        {one.resource_id: minutes for one, minutes in taking.items()},
        after=begin,
        days=(end - begin).days + 1,
        turnaround_minutes={ident: one.turnaround_minutes for ident, one in by_resource.items()},
    )
    proposals = (Proposal(by_resource[slot.resource_id], slot.period) for slot in slots if slot.period.end <= end)
    return [proposal for proposal in proposals if _suits(proposal, mine)]


def _takes(one: Machine, minutes: int, mine: Sequence[agenda.Engagement], *, is_change: bool) -> bool:
    """Whether the machine takes a reservation of that length, and one more of this member's."""
    coming = sum(1 for booked in mine if booked.machine_id == one.id and booked.status is not Status.IN_USE)
    fits = one.shortest_minutes <= minutes <= one.longest_minutes and minutes % one.step_minutes == 0
    return fits and (is_change or coming < one.ahead_most)


def _suits(proposal: Proposal, mine: Sequence[agenda.Engagement]) -> bool:
    one, start = proposal.machine, proposal.period.start
    local = start.astimezone(clock.zone())
    if local.minute % one.step_minutes or local.date() > clock.today() + timedelta(days=one.horizon_days):
        return False
    if one.is_out_at(start) or start < clock.now() + timedelta(minutes=one.notice_minutes):
        return False
    elsewhere = [booked for booked in mine if booked.machine_id == one.id or (booked.is_attended and one.is_attended)]
    return not any(booked.period.overlaps(proposal.period) for booked in elsewhere)
