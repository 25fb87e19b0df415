"""What is answered when something cannot be: a page that says what is so and what to do, even with the database away."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from sqlalchemy.exc import NoResultFound
from werkzeug.exceptions import HTTPException

from app.kernel import i18n
from app.kernel.db import db, is_deadlock
from app.kernel.refusals import N_, NotAllowed
from app.kernel.web import page

_ERRORS = {
    400: (N_("This request cannot be read."), N_("Go back, reload the page and try again: what you typed is still there.")),
    403: (N_("This page is for the lab's team."), N_("If you need it for your work here, ask a manager for the role.")),
    404: (N_("There is nothing here, or it is not yours."), N_("Check the address, or start again from the home page.")),
    405: (N_("This page cannot be used that way."), N_("Start again from the home page.")),
    413: (N_("This file is too large."), N_("Send a smaller file.")),
    429: (N_("That was many tries in a short time."), N_("Wait a few minutes, then try again.")),
    503: (N_("The lab is very busy at this moment."), N_("Nothing was half done. Wait a few seconds, then try again.")),
    500: (N_("Something broke on our side."), N_("Nothing was half done. The team can find out with the number below.")),
}  # fmt: skip


def error_page(code: int) -> Response:
    title, text = _ERRORS.get(code, _ERRORS[400])
    return page(
        "pages/error.html",
        code,
        code=code,
        title=_(title),
        text=_(text),
        request_id=g.get("request_id", ""),
        action_label=_("Go to the home page"),
        action_url=url_for("reports.home"),
    )


def on_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error
    return with_error_headers(error_page(error.code), error)


def with_error_headers(response: Response, error: HTTPException) -> Response:
    """The headers that tell a program what to do about an error."""
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def on_bug(error: Exception) -> ResponseReturnValue:
    code = note_bug(error)
    try:
        return error_page(code)
    except Exception:
        current_app.logger.exception("request %s: no error page either", g.get("request_id"))
        return _last_words(code)


def note_bug(error: Exception) -> int:
    """Write a failure down and end its transaction; 503 when the database gave up to others, else 500."""
    request_id = g.get("request_id")
    if busy := is_deadlock(error):
        current_app.logger.warning("request %s gave up to the database: %s", request_id, error)
    else:
        current_app.logger.exception("request %s failed", request_id, exc_info=error)
    try:
        db.session.rollback()
    except Exception:
        current_app.logger.exception("request %s: no rollback either", request_id)
    return 503 if busy else 500


def _last_words(code: int) -> Response:
    """An error page that needs neither a template nor the database."""
    best = request.accept_languages.best_match(i18n.LOCALES, default=i18n.DEFAULT_LOCALE) or i18n.DEFAULT_LOCALE
    with i18n.speaking(best):
        title, text = (_(words) for words in _ERRORS[code])
    html = Markup('<!doctype html><html lang="{}"><meta charset="utf-8"><title>{}</title><h1>{}</h1><p>{}</p><p>{}</p></html>')
    words = html.format(best, title, title, text, g.get("request_id", ""))
    return Response(words, code, content_type="text/html; charset=utf-8")


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(CSRFError, lambda _error: error_page(400))
    app.register_error_handler(NotAllowed, lambda _error: error_page(403))
    app.register_error_handler(NoResultFound, lambda _error: error_page(404))
    app.register_error_handler(Exception, on_bug)
