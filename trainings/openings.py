"""What a competence opens: those above (machines) say which of theirs ask for it. Trainings does not know them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from flask import Flask, current_app, has_request_context

from app.kernel import i18n
from app.kernel.settings import Settings

Opening = tuple[str, str]
"""A name in the language being spoken, and the address of its page."""
Openings = Callable[[Sequence[int]], dict[int, list[Opening]]]


def init_app(app: Flask) -> None:
    app.extensions["trainings.openings"] = []


def add_openings(app: Flask, openings: Openings) -> None:
    """Ask `openings(competence_ids)` whenever a page or a letter tells what competences open; call it in wiring."""
    app.extensions["trainings.openings"].append(openings)


def opened_by(competence_ids: Sequence[int]) -> dict[int, list[Opening]]:
    """Names and addresses, in the language being spoken. Outside a request the addresses are absolute."""
    settings: Settings = current_app.extensions["settings"]
    inside = has_request_context()
    found: dict[int, list[Opening]] = defaultdict(list)
    language = i18n.locale()
    with nullcontext() if inside else current_app.test_request_context(base_url=settings.base_url), i18n.speaking(language):
        for openings in current_app.extensions["trainings.openings"]:
            for ident, places in openings(list(competence_ids)).items():
                found[ident] += [(name, url if inside else _absolute(settings, url)) for name, url in places]
    return found


def _absolute(settings: Settings, url: str) -> str:
    return f"{settings.base_url}{url}" if url.startswith("/") else url
