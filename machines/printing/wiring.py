"""What printing plugs into the app, in order."""

from __future__ import annotations

from flask import Flask

from app.kernel import alongside, api
from app.kernel.navigation import add_to_navigation
from app.kernel.refusals import N_
from billing import names
from machines.printing import (
    after_letters,
    bill_lines,
    delay_views,
    file_jobs,
    file_views,
    jobs,
    key_views,
    letters,
    link_commands,
    link_views,
    material_views,
    materials,
    other_letters,
    pool_api,
    pool_views,
    print_views,
    team_views,
    wall_views,
)
from machines.printing import api as prints_api
from machines.printing.engine import Engine

PAGES = (print_views, team_views, wall_views, delay_views)
"""Whose routes hang on one blueprint; importing them is what hangs them."""


def init_app(app: Flask) -> None:
    app.register_blueprint(link_views.bp)
    app.register_blueprint(key_views.bp)
    app.register_blueprint(material_views.bp)
    names.add_item_names(app, "material", materials.item_names)
    names.add_item_part(app, bill_lines.OVERRUN, bill_lines.BEYOND)
    link_commands.init_app(app)
    app.register_blueprint(pool_views.bp)
    api.register(app, pool_api.blp)
    app.register_blueprint(print_views.bp)
    api.register(app, prints_api.blp)
    letters.init_app(app)
    other_letters.init_app(app)
    add_to_navigation(app, N_("Prints"), "prints.mine", "printer", order=35, audience="member")
    after_letters.init_app(app)
    app.register_blueprint(file_views.bp)
    file_jobs.init_app(app)
    jobs.init_app(app)
    alongside.alongside(app, "printers", lambda stopping: Engine(app).run(stopping))
