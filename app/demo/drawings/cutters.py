"""What cuts and engraves sheets: the CO₂ laser, the fibre laser, the vinyl cutter."""

from __future__ import annotations

import math

from app.demo.drawings.pen import (
    AMBER,
    BLUE,
    EDGE,
    GREEN,
    INK,
    MINIUM,
    NIGHT,
    OAK,
    PLY,
    RED,
    STEEL,
    STEEL_DARK,
    STEEL_LIGHT,
    TEAL,
    WHITE,
    Pen,
    darker,
    lighter,
    mix,
)
from app.demo.drawings.scenes import BENCH, bench, pegboard, pendant, plank, room, shelf, window

ENAMEL = "#f1f2f0"


def co2_laser(pen: Pen) -> None:
    """Lid open on a sheet of plywood, the glass tube glowing along the back, the duct going to the wall."""
    room(pen, light_from=40)
    pegboard(pen, 70, 92, 220, 176)
    window(pen, 1010, 70, 190, 210)
    _duct(pen)
    pen.shadow(640, 486, 360, 24)
    for x in (392, 850):
        pen.circle(x, 474, 13, NIGHT)
        pen.circle(x, 474, 5, STEEL)
    pen.path("M402 232L384 78q0 -12 12 -12h480q12 0 12 12L866 232z", darker(BLUE, 0.15))
    pen.path("M406 232L389 82q0 -10 10 -10h462q10 0 10 10L858 232z", BLUE)
    pen.path("M428 206L416 104q0 -8 8 -8h418q8 0 8 8L838 206z", mix(AMBER, "#f7d9a8", 0.62))
    pen.path("M452 206L500 96h96L548 206z", WHITE, opacity=0.3)
    pen.line("M412 240L384 170M856 240L884 170", STEEL_DARK, 7)
    pen.line("M412 240L396 200M856 240L872 200", STEEL_LIGHT, 3)
    _bed(pen)
    pen.box(360, 306, 548, 164, ENAMEL, r=10, side=16)
    pen.rect(360, 306, 548, 12, darker(BLUE, 0.1), 5)
    pen.rect(360, 306, 548, 5, lighter(BLUE, 0.3), 2.5)
    pen.rect(396, 346, 352, 100, mix(ENAMEL, STEEL, 0.35), 6)
    pen.rect(399, 349, 346, 94, mix(ENAMEL, STEEL, 0.12), 5)
    pen.rect(532, 360, 80, 9, STEEL_DARK, 4.5)
    for n in range(7):
        pen.rect(420, 388 + n * 6, 94, 2.6, STEEL, 1.3)
    pen.rect(780, 340, 96, 66, NIGHT, 7)
    pen.screen(784, 344, 60, 38, TEAL)
    for n, colour in enumerate((GREEN, "#e8b530", RED)):
        pen.circle(795 + n * 18, 394, 4.5, lighter(colour, 0.2))
    pen.stop_button(858, 366, 0.82)
    pen.path("M796 420h64l-32 -0z", RED)
    pen.path("M828 418l15 26h-30z", "#e8b530", stroke=INK, stroke_width=2, stroke_linejoin="round")
    pen.line("M828 427v9M820 433l16 0", INK, 1.6)


def _bed(pen: Pen) -> None:
    pen.path("M368 308L408 226H862L902 308z", STEEL_DARK)
    pen.path("M380 308L416 234H854L890 308z", NIGHT)
    pen.path("M394 308L424 246H846L876 308z", "#3a3f43")
    pen.path("M394 308L424 246H846L876 308z", "url(#comb)")
    pen.rect(430, 228, 412, 13, "#f6dfe6", 6.5, opacity=0.95)
    pen.rect(440, 232, 392, 4.5, "#e87fb0", 2.2)
    pen.rect(440, 230.5, 392, 1.8, WHITE, 0.9, opacity=0.9)
    for x in (430, 824):
        pen.rect(x, 225, 18, 19, STEEL, 4)
    pen.path("M448 302L468 252H716L732 302z", PLY)
    pen.path("M448 302L468 252H716L717.600 257H470L452 302z", lighter(PLY, 0.35))
    for x, y, r in ((528, 280, 26), (600, 276, 18)):
        pen.path(_gear(x, y, r), stroke=darker(OAK, 0.5), stroke_width=2)
        pen.oval(x, y, r * 0.32, r * 0.16, "#3a3f43")
    pen.path("M640 290q14 -30 34 -22t10 20q-20 12 -44 2z", stroke=darker(OAK, 0.5), stroke_width=2)
    pen.rect(400, 258, 480, 11, STEEL, 3)
    pen.rect(400, 258, 480, 4, STEEL_LIGHT, 2)
    pen.box(636, 246, 44, 30, ENAMEL, r=5, side=6)
    pen.path("M648 276h18l-6 12h-6z", STEEL_DARK)
    pen.circle(657, 293, 17, "url(#glow)")
    pen.line("M657 288v6", MINIUM, 3)
    for dx, dy in ((-12, -3), (13, -5), (-8, 7), (10, 6)):
        pen.line(f"M{657 + dx * 0.4:g} {293 + dy * 0.4:g}l{dx * 0.6:g} {dy * 0.6:g}", MINIUM, 1.8)


def _gear(x: float, y: float, r: float, teeth: int = 12, flat: float = 0.52) -> str:
    points = []
    for n in range(teeth * 4):
        reach = r * (1.18 if n % 4 < 2 else 1.0)
        angle = 2 * math.pi * n / (teeth * 4)
        points.append(f"{x + reach * math.cos(angle):.1f} {y + reach * flat * math.sin(angle):.1f}")
    return "M" + "L".join(points) + "z"


def _duct(pen: Pen) -> None:
    way = "M890 404C990 404 948 300 966 210S960 60 962 40"
    pen.circle(962, 30, 42, STEEL_DARK)
    pen.circle(962, 30, 36, STEEL)
    pen.line(way, darker(STEEL, 0.3), 44)
    pen.line(way, STEEL_LIGHT, 38)
    pen.path(way, stroke=STEEL, stroke_width=40, stroke_dasharray="4 8")
    pen.path(way, stroke=WHITE, stroke_width=7, opacity=0.55, transform="translate(-9 0)")


def fibre_laser(pen: Pen) -> None:
    """A marking head on its column over engraved metal plates, behind a green shield."""
    room(pen, light_from=760)
    shelf(pen, 70, 150, 250, what="jars")
    shelf(pen, 70, 268, 250, what="crates")
    pegboard(pen, 980, 76, 230, 190, missing=2)
    bench(pen)
    pen.shadow(620, BENCH + 4, 270, 18)
    pen.box(430, 366, 372, 42, NIGHT, r=7, side=10)
    for n in range(11):
        pen.rect(452 + n * 29, 372, 17, 3, mix(NIGHT, STEEL, 0.5), 1.5)
    pen.box(462, 96, 62, 272, STEEL, r=6, side=12)
    for y in range(116, 356, 12):
        pen.line(f"M472 {y}h{18 if y % 36 else 28}", STEEL_DARK, 1.6)
    pen.circle(494, 88, 25, NIGHT)
    pen.circle(494, 88, 17, STEEL_LIGHT)
    pen.line("M494 88l30 -18", NIGHT, 6)
    pen.circle(526, 69, 9, MINIUM)
    pen.box(446, 160, 104, 70, BLUE, r=8, side=14)
    pen.screws((458, 172), (458, 218), (524, 172), (524, 218))
    pen.box(520, 168, 232, 56, ENAMEL, r=9, side=12)
    pen.rect(548, 184, 116, 20, BLUE, 4)
    pen.rect(556, 191, 60, 6, WHITE, 3)
    pen.box(682, 150, 72, 96, NIGHT, r=8, side=10)
    pen.path("M694 246h48l-9 34h-30z", STEEL_DARK)
    pen.path("M694 246h18l-3 34h-6z", STEEL)
    pen.oval(718, 281, 15, 4, "#7fb7d8")
    pen.path("M716 284L700 352h36L720 284z", MINIUM, opacity=0.13)
    pen.line("M718 286L712 350", MINIUM, 1.8, opacity=0.85)
    pen.path("M612 366L628 340H800L816 366z", STEEL_LIGHT)
    pen.path("M622 364L634 344H704L700 364z", "#d9b64e")
    pen.path("M622 364L634 344H644L634 364z", lighter("#d9b64e", 0.5))
    pen.path("M712 364L715 344H782L790 364z", "#c3c8ca")
    for x, y in ((636, 352), (652, 352), (668, 352), (728, 352), (744, 352), (760, 352)):
        pen.line(f"M{x} {y}h10M{x - 2} {y + 6}h12", INK, 1.8)
    pen.circle(712, 351, 12, "url(#glow)")
    pen.path("M796 152h10v214h-10z", darker(GREEN, 0.2))
    pen.path("M590 144h206v222h-206z", GREEN, opacity=0.13)
    pen.path("M610 366L690 144h60L670 366z", WHITE, opacity=0.17)
    pen.rect(584, 138, 224, 10, STEEL_DARK, 5)
    _laptop(pen, 872, BENCH)
    for x, colour in ((322, "#d9b64e"), (352, STEEL), (384, MINIUM)):
        pen.oval(x, 412, 15, 5, "url(#shade)")
        pen.circle(x, 396, 13, colour)
        pen.circle(x, 396, 9, lighter(colour, 0.25))
        pen.circle(x, 381, 5, "none", stroke=STEEL_DARK, stroke_width=2.5)


def _laptop(pen: Pen, x: float, y: float) -> None:
    pen.shadow(x + 86, y + 5, 120, 10)
    pen.path(f"M{x + 18} {y - 6}L{x + 34} {y - 112}q1 -7 8 -7H{x + 178}q8 0 7 8L{x + 170} {y - 6}z", NIGHT)
    pen.path(f"M{x + 30} {y - 14}L{x + 44} {y - 106}H{x + 174}L{x + 161} {y - 14}z", mix(BLUE, NIGHT, 0.45))
    pen.line(f"M{x + 62} {y - 42}q20 -46 44 -12t42 -18", "#ffd9a0", 3)
    pen.line(f"M{x + 64} {y - 88}h44M{x + 62} {y - 78}h28", lighter(BLUE, 0.7), 3)
    pen.rect(x, y - 8, 184, 9, STEEL, 4)
    pen.rect(x, y - 8, 184, 3, STEEL_LIGHT, 1.5)


def vinyl_cutter(pen: Pen) -> None:
    """On its stand, a blue roll behind, a sheet with leaves and letters coming out."""
    room(pen, light_from=520)
    shelf(pen, 76, 132, 262, what="spools")
    pendant(pen, 1090, 20)
    pegboard(pen, 960, 190, 250, 180, missing=0)
    pen.shadow(630, 496, 370, 22)
    for x in (404, 836):
        pen.tube(x, 300, 18, 186, STEEL_DARK)
        pen.path(f"M{x - 34} 496q0 -14 18 -14h50q18 0 18 14z", NIGHT)
    pen.tube(418, 446, 424, 11, STEEL)
    pen.tube(392, 338, 476, 9, STEEL)
    pen.rect(440, 324, 380, 42, BLUE, 12)
    pen.rect(440, 329, 380, 9, lighter(BLUE, 0.45), 4.5)
    pen.rect(440, 352, 380, 14, darker(BLUE, 0.3), 7)
    for x in (436, 808):
        pen.rect(x, 318, 15, 54, OAK, 6)
    pen.path("M470 262H790V410q0 26 -16 44t-14 34q-20 8 -42 0t-52 2t-54 -2t-50 0t-46 -2q4 -18 -12 -34t-14 -40z", "#f4f6fb")
    pen.path("M470 262H790V282H470z", INK, opacity=0.1)
    pen.path("M776 262H790V410q0 26 -16 44t-14 34q-8 4 -16 4q4 -22 18 -40t14 -38z", INK, opacity=0.08)
    _leaves(pen)
    pen.shadow(630, 286, 290, 22)
    pen.box(360, 200, 540, 70, mix(STEEL, WHITE, 0.5), r=16, side=18)
    pen.rect(376, 200, 500, 8, WHITE, 4)
    pen.rect(438, 238, 384, 26, NIGHT, 6)
    pen.rect(438, 242, 384, 5, STEEL, 2)
    for x in (470, 556, 642, 728, 790):
        pen.rect(x, 249, 22, 13, STEEL_DARK, 4)
        pen.rect(x, 249, 22, 4, STEEL_LIGHT, 2)
    pen.box(596, 220, 66, 46, BLUE, r=7, side=10)
    pen.rect(620, 262, 12, 12, STEEL_LIGHT, 2)
    pen.path("M622 274h8l-4 9z", MINIUM)
    for x in (360, 846):
        pen.box(x, 192, 54, 86, BLUE, r=14, side=10)
    pen.screen(856, 204, 30, 30, TEAL)
    pen.circle(871, 252, 9, NIGHT)
    pen.circle(871, 251, 5, lighter(GREEN, 0.3))
    plank(pen, 40, 500, 220, 14)
    for n, colour in enumerate((RED, "#e8b530", TEAL, INK)):
        pen.rect(64 + n * 42, 300, 30, 200, darker(colour, 0.1), 8)
        pen.rect(64 + n * 42, 300, 21, 200, lighter(colour, 0.1), 8)
        pen.oval(79 + n * 42, 302, 15, 5, EDGE)
        pen.oval(79 + n * 42, 302, 7, 2.4, INK)


def _leaves(pen: Pen) -> None:
    leaves = ((540, 336, -24), (600, 384, 12), (676, 330, 30), (724, 394, -14), (540, 434, 20))
    for x, y, turn in leaves:
        with pen.moved(x, y, turn=turn):
            pen.path("M0 34C-26 10 -20 -22 0 -38C20 -22 26 10 0 34z", MINIUM if turn == 30 else BLUE)
            pen.line("M0 32V-20M0 14l9 -10M0 4l-9 -10M0 -8l7 -8", "#f4f6fb", 2)
    for x in (640, 672, 704):
        pen.circle(x, 440, 9, "none", stroke=BLUE, stroke_width=3)
