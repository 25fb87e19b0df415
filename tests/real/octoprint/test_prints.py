"""Prints through the whole house on a real OctoPrint: OCTOPRINT cases 18–30, by their numbers."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from billing.models import Charge
from machines.printing import engine_edge as edge
from machines.printing import gcode as parser
from machines.printing import prints, rules
from machines.printing.engine import Engine
from machines.printing.models import UsageRecord
from machines.printing.octoprint import OctoPrint
from machines.printing.rules import JobState, Outcome, Source
from machines.printing.watch import Watch
from machines.rules import Status
from tests.builders import acting
from tests.machines.scene import at_once, end, fresh
from tests.real.octoprint.fixtures import gcode, open_printer
from trainings import certifications

pytestmark = [pytest.mark.real, pytest.mark.slow]


def refused(floor, job, member=None):
    with pytest.raises(Refused) as found:
        floor.start(job, member)
    return {refusal.code.removeprefix("printing.") for refusal in found.value.refusals}


def test_case_18_a_start_in_ones_own_slot_prints_within_eight_seconds(any_floor, tmp_path):
    floor = any_floor
    job = floor.attach(floor.slot(), gcode(tmp_path, seconds=3))
    with floor.engine():
        floor.until_seen_idle()
        asked = time.monotonic()
        floor.start(job)
        floor.wait(job, JobState.PRINTING)
        assert time.monotonic() - asked < 8
        assert floor.server.state() == "Printing"
        floor.wait(job, JobState.DONE)


def test_case_19_nobody_starts_outside_their_slot_or_without_the_right(floor, tmp_path, quick):
    reservation = floor.slot()
    job = floor.attach(reservation, gcode(tmp_path))
    with floor.engine():
        floor.until_seen_idle()
        with pytest.raises(NotAllowed):
            floor.start(job, floor.ben)
        later = clock.now() + timedelta(hours=3)
        with clock.at(later):
            assert "slot_over" in refused(floor, job)
        with clock.at(reservation.starts_at - timedelta(minutes=30)):
            assert "slot_not_begun" in refused(floor, job)
        held = certifications.queries.held(floor.ada.id, clock.today())[floor.printing.id]
        with transaction():
            certifications.suspend(actor=acting(floor.lea), certification_id=held.certification_id, reason="Seen without a guard")
        assert refused(floor, job) == {"not_certified"}
        assert floor.server.state() == "Operational"
    assert "start_asked" not in floor.story(job)


def test_case_20_of_five_starts_at_once_one_reaches_the_printer(floor, tmp_path, quick):
    job = floor.attach(floor.slot(), gcode(tmp_path))
    before = floor.starts_logged()
    with floor.engine():
        floor.until_seen_idle()
        acts = [lambda: prints.start(actor=acting(floor.ada), job_id=job.id, bed_is_clear=True)] * 5
        results = at_once(floor.app, acts)
        assert sum(isinstance(one, Refused) for one in results) == 4
        floor.wait(job, JobState.DONE)
    assert floor.starts_logged() - before == 1


def test_case_21_a_printer_that_prints_for_somebody_else_is_not_started(floor, tmp_path, quick):
    job = floor.attach(floor.slot(), gcode(tmp_path))
    with floor.engine():
        floor.until_seen_idle()
        _print_beside_the_house(floor, tmp_path, seconds=20)
        floor.until(lambda: fresh(floor.link).observed_state == "printing")
        assert refused(floor, job) == {"busy"}


def test_case_22_a_disconnected_printer_is_named_as_such(floor, tmp_path, quick):
    job = floor.attach(floor.slot(), gcode(tmp_path))
    floor.server.unplug()
    with floor.engine():
        floor.until(lambda: fresh(floor.link).observed_state == "disconnected")
        assert refused(floor, job) == {"disconnected"}


def test_case_23_a_start_lost_in_a_hung_server_is_found_again_and_not_sent_twice(floor, tmp_path, quick):
    job = floor.begin_when_seen(gcode(tmp_path, seconds=6))
    before = floor.starts_logged()

    async def through_the_hang():
        engine = Engine(floor.app)
        await engine.in_database(edge.hold_lease, engine.holder)
        [outlook] = await engine.in_database(edge.outlooks, {})
        watch = Watch(engine.in_database, engine.holder, outlook, engine.note)
        watch._backend = HangsAtStart(await engine.in_database(edge.door, floor.link.id), floor.server)
        await watch.round()
        floor.server.go_on()
        await asyncio.sleep(1)
        await watch.round()
        await watch.stop()

    asyncio.run(through_the_hang())
    assert fresh(job).state is JobState.PRINTING
    with floor.engine():
        floor.wait(job, JobState.DONE, seconds=30)
    assert floor.starts_logged() - before == 1


def test_case_24_progress_grows_and_the_time_left_shrinks(floor, tmp_path, quick):
    job = floor.begin_when_seen(gcode(tmp_path, seconds=8))
    seen = []
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        deadline = time.monotonic() + 20
        while (now := fresh(job)).state is JobState.PRINTING and time.monotonic() < deadline:
            seen.append((now.print_seconds, now.filepos, now.ends_about))
            time.sleep(0.5)
        floor.wait(job, JobState.DONE)
    seconds, places, ends = zip(*[one for one in seen if one[1] is not None], strict=True)
    assert list(seconds) == sorted(seconds)
    assert seconds[-1] > seconds[0]
    assert list(places) == sorted(places)
    assert places[-1] > places[0]
    assert all(one is not None for one in ends)


def test_case_25_a_paused_print_stands_still_and_goes_on(any_floor, tmp_path, quick):
    floor = any_floor
    job = floor.begin_when_seen(gcode(tmp_path, seconds=5))
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        time.sleep(1)
        floor.ask("pause", job)
        paused = floor.wait(job, JobState.PAUSED)
        assert paused.paused_by == "member"
        stood = fresh(job).print_seconds
        time.sleep(2.5)
        assert fresh(job).print_seconds <= stood + 1
        floor.ask("resume", job)
        floor.wait(job, JobState.PRINTING)
        floor.wait(job, JobState.DONE)


def test_case_26_a_resume_asked_while_pausing_is_not_lost(floor, tmp_path, quick):
    job = floor.begin_when_seen(gcode(tmp_path, seconds=8, dwell=2))
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        floor.ask("pause", job)
        floor.until(lambda: "pause_sent" in floor.story(job))
        floor.ask("resume", job)
        floor.wait(job, JobState.DONE, seconds=30)
    assert "resume_sent" in floor.story(job) or floor.story(job).count("paused") == 0


def test_case_27_a_stopped_print_is_weighed_to_the_line_it_reached(any_floor, tmp_path, quick):
    floor = any_floor
    path = gcode(tmp_path, seconds=20)
    job = floor.begin_when_seen(path)
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        floor.until(lambda: (fresh(job).filepos or 0) > 200)
        floor.ask("cancel", job)
        stopped = floor.wait(job, JobState.CANCELLED)
    [record] = floor.records(job)
    with path.open("rb") as source:
        [exact] = parser.extruded_mm(source, stopped.filepos)
    assert 0 < exact < 0.5 * 80
    assert record.filament_mm == round(exact)
    assert record.filament_mg == rules.filament_milligrams(exact, diameter_um=1750, density_mg=floor.petg.density_mg)
    assert (record.outcome, record.source, record.filament_is_exact) == (Outcome.CANCELLED, Source.OBSERVED, True)
    assert fresh(stopped).cancelled_by_id == floor.ada.id


def test_case_28_a_finished_print_leaves_one_record_and_is_charged(any_floor, tmp_path, quick):
    floor = any_floor
    job = floor.begin_when_seen(gcode(tmp_path, seconds=3))
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        assert fresh(floor.reservation).status is Status.IN_USE
        floor.wait(job, JobState.DONE)
    [record] = floor.records(job)
    assert record.outcome is Outcome.DONE
    assert record.filament_mm == 6
    assert 1 <= record.machine_seconds <= 10
    end(floor.ada, floor.reservation)
    [charge] = db.session.scalars(select(Charge).where(Charge.subject == floor.reservation.subject))
    assert charge.amount_cents > 0
    assert "finished" in floor.letters()


def test_case_29_another_engine_in_mid_print_records_nothing_twice(floor, tmp_path, quick):
    job = floor.begin_when_seen(gcode(tmp_path, seconds=6))
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
    with floor.engine(), floor.engine():
        floor.wait(job, JobState.DONE)
        time.sleep(1.5)
    assert len(floor.records(job)) == 1
    assert db.session.scalar(select(func.count(UsageRecord.id))) == 1
    assert floor.story(job).count("start_sent") == 1


def test_case_30_a_filament_change_waits_for_a_person(floor, tmp_path, quick):
    job = floor.begin_when_seen(gcode(tmp_path, seconds=3, begin="G28\nG1 X50 Y50 E0.1 F600\nM600"))
    with floor.engine():
        paused = floor.wait(job, JobState.PAUSED)
        assert paused.paused_by == "file"
        assert "paused" in floor.letters()
        floor.ask("resume", job)
        floor.wait(job, JobState.DONE)


class HangsAtStart:
    """The way to a printer whose server stops answering in the very moment of the start."""

    def __init__(self, way: OctoPrint, server) -> None:
        self._way, self._server = way, server

    def __getattr__(self, name: str):
        return getattr(self._way, name)

    async def start(self, remote_path: str) -> None:
        self._server.hang()
        await self._way.start(remote_path)


def _print_beside_the_house(floor, folder, *, seconds=5):
    """Somebody starts a print at OctoPrint's own page."""

    async def act():
        way = open_printer(floor.server, floor.server.keys["member"])
        await way.upload(gcode(folder, seconds=seconds, name="theirs.gcode"), "theirs.gcode", {})
        await way.start("theirs.gcode")
        await way.close()

    asyncio.run(act())
