"""A file's drawn lines, layer by layer, thinned until they are small enough to send. Pure; drawn by `static/preview.js`.

The bytes, little-endian: `uint32` count of layers; for each layer `float32` height in mm and `uint32` count of numbers; then all
layers' numbers as `int16`. Numbers are x, y in twentieths of a millimetre; BREAK stands before each stretch that begins anew.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from typing import Final

UNIT: Final = 20
BREAK: Final = -32768
NUMBERS_MOST: Final = 700_000
"""Two bytes each: some 1.4 MB."""
_COARSEST: Final = 16
_RISE: Final = 0.04


class Preview:
    """A pen for `gcode.read`. What it keeps is thinned each time it grows too large: points nearer to the one before than
    `_near` (twentieths) go first, then every other layer.
    """

    def __init__(self, numbers_most: int = NUMBERS_MOST) -> None:
        self._most = numbers_most
        self._layers: list[tuple[float, array[int]]] = []
        self._near = 2
        self._count = 0
        self._every = 1
        self._seen = 0
        self._z: float | None = None
        self._is_kept = True

    def __call__(self, z: float, x: float, y: float, xs: Sequence[float], ys: Sequence[float]) -> None:
        if self._z is None or abs(z - self._z) > _RISE:
            self._begin(z)
        if not self._is_kept:
            return
        points = self._layers[-1][1]
        before = len(points)
        last_x, last_y = _whole(x), _whole(y)
        if before < 2 or points[-2] != last_x or points[-1] != last_y:
            points.extend((BREAK, last_x, last_y))
        near, end = self._near, len(xs) - 1
        for number, (next_x, next_y) in enumerate(zip(map(_whole, xs), map(_whole, ys), strict=True)):
            if number == end or abs(next_x - last_x) + abs(next_y - last_y) >= near:
                points.extend((next_x, next_y))
                last_x, last_y = next_x, next_y
        self._count += len(points) - before
        if self._count > self._most:
            self._thin()

    def packed(self) -> bytes:
        """As described above; layers in order of height."""
        layers = sorted(self._layers, key=lambda layer: layer[0])
        table = b"".join(struct.pack("<fI", z, len(points)) for z, points in layers)
        numbers = array("h")
        for _z, points in layers:
            numbers.extend(points)
        if struct.pack("=H", 1) != struct.pack("<H", 1):
            numbers.byteswap()
        return struct.pack("<I", len(layers)) + table + numbers.tobytes()

    def _begin(self, z: float) -> None:
        self._z = z
        self._is_kept = self._seen % self._every == 0
        self._seen += 1
        if self._is_kept:
            self._layers.append((z, array("h")))

    def _thin(self) -> None:
        while self._count > self._most * 3 // 4:
            if self._near < _COARSEST:
                self._near *= 2
                self._layers = [(z, _thinned(points, self._near)) for z, points in self._layers]
            elif len(self._layers) > 1:
                self._every *= 2
                self._layers = self._layers[::2]
                self._is_kept = (self._seen - 1) % self._every == 0
            else:
                self._layers = [(z, points[: self._most // 2]) for z, points in self._layers]
                self._is_kept = False
            self._count = sum(len(points) for _z, points in self._layers)


def _thinned(points: array[int], near: int) -> array[int]:
    """Ends of stretches stay."""
    kept = array("h")
    position, size = 0, len(points)
    last_x = last_y = 0
    while position < size:
        if points[position] == BREAK:
            last_x, last_y = points[position + 1], points[position + 2]
            kept.extend((BREAK, last_x, last_y))
            position += 3
            continue
        x, y = points[position], points[position + 1]
        position += 2
        if position >= size or points[position] == BREAK or abs(x - last_x) + abs(y - last_y) >= near:
            kept.extend((x, y))
            last_x, last_y = x, y
    return kept


def _whole(millimetres: float) -> int:
    return max(-32767, min(32767, round(millimetres * UNIT)))
