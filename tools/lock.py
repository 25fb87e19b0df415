"""Write the lock files anew from pyproject.toml: exact versions, no addresses. `make lock`, then read the difference."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
FOREIGN = ("pip==", "setuptools==", "wheel==")


def main() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    _lock_browser_files()
    wanted = {
        "run": project["dependencies"],
        "test": [*project["dependencies"], *project["optional-dependencies"]["test"]],
    }
    for purpose, requirements in wanted.items():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            python = Path(folder) / "bin" / "python"
            subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
            listed = subprocess.run([python, "-m", "pip", "freeze", "--all"], check=True, capture_output=True, text=True)
        markers = dict(requirement.split(";") for requirement in requirements if ";" in requirement)
        conditions = {re.split("[<>=\\[]", name)[0].strip(): marker for name, marker in markers.items()}
        pins = [
            f"{line};{condition}" if (condition := conditions.get(line.split("==")[0])) else line
            for line in listed.stdout.splitlines()
            if "==" in line and not line.startswith(FOREIGN)
        ]
        header = f"# What `make {purpose}` installs, exactly. Written by `make lock` from pyproject.toml.\n"
        (HOUSE / "locks" / f"{purpose}.txt").write_text(header + "\n".join(pins) + "\n", encoding="utf-8")


def _lock_browser_files() -> None:
    """npm's lock, without the pages where its packages ask for money."""
    subprocess.run(["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"], cwd=HOUSE, check=True)
    path = HOUSE / "package-lock.json"
    lock = json.loads(path.read_text(encoding="utf-8"))
    for package in lock["packages"].values():
        package.pop("funding", None)
        package.pop("resolved", None)
    path.write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
