"""What one look changes: the printer, the print, its reservation's freedom, who is told. Nothing is asked of any printer."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.outbox import OutboxMessage
from machines.printing import observing, octoprint_answers, prints
from machines.printing.gateway import RemoteFile, Seen
from machines.printing.rules import JobState, Outcome, PausedBy, Wish
from tests.machines.scene import fresh
from tests.printing.engine_scene import (
    a_job,
    ask,
    link_of,
    look,
    printing,
    put,
    records,
    start,
    story,
)


def later(seconds: float) -> None:
    clock.set_clock(clock.now() + timedelta(seconds=seconds))


def told() -> list[tuple[str, bool]]:
    """The letters of printing that were left to be written, and whether they are for the team."""
    db.session.rollback()
    rows = db.session.scalars(select(OutboxMessage).where(OutboxMessage.topic == "mail.send").order_by(OutboxMessage.id))
    found = [(row.payload["template"].removeprefix("printing."), bool(row.payload["facts"].get("team"))) for row in rows]
    return [one for one in found if not one[0].startswith("machines.")]


def counted(job, *, successes: int = 0, failures: int = 0, seconds: float | None = None) -> RemoteFile:
    return RemoteFile(job.remote_path, 100, {}, successes, failures, last_print_seconds=seconds)


@pytest.mark.both_engines
def test_a_print_from_its_start_to_its_end(shop):
    job = printing(a_job(shop), shop)
    assert (job.state, job.wish, job.started_at) == (JobState.PRINTING, None, clock.now())
    later(60)
    look(link_of(job), Seen.PRINTING, job.remote_path, completion=50.0, filepos=120, print_seconds=55)
    later(60)
    [change] = look(link_of(job), Seen.IDLE, job.remote_path, completion=100.0, remote=counted(job, successes=1, seconds=111.6))
    job = fresh(job)
    assert (change.before, change.after, change.is_end) == (JobState.PRINTING, JobState.DONE, True)
    assert (job.state, job.print_seconds, job.filepos, job.ended_at) == (JobState.DONE, 111, 120, clock.now())
    assert [row.outcome for row in records(job)] == [Outcome.DONE]
    assert story(job)[-2:] == ["finished", "recorded"]
    assert told() == [("finished", False)]


@pytest.mark.both_engines
def test_an_end_seen_twice_is_recorded_once(shop):
    job = printing(a_job(shop), shop)
    for _ in range(2):
        look(link_of(job), Seen.IDLE, job.remote_path, completion=100.0)
    assert (len(records(job)), story(job).count("finished")) == (1, 1)


def test_figures_only_grow_and_are_never_anothers(shop):
    job = printing(a_job(shop), shop)
    look(link_of(job), Seen.PRINTING, job.remote_path, filepos=500, print_seconds=50)
    look(link_of(job), Seen.PRINTING, job.remote_path, filepos=400, print_seconds=40)
    job = fresh(job)
    assert (job.filepos, job.print_seconds) == (500, 50)
    look(link_of(job), Seen.PRINTING, "benchy.gcode", filepos=900, print_seconds=900)
    assert (fresh(job).filepos, fresh(job).state) == (500, JobState.LOST)


@pytest.mark.both_engines
def test_whatever_a_server_says_of_its_print_can_be_kept(shop):
    odd = "caf\\udce9\\u0000.gcode"
    told = f"""{{
        "state": "Printing", "error": "{odd}", "job": {{"file": {{"path": "{odd}"}}, "user": "{odd}"}},
        "progress": {{"completion": 1.0, "filepos": 1e300, "printTime": 1e30, "printTimeLeft": -1e30}}
    }}"""
    seen = octoprint_answers.observed(json.loads(told))
    assert (seen.remote_path, seen.started_by, seen.error_text) == ("caf.gcode", "caf.gcode", "caf.gcode")
    job = put(printing(a_job(shop), shop), JobState.PRINTING, remote_path="caf.gcode")
    with transaction():
        observing.apply(link_id=job.link_id, seen=seen, remote=None)
    job = fresh(job)
    assert (job.filepos, job.print_seconds, job.seconds_left) == (2**40, 366 * 24 * 3600, 0)


def test_a_start_seen_idle_for_a_minute_was_refused_and_costs_nothing(shop):
    job = start(shop.ada, a_job(shop))
    job = put(job, JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    later(200)  # a server that hung says nothing for so long
    for state in (Seen.OFFLINE, Seen.IDLE):
        look(link_of(job), state, remote=counted(job))
        assert fresh(job).state is JobState.STARTING
    later(61)
    look(link_of(job), Seen.IDLE, remote=counted(job))
    assert (fresh(job).state, records(job), told()) == (JobState.REJECTED, [], [("rejected", False)])


def test_a_print_too_short_to_be_seen_is_known_by_the_servers_count(shop):
    job = put(start(shop.ada, a_job(shop)), JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    later(5)
    look(link_of(job), Seen.IDLE, remote=counted(job, successes=1, seconds=2.0))
    job = fresh(job)
    assert (job.state, job.print_seconds, job.started_at is not None) == (JobState.DONE, 2, True)


@pytest.mark.parametrize(
    ("more", "wish", "by", "letters"),
    [("", None, PausedBy.PRINTER, 1), ("M600\n", None, PausedBy.FILE, 1), ("M600\n", Wish.PAUSE, PausedBy.MEMBER, 0)],
)
def test_who_paused(shop, more, wish, by, letters):
    job = printing(a_job(shop, link=None, more=more), shop)
    if wish:
        ask(prints.pause, shop.ada, job)
        put(job, JobState.PRINTING, wish=Wish.PAUSE, asked_at=clock.now())
    look(link_of(job), Seen.PAUSED, job.remote_path)
    job = fresh(job)
    assert (job.state, job.paused_by, job.wish, len(told())) == (JobState.PAUSED, by, None, letters)
    look(link_of(job), Seen.PRINTING, job.remote_path)
    assert (fresh(job).paused_by, story(job)[-1]) == (None, "resumed")


def test_the_team_may_pause_too(shop):
    job = printing(a_job(shop), shop)
    ask(prints.pause, shop.lea, job)
    put(job, JobState.PRINTING, wish=Wish.PAUSE, asked_at=clock.now())
    look(link_of(job), Seen.PAUSED, job.remote_path)
    assert fresh(job).paused_by is PausedBy.STAFF


def test_a_pause_that_shows_no_effect_is_dropped_and_said(shop):
    job = printing(a_job(shop), shop)
    ask(prints.pause, shop.ada, job)
    put(job, JobState.PRINTING, wish=Wish.PAUSE, asked_at=clock.now())
    later(61)
    look(link_of(job), Seen.PRINTING, job.remote_path)
    assert (fresh(job).wish, story(job)[-1]) == (None, "not_heard")


def test_a_printer_not_heard_for_two_minutes_is_told_once_and_the_print_goes_on(shop):
    job = printing(a_job(shop), shop)
    since = clock.now()
    for seconds in (0, 60, 61, 60, 600):
        later(seconds)
        look(link_of(job), Seen.OFFLINE)
    job = fresh(job)
    assert (job.state, job.unreachable_since) == (JobState.PRINTING, since)
    assert told() == [("unreachable", False), ("unreachable", True)]
    look(link_of(job), Seen.PRINTING, job.remote_path)
    job = fresh(job)
    assert (job.unreachable_since, job.alerted_at, story(job)[-1]) == (None, None, "heard_again")


def test_a_server_that_starts_up_is_no_alarm_for_two_minutes(shop):
    job = printing(a_job(shop), shop)
    look(link_of(job), Seen.STARTING_UP)
    later(119)
    look(link_of(job), Seen.STARTING_UP)
    assert (told(), fresh(job).state) == ([], JobState.PRINTING)


def test_a_print_out_of_sight_for_an_hour_after_its_end_is_lost_and_somebody_says(shop):
    job = printing(a_job(shop), shop)
    ends_about = job.ends_about
    look(link_of(job), Seen.OFFLINE)
    clock.set_clock(ends_about + timedelta(minutes=59))
    look(link_of(job), Seen.OFFLINE)
    assert fresh(job).state is JobState.PRINTING
    later(120)
    look(link_of(job), Seen.OFFLINE)
    assert (fresh(job).state, records(job)[0].outcome) == (JobState.LOST, Outcome.UNKNOWN)


def test_a_restarted_server_knows_nothing_any_more(shop):
    job = printing(a_job(shop), shop)
    look(link_of(job), Seen.OFFLINE)
    look(link_of(job), Seen.DISCONNECTED, remote=counted(job))
    assert (fresh(job).state, told()[-2:]) == (JobState.LOST, [("lost", False), ("lost", True)])


def test_a_fault_keeps_its_words(shop):
    job = printing(a_job(shop), shop)
    look(link_of(job), Seen.FAULT, error_text="Thermal runaway", remote=counted(job, failures=1))
    job = fresh(job)
    assert (job.state, job.error_text, records(job)[0].is_free) == (JobState.FAILED, "Thermal runaway", True)


def test_a_print_that_stands_still_is_told_once(shop):
    job = printing(a_job(shop), shop)
    for _ in range(4):
        later(301)
        look(link_of(job), Seen.PRINTING, job.remote_path, filepos=10)
    assert fresh(job).stalled_since is not None
    assert told() == [("stalled", False), ("stalled", True)]
    look(link_of(job), Seen.PRINTING, job.remote_path, filepos=20)
    assert fresh(job).stalled_since is None


def test_a_long_wait_the_file_asks_for_is_no_stall(shop):
    job = printing(a_job(shop, more="G4 S1500\n"), shop)
    later(1400)
    look(link_of(job), Seen.PRINTING, job.remote_path, filepos=10)
    assert (fresh(job).stalled_since, told()) == (None, [])


def test_a_stop_asked_while_nobody_knew_whether_it_prints_waits_for_the_print(shop):
    job = put(start(shop.ada, a_job(shop)), JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    ask(prints.cancel, shop.ada, job)
    assert fresh(job).wish is Wish.START
    look(link_of(job), Seen.PRINTING, job.remote_path)
    job = fresh(job)
    assert (job.state, job.wish, job.asked_at) == (JobState.PRINTING, Wish.CANCEL, None)


def test_since_when_a_printer_can_be_used_is_kept_and_a_blink_changes_nothing(shop):
    link = link_of(a_job(shop))
    usable_since = fresh(link).usable_since
    later(30)
    look(link, Seen.OFFLINE)
    assert fresh(link).unusable_since == clock.now()
    later(10)
    look(link, Seen.IDLE)
    assert (fresh(link).usable_since, fresh(link).unusable_since) == (usable_since, None)
    look(link, Seen.DISCONNECTED)
    later(90)
    look(link, Seen.IDLE)
    assert (fresh(link).usable_since, fresh(link).unusable_since) == (clock.now(), None)
