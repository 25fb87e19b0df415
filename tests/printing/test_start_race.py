"""Five starts at the same moment, on both engines, in threads and in processes: one print starts, once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.db import db
from app.kernel.refusals import Refused
from machines import usage
from machines.models import Reservation
from machines.printing import doors, observing, prints
from machines.printing.gateway import Observation, Seen
from machines.printing.models import PrintJob
from machines.printing.rules import OPEN, JobState
from machines.rules import LIVE
from machines.usage import Ending
from tests.builders import acting
from tests.machines.scene import at_once, book, check_in, codes_of, fresh, ready, set_clock
from tests.machines.test_races import in_processes
from tests.printing.engine_scene import a_file, a_job, a_link, attach, link_of, look, put, records
from tests.printing.hand import Hand, Scripted

pytestmark = pytest.mark.both_engines

FIVE = 5


def starting(member, job):
    actor, ident = acting(member), job.id
    return lambda: prints.start(actor=actor, job_id=ident, bed_is_clear=True)


def came_out(results) -> Counter[str]:
    """How often a start won, or the codes of the refusal; any other error as itself."""
    return Counter(
        "won" if isinstance(one, PrintJob) else ",".join(codes_of(one)) if isinstance(one, Refused) else repr(one)
        for one in results
    )


def open_jobs() -> list[PrintJob]:
    db.session.rollback()
    return list(db.session.scalars(select(PrintJob).where(PrintJob.state.in_(OPEN))))


def jobs_of_one_slot(shop) -> list[PrintJob]:
    first = a_job(shop)
    file = a_file(shop.ada)
    reservation = fresh(first).reservation_id
    slot = db.session.get_one(Reservation, reservation)
    return [first, *(attach(shop.ada, slot, file) for _ in range(FIVE - 1))]


def test_one_print_started_five_times_at_once_starts_once(app, shop):
    job = a_job(shop)
    found = came_out(at_once(app, [starting(shop.ada, job)] * FIVE))
    assert found == {"won": 1, "printing.already_started": FIVE - 1}
    assert len(open_jobs()) == 1


def test_five_prints_of_one_slot_at_once_start_one(app, shop):
    jobs = jobs_of_one_slot(shop)
    found = came_out(at_once(app, [starting(shop.ada, job) for job in jobs]))
    assert found == {"won": 1, "printing.another_job": FIVE - 1}
    assert len(open_jobs()) == 1


def test_five_processes_at_once_start_one(app, shop):
    jobs = jobs_of_one_slot(shop)
    found = Counter(in_processes(app, [starting(shop.ada, job) for job in jobs]))
    assert found == {"won": 1, "printing.another_job": FIVE - 1}
    assert len(open_jobs()) == 1


def test_the_end_of_one_slot_and_the_beginning_of_the_next_start_one(app, shop):
    """Two people, two reservations, one printer: in the five minutes where both may start."""
    link, nina = a_link(shop.printer, heat_up_minutes=0), ready(shop, "Nina Next")
    short = {"1h 22m 51s": "2m 0s"}
    first, second = book(shop.ada, shop.printer, "14:00", 1), book(nina, shop.printer, "15:00", 1)
    set_clock("14:00")
    check_in(shop.ada, first, shop.printer)
    set_clock("14:56")
    check_in(nina, second, shop.printer)
    look(link, Seen.IDLE)
    jobs = [attach(one, slot, a_file(one, **short)) for one, slot in ((shop.ada, first), (nina, second))]
    found = came_out(at_once(app, [starting(shop.ada, jobs[0]), starting(nina, jobs[1])] * 2))
    assert found["won"] == 1
    assert not [code for code in found if "Error" in code]
    assert len(open_jobs()) == 1


def test_a_start_and_the_end_of_its_reservation_at_once_never_both(app, shop):
    job = a_job(shop)
    reservation_id = job.reservation_id
    acts = [
        starting(shop.ada, job),
        lambda: usage.end(actor=acting(shop.ada), reservation_id=reservation_id, ending=Ending(is_clean=True)),
    ]
    at_once(app, acts * 2)
    reservation = fresh(db.session.get_one(Reservation, reservation_id))
    assert bool(open_jobs()) is (reservation.status in LIVE)


def test_an_end_seen_by_two_engines_at_once_is_recorded_once(app, shop):
    job = put(a_job(shop), JobState.PRINTING, started_at=clock.now())
    seen = Observation(at=clock.now() + timedelta(minutes=5), state=Seen.IDLE, remote_path=job.remote_path, completion=100.0)
    link_id = job.link_id
    at_once(app, [lambda: observing.apply(link_id=link_id, seen=seen)] * FIVE)
    assert (fresh(job).state, len(records(job))) == (JobState.DONE, 1)


def test_five_starts_reach_the_printer_as_one(app, shop, monkeypatch):
    server = Scripted()
    monkeypatch.setattr(doors, "backend", lambda _link: server)
    jobs = jobs_of_one_slot(shop)
    at_once(app, [starting(shop.ada, job) for job in jobs])
    hands = [Hand(app, link_of(jobs[0]), holder) for holder in ("one", "two")]
    for _ in range(3):
        for hand in hands:
            hand.round(5)
    assert server.writes() == ["upload", "start"]
