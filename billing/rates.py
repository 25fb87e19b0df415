"""What an hour of something costs each tariff group, on any day; and setting it, by new rows that end the earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, bindparam, or_, select

from app.accounts.models import TariffGroup
from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db, run
from app.kernel.refusals import NotAllowed, Refused
from billing import rules
from billing.guards import take_turn
from billing.models import Rate
from billing.pricing import RateTerms


def _in_force(on: Any) -> ColumnElement[bool]:
    """Of a day, or of the parameter that will bring it."""
    return and_(Rate.valid_from <= on, or_(Rate.valid_until.is_(None), Rate.valid_until > on))


_TERMS = (
    select(Rate.item, Rate.tariff_group, Rate.cents_per_hour, Rate.minimum_minutes, Rate.step_minutes)
    .where(
        Rate.item.in_(bindparam("items", expanding=True)),
        or_(Rate.tariff_group == TariffGroup.STANDARD, Rate.tariff_group == bindparam("group")),
        _in_force(bindparam("on", type_=Date)),
    )
    .order_by(Rate.id)
)


def terms(item: str, tariff_group: str, on: date) -> RateTerms | None:
    """The group's own rate for `item` on that day, else the standard one; None when it is free. One statement."""
    return terms_for([item], tariff_group, on).get(item)


def terms_for(items: Sequence[str], tariff_group: str, on: date) -> dict[str, RateTerms]:
    """The same for many items; those that are free are left out. One statement."""
    found: dict[str, RateTerms] = {}
    for item, group, cents_per_hour, minimum_minutes, step_minutes in run(
        _TERMS, items=list(items), group=TariffGroup(tariff_group), on=on
    ):
        if group != TariffGroup.STANDARD or item not in found:
            found[item] = RateTerms(cents_per_hour, minimum_minutes, step_minutes, group)
    return found


def price_list(on: date) -> dict[str, dict[TariffGroup, RateTerms]]:
    """Every item that has a rate on that day, by the groups that have their own. One statement."""
    found: dict[str, dict[TariffGroup, RateTerms]] = {}
    for row in db.session.scalars(select(Rate).where(_in_force(on)).order_by(Rate.item, Rate.id)):
        found.setdefault(row.item, {})[row.tariff_group] = row.terms
    return found


def history(item: str) -> list[Rate]:
    """Every rate of an item that held or will hold, latest first within a group. One statement."""
    rows = select(Rate).where(Rate.item == item, _is_not_replaced())
    return list(db.session.scalars(rows.order_by(Rate.tariff_group, Rate.valid_from.desc(), Rate.id.desc())))


def set_rate(
    *, actor: Actor, item: str, tariff_group: TariffGroup, terms: RateTerms | None, valid_from: date | None = None
) -> Rate | None:
    """From `valid_from` (today unless said), this is what `item` costs the group; the rate until then ends that day.

    A rate already planned for later keeps its day. Terms of None end the group's own rate: the standard one applies to it
    again, and what has no standard rate is free. What was charged stays as it was. Raises Refused for a day in the past,
    NotAllowed to all but managers.
    """
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    today = clock.today()
    first = valid_from or today
    if first < today:
        raise Refused([rules.RATE_IN_THE_PAST(day=first)])
    take_turn("rates")
    planned = _last_until(item, tariff_group, first)
    db.session.flush()  # the earlier one ends before the new one takes its place
    row = None
    if terms is not None:
        row = Rate(
            item=item,
            tariff_group=tariff_group,
            cents_per_hour=terms.cents_per_hour,
            minimum_minutes=terms.minimum_minutes,
            step_minutes=terms.step_minutes,
            valid_from=first,
            valid_until=planned,
            set_by_id=actor.member_id,
            set_at=clock.now(),
        )
        db.session.add(row)
    audit.record(
        actor,
        "rate.set" if terms else "rate.ended",
        item,
        tariff_group=tariff_group.value,
        cents_per_hour=terms.cents_per_hour if terms else None,
        minimum_minutes=terms.minimum_minutes if terms else None,
        step_minutes=terms.step_minutes if terms else None,
        valid_from=first.isoformat(),
    )
    return row


def set_rates(*, actor: Actor, item: str, wanted: Mapping[TariffGroup, RateTerms | None], valid_from: date) -> list[TariffGroup]:
    """Set what differs from the rates of that day, group by group; which groups changed. As `set_rate`."""
    held = {row.tariff_group: row.terms for row in history(item) if row.holds_on(valid_from)}
    changed = [group for group, terms in wanted.items() if held.get(group) != terms]
    for group in changed:
        set_rate(actor=actor, item=item, tariff_group=group, terms=wanted[group], valid_from=valid_from)
    return changed


def _last_until(item: str, tariff_group: TariffGroup, first: date) -> date | None:
    """End on `first` every rate that would hold then; the day the next planned one begins, if there is one."""
    mine = (Rate.item == item, Rate.tariff_group == tariff_group)
    for row in db.session.scalars(select(Rate).where(*mine, _in_force(first))):
        row.valid_until = first
    later = select(Rate.valid_from).where(*mine, Rate.valid_from > first, _is_not_replaced())
    return db.session.scalars(later.order_by(Rate.valid_from).limit(1)).first()


def _is_not_replaced() -> ColumnElement[bool]:
    """A rate that another one of the same day replaced holds for no day at all."""
    return or_(Rate.valid_until.is_(None), Rate.valid_until > Rate.valid_from)
