"""The wood shop: the CNC router, the band saw, the pillar drill."""

from __future__ import annotations

from app.demo.drawings.pen import (
    BLUE,
    BROWN,
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
from app.demo.drawings.scenes import pegboard, pendant, plank, room, shelf, window

CAST = "#3f6b57"
CREAM = "#efe9da"


def router(pen: Pen) -> None:
    """The gantry over its table, the spindle carving a chair seat, a hose taking the chips away."""
    room(pen, light_from=60)
    window(pen, 66, 60, 210, 220)
    pegboard(pen, 988, 80, 220, 190, missing=3)
    pen.shadow(630, 496, 400, 24)
    for x in (352, 862):
        pen.box(x, 380, 40, 110, NIGHT, r=4, side=10)
        pen.rect(x - 8, 484, 58, 12, INK, 5)
    pen.box(378, 400, 500, 66, mix(BLUE, NIGHT, 0.25), r=6, side=12)
    pen.rect(410, 418, 150, 32, darker(BLUE, 0.3), 5)
    pen.screen(760, 412, 66, 40, TEAL)
    pen.stop_button(850, 432, 0.85)
    pen.path("M330 384L404 306H852L930 384z", STEEL)
    pen.path("M350 378L414 312H842L908 378z", "#d8c6a2")
    for n in range(1, 8):
        top, low = 414 + (428 * n) / 8, 350 + (558 * n) / 8
        pen.line(f"M{low:.1f} 378L{top:.1f} 312", darker(PLY, 0.28), 2.5)
    pen.path("M452 366L484 322H736L776 366z", PLY)
    pen.path("M452 366h324v10h-324z", darker(PLY, 0.25))
    pen.path("M498 356Q520 330 612 330T730 356Q690 362 612 354T498 356z", darker(PLY, 0.22))
    pen.path("M520 352Q540 336 612 335T708 352Q670 355 612 349T520 352z", darker(PLY, 0.36))
    for y in (340, 345, 350):
        pen.line(f"M536 {y}Q612 {y - 8} 692 {y}", darker(PLY, 0.5), 1, opacity=0.5)
    for x, y in ((462, 350), (760, 350), (492, 318), (728, 318)):
        pen.rect(x - 9, y - 4, 18, 8, STEEL_DARK, 2)
        pen.circle(x, y, 3, STEEL_LIGHT)
    pen.rect(330, 384, 600, 18, STEEL_DARK, 3)
    pen.rect(330, 384, 600, 5, STEEL_LIGHT, 2)
    for x in (356, 834):
        pen.box(x, 168, 66, 218, BLUE, r=8, side=14)
        pen.screws((x + 14, 186), (x + 40, 186), (x + 14, 366), (x + 40, 366))
    pen.box(342, 152, 572, 64, mix(BLUE, NIGHT, 0.12), r=8, side=14)
    pen.rect(366, 172, 524, 8, STEEL_LIGHT, 3)
    pen.rect(366, 192, 524, 8, STEEL_LIGHT, 3)
    _hose(pen)
    pen.box(570, 138, 104, 104, CREAM, r=8, side=14)
    pen.rect(584, 150, 60, 12, BLUE, 3)
    pen.tube(592, 118, 56, 178, STEEL, 8)
    pen.rect(592, 158, 56, 12, NIGHT)
    pen.rect(592, 226, 56, 12, NIGHT)
    pen.path("M600 296h40l-9 16h-22z", STEEL_DARK)
    pen.rect(616, 312, 8, 24, STEEL_LIGHT)
    pen.path("M584 296h72v14q-6 8 -10 2t-8 4t-9 -3t-9 4t-9 -3t-9 3t-9 -4t-9 2z", INK, opacity=0.75)
    for x, y in ((560, 348), (548, 362), (676, 356), (690, 344), (650, 364), (584, 366), (716, 366)):
        pen.line(f"M{x} {y}q5 -6 10 -2", lighter(PLY, 0.5), 3)
    plank(pen, 60, 448, 210, 18)
    plank(pen, 78, 430, 190, 18, colour=OAK)
    plank(pen, 66, 466, 214, 18, colour=mix(PLY, BROWN, 0.3))


def _hose(pen: Pen) -> None:
    way = "M640 140C640 40 760 30 860 60S960 40 968 -10"
    pen.line(way, darker(STEEL, 0.4), 36)
    pen.line(way, mix(STEEL, NIGHT, 0.3), 31)
    pen.path(way, stroke=STEEL, stroke_width=31, stroke_dasharray="3 7")
    pen.path(way, stroke=WHITE, stroke_width=5, opacity=0.4, transform="translate(-6 -6)")


def band_saw(pen: Pen) -> None:
    """Two wheels in their housings, the blade, a board on the table, the fence."""
    room(pen, light_from=480)
    pegboard(pen, 66, 80, 260, 190, missing=4)
    shelf(pen, 950, 150, 260, what="crates")
    _timber(pen)
    pen.shadow(620, 500, 250, 22)
    pen.box(470, 344, 300, 148, CAST, r=16, side=22)
    pen.rect(492, 362, 236, 112, darker(CAST, 0.14), 10)
    pen.circle(596, 418, 42, darker(CAST, 0.25))
    pen.circle(596, 418, 8, STEEL)
    for turn in range(0, 360, 60):
        with pen.moved(596, 418, turn=turn):
            pen.line("M12 0H37", darker(CAST, 0.4), 4)
    pen.stop_button(696, 400, 0.95)
    pen.circle(696, 446, 10, lighter(GREEN, 0.2))
    pen.rect(456, 484, 330, 16, INK, 5)
    pen.box(690, 120, 62, 240, CAST, r=8, side=16)
    pen.path("M470 176V104Q470 34 590 34H660Q760 34 760 118V176z", darker(CAST, 0.22))
    pen.path("M470 176V104Q470 34 580 34H640Q738 34 738 118V176z", CAST)
    pen.path("M484 110Q484 46 580 44H600Q500 54 494 120z", lighter(CAST, 0.35), opacity=0.8)
    pen.circle(590, 108, 48, darker(CAST, 0.2))
    pen.circle(590, 108, 40, CAST)
    pen.circle(590, 108, 9, STEEL)
    pen.rect(618, 94, 92, 26, CREAM, 4)
    pen.rect(628, 102, 48, 3.5, CAST, 1.7)
    pen.rect(628, 109, 66, 3.5, CAST, 1.7)
    pen.rect(732, 138, 44, 12, STEEL_DARK, 4)
    pen.circle(780, 144, 13, NIGHT)
    pen.rect(520, 176, 34, 66, STEEL_DARK, 4)
    pen.rect(524, 180, 12, 58, STEEL, 3)
    pen.rect(514, 232, 46, 18, NIGHT, 4)
    pen.rect(534, 250, 7, 78, STEEL_LIGHT)
    pen.path("".join(f"M541 {y}l5 4l-5 3z" for y in range(252, 322, 8)), STEEL_DARK)
    pen.rect(414, 326, 348, 20, STEEL, 4)
    pen.rect(414, 326, 348, 6, STEEL_LIGHT, 3)
    pen.rect(414, 342, 348, 6, STEEL_DARK, 2)
    pen.path("M430 326V288H528V326z", OAK)
    pen.path("M430 288H528V294H430z", lighter(OAK, 0.4))
    pen.line("M438 310q40 -12 84 2M440 302q36 -6 80 0", darker(OAK, 0.25), 1.5)
    pen.line("M528 289q-1 18 0 36", MINIUM, 2)
    pen.box(590, 284, 76, 42, BLUE, r=4, side=9)
    pen.rect(580, 320, 100, 8, STEEL_DARK, 3)
    pen.circle(652, 304, 9, NIGHT)
    pen.path("M486 346h62l-14 20h-40z", STEEL_DARK)
    for x, y in ((418, 494), (432, 500), (446, 492), (404, 502), (458, 502), (388, 498)):
        pen.line(f"M{x} {y}q5 -7 11 -2", OAK, 3)


def _timber(pen: Pen) -> None:
    """Boards leaning on the wall."""
    for x, top, w, colour in (
        (860, 168, 34, OAK),
        (902, 120, 28, PLY),
        (936, 210, 40, mix(OAK, BROWN, 0.35)),
        (984, 250, 30, PLY),
    ):
        pen.path(f"M{x} 486L{x + 24} {top}h{w}l-24 {486 - top}z", colour)
        pen.path(f"M{x} 486L{x + 24} {top}h7l-24 {486 - top}z", lighter(colour, 0.4))
        pen.path(f"M{x + w - 4} 486L{x + w + 20} {top}h4l-24 {486 - top}z", darker(colour, 0.25))
    pen.shadow(950, 490, 120, 10)


def drill(pen: Pen) -> None:
    """Column, head, three-armed wheel; a block in the vice under a brad-point bit."""
    room(pen, light_from=240)
    shelf(pen, 70, 140, 250, what="jars")
    shelf(pen, 70, 262, 250, what="crates")
    pendant(pen, 900, 40)
    pegboard(pen, 990, 130, 220, 190, missing=5)
    pen.shadow(630, 500, 230, 20)
    pen.path("M500 498q0 -22 22 -24h216q22 2 22 24z", darker(BLUE, 0.3))
    pen.path("M500 494q0 -20 22 -22h204q20 2 20 22z", BLUE)
    pen.rect(538, 472, 160, 7, lighter(BLUE, 0.35), 3)
    pen.screws((530, 486), (720, 486))
    pen.tube(664, 90, 40, 386, STEEL)
    pen.tube(656, 430, 56, 46, darker(BLUE, 0.15), 6)
    pen.path("".join(f"M700 {y}h8v4h-8z" for y in range(230, 428, 9)), STEEL_DARK)
    pen.box(646, 348, 78, 62, darker(BLUE, 0.1), r=8, side=12)
    pen.rect(470, 342, 214, 18, STEEL, 5)
    pen.rect(470, 342, 214, 6, STEEL_LIGHT, 3)
    pen.path("M520 360h120l-30 24h-50z", STEEL_DARK)
    _vice(pen)
    pen.box(498, 88, 236, 124, BLUE, r=16, side=20)
    pen.path("M486 92q0 -42 40 -44H712q46 2 46 44z", darker(BLUE, 0.18))
    pen.path("M486 92q0 -42 40 -44H640q-120 6 -128 44z", lighter(BLUE, 0.22), opacity=0.8)
    pen.circle(746, 70, 10, NIGHT)
    pen.rect(516, 112, 96, 30, CREAM, 5)
    pen.rect(526, 120, 40, 4, BLUE, 2)
    pen.rect(526, 129, 62, 4, BLUE, 2)
    pen.circle(538, 174, 11, lighter(GREEN, 0.15))
    pen.stop_button(582, 174, 0.95)
    pen.tube(548, 212, 46, 34, STEEL)
    pen.rect(542, 242, 58, 9, STEEL_DARK, 3)
    pen.path("M550 251h42l-7 32h-28z", STEEL_DARK)
    pen.path("M550 251h15l-4 32h-6z", STEEL)
    for n in range(3):
        pen.circle(559 + n * 12, 266, 2.5, NIGHT)
    pen.rect(567, 283, 8, 34, STEEL_LIGHT)
    pen.line("M567 290l8 6M567 298l8 6M567 306l8 6", STEEL_DARK, 2)
    pen.path("M540 242v62h-6v-64zM602 242v62h6v-64z", "#9fd0c9", opacity=0.55)
    for dx, dy in ((-62, 58), (82, 26), (-14, -86)):
        pen.line(f"M690 176l{dx} {dy}", STEEL_LIGHT, 8)
        pen.line(f"M690 176l{dx} {dy}", STEEL_DARK, 3)
        pen.circle(690 + dx, 176 + dy, 12, MINIUM)
        pen.circle(686 + dx, 172 + dy, 4, lighter(MINIUM, 0.5))
    pen.circle(690, 176, 22, STEEL)
    pen.circle(690, 176, 12, STEEL_DARK)


def _vice(pen: Pen) -> None:
    pen.box(504, 318, 40, 26, TEAL, r=4, side=7)
    pen.box(610, 318, 40, 26, TEAL, r=4, side=7)
    pen.line("M650 330h34", STEEL_DARK, 6)
    pen.line("M684 318v26", STEEL_DARK, 5)
    pen.rect(544, 312, 66, 30, OAK)
    pen.rect(544, 312, 66, 8, lighter(OAK, 0.4))
    pen.line("M550 330q28 -8 56 2", darker(OAK, 0.25), 1.5)
    pen.oval(571, 314, 6, 2, darker(OAK, 0.6))
    for x, y in ((556, 308), (584, 306), (596, 310)):
        pen.line(f"M{x} {y}q4 -6 9 -2", RED if y == 306 else lighter(OAK, 0.4), 2.5)
