"""Textile and electronics. Data only."""

from __future__ import annotations

from app.demo.equipment.kinds import Equipment
from app.demo.words import both

INKSTITCH = {"title": "Ink/Stitch, pour numériser un motif", "url": "https://inkstitch.org/"}
KICAD = {"title": "KiCad, pour dessiner un circuit", "url": "https://www.kicad.org/"}

NEEDLEWORK = (
    Equipment(
        slug="machine-a-coudre",
        code="T1",
        space="textile",
        name=both("Machine à coudre", "Sewing machine"),
        icon="sewing",
        danger=1,
        needs=(),
        can_do=both(
            "Du voile au jean, point droit et zigzag, boutonnières.", "From voile to denim, straight and zigzag, buttonholes."
        ),
        cannot_do=both("Pas de cuir épais ni de bâche.", "No thick leather, no tarpaulin."),
        house_rules=both(
            "On change l’aiguille quand elle accroche ; elles sont dans le tiroir.",
            "Change the needle when it catches; they are in the drawer.",
        ),
        ticks=(
            both("L’aiguille convient à mon tissu.", "The needle suits my fabric."),
            both("Le pied-de-biche est libre.", "The foot is free."),
        ),
        hourly=None,
        minutes=(60, 90, 120, 120),
        pull=1.5,
        craft="textile",
    ),
    Equipment(
        slug="surjeteuse",
        code="T2",
        space="textile",
        name=both("Surjeteuse", "Overlocker"),
        icon="sewing",
        danger=1,
        needs=(),
        can_do=both(
            "Assemble, coupe et surfile d’un coup, à trois ou quatre fils.",
            "Joins, trims and finishes at once, with three or four threads.",
        ),
        cannot_do=both("Pas d’épingles sous le couteau.", "No pins under the knife."),
        house_rules=both(
            "On ne désenfile pas : on noue les nouveaux fils aux anciens.", "Do not unthread: tie the new threads to the old."
        ),
        ticks=(
            both("Aucune épingle dans le tissu.", "No pin in the fabric."),
            both("Le couteau est fermé.", "The knife is closed."),
        ),
        hourly=None,
        minutes=(30, 60, 60, 90),
        pull=0.8,
        craft="textile",
    ),
    Equipment(
        slug="brodeuse",
        code="T3",
        space="textile",
        name=both("Brodeuse", "Embroidery machine"),
        icon="sewing",
        danger=1,
        needs=(("broderie",),),
        can_do=both(
            "Six aiguilles, cadre de 200 × 300 mm : écussons, casquettes, linge.",
            "Six needles, hoop of 200 × 300 mm: patches, caps, linen.",
        ),
        cannot_do=both("Pas de perles, pas de tissu élastique sans entoilage.", "No beads, no stretch fabric without backing."),
        house_rules=both(
            "On surveille les changements de couleur. Un fil cassé se note au cahier.",
            "Watch the colour changes. Note a broken thread in the book.",
        ),
        ticks=(
            both("Le cadre est verrouillé.", "The hoop is locked."),
            both("Le motif tient dans le cadre.", "The motif fits in the hoop."),
        ),
        hourly=(900, 600, 1400),
        minutes=(60, 90, 120),
        pull=0.9,
        craft="textile",
        documents=(INKSTITCH,),
    ),
    Equipment(
        slug="postes-a-souder",
        code="E1",
        space="textile",
        name=both("Postes à souder", "Soldering posts"),
        icon="solder",
        danger=1,
        needs=(),
        can_do=both(
            "Six postes : fer réglable, aspiration, loupe, alimentation ; un oscilloscope pour tous.",
            "Six posts: adjustable iron, fume extraction, magnifier, supply; one oscilloscope for all.",
        ),
        cannot_do=both("Pas de soudure de métaux, pas de batterie au lithium.", "No welding, no lithium batteries."),
        house_rules=both(
            "Fer sur son support, aspiration allumée, mains lavées après.",
            "Iron on its stand, extraction on, hands washed afterwards.",
        ),
        ticks=(
            both("L’aspiration est allumée.", "The extraction is on."),
            both("Je sais éteindre le poste.", "I know how to switch the post off."),
        ),
        hourly=None,
        minutes=(60, 60, 90, 120),
        pull=1.9,
        craft="electronics",
        capacity=6,
        ahead=4,
        documents=(KICAD,),
    ),
)
