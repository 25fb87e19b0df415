"""The HTML edge: who may open which page, pages and fragments, forms, one effect per submission, navigation, headers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFProtect, generate_csrf
from itsdangerous import URLSafeTimedSerializer
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.http import parse_cookie
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import cached_property

from app.kernel import clock, headers, i18n, idempotency, navigation
from app.kernel.actors import Actor, Role, current_actor
from app.kernel.db import repeating, transaction
from app.kernel.refusals import Refusal, Refused
from app.kernel.settings import Settings

csrf = CSRFProtect()

_View = TypeVar("_View", bound=Callable[..., Any])
Identify = Callable[[], tuple[Any, Actor] | None]


class HouseRequest(Request):
    @cached_property
    def cookies(self) -> MultiDict[str, str]:  # type: ignore[override]
        """From where WSGI puts them, not searched among all headers: every request of a member looks here."""
        return parse_cookie(self.environ)


class House(Flask):
    """Flask, with a request run again when the database gave its transaction up to a deadlock."""

    request_class = HouseRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view or hook of ours is a coroutine, so none is inspected for it, a dozen times a request."""
        return func

    def dispatch_request(self) -> ResponseReturnValue:
        dispatch, tries = super().dispatch_request, iter((False, True, True, True))

        def run() -> ResponseReturnValue:
            if next(tries):
                _rewind_files()
            return dispatch()

        return repeating(run)()


def _rewind_files() -> None:
    """What was read of the files sent is read again from the start; the rest of the request is kept parsed by itself."""
    for _name, file in request.__dict__.get("files", MultiDict()).items(multi=True):
        file.stream.seek(0)


class Sessions(SecureCookieSessionInterface):
    """The signed cookie, renewed by the first answer of each day: it ends a month after the last day somebody came, and only
    that answer pays for signing it anew.
    """

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        if session.permanent and session.get("renewed") != (today := clock.today().isoformat()):
            session["renewed"] = today
        return session.modified

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        if "session_signer" not in app.extensions:
            app.extensions["session_signer"] = super().get_signing_serializer(app)
        signer: URLSafeTimedSerializer | None = app.extensions["session_signer"]
        return signer


# ── who may open a page ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Access:
    """What a view asks of its visitor. A view that declares nothing asks for a signed-in member."""

    public: bool = False
    roles: tuple[Role, ...] = ()
    scope: str | None = None
    columns_only: bool = False


def public(view: _View) -> _View:
    """Anybody may open this."""
    view.access = Access(public=True)  # type: ignore[attr-defined]
    return view


def needs(*roles: Role) -> Callable[[_View], _View]:
    """Only members with one of these roles may open this; others get 403."""

    def mark(view: _View) -> _View:
        view.access = Access(roles=roles)  # type: ignore[attr-defined]
        return view

    return mark


def columns_only(view: _View) -> _View:
    """The view asks little of its reader: `g.member` is a row of the few columns everybody needs, not the entity."""
    view.access = replace(getattr(view, "access", Access()), columns_only=True)  # type: ignore[attr-defined]
    return view


def takes_up_to(largest: Callable[[Settings], int]) -> Callable[[_View], _View]:
    """Members may send the view a body of so many bytes, more than any other takes."""

    def mark(view: _View) -> _View:
        view.largest = largest  # type: ignore[attr-defined]
        return view

    return mark


def access_of(endpoint: str | None) -> Access:
    view = current_app.view_functions.get(endpoint or "")
    if view is None or endpoint == "static" or str(endpoint).startswith("api-docs."):
        return Access(public=True)
    return cast(Access, getattr(view, "access", Access()))


def _meet() -> None:
    """Before every request, and before anything can refuse it: number it and find out who it is."""
    g.request_id = secrets.token_hex(6)
    if request.endpoint == "static":
        return
    identify: Identify | None = current_app.extensions.get("identify")
    if identify and (known := identify()):
        g.member, g.actor = known
        if largest := getattr(current_app.view_functions.get(request.endpoint or ""), "largest", None):
            request.max_content_length = largest(current_app.extensions["settings"])


def _admit() -> ResponseReturnValue | None:
    """Ask the view's access."""
    access = access_of(request.endpoint)
    if access.public or access.scope is not None:  # scopes are asked by kernel.api
        return None
    if current_actor().member_id is None:
        if request.headers.get("HX-Request"):
            return Response(status=401, headers={"HX-Redirect": _sign_in_url()})
        return redirect(_sign_in_url(), 303)
    if access.roles and not current_actor().has(*access.roles):
        abort(403)
    return None


def _sign_in_url() -> str:
    back = request.full_path if request.method == "GET" else None
    return url_for("accounts.sign_in", next=back.rstrip("?") if back else None)


# ── pages, forms, submissions ────────────────────────────────────────────────────────────────────────────────────────


def page(template: str, status: int = 200, *, block: str | None = None, **context: Any) -> Response:
    """The whole page, or only its `block` when htmx asks for a fragment."""
    if block and request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        loaded = current_app.jinja_env.get_template(template)
        current_app.update_template_context(context)
        filled = loaded.new_context(context)
        next(loaded.root_render_func(filled))  # as far as the layout's first words: the page's imports, which the block uses
        html = "".join(loaded.blocks[block](filled))
    else:
        html = render_template(template, **context)
    response = Response(html, status, content_type="text/html; charset=utf-8")
    response.vary.add("HX-Request")
    return response


def see(url: str) -> ResponseReturnValue:
    """Go and look at the result (303), also from an htmx form."""
    if request.headers.get("HX-Request"):
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, 303)


def once(act: Callable[[], str], *said: str) -> str:
    """Run `act` in one transaction, once per submitted key; a repeated click gets the first answer without acting again.

    The same key with another content (somebody went back and changed the form) is another submission. `said` is what the
    form itself does not tell of its content: of a file sent along only the name counts here, so a view that takes files
    names their bytes. `act` returns the URL to see next. Raises whatever `act` raises, and then forgets the key.
    """
    key = request.form.get("key", "")[:64]
    whose = f"{current_actor().member_id or ''}:{request.path}:{key}:{_said(*said)}"
    with transaction():
        if key and (earlier := idempotency.claim(whose)) is not None:
            return earlier
        url = act()
        if key:
            idempotency.answer(whose, url)
    return url


def _said(*more: str) -> str:
    """A fingerprint of what was typed and of `more`, keyed because a password may be part of it."""
    typed = [(name, value) for name, value in request.form.items(multi=True) if name not in ("key", "csrf_token")]
    files = [(name, file.filename) for name, file in request.files.items(multi=True)]
    return fingerprint(repr((typed, files, *more)).encode("utf-8", "surrogatepass"))


def fingerprint(data: bytes) -> str:
    """Tells two contents apart without giving either away, even to who can read the database."""
    secret = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(secret, data, hashlib.sha256).hexdigest()[:24]


class HouseForm(FlaskForm):  # type: ignore[misc]
    """A form that can also carry refusals; `status` is 422 for a wrong input, 409 for a refusal, 200 when fresh."""

    refusals: Sequence[Refusal] = ()

    def refuse(self, refused: Refused) -> None:
        self.refusals = refused.refusals

    @property
    def status(self) -> int:
        if self.refusals:
            return 409
        return 422 if self.errors else 200


@dataclass(frozen=True, slots=True)
class ShownReason:
    code: str
    message: str
    next_label: str
    next_url: str | None
    icon: str


def shown(refusals: Iterable[Refusal]) -> list[ShownReason]:
    """Refusals as sentences with the link of their next step."""
    return [
        ShownReason(
            refusal.code,
            i18n.explain(refusal),
            i18n.next_step(refusal),
            url_for(refusal.reason.next_endpoint, **cast(Any, refusal.link)) if refusal.reason.next_endpoint else None,
            refusal.reason.icon,
        )
        for refusal in refusals
    ]


def flash_refusals(refused: Refused) -> None:
    """Say every reason above the next page, where no form is there to carry them."""
    for reason in shown(refused.refusals):
        flash(f"{reason.message} {reason.next_label}".strip(), "stop")


def safe_next(target: str | None, otherwise: str) -> str:
    """`target` if it is a path of this site, else `otherwise`: //evil, https://evil and \\evil are not."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return otherwise
    # Browsers drop tabs and line ends wherever they stand and read \\ as /, so "/\t/evil" would become "//evil".
    if any(character == "\\" or not character.isprintable() for character in target):
        return otherwise
    try:
        parts = urlsplit(target)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else target


def add_context(app: Flask, **values: Callable[[], Any]) -> None:
    """Values a feature gives every template (`lab`), each computed when a page asks for it."""
    app.extensions["page_context"].update(values)


def _context() -> dict[str, Any]:
    extra = {name: value() for name, value in current_app.extensions["page_context"].items()}
    if not request:
        return extra
    return {
        "me": g.get("member"),
        "has_role": lambda *names: current_actor().has(*(Role(name) for name in names)),
        "navigation": navigation.entries_for_reader(),
        "locale": i18n.locale(),
        "theme": request.cookies.get("theme", ""),
        "csp_nonce": headers.nonce,
        "csrf_token": generate_csrf,
        "new_key": lambda: secrets.token_urlsafe(12),
        "shown": shown,
        **extra,
    }


def _sprite() -> Markup:
    """The icon sprite, read once: our own file, safe as it is."""
    cached: Markup | None = current_app.extensions.get("sprite")
    if cached is None:
        text = (Path(current_app.root_path) / "static" / "icons.svg").read_text(encoding="utf-8")
        text = text.replace("<svg ", '<svg class="sprite" width="0" height="0" hidden ', 1)
        cached = current_app.extensions["sprite"] = Markup(text)  # noqa: S704
    return cached


def init_app(app: Flask) -> None:
    settings: Settings = app.extensions["settings"]
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=12 * 1024 * 1024,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.is_secure,
        SESSION_COOKIE_NAME="etabli",
        PERMANENT_SESSION_LIFETIME=60 * 60 * 24 * 30,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session, so that nobody loses what they typed
    )
    app.session_interface = Sessions()
    navigation.init_app(app)
    app.extensions["page_context"] = {}
    app.before_request(_meet)
    csrf.init_app(app)
    app.before_request(_admit)
    headers.init_app(app)
    app.context_processor(_context)
    app.jinja_env.globals["sprite"] = _sprite
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
