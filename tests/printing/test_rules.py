"""What a look at a printer says of a print: every row of the table of states, from nothing but facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from machines.printing import circuits, rules, wishes
from machines.printing.circuits import Standing
from machines.printing.gateway import BadKey, Forbidden, Observation, RateLimited, Seen, ServerFault
from machines.printing.rules import (
    ENDED,
    MOVES,
    OPEN,
    Circuit,
    JobState,
    Outcome,
    Wish,
)
from machines.printing.sight import Known, Next, next_state
from machines.printing.wishes import Act, Fate, Wished

NOW = datetime(2026, 11, 27, 14, 0, tzinfo=UTC)
OURS, OTHER = "fablab/7/3-1.gcode", "test/benchy.gcode"
S, J = Seen, JobState


def known(state: JobState, **changes) -> Known:
    values = {
        "remote_path": OURS, "wish": Wish.START if state is J.STARTING else None,
        "asked_at": NOW - timedelta(seconds=10) if state is J.STARTING else None, "cancel_asked": False,
        "ends_about": NOW + timedelta(hours=1), "unreachable_since": None, "started_at": None, "idle_since": None,
    }  # fmt: skip
    return Known(state=state, **{**values, **changes})


def seen(state: Seen, path: str | None = OURS, **more) -> Observation:
    return Observation(at=more.pop("at", NOW), state=state, remote_path=path, **more)


LONG_IDLE = {"idle_since": NOW - timedelta(seconds=61)}
UNHEARD = {"unreachable_since": NOW}
MUCH_LATER = NOW + timedelta(minutes=121)
ASKED = {"cancel_asked": True}

ROWS = [
    # job, seen, counters (success, failure) -> state, why, outcome
    (known(J.ATTACHED), seen(S.PRINTING), (), J.ATTACHED, None, None),
    (known(J.SENDING), seen(S.IDLE, None), (), J.SENDING, None, None),
    (known(J.SENDING), seen(S.PRINTING, OTHER), (), J.SENDING, None, None),
    (known(J.DONE), seen(S.PRINTING), (), J.DONE, None, None),
    # starting
    (known(J.STARTING), seen(S.STARTING), (), J.PRINTING, "printing", None),
    (known(J.STARTING), seen(S.PRINTING), (), J.PRINTING, "printing", None),
    (known(J.STARTING), seen(S.PAUSED), (), J.PAUSED, "paused", None),
    (known(J.STARTING), seen(S.CANCELLING), (), J.CANCELLING, "cancelling", None),
    (known(J.STARTING), seen(S.IDLE, None), (0, 0), J.STARTING, None, None),
    (known(J.STARTING, asked_at=NOW - timedelta(minutes=5)), seen(S.IDLE, None), (0, 0), J.STARTING, None, None),
    (known(J.STARTING, **LONG_IDLE), seen(S.IDLE, None), (0, 0), J.REJECTED, "never_seen", None),
    (known(J.STARTING, **LONG_IDLE), seen(S.PRINTING, OTHER), (0, 0), J.REJECTED, "never_seen", None),
    (known(J.STARTING, **LONG_IDLE), seen(S.FAULT, None, error_text="?"), (0, 0), J.REJECTED, "never_seen", None),
    (known(J.STARTING, **LONG_IDLE), seen(S.DISCONNECTED, None), (), J.LOST, "gone", Outcome.UNKNOWN),
    (known(J.STARTING), seen(S.OFFLINE, None), (), J.STARTING, None, None),
    (known(J.STARTING), seen(S.IDLE, completion=100.0), (), J.DONE, "finished", Outcome.DONE),
    (known(J.STARTING), seen(S.IDLE, None), (1, 0), J.DONE, "finished", Outcome.DONE),
    (known(J.STARTING), seen(S.PRINTING, OTHER), (1, 0), J.DONE, "finished", Outcome.DONE),
    (known(J.STARTING), seen(S.IDLE), (0, 1), J.FAILED, "stopped_elsewhere", Outcome.STOPPED_ELSEWHERE),
    (known(J.STARTING, **ASKED), seen(S.IDLE), (0, 1), J.CANCELLED, "cancelled", Outcome.CANCELLED),
    (known(J.STARTING), seen(S.FAULT, None, error_text="MINTEMP"), (0, 1), J.FAILED, "fault", Outcome.MACHINE_FAILED),
    # printing and paused
    (known(J.PRINTING), seen(S.PRINTING), (), J.PRINTING, None, None),
    (known(J.PRINTING), seen(S.PAUSING), (), J.PRINTING, None, None),
    (known(J.PRINTING), seen(S.FINISHING), (), J.PRINTING, None, None),
    (known(J.PRINTING), seen(S.PAUSED), (), J.PAUSED, "paused", None),
    (known(J.PAUSED), seen(S.PAUSED), (), J.PAUSED, None, None),
    (known(J.PAUSED), seen(S.RESUMING), (), J.PRINTING, "resumed", None),
    (known(J.PRINTING), seen(S.IDLE, completion=100.0), (1, 0), J.DONE, "finished", Outcome.DONE),
    (known(J.PRINTING), seen(S.IDLE, completion=100.0), (), J.DONE, "finished", Outcome.DONE),
    (known(J.PRINTING), seen(S.IDLE, None), (1, 0), J.DONE, "finished", Outcome.DONE),
    (known(J.PRINTING), seen(S.IDLE), (0, 1), J.FAILED, "stopped_elsewhere", Outcome.STOPPED_ELSEWHERE),
    (known(J.PAUSED), seen(S.IDLE), (0, 0), J.FAILED, "stopped_elsewhere", Outcome.STOPPED_ELSEWHERE),
    (known(J.PRINTING, **ASKED), seen(S.IDLE), (0, 1), J.CANCELLED, "cancelled", Outcome.CANCELLED),
    (known(J.CANCELLING, **ASKED), seen(S.IDLE), (0, 1), J.CANCELLED, "cancelled", Outcome.CANCELLED),
    (known(J.CANCELLING, **ASKED), seen(S.IDLE, completion=100.0), (1, 0), J.DONE, "finished", Outcome.DONE),
    (known(J.CANCELLING), seen(S.IDLE), (0, 1), J.FAILED, "stopped_elsewhere", Outcome.STOPPED_ELSEWHERE),
    (known(J.PRINTING), seen(S.CANCELLING), (), J.CANCELLING, "cancelling", None),
    (known(J.CANCELLING), seen(S.PRINTING), (), J.CANCELLING, None, None),
    # a fault, and nothing at all
    (known(J.PRINTING), seen(S.FAULT, None, error_text="Thermal runaway"), (0, 1), J.FAILED, "fault", Outcome.MACHINE_FAILED),
    (known(J.PAUSED), seen(S.FAULT, None), (0, 0), J.FAILED, "fault", Outcome.MACHINE_FAILED),
    (known(J.CANCELLING, **ASKED), seen(S.FAULT, None), (0, 0), J.FAILED, "fault", Outcome.MACHINE_FAILED),
    (known(J.PRINTING), seen(S.DISCONNECTED, None, error_text="Serial"), (), J.FAILED, "fault", Outcome.MACHINE_FAILED),
    (known(J.PRINTING), seen(S.DISCONNECTED, None), (0, 1), J.FAILED, "fault", Outcome.MACHINE_FAILED),
    (known(J.PRINTING), seen(S.DISCONNECTED, None), (0, 0), J.LOST, "gone", Outcome.UNKNOWN),
    (known(J.PAUSED), seen(S.CONNECTING, None), (0, 0), J.LOST, "gone", Outcome.UNKNOWN),
    (known(J.PRINTING), seen(S.IDLE, None), (0, 0), J.LOST, "gone", Outcome.UNKNOWN),
    (known(J.PRINTING), seen(S.IDLE, None), (), J.LOST, "gone", Outcome.UNKNOWN),
    (known(J.PAUSED), seen(S.PRINTING, OTHER), (0, 0), J.LOST, "gone", Outcome.UNKNOWN),
    (known(J.PRINTING), seen(S.BUSY, None), (0, 0), J.LOST, "gone", Outcome.UNKNOWN),
    # out of sight
    (known(J.PRINTING), seen(S.OFFLINE, None), (), J.PRINTING, None, None),
    (known(J.PRINTING), seen(S.STARTING_UP, None), (), J.PRINTING, None, None),
    (known(J.PAUSED), seen(S.UNKNOWN, None), (), J.PAUSED, None, None),
    (known(J.CANCELLING, **ASKED), seen(S.OFFLINE, None), (), J.CANCELLING, None, None),
    (known(J.PRINTING, **UNHEARD), seen(S.OFFLINE, None, at=NOW + timedelta(minutes=119)), (), J.PRINTING, None, None),
    (known(J.PRINTING, **UNHEARD), seen(S.OFFLINE, None, at=MUCH_LATER), (), J.LOST, "unreachable", Outcome.UNKNOWN),
    (known(J.STARTING, **UNHEARD), seen(S.OFFLINE, None, at=MUCH_LATER), (), J.LOST, "unreachable", Outcome.UNKNOWN),
    (known(J.PRINTING), seen(S.OFFLINE, None, at=MUCH_LATER), (), J.PRINTING, None, None),
    (known(J.PRINTING, unreachable_since=NOW), seen(S.PRINTING, at=NOW + timedelta(hours=3)), (), J.PRINTING, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("job", "look", "counters", "state", "why", "outcome"), ROWS)
def test_every_row_of_the_table(job, look, counters, state, why, outcome):
    assert next_state(job, look, *counters) == Next(state, why, outcome)


def test_every_state_and_sight_leads_somewhere_allowed():
    for state in JobState:
        for sight in Seen:
            for path in (OURS, OTHER, None):
                for cancel_asked in (False, True):
                    after = next_state(known(state, cancel_asked=cancel_asked), seen(sight, path), 0, 0).state
                    assert after is state or after in MOVES[state], (state, sight, path, cancel_asked)


def test_nothing_is_concluded_of_what_has_ended():
    assert all(next_state(known(state), seen(sight)).state is state for state in ENDED for sight in Seen)


@pytest.mark.parametrize(
    ("job", "look", "found"),
    [
        (Wished(J.PRINTING, Wish.PAUSE, NOW, NOW, True), seen(S.PAUSED), Fate.GRANTED),
        (Wished(J.PRINTING, Wish.PAUSE, NOW, NOW, True), seen(S.PAUSING, at=NOW + timedelta(minutes=9)), None),
        (Wished(J.PRINTING, Wish.PAUSE, NOW, NOW, True), seen(S.PRINTING, at=NOW + timedelta(seconds=59)), None),
        (Wished(J.PRINTING, Wish.PAUSE, NOW, NOW, True), seen(S.PRINTING, at=NOW + timedelta(seconds=61)), Fate.DROPPED),
        (Wished(J.PRINTING, Wish.PAUSE, NOW, None, False), seen(S.OFFLINE, at=NOW + timedelta(minutes=3)), Fate.DROPPED),
        (Wished(J.PAUSED, Wish.RESUME, NOW, NOW, True), seen(S.RESUMING), Fate.GRANTED),
        (Wished(J.PAUSED, Wish.RESUME, NOW, NOW, True), seen(S.PAUSED, at=NOW + timedelta(seconds=61)), Fate.DROPPED),
        (Wished(J.PRINTING, Wish.RESUME, NOW, None, True), seen(S.PAUSING, at=NOW + timedelta(minutes=9)), None),
        (Wished(J.PRINTING, Wish.RESUME, NOW, None, True), seen(S.PRINTING, at=NOW + timedelta(seconds=5)), None),
        (Wished(J.PRINTING, Wish.RESUME, NOW, None, True), seen(S.PRINTING, at=NOW + timedelta(seconds=31)), Fate.GRANTED),
        (Wished(J.PRINTING, Wish.CANCEL, NOW, NOW, True), seen(S.PRINTING, at=NOW + timedelta(hours=1)), None),
        (Wished(J.PRINTING, None, None, None, True), seen(S.PRINTING), None),
    ],
)
def test_what_becomes_of_a_wish(job, look, found):
    assert wishes.fate(job, look) is found


@pytest.mark.parametrize(
    ("job", "look", "act"),
    [
        (Wished(J.SENDING, Wish.START, NOW, None, False), seen(S.IDLE, None), Act.SEND),
        (Wished(J.SENDING, Wish.START, NOW, None, False), seen(S.PRINTING, OTHER), None),
        (Wished(J.STARTING, Wish.START, NOW, NOW, False), seen(S.IDLE, None), None),
        (Wished(J.PRINTING, Wish.PAUSE, NOW, None, True), seen(S.PRINTING), Act.PAUSE),
        (Wished(J.PRINTING, Wish.PAUSE, NOW, NOW, True), seen(S.PRINTING), None),
        (Wished(J.PRINTING, Wish.RESUME, NOW, None, True), seen(S.PAUSING), None),
        (Wished(J.PRINTING, Wish.RESUME, NOW, None, True), seen(S.PAUSED), Act.RESUME),
        (Wished(J.PRINTING, Wish.CANCEL, NOW, None, True), seen(S.PAUSING), Act.CANCEL),
        (Wished(J.PRINTING, Wish.CANCEL, NOW, None, True), seen(S.CANCELLING), None),
        (Wished(J.PRINTING, Wish.CANCEL, NOW, None, False), seen(S.PRINTING, OTHER), None),
    ],
)
def test_what_is_asked_of_a_printer_next(job, look, act):
    assert wishes.due(job, look) is act


def test_a_silent_server_is_asked_ever_more_seldom():
    now, standing, waits = NOW, Standing(), []
    for _ in range(10):
        standing = circuits.after_failure(standing, now, "Unreachable")
        waits.append((standing.circuit, (standing.retry_at - now).total_seconds()))
        now = standing.retry_at
    closed, opened = waits[:2], waits[2:]
    assert closed == [(Circuit.CLOSED, 5), (Circuit.CLOSED, 5)]
    assert opened == [(Circuit.OPEN, seconds) for seconds in (5, 15, 30, 60, 120, 240, 240, 240)]
    assert standing.opened_at == NOW + timedelta(seconds=10)


@pytest.mark.parametrize("error", [BadKey("x"), Forbidden("x")])
def test_a_refused_key_waits_a_quarter_of_an_hour_at_once(error):
    standing = circuits.after_error(Standing(), NOW, error)
    assert (standing.circuit, standing.retry_at, standing.opened_at) == (Circuit.AUTH, NOW + timedelta(minutes=15), NOW)
    later = circuits.after_error(standing, NOW + timedelta(minutes=15), error)
    assert (later.circuit, later.opened_at) == (Circuit.AUTH, NOW)


def test_too_many_questions_make_a_pause_and_open_nothing():
    standing = circuits.after_error(Standing(), NOW, RateLimited("x"))
    assert (standing.circuit, standing.failures, standing.retry_at) == (Circuit.CLOSED, 0, NOW + timedelta(seconds=60))
    assert circuits.after_error(Standing(), NOW, ServerFault("x")).failures == 1


def test_open_states_are_those_with_a_way_out():
    assert all(MOVES[state] for state in OPEN)
    assert rules.RUNNING < OPEN
