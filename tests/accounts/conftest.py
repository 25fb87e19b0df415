"""The lab, its people, and browsers to sign in with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask

from app.accounts.models import Charter, Member
from app.kernel.actors import Role
from tests.accounts.scene import Browser, with_password
from tests.builders import a_charter, a_lab, a_member


@dataclass(frozen=True)
class People:
    """Ada and Ben are members; Chloé trains; Léa manages; Abel keeps the books; Nora administers. All accepted the charter."""

    charter: Charter
    ada: Member
    ben: Member
    chloe: Member
    lea: Member
    abel: Member
    nora: Member


@pytest.fixture
def people(app: Flask) -> People:
    a_lab()
    charter = a_charter()
    ada = with_password(a_member("Ada Lovelace", charter=charter))
    ben = a_member("Ben Oz", locale="en", charter=charter)
    chloe = a_member("Chloé Petit", roles=(Role.TRAINER,), charter=charter)
    lea = a_member("Léa Martin", roles=(Role.MANAGER,), charter=charter)
    abel = a_member("Abel Compte", roles=(Role.ACCOUNTANT,), charter=charter)
    nora = a_member("Nora Racine", roles=(Role.ADMINISTRATOR,), charter=charter)
    return People(charter, ada, ben, chloe, lea, abel, nora)


@pytest.fixture
def browser(app: Flask) -> Browser:
    """A visitor's."""
    return Browser(app)


@pytest.fixture
def as_(app: Flask) -> Callable[[Member | None], Browser]:
    """`as_(ben)` is a browser where Ben signed in with his password; `as_(None)` is a visitor's."""

    def signed_in(member: Member | None) -> Browser:
        one = Browser(app)
        return one.sign_in(with_password(member)) if member is not None else one

    return signed_in
