"""Booking: who may have which machine when, and everything that stands in the way, said at once."""

from __future__ import annotations

import contextvars
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.calendar import occupancies, resources
from app.calendar.models import Occupancy, Purpose
from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.outbox import OutboxMessage
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refused
from billing import charges
from billing.pricing import RateTerms, price_time
from machines import catalogue, proposals, reservations
from machines.models import Reservation
from machines.rules import Claim, Status
from tests.billing.scene import set_rate
from tests.builders import a_charter, a_member, acting
from tests.machines.scene import at, book, cancel, claim, codes_of, crowd, fresh, ready, set_clock
from tests.trainings.scene import a_certification, a_competence, revoke, suspend
from trainings.models import Level


def count(model=Reservation):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


def refused_for(member, machine, start="14:00", hours=2, **more):
    before = count(), count(Occupancy), count(OutboxMessage)
    with pytest.raises(Refused) as refused:
        book(member, machine, start, hours, **more)
    assert (count(), count(Occupancy), count(OutboxMessage)) == before
    return codes_of(refused)


# ── what a booking is ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_ada_books_the_laser_and_everything_is_written_at_once(shop):
    row = fresh(book(shop.ada, shop.laser1, project="  A lamp  "))
    assert (row.status, row.revision, row.project, row.quoted_cents) == (Status.CONFIRMED, 0, "A lamp", 3600)
    assert row.period == Period(at("14:00"), at("16:00"))
    assert len(row.desk_code) == 4
    occupancy = db.session.get_one(Occupancy, row.occupancy_id)
    assert (occupancy.subject, occupancy.purpose) == (row.subject, Purpose.RESERVATION)
    audit = db.session.scalars(select(AuditEntry).where(AuditEntry.subject == row.subject)).one()
    assert (audit.verb, audit.actor_id) == ("reservation.booked", shop.ada.id)
    letter = db.session.scalars(select(OutboxMessage).where(OutboxMessage.key == f"machines.booked:{row.id}:0")).one()
    assert letter.payload["facts"]["reservation"] == row.id


def test_the_turnaround_is_in_the_occupancy_only(shop):
    row = book(shop.ada, shop.laser1)
    assert db.session.get_one(Occupancy, row.occupancy_id).ends_at == at("16:10")
    zoe = ready(shop, "Zoé Neuf")
    assert refused_for(zoe, shop.laser1, "16:00") == ["calendar.slot_taken"]
    assert book(zoe, shop.laser1, "16:15").starts_at == at("16:15")


def test_the_turnaround_may_pass_the_closing(shop):
    assert book(shop.ada, shop.laser1, "17:00").ends_at == at("19:00")


@pytest.mark.both_engines
def test_only_shared_time_collides(shop):
    zoe = ready(shop, "Zoé Neuf")
    book(shop.ada, shop.printer, "14:00", 1)
    assert refused_for(zoe, shop.printer, "13:30", 1) == ["calendar.slot_taken"]
    assert refused_for(zoe, shop.printer, "14:30", 0.5) == ["calendar.slot_taken"]
    book(zoe, shop.printer, "13:00", 1)
    book(zoe, shop.printer, "15:00", 1)


def test_two_machines_of_one_room_do_not_stand_in_each_others_way(shop):
    made = [book(shop.ada, shop.laser1), book(ready(shop, "Zoé Neuf"), shop.laser2)]
    assert {one.status for one in made} == {Status.CONFIRMED}


@pytest.mark.both_engines
def test_six_people_sit_at_the_bench_and_the_seventh_is_refused(shop):
    people = crowd(shop, 7)
    for person in people[:6]:
        book(person, shop.bench)
    assert refused_for(people[6], shop.bench) == ["calendar.slot_taken"]
    cancel(people[2], db.session.scalars(select(Reservation).where(Reservation.member_id == people[2].id)).one())
    book(people[6], shop.bench)


def test_nobody_sits_on_two_seats_at_once(shop):
    book(shop.ada, shop.bench)
    assert refused_for(shop.ada, shop.bench, "15:00") == ["yours_already"]


def test_a_slot_that_is_ones_own_already_is_not_taken_by_somebody(shop):
    book(shop.ada, shop.laser1)
    assert refused_for(shop.ada, shop.laser1) == ["yours_already"]


def test_a_closed_room_closes_its_machines(shop):
    with transaction():
        occupancies.take_whole(
            shop.space.id, Period(at("14:00"), at("18:00")), purpose=Purpose.PRIVATISATION, subject="privatisation:1"
        )
    assert refused_for(shop.ada, shop.laser1) == ["calendar.slot_taken"]


# ── what stands in the way ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_newcomer_is_told_everything_that_stands_in_the_way(shop):
    zoe = a_member("Zoé Neuf", email_proved_at=None, suspended_at=clock.now(), suspension_reason="Left the laser alone")
    _overdue(shop, zoe)
    book(shop.ada, shop.laser1, "17:30", 1.5)
    with transaction():
        catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.laser1.id, until=None, note="")
    found = refused_for(zoe, shop.laser1, "17:05", 1.25)
    assert found == [
        "suspended", "email_not_proved", "charter_not_accepted", "not_certified", "not_certified", "out_of_service",
        "off_step", "owes_overdue", "calendar.slot_taken",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "hours", "day", "expected"),
    [
        ("09:00", 1, "2026-11-26", ["in_the_past"]),
        ("14:00", 0, "2026-11-27", ["no_length"]),
        ("14:00", -1, "2026-11-27", ["ends_before_start"]),
        ("14:00", 0.25, "2026-11-27", ["too_short"]),
        ("10:00", 5, "2026-11-27", ["too_long"]),
        ("14:10", 1, "2026-11-27", ["off_step"]),
        ("18:00", 2, "2026-11-27", ["lab_closed"]),
        ("08:00", 2, "2026-11-27", ["lab_closed"]),
        ("10:00", 1, "2026-11-29", ["lab_closed"]),
        ("10:00", 1, "2026-12-25", ["lab_closed"]),
        ("10:00", 1, "2027-01-04", ["too_far"]),
        ("02:30", 2, "2027-03-28", ["skipped_hour", "lab_closed", "too_far"]),
        ("10:00", 200, "2026-11-27", ["longer_than_any"]),
    ],
)
def test_a_time_that_cannot_be_is_refused_with_every_reason(shop, start, hours, day, expected):
    assert refused_for(shop.ada, shop.laser1, start, hours, day=day) == expected


def test_a_claim_of_centuries_is_refused_as_quickly_as_another(shop):
    with pytest.raises(Refused) as refused, transaction():
        reservations.book(actor=acting(shop.ada), machine=shop.laser1, claim=Claim(at("10:00"), at("10:00", "2199-01-01")))
    assert codes_of(refused) == ["longer_than_any"]


def test_certification_counts_on_the_day_of_the_start(shop):
    zoe = a_member("Zoé Neuf", charter=shop.charter)
    a_certification(zoe, shop.safety, by=shop.lea)
    a_certification(zoe, shop.laser, by=shop.lea, valid_until=clock.today() + timedelta(days=5))
    book(zoe, shop.laser1, day="2026-12-01")
    assert refused_for(zoe, shop.laser1, day="2026-12-02") == ["not_certified"]
    a_certification(zoe, shop.laser, by=shop.lea, valid_from=clock.today() + timedelta(days=7))
    assert refused_for(zoe, shop.laser1, day="2026-12-02") == ["not_certified"]
    book(zoe, shop.laser1, day="2026-12-03")


def test_knowing_it_with_help_is_not_knowing_it_alone(shop):
    zoe = a_member("Zoé Neuf", charter=shop.charter)
    a_certification(zoe, shop.safety, by=shop.lea)
    a_certification(zoe, shop.laser, Level.ASSISTED, by=shop.lea)
    assert refused_for(zoe, shop.laser1) == ["not_certified"]


def test_a_suspended_or_revoked_certification_counts_no_more(shop):
    zoe = a_member("Zoé Neuf", charter=shop.charter)
    safety, laser = (a_certification(zoe, competence, by=shop.lea) for competence in (shop.safety, shop.laser))
    suspend(shop.lea, laser)
    assert refused_for(zoe, shop.laser1) == ["not_certified"]
    revoke(shop.lea, safety)
    assert refused_for(zoe, shop.laser1) == ["not_certified", "not_certified"]


def test_one_of_several_competences_may_be_enough(shop):
    old = a_competence("old-laser")
    with transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.laser1.id, space_id=shop.space.id, capacity=1, slug="laser-1",
            code="LASER-1", name=shop.laser1.name, requirements=[[shop.safety.id], [shop.laser.id, old.id]],
        )  # fmt: skip
    zoe = a_member("Zoé Neuf", charter=shop.charter)
    a_certification(zoe, shop.safety, by=shop.lea)
    with pytest.raises(Refused) as refused:
        book(zoe, shop.laser1)
    [missing] = refused.value.refusals
    assert missing.params["competence"] == {"fr": "laser (fr) ou old-laser (fr)", "en": "laser (en) or old-laser (en)"}
    a_certification(zoe, old, by=shop.lea)
    book(zoe, shop.laser1)


def test_a_new_charter_is_to_be_accepted_first(shop):
    a_charter(version=2, published_at=clock.now())
    assert refused_for(shop.ada, shop.laser1) == ["charter_not_accepted"]


def test_at_most_three_to_come_on_one_machine_and_a_cancelled_one_no_longer_counts(shop):
    rows = [book(shop.ada, shop.laser1, start, 1) for start in ("10:00", "12:00", "14:00")]
    assert refused_for(shop.ada, shop.laser1, "16:00", 1) == ["too_many"]
    book(shop.ada, shop.laser2, "16:00", 1)
    cancel(shop.ada, rows[1])
    book(shop.ada, shop.laser1, "12:00", 1)


def test_nobody_stands_beside_two_machines_at_once_but_a_printer_prints_alone(shop):
    row = book(shop.ada, shop.laser1)
    assert refused_for(shop.ada, shop.bench, "15:00", 1) == ["busy_elsewhere"]
    book(shop.ada, shop.printer, "14:30", 1)
    book(shop.ada, shop.bench, "16:00", 1)
    cancel(shop.ada, row)
    book(shop.ada, shop.bench, "15:00", 1)


def test_who_owes_for_more_than_a_month_pays_first(shop):
    _overdue(shop, shop.ada)
    assert refused_for(shop.ada, shop.laser1) == ["owes_overdue"]


def test_a_machine_out_of_order_until_noon_is_booked_after_noon_only(shop):
    with transaction():
        catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.laser1.id, until=at("12:00"), note="Lens")
    assert refused_for(shop.ada, shop.laser1, "11:00", 1) == ["out_of_service"]
    book(shop.ada, shop.laser1, "12:00", 1)


def test_a_page_read_before_the_outage_does_not_book_after_it(app, shop):
    read = shop.laser1
    assert read.state == "in_service"

    def put_out():
        with app.app_context(), transaction():
            catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=read.id, until=None, note="Lens")

    meanwhile = threading.Thread(target=contextvars.copy_context().run, args=(put_out,))
    meanwhile.start()
    meanwhile.join()
    assert read.state == "in_service"
    with pytest.raises(Refused) as refused:
        book(shop.ada, read)
    assert codes_of(refused) == ["out_of_service"]


def test_a_retired_machine_is_booked_no_more(shop):
    with transaction():
        catalogue.retire(actor=acting(shop.lea), machine_id=shop.laser1.id)
    assert refused_for(shop.ada, shop.laser1) == ["retired"]


def test_least_notice_is_kept_to_the_minute(shop):
    with transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.bench.id, space_id=shop.space.id, capacity=6, slug="bench", code="BENCH",
            name=shop.bench.name, requirements=[], notice_minutes=120,
        )  # fmt: skip
    assert refused_for(shop.ada, shop.bench, "11:45", day="2026-11-26") == ["too_soon"]
    book(shop.ada, shop.bench, "12:00", day="2026-11-26")


def test_the_slot_that_runs_now_may_be_taken_on_the_spot(shop):
    set_clock("10:14", "2026-11-26")
    assert book(shop.ada, shop.laser1, "10:00", 1, day="2026-11-26").starts_at == at("10:00", "2026-11-26")
    assert refused_for(shop.ada, shop.bench, "09:45", 1, day="2026-11-26") == ["in_the_past", "busy_elsewhere"]


# ── the clock changes ────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_wall_hours_over_the_repeated_one_are_three_hours_and_cost_three(shop):
    set_clock("12:00", "2026-10-20")
    _open_day_and_night(shop)
    set_rate(shop.lea, shop.printer.item, 300)
    row = fresh(book(shop.ada, shop.printer, "01:00", 3, day="2026-10-25"))
    assert row.ends_at.astimezone(clock.zone()).isoformat() == "2026-10-25T03:00:00+01:00"
    assert row.quoted_cents == 900


def test_a_night_in_spring_is_an_hour_shorter(shop):
    set_clock("12:00", "2027-03-20")
    _open_day_and_night(shop)
    row = fresh(book(shop.ada, shop.printer, "01:00", 2, day="2027-03-28"))
    assert row.ends_at.astimezone(clock.zone()).isoformat() == "2027-03-28T04:00:00+02:00"
    assert refused_for(shop.ada, shop.bench, "02:00", 1, day="2027-03-28") == ["skipped_hour"]
    assert refused_for(shop.ada, shop.bench, "02:59", 1, day="2027-03-28") == ["skipped_hour", "off_step"]
    book(shop.ada, shop.bench, "03:00", 1, day="2027-03-28")


# ── exceptions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_manager_with_a_written_reason_lifts_convenience_but_never_safety(shop):
    _overdue(shop, shop.ada)
    row = fresh(book(shop.ada, shop.laser1, "18:05", 5, by=shop.lea, override_reason=" Open evening "))
    assert (row.override_reason, row.member_id, row.booked_by_id) == ("Open evening", shop.ada.id, shop.lea.id)
    audit = db.session.scalars(select(AuditEntry).where(AuditEntry.subject == row.subject)).one()
    assert audit.details["override_reason"] == "Open evening"
    assert refused_for(shop.ben, shop.laser1, "18:05", 5, by=shop.lea, override_reason="Please") == [
        "not_certified", "not_certified", "calendar.slot_taken",
    ]  # fmt: skip


def test_an_exception_without_a_reason_is_none(shop):
    assert refused_for(shop.ada, shop.laser1, "18:00", 2, by=shop.lea, override_reason="   ") == ["lab_closed"]


def test_an_exception_does_not_take_what_is_taken(shop):
    book(shop.ada, shop.laser1)
    zoe = ready(shop, "Zoé Neuf")
    assert refused_for(zoe, shop.laser1, by=shop.lea, override_reason="Urgent") == ["calendar.slot_taken"]


@pytest.mark.parametrize("who", ["ada", "chloe", "alba"])
def test_only_managers_override_or_book_for_others(shop, who):
    person = getattr(shop, who)
    with pytest.raises(NotAllowed):
        book(person, shop.bench, override_reason="I want to")
    with pytest.raises(NotAllowed):
        book(shop.ben, shop.bench, by=person)
    assert count() == 0


def test_an_administrator_may_what_a_manager_may(shop):
    assert book(shop.ben, shop.bench, by=shop.adele).booked_by_id == shop.adele.id


# ── what is offered ──────────────────────────────────────────────────────────────────────────────────────────────────


def offer(member, machine, start="14:00", hours=2, **more):
    db.session.rollback()
    return reservations.offer(member_id=member.id, machine=machine, claim=claim(start, hours, **more))


def test_the_offer_says_the_price_the_last_free_moment_and_every_reason(shop):
    found = offer(shop.ada, shop.laser1)
    assert (found.price.amount_cents, found.free_until, found.refusals) == (3600, at("12:00"), [])
    soon = offer(shop.ada, shop.laser1, "11:00", 1, day="2026-11-26")
    assert soon.free_until == clock.now() + timedelta(minutes=5)
    book(ready(shop, "Zoé Neuf"), shop.laser1)
    found = offer(shop.ben, shop.laser1)
    assert [refusal.code for refusal in found.refusals] == ["machines.not_certified"] * 2 + ["calendar.slot_taken"]


def test_solidarity_pays_its_own_rate(shop):
    set_rate(shop.lea, shop.laser1.item, 600, group="solidarity")
    zoe = ready(shop, "Zoé Neuf")
    with transaction():
        db.session.merge(zoe).tariff_group = "solidarity"
    assert offer(zoe, shop.laser1).price.amount_cents == 1200
    assert offer(shop.ada, shop.laser1).price.amount_cents == 3600


def starts(found):
    return [(one.machine.slug, one.period.start.astimezone(clock.zone()).strftime("%d %H:%M")) for one in found]


def test_the_nearest_three_are_near_and_bookable(shop):
    zoe = ready(shop, "Zoé Neuf")
    book(shop.ada, shop.laser1)
    found = proposals.nearest(shop.laser1, zoe.id, Period(at("14:00"), at("16:00")))
    assert starts(found) == [("laser-2", "27 14:00"), ("laser-2", "27 12:00"), ("laser-2", "27 16:00")]
    for one in found:
        with transaction():
            row = reservations.book(actor=acting(zoe), machine=one.machine, claim=one.claim)
        cancel(zoe, row)


def test_before_and_after_what_is_taken_its_turnaround_is_kept(shop):
    _describe(shop, shop.laser2, icon="wood")
    book(shop.ada, shop.laser1)
    found = proposals.nearest(shop.laser1, ready(shop, "Zoé Neuf").id, Period(at("14:00"), at("16:00")))
    assert starts(found) == [("laser-1", "27 11:45"), ("laser-1", "27 16:15"), ("laser-1", "27 09:45")]


def test_a_machine_one_may_not_use_does_not_stand_in(shop):
    drilling = a_competence("drilling")
    with transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.laser2.id, space_id=shop.space.id, capacity=1, slug="laser-2",
            code="LASER-2", name=shop.laser2.name, requirements=[[drilling.id]],
        )  # fmt: skip
    found = proposals.nearest(shop.laser1, shop.ada.id, Period(at("14:00"), at("16:00")))
    assert {slug for slug, _start in starts(found)} == {"laser-1"}


def test_nothing_is_proposed_while_one_stands_elsewhere_beyond_the_horizon_or_off_the_step(shop):
    book(shop.ada, shop.laser1, "09:00", 4)
    _describe(shop, shop.bench, capacity=6, step_minutes=60, horizon_days=2)
    first = proposals.first(shop.bench, shop.ada.id, 240, after=at("09:00"))
    assert first.start == at("13:00")
    assert proposals.first(shop.bench, shop.ada.id, 240, after=at("09:00", "2026-11-29")) is None


def test_the_first_free_slot_of_each_machine_comes_soonest_first(shop):
    book(shop.ben, shop.printer, "10:15", 3, day="2026-11-26")
    found = proposals.first_of_each([shop.printer, shop.bench, shop.laser1], shop.ada.id, 120)
    assert starts(found) == [("laser-1", "26 10:00"), ("bench", "26 10:00"), ("printer", "26 13:15")]


def test_when_no_long_time_is_left_a_short_one_is_proposed(shop):
    _describe(shop, shop.bench, capacity=6, horizon_days=1, longest_minutes=600)
    zoe = a_member("Zoé Neuf", charter=shop.charter)
    for person in crowd(shop, 6):
        book(person, shop.bench, "10:00", 8.5, day="2026-11-26")
        book(person, shop.bench, "09:00", 9, day="2026-11-27")
    assert proposals.first(shop.bench, zoe.id, 120).minutes == 30


# ── helpers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _overdue(shop, member):
    now = clock.now()
    clock.set_clock(now - timedelta(days=40))
    line = charges.NewLine(label={"fr": "Laser"}, price=price_time(60, RateTerms(1000)))
    with transaction():
        charges.open_charge(actor=acting(shop.lea), payer_id=member.id, subject=f"test:{member.id}", lines=[line], at=clock.now())
    clock.set_clock(now)


def _describe(shop, machine, *, capacity=1, **described):
    with transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=machine.id, space_id=shop.space.id, capacity=capacity, slug=machine.slug,
            code=machine.code, name=machine.name, requirements=[], **described,
        )  # fmt: skip


def _open_day_and_night(shop):
    with transaction():
        hours = [(weekday, 0, 24 * 60) for weekday in range(7)]
        resources.set_weekly(actor=acting(shop.lea), resource_id=shop.space.id, hours=hours)
