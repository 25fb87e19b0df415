"""Reservations by the JSON API: the same rules as the pages, problems with every reason, nothing of anybody else's."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db
from machines.models import Incident, Reservation
from machines.rules import Status
from tests.machines.scene import at, book, cancel, check_in, fresh, ready, set_clock, shown_code
from tests.machines.test_outages import retire

API = "/api/v1"
TOMORROW = {"start": "2026-11-27T14:00", "end": "2026-11-27T16:00"}
BOOK = f"{API}/machines/laser-1/reservations"


def codes(response):
    assert response.status_code == 409, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    return [reason["code"].removeprefix("machines.") for reason in response.json["reasons"]]


def count(model=Reservation):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


# ── the whole story ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_whole_story_with_a_token(shop, as_):
    ada = as_(shop.ada, "reservations")
    [laser, *_others] = ada.get(f"{API}/machines").json
    assert (laser["slug"], laser["missing"], laser["cents_per_hour"], laser["state"]) == ("laser-1", [], 1800, "free")
    [first, *_more] = ada.get(f"{API}/first-free?minutes=120").json
    assert first["machine"] == "laser-1"
    offer = ada.get(f"{API}/machines/laser-1/eligibility", query_string=TOMORROW).json
    assert (offer["may_book"], offer["price_cents"], offer["reasons"]) == (True, 3600, [])
    made = ada.post(BOOK, json=TOMORROW | {"project": "Lamp"})
    assert made.status_code == 201
    url = made.headers["Location"]
    assert url.endswith(f"{API}/reservations/{made.json['id']}")
    assert ada.get(url).json == made.json
    assert (made.json["status"], made.json["quoted_cents"], made.json["starts_at"]) == (
        "confirmed", 3600, "2026-11-27T13:00:00+00:00",
    )  # fmt: skip
    moved = ada.post(f"{url}/period", json={"start": "2026-11-27T10:00:00+01:00", "end": "2026-11-27T12:00:00+01:00"})
    assert (moved.status_code, moved.json["revision"]) == (200, 1)
    set_clock("10:00")
    inside = ada.post(f"{url}/check-in", json={"code": shown_code(shop.laser1), "ticks": 2})
    assert (inside.status_code, inside.json["status"]) == (200, "in_use")
    longer = ada.post(f"{url}/extension")
    assert (longer.status_code, longer.json["ends_at"]) == (200, "2026-11-27T11:15:00+00:00")
    set_clock("11:00")
    done = ada.post(f"{url}/completion", json={"is_clean": True, "note": "MDF"})
    assert (done.json["status"], done.json["outcome"], done.json["used_until"]) == (
        "completed", "member", "2026-11-27T10:00:00+00:00",
    )  # fmt: skip
    assert [one["id"] for one in ada.get(f"{API}/reservations").json] == [made.json["id"]]
    doors = set(db.session.scalars(select(AuditEntry.door).where(AuditEntry.subject == f"reservation:{made.json['id']}")))
    assert doors == {"api"}


def test_cancelling_frees_the_slot(shop, as_):
    ada = as_(shop.ada, "reservations")
    url = ada.post(BOOK, json=TOMORROW).headers["Location"]
    assert ada.post(f"{url}/cancellation", json={}).json["status"] == "cancelled"
    assert codes(ada.post(f"{url}/cancellation", json={})) == ["not_any_more"]
    assert ada.post(BOOK, json=TOMORROW).status_code == 201


# ── the same rules ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_the_training_the_api_refuses_too_and_says_everything(shop, as_):
    book(ready(shop, "Zoé Neuf"), shop.laser1, "17:00", 1)
    said = as_(shop.ben, "reservations").post(BOOK, json={"start": "2026-11-27T17:05", "end": "2026-11-27T17:20"})
    assert codes(said) == ["not_certified", "not_certified", "too_short", "off_step", "calendar.slot_taken"]
    [first, *_] = said.json["reasons"]
    assert first["params"]["competence"] == {"fr": "safety (fr)", "en": "safety (en)"}
    assert "safety (en)" in first["message"]
    assert first["next_step"]
    assert said.json["status"] == 409
    assert count() == 1


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-26T09:00", "2026-11-26T09:30", ["in_the_past"]),
        ("2026-11-27T14:00", "2026-11-27T14:00", ["no_length"]),
        ("2026-11-27T14:00", "2026-11-27T13:00", ["ends_before_start"]),
        ("2026-11-27T18:00", "2026-11-27T20:00", ["lab_closed"]),
        ("2027-03-28T02:30", "2027-03-28T04:30", ["skipped_hour", "lab_closed", "too_far"]),
        ("2027-03-28T02:30", "2027-03-28T04:30:00+02:00", ["skipped_hour", "lab_closed", "too_far"]),
        ("2026-11-26T08:00:00Z", "2199-12-31T00:00:00Z", ["in_the_past", "longer_than_any"]),
    ],
)
def test_a_time_that_cannot_be_is_refused(shop, as_, start, end, expected):
    assert codes(as_(shop.ada, "reservations").post(BOOK, json={"start": start, "end": end})) == expected
    assert count() == 0


def test_a_taken_slot_comes_with_three_alternatives_that_really_book(shop, as_):
    book(ready(shop, "Zoé Neuf"), shop.laser1)
    ada = as_(shop.ada, "reservations")
    said = ada.post(BOOK, json=TOMORROW)
    assert codes(said) == ["calendar.slot_taken"]
    alternatives = said.json["alternatives"]
    assert [one["machine"] for one in alternatives] == ["laser-2", "laser-2", "laser-2"]
    for one in alternatives:
        made = ada.post(f"{API}/machines/{one.pop('machine')}/reservations", json=one)
        assert made.status_code == 201
        ada.post(f"{made.headers['Location']}/cancellation", json={})


def test_a_refused_move_keeps_the_old_time_and_proposes_others(shop, as_):
    row = book(shop.ada, shop.laser1)
    book(ready(shop, "Zoé Neuf"), shop.laser1, "10:00")
    said = as_(shop.ada, "reservations").post(
        f"{API}/reservations/{row.id}/period", json={"start": "2026-11-27T10:00", "end": "2026-11-27T12:00"}
    )
    assert codes(said) == ["calendar.slot_taken"]
    assert {one["machine"] for one in said.json["alternatives"]} == {"laser-1"}
    assert len(said.json["alternatives"]) == 3
    assert fresh(row).starts_at == at("14:00")


def test_the_late_rule_holds_on_the_api(shop, as_):
    row = book(shop.ada, shop.laser1)
    set_clock("13:55")
    ada, url = as_(shop.ada, "reservations"), f"{API}/reservations/{row.id}"
    assert codes(ada.post(f"{url}/cancellation", json={})) == ["too_late"]
    assert codes(ada.post(f"{url}/period", json={"start": "2026-11-27T16:00", "end": "2026-11-27T18:00"})) == ["too_late"]
    assert ada.post(f"{url}/cancellation", json={"override_reason": "I want to"}).status_code == 403
    assert fresh(row).status is Status.CONFIRMED


def test_wrong_codes_are_counted_on_the_api_too(shop, as_):
    row = book(shop.ada, shop.laser1)
    set_clock("13:59")
    ada, url = as_(shop.ada, "reservations"), f"{API}/reservations/{row.id}/check-in"
    for n in range(8):
        assert codes(ada.post(url, json={"code": f"00000{n}", "ticks": 2})) == ["wrong_code"]
    assert codes(ada.post(url, json={"code": shown_code(shop.laser1), "ticks": 2})) == ["too_many_codes"]
    assert fresh(row).wrong_codes == 8


def test_eligibility_changes_nothing_and_says_everything(shop, as_):
    said = as_(shop.ben, "reservations").get(f"{API}/machines/laser-1/eligibility", query_string=TOMORROW).json
    assert not said["may_book"]
    assert [reason["code"] for reason in said["reasons"]] == ["machines.not_certified"] * 2
    assert (count(), said["price_cents"]) == (0, 3600)


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_key_books_once(shop, as_):
    ada, headers = as_(shop.ada, "reservations"), {"Idempotency-Key": "k"}
    first, second = (ada.post(BOOK, json=TOMORROW, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json
    assert count() == 1


def test_a_refused_key_may_be_tried_again(shop, as_):
    row = book(ready(shop, "Zoé Neuf"), shop.laser1)
    ada, headers = as_(shop.ada, "reservations"), {"Idempotency-Key": "k"}
    assert codes(ada.post(BOOK, json=TOMORROW, headers=headers)) == ["calendar.slot_taken"]
    cancel(shop.lea, row)
    assert ada.post(BOOK, json=TOMORROW, headers=headers).status_code == 201


# ── whose, and with what token ───────────────────────────────────────────────────────────────────────────────────────

ACTS = [
    ("GET", "", None),
    ("POST", "/period", TOMORROW),
    ("POST", "/cancellation", {}),
    ("POST", "/check-in", {"code": "123456", "ticks": 2}),
    ("POST", "/extension", None),
    ("POST", "/completion", {"is_clean": True}),
]


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
@pytest.mark.parametrize("who", ["ben", "chloe", "alba", "lea"])
def test_anothers_reservation_is_not_found_even_by_a_manager_without_the_scope(shop, as_, who, method, path, body):
    row = book(shop.ada, shop.laser1)
    client = as_(getattr(shop, who), "reservations")
    response = client.open(f"{API}/reservations/{row.id}{path}", method=method, json=body)
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert client.open(f"{API}/reservations/999999{path}", method=method, json=body).json == response.json
    assert fresh(row).revision == 0


def test_a_manager_with_the_scope_acts_for_others(shop, as_):
    row = book(shop.ada, shop.laser1)
    lea = as_(shop.lea, "reservations", "manage")
    assert lea.get(f"{API}/reservations/{row.id}").status_code == 200
    made = lea.post(BOOK, json={"start": "2026-11-27T18:00", "end": "2026-11-27T20:00", "member_id": shop.ada.id})
    assert codes(made) == ["lab_closed"]
    body = {"start": "2026-11-27T18:00", "end": "2026-11-27T20:00", "member_id": shop.ada.id, "override_reason": "Evening"}
    assert lea.post(BOOK, json=body).status_code == 201
    assert lea.post(BOOK, json=TOMORROW | {"member_id": 999999}).status_code == 404
    set_clock("13:59")
    late = lea.post(f"{API}/reservations/{row.id}/cancellation", json={"reason": "Leak", "override_reason": "A leak"})
    assert late.json["status"] == "cancelled"


def test_a_managers_token_without_the_scope_has_no_managers_power(shop, as_):
    lea = as_(shop.lea, "reservations")
    url = f"{API}/machines/bench/reservations"
    assert lea.post(url, json=TOMORROW | {"member_id": shop.ada.id}).status_code == 403
    assert lea.post(url, json=TOMORROW | {"override_reason": "x"}).status_code == 403
    assert lea.post(url, json=TOMORROW).status_code == 201


@pytest.mark.parametrize(
    "path", ["/reservations", "/first-free", "/machines/laser-1/eligibility?start=2026-11-27&end=2026-11-28"]
)
def test_reading_needs_the_scope_or_a_session(shop, as_, path):
    assert as_(None).get(API + path).status_code == 401
    assert as_(shop.ada, "profile").get(API + path).status_code == 403
    assert as_(shop.ada, "reservations").get(API + path).status_code == 200
    assert as_(shop.ada).get(API + path).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), ACTS[1:])
def test_writing_needs_a_token_not_a_session(shop, as_, method, path, body):
    row = book(shop.ada, shop.laser1)
    url = f"{API}/reservations/{row.id}{path}"
    assert as_(shop.ada).post(url, json=body).status_code == 401
    assert as_(shop.ada, "profile").post(url, json=body).status_code == 403
    assert as_(shop.ada).post(BOOK, json=TOMORROW).status_code == 401
    assert fresh(row).revision == 0


# ── what makes no sense ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"start": "soon", "end": "2026-11-27T16:00"},
        {"start": "0001-01-01T00:00", "end": "0001-01-01T01:00"},
        {"start": "9999-12-31T23:00", "end": "9999-12-31T23:59"},
        {"start": "2026-02-30T10:00", "end": "2026-11-27T16:00"},
        {"start": 5, "end": None},
        TOMORROW | {"project": "x" * 121},
        TOMORROW | {"project": "a\x00b"},
        TOMORROW | {"project": "\ud800"},
        TOMORROW | {"member_id": 2**40},
        TOMORROW | {"member_id": 0},
        TOMORROW | {"override_reason": "  "},
        TOMORROW | {"surprise": 1},
        [],
    ],
)
def test_a_wrong_body_is_unprocessable(shop, as_, body):
    response = as_(shop.ada, "reservations").post(BOOK, json=body)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert count() == 0


def test_what_is_no_json_at_all_is_a_bad_request(shop, as_):
    response = as_(shop.ada, "reservations").post(BOOK, data="{", content_type="application/json")
    assert (response.status_code, response.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize("ident", ["0", "2147483648", "99999999999999999999999", "x", "-1", "1.5"])
def test_a_number_that_is_no_reservations_is_not_found(shop, as_, ident):
    response = as_(shop.ada, "reservations").get(f"{API}/reservations/{ident}")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("slug", ["nothing", "a%00b", "laser-1"])
def test_a_machine_that_is_not_there_is_not_found(shop, as_, slug):
    if slug == "laser-1":
        retire(shop.lea, shop.laser1)
    ada, url = as_(shop.ada, "reservations"), f"{API}/machines/{slug}"
    assert ada.post(f"{url}/reservations", json=TOMORROW).status_code == 404
    assert ada.get(f"{url}/eligibility", query_string=TOMORROW).status_code == 404
    assert ada.post(f"{url}/faults", json={"text": "x"}).status_code == 404


def test_a_fault_is_reported_once_a_key(shop, as_):
    ben, url = as_(shop.ben, "reservations"), f"{API}/machines/laser-1/faults"
    for _ in range(2):
        response = ben.post(url, json={"text": "It smells", "stops_machine": True}, headers={"Idempotency-Key": "k"})
        assert (response.status_code, response.get_data()) == (204, b"")
    assert count(Incident) == 1
    assert ben.get(f"{API}/machines").json[0]["state"] == "out"
    assert ben.post(url, json={"text": ""}).status_code == 422


def test_the_catalogue_is_for_everybody_and_says_what_each_still_needs(shop, as_):
    for who, missing in ((None, ["safety", "laser"]), (shop.ben, ["safety", "laser"]), (shop.ada, [])):
        found = as_(who).get(f"{API}/machines").json
        assert [one["slug"] for one in found] == ["laser-1", "laser-2", "printer", "bench"]
        assert found[0]["missing"] == missing
        assert found[3]["seats"] == 6


def test_the_first_free_are_ones_own_machines_and_not_while_one_is_busy(shop, as_):
    ben, ada = as_(shop.ben, "reservations"), as_(shop.ada, "reservations")
    assert [one["machine"] for one in ben.get(f"{API}/first-free").json] == ["printer", "bench"]
    book(shop.ada, shop.laser1, "10:00", 4, day="2026-11-26")
    first = {one["machine"]: one["start"] for one in ada.get(f"{API}/first-free?minutes=60").json}
    assert first["bench"] == "2026-11-26T13:00:00+00:00"
    assert first["printer"] == clock.now().isoformat()


def test_every_answer_is_declared(app, shop):
    document = app.test_client().get(f"{API}/openapi.json").json
    for path, methods in document["paths"].items():
        if "/reservations" not in path and "/machines" not in path:
            continue
        for method, operation in methods.items():
            if method in ("get", "post"):
                declared = set(operation["responses"])
                assert declared & {"200", "201", "204"}, (method, path)
                if "security" in operation or "reservations" in path:
                    assert {"401", "403"} <= declared, (method, path)
                if method == "post" and "reservations" in path:
                    assert "409" in declared, (method, path)
                if "{" in path:
                    assert "404" in declared, (method, path)


def test_statements_to_book_stay_few(shop, as_, statements):
    ada = as_(shop.ada, "reservations")
    ada.get(f"{API}/reservations")
    statements.clear()
    assert ada.post(BOOK, json=TOMORROW).status_code == 201
    assert len(statements) <= 28, "\n".join(statements)
    row = db.session.scalars(select(Reservation)).one()
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
