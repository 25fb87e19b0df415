"""The pages: who may open which, what a trainer does in one go, and what is said back."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from app.kernel import clock
from app.kernel.db import db
from tests.builders import a_member
from tests.trainings.scene import a_certification, certify, in_days, lift, suspend
from trainings import histories, queries
from trainings.models import Certification, Level, Suspension


def count(model):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


def text(response):
    return response.get_data(as_text=True)


# what a visitor, a member, a trainer of something else, its trainer and a manager get
READING = [
    ("/competences", 200, 200, 200, 200, 200),
    ("/competences/laser", 200, 200, 200, 200, 200),
    ("/competences/nothing", 404, 404, 404, 404, 404),
    ("/competences/a%00b", 404, 404, 404, 404, 404),
    ("/competences/new", 303, 403, 403, 403, 200),
    ("/competences/laser/edit", 303, 403, 403, 403, 200),
    ("/competences/laser/certifications", 303, 403, 403, 200, 200),
    ("/account/competences", 303, 200, 200, 200, 200),
    ("/certifications/{row}", 303, 404, 404, 200, 200),
    ("/certifications/{row}/suspension", 303, 404, 404, 200, 200),
    ("/certifications/{row}/reinstatement", 303, 404, 404, 200, 200),
    ("/certifications/{row}/revocation", 303, 404, 404, 200, 200),
    ("/certifications/999999", 303, 404, 404, 404, 404),
]
WRITING = [
    ("/competences", 303, 403, 403, 403, 422),
    ("/competences/laser", 303, 403, 403, 403, 422),
    ("/competences/laser/retirement", 303, 403, 403, 403, 303),
    ("/competences/laser/reopening", 303, 403, 403, 403, 303),
    ("/competences/laser/certifications", 303, 403, 403, 422, 422),
    ("/competences/laser/interest", 303, 303, 303, 303, 303),
    ("/competences/laser/interest/withdrawal", 303, 303, 303, 303, 303),
    ("/certifications/{row}/suspension", 303, 404, 404, 422, 422),
    ("/certifications/{row}/reinstatement", 303, 404, 404, 409, 409),
    ("/certifications/{row}/revocation", 303, 404, 404, 422, 422),
]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", path, expected) for path, *expected in READING] + [("POST", path, expected) for path, *expected in WRITING],
)
def test_every_page_answers_each_person_as_declared(lab, as_, method, path, expected):
    row = certify(lab.chloe, lab.ben, lab.laser)
    people = (None, lab.ada, lab.carl, lab.chloe, lab.lea)
    path = path.format(row=row.id)
    found = [as_(one).open(path, method=method).status_code for one in people]
    assert found == expected


@pytest.mark.parametrize(("act", "status"), [("", 200), ("/suspension", 403), ("/reinstatement", 403), ("/revocation", 403)])
def test_a_member_reads_their_own_history_and_does_nothing_to_it(lab, as_, act, status):
    row = certify(lab.chloe, lab.ben, lab.laser, note="Slow but careful")
    response = as_(lab.ben).get(f"/certifications/{row.id}{act}")
    assert response.status_code == status
    assert "Slow but careful" not in text(response)


def test_a_visitor_who_posts_changes_nothing(lab, as_):
    row = certify(lab.chloe, lab.ben, lab.laser)
    as_(None).post(f"/certifications/{row.id}/suspension", data={"reason": "x"})
    assert count(Suspension) == 0


# ── certifying ───────────────────────────────────────────────────────────────────────────────────────────────────────


def submission(*people, key="one", **fields):
    """What the trainer's form sends: people with a level each, and what is the same for all."""
    data = {"key": key, "evidence": "practical", "valid_until": "", "note": ""}
    data |= {"member": [str(member.id) for member, _level in people]}
    data |= {f"level-{member.id}": level for member, level in people}
    return data | fields


URL = "/competences/laser/certifications"


def test_several_people_are_certified_in_one_confirm_each_at_their_level(lab, as_):
    a_certification(lab.ada, lab.safety, by=lab.lea, valid_until=None)
    chloe = as_(lab.chloe)
    response = chloe.post(URL, data=submission((lab.ben, "autonomous"), (lab.ada, "assisted"), valid_until="2027-03-01"))
    assert response.status_code == 303
    assert response.location.endswith("/competences/laser")
    held = {member.id: queries.held(member.id, clock.today())[lab.laser.id] for member in (lab.ben, lab.ada)}
    assert [held[lab.ben.id].level, held[lab.ada.id].level] == [Level.AUTONOMOUS, Level.ASSISTED]
    assert {str(one.valid_until) for one in held.values()} == {"2027-03-01"}
    said = text(chloe.get(response.location))
    assert "Ben Oz" in said
    assert "Ada Lovelace" in said


def test_the_result_is_told_person_by_person(lab, as_):
    chloe = as_(lab.chloe)
    response = chloe.post(URL, data=submission((lab.ben, "autonomous"), (lab.ada, "autonomous")))
    assert response.location == f"{URL}?m={lab.ada.id}"
    assert lab.laser.id in queries.held(lab.ben.id, clock.today())
    page = text(chloe.get(response.location))
    assert "trainings.prerequisite_missing" in page or "safety (fr)" in page


def test_when_nobody_can_be_certified_the_form_says_why_and_keeps_what_was_typed(lab, as_):
    response = as_(lab.chloe).post(URL, data=submission((lab.ada, "assisted"), note="Came with a friend"))
    assert response.status_code == 409
    assert "safety (fr)" in text(response)
    assert "Came with a friend" in text(response)
    assert re.search(r'value="assisted"\s+checked', text(response))


def test_two_clicks_certify_once(lab, as_):
    chloe, before = as_(lab.chloe), count(Certification)
    for _ in range(2):
        assert chloe.post(URL, data=submission((lab.ben, "autonomous"))).status_code == 303
    assert count(Certification) == before + 1


def test_a_trainer_cannot_certify_themselves_through_the_form(lab, as_):
    a_certification(lab.chloe, lab.safety, by=lab.lea, valid_until=None)
    before = count(Certification)
    assert as_(lab.chloe).post(URL, data=submission((lab.chloe, "autonomous"))).status_code == 409
    assert count(Certification) == before


def test_a_trainer_cannot_name_a_trainer_through_a_forged_form(lab, as_):
    assert as_(lab.chloe).post(URL, data=submission((lab.ben, "trainer"))).status_code == 409
    assert "trainer" not in re.findall(r'value="(\w+)"', text(as_(lab.chloe).get(f"{URL}?m={lab.ben.id}")))
    assert "trainer" in re.findall(r'value="(\w+)"', text(as_(lab.lea).get(f"{URL}?m={lab.ben.id}")))


@pytest.mark.parametrize(
    "changes",
    [
        {"member": []},
        {"member": [str(n) for n in range(1, 32)]},
        {"member": ["x", "-1", "99999999999999999999"]},
        {"evidence": "hearsay"},
        {"valid_until": "soon"},
        {"note": "x" * 2001},
    ],
)
def test_a_wrong_form_changes_nothing_and_is_shown_again(lab, as_, changes):
    before = count(Certification)
    assert as_(lab.chloe).post(URL, data=submission((lab.ben, "autonomous")) | changes).status_code == 422
    assert count(Certification) == before


def test_a_member_there_is_not_cannot_be_certified(lab, as_):
    data = submission((lab.ben, "autonomous")) | {"member": [str(lab.ben.id), "999999"]}
    assert as_(lab.chloe).post(URL, data=data).status_code == 404
    assert lab.laser.id not in queries.held(lab.ben.id, clock.today())


def test_a_wrong_level_is_an_input_error(lab, as_):
    assert as_(lab.chloe).post(URL, data=submission((lab.ben, "wizard"))).status_code == 422


def test_a_trainer_finds_people_by_name_and_adds_them_one_by_one(lab, as_):
    page = text(as_(lab.chloe).get(f"{URL}?q=love&m={lab.ben.id}&m=bogus"))
    assert f"m={lab.ben.id}&amp;m={lab.ada.id}" in page
    assert f'name="member" value="{lab.ben.id}"' in page
    assert lab.ada.email not in page


def test_who_waits_is_one_click_from_being_certified(lab, as_):
    as_(lab.ben).post("/competences/laser/interest", data={"key": "k"})
    page = text(as_(lab.chloe).get("/competences/laser"))
    assert f"/competences/laser/certifications?m={lab.ben.id}" in page
    assert "Ben Oz" not in text(as_(lab.ada).get("/competences/laser"))


def test_the_competence_page_issues_few_statements_however_many_hold_it(lab, as_, statements):
    for n in range(30):
        a_certification(a_member(f"Many{n} X"), lab.laser, by=lab.lea, valid_until=in_days(20))
    chloe = as_(lab.chloe)
    statements.clear()
    assert chloe.get("/competences/laser").status_code == 200
    assert len(statements) <= 20, statements


# ── suspending, lifting, revoking ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("act", ["suspension", "revocation"])
@pytest.mark.parametrize("reason", ["", "   ", "\x00", "x" * 1001])
def test_a_reason_is_compulsory(lab, as_, act, reason):
    row = certify(lab.chloe, lab.ben, lab.laser)
    response = as_(lab.chloe).post(f"/certifications/{row.id}/{act}", data={"reason": reason, "key": "k"})
    assert response.status_code == 422
    assert lab.laser.id in queries.held(lab.ben.id, clock.today())


def test_a_trainer_suspends_a_manager_lifts_and_the_page_tells_it_all(lab, as_):
    row = certify(lab.chloe, lab.ben, lab.laser)
    url = f"/certifications/{row.id}"
    assert as_(lab.chloe).post(f"{url}/suspension", data={"reason": "Left it alone", "key": "a"}).status_code == 303
    assert lab.laser.id not in queries.held(lab.ben.id, clock.today())
    assert "Left it alone" in text(as_(lab.ben).get("/account/competences"))
    assert "Left it alone" in text(as_(lab.ben).get("/competences/laser"))
    assert as_(lab.lea).post(f"{url}/reinstatement", data={"reason": "Talked", "key": "b"}).status_code == 303
    db.session.rollback()
    assert lab.laser.id in queries.held(lab.ben.id, clock.today())
    assert as_(lab.lea).post(f"{url}/revocation", data={"reason": "Again", "key": "c"}).status_code == 303
    page = text(as_(lab.ben).get(url))
    assert all(words in page for words in ("Left it alone", "Talked", "Again"))


def test_a_trainer_cannot_lift_their_own_suspension_by_page(lab, as_):
    row = histories.certifications_of(lab.chloe.id, lab.laser.id)[0]
    suspend(lab.lea, row)
    response = as_(lab.chloe).post(f"/certifications/{row.id}/reinstatement", data={"key": "k"})
    assert response.status_code == 403
    lift(lab.lea, row)


# ── managers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

FIELDS = {"name_fr": "Tour à bois", "valid_months": "12", "icon": "wood", "position": "4", "key": "k"}


def test_a_manager_writes_a_competence_and_changes_it(lab, as_):
    lea = as_(lab.lea)
    response = lea.post("/competences", data=FIELDS | {"prerequisites": [str(lab.safety.id)]})
    assert response.location.endswith("/competences/tour-a-bois")
    row = queries.competence("tour-a-bois")
    changed = FIELDS | {"name_en": "Wood lathe", "valid_months": "", "prerequisites": [], "key": "k2"}
    assert lea.post("/competences/tour-a-bois", data=changed).status_code == 303
    db.session.refresh(row)
    assert (row.name, row.valid_months) == ({"fr": "Tour à bois", "en": "Wood lathe"}, None)
    assert 'value="Wood lathe"' in text(lea.get("/competences/tour-a-bois/edit"))


@pytest.mark.parametrize(
    "changes",
    [
        {"name_fr": ""},
        {"name_fr": "切"},
        {"slug": "Not A Slug"},
        {"slug": "new"},
        {"valid_months": "0"},
        {"valid_months": "121"},
        {"valid_months": "x"},
        {"icon": "dragon"},
        {"prerequisites": ["999999"]},
        {"description_fr": "x" * 2001},
    ],
)
def test_a_wrong_competence_is_shown_again(lab, as_, changes):
    assert as_(lab.lea).post("/competences", data=FIELDS | changes).status_code == 422


def test_a_circle_and_a_taken_address_are_refusals(lab, as_):
    lea = as_(lab.lea)
    assert lea.post("/competences", data=FIELDS | {"slug": "laser"}).status_code == 409
    circle = FIELDS | {"prerequisites": [str(lab.laser.id)]}
    response = lea.post("/competences/safety", data=circle)
    assert response.status_code == 409
    assert "safety" in text(response)
