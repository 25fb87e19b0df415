"""An app of its own for the edge: the whole house, plus a few views that do what no feature would."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Blueprint, Flask, flash, jsonify, request, url_for
from flask.testing import FlaskClient
from sqlalchemy.exc import NoResultFound, OperationalError

from app.factory import create_app
from app.kernel import api, audit, clock, uploads, web
from app.kernel.actors import HOUSE, Role, current_actor
from app.kernel.api import answers, scoped
from app.kernel.db import Base, db, transaction
from app.kernel.refusals import N_, NotAllowed, Reason, Refused
from tests.conftest import THURSDAY, HouseClient, settings_for

NO = Reason("probe.no", N_("Closed"), N_("Home"), next_endpoint="reports.home")


@pytest.fixture(scope="session")
def probe_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Flask]:
    home = tmp_path_factory.mktemp("probe")
    app = create_app(settings_for(home, f"sqlite:///{home / 'lab.sqlite3'}"))
    app.test_client_class = HouseClient
    _add_views(app)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    shutil.copy(home / "lab.sqlite3", home / "template.sqlite3")
    return home, app


@pytest.fixture
def probe(probe_template: tuple[Path, Flask]) -> Iterator[Flask]:
    """The app with the extra views, on an empty database."""
    home, app = probe_template
    for suffix in ("-wal", "-shm"):
        (home / f"lab.sqlite3{suffix}").unlink(missing_ok=True)
    shutil.copy(home / "template.sqlite3", home / "lab.sqlite3")
    shutil.rmtree(home / "uploads", ignore_errors=True)
    app.extensions["probe"] = SimpleNamespace(failures=0, calls=0, read=[])
    clock.set_clock(THURSDAY)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
    clock.set_clock(None)


@pytest.fixture
def visitor(probe: Flask) -> FlaskClient:
    return probe.test_client()


def _add_views(app: Flask) -> None:
    bp = Blueprint("probe", __name__)
    state: Any = app.extensions

    @bp.get("/probe/hello")
    @web.public
    def hello() -> Any:
        state["probe"].calls += 1
        return jsonify(member=current_actor().member_id)

    @bp.get("/probe/members")
    def members_only() -> str:
        return "in"

    @bp.get("/probe/managers")
    @web.needs(Role.MANAGER)
    def managers_only() -> str:
        return "in"

    @bp.get("/probe/bug")
    @web.public
    def bug() -> str:
        raise ZeroDivisionError("secret of the house")

    @bp.get("/probe/bug-in-transaction")
    @web.public
    def bug_in_transaction() -> str:
        with transaction():
            audit.record(HOUSE, "half", "probe:1")
            db.session.flush()
            raise ZeroDivisionError

    @bp.get("/probe/gone")
    @web.public
    def gone() -> str:
        raise NoResultFound

    @bp.get("/probe/forbidden")
    @web.public
    def forbidden() -> str:
        raise NotAllowed

    @bp.post("/probe/act")
    @web.public
    def act() -> Any:
        def do() -> str:
            state["probe"].calls += 1
            audit.record(HOUSE, "acted", "probe:1", text=request.form.get("text"))
            db.session.flush()
            if state["probe"].failures:
                state["probe"].failures -= 1
                raise Refused([NO()])
            return url_for("probe.hello", number=state["probe"].calls)

        try:
            return web.see(web.once(do))
        except Refused as refused:
            web.flash_refusals(refused)
            return web.see(url_for("probe.hello"))

    @bp.post("/probe/deadlock")
    @web.public
    def deadlock() -> Any:
        """Reads what was sent, then loses its transaction as often as the test says."""
        sent = request.files.get("file")
        state["probe"].read.append((request.form.get("text"), sent.stream.read() if sent else None))
        with transaction():
            audit.record(HOUSE, "acted", "probe:1")
            db.session.flush()
            if state["probe"].failures:
                state["probe"].failures -= 1
                raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return "done"

    @bp.post("/probe/picture")
    @web.public
    def picture() -> Any:
        try:
            return {"name": uploads.store_picture(request.files["file"].stream, "probe")}
        except Refused as refused:
            return {"codes": [one.code for one in refused.refusals]}, 422

    @bp.get("/probe/pictures/<path:name>")
    @web.public
    def stored(name: str) -> Any:
        return uploads.send("probe", name)

    @bp.get("/probe/flash")
    @web.public
    def say() -> Any:
        flash("<script>alert(1)</script>", "stop")
        return web.page("pages/error.html", code=404, title="", text="", request_id="", action_label="", action_url="/")

    app.register_blueprint(bp)
    blp = api.blueprint("probe", __name__, "Only for tests")

    @blp.get("/probe/bug")
    @web.public
    @blp.response(200)
    def api_bug() -> Any:
        raise ZeroDivisionError("secret of the house")

    @blp.get("/probe/no")
    @web.public
    @blp.response(200)
    def api_no() -> Any:
        raise Refused([NO(at=clock.now(), link=None), NO(count=3)])

    @blp.get("/probe/desk")
    @scoped("desk")
    @blp.response(200)
    @answers(blp, 401, 403)
    def api_desk() -> Any:
        return {"in": True}

    @blp.post("/probe/act")
    @scoped("desk")
    @blp.response(200)
    @answers(blp, 401, 403, 422)
    def api_act() -> Any:
        def do() -> int:
            state["probe"].calls += 1
            audit.record(HOUSE, "acted", "probe:1")
            if state["probe"].failures:
                state["probe"].failures -= 1
                raise Refused([NO()])
            return int(state["probe"].calls)

        return {"number": api.once(do)}

    api.register(app, blp)
