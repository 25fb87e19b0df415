"""`make run`: prepare the folder and the database, then serve the program and its worker until Ctrl-C.

Two children, `web` and `worker`; one that dies is started again. They die with us, however we die, and so do we with `make`:
after a `kill -9` the port is free at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

HOUSE = Path(__file__).resolve().parent.parent
PYTHON = HOUSE / ".venv" / "bin" / "python"
PR_SET_PDEATHSIG = 1  # Linux, prctl(2): the signal a process gets when its parent is gone

HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8000"))


def main() -> None:
    os.chdir(HOUSE)
    sys.path.insert(0, str(HOUSE))
    die_with_parent(signal.SIGTERM)
    home = Path(os.environ.setdefault("ETABLI_HOME", ".etabli")).absolute()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _lock = only_one(home)
    keep_a_secret(home)
    wait_for_port()
    greeting = prepare()
    serve(greeting)


def only_one(home: Path) -> IO[str]:
    """One `make run` on a folder at a time; the lock goes with the process."""
    lock = (home / "serving").open("w")
    for _ in range(50):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        time.sleep(0.1)
    return stop(f"Another `make run` serves {home}. Stop it, or choose another folder: ETABLI_HOME=… PORT=… make run")


def keep_a_secret(home: Path) -> None:
    """The key that signs sessions and links, made once."""
    path = home / "secret_key"
    if not path.exists() and not os.environ.get("SECRET_KEY") and not os.environ.get("SECRET_KEY_FILE"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))


def wait_for_port() -> None:
    for _ in range(50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, PORT))
            except OSError:
                time.sleep(0.1)
            else:
                return
    stop(f"Something else listens on port {PORT}. Choose another one: PORT=8123 make run")


def prepare() -> list[str]:
    """Migrate, load the demo into an empty database (or walk through the set-up), and say how to get in."""
    from flask_migrate import upgrade

    from app import demo
    from app.accounts import admin_views, lab, queries
    from app.factory import create_app
    from app.kernel.settings import SettingsError

    try:
        app = create_app()
    except SettingsError as error:
        stop(str(error))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with app.app_context():
        say("Bringing the database up to date")
        upgrade()
        if os.environ.get("LAB", "demo") != "empty" and lab.current() is None:
            say("Building the demo lab, a year of its life (once; about a minute)")
            demo.load()
        if demo.is_loaded():
            return ["", *demo.sign_ins()]
        if not queries.administrators():
            return ["", "A new lab. Its first administrator starts here:", f"  {admin_views.set_up_url()}"]
        return []


def serve(greeting: list[str]) -> None:
    """Run both children until we are told to stop."""
    environment = {**os.environ, "FLASK_APP": "wsgi"}
    commands = {"web": web(), "worker": [PYTHON, "-m", "flask", "worker"]}
    children: dict[str, subprocess.Popen[bytes]] = {}
    stopping = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    greeted = False
    while not stopping:
        for name, command in commands.items():
            child = children.get(name)
            if child is None or child.poll() is not None:
                if child is not None:
                    say(f"{name} stopped ({child.returncode}); starting it again")
                    time.sleep(1)
                children[name] = subprocess.Popen(
                    command, env=environment, start_new_session=True, preexec_fn=_follow(signal.SIGTERM)
                )
        if not greeted and answers():
            greeted = True
            print("\n".join([f"\nÉtabli is open at http://{HOST}:{PORT}", *greeting, "", "Ctrl-C stops it.", ""]), flush=True)
        time.sleep(0.2)
    for child in children.values():
        child.terminate()
    deadline = time.monotonic() + 15
    for child in children.values():
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()


def web() -> list[str | Path]:
    """Gunicorn as in production; Flask's reloader in development."""
    if os.environ.get("ETABLI_ENV") == "development":
        return [PYTHON, "-m", "flask", "run", "--debug", "--host", HOST, "--port", str(PORT)]
    return [
        PYTHON, "-m", "gunicorn", "wsgi:application", "--bind", f"{HOST}:{PORT}", "--workers", os.environ.get("WEB_WORKERS", "2"),
        "--threads", "4", "--graceful-timeout", "5", "--log-level", "warning",
    ]  # fmt: skip


def answers() -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, PORT)) == 0


def die_with_parent(number: int) -> None:
    """Linux only; elsewhere a killed parent leaves its children to be stopped by hand."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def _follow(number: int) -> Callable[[], None]:
    return lambda: die_with_parent(number)


def say(words: str) -> None:
    print(f"· {words}", flush=True)


def stop(words: str) -> NoReturn:
    print(words, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
