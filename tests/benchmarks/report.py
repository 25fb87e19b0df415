"""What a measure found, against its limit; the table on the screen and bench.json."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 7


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


def shares(ours: Callable[[], float], floor: Callable[[], float], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """(the median share in per cent, our median rate, the floor's), measured in turn, each round in the other order.

    What else the machine does meanwhile slows both sides of a round alike, so the share stays while the rates sway.
    """
    pairs = []
    for number in range(rounds):
        if number % 2:
            theirs, mine = floor(), ours()
        else:
            mine, theirs = ours(), floor()
        pairs.append((mine, theirs))
    return (
        100 * statistics.median(mine / theirs for mine, theirs in pairs),
        statistics.median(mine for mine, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
    )


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
