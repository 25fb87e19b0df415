"""The place itself: a brick workshop with a saw-tooth roof, on a canal, its doors open."""

from __future__ import annotations

from app.demo.drawings.pen import (
    BEECH,
    BLUE,
    GREEN,
    HEIGHT,
    INK,
    MINIUM,
    NIGHT,
    OAK,
    PLASTER,
    STEEL,
    STEEL_DARK,
    STEEL_LIGHT,
    WHITE,
    WIDTH,
    Pen,
    darker,
    lighter,
    mix,
)
from app.demo.drawings.scenes import pendant

BRICK = "#a85a3f"
QUAY = 410


def workshop(pen: Pen) -> None:
    _sky(pen)
    _building(pen)
    _doors(pen)
    _quay(pen)
    _canal(pen)


def _sky(pen: Pen) -> None:
    pen.rect(0, 0, WIDTH, HEIGHT, "#d7e7ee")
    pen.rect(0, 0, WIDTH, 190, "#e6f0f3", opacity=0.8)
    pen.circle(1080, 96, 42, "#fff3d6")
    for x, y, w in ((90, 82, 150), (720, 50, 120), (930, 140, 170)):
        pen.rect(x, y, w, 20, WHITE, 10, opacity=0.8)
        pen.rect(x + w * 0.2, y - 14, w * 0.5, 24, WHITE, 12, opacity=0.8)
    for n in range(9):
        x = 20 + n * 152
        pen.oval(x, QUAY - 92, 30 + n % 3 * 6, 128 - n % 4 * 12, mix(GREEN, "#d7e7ee", 0.5 + 0.06 * (n % 3)))
    pen.rect(0, QUAY - 50, WIDTH, 60, mix(GREEN, "#d7e7ee", 0.4))


def _building(pen: Pen) -> None:
    pen.rect(196, 184, 868, 226, darker(BRICK, 0.12))
    pen.rect(196, 184, 850, 226, BRICK)
    for row in range(14):
        courses = "".join(f"M{206 + n * 34 + (row % 2) * 17} {190 + row * 16}h22" for n in range(25))
        pen.path(courses, stroke=darker(BRICK, 0.16), stroke_width=1.6, opacity=0.5)
    pen.rect(828, 52, 40, 134, darker(BRICK, 0.16))
    pen.rect(828, 52, 12, 134, lighter(BRICK, 0.15))
    pen.rect(822, 46, 52, 12, NIGHT, 2)
    pen.path("M848 38q-14 -14 2 -24t6 -20", stroke=WHITE, stroke_width=9, stroke_linecap="round", opacity=0.7)
    for n in range(5):
        x = 196 + n * 173.6
        pen.path(f"M{x:.1f} 186V96L{x + 173.6:.1f} 186z", darker(BRICK, 0.2))
        pen.path(f"M{x:.1f} 102V92L{x + 176:.1f} 184v8z", STEEL_DARK)
        pen.path(f"M{x + 12:.1f} 176V122L{x + 112:.1f} 176z", "#bfe0ea")
        pen.line(f"M{x + 42:.1f} 176V139M{x + 74:.1f} 176V156", NIGHT, 3)
    pen.rect(186, 182, 890, 12, mix(PLASTER, STEEL, 0.3), 2)
    for x in (236, 344, 816, 924):
        _arched_window(pen, x, 236)


def _arched_window(pen: Pen, x: float, y: float) -> None:
    pen.path(f"M{x - 7} {y + 124}V{y + 18}q0 -36 41 -36t41 36V{y + 124}z", lighter(BRICK, 0.25))
    pen.path(f"M{x} {y + 118}V{y + 20}q0 -30 34 -30t34 30V{y + 118}z", "#fbe9bd")
    pen.path(f"M{x} {y + 118}L{x + 40} {y - 8}q24 4 28 22L{x + 34} {y + 118}z", WHITE, opacity=0.35)
    pen.path(f"M{x + 34} {y - 10}V{y + 118}M{x} {y + 30}h68M{x} {y + 74}h68", stroke=NIGHT, stroke_width=3.5)
    pen.path(f"M{x} {y + 118}V{y + 20}q0 -30 34 -30t34 30V{y + 118}z", stroke=NIGHT, stroke_width=5)
    pen.rect(x - 10, y + 118, 88, 9, mix(PLASTER, STEEL, 0.3), 2)


def _doors(pen: Pen) -> None:
    """Wide open: benches, lamps, people at work inside."""
    pen.rect(470, 214, 304, 196, mix(PLASTER, STEEL, 0.35), 4)
    pen.rect(484, 228, 276, 182, "#fbe3b0")
    pen.rect(484, 228, 276, 182, "url(#glow)")
    with pen.moved(330, 228, scale=0.5):
        pendant(pen, 420, 30)
        pendant(pen, 740, 30)
    for x in (510, 620):
        pen.rect(x, 356, 92, 10, OAK, 2)
        pen.rect(x + 8, 366, 7, 44, darker(OAK, 0.3))
        pen.rect(x + 76, 366, 7, 44, darker(OAK, 0.3))
    pen.box(524, 326, 50, 30, BLUE, r=4, side=7)
    pen.rect(640, 300, 6, 56, NIGHT)
    pen.rect(684, 300, 6, 56, NIGHT)
    pen.rect(636, 296, 58, 7, NIGHT, 2)
    pen.circle(664, 338, 12, MINIUM)
    _person(pen, 600, 410, BLUE)
    _person(pen, 724, 410, MINIUM)
    for x, depth in ((432, 0.05), (766, 0.2)):
        pen.path(f"M{x} 222h44v188h-44z", darker(BLUE, depth))
        pen.path(f"M{x + 8} 234h28v58h-28zM{x + 8} 306h28v92h-28z", lighter(BLUE, 0.14))
    pen.rect(470, 176, 304, 34, NIGHT, 5)
    pen.line("M488 189h24M492 189l-3 13M508 189l3 13", PLASTER, 3)
    pen.circle(500, 184, 3, MINIUM)
    for x, w in ((528, 34), (572, 62), (644, 26), (680, 70)):
        pen.rect(x, 188, w, 9, PLASTER, 4.5)


def _person(pen: Pen, x: float, feet: float, coat: str) -> None:
    pen.path(f"M{x - 10} {feet}v-34h8l2 20l2 -20h8v34z", NIGHT)
    pen.path(f"M{x - 15} {feet - 30}q-2 -40 15 -42q17 2 15 42z", coat)
    pen.path(f"M{x + 2} {feet - 30}q8 -30 0 -42q15 4 13 42z", darker(coat, 0.25))
    pen.circle(x, feet - 82, 11, mix(OAK, BEECH, 0.3))
    pen.path(f"M{x - 11} {feet - 83}q0 -14 11 -13t11 12q-12 -6 -22 1z", INK)


def _quay(pen: Pen) -> None:
    pen.rect(0, QUAY, WIDTH, 40, "#d8d2c4")
    pen.rect(0, QUAY, WIDTH, 5, WHITE, opacity=0.7)
    pen.rect(0, QUAY + 34, WIDTH, 16, darker("#d8d2c4", 0.25))
    pen.path(f"M484 {QUAY}h276l50 34H434z", "#fff3d6", opacity=0.7)
    for x in (330, 900, 1170):
        pen.rect(x, QUAY + 12, 22, 24, NIGHT, 4)
        pen.oval(x + 11, QUAY + 12, 15, 6, mix(NIGHT, STEEL, 0.35))
    for x, colour in ((846, MINIUM), (1010, BLUE)):
        _bicycle(pen, x, QUAY + 6, colour)
    pen.box(1094, QUAY - 34, 92, 40, OAK, r=4, side=12)
    for n in range(5):
        pen.oval(1106 + n * 17, QUAY - 44, 12, 20, mix(GREEN, WHITE, 0.1 * (n % 3)))
    pen.rect(60, QUAY - 108, 7, 116, NIGHT)
    pen.path(f"M40 {QUAY - 108}q24 -26 47 0z", NIGHT)
    pen.oval(63, QUAY - 106, 20, 5, "#fff6de")


def _bicycle(pen: Pen, x: float, y: float, colour: str) -> None:
    for dx in (-26, 26):
        pen.circle(x + dx, y - 18, 18, "none", stroke=NIGHT, stroke_width=3.5)
        pen.circle(x + dx, y - 18, 2.5, NIGHT)
    pen.line(f"M{x - 26} {y - 18}l14 -26h28l10 26M{x - 12} {y - 44}l14 26l14 -26M{x + 2} {y - 18}h-28", colour, 4)
    pen.line(f"M{x - 20} {y - 50}h14M{x + 14} {y - 44}l-3 -10h10", NIGHT, 4)


def _canal(pen: Pen) -> None:
    pen.rect(0, QUAY + 50, WIDTH, HEIGHT, "#8fb3c2")
    pen.rect(0, QUAY + 50, WIDTH, 12, darker("#8fb3c2", 0.25), opacity=0.6)
    pen.path(f"M470 {QUAY + 62}h300l30 80H440z", "#fbe3b0", opacity=0.35)
    for n in range(16):
        x, y = (n * 211) % 1240, QUAY + 72 + (n * 37) % 56
        pen.line(f"M{x} {y}q16 -6 32 0t32 0", WHITE, 2.4, opacity=0.5)
    pen.path(f"M64 {QUAY + 62}H402q16 0 20 12l-34 40H108q-36 -8 -44 -52z", NIGHT)
    pen.path(f"M64 {QUAY + 62}H402q16 0 20 12H70z", MINIUM)
    pen.rect(96, QUAY + 26, 96, 38, STEEL_LIGHT, 5)
    pen.rect(96, QUAY + 22, 104, 9, BLUE, 4)
    for n in range(3):
        pen.rect(106 + n * 28, QUAY + 38, 18, 14, "#4a6b7c", 3)
    pen.rect(216, QUAY + 50, 160, 14, OAK, 3)
