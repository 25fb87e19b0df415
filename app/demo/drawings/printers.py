"""The four 3D printers, from the open portal to the large bed."""

from __future__ import annotations

from app.demo.drawings.pen import (
    BLUE,
    GREEN,
    INK,
    MINIUM,
    NIGHT,
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
from app.demo.drawings.scenes import BENCH, bench, pegboard, pendant, room, shelf, spool, window

ENAMEL = "#f1f2f0"
ORANGE = "#e07b2e"


def heron(pen: Pen) -> None:
    """The open portal: bed forward, spool on top, a tall vase half printed."""
    room(pen, light_from=120)
    window(pen, 70, 66, 230, 240)
    shelf(pen, 960, 158, 250, what="spools")
    shelf(pen, 960, 282, 250, what="crates")
    bench(pen)
    pen.shadow(630, BENCH + 4, 250, 18)
    pen.box(444, 378, 372, 30, NIGHT, r=8, side=10)
    pen.screen(736, 382, 52, 22, TEAL)
    pen.circle(716, 393, 8, STEEL)
    for x in (468, 768):
        pen.tube(x, 84, 24, 298, NIGHT)
        pen.tube(x + 8, 84, 7, 298, STEEL)
    pen.tube(468, 74, 324, 24, NIGHT, 6)
    pen.line("M548 76v-22M712 76v-22", NIGHT, 7)
    pen.tube(540, 40, 180, 8, STEEL)
    spool(pen, 604, 54, 46, MINIUM)
    pen.line("M640 30C700 20 722 90 690 150S662 190 656 200", MINIUM, 3)
    pen.rect(520, 352, 220, 14, STEEL_DARK, 3)
    pen.rect(508, 344, 244, 11, "#3b3a36", 3)
    pen.rect(508, 344, 244, 4, "#6d6a60", 2)
    _vase(pen, 630, 344, MINIUM)
    pen.tube(474, 206, 312, 9, STEEL)
    pen.tube(474, 228, 312, 9, STEEL)
    for x in (460, 756):
        pen.box(x, 196, 44, 50, ORANGE, r=6, side=8)
    pen.box(624, 186, 64, 58, NIGHT, r=7, side=9)
    pen.circle(650, 214, 17, mix(NIGHT, STEEL, 0.35))
    for turn in range(0, 360, 60):
        with pen.moved(650, 214, turn=turn):
            pen.path("M0 -3q8 -14 13 -7l-10 9z", STEEL)
    pen.circle(650, 214, 4.5, NIGHT)
    pen.path("M640 244h30l-9 15h-12z", STEEL_DARK)
    pen.path("M651 259h8l-4 7z", "#d9b64e")
    _benchy_pieces(pen)


def _vase(pen: Pen, x: int, base: int, colour: str) -> None:
    """Printed up to the nozzle: fine layers, an open rim."""
    top = 268
    left = f"M{x - 34} {base}C{x - 70} {base - 26} {x - 54} {top + 24} {x - 30} {top}"
    right = f"H{x + 30}C{x + 54} {top + 24} {x + 70} {base - 26} {x + 34} {base}"
    pen.path(f"{left}{right}z", colour)
    pen.path(f"M{x + 8} {top}{right}H{x + 12}q40 -40 -4 -76z", darker(colour, 0.25), opacity=0.7)
    for y in range(top + 7, base, 6):
        pen.line(f"M{x - 52} {y}H{x + 52}", lighter(colour, 0.35), 1, opacity=0.35)
    pen.oval(x, top, 30, 4, darker(colour, 0.35))


def _benchy_pieces(pen: Pen) -> None:
    for x, colour in ((362, TEAL), (868, "#e8b530")):
        pen.shadow(x, BENCH + 3, 44, 7)
        with pen.moved(x, BENCH - 1):
            pen.path("M-38 -18H34l-12 18h-46z", colour)
            pen.path("M-12 -44h26v26h-26z", lighter(colour, 0.2))
            pen.path("M-18 -50h38v7h-38z", darker(colour, 0.12))
            pen.rect(-5, -38, 12, 11, NIGHT, 2)
            pen.rect(-28, -34, 9, 16, darker(colour, 0.12), 2)


def otter(pen: Pen) -> None:
    """The open cube: four posts, belts on top, the bed going down under a twisted lamp."""
    room(pen, light_from=420)
    pegboard(pen, 64, 84, 226, 190)
    shelf(pen, 960, 150, 252, what="spools")
    shelf(pen, 960, 276, 252, what="jars")
    pendant(pen, 352, 30)
    bench(pen)
    pen.shadow(630, BENCH + 4, 240, 18)
    for x in (476, 760):
        pen.tube(x + (14 if x < 600 else -14), 96, 16, 300, mix(NIGHT, STEEL, 0.3))
    pen.tube(484, 92, 300, 14, mix(NIGHT, STEEL, 0.3))
    pen.rect(520, 330, 226, 12, STEEL_DARK, 3)
    pen.rect(512, 322, 242, 11, "#3b3a36", 3)
    pen.rect(512, 322, 242, 4, "#7a766a", 2)
    _twist(pen, 632, 322)
    pen.tube(500, 150, 268, 10, STEEL)
    pen.line("M488 134H772M488 141H772", INK, 2.5)
    pen.box(612, 128, 58, 52, TEAL, r=7, side=9)
    pen.circle(638, 152, 13, NIGHT)
    pen.circle(638, 152, 5, STEEL)
    pen.path("M624 180h32l-10 14h-12z", STEEL_DARK)
    pen.path("M636 194h9l-4.500 8z", "#d9b64e")
    pen.line("M640 128C640 74 700 60 782 82S838 120 848 150", "#e8b530", 3)
    for x in (452, 784):
        pen.tube(x, 82, 24, 326, NIGHT, 3)
        pen.tube(x + 8, 84, 7, 322, mix(NIGHT, STEEL, 0.55))
    pen.box(452, 70, 356, 28, NIGHT, r=6, side=10)
    pen.box(452, 368, 356, 40, NIGHT, r=6, side=10)
    pen.screen(474, 374, 74, 28, GREEN)
    pen.circle(572, 388, 9, STEEL)
    pen.circle(572, 388, 4, NIGHT)
    pen.stop_button(774, 388, 0.7)
    pen.line("M808 176h34", STEEL_DARK, 8)
    spool(pen, 848, 176, 52, "#e8b530")
    for n in range(3):
        pen.shadow(336, BENCH + 2, 52, 7)
        pen.box(300, BENCH - 26 - n * 27, 72, 26, (BLUE, ENAMEL, MINIUM)[n], r=4, side=9)


def _twist(pen: Pen, x: float, base: float) -> None:
    """A twisted lampshade, layer upon layer, up to the nozzle."""
    layers = 15
    for n in range(layers):
        wide = 62 - 20 * abs(n - 6) / 8 + 6 * ((n * 5) % 4) / 4
        colour = mix("#e8b530", "#fff2cf", 0.1 + 0.05 * (n % 4))
        pen.rect(x - wide, base - 8 * (n + 1), wide * 2, 8.4, colour, 4)
        pen.rect(x + wide * 0.35, base - 8 * (n + 1), wide * 0.65, 8.4, darker("#e8b530", 0.2), 4, opacity=0.6)
    for shift in (-36, -8, 20):
        pen.line(f"M{x + shift} {base - 2}q24 -58 -4 -116", darker("#e8b530", 0.3), 2, opacity=0.55)


def kingfisher(pen: Pen) -> None:
    """The large closed one: a glass door, warm light inside, a helmet on the bed."""
    room(pen, light_from=700)
    shelf(pen, 66, 138, 250, what="spools")
    shelf(pen, 66, 262, 250, what="jars")
    window(pen, 980, 70, 214, 226)
    bench(pen)
    pen.shadow(630, BENCH + 4, 270, 20)
    pen.box(420, 56, 420, 352, darker(TEAL, 0.1), r=14, side=20)
    pen.rect(440, 62, 360, 6, lighter(TEAL, 0.4), 3)
    pen.rect(452, 94, 336, 250, NIGHT, 8)
    pen.rect(460, 102, 320, 234, mix("#ffe9c4", NIGHT, 0.2))
    pen.path("M460 102h320v40q-160 40 -320 0z", "#fff6e0", opacity=0.85)
    pen.rect(470, 106, 300, 6, WHITE, 3)
    for x in (474, 752):
        pen.tube(x, 112, 10, 224, STEEL_DARK)
    pen.rect(486, 312, 262, 10, "#3b3a36", 3)
    pen.rect(500, 322, 234, 14, STEEL_DARK)
    pen.path("M548 312C520 240 566 186 622 186C682 186 716 236 694 312z", ORANGE)
    pen.path("M640 188C690 200 712 246 694 312H664C690 250 672 206 640 188z", darker(ORANGE, 0.25))
    pen.path("M556 276C580 262 640 260 690 278L694 300H552z", NIGHT, opacity=0.78)
    pen.path("M568 280C590 270 620 268 640 270L632 286H566z", lighter(TEAL, 0.5), opacity=0.8)
    for y in range(196, 312, 7):
        pen.line(f"M556 {y}H690", lighter(ORANGE, 0.45), 0.9, opacity=0.4)
    pen.tube(478, 154, 284, 9, STEEL_DARK)
    pen.box(596, 138, 54, 40, NIGHT, r=6, side=8)
    pen.path("M612 178h22l-8 9h-6z", STEEL)
    pen.path("M470 336L560 102h74L544 336z", WHITE, opacity=0.16)
    pen.rect(452, 94, 336, 250, "none", 8, stroke=STEEL_DARK, stroke_width=4)
    pen.rect(770, 196, 9, 58, STEEL_LIGHT, 4.5)
    pen.rect(452, 356, 336, 40, darker(TEAL, 0.3), 6)
    pen.screen(466, 360, 108, 32, TEAL)
    for n in range(9):
        pen.rect(640 + n * 15, 364, 7, 24, darker(TEAL, 0.5), 3.5)
    pen.circle(606, 376, 11, STEEL)
    pen.circle(606, 376, 5, MINIUM)
    spool(pen, 894, BENCH - 42, 42, ORANGE)
    spool(pen, 896, BENCH - 124, 40, TEAL)
    pen.shadow(896, BENCH + 3, 50, 8)


def dragonfly(pen: Pen) -> None:
    """The large bed: two tall towers, a bridge between them, a soft wheel under the nozzle; spools wait beside."""
    room(pen, light_from=300)
    pegboard(pen, 66, 88, 220, 180, missing=2)
    shelf(pen, 960, 146, 252, what="spools")
    shelf(pen, 960, 266, 252, what="crates")
    bench(pen)
    pen.shadow(630, BENCH + 4, 300, 20)
    pen.box(398, 366, 464, 42, ENAMEL, r=10, side=14)
    pen.screen(418, 374, 74, 28, VIOLET)
    pen.circle(516, 388, 9, STEEL)
    pen.circle(516, 388, 4, NIGHT)
    pen.stop_button(826, 387, 0.7)
    for x in (416, 816):
        pen.tube(x, 62, 30, 306, mix(VIOLET, NIGHT, 0.55))
        pen.tube(x + 11, 70, 7, 292, STEEL)
        pen.rect(x - 6, 54, 42, 16, NIGHT, 5)
    pen.tube(416, 48, 430, 18, mix(VIOLET, NIGHT, 0.55), 5)
    pen.tube(446, 346, 370, 12, STEEL_DARK)
    pen.rect(462, 336, 338, 12, "#3b3a36", 3)
    pen.rect(462, 336, 338, 4, "#7a766a", 2)
    _soft_wheel(pen, 622, 336)
    pen.tube(428, 176, 406, 11, STEEL)
    pen.tube(428, 198, 406, 11, STEEL)
    for x in (408, 808):
        pen.box(x, 166, 46, 54, VIOLET, r=6, side=8)
    pen.box(590, 156, 66, 66, NIGHT, r=7, side=9)
    pen.circle(620, 186, 18, mix(NIGHT, STEEL, 0.35))
    for turn in range(0, 360, 60):
        with pen.moved(620, 186, turn=turn):
            pen.path("M0 -3q8 -15 14 -7l-11 9z", STEEL)
    pen.circle(620, 186, 5, NIGHT)
    pen.path("M606 222h34l-9 14h-16z", STEEL_DARK)
    pen.path("M618 236h10l-5 8z", "#d9b64e")
    pen.line("M622 156C618 84 690 30 780 30S886 60 896 120", ORANGE, 3)
    pen.line("M846 92h46", STEEL_DARK, 8)
    spool(pen, 900, 132, 54, ORANGE)
    for x, colour in ((352, VIOLET), (312, TEAL)):
        spool(pen, x, BENCH - 40, 38, colour)
    pen.shadow(332, BENCH + 3, 76, 8)


def _soft_wheel(pen: Pen, x: int, base: int) -> None:
    """A tyre lying down, its tread half printed."""
    top = 246
    wide = 104
    pen.rect(x - wide, top, wide * 2, base - top, ORANGE, 16)
    pen.rect(x + wide * 0.3, top, wide * 0.7, base - top, darker(ORANGE, 0.28), 16, opacity=0.65)
    for y in range(top + 8, base - 4, 6):
        pen.line(f"M{x - wide + 4} {y}H{x + wide - 4}", lighter(ORANGE, 0.35), 1, opacity=0.35)
    for shift in range(-84, 85, 24):
        pen.path(f"M{x + shift - 7} {base - 8}l8 -66h9l-8 66z", darker(ORANGE, 0.35), opacity=0.75)
    pen.oval(x, top, wide - 4, 9, darker(ORANGE, 0.3))
    pen.oval(x, top, wide - 36, 5, NIGHT)
