"""The house keeps its shape: one direction of imports, pure decisions, commits at the edge, one clock, words on every door."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import api, cli
from sqlalchemy.orm import RelationshipProperty

import app.factory  # noqa: F401 - every model is known once the roof is
from app.kernel.db import Base

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "billing", "trainings", "machines")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

PURE = [
    "app.kernel.periods", "app.kernel.money", "app.kernel.refusals", "app.accounts.rules", "app.calendar.rules",
    "app.calendar.wall_times", "billing.rules", "billing.pricing", "trainings.rules", "machines.rules",
    "machines.printing.addresses", "machines.printing.gateway", "machines.printing.rules", "machines.printing.gcode",
    "machines.printing.lint", "machines.printing.motion", "machines.printing.preview", "machines.printing.slicers",
    "machines.printing.bed", "machines.printing.certificates", "machines.printing.reader",
    "machines.printing.windows", "machines.printing.circuits", "machines.printing.sight", "machines.printing.wishes",
    "machines.printing.corrections",
]  # fmt: skip
IMPURE = ("flask", "sqlalchemy", "flask_sqlalchemy", "wtforms", "flask_wtf", "marshmallow", "flask_smorest", "app.kernel.db")

COMMITS = {
    "app/kernel/db.py": "transaction() itself",
    "app/kernel/mail.py": "ends the read before a letter goes over the network",
}
TRANSACTIONS = ("views", "api", "jobs", "wiring", "commands", "cli", "edge", "webhooks", "links")
"""Where a unit of work begins: how the modules are called (or end, as in desk_views)."""
ALSO_TRANSACTIONS = ("app/kernel/", "app/demo/", "app/worker.py", "app/accounts/throttle.py")
"""The throttle counts even what is refused right after, so its own small unit of work cannot wait for another."""
CLOCK = ("app/kernel/clock.py",)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """What a module calls, as it is written: ("db.session.commit", 12)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def lines(path: Path, wanted: tuple[str, ...]) -> list[str]:
    return [f"{named(path)}:{line}" for name, line in calls(path) if name in wanted or name.split(".")[-1] in wanted]


def test_imports_go_one_way(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert cli.lint_imports() == cli.EXIT_STATUS_SUCCESS


def test_every_room_of_the_house_is_in_the_contract():
    contracts = api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    [layers] = [one["layers"] for one in contracts if one["name"] == "The house has one direction"]
    known = {name.strip() for line in layers for name in line.replace("|", ",").replace(":", ",").split(",")}
    rooms = {
        f"app.{path.name.removesuffix('.py')}" for path in (ROOT / "app").iterdir() if path.suffix == ".py" or is_package(path)
    }
    rooms |= {path.name for path in ROOT.iterdir() if is_package(path) and path.name in PACKAGES and path.name != "app"}
    assert rooms - {"app.__init__"} - known == set()


def is_package(path: Path) -> bool:
    return (path / "__init__.py").exists()


def test_every_package_is_looked_at():
    roots = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["root_packages"]
    ours = {path.name for path in ROOT.iterdir() if is_package(path)} - {"tests", "tools", "migrations"}
    assert set(roots) == ours == set(PACKAGES)


def test_decisions_load_neither_web_nor_database():
    script = f"""
import importlib, sys
for name in {PURE!r}:
    importlib.import_module(name)
loaded = sorted(name for name in {IMPURE!r} if name in sys.modules)
sys.exit(f"decisions load {{loaded}}" if loaded else 0)
"""
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stderr) == (0, "")


def test_every_module_of_decisions_is_among_the_pure_ones():
    decisions = {
        named(path).removesuffix(".py").replace("/", ".") for path in MODULES if path.stem in ("rules", "pricing", "gateway")
    }
    contracts = api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    [pure] = [one["source_modules"] for one in contracts if one["name"] == "Decisions are pure"]
    assert decisions - set(PURE) == decisions - set(pure) == set()


def test_the_map_of_the_house_loads_nothing():
    script = "import sys; before = set(sys.modules); import app; print(*(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout.split()) == (0, ["app"])


def test_only_the_transaction_commits():
    found = {named(path) for path in MODULES if lines(path, ("commit",))}
    assert found == set(COMMITS)


def test_a_unit_of_work_begins_at_the_edge_only():
    inside = [
        place
        for path in MODULES
        if not named(path).startswith(ALSO_TRANSACTIONS) and not path.stem.endswith(TRANSACTIONS)
        for place in lines(path, ("transaction", "once"))
    ]
    assert inside == []


def test_only_the_clock_reads_the_time():
    wanted = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.localtime")
    found = [place for path in MODULES if named(path) not in CLOCK for place in lines(path, wanted)]
    assert found == []


def test_every_module_says_what_lives_in_it():
    silent = [named(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []


def test_what_a_page_loads_is_said_where_it_is_asked_for():
    lazy = [
        str(relation)
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if isinstance(relation, RelationshipProperty) and relation.lazy not in ("raise", "joined")
    ]
    assert lazy == []


@pytest.mark.parametrize("word", ["JSONB", "tstzrange", "PRAGMA", "sqlite_master", "pg_"])
def test_only_the_kernel_and_the_guards_speak_a_dialect(word):
    allowed = ("app/kernel/", "app/health.py")
    found = [
        named(path)
        for path in MODULES
        if not named(path).startswith(allowed) and path.stem != "guards" and word in path.read_text(encoding="utf-8")
    ]
    assert found == []
