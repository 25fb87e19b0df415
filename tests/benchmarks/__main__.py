"""`make bench`: every measure in turn, the table on the screen, bench.json beside the lab's data; fails when a line falls short.

Ours and the floor are measured in turn within one run, so that a busy machine slows both: the limits are shares. Everything
stays on this machine, in a folder and a database server that are gone at the end.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import booking, feeds, footprint, gcode, history, printers, races, report
from tests.benchmarks.report import Line
from tests.benchmarks.seed import House, add_history, house, seed
from tests.real import postgres


def main() -> int:
    logging.disable(logging.INFO)
    warnings.simplefilter("ignore")
    begun, lines = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="etabli-bench-") as name:
        for line in _all(Path(name)):
            lines.append(line)
            print(f"· {report.row(line)}", flush=True)
    seconds = time.monotonic() - begun
    print(f"\n{report.table(lines)}\n\n{seconds:.0f} s")
    report.write(lines, Path(os.environ.get("ETABLI_HOME", ".etabli")) / "bench.json", seconds)
    return 0 if all(line.is_met for line in lines) else 1


def _all(folder: Path) -> Iterator[Line]:
    small = house(folder / "small")
    seed(small)
    yield from footprint.starting(small)
    yield from feeds.measure(small, folder)
    yield from gcode.measure(folder)
    large = _copy(small, folder / "large")
    add_history(large)
    yield from history.measure(_copy(small, folder / "as-large"), large, folder, "SQLite")
    shutil.rmtree(folder / "large")
    yield from booking.measure(small, "SQLite", 15)
    yield from booking.through_the_page(small, folder)
    yield from races.measure(small, "SQLite")
    yield from footprint.background_worker(small)
    yield from printers.measure(folder)
    yield from _on_postgresql(folder)


def _copy(one: House, folder: Path) -> House:
    shutil.copytree(one.environment["ETABLI_HOME"], folder)
    return house(folder)


def _on_postgresql(folder: Path) -> Iterator[Line]:
    """Without fsync, for ours and for the bare writes alike: their share would only rise if both waited for the disk."""
    with postgres.temporary_postgres() as server:
        url = postgres.create_database(server)
        one = house(folder / "postgresql", url)
        seed(one)
        other = house(folder / "postgresql-large", postgres.clone_database(url))
        add_history(other)
        again = house(folder / "postgresql-as-large", postgres.clone_database(url))
        yield from history.measure(again, other, folder, "PostgreSQL")
        yield from booking.measure(one, "PostgreSQL", 25)
        yield from races.measure(one, "PostgreSQL")


if __name__ == "__main__":
    sys.exit(main())
