"""Out of order, faults, back in service, retired: at once for whoever comes next, without touching what was promised."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from machines import catalogue, jobs, queries, requirements
from machines.models import Incident, Machine, State
from machines.rules import Status
from tests.builders import acting
from tests.machines.scene import at, book, cancel, check_in, codes_of, crowd, end, fresh, letters, ready, set_clock
from tests.trainings.scene import a_competence
from trainings import competences


def put_out(by, machine, until=None, note="The lens is cracked"):
    with transaction():
        return catalogue.put_out_of_order(actor=acting(by), machine_id=machine.id, until=until, note=note)


def put_back(by, machine):
    with transaction():
        return catalogue.put_back(actor=acting(by), machine_id=machine.id)


def report(by, machine, *, stops=False, text="It smells"):
    with transaction():
        return catalogue.report(actor=acting(by), machine_id=machine.id, text=text, stops_machine=stops)


def resolve(by, incident, *, back=False):
    with transaction():
        return catalogue.resolve(actor=acting(by), incident_id=incident.id, resolution="New lens", back_in_service=back)


def retire(by, machine):
    with transaction():
        return catalogue.retire(actor=acting(by), machine_id=machine.id)


def refused_to(act, *args, **more):
    with pytest.raises(Refused) as refused:
        act(*args, **more)
    db.session.rollback()
    return codes_of(refused)


def text(response):
    return response.get_data(as_text=True)


# ── out of order ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_out_of_order_refuses_at_once_and_touches_no_reservation(shop):
    row = book(shop.ada, shop.laser1)
    put_out(shop.lea, shop.laser1)
    assert refused_to(book, ready(shop, "Zoé Neuf"), shop.laser1, "10:00") == ["out_of_service"]
    kept = fresh(row)
    assert (kept.status, kept.revision) == (Status.CONFIRMED, 0)
    assert [one.id for one in queries.affected(shop.laser1.id)] == [row.id]
    assert letters("cancelled") == []


def test_an_outage_with_an_end_touches_only_what_begins_before(shop):
    early, late = book(shop.ada, shop.laser1, "10:00"), book(shop.ada, shop.laser1, "15:00")
    put_out(shop.lea, shop.laser1, until=at("12:00"))
    assert [one.id for one in queries.affected(shop.laser1.id, at("12:00"))] == [early.id]
    [trouble] = queries.troubles()
    assert (trouble.machine.id, trouble.touched) == (shop.laser1.id, 1)
    assert fresh(late).status is Status.CONFIRMED


def test_the_house_puts_a_machine_back_when_its_outage_ends(shop):
    put_out(shop.lea, shop.laser1, until=at("12:00"))
    revision = fresh(shop.laser1) and queries.machine("laser-1").resource.revision
    set_clock("11:59")
    jobs.put_back_due()
    assert fresh(shop.laser1).state is State.OUT_OF_ORDER
    set_clock("12:00")
    jobs.put_back_due()
    jobs.put_back_due()
    back = fresh(shop.laser1)
    assert (back.state, back.out_from, back.out_until, back.out_note) == (State.IN_SERVICE, None, None, None)
    entries = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "machine.back_in_service")).all()
    assert [entry.actor_id for entry in entries] == [None]
    assert queries.machine("laser-1").resource.revision > revision


def test_until_the_job_runs_the_end_of_the_outage_counts_all_the_same(shop):
    put_out(shop.lea, shop.laser1, until=at("12:00"))
    set_clock("13:50")
    row = book(shop.ada, shop.laser1)
    check_in(shop.ada, row, shop.laser1)
    assert queries.troubles() == []
    [(now, _next)] = queries.states_now([queries.machine("laser-1")]).values()
    assert now.state != "out"


def test_an_outage_keeps_its_beginning_when_its_end_is_put_off(shop):
    put_out(shop.lea, shop.laser1, until=at("12:00"))
    begun = clock.now()
    set_clock("11:00")
    put_out(shop.lea, shop.laser1)
    later = fresh(shop.laser1)
    assert (later.out_from, later.out_until) == (begun, None)


def test_the_end_of_an_outage_is_still_to_come(shop):
    assert refused_to(put_out, shop.lea, shop.laser1, clock.now()) == ["until_past"]


def test_a_machine_in_service_is_put_back_without_a_trace(shop):
    put_back(shop.lea, shop.laser1)
    assert db.session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.verb == "machine.back_in_service")) == 0


@pytest.mark.parametrize("who", ["ada", "chloe", "alba"])
def test_only_managers_stop_start_and_retire_machines(shop, who):
    person, incident = getattr(shop, who), report(shop.ada, shop.laser1)
    for act, *args in ((put_out, shop.laser1), (put_back, shop.laser1), (retire, shop.laser1), (resolve, incident)):
        with pytest.raises(NotAllowed):
            act(person, *args)
    assert fresh(shop.laser1).state is State.IN_SERVICE


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_any_member_reports_a_fault_and_the_lab_is_told(shop):
    incident = report(shop.ben, shop.laser1)
    assert (incident.reported_by_id, incident.reported_at) == (shop.ben.id, clock.now())
    assert fresh(shop.laser1).state is State.IN_SERVICE
    [letter] = letters("fault")
    assert "Ben Oz" in letter.text
    assert "It smells" in letter.text


def test_a_fault_that_is_not_safe_stops_the_machine_until_somebody_looks(shop):
    put_out(shop.lea, shop.laser1, until=at("12:00"))
    incident = report(shop.ben, shop.laser1, stops=True)
    stopped = fresh(shop.laser1)
    assert (stopped.state, stopped.out_until, stopped.out_note) == (State.OUT_OF_ORDER, None, "It smells")
    resolve(shop.lea, incident)
    assert fresh(shop.laser1).state is State.OUT_OF_ORDER
    again = report(shop.ben, shop.laser1)
    resolve(shop.lea, again, back=True)
    assert fresh(shop.laser1).state is State.IN_SERVICE
    assert queries.troubles() == []


def test_a_fault_is_resolved_once(shop):
    incident = report(shop.ben, shop.laser1)
    resolve(shop.lea, incident)
    assert refused_to(resolve, shop.adele, incident) == ["already_resolved"]
    kept = fresh(incident)
    assert (kept.resolution, kept.resolved_by_id) == ("New lens", shop.lea.id)


def test_the_fault_form_names_what_is_missing_and_two_clicks_report_once(shop, as_):
    ben, url = as_(shop.ben), "/machines/laser-1/faults"
    assert ben.get(url).status_code == 200
    assert ben.post(url, data={"key": "k"}).status_code == 422
    assert ben.post(url, data={"text": "x" * 1001, "key": "k"}).status_code == 422
    for _ in range(2):
        assert ben.post(url, data={"text": "It <b>smells</b>", "key": "once"}).status_code == 303
    db.session.rollback()
    assert db.session.scalar(select(func.count(Incident.id))) == 1
    assert "It &lt;b&gt;smells" in text(ben.get("/machines/laser-1"))


def test_a_fault_is_closed_from_the_board_with_words(shop, as_):
    incident, lea = report(shop.ben, shop.laser1, stops=True), as_(shop.lea)
    url = f"/incidents/{incident.id}/resolution"
    assert lea.post(url, data={"key": "a"}).status_code == 303
    assert fresh(incident).resolved_at is None
    assert lea.post(url, data={"resolution": "Cleaned", "back_in_service": "y", "key": "b"}).status_code == 303
    assert fresh(incident).resolution == "Cleaned"
    assert lea.post(url, data={"resolution": "Again", "key": "c"}).status_code == 303
    assert fresh(incident).resolution == "Cleaned"
    for who in (shop.ada, shop.chloe, shop.alba):
        assert as_(who).post(url, data={"resolution": "x", "key": "d"}).status_code == 403


# ── retired ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_machine_with_reservations_to_come_or_running_is_not_retired(shop):
    row = book(shop.ada, shop.laser1)
    assert refused_to(retire, shop.lea, shop.laser1) == ["still_booked"]
    set_clock("14:00")
    check_in(shop.ada, row, shop.laser1)
    assert refused_to(retire, shop.lea, shop.laser1) == ["still_booked"]
    assert fresh(shop.laser1).state is State.IN_SERVICE
    assert queries.machine("laser-1").resource.retired_at is None
    end(shop.ada, row)
    retire(shop.lea, shop.laser1)
    assert fresh(shop.laser1).state is State.RETIRED


def test_a_retired_machine_leaves_the_lists_and_its_history_stays(shop, as_):
    row = book(shop.ada, shop.laser1)
    cancel(shop.ada, row)
    retire(shop.lea, shop.laser1)
    ada = as_(shop.ada)
    assert "/machines/laser-1" not in text(ada.get("/machines"))
    assert "/machines/laser-1" not in text(ada.get("/timetable"))
    assert [one["slug"] for one in ada.get("/api/v1/machines").json] == ["laser-2", "printer", "bench"]
    page = text(ada.get(f"/reservations/{row.id}"))
    assert "laser-1 (fr)" in page
    assert ada.get("/machines/laser-1").status_code == 200
    assert 'action="/machines/laser-1/reservations' not in text(ada.get("/machines/laser-1"))
    for url in ("/machines/laser-1.ics", "/api/v1/machines/laser-1/week", "/machines/laser-1/check-in"):
        assert ada.get(url).status_code == 404


def test_a_fault_told_at_the_end_does_not_bring_a_retired_machine_back(shop):
    retire(shop.lea, shop.laser1)
    report(shop.ada, shop.laser1, stops=True)
    assert fresh(shop.laser1).state is State.RETIRED


# ── describing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def conditions(machine):
    return [one.ids for one in requirements.conditions([machine.id]).get(machine.id, [])]


FIELDS = {
    "name_fr": "Découpe", "name_en": "Cutter", "slug": "cutter", "code": "CUT-1", "capacity": "2", "icon": "laser",
    "danger": "3", "shortest_minutes": "30", "longest_minutes": "240", "step_minutes": "15", "turnaround_minutes": "5",
    "horizon_days": "20", "notice_minutes": "0", "ahead_most": "2", "key": "k",
}  # fmt: skip


def test_a_manager_adds_a_machine_that_asks_for_several_or_one_of_alternatives(shop, as_):

    old, older = a_competence("old"), a_competence("older")
    data = FIELDS | {
        "space": str(shop.space.id),
        "required_all": [str(shop.safety.id)],
        "required_any": [str(shop.laser.id), str(old.id)],
        "required_any_too": [str(old.id), str(older.id)],
        "ticks_fr": "Un\n\nTrois",
        "ticks_en": "One\nTwo\nThree",
        "documents": "Manual https://example.org/m.pdf\nhttp://plain.example/x",
    }
    response = as_(shop.lea).post("/machines/new", data=data)
    assert response.location.endswith("/machines/cutter")
    machine = queries.machine("cutter")
    assert conditions(machine) == [[shop.safety.id], [shop.laser.id, old.id], [old.id, older.id]]
    assert machine.safety_ticks == [{"fr": "Un", "en": "One"}, {"en": "Two"}, {"fr": "Trois", "en": "Three"}]
    assert machine.documents == [
        {"title": "Manual", "url": "https://example.org/m.pdf"},
        {"title": "http://plain.example/x", "url": "http://plain.example/x"},
    ]
    page = text(as_(shop.lea).get("/machines/cutter/edit"))
    assert "Un\n\nTrois" in page.replace("\r\n", "\n")
    assert as_(shop.lea).post("/machines/cutter/edit", data=data | {"key": "again"}).status_code == 303
    assert conditions(queries.machine("cutter")) == [[shop.safety.id], [shop.laser.id, old.id], [old.id, older.id]]


def test_saving_a_machine_never_lowers_what_it_asks_for_unasked(shop, as_):
    one, two, gone = a_competence("one"), a_competence("two"), a_competence("gone")
    asked = [[gone.id], [one.id, two.id], [one.id, shop.laser.id], [two.id, shop.laser.id]]
    with transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.laser2.id, space_id=shop.space.id, capacity=1, slug="laser-2",
            code="LASER-2", name=shop.laser2.name, requirements=asked,
        )  # fmt: skip
    with transaction():
        competences.retire(actor=acting(shop.lea), competence_id=gone.id)
    lea = as_(shop.lea)
    page = text(lea.get("/machines/laser-2/edit"))
    assert "gone (fr)" in page
    data = FIELDS | {
        "slug": "laser-2", "space": str(shop.space.id), "required_all": [str(gone.id)],
        "required_any": [str(one.id), str(two.id)], "required_any_too": [str(one.id), str(shop.laser.id)],
    }  # fmt: skip
    assert lea.post("/machines/laser-2/edit", data=data).status_code == 303
    db.session.rollback()
    assert sorted(map(sorted, conditions(shop.laser2))) == sorted(map(sorted, asked))


@pytest.mark.parametrize(
    "changes",
    [
        {"name_fr": ""},
        {"slug": ""},
        {"slug": "Not A Slug"},
        {"slug": "../../etc/passwd"},
        {"slug": "new"},
        {"code": ""},
        {"code": "a\x00b"},
        {"capacity": "0"},
        {"capacity": "1000000000000000000000"},
        {"danger": "4"},
        {"icon": "dragon"},
        {"space": "999999"},
        {"step_minutes": "7"},
        {"longest_minutes": "20"},
        {"longest_minutes": "20160"},
        {"documents": "Manual javascript:alert(1)"},
        {"documents": "Manual data:text/html,x"},
        {"required_all": ["999999"]},
        {"picture": "../../etc/passwd"},
    ],
)
def test_a_wrong_machine_is_shown_again_with_what_was_typed(shop, as_, changes):
    data = FIELDS | {"space": str(shop.space.id), "house_rules_fr": "Jamais seul."} | changes
    response = as_(shop.lea).post("/machines/new", data=data)
    assert response.status_code == 422
    assert "Jamais seul." in text(response)
    db.session.rollback()
    assert db.session.scalar(select(func.count(Machine.id))) == 4


@pytest.mark.parametrize("changes", [{"slug": "laser-1"}, {"code": "LASER-1"}, {"slug": "workshop"}])
def test_an_address_or_a_plate_number_is_given_once(shop, as_, changes):
    data = FIELDS | {"space": str(shop.space.id)} | changes
    response = as_(shop.lea).post("/machines/new", data=data)
    assert response.status_code == 409
    assert 'value="Cutter"' in text(response)


def test_a_dangerous_document_written_some_other_way_is_never_a_link(shop, as_):
    described = {"slug": "laser-2", "code": "LASER-2", "name": shop.laser2.name}
    with pytest.raises(Refused) as refused, transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.laser2.id, space_id=shop.space.id, capacity=1, requirements=[],
            documents=[{"title": "x", "url": "javascript:alert(1)"}], **described,
        )  # fmt: skip
    assert codes_of(refused) == ["not_a_link"]
    with transaction():
        db.session.get_one(Machine, shop.laser2.id).documents = [
            {"title": "Bad", "url": "javascript:alert(1)"},
            {"title": "Good", "url": "https://example.org/"},
        ]
    page = text(as_(shop.ada).get("/machines/laser-2"))
    assert "javascript:" not in page
    assert 'href="https://example.org/"' in page


def test_the_seats_of_a_bench_are_not_taken_away_under_people(shop):
    for person in crowd(shop, 6):
        book(person, shop.bench)
    with pytest.raises(Refused) as refused, transaction():
        catalogue.describe(
            actor=acting(shop.lea), machine_id=shop.bench.id, space_id=shop.space.id, capacity=5, slug="bench", code="BENCH",
            name=shop.bench.name, requirements=[],
        )  # fmt: skip
    assert codes_of(refused) == ["calendar.seats_taken"]


# ── the pages of an outage ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_puts_out_lists_who_is_touched_and_puts_back(shop, as_):
    row, lea = book(shop.ada, shop.laser1), as_(shop.lea)
    tomorrow = (clock.today() + timedelta(days=2)).isoformat()
    response = lea.post("/machines/laser-1/outage", data={"until": tomorrow, "note": "Lens", "key": "k"})
    page = text(lea.get(response.location))
    assert f"/reservations/{row.id}" in page
    assert "Lens" in page
    assert fresh(shop.laser1).out_until == at("00:00", tomorrow)
    lea.post("/machines/laser-1/return", data={"key": "b"})
    assert fresh(shop.laser1).state is State.IN_SERVICE


@pytest.mark.parametrize("until", ["soon", "2026-11-26", "2020-01-01", "0001-01-01", "9999-12-31"])
def test_an_end_of_outage_that_makes_no_sense_changes_nothing(shop, as_, until):
    response = as_(shop.lea).post("/machines/laser-1/outage", data={"until": until, "note": "x", "key": "k"})
    assert response.status_code == 303
    assert fresh(shop.laser1).state is State.IN_SERVICE


def test_retiring_from_the_page_says_what_stands_in_the_way(shop, as_):
    book(shop.ada, shop.laser1)
    lea = as_(shop.lea)
    response = lea.post("/machines/laser-1/retirement", data={"key": "k"})
    assert response.location.endswith("/machines/laser-1/edit")
    assert fresh(shop.laser1).state is State.IN_SERVICE
    assert lea.post("/machines/laser-2/retirement", data={"key": "k"}).location.endswith("/machines")
    assert fresh(shop.laser2).state is State.RETIRED
