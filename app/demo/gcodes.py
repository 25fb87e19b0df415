"""What people of the demo lab print, as G-code: real moves, layer by layer, with what a slicer says of them. Pure.

A piece grows until its time is used up, so that one shape gives a short print and a long one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import cos, hypot, pi, sin

Point = tuple[float, float]
Loop = Sequence[Point]

LAYER, DIAMETER = 0.3, 1.75
"""Height of a layer and thickness of the filament, in mm."""
SLACK = 1.05
"""Starting and stopping cost time that a sum of moves does not see."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a filament is printed: °C, mm/s, and what a cubic centimetre weighs in grams."""

    nozzle: int
    bed: int
    speed: float
    density: float


RECIPES: Mapping[str, Recipe] = {
    "PLA": Recipe(nozzle=210, bed=60, speed=30, density=1.24),
    "PETG": Recipe(nozzle=240, bed=80, speed=26, density=1.27),
    "TPU": Recipe(nozzle=225, bed=50, speed=16, density=1.21),
    "ASA": Recipe(nozzle=255, bed=105, speed=28, density=1.07),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A piece by its outlines at a height, around its own middle. `spacing` in mm of the lines inside, 0 for an empty one;
    the first `floor` layers are always filled. Nothing grows above `highest` mm.
    """

    outlines: Callable[[float], Sequence[Loop]]
    spacing: float
    floor: int
    highest: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A thing to print: its file's name, its shape, and how many minutes it takes."""

    name: str
    shape: str
    minutes: int


PIECES = (
    Piece("cale-de-porte", "box", 25),
    Piece("support-capteur-co2", "bracket", 40),
    Piece("pignon-horloge", "gear", 50),
    Piece("vase-canal", "vase", 60),
    Piece("equerre-etagere", "bracket", 75),
    Piece("boite-a-vis", "box", 80),
    Piece("cache-pot", "vase", 95),
    Piece("tiroir-atelier", "box", 120),
    Piece("bac-de-tri", "box", 165),
    Piece("coffret-outils", "box", 215),
)


def _ring(radius: float, corners: int, turn: float = 0.0) -> Loop:
    angles = (turn + 2 * pi * number / corners for number in range(corners))
    return [(radius * cos(angle), radius * sin(angle)) for angle in angles]


def _vase(z: float) -> Sequence[Loop]:
    """Waisted and faceted, turning as it rises."""
    return [_ring(62 + 12 * sin(z / 30), 14, turn=z / 110)]


def _gear(_z: float) -> Sequence[Loop]:
    teeth = [
        (radius * cos(angle), radius * sin(angle))
        for tooth in range(12)
        for radius, share in ((58, 0.0), (68, 0.2), (68, 0.4), (58, 0.6))
        for angle in (2 * pi * (tooth + share) / 12,)
    ]
    return [teeth, _ring(9, 8)]


def _box(_z: float) -> Sequence[Loop]:
    outside = [(-85.0, -62.0), (85.0, -62.0), (85.0, 62.0), (-85.0, 62.0)]
    return [outside, [(x * 0.975, y * 0.966) for x, y in outside]]


def _bracket(_z: float) -> Sequence[Loop]:
    angle = [(-75.0, -75.0), (75.0, -75.0), (75.0, -49.0), (-35.0, -49.0), (-49.0, -35.0), (-49.0, 75.0), (-75.0, 75.0)]
    holes = [[(x + dx, y + dy) for dx, dy in _ring(4, 6)] for x, y in ((46.0, -62.0), (-62.0, 46.0))]
    return [angle, *holes]


SHAPES: Mapping[str, Shape] = {
    "vase": Shape(_vase, spacing=0, floor=2, highest=190),
    "gear": Shape(_gear, spacing=12, floor=1, highest=90),
    "box": Shape(_box, spacing=0, floor=4, highest=150),
    "bracket": Shape(_bracket, spacing=12, floor=1, highest=150),
}


@lru_cache(maxsize=64)
def sliced(piece: Piece, *, filament: str, bed: tuple[int, int], nozzle: float = 0.4, change_at: float | None = None) -> bytes:
    """The file of a piece in the middle of the bed; the same for the same wishes.

    `change_at` is the share of the time after which the printer stops and waits for another filament.
    """
    drawing = _Drawing(RECIPES[filament], (bed[0] / 2, bed[1] / 2), width=nozzle * 1.12)
    shape, wanted, number = SHAPES[piece.shape], piece.minutes * 60 / SLACK, 0
    while drawing.seconds < wanted and number * LAYER < shape.highest:
        if change_at is not None and drawing.seconds >= wanted * change_at:
            drawing.lines += [";COLOR_CHANGE", "M600"]
            change_at = None
        _lay(drawing, shape, number)
        number += 1
    return _written(drawing, filament, nozzle, number).encode("ascii")


def _lay(drawing: _Drawing, shape: Shape, number: int) -> None:
    z = LAYER * (number + 1)
    drawing.lift(z)
    loops = shape.outlines(z)
    for loop in loops:
        drawing.around(loop)
    spacing = 4.0 if number < shape.floor else shape.spacing
    if spacing:
        drawing.fill(loops, spacing, across=number % 2 == 1)


class _Drawing:
    """Moves in writing, with their time and filament. Extrusion is relative."""

    def __init__(self, recipe: Recipe, middle: Point, *, width: float) -> None:
        self.recipe, self.middle = recipe, middle
        self.feed = LAYER * width / (pi / 4 * DIAMETER**2)
        self.lines: list[str] = []
        self.seconds = self.filament = 0.0
        self.at: Point = (0.0, 0.0)

    def lift(self, z: float) -> None:
        self.lines += [";LAYER_CHANGE", f";Z:{z:.1f}", f"G1 Z{z:.1f} F9000", f"G1 F{self.recipe.speed * 60:.0f}"]

    def around(self, loop: Loop) -> None:
        self._go(loop[0])
        for point in [*loop[1:], loop[0]]:
            self._draw(point)

    def fill(self, loops: Sequence[Loop], spacing: float, *, across: bool) -> None:
        """Straight lines to and fro, at every other layer across the others, short of the outline."""
        turned = [[(y, x) for x, y in loop] for loop in loops] if across else loops
        heights = [y for loop in turned for _x, y in loop]
        y, forth = min(heights) + spacing / 2, True
        while y < max(heights):
            stretches = list(_inside(turned, y))
            for start, end in stretches if forth else [(b, a) for a, b in reversed(stretches)]:
                self._go((y, start) if across else (start, y))
                self._draw((y, end) if across else (end, y))
            y, forth = y + spacing, not forth

    def _go(self, point: Point) -> None:
        self._move(point)
        self.lines.append(f"G0 {self._where()}")

    def _draw(self, point: Point) -> None:
        pushed = round(self._move(point) * self.feed, 4)
        self.filament += pushed
        self.lines.append(f"G1 {self._where()} E{pushed:g}")

    def _move(self, point: Point) -> float:
        length = hypot(point[0] - self.at[0], point[1] - self.at[1])
        self.seconds += length / self.recipe.speed
        self.at = point
        return length

    def _where(self) -> str:
        return f"X{self.at[0] + self.middle[0]:.1f} Y{self.at[1] + self.middle[1]:.1f}"


def _inside(loops: Sequence[Loop], y: float, margin: float = 0.6) -> Iterator[tuple[float, float]]:
    """Where the line at `y` runs through the piece, from left to right."""
    crossings = sorted(
        x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        for loop in loops
        for (x1, y1), (x2, y2) in pairwise([*loop, loop[0]])
        if (y1 <= y) != (y2 <= y)
    )
    for start, end in zip(crossings[::2], crossings[1::2], strict=True):
        if end - start > 3 * margin:
            yield start + margin, end - margin


def _written(drawing: _Drawing, filament: str, nozzle: float, layers: int) -> str:
    recipe = drawing.recipe
    grams = drawing.filament * pi / 4 * DIAMETER**2 / 1000 * recipe.density
    x, y = drawing.middle
    begin = [
        "; generated by Demo Slicer 1.0",
        "",
        f"M140 S{recipe.bed} ; warm the bed",
        f"M104 S{recipe.nozzle} ; warm the nozzle",
        "G28 ; find the corners",
        "G90 ; places are absolute",
        "M83 ; filament is relative",
        f"M190 S{recipe.bed} ; wait for the bed",
        f"M109 S{recipe.nozzle} ; wait for the nozzle",
        f"G1 X{x - 60:.0f} Y{y - 62:.0f} Z0.3 F9000",
        f"G1 X{x + 60:.0f} Y{y - 62:.0f} E6.0000 F1200 ; a line to begin with",
    ]
    end = [
        "G1 E-2.0000 F2400 ; let go",
        f"G1 Z{layers * LAYER + 10:.1f} F9000 ; make room",
        "M104 S0",
        "M140 S0",
        "M107",
        "M84",
        f"; filament used [mm] = {drawing.filament + 6:.2f}",
        f"; filament used [g] = {grams:.2f}",
        f"; estimated printing time (normal mode) = {_time(drawing.seconds * SLACK)}",
        f"; filament_type = {filament}",
        f"; filament_diameter = {DIAMETER}",
        f"; nozzle_diameter = {nozzle:g}",
        f"; layer_height = {LAYER}",
        f"; temperature = {recipe.nozzle}",
        f"; bed_temperature = {recipe.bed}",
    ]
    return "\n".join([*begin, *drawing.lines, *end, ""])


def _time(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return (f"{hours}h " if hours else "") + f"{rest // 60}m {rest % 60}s"
