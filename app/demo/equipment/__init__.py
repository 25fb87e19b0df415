"""The fourteen machines of the demo lab, in their four spaces, as the people there describe them."""

from __future__ import annotations

from app.demo.equipment.cutting import CUTTING
from app.demo.equipment.kinds import Equipment, Space
from app.demo.equipment.needlework import NEEDLEWORK
from app.demo.equipment.printing import PRINTING
from app.demo.equipment.woodwork import WOODWORK
from app.demo.words import both

__all__ = ["EQUIPMENT", "SPACES", "Equipment", "Space"]

SPACES = (
    Space("decoupe", both("Atelier découpe", "Cutting room")),
    Space("impression", both("Coin impression 3D", "3D printing corner")),
    Space("bois", both("Atelier bois", "Wood shop")),
    Space("textile", both("Textile et électronique", "Textile and electronics")),
)

EQUIPMENT = (*CUTTING, *PRINTING, *WOODWORK, *NEEDLEWORK)
