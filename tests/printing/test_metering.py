"""What a print used, and what is charged for it: once, exactly, and put right by reversals and adjustments alone."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from app.accounts.models import TariffGroup
from app.kernel import clock
from app.kernel.actors import HOUSE
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from app.kernel.refusals import NotAllowed, Refused
from billing import ledger, queries, rates
from billing.models import Adjustment, Charge
from billing.pricing import RateTerms
from machines import usage
from machines.models import Machine
from machines.printing import bills, metering, observing
from machines.printing.gateway import RemoteFile, Seen
from machines.printing.models import PrinterLink, PrintJob, UsageRecord
from machines.printing.rules import Counting, Outcome, Source
from tests.billing.scene import the_books_agree
from tests.builders import acting
from tests.machines.scene import at_once, end, fresh, letters, ready, set_clock
from tests.printing.prints_scene import a_file, a_job, a_printer, a_slot, ends, later, petg, position_after, says, seen

WHOLE_MG = 30547
"""Ten metres of 1.75 mm filament at 1.27 g/cm³."""
HALF_MG = 15274
SLOT_CENTS = 600
"""Two hours at 3 €."""
WHOLE_CENTS = 89
"""Of PETG at 29 € a kilogram: 88.59."""


@pytest.fixture
def link(shop):
    return a_printer(shop)


@pytest.fixture
def material(shop):
    return petg(shop)


@pytest.fixture
def slot(shop, link):
    return a_slot(shop)


@pytest.fixture
def job(shop, link, slot, material):
    return a_job(slot, link, a_file(shop.ada), material_id=material.id)


def charge_of(slot):
    db.session.rollback()
    db.session.expire_all()
    found = queries.charge_for(slot.subject)
    return queries.charge(found.id) if found else None


def costs(slot):
    """What the prints of a slot cost now, everything taken together; the books are looked at on the way."""
    db.session.rollback()
    db.session.expire_all()
    assert ledger.verify().fault is None
    the_books_agree()
    subjects = select(PrintJob.id).where(PrintJob.reservation_id == slot.id)
    prefixes = [f"print:{ident}" for ident in db.session.scalars(subjects)]
    rows = db.session.scalars(select(Charge))
    found = sum(one.total_cents for one in rows if one.subject == slot.subject or one.subject.startswith(tuple(prefixes)))
    assert bills.cost_cents(fresh(slot)) == found
    return found


def told(charge):
    return [(line.label["en"], line.minutes, line.milligrams, line.amount_cents) for line in charge.lines]


def count(kind):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(kind))


def looks(link, job, state, *, successes=0, last_print_seconds=None, **more):
    """The engine looks, and sees the print of `job` or none."""
    path = job.remote_path if job else None
    remote = RemoteFile(path, 100, successes=successes, last_print_seconds=last_print_seconds) if job else None
    with transaction():
        observing.apply(link_id=link.id, seen=seen(state, remote_path=path, **more), remote=remote)


def codes(refused):
    return [one.code.removeprefix("printing.") for one in refused.value.refusals]


# ── what it used ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_finished_print_used_the_whole_file(shop, job):
    later(minutes=50)
    row = ends(job, Outcome.DONE, print_seconds=2700)
    assert (row.machine_seconds, row.occupied_seconds) == (2700, 3000)
    assert (row.filament_mm, row.filament_mg, row.filament_is_exact) == (10_000, WHOLE_MG, True)
    assert (row.outcome, row.source, row.is_free, row.reverses_id) == (Outcome.DONE, Source.OBSERVED, False, None)
    assert row.inputs["density_mg"] == 1270


@pytest.mark.parametrize("metres", [0, 3, 9])
def test_a_stopped_print_used_exactly_what_its_lines_had_extruded(shop, job, metres):
    later(minutes=20)
    row = ends(job, Outcome.CANCELLED, print_seconds=1000, filepos=position_after(metres))
    assert (row.filament_mm, row.filament_is_exact) == (metres * 1000, True)
    assert row.filament_mg == pytest.approx(WHOLE_MG * metres / 10, abs=1)


def test_without_our_copy_a_stopped_print_is_estimated_and_says_so(shop, job):
    with transaction():
        db.session.execute(text("UPDATE print_file SET forgotten_at = uploaded_at"))
    row = ends(job, Outcome.CANCELLED, filepos=position_after(5))
    assert row.filament_is_exact is False
    assert 4000 < row.filament_mm < 6500


def test_a_print_recorded_twice_is_recorded_once(shop, job):
    first = ends(job, Outcome.DONE, print_seconds=2700)
    assert ends(job, Outcome.MACHINE_FAILED, print_seconds=9).id == first.id
    assert count(UsageRecord) == 1


@pytest.mark.both_engines
def test_two_recorders_at_once_make_one_record(app, shop, job):
    later(minutes=30)
    ident = job.id

    def record():
        row = db.session.get_one(PrintJob, ident)
        row.ended_at = clock.now()
        return metering.record(job=row, outcome=Outcome.DONE, source=Source.OBSERVED, at=clock.now()).id

    found = at_once(app, [record] * 6)
    assert len(set(found)) == 1, found
    assert count(UsageRecord) == 1


@pytest.mark.both_engines
def test_a_record_is_never_rewritten(app, shop, job):
    ends(job, Outcome.DONE)
    for change in ("UPDATE usage_record SET filament_mg = 0", "DELETE FROM usage_record"):
        with pytest.raises(DBAPIError, match="usage_record_append_only"), transaction():
            db.session.execute(text(change))
    assert count(UsageRecord) == 1


# ── what is charged ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_slot_and_the_plastic_are_charged_when_the_use_ends(shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.DONE, print_seconds=3000)
    end(shop.ada, slot)
    assert told(charge_of(slot)) == [("printer (en)", 120, None, SLOT_CENTS), ("PETG", 0, WHOLE_MG, WHOLE_CENTS)]
    assert costs(slot) == SLOT_CENTS + WHOLE_CENTS


@pytest.mark.parametrize(("counting", "minutes", "cents"), [(Counting.MACHINE, 40, 200), (Counting.OCCUPIED, 50, 250)])
def test_a_printer_may_count_its_own_minutes_or_those_on_the_wall(shop, link, slot, job, counting, minutes, cents):
    with transaction():
        db.session.merge(link).counting = counting
    later(minutes=50)
    ends(job, Outcome.DONE, print_seconds=2400)
    end(shop.ada, slot)
    assert told(charge_of(slot))[0] == ("printer (en)", minutes, None, cents)


def test_the_minutes_of_two_prints_meet_the_minimum_once(shop, link, slot, job):
    with transaction():
        db.session.merge(link).counting = Counting.MACHINE
    later(minutes=6)
    ends(job, Outcome.CANCELLED, print_seconds=240, filepos=0)
    second = a_job(slot, link, fresh(job).file_id and a_file(shop.ada), started_at=clock.now())
    later(minutes=6)
    ends(second, Outcome.CANCELLED, print_seconds=240, filepos=0)
    end(shop.ada, slot)
    [line] = charge_of(slot).lines
    assert (line.minutes, line.billed_minutes, line.amount_cents) == (8, 10, 50)


def test_a_slot_without_a_print_is_charged_as_ever(shop, slot):
    set_clock("16:00")
    end(shop.ada, slot)
    assert told(charge_of(slot)) == [("printer (en)", 120, None, SLOT_CENTS)]


@pytest.mark.parametrize(("enabled", "cents"), [(True, 0), (False, SLOT_CENTS)])
def test_an_empty_slot_costs_nothing_where_the_printer_counts_unless_it_is_switched_off(shop, link, slot, enabled, cents):
    with transaction():
        row = db.session.merge(link)
        row.counting, row.is_enabled = Counting.MACHINE, enabled
    set_clock("16:00")
    end(shop.ada, slot)
    assert costs(slot) == cents


def test_a_machine_without_a_printer_is_charged_as_ever(shop):
    laser = a_slot(shop, machine=shop.laser1)
    set_clock("16:00")
    end(shop.ada, laser)
    assert told(charge_of(laser)) == [("laser-1 (en)", 120, None, 3600)]


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.CANCELLED, Outcome.FILE_FAILED, Outcome.STOPPED_ELSEWHERE])
def test_what_was_not_the_machine_s_fault_is_paid(shop, slot, job, outcome):
    later(minutes=60)
    ends(job, outcome, filepos=position_after(5))
    end(shop.ada, slot)
    assert costs(slot) == SLOT_CENTS + (WHOLE_CENTS if outcome is Outcome.DONE else 44)


def test_what_the_machine_spoilt_is_free_and_the_slot_with_it(shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.MACHINE_FAILED, filepos=position_after(5))
    end(shop.ada, slot)
    assert told(charge_of(slot)) == [("printer (en)", 120, None, 0), ("PETG", 0, HALF_MG, 0)]


def test_one_good_print_of_two_pays_the_slot(shop, link, slot, job, material):
    later(minutes=30)
    ends(job, Outcome.MACHINE_FAILED, filepos=position_after(5))
    again = a_job(slot, link, a_file(shop.ada), material_id=material.id, started_at=clock.now())
    later(minutes=30)
    ends(again, Outcome.DONE)
    end(shop.ada, slot)
    assert costs(slot) == SLOT_CENTS + WHOLE_CENTS


def test_material_without_a_price_and_one_s_own_filament_cost_nothing(shop, link, slot, job):
    own = a_job(slot, link, a_file(shop.ada), state="done", ended_at=clock.now())
    ends(job, Outcome.DONE)
    ends(own, Outcome.DONE)
    end(shop.ada, slot)
    assert [line.item for line in charge_of(slot).lines] == [shop.printer.item, f"material:{job.material_id}"]


def test_minutes_beyond_the_slot_are_paid_at_the_ordinary_price(shop, slot, job):
    set_clock("16:30")
    ends(job, Outcome.DONE)
    end(shop.ada, slot)
    assert told(charge_of(slot))[:2] == [("printer (en)", 120, None, 600), ("printer (en), beyond the slot", 30, None, 150)]


def test_a_printer_may_have_a_price_of_its_own_beyond_the_slot(shop, slot, job):
    with transaction():
        rates.set_rate(
            actor=acting(shop.lea), item=f"{shop.printer.item}:overrun", tariff_group=TariffGroup.STANDARD,
            terms=RateTerms(Cents(1200)), valid_from=None,
        )  # fmt: skip
        db.session.execute(text("UPDATE rate SET valid_until = NULL WHERE valid_until IS NULL"))
    set_clock("16:30")
    ends(job, Outcome.DONE)
    end(shop.ada, slot)
    late = charge_of(slot).lines[1]
    assert (late.item, late.minutes, late.amount_cents) == (f"{shop.printer.item}:overrun", 30, 600)


def test_counted_by_the_machine_the_late_minutes_are_taken_out_of_the_others(shop, link, slot, job):
    with transaction():
        db.session.merge(link).counting = Counting.MACHINE
        terms = RateTerms(Cents(1200))
        item = f"{shop.printer.item}:overrun"
        rates.set_rate(actor=acting(shop.lea), item=item, tariff_group=TariffGroup.STANDARD, terms=terms)
    set_clock("16:30")
    ends(job, Outcome.DONE, print_seconds=9000)
    end(shop.ada, slot)
    assert [(line.minutes, line.amount_cents) for line in charge_of(slot).lines[:2]] == [(120, 600), (30, 600)]


def test_who_is_next_does_not_pay_for_the_minutes_taken_from_them(shop, link, slot, job):
    ben = ready(shop, "Ben Late")
    following = a_slot(shop, ben, "16:00")
    set_clock("16:30")
    ends(job, Outcome.DONE)
    end(shop.ada, slot)
    set_clock("18:00")
    end(ben, following)
    assert told(charge_of(following)) == [("printer (en)", 90, None, 450)]


OUTAGE = {Counting.RESERVED: SLOT_CENTS, Counting.MACHINE: 350, Counting.OCCUPIED: 350}
"""Seen at 15:00 with a sixth to go, found finished the next morning; its printer says that it took seventy minutes."""


@pytest.mark.parametrize("counting", Counting)
def test_a_print_found_finished_after_an_outage_is_paid_to_the_end_its_printer_tells(shop, link, slot, job, counting):
    with transaction():
        db.session.merge(link).counting = counting
    later(minutes=60)
    looks(link, job, Seen.PRINTING, print_seconds=3600, filepos=200, seconds_left=600, seconds_left_kind="estimate")
    later(hours=20)
    looks(link, job, Seen.IDLE, completion=100.0, successes=1, last_print_seconds=4200.0)
    with transaction():
        usage.end_if_forgotten(slot.id)
    row = metering.current([job.id])[job.id]
    assert (row.machine_seconds, row.occupied_seconds, row.inputs["ended_at"][11:16]) == (4200, 4200, "14:10")
    assert costs(slot) == OUTAGE[counting] + WHOLE_CENTS
    assert fresh(job).ended_at == fresh(row).recorded_at


def test_a_print_lost_in_an_outage_is_paid_to_the_last_look_whoever_says_since_how_it_ended(shop, link, slot, job):
    with transaction():
        db.session.merge(link).counting = Counting.OCCUPIED
    later(minutes=60)
    looks(link, job, Seen.PRINTING, print_seconds=3600, filepos=200, seconds_left=600, seconds_left_kind="linear")
    later(hours=20)
    looks(link, None, Seen.IDLE)
    with transaction():
        usage.end_if_forgotten(slot.id)
    says(shop.ada, job, Outcome.DONE)
    assert costs(slot) == 300 + WHOLE_CENTS


def test_a_print_seen_until_it_ends_is_paid_to_its_end_pauses_and_all(shop, link, slot, job):
    with transaction():
        db.session.merge(link).counting = Counting.OCCUPIED
    set_clock("16:29")
    looks(link, job, Seen.PAUSED, print_seconds=3600, filepos=200, seconds_left=60, seconds_left_kind="estimate")
    set_clock("16:30")
    looks(link, job, Seen.IDLE, completion=100.0, successes=1, last_print_seconds=3610.0)
    end(shop.ada, slot)
    assert costs(slot) == 750 + WHOLE_CENTS


# ── saying how it ended ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_print_nobody_knows_the_end_of_is_charged_when_somebody_says(shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.UNKNOWN, filepos=position_after(5))
    end(shop.ada, slot)
    assert costs(slot) == SLOT_CENTS
    row = says(shop.ada, job, Outcome.DONE)
    assert (row.source, row.filament_mm) == (Source.MEMBER, 10_000)
    assert told(queries.charge(queries.charge_for(job.subject).id)) == [("PETG", 0, WHOLE_MG, WHOLE_CENTS)]
    [letter] = [one for one in letters() if one.template == "printing.charged"]
    assert (letter.to_name, "PETG, 30,5 g" in letter.text.replace("\u00a0", " ")) == ("Ada Lovelace", True)
    assert costs(slot) == SLOT_CENTS + WHOLE_CENTS


def test_said_before_the_use_ends_it_is_in_the_one_charge(shop, slot, job):
    ends(job, Outcome.UNKNOWN, filepos=position_after(5))
    says(shop.ada, job, Outcome.CANCELLED)
    end(shop.ada, slot)
    assert (costs(slot), count(Charge)) == (SLOT_CENTS + 44, 1)


def test_held_minutes_of_a_machine_that_counts_its_own_come_later(shop, link, slot, job):
    with transaction():
        db.session.merge(link).counting = Counting.MACHINE
    later(minutes=60)
    ends(job, Outcome.UNKNOWN, print_seconds=3600, filepos=position_after(10))
    end(shop.ada, slot)
    assert costs(slot) == 0
    says(shop.ada, job, Outcome.DONE)
    assert costs(slot) == 300 + WHOLE_CENTS


def test_a_small_loss_is_free_at_the_member_s_word(shop, link, slot, job):
    with transaction():
        db.session.merge(link).counting = Counting.MACHINE
    later(minutes=60)
    ends(job, Outcome.STOPPED_ELSEWHERE, print_seconds=3600, filepos=position_after(5))
    end(shop.ada, slot)
    assert costs(slot) == 344
    row = says(shop.ada, job, Outcome.MACHINE_FAILED, "The nozzle was clogged")
    assert (row.is_free, row.note, costs(slot)) == (True, "The nozzle was clogged", 0)
    [given] = db.session.scalars(select(Adjustment))
    assert (given.answer, given.answered_by_id, given.note) == ("accepted", None, "The nozzle was clogged")


def test_a_large_loss_is_left_to_a_manager(shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.STOPPED_ELSEWHERE, filepos=position_after(5))
    end(shop.ada, slot)
    row = says(shop.ada, job, Outcome.MACHINE_FAILED)
    assert (row.is_free, costs(slot)) == (False, SLOT_CENTS + 44)
    [asked] = db.session.scalars(select(Adjustment))
    assert (asked.asked_by_id, asked.answered_at, asked.note) == (shop.ada.id, None, "part.gcode")
    says(shop.lea, job, Outcome.MACHINE_FAILED, "The belt had slipped", is_free=True)
    assert (costs(slot), count(Adjustment)) == (0, 1)
    assert fresh(asked).answered_by_id == shop.lea.id


def test_a_small_loss_of_one_print_leaves_the_request_for_another_to_the_manager(shop, link, slot):
    dear, file = petg(shop, 29000), a_file(shop.ada)
    spoilt = a_job(slot, link, file, material_id=dear.id)
    ends(spoilt, Outcome.CANCELLED, filepos=position_after(9))
    small = a_job(slot, link, file, material_id=dear.id)
    ends(small, Outcome.CANCELLED, filepos=position_after(1))
    ends(a_job(slot, link, file), Outcome.DONE)
    end(shop.ada, slot)
    says(shop.ada, spoilt, Outcome.MACHINE_FAILED, "The nozzle was clogged")
    says(shop.ada, small, Outcome.MACHINE_FAILED, "It never stuck")
    asked, given = db.session.scalars(select(Adjustment).order_by(Adjustment.id))
    assert (asked.note, asked.answer) == ("The nozzle was clogged", None)
    assert (given.note, given.answer, costs(slot)) == ("It never stuck", "accepted", SLOT_CENTS + 797)
    says(shop.lea, spoilt, Outcome.MACHINE_FAILED, "Yes: it was clogged", is_free=True)
    assert (fresh(asked).answer, count(Adjustment), costs(slot)) == ("accepted", 2, SLOT_CENTS)


def test_a_large_loss_said_before_the_use_ends_is_asked_once_it_is_charged(shop, slot, job):
    ends(job, Outcome.STOPPED_ELSEWHERE, filepos=position_after(5))
    says(shop.ada, job, Outcome.MACHINE_FAILED, "It jumped a layer")
    assert count(Adjustment) == 0
    end(shop.ada, slot)
    [asked] = db.session.scalars(select(Adjustment))
    assert (asked.note, asked.answered_at, costs(slot)) == ("It jumped a layer", None, SLOT_CENTS + 44)


def test_the_team_may_take_a_free_print_back_and_the_difference_is_charged(shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.MACHINE_FAILED, filepos=position_after(5))
    end(shop.ada, slot)
    assert costs(slot) == 0
    says(shop.lea, job, Outcome.FILE_FAILED, "The supports were missing")
    assert costs(slot) == SLOT_CENTS + 44
    says(shop.lea, job, Outcome.MACHINE_FAILED, "No: the bed was cold")
    assert costs(slot) == 0
    says(shop.lea, job, Outcome.FILE_FAILED, "It was the supports after all")
    assert costs(slot) == SLOT_CENTS + 44
    assert [one.reverses_id is None for one in db.session.scalars(select(UsageRecord).order_by(UsageRecord.id))] == [
        True, False, False, False,
    ]  # fmt: skip


def test_what_a_manager_took_off_is_not_charged_again(shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.CANCELLED, filepos=position_after(5))
    end(shop.ada, slot)
    says(shop.lea, job, Outcome.MACHINE_FAILED, "The bed", is_free=False)
    assert costs(slot) == SLOT_CENTS + 44
    says(shop.lea, job, Outcome.MACHINE_FAILED, "The bed", is_free=True)
    says(shop.lea, job, Outcome.MACHINE_FAILED, "The bed", is_free=True)
    assert (costs(slot), count(UsageRecord), count(Adjustment)) == (0, 3, 1)


def test_a_member_speaks_once_and_of_their_own_prints_only(shop, slot, job):
    with pytest.raises(Refused) as refused:
        says(shop.ada, job, Outcome.DONE)
    assert codes(refused) == ["not_ended_yet"]
    ends(job, Outcome.UNKNOWN)
    with pytest.raises(NotAllowed):
        says(shop.ben, job, Outcome.DONE)
    says(shop.ada, job, Outcome.DONE)
    says(shop.ada, job, Outcome.DONE)
    with pytest.raises(Refused) as refused:
        says(shop.ada, job, Outcome.MACHINE_FAILED)
    assert (codes(refused), count(UsageRecord)) == (["said_already"], 2)


def test_a_finished_print_is_not_the_member_s_to_take_back(shop, job):
    ends(job, Outcome.DONE)
    with pytest.raises(Refused) as refused:
        says(shop.ada, job, Outcome.MACHINE_FAILED)
    assert codes(refused) == ["said_already"]


def test_the_team_says_why(shop, job):
    ends(job, Outcome.DONE)
    with pytest.raises(Refused) as refused:
        says(shop.lea, job, Outcome.MACHINE_FAILED, "  ")
    assert codes(refused) == ["note_missing"]


@pytest.mark.both_engines
def test_two_people_answering_at_once_reverse_once_each_in_turn(app, shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.UNKNOWN, filepos=position_after(5))
    end(shop.ada, slot)
    ada, ident = acting(shop.ada), job.id

    def done():
        return metering.correct(actor=ada, job_id=ident, outcome=Outcome.DONE, note="").id

    found = at_once(app, [done] * 5)
    assert len(set(found)) == 1, found
    assert (count(UsageRecord), costs(slot)) == (2, SLOT_CENTS + WHOLE_CENTS)


@pytest.mark.both_engines
def test_a_member_and_the_team_at_once_leave_one_chain(app, shop, slot, job):
    later(minutes=60)
    ends(job, Outcome.UNKNOWN, filepos=position_after(5))
    end(shop.ada, slot)
    ada, lea, ident = acting(shop.ada), acting(shop.lea), job.id
    at_once(
        app,
        [
            lambda: metering.correct(actor=ada, job_id=ident, outcome=Outcome.DONE, note="").id,
            lambda: metering.correct(actor=lea, job_id=ident, outcome=Outcome.MACHINE_FAILED, note="Belt").id,
        ],
    )
    rows = list(db.session.scalars(select(UsageRecord).order_by(UsageRecord.id)))
    assert [row.reverses_id for row in rows] == [None, *(row.id for row in rows[:-1])]
    last = metering.current([job.id])[job.id]
    assert last.outcome is Outcome.MACHINE_FAILED
    assert costs(slot) == 0


def test_recorded_after_the_charge_the_print_is_charged_by_itself(shop, slot, job):
    with transaction():
        db.session.get_one(PrintJob, job.id).state = "done"
    later(minutes=60)
    end(shop.ada, slot)
    assert costs(slot) == SLOT_CENTS
    ends(job, Outcome.DONE)
    assert costs(slot) == SLOT_CENTS + WHOLE_CENTS
    assert clock.now() - slot.starts_at == timedelta(hours=1)
    assert HOUSE.member_id is None


def two_spoilt(shop, link, slot, material):
    """Two prints of one slot that the machine spoilt, the use ended: nothing was charged."""
    file = a_file(shop.ada)
    prints = []
    for number in (1, 2):
        prints.append(a_job(slot, link, file, material_id=material.id, remote_path=f"fablab/1/{number}-1.gcode"))
        later(minutes=20)
        ends(prints[-1], Outcome.MACHINE_FAILED, print_seconds=100, filepos=position_after(3))
    end(shop.ada, slot)
    return prints


def test_a_slot_charged_with_one_print_is_given_back_with_the_other(shop, link, slot, material):
    first, second = two_spoilt(shop, link, slot, material)
    assert costs(slot) == 0
    for outcome, job in itertools.product((Outcome.CANCELLED, Outcome.MACHINE_FAILED), (first, second)):
        says(shop.lea, job, outcome, "Looked at again")
    assert costs(slot) == 0


def test_a_print_goes_on_being_counted_as_it_was_when_it_ended(shop, link, slot):
    job = a_job(slot, link, a_file(shop.ada))
    later(minutes=20)
    ends(job, Outcome.CANCELLED, print_seconds=1200, filepos=position_after(3))
    later(minutes=10)
    end(shop.ada, slot)
    assert costs(slot) == SLOT_CENTS
    _count_by(link, Counting.OCCUPIED)
    says(shop.lea, job, Outcome.MACHINE_FAILED, "The nozzle was clogged")
    assert costs(slot) == 0


def test_a_held_print_settled_after_the_counting_changed_costs_no_minute_twice(shop, link, slot):
    job = a_job(slot, link, a_file(shop.ada))
    later(minutes=20)
    ends(job, Outcome.UNKNOWN, print_seconds=1200, filepos=position_after(3))
    end(shop.ada, slot)
    before = costs(slot)
    _count_by(link, Counting.OCCUPIED)
    says(shop.lea, job, Outcome.DONE, "It lay finished on the bed")
    assert costs(slot) == before


def test_what_was_free_is_charged_by_the_real_minutes_where_the_machine_says_so(shop, link, slot):
    with transaction():
        db.session.get_one(Machine, shop.printer.id).bills_actual = True
    job = a_job(slot, link, a_file(shop.ada))
    later(minutes=20)
    ends(job, Outcome.MACHINE_FAILED, print_seconds=100, filepos=position_after(3))
    later(minutes=10)
    end(shop.ada, slot)
    assert costs(slot) == 0
    says(shop.lea, job, Outcome.FILE_FAILED, "The file left the bed")
    assert costs(slot) == 150


def _count_by(link, counting):
    with transaction():
        db.session.get_one(PrinterLink, link.id).counting = counting
