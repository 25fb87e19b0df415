"""What a G-code file holds, read once in blocks: moves, plastic, heat, every command and its first line. Pure.

How lines are read is in `reader`, whether a printer may have the file in `lint`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final

from machines.printing.motion import Pen
from machines.printing.reader import Reader

BLOCK: Final = 256 * 1024
DEFAULT_DIAMETER_UM: Final = 1750


@dataclass(frozen=True, slots=True)
class Mark:
    """A command and where it stands first, how often it comes. `M112`, `@PAUSE`, `START_PRINT`."""

    command: str
    line: int
    count: int


@dataclass(frozen=True, slots=True)
class Reach:
    """A value and the line it is reached at: the furthest that plastic is laid (mm), the hottest, a tool taken."""

    value: float
    line: int


@dataclass(frozen=True, slots=True)
class GcodeFacts:
    """All that is known of a file. `seconds` are the slicer's or else the sum of moves and dwells (`seconds_from`); plastic is
    ours, net, for each tool in order. `least` and `most` hold x, y, z, and nothing where nothing is extruded. Heat in °C.
    `others` counts the lines of code that no printer of ours knows, from `other_line` on; lines count from 1.
    """

    lines: int
    size: int
    code_lines: int
    seconds: int | None
    seconds_from: str | None
    filament_mm: tuple[float, ...]
    slicer_grams: float | None
    diameter_um: int
    material: str | None
    nozzle_hundredths: int | None
    layer_um: int | None
    slicer: str | None
    layers: int
    extruding_moves: int
    least: tuple[Reach, ...]
    most: tuple[Reach, ...]
    nozzle_max: Reach | None
    bed_max: Reach | None
    tools_used: tuple[Reach, ...]
    commands: tuple[Mark, ...]
    longest_dwell_seconds: int
    control_line: int | None
    long_line: int | None
    other_line: int | None
    others: int
    is_markup: bool

    @property
    def filament_total_mm(self) -> float:
        return sum(self.filament_mm)


def read(stream: BinaryIO, *, pen: Pen | None = None, block: int = BLOCK) -> GcodeFacts:
    """Read to the end, in memory for two blocks however large the file."""
    reader = Reader(pen)
    reader.feed(_blocks(stream, block, None))
    reader.finish()
    return _facts(reader)


def extruded_mm(stream: BinaryIO, until: int | None, *, block: int = BLOCK) -> tuple[float, ...]:
    """Plastic used by the lines before the byte offset `until` (all of them: None), for each tool. A line that `until` cuts in
    two has not been sent and counts for nothing.
    """
    reader = Reader(None)
    reader.feed(_blocks(stream, block, until))
    if stream.read(1) in (b"", b"\n", b"\r"):
        reader.finish()
    return reader.filament_mm()


def to_json(facts: GcodeFacts) -> dict[str, Any]:
    return asdict(facts)


def from_json(said: Mapping[str, Any]) -> GcodeFacts:
    """What `to_json` gave, however it was stored in between."""
    reaches = {name: tuple(Reach(**one) for one in said[name]) for name in ("least", "most", "tools_used")}
    heats = {name: Reach(**said[name]) if said[name] else None for name in ("nozzle_max", "bed_max")}
    commands = tuple(Mark(**one) for one in said["commands"])
    return GcodeFacts(**{**said, **reaches, **heats, "commands": commands, "filament_mm": tuple(said["filament_mm"])})


def _blocks(stream: BinaryIO, size: int, until: int | None) -> Iterator[bytes]:
    left = until
    while block := stream.read(size if left is None else min(size, left)):
        yield block
        if left is not None:
            left -= len(block)


def _facts(reader: Reader) -> GcodeFacts:
    motion, said = reader.motion, reader.comments.facts()
    has_plastic, own = motion.extruding_moves > 0, round(motion.seconds)
    return GcodeFacts(
        lines=motion.line,
        size=reader.size,
        code_lines=reader.code_lines,
        seconds=said.seconds or (min(own, 10**9) if own and has_plastic else None),
        seconds_from="slicer" if said.seconds else "moves" if own and has_plastic else None,
        filament_mm=reader.filament_mm(),
        slicer_grams=said.grams,
        diameter_um=said.diameter_um or DEFAULT_DIAMETER_UM,
        material=said.material,
        nozzle_hundredths=said.nozzle_hundredths,
        layer_um=said.layer_um,
        slicer=said.name,
        layers=said.layers or motion.layers,
        extruding_moves=motion.extruding_moves,
        least=tuple(map(_reach, motion.least, motion.least_line)) if has_plastic else (),
        most=tuple(map(_reach, motion.most, motion.most_line)) if has_plastic else (),
        nozzle_max=_heat(reader, "nozzle"),
        bed_max=_heat(reader, "bed"),
        tools_used=tuple(Reach(number, line) for number, line in sorted(reader.tools.items())),
        commands=tuple(Mark(name, line, count) for name, (line, count) in reader.kinds.items()),
        longest_dwell_seconds=round(motion.longest_dwell),
        control_line=reader.control_line,
        long_line=reader.long_line,
        other_line=reader.other_line,
        others=reader.others,
        is_markup=reader.is_markup,
    )


def _heat(reader: Reader, what: str) -> Reach | None:
    return Reach(*reader.heat[what]) if what in reader.heat else None


def _reach(value: float, line: int) -> Reach:
    return Reach(round(value, 3), line)
