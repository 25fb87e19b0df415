"""What machines plug into the app, in order: pages, JSON, calendars, letters, jobs, names for billing and trainings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from flask import Flask, url_for
from sqlalchemy import select

from app.calendar import subjects
from app.kernel import api, i18n
from app.kernel.db import db
from app.kernel.navigation import add_to_navigation
from app.kernel.refusals import N_
from billing import names
from machines import admin_views, catalogue, feeds, jobs, letters, reservation_api, upkeep_views, usage_views
from machines import api as machines_api
from machines.models import Machine, Requirement, State
from machines.printing import wiring as printing
from trainings.openings import add_openings


def init_app(app: Flask) -> None:
    for blueprint in (admin_views.bp, upkeep_views.bp, usage_views.bp, feeds.bp):
        app.register_blueprint(blueprint)
    api.register(app, machines_api.blp)
    api.register(app, reservation_api.blp)
    letters.init_app(app)
    jobs.init_app(app)
    printing.init_app(app)
    names.add_item_names(app, "machine", catalogue.item_names)
    add_openings(app, _opened_by)
    subjects.add_page(app, "reservation", lambda ident: url_for("reservations.one", reservation_id=ident))
    add_to_navigation(app, N_("Machines"), "machines.catalogue", "laser", order=10, in_tabbar=True)
    add_to_navigation(app, N_("Timetable"), "machines.timetable", "calendar", order=20, in_tabbar=True)
    add_to_navigation(app, N_("Reservations"), "reservations.mine", "clock", order=30, audience="member", in_tabbar=True)


def _opened_by(competence_ids: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    """The machines that each competence helps to open: (name, address)."""
    rows = db.session.execute(
        select(Requirement.competence_id, Machine.name, Machine.slug)
        .join(Machine, Machine.id == Requirement.machine_id)
        .where(Requirement.competence_id.in_(list(competence_ids)), Machine.state != State.RETIRED)
        .order_by(Machine.code)
    )
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        found[row.competence_id].append((i18n.in_words(row.name), url_for("machines.machine", slug=row.slug)))
    return found
