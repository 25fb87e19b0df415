"""The workshop around a machine: wall, floor, bench, tool wall, shelves, window. Every picture stands in one of these."""

from __future__ import annotations

from app.demo.drawings.pen import (
    AMBER,
    BEECH,
    BLUE,
    BROWN,
    CONCRETE,
    EDGE,
    GREEN,
    HEIGHT,
    INK_SOFT,
    LINE,
    MINIUM,
    NIGHT,
    OAK,
    PLASTER,
    PLY,
    STEEL,
    STEEL_DARK,
    STEEL_LIGHT,
    SUNK,
    TEAL,
    VIOLET,
    WHITE,
    WIDTH,
    Pen,
    darker,
    lighter,
    mix,
)

FLOOR = 428
"""Where wall and floor meet; machines on feet stand a little below."""
BENCH = 408
"""The upper edge of the bench top; machines on the bench stand on it."""

CRATES = (BLUE, TEAL, BROWN, GREEN, AMBER)


def room(pen: Pen, *, light_from: float = 200) -> None:
    """Plaster, a skirting, a concrete floor, daylight falling from a window one does not see."""
    pen.rect(0, 0, WIDTH, FLOOR, "url(#day)")
    for offset, width in ((0, 130), (175, 130)):
        x = light_from + offset
        pen.path(f"M{x} 0h{width}l220 {FLOOR}h-{width}z", WHITE, opacity=0.5)
    pen.rect(0, FLOOR - 14, WIDTH, 14, mix(PLASTER, EDGE, 0.28))
    pen.rect(0, FLOOR - 14, WIDTH, 3, WHITE, opacity=0.6)
    pen.rect(0, FLOOR, WIDTH, HEIGHT - FLOOR, "url(#ground)")
    for x in (-40, 300, 640, 980, 1320):
        pen.line(f"M{x + (x - 630) * 0.12:g} {FLOOR}L{x + (x - 630) * 0.5:g} {HEIGHT}", mix(CONCRETE, EDGE, 0.4), 2, opacity=0.5)
    pen.path(f"M{light_from + 150} {FLOOR + 6}h260l150 {HEIGHT - FLOOR}h-300z", WHITE, opacity=0.28)


def bench(pen: Pen) -> None:
    """A beech bench across the picture, a steel ruler let into its edge."""
    pen.rect(0, BENCH + 52, WIDTH, HEIGHT - BENCH - 52, mix(SUNK, EDGE, 0.35))
    for x in (40, 354, 668, 982):
        pen.rect(x, BENCH + 62, 238, HEIGHT, mix(BEECH, EDGE, 0.22), 6)
        pen.rect(x + 7, BENCH + 69, 224, HEIGHT, mix(BEECH, EDGE, 0.08), 4)
        pen.rect(x + 87, BENCH + 92, 64, 10, STEEL_DARK, 5)
        pen.rect(x + 87, BENCH + 90, 64, 4, STEEL_LIGHT, 2)
    pen.rect(0, BENCH - 8, WIDTH, 26, lighter(BEECH, 0.35))
    for y, x, length in ((BENCH - 3, 60, 300), (BENCH + 3, 520, 410), (BENCH + 9, 190, 260), (BENCH + 6, 1000, 200)):
        pen.line(f"M{x} {y}q{length / 2} 3 {length} 0", OAK, 1.4, opacity=0.55)
    pen.rect(0, BENCH + 18, WIDTH, 34, mix(BEECH, OAK, 0.35))
    pen.rect(0, BENCH + 18, WIDTH, 3, darker(BEECH, 0.12))
    pen.rect(0, BENCH + 49, WIDTH, 12, darker(BEECH, 0.4), opacity=0.35)
    ruler(pen, 0, BENCH + 24, WIDTH)


def ruler(pen: Pen, x: float, y: float, length: float) -> None:
    pen.rect(x, y, length, 13, STEEL_LIGHT)
    pen.rect(x, y, length, 2, WHITE)
    marks = range(int(length / 10.5) + 1)
    ticks = [f"M{x + n * 10.5:.1f} {y + 13}v-{9 if n % 10 == 0 else 6 if n % 5 == 0 else 3.5}" for n in marks]
    pen.path("".join(ticks), stroke=INK_SOFT, stroke_width=1.1)


def pegboard(pen: Pen, x: float, y: float, w: float, h: float, *, missing: int = 1) -> None:
    """The tool wall. One tool is out: its outline waits for it."""
    pen.rect(x + 5, y + 7, w, h, INK_SOFT, 8, opacity=0.16)
    pen.rect(x, y, w, h, mix(BEECH, WHITE, 0.45), 8)
    pen.rect(x, y, w, h, "url(#pegs)", 8)
    tools = (_hammer, _square, _saw, _pliers, _driver, _wrench)
    room_for = max(1, int((w - 20) // 52))
    for n in range(room_for):
        pen_x = x + 10 + (w - 20) * (n + 0.5) / room_for
        with pen.moved(pen_x, y + 26):
            tools[n % len(tools)](pen, n == missing)


def shelf(pen: Pen, x: float, y: float, w: float, *, what: str = "crates") -> None:
    """A plank on brackets with crates, spools or jars on it."""
    pen.rect(x + 4, y + 12, w - 8, 10, INK_SOFT, opacity=0.14)
    step = {"crates": 74, "spools": 58, "jars": 46}[what]
    for n in range(int((w - 20) // step)):
        at = x + 12 + n * step
        colour = CRATES[(n * 2 + int(x)) % len(CRATES)]
        if what == "crates":
            _crate(pen, at, y, colour, 40 + 9 * (n % 3))
        elif what == "spools":
            spool(pen, at + 27, y - 27, 27, (MINIUM, TEAL, "#e8b530", BLUE, NIGHT, GREEN, VIOLET)[(n + int(x)) % 7])
        else:
            _jar(pen, at, y, colour)
    pen.rect(x, y, w, 11, OAK, 2)
    pen.rect(x, y, w, 3, lighter(OAK, 0.4), 1.5)
    for bracket in (x + 26, x + w - 34):
        pen.path(f"M{bracket} {y + 11}h8v30z", STEEL_DARK)


def window(pen: Pen, x: float, y: float, w: float, h: float) -> None:
    """A steel workshop window: sky, the poplars of the canal."""
    pen.rect(x - 8, y - 8, w + 16, h + 16, mix(PLASTER, EDGE, 0.3), 3)
    pen.rect(x, y, w, h, "#dcebf2")
    pen.path(f"M{x} {y + h * 0.72:g}q{w * 0.25:g} -18 {w * 0.5:g} -6t{w * 0.5:g} -4v{h * 0.3:g}h-{w}z", "#bcd3c0")
    for n in range(4):
        at = x + w * (0.14 + n * 0.24)
        pen.oval(at, y + h * 0.56, 11, h * 0.27, mix(GREEN, "#dcebf2", 0.58 + 0.06 * (n % 2)))
    pen.rect(x, y + h * 0.84, w, h * 0.16, "#b4cdd8")
    columns, rows = max(2, round(w / 90)), max(2, round(h / 90))
    bars = [f"M{x + w * n / columns:.1f} {y}v{h}" for n in range(1, columns)]
    bars += [f"M{x} {y + h * n / rows:.1f}h{w}" for n in range(1, rows)]
    pen.path("".join(bars), stroke=NIGHT, stroke_width=4)
    pen.rect(x, y, w, h, "none", stroke=NIGHT, stroke_width=6)
    pen.path(f"M{x + w * 0.1:g} {y + h:g}L{x + w * 0.5:g} {y}h{w * 0.16:g}L{x + w * 0.26:g} {y + h:g}z", WHITE, opacity=0.28)
    pen.rect(x - 16, y + h + 6, w + 32, 12, mix(BEECH, OAK, 0.4), 2)


def pendant(pen: Pen, x: float, length: float = 66) -> None:
    """A workshop lamp on its cable, lit."""
    pen.line(f"M{x} 0v{length}", NIGHT, 3)
    pen.oval(x, length + 96, 150, 84, "url(#glow)", opacity=0.75)
    pen.path(f"M{x - 48} {length + 34}q4 -34 36 -36h24q32 2 36 36z", BLUE)
    pen.path(f"M{x - 48} {length + 34}q4 -34 36 -36h8q-26 8 -28 36z", lighter(BLUE, 0.28))
    pen.oval(x, length + 34, 48, 6, "#fff6de")


def spool(pen: Pen, x: float, y: float, r: float, colour: str) -> None:
    """A spool of filament or thread seen on its side."""
    pen.circle(x, y, r, NIGHT)
    pen.circle(x, y, r * 0.86, colour)
    for share in (0.74, 0.6, 0.46):
        pen.circle(x, y, r * share, "none", stroke=darker(colour, 0.22), stroke_width=1.4)
    pen.circle(x, y, r * 0.32, STEEL_LIGHT)
    pen.circle(x, y, r * 0.14, NIGHT)


def plank(pen: Pen, x: float, y: float, w: float, h: float = 16, *, colour: str = PLY) -> None:
    pen.rect(x, y, w, h, colour, 2)
    pen.rect(x, y, w, h * 0.3, lighter(colour, 0.35), 2)
    pen.line(f"M{x + w * 0.12:g} {y + h * 0.62:g}q{w * 0.3:g} 4 {w * 0.7:g} 0", darker(colour, 0.2), 1.2, opacity=0.7)


def _crate(pen: Pen, x: float, y: float, colour: str, h: float) -> None:
    pen.rect(x, y - h, 64, h, darker(colour, 0.1), 4)
    pen.rect(x, y - h, 58, h, lighter(colour, 0.12), 4)
    pen.rect(x + 12, y - h + 11, 34, 15, PLASTER, 2)
    pen.rect(x + 17, y - h + 16, 24, 2, EDGE)
    pen.rect(x + 17, y - h + 20, 16, 2, EDGE)


def _jar(pen: Pen, x: float, y: float, colour: str) -> None:
    pen.rect(x, y - 42, 34, 42, "#e9f0ef", 7, stroke=LINE, stroke_width=1.5)
    pen.rect(x + 2, y - 26, 30, 25, mix(colour, "#e9f0ef", 0.25), 5)
    pen.rect(x + 1, y - 48, 32, 9, STEEL, 3)
    pen.rect(x + 6, y - 38, 5, 30, WHITE, 2.5, opacity=0.6)


def _silhouette(pen: Pen, d: str, colour: str, is_out: bool) -> None:
    if is_out:
        pen.path(d, stroke=EDGE, stroke_width=2.2, stroke_dasharray="6 5")
    else:
        pen.path(d, INK_SOFT, opacity=0.18, transform="translate(4 5)")
        pen.path(d, colour)


def _hammer(pen: Pen, is_out: bool) -> None:
    _silhouette(pen, "M-5 22h10v88q-5 8 -10 0z", OAK, is_out)
    _silhouette(pen, "M-22 2h30q10 2 12 12l-10 6h-32z", STEEL_DARK, is_out)


def _square(pen: Pen, is_out: bool) -> None:
    _silhouette(pen, "M-18 0h11v100h32v12h-43z", STEEL, is_out)


def _saw(pen: Pen, is_out: bool) -> None:
    _silhouette(pen, "M-16 44h32l-6 84h-10z", STEEL_LIGHT if not is_out else STEEL, is_out)
    _silhouette(pen, "M-20 0h34q10 4 6 18l-4 26h-32z", MINIUM, is_out)


def _pliers(pen: Pen, is_out: bool) -> None:
    _silhouette(pen, "M-4 0q-12 14 -6 30l-12 60q-2 12 8 10l14 -58 14 58q10 2 8 -10l-12 -60q6 -16 -6 -30z", BLUE, is_out)


def _driver(pen: Pen, is_out: bool) -> None:
    _silhouette(pen, "M-3 46h6v62l-3 6 -3 -6z", STEEL_DARK, is_out)
    _silhouette(pen, "M-9 0q9 -6 18 0l-2 34q3 8 -2 12h-10q-5 -4 -2 -12z", "#e8b530", is_out)


def _wrench(pen: Pen, is_out: bool) -> None:
    _silhouette(pen, "M-16 4q-2 20 11 26v62q5 10 10 0v-62q13 -6 11 -26l-9 10h-14z", STEEL_DARK, is_out)
