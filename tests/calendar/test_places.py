"""The tree of places: what a manager may change, and what the calendar refuses so that nothing booked is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound

from app.accounts import lab
from app.calendar import occupancies, queries, resources
from app.calendar.models import Kind, OpeningRule, Resource
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed, Refused
from tests.builders import acting
from tests.calendar.scene import BOSS, codes, special, stretch, take
from tests.trainings.scene import at_once


def describe(place: Resource, **changes) -> None:
    kept = {"name": place.name, "slug": place.slug, "parent_id": place.parent_id, "capacity": place.capacity}
    with transaction():
        resources.describe(actor=BOSS, resource_id=place.id, **{**kept, **changes})


def add(parent: Resource, slug: str, kind: Kind = Kind.SPACE, **more) -> Resource:
    with transaction():
        return resources.create(actor=BOSS, parent_id=parent.id, kind=kind, name={"fr": slug}, slug=slug, **more)


def refusal(act) -> list[str]:
    with pytest.raises(Refused) as refused:
        act()
    return codes(refused)


def tree() -> list[tuple[str, int, list[str]]]:
    return [(one.resource.slug, one.depth, [thing.slug for thing in one.things]) for one in queries.places()]


def test_a_new_lab_has_its_site_and_usual_hours_at_once(app):
    with transaction():
        lab.create(actor=BOSS, name="La Forge du Canal", city="Roubaix", email="bonjour@forge.test")
    [site] = queries.places()
    assert (site.resource.kind, site.resource.name) == (Kind.SITE, {"fr": "La Forge du Canal"})
    assert {rule.weekday for rule in db.session.scalars(select(OpeningRule))} == {1, 2, 3, 4, 5}
    with transaction():
        assert resources.create_site("Another").id == site.resource.id


def test_the_tree_is_read_in_its_order_parents_first(house):
    assert tree() == [("site", 0, []), ("workshop", 1, ["laser", "cnc"]), ("sewing", 1, ["table"])]
    add(house.workshop, "booth")
    assert tree()[2] == ("booth", 2, [])


def test_the_whole_tree_is_one_statement(house, statements):
    queries.places()
    statements.clear()
    for place in ("a", "b", "c"):
        add(house.site, place)
    statements.clear()
    assert len(queries.places()) == 6
    assert len(statements) == 1


@pytest.mark.parametrize(("up", "expected"), [(True, ["sewing", "workshop"]), (False, ["workshop", "sewing"])])
def test_a_space_changes_places_with_its_neighbour(house, up, expected):
    with transaction():
        resources.reposition(actor=BOSS, resource_id=house.sewing.id, up=up)
    assert [slug for slug, depth, _things in tree() if depth == 1] == expected


def test_moving_down_and_up_again_changes_nothing(house):
    add(house.site, "annex")
    before = tree()
    for up in (False, True):
        with transaction():
            resources.reposition(actor=BOSS, resource_id=house.workshop.id, up=up)
    assert tree() == before


def test_a_short_address_belongs_to_one_place(house):
    assert refusal(lambda: add(house.site, "laser")) == ["calendar.name_taken"]
    assert refusal(lambda: describe(house.sewing, slug="workshop")) == ["calendar.name_taken"]
    describe(house.sewing, slug="sewing")


@pytest.mark.parametrize("inside", ["workshop", "booth"])
def test_a_place_is_never_inside_itself(house, inside):
    add(house.workshop, "booth")
    parent = queries.resource(inside)
    assert refusal(lambda: describe(house.workshop, parent_id=parent.id)) == ["calendar.inside_itself"]


def test_nothing_is_put_inside_a_machine_or_a_retired_place(house):
    annex = add(house.site, "annex")
    with transaction():
        resources.retire(actor=BOSS, resource_id=annex.id)
    for parent in (annex, house.laser):
        assert refusal(lambda parent=parent: add(parent, "corner")) == ["calendar.not_a_place"]
        assert refusal(lambda parent=parent: describe(house.sewing, parent_id=parent.id)) == ["calendar.not_a_place"]
    with pytest.raises(Refused), transaction():
        resources.create(actor=BOSS, parent_id=999_999, kind=Kind.SPACE, name={"fr": "x"}, slug="x")


def test_the_site_stays_where_and_what_it_is(house):
    assert refusal(lambda: describe(house.site, parent_id=house.workshop.id)) == ["calendar.site_stays"]
    assert refusal(lambda: describe(house.workshop, parent_id=None)) == ["calendar.site_stays"]
    with pytest.raises(Refused) as refused, transaction():
        resources.retire(actor=BOSS, resource_id=house.site.id)
    assert codes(refused) == ["calendar.site_stays"]


def test_a_place_is_retired_once_it_is_empty_and_its_history_stays(house):
    take(house.cnc, stretch("10:00", "11:00"))

    def retire(place: Resource) -> None:
        with transaction():
            resources.retire(actor=BOSS, resource_id=place.id)

    assert refusal(lambda: retire(house.workshop)) == ["calendar.not_empty"]
    retire(house.laser)
    retire(house.cnc)
    retire(house.workshop)
    assert [slug for slug, _depth, _things in tree()] == ["site", "sewing"]
    with pytest.raises(NoResultFound):
        queries.resource("workshop")
    assert len(queries.occupied([house.cnc.id], stretch("10:00", "11:00"))[house.cnc.id]) == 1


def test_seats_that_are_booked_are_not_taken_away(house):
    for seat in range(3):
        take(house.table, stretch("10:00", "11:00"), f"reservation:{seat}")
    assert refusal(lambda: describe(house.table, capacity=2)) == ["calendar.seats_taken"]
    describe(house.table, capacity=3)
    with transaction():
        occupancies.release("reservation:2", clock.now())
    describe(house.table, capacity=2)


def test_seats_booked_in_the_past_do_not_count(house):
    for seat in range(3):
        take(house.table, stretch("8:00".zfill(5), "09:00", "2026-11-26"), f"reservation:{seat}")
    describe(house.table, capacity=1)
    assert queries.resource("table").capacity == 1


@pytest.mark.both_engines
def test_two_managers_take_the_same_address_and_one_is_told(house, app):
    """Under different parents, so that no row lock makes one wait for the other: the table's constraint decides."""

    def add_annex(parent: Resource) -> Resource:
        return resources.create(actor=BOSS, parent_id=parent.id, kind=Kind.SPACE, name={"fr": "a"}, slug="annex")

    found = at_once(app, lambda: add_annex(house.workshop), lambda: add_annex(house.sewing))
    assert sorted(type(one).__name__ for one in found) == ["Refused", "Resource"]
    assert [one.code for result in found if isinstance(result, Refused) for one in result.refusals] == ["calendar.name_taken"]


ACTS = {
    "create": lambda house, who: resources.create(
        actor=who, parent_id=house.site.id, kind=Kind.SPACE, name={"fr": "x"}, slug="x"
    ),
    "describe": lambda house, who: resources.describe(
        actor=who, resource_id=house.sewing.id, name={"fr": "x"}, slug="x", parent_id=house.site.id, capacity=1
    ),
    "reposition": lambda house, who: resources.reposition(actor=who, resource_id=house.sewing.id, up=True),
    "retire": lambda house, who: resources.retire(actor=who, resource_id=house.laser.id),
    "weekly": lambda house, who: resources.set_weekly(actor=who, resource_id=house.site.id, hours=[(0, 600, 700)]),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_only_managers_change_places_and_every_change_is_written_down(house, act):
    for nobody in (acting(house.ada), Actor(None)):
        with pytest.raises(NotAllowed), transaction():
            act(house, nobody)
    with transaction():
        act(house, acting(house.lea))
    [entry] = db.session.scalars(select(AuditEntry))
    assert (entry.actor_id, entry.subject.split(":")[0]) == (house.lea.id, "resource")


def test_only_managers_say_exceptional_days(house):
    with pytest.raises(NotAllowed), transaction():
        resources.add_exception(
            actor=acting(house.ada),
            resource_id=house.site.id,
            first_day=clock.today(),
            last_day=clock.today(),
            periods=[],
            note={},
        )
    ident = special(house.site, "2026-11-27")
    with pytest.raises(NotAllowed), transaction():
        resources.remove_exception(actor=acting(house.ada), resource_id=house.site.id, exception_id=ident)
    with pytest.raises(NoResultFound), transaction():
        resources.remove_exception(actor=acting(house.lea), resource_id=house.laser.id, exception_id=ident)
