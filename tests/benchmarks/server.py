"""The production server, for ours and for the floor alike: one gunicorn worker of four threads on a port of its own.

One worker, so that the client has the other core of a small machine to itself and what is compared is the work of a request.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.client import HOUSE


@dataclass(frozen=True, slots=True)
class Served:
    port: int
    master: int

    @property
    def worker(self) -> int:
        """The process id of the worker that answers."""
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()
        return int(children[0])


@contextlib.contextmanager
def serving(application: str, environment: Mapping[str, str], log: Path) -> Iterator[Served]:
    """Serve "module:name" on loopback until the end of the block."""
    port = _free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "4",
             "--graceful-timeout", "2", "--log-level", "warning"],
            env={**os.environ, **environment}, cwd=HOUSE, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(process, port, log)
        yield Served(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until the worker answers something: the master listens long before."""
    deadline = time.monotonic() + 60
    while True:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.suppress(OSError, http.client.HTTPException):
            line.request("GET", "/")
            line.getresponse().read()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
