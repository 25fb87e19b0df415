"""What the demo lab teaches, and by whom: data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.words import both
from app.kernel.db import said


@dataclass(frozen=True, slots=True)
class Taught:
    """A competence. `needs` are slugs, `trainer` is the first part of an e-mail address."""

    slug: str
    name: said
    description: said
    path: said
    icon: str
    valid_months: int | None
    trainer: str
    needs: Sequence[str] = ()


TAUGHT = (
    Taught(
        slug="securite",
        name=both("Sécurité de l’atelier", "Workshop safety"),
        description=both(
            "Les issues, l’arrêt d’urgence, les lunettes, qui appeler. Ouvre tout ce qui coupe ou qui chauffe.",
            "Ways out, emergency stops, goggles, whom to call. The door to everything that cuts or heats.",
        ),
        path=both(
            "Une visite d’une heure avec Léa, le samedi à 10 h 30. Gratuit, sans matériel.",
            "A one-hour tour with Léa, Saturdays at 10:30. Free, nothing to bring.",
        ),
        icon="flag",
        valid_months=None,
        trainer="lea",
    ),
    Taught(
        slug="decoupe-laser",
        name=both("Découpe laser CO₂", "CO₂ laser cutting"),
        description=both(
            "Préparer un fichier, choisir la matière, faire la mise au point, surveiller la coupe.",
            "Prepare a file, choose the material, set the focus, watch the cut.",
        ),
        path=both(
            "Deux heures à quatre avec Chloé, puis une première coupe à vous, surveillée.",
            "Two hours, four people with Chloé, then a first cut of your own under her eyes.",
        ),
        icon="laser",
        valid_months=12,
        trainer="chloe",
        needs=("securite",),
    ),
    Taught(
        slug="gravure-fibre",
        name=both("Gravure laser fibre", "Fibre laser engraving"),
        description=both(
            "Graver le métal sans danger pour les yeux : écran fermé, lunettes, réglages par alliage.",
            "Engrave metal without harm to anybody's eyes: shield closed, goggles, settings for each alloy.",
        ),
        path=both("Une heure avec Chloé, après la découpe laser.", "One hour with Chloé, after laser cutting."),
        icon="laser",
        valid_months=12,
        trainer="chloe",
        needs=("decoupe-laser",),
    ),
    Taught(
        slug="decoupe-vinyle",
        name=both("Découpe vinyle", "Vinyl cutting"),
        description=both(
            "Du dessin au sticker : régler la lame, écheniller, poser sans bulles.",
            "From drawing to sticker: set the blade, weed, apply without bubbles.",
        ),
        path=both("Une heure avec Chloé ; apportez un dessin.", "One hour with Chloé; bring a drawing."),
        icon="vinyl",
        valid_months=24,
        trainer="chloe",
    ),
    Taught(
        slug="impression-3d",
        name=both("Impression 3D à filament", "Filament 3D printing"),
        description=both(
            "Trancher, charger le filament, lancer, surveiller la première couche, décoller la pièce.",
            "Slice, load filament, start, watch the first layer, free the part.",
        ),
        path=both("Une soirée avec Tom, le jeudi à 18 h.", "One evening with Tom, Thursdays at 18:00."),
        icon="printer",
        valid_months=24,
        trainer="tom",
    ),
    Taught(
        slug="impression-grande",
        name=both("Impression grand format", "Large-format printing"),
        description=both(
            "Des heures sans surveillance : adhérence, nivelage, filament souple, fin de bobine, ce qui peut mal tourner.",
            "Hours without anybody there: adhesion, levelling, soft filament, the end of a spool, what can go wrong.",
        ),
        path=both("Une heure avec Tom, après l’impression à filament.", "One hour with Tom, after filament printing."),
        icon="printer",
        valid_months=12,
        trainer="tom",
        needs=("impression-3d",),
    ),
    Taught(
        slug="fraiseuse",
        name=both("Fraiseuse numérique", "CNC router"),
        description=both(
            "Brider, choisir l’outil, prendre l’origine, lire un parcours avant de le lancer.",
            "Clamp, choose the tool, set the origin, read a path before running it.",
        ),
        path=both(
            "Une journée à trois avec Youssef, puis une pièce à vous.",
            "A day, three people with Youssef, then a part of your own.",
        ),
        icon="cnc",
        valid_months=12,
        trainer="youssef",
        needs=("securite",),
    ),
    Taught(
        slug="machines-a-bois",
        name=both("Machines à bois", "Wood machines"),
        description=both(
            "Scie à ruban et perceuse : postures, protections, ce qu’on n’y coupe jamais.",
            "Band saw and pillar drill: stance, guards, what never to cut there.",
        ),
        path=both("Une demi-journée avec Youssef, le samedi.", "Half a day with Youssef, on Saturdays."),
        icon="wood",
        valid_months=12,
        trainer="youssef",
        needs=("securite",),
    ),
    Taught(
        slug="broderie",
        name=both("Brodeuse", "Embroidery machine"),
        description=both(
            "Numériser un motif, choisir l’entoilage, enfiler six couleurs, sauver un point raté.",
            "Digitise a motif, choose the backing, thread six colours, save a missed stitch.",
        ),
        path=both("Deux heures avec Mai, un mercredi sur deux.", "Two hours with Mai, every other Wednesday."),
        icon="sewing",
        valid_months=24,
        trainer="mai",
    ),
)
