"""What a G-code file holds, read once in blocks: moves, plastic, heat, every command and its first line. Pure.

A large file is nearly all moves of two shapes, drawn lines (`G1 X Y E`) and travels (`G1 X Y`). Stretches of these are found by
one expression and computed column by column in `motion`; every other line is read by itself. What slicers say is in `slicers`,
whether a printer may have the file in `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, BinaryIO, Final

from machines.printing.motion import Motion, Pen
from machines.printing.slicers import Comments

BLOCK: Final = 256 * 1024
CODE_MOST: Final = 512
"""Bytes of a line without its comment, from which on a printer may freeze."""
KINDS_MOST: Final = 250
"""No print has more different commands; what has is not G-code."""
DEFAULT_DIAMETER_UM: Final = 1750

_LINE_KEPT: Final = 64 * 1024
_ROUTINES_MOST: Final = 4000
_N: Final = rb"[-\d.]{1,12}+"
_STRETCHES: Final = re.compile(
    rb"(?P<draw>(?:G1 X%(n)s Y%(n)s E%(n)s\n)++)|(?P<travel>(?:G[01] X%(n)s Y%(n)s\n)++)"
    rb"|(?P<start>G[01] X%(n)s Y%(n)s F%(n)s\n)|[^\n]*+\n" % {b"n": _N}
)
_WORDS: Final = re.compile(rb"([A-Z])[ \t]*([-+]?(?:\d+\.?\d*|\.\d+))")
_COMMAND: Final = re.compile(rb"\s*([GMT])[ \t]*(\d{1,9})")
_MACRO: Final = re.compile(rb"\s*(@?[A-Z_][A-Z0-9_]{2,39})(?![^\s=])")
_HEATER: Final = re.compile(rb"HEATER\s*=\s*(\w+).*TARGET\s*=\s*([\d.]{1,9})")
_BRACKETS: Final = re.compile(rb"\([^)]*\)?")
_CONTROL: Final = bytes({*range(32), 127} - set(b"\t\n\r"))
_TEXTS: Final = frozenset({"M0", "M1", "M16", "M23", "M28", "M30", "M32", "M98", "M117", "M118", "M291", "M550", "M551", "M928"})
"""Commands followed by words of their own, which are no commands."""
_ACTS: Final = frozenset(
    {"G90", "G91", "M82", "M83", "G92", "G20", "G21", "G28", "G4", "M200", "M104", "M109", "M568", "M140", "M190"}
)
_MOVES: Final = frozenset({b"0", b"1", b"2", b"3", b"5", b"00", b"01", b"02", b"03"})


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
    reader = _Reader(pen)
    reader.feed(_blocks(stream, block, None))
    reader.finish()
    return reader.facts()


def extruded_mm(stream: BinaryIO, until: int | None, *, block: int = BLOCK) -> tuple[float, ...]:
    """Plastic used by the lines before the byte offset `until` (all of them: None), for each tool. A line that `until` cuts in
    two has not been sent and counts for nothing.
    """
    reader = _Reader(None)
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


class _Reader:
    def __init__(self, pen: Pen | None) -> None:
        self.motion = Motion(pen)
        self.comments = Comments()
        self.begun = b""
        self.size = self.newlines = self.code_lines = self.others = 0
        self.heat: dict[str, Reach] = {}
        self.tools: dict[int, int] = {}
        self.kinds: dict[str, list[int]] = {}
        self.routines: dict[bytes, Callable[[], object]] = {}
        """What a line does that came before and does the same each time: it is not read again."""
        self.control_line: int | None = None
        self.long_line: int | None = None
        self.other_line: int | None = None
        self.is_markup = False

    def feed(self, blocks: Iterator[bytes]) -> None:
        for block in blocks:
            if self.control_line is None:
                self._look_for_control(block)
            if self.size == 0:
                block = block.removeprefix(b"\xef\xbb\xbf")
            self.size += len(block)
            head, newline, tail = block.rpartition(b"\n")
            if newline:
                self._take(self.begun + head + newline)
                self.begun = tail
            else:
                self.begun = (self.begun + block)[:_LINE_KEPT]

    def finish(self) -> None:
        """What was begun is the last line, without an end."""
        if self.begun:
            self._take(self.begun + b"\n")

    def _look_for_control(self, block: bytes) -> None:
        if len(block.translate(None, _CONTROL)) != len(block):
            first = next(position for position, byte in enumerate(block) if byte in _CONTROL)
            self.control_line = self.newlines + block.count(b"\n", 0, first) + 1
        self.newlines += block.count(b"\n")

    def _take(self, lines: bytes) -> None:
        """Whole lines, each with its end."""
        if b"\r" in lines:
            lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        motion, routines = self.motion, self.routines
        stretches = {"draw": motion.draw, "travel": motion.travel, "start": motion.start}
        for found in _STRETCHES.finditer(lines):
            text = found[0]
            if (shape := found.lastgroup) and motion.is_plain and stretches[shape](text):
                continue
            for line in text.splitlines() if shape else (text,):
                motion.line += 1
                if routine := routines.get(line):
                    routine()
                else:
                    self._line(line)

    def _remember(self, line: bytes, routine: Callable[[], object]) -> None:
        if len(self.routines) < _ROUTINES_MOST and len(line) < 80:
            self.routines[line] = routine

    def _line(self, line: bytes) -> None:
        if line[:1] == b";":
            self.comments.read(line[:_LINE_KEPT])
            self._remember(line, _nothing)
            return
        code, semicolon, _comment = line[:_LINE_KEPT].partition(b";")
        if b"(" in code:
            code = _BRACKETS.sub(b"", code)
        code = code.strip().upper()
        if semicolon and not code:
            self.comments.read(line.strip())
        if not code:
            return
        if len(code) >= CODE_MOST and self.long_line is None:
            self.long_line = self.motion.line
        words = _WORDS.findall(code.partition(b"*")[0])
        if words and words[0][0] == b"N" and code[:1] == b"N":
            del words[0]
            code = code[1:].lstrip(b"0123456789 \t")
        if words and code[:1] == b"G" and words[0][0] == b"G" and words[0][1] in _MOVES:
            self._move(line, words)
        else:
            self.code_lines += 1
            self._other(line, code, words)

    def _move(self, line: bytes, words: list[tuple[bytes, bytes]]) -> None:
        values = {letter: float(number[:16]) for letter, number in words[1:]}
        turn = {b"2": -1, b"3": 1}.get(words[0][1][-1:], 0)
        self.motion.move(values, turn)
        if b"G" in values or b"M" in values:
            self._note_more(words[1:])
        elif len(values) < 3:
            self._remember(line, partial(self.motion.move, values, turn))

    def _other(self, line: bytes, code: bytes, words: list[tuple[bytes, bytes]]) -> None:
        """Everything but a move."""
        command = _COMMAND.match(code)
        if command is None:
            self._foreign(code)
            return
        name = f"{command[1].decode()}{int(command[2])}"
        if command[1] == b"T":
            self._tool(int(command[2]))
            return
        self._note(name)
        values = {letter: float(number[:16]) for letter, number in words[1:]}
        if name not in _TEXTS:
            self._note_more(words[1:])
        if name in _ACTS:
            self._act(name, values, code)
        elif len(words) < 3:
            self._remember(line, partial(self._repeat, name))

    def _repeat(self, name: str) -> None:
        self.code_lines += 1
        self._note(name)

    def _act(self, name: str, values: dict[bytes, float], code: bytes) -> None:
        motion = self.motion
        match name:
            case "G90" | "G91":
                motion.is_relative = name == "G91"
            case "M82" | "M83":
                motion.is_e_relative = name == "M83"
            case "G92":
                motion.rename(values)
            case "G20" | "G21":
                motion.use_inches(name == "G20")
            case "G28":
                motion.home({letter.encode() for letter in "XYZ" if letter in code[3:].decode("latin-1")})
            case "G4":
                motion.dwell(min(values.get(b"S", 0.0) + values.get(b"P", 0.0) / 1000, 1e6))
            case "M200":
                motion.use_volume(values.get(b"D", 0.0))
            case "M104" | "M109" | "M568":
                self._heat("nozzle", max(values.get(b"S", 0.0), values.get(b"R", 0.0)))
                if (tool := int(values.get(b"T", 0))) > 0:
                    self.tools.setdefault(tool, motion.line)
            case "M140" | "M190":
                self._heat("bed", max(values.get(b"S", 0.0), values.get(b"R", 0.0)))

    def _heat(self, what: str, degrees: float) -> None:
        if what not in self.heat or degrees > self.heat[what].value:
            self.heat[what] = Reach(min(degrees, 1e6), self.motion.line)

    def _tool(self, number: int) -> None:
        if len(self.tools) < KINDS_MOST:
            self.tools.setdefault(number, self.motion.line)
        self.motion.take_tool(number)

    def _foreign(self, code: bytes) -> None:
        """A macro (Klipper), a word to OctoPrint (@pause), or no G-code at all."""
        if code[:1] == b"<" and self.others == 0:
            self.is_markup = True
        macro = _MACRO.match(code)
        if macro:
            self._note(macro[1].decode("ascii"))
        if macro and macro[1] == b"SET_HEATER_TEMPERATURE" and (heater := _HEATER.search(code)):
            self._heat("bed" if b"BED" in heater[1] else "nozzle", float(heater[2].rstrip(b".").partition(b".")[0] or 0))
        elif code[:1] != b"@":
            self.others += 1
            self.other_line = self.other_line or self.motion.line

    def _note(self, name: str) -> None:
        if known := self.kinds.get(name):
            known[1] += 1
        elif len(self.kinds) <= KINDS_MOST:
            self.kinds[name] = [self.motion.line, 1]

    def _note_more(self, words: list[tuple[bytes, bytes]]) -> None:
        """Some firmwares take several commands of one line."""
        for letter, number in words:
            if letter in (b"G", b"M"):
                self._note(f"{letter.decode()}{int(abs(float(number[:16])))}")

    def filament_mm(self) -> tuple[float, ...]:
        return tuple(round(mm, 4) for mm in self.motion.furthest)

    def facts(self) -> GcodeFacts:
        motion, said = self.motion, self.comments.facts()
        has_plastic, own = motion.extruding_moves > 0, round(motion.seconds)
        return GcodeFacts(
            lines=motion.line,
            size=self.size,
            code_lines=self.code_lines,
            seconds=said.seconds or (min(own, 10**9) if own and has_plastic else None),
            seconds_from="slicer" if said.seconds else "moves" if own and has_plastic else None,
            filament_mm=self.filament_mm(),
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
            nozzle_max=self.heat.get("nozzle"),
            bed_max=self.heat.get("bed"),
            tools_used=tuple(Reach(number, line) for number, line in sorted(self.tools.items())),
            commands=tuple(Mark(name, line, count) for name, (line, count) in self.kinds.items()),
            longest_dwell_seconds=round(motion.longest_dwell),
            control_line=self.control_line,
            long_line=self.long_line,
            other_line=self.other_line,
            others=self.others,
            is_markup=self.is_markup,
        )


def _reach(value: float, line: int) -> Reach:
    return Reach(round(value, 3), line)


def _nothing() -> None:
    """What a comment does that was read before."""
