"""What a process of ours weighs, and how long it takes to stand."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.client import HOUSE
from tests.benchmarks.report import Line
from tests.benchmarks.seed import House

STARTS = 5
_START = """
import time
begun = time.perf_counter()
from app.factory import create_app
imported = time.perf_counter()
create_app()
print(imported - begun, time.perf_counter() - imported)
"""


def starting(one: House) -> Iterator[Line]:
    """`create_app()` in a fresh interpreter, the imports apart."""
    found = []
    for _ in range(STARTS):
        done = subprocess.run(
            [sys.executable, "-c", _START], env={**os.environ, **one.environment}, cwd=HOUSE, capture_output=True, text=True,
            timeout=60, check=True,
        )  # fmt: skip
        found.append(tuple(float(number) for number in done.stdout.split()))
    imports, creation = (statistics.median(column) for column in zip(*found, strict=True))
    yield Line("create_app()", creation, 1, "s", note=f"after {imports:.2f} s of imports")


def resident(pid: int) -> float:
    """Megabytes of memory a process holds now."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1000


def background_worker(one: House) -> Iterator[Line]:
    """`flask worker` after a few hundred letters."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "worker"],
        env={**os.environ, **one.environment}, cwd=HOUSE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        time.sleep(8)
        yield Line("the background worker, resident", resident(process.pid), 120, "MB")
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
