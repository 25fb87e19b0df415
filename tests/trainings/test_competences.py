"""What the lab teaches, in which order, and the way to it."""

from __future__ import annotations

import pytest

from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.refusals import NotAllowed, Refused
from tests.builders import acting
from tests.trainings.scene import a_certification, a_competence, at_once, certify, codes, in_days, suspend
from trainings import competences, interests, queries
from trainings.competences import Draft
from trainings.models import Level


def draft(name="Découpe laser", **changes):
    return Draft(**{"name": {"fr": name}, **changes})


def create(actor, **changes):
    with transaction():
        return competences.create(actor=acting(actor), draft=draft(**changes))


def change(actor, row, **changes):
    with transaction():
        return competences.change(actor=acting(actor), competence_id=row.id, draft=draft(**changes))


def test_managers_create_competences_and_the_address_comes_from_the_name(lab):
    row = create(lab.lea, valid_months=12, prerequisite_ids=[lab.safety.id])
    assert queries.competence("decoupe-laser").id == row.id
    assert queries.prerequisites()[row.id] == [lab.safety.id]


def test_only_managers_write_competences(lab):
    for act in (lambda: create(lab.chloe), lambda: change(lab.chloe, lab.laser)):
        with pytest.raises(NotAllowed):
            act()


def test_an_address_belongs_to_one(lab):
    with pytest.raises(Refused) as refused:
        create(lab.lea, slug="laser")
    assert codes(refused) == {"slug_taken"}


def test_prerequisites_in_a_circle_are_refused_and_nothing_is_saved(lab):
    with pytest.raises(Refused) as refused:
        change(lab.lea, lab.safety, prerequisite_ids=[lab.laser.id])
    assert codes(refused) == {"circle"}
    assert queries.prerequisites() == {lab.laser.id: [lab.safety.id]}


def test_a_longer_circle_is_refused_too_even_through_a_retired_one(lab):
    deep = a_competence("deep", needs=[lab.laser])
    with transaction():
        competences.retire(actor=acting(lab.lea), competence_id=lab.laser.id)
    with pytest.raises(Refused) as refused:
        change(lab.lea, lab.safety, prerequisite_ids=[deep.id])
    assert codes(refused) == {"circle"}


@pytest.mark.both_engines
def test_two_managers_cannot_close_a_circle_together(app, lab):
    one, two = a_competence("one"), a_competence("two")

    def needs(row, other):
        return lambda: competences.change(actor=acting(lab.lea), competence_id=row.id, draft=draft(prerequisite_ids=[other.id]))

    results = at_once(app, needs(one, two), needs(two, one))
    assert sum(isinstance(result, Refused) for result in results) == 1


@pytest.mark.both_engines
def test_two_managers_with_one_address_make_one_competence(app, lab):
    results = at_once(app, *[lambda: competences.create(actor=acting(lab.lea), draft=draft(slug="same"))] * 2)
    assert sum(isinstance(result, Refused) for result in results) == 1


def test_a_retired_competence_is_not_certified_nor_asked_first_but_kept_by_its_holders(lab):
    with transaction():
        competences.retire(actor=acting(lab.lea), competence_id=lab.safety.id)
    assert lab.safety.id in queries.held(lab.ben.id, clock.today())
    with pytest.raises(Refused) as refused:
        certify(lab.lea, lab.ada, lab.safety)
    assert codes(refused) == {"competence_retired"}
    certify(lab.chloe, lab.ada, lab.laser)
    with pytest.raises(Refused):
        interests.declare(actor=acting(lab.ada), competence_id=lab.safety.id)
    with transaction():
        competences.reopen(actor=acting(lab.lea), competence_id=lab.safety.id)
    certify(lab.lea, lab.ada, lab.safety)


def test_steps_name_the_prerequisites_first_and_where_one_stands(lab, statements):
    with transaction():
        interests.declare(actor=acting(lab.ben), competence_id=lab.laser.id)
    row = certify(lab.lea, lab.ben, lab.cnc, Level.ASSISTED)
    suspend(lab.lea, row, "Unsafe")
    statements.clear()
    steps = queries.steps(lab.ben.id, [lab.cnc.id, lab.laser.id], clock.today())
    assert len(statements) <= 5
    assert [(one.slug, one.done, one.suspended_reason, one.interest) for one in steps] == [
        ("cnc", False, "Unsafe", False),
        ("safety", True, None, False),
        ("laser", False, None, True),
    ]


def test_a_visitor_sees_the_way_undone(lab, statements):
    steps = queries.steps(None, [lab.laser.id], clock.today())
    assert [(one.slug, one.done) for one in steps] == [("safety", False), ("laser", False)]
    assert len(statements) <= 2


def test_who_holds_the_competence_is_not_asked_for_its_prerequisite_again(lab):
    a_certification(lab.ada, lab.laser, by=lab.lea)
    assert [one.slug for one in queries.steps(lab.ada.id, [lab.laser.id], clock.today())] == ["laser"]


def test_a_step_held_with_help_is_not_done_but_says_so(lab):
    certify(lab.chloe, lab.ben, lab.laser, Level.ASSISTED, valid_until=in_days(20))
    step = queries.steps(lab.ben.id, [lab.laser.id], clock.today())[-1]
    assert (step.done, step.level, step.until) == (False, Level.ASSISTED, in_days(20))
