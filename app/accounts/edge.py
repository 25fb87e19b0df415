"""What the pages of accounts share: their blueprint, where a visitor comes from and goes on to, and being let in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user

from app.accounts import throttle
from app.accounts.models import Member
from app.accounts.throttle import Throttled, Try
from app.kernel.errors import error_page
from app.kernel.web import HouseForm, page, safe_next, see

bp = Blueprint("accounts", __name__, template_folder="templates")


def me() -> Member:
    """The signed-in member; only for views that ask for one."""
    member: Member = g.member
    return member


def wished() -> str:
    """The path of this site the visitor came from and wants back to; "" for none. Forms and letters carry it along."""
    return safe_next(request.values.get("next"), "")


def onward() -> str:
    return wished() or url_for("reports.home")


def count_try(kind: Try, account: str) -> None:
    """Raises Throttled."""
    throttle.count_try(kind, account, address())


def address() -> str:
    return request.remote_addr or "unknown"


def let_in(member: Member) -> ResponseReturnValue:
    """A new session, from nothing, for who has just shown that they are `member`."""
    url = onward()
    session.clear()
    login_user(member)
    session.permanent = True
    return see(url)


def slow_down(template: str, form: HouseForm, throttled: Throttled, **context: Any) -> ResponseReturnValue:
    """The form again, what was typed kept, with how long to wait."""
    form.refuse(throttled)
    response = page(template, 429, form=form, **context)
    response.headers["Retry-After"] = _wait()
    return response


@bp.errorhandler(Throttled)
def _on_throttled(_error: Throttled) -> ResponseReturnValue:
    response = error_page(429)
    response.headers["Retry-After"] = _wait()
    return response


def _wait() -> str:
    return str(int(throttle.WINDOW.total_seconds()))
