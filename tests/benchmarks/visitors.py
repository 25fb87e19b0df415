"""Signed-in browsers: the session cookie a sign-in gives, without the password hash it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, session
from flask_login import login_user
from flask_wtf.csrf import generate_csrf
from sqlalchemy import event

from app.accounts import queries as accounts
from app.kernel.db import db

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@dataclass(frozen=True, slots=True)
class Visitor:
    cookie: str
    csrf_token: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        accepted = (("Accept", "*/*"), ("Accept-Language", "fr,en;q=0.8"), ("Accept-Encoding", "gzip, deflate"))
        return (("User-Agent", BROWSER), *accepted, ("Cookie", self.cookie))


def signed_in(app: Flask, member_id: int) -> Visitor:
    """The browser of a member who signed in from this machine and has seen a page with a form."""
    with app.test_request_context("/", headers={"User-Agent": BROWSER}, environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        login_user(accounts.member(member_id))
        session.permanent = True
        token = generate_csrf()
        response = app.response_class()
        app.session_interface.save_session(app, session, response)
        db.session.remove()
    return Visitor(response.headers["Set-Cookie"].split(";", 1)[0], token)


@contextlib.contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL run in the block, transaction control left out."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")):
            found.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
