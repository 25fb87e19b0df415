"""The filaments a lab sells by weight. What a kilogram costs is billing's, by the material's item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from app.kernel import audit, clock
from app.kernel.actors import Actor, Role
from app.kernel.db import Violation, db, insert_unless, locked
from app.kernel.money import Cents
from app.kernel.refusals import N_, NotAllowed, Reason, Refused
from billing import weights
from machines.printing.models import Material

TAKEN = Reason(
    "printing.material_taken",
    N_("Another filament has the code “%(code)s” already."),
    N_("Change that one, or choose another code."),
    icon="spool",
)

DENSITIES = {"PLA": 1240, "PETG": 1270, "ABS": 1040, "ASA": 1070, "TPU": 1210, "PA": 1140, "PC": 1200, "PVA": 1230, "HIPS": 1040}
"""Milligrams per cm³, as makers of filament publish them for the plain sorts."""
USUAL_DENSITY = 1240


def every() -> list[Material]:
    return list(db.session.scalars(select(Material).order_by(Material.is_offered.desc(), Material.code)))


def one(material_id: int) -> Material:
    """Raises NoResultFound (404 at the edge)."""
    return db.session.scalars(select(Material).where(Material.id == material_id)).one()


def prices() -> Mapping[str, Cents]:
    """Cents per kilogram today, by item; the free ones are left out."""
    return weights.prices([material.item for material in every()], clock.today())


def add(
    *,
    actor: Actor,
    code: str,
    name: dict[str, str],
    density_mg: int | None,
    cents_per_kilogram: Cents | None,
    is_offered: bool = True,
) -> Material:
    """A new filament; its density is the usual one of its code unless said. Raises Refused when the code is taken."""
    _only_managers(actor)
    try:
        _check(code, None)
        density_mg = density_mg or usual_density(code)
        ident = insert_unless(
            "uq_material_code", Material, code=code, name=name, density_mg=density_mg, is_offered=is_offered
        )  # fmt: skip
    except Violation:
        raise Refused([TAKEN(code=code)]) from None
    material = one(ident)
    if cents_per_kilogram is not None:
        weights.set_price(actor=actor, item=material.item, cents_per_kilogram=cents_per_kilogram)
    audit.record(actor, "material.added", material.item, code=code, density_mg=material.density_mg)
    return material


def change(
    *,
    actor: Actor,
    material_id: int,
    code: str,
    name: dict[str, str],
    density_mg: int | None,
    cents_per_kilogram: Cents | None,
    is_offered: bool,
) -> Material:
    """What was weighed and charged stays as it was; another price holds from today. Raises Refused when the code is taken."""
    _only_managers(actor)
    material = locked(Material, material_id)
    _check(code, material.id)
    wanted = {"code": code, "name": name, "density_mg": density_mg or usual_density(code), "is_offered": is_offered}
    changed = {key: value for key, value in wanted.items() if getattr(material, key) != value}
    for key, value in changed.items():
        setattr(material, key, value)
    if changed:
        audit.record(actor, "material.changed", material.item, **changed)
    if weights.price(material.item, clock.today()) != cents_per_kilogram:
        weights.set_price(actor=actor, item=material.item, cents_per_kilogram=cents_per_kilogram)
    return material


def usual_density(code: str) -> int:
    """By the code's beginning: PETG-CF weighs about as PETG."""
    return DENSITIES.get(code.partition("-")[0].rstrip("+").upper(), USUAL_DENSITY)


def item_names(idents: Sequence[int]) -> Mapping[str, dict[str, str]]:
    """How billing calls each filament."""
    rows = db.session.execute(select(Material.id, Material.name).where(Material.id.in_(list(idents))))
    return {f"material:{row.id}": row.name for row in rows}


def _check(code: str, besides: int | None) -> None:
    if db.session.scalar(select(Material.id).where(Material.code == code, Material.id != (besides or 0))):
        raise Refused([TAKEN(code=code)])


def _only_managers(actor: Actor) -> None:
    if not actor.has(Role.MANAGER):
        raise NotAllowed
