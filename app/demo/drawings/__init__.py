"""Pictures of the demo lab, drawn by code: a wide “photo” of each machine, and one of the place. Nothing is borrowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.demo.drawings import cutters, electronics, place, printers, textile, wood
from app.demo.drawings.pen import Pen

Drawing = Callable[[Pen], None]

MACHINES: Mapping[str, Drawing] = {
    "laser-co2": cutters.co2_laser,
    "laser-fibre": cutters.fibre_laser,
    "decoupe-vinyle": cutters.vinyl_cutter,
    "heron": printers.heron,
    "loutre": printers.otter,
    "martin-pecheur": printers.kingfisher,
    "libellule": printers.dragonfly,
    "fraiseuse": wood.router,
    "scie-a-ruban": wood.band_saw,
    "perceuse": wood.drill,
    "machine-a-coudre": textile.sewing_machine,
    "surjeteuse": textile.overlocker,
    "brodeuse": textile.embroidery_machine,
    "postes-a-souder": electronics.soldering,
}
"""By the slug of the machine. The middle 720 of the 1260 units hold the machine: cards crop the rest."""


def machine(slug: str) -> bytes:
    """The machine's picture as SVG, 1260 × 540."""
    return _drawn(MACHINES[slug])


def workshop() -> bytes:
    """The place from the canal, of the same size."""
    return _drawn(place.workshop)


def _drawn(drawing: Drawing) -> bytes:
    pen = Pen()
    drawing(pen)
    return pen.svg()
