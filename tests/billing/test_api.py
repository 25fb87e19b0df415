"""Money by JSON: scopes, one's own only, the desk, and every answer declared."""

from __future__ import annotations

import pytest

from billing import names
from billing.models import Adjustment, Payment
from tests.billing.scene import cancel, charge, count, laser_line, owes, pay, set_rate

NAME = {"fr": "Découpe laser", "en": "Laser cutter"}


@pytest.fixture(autouse=True)
def _names_of_machines(app, monkeypatch):
    monkeypatch.setitem(app.extensions, "billing_item_names", {})
    names.add_item_names(app, "machine", lambda idents: {"machine:7": NAME} if 7 in idents else {})


def test_prices_are_public_and_say_what_each_group_pays(lab, as_):
    set_rate(lab.lea, "machine:7", 600, "solidarity", minimum_minutes=15, step_minutes=5)
    [price] = as_(None).get("/api/v1/prices").json
    standard = {"cents_per_hour": 1000, "minimum_minutes": 0, "step_minutes": 1}
    assert price == {
        "item": "machine:7",
        "name": NAME,
        "rates": {
            "standard": standard,
            "solidarity": {"cents_per_hour": 600, "minimum_minutes": 15, "step_minutes": 5},
            "professional": standard,
        },
    }


def test_one_s_own_charges_are_listed_line_by_line(lab, as_):
    charge(lab.ada, lines=[laser_line(25, 1000, minimum_minutes=30)], subject="reservation:42")
    charge(lab.ben, 7700)
    pay(lab.lea, lab.ada, 200)
    [found] = as_(lab.ada, "reservations").get("/api/v1/charges").json
    assert (found["subject"], found["status"]) == ("reservation:42", "open")
    assert (found["total_cents"], found["paid_cents"], found["due_cents"]) == (500, 200, 300)
    assert (found["lines"][0]["minutes"], found["lines"][0]["billed_minutes"]) == (25, 30)


def test_the_desk_reads_what_a_member_owes_and_takes_it(lab, as_):
    row = charge(lab.ada, 1000)
    desk = as_(lab.alba, "desk")
    account = desk.get(f"/api/v1/desk/members/{lab.ada.id}/charges").json
    assert (account["name"], account["owes_cents"], len(account["charges"])) == ("Ada Lovelace", 1000, 1)
    response = desk.post("/api/v1/desk/payments", json={"member_id": lab.ada.id, "cents": 400, "method": "card_terminal"})
    assert response.status_code == 201
    assert response.headers["Location"] == "/api/v1/receipts/RC-2026-000001"
    told = response.json
    assert (told["number"], told["cents"], told["owes_cents"], told["method"]) == ("RC-2026-000001", 400, 600, "card_terminal")
    assert told["covered"] == [{"charge_id": row.id, "paid_before_cents": 0, "paid_cents": 400, "left_cents": 600}]
    assert owes(lab.ada) == 600


def test_a_repeated_call_with_its_key_pays_once(lab, as_):
    charge(lab.ada, 1000)
    desk = as_(lab.lea, "desk")
    body = {"member_id": lab.ada.id, "cents": 400, "method": "cash"}
    first, second = (desk.post("/api/v1/desk/payments", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json == second.json
    assert (count(Payment), owes(lab.ada)) == (1, 600)


def test_overpaying_is_refused_with_the_amounts_and_the_next_step(lab, as_):
    charge(lab.ada, 1000)
    response = as_(lab.lea, "desk").post("/api/v1/desk/payments", json={"member_id": lab.ada.id, "cents": 1001, "method": "cash"})
    assert (response.status_code, response.mimetype) == (409, "application/problem+json")
    [reason] = response.json["reasons"]
    assert (reason["code"], reason["params"]) == ("billing.more_than_owed", {"owed": 1000, "offered": 1001})
    assert reason["next_step"]
    assert count(Payment) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"cents": 0},
        {"cents": -1},
        {"cents": 10**12},
        {"cents": 1.5},
        {"cents": "400"},
        {"cents": None},
        {"member_id": 0},
        {"member_id": 2**63},
        {"method": "beads"},
        {"more": 1},
    ],
)
def test_a_wrong_payment_is_said_by_field(lab, as_, changes):
    charge(lab.ada, 1000)
    body = {"member_id": lab.ada.id, "cents": 400, "method": "cash"} | changes
    response = as_(lab.lea, "desk").post("/api/v1/desk/payments", json=body)
    assert response.status_code == 422
    assert set(changes) <= set(response.json["errors"]["json"])


# who asks, with which scope, and what they get
ASKED = [
    ("GET", "/charges", {"none": 401, "ada": 200, "carl": 200, "alba": 200, "desk": 403}),
    ("GET", "/receipts/{receipt}", {"none": 401, "ada": 200, "carl": 404, "alba": 200, "desk": 403}),
    ("GET", "/receipts/RC-2026-999999", {"none": 401, "ada": 404, "alba": 404}),
    ("GET", "/receipts/a%00b", {"ada": 404}),
    ("GET", "/desk/members/{ada}/charges", {"none": 401, "ada": 403, "alba": 403, "desk": 200, "trainer's desk": 403}),
    ("GET", "/desk/members/999/charges", {"desk": 404, "trainer's desk": 403}),
    ("POST", "/desk/payments", {"none": 401, "ada": 403, "alba": 403, "desk": 201, "trainer's desk": 403}),
    ("POST", "/charges/{charge}/adjustments", {"none": 401, "ada": 201, "carl": 404, "alba": 404, "desk": 403}),
]


@pytest.mark.parametrize(("method", "path", "expected"), ASKED)
def test_every_call_answers_each_person_as_declared(lab, as_, method, path, expected):
    row = charge(lab.ada, 1000)
    number = pay(lab.lea, lab.ada, 100).number
    people = {
        "none": as_(None),
        "ada": as_(lab.ada, "reservations"),
        "carl": as_(lab.carl, "reservations"),
        "alba": as_(lab.alba, "reservations"),
        "desk": as_(lab.alba, "desk"),
        "trainer's desk": as_(lab.carl, "desk"),
    }
    bodies = {
        "/desk/payments": {"member_id": lab.ada.id, "cents": 1, "method": "cash"},
        "/charges/{charge}/adjustments": {"note": "The lens was cracked"},
    }
    url = "/api/v1" + path.format(receipt=number, ada=lab.ada.id, charge=row.id)
    found = {who: people[who].open(url, method=method, json=bodies.get(path)).status_code for who in expected}
    assert found == expected


def test_a_browser_s_session_reads_but_never_pays(lab, as_):
    charge(lab.ada, 1000)
    lea = as_(lab.lea)
    assert lea.get(f"/api/v1/desk/members/{lab.ada.id}/charges").status_code == 200
    body = {"member_id": lab.ada.id, "cents": 400, "method": "cash"}
    assert lea.post("/api/v1/desk/payments", json=body).status_code == 401
    assert count(Payment) == 0


def test_an_unknown_member_cannot_pay(lab, as_):
    body = {"member_id": 999, "cents": 400, "method": "cash"}
    assert as_(lab.lea, "desk").post("/api/v1/desk/payments", json=body).status_code == 404


def test_a_cancelled_receipt_says_when(lab, as_):
    charge(lab.ada, 1000)
    receipt = pay(lab.lea, lab.ada, 100)
    ada = as_(lab.ada, "reservations")
    assert ada.get(f"/api/v1/receipts/{receipt.number}").json["cancelled_at"] is None
    cancel(lab.lea, receipt)
    assert ada.get(f"/api/v1/receipts/{receipt.number}").json["cancelled_at"] == "2026-11-26T09:00:00+00:00"


@pytest.mark.parametrize("note", ["", "   ", "a\x00b", "x" * 1001, None, 5])
def test_a_request_needs_words(lab, as_, note):
    row = charge(lab.ada, 1000)
    response = as_(lab.ada, "reservations").post(f"/api/v1/charges/{row.id}/adjustments", json={"note": note})
    assert response.status_code == 422
    assert count(Adjustment) == 0


def test_every_status_of_these_tests_is_in_the_document(app, client):
    paths = client.get("/api/v1/openapi.json").json["paths"]
    declared = {
        (method, path): set(what["responses"])
        for path, one in paths.items()
        for method, what in one.items()
        if method in ("get", "post")
    }
    assert {"201", "401", "403", "404", "409", "422"} <= declared["post", "/api/v1/desk/payments"]
    assert {"201", "401", "403", "404", "409", "422"} <= declared["post", "/api/v1/charges/{charge_id}/adjustments"]
    assert {"200", "401", "403", "404"} <= declared["get", "/api/v1/receipts/{number}"]
