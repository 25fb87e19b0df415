"""What the letters say: in the reader's language, what and when in the subject, what to do first, a link that asks."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from app.accounts import lab
from app.kernel import mail, outbox
from app.kernel.db import db, transaction
from machines import links, usage
from tests.billing.scene import set_rate
from tests.builders import acting
from tests.machines.scene import book, cancel, check_in, end, extend, letters, move, ready, set_clock


def one(template):
    [letter] = letters(template)
    return letter


def test_a_booking_says_what_when_where_how_much_and_until_when_it_is_given_back(shop):
    row = book(shop.ada, shop.laser1)
    letter = one("booked")
    assert (letter.to_address, letter.locale) == (shop.ada.email, "fr")
    assert "laser-1 (fr)" in letter.subject
    assert "vendredi 27 novembre" in letter.subject
    assert "14 h – 16 h" in letter.subject
    for words in ("36,00\u00a0€", "12 quai de la Bobine", "Atelier", f"http://lab.test/r/{links.token(row)}"):
        assert words in letter.text
    assert "vendredi 27 novembre, 12\u00a0h" in letter.text
    assert f'href="http://lab.test/r/{links.token(row)}"' in letter.html


def test_each_reads_their_own_language(shop):
    book(shop.ben, shop.bench)
    letter = one("booked")
    assert letter.locale == "en"
    assert "bench (en), Friday 27 November, 14:00 – 16:00: booked" in letter.subject
    assert "Free of charge" in letter.text


def test_booked_at_the_last_moment_nothing_is_promised_about_giving_back(shop):
    book(shop.ben, shop.bench, "11:00", 1, day="2026-11-26")
    assert "Cancel free of charge until" not in one("booked").text


def test_who_did_not_book_themselves_is_told_so(shop):
    book(shop.ben, shop.bench, by=shop.lea)
    assert "The team has booked this for you." in one("booked").text


def test_a_move_says_before_and_now_and_the_price_of_then(shop):
    row = book(shop.ben, shop.printer)
    set_rate(shop.lea, shop.printer.item, 600)
    move(shop.ben, row, "10:00", 3)
    move(shop.ben, row, "10:00", 1)
    first, second = letters("moved")
    assert "10:00 – 13:00" in first.subject
    assert re.search(r"Before\s+Friday 27 November, 14:00 – 16:00", first.text)
    assert re.search(r"Now\s+Friday 27 November, 10:00 – 13:00", first.text)
    assert "€18.00" in first.text
    assert "€6.00" in second.text


def test_a_cancellation_by_the_team_gives_the_reason_a_members_own_does_not_apologise(shop):
    first, second = book(shop.ben, shop.bench), book(shop.ben, shop.printer)
    cancel(shop.lea, first, reason="The roof leaks")
    cancel(shop.ben, second)
    theirs, own = letters("cancelled")
    assert "The lab had to cancel" in theirs.text
    assert "The roof leaks" in theirs.text
    assert "Your reservation is cancelled" in own.text
    assert "http://lab.test/machines/bench" in theirs.text


def test_who_was_missed_is_told_kindly_and_charged_nothing(shop):
    row = book(shop.ben, shop.bench)
    set_clock("14:15")
    with transaction():
        usage.note_absence(row.id)
    letter = one("no_show")
    assert "we missed you" in letter.subject
    assert "Nothing is charged." in letter.text
    assert letter.method == "CANCEL"


@pytest.mark.parametrize(("machine", "words"), [("printer", "Pay at the desk"), ("bench", "Nothing to pay.")])
def test_the_end_says_the_price_and_how_to_pay(shop, machine, words):
    row = book(shop.ben, getattr(shop, machine))
    set_clock("14:00")
    check_in(shop.ben, row, getattr(shop, machine))
    set_clock("15:00")
    end(shop.ben, row)
    letter = one("completed")
    assert words in letter.text
    assert "14:00 – 15:00" in letter.text
    if machine == "printer":
        assert "€3.00" in letter.subject


def test_a_use_that_nobody_ended_says_so(shop):
    row = book(shop.ben, shop.printer, "14:00", 1)
    set_clock("14:00")
    check_in(shop.ben, row, shop.printer)
    set_clock("15:10")
    with transaction():
        usage.end_if_forgotten(row.id)
    assert "Nobody ended this use" in one("completed").text


def test_the_screen_said_it_so_no_letter_does(shop):
    row = book(shop.ben, shop.bench)
    letters()
    set_clock("14:00")
    check_in(shop.ben, row, shop.bench)
    extend(shop.ben, row)
    assert letters("moved") == []


def test_a_lab_without_an_address_gets_no_letters_about_faults(shop):
    with transaction():
        lab.change(actor=acting(shop.lea), email="")
    row = book(shop.ben, shop.bench)
    set_clock("14:00")
    check_in(shop.ben, row, shop.bench)
    end(shop.ben, row, fault="It smells")
    assert letters("fault") == []
    assert db.session.scalar(select(func.count(outbox.OutboxMessage.id)).where(outbox.OutboxMessage.done_at.is_(None))) == 0


def test_nothing_a_member_writes_breaks_out_of_a_letter(shop):
    row = book(ready(shop, "Zoé <b>Neuf</b>"), shop.laser1, project="<script>alert(1)</script>\nBEGIN:VEVENT")
    letter = one("booked")
    assert "<script>" not in letter.html
    assert "<b>Neuf" not in letter.html
    assert "\n" not in letter.subject
    assert letter.calendar.splitlines().count("BEGIN:VEVENT") == 1
    cancel(shop.lea, row, reason="<img src=x>")
    assert "<img src=x>" not in one("cancelled").html


def test_the_same_news_is_written_once(shop):
    book(shop.ada, shop.laser1)
    for _ in range(3):
        letters()
    assert db.session.scalar(select(func.count(mail.Mail.id))) == 1
