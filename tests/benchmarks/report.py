"""What a measure found, against its limit; the table on the screen and bench.json."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Line:
    """`unit` is what stands behind both numbers; the limit is a ceiling unless `at_least`. `note` says what was seen."""

    measure: str
    figure: float
    limit: float
    unit: str
    at_least: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


@dataclass(frozen=True, slots=True)
class Share:
    """Rates of ours and of the floor, taken in turn: the median of the pairs counts, the best of each is told beside it."""

    ours: Sequence[float]
    floor: Sequence[float]

    @property
    def per_cent(self) -> float:
        return 100 * statistics.median(mine / theirs for mine, theirs in zip(self.ours, self.floor, strict=True))

    def line(self, measure: str, least: float, more: str = "") -> Line:
        note = f"at best {max(self.ours):.0f} of {max(self.floor):.0f} a second, {len(self.ours)} pairs{more}"
        return Line(measure, self.per_cent, least, "%", at_least=True, note=note)


def share(ours: Callable[[], float], floor: Callable[[], float], rounds: int = ROUNDS) -> Share:
    """Measure both in turn, each round in the other order, so that a busy minute falls on both."""
    mine, theirs = [], []
    for number in range(rounds):
        for rates, measure in ((mine, ours), (theirs, floor)) if number % 2 else ((theirs, floor), (mine, ours)):
            rates.append(measure())
    return Share(mine, theirs)


def row(line: Line) -> str:
    """One line as it is found."""
    return "  ".join(part for part in _cells(line) if part)


def table(lines: Sequence[Line]) -> str:
    """All of them, aligned."""
    rows = [("measure", "figure", "limit", "", ""), *(_cells(line) for line in lines)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(4)]
    return "\n".join("  ".join([*(map(str.ljust, cells[:4], widths)), cells[4]]).rstrip() for cells in rows)


def _cells(line: Line) -> tuple[str, ...]:
    figure, limit = (f"{number:,.4g} {line.unit}".rstrip() for number in (line.figure, line.limit))
    return line.measure, figure, f"{'≥' if line.at_least else '≤'} {limit}", "ok" if line.is_met else "SHORT", line.note


def write(lines: Iterable[Line], path: Path, seconds: float) -> None:
    """The same figures for whoever compares two runs."""
    found = [{**asdict(line), "ok": line.is_met} for line in lines]
    about = {"python": platform.python_version(), "machine": platform.machine(), "seconds": round(seconds)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**about, "lines": found}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
