"""Journey (b) by JSON alone, each answer as the document says; and who may do what with which scope."""

from __future__ import annotations

import io

import pytest
import schemathesis

from app.kernel import clock
from app.kernel.db import db, transaction
from machines.printing import metering
from machines.printing.gateway import Seen
from machines.printing.models import PrintJob
from machines.printing.rules import Approval, JobState, Outcome, Source, Wish
from tests.machines.scene import book, check_in, fresh, set_clock
from tests.printing.engine_scene import a_file, a_job, a_link, a_slot, attach, look, printing, put
from tests.printing.gcode_files import good
from tests.printing.test_files import stored

API = "/api/v1"


@pytest.fixture
def follows(app):
    """Fails where an answer is not what the document says of its operation."""
    document = schemathesis.openapi.from_wsgi(f"{API}/openapi.json", app)

    def check(answer, method, path):
        operation = document[path][method]
        assert str(answer.status_code) in operation.definition.raw["responses"]
        return answer.json

    return check


def test_karim_prints_by_json_alone(shop, as_, follows):
    link, slot = a_link(shop.printer), book(shop.ada, shop.printer, "14:00")
    ada = as_(shop.ada, "prints")
    sent = ada.post(f"{API}/print-files", data={"file": (io.BytesIO(good()), "vase.gcode")})
    assert sent.status_code == 201
    file = follows(sent, "POST", f"{API}/print-files")
    assert (file["name"], file["material"], file["seconds"]) == ("vase.gcode", "PLA", 4971)
    assert follows(ada.get(sent.location), "GET", f"{API}/print-files/{{file_id}}") == file
    again = ada.post(f"{API}/print-files", data={"file": (io.BytesIO(good()), "vase.gcode")})
    assert again.json["id"] == file["id"]
    assert [one["id"] for one in ada.get(f"{API}/print-files").json] == [file["id"]]

    attached = ada.post(f"{API}/reservations/{slot.id}/prints", json={"file_id": file["id"]})
    job = follows(attached, "POST", f"{API}/reservations/{{reservation_id}}/prints")
    assert (attached.status_code, job["state"], job["machine"], job["live"]) == (201, "attached", "printer", None)
    url = f"{API}/prints/{job['id']}"
    assert ada.get(f"{API}/reservations/{slot.id}/prints").json == ada.get(f"{API}/prints").json == [job]
    ready = follows(ada.get(f"{url}/readiness"), "GET", f"{API}/prints/{{job_id}}/readiness")
    assert (ready["may_start"], ready["forecast"]["late_minutes"]) == (False, 0)
    assert "printing.slot_not_begun" in [reason["code"] for reason in ready["reasons"]]
    early = ada.post(f"{url}/start", json={"bed_is_clear": True})
    assert (early.status_code, early.json["reasons"] != []) == (409, True)

    set_clock("14:00")
    check_in(shop.ada, slot, shop.printer)
    look(link, Seen.IDLE)
    assert ada.get(f"{url}/readiness").json["may_start"] is True
    assert ada.post(f"{url}/start", json={"bed_is_clear": False}).status_code == 409
    started = ada.post(f"{url}/start", json={"bed_is_clear": True})
    assert (started.status_code, started.json["state"], started.json["wish"]) == (200, "sending", "start")

    row = put(db.session.get_one(PrintJob, job["id"]), JobState.STARTING, wish=Wish.START, asked_at=clock.now())
    seen = {"completion": 40.0, "filepos": 100, "print_seconds": 2200, "seconds_left": 4200, "seconds_left_kind": "analysis"}
    look(link, Seen.PRINTING, row.remote_path, **seen)
    live = follows(ada.get(url), "GET", f"{API}/prints/{{job_id}}")["live"]
    assert (live["percent"], live["can_pause"]) == (34, True)
    assert ada.post(f"{url}/pause").json["wish"] == "pause"
    put(row, JobState.PAUSED)
    assert ada.post(f"{url}/resumption").json["wish"] == "resume"
    assert ada.get(f"{url}/usage").status_code == 404

    row = put(row, JobState.LOST, ended_at=clock.now())
    with transaction():
        metering.record(job=row, outcome=Outcome.UNKNOWN, source=Source.OBSERVED, at=clock.now())
    usage = follows(ada.get(f"{url}/usage"), "GET", f"{API}/prints/{{job_id}}/usage")
    assert (usage["outcome"], usage["machine_seconds"]) == ("unknown", 2200)
    assert ada.post(f"{url}/outcome", json={"outcome": "done"}).json["outcome"] == "done"
    repeated = ada.post(f"{url}/repetition")
    assert (repeated.status_code, repeated.json["attempt"]) == (201, 2)


def test_two_calls_with_one_key_start_once(shop, as_):
    job, ada = a_job(shop), as_(shop.ada, "prints")
    for _ in range(2):
        answer = ada.post(f"{API}/prints/{job.id}/start", json={"bed_is_clear": True}, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 200
    assert fresh(job).wish is Wish.START


def test_a_key_sends_one_file_once_and_leaves_nothing_behind(shop, as_):
    def send(data):
        sent = {"file": (io.BytesIO(data), "vase.gcode")}
        return ada.post(f"{API}/print-files", data=sent, headers={"Idempotency-Key": "k"})

    ada, before = as_(shop.ada, "prints"), set(stored())
    first, again, other = send(good()), send(good()), send(good("M600\n"))
    assert [one.status_code for one in (first, again, other)] == [201, 201, 422]
    assert again.json == first.json
    assert len(set(stored()) - before) == 1


@pytest.mark.parametrize("act", ["start", "pause", "resumption", "cancellation", "removal", "repetition", "outcome"])
def test_somebody_elses_print_is_unknown(shop, as_, act):
    job = printing(a_job(shop), shop)
    said = {"start": {"bed_is_clear": True}, "outcome": {"outcome": "done"}}.get(act)
    more = {"json": said} if said else {}
    ben = as_(shop.ben, "prints", "manage")
    assert ben.post(f"{API}/prints/{job.id}/{act}", **more).status_code == 404
    assert ben.get(f"{API}/prints/{job.id}").status_code == 404
    assert fresh(job).wish is None


def test_the_team_needs_its_scope(shop, as_):
    job = printing(a_job(shop), shop)
    assert as_(shop.lea, "prints").get(f"{API}/prints/{job.id}").status_code == 404
    lea = as_(shop.lea, "prints", "manage")
    assert lea.post(f"{API}/prints/{job.id}/cancellation").status_code == 200
    assert fresh(job).wished_by_id == shop.lea.id


def test_a_token_without_the_scope_does_nothing(shop, as_):
    job = a_job(shop)
    assert as_(shop.ada, "reservations").post(f"{API}/prints/{job.id}/start", json={"bed_is_clear": True}).status_code == 403
    assert as_(None).get(f"{API}/printers").status_code == 401
    assert as_(shop.ada).post(f"{API}/prints/{job.id}/pause").status_code == 401  # a browser's session does not write


def test_the_team_decides_by_json(shop, as_):
    a_link(shop.printer, approval=Approval.ALWAYS)
    job = attach(shop.ada, book(shop.ada, shop.printer, "14:00"), a_file(shop.ada))
    url = f"{API}/prints/{job.id}/decision"
    assert as_(shop.ada, "manage").post(url, json={"is_approved": True}).status_code == 403
    lea = as_(shop.lea, "manage")
    assert lea.post(url, json={"is_approved": True}).json["is_approved"] is True
    assert lea.post(url, json={"is_approved": False, "note": "No"}).status_code == 409


@pytest.mark.parametrize(
    ("sent", "status"),
    [((b"solid", "piece.stl"), 409), ((b"", "vase.gcode"), 409), ((b"\x00\x01", "vase.gcode"), 409), (None, 422)],
)
def test_what_is_no_g_code_is_refused(shop, as_, sent, status):
    data = {"file": (io.BytesIO(sent[0]), sent[1])} if sent else {}
    assert as_(shop.ada, "prints").post(f"{API}/print-files", data=data).status_code == status


@pytest.mark.parametrize("said", [{}, {"file_id": 0}, {"file_id": "x"}, {"file_id": 1, "nonsense": 1}])
def test_a_wrong_input_is_422(shop, as_, said):
    a_link(shop.printer)
    slot = a_slot(shop)
    assert as_(shop.ada, "prints").post(f"{API}/reservations/{slot.id}/prints", json=said).status_code == 422


def test_somebody_elses_file_is_unknown(shop, as_):
    a_link(shop.printer)
    slot, file, ada = a_slot(shop), a_file(shop.ben), as_(shop.ada, "prints")
    assert ada.get(f"{API}/print-files/{file.id}").status_code == 404
    assert ada.post(f"{API}/reservations/{slot.id}/prints", json={"file_id": file.id}).status_code == 404


def test_a_material_nobody_knows_is_refused(shop, as_):
    a_link(shop.printer)
    slot, file = a_slot(shop), a_file(shop.ada)
    answer = as_(shop.ada, "prints").post(f"{API}/reservations/{slot.id}/prints", json={"file_id": file.id, "material": "gold"})
    assert [reason["code"] for reason in answer.json["reasons"]] == ["printing.material_not_taken"]


def test_the_printers_are_listed_without_a_name(shop, as_):
    printing(a_job(shop), shop)
    [printer] = as_(shop.ben, "prints").get(f"{API}/printers").json
    assert (printer["machine"], printer["condition"]) == ("printer", "printing")
    assert set(printer) == {
        "machine", "name", "condition", "percent", "ends_about", "reserved_from", "reserved_until", "seen_at",
    }  # fmt: skip
