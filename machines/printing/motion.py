"""Where the nozzle goes, how long that takes and how much plastic leaves it: the state G-code moves about. Pure.

Plastic is net of retractions, as it is used up: what goes beyond the furthest the filament has been, for each tool.
`pen` is told every drawn stretch, for the preview: its height, where it starts, and its further points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from math import atan2, ceil, floor, hypot, pi
from operator import sub
from typing import Final

Pen = Callable[[float, float, float, Sequence[float], Sequence[float]], None]

_UNSAID_FEED: Final = 1500.0
_INCH: Final = 25.4
_LAYER_LEAST: Final = 0.03
"""Millimetres: a smaller rise is within a layer (a vase's spiral)."""
_QUARTER: Final = pi / 2
_FAR: Final = 1e7


class Motion:
    """Physical position in millimetres (what G92 calls it is kept as an offset), feed in mm/min. `line` is the one being read."""

    def __init__(self, pen: Pen | None = None) -> None:
        self.pen = pen
        self.line = 0
        self.at = [0.0, 0.0, 0.0]
        self.offset = [0.0, 0.0, 0.0]
        self.unit = 1.0
        self.is_relative = self.is_e_relative = False
        self.e = 0.0
        self.e_scale = 1.0
        self.tool = 0
        self.pushed = [0.0]
        self.furthest = [0.0]
        self.least = [_FAR, _FAR, _FAR]
        self.most = [-_FAR, -_FAR, -_FAR]
        self.least_line = [0, 0, 0]
        self.most_line = [0, 0, 0]
        self.extruding_moves = 0
        self.layers = 0
        self._layer_z = -_FAR
        self._feed = _UNSAID_FEED
        self._distance = 0.0
        self._seconds = 0.0
        self.longest_dwell = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether the numbers of a move are absolute millimetres as they stand, so that whole stretches may be computed."""
        return not self.is_relative and self.unit == self.e_scale == 1.0 and self.offset == [0.0, 0.0, 0.0]

    @property
    def seconds(self) -> float:
        """Moves at their feed rates, and dwells; nothing for speeding up and slowing down."""
        return self._seconds + 60 * self._distance / self._feed

    def draw(self, stretch: bytes) -> bool:
        """Take a plain stretch of `G1 X Y E` lines, the first one perhaps with F before; False (and nothing done) where one of
        them does not push plastic.
        """
        words, feed = stretch.translate(None, b"XYEF").decode("ascii").split(), 0.0
        try:
            if stretch.startswith(b"G1 F"):
                feed = float(words.pop(1))
            xs, ys, es = list(map(float, words[1::4])), list(map(float, words[2::4])), list(map(float, words[3::4]))
        except ValueError:
            return False
        pushed = es if self.is_e_relative else list(map(sub, es, chain((self.e,), es)))
        if min(pushed) <= 0:
            return False
        self.e = sum(pushed, self.e) if self.is_e_relative else es[-1]
        if feed > 0:
            self.set_feed(feed)
        x, y, z = self.at
        self._push(sum(pushed, self.pushed[self.tool]))
        self._distance = sum(map(hypot, map(sub, xs, chain((x,), xs)), map(sub, ys, chain((y,), ys))), self._distance)
        self._reach(0, xs, x)
        self._reach(1, ys, y)
        self._reach(2, (z,), z)
        self._rise(z)
        self.extruding_moves += len(xs)
        if self.pen:
            self.pen(z, x, y, xs, ys)
        self.at[0], self.at[1] = xs[-1], ys[-1]
        self.line += len(xs)
        return True

    def travel(self, stretch: bytes) -> bool:
        """Take a plain stretch of `G0 X Y` lines; False (and nothing done) where a number is not one."""
        words = stretch.translate(None, b"XY").decode("ascii").split()
        try:
            xs, ys = list(map(float, words[1::3])), list(map(float, words[2::3]))
        except ValueError:
            return False
        x, y, _z = self.at
        self._distance = sum(map(hypot, map(sub, xs, chain((x,), xs)), map(sub, ys, chain((y,), ys))), self._distance)
        self.at[0], self.at[1] = xs[-1], ys[-1]
        self.line += len(xs)
        return True

    def start(self, line: bytes) -> bool:
        """Take one plain `G1 X Y F` line, the travel to where a drawn line starts."""
        words = line.translate(None, b"XYF").split()
        try:
            x, y, feed = float(words[1]), float(words[2]), float(words[3])
        except ValueError:
            return False
        if feed > 0:
            self.set_feed(feed)
        self._distance += hypot(x - self.at[0], y - self.at[1])
        self.at[0], self.at[1] = x, y
        self.line += 1
        return True

    def move(self, words: Mapping[bytes, float], turn: int = 0) -> None:
        """One move of any shape; `turn` is 1 for an arc anticlockwise (G3), -1 clockwise (G2)."""
        if (feed := words.get(b"F", 0.0) * self.unit) > 0:
            self.set_feed(feed)
        pushed = self._pushed(words[b"E"]) if b"E" in words else 0.0
        if pushed:
            self._push(self.pushed[self.tool] + pushed)
        if b"X" in words or b"Y" in words or b"Z" in words:
            self._go(words, turn, pushed)
        else:
            self._distance += abs(pushed)

    def _go(self, words: Mapping[bytes, float], turn: int, pushed: float) -> None:
        x, y, z = self.at
        next_x = self._target(0, words[b"X"]) if b"X" in words else x
        next_y = self._target(1, words[b"Y"]) if b"Y" in words else y
        next_z = self._target(2, words[b"Z"]) if b"Z" in words else z
        xs: tuple[float, ...] = (next_x,)
        ys: tuple[float, ...] = (next_y,)
        length = hypot(next_x - x, next_y - y)
        if turn:
            xs, ys, length = self._arc(words, next_x, next_y, turn)
        if next_z != z:
            length = hypot(length, next_z - z)
        self._distance += length
        self.at = [next_x, next_y, next_z]
        if pushed > 0:
            self._touch(0, x, *xs)
            self._touch(1, y, *ys)
            self._touch(2, z, next_z)
            self._rise(max(z, next_z))
            self.extruding_moves += 1
            if self.pen:
                self.pen(next_z, x, y, xs, ys)

    def set_feed(self, feed: float) -> None:
        if feed != self._feed:
            self._seconds = self.seconds
            self._distance, self._feed = 0.0, feed

    def dwell(self, seconds: float) -> None:
        self._seconds += seconds
        self.longest_dwell = max(self.longest_dwell, seconds)

    def rename(self, words: Mapping[bytes, float]) -> None:
        """G92: call the present position something else; all of it where nothing is named."""
        names = [name for name in (b"X", b"Y", b"Z", b"E") if name in words]
        for axis, name in enumerate((b"X", b"Y", b"Z")):
            if name in names or not names:
                self.offset[axis] = round(self.at[axis] - words.get(name, 0.0) * self.unit, 6)
        if b"E" in names or not names:
            self.e = words.get(b"E", 0.0) * self.unit * self.e_scale

    def home(self, letters: set[bytes]) -> None:
        for axis, name in enumerate((b"X", b"Y", b"Z")):
            if name in letters or not letters & {b"X", b"Y", b"Z"}:
                self.at[axis] = self.offset[axis] = 0.0

    def take_tool(self, number: int) -> None:
        """Numbers no printer has are left to `lint`: they use nothing."""
        if number < 100:
            self.tool = number
            missing = number + 1 - len(self.pushed)
            self.pushed += [0.0] * missing
            self.furthest += [0.0] * missing

    def use_inches(self, said: bool) -> None:
        self.unit = _INCH if said else 1.0

    def use_volume(self, diameter: float) -> None:
        """M200: E is said in mm³ of a filament so thick; in mm again for a diameter of nothing."""
        self.e_scale = 4 / (pi * diameter**2) if diameter > 0 else 1.0

    def _target(self, axis: int, said: float) -> float:
        return said * self.unit + (self.at[axis] if self.is_relative else self.offset[axis])

    def _pushed(self, said: float) -> float:
        """G91 makes E relative too, as Marlin has it, until G90."""
        said *= self.unit * self.e_scale
        pushed = said if self.is_e_relative or self.is_relative else said - self.e
        self.e = self.e + pushed if self.is_e_relative or self.is_relative else said
        return pushed

    def _push(self, pushed: float) -> None:
        self.pushed[self.tool] = pushed
        self.furthest[self.tool] = max(self.furthest[self.tool], pushed)

    def _touch(self, axis: int, *values: float) -> None:
        """Stretch the box to where the present line leads."""
        for value in values:
            if value < self.least[axis]:
                self.least[axis], self.least_line[axis] = value, self.line
            if value > self.most[axis]:
                self.most[axis], self.most_line[axis] = value, self.line

    def _reach(self, axis: int, values: Sequence[float], start: float) -> None:
        """Stretch the box to where the lines after the present one lead, each to one of `values`; the first begins at `start`."""
        low, high, first = min(values), max(values), self.line + 1
        if min(low, start) < self.least[axis]:
            self.least[axis], self.least_line[axis] = min(low, start), first + (0 if start <= low else values.index(low))
        if max(high, start) > self.most[axis]:
            self.most[axis], self.most_line[axis] = max(high, start), first + (0 if start >= high else values.index(high))

    def _rise(self, z: float) -> None:
        if z > self._layer_z + _LAYER_LEAST:
            self._layer_z, self.layers = z, self.layers + 1

    def _arc(
        self, words: Mapping[bytes, float], next_x: float, next_y: float, turn: int
    ) -> tuple[tuple[float, ...], tuple[float, ...], float]:
        """The points where an arc turns round and where it ends, in order, and its length. Like a line where it has no centre."""
        x, y, _z = self.at
        centre = self._centre(words, next_x, next_y, turn)
        if centre is None:
            return (next_x,), (next_y,), hypot(next_x - x, next_y - y)
        middle_x, middle_y = centre
        radius, begins = hypot(x - middle_x, y - middle_y), atan2(y - middle_y, x - middle_x)
        swept = (atan2(next_y - middle_y, next_x - middle_x) - begins) * turn % (2 * pi) or 2 * pi
        number = floor(begins / _QUARTER) + 1 if turn > 0 else ceil(begins / _QUARTER) - 1
        xs: list[float] = []
        ys: list[float] = []
        while (number * _QUARTER - begins) * turn < swept and len(xs) < 4:
            xs.append(middle_x + radius * (1, 0, -1, 0)[number % 4])
            ys.append(middle_y + radius * (0, 1, 0, -1)[number % 4])
            number += turn
        return (*xs, next_x), (*ys, next_y), radius * swept

    def _centre(self, words: Mapping[bytes, float], next_x: float, next_y: float, turn: int) -> tuple[float, float] | None:
        """From I and J, or from a radius R (negative: the long way round)."""
        x, y, _z = self.at
        if b"R" not in words:
            i, j = words.get(b"I", 0.0) * self.unit, words.get(b"J", 0.0) * self.unit
            return (x + i, y + j) if i or j else None
        radius, across = words[b"R"] * self.unit, hypot(next_x - x, next_y - y)
        if not across or abs(radius) < across / 2:
            return None
        aside = (radius**2 - across**2 / 4) ** 0.5 * (turn if radius > 0 else -turn) / across
        return (x + next_x) / 2 - (next_y - y) * aside, (y + next_y) / 2 + (next_x - x) * aside
