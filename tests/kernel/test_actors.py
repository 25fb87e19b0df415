"""Who may what, before any rule of a feature is asked."""

from __future__ import annotations

import pytest

from app.kernel.actors import HOUSE, Actor, Role, current_actor


@pytest.mark.parametrize(
    ("held", "asked", "has"),
    [
        ((), (Role.MANAGER,), False),
        ((Role.MANAGER,), (Role.MANAGER,), True),
        ((Role.MANAGER,), (Role.ADMINISTRATOR,), False),
        ((Role.MANAGER,), (Role.MANAGER, Role.ACCOUNTANT), True),
        ((Role.ADMINISTRATOR,), (Role.MANAGER,), True),
        ((Role.ADMINISTRATOR,), (Role.TRAINER,), False),
        ((Role.ADMINISTRATOR,), (Role.ACCOUNTANT,), False),
        ((Role.ACCOUNTANT,), (Role.MANAGER,), False),
        ((Role.TRAINER, Role.ACCOUNTANT), (Role.ACCOUNTANT,), True),
        ((Role.MANAGER,), (), False),
    ],
)
def test_a_role_is_held_or_not_and_administrators_manage(held, asked, has):
    assert Actor(1, frozenset(held)).has(*asked) is has


@pytest.mark.parametrize(
    ("held", "staff"), [((Role.MANAGER,), True), ((Role.ADMINISTRATOR,), True), ((Role.TRAINER,), False), ((), False)]
)
def test_the_team_are_managers_and_administrators(held, staff):
    assert Actor(1, frozenset(held)).is_staff is staff


def test_the_house_has_no_role_of_its_own():
    assert HOUSE.member_id is None
    assert not HOUSE.is_staff


def test_who_did_not_sign_in_is_a_visitor_without_rights(app):
    visitor = current_actor()
    assert visitor.member_id is None
    assert not visitor.has(*Role)
