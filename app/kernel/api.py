"""The JSON edge: one OpenAPI document, bearer tokens with scopes, and every error as problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Protocol, TypeVar, cast

import marshmallow as ma
from flask import Flask, Response, abort, current_app, g, request
from flask_babel import gettext as _
from flask_smorest import Api, Blueprint
from sqlalchemy.exc import NoResultFound
from werkzeug.exceptions import HTTPException

from app.kernel import i18n, idempotency
from app.kernel.actors import current_actor
from app.kernel.db import db, transaction
from app.kernel.errors import note_bug, on_bug, on_http_error, with_error_headers
from app.kernel.refusals import NotAllowed, Refusal, Refused
from app.kernel.web import Access, access_of, csrf, fingerprint

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
MAX_ID = 2**31 - 1

SCOPES = {
    "profile": "Read your own account and accept the charter",
    "reservations": "Read, book, move, cancel, check in and end your own reservations",
    "prints": "Send files, start, watch and stop your own prints",
    "trainings": "Certify members for the competences you train",
    "desk": "Take payments at the desk and read what members owe (managers and accountants)",
    "manage": "Read members and act on their reservations (managers)",
}

_View = TypeVar("_View", bound=Callable[..., Any])


class JsonBlueprint(Protocol):
    """The part of flask-smorest's blueprint that we use, with the types it leaves out."""

    def get(self, rule: str, **options: Any) -> Callable[[_View], _View]: ...
    def post(self, rule: str, **options: Any) -> Callable[[_View], _View]: ...
    def put(self, rule: str, **options: Any) -> Callable[[_View], _View]: ...
    def patch(self, rule: str, **options: Any) -> Callable[[_View], _View]: ...
    def delete(self, rule: str, **options: Any) -> Callable[[_View], _View]: ...
    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Callable[[_View], _View]: ...
    def response(self, status_code: int, schema: Any = None, **options: Any) -> Callable[[_View], _View]: ...
    def alt_response(self, status_code: int, response: Any = None, **options: Any) -> Callable[[_View], _View]: ...


class Text(ma.fields.String):
    """A bounded line of text: stripped, without the NUL that PostgreSQL cannot store. `least` 0 admits an empty one.

    Half of a pair of surrogates, which JSON can spell and UTF-8 cannot, is not a valid text.
    """

    def __init__(self, *, most: int = 200, least: int = 1, **kwargs: Any) -> None:
        bounds = [ma.validate.Length(min=least, max=most), ma.validate.Regexp(r"^[^\x00]*$")]
        super().__init__(validate=bounds, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs)).strip()
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self.make_error("invalid_utf8") from error
        return text


class ReasonSchema(ma.Schema):
    code = ma.fields.String(required=True, metadata={"example": "machines.not_certified"})
    message = ma.fields.String(required=True)
    next_step = ma.fields.String(required=True)
    params = ma.fields.Dict(required=True)


class Problem(ma.Schema):
    """RFC 9457, with all the reasons of a refusal and the errors of a wrong input by field."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String()
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema))
    errors = ma.fields.Dict()
    alternatives = ma.fields.List(ma.fields.Dict())


class HouseApi(Api):  # type: ignore[misc]
    """flask-smorest, with our problem documents instead of its own error payload."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            response: dict[str, Any] = {"description": status.phrase}
            if status >= 400:
                response["content"] = {PROBLEM: {"schema": Problem}}
            self.spec.components.response(status.name, response, lazy=True)

    def _register_error_handlers(self) -> None:
        """Errors are dressed by `_on_error` of each blueprint and of the prefix, not for the whole site."""


def init_app(app: Flask) -> None:
    app.config.update(
        API_TITLE="Établi",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": "Everything a page does, with the same rules. Send `Authorization: Bearer <token>`."},
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        },
    )
    api = HouseApi(app)
    app.extensions["house_api"] = api
    app.before_request(_ask_scope)
    app.register_error_handler(HTTPException, lambda error: _on_http_error(error) if is_api_request() else on_http_error(error))
    app.register_error_handler(Exception, lambda error: _on_bug(error) if is_api_request() else on_bug(error))


def blueprint(name: str, import_name: str, description: str) -> JsonBlueprint:
    """A JSON blueprint under /api/v1, with its errors as problems and no CSRF: it never reads the session to write."""
    blp = Blueprint(f"{name}_api", import_name, url_prefix=PREFIX, description=description)
    blp.errorhandler(HTTPException)(_on_http_error)
    blp.errorhandler(Refused)(_on_refused)
    blp.errorhandler(NotAllowed)(lambda _error: problem(403, _("You may see this, but not do that.")))
    blp.errorhandler(NoResultFound)(lambda _error: problem(404, _("Unknown, or not yours.")))
    csrf.exempt(blp)
    return cast(JsonBlueprint, blp)


def register(app: Flask, blp: JsonBlueprint) -> None:
    app.extensions["house_api"].register_blueprint(blp)


def scoped(scope: str) -> Callable[[_View], _View]:
    """Ask for a token with this scope. A signed-in browser may also read (GET), never write."""

    def mark(view: _View) -> _View:
        view.access = Access(scope=scope)  # type: ignore[attr-defined]
        described: _View = Blueprint.doc(security=[{"token": []}], **{"x-scope": scope})(view)
        return described

    return mark


def answers(blp: JsonBlueprint, *statuses: int) -> Callable[[_View], _View]:
    """Declare the problems an endpoint may answer with; 401, 403 and 422 where they apply are for the caller to name."""

    def mark(view: _View) -> _View:
        for status in statuses:
            view = blp.alt_response(status, HTTPStatus(status).name)(view)
        return view

    return mark


def problem(status: int, detail: str = "", **extra: Any) -> Response:
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    response = current_app.response_class(current_app.json.dumps(body), status, mimetype=PROBLEM)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def once(act: Callable[[], int], *said: str) -> int:
    """Run `act` (it returns the id of what it made) in one transaction, once per `Idempotency-Key` header.

    The same key again answers with the first id; with another body it is a mistake of the caller, 422. `said` is what
    cannot be read again from the body, such as which bytes a file sent along had.
    """
    key = request.headers.get("Idempotency-Key", "")[:64]
    whose = f"api:{current_actor().member_id}:{request.path}:{key}"
    body = fingerprint(b"\n".join([request.get_data(cache=True), *map(str.encode, said)]))
    with transaction():
        if key and (earlier := idempotency.claim(whose)) is not None:
            ident, _sep, first_body = earlier.partition(" ")
            if first_body != body:
                abort(422, _("This Idempotency-Key came with another body before: use a new key for a new request."))
            return int(ident)
        made = act()
        if key:
            idempotency.answer(whose, f"{made} {body}")
    return made


def _ask_scope() -> Response | None:
    scope = access_of(request.endpoint).scope
    if scope is None:
        return None
    actor = current_actor()
    if actor.member_id is None:
        return problem(401, _("Send a token: Authorization: Bearer …"))
    if actor.scopes is None:
        return None if request.method in ("GET", "HEAD") else problem(401, _("Writing needs a token, not a session."))
    if scope not in actor.scopes:
        return problem(403, _("This token lacks the scope “%(scope)s”.", scope=scope))
    return None


def _on_refused(refused: Refused) -> Response:
    db.session.rollback()
    said = reasons(refused.refusals)
    return problem(409, " ".join(reason["message"] for reason in said), reasons=said)


def reasons(refusals: Sequence[Refusal]) -> list[dict[str, Any]]:
    """Refusals as the `reasons` of a problem."""
    return [
        {
            "code": refusal.code,
            "message": i18n.explain(refusal),
            "next_step": i18n.next_step(refusal),
            "params": {name: _plain(value) for name, value in refusal.params.items()},
        }
        for refusal in refusals
    ]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, (datetime, date)) else value


def _on_http_error(error: HTTPException) -> Response:
    data = getattr(error, "data", None) or {}
    errors = data.get("messages") or data.get("errors")
    extra = {"errors": errors} if errors else {}
    return with_error_headers(problem(error.code or 500, data.get("message") or error.description or "", **extra), error)


def _on_bug(error: Exception) -> Response:
    code = note_bug(error)
    return problem(code, _("Our side failed; nothing was half done. Give this number to the team: %(id)s", id=request_id()))


def is_api_request() -> bool:
    return request.path.startswith(PREFIX + "/")


def request_id() -> str:
    return str(g.get("request_id", ""))
