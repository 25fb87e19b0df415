"""Which page shows what holds a place: the rooms above say it for their kind of subject, the calendar only links there."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app

Address = Callable[[int], str]


def add_page(app: Flask, kind: str, address: Address) -> None:
    """Subjects "kind:id" are shown at `address(id)`."""
    app.extensions.setdefault("subject_pages", {})[kind] = address


def page_of(subject: str) -> str | None:
    """Where a subject is shown, or None when nobody said."""
    kind, _sep, ident = subject.partition(":")
    pages: dict[str, Address] = current_app.extensions.get("subject_pages", {})
    return pages[kind](int(ident)) if kind in pages and ident.isdigit() else None
