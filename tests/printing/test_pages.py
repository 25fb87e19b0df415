"""The pages of printing: who sees them, what they say of each state, what their buttons do, without any script."""

from __future__ import annotations

import io
import re
import shutil
from datetime import timedelta

import pytest
from flask import current_app
from PIL import Image

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.db import db, transaction
from machines import screens
from machines.models import Reservation
from machines.printing import metering, stills
from machines.printing.gateway import Seen
from machines.printing.models import ForeignPrint, Material, PrinterLink, PrintFile, PrintJob
from machines.printing.rules import Approval, Counting, EndPolicy, JobState, Outcome, PausedBy, Source, Wish
from machines.rules import Status
from tests.builders import save
from tests.machines.scene import at, book, check_in, fresh, ready, set_clock
from tests.printing.engine_scene import a_file, a_job, a_link, a_slot, attach, look, printing, put, story
from tests.printing.gcode_files import good
from tests.printing.test_files import stored


def job_url(job, more=""):
    return f"/prints/{job.id}{more}"


def ended(shop, job, state, outcome=None, **columns):
    """The print as it ended, and recorded where it used anything."""
    times = {"started_at": clock.now() - timedelta(minutes=50), "ended_at": clock.now(), "print_seconds": 2900}
    job = put(job, state, **{**times, **columns})
    if outcome is not None:
        with transaction():
            metering.record(job=job, outcome=outcome, source=Source.OBSERVED, at=clock.now())
    return fresh(job)


# ── who sees what ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
@pytest.mark.parametrize(
    ("who", "status"), [("ada", 200), ("lea", 200), ("adele", 200), ("ben", 404), ("chloe", 404), ("alba", 404)]
)
def test_a_print_is_its_owners_and_its_teams(shop, as_, who, status):
    job = a_job(shop)
    assert as_(getattr(shop, who)).get(job_url(job)).status_code == status


@pytest.mark.parametrize("path", ["", "/cancellation", "/picture"])
def test_others_prints_and_unknown_ones_are_the_same_404(shop, as_, path):
    job = a_job(shop)
    ben = as_(shop.ben)
    assert ben.get(job_url(job, path)).status_code == ben.get(f"/prints/{job.id + 99}{path}").status_code == 404


@pytest.mark.parametrize("act", ["start", "pause", "resumption", "cancellation", "removal", "repetition", "outcome"])
def test_nobody_acts_on_somebody_elses_print(shop, as_, act):
    job = printing(a_job(shop), shop)
    assert as_(shop.ben).post(job_url(job, f"/{act}"), data={"bed_is_clear": "y", "outcome": "done"}).status_code == 404
    assert fresh(job).wish is None


@pytest.mark.parametrize("path", ["/prints", "/prints/1", "/printers/wall", "/reservations/1/prints"])
def test_a_visitor_signs_in_first(shop, as_, path):
    a_job(shop)
    answer = as_(None).get(path)
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize(
    ("path", "ada", "lea", "chloe"),
    [("/prints/approvals", 403, 200, 403), ("/machines/printer/prints", 403, 200, 404), ("/members/1/prints", 403, 200, 403)],
)
def test_the_teams_pages_are_the_teams(shop, as_, path, ada, lea, chloe):
    a_job(shop)
    assert [as_(getattr(shop, who)).get(path).status_code for who in ("ada", "lea", "chloe")] == [ada, lea, chloe]


def test_a_number_beyond_any_is_404(shop, as_):
    assert as_(shop.ada).get("/prints/99999999999999").status_code == 404


# ── putting a file to a slot ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_sent_with_the_form_is_kept_and_attached(shop, as_):
    a_link(shop.printer)
    slot, ada = a_slot(shop), as_(shop.ada)
    assert "The file I send now" not in ada.get(f"/reservations/{slot.id}/prints").text  # there is no other to choose
    sent = {"upload": (io.BytesIO(good()), "vase.gcode"), "key": "once"}
    answer = ada.post(f"/reservations/{slot.id}/prints", data=sent)
    assert answer.status_code == 303
    page = ada.get(answer.location)
    assert (page.status_code, "vase.gcode" in page.text) == (200, True)
    assert [file.name for file in db.session.query(PrintFile)] == ["vase.gcode"]


def test_a_file_of_mine_is_chosen(shop, as_):
    a_link(shop.printer)
    slot, file = a_slot(shop), a_file(shop.ada)
    ada = as_(shop.ada)
    assert "vase.gcode" in ada.get(f"/reservations/{slot.id}/prints").text
    answer = ada.post(f"/reservations/{slot.id}/prints", data={"file_id": file.id, "material_id": 0})
    assert (answer.status_code, answer.location) == (303, "/prints/1")


def test_two_clicks_attach_once(shop, as_):
    a_link(shop.printer)
    slot, file, ada = a_slot(shop), a_file(shop.ada), as_(shop.ada)
    said = {"file_id": file.id, "key": "the same"}
    first, second = (ada.post(f"/reservations/{slot.id}/prints", data=said) for _ in range(2))
    assert first.location == second.location
    assert db.session.query(PrintJob).count() == 1


def test_another_file_of_the_same_name_from_one_form_is_attached_too(shop, as_):
    a_link(shop.printer)
    slot, ada = a_slot(shop), as_(shop.ada)
    for data in (good(), good("M600\n"), good("M600\n")):
        sent = {"upload": (io.BytesIO(data), "vase.gcode"), "key": "the same"}
        assert ada.post(f"/reservations/{slot.id}/prints", data=sent).status_code == 303
    assert len({job.file_id for job in db.session.query(PrintJob)}) == db.session.query(PrintJob).count() == 2


def test_nothing_chosen_and_nothing_sent_is_said_beside_the_field(shop, as_):
    a_link(shop.printer)
    slot = a_slot(shop)
    a_file(shop.ada)
    answer = as_(shop.ada).post(f"/reservations/{slot.id}/prints", data={"file_id": 0})
    assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True)


def test_a_file_that_does_not_fit_stays_with_its_owner_and_says_why(shop, as_):
    a_link(shop.printer, bed_x=60)
    slot, ada = a_slot(shop), as_(shop.ada)
    answer = ada.post(f"/reservations/{slot.id}/prints", data={"upload": (io.BytesIO(good()), "wide.gcode")})
    assert (answer.status_code, 'class="reasons"' in answer.text) == (409, True)
    assert "wide.gcode" in ada.get(f"/reservations/{slot.id}/prints").text
    assert db.session.query(PrintJob).count() == 0


def test_a_file_there_is_no_room_for_is_not_attached(shop, as_, monkeypatch):
    a_link(shop.printer)
    slot, before = a_slot(shop), set(stored())
    with transaction():
        db.session.get_one(Member, shop.ada.id).locale = "en"
    monkeypatch.setattr("machines.printing.files.MOST_KEPT", 10)
    answer = as_(shop.ada).post(f"/reservations/{slot.id}/prints", data={"upload": (io.BytesIO(good()), "vase.gcode")})
    assert (answer.status_code, "Remove files you no longer need" in answer.text) == (409, True)
    assert (db.session.query(PrintFile).count(), set(stored())) == (0, before)


@pytest.mark.parametrize("name", ["piece.stl", "vase.exe"])
def test_what_is_no_g_code_is_refused_and_not_kept(shop, as_, name):
    a_link(shop.printer)
    slot = a_slot(shop)
    answer = as_(shop.ada).post(f"/reservations/{slot.id}/prints", data={"upload": (io.BytesIO(b"solid"), name)})
    assert (answer.status_code, db.session.query(PrintFile).count()) == (409, 0)


def test_somebody_elses_file_is_unknown(shop, as_):
    a_link(shop.printer)
    slot, file = a_slot(shop), a_file(shop.ben)
    answer = as_(shop.ada).post(f"/reservations/{slot.id}/prints", data={"file_id": file.id})
    assert (answer.status_code, db.session.query(PrintJob).count()) == (422, 0)


def test_a_machine_that_is_no_printer_takes_no_files(shop, as_):
    slot = book(shop.ada, shop.laser1)
    ada = as_(shop.ada)
    assert ada.get(f"/reservations/{slot.id}/prints").status_code == 404
    assert "Prints of this reservation" not in ada.get(f"/reservations/{slot.id}").text


# ── before the start ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_stands_in_the_way_is_said_before_the_button_is_there(shop, as_):
    job, ben = a_job(shop), shop.ben
    ready_page = as_(shop.ada).get(job_url(job)).text
    assert f'action="/prints/{job.id}/start"' in ready_page
    set_clock("14:01")
    late = as_(shop.ada).get(job_url(job)).text
    assert f'action="/prints/{job.id}/start"' not in late
    assert 'class="reasons"' in late
    assert ben.name not in late


def test_the_estimate_tells_time_weight_and_money(shop, as_):
    link = a_link(shop.printer, counting=Counting.MACHINE)
    save(Material(code="PLA", name={"fr": "PLA", "en": "PLA"}, density_mg=1240))
    job = a_job(shop, link=link)
    page = as_(shop.ada).get(job_url(job)).text
    assert "1\u00a0h\u00a040" in page  # 1 h 22 min 51 s, 15 % more, 4 minutes to warm up
    assert "5,00\u00a0€" in page  # 100 minutes at 3 € an hour
    assert "0,02\u00a0g" in page


def test_a_print_longer_than_its_slot_says_by_how_much_and_what_one_can_do(shop, as_):
    job = a_job(shop, **{"1h 22m 51s": "2h 30m 0s"})
    page = as_(shop.ada).get(job_url(job)).text
    assert "57\u00a0min" in page
    assert 'href="/machines/printer?minutes=177#book"' in page


def test_findings_carry_their_line(shop, as_):
    page = as_(shop.ada).get(job_url(a_job(shop, more="M600\n"))).text
    assert "M600" in page
    assert re.search(r"line 17|ligne 17", page)


@pytest.mark.both_engines
def test_the_start_asks_for_a_clear_bed_and_keeps_the_name(shop, as_):
    job, ada = a_job(shop), as_(shop.ada)
    unticked = ada.post(job_url(job, "/start"), data={})
    assert (unticked.status_code, 'id="bed_is_clear-error"' in unticked.text) == (422, True)
    assert fresh(job).state is JobState.ATTACHED
    answer = ada.post(job_url(job, "/start"), data={"bed_is_clear": "y", "key": "start"})
    assert (answer.status_code, answer.location) == (303, job_url(job))
    job = fresh(job)
    assert (job.state, job.wish, job.bed_clear_by_id) == (JobState.SENDING, Wish.START, shop.ada.id)
    assert "Ada Lovelace" in ada.get(job_url(job)).text


def test_a_second_click_on_start_is_the_first_one_again(shop, as_):
    job, ada = a_job(shop), as_(shop.ada)
    for _ in range(2):
        assert ada.post(job_url(job, "/start"), data={"bed_is_clear": "y", "key": "start"}).status_code == 303
    assert story(job).count("start_asked") == 1


def test_a_stale_page_that_starts_is_told_how_it_is_now(shop, as_):
    job, ada = a_job(shop), as_(shop.ada)
    set_clock("14:05")
    answer = ada.post(job_url(job, "/start"), data={"bed_is_clear": "y"})
    assert (answer.status_code, 'class="reasons"' in answer.text) == (409, True)
    assert fresh(job).state is JobState.ATTACHED


def test_a_file_is_taken_out_again(shop, as_):
    job, ada = a_job(shop), as_(shop.ada)
    answer = ada.post(job_url(job, "/removal"), data={"key": "out"})
    assert (answer.status_code, answer.location) == (303, f"/reservations/{job.reservation_id}#prints")
    assert fresh(job).state is JobState.EXPIRED
    assert ada.get(job_url(job)).status_code == 200


def test_the_team_lifts_what_may_be_lifted_with_a_reason(shop, as_):
    link = a_link(shop.printer)
    reservation = a_slot(shop)
    book(ready(shop, "Zoé Neuf"), shop.printer, "16:00", 2)
    look(link, Seen.IDLE)
    job = attach(shop.ada, reservation, a_file(shop.ada, **{"1h 22m 51s": "2h 30m 0s"}))
    assert 'name="override_reason"' not in as_(shop.ada).get(job_url(job)).text
    lea = as_(shop.lea)
    assert 'name="override_reason"' in lea.get(job_url(job)).text
    assert lea.post(job_url(job, "/start"), data={"bed_is_clear": "y"}).status_code == 409
    answer = lea.post(job_url(job, "/start"), data={"bed_is_clear": "y", "override_reason": "Zoé agrees"})
    assert (answer.status_code, fresh(job).start_override) == (303, "Zoé agrees")


# ── while it prints ──────────────────────────────────────────────────────────────────────────────────────────────────


def seen_printing(shop, job, minute="14:40", **more):
    set_clock(minute)
    link = db.session.get_one(PrinterLink, job.link_id)
    seen = {
        "completion": 40.0, "filepos": 100, "print_seconds": 2200, "seconds_left": 4200, "seconds_left_kind": "analysis",
        "tool_temp": 214.8, "tool_target": 215.0, "bed_temp": 59.6, "bed_target": 60.0,
    }  # fmt: skip
    look(link, Seen.PRINTING, job.remote_path, **{**seen, **more})
    return fresh(job)


def test_the_share_shown_is_of_time_not_of_bytes(shop, as_):
    job = seen_printing(shop, printing(a_job(shop), shop))
    page = as_(shop.ada).get(job_url(job)).text
    assert 'value="34" max="100"' in page  # 2200 of 6400 seconds; of the bytes it is 40
    for words in ("1\u00a0h\u00a010", "15\u00a0h\u00a050", "215\u00a0°C", "60\u00a0°C"):
        assert words.replace("\u00a0°C", " °C") in page


def test_the_figures_refresh_alone_until_something_happens(shop, as_):
    job, ada = seen_printing(shop, printing(a_job(shop), shop)), as_(shop.ada)
    address = re.search(r'hx-get="([^"]+)" hx-trigger="every 5s"', ada.get(job_url(job)).text)[1].replace("&amp;", "&")
    part = ada.get(address, headers={"HX-Request": "true"})
    assert (part.status_code, "<html" in part.text, 'max="100"' in part.text) == (200, False, True)
    put(job, JobState.PAUSED, paused_by=PausedBy.FILE)
    moved = ada.get(address, headers={"HX-Request": "true"})
    assert (moved.status_code, moved.headers["HX-Refresh"]) == (204, "true")


@pytest.mark.parametrize(
    ("column", "since", "words"),
    [
        ("unreachable_since", "14:36", "14\u00a0h\u00a036"),
        ("stalled_since", "14:29", "14\u00a0h\u00a029"),
        ("overrun_since", "14:39", "16\u00a0h"),
    ],
)
def test_what_is_odd_is_said_in_words(shop, as_, column, since, words):
    job = put(seen_printing(shop, printing(a_job(shop), shop)), JobState.PRINTING, **{column: at(since)})
    notices = re.findall(r'class="notice" data-tone="(?:care|stop)">.*?</div></div>', as_(shop.ada).get(job_url(job)).text, re.S)
    assert [words in notice for notice in notices] == [True]


@pytest.mark.parametrize(("by", "words"), [(PausedBy.FILE, "M600"), (PausedBy.PRINTER, "filament")])
def test_a_pause_says_why(shop, as_, by, words):
    job = put(printing(a_job(shop), shop), JobState.PAUSED, paused_by=by)
    assert words in as_(shop.ada).get(job_url(job)).text


@pytest.mark.parametrize(
    ("act", "state", "wish"),
    [
        ("pause", JobState.PRINTING, Wish.PAUSE),
        ("resumption", JobState.PAUSED, Wish.RESUME),
        ("cancellation", JobState.PAUSED, Wish.CANCEL),
    ],
)
@pytest.mark.parametrize("who", ["ada", "lea"])
def test_owner_and_team_ask_once_however_often_they_click(shop, as_, act, state, wish, who):
    job = put(printing(a_job(shop), shop), state, paused_by=PausedBy.MEMBER)
    client = as_(getattr(shop, who))
    for _ in range(2):
        answer = client.post(job_url(job, f"/{act}"), data={"key": "k"})
        assert (answer.status_code, answer.location) == (303, job_url(job))
    assert (fresh(job).wish, fresh(job).wished_by_id) == (wish, getattr(shop, who).id)
    assert len(story(job)) == len(set(story(job)))


def test_stopping_asks_once_more_without_a_script(shop, as_):
    job, ada = seen_printing(shop, printing(a_job(shop), shop)), as_(shop.ada)
    page = ada.get(job_url(job)).text
    assert f'href="/prints/{job.id}/cancellation"' in page
    asked = ada.get(job_url(job, "/cancellation")).text
    assert fresh(job).wish is None
    form = re.search(r'<form method="post" class="row">(.*?)</form>', asked, re.S)[1]
    assert 'name="csrf_token"' in form
    ada.post(job_url(job, "/cancellation"), data={"key": "stop"})
    assert fresh(job).wish is Wish.CANCEL
    assert ada.get(job_url(job, "/cancellation")).status_code == 303  # it is asked already


def test_a_button_of_a_stale_page_says_that_it_is_too_late(shop, as_):
    job = ended(shop, printing(a_job(shop), shop), JobState.DONE, Outcome.DONE)
    ada = as_(shop.ada)
    assert ada.post(job_url(job, "/pause"), data={}).status_code == 303
    assert 'data-tone="stop"' in ada.get(job_url(job)).text
    assert fresh(job).wish is None


def _forget_pictures():
    """The folder outlives the database of one test."""
    shutil.rmtree(current_app.extensions["settings"].uploads / "stills", ignore_errors=True)


@pytest.mark.parametrize("who", ["ada", "lea"])
def test_the_camera_is_for_the_owner_and_the_team_while_it_prints(shop, as_, who):
    link = a_link(shop.printer, camera_is_on=True)
    job, client = printing(a_job(shop, link=link), shop), as_(getattr(shop, who))
    _forget_pictures()
    assert not stills.is_looked_at(link.id)
    client.get(job_url(job))
    assert stills.is_looked_at(link.id)
    assert client.get(job_url(job, "/picture")).status_code == 404
    picture = io.BytesIO()
    Image.new("RGB", (1600, 900), "#446").save(picture, "PNG")
    assert stills.keep(link.id, picture.getvalue())
    answer = client.get(job_url(job, "/picture"))
    assert (answer.status_code, answer.content_type, answer.headers["Cache-Control"]) == (200, "image/jpeg", "private, no-store")
    with Image.open(io.BytesIO(answer.data)) as shown:
        assert shown.size == (960, 540)
    assert as_(shop.ben).get(job_url(job, "/picture")).status_code == 404
    set_clock("14:10")
    assert not stills.is_looked_at(link.id)
    assert client.get(job_url(job, "/picture")).status_code == 404  # too old


def test_no_camera_without_the_switch_nor_after_the_end(shop, as_):
    job = printing(a_job(shop), shop)
    _forget_pictures()
    as_(shop.ada).get(job_url(job))
    assert not stills.is_looked_at(job.link_id)
    assert not stills.keep(job.link_id, b"not a picture")


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (JobState.DONE, Outcome.DONE), (JobState.CANCELLED, Outcome.CANCELLED), (JobState.FAILED, Outcome.MACHINE_FAILED),
        (JobState.LOST, Outcome.UNKNOWN), (JobState.REJECTED, None), (JobState.EXPIRED, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("who", ["ada", "lea"])
def test_every_ending_has_its_page(shop, as_, state, outcome, who):
    job = ended(shop, printing(a_job(shop), shop), state, outcome)
    page = as_(getattr(shop, who)).get(job_url(job))
    assert (page.status_code, "hx-trigger" in page.text) == (200, False)
    assert ("49\u00a0min" in page.text) is (outcome is not None)
    assert f'action="/prints/{job.id}/repetition"' in page.text


def test_one_tap_says_that_it_was_the_machine(shop, as_):
    job = ended(shop, printing(a_job(shop), shop), JobState.FAILED, Outcome.STOPPED_ELSEWHERE)
    ada = as_(shop.ada)
    assert 'name="outcome" value="machine_failed"' in ada.get(job_url(job)).text
    assert ada.post(job_url(job, "/outcome"), data={"outcome": "machine_failed", "key": "tap"}).status_code == 303
    record = metering.current([job.id])[job.id]
    assert (record.outcome, record.source) == (Outcome.MACHINE_FAILED, Source.MEMBER)
    assert 'name="outcome"' not in ada.get(job_url(job)).text


def test_of_a_lost_print_its_owner_says_how_it_ended(shop, as_):
    job = ended(shop, printing(a_job(shop), shop), JobState.LOST, Outcome.UNKNOWN)
    ada = as_(shop.ada)
    assert ada.post(job_url(job, "/outcome"), data={}).status_code == 422
    assert ada.post(job_url(job, "/outcome"), data={"outcome": "nonsense"}).status_code == 422
    assert ada.post(job_url(job, "/outcome"), data={"outcome": "done"}).status_code == 303
    assert metering.current([job.id])[job.id].outcome is Outcome.DONE


def test_the_team_corrects_with_a_word(shop, as_):
    job = ended(shop, printing(a_job(shop), shop), JobState.DONE, Outcome.DONE)
    lea = as_(shop.lea)
    assert lea.post(job_url(job, "/outcome"), data={"outcome": "machine_failed"}).status_code == 409
    answer = lea.post(job_url(job, "/outcome"), data={"outcome": "machine_failed", "note": "Layer shift"})
    assert (answer.status_code, metering.current([job.id])[job.id].note) == (303, "Layer shift")


def test_the_same_file_is_printed_again(shop, as_):
    job = ended(shop, printing(a_job(shop), shop), JobState.REJECTED)
    answer = as_(shop.ada).post(job_url(job, "/repetition"), data={"key": "again"})
    assert (answer.status_code, answer.location) == (303, f"/prints/{job.id + 1}")


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_my_prints_are_mine_and_narrowed(shop, as_):
    job = ended(shop, printing(a_job(shop), shop), JobState.DONE, Outcome.DONE)
    ada = as_(shop.ada)
    assert "vase.gcode" in ada.get("/prints").text
    assert "vase.gcode" in ada.get("/prints?show=done&machine=printer").text
    assert "vase.gcode" not in ada.get("/prints?show=not_done").text
    assert "vase.gcode" not in ada.get("/prints?machine=laser-1").text
    assert ada.get("/prints?page=-4&show=%00&machine=%00").status_code == 200
    assert "vase.gcode" not in as_(shop.ben).get("/prints").text
    assert f'href="/members/{shop.ada.id}/prints"' in as_(shop.lea).get(f"/members/{shop.ada.id}").text
    for path in ("/machines/printer/prints", f"/members/{shop.ada.id}/prints"):
        page = as_(shop.lea).get(path).text
        assert ("vase.gcode" in page, "Ada Lovelace" in page) == (True, True)
    assert job.file_id


def waiting(shop, member=None):
    """A print of somebody's that waits for the team, for a slot to come."""
    a_link(shop.printer, approval=Approval.ALWAYS)
    slot = book(member or shop.ada, shop.printer, "14:00")
    return attach(member or shop.ada, slot, a_file(member or shop.ada))


def test_the_team_lets_a_print_start(shop, as_):
    job, lea = waiting(shop), as_(shop.lea)
    assert "vase.gcode" in lea.get("/prints/approvals").text
    assert "/prints/approvals" in lea.get("/today").text
    answer = lea.post(job_url(job, "/decision"), data={"verdict": "approve", "key": "yes"})
    assert (answer.status_code, fresh(job).is_approved, fresh(job).decided_by_id) == (303, True, shop.lea.id)
    assert "vase.gcode" not in lea.get("/prints/approvals").text
    assert "Léa Martin" in as_(shop.ada).get(job_url(job)).text


def test_sending_back_needs_a_word(shop, as_):
    job, lea = waiting(shop), as_(shop.lea)
    answer = lea.post(job_url(job, "/decision"), data={"verdict": "refuse", "note": " "})
    assert (answer.status_code, f'id="note-{job.id}-error"' in answer.text) == (422, True)
    assert lea.post(job_url(job, "/decision"), data={"verdict": "refuse", "note": "Too hot for PLA"}).status_code == 303
    assert "Too hot for PLA" in as_(shop.ada).get(job_url(job)).text


def test_the_second_manager_sees_that_it_is_decided(shop, as_):
    job, lea = waiting(shop), as_(shop.lea)
    lea.post(job_url(job, "/decision"), data={"verdict": "approve"})
    adele = as_(shop.adele)
    assert adele.post(job_url(job, "/decision"), data={"verdict": "refuse", "note": "No"}).status_code == 303
    assert 'data-tone="stop"' in adele.get("/prints/approvals").text
    assert fresh(job).is_approved is True


def test_members_do_not_decide(shop, as_):
    job = waiting(shop)
    assert as_(shop.ada).post(job_url(job, "/decision"), data={"verdict": "approve"}).status_code == 403


def a_foreign_print(shop, **columns):
    link = a_link(shop.printer)
    slot = a_slot(shop)
    row = ForeignPrint(
        link_id=link.id, remote_path="part.gcode", remote_user="pi", seen_from=clock.now(), reservation_id=slot.id, **columns
    )
    save(row)
    return row


def test_who_had_the_slot_says_whether_a_print_was_theirs(shop, as_):
    row, ada = a_foreign_print(shop), as_(shop.ada)
    page = ada.get(f"/foreign-prints/{row.id}").text
    assert ('value="mine"' in page, 'value="nobody"' in page) == (True, False)
    assert as_(shop.ben).get(f"/foreign-prints/{row.id}").status_code == 404
    assert ada.post(f"/foreign-prints/{row.id}", data={"answer": "nobody"}).status_code == 422
    assert ada.post(f"/foreign-prints/{row.id}", data={"answer": "mine"}).status_code == 303
    assert fresh(row).member_id == shop.ada.id
    assert ada.post(f"/foreign-prints/{row.id}", data={"answer": "not_mine"}).status_code == 409


def test_the_team_says_whose_it_was(shop, as_):
    row, lea = a_foreign_print(shop), as_(shop.lea)
    assert f"/foreign-prints/{row.id}" in lea.get("/prints/approvals").text
    url = f"/foreign-prints/{row.id}"
    assert lea.post(url, data={"answer": "member", "member": "nobody@nowhere.test"}).status_code == 422
    assert lea.post(url, data={"answer": "member", "member": ""}).status_code == 409
    assert lea.post(url, data={"answer": "member", "member": shop.ben.email, "remember": "y"}).status_code == 303
    assert fresh(row).member_id == shop.ben.id
    assert f"/foreign-prints/{row.id}" not in lea.get("/prints/approvals").text


def test_what_waits_stands_on_the_today_board(shop, as_):
    job = ended(shop, printing(a_job(shop), shop), JobState.LOST, Outcome.UNKNOWN)
    with transaction():
        db.session.get_one(PrinterLink, job.link_id).observed_state = Seen.DISCONNECTED
    board = as_(shop.lea).get("/today").text
    assert "/prints/approvals#lost" in board
    assert "2 choses vous attendent" in board


# ── the printers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_wall_has_the_state_and_the_end_and_nobodys_name(shop, as_):
    seen_printing(shop, printing(a_job(shop), shop))
    page = as_(shop.ben).get("/printers/wall").text
    for words in ("printer (en)", "34 %", "15:50"):
        assert words in page
    for secret in ("Ada", "Lovelace", "vase"):
        assert secret not in page


def test_the_wall_opens_on_the_labs_screen_by_its_signed_address_only(shop, as_):
    a_link(shop.printer)
    answer = as_(shop.lea).post("/printers/wall")
    assert answer.status_code == 303
    assert as_(None).get(answer.location).status_code == 200
    assert as_(None).get("/printers/wall/forged").status_code == 404
    assert as_(None).get(f"/printers/wall/{screens.token(shop.printer)}").status_code == 404
    assert as_(shop.ada).post("/printers/wall").status_code == 403


def test_the_machines_page_says_what_the_printer_does_and_names_nobody(shop, as_):
    job = seen_printing(shop, printing(a_job(shop), shop))
    others, own = as_(shop.ben).get("/machines/printer").text, as_(shop.ada).get("/machines/printer").text
    assert 'value="34" max="100"' in others
    assert ("Ada" in others, "vase.gcode" in others) == (False, False)
    assert (job_url(job) in others, job_url(job) in own) == (False, True)
    assert as_(None).get("/machines/printer").status_code == 200
    assert "print-here" not in as_(shop.ada).get("/machines/laser-1").text


def test_a_reservation_lists_its_prints(shop, as_):
    job = a_job(shop)
    page = as_(shop.ada).get(f"/reservations/{job.reservation_id}").text
    assert (job_url(job) in page, f"/reservations/{job.reservation_id}/prints" in page) == (True, True)


def late_for_ben(shop, **link):
    """Ada's print runs into Ben's slot, which has begun."""
    job = seen_printing(shop, printing(a_job(shop, link=a_link(shop.printer, **link)), shop), seconds_left=9000)
    slot = book(shop.ben, shop.printer, "16:00", 2)
    set_clock("16:01")
    return job, slot


def test_whoever_is_next_chooses_what_to_do_about_a_late_printer(shop, as_):
    _job, slot = late_for_ben(shop)
    ben = as_(shop.ben)
    page = ben.get(f"/reservations/{slot.id}").text
    assert ("Ada" in page, f"/reservations/{slot.id}/delay/patience" in page) == (False, True)
    assert as_(shop.ada).post(f"/reservations/{slot.id}/delay/return").status_code == 404
    assert ben.post(f"/reservations/{slot.id}/delay/patience").status_code == 303
    assert ben.post(f"/reservations/{slot.id}/delay/end").status_code == 303
    assert fresh(slot).status is Status.CONFIRMED
    assert ben.post(f"/reservations/{slot.id}/delay/move", data={"machine_id": "x"}).status_code == 303
    assert ben.post(f"/reservations/{slot.id}/delay/return").status_code == 303
    assert fresh(slot).status is Status.CANCELLED


def test_whoever_stands_there_may_end_the_print_before_where_the_printer_says_so(shop, as_):
    job, slot = late_for_ben(shop, end_policy=EndPolicy.ASK_NEXT)
    check_in(shop.ben, slot, shop.printer)
    ben = as_(shop.ben)
    assert f"/reservations/{slot.id}/delay/end" in ben.get(f"/reservations/{slot.id}").text
    ben.post(f"/reservations/{slot.id}/delay/end")
    assert (fresh(job).wish, fresh(job).cancelled_by_id) == (Wish.CANCEL, shop.ben.id)


# ── few statements ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "who", "most"),
    [("/prints", "ada", 7), ("/printers/wall", "ben", 6), ("/prints/approvals", "lea", 7), ("/prints/1", "ada", 18),
     ("/machines/printer/prints", "lea", 8)],
)  # fmt: skip
def test_a_page_asks_as_often_full_as_nearly_empty(shop, as_, statements, path, who, most):
    job = a_job(shop)
    client = as_(getattr(shop, who))
    few = _count(client, path, statements)
    for number in range(4):
        attach(
            shop.ada, db.session.get_one(Reservation, job.reservation_id), a_file(shop.ada, f"M117 {number}\n", f"{number}.gcode")
        )
    assert few == _count(client, path, statements) <= most, statements


def _count(client, path, statements):
    client.get(path)
    statements.clear()
    assert client.get(path).status_code == 200
    return len(statements)
