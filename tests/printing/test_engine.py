"""The engine on a simulated printer, and on servers that do what a test says: one request for each wish, whatever happens."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.outbox import OutboxMessage
from machines import catalogue, usage
from machines.models import Reservation
from machines.printing import doors, prints
from machines.printing import engine_edge as edge
from machines.printing.engine import Engine
from machines.printing.engine_edge import Outlook
from machines.printing.gateway import (
    BadKey,
    Conflict,
    NotFound,
    Observation,
    OutcomeUnknown,
    PastPrint,
    RemoteFile,
    Seen,
    ServerFault,
    TooLarge,
    Unreachable,
)
from machines.printing.models import ForeignPrint, PrintEvent, PrintFile, PrintJob
from machines.printing.quiet import Look
from machines.printing.rules import Circuit, JobState, Outcome, Wish
from machines.printing.watch import Watch
from machines.rules import Status
from tests.builders import acting, save
from tests.machines.scene import book, fresh, ready, set_clock
from tests.printing.engine_scene import (
    a_file,
    a_job,
    a_link,
    ask,
    attach,
    link_of,
    look,
    put,
    records,
    reservation_of,
    start,
    story,
)
from tests.printing.hand import Hand, Scripted


@pytest.fixture
def server(app, monkeypatch):
    scripted = Scripted()
    monkeypatch.setattr(doors, "backend", lambda _link: scripted)
    return scripted


def simulated(shop, request, *, speed: int = 20, **more):
    """A job of Ada's on a simulated printer of its own."""
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    link = a_link(shop.printer, address=f"simulator://p{name}?speed={speed}")
    job = a_job(shop, link=link, **more)
    with transaction():
        return job, doors.backend(link_of(job))


def sent(job, server: Scripted) -> RemoteFile:
    """Its file as the engine leaves it on the server."""
    job = fresh(job)
    file = db.session.scalars(select(PrintJob).where(PrintJob.id == job.id)).one()
    kept = db.session.scalars(select(PrintFile).where(PrintFile.id == file.file_id)).one()
    marker = {"platform": "http://lab.test", "job": str(job.id), "sha256": kept.sha256}
    server.files[job.remote_path] = RemoteFile(job.remote_path, kept.size, marker)
    return server.files[job.remote_path]


# ── the whole of it, on a simulated printer ──────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_from_the_wish_to_the_record(app, shop, request):
    job, _printer = simulated(shop, request)
    hand = Hand(app, link_of(job))
    start(shop.ada, job)
    hand.rounds(2, 5)
    assert fresh(job).state is JobState.PRINTING  # within ten seconds
    assert reservation_of(job).status is Status.IN_USE
    hand.until(lambda: fresh(job).state is JobState.DONE, most=100)
    assert [(row.outcome, row.machine_seconds > 0) for row in records(job)] == [(Outcome.DONE, True)]
    assert story(job) == ["attached", "start_asked", "sent", "start_sent", "printing", "finished", "recorded"]


def test_a_new_engine_in_mid_print_starts_nothing_and_records_nothing_twice(app, shop, request):
    job, _printer = simulated(shop, request)
    link = link_of(job)
    start(shop.ada, job)
    Hand(app, link).rounds(2)
    second = Hand(app, link)
    second.until(lambda: fresh(job).state is JobState.DONE, most=100)
    second.rounds(2)
    assert (story(job).count("start_sent"), len(records(job))) == (1, 1)


def test_pause_and_resume_and_a_resume_that_comes_too_early(app, shop, request):
    job, _printer = simulated(shop, request, speed=1)
    hand = Hand(app, link_of(job))
    start(shop.ada, job)
    hand.until(lambda: fresh(job).state is JobState.PRINTING)
    ask(prints.pause, shop.ada, job)
    hand.round(1)
    assert fresh(job).asked_at is not None
    ask(prints.resume, shop.ada, job)
    hand.until(lambda: "resumed" in story(job), seconds=1)
    hand.rounds(3)
    job = fresh(job)
    assert (job.state, job.wish) == (JobState.PRINTING, None)
    assert [story(job).count(word) for word in ("pause_sent", "paused", "resume_sent")] == [1, 1, 1]


def test_a_stop_ends_with_what_was_used(app, shop, request):
    job, _printer = simulated(shop, request, speed=5)
    hand = Hand(app, link_of(job))
    start(shop.ada, job)
    hand.until(lambda: (fresh(job).filepos or 0) > 0)
    ask(prints.cancel, shop.ada, job)
    hand.until(lambda: fresh(job).state is JobState.CANCELLED, most=10)
    assert (story(job).count("cancel_sent"), records(job)[0].outcome) == (1, Outcome.CANCELLED)


@pytest.mark.parametrize(
    ("what", "state", "outcome"),
    [("fault", JobState.FAILED, Outcome.MACHINE_FAILED), ("cancel", JobState.FAILED, Outcome.STOPPED_ELSEWHERE)],
)
def test_what_befalls_a_print(app, shop, request, what, state, outcome):
    job, printer = simulated(shop, request)
    hand = Hand(app, link_of(job))
    start(shop.ada, job)
    hand.until(lambda: fresh(job).state is JobState.PRINTING)
    printer.befall(what, "Thermal runaway" if what == "fault" else "")
    hand.until(lambda: fresh(job).state is not JobState.PRINTING, most=5)
    assert (fresh(job).state, records(job)[0].outcome) == (state, outcome)
    assert (fresh(job).error_text or "") == ("Thermal runaway" if what == "fault" else "")


def test_a_power_cut_leaves_no_trace_and_nothing_is_started_before_it_is_understood(app, shop, request):
    job, printer = simulated(shop, request)
    hand = Hand(app, link_of(job))
    start(shop.ada, job)
    hand.until(lambda: fresh(job).state is JobState.PRINTING)
    printer.befall("power_cut")
    anew = Hand(app, link_of(job))
    anew.rounds(2)
    assert (fresh(job).state, records(job)[0].outcome) == (JobState.LOST, Outcome.UNKNOWN)


def test_a_network_cut_in_mid_print_changes_nothing(app, shop, request):
    job, printer = simulated(shop, request)
    hand = Hand(app, link_of(job))
    start(shop.ada, job)
    hand.until(lambda: fresh(job).state is JobState.PRINTING)
    printer.serve("down")
    hand.rounds(4)
    assert (fresh(job).state, fresh(job).unreachable_since is not None) == (JobState.PRINTING, True)
    printer.serve("up")
    hand.rounds(4, 10)
    assert (fresh(job).state, fresh(job).unreachable_since) == (JobState.PRINTING, None)


# ── one request for each wish ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_a_request_is_on_record_before_it_leaves(app, shop, server):
    job = start(shop.ada, a_job(shop))
    found = []

    def look_into_the_database():
        with app.app_context():
            row = db.session.execute(select(PrintJob.state, PrintJob.asked_at).where(PrintJob.id == job.id)).one()
            found.append((row.state, row.asked_at is not None))
            db.session.remove()

    server.meanwhile["start"] = look_into_the_database
    Hand(app, link_of(job)).round()
    assert (found, server.writes()) == ([(JobState.STARTING, True)], ["upload", "start"])


def test_a_start_whose_answer_was_lost_is_waited_for_and_never_repeated(app, shop, server):
    job = start(shop.ada, a_job(shop))
    server.raises["start"] = OutcomeUnknown("no answer")
    hand = Hand(app, link_of(job))
    hand.round()
    server.look(Seen.OFFLINE)
    hand.rounds(6, 20)
    assert fresh(job).state is JobState.STARTING
    server.look(Seen.PRINTING, fresh(job).remote_path)
    hand.rounds(3, 60)
    assert (fresh(job).state, server.writes().count("start")) == (JobState.PRINTING, 1)


def test_a_start_nobody_carried_out_is_rejected_after_a_minute_of_seeing_it(app, shop, server):
    job = start(shop.ada, a_job(shop))
    server.raises["start"] = OutcomeUnknown("no answer")
    hand = Hand(app, link_of(job))
    hand.round()
    hand.rounds(11, 5)
    assert fresh(job).state is JobState.STARTING
    hand.rounds(3, 5)
    assert (fresh(job).state, server.writes().count("start"), records(job)) == (JobState.REJECTED, 1, [])


def test_an_engine_that_died_after_asking_does_not_ask_again(app, shop, server):
    job = put(start(shop.ada, a_job(shop)), JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    sent(job, server)
    Hand(app, link_of(job)).rounds(20)
    assert (fresh(job).state, server.writes()) == (JobState.REJECTED, [])


def test_an_engine_that_died_while_sending_sends_and_starts_once(app, shop, server):
    job = start(shop.ada, a_job(shop))
    sent(job, server)
    hand = Hand(app, link_of(job))
    hand.round()
    server.look(Seen.PRINTING, job.remote_path)
    hand.rounds(2)
    assert (fresh(job).state, server.writes()) == (JobState.PRINTING, ["start"])


@pytest.mark.parametrize("error", [Conflict("x"), NotFound("x"), Unreachable("x")])
def test_a_start_that_is_surely_refused_is_told_at_once(app, shop, server, error):
    job = start(shop.ada, a_job(shop))
    server.raises["start"] = error
    Hand(app, link_of(job)).round()
    assert (fresh(job).state, records(job)) == (JobState.REJECTED, [])


def test_a_file_the_server_does_not_take_makes_the_print_ready_again(app, shop, server):
    job = start(shop.ada, a_job(shop))
    server.raises["upload"] = TooLarge("no")
    Hand(app, link_of(job)).round()
    assert (fresh(job).state, story(job)[-1], server.writes()) == (JobState.ATTACHED, "not_sent", ["upload"])


def test_a_file_that_is_there_from_a_start_taken_back_is_used_and_not_sent_again(app, shop, server):
    job = start(shop.ada, a_job(shop))
    hand = Hand(app, link_of(job))
    server.meanwhile["upload"] = lambda: server.look(Seen.BUSY)
    hand.round()
    assert (fresh(job).state, list(server.files)) == (JobState.ATTACHED, [job.remote_path])
    server.look(Seen.IDLE)
    look(link_of(job), Seen.IDLE)
    start(shop.ada, job)
    hand.round()
    assert (server.writes(), list(server.files)) == (["upload", "start"], [fresh(job).remote_path])


def test_a_file_the_server_did_not_take_has_another_name_the_next_time(app, shop, server):
    job = start(shop.ada, a_job(shop))
    before = job.remote_path
    server.raises["upload"] = TooLarge("no")
    Hand(app, link_of(job)).round()
    look(link_of(job), Seen.IDLE)
    assert start(shop.ada, job).remote_path == before.replace("-1.gcode", "-2.gcode")


def test_the_same_file_twice_is_ours_by_its_mark_and_nobody_elses(app, shop, server):
    job = start(shop.ada, a_job(shop))
    ours = sent(job, server)
    server.files[job.remote_path] = RemoteFile(ours.path, ours.size, {**ours.marker, "platform": "http://other.test"})
    Hand(app, link_of(job)).round()
    assert (fresh(job).state, server.writes()) == (JobState.ATTACHED, [])


def test_a_stop_while_the_file_is_on_its_way_keeps_it_from_starting(app, shop, server):
    job = start(shop.ada, a_job(shop))

    def somebody_thinks_better_of_it():
        with app.app_context():
            with transaction():
                prints.cancel(actor=acting(shop.ada), job_id=job.id)
            db.session.remove()

    server.meanwhile["upload"] = somebody_thinks_better_of_it
    Hand(app, link_of(job)).round()
    assert (fresh(job).state, server.writes()) == (JobState.ATTACHED, ["upload"])


def test_a_printer_that_somebody_took_meanwhile_is_left_alone(app, shop, server):
    job = start(shop.ada, a_job(shop))
    server.meanwhile["upload"] = lambda: server.look(Seen.PRINTING, "benchy.gcode")
    Hand(app, link_of(job)).round()
    assert (fresh(job).state, server.writes()) == (JobState.ATTACHED, ["upload"])


def test_a_start_that_cannot_be_sent_for_long_is_not_sent_late(app, shop, server):
    job = start(shop.ada, a_job(shop))
    server.look(Seen.OFFLINE)
    hand = Hand(app, link_of(job))
    hand.rounds(3, 5)
    assert fresh(job).state is JobState.SENDING
    server.look(Seen.IDLE)
    hand.round(400)
    assert (fresh(job).state, server.writes()) == (JobState.ATTACHED, [])


def still_starts(job) -> tuple[bool, str]:
    """Whether the start is claimed once the file is there, and what is written down of it."""
    db.session.rollback()
    assert edge.hold_lease("here")
    is_claimed = edge.claim_start("here", job.id)
    why = select(PrintEvent).where(PrintEvent.job_id == job.id).order_by(PrintEvent.id.desc()).limit(1)
    last = db.session.scalars(why).one()
    return is_claimed, last.details.get("why", last.kind)


@pytest.mark.parametrize(("seconds", "found"), [(355, (True, "start_sent")), (365, (False, "too_late"))])
def test_a_start_whose_file_took_too_long_is_taken_back(shop, seconds, found):
    job = start(shop.ada, a_job(shop))
    clock.set_clock(clock.now() + timedelta(seconds=seconds))
    assert still_starts(job) == found
    assert fresh(job).state is (JobState.STARTING if found[0] else JobState.ATTACHED)


def test_a_start_is_taken_back_when_the_machine_went_out_of_order_meanwhile(shop):
    job = start(shop.ada, a_job(shop))
    with transaction():
        catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.printer.id, note="Nozzle", until=None)
    assert still_starts(job) == (False, "machine_out")


def test_a_start_is_taken_back_when_the_member_was_suspended_meanwhile(shop):
    job = start(shop.ada, a_job(shop))
    with transaction():
        ada = db.session.merge(shop.ada)
        ada.suspended_at, ada.suspension_reason = clock.now(), "Unpaid"
    assert still_starts(job) == (False, "suspended")


@pytest.mark.parametrize(("override", "found"), [(None, (False, "ends_too_late")), ("Nina waits", (True, "start_sent"))])
def test_a_start_is_taken_back_when_somebody_booked_its_time_meanwhile(shop, override, found):
    job = a_job(shop)
    clock.set_clock(clock.now() + timedelta(minutes=40))
    look(link_of(job), Seen.IDLE)
    start(shop.lea if override else shop.ada, job, override_reason=override)
    book(ready(shop, "Nina Next"), shop.printer, "16:00")
    assert still_starts(job) == found


def test_a_stop_never_meets_another_print(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    sent(job, server)
    ask(prints.cancel, shop.ada, job)
    server.look(Seen.PRINTING, "benchy.gcode")
    Hand(app, link_of(job)).rounds(2)
    assert server.writes() == []


def test_a_stop_that_did_not_arrive_is_sent_when_the_printer_is_heard(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    server.look(Seen.PRINTING, job.remote_path)
    ask(prints.cancel, shop.ada, job)
    server.raises["cancel"] = Unreachable("refused")
    hand = Hand(app, link_of(job))
    hand.round()
    server.raises.clear()
    hand.rounds(3)
    assert (server.writes(), fresh(job).asked_at is not None) == (["cancel", "cancel"], True)


def test_a_stop_whose_answer_was_lost_is_not_sent_again(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    server.look(Seen.PRINTING, job.remote_path)
    ask(prints.cancel, shop.ada, job)
    server.raises["cancel"] = OutcomeUnknown("no answer")
    Hand(app, link_of(job)).rounds(5)
    assert server.writes() == ["cancel"]


# ── circuits, keys, leases ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_silent_server_is_asked_ever_more_seldom_and_its_first_word_closes_the_circuit(app, shop, server):
    job = a_job(shop)
    link, hand = link_of(job), None
    server.look(Seen.OFFLINE)
    hand = Hand(app, link)
    hand.rounds(60, 5)  # five minutes
    assert fresh(link).circuit is Circuit.OPEN
    assert 8 <= server.calls.count("status") <= 10
    server.look(Seen.IDLE)
    hand.round(240)
    assert (fresh(link).circuit, fresh(link).failures, fresh(link).retry_at) == (Circuit.CLOSED, 0, None)


def test_a_refused_key_is_tried_every_quarter_of_an_hour_and_told_once(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    link = link_of(job)
    server.raises["status"] = BadKey("x")
    hand = Hand(app, link)
    hand.rounds(200, 10)  # a good half hour
    assert (fresh(link).circuit, server.calls.count("status")) == (Circuit.AUTH, 3)
    assert (fresh(job).state, fresh(job).unreachable_since is not None) == (JobState.PRINTING, True)
    keys = list(db.session.scalars(select(OutboxMessage.key).where(OutboxMessage.key.like("printing.key_refused:%"))))
    assert len(keys) == 1
    server.raises.clear()
    server.look(Seen.PRINTING, job.remote_path)
    with transaction():
        link_of(job).revision += 1  # somebody stored another key
    hand.round()
    assert (fresh(link).circuit, fresh(job).unreachable_since) == (Circuit.CLOSED, None)


@pytest.mark.both_engines
def test_of_two_engines_one_talks_and_the_other_takes_over_when_it_is_gone(app, shop, server):
    a_job(shop)
    db.session.rollback()
    assert [edge.hold_lease(name) for name in ("one", "two", "one")] == [True, False, True]
    clock.set_clock(clock.now() + edge.LEASE + timedelta(seconds=1))
    assert [edge.hold_lease(name) for name in ("two", "one")] == [True, False]
    edge.let_go("two")
    assert edge.hold_lease("one")


def test_an_engine_that_lost_its_lease_sends_nothing_more(app, shop, server):
    job = start(shop.ada, a_job(shop))

    def another_takes_over():
        with app.app_context():
            edge.let_go("here")
            assert edge.hold_lease("there")

    server.meanwhile["upload"] = another_takes_over
    Hand(app, link_of(job)).round()
    assert (fresh(job).state, server.writes()) == (JobState.SENDING, ["upload"])


def test_an_unexpected_answer_is_that_printers_trouble_only(app, shop, server):
    job = a_job(shop)
    server.raises["status"] = RuntimeError("what is this")  # type: ignore[assignment]
    assert Hand(app, link_of(job)).round() > 0
    assert fresh(link_of(job)).failures == 1


def test_a_round_never_raises_whatever_the_database_says(app):
    async def nothing_works(*_facts):
        raise ValueError("what is this")

    watch = Watch(nothing_works, "here", Outlook(1, 0, Circuit.CLOSED, None, None), lambda _look: None)
    assert asyncio.run(watch.round()) > 0


def test_a_printer_whose_watch_has_ended_is_watched_again(app, shop, server):
    link_id, engine = a_link(shop.printer).id, Engine(app, holder="here")
    db.session.rollback()

    async def beats() -> tuple[bool, bool, bool]:
        await engine.beat()
        first = engine.watches[link_id]
        await engine.beat()
        is_kept = engine.watches[link_id] is first
        await first.stop()
        await engine.beat()
        second = engine.watches[link_id]
        found = is_kept, second is first, second.has_ended
        await second.stop()
        return found

    assert asyncio.run(beats()) == (True, False, False)


# ── what else the engine does ────────────────────────────────────────────────────────────────────────────────────────


def test_a_printer_is_looked_at_as_often_as_something_happens(app, shop, server):
    link = a_link(shop.printer)
    hand = Hand(app, link)
    assert 54 <= hand.round() <= 66
    book(shop.ada, shop.printer, "14:00")
    set_clock("13:46")
    assert 9 <= hand.round() <= 11
    put_job = a_job_in(shop, link)
    assert 4.5 <= hand.round() <= 5.5
    assert put_job.link_id == link.id


def test_before_a_slot_the_printer_is_connected_once_where_that_is_allowed(app, shop, server):
    link = a_link(shop.printer, may_connect=True)
    book(shop.ada, shop.printer, "14:00")
    server.look(Seen.DISCONNECTED)
    set_clock("13:50")
    hand = Hand(app, link)
    hand.rounds(4)
    assert server.writes() == ["connect_printer"]
    with transaction():
        db.session.merge(link).may_connect = False
    Hand(app, link).rounds(3)
    assert server.writes() == ["connect_printer"]


def test_files_are_taken_off_the_server_a_week_after_the_end(app, shop, server):
    job = put(a_job(shop), JobState.DONE, ended_at=clock.now() - timedelta(days=6))
    hand = Hand(app, link_of(job))
    hand.round()
    assert server.writes() == []
    put(job, JobState.DONE, ended_at=clock.now() - timedelta(days=8))
    server.raises["delete"] = Conflict("in use")
    Hand(app, link_of(job)).round()
    assert fresh(job).remote_deleted_at is None
    server.raises.clear()
    Hand(app, link_of(job)).rounds(2)
    assert (fresh(job).remote_deleted_at is not None, server.writes()) == (True, ["delete", "delete"])


def test_a_print_of_nobodys_is_stopped_once_where_the_house_wants_it(app, shop, server):
    link = a_link(shop.printer)
    save(
        ForeignPrint(link_id=link.id, remote_path="benchy.gcode", seen_from=clock.now(), stop_wished_at=clock.now(), answer=None)
    )
    server.look(Seen.PRINTING, "benchy.gcode")
    Hand(app, link).rounds(3)
    assert server.writes() == ["cancel"]


def test_a_forgotten_reservation_ends_with_its_print(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    set_clock("16:30")
    server.look(Seen.IDLE, job.remote_path, completion=100.0)
    Hand(app, link_of(job)).round()
    assert (fresh(job).state, reservation_of(job).status) == (JobState.DONE, Status.COMPLETED)


def test_a_fault_is_kept_with_what_the_server_knows_of_it(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    server.look(Seen.FAULT, error_text="Error")
    server.details = "MAXTEMP triggered"
    Hand(app, link_of(job)).round()
    assert fresh(job).error_text == "MAXTEMP triggered"


def test_a_printer_is_asked_once_a_night_what_no_look_saw(app, shop, server):
    link = a_link(shop.printer)
    hand = Hand(app, link)
    hand.rounds(3, 60)
    assert server.asked_since == []
    set_clock("03:01", "2026-11-28")
    server.past = [PastPrint("benchy.gcode", clock.now() - timedelta(hours=4), "member", True, 2.0)]
    hand.rounds(120, 60)
    Hand(app, link).rounds(3, 60)
    assert (len(server.asked_since), server.writes()) == (1, [])
    assert [row.remote_path for row in db.session.scalars(select(ForeignPrint))] == ["benchy.gcode"]
    set_clock("03:01", "2026-11-29")
    hand.rounds(3, 60)
    assert len(server.asked_since) == 2
    assert len(list(db.session.scalars(select(ForeignPrint)))) == 1


@pytest.mark.parametrize("state", [Seen.PRINTING, Seen.DISCONNECTED, Seen.OFFLINE, Seen.FAULT])
def test_only_an_idle_printer_is_asked_what_it_printed(app, shop, server, state):
    hand = Hand(app, a_link(shop.printer))
    set_clock("03:01", "2026-11-28")
    server.look(state, "benchy.gcode")
    hand.rounds(3, 60)
    assert server.asked_since == []


def test_a_printer_with_a_job_is_not_asked_what_it_printed(app, shop, server):
    job = put(a_job(shop), JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    with transaction():
        link_of(job).prints_known_until = clock.now() - timedelta(days=2)
    hand = Hand(app, link_of(job))
    hand.round()
    assert (fresh(job).state, server.asked_since) == (JobState.STARTING, [])
    put(job, JobState.REJECTED, wish=None)
    hand.round(60)
    assert len(server.asked_since) == 1


def test_a_server_that_cannot_say_what_it_printed_is_left_in_peace_for_hours(app, shop, server):
    link = a_link(shop.printer)
    hand = Hand(app, link)
    set_clock("03:01", "2026-11-28")
    server.raises["printed_since"] = ServerFault("the answer is too long")
    hand.rounds(10, 1800)
    assert (server.calls.count("printed_since"), fresh(link).circuit, fresh(link).failures) == (1, Circuit.CLOSED, 0)
    server.raises.clear()
    hand.rounds(3, 1800)
    assert len(server.asked_since) == 1


def a_job_in(shop, link) -> PrintJob:
    """A print under way, without any of its story."""
    reservation = db.session.scalars(select(Reservation).order_by(Reservation.id)).first()
    return put(attach(shop.ada, reservation, a_file(shop.ada)), JobState.PRINTING, started_at=clock.now())


# ── what only some engines and some looks do ─────────────────────────────────────────────────────────────────────────


def test_an_engine_without_the_lease_looks_and_asks_nothing(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    server.look(Seen.PRINTING, job.remote_path)
    ask(prints.pause, shop.ada, job)
    db.session.rollback()
    assert edge.hold_lease("there")
    Hand(app, link_of(job), "here").rounds(2)
    assert (server.writes(), fresh(job).asked_at) == ([], None)


def test_a_pause_the_printer_refuses_is_said_and_not_asked_again(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    server.look(Seen.PRINTING, job.remote_path)
    ask(prints.pause, shop.ada, job)
    server.raises["pause"] = Conflict("x")
    Hand(app, link_of(job)).rounds(3)
    assert (server.writes(), fresh(job).wish, story(job)[-1]) == (["pause"], None, "not_taken")


@pytest.mark.parametrize("error", [Conflict("x"), Unreachable("x")])
def test_a_stop_asked_while_a_pause_is_refused_is_sent_all_the_same(app, shop, server, error):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    server.look(Seen.PRINTING, job.remote_path)
    ask(prints.pause, shop.ada, job)

    def somebody_would_rather_stop_it():
        with app.app_context():
            with transaction():
                prints.cancel(actor=acting(shop.ada), job_id=job.id)
            db.session.remove()

    server.meanwhile["pause"] = somebody_would_rather_stop_it
    server.raises["pause"] = error
    Hand(app, link_of(job)).rounds(3)
    assert (server.writes(), fresh(job).wish, fresh(job).asked_at is not None) == (["pause", "cancel"], Wish.CANCEL, True)


def test_looks_without_news_move_the_figures_and_nothing_else(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    hand, link = Hand(app, link_of(job)), link_of(job)
    for seconds in (5, 10, 15):
        server.look(Seen.PRINTING, job.remote_path, filepos=10 * seconds, print_seconds=seconds, completion=1.0 * seconds)
        hand.round(5)
    told, moved_at = fresh(job), clock.now()
    assert (told.filepos, told.print_seconds, told.completion, told.filepos_moved_at) == (150, 15, 15.0, moved_at)
    assert (fresh(link).observed_at, fresh(link).observed["filepos"]) == (moved_at, 150)
    hand.round(5)
    assert (fresh(job).filepos_moved_at, fresh(link).observed_at) == (moved_at, clock.now())


def test_a_look_that_was_overtaken_changes_nothing(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now(), print_seconds=50, filepos=500)
    earlier = Observation(clock.now(), Seen.PRINTING, job.remote_path, filepos=900, print_seconds=90)
    put(job, JobState.CANCELLING)
    db.session.rollback()
    edge.keep([Look(job.link_id, job.id, earlier)])
    assert (fresh(job).print_seconds, fresh(job).filepos) == (50, 500)


def test_whoever_stands_still_is_noticed_although_nothing_is_new(app, shop, server):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    server.look(Seen.PRINTING, job.remote_path, filepos=10, print_seconds=5)
    Hand(app, link_of(job)).rounds(130, 5)
    assert (fresh(job).stalled_since is not None, story(job).count("stalled")) == (True, 1)


def test_a_server_silent_for_two_minutes_of_a_slot_is_told_to_the_team_once(app, shop, server):
    job = a_job(shop)
    server.look(Seen.OFFLINE)
    hand = Hand(app, link_of(job))
    hand.rounds(60, 5)
    server.look(Seen.IDLE)
    hand.round(240)
    keys = list(db.session.scalars(select(OutboxMessage.key).where(OutboxMessage.key.like("printing.preflight_failed:%"))))
    assert (keys, fresh(link_of(job)).alerted_at) == ([f"printing.preflight_failed:{job.reservation_id}:0:team"], None)


def test_a_reservation_that_cannot_follow_its_print_keeps_no_request_from_leaving(app, shop, server, monkeypatch):
    job = put(a_job(shop), JobState.STARTING, wish=Wish.START, asked_at=clock.now(), cancelled_by_id=shop.ada.id)

    def fails(_reservation_id):
        raise RuntimeError("a deadlock, for the last time")

    monkeypatch.setattr(usage, "begin_with_print", fails)
    server.look(Seen.PRINTING, job.remote_path)
    Hand(app, link_of(job)).round()
    assert (server.writes(), fresh(job).asked_at is not None) == (["cancel"], True)


def test_a_start_behind_a_refused_key_is_taken_back_when_it_is_too_late(app, shop, server):
    job = start(shop.ada, a_job(shop))
    server.raises["status"] = BadKey("x")
    hand = Hand(app, link_of(job))
    hand.round()
    assert fresh(job).state is JobState.SENDING
    hand.rounds(2, 900)
    assert (fresh(job).state, server.writes()) == (JobState.ATTACHED, [])
