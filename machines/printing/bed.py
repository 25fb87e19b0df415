"""How a print lies on a printer's bed, as a drawing of a few numbers for pages without script. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from machines.printing.gcode import GcodeFacts
from machines.printing.lint import Limits

_AROUND = 0.06


@dataclass(frozen=True, slots=True)
class Plan:
    """Seen from above in mm, y downwards as a screen has it. `view` holds bed and print with a margin; sizes of the print too."""

    view: tuple[float, float, float, float]
    bed: tuple[int, int]
    at: tuple[float, float]
    size: tuple[float, float, float]


def plan(facts: GcodeFacts, limits: Limits | None) -> Plan | None:
    """None where nothing is printed, or no printer is known."""
    if limits is None or not facts.most:
        return None
    (left, front, _low), (right, back, top) = [[reach.value for reach in side] for side in (facts.least, facts.most)]
    width, depth = limits.bed_x, limits.bed_y
    margin = _AROUND * max(width, depth)
    west, east = min(0, left) - margin, max(width, right) + margin
    north, south = min(0, depth - back) - margin, max(depth, depth - front) + margin
    return Plan(
        view=(round(west, 1), round(north, 1), round(east - west, 1), round(south - north, 1)),
        bed=(width, depth),
        at=(round(left, 1), round(depth - back, 1)),
        size=(round(right - left, 1), round(back - front, 1), round(top, 1)),
    )
