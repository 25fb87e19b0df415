"""The 3D printing corner. Data only."""

from __future__ import annotations

from app.demo.equipment.kinds import FREECAD, Equipment
from app.demo.words import both

SLICER = {"title": "PrusaSlicer, pour trancher", "url": "https://www.prusa3d.com/prusaslicer"}

PLATE_CLEAR = both("Le plateau est vide et propre.", "The bed is empty and clean.")
FILAMENT = both("Le bon filament est chargé, la bobine suffit.", "The right filament is loaded, and there is enough.")
PRINT_RULES = both(
    "On regarde la première couche, puis on peut s’éloigner : la page de l’impression dit où elle en est.",
    "Watch the first layer, then you may walk away: the print’s page says how far it is.",
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
            "La fermée, chauffée : ASA et PETG, 350 mm de côté, pour ce qui vivra dehors.",
            "The closed, heated one: ASA and PETG, 350 mm a side, for what will live outdoors.",
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
        name=both("Libellule", "Dragonfly"),
        icon="printer",
        danger=1,
        needs=(("impression-grande",),),
        can_do=both(
            "Le grand plateau, 400 × 400 × 450 mm, buse de 0,6 : PETG et TPU souple, pour ce qui ne tient pas ailleurs.",
            "The large bed, 400 × 400 × 450 mm, 0.6 nozzle: PETG and soft TPU, for what fits nowhere else.",
        ),
        cannot_do=both("Pas de détails fins, pas d’ASA : elle est ouverte.", "No fine details, no ASA: it is open."),
        house_rules=both(
            "Une bobine pleine au départ, le plateau nivelé à froid. Les longues impressions se lancent le matin.",
            "A full spool to begin with, the bed levelled cold. Long prints are started in the morning.",
        ),
        ticks=(PLATE_CLEAR, FILAMENT),
        hourly=(400, 250, 700),
        minutes=(180, 240, 300, 360),
        pull=0.9,
        craft="print",
        step=30,
        longest=600,
        turnaround=15,
        is_attended=False,
        documents=(SLICER, FREECAD),
    ),
)
