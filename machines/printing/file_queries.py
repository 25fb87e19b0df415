"""What the pages of files read, in a constant number of statements; who may see a file is decided by the rows found."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from app.kernel.actors import Actor
from app.kernel.db import db
from machines.models import Machine, State
from machines.printing import files, lint
from machines.printing.lint import Finding, Limits
from machines.printing.models import Material, PrinterLink, PrinterMaterial, PrintFile

PAGE = 30


@dataclass(frozen=True, slots=True)
class Shelf:
    """One page of files, latest first."""

    files: list[PrintFile]
    number: int
    pages: int


@dataclass(frozen=True, slots=True)
class Check:
    """A file held against a printer."""

    machine: Machine
    limits: Limits
    blocking: list[Finding]
    warnings: list[Finding]

    @property
    def fits(self) -> bool:
        return not self.blocking


def seen_or_404(actor: Actor, file_id: int) -> PrintFile:
    """The actor's own file, or any for staff. Raises NoResultFound otherwise, as for an unknown one."""
    return db.session.scalars(_visible(actor, everybody=True).where(PrintFile.id == file_id)).one()


def own_or_404(actor: Actor, file_id: int) -> PrintFile:
    return db.session.scalars(_visible(actor, everybody=False).where(PrintFile.id == file_id)).one()


def shelf(actor: Actor, *, everybody: bool, number: int) -> Shelf:
    """Two statements. Of everybody's, members are shown their own only."""
    wanted = _visible(actor, everybody=everybody).where(PrintFile.forgotten_at.is_(None))
    total = db.session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    pages = max(1, -(-total // PAGE))
    number = min(max(1, number), pages)
    found = wanted.order_by(PrintFile.uploaded_at.desc(), PrintFile.id.desc()).limit(PAGE).offset(PAGE * (number - 1))
    return Shelf(list(db.session.scalars(found)), number, pages)


def checks(file: PrintFile) -> list[Check]:
    """The file held against each printer of the lab, those it fits first. Two statements."""
    known = files.facts(file)
    rows = select(PrinterLink).join(PrinterLink.machine).where(Machine.state != State.RETIRED, PrinterLink.is_enabled)
    links = list(db.session.scalars(rows.options(joinedload(PrinterLink.machine)).order_by(Machine.code)))
    taken: dict[int, list[str]] = {link.id: [] for link in links}
    pairs = select(PrinterMaterial.link_id, Material.code).join(Material, Material.id == PrinterMaterial.material_id)
    for link_id, code in db.session.execute(pairs.where(PrinterMaterial.link_id.in_(taken)).order_by(Material.code)):
        taken[link_id].append(code)
    found = []
    for link in links:
        limits = files.limits(link, taken[link.id])
        said = lint.findings(known, limits)
        found.append(Check(link.machine, limits, [one for one in said if one.blocks], [one for one in said if not one.blocks]))
    return sorted(found, key=lambda check: not check.fits)


def _visible(actor: Actor, *, everybody: bool) -> Select[PrintFile]:
    every = select(PrintFile)
    return every if everybody and actor.is_staff else every.where(PrintFile.owner_id == actor.member_id)
