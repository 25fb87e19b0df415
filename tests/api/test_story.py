"""The main job by JSON alone: every call is looked up in the document, and every answer must be what it promises."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
import schemathesis
from icalendar import Calendar
from sqlalchemy import select

from app.kernel import clock, outbox
from app.kernel.db import db
from app.kernel.mail import Mail
from machines.codes import check_in_code
from machines.models import Machine
from tests.browser.scene import PASSWORD, a_whole_lab
from tests.conftest import as_a_server_would


@pytest.fixture
def call(app):
    """`call("POST", "/api/v1/tokens", {...})` as the document has it; fails where the answer is not what it says."""
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)

    def send(method, path, body=None, *, token=None, **parameters):
        operation = document[path][method]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        in_path = {name: value for name, value in parameters.items() if f"{{{name}}}" in path}
        query = {name: value for name, value in parameters.items() if name not in in_path}
        more = {"body": body, "media_type": "application/json"} if body is not None else {}
        case = operation.Case(path_parameters=in_path, query=query, headers=headers, **more)
        response = as_a_server_would(case.call_and_validate)
        return response.status_code, response.json() if response.content else None

    return send


def last_letter(address):
    outbox.drain()
    db.session.rollback()
    return db.session.scalars(select(Mail).where(Mail.to_address == address).order_by(Mail.id.desc()).limit(1)).one()


def test_a_program_lives_the_main_story_from_the_document_alone(call):
    lab = a_whole_lab()
    mine = {"email": "ines@example.org", "password": PASSWORD}
    assert call("POST", "/api/v1/members", {"name": "Inès Moreau", **mine})[0] == 202
    proof = re.search(r"/email-proofs/(\S+)", last_letter("ines@example.org").text)[1]
    assert call("POST", "/api/v1/email-proofs", {"token": proof})[0] == 204
    _, answer = call("POST", "/api/v1/tokens", {**mine, "scopes": ["profile", "reservations"]})
    ines = answer["token"]
    _, charter = call("GET", "/api/v1/charter")
    assert call("POST", "/api/v1/charter/acceptance", {"version": charter["version"]}, token=ines)[0] == 204

    # Two steps are left, and a booking says so with the next step of each.
    _, machines = call("GET", "/api/v1/machines", token=ines)
    [laser] = machines
    assert laser["missing"] == ["safety", "laser"]
    start = datetime.fromisoformat(laser["next_free"])
    slot = {"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}
    status, problem = call("POST", "/api/v1/machines/{slug}/reservations", slot, token=ines, slug="laser-1")
    assert status == 409
    assert [reason["code"] for reason in problem["reasons"]] == ["machines.not_certified"] * 2
    assert all(reason["next_step"] for reason in problem["reasons"])

    # A trainer certifies her.
    _, answer = call("POST", "/api/v1/tokens", {"email": "chloe@lab.test", "password": PASSWORD, "scopes": ["trainings"]})
    for slug in ("safety", "laser"):
        status, _ = call(
            "POST", "/api/v1/competences/{slug}/certifications", {"email": mine["email"]}, token=answer["token"], slug=slug
        )
        assert status == 201

    # She books; her calendar gets it.
    status, reservation = call("POST", "/api/v1/machines/{slug}/reservations", slot, token=ines, slug="laser-1")
    assert (status, reservation["status"], reservation["quoted_cents"]) == (201, "confirmed", 2400)
    [event] = Calendar.from_ical(last_letter(mine["email"]).calendar).walk("VEVENT")
    assert event["DTSTART"].dt == start

    # She is there, works, and finishes.
    clock.set_clock(start + timedelta(minutes=1))
    known = {"token": ines, "reservation_id": reservation["id"]}
    code = check_in_code(db.session.get_one(Machine, lab.machine.id).check_in_secret, clock.now())
    _, used = call("POST", "/api/v1/reservations/{reservation_id}/check-in", {"code": code, "ticks": 2}, **known)
    assert used["status"] == "in_use"
    clock.set_clock(start + timedelta(minutes=100))
    _, done = call("POST", "/api/v1/reservations/{reservation_id}/completion", {"is_clean": True}, **known)
    assert done["status"] == "completed"
    _, [charge] = call("GET", "/api/v1/charges", token=ines)
    assert (charge["total_cents"], charge["status"]) == (2400, "open")

    # The desk takes the money; the receipt is hers to read.
    _, answer = call("POST", "/api/v1/tokens", {"email": "lea@lab.test", "password": PASSWORD, "scopes": ["desk", "manage"]})
    lea = answer["token"]
    _, [found] = call("GET", "/api/v1/members", token=lea, search="Moreau")
    payment = {"member_id": found["id"], "cents": 2400, "method": "card_terminal"}
    status, receipt = call("POST", "/api/v1/desk/payments", payment, token=lea)
    assert (status, receipt["owes_cents"]) == (201, 0)
    status, mine_too = call("GET", "/api/v1/receipts/{number}", token=ines, number=receipt["number"])
    assert (status, mine_too["cents"]) == (200, 2400)
    _, [settled] = call("GET", "/api/v1/charges", token=ines)
    assert settled["status"] == "settled"
