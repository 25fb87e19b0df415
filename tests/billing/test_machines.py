"""From the machine to the receipt, with everything wired as in the lab."""

from __future__ import annotations

import pytest

from app.kernel.db import transaction
from billing import queries
from machines import catalogue
from tests.builders import acting
from tests.machines import scene as machines


@pytest.fixture
def shop(app):
    return machines.a_workshop()


def text(response):
    return response.get_data(as_text=True).replace("\u00a0", " ")


def test_an_hour_on_a_machine_ends_in_a_receipt_that_says_when_and_why_so_much(shop, as_):
    booked = machines.book(shop.ada, shop.laser1, "14:00", 2)
    machines.set_clock("14:00")
    machines.check_in(shop.ada, booked, shop.laser1)
    machines.set_clock("16:00")
    machines.end(shop.ada, booked)
    assert queries.balance_cents(shop.ada.id) == 3600
    assert "36,00 €" in text(as_(shop.ada).get("/account/money"))
    paid = as_(shop.lea).post(f"/desk/{shop.ada.id}", data={"amount": "36", "method": "card_terminal", "key": "k"})
    receipt = text(as_(shop.ada).get(paid.location))
    for words in ("laser-1 (fr)", "14 h – 16 h", "2 h", "18,00 €", "36,00 €", "Léa Martin"):
        assert words in receipt, words


def test_the_price_list_names_the_machines_and_forgets_the_retired(shop, as_):
    page = text(as_(None).get("/prices"))
    assert shop.laser1.name["fr"] in page
    assert shop.printer.name["fr"] in page
    assert shop.bench.name["fr"] not in page, "free, as the page says of all it does not list"
    with transaction():
        catalogue.retire(actor=acting(shop.lea), machine_id=shop.printer.id)
    assert shop.printer.name["fr"] not in text(as_(None).get("/prices"))


def test_a_free_machine_gets_its_first_price_from_its_own_page(shop, as_):
    lea, address = as_(shop.lea), f"/prices/edit/{shop.bench.item}"
    assert f'href="{address}"' in text(lea.get(f"/machines/{shop.bench.slug}/edit"))
    assert shop.bench.name["fr"] in text(lea.get(address))
