"""People of the lab, its competences, and clients signed in as somebody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from app.accounts.models import Member
from app.kernel.actors import Actor, Door, Role
from app.kernel.db import db
from tests.builders import a_lab, a_member
from tests.trainings.scene import a_certification, a_competence
from trainings.models import Competence, Level


@dataclass(frozen=True)
class Lab:
    """Léa manages; Chloé trains the laser, Carl the CNC; Ben and Ada are members. The laser asks for safety first."""

    lea: Member
    chloe: Member
    carl: Member
    ben: Member
    ada: Member
    safety: Competence
    laser: Competence
    cnc: Competence


@pytest.fixture
def lab(app: Flask) -> Lab:
    a_lab()
    lea = a_member("Léa Martin", roles=(Role.MANAGER,))
    chloe = a_member("Chloé Petit", roles=(Role.TRAINER,))
    carl = a_member("Carl Roux", roles=(Role.TRAINER,))
    ben, ada = a_member("Ben Oz", locale="en"), a_member("Ada Lovelace")
    safety = a_competence("safety", valid_months=None, position=1)
    laser = a_competence("laser", needs=[safety], position=2)
    cnc = a_competence("cnc", position=3)
    a_certification(chloe, laser, Level.TRAINER, by=lea)
    a_certification(carl, cnc, Level.TRAINER, by=lea)
    a_certification(ben, safety, by=lea, valid_until=None)
    return Lab(lea, chloe, carl, ben, ada, safety, laser, cnc)


@pytest.fixture
def as_(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FlaskClient]:
    """`as_(ben)` is a browser where Ben is signed in, `as_(ben, "trainings")` a program with a token of that scope.

    How people sign in, and forged forms, are accounts' and the kernel's to test: here the edge is told who it is.
    """

    def identify() -> tuple[Member, Actor] | None:
        ident = request.headers.get("X-Test-Member")
        if ident is None:
            return None
        member = db.session.get_one(Member, int(ident), populate_existing=True)
        scopes = request.headers.get("X-Test-Scopes")
        door, kept = (Door.PAGE, None) if scopes is None else (Door.API, frozenset(scopes.split()))
        return member, Actor(member.id, frozenset(Role(role) for role in member.roles), door, kept)

    monkeypatch.setitem(app.extensions, "identify", identify)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)

    def client_of(member: Member | None, *scopes: str) -> FlaskClient:
        client = app.test_client()
        if member is not None:
            client.environ_base["HTTP_X_TEST_MEMBER"] = str(member.id)
        if scopes:
            client.environ_base["HTTP_X_TEST_SCOPES"] = " ".join(scopes)
        return client

    return client_of
