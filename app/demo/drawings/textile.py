"""The quiet bench: sewing machine, overlocker, embroidery machine."""

from __future__ import annotations

from app.demo.drawings.pen import (
    BLUE,
    BROWN,
    EDGE,
    GREEN,
    INK,
    MINIUM,
    NIGHT,
    OAK,
    RED,
    STEEL,
    STEEL_DARK,
    STEEL_LIGHT,
    TEAL,
    VIOLET,
    WHITE,
    Pen,
    darker,
    lighter,
    mix,
)
from app.demo.drawings.scenes import BENCH, bench, pendant, room, shelf, window

ENAMEL = "#f3f3f0"
YELLOW = "#e8b530"
DENIM = "#3d5a8f"


def sewing_machine(pen: Pen) -> None:
    """The classic arm over denim, a minium thread, shears and a tape beside."""
    room(pen, light_from=140)
    window(pen, 70, 62, 220, 236)
    _thread_rack(pen, 968, 78)
    bench(pen)
    pen.shadow(630, BENCH + 5, 280, 18)
    pen.path("M392 408q-10 -26 30 -28H812q34 2 34 28z", darker(ENAMEL, 0.16))
    pen.box(400, 372, 436, 36, ENAMEL, r=8, side=16)
    pen.path("M716 374V196Q716 156 676 156H520Q472 156 472 200V262H556V230Q556 218 568 218H600Q620 218 620 240V374z", ENAMEL)
    pen.path("M700 374V200Q700 170 672 160Q716 156 716 196V374z", darker(ENAMEL, 0.18))
    pen.path("M716 374V180H812q20 0 20 22V374z", darker(ENAMEL, 0.1))
    pen.path("M620 374V240Q620 226 612 221Q690 236 690 300V374z", INK, opacity=0.05)
    pen.path("M620 374V156H800q36 0 36 40V374z", ENAMEL)
    pen.path("M812 374V158q24 6 24 38V374z", darker(ENAMEL, 0.2))
    pen.rect(500, 160, 300, 7, WHITE, 3.5)
    pen.path("M472 262V200q0 -44 48 -44h16q-44 4 -46 46V262z", WHITE, opacity=0.7)
    pen.rect(556, 160, 240, 32, BLUE, 4)
    pen.rect(570, 171, 92, 8, WHITE, 4)
    pen.circle(722, 240, 32, darker(ENAMEL, 0.1))
    pen.circle(722, 240, 26, WHITE)
    for turn in range(0, 360, 45):
        with pen.moved(722, 240, turn=turn):
            pen.line("M0 -30v5", EDGE, 2)
    pen.line("M722 240v-17", MINIUM, 4)
    for n in range(3):
        pen.line(f"M690 {304 + n * 20}" + "".join("l8 -8l8 8" for _ in range(3 if n else 4)), EDGE, 2)
    pen.circle(850, 232, 38, NIGHT)
    pen.oval(846, 232, 26, 34, mix(NIGHT, STEEL, 0.35))
    pen.circle(846, 232, 9, STEEL)
    pen.rect(640, 116, 8, 42, STEEL_DARK, 3)
    _cone(pen, 644, 152, MINIUM)
    pen.line("M644 112C600 90 548 118 540 158C532 204 508 224 512 262V346", MINIUM, 2.2)
    pen.circle(540, 158, 5, STEEL_DARK)
    pen.rect(494, 262, 40, 22, STEEL, 4)
    pen.rect(506, 284, 8, 34, STEEL_LIGHT)
    pen.line("M512 318v38", STEEL_DARK, 3)
    pen.path("M496 350h34l6 12h-44z", STEEL_DARK)
    pen.circle(512, 306, 46, "url(#glow)", opacity=0.9)
    _denim(pen)
    _shears(pen, 936, BENCH - 6)
    pen.line("M300 404q30 -22 62 -6t30 -12", YELLOW, 11)
    pen.path("M300 404q30 -22 62 -6t30 -12", stroke=INK, stroke_width=9, stroke_dasharray="1.5 9", opacity=0.7)


def _denim(pen: Pen) -> None:
    pen.path("M352 408Q380 366 440 366H618Q640 380 628 408z", DENIM)
    pen.path("M352 408Q380 366 440 366H470Q410 376 396 408z", lighter(DENIM, 0.22))
    pen.path("M352 408Q340 440 356 470H432Q420 430 440 408z", darker(DENIM, 0.15))
    pen.path("M512 372H616M512 378H618", stroke=MINIUM, stroke_width=2, stroke_dasharray="8 5")


def _cone(pen: Pen, x: float, y: float, colour: str) -> None:
    pen.path(f"M{x - 17} {y}L{x - 11} {y - 42}H{x + 11}L{x + 17} {y}z", colour)
    pen.path(f"M{x + 4} {y}L{x + 3} {y - 42}H{x + 11}L{x + 17} {y}z", darker(colour, 0.2))
    for n in range(1, 5):
        pen.line(f"M{x - 16 + n} {y - n * 8.4:.1f}l30 -3", lighter(colour, 0.3), 1.2, opacity=0.7)


def _shears(pen: Pen, x: float, y: float) -> None:
    pen.shadow(x + 50, y + 8, 80, 8)
    pen.line(f"M{x} {y}L{x + 96} {y - 22}", STEEL, 8)
    pen.line(f"M{x} {y - 18}L{x + 96} {y + 2}", STEEL_LIGHT, 8)
    pen.circle(x + 48, y - 10, 4, NIGHT)
    for dy in (-24, 4):
        pen.oval(x + 112, y + dy, 20, 12, "none", stroke=MINIUM, stroke_width=8)


def _thread_rack(pen: Pen, x: float, y: float) -> None:
    pen.rect(x + 5, y + 6, 240, 230, INK, 6, opacity=0.14)
    pen.rect(x, y, 240, 230, mix(OAK, WHITE, 0.45), 6)
    colours = (MINIUM, YELLOW, TEAL, BLUE, VIOLET, GREEN, BROWN, RED, "#d9789c", NIGHT, "#7fb7d8", "#f0ead8")
    for row in range(4):
        pen.rect(x + 10, y + 54 + row * 54, 220, 6, OAK, 2)
        for n in range(7):
            colour = colours[(row * 5 + n * 2) % len(colours)]
            at = x + 20 + n * 30
            pen.rect(at - 3, y + 18 + row * 54, 26, 5, OAK, 2)
            pen.rect(at, y + 22 + row * 54, 20, 28, colour, 3)
            pen.rect(at + 13, y + 22 + row * 54, 7, 28, darker(colour, 0.2), 3)
            pen.rect(at - 3, y + 49 + row * 54, 26, 5, OAK, 2)


def overlocker(pen: Pen) -> None:
    """Four cones on their tree, four threads down to the loopers, a hemmed edge."""
    room(pen, light_from=600)
    shelf(pen, 70, 156, 250, what="crates")
    pendant(pen, 356, 14)
    _thread_rack(pen, 968, 78)
    bench(pen)
    pen.shadow(630, BENCH + 5, 220, 18)
    pen.tube(616, 40, 8, 200, STEEL)
    pen.tube(500, 40, 250, 7, STEEL_DARK, 3)
    colours = (MINIUM, YELLOW, TEAL, BLUE)
    for n, colour in enumerate(colours):
        x = 524 + n * 66
        pen.circle(x, 44, 6, STEEL_LIGHT)
        pen.line(f"M{x} 118V46C{x} 60 {560 + n * 20} 150 {556 + n * 22} 224", colour, 2)
    pen.rect(490, 168, 282, 9, STEEL_DARK, 4)
    for n, colour in enumerate(colours):
        x = 524 + n * 66
        pen.path(f"M{x - 27} 168L{x - 14} 96H{x + 14}L{x + 27} 168z", colour)
        pen.path(f"M{x + 6} 168L{x + 3} 96H{x + 14}L{x + 27} 168z", darker(colour, 0.22))
        for k in range(1, 6):
            pen.line(f"M{x - 26 + k * 2} {168 - k * 12}l{48 - k * 4} -4", lighter(colour, 0.35), 1.3, opacity=0.7)
        pen.rect(x - 11, 88, 22, 9, OAK, 3)
    pen.path("M470 408V254q0 -34 34 -34H760q34 0 34 34V408z", darker(ENAMEL, 0.16))
    pen.path("M470 408V254q0 -34 34 -34H744q32 0 32 34V408z", ENAMEL)
    pen.path("M470 408V254q0 -34 34 -34h20q-36 4 -36 40V408z", WHITE, opacity=0.7)
    for n, colour in enumerate(colours):
        x = 548 + n * 44
        pen.rect(x, 234, 24, 70, darker(ENAMEL, 0.12), 12)
        pen.circle(x + 12, 268, 16, colour)
        pen.circle(x + 12, 268, 10, lighter(colour, 0.25))
        pen.line(f"M{x + 12} 268v-9", INK, 2.5)
    pen.path("M486 408V326H604V352H560V408z", NIGHT)
    pen.rect(498, 338, 50, 60, mix(NIGHT, STEEL, 0.35), 4)
    for n, colour in enumerate(colours):
        pen.line(f"M{506 + n * 11} 338q-4 26 6 58", colour, 2)
    pen.rect(508, 306, 8, 30, STEEL)
    pen.rect(528, 306, 8, 30, STEEL)
    pen.box(620, 330, 128, 58, BLUE, r=8, side=12)
    pen.rect(640, 348, 58, 8, WHITE, 4)
    pen.rect(640, 362, 38, 6, lighter(BLUE, 0.5), 3)
    pen.circle(792, 320, 32, NIGHT)
    pen.oval(789, 320, 22, 28, mix(NIGHT, STEEL, 0.35))
    pen.path("M322 408Q360 380 470 388H556V408z", "#d9789c")
    pen.path("M322 408Q310 446 326 474H470Q452 440 470 408z", darker("#d9789c", 0.15))
    pen.path("M322 408Q360 380 400 385Q372 392 366 408z", lighter("#d9789c", 0.25))
    pen.path("M472 390l8 16l8 -16l8 16l8 -16l8 16l8 -16l8 16l8 -16l8 16", stroke=YELLOW, stroke_width=2)
    _shears(pen, 880, BENCH - 4)


def embroidery_machine(pen: Pen) -> None:
    """Six needles, a hoop under them with a half-made poppy, a screen that shows the rest."""
    room(pen, light_from=330)
    shelf(pen, 70, 140, 246, what="jars")
    shelf(pen, 70, 262, 246, what="crates")
    window(pen, 984, 66, 210, 232)
    bench(pen)
    pen.shadow(630, BENCH + 5, 280, 20)
    pen.box(438, 372, 400, 36, mix(NIGHT, STEEL, 0.2), r=8, side=14)
    pen.box(600, 116, 216, 260, ENAMEL, r=22, side=22)
    colours = (MINIUM, YELLOW, GREEN, BLUE, VIOLET, "#d9789c")
    pen.rect(524, 76, 282, 8, STEEL_DARK, 4)
    for n, colour in enumerate(colours):
        x = 548 + n * 46
        pen.line(f"M{x} 50V24C{x} 60 {504 + n * 17} 90 {500 + n * 18} 128", colour, 2)
        pen.path(f"M{x - 18} 76L{x - 10} 28H{x + 10}L{x + 18} 76z", colour)
        pen.path(f"M{x + 4} 76L{x + 2} 28H{x + 10}L{x + 18} 76z", darker(colour, 0.22))
    pen.box(474, 122, 170, 104, BLUE, r=16, side=16)
    pen.rect(490, 130, 132, 6, lighter(BLUE, 0.45), 3)
    for n, colour in enumerate(colours):
        pen.rect(490 + n * 22, 146, 12, 46, darker(BLUE, 0.35), 6)
        pen.circle(496 + n * 22, 158 + (n % 3) * 9, 5, colour)
    pen.rect(480, 224, 158, 14, NIGHT, 4)
    for n in range(6):
        deep = 46 if n == 1 else 26
        pen.rect(492 + n * 24, 236, 6, deep, STEEL_LIGHT if n == 1 else STEEL)
        pen.line(f"M{495 + n * 24} {236 + deep}v12", STEEL_DARK, 2.4)
    pen.path("M690 136h96q14 0 14 14v108q0 14 -14 14h-96q-14 0 -14 -14V150q0 -14 14 -14z", NIGHT)
    pen.rect(686, 148, 104, 96, mix(TEAL, NIGHT, 0.2), 5)
    _poppy(pen, 738, 196, 0.62, done=6)
    pen.rect(700, 252, 76, 8, mix(NIGHT, STEEL, 0.5), 4)
    pen.stop_button(778, 320, 0.8)
    pen.circle(732, 320, 10, lighter(GREEN, 0.2))
    pen.path("M620 376V330H452q-18 0 -18 16t18 16H600z", mix(ENAMEL, STEEL, 0.4))
    pen.rect(452, 332, 168, 6, WHITE, 3)
    pen.oval(512, 330, 152, 44, darker(OAK, 0.2))
    pen.oval(512, 326, 150, 42, OAK)
    pen.oval(512, 326, 136, 36, "#f7f3e8")
    with pen.moved(504, 328):
        pen.path("M-110 10q110 34 220 -4", "none", stroke="#d8d0bd", stroke_width=2)
    _poppy(pen, 506, 324, 0.9, done=4, flat=0.42)
    pen.rect(654, 318, 34, 16, STEEL_DARK, 4)
    _folded(pen)


def _poppy(pen: Pen, x: float, y: float, size: float, *, done: int, flat: float = 1) -> None:
    """Six petals, `done` of them stitched, the rest only drawn."""
    petal, edge = "M0 -8C-30 -20 -30 -62 0 -66C30 -62 30 -20 0 -8z", darker(MINIUM, 0.2)
    for n in range(6):
        placed = f"translate({x:g} {y:g}) scale({size:g} {size * flat:g}) rotate({n * 60})"
        if n < done:
            pen.path(petal, MINIUM, transform=placed, stroke=edge, stroke_width=2)
            pen.path("M-8 -22V-54M0 -18V-58M8 -22V-54", transform=placed, stroke=lighter(MINIUM, 0.4), stroke_width=2)
        else:
            pen.path(petal, transform=placed, stroke=edge, stroke_width=2, stroke_dasharray="5 4")
    pen.oval(x, y, 12 * size, 12 * size * flat, NIGHT)
    pen.oval(x, y, 6 * size, 6 * size * flat, YELLOW)


def _folded(pen: Pen) -> None:
    pen.shadow(936, BENCH + 4, 96, 9)
    for n, colour in enumerate((BLUE, "#f0ead8", TEAL, MINIUM)):
        pen.rect(862, BENCH - 22 - n * 22, 148, 22, darker(colour, 0.12), 9)
        pen.rect(862, BENCH - 22 - n * 22, 138, 17, lighter(colour, 0.1), 8)
