"""The wood shop. Data only."""

from __future__ import annotations

from app.demo.equipment.kinds import FREECAD, GOGGLES, Equipment
from app.demo.words import both

WOODWORK = (
    Equipment(
        slug="fraiseuse",
        code="B1",
        space="bois",
        name=both("Fraiseuse numérique", "CNC router"),
        icon="cnc",
        danger=3,
        needs=(("securite",), ("fraiseuse",)),
        can_do=both(
            "Bois massif, contreplaqué, plastiques et mousses, sur 1200 × 800 mm et 120 mm de haut.",
            "Solid wood, plywood, plastics and foams, over 1200 × 800 mm and 120 mm high.",
        ),
        cannot_do=both("Pas d’acier. L’aluminium seulement avec Youssef.", "No steel. Aluminium only with Youssef."),
        house_rules=both(
            "Jamais seul dans l’atelier. Casque et lunettes. On aspire la table avant de partir.",
            "Never alone in the room. Ear defenders and goggles. Vacuum the table before leaving.",
        ),
        ticks=(GOGGLES, both("La pièce est bridée, l’origine vérifiée.", "The part is clamped, the origin checked.")),
        hourly=(2000, 1400, 3000),
        minutes=(60, 90, 120, 180),
        pull=1.3,
        craft="wood",
        turnaround=15,
        horizon=45,
        bills_actual=True,
        documents=(FREECAD,),
    ),
    Equipment(
        slug="scie-a-ruban",
        code="B2",
        space="bois",
        name=both("Scie à ruban", "Band saw"),
        icon="wood",
        danger=3,
        needs=(("securite",), ("machines-a-bois",)),
        can_do=both("Coupe droite ou courbe, jusqu’à 200 mm d’épaisseur.", "Straight or curved cuts, up to 200 mm thick."),
        cannot_do=both("Pas de bois avec clous, pas de rondins sans gabarit.", "No wood with nails, no logs without a jig."),
        house_rules=both(
            "Le poussoir pour les dix derniers centimètres, toujours.", "The push stick for the last ten centimetres, always."
        ),
        ticks=(GOGGLES, both("Le guide est à hauteur de la pièce.", "The guide is set to the height of the work.")),
        hourly=(800, 500, 1200),
        minutes=(30, 30, 45, 60, 90),
        pull=1.3,
        craft="wood",
        longest=180,
    ),
    Equipment(
        slug="perceuse",
        code="B3",
        space="bois",
        name=both("Perceuse à colonne", "Pillar drill"),
        icon="wood",
        danger=2,
        needs=(("securite",), ("machines-a-bois", "fraiseuse")),
        can_do=both(
            "Perce bois, plastique et métal jusqu’à 20 mm, bien d’aplomb.",
            "Drills wood, plastic and metal up to 20 mm, true and square.",
        ),
        cannot_do=both("Ne fraise pas, ne ponce pas.", "No milling, no sanding."),
        house_rules=both(
            "La pièce dans l’étau, jamais à la main. Pas de gants.", "The work in the vice, never in the hand. No gloves."
        ),
        ticks=(GOGGLES, both("La pièce est serrée dans l’étau.", "The work is held in the vice.")),
        hourly=(400, 200, 600),
        minutes=(30, 30, 45, 60),
        pull=0.8,
        craft="wood",
        longest=120,
    ),
)
