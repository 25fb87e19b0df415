"""A real, throw-away OctoPrint: installed once into .octoprint/<version>/, started on a free loopback port, stopped for sure.

It lives in environments of its own (it pins exact releases of Flask and Werkzeug) and is only spoken to over HTTP. Standard
library only: `python -m tests.real.octoprint.server` (from tools/setup.py) installs both versions, and says so when it cannot.

Users: `platform` has what an integration needs and an application key but no personal one (an application key would give it
away); `member` is OctoPrint's ordinary user, `viewer` only reads, `admin` may everything.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import hashlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[3]
FOLDER = HOUSE / ".octoprint"
STABLE, NEXT = "1.11.8", "2.0.0rc7"
PLATFORM = [
    "STATUS", "FILES_LIST", "FILES_UPLOAD", "FILES_DOWNLOAD", "FILES_SELECT", "FILES_DELETE", "PRINT", "WEBCAM",
]  # fmt: skip
APP = "etabli-tests"
SILENCED = [
    "achievements", "announcements", "backup", "corewizard", "discovery", "errortracking", "firmware_check", "health_check",
    "pi_support", "pluginmanager", "softwareupdate", "tracking",
]  # fmt: skip
"""Plugins that would reach for the network, or are of no use without a browser."""


class NoOctoPrint(Exception):
    """It can be neither found nor installed here; the message says why."""


def install(version: str) -> Path:
    """The Python of an environment with that version, made the first time (20 s and a package index; 200 MB)."""
    home = FOLDER / version
    python, mark = home / "bin" / "python", home / "installed"
    if mark.exists():
        return python
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists():
            return python
        shutil.rmtree(home, ignore_errors=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1"]
        for step in ([sys.executable, "-m", "venv", home], [*pip, f"OctoPrint=={version}"]):
            try:
                done = subprocess.run(step, capture_output=True, text=True, timeout=900)
            except subprocess.TimeoutExpired as error:
                raise NoOctoPrint(f"OctoPrint {version} cannot be installed: it took more than a quarter of an hour") from error
            if done.returncode:
                raise NoOctoPrint(f"OctoPrint {version} cannot be installed: {' '.join(done.stderr.strip().splitlines()[-1:])}")
        mark.touch()
    return python


@dataclass
class Server:
    """A running OctoPrint. `key` is the platform's, `keys` the personal ones of admin, member and viewer."""

    version: str
    base: Path
    port: int
    key: str
    keys: dict[str, str]
    password: str
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, seconds: float = 15) -> tuple[int, Any]:
        """Status and JSON, as the administrator unless another key is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        headers = {"X-Api-Key": key or self.keys["admin"], "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text or b"null")
        except ValueError:
            return answer.status, text

    def do(self, method: str, path: str, body: Any = None) -> Any:
        status, told = self.ask(method, path, body)
        assert 200 <= status < 300, (method, path, status, told)
        return told

    def state(self) -> str:
        return str(self.do("GET", "/api/job")["state"])

    def wait(self, *states: str, seconds: float = 15) -> str:
        deadline = time.monotonic() + seconds
        while (state := self.state()) not in states:
            assert time.monotonic() < deadline, f"still {state}, not {states}"
            time.sleep(0.05)
        return state

    def gcode(self, command: str) -> None:
        """Straight to the printer; `!!DEBUG:…` makes the virtual printer misbehave."""
        self.do("POST", "/api/printer/command", {"command": command})

    def plug(self) -> None:
        self.do("POST", "/api/connection", {"command": "connect", "port": "VIRTUAL"})
        self.wait("Operational")

    def unplug(self) -> None:
        self.do("POST", "/api/connection", {"command": "disconnect"})

    def reset(self) -> None:
        """As after the first start: a printer connected and idle, no file, nothing selected, our users as they were."""
        self.go_on()
        if self.process is None or self.process.poll() is not None:
            self.start()
        if self.state() != "Operational" or self.do("GET", "/api/job")["job"]["file"]["path"]:
            self.unplug()
            self.wait("Offline", "Offline after error")
        files = self.do("GET", "/api/files/local")["files"]
        for one in files:
            self.do("DELETE", f"/api/files/local/{one['path']}")
        if files and self.version == NEXT:  # it goes on answering for files that were deleted until it starts anew
            self.stop()
            self.start()
        self.plug()

    def start(self) -> None:
        python = install(self.version)
        command = [python, "-m", "octoprint", "serve", "--iknowwhatimdoing", "--basedir", self.base, "--host", "127.0.0.1",
                   "--port", str(self.port)]  # fmt: skip
        apart = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        with (self.base / "console.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=apart, cwd=self.base, start_new_session=True,
                preexec_fn=_die_with_us,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NoOctoPrint(f"OctoPrint {self.version} does not start: {self._log()}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """The placeholder that holds the port meanwhile says 200 to `/`, and to the rest something that is not HTTP."""
        try:
            return self.ask("GET", "/api/version", seconds=3)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut does."""
        self._end(signal.SIGKILL)

    def hang(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        self.go_on()
        self.process.send_signal(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.process = None

    def _log(self) -> str:
        return (self.base / "console.log").read_text(errors="replace")[-1500:]


@contextlib.contextmanager
def running(version: str = STABLE, **settings: Any) -> Iterator[Server]:
    """A server of its own with a connected virtual printer; gone at the end, files and all. Raises NoOctoPrint.

    `settings` are merged into config.yaml, for example `server={"uploads": {"maxSize": 1024}}`.
    """
    install(version)
    base = Path(tempfile.mkdtemp(prefix="octoprint-"))
    keys = {name: secrets.token_hex(16) for name in ("admin", "member", "viewer")}
    one = Server(version, base, _free_port(), secrets.token_hex(16), keys, secrets.token_urlsafe(12))
    _configure(one, settings)
    try:
        one.start()
        one.plug()
        yield one
    finally:
        one.kill()
        shutil.rmtree(base, ignore_errors=True)


def _configure(one: Server, settings: dict[str, Any]) -> None:
    """Everything it would ask on a first visit, written beforehand. JSON is YAML too."""
    off = {"enabled": False}
    config: dict[str, Any] = {
        "accessControl": {"autologinLocal": False},
        "devel": {"cache": {"preemptive": False}, "enableRateLimiter": False},
        "feature": {"sdSupport": False},
        "plugins": {"_disabled": SILENCED, "errortracking": off, "tracking": off, "virtual_printer": {"enabled": True}},
        "serial": {"port": "VIRTUAL", "autoconnect": False, "blacklistedPorts": ["/dev/*"]},
        "server": {
            "host": "127.0.0.1", "port": one.port, "firstRun": False, "ignoreIncompleteStartup": True,
            "seenWizards": {"corewizard": 4, "classicwebcam": 1, "softwareupdate": 1, "tracking": None, "backup": None},
            "onlineCheck": off, "pluginBlacklist": off, "pythonEolCheck": off, "ipCheck": off,
            "uploads": {"maxSize": 8 * 1024 * 1024},
        },
        "webcam": {"timelapseEnabled": False, "webcamEnabled": False},
    }  # fmt: skip
    users: dict[str, Any] = {"_version": 2}
    for name, groups, permissions in (
        ("admin", ["admins", "users"], []), ("platform", [], PLATFORM), ("member", ["users"], []), ("viewer", ["readonly"], []),
    ):  # fmt: skip
        users[name] = {
            "active": True, "apikey": one.keys.get(name), "groups": groups, "permissions": permissions, "settings": {},
            "password": _hashed(one.password),
        }  # fmt: skip
    for path, content in {
        "config.yaml": _merged(config, settings),
        "users.yaml": users,
        "data/appkeys/keys.yaml": {"platform": [{"app_id": APP, "api_key": one.key}]},
    }.items():
        (one.base / path).parent.mkdir(parents=True, exist_ok=True)
        (one.base / path).write_text(json.dumps(content))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = {name: _merged(old[name], new[name]) for name in old.keys() & new.keys() if isinstance(old[name], dict)}
    return {**old, **new, **both}


def _hashed(password: str) -> str:
    """As passlib writes pbkdf2_sha256, one of the two forms OctoPrint reads."""
    salt, rounds = secrets.token_bytes(16), 1000
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    plain = (base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (salt, made))
    return f"$pbkdf2-sha256${rounds}${'$'.join(plain)}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_us() -> None:
    """In the child: the kernel ends it when the tests end, however they do."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main() -> int:
    """Install both versions; 1 when one cannot be, which its tests then say as well."""
    missing = 0
    for version in (STABLE, NEXT):
        try:
            if not (FOLDER / version / "installed").exists():
                print(f"· Installing OctoPrint {version} for the tests (.octoprint/{version}, once)", flush=True)
            install(version)
        except (NoOctoPrint, OSError) as error:
            print(f"  {error}\n  The tests against it will be skipped.", flush=True)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
