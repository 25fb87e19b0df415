"""The 3D printing corner. Data only."""

from __future__ import annotations

from app.demo.equipment.kinds import FREECAD, Equipment
from app.demo.words import both

SLICER = {"title": "PrusaSlicer, pour trancher", "url": "https://www.prusa3d.com/prusaslicer"}

PLATE_CLEAR = both("Le plateau est vide et propre.", "The bed is empty and clean.")
FILAMENT = both("Le bon filament est chargé, la bobine suffit.", "The right filament is loaded, and there is enough.")
PRINT_RULES = both(
    "On regarde la première couche, puis on peut s’éloigner. Une impression qui déborde du créneau est arrêtée.",
    "Watch the first layer, then you may walk away. A print that outlives its slot is stopped.",
)

PRINTING = (
    Equipment(
        slug="heron",
        code="P1",
        space="impression",
        name=both("Héron", "Heron"),
        icon="printer",
        danger=1,
        needs=(("impression-3d",),),
        can_do=both(
            "PLA et PETG, 250 × 210 × 210 mm. La plus simple pour commencer.",
            "PLA and PETG, 250 × 210 × 210 mm. The easiest to start with.",
        ),
        cannot_do=both("Pas d’ABS : elle n’est pas fermée.", "No ABS: it is not enclosed."),
        house_rules=PRINT_RULES,
        ticks=(PLATE_CLEAR, FILAMENT),
        hourly=(200, 100, 400),
        minutes=(90, 120, 180, 240),
        pull=2.0,
        craft="print",
        step=30,
        longest=540,
        ahead=4,
        is_attended=False,
        documents=(SLICER, FREECAD),
    ),
    Equipment(
        slug="loutre",
        code="P2",
        space="impression",
        name=both("Loutre", "Otter"),
        icon="printer",
        danger=1,
        needs=(("impression-3d",),),
        can_do=both(
            "Rapide et précise, 300 mm de côté. PLA, PETG et TPU souple.",
            "Fast and precise, 300 mm a side. PLA, PETG and soft TPU.",
        ),
        cannot_do=both("Pas d’ABS, pas de filament chargé en fibres.", "No ABS, no fibre-filled filament."),
        house_rules=PRINT_RULES,
        ticks=(PLATE_CLEAR, FILAMENT),
        hourly=(300, 200, 500),
        minutes=(90, 120, 180, 240),
        pull=1.8,
        craft="print",
        step=30,
        longest=540,
        ahead=4,
        is_attended=False,
        documents=(SLICER, FREECAD),
    ),
    Equipment(
        slug="martin-pecheur",
        code="P3",
        space="impression",
        name=both("Martin-pêcheur", "Kingfisher"),
        icon="printer",
        danger=1,
        needs=(("impression-3d",),),
        can_do=both(
            "La grande, fermée et chauffée : ABS, ASA, nylon, 350 mm de côté.",
            "The large one, closed and heated: ABS, ASA, nylon, 350 mm a side.",
        ),
        cannot_do=both("Pas de TPU souple.", "No soft TPU."),
        house_rules=PRINT_RULES,
        ticks=(PLATE_CLEAR, FILAMENT),
        hourly=(400, 250, 700),
        minutes=(120, 180, 240, 300),
        pull=1.2,
        craft="print",
        step=30,
        longest=540,
        ahead=4,
        is_attended=False,
        documents=(SLICER, FREECAD),
    ),
    Equipment(
        slug="libellule",
        code="P4",
        space="impression",
        name=both("Libellule (résine)", "Dragonfly (resin)"),
        icon="printer",
        danger=2,
        needs=(("impression-resine",),),
        can_do=both(
            "Pièces fines et lisses, 190 × 120 × 200 mm : bijoux, figurines, prototypes.",
            "Fine, smooth parts, 190 × 120 × 200 mm: jewels, figures, prototypes.",
        ),
        cannot_do=both("Rien qui touche la nourriture ou la peau longtemps.", "Nothing that touches food, or skin for long."),
        house_rules=both(
            "Gants nitrile tout du long. On lave, on durcit, on laisse le bac propre : comptez 30 minutes après l’impression.",
            "Nitrile gloves all along. Wash, cure, leave the vat clean: allow 30 minutes after the print.",
        ),
        ticks=(
            both("Gants mis, ventilation allumée.", "Gloves on, air running."),
            both("Le bac est propre, le film intact.", "The vat is clean, its film intact."),
        ),
        hourly=(800, 500, 1200),
        minutes=(120, 180, 240),
        pull=0.9,
        craft="print",
        step=30,
        longest=480,
        turnaround=30,
        is_attended=False,
    ),
)
