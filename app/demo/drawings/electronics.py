"""The electronics bench: six posts to solder at, one of them in sight."""

from __future__ import annotations

from app.demo.drawings.pen import (
    BLUE,
    GREEN,
    MINIUM,
    NIGHT,
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
from app.demo.drawings.scenes import BENCH, bench, pegboard, room, shelf

YELLOW = "#e8b530"


def soldering(pen: Pen) -> None:
    """Under an arm lamp: the station, a board in the third hand, a thread of smoke going into the extractor."""
    room(pen, light_from=820)
    pegboard(pen, 62, 84, 262, 180, missing=3)
    shelf(pen, 958, 140, 250, what="jars")
    shelf(pen, 958, 262, 250, what="crates")
    bench(pen)
    _scope(pen, 748, BENCH)
    pen.shadow(404, BENCH + 4, 100, 12)
    pen.box(324, 314, 140, 94, BLUE, r=9, side=14)
    pen.rect(340, 330, 80, 34, NIGHT, 5)
    for n in range(3):
        pen.path(f"M{352 + n * 22} 338h12v8h-12v10h12", stroke="#7fe0b0", stroke_width=3)
    pen.circle(366, 386, 12, STEEL)
    pen.line("M366 386v-9", NIGHT, 3)
    pen.circle(410, 386, 7, MINIUM)
    pen.line("M462 392C520 424 528 360 556 372S586 346 596 336", NIGHT, 6)
    pen.path("M498 408l14 -74h30l14 74z", STEEL_DARK)
    pen.path("M498 408l14 -74h12l-10 74z", STEEL)
    pen.line("M514 340l26 -12M516 352l24 -12M512 364l30 -14", NIGHT, 4)
    _third_hand(pen)
    pen.line("M592 340L626 316", TEAL, 15)
    pen.line("M596 330L620 314", lighter(TEAL, 0.4), 4)
    pen.line("M626 316L652 300", STEEL_LIGHT, 6)
    pen.line("M652 300L664 292", STEEL_DARK, 3)
    pen.circle(666, 290, 13, "url(#glow)")
    pen.circle(666, 290, 3.5, MINIUM)
    pen.line("M668 282C660 262 690 250 678 226S706 196 722 184", "#c9c4b8", 4, opacity=0.75)
    _extractor(pen)
    _arm_lamp(pen)
    for x, y, colour in ((250, 402, YELLOW), (272, 404, RED), (232, 405, GREEN)):
        pen.rect(x, y - 6, 18, 7, lighter(colour, 0.3), 3.5)
        pen.line(f"M{x - 8} {y - 2}h8M{x + 18} {y - 2}h8", STEEL_DARK, 1.8)
    pen.circle(572, 396, 18, STEEL)
    pen.circle(572, 396, 12, STEEL_LIGHT)
    pen.circle(572, 396, 5, NIGHT)


def _third_hand(pen: Pen) -> None:
    pen.shadow(668, BENCH + 3, 60, 8)
    pen.path("M622 408q0 -14 16 -14h60q16 0 16 14z", NIGHT)
    pen.rect(662, 330, 10, 66, STEEL_DARK)
    pen.line("M604 322L732 322", STEEL_DARK, 5)
    pen.path("M612 322L628 286H740L722 322z", GREEN)
    pen.path("M612 322L628 286H638L622 322z", lighter(GREEN, 0.3))
    for x, y, w in ((646, 296, 22), (690, 298, 16), (652, 310, 14), (700, 311, 12)):
        pen.rect(x, y, w, 7, NIGHT, 1.5)
        pen.line(f"M{x + 2} {y + 9}h{w - 4}", "#d9b64e", 1.6)
    pen.line("M676 292l10 20M684 290v24", "#d9b64e", 1.4)
    for x in (606, 730):
        pen.path(f"M{x - 12} 328l10 -16h10l6 16z", STEEL)


def _extractor(pen: Pen) -> None:
    way = "M742 168C800 120 836 96 842 -10"
    pen.line(way, darker(STEEL, 0.35), 30)
    pen.path(way, stroke=STEEL_LIGHT, stroke_width=26, stroke_dasharray="5 5")
    pen.path("M706 196L748 142l22 22L726 214z", NIGHT)
    pen.path("M706 196L748 142l7 7L712 202z", mix(NIGHT, STEEL, 0.5))


def _arm_lamp(pen: Pen) -> None:
    pen.path("M530 240L470 408h196L616 240z", "#fff3d6", opacity=0.4)
    pen.line("M318 408L352 232L470 108", STEEL_DARK, 8)
    pen.line("M326 408L360 236L476 114", STEEL_LIGHT, 3)
    pen.circle(354, 232, 12, NIGHT)
    pen.circle(354, 232, 5, STEEL)
    pen.line("M470 108L548 178", STEEL_DARK, 8)
    pen.circle(470, 108, 11, NIGHT)
    pen.path("M520 232q-8 -58 40 -74t74 30l-6 26z", MINIUM)
    pen.path("M520 232q-8 -58 40 -74q-26 24 -16 66z", lighter(MINIUM, 0.3))
    pen.oval(574, 224, 56, 11, "#fff6de", transform="rotate(-9 574 224)")
    pen.rect(296, 396, 46, 14, NIGHT, 4)


def _scope(pen: Pen, x: float, y: float) -> None:
    pen.shadow(x + 96, y + 4, 130, 12)
    pen.box(x, y - 130, 196, 124, mix(STEEL, WHITE, 0.45), r=10, side=14)
    pen.rect(x + 14, y - 116, 100, 78, NIGHT, 5)
    pen.path(f"M{x + 14} {y - 77}h100M{x + 64} {y - 116}v78", stroke="#3f6b57", stroke_width=1.2)
    pen.line(f"M{x + 18} {y - 77}" + "q8 -34 16 0t16 0" * 3, "#7fe0b0", 2.6)
    for row in range(3):
        for n in range(2):
            pen.circle(x + 134 + n * 28, y - 104 + row * 26, 8, (BLUE, STEEL_DARK, YELLOW)[(row + n) % 3])
    for n in range(3):
        pen.circle(x + 26 + n * 34, y - 22, 8, STEEL_DARK)
        pen.circle(x + 26 + n * 34, y - 22, 4, YELLOW)
    for foot in (x + 16, x + 156):
        pen.rect(foot, y - 8, 22, 9, NIGHT, 2)
