"""What stands in the masthead and under the thumb: each feature adds its entries, each reader sees theirs."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, request, url_for
from flask_babel import gettext as _

from app.kernel.actors import Role, current_actor


@dataclass(frozen=True, slots=True)
class _Entry:
    label: str
    endpoint: str
    icon: str
    order: int
    audience: str
    in_tabbar: bool


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str
    url: str
    icon: str
    current: bool
    in_tabbar: bool


def add_to_navigation(
    app: Flask, label: str, endpoint: str, icon: str, *, order: int, audience: str = "all", in_tabbar: bool = False
) -> None:
    """A feature's entry in the masthead (and under the thumb). `audience`: all, visitor, member, or names of roles.

    `label` is marked with N_.
    """
    app.extensions["navigation"].append(_Entry(label, endpoint, icon, order, audience, in_tabbar))


def entries_for_reader() -> list[NavItem]:
    actor = current_actor()

    def sees(audience: str) -> bool:
        if audience == "all":
            return True
        if audience in ("visitor", "member"):
            return (actor.member_id is None) == (audience == "visitor")
        return actor.has(*(Role(name) for name in audience.split()))

    known = sorted(current_app.extensions["navigation"], key=lambda entry: entry.order)
    return [
        NavItem(_(entry.label), url_for(entry.endpoint), entry.icon, request.endpoint == entry.endpoint, entry.in_tabbar)
        for entry in known
        if sees(entry.audience)
    ]


def init_app(app: Flask) -> None:
    app.extensions["navigation"] = []
