"""What may be asked of a print, by whom, when: each guard by itself, on both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.calendar import occupancies
from app.calendar.models import Purpose, Resource
from app.kernel import clock
from app.kernel.db import db, locked, transaction
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refused
from machines import catalogue
from machines.models import Requirement
from machines.printing import prints, reasons
from machines.printing.gateway import Seen
from machines.printing.models import Material, PrinterMaterial
from machines.printing.rules import Approval, Circuit, JobState, Wish, start_refusals
from machines.rules import Status
from tests.builders import acting, save
from tests.machines.scene import book, cancel, check_in, codes_of, end, fresh, ready, set_clock
from tests.printing.engine_scene import (
    a_file,
    a_job,
    a_link,
    a_slot,
    ask,
    attach,
    link_of,
    look,
    printing,
    put,
    reservation_of,
    start,
    story,
)
from trainings import certifications
from trainings.models import Certification

pytestmark = pytest.mark.both_engines


def refused(act, *args, **more) -> list[str]:
    with pytest.raises(Refused) as error:
        act(*args, **more)
    return [code.removeprefix("printing.") for code in codes_of(error)]


# ── attaching ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_put_to_a_reservation(shop):
    job = a_job(shop)
    assert (job.state, job.attempt, job.needs_approval, job.remote_path) == (JobState.ATTACHED, 1, False, None)
    assert job.estimated_seconds == -(-4971 * 115 // 100) + 240
    assert story(job) == ["attached"]


def test_only_ones_own_file_goes_to_ones_own_reservation(shop):
    link, slot = a_link(shop.printer), a_slot(shop)
    with pytest.raises(NotAllowed):
        attach(shop.ben, slot, a_file(shop.ben))
    with pytest.raises(NotAllowed):
        attach(shop.ada, slot, a_file(shop.ben, "G4 P1\n"))
    assert attach(shop.lea, slot, a_file(shop.ada)).link_id == link.id


def test_a_machine_without_a_printers_server_prints_nothing(shop):
    assert refused(attach, shop.ada, a_slot(shop), a_file(shop.ada)) == ["not_linked"]


def test_a_file_that_this_printer_cannot_take_is_refused_when_it_is_attached(shop):
    a_link(shop.printer, bed_x=60, nozzle_most=190)
    assert len(refused(attach, shop.ada, a_slot(shop), a_file(shop.ada))) >= 2


def test_a_slot_that_is_over_takes_no_file(shop):
    a_link(shop.printer)
    slot, file = a_slot(shop), a_file(shop.ada)
    set_clock("16:00")
    assert refused(attach, shop.ada, slot, file) == ["slot_over"]


def test_the_material_is_what_the_file_says_or_the_only_one_there_is(shop):
    link = a_link(shop.printer)
    pla = Material(code="PLA", name={"fr": "PLA", "en": "PLA"}, density_mg=1240)
    petg = Material(code="PETG", name={"fr": "PETG", "en": "PETG"}, density_mg=1270)
    tpu = Material(code="TPU", name={"fr": "TPU", "en": "TPU"}, density_mg=1210)
    save(pla, petg, tpu)
    save(*(PrinterMaterial(link_id=link.id, material_id=one.id) for one in (pla, petg)))
    slot, file = a_slot(shop), a_file(shop.ada)
    assert attach(shop.ada, slot, file).material_id == pla.id
    assert attach(shop.ada, slot, file, material_id=petg.id).material_id == petg.id
    assert refused(attach, shop.ada, slot, file, material_id=tpu.id) == ["material_not_taken"]


def test_an_attached_print_is_taken_back_and_its_story_stays(shop):
    job = a_job(shop)
    ask(prints.discard, shop.ada, job)
    assert (fresh(job).state, story(job)) == (JobState.EXPIRED, ["attached", "discarded"])
    assert refused(ask, prints.discard, shop.ada, job) == ["cannot_do_now"]


def test_an_ended_print_is_printed_again_as_the_next_attempt(shop):
    job = a_job(shop)
    assert refused(ask, prints.again, shop.ada, job) == ["cannot_do_now"]
    put(job, JobState.FAILED)
    again = ask(prints.again, shop.ada, job)
    assert (again.attempt, again.state, again.file_id) == (2, JobState.ATTACHED, job.file_id)


# ── approval ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_print_waits_for_the_team_and_the_next_does_not(shop):
    link = a_link(shop.printer, approval=Approval.FIRST)
    job = a_job(shop, link=link)
    assert job.needs_approval
    assert refused(start, shop.ada, job) == ["waits_for_approval"]
    put(job, JobState.DONE, started_at=clock.now(), ended_at=clock.now())
    assert not ask(prints.again, shop.ada, job).needs_approval


def test_the_team_says_yes_or_no_once(shop):
    job = a_job(shop, link=a_link(shop.printer, approval=Approval.ALWAYS))
    with pytest.raises(NotAllowed), transaction():
        prints.decide(actor=acting(shop.chloe), job_id=job.id, is_approved=True, note="")
    with transaction():
        prints.decide(actor=acting(shop.lea), job_id=job.id, is_approved=False, note="Too thin.")
    assert refused(start, shop.ada, job) == ["not_approved"]
    with pytest.raises(Refused), transaction():
        prints.decide(actor=acting(shop.lea), job_id=job.id, is_approved=True, note="")
    assert (fresh(job).decision_note, story(job)[-1]) == ("Too thin.", "refused")


def test_an_approved_print_starts(shop):
    job = a_job(shop, link=a_link(shop.printer, approval=Approval.ALWAYS))
    with transaction():
        prints.decide(actor=acting(shop.lea), job_id=job.id, is_approved=True, note="")
    assert start(shop.ada, job).state is JobState.SENDING


# ── starting: one guard after the other ──────────────────────────────────────────────────────────────────────────────


def test_a_start_is_a_wish_with_a_name_for_its_file(shop):
    job = start(shop.ada, a_job(shop))
    assert (job.state, job.wish, job.asked_at) == (JobState.SENDING, Wish.START, None)
    assert job.remote_path == f"fablab/{job.reservation_id}/{job.id}-1.gcode"
    assert (job.bed_clear_by_id, job.wished_by_id) == (shop.ada.id, shop.ada.id)


def test_twice_is_refused(shop):
    job = a_job(shop)
    start(shop.ada, job)
    assert "already_started" in refused(start, shop.ada, job)


def test_somebody_elses_print_is_not_started(shop):
    with pytest.raises(NotAllowed):
        start(shop.ben, a_job(shop))


def test_the_team_starts_for_a_member(shop):
    assert start(shop.lea, a_job(shop)).wished_by_id == shop.lea.id


def test_nobody_starts_before_checking_in_or_after_the_end(shop):
    link = a_link(shop.printer)
    reservation = book(shop.ada, shop.printer, "14:00")
    set_clock("13:50")
    look(link, Seen.IDLE)
    job = attach(shop.ada, reservation, a_file(shop.ada))
    assert refused(start, shop.ada, job) == ["slot_not_begun"]
    set_clock("13:56")
    look(link, Seen.IDLE)
    assert refused(start, shop.ada, job) == ["not_checked_in"]
    check_in(shop.ada, reservation, shop.printer)
    assert start(shop.ada, job).state is JobState.SENDING
    put(job, JobState.ATTACHED)
    set_clock("16:00")
    look(link, Seen.IDLE)
    assert refused(start, shop.ada, job) == ["slot_over", "ends_too_late"]


def test_a_certification_counts_at_the_moment_of_the_start(shop):
    save(Requirement(machine_id=shop.printer.id, condition=0, competence_id=shop.laser.id))
    job = a_job(shop)
    held = select(Certification.id).where(Certification.member_id == shop.ada.id, Certification.competence_id == shop.laser.id)
    with transaction():
        certifications.revoke(actor=acting(shop.lea), certification_id=db.session.scalars(held).one(), reason="Left it alone")
    assert refused(start, shop.ada, job) == ["not_certified"]
    assert refused(start, shop.lea, job, override_reason="I watch") == ["not_certified"]


def test_a_suspended_member_prints_nothing(shop):
    job = a_job(shop)
    with transaction():
        fresh_ada = db.session.merge(shop.ada)
        fresh_ada.suspended_at, fresh_ada.suspension_reason = clock.now(), "Unpaid"
    assert refused(start, shop.ada, job) == ["suspended"]


def test_a_machine_out_of_order_prints_nothing(shop):
    job = a_job(shop)
    with transaction():
        catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.printer.id, note="Nozzle", until=None)
    assert "machine_out" in refused(start, shop.ada, job)


def test_maintenance_keeps_the_printer_but_for_the_team(shop):
    job = a_job(shop)
    later = clock.now() + timedelta(minutes=30)
    with transaction():
        resource = locked(Resource, shop.printer.resource_id)
        resource.capacity = 2
        block = Period(clock.now() - timedelta(minutes=1), later)
        occupancies.occupy([resource.id], block, purpose=Purpose.MAINTENANCE, subject="block:1")
    assert refused(start, shop.ada, job) == ["machine_blocked"]
    assert start(shop.lea, job).state is JobState.SENDING


def test_a_slot_on_a_closed_evening_needs_the_team(shop):
    reservation = book(shop.ada, shop.printer, "18:00", by=shop.lea, override_reason="Late")
    link = a_link(shop.printer)
    set_clock("18:00")
    check_in(shop.ada, reservation, shop.printer)
    set_clock("19:05")
    look(link, Seen.IDLE)
    job = attach(shop.ada, reservation, a_file(shop.ada))
    assert "closed_now" in refused(start, shop.ada, job)
    assert start(shop.lea, job, override_reason="I stay").start_override == "I stay"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (Seen.OFFLINE, "printer_away"), (Seen.STARTING_UP, "printer_away"), (Seen.DISCONNECTED, "disconnected"),
        (Seen.FAULT, "disconnected"), (Seen.PRINTING, "busy"), (Seen.BUSY, "busy"), (Seen.UNKNOWN, "not_seen_lately"),
    ],
)  # fmt: skip
def test_only_an_idle_printer_starts(shop, state, code):
    job = a_job(shop)
    look(link_of(job), state)
    assert refused(start, shop.ada, job) == [code]


def test_what_was_seen_too_long_ago_starts_nothing(shop):
    job = a_job(shop)
    clock.set_clock(clock.now() + timedelta(seconds=16))
    assert refused(start, shop.ada, job) == ["not_seen_lately"]


@pytest.mark.parametrize(("circuit", "code"), [(Circuit.OPEN, "not_seen_lately"), (Circuit.AUTH, "not_linked")])
def test_an_open_circuit_starts_nothing(shop, circuit, code):
    job = a_job(shop)
    with transaction():
        link_of(job).circuit = circuit
    assert refused(start, shop.ada, job) == [code]


def test_another_print_under_way_keeps_the_printer(shop):
    first = a_job(shop)
    reservation = first.reservation_id
    second = ask(prints.again, shop.ada, put(first, JobState.DONE, ended_at=clock.now()))
    third = ask(prints.again, shop.ada, first)
    start(shop.ada, second)
    assert refused(start, shop.ada, third) == ["another_job"]
    assert second.reservation_id == reservation


def test_the_bed_is_looked_at_first(shop):
    job = a_job(shop)
    assert refused(start, shop.ada, job, bed_is_clear=False) == ["bed_not_clear"]


def test_a_print_that_would_take_the_next_ones_time_needs_the_team(shop):
    job = a_job(shop)
    book(ready(shop, "Nina Next"), shop.printer, "16:00")
    clock.set_clock(clock.now() + timedelta(minutes=40))
    look(link_of(job), Seen.IDLE)
    assert refused(start, shop.ada, job) == ["ends_too_late"]
    with pytest.raises(NotAllowed):
        start(shop.ada, job, override_reason="please")
    assert start(shop.lea, job, override_reason="Nina waits").state is JobState.SENDING


def test_a_little_late_is_no_harm_where_nobody_comes_next(shop):
    job = a_job(shop)
    clock.set_clock(clock.now() + timedelta(minutes=40))
    look(link_of(job), Seen.IDLE)
    assert start(shop.ada, job).state is JobState.SENDING


def test_limits_that_were_tightened_since_hold(shop):
    job = a_job(shop)
    with transaction():
        link_of(job).nozzle_most = 190
    assert len(refused(start, shop.ada, job)) == 1


def test_the_page_reads_the_same_facts_beforehand(shop, app):
    job = a_job(shop)
    facts = prints.start_facts(acting(shop.ada), job)
    assert [one.reason for one in start_refusals(facts)] == [reasons.BED_NOT_CLEAR]


def test_every_reason_is_said_at_once(shop):
    job = a_job(shop)
    look(link_of(job), Seen.FAULT)
    clock.set_clock(clock.now() + timedelta(hours=2))
    found = refused(start, shop.ada, job, bed_is_clear=False)
    assert found == ["slot_over", "not_seen_lately", "ends_too_late", "bed_not_clear"]


# ── while it prints ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_pause_resume_and_stop_are_wishes(shop):
    job = printing(a_job(shop), shop)
    assert ask(prints.pause, shop.ada, job).wish is Wish.PAUSE
    assert refused(ask, prints.pause, shop.ada, job) == ["cannot_do_now"]
    put(job, JobState.PAUSED)
    assert ask(prints.resume, shop.ada, job).wish is Wish.RESUME
    job = ask(prints.cancel, shop.ada, job)
    assert (job.wish, job.cancelled_by_id) == (Wish.CANCEL, shop.ada.id)
    assert refused(ask, prints.cancel, shop.ada, job) == ["cannot_do_now"]


def test_only_the_owner_and_the_team_touch_a_print(shop):
    job = printing(a_job(shop), shop)
    for act in (prints.pause, prints.resume, prints.cancel):
        with pytest.raises(NotAllowed):
            ask(act, shop.ben, job)
    with pytest.raises(NotAllowed):
        ask(prints.pause, shop.chloe, job)  # a trainer, but of nothing this printer asks for
    assert ask(prints.pause, shop.lea, job).wished_by_id == shop.lea.id


def test_the_trainers_of_a_machine_look_after_its_prints(shop):
    job = printing(a_job(shop), shop)
    save(Requirement(machine_id=shop.printer.id, condition=0, competence_id=shop.laser.id))
    assert ask(prints.cancel, shop.chloe, job).cancelled_by_id == shop.chloe.id


def test_a_pause_that_never_left_the_house_is_simply_forgotten(shop):
    job = printing(a_job(shop), shop)
    ask(prints.pause, shop.ada, job)
    assert ask(prints.resume, shop.ada, job).wish is None


def test_a_stop_nobody_heard_may_be_asked_again_after_a_minute(shop):
    job = printing(a_job(shop), shop)
    ask(prints.cancel, shop.ada, job)
    put(job, JobState.PRINTING, wish=Wish.CANCEL, asked_at=clock.now())
    assert refused(ask, prints.cancel, shop.ada, job) == ["cannot_do_now"]
    clock.set_clock(clock.now() + timedelta(seconds=61))
    assert ask(prints.cancel, shop.ada, job).asked_at is None


def test_a_stop_before_anything_is_sent_makes_the_print_ready_again(shop):
    job = start(shop.ada, a_job(shop))
    assert ask(prints.cancel, shop.ada, job).state is JobState.ATTACHED
    look(link_of(job), Seen.IDLE)
    again = start(shop.ada, job)
    assert again.remote_path.endswith(f"/{job.id}-1.gcode")


def test_what_has_ended_can_be_asked_nothing(shop):
    job = put(a_job(shop), JobState.DONE)
    for act in (prints.pause, prints.resume, prints.cancel):
        assert refused(ask, act, shop.ada, job) == ["not_open"]


# ── and its reservation ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reservation_that_prints_is_neither_cancelled_nor_ended(shop):
    job = start(shop.ada, a_job(shop))
    reservation = reservation_of(job)
    assert "under_way" in refused(end, shop.ada, reservation)
    assert "under_way" in refused(cancel, shop.lea, reservation, override_reason="Now")
    put(job, JobState.DONE, started_at=clock.now(), ended_at=clock.now())
    end(shop.ada, reservation)
    assert fresh(reservation).status is Status.COMPLETED


def test_a_slot_over_lets_what_was_attached_expire(shop):
    job = a_job(shop)
    with transaction():
        assert not prints.expire_if_over(job.id)
    set_clock("16:00")
    with transaction():
        assert prints.expire_if_over(job.id)
    assert (fresh(job).state, story(job)[-1]) == (JobState.EXPIRED, "expired")
