"""Calendars opened by independent readers: the same instants in March and in October, one UID for ever, no names."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
import recurring_ical_events

from app.calendar import resources
from app.kernel import clock
from app.kernel.db import db, transaction
from machines import usage
from tests.builders import acting
from tests.machines.scene import at, book, cancel, check_in, crowd, end, letters, move, set_clock
from tests.machines.test_outages import put_out

PERSONAL = "/calendar/{}.ics"


def events(text):
    return {str(one["uid"]): one for one in icalendar.Calendar.from_ical(text).walk("VEVENT")}


def instants(event):
    return event["dtstart"].dt, event["dtend"].dt


def feed(as_, member):
    response = as_(None).get(PERSONAL.format(member.calendar_token))
    assert response.status_code == 200
    assert response.content_type == "text/calendar; charset=utf-8"
    return response.get_data(as_text=True)


def open_day_and_night(shop):
    with transaction():
        hours = [(weekday, 0, 24 * 60) for weekday in range(7)]
        resources.set_weekly(actor=acting(shop.lea), resource_id=shop.space.id, hours=hours)


# ── one's own ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ones_calendar_shows_ones_reservations_to_whoever_has_its_secret_address(shop, as_):
    row = book(shop.ada, shop.laser1, project="A lamp")
    book(shop.ben, shop.bench)
    [event] = events(feed(as_, shop.ada)).values()
    assert str(event["uid"]) == f"reservation-{row.id}@lab.test"
    assert instants(event) == (at("14:00").astimezone(UTC), at("16:00").astimezone(UTC))
    assert (str(event["summary"]), str(event["status"]), int(event["sequence"])) == ("laser-1 (fr)", "CONFIRMED", 0)
    assert str(event["description"]) == "A lamp"
    assert "12 quai de la Bobine" in str(event["location"])
    assert "ATTENDEE" not in feed(as_, shop.ada)


@pytest.mark.parametrize("token", ["nothing", "%00", "x" * 300])
def test_an_unknown_address_is_nothing(shop, as_, token):
    assert as_(None).get(PERSONAL.format(token)).status_code == 404


def test_it_speaks_its_owners_language_whoever_asks(shop, as_):
    book(shop.ben, shop.bench)
    [event] = events(feed(as_, shop.ben)).values()
    assert str(event["summary"]) == "bench (en)"


def test_the_uid_stays_the_sequence_rises_and_a_cancelled_one_cancels(shop, as_):
    row = book(shop.ada, shop.laser1)
    seen = []
    for act in (lambda: None, lambda: move(shop.ada, row, "10:00"), lambda: cancel(shop.ada, row)):
        act()
        [(uid, event)] = events(feed(as_, shop.ada)).items()
        seen.append((uid, int(event["sequence"]), str(event["status"]), event["dtstart"].dt))
    ten, two = at("10:00").astimezone(UTC), at("14:00").astimezone(UTC)
    assert seen == [
        (f"reservation-{row.id}@lab.test", 0, "CONFIRMED", two),
        (f"reservation-{row.id}@lab.test", 1, "CONFIRMED", ten),
        (f"reservation-{row.id}@lab.test", 2, "CANCELLED", ten),
    ]


def test_what_was_missed_is_taken_out_and_a_cancelled_one_is_forgotten_after_a_month(shop, as_):
    missed, cancelled = book(shop.ada, shop.laser1), book(shop.ada, shop.laser2, "10:00")
    cancel(shop.ada, cancelled)
    set_clock("14:20")
    with transaction():
        usage.note_absence(missed.id)
    assert {str(event["status"]) for event in events(feed(as_, shop.ada)).values()} == {"CANCELLED"}
    clock.set_clock(clock.now() + timedelta(days=32))
    assert list(events(feed(as_, shop.ada))) == [f"reservation-{missed.id}@lab.test"]


def test_a_new_secret_address_closes_the_old_one(shop, as_):
    book(shop.ada, shop.laser1)
    old = shop.ada.calendar_token
    with transaction():
        db.session.merge(shop.ada).calendar_token = "another"
    assert as_(None).get(PERSONAL.format(old)).status_code == 404


def test_one_calendar_is_few_statements_however_long(shop, as_, statements):
    client = as_(None)
    for start in ("10:00", "12:00", "14:00"):
        book(shop.ada, shop.laser1, start, 1)
    client.get(PERSONAL.format(shop.ada.calendar_token))
    statements.clear()
    client.get(PERSONAL.format(shop.ada.calendar_token))
    assert len(statements) == 3, statements


# ── a machine's ──────────────────────────────────────────────────────────────────────────────────────────────────────


def busy(as_, slug):
    response = as_(None).get(f"/machines/{slug}.ics")
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_a_machines_calendar_says_busy_and_nothing_else(shop, as_):
    book(shop.ada, shop.laser1, project="Secret lamp")
    text = busy(as_, "laser-1")
    [event] = events(text).values()
    assert instants(event) == (at("14:00").astimezone(UTC), at("16:10").astimezone(UTC))
    assert set(event) == {
        "UID", "SEQUENCE", "DTSTAMP", "LAST-MODIFIED", "DTSTART", "DTEND", "SUMMARY", "STATUS", "TRANSP",
    }  # fmt: skip
    assert str(event["summary"]) in ("Occupé", "Busy")
    assert not re.search(r"Ada|Lovelace|lamp|reservation|/r/", text)


def test_a_bench_is_busy_when_every_seat_is(shop, as_):
    people = crowd(shop, 6)
    for person in people[:5]:
        book(person, shop.bench, "14:00", 2)
    assert events(busy(as_, "bench")) == {}
    book(people[5], shop.bench, "15:00", 2)
    [event] = events(busy(as_, "bench")).values()
    assert instants(event) == (at("15:00").astimezone(UTC), at("16:00").astimezone(UTC))


def test_an_outage_is_busy_too_and_a_cancelled_slot_is_not(shop, as_):
    cancel(shop.ada, book(shop.ada, shop.laser1))
    assert events(busy(as_, "laser-1")) == {}
    for machine in (shop.laser1, shop.bench):
        put_out(shop.lea, machine, until=at("12:00"))
        [event] = events(busy(as_, machine.slug)).values()
        assert instants(event) == (clock.now(), at("12:00").astimezone(UTC))


@pytest.mark.parametrize("slug", ["nothing", "a%00b"])
def test_a_machine_there_is_not_has_no_calendar(shop, as_, slug):
    assert as_(None).get(f"/machines/{slug}.ics").status_code == 404


def test_a_machines_calendar_is_two_statements(shop, as_, statements):
    book(shop.ada, shop.laser1)
    client = as_(None)
    statements.clear()
    client.get("/machines/laser-1.ics")
    assert len(statements) == 2, statements


# ── the .ics of the mails ────────────────────────────────────────────────────────────────────────────────────────────


def test_each_mail_carries_the_event_as_it_was_when_it_happened(shop):
    row = book(shop.ada, shop.laser1)
    move(shop.ada, row, "10:00")
    cancel(shop.ada, row)
    found = [(letter.template, letter.method, *events(letter.calendar).values()) for letter in letters()]
    said = [(name, method, int(event["sequence"]), str(event["status"]), event["dtstart"].dt) for name, method, event in found]
    ten, two = at("10:00").astimezone(UTC), at("14:00").astimezone(UTC)
    assert said == [
        ("machines.booked", "REQUEST", 0, "CONFIRMED", two),
        ("machines.moved", "REQUEST", 1, "CONFIRMED", ten),
        ("machines.cancelled", "CANCEL", 2, "CANCELLED", ten),
    ]
    assert {str(event["uid"]) for _name, _method, event in found} == {f"reservation-{row.id}@lab.test"}


def test_an_invitation_names_who_asks_and_who_is_asked(shop):
    book(shop.ada, shop.laser1)
    [letter] = letters("booked")
    calendar = icalendar.Calendar.from_ical(letter.calendar)
    assert str(calendar["method"]) == "REQUEST"
    [event] = calendar.walk("VEVENT")
    assert str(event["organizer"]) == "mailto:lab@lab.test"
    assert str(event["attendee"]) == f"mailto:{shop.ada.email}"
    assert event["attendee"].params["PARTSTAT"] == "ACCEPTED"


def test_an_early_end_and_a_longer_use_keep_the_event(shop, as_):
    row = book(shop.ada, shop.laser1)
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
    move(shop.ada, row, "14:00", 3)
    end(shop.ada, row)
    [event] = events(feed(as_, shop.ada)).values()
    assert (int(event["sequence"]), instants(event)[1]) == (1, at("17:00").astimezone(UTC))
    assert [letter.template for letter in letters() if letter.calendar] == ["machines.booked"]


# ── other readers ────────────────────────────────────────────────────────────────────────────────────────────────────

NIGHTS = [
    ("2027-03-20", "2027-03-27", "23:00", 5, "2027-03-27T22:00:00+00:00", "2027-03-28T03:00:00+00:00", "27/03 23:00 28/03 05:00"),
    ("2027-03-20", "2027-03-28", "03:00", 1, "2027-03-28T01:00:00+00:00", "2027-03-28T02:00:00+00:00", "28/03 03:00 28/03 04:00"),
    ("2026-10-20", "2026-10-24", "23:00", 5, "2026-10-24T21:00:00+00:00", "2026-10-25T02:00:00+00:00", "24/10 23:00 25/10 03:00"),
    ("2026-10-20", "2026-10-25", "14:00", 2, "2026-10-25T13:00:00+00:00", "2026-10-25T15:00:00+00:00", "25/10 14:00 25/10 16:00"),
]


@pytest.mark.real
@pytest.mark.parametrize(("now", "day", "start", "hours", "begins", "ends", "wall"), NIGHTS)
def test_independent_readers_find_the_same_instants(shop, as_, tmp_path, now, day, start, hours, begins, ends, wall):
    open_day_and_night(shop)
    set_clock("12:00", now)
    row = book(shop.ada, shop.printer, start, hours, day=day)
    expected = datetime.fromisoformat(begins), datetime.fromisoformat(ends)
    assert row.period.start == expected[0]
    [letter] = letters("booked")
    for text in (feed(as_, shop.ada), letter.calendar, busy(as_, "printer")):
        [event] = events(text).values()
        assert instants(event) == expected
        window = (expected[0] - timedelta(days=1), expected[1] + timedelta(days=1))
        [occurrence] = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(*window)
        assert instants(occurrence) == expected
        assert khal(tmp_path, text, expected) == wall


def khal(folder: Path, text: str, period) -> str:
    """The one event khal lists, as start and end on the lab's clock; its own import reads the file."""
    config, home = folder / "khal.conf", folder / "calendar"
    home.mkdir(exist_ok=True)
    (folder / "invitation.ics").write_text(text, encoding="utf-8", newline="")
    config.write_text(
        f"[calendars]\n[[lab]]\npath = {home}\n[locale]\nlocal_timezone = Europe/Paris\ndefault_timezone = Europe/Paris\n"
        f"timeformat = %H:%M\ndateformat = %d/%m\nlongdateformat = %Y-%m-%d\ndatetimeformat = %d/%m %H:%M\n"
        f"longdatetimeformat = %Y-%m-%d %H:%M\n[sqlite]\npath = {folder / 'khal.db'}\n",
        encoding="utf-8",
    )
    program = [str(Path(sys.executable).with_name("khal")), "--config", str(config)]
    for args in (
        ["import", "--batch", "-a", "lab", str(folder / "invitation.ics")],
        ["list", "--once", "--day-format", "", "--format", "{start} {end}", f"{period[0]:%Y-%m-%d}", "3d"],
    ):
        done = subprocess.run([*program, *args], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    for path in home.iterdir():
        path.unlink()
    return done.stdout.strip()
