"""Leaving: the rest of the slot is free, the use is charged once, a fault is passed on, and the house ends what nobody did."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.accounts import lab
from app.calendar.models import Occupancy
from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from billing import ledger
from billing import queries as money
from billing.models import Charge
from machines import catalogue, usage
from machines.models import Incident, State
from machines.rules import Outcome, Status
from tests.billing.scene import set_rate
from tests.builders import acting
from tests.machines.scene import at, book, check_in, codes_of, end, fresh, letters, ready, set_clock


@pytest.fixture
def row(shop):
    """Ada's laser, tomorrow 14–16, begun at two sharp."""
    reservation = book(shop.ada, shop.laser1)
    set_clock("14:00")
    return check_in(shop.ada, reservation, shop.laser1)


def occupied_until(row):
    db.session.rollback()
    return db.session.get_one(Occupancy, row.occupancy_id, populate_existing=True).ends_at


def charge(row):
    db.session.rollback()
    found = money.charge_for(row.subject)
    return money.charge(found.id) if found else None


def text(response):
    return response.get_data(as_text=True)


# ── the end of a use ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_leaving_frees_the_rest_of_the_slot_after_the_turnaround(shop, row):
    set_clock("14:37")
    end(shop.ada, row, note="Plywood 3 mm")
    done = fresh(row)
    assert (done.status, done.outcome, done.is_clean, done.closing_note) == (
        Status.COMPLETED, Outcome.MEMBER, True, "Plywood 3 mm",
    )  # fmt: skip
    assert (done.used_from, done.used_until, done.period.end) == (at("14:00"), at("14:37"), at("16:00"))
    assert occupied_until(row) == at("14:47")
    zoe = ready(shop, "Zoé Neuf")
    with pytest.raises(Refused):
        book(zoe, shop.laser1, "14:45", 1)
    assert book(zoe, shop.laser1, "15:00", 1).starts_at == at("15:00")


def test_reserved_time_is_charged_however_early_one_leaves(shop, row):
    set_clock("14:37")
    end(shop.ada, row)
    found = charge(row)
    [line] = found.lines
    assert (found.payer_id, found.total_cents, line.minutes, line.item) == (shop.ada.id, 3600, 120, shop.laser1.item)
    assert (line.starts_at, line.ends_at, line.label) == (at("14:00"), at("16:00"), shop.laser1.name)
    assert ledger.verify().fault is None


@pytest.mark.parametrize(
    ("begun", "ended", "minutes", "cents"),
    [("14:00", "15:00", 60, 300), ("14:20", "15:00", 40, 200), ("14:00", "14:03", 3, 50), ("14:00", "16:08", 128, 650)],
)
def test_a_machine_that_says_so_charges_the_real_minutes(shop, begun, ended, minutes, cents):
    reservation = book(shop.ada, shop.printer)
    set_clock(begun)
    check_in(shop.ada, reservation, shop.printer)
    set_clock(ended)
    end(shop.ada, reservation)
    found = charge(reservation)
    assert (found.lines[0].minutes, found.total_cents) == (minutes, cents)


def test_a_use_that_lasted_seconds_is_a_minute(shop):
    reservation = book(shop.ada, shop.printer)
    set_clock("14:00")
    check_in(shop.ada, reservation, shop.printer)
    clock.set_clock(clock.now() + timedelta(seconds=20))
    end(shop.ada, reservation)
    assert charge(reservation).lines[0].minutes == 1


def test_half_an_hour_is_charged_as_half_an_hour(shop):
    reservation = book(shop.ada, shop.laser1, "14:00", 0.5)
    set_clock("14:00")
    check_in(shop.ada, reservation, shop.laser1)
    end(shop.ada, reservation)
    found = charge(reservation)
    assert (found.total_cents, found.lines[0].billed_minutes) == (900, 30)


def test_the_rate_of_the_day_of_the_start_counts_and_a_later_one_does_not(shop, row):
    set_rate(shop.lea, shop.laser1.item, 9900, valid_from=clock.today() + timedelta(days=1))
    set_clock("16:05")
    end(shop.ada, row)
    assert charge(row).total_cents == 3600


def test_what_is_free_is_settled_and_leaves_nothing_to_pay(shop):
    reservation = book(shop.ben, shop.bench)
    set_clock("14:00")
    check_in(shop.ben, reservation, shop.bench)
    end(shop.ben, reservation)
    assert (charge(reservation).total_cents, charge(reservation).is_settled) == (0, True)


@pytest.mark.both_engines
def test_ended_twice_it_is_charged_once(shop, row):
    end(shop.ada, row)
    with pytest.raises(Refused) as refused:
        end(shop.ada, row)
    assert codes_of(refused) == ["not_any_more"]
    db.session.rollback()
    assert db.session.scalar(select(func.count(Charge.id))) == 1


def test_what_never_began_is_not_ended(shop):
    reservation = book(shop.ada, shop.laser1)
    with pytest.raises(Refused) as refused:
        end(shop.ada, reservation)
    assert codes_of(refused) == ["not_any_more"]
    assert charge(reservation) is None


def test_only_the_member_or_a_manager_ends_a_use(shop, row):
    with pytest.raises(NotAllowed):
        end(shop.ben, row)
    end(shop.lea, row)
    assert fresh(row).outcome is Outcome.HOST
    assert charge(row).payer_id == shop.ada.id


# ── clean? fault? ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("stops", "state"), [(False, State.IN_SERVICE), (True, State.OUT_OF_ORDER)])
def test_a_fault_is_passed_on_and_one_that_is_not_safe_stops_the_machine(shop, row, stops, state):
    end(shop.ada, row, is_clean=False, fault="The lens is cracked", stops_machine=stops)
    incident = db.session.scalars(select(Incident)).one()
    assert (incident.text, incident.reservation_id, incident.reported_by_id) == ("The lens is cracked", row.id, shop.ada.id)
    assert fresh(shop.laser1).state is state
    assert fresh(row).is_clean is False
    [letter] = letters("fault")
    assert letter.to_address == "bonjour@forge.test"


URL = "/reservations/{}/completion"


def test_the_page_asks_clean_and_fault_then_shows_the_price(shop, row, as_):
    ada, url = as_(shop.ada), URL.format(row.id)
    assert 'name="is_clean"' in text(ada.get(url))
    response = ada.post(url, data={"is_clean": "yes", "note": "MDF", "key": "k"})
    assert response.status_code == 303
    page = text(ada.get(response.location))
    assert "36,00" in page
    assert ada.get(url).location.endswith(f"/reservations/{row.id}")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"is_clean": "maybe"},
        {"is_clean": "yes", "stops_machine": "y"},
        {"is_clean": "yes", "fault": "x" * 1001},
        {"is_clean": "yes", "note": "a\x00b"},
    ],
)
def test_an_ending_that_makes_no_sense_keeps_what_was_typed(shop, row, as_, data):
    response = as_(shop.ada).post(URL.format(row.id), data={"key": "k", "note": "MDF 6 mm", **data})
    assert response.status_code == 422
    assert fresh(row).status is Status.IN_USE
    if "note" not in data:
        assert "MDF 6 mm" in text(response)


def test_two_clicks_end_once(shop, row, as_):
    ada = as_(shop.ada)
    for _ in range(2):
        assert ada.post(URL.format(row.id), data={"is_clean": "yes", "key": "k"}).status_code == 303
    assert ada.post(URL.format(row.id), data={"is_clean": "yes", "key": "other"}).status_code == 409
    assert db.session.scalar(select(func.count(Charge.id))) == 1


# ── nobody ended it, nobody came ─────────────────────────────────────────────────────────────────────────────────────


def whole(act, row):
    with transaction():
        return act(row.id)


@pytest.mark.parametrize(("now", "ended"), [("16:09", False), ("16:10", True), ("23:00", True)])
def test_a_forgotten_use_ends_ten_minutes_after_its_slot_and_is_charged_to_its_end(shop, row, now, ended):
    set_clock(now)
    assert whole(usage.end_if_forgotten, row) is ended
    if ended:
        done = fresh(row)
        assert (done.status, done.outcome, done.used_until) == (Status.COMPLETED, Outcome.HOUSE, at("16:00"))
        assert charge(row).total_cents == 3600
        assert not whole(usage.end_if_forgotten, row)


def test_a_forgotten_print_is_charged_to_the_end_of_its_slot_no_further(shop):
    reservation = book(shop.ada, shop.printer, "14:00", 1)
    set_clock("14:10")
    check_in(shop.ada, reservation, shop.printer)
    set_clock("09:00", "2026-11-29")
    assert whole(usage.end_if_forgotten, reservation)
    assert charge(reservation).lines[0].minutes == 50


def test_within_those_ten_minutes_the_member_still_ends_it(shop, row):
    set_clock("16:09")
    end(shop.ada, row)
    assert fresh(row).outcome is Outcome.MEMBER
    assert charge(row).total_cents == 3600


@pytest.mark.parametrize(("now", "absent"), [("14:14", False), ("14:15", True), ("09:00", True)])
@pytest.mark.both_engines
def test_who_has_not_come_after_a_quarter_of_an_hour_frees_the_machine(shop, now, absent):
    reservation = book(shop.ada, shop.laser1)
    set_clock(now, "2026-11-27" if now != "09:00" else "2026-11-29")
    assert whole(usage.note_absence, reservation) is absent
    if absent:
        gone = fresh(reservation)
        assert (gone.status, gone.revision) == (Status.NO_SHOW, 1)
        assert charge(reservation) is None
        assert not whole(usage.note_absence, reservation)
    if now == "14:15":
        assert occupied_until(reservation) == at("14:15")
        book(ready(shop, "Zoé Neuf"), shop.laser1, "14:15", 1)


def test_the_labs_own_patience_counts(shop):

    reservation = book(shop.ada, shop.laser1)
    with transaction():
        lab.change(actor=acting(shop.lea), no_show_after_minutes=30)
    set_clock("14:29")
    assert not whole(usage.note_absence, reservation)
    set_clock("14:30")
    assert whole(usage.note_absence, reservation)


def test_nobody_is_absent_from_a_broken_machine(shop):

    reservation = book(shop.ada, shop.laser1)
    with transaction():
        catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.laser1.id, until=None, note="The tube is dead")
    set_clock("14:20")
    assert whole(usage.note_absence, reservation)
    assert fresh(reservation).status is Status.CANCELLED
    [letter] = letters("cancelled")
    assert "The tube is dead" in letter.text
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "reservation.cancelled")).one()
    assert entry.actor_id is None


def test_who_came_is_not_absent_and_who_is_there_is_not_begun_twice(shop, row):
    set_clock("15:00")
    assert not whole(usage.note_absence, row)
    assert not whole(usage.begin_if_due, row)
    assert fresh(row).used_from == at("14:00")


def test_leaving_before_the_first_minute_frees_everything(shop):
    reservation = book(shop.ada, shop.laser1)
    set_clock("13:52")
    check_in(shop.ada, reservation, shop.laser1)
    set_clock("13:55")
    end(shop.ada, reservation)
    done = fresh(reservation)
    assert (done.used_from, done.used_until) == (at("13:52"), at("13:55"))
    book(ready(shop, "Zoé Neuf"), shop.laser1, "14:15", 1)
