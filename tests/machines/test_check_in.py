"""Arriving: only at the machine, only on time, only somebody who may still use it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from machines import agenda, catalogue, screens, usage
from machines.models import Machine
from machines.rules import Status
from tests.builders import a_member, acting
from tests.machines.scene import at, book, check_in, codes_of, end, fresh, move, ready, set_clock, shown_code
from tests.trainings.scene import revoke
from trainings import histories


@pytest.fixture
def row(shop):
    """Ada's, tomorrow 14–16; it is one minute to two."""
    reservation = book(shop.ada, shop.laser1)
    set_clock("13:59")
    return reservation


def refused_to_start(by, reservation, machine, **more):
    with pytest.raises(Refused) as refused:
        check_in(by, reservation, machine, **more)
    db.session.rollback()
    assert fresh(reservation).checked_in_at is None
    return codes_of(refused)


def text(response):
    return response.get_data(as_text=True)


@pytest.mark.both_engines
def test_the_code_on_the_screen_checks_in_and_the_use_begins_at_its_first_minute(shop, row):
    checked = fresh(check_in(shop.ada, row, shop.laser1))
    assert (checked.status, checked.checked_in_at, checked.used_from) == (Status.CHECKED_IN, at("13:59"), None)
    set_clock("14:00")
    with transaction():
        assert usage.begin_if_due(row.id)
    assert (fresh(row).status, fresh(row).used_from) == (Status.IN_USE, at("14:00"))


def test_who_comes_during_the_slot_begins_at_once(shop, row):
    set_clock("14:10")
    begun = fresh(check_in(shop.ada, row, shop.laser1))
    assert (begun.status, begun.used_from) == (Status.IN_USE, at("14:10"))


@pytest.mark.parametrize(
    ("now", "expected"), [("13:49", "too_early"), ("13:50", None), ("14:10", None), ("15:59", None), ("16:00", "already_over")]
)
def test_one_checks_in_from_ten_minutes_before_until_the_end(shop, row, now, expected):
    set_clock(now)
    if expected is None:
        assert fresh(check_in(shop.ada, row, shop.laser1)).checked_in_at == at(now)
    else:
        assert refused_to_start(shop.ada, row, shop.laser1) == [expected]


@pytest.mark.parametrize("code", ["", "123456", "      ", "٠١٢٣٤٥", "x" * 12])
def test_a_wrong_code_does_not_open(shop, row, code):
    assert refused_to_start(shop.ada, row, shop.laser1, code=code) == ["wrong_code"]


def test_yesterdays_code_and_another_machines_code_are_wrong(shop, row):
    old = shown_code(shop.laser1)
    assert refused_to_start(shop.ada, row, shop.laser1, code=shown_code(shop.laser2)) == ["wrong_code"]
    clock.set_clock(clock.now() + timedelta(minutes=2))
    assert refused_to_start(shop.ada, row, shop.laser1, code=old) == ["wrong_code"]


def test_the_code_of_the_minute_before_still_opens(shop, row):
    old = shown_code(shop.laser1)
    clock.set_clock(clock.now() + timedelta(minutes=1))
    assert fresh(check_in(shop.ada, row, shop.laser1, code=old)).checked_in_at is not None


def test_every_safety_point_is_ticked_first(shop, row):
    assert refused_to_start(shop.ada, row, shop.laser1, ticks=1) == ["safety_not_ticked"]


def test_a_certification_revoked_an_hour_before_stops_at_the_machine(shop, row):
    set_clock("13:00")
    revoke(shop.lea, histories.certifications_of(shop.ada.id, shop.laser.id)[0])
    set_clock("13:59")
    assert refused_to_start(shop.ada, row, shop.laser1) == ["not_certified"]
    assert refused_to_start(shop.lea, row, shop.laser1, vouched=True) == ["not_certified"]


def test_a_suspended_member_starts_nothing(shop, row):
    with transaction():
        member = db.session.merge(shop.ada)
        member.suspended_at, member.suspension_reason = clock.now(), "Left it alone"
    assert refused_to_start(shop.ada, row, shop.laser1) == ["suspended"]


def test_a_machine_put_out_of_order_meanwhile_is_not_started(shop, row):
    with transaction():
        catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.laser1.id, until=None, note="Lens")
    assert refused_to_start(shop.ada, row, shop.laser1) == ["out_of_service"]
    assert refused_to_start(shop.lea, row, shop.laser1, vouched=True) == ["out_of_service"]


def test_everything_in_the_way_is_said_at_once(shop, row):
    set_clock("13:00")
    assert refused_to_start(shop.ada, row, shop.laser1, code="1", ticks=0) == ["too_early", "wrong_code", "safety_not_ticked"]


def test_nobody_checks_in_twice_nor_on_anothers_reservation(shop, row):
    with pytest.raises(NotAllowed):
        check_in(shop.ben, row, shop.laser1)
    check_in(shop.ada, row, shop.laser1)
    with pytest.raises(Refused) as refused:
        check_in(shop.ada, row, shop.laser1)
    assert codes_of(refused) == ["not_any_more"]


# ── a host vouches ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_host_who_sees_the_person_needs_no_code_and_the_audit_keeps_it(shop, row):
    check_in(shop.lea, row, shop.laser1, code=None, ticks=0, vouched=True)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "reservation.checked_in")).one()
    assert (entry.actor_id, entry.details) == (shop.lea.id, {"vouched": True})


@pytest.mark.parametrize("who", ["ada", "chloe", "alba"])
def test_only_managers_vouch(shop, row, who):
    with pytest.raises(NotAllowed):
        check_in(getattr(shop, who), row, shop.laser1, vouched=True)
    assert fresh(row).checked_in_at is None


def test_a_host_checks_in_from_the_today_board(shop, row, as_):
    response = as_(shop.lea).post(f"/reservations/{row.id}/presence", data={"key": "k"})
    assert response.location.endswith("/today")
    assert fresh(row).status is Status.CHECKED_IN


def test_the_board_says_why_a_host_cannot(shop, row, as_):
    set_clock("13:00")
    lea = as_(shop.lea)
    lea.post(f"/reservations/{row.id}/presence", data={"key": "k"})
    with lea.session_transaction() as session:
        [(tone, words)] = session["_flashes"]
    assert tone == "stop"
    assert "13" in words
    assert fresh(row).status is Status.CONFIRMED


# ── the page behind the QR ───────────────────────────────────────────────────────────────────────────────────────────

URL = "/machines/laser-1/check-in"


def test_the_scanned_code_is_filled_in_and_one_button_starts(shop, row, as_):
    ada, code = as_(shop.ada), shown_code(shop.laser1)
    page = text(ada.get(f"{URL}?code={code}"))
    assert f'value="{code}"' in page
    assert "L’aspiration tourne." in page
    response = ada.post(URL, data={"code": code, "ticks": ["0", "1"], "key": "k"})
    assert response.location.endswith(f"/reservations/{row.id}")
    assert fresh(row).status is Status.CHECKED_IN


def test_opening_the_scanned_address_alone_starts_nothing(shop, row, as_):
    as_(shop.ada).get(f"{URL}?code={shown_code(shop.laser1)}")
    assert fresh(row).checked_in_at is None


def test_one_point_ticked_twice_is_one_point(shop, row, as_):
    response = as_(shop.ada).post(URL, data={"code": shown_code(shop.laser1), "ticks": ["0", "0"], "key": "k"})
    assert response.status_code == 409
    assert fresh(row).checked_in_at is None


def test_a_wrong_code_is_counted_and_after_eight_the_right_one_is_refused_too(shop, row, as_):
    ada = as_(shop.ada)
    for n in range(8):
        assert ada.post(URL, data={"code": f"00000{n}", "ticks": ["0", "1"], "key": f"k{n}"}).status_code == 409
    assert fresh(row).wrong_codes == 8
    right = {"code": shown_code(shop.laser1), "ticks": ["0", "1"], "key": "right"}
    assert ada.post(URL, data=right).status_code == 409
    assert fresh(row).checked_in_at is None
    check_in(shop.lea, row, shop.laser1, vouched=True)


@pytest.mark.parametrize("data", [{}, {"code": "x" * 13}, {"code": "12\x0034"}, {"code": "123456", "ticks": ["7"]}])
def test_a_form_that_makes_no_sense_names_the_field(shop, row, as_, data):
    assert as_(shop.ada).post(URL, data={"key": "k", **data}).status_code == 422
    assert fresh(row).wrong_codes == 0


def test_without_a_reservation_the_page_leads_to_booking(shop, as_):
    page = text(as_(shop.ben).get(URL))
    assert 'href="/machines/laser-1"' in page


def test_a_scan_is_about_the_reservation_that_is_due(shop):
    opens = timedelta(minutes=10)
    first, second = book(shop.ada, shop.laser1, "10:00", 1), book(shop.ada, shop.laser1, "11:15", 1)
    due = lambda: agenda.due_at(shop.laser1.id, shop.ada.id, opens)  # noqa: E731
    assert due().id == first.id  # the next
    set_clock("11:05")
    assert due().id == second.id  # the first was missed
    set_clock("10:50")
    check_in(shop.ada, first, shop.laser1)
    assert due().id == first.id  # running
    set_clock("11:06")
    assert due().id == second.id  # to check in to, though the first is not ended
    check_in(shop.ada, second, shop.laser1)
    end(shop.ada, first)
    assert due().id == second.id
    set_clock("12:00", "2026-11-28")
    assert due().id == second.id  # forgotten: its page lets one end it


def test_a_moved_reservation_is_expected_at_its_new_time(shop, row):
    move(shop.lea, row, "17:00", override_reason="He called")
    assert refused_to_start(shop.ada, row, shop.laser1) == ["too_early"]


# ── the screen beside the machine ────────────────────────────────────────────────────────────────────────────────────


def test_only_a_managers_address_shows_the_code(shop, as_):
    response = as_(shop.lea).post("/machines/laser-1/screen")
    page = text(as_(None).get(response.location))
    assert all(f"<span>{digit}</span>" in page for digit in shown_code(shop.laser1))
    assert "<svg" in page
    for who in (shop.ada, shop.chloe, shop.alba):
        assert as_(who).post("/machines/laser-1/screen").status_code == 403
    wrong = response.location.replace("laser-1", "laser-2")
    assert as_(None).get(wrong).status_code == 404
    assert as_(None).get("/machines/laser-1/screen/x").status_code == 404


def test_a_new_secret_closes_the_old_screens_and_codes(shop, as_):
    row, old, code = book(shop.ada, shop.laser1), screens.token(shop.laser1), shown_code(shop.laser1)
    response = as_(shop.lea).post("/machines/laser-1/screen/renewal", data={"key": "k"})
    assert response.status_code == 303
    assert as_(None).get(f"/machines/laser-1/screen/{old}").status_code == 404
    assert as_(None).get(response.location).status_code == 200
    set_clock("13:59")
    machine = fresh(db.session.get_one(Machine, shop.laser1.id))
    assert shown_code(machine) != code
    check_in(shop.ada, row, machine)


def test_a_member_never_reads_the_secret_nor_the_code(shop, as_, row):
    ada = as_(shop.ada)
    pages = [text(ada.get(url)) for url in ("/machines", "/machines/laser-1", URL, f"/reservations/{row.id}", "/api/v1/machines")]
    assert not any(shop.laser1.check_in_secret in page or shown_code(shop.laser1) in page for page in pages)


def test_booked_on_the_spot_one_has_the_usual_patience(shop):
    zoe = ready(shop, "Zoé Neuf")
    set_clock("14:14")
    row = book(zoe, shop.laser2, "14:00", 1)
    set_clock("14:16")
    with transaction():
        assert not usage.note_absence(row.id)
    set_clock("14:29")
    with transaction():
        assert usage.note_absence(row.id)


def test_a_stranger_sees_no_page(shop, as_, row):
    stranger = a_member("Zoé Neuf", charter=shop.charter)
    assert as_(stranger).get(f"/reservations/{row.id}").status_code == 404
