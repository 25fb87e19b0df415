"""The pages of money: who may open which, the story at the desk, and what is said back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.kernel import clock
from app.kernel.actors import Role
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from billing import names, queries, rates, weights
from billing.models import Adjustment, Payment
from billing.rules import Status
from tests.billing.scene import accept, again, ask, cancel, charge, count, decline, laser_line, owes, pay, set_rate
from tests.builders import a_member, acting

NAMES = {7: {"fr": "Découpe laser", "en": "Laser cutter"}, 8: {"fr": "Bois", "en": "Wood"}}


@pytest.fixture(autouse=True)
def _names_of_machines(app, monkeypatch):
    """What `machines` tells about its machines."""

    def told(idents):
        return {f"machine:{ident}": NAMES[ident] for ident in idents if ident in NAMES}

    monkeypatch.setitem(app.extensions, "billing_item_names", {})
    names.add_item_names(app, "machine", told)


def text(response):
    return response.get_data(as_text=True).replace("\u00a0", " ")


# what a visitor, the payer, another member, a trainer, an accountant and a manager get
READING = [
    ("/prices", 200, 200, 200, 200, 200, 200),
    ("/account/money", 303, 200, 200, 200, 200, 200),
    ("/account/money/charges/{charge}/adjustment", 303, 200, 404, 404, 404, 404),
    ("/account/money/charges/999/adjustment", 303, 404, 404, 404, 404, 404),
    ("/account/money/charges/99999999999999999999/adjustment", 404, 404, 404, 404, 404, 404),
    ("/receipts/{receipt}", 303, 200, 404, 404, 200, 200),
    ("/receipts/RC-2026-999999", 303, 404, 404, 404, 404, 404),
    ("/receipts/a%00b", 303, 404, 404, 404, 404, 404),
    ("/receipts/{receipt}/cancellation", 303, 403, 403, 403, 403, 200),
    ("/desk", 303, 403, 403, 403, 200, 200),
    ("/desk?q=%00ada", 303, 403, 403, 403, 200, 200),
    ("/desk/{payer}", 303, 403, 403, 403, 200, 200),
    ("/desk/999", 303, 403, 403, 403, 404, 404),
    ("/adjustments/{adjustment}", 303, 403, 403, 403, 200, 200),
    ("/adjustments/999", 303, 403, 403, 403, 404, 404),
    ("/prices/edit/machine:7", 303, 403, 403, 403, 403, 200),
    ("/prices/edit/machine:9", 303, 403, 403, 403, 403, 404),
    ("/prices/edit/machine:99999999999999999999", 303, 403, 403, 403, 403, 404),
    ("/prices/edit/spaceship", 303, 403, 403, 403, 403, 404),
]
WRITING = [
    ("/account/money/charges/{charge}/adjustment", 303, 422, 404, 404, 404, 404),
    ("/receipts/{receipt}/cancellation", 303, 403, 403, 403, 403, 422),
    ("/desk/{payer}", 303, 403, 403, 403, 422, 422),
    ("/adjustments/{adjustment}", 303, 403, 403, 403, 422, 422),
    ("/prices/edit/machine:7", 303, 403, 403, 403, 403, 422),
]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", path, expected) for path, *expected in READING] + [("POST", path, expected) for path, *expected in WRITING],
)
def test_every_page_answers_each_person_as_declared(lab, as_, method, path, expected):
    row = charge(lab.ada, 1000)
    receipt = pay(lab.lea, lab.ada, 400)
    asked = ask(lab.ada, row)
    path = path.format(charge=row.id, receipt=receipt.number, payer=lab.ada.id, adjustment=asked.id)
    people = (None, lab.ada, lab.ben, lab.carl, lab.alba, lab.lea)
    found = [as_(one).open(path, method=method).status_code for one in people]
    assert found == expected


# ── the desk ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_desk_takes_a_payment_and_shows_the_receipt_to_print(lab, as_):
    charge(lab.ada, lines=[laser_line(25, 1000, minimum_minutes=30)])
    lea = as_(lab.lea)
    page = text(lea.get(f"/desk/{lab.ada.id}"))
    assert 'value="5,00"' in page
    response = lea.post(f"/desk/{lab.ada.id}", data={"amount": "5,00", "method": "cash", "key": "k"})
    assert (response.status_code, response.location) == (303, "/receipts/RC-2026-000001")
    receipt = text(lea.get(response.location))
    for words in (
        "RC-2026-000001",
        "Ada Lovelace",
        "Découpe laser",
        "9 h 35",
        "10 h",
        "30 min",
        "10,00 €",
        "5,00 €",
        "Léa Martin",
    ):
        assert words in receipt, words
    assert owes(lab.ada) == 0


def test_a_receipt_is_read_in_the_reader_s_language(lab, as_):
    charge(lab.ben, 1000)
    number = pay(lab.lea, lab.ben, 1000).number
    assert "Laser cutter" in text(as_(lab.ben).get(f"/receipts/{number}"))
    assert "€10.00" in text(as_(lab.ben).get(f"/receipts/{number}"))
    assert "Découpe laser" in text(as_(lab.lea).get(f"/receipts/{number}"))


def test_a_double_click_pays_once(lab, as_):
    charge(lab.ada, 1000)
    lea, data = as_(lab.lea), {"amount": "4", "method": "cash", "key": "the same"}
    locations = [lea.post(f"/desk/{lab.ada.id}", data=data).location for _ in range(2)]
    assert locations[0] == locations[1]
    assert (count(Payment), owes(lab.ada)) == (1, 600)


def test_two_payments_alike_with_keys_of_their_own_are_two(lab, as_):
    charge(lab.ada, 1000)
    for key in ("a", "b"):
        as_(lab.lea).post(f"/desk/{lab.ada.id}", data={"amount": "4", "method": "cash", "key": key})
    assert (count(Payment), owes(lab.ada)) == (2, 200)


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("4,85", 485), ("4.85", 485), ("4,85 €", 485), ("€4.85", 485), ("1 000,50", 100050), ("1,000.50", 100050), (" 7 ", 700)],
)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_amounts_are_read_as_people_type_them_in_either_language(lab, as_, language, typed, cents):
    desk = a_member("Host X", roles=(Role.MANAGER,), locale=language)
    charge(lab.ada, 200_000)
    response = as_(desk).post(f"/desk/{lab.ada.id}", data={"amount": typed, "method": "cash", "key": "k"})
    assert response.status_code == 303, text(response)
    assert owes(lab.ada) == 200_000 - cents


@pytest.mark.parametrize("typed", ["", "   ", "abc", "4,855", "0", "-5", "1e99", "nan", "\x00", "100000000", "4,85,1"])
def test_an_amount_that_cannot_be_read_is_said_and_kept(lab, as_, typed):
    charge(lab.ada, 1000)
    response = as_(lab.lea).post(f"/desk/{lab.ada.id}", data={"amount": typed, "method": "cash", "key": "k"})
    assert response.status_code == 422
    page = text(response)
    assert 'id="amount-error"' in page
    assert re.search(r'<input[^>]*aria-invalid="true"[^>]*id="amount"', page)
    assert typed.strip("\x00 ") in page
    assert count(Payment) == 0


def test_how_it_was_paid_must_be_said(lab, as_):
    charge(lab.ada, 1000)
    for method in ("", "beads"):
        response = as_(lab.lea).post(f"/desk/{lab.ada.id}", data={"amount": "5", "method": method, "key": "k"})
        assert response.status_code == 422
    assert count(Payment) == 0


def test_more_than_is_due_is_refused_with_what_is_due(lab, as_):
    charge(lab.ada, 1000)
    response = as_(lab.lea).post(f"/desk/{lab.ada.id}", data={"amount": "10,01", "method": "cash", "key": "k"})
    assert response.status_code == 409
    page = text(response)
    assert "10,00 €" in page
    assert 'value="10,01"' in page


def test_the_desk_finds_people_and_says_what_they_owe(lab, as_):
    charge(lab.ada, 1234)
    page = text(as_(lab.alba).get("/desk?q=lovel"))
    assert f'href="/desk/{lab.ada.id}"' in page
    assert "12,34 €" in page
    assert f'href="/desk/{lab.ben.id}"' not in page


def test_the_desk_issues_few_statements_however_many_owe(lab, as_, statements):
    for n in range(25):
        charge(a_member(f"Payer{n} X"), 100)
    lea = as_(lab.lea)
    statements.clear()
    assert lea.get("/desk?q=payer").status_code == 200
    assert len(statements) <= 9, statements


def test_a_manager_cancels_a_payment_with_a_reason(lab, as_):
    row = charge(lab.ada, 1000)
    number = pay(lab.alba, lab.ada, 1000).number
    lea = as_(lab.lea)
    assert lea.post(f"/receipts/{number}/cancellation", data={"reason": " ", "key": "a"}).status_code == 422
    assert again(row).status is Status.SETTLED
    response = lea.post(f"/receipts/{number}/cancellation", data={"reason": "Wrong person", "key": "b"})
    assert response.location == f"/receipts/{number}"
    assert "Wrong person" in text(as_(lab.ada).get(f"/receipts/{number}"))
    assert owes(lab.ada) == 1000
    assert lea.post(f"/receipts/{number}/cancellation", data={"reason": "Again", "key": "c"}).status_code == 409


# ── one's own money ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_member_sees_what_they_owe_line_by_line_and_their_receipts(lab, as_):
    charge(lab.ada, lines=[laser_line(25, 1000, minimum_minutes=30), laser_line(60, 1000)])
    charge(lab.ben, 7700)
    number = pay(lab.lea, lab.ada, 400).number
    page = text(as_(lab.ada).get("/account/money"))
    for words in ("11,00 €", "15,00 €", "Découpe laser", "25 min", number, "4,00 €"):
        assert words in page, words
    assert "77,00" not in page


def test_a_member_in_credit_is_told(lab, as_):
    row = charge(lab.ada, 1000)
    pay(lab.lea, lab.ada, 1000)
    accept(lab.lea, ask(lab.ada, row), 700)
    assert "3,00 €" in text(as_(lab.ada).get("/account/money"))
    assert "3,00 €" in text(as_(lab.lea).get(f"/desk/{lab.ada.id}"))


def test_the_account_page_issues_few_statements_however_long_the_story(lab, as_, statements):
    for n in range(15):
        charge(lab.ada, 100 + n)
        pay(lab.lea, lab.ada, 50)
    ada = as_(lab.ada)
    statements.clear()
    assert ada.get("/account/money").status_code == 200
    assert len(statements) <= 9, statements


def test_a_long_story_turns_pages_with_what_is_to_pay_first(lab, as_):
    oldest = charge(lab.ada, 150)
    for _ in range(22):
        pay(lab.lea, lab.ada, 150)
        charge(lab.ada, 150)
    last = charge(lab.ada, 0, lines=[])
    pages = [text(as_(lab.ada).get(f"/account/money?page={number}")) for number in (1, 2, 99)]
    links = [re.findall(r"/account/money/charges/(\d+)/adjustment", page) for page in pages]
    assert [len(found) for found in links] == [19, 4, 4]
    assert len({*links[0], *links[1]}) == 23
    assert int(links[0][0]) == last.id - 1
    assert str(oldest.id) in links[1]
    assert links[2] == links[1]


def test_asking_and_answering_by_page(lab, as_):
    row = charge(lab.ada, 1000)
    ada, lea = as_(lab.ada), as_(lab.lea)
    ask_url = f"/account/money/charges/{row.id}/adjustment"
    assert ask_url in text(ada.get("/account/money"))
    data = {"note": "The lens was cracked", "key": "k"}
    for _ in range(2):
        assert ada.post(ask_url, data=data).location == "/account/money"
    assert count(Adjustment) == 1
    assert ask_url not in text(ada.get("/account/money"))
    assert ada.post(ask_url, data=data | {"key": "other"}).status_code == 409
    [asked] = queries.adjustments_of([row.id]).values()
    page = text(lea.get("/desk"))
    assert f"/adjustments/{asked.id}" in page
    assert "The lens was cracked" in page
    url = f"/adjustments/{asked.id}"
    assert lea.post(url, data={"answer": "accepted", "new_amount": "6,50", "words": "Sorry", "key": "k"}).status_code == 303
    assert (again(row).total_cents, owes(lab.ada)) == (650, 650)
    assert "Sorry" in text(ada.get("/account/money"))
    assert lea.post(url, data={"answer": "declined", "words": "No", "key": "k2"}).status_code == 409
    assert lea.get(url).status_code == 200


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "answer"),
        ({"answer": "maybe"}, "answer"),
        ({"answer": "accepted"}, "new_amount"),
        ({"answer": "accepted", "new_amount": "a lot"}, "new_amount"),
        ({"answer": "accepted", "new_amount": "-1"}, "new_amount"),
        ({"answer": "declined"}, "words"),
        ({"answer": "declined", "words": "  "}, "words"),
        ({"answer": "declined", "words": "x" * 1001}, "words"),
    ],
)
def test_an_answer_that_is_not_whole_names_the_field(lab, as_, data, field):
    asked = ask(lab.ada, charge(lab.ada, 1000))
    response = as_(lab.lea).post(f"/adjustments/{asked.id}", data=data | {"key": "k"})
    assert response.status_code == 422
    assert f'id="{field}-error"' in text(response)
    assert queries.adjustment(asked.id).answered_at is None


def test_an_adjustment_to_nothing_is_possible(lab, as_):
    row = charge(lab.ada, 1000)
    asked = ask(lab.ada, row)
    assert as_(lab.lea).post(f"/adjustments/{asked.id}", data={"answer": "accepted", "new_amount": "0"}).status_code == 303
    assert again(row).status is Status.CANCELLED


def test_a_declined_request_shows_the_words_to_the_member(lab, as_):
    decline(lab.lea, ask(lab.ada, charge(lab.ada, 1000)), "The log shows a full hour")
    assert "The log shows a full hour" in text(as_(lab.ada).get("/account/money"))


def test_a_cancelled_payment_is_marked_on_the_account(lab, as_):
    charge(lab.ada, 1000)
    cancel(lab.lea, pay(lab.lea, lab.ada, 1000))
    page = text(as_(lab.ada).get("/account/money"))
    assert "RC-2026-000001" in page
    assert "10,00 €" in page


# ── prices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_price_list_is_public_and_says_each_group_s_price(lab, as_):
    set_rate(lab.lea, "machine:7", 600, "solidarity", minimum_minutes=15, step_minutes=5)
    set_rate(lab.lea, "machine:8", 0)
    set_rate(lab.lea, "machine:9", 7777)
    page = text(as_(None).get("/prices"))
    for words in ("Découpe laser", "10,00 €", "6,00 €", "15 min", "5 min", "Bois"):
        assert words in page, words
    assert "77,77" not in page, "a machine nobody names any more is not listed"
    assert "/prices/edit" not in page
    assert "/prices/edit/machine:7" in text(as_(lab.lea).get("/prices"))


RATES = {
    "valid_from": "2026-11-26",
    "standard_price": "12,50",
    "standard_minimum": "15",
    "standard_step": "5",
    "solidarity_price": "6",
    "solidarity_minimum": "0",
    "solidarity_step": "1",
    "professional_price": "",
    "professional_minimum": "0",
    "professional_step": "1",
    "key": "k",
}


def test_a_manager_sets_the_prices_of_a_machine(lab, as_):
    lea = as_(lab.lea)
    assert 'value="10,00"' in text(lea.get("/prices/edit/machine:7"))
    assert lea.post("/prices/edit/machine:7", data=RATES).location == "/prices"
    db.session.rollback()
    found = {group: rates.terms("machine:7", group, clock.today()) for group in ("standard", "solidarity", "professional")}
    assert [(one.cents_per_hour, one.minimum_minutes, one.step_minutes) for one in found.values()] == [
        (1250, 15, 5),
        (600, 0, 1),
        (1250, 15, 5),
    ]
    assert 'value="12,50"' in text(lea.get("/prices/edit/machine:7"))
    assert rates.terms("machine:7", "standard", clock.today() - timedelta(days=1)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_from": ""},
        {"valid_from": "soon"},
        {"standard_price": "cheap"},
        {"standard_price": "-1"},
        {"standard_step": "0"},
        {"standard_minimum": "-1"},
        {"standard_minimum": "99999"},
        {"solidarity_step": "x"},
    ],
)
def test_wrong_prices_change_nothing(lab, as_, changes):
    assert as_(lab.lea).post("/prices/edit/machine:7", data=RATES | changes).status_code == 422
    db.session.rollback()
    assert rates.terms("machine:7", "standard", clock.today()).cents_per_hour == 1000


def test_prices_do_not_begin_in_the_past(lab, as_):
    response = as_(lab.lea).post("/prices/edit/machine:7", data=RATES | {"valid_from": "2026-11-25"})
    assert response.status_code == 409
    assert 'value="12,50"' in text(response)


# ── elsewhere ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("who", "sees"), [("lea", True), ("alba", True), ("carl", False), ("ada", False)])
def test_the_desk_is_in_the_menu_of_those_who_hold_it(lab, as_, who, sees):
    page = text(as_(getattr(lab, who)).get("/prices"))
    assert ('href="/desk"' in page) is sees


def test_what_members_write_is_shown_as_text(lab, as_):
    asked = ask(lab.ada, charge(lab.ada, 1000), "<script>alert(1)</script>")
    for page in (as_(lab.lea).get("/desk"), as_(lab.lea).get(f"/adjustments/{asked.id}"), as_(lab.ada).get("/account/money")):
        assert "<script>alert" not in text(page)


def test_a_part_of_an_item_is_named_after_it_and_priced_on_its_own_page(lab, app, as_, monkeypatch):
    monkeypatch.setitem(app.extensions, "billing_item_parts", {"overrun": {"fr": "en retard", "en": "late"}})
    found = names.item_names(["machine:7", "machine:7:overrun", "machine:9:overrun", "machine:7:other"])
    assert set(found) == {"machine:7", "machine:7:overrun"}
    assert found["machine:7:overrun"]["en"] == f"{found['machine:7']['en']}, late"
    assert as_(lab.lea).get("/prices/edit/machine:7:overrun").status_code == 200
    assert as_(lab.lea).get("/prices/edit/machine:9:overrun").status_code == 404


def test_what_is_sold_by_weight_is_in_the_price_list(lab, app, as_):
    names.add_item_names(app, "stuff", lambda idents: {f"stuff:{ident}": {"fr": "PETG", "en": "PETG"} for ident in idents})
    with transaction():
        weights.set_price(actor=acting(lab.lea), item="stuff:3", cents_per_kilogram=Cents(2900))
    told = as_(None).get("/prices").get_data(as_text=True).replace("\u00a0", " ")
    assert "PETG" in told
    assert "29,00 €" in told
