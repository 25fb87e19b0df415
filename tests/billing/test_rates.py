"""Which price holds on which day for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.accounts.models import TariffGroup
from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from app.kernel.refusals import NotAllowed, Refused
from billing import rates
from billing.models import Rate
from billing.pricing import RateTerms
from tests.billing.scene import codes, set_rate
from tests.builders import acting
from tests.trainings.scene import at_once

ITEM = "machine:7"


def price(group="standard", days=0, item=ITEM):
    db.session.rollback()
    found = rates.terms(item, group, clock.today() + timedelta(days=days))
    return found.cents_per_hour if found else None


def in_days(days):
    return clock.today() + timedelta(days=days)


def test_a_group_without_its_own_rate_pays_the_standard_one(lab):
    set_rate(lab.lea, ITEM, 500, "solidarity")
    assert [price(group) for group in TariffGroup] == [1000, 500, 1000]
    assert rates.terms(ITEM, "solidarity", clock.today()) == RateTerms(Cents(500), 0, 1, "solidarity")
    assert rates.terms(ITEM, "professional", clock.today()).tariff_group == "standard"


def test_what_has_no_rate_is_free(lab):
    assert price(item="machine:8") is None
    assert price(days=-1) is None


def test_a_price_of_zero_is_a_group_s_own_free_use(lab):
    set_rate(lab.lea, ITEM, 0, "solidarity")
    assert price("solidarity") == 0


def test_many_items_are_read_in_one_statement(lab, statements):
    set_rate(lab.lea, "machine:8", 300, minimum_minutes=15, step_minutes=5)
    set_rate(lab.lea, "machine:8", 200, "professional")
    statements.clear()
    found = rates.terms_for(["machine:7", "machine:8", "machine:9"], "professional", clock.today())
    assert len(statements) == 1
    assert {item: terms.cents_per_hour for item, terms in found.items()} == {"machine:7": 1000, "machine:8": 200}
    assert rates.terms_for([], "standard", clock.today()) == {}


def test_a_new_rate_ends_the_one_before_and_overwrites_nothing(lab):
    set_rate(lab.lea, ITEM, 1200, valid_from=in_days(10))
    assert [price(days=days) for days in (0, 9, 10, 100)] == [1000, 1000, 1200, 1200]
    rows = rates.history(ITEM)
    assert [(row.cents_per_hour, row.valid_from, row.last_day) for row in rows] == [
        (1200, in_days(10), None),
        (1000, in_days(0), in_days(9)),
    ]


def test_a_rate_planned_for_later_keeps_its_day(lab):
    set_rate(lab.lea, ITEM, 1500, valid_from=in_days(20))
    set_rate(lab.lea, ITEM, 1200, valid_from=in_days(10))
    assert [price(days=days) for days in (0, 10, 19, 20)] == [1000, 1200, 1200, 1500]


def test_the_last_of_two_rates_of_one_day_holds(lab):
    set_rate(lab.lea, ITEM, 900)
    assert price() == 900
    set_rate(lab.lea, ITEM, 1500, valid_from=in_days(5))
    set_rate(lab.lea, ITEM, 1600, valid_from=in_days(5))
    assert [price(days=days) for days in (4, 5, 60)] == [900, 1600, 1600]
    assert [row.cents_per_hour for row in rates.history(ITEM)] == [1600, 900]


def test_ending_a_group_s_rate_gives_it_the_standard_one_again(lab):
    set_rate(lab.lea, ITEM, 500, "solidarity")
    set_rate(lab.lea, ITEM, None, "solidarity", valid_from=in_days(3))
    assert [price("solidarity", days) for days in (2, 3)] == [500, 1000]
    set_rate(lab.lea, ITEM, None)
    assert price() is None


def test_no_rate_begins_in_the_past(lab):
    with pytest.raises(Refused) as refused:
        set_rate(lab.lea, ITEM, 900, valid_from=in_days(-1))
    assert codes(refused) == {"rate_in_the_past"}
    assert price() == 1000


@pytest.mark.parametrize("who", ["alba", "carl", "ada"])
def test_only_managers_set_rates(lab, who):
    with pytest.raises(NotAllowed):
        set_rate(getattr(lab, who), ITEM, 1)
    assert price() == 1000


def test_setting_several_groups_writes_down_only_what_changes(lab):
    wanted = {
        TariffGroup.STANDARD: RateTerms(Cents(1000)),
        TariffGroup.SOLIDARITY: RateTerms(Cents(400), tariff_group="solidarity"),
        TariffGroup.PROFESSIONAL: None,
    }
    for expected in ([TariffGroup.SOLIDARITY], []):
        with transaction():
            changed = rates.set_rates(actor=acting(lab.lea), item=ITEM, wanted=wanted, valid_from=clock.today())
        assert changed == expected
    assert [price(group) for group in TariffGroup] == [1000, 400, 1000]


def test_who_set_what_is_in_the_audit(lab):
    set_rate(lab.lea, ITEM, 900, minimum_minutes=15)
    last = db.session.scalars(select(AuditEntry).where(AuditEntry.subject == ITEM).order_by(AuditEntry.id.desc())).first()
    assert (last.verb, last.actor_id) == ("rate.set", lab.lea.id)
    assert (last.details["cents_per_hour"], last.details["minimum_minutes"]) == (900, 15)


@pytest.mark.both_engines
def test_rates_set_at_once_leave_one_in_force(app, lab):
    actor = acting(lab.lea)

    def setting(cents):
        def act():
            terms = RateTerms(Cents(cents))
            rates.set_rate(actor=actor, item=ITEM, tariff_group=TariffGroup.STANDARD, terms=terms)
            db.session.flush()
            return cents

        return act

    wanted = [1100, 1200, 1300, 1400]
    assert at_once(app, *(setting(cents) for cents in wanted)) == wanted
    db.session.rollback()
    lasting = select(func.count()).select_from(Rate).where(Rate.item == ITEM, Rate.valid_until.is_(None))
    assert db.session.scalar(lasting) == 1
    assert len(rates.history(ITEM)) == 1
