"""What the printers of the demo lab are fed with, and how each is linked to the house. Data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.words import both
from app.kernel.db import said
from machines.printing.rules import Approval, Counting, EndPolicy


@dataclass(frozen=True, slots=True)
class Filament:
    """`density` in milligrams per cm³, `price` in cents per kilogram."""

    code: str
    name: said
    density: int
    price: int


FILAMENTS = (
    Filament("PLA", both("PLA, toutes couleurs", "PLA, any colour"), 1240, 2600),
    Filament("PETG", both("PETG, noir ou translucide", "PETG, black or clear"), 1270, 2900),
    Filament("TPU", both("TPU souple, noir", "Soft TPU, black"), 1210, 4800),
    Filament("ASA", both("ASA, pour dehors", "ASA, for outdoors"), 1070, 3900),
)


@dataclass(frozen=True, slots=True)
class Printer:
    """What a printer can bear and what the lab has decided for it. Sizes in mm, temperatures in °C."""

    slug: str
    bed: tuple[int, int, int]
    filaments: Sequence[str]
    nozzle_most: int = 280
    bed_most: int = 110
    nozzle_hundredths: int = 40
    approval: Approval = Approval.NEVER
    end_policy: EndPolicy = EndPolicy.FINISH
    counting: Counting = Counting.RESERVED
    speed: int = 1

    @property
    def address(self) -> str:
        return f"simulator://{self.slug}?speed={self.speed}"

    @property
    def nozzle(self) -> float:
        return self.nozzle_hundredths / 100


PRINTERS = (
    Printer("heron", (250, 210, 210), ("PLA", "PETG")),
    Printer("loutre", (300, 300, 300), ("PLA", "PETG", "TPU"), end_policy=EndPolicy.ASK_NEXT, counting=Counting.MACHINE),
    Printer(
        "martin-pecheur",
        (350, 350, 350),
        ("ASA", "PETG"),
        nozzle_most=300,
        bed_most=120,
        approval=Approval.FIRST,
        counting=Counting.OCCUPIED,
    ),
    Printer("libellule", (400, 400, 450), ("PETG", "TPU"), nozzle_hundredths=60, end_policy=EndPolicy.STAFF),
)
