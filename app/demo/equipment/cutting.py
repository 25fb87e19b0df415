"""The cutting room. Data only."""

from __future__ import annotations

from app.demo.equipment.kinds import BESIDE, INKSCAPE, Equipment
from app.demo.words import both

CUTTING = (
    Equipment(
        slug="laser-co2",
        code="D1",
        space="decoupe",
        name=both("Laser CO₂", "CO₂ laser"),
        icon="laser",
        danger=2,
        needs=(("securite",), ("decoupe-laser",)),
        can_do=both(
            "Découpe bois, carton, cuir et acrylique jusqu’à 8 mm ; grave aussi le verre et l’ardoise. Plateau de 900 × 600 mm.",
            "Cuts wood, card, leather and acrylic up to 8 mm; engraves glass and slate too. Bed of 900 × 600 mm.",
        ),
        cannot_do=both(
            "Ni métal, ni PVC, ni polycarbonate : le chlore abîme les poumons et la machine.",
            "No metal, no PVC, no polycarbonate: chlorine harms lungs and machine alike.",
        ),
        house_rules=both(
            "On reste à côté tout du long. L’extraction tourne encore deux minutes après la coupe. Les chutes vont au bac gris.",
            "Stay beside it from start to end. Extraction runs two more minutes after the cut. Offcuts go into the grey bin.",
        ),
        ticks=(both("L’extraction tourne et la matière est autorisée.", "Extraction runs and the material is allowed."), BESIDE),
        hourly=(1800, 1200, 2700),
        minutes=(30, 45, 60, 60, 90, 120),
        pull=3.0,
        craft="laser",
        longest=180,
        documents=(INKSCAPE,),
    ),
    Equipment(
        slug="laser-fibre",
        code="D2",
        space="decoupe",
        name=both("Laser fibre", "Fibre laser"),
        icon="laser",
        danger=3,
        needs=(("securite",), ("gravure-fibre",)),
        can_do=both(
            "Grave acier, laiton, aluminium anodisé : plaques, bijoux, outils. Champ de 110 × 110 mm.",
            "Engraves steel, brass, anodised aluminium: plates, jewels, tools. Field of 110 × 110 mm.",
        ),
        cannot_do=both("Ne découpe pas. Pas de métal qui brille comme un miroir.", "Does not cut. No mirror-bright metal."),
        house_rules=both(
            "Écran vert fermé, lunettes 1064 nm sur le nez, même pour regarder une seconde.",
            "Green shield closed, 1064 nm goggles on, even for a one-second look.",
        ),
        ticks=(both("L’écran est fermé, les lunettes sont mises.", "The shield is closed, the goggles are on."), BESIDE),
        hourly=(2400, 1600, 3600),
        minutes=(30, 30, 45, 60),
        pull=1.1,
        craft="laser",
        longest=120,
    ),
    Equipment(
        slug="decoupe-vinyle",
        code="D3",
        space="decoupe",
        name=both("Découpe vinyle", "Vinyl cutter"),
        icon="vinyl",
        danger=1,
        needs=(("decoupe-vinyle",),),
        can_do=both(
            "Stickers, flocage, pochoirs et lettrages, jusqu’à 60 cm de large.",
            "Stickers, heat transfers, stencils and lettering, up to 60 cm wide.",
        ),
        cannot_do=both("Pas de carton, pas de tissu.", "No card, no cloth."),
        house_rules=both("Les rouleaux entamés se rangent debout, face au mur.", "Started rolls stand upright, facing the wall."),
        ticks=(
            both("La lame est réglée pour ma matière.", "The blade is set for my material."),
            both("Le rouleau roule droit.", "The roll runs straight."),
        ),
        hourly=(600, 400, 1000),
        minutes=(30, 45, 60),
        pull=1.3,
        craft="vinyl",
        documents=(INKSCAPE,),
    ),
)
