"""A pen for flat SVG pictures: shapes in painting order, the house's colours, light and shadow. Knows no machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

WIDTH, HEIGHT = 1260, 540

PLASTER, PAGE, SUNK, BEECH = "#f6f5f1", "#fbfaf7", "#edebe4", "#e9dcc4"
INK, INK_SOFT, EDGE, LINE = "#221d17", "#575046", "#8a8173", "#dcd7cb"
BLUE, GREEN, AMBER, RED = "#25468c", "#1d6a39", "#8a5200", "#b0261c"
VIOLET, TEAL, BROWN, MINIUM = "#663c9b", "#0a6668", "#74482a", "#d4481a"
STEEL, STEEL_DARK, STEEL_LIGHT, NIGHT = "#b9bcbd", "#7f8486", "#e4e6e6", "#2c2f33"
OAK, PLY, CONCRETE, WHITE = "#c9a877", "#dcc091", "#d9d5cb", "#ffffff"

DEFS = f"""<defs>
<radialGradient id="shade"><stop offset="0" stop-color="{INK}" stop-opacity=".34"/><stop offset=".55" stop-color="{INK}"
 stop-opacity=".17"/><stop offset="1" stop-color="{INK}" stop-opacity="0"/></radialGradient>
<radialGradient id="glow"><stop offset="0" stop-color="#fff3d6" stop-opacity=".95"/><stop offset="1" stop-color="#fff3d6"
 stop-opacity="0"/></radialGradient>
<linearGradient id="day" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#f1ece1"/><stop offset=".55"
 stop-color="#e8e2d4"/><stop offset="1" stop-color="#d9d1bf"/></linearGradient>
<linearGradient id="ground" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#c9c4b8"/><stop offset="1"
 stop-color="#e2ded5"/></linearGradient>
<linearGradient id="sheen" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#fff" stop-opacity=".5"/><stop offset=".45"
 stop-color="#fff" stop-opacity=".06"/><stop offset="1" stop-color="#fff" stop-opacity="0"/></linearGradient>
<pattern id="pegs" width="22" height="22" patternUnits="userSpaceOnUse"><circle cx="11" cy="11" r="1.7" fill="#b7ad9a"/></pattern>
<pattern id="comb" width="9" height="9" patternUnits="userSpaceOnUse"><path d="M0 4.5h9M4.5 0v9" stroke="#5d6265"
 stroke-width="1.3"/></pattern>
</defs>"""


def mix(colour: str, other: str, share: float) -> str:
    """`share` of `other` in `colour`, both #rrggbb."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def darker(colour: str, share: float = 0.22) -> str:
    return mix(colour, INK, share)


def lighter(colour: str, share: float = 0.25) -> str:
    return mix(colour, WHITE, share)


class Pen:
    """Draws one picture; what is drawn later lies above. Attribute names take `_` for `-`."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def svg(self) -> bytes:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        return "\n".join([head, DEFS, *self._parts, "</svg>", ""]).encode()

    # ── plain shapes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def rect(self, x: float, y: float, w: float, h: float, fill: str, r: float = 0, **more: object) -> None:  # noqa: PLR0917 - SVG's own order
        self._draw("rect", x=x, y=y, width=w, height=h, rx=r or None, fill=fill, **more)

    def circle(self, x: float, y: float, r: float, fill: str, **more: object) -> None:
        self._draw("circle", cx=x, cy=y, r=r, fill=fill, **more)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: str, **more: object) -> None:
        self._draw("ellipse", cx=x, cy=y, rx=rx, ry=ry, fill=fill, **more)

    def path(self, d: str, fill: str = "none", **more: object) -> None:
        self._draw("path", d=d, fill=fill, **more)

    def line(self, d: str, colour: str, width: float = 2, **more: object) -> None:
        """An open stroke with round ends."""
        ends = {"stroke_linecap": "round", "stroke_linejoin": "round"}
        self._draw("path", d=d, fill="none", stroke=colour, stroke_width=width, **ends, **more)

    @contextmanager
    def moved(self, x: float = 0, y: float = 0, *, turn: float = 0, scale: float = 1, flip: bool = False) -> Iterator[None]:
        """Shapes inside are placed from (x, y), turned by degrees, scaled, mirrored."""
        across = f"scale({-scale if flip else scale:g} {scale:g})"
        self._parts.append(f'<g transform="translate({x:g} {y:g}) rotate({turn:g}) {across}">')
        yield
        self._parts.append("</g>")

    # ── things with light on them ────────────────────────────────────────────────────────────────────────────────────

    def shadow(self, x: float, y: float, rx: float, ry: float = 16) -> None:
        """The soft dark under something that stands at (x, y)."""
        self.oval(x, y, rx, ry, "url(#shade)")

    def box(self, x: float, y: float, w: float, h: float, colour: str, *, r: float = 8, side: float = 12) -> None:
        """A body seen from the front: a light upper edge, a darker right side."""
        self.rect(x, y, w, h, darker(colour), r)
        self.rect(x, y, w - side, h, colour, r)
        self.rect(x + r / 2, y, w - side - r, min(5, h / 6), lighter(colour, 0.4), 2.5)

    def tube(self, x: float, y: float, w: float, h: float, colour: str, r: float = 0) -> None:  # noqa: PLR0917 - as rect
        """A round bar lying or standing: bright along the middle of its upper or left half."""
        self.rect(x, y, w, h, colour, r)
        if w >= h:
            self.rect(x, y + h * 0.18, w, h * 0.22, lighter(colour, 0.55), opacity=0.8)
            self.rect(x, y + h * 0.75, w, h * 0.25, darker(colour, 0.3), r, opacity=0.7)
        else:
            self.rect(x + w * 0.18, y, w * 0.22, h, lighter(colour, 0.55), opacity=0.8)
            self.rect(x + w * 0.75, y, w * 0.25, h, darker(colour, 0.3), r, opacity=0.7)

    def screen(self, x: float, y: float, w: float, h: float, tone: str = TEAL) -> None:
        """A lit display with a few lines of something."""
        self.rect(x, y, w, h, NIGHT, 5)
        self.rect(x + 4, y + 4, w - 8, h - 8, mix(tone, NIGHT, 0.35), 3)
        for n, share in enumerate((0.6, 0.42, 0.52)):
            if 12 + n * 9 < h - 8:
                self.rect(x + 10, y + 11 + n * 9, (w - 20) * share, 3.5, lighter(tone, 0.65), 1.7)

    def stop_button(self, x: float, y: float, size: float = 1) -> None:
        """The red mushroom on its yellow plate."""
        self.circle(x, y, 15 * size, "#e8b530")
        self.circle(x, y + 1.5 * size, 10.5 * size, darker(RED, 0.3))
        self.circle(x, y - 1 * size, 10 * size, RED)
        self.oval(x - 3 * size, y - 4 * size, 4 * size, 2.4 * size, lighter(RED, 0.45))

    def screws(self, *points: tuple[float, float]) -> None:
        for x, y in points:
            self.circle(x, y, 3, STEEL_DARK)
            self.line(f"M{x - 1.6:g} {y - 1.6:g}l3.2 3.2", STEEL_LIGHT, 1)

    def _draw(self, shape: str, **attributes: object) -> None:
        written = " ".join(
            f'{name.replace("_", "-")}="{_short(value)}"' for name, value in attributes.items() if value is not None
        )
        self._parts.append(f"<{shape} {written}/>")


def _short(value: object) -> object:
    """Numbers as short as the eye allows."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0") if abs(value) >= 10 else f"{value:.3g}"
    return value
