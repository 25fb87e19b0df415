"""What a kilogram of something costs on any day; and setting it, by new rows that end the earlier ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select

from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import db
from app.kernel.money import Cents
from app.kernel.refusals import NotAllowed, Refused
from billing import rules
from billing.guards import take_turn
from billing.models import WeightRate


def price(item: str, on: date) -> Cents | None:
    """Cents per kilogram on that day; None when it is free. One statement."""
    return prices([item], on).get(item)


def prices(items: Iterable[str], on: date) -> dict[str, Cents]:
    """The same for many items; those that are free are left out. One statement."""
    rows = select(WeightRate.item, WeightRate.cents_per_kilogram).where(WeightRate.item.in_(list(items)), _in_force(on))
    return {row.item: row.cents_per_kilogram for row in db.session.execute(rows)}


def price_list(on: date) -> dict[str, Cents]:
    """Every item that is sold by weight on that day. One statement."""
    rows = select(WeightRate.item, WeightRate.cents_per_kilogram).where(_in_force(on)).order_by(WeightRate.item)
    return {row.item: row.cents_per_kilogram for row in db.session.execute(rows)}


def history(item: str) -> list[WeightRate]:
    """Every price of an item that held or will hold, latest first. One statement."""
    rows = select(WeightRate).where(WeightRate.item == item, _is_not_replaced())
    return list(db.session.scalars(rows.order_by(WeightRate.valid_from.desc(), WeightRate.id.desc())))


def set_price(*, actor: Actor, item: str, cents_per_kilogram: Cents | None, valid_from: date | None = None) -> WeightRate | None:
    """From `valid_from` (today unless said), a kilogram of `item` costs this; the price until then ends that day.

    A price already planned for later keeps its day. None ends the price: from then on it is free. What was charged stays as it
    was. Raises Refused for a day in the past, NotAllowed to all but managers.
    """
    if not actor.has(Role.MANAGER):
        raise NotAllowed
    today = clock.today()
    first = valid_from or today
    if first < today:
        raise Refused([rules.RATE_IN_THE_PAST(day=first)])
    take_turn("rates")
    planned = _last_until(item, first)
    db.session.flush()  # the earlier one ends before the new one takes its place
    row = None
    if cents_per_kilogram is not None:
        row = WeightRate(
            item=item,
            cents_per_kilogram=cents_per_kilogram,
            valid_from=first,
            valid_until=planned,
            set_by_id=actor.member_id,
            set_at=clock.now(),
        )
        db.session.add(row)
    audit.record(
        actor,
        "rate.ended" if cents_per_kilogram is None else "rate.set",
        item,
        cents_per_kilogram=cents_per_kilogram,
        valid_from=first.isoformat(),
    )
    return row


def _last_until(item: str, first: date) -> date | None:
    """End on `first` the price that would hold then; the day the next planned one begins, if there is one."""
    for row in db.session.scalars(select(WeightRate).where(WeightRate.item == item, _in_force(first))):
        row.valid_until = first
    later = select(WeightRate.valid_from).where(WeightRate.item == item, WeightRate.valid_from > first, _is_not_replaced())
    return db.session.scalars(later.order_by(WeightRate.valid_from).limit(1)).first()


def _in_force(on: date) -> ColumnElement[bool]:
    return and_(WeightRate.valid_from <= on, or_(WeightRate.valid_until.is_(None), WeightRate.valid_until > on))


def _is_not_replaced() -> ColumnElement[bool]:
    """A price that another one of the same day replaced holds for no day at all."""
    return or_(WeightRate.valid_until.is_(None), WeightRate.valid_until > WeightRate.valid_from)
