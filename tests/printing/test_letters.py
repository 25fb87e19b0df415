"""The letters about prints: each in both languages, with what it is about, and nothing when there is nothing left to say."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.kernel import clock, mail, outbox
from app.kernel.db import db, transaction
from machines.printing import metering
from machines.printing.gateway import Seen
from machines.printing.models import ForeignPrint
from machines.printing.rules import JobState, Outcome, PausedBy, Source
from tests.builders import save
from tests.machines.scene import at, book, set_clock
from tests.printing.engine_scene import a_file, a_job, a_link, attach, look, printing, put


def send(name, **facts):
    """Send it, and read what was written of it, if anything was."""
    with transaction():
        mail.send(f"printing.{name}", **facts)
    outbox.drain()
    db.session.rollback()
    written = list(db.session.scalars(select(mail.Mail).where(mail.Mail.template == f"printing.{name}").order_by(mail.Mail.id)))
    return written[-1] if written else None


def of(shop, who):
    """A job of Ada's (who reads French) or of Ben's (English), attached in a slot of theirs."""
    if who == "ada":
        return a_job(shop)
    link = a_link(shop.printer)
    slot = book(shop.ben, shop.printer, "14:00")
    look(link, Seen.IDLE)
    return attach(shop.ben, slot, a_file(shop.ben))


def brought(job, state, outcome=None, **columns):
    job = put(job, state, started_at=at("14:00"), print_seconds=2900, ends_about=at("15:40"), **columns)
    if outcome is not None:
        with transaction():
            metering.record(job=job, outcome=outcome, source=Source.OBSERVED, at=clock.now())
    return job


CASES = {
    "approval_asked": (JobState.ATTACHED, None, {}),
    "approved": (JobState.ATTACHED, None, {"decision_note": "Bon courage"}),
    "refused": (JobState.ATTACHED, None, {"decision_note": "Trop chaud"}),
    "rejected": (JobState.REJECTED, None, {}),
    "paused": (JobState.PAUSED, None, {"paused_by": PausedBy.FILE}),
    "unreachable": (JobState.PRINTING, None, {}),
    "stalled": (JobState.PRINTING, None, {}),
    "overrun_owner": (JobState.PRINTING, None, {}),
    "finished": (JobState.DONE, Outcome.DONE, {}),
    "stopped": (JobState.CANCELLED, Outcome.CANCELLED, {}),
    "failed": (JobState.FAILED, Outcome.MACHINE_FAILED, {}),
    "lost": (JobState.LOST, Outcome.UNKNOWN, {}),
}


@pytest.mark.parametrize("who", ["ada", "ben"])
@pytest.mark.parametrize("name", CASES)
def test_each_says_which_printer_and_which_file_and_leads_to_the_print(shop, name, who):
    state, outcome, columns = CASES[name]
    job = brought(of(shop, who), state, outcome, **columns)
    letter = send(name, job=job.id, **({"team": True} if name == "approval_asked" else {}))
    owner = getattr(shop, who)
    if name == "approval_asked":
        assert (letter.to_address, letter.locale) == ("bonjour@forge.test", "fr")
        assert owner.name in letter.text
    else:
        assert (letter.to_address, letter.locale) == (owner.email, owner.locale)
    assert f"printer ({letter.locale})" in letter.subject
    assert "vase.gcode" in letter.text
    assert f"http://lab.test/prints/{job.id}" in letter.text
    assert "%(" not in letter.subject + letter.text + letter.html


@pytest.mark.parametrize("name", ["unreachable", "stalled", "failed", "lost", "finished"])
def test_the_team_reads_whose_it_is(shop, name):
    state, outcome, columns = CASES[name]
    letter = send(name, job=brought(a_job(shop), state, outcome, **columns).id, team=True)
    assert letter.to_address == "bonjour@forge.test"
    assert "Ada Lovelace" in letter.text


@pytest.mark.parametrize("name", ["paused", "unreachable", "stalled", "overrun_owner"])
def test_what_has_passed_meanwhile_is_not_written(shop, name):
    assert send(name, job=brought(a_job(shop), JobState.DONE).id) is None


def test_a_pause_one_asked_for_needs_no_letter(shop):
    assert send("paused", job=put(a_job(shop), JobState.PAUSED, paused_by=PausedBy.MEMBER).id) is None


def test_the_end_says_what_was_used_and_until_when_to_collect(shop):
    text = send("finished", job=brought(of(shop, "ben"), JobState.DONE, Outcome.DONE).id).text
    for words in ("49\u00a0min", "0.02\u00a0g", "30\u00a0min"):
        assert words in text


@pytest.mark.parametrize(
    ("by", "words"), [("lea", "Léa Martin stopped it."), ("ben", "You stopped it."), (None, "slot was over")]
)
def test_a_stop_says_who(shop, by, words):
    job = brought(of(shop, "ben"), JobState.CANCELLED, Outcome.CANCELLED, cancelled_by_id=getattr(shop, by).id if by else None)
    assert words in send("stopped", job=job.id).text


def test_a_failure_of_the_machine_and_a_stop_elsewhere_are_told_apart(shop):
    job = brought(of(shop, "ben"), JobState.FAILED, Outcome.STOPPED_ELSEWHERE)
    assert "stopped at the printer" in send("failed", job=job.id).text


def test_the_next_person_learns_when_and_not_whose(shop):
    job = printing(a_job(shop), shop)
    job = put(job, JobState.PRINTING, ends_about=at("16:40"))
    slot = book(shop.ben, shop.printer, "16:00")
    letter = send("overrun_next", job=job.id, reservation=slot.id)
    assert (letter.to_address, letter.locale) == (shop.ben.email, "en")
    assert "16:40" in letter.text
    for secret in ("Ada", "vase"):
        assert secret not in letter.text
    assert f"http://lab.test/reservations/{slot.id}" in letter.text


@pytest.mark.parametrize("name", ["preflight_failed", "not_startable"])
@pytest.mark.parametrize("team", [False, True])
def test_a_printer_that_is_not_there_is_told_to_who_waits_and_to_the_team(shop, name, team):
    a_link(shop.printer)
    slot = book(shop.ben, shop.printer, "14:00")
    letter = send(name, reservation=slot.id, **({"team": True} if team else {}))
    assert letter.to_address == ("bonjour@forge.test" if team else shop.ben.email)
    assert f"printer ({letter.locale})" in letter.subject


def test_a_key_that_is_refused_is_told_to_the_team(shop):
    link = a_link(shop.printer)
    letter = send("key_refused", link=link.id)
    assert letter.to_address == "bonjour@forge.test"
    assert "http://lab.test/printers/printer/link" in letter.text


def a_foreign_print(shop, **columns):
    seen = {"remote_path": "local/part.gcode", "remote_user": "pi", "seen_from": at("14:00")}
    row = ForeignPrint(link_id=a_link(shop.printer).id, **{**seen, **columns})
    save(row)
    return row


def test_who_had_the_slot_is_asked_about_a_foreign_print(shop):
    slot = book(shop.ben, shop.printer, "14:00")
    set_clock("14:10")
    row = a_foreign_print(shop, reservation_id=slot.id)
    letter = send("foreign_asked", foreign=row.id, member=shop.ben.id)
    assert letter.to_address == shop.ben.email
    assert "part.gcode" in letter.text
    assert "local/" not in letter.text
    assert f"http://lab.test/foreign-prints/{row.id}" in letter.text


@pytest.mark.parametrize(("columns", "is_written"), [({}, True), ({"answer": "not_mine"}, True), ({"answer": "mine"}, False)])
def test_the_team_hears_of_a_print_nobody_owns_up_to(shop, columns, is_written):
    answered = {"answered_at": at("14:20")} if columns else {}
    letter = send("foreign_alert", foreign=a_foreign_print(shop, **columns, **answered).id)
    assert (letter is not None) is is_written
    if letter is not None:
        assert (letter.to_address, "pi" in letter.text) == ("bonjour@forge.test", True)


def test_a_file_name_does_not_break_out_of_a_letter(shop):
    link = a_link(shop.printer)
    slot = book(shop.ben, shop.printer, "14:00")
    look(link, Seen.IDLE)
    job = attach(shop.ben, slot, a_file(shop.ben, name="<b>x</b>\nBcc: all@lab.test.gcode"))
    letter = send("approved", job=job.id)
    assert "<b>x" not in letter.html
    assert "\n" not in letter.subject
