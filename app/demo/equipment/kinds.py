"""What a machine and a space of the demo are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.words import both
from app.kernel.db import said

Document = dict[str, str]


@dataclass(frozen=True, slots=True)
class Space:
    slug: str
    name: said


@dataclass(frozen=True, slots=True)
class Equipment:
    """A machine as its people describe it. `hourly` is in cents for standard, solidarity and professional members.

    `minutes` are the usual lengths of a reservation, `pull` how much people want it beside the others.
    """

    slug: str
    code: str
    space: str
    name: said
    icon: str
    danger: int
    needs: Sequence[Sequence[str]]
    can_do: said
    cannot_do: said
    house_rules: said
    ticks: tuple[said, said]
    hourly: tuple[int, int, int] | None
    minutes: Sequence[int]
    pull: float
    craft: str
    step: int = 15
    longest: int = 240
    horizon: int = 30
    ahead: int = 3
    capacity: int = 1
    turnaround: int = 0
    is_attended: bool = True
    bills_actual: bool = False
    documents: Sequence[Document] = ()


GOGGLES = both("J’ai mes lunettes, mes cheveux sont attachés.", "I wear goggles, my hair is tied.")
BESIDE = both("Je reste à côté jusqu’à la fin.", "I stay beside it until the end.")
INKSCAPE = {"title": "Inkscape, pour dessiner", "url": "https://inkscape.org/fr/"}
FREECAD = {"title": "FreeCAD, pour modéliser", "url": "https://www.freecad.org/"}
