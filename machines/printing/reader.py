"""Reads the lines of G-code, each for what it does: moves to `motion`, comments to `slicers`, the rest is noted here. Pure.

A large file is nearly all moves of two shapes, drawn lines (`G1 X Y E`) and travels (`G1 X Y`). Stretches of these are found by
one expression and computed column by column; every other line is read by itself, once if it comes again the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from machines.printing.motion import Motion, Pen
from machines.printing.slicers import Comments

CODE_MOST: Final = 512
"""Bytes of a line without its comment, from which on a printer may freeze."""
KINDS_MOST: Final = 250
"""No print has more different commands; what has is not G-code."""
LINES_MOST: Final = 12_000_000
"""Far more than 200 MB of G-code hold; what has more keeps a processor busy and is not read to its end."""

_LINE_KEPT: Final = 64 * 1024
_ROUTINES_MOST: Final = 4000
_N: Final = rb"[-\d.]{1,12}"
_STRETCHES: Final = re.compile(
    rb"(?P<draw>G1 (?:F%(n)s )?X%(n)s Y%(n)s E%(n)s\n(?:G1 X%(n)s Y%(n)s E%(n)s\n)*)|(?P<travel>(?:G[01] X%(n)s Y%(n)s\n)+)"
    rb"|(?P<start>G[01] X%(n)s Y%(n)s F%(n)s\n)|[^\n]*\n" % {b"n": _N}
)
_PLAIN_MOVE: Final = re.compile(rb"G([0-3])((?: [XYZEFIJR]%(n)s){1,8})\s*" % {b"n": _N})
_WORDS: Final = re.compile(rb"([A-Z])[ \t]*([-+]?(?:\d+\.?\d*|\.\d+))")
_COMMAND: Final = re.compile(rb"\s*([GMT])[ \t]*(\d{1,9})")
_MACRO: Final = re.compile(rb"\s*(@?[A-Z_][A-Z0-9_]{2,39})(?![^\s=])")
_HEATER: Final = re.compile(rb"HEATER\s*=\s*(\w+).*TARGET\s*=\s*([\d.]{1,9})")
_BRACKETS: Final = re.compile(rb"\([^)]*\)?")
_CONTROL: Final = bytes({*range(32), 127} - set(b"\t\n\r"))
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TEXTS: Final = frozenset({"M0", "M1", "M16", "M23", "M28", "M30", "M32", "M98", "M117", "M118", "M291", "M550", "M551", "M928"})
"""Commands followed by words of their own, which are no commands."""
_ACTS: Final = frozenset(
    {"G90", "G91", "M82", "M83", "G92", "G20", "G21", "G28", "G4", "M200", "M104", "M109", "M568", "M140", "M190"}
)
_TURNS: Final = {b"2": -1, b"3": 1}
_MOVES: Final = frozenset({b"0", b"1", b"2", b"3", b"5", b"00", b"01", b"02", b"03"})


class Reader:
    """Fed with blocks of bytes, cut anywhere. `heat`, `tools` and `kinds` keep the line of what they tell."""

    def __init__(self, pen: Pen | None) -> None:
        self.motion = Motion(pen)
        self.comments = Comments()
        self.begun = b""
        self.size = self.newlines = self.code_lines = self.others = 0
        self.heat: dict[str, tuple[float, int]] = {}
        self.tools: dict[int, int] = {}
        self.kinds: dict[str, list[int]] = {}
        self.routines: dict[bytes, Callable[[], object]] = {}
        """What a line does that came before and does the same each time: it is not read again."""
        self.control_line: int | None = None
        self.long_line: int | None = None
        self.other_line: int | None = None
        self.is_markup = False

    def feed(self, blocks: Iterable[bytes]) -> None:
        for block in blocks:
            self._look_for_control(block)
            self.size += len(block)
            head, newline, tail = block.rpartition(b"\n")
            if newline:
                self._take(self.begun + head + newline)
                self.begun = tail
            else:
                self.begun = (self.begun + block)[:_LINE_KEPT]
            if self.newlines > LINES_MOST:
                break

    def finish(self) -> None:
        """What was begun is the last line, without an end."""
        if self.begun:
            self._take(self.begun + b"\n")

    def _look_for_control(self, block: bytes) -> None:
        if self.control_line is None and len(block.translate(None, _CONTROL)) != len(block):
            first = next(position for position, byte in enumerate(block) if byte in _CONTROL)
            self.control_line = self.newlines + block.count(b"\n", 0, first) + 1
        self.newlines += block.count(b"\n")

    def _take(self, lines: bytes) -> None:
        """Whole lines, each with its end."""
        if self.motion.line == 0:
            lines = lines.removeprefix(_BYTE_ORDER_MARK)
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
        if (plain := _PLAIN_MOVE.fullmatch(line)) and self._plain_move(line, plain):
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
        words = _WORDS.findall(code)
        if words and words[0][0] == b"N" and code[:1] == b"N":
            del words[0]
            code = code[1:].lstrip(b"0123456789 \t")
        if words and code[:1] == b"G" and words[0][0] == b"G" and words[0][1] in _MOVES:
            self._move(line, words)
        else:
            self.code_lines += 1
            self._other(line, code, words)

    def _plain_move(self, line: bytes, plain: re.Match[bytes]) -> bool:
        """One move as slicers write it; False where a number is not one."""
        try:
            values = {word[:1]: float(word[1:]) for word in plain[2].split()}
        except ValueError:
            return False
        self._do_move(line, values, plain[1])
        return True

    def _move(self, line: bytes, words: list[tuple[bytes, bytes]]) -> None:
        values = {letter: float(number[:16]) for letter, number in words[1:]}
        self._do_move(line, values, words[0][1][-1:])
        if b"G" in values or b"M" in values:
            self.routines.pop(line, None)
            self._note_more(words[1:])

    def _do_move(self, line: bytes, values: dict[bytes, float], kind: bytes) -> None:
        turn = _TURNS.get(kind, 0)
        self.motion.move(values, turn)
        if len(values) < 3:
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
        if what not in self.heat or degrees > self.heat[what][0]:
            self.heat[what] = min(degrees, 1e6), self.motion.line

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


def _nothing() -> None:
    """What a comment does that was read before."""
