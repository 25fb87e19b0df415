"""Whether a printer may have a file, from what is known of both. Pure; what the file holds was read by `gcode` when it came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.kernel.refusals import Refusal
from machines.printing import file_reasons as reasons
from machines.printing.gcode import GcodeFacts
from machines.printing.reader import KINDS_MOST, LINES_MOST

REFUSED: Final = (
    "M112", "M997", "M999",  # stop everything, flash, restart
    "M500", "M501", "M502", "M92", "M301", "M303", "M304",  # change what the printer has learnt of itself
    "M302", "M80", "M81",  # push cold filament, switch the power
    "M23", "M24", "M26", "M28", "M29", "M30", "M32", "M928",  # files on the printer's own card
    "M551", "M552", "M587",  # its password and network
    "@CANCEL", "@ABORT", "FIRMWARE_RESTART", "SAVE_CONFIG", "PID_CALIBRATE",
)  # fmt: skip
"""Not allowed in a member's file, unless a printer says otherwise."""
WAITING: Final = ("M0", "M1", "M25", "M125", "M226", "M600", "M601", "@PAUSE", "PAUSE")
EDGE_MM: Final = 5
"""Slicers draw the first line of plastic a little beside the bed, where many printers can reach."""
DIG_MM: Final = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a printer can do: sizes in mm, heat in °C, the nozzle in hundredths of mm. `materials` are codes; none: any."""

    bed_x: int
    bed_y: int
    bed_z: int
    nozzle_most: int
    bed_most: int
    tools: int
    nozzle_hundredths: int
    refused_commands: tuple[str, ...] = REFUSED
    materials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """`line` is where in the file, where it is one place. What does not block is a warning."""

    refusal: Refusal
    line: int | None
    blocks: bool


def findings(facts: GcodeFacts, limits: Limits) -> list[Finding]:
    """All there is to say, what blocks first."""
    return [*anywhere(facts), *_blocking(facts, limits), *_warnings(facts, limits)]


def anywhere(facts: GcodeFacts) -> list[Finding]:
    """What stops a file at every printer. Of something that is no G-code, nothing more is said."""
    strange = _first_of_other_text(facts)
    if strange is not None:
        return [_stop(reasons.NOT_GCODE(line=strange), strange)]
    if facts.lines > LINES_MOST:
        return [_stop(reasons.TOO_MANY_LINES(millions=LINES_MOST // 1_000_000), None)]
    found = []
    if facts.control_line is not None:
        found.append(_stop(reasons.CONTROL_BYTES(line=facts.control_line), facts.control_line))
    if facts.long_line is not None:
        found.append(_stop(reasons.LONG_LINE(line=facts.long_line), facts.long_line))
    if facts.extruding_moves == 0:
        found.append(_stop(reasons.NO_EXTRUSION(), None))
    return found


def _first_of_other_text(facts: GcodeFacts) -> int | None:
    """HTML, prose: lines that no printer knows outnumber those it does, or are of more kinds than there are commands."""
    known = facts.code_lines - facts.others + facts.extruding_moves
    if facts.is_markup or facts.others > known or len(facts.commands) > KINDS_MOST:
        return facts.other_line or 1
    return None


def _blocking(facts: GcodeFacts, limits: Limits) -> Iterator[Finding]:
    refused = {command.upper() for command in limits.refused_commands}
    for mark in facts.commands:
        if mark.command in refused:
            yield _stop(reasons.REFUSED_COMMAND(line=mark.line, command=mark.command), mark.line)
    nozzle, bed = facts.nozzle_max, facts.bed_max
    if nozzle is not None and nozzle.value > limits.nozzle_most:
        yield _stop(
            reasons.NOZZLE_TOO_HOT(line=nozzle.line, degrees=int(-(-nozzle.value // 1)), most=limits.nozzle_most), nozzle.line
        )
    if bed is not None and bed.value > limits.bed_most:
        yield _stop(reasons.BED_TOO_HOT(line=bed.line, degrees=int(-(-bed.value // 1)), most=limits.bed_most), bed.line)
    yield from _outside(facts, limits)
    for tool in facts.tools_used:
        if tool.value >= limits.tools:
            yield _stop(reasons.NO_SUCH_TOOL(line=tool.line, tool=int(tool.value)), tool.line)


def _outside(facts: GcodeFacts, limits: Limits) -> Iterator[Finding]:
    sizes = (limits.bed_x, limits.bed_y, limits.bed_z)
    below, beyond = (-EDGE_MM, -EDGE_MM, -DIG_MM), (EDGE_MM, EDGE_MM, 0)
    for axis, (least, most) in enumerate(zip(facts.least, facts.most, strict=True)):
        for reach in (least, most):
            if not below[axis] <= reach.value <= sizes[axis] + beyond[axis]:
                said = reasons.OUTSIDE_BED(line=reach.line, axis="XYZ"[axis], at=round(reach.value, 2), most=sizes[axis])
                yield _stop(said, reach.line)


def _warnings(facts: GcodeFacts, limits: Limits) -> Iterator[Finding]:
    for mark in facts.commands:
        if mark.command in WAITING:
            yield Finding(reasons.WAITS_FOR_YOU(line=mark.line, command=mark.command), mark.line, blocks=False)
    nozzle = facts.nozzle_hundredths
    if nozzle is not None and nozzle != limits.nozzle_hundredths:
        said = reasons.OTHER_NOZZLE(file=nozzle / 100, printer=limits.nozzle_hundredths / 100)
        yield Finding(said, None, blocks=False)
    if facts.material and limits.materials and facts.material not in {code.upper() for code in limits.materials}:
        yield Finding(reasons.OTHER_MATERIAL(material=facts.material), None, blocks=False)
    if facts.seconds_from != "slicer" and facts.extruding_moves:
        yield Finding(reasons.NO_TIME(), None, blocks=False)


def _stop(refusal: Refusal, line: int | None) -> Finding:
    return Finding(refusal, line, blocks=True)
