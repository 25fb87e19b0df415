"""What the tests of accounts share: a browser that fills in the forms it is shown, and the letters that arrive."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.accounts import passwords
from app.accounts.models import Member
from app.kernel import clock, outbox
from app.kernel.db import Base, db, repeating, transaction
from app.kernel.mail import Mail
from app.kernel.refusals import Refused

PASSWORD = "a sentence nobody guesses"


@dataclass
class Form:
    """What a form sends when nothing is touched; its buttons' names are left out, as a browser does."""

    action: str
    values: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._inside = False
        self._select = self._textarea = ""
        self._options = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        name, value = known.get("name") or "", known.get("value")
        if tag == "form":
            self.found.append(Form(known.get("action") or ""))
            self._inside = True
        if not self._inside:
            return
        if tag == "input" and name and not (known.get("type") in ("checkbox", "radio") and "checked" not in known):
            self._keep(name, value if value is not None else ("on" if known.get("type") == "checkbox" else ""))
        elif tag == "select":
            self._select, self._options = name, 0
        elif tag == "option" and self._select:
            self._choose(value or "", "selected" in known)
        elif tag == "textarea":
            self._textarea = name
            self._keep(name, "")
        elif tag == "button":
            self.found[-1].buttons.append(known.get("name") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            kept = self.found[-1].values[self._textarea]
            kept[-1] = (kept[-1] + data).replace("\r\n", "\n").removeprefix("\n")  # as a browser does

    def _choose(self, option: str, is_selected: bool) -> None:
        """The first option stands until another one is marked."""
        if not self._options or is_selected:
            self.found[-1].values[self._select] = [option]
        self._options += 1

    def _keep(self, name: str, value: str) -> None:
        self.found[-1].values.setdefault(name, []).append(value)


def forms(html: str) -> list[Form]:
    parser = _Forms()
    parser.feed(html)
    return parser.found


class Browser:
    """One person's browser: it keeps its cookies, and sends the forms it was shown with what is typed into them."""

    def __init__(self, app: Flask, *, language: str = "en", address: str = "192.0.2.1") -> None:
        self.client: FlaskClient = app.test_client()
        self.headers = {"Accept-Language": language}
        self.environ = {"REMOTE_ADDR": address}

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, headers=self.headers | more.pop("headers", {}), environ_overrides=self.environ, **more)

    def text(self, path: str) -> str:
        return self.get(path).get_data(as_text=True)

    def form(self, path: str, action: str | None = None) -> Form:
        """The form of the page that goes to `action` (the page itself when not given), as a browser would send it untouched."""
        wanted = action or path.partition("?")[0].partition("#")[0]
        page = self.get(path)
        found = [one for one in forms(page.get_data(as_text=True)) if one.action == wanted]
        assert found, f"{path} ({page.status_code}) shows no form that goes to {wanted}"
        return found[0]

    def send(self, form: Form, **typed: Any) -> TestResponse:
        data = {name: values for name, values in form.values.items() if name not in typed} | typed
        data = {name: value for name, value in data.items() if value is not None}
        return self.client.post(form.action, data=data, headers=self.headers, environ_overrides=self.environ)

    def fill(self, path: str, action: str | None = None, **typed: Any) -> TestResponse:
        """Open a page, type into its form, send it. None leaves a box unticked or a field out."""
        return self.send(self.form(path, action), **typed)

    def sign_in(self, member: Member, password: str = PASSWORD) -> Browser:
        response = self.fill("/sign-in", email=member.email, password=password)
        assert response.status_code == 303, "not let in"
        return self

    @property
    def name(self) -> str | None:
        """Whose account the house sees in this browser."""
        found = re.search(r"<h1>(.*?)</h1>", self.text("/account"))
        response = self.get("/account")
        return found.group(1) if found and response.status_code == 200 else None


def with_password(member: Member, password: str = PASSWORD) -> Member:
    hashed = passwords.hashed(password)
    with transaction():
        db.session.get_one(Member, member.id).password_hash = hashed
    return member


def letters_to(address: str) -> list[Mail]:
    """What has been written to an address, latest first; the worker does its work before."""
    outbox.drain()
    db.session.rollback()
    return list(db.session.scalars(select(Mail).where(Mail.to_address == address).order_by(Mail.id.desc())))


def link_in(letter: Mail) -> str:
    """The path of the button of a letter."""
    found = re.search(r"http://lab\.test(/\S+)", letter.text)
    assert found, letter.text
    return found.group(1)


def count(model: type[Base], *where: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def fresh(member: Member) -> Member:
    """The member's row as it is now."""
    db.session.rollback()
    return db.session.get_one(Member, member.id, populate_existing=True)


def codes(refused: Any) -> set[str]:
    """Of what pytest.raises caught, or of a refusal that came back as a result."""
    value: Refused = getattr(refused, "value", refused)
    return {refusal.code.removeprefix("accounts.") for refusal in value.refusals}


def at_once(app: Flask, *acts: Callable[[], Any], in_transaction: bool = True) -> list[Any]:
    """Run `acts` at the same moment, each in a transaction of its own; a refusal is a result like another."""
    instant = clock.now()
    ready = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        clock.set_clock(instant)
        with app.app_context():

            def whole() -> Any:
                if not in_transaction:
                    return act()
                with transaction():
                    return act()

            ready.wait()
            try:
                results[number] = repeating(whole)()
            except Exception as error:  # a test looks at what each got
                results[number] = error
            finally:
                db.session.remove()

    db.session.rollback()
    threads = [threading.Thread(target=run, args=(number, act)) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return results
