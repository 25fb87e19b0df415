"""The other end of the wire: keep-alive sockets in a process of their own, a new request as soon as an answer is whole.

Run as `python -m tests.benchmarks.client` with a job as JSON on its standard input; it prints what it measured. Nothing but
the standard library is imported, so that it starts at once and costs the server little.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[2]
WARM_UP = 0.1
NEVER_LONGER = 120.0
"""Seconds after which any job is given up."""


class WrongAnswer(Exception):
    """The server said something else than what is measured."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def to(self, path: str) -> Request:
        """The same browser's request to another address."""
        return replace(self, path=path)

    def to_bytes(self, port: int) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines.append(f"Content-Length: {len(self.body.encode())}")
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


def rate(port: int, request: Request, *, status: int, length: int | None, seconds: float, connections: int) -> float:
    """Answers a second over `connections` sockets. Raises WrongAnswer for another status, or body length if one is given."""
    job = {"port": port, "request": asdict(request), "status": status, "length": length, "seconds": seconds}
    return float(_run({**job, "connections": connections})["rate"])


def one_after_another(port: int, requests: Sequence[Request], *, status: int) -> float:
    """How many of `requests` were answered a second on one socket, each sent when the one before was answered."""
    return float(_run({"port": port, "requests": [asdict(request) for request in requests], "status": status})["rate"])


def _run(job: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.client"],
        input=json.dumps(job), capture_output=True, text=True, cwd=HOUSE, timeout=NEVER_LONGER, check=False,
    )  # fmt: skip
    if done.returncode:
        raise WrongAnswer(done.stderr.strip()[-1500:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# ── in the process of its own ────────────────────────────────────────────────────────────────────────────────────────


class _Line:
    """One keep-alive socket and what has come of the answer under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def answer(self) -> tuple[int, int, bytes] | None:
        """(status, body length, all of it) once the answer is whole, None while more must come."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise SystemExit("the server closed the line")
        self.received = self.received + piece if self.received else piece
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        status = int(self.received[9:12])
        length = 0 if status in (204, 304) else _content_length(self.received[:end])
        if len(self.received) < end + 4 + length:
            return None
        whole, self.received = self.received, b""
        return status, length, whole


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise SystemExit("an answer without Content-Length")
    return int(head[at + 17 :].split(b"\r\n", 1)[0])


def _check(answer: tuple[int, int, bytes], job: dict[str, Any]) -> None:
    status, length, whole = answer
    if status != job["status"] or (job.get("length") is not None and length != job["length"]):
        raise SystemExit(
            f"expected {job['status']} with {job.get('length')} bytes, got:\n{whole[:1200].decode('utf-8', 'replace')}"
        )


def _request(fields: dict[str, Any]) -> Request:
    return Request(fields["method"], fields["path"], tuple((name, value) for name, value in fields["headers"]), fields["body"])


def _closed_loop(job: dict[str, Any]) -> dict[str, float]:
    wire = _request(job["request"]).to_bytes(job["port"])
    lines = [_Line(job["port"]) for _ in range(job["connections"])]
    answered = 0
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.socket.sendall(wire)
        begun = time.perf_counter() + WARM_UP
        while (now := time.perf_counter()) < begun + job["seconds"]:
            for key, _mask in selector.select(timeout=5):
                if (answer := key.data.answer()) is not None:
                    _check(answer, job)
                    answered += now >= begun
                    key.data.socket.sendall(wire)
    return {"rate": answered / (now - begun)}


def _sequence(job: dict[str, Any]) -> dict[str, float]:
    line = _Line(job["port"])
    wires = [_request(fields).to_bytes(job["port"]) for fields in job["requests"]]
    begun = time.perf_counter()
    for wire in wires:
        line.socket.sendall(wire)
        while (answer := line.answer()) is None:
            pass
        _check(answer, job)
    return {"rate": len(wires) / (time.perf_counter() - begun)}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(_sequence(given) if "requests" in given else _closed_loop(given)))
