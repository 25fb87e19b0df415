"""The people at the desk, and clients signed in as one of them or carrying their token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import tokens
from app.accounts.models import Member
from app.kernel.actors import Role
from app.kernel.db import transaction
from tests.billing.scene import set_rate
from tests.builders import a_lab, a_member, acting


@dataclass(frozen=True)
class Lab:
    """Léa manages, Alba keeps the books, Carl trains; Ada and Ben are members. The laser (machine:7) costs 10 € an hour."""

    lea: Member
    alba: Member
    carl: Member
    ada: Member
    ben: Member


@pytest.fixture
def lab(app: Flask) -> Lab:
    a_lab()
    lea = a_member("Léa Martin", roles=(Role.MANAGER,))
    alba = a_member("Alba Conte", roles=(Role.ACCOUNTANT,))
    carl = a_member("Carl Roux", roles=(Role.TRAINER,))
    found = Lab(lea, alba, carl, a_member("Ada Lovelace"), a_member("Ben Oz", locale="en"))
    set_rate(lea, "machine:7", 1000)
    return found


@pytest.fixture
def as_(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FlaskClient]:
    """`as_(ben)` is a browser where Ben is signed in, `as_(ben, "desk")` a program with a token of that scope."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)

    def client_of(member: Member | None, *scopes: str) -> FlaskClient:
        client = app.test_client()
        if member is not None and scopes:
            with transaction():
                token = tokens.create_api_token(actor=acting(member), member_id=member.id, name="test", scopes=scopes, days=1)
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        elif member is not None:
            with client.session_transaction() as session:
                session["_user_id"], session["_fresh"] = member.get_id(), True
        return client

    return client_of
