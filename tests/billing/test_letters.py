"""What people read in their letters about money, in their language, once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.kernel import outbox
from app.kernel.db import db
from app.kernel.mail import Mail
from tests.billing.scene import accept, ask, cancel, charge, decline, pay


def letters() -> list[Mail]:
    """What the worker writes now, in order."""
    outbox.drain()
    db.session.rollback()
    return list(db.session.scalars(select(Mail).order_by(Mail.id)))


def plain(letter: Mail) -> str:
    return letter.text.replace("\u00a0", " ")


@pytest.mark.parametrize(("who", "amount", "machine"), [("ada", "4,00 €", "Découpe laser"), ("ben", "€4.00", "Laser cutter")])
def test_the_receipt_comes_by_mail_in_the_payer_s_language(lab, who, amount, machine):
    payer = getattr(lab, who)
    charge(payer, 1000)
    number = pay(lab.lea, payer, 400).number
    [letter] = letters()
    assert (letter.to_address, letter.locale, letter.template) == (payer.email, payer.locale, "billing.receipt")
    assert number in letter.subject
    for words in (amount, machine, "Léa Martin", f"http://lab.test/receipts/{number}"):
        assert words in plain(letter), words


def test_what_remains_due_is_said(lab):
    charge(lab.ben, 1000)
    pay(lab.lea, lab.ben, 400)
    assert "€6.00 remains to be paid." in plain(letters()[0])


def test_a_payment_undone_before_its_letter_is_written_brings_one_letter(lab):
    charge(lab.ben, 1000)
    cancel(lab.lea, pay(lab.lea, lab.ben, 1000), "Typed for somebody else")
    [letter] = letters()
    assert letter.template == "billing.payment_cancelled"
    assert "Typed for somebody else" in plain(letter)
    assert "€10.00" in plain(letter)


def test_an_accepted_request_says_the_new_price_and_where_the_rest_goes(lab):
    row = charge(lab.ben, 1000)
    pay(lab.lea, lab.ben, 1000)
    accept(lab.alba, ask(lab.ben, row, "The lens was cracked"), 650, "Sorry about that")
    letter = letters()[-1]
    assert (letter.to_address, letter.template) == (lab.ben.email, "billing.adjustment")
    for words in ("it now costs €6.50", "Sorry about that", "€3.50", "The lens was cracked", "Alba Conte"):
        assert words in plain(letter), words


def test_an_accepted_request_of_an_open_charge_promises_no_money(lab):
    row = charge(lab.ben, 1000)
    accept(lab.alba, ask(lab.ben, row), 650)
    assert "beyond that" not in plain(letters()[-1])


def test_a_declined_request_gives_the_team_s_words(lab):
    decline(lab.lea, ask(lab.ben, charge(lab.ben, 1000)), "The log shows a full hour")
    letter = plain(letters()[-1])
    assert "the price stays as it is" in letter
    assert "The log shows a full hour" in letter
