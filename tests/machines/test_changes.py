"""Moving, shortening, lengthening and cancelling: from the service, the page, and the signed link of a mail."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from itsdangerous import URLSafeSerializer
from sqlalchemy import select

from app.accounts import lab
from app.calendar.models import Occupancy
from app.kernel import clock
from app.kernel.actors import Door
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.periods import Period
from app.kernel.refusals import NotAllowed, Refused
from machines import catalogue, links
from machines.rules import Status
from tests.builders import acting
from tests.machines.scene import (
    at,
    book,
    cancel,
    check_in,
    codes_of,
    end,
    extend,
    fresh,
    move,
    ready,
    set_clock,
)
from tests.trainings.scene import revoke
from trainings import histories


def occupancy(row):
    db.session.rollback()
    return db.session.get_one(Occupancy, row.occupancy_id, populate_existing=True)


def refused_to(act, *args, **more):
    with pytest.raises(Refused) as refused:
        act(*args, **more)
    db.session.rollback()
    return codes_of(refused)


# ── moving ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_a_move_gives_the_old_time_back_at_once_and_takes_the_new_one(shop):
    row, zoe = book(shop.ada, shop.laser1), ready(shop, "Zoé Neuf")
    moved = fresh(move(shop.ada, row, "10:00", 3))
    assert (moved.id, moved.period, moved.revision, moved.quoted_cents) == (row.id, Period(at("10:00"), at("13:00")), 1, 5400)
    assert (occupancy(row).starts_at, occupancy(row).ends_at) == (at("10:00"), at("13:10"))
    assert book(zoe, shop.laser1).starts_at == at("14:00")
    audit = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "reservation.moved")).one()
    assert audit.details["before"] == [at("14:00").astimezone(moved.starts_at.tzinfo).isoformat(), "2026-11-27T15:00:00+00:00"]


@pytest.mark.both_engines
def test_a_move_to_a_taken_time_is_refused_and_keeps_the_old_one(shop):
    row = book(shop.ada, shop.laser1)
    book(ready(shop, "Zoé Neuf"), shop.laser1, "10:00")
    assert refused_to(move, shop.ada, row, "11:00") == ["calendar.slot_taken"]
    kept = fresh(row)
    assert (kept.period, kept.revision) == (Period(at("14:00"), at("16:00")), 0)
    assert occupancy(row).starts_at == at("14:00")


@pytest.mark.parametrize(
    ("start", "hours", "day", "expected"),
    [
        ("09:00", 1, "2026-11-26", ["in_the_past"]),
        ("18:00", 2, "2026-11-27", ["lab_closed"]),
        ("10:00", 0.25, "2026-11-27", ["too_short"]),
        ("10:00", 5, "2026-11-27", ["too_long"]),
        ("10:05", 1, "2026-11-27", ["off_step"]),
        ("10:00", 1, "2027-02-02", ["too_far"]),
    ],
)
def test_a_move_obeys_the_rules_of_booking(shop, start, hours, day, expected):
    row = book(shop.ada, shop.laser1)
    assert refused_to(move, shop.ada, row, start, hours, day=day) == expected
    assert fresh(row).starts_at == at("14:00")


def test_a_move_over_its_own_time_is_no_collision(shop):
    row = book(shop.ada, shop.laser1)
    assert fresh(move(shop.ada, row, "15:00")).starts_at == at("15:00")


def test_a_move_to_the_same_time_changes_nothing(shop):
    row = book(shop.ada, shop.laser1)
    assert fresh(move(shop.ada, row, "14:00")).revision == 0


def test_with_three_to_come_any_of_them_may_still_be_moved(shop):
    rows = [book(shop.ada, shop.laser1, start, 1) for start in ("10:00", "12:00", "14:00")]
    assert fresh(move(shop.ada, rows[0], "16:00", 1)).starts_at == at("16:00")


def test_one_cannot_move_to_where_one_stands_already(shop):
    row = book(shop.ada, shop.laser1)
    book(shop.ada, shop.bench, "10:00")
    book(shop.ada, shop.laser1, "16:15", 1)
    assert refused_to(move, shop.ada, row, "11:00") == ["busy_elsewhere"]
    assert refused_to(move, shop.ada, row, "15:00") == ["yours_already"]


def test_a_move_asks_again_for_certification_on_the_new_day(shop):
    zoe = ready(shop, "Zoé Neuf")

    row = book(zoe, shop.laser1)
    revoke(shop.lea, histories.certifications_of(zoe.id, shop.laser.id)[0])
    assert refused_to(move, zoe, row, "10:00") == ["not_certified"]


def test_a_move_of_a_machine_out_of_order_is_refused(shop):
    row = book(shop.ada, shop.laser1)
    with transaction():
        catalogue.put_out_of_order(actor=acting(shop.lea), machine_id=shop.laser1.id, until=at("18:00"), note="Lens")
    assert refused_to(move, shop.ada, row, "10:00") == ["out_of_service"]


def test_the_lane_changes_when_the_own_one_is_taken_then(shop):
    first, second = book(shop.ben, shop.bench), book(shop.ada, shop.bench, "10:00")
    assert (occupancy(first).lane, occupancy(second).lane) == (0, 0)
    move(shop.ada, second, "14:00")
    assert occupancy(second).lane == 1


# ── too late ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "expected"), [("11:59", None), ("12:00", "too_late"), ("13:55", "too_late"), ("14:05", "too_late")]
)
def test_two_hours_before_the_start_a_member_gives_nothing_back(shop, now, expected):
    row = book(shop.ada, shop.laser1)
    set_clock(now)
    for act, *args in ((move, "16:00", 1), (move, "14:00", 1), (cancel,)):
        if expected is None:
            continue
        assert refused_to(act, shop.ada, row, *args) == [expected]
    if expected is None:
        cancel(shop.ada, row)
    assert fresh(row).status is (Status.CANCELLED if expected is None else Status.CONFIRMED)


def test_the_labs_own_notice_counts(shop):

    row = book(shop.ada, shop.laser1)
    with transaction():
        lab.change(actor=acting(shop.lea), cancel_notice_minutes=24 * 60)
    set_clock("14:01", "2026-11-26")
    assert refused_to(cancel, shop.ada, row) == ["too_late"]


def test_a_slot_booked_a_moment_ago_is_given_back_however_soon_it_starts(shop):
    row = book(shop.ada, shop.laser1, "10:30", 1, day="2026-11-26")
    clock.set_clock(clock.now() + timedelta(minutes=4))
    assert fresh(cancel(shop.ada, row)).status is Status.CANCELLED
    row = book(shop.ada, shop.laser1, "10:30", 1, day="2026-11-26")
    clock.set_clock(clock.now() + timedelta(minutes=5))
    assert refused_to(cancel, shop.ada, row) == ["too_late"]


def test_a_manager_with_a_reason_cancels_and_moves_late(shop):
    row, other = book(shop.ada, shop.laser1), book(shop.ben, shop.bench)
    set_clock("13:50")
    assert refused_to(cancel, shop.lea, row, reason="Flood") == ["too_late"]
    cancel(shop.lea, row, reason="Flood", override_reason="The cellar is under water")
    move(shop.lea, other, "15:00", override_reason="He called")
    assert (fresh(row).status, fresh(other).starts_at) == (Status.CANCELLED, at("15:00"))
    audit = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "reservation.cancelled")).one()
    assert (audit.details["reason"], audit.details["override_reason"]) == ("Flood", "The cellar is under water")


def test_lengthening_gives_nothing_back_and_is_never_too_late(shop):
    row = book(shop.ada, shop.laser1)
    set_clock("13:50")
    assert fresh(move(shop.ada, row, "14:00", 3)).ends_at == at("17:00")
    assert refused_to(move, shop.ada, row, "14:00", 2) == ["too_late"]


# ── what has begun ───────────────────────────────────────────────────────────────────────────────────────────────────


def running(shop, machine=None):
    machine = machine or shop.laser1
    row = book(shop.ada, machine)
    set_clock("14:00")
    return check_in(shop.ada, row, machine)


@pytest.mark.parametrize(("start", "hours"), [("10:00", 2), ("14:00", 1), ("15:00", 3), ("14:15", 2)])
def test_a_running_use_is_not_moved_to_another_time_nor_shortened(shop, start, hours):
    row = running(shop)
    assert refused_to(move, shop.ada, row, start, hours, day="2026-11-28") == ["not_any_more"]
    if start != "14:00":
        assert refused_to(move, shop.ada, row, start, hours) == ["not_any_more"]
    assert refused_to(move, shop.lea, row, "14:00", 1, override_reason="Please") == ["not_any_more"]
    assert fresh(row).period == Period(at("14:00"), at("16:00"))


def test_who_checked_in_early_is_not_moved_either(shop):
    row = book(shop.ada, shop.laser1)
    set_clock("13:55")
    check_in(shop.ada, row, shop.laser1)
    assert refused_to(move, shop.lea, row, "10:00", day="2026-11-28", override_reason="Please") == ["not_any_more"]
    assert fresh(row).status is Status.CHECKED_IN


def test_a_use_is_lengthened_by_quarters_while_nobody_waits(shop):
    row = running(shop)
    book(ready(shop, "Zoé Neuf"), shop.laser1, "16:30", 1)
    set_clock("15:50")
    assert fresh(extend(shop.ada, row)).ends_at == at("16:15")
    assert refused_to(extend, shop.ada, row) == ["calendar.slot_taken"]
    kept = fresh(row)
    assert (kept.ends_at, kept.revision, kept.quoted_cents) == (at("16:15"), 1, 4050)


def test_a_use_is_lengthened_even_with_three_more_to_come(shop):
    row = running(shop)
    for day in ("2026-11-28", "2026-11-30", "2026-12-01"):
        book(shop.ada, shop.laser1, day=day)
    assert fresh(extend(shop.ada, row)).ends_at == at("16:15")


def test_a_use_is_not_lengthened_past_the_closing_nor_past_the_longest(shop):
    row = book(shop.ada, shop.laser1, "15:00", 4)
    set_clock("15:00")
    check_in(shop.ada, row, shop.laser1)
    assert refused_to(extend, shop.ada, row) == ["lab_closed", "too_long"]


@pytest.mark.parametrize(("step", "minutes"), [(5, 15), (10, 20), (15, 15), (30, 30), (60, 60)])
def test_a_use_is_lengthened_by_whole_steps(shop, step, minutes):
    with transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.bench.id, space_id=shop.space.id, capacity=6, slug="bench", code="BENCH",
            name=shop.bench.name, requirements=[], step_minutes=step,
        )  # fmt: skip
    row = running(shop, shop.bench)
    assert fresh(extend(shop.ada, row)).ends_at == at("16:00") + timedelta(minutes=minutes)


def test_what_is_over_is_not_lengthened(shop):
    row = running(shop)
    end(shop.ada, row)
    assert refused_to(extend, shop.ada, row) == ["not_any_more"]


# ── cancelling ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_a_cancelled_slot_is_free_for_everybody_at_once(shop):
    row = book(shop.ada, shop.laser1)
    cancelled = fresh(cancel(shop.ada, row))
    assert (cancelled.status, cancelled.revision, cancelled.cancelled_at) == (Status.CANCELLED, 1, clock.now())
    assert occupancy(row).released_at == clock.now()
    book(shop.ada, shop.laser1)


def test_what_is_cancelled_ended_or_missed_is_changed_no_more(shop):
    row = book(shop.ada, shop.laser1)
    cancel(shop.ada, row)
    assert refused_to(cancel, shop.ada, row) == ["not_any_more"]
    assert refused_to(move, shop.ada, row, "10:00") == ["not_any_more"]
    used = running(shop)
    end(shop.ada, used)
    assert refused_to(cancel, shop.lea, used, override_reason="x") == ["not_any_more"]


@pytest.mark.parametrize("who", ["ben", "chloe", "alba"])
def test_nobody_but_managers_touches_anothers_reservation(shop, who):
    row = book(shop.ada, shop.laser1)
    for act, *args in ((cancel,), (move, "10:00"), (extend,)):
        with pytest.raises(NotAllowed):
            act(getattr(shop, who), row, *args)
    with pytest.raises(NotAllowed):
        cancel(shop.ada, row, override_reason="I want to")
    assert fresh(row).revision == 0


# ── from the pages ───────────────────────────────────────────────────────────────────────────────────────────────────

MOVE = {"day": "2026-11-27", "start": "10:00", "minutes": "120", "key": "k"}


def text(response):
    return response.get_data(as_text=True)


def test_a_move_from_the_page_says_before_and_after_and_offers_to_undo(shop, as_):
    row, ada = book(shop.ada, shop.laser1), as_(shop.ada)
    response = ada.post(f"/reservations/{row.id}/period", data=MOVE)
    assert response.status_code == 303
    page = text(ada.get(response.location))
    assert "vendredi 27 novembre, 14" in page
    assert 'name="start" value="14:00"' in page
    back = ada.post(f"/reservations/{row.id}/period", data={"day": "2026-11-27", "start": "14:00", "minutes": "120", "key": "u"})
    assert back.status_code == 303
    assert (fresh(row).starts_at, fresh(row).revision) == (at("14:00"), 2)


@pytest.mark.parametrize(
    "address", ["was=x&lasted=60", "was=0001-01-01T00:00:00%2B00:00&lasted=60", "was=2026-11-27T10:00&lasted=x"]
)
def test_an_undo_that_makes_no_sense_is_not_offered(shop, as_, address):
    row = book(shop.ada, shop.laser1)
    assert as_(shop.ada).get(f"/reservations/{row.id}?{address}").status_code == 200


def test_a_refused_move_keeps_what_was_typed_and_proposes_times_that_really_move(shop, as_):
    row, ada = book(shop.ada, shop.laser1), as_(shop.ada)
    book(ready(shop, "Zoé Neuf"), shop.laser1, "10:00")
    response = ada.post(f"/reservations/{row.id}/period", data=MOVE | {"start": "11:00"})
    page = text(response)
    assert response.status_code == 409
    assert 'value="11:00' in page
    assert 'name="start" value="12:15"' not in page  # until 14:15 it is one's own
    starts = re.findall(r'name="day" value="([\d-]+)"><input type="hidden" name="start" value="([\d:]+)"', page)
    assert len(starts) == 3
    day, start = starts[0]
    assert (
        ada.post(f"/reservations/{row.id}/period", data={"day": day, "start": start, "minutes": "120", "key": "a"}).status_code
        == 303
    )


def test_a_cancelled_slot_can_be_booked_again_with_one_click(shop, as_):
    row, ada = book(shop.ada, shop.laser1, project="Lamp"), as_(shop.ada)
    assert ada.post(f"/reservations/{row.id}/cancellation", data={"key": "k"}).status_code == 303
    page = text(ada.get(f"/reservations/{row.id}"))
    assert 'action="/machines/laser-1/reservations' in page
    again = {"day": "2026-11-27", "start": "14:00", "minutes": "120", "key": "again"}
    assert ada.post("/machines/laser-1/reservations", data=again).status_code == 303


def test_two_clicks_move_or_cancel_once(shop, as_):
    row, ada = book(shop.ada, shop.laser1), as_(shop.ada)
    for _ in range(2):
        assert ada.post(f"/reservations/{row.id}/period", data=MOVE).status_code == 303
    assert fresh(row).revision == 1
    for _ in range(2):
        assert ada.post(f"/reservations/{row.id}/cancellation", data={"key": "c"}).status_code == 303
    assert fresh(row).revision == 2


def test_late_the_page_says_whom_to_call_and_the_server_refuses_all_the_same(shop, as_):
    row, ada = book(shop.ada, shop.laser1), as_(shop.ada)
    set_clock("13:00")
    page = text(ada.get(f"/reservations/{row.id}"))
    assert "03 20 00 00 00" in page
    assert f"/reservations/{row.id}/cancellation" not in page
    ada.post(f"/reservations/{row.id}/cancellation", data={"key": "c"})
    assert ada.post(f"/reservations/{row.id}/period", data=MOVE | {"start": "16:00"}).status_code == 409
    assert fresh(row).revision == 0


def test_a_member_cannot_lift_the_rules_by_a_forged_form(shop, as_):
    row = book(shop.ada, shop.laser1)
    set_clock("13:00")
    forged = {"key": "c", "override_reason": "Because"}
    assert as_(shop.ada).post(f"/reservations/{row.id}/cancellation", data=forged).status_code == 403
    assert fresh(row).status is Status.CONFIRMED


def test_staff_may_cancel_late_from_the_page_with_a_reason(shop, as_):
    row, lea = book(shop.ada, shop.laser1), as_(shop.lea)
    set_clock("13:00")
    page = text(lea.get(f"/reservations/{row.id}"))
    assert 'name="override_reason"' in page
    lea.post(f"/reservations/{row.id}/cancellation", data={"key": "c", "reason": "Leak", "override_reason": "A leak"})
    assert fresh(row).status is Status.CANCELLED


# ── from the link of a mail ──────────────────────────────────────────────────────────────────────────────────────────


def link_of(row):
    return f"/r/{links.token(row)}"


def test_opening_the_link_changes_nothing_and_its_buttons_act_without_signing_in(shop, as_):
    row, anybody = book(shop.ada, shop.laser1), as_(None)
    url = link_of(row)
    for _ in range(3):
        assert anybody.get(url).status_code == 200
        assert anybody.head(url).status_code == 200
    for act in ("cancellation", "period"):
        assert anybody.get(f"{url}/{act}").status_code == 405
    assert fresh(row).revision == 0
    assert anybody.post(f"{url}/period", data=MOVE).status_code == 303
    assert fresh(row).starts_at == at("10:00")
    assert anybody.post(f"{url}/cancellation", data={"key": "c"}).status_code == 303
    assert fresh(row).status is Status.CANCELLED
    doors = db.session.scalars(select(AuditEntry.door).where(AuditEntry.subject == row.subject).order_by(AuditEntry.id)).all()
    assert doors == [Door.PAGE, Door.LINK, Door.LINK]


def test_a_mails_link_posts_only_with_the_pages_own_token(shop, app):
    row = book(shop.ada, shop.laser1)
    assert app.test_client().post(f"{link_of(row)}/cancellation", data={"key": "c"}).status_code == 400
    assert fresh(row).status is Status.CONFIRMED


@pytest.mark.parametrize("who", ["lea", "ada"])
def test_a_managers_own_link_gives_no_managers_power(shop, as_, who):
    row = book(getattr(shop, who), shop.bench)
    set_clock("13:00")
    as_(shop.lea).post(f"{link_of(row)}/cancellation", data={"key": "c", "override_reason": "x"})
    assert fresh(row).status is Status.CONFIRMED


@pytest.mark.parametrize("token", ["x", "WzEsMV0.AAAA", "%00"])
def test_a_link_that_is_not_ours_leads_nowhere(shop, as_, token):
    book(shop.ada, shop.laser1)
    for path, method in (("", "GET"), ("/cancellation", "POST"), ("/period", "POST")):
        assert as_(None).open(f"/r/{token}{path}", method=method).status_code == 404


def test_a_signed_link_of_something_else_is_not_a_reservations(shop, as_, app):

    row = book(shop.ada, shop.laser1)
    forged = URLSafeSerializer(app.config["SECRET_KEY"], salt="machine-screen").dumps([row.id, row.member_id])
    assert as_(None).get(f"/r/{forged}").status_code == 404
    stranger = URLSafeSerializer("another key that is long enough", salt="reservation-link").dumps([row.id, row.member_id])
    assert as_(None).get(f"/r/{stranger}").status_code == 404
    listed = URLSafeSerializer(app.config["SECRET_KEY"], salt="reservation-link").dumps("ab")
    assert as_(None).get(f"/r/{listed}").status_code == 404
