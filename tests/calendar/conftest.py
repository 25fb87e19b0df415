"""A lab with its site, two spaces and machines, and browsers signed in as its people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.models import Member
from app.calendar.models import Kind, Resource
from app.kernel.actors import Role
from tests.builders import a_lab, a_member, save
from tests.calendar.scene import open_on


@dataclass(frozen=True)
class House:
    """The site holds the workshop (laser, CNC) and the sewing room (a table of six seats). Open 10–19 from Tuesday to Friday."""

    site: Resource
    workshop: Resource
    sewing: Resource
    laser: Resource
    cnc: Resource
    table: Resource
    lea: Member
    ada: Member


@pytest.fixture
def house(app: Flask) -> House:
    a_lab()
    site = Resource(kind=Kind.SITE, name={"fr": "La Forge", "en": "The Forge"}, slug="site")
    save(site)
    workshop = Resource(kind=Kind.SPACE, parent_id=site.id, name={"fr": "Atelier", "en": "Workshop"}, slug="workshop", position=1)
    sewing = Resource(kind=Kind.SPACE, parent_id=site.id, name={"fr": "Couture", "en": "Sewing"}, slug="sewing", position=2)
    save(workshop, sewing)
    laser = Resource(kind=Kind.MACHINE, parent_id=workshop.id, name={"fr": "Laser"}, slug="laser", position=1)
    cnc = Resource(kind=Kind.MACHINE, parent_id=workshop.id, name={"fr": "Fraiseuse"}, slug="cnc", position=2)
    table = Resource(kind=Kind.MACHINE, parent_id=sewing.id, name={"fr": "Table"}, slug="table", capacity=6, position=1)
    save(laser, cnc, table)
    open_on(site, [1, 2, 3, 4], "10:00–19:00")
    return House(site, workshop, sewing, laser, cnc, table, a_member("Léa Martin", roles=(Role.MANAGER,)), a_member())


@pytest.fixture
def browser(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[Member | None], FlaskClient]:
    """`browser(lea)`: a client where Léa is signed in. Forged forms are the kernel's to test, so they pass here."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)

    def of(member: Member | None = None) -> FlaskClient:
        client = app.test_client()
        if member is not None:
            with client.session_transaction() as session:
                session["_user_id"], session["_fresh"] = f"{member.id}:{member.session_epoch}", True
        return client

    return of
