"""What slicers write about a print in the comments of their G-code. Pure; the moves are read in `gcode`.

PrusaSlicer, SuperSlicer, OrcaSlicer and Bambu Studio say `; key = value`, Cura `;KEY:value`, Simplify3D `;   key,value` (and
`;   Key: value`), ideaMaker `;Key: value`. Where a key is said twice, the first one counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SAID: Final = re.compile(rb";\s*([A-Za-z][\w .()\[\]]{1,47}?)\s*(?:#\d\s*)?[=:,]\s*(\S.{0,200})")
_MADE_BY: Final = re.compile(rb";\s*(?:g-code )?(?:generated|sliced) (?:by|with) ([\w.() +-]{2,60})", re.IGNORECASE)
_BAMBU: Final = re.compile(rb";\s*((?:BambuStudio|OrcaSlicer) [\w.]{1,20})")
_WHOLE_TIME: Final = re.compile(rb";.{0,80}total estimated time:\s*([\dhmsd ]+)")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|m|s)", re.IGNORECASE)
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_CURA_GUESS: Final = 6666
"""What Cura's engine writes where it does not know the time yet."""

_TIME = ("time", "print.time", "print time", "build time", "estimated printing time (normal mode)", "estimated printing time")
_GRAMS = ("total filament used [g]", "filament used [g]", "plastic weight")
_DIAMETER = ("filament_diameter", "filament diameter", "filamentdiameters", "filamentdiameter")
_NOZZLE = ("nozzle_diameter", "nozzle diameter", "extruderdiameter", "extruder_train.0.nozzle.diameter")
_LAYER = ("layer_height", "layer height", "layerheight")
_LAYERS = ("layer_count", "total layer number", "total layers count")
_MATERIAL = ("filament_type", "printmaterial", "material type", "material name", "extruder_train.0.material.type")
_MAKER = ("generator.name",)
_WANTED: Final = frozenset((*_TIME, *_GRAMS, *_DIAMETER, *_NOZZLE, *_LAYER, *_LAYERS, *_MATERIAL, *_MAKER))


@dataclass(frozen=True, slots=True)
class SlicerFacts:
    """What the slicer says, where it says it. Lengths in the unit of the name, µm = micrometres."""

    name: str | None = None
    seconds: int | None = None
    grams: float | None = None
    diameter_um: int | None = None
    material: str | None = None
    nozzle_hundredths: int | None = None
    layer_um: int | None = None
    layers: int | None = None


class Comments:
    """Reads comments one after the other."""

    __slots__ = ("_made_by", "_said")

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._made_by: str | None = None

    def read(self, line: bytes) -> None:
        if said := _SAID.match(line):
            key = said[1].decode("latin-1").lower()
            if key in _WANTED:
                self._said.setdefault(key, said[2].decode("latin-1").strip())
            elif key == "model printing time" and (whole := _WHOLE_TIME.match(line)):
                self._said.setdefault("time", whole[1].decode("ascii"))
            elif self._made_by is None:
                self._note_maker(line)
        elif self._made_by is None:
            self._note_maker(line)

    def _note_maker(self, line: bytes) -> None:
        if made := _MADE_BY.match(line) or _BAMBU.match(line):
            self._made_by = made[1].decode("latin-1").partition(" on ")[0].strip()

    def facts(self) -> SlicerFacts:
        return SlicerFacts(
            name=self._made_by or self._first(_MAKER),
            seconds=_seconds(self._first(_TIME)),
            grams=self._grams(),
            diameter_um=self._scaled(_DIAMETER, 1000),
            material=_material(self._first(_MATERIAL)),
            nozzle_hundredths=self._scaled(_NOZZLE, 100),
            layer_um=self._scaled(_LAYER, 1000),
            layers=self._scaled(_LAYERS, 1),
        )

    def _first(self, keys: tuple[str, ...]) -> str | None:
        return next((self._said[key] for key in keys if key in self._said), None)

    def _scaled(self, keys: tuple[str, ...], factor: int) -> int | None:
        number = _NUMBER.match(self._first(keys) or "")
        return min(round(float(number[0][:12]) * factor), 10**9) if number and float(number[0][:12]) > 0 else None

    def _grams(self) -> float | None:
        """One figure, or one a tool: "3.70, 0.20". Simplify3D repeats it in pounds: "3.45 g (0.01 lb)"."""
        said = (self._first(_GRAMS) or "").partition("(")[0]
        total = sum(float(number[:12]) for number in _NUMBER.findall(said))
        return round(total, 2) if 0 < total < 10**6 else None


def _seconds(said: str | None) -> int | None:
    """ "4971", "1h 22m 51s", "1 hour 20 minutes"."""
    if not said:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", said):
        seconds = round(float(said))
        return seconds if seconds not in (0, _CURA_GUESS) else None
    total = sum(float(number[:12]) * _SECONDS[unit.lower()] for number, unit in _DURATION.findall(said))
    return round(total) if 0 < total < 10**9 else None


def _material(said: str | None) -> str | None:
    first = re.split(r"[;,|]", said or "")[0].strip().strip('"').upper()
    return first[:20] if first and first.isprintable() else None
