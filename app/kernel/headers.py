"""What every answer says to the browser about itself: what it may load, who may frame it, how long it may be kept."""

from __future__ import annotations

import secrets
from typing import cast

from flask import Flask, Response, current_app, g, request

from app.kernel.settings import Settings

_POLICY = (
    "default-src 'self'; script-src 'self'{}; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
_WANTED = (
    ("Content-Security-Policy", _POLICY.format("")),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "geolocation=(), microphone=(), payment=()"),
)


def harden(response: Response) -> Response:
    headers = response.headers
    if "csp_nonce" in g:
        headers.setdefault("Content-Security-Policy", _POLICY.format(f" 'nonce-{g.csp_nonce}'"))
    given = {name.lower() for name, _value in headers}
    for name, value in _WANTED:
        if name.lower() not in given:
            headers.add(name, value)
    if "cache-control" not in given and request.endpoint != "static":
        headers.add("Cache-Control", "private, no-cache")
    settings: Settings = current_app.extensions["settings"]
    if settings.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return cast(str, g.csp_nonce)


def init_app(app: Flask) -> None:
    app.after_request(harden)
