"""Prints that go wrong, through the whole house on a real OctoPrint: OCTOPRINT cases 31–39, by their numbers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused
from machines.models import Reservation
from machines.printing import foreign, overruns, quiet
from machines.printing.foreign import Answer
from machines.printing.models import ForeignPrint, PrinterLink
from machines.printing.rules import JobState, Outcome
from tests.builders import acting
from tests.machines.scene import fresh
from tests.real.octoprint import server
from tests.real.octoprint.fixtures import gcode, open_printer
from tests.real.octoprint.floor import a_floor
from tests.real.octoprint.test_client_cases import proxied

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_case_31_a_fault_of_the_firmware_fails_the_print_and_costs_nothing(any_floor, tmp_path, quick):
    floor = any_floor
    job = floor.begin_when_seen(gcode(tmp_path, seconds=20))
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        floor.server.gcode("!!DEBUG:trigger_fatal_error_marlin")
        failed = floor.wait(job, JobState.FAILED)
    [record] = floor.records(job)
    assert (record.outcome, record.is_free) == (Outcome.MACHINE_FAILED, True)
    if floor.server.version == server.STABLE:  # 2.0 does not say what it was
        assert failed.error_text
    assert floor.letters().count("failed") == 2  # the member and the team


def test_case_32_a_lost_serial_line_fails_the_print(floor, tmp_path, quick):
    job = floor.begin_when_seen(gcode(tmp_path, seconds=30))
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        floor.server.gcode("!!DEBUG:drop_connection")
        assert floor.wait(job, JobState.FAILED).error_text
    assert floor.records(job)[0].outcome is Outcome.MACHINE_FAILED


def test_case_34_an_emergency_stop_in_a_pause_fails_the_print_though_no_event_says_so(floor, tmp_path, quick):
    job = floor.begin_when_seen(gcode(tmp_path, seconds=20))
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        floor.ask("pause", job)
        floor.wait(job, JobState.PAUSED)
        floor.server.gcode("M112")
        floor.wait(job, JobState.FAILED)
    assert floor.records(job)[0].outcome is Outcome.MACHINE_FAILED


def test_case_35_after_a_power_cut_the_print_is_lost_before_anything_starts_anew(floor, tmp_path, quick):
    path = gcode(tmp_path, seconds=30)
    job = floor.begin_when_seen(path)
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
    floor.server.kill()
    another = floor.attach(floor.reservation, path)
    with pytest.raises(Refused) as refused:
        floor.start(another)
    assert "printing.another_job" in {one.code for one in refused.value.refusals}
    floor.server.start()
    with floor.engine():
        floor.wait(job, JobState.LOST, seconds=30)
        floor.server.plug()
        floor.until_seen_idle(30)
        floor.start(another)
        floor.wait(another, JobState.PRINTING)
    assert floor.records(job)[0].outcome is Outcome.UNKNOWN
    assert "lost" in floor.letters()


def test_case_36_a_cut_cable_loses_nothing_and_a_stopped_server_loses_the_print(app, octoprint, tmp_path, quick):
    floor = a_floor(app, octoprint)
    with proxied(octoprint.port) as cable:
        with transaction():
            db.session.get_one(PrinterLink, floor.link.id).address = cable.url
        job = floor.begin_when_seen(gcode(tmp_path, seconds=25))
        with floor.engine():
            floor.wait(job, JobState.PRINTING)
            cable.cut()
            floor.until(lambda: fresh(job).unreachable_since is not None, 30)
            assert fresh(job).state is JobState.PRINTING
            before = fresh(job).print_seconds
            cable.mend()
            floor.until(lambda: fresh(job).unreachable_since is None, 60)
            floor.until(lambda: fresh(job).print_seconds > before)
            assert fresh(job).state is JobState.PRINTING
            octoprint.stop()
            octoprint.start()
            floor.wait(job, JobState.LOST, seconds=60)


def test_case_38_a_print_from_octoprints_page_is_noticed_and_its_slots_member_asked(floor, tmp_path, quick):
    with floor.engine():
        floor.until_seen_idle()
        _by_hand(floor, tmp_path)
        floor.until(lambda: _foreign() is not None)
        floor.until(lambda: _foreign().seen_until is not None, 30)
        in_nobodys_slot = _foreign()
        assert (in_nobodys_slot.remote_user, in_nobodys_slot.reservation_id) == ("member", None)
        assert "foreign_alert" in floor.letters()
        reservation = floor.slot()
        _by_hand(floor, tmp_path, "again.gcode")
        floor.until(lambda: _foreign().id != in_nobodys_slot.id)
    asked = _foreign()
    assert asked.reservation_id == reservation.id
    assert "foreign_asked" in floor.letters()
    with transaction():
        foreign.attribute(actor=acting(floor.ada), foreign_id=asked.id, member_id=None, answer=Answer.MINE)
    assert fresh(asked).member_id == floor.ada.id


def test_case_38_a_short_print_that_no_look_saw_is_found_in_what_the_server_remembers(any_floor, tmp_path, quick):
    floor = any_floor
    with transaction():
        foreign.remember_user(actor=acting(floor.lea), link_id=floor.link.id, remote_user="member", member_id=floor.ben.id)
    begun = clock.now()
    _by_hand(floor, tmp_path, "unseen.gcode", 2)
    floor.until(lambda: floor.server.state() == "Operational" and clock.now() > begun + timedelta(seconds=3), 20)
    ended = clock.now()
    with transaction():
        db.session.get_one(PrinterLink, floor.link.id).prints_known_until = begun - timedelta(days=1)
    with floor.engine():
        floor.until(lambda: fresh(floor.link).prints_known_until > ended)
    [found] = _all_foreign()
    assert (found.remote_path, found.remote_user, found.member_id) == ("unseen.gcode", "member", floor.ben.id)
    a_second = timedelta(seconds=1)  # 2.0 tells no fractions
    assert begun - a_second < found.seen_from < found.seen_until <= ended
    assert (found.seen_until - found.seen_from).total_seconds() == pytest.approx(2, abs=1.5)
    assert floor.letters() == ["foreign_alert"]
    with transaction():
        db.session.get_one(PrinterLink, floor.link.id).prints_known_until = begun - timedelta(days=1)
    with floor.engine():
        floor.until(lambda: fresh(floor.link).prints_known_until > ended)
    assert len(_all_foreign()) == 1


def test_case_39_a_print_over_its_slot_is_foretold_to_its_owner_and_the_next(floor, tmp_path, quick, monkeypatch):
    monkeypatch.setattr(overruns, "SURE_AFTER", timedelta(seconds=2))
    monkeypatch.setattr(quiet, "WHOLE_EVERY", timedelta(seconds=1))
    job = floor.begin_when_seen(gcode(tmp_path, seconds=12))
    cleo, theirs = floor.next_one(floor.reservation)
    with floor.engine():
        floor.wait(job, JobState.PRINTING)
        with transaction():  # by now the slot is shorter than the print, and the next one follows on it
            ends_at = clock.now() + timedelta(seconds=4)
            db.session.get_one(Reservation, floor.reservation.id).ends_at = ends_at
            db.session.get_one(Reservation, theirs.id).starts_at = ends_at
        floor.until(lambda: fresh(job).overrun_since is not None, 20)
        assert {"overrun_owner", "overrun_next"} <= set(floor.letters())
        floor.until(lambda: clock.now() > ends_at)
        assert fresh(job).state is JobState.PRINTING, "a print is never cut off by default"
        floor.arrive(cleo, theirs)
        waiting = floor.attach(theirs, gcode(tmp_path, seconds=2, name="hers.gcode"), cleo)
        with pytest.raises(Refused) as refused:
            floor.start(waiting, cleo)
        assert "printing.another_job" in {one.code for one in refused.value.refusals}
        floor.wait(job, JobState.DONE, seconds=30)
        floor.until_seen_idle()
        floor.start(waiting, cleo)
        floor.wait(waiting, JobState.DONE)


def _by_hand(floor, folder, name="theirs.gcode", seconds=3):
    """Somebody starts a print at OctoPrint's own page."""

    async def act():
        way = open_printer(floor.server, floor.server.keys["member"])
        await way.upload(gcode(folder, seconds=seconds, name=name), name, {})
        await way.start(name)
        await way.close()

    asyncio.run(act())


def _all_foreign() -> list[ForeignPrint]:
    db.session.rollback()
    return list(db.session.scalars(select(ForeignPrint).order_by(ForeignPrint.id)))


def _foreign() -> ForeignPrint | None:
    db.session.rollback()
    newest = select(ForeignPrint).order_by(ForeignPrint.id.desc()).limit(1)
    return db.session.scalars(newest.execution_options(populate_existing=True)).first()
