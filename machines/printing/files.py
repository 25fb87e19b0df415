"""Members' G-code: taken in, checked at once, kept outside the web root under names of our own, and forgotten in time.

Reading a large file takes seconds: `take` does it without the database, `keep` writes the row afterwards. `receive` is both.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final

from flask import current_app
from sqlalchemy import Exists, exists, func, select
from sqlalchemy.exc import IntegrityError

from app.kernel import audit, clock
from app.kernel.actors import HOUSE, Actor
from app.kernel.db import db, is_violation
from app.kernel.refusals import Refused
from machines.printing import file_reasons, gcode, lint, reasons, rules
from machines.printing.gcode import GcodeFacts
from machines.printing.lint import Limits
from machines.printing.models import Material, PrinterLink, PrinterMaterial, PrintFile, PrintJob
from machines.printing.preview import Preview
from machines.printing.rules import OPEN, JobState

EXTENSIONS: Final = (".gcode", ".gco", ".g")
KEPT_UNUSED: Final = timedelta(days=90)
MOST_KEPT: Final = 2 * 1024**3
"""How many bytes of one member are kept at a time, so that nobody fills the house's disk; forgotten files do not count."""

_MODELS: Final = (".3mf", ".stl", ".obj", ".amf", ".step", ".stp", ".f3d", ".scad")
_BINARY: Final = b"GCDE"
_STALE: Final = timedelta(days=1)
_BLOCK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """A file on our disk that belongs to nobody yet: `keep` it or `discard` it."""

    name: str
    sha256: str
    size: int
    stored: str
    facts: GcodeFacts


@dataclass(frozen=True, slots=True)
class Kept:
    """`is_known` when the member had sent the same bytes before."""

    file: PrintFile
    is_known: bool


# ── coming in ────────────────────────────────────────────────────────────────────────────────────────────────────────


def receive(*, actor: Actor, name: str, source: BinaryIO) -> PrintFile:
    """Check and keep a file of the actor's; the same bytes again are the same row. Raises Refused, and nothing is stored then."""
    return keep(actor=actor, taken=take(name=name, source=source)).file


def take(*, name: str, source: BinaryIO) -> Taken:
    """Check a file and store its bytes, without the database. Raises Refused, and nothing is stored then."""
    name = _tidy(name)
    _check_name(name)
    stored = secrets.token_urlsafe(24)
    path = _folder() / stored
    try:
        sha256, size = _copy(source, path)
        facts = _read(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Taken(name, sha256, size, stored, facts)


def _read(path: Path) -> GcodeFacts:
    with path.open("rb") as stream:
        facts = gcode.read(stream)
    if found := lint.anywhere(facts):
        raise Refused([one.refusal for one in found])
    return facts


def keep(*, actor: Actor, taken: Taken) -> Kept:
    """Make a taken file the actor's. The same bytes sent before are that row again, with its bytes back if they were gone.

    Raises Refused where they would be too many, and the bytes are gone then.
    """
    assert actor.member_id is not None
    values = {
        "owner_id": actor.member_id,
        "name": taken.name,
        "sha256": taken.sha256,
        "size": taken.size,
        "stored": taken.stored,
        "uploaded_at": clock.now(),
        "facts": gcode.to_json(taken.facts),
    }
    file = PrintFile(**values)
    try:
        with db.session.begin_nested():
            db.session.add(file)
            db.session.flush()
    except IntegrityError as error:
        if not is_violation(error, "sha256"):
            raise
        return Kept(_again(actor.member_id, taken), is_known=True)
    _check_room(actor.member_id, taken)
    audit.record(actor, "print_file.sent", _subject(file), size=file.size)
    return Kept(file, is_known=False)


def discard(taken: Taken) -> None:
    (_folder() / taken.stored).unlink(missing_ok=True)


def _again(owner_id: int, taken: Taken) -> PrintFile:
    """The row of the same bytes, used now; its facts as read today, in case we read better than then."""
    wanted = (PrintFile.owner_id == owner_id, PrintFile.sha256 == taken.sha256)
    file = db.session.scalars(select(PrintFile).where(*wanted).with_for_update()).one()
    file.uploaded_at, file.facts = clock.now(), gcode.to_json(taken.facts)
    if is_here(file):
        discard(taken)
    else:
        file.stored, file.forgotten_at = taken.stored, None
        _check_room(owner_id, taken)
    return file


def _check_room(owner_id: int, taken: Taken) -> None:
    """Whether what the member keeps now, the file just taken with it, is not too much."""
    db.session.flush()
    kept = select(func.sum(PrintFile.size)).where(PrintFile.owner_id == owner_id, PrintFile.forgotten_at.is_(None))
    if (db.session.scalar(kept) or 0) > MOST_KEPT:
        discard(taken)
        raise Refused([file_reasons.TOO_MANY_BYTES(gigabytes=MOST_KEPT // 1024**3)])


def _tidy(name: str) -> str:
    """The last part of what the browser calls it, printable and not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip()
    stem, dot, extension = shown.rpartition(".")
    return f"{stem[:100]}{dot}{extension[:20]}" if dot else shown[:100]


def _check_name(name: str) -> None:
    lower = name.lower()
    if lower.endswith(EXTENSIONS):
        return
    if lower.endswith(_MODELS):
        raise Refused([file_reasons.IS_A_MODEL(name=name)])
    raise Refused([file_reasons.BINARY_GCODE() if lower.endswith(".bgcode") else file_reasons.WRONG_EXTENSION()])


def _copy(source: BinaryIO, path: Path) -> tuple[str, int]:
    """Write what comes, readable by nobody else; its SHA-256 and size. Raises Refused for the sizes and sorts we do not take."""
    most, size, digest = largest_bytes(), 0, hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        while block := source.read(_BLOCK):
            if size == 0 and block.startswith(_BINARY):
                raise Refused([file_reasons.BINARY_GCODE()])
            size += len(block)
            if size > most:
                raise Refused([file_reasons.TOO_LARGE(megabytes=most // 1024 // 1024)])
            digest.update(block)
            target.write(block)
    if size == 0:
        raise Refused([file_reasons.EMPTY()])
    return digest.hexdigest(), size


# ── what is known of a file ──────────────────────────────────────────────────────────────────────────────────────────


def path(file: PrintFile) -> Path:
    """Where its bytes are. Raises Refused when they are gone."""
    if not is_here(file):
        raise Refused([reasons.FILE_FORGOTTEN()])
    return _folder() / file.stored


def is_here(file: PrintFile) -> bool:
    return file.forgotten_at is None and (_folder() / file.stored).is_file()


def facts(file: PrintFile) -> GcodeFacts:
    return gcode.from_json(file.facts)


def limits(link: PrinterLink, materials: Sequence[str] | None = None) -> Limits:
    """What the printer of a link can do. `materials` are the codes it takes, where the caller knows them already."""
    if materials is None:
        taken = select(Material.code).join(PrinterMaterial, PrinterMaterial.material_id == Material.id)
        materials = list(db.session.scalars(taken.where(PrinterMaterial.link_id == link.id).order_by(Material.code)))
    return Limits(
        bed_x=link.bed_x,
        bed_y=link.bed_y,
        bed_z=link.bed_z,
        nozzle_most=link.nozzle_most,
        bed_most=link.bed_most,
        tools=link.tools,
        nozzle_hundredths=link.nozzle_hundredths,
        refused_commands=lint.REFUSED if link.refused_commands is None else tuple(link.refused_commands),
        materials=tuple(materials),
    )


def grams(file_facts: GcodeFacts, material: Material | None) -> int | None:
    """Milligrams of plastic: by the material's density, else as the slicer says, else not known."""
    if material is not None:
        return rules.filament_milligrams(
            file_facts.filament_total_mm, diameter_um=file_facts.diameter_um, density_mg=material.density_mg
        )
    return round(file_facts.slicer_grams * 1000) if file_facts.slicer_grams is not None else None


def preview(file: PrintFile) -> bytes:
    """Its layers, as `preview` packs them: made the first time somebody looks, kept beside the file. Raises Refused when gone."""
    source = path(file)
    kept = _preview_of(source)
    try:
        return kept.read_bytes()
    except FileNotFoundError:
        pen = Preview()
    with source.open("rb") as stream:
        gcode.read(stream, pen=pen)
    packed = pen.packed()
    draft = kept.with_suffix(f".{secrets.token_hex(4)}")
    draft.write_bytes(packed)
    draft.chmod(0o600)
    draft.replace(kept)
    return packed


# ── going away ───────────────────────────────────────────────────────────────────────────────────────────────────────


def delete(*, actor: Actor, file: PrintFile) -> None:
    """Forget a file of the actor's. Its row stays where prints tell of it. Raises Refused while one needs it."""
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == file.id).with_for_update()).one()
    if db.session.scalar(select(_is_needed(file.id))):
        raise Refused([file_reasons.IN_USE()])
    audit.record(actor, "print_file.deleted", _subject(file))
    _forget(file)
    if not db.session.scalar(select(exists().where(PrintJob.file_id == file.id))):
        db.session.delete(file)


def unused() -> Iterator[int]:
    """Files that nobody sent or printed for ninety days."""
    before = clock.now() - KEPT_UNUSED
    lately = exists().where(PrintJob.file_id == PrintFile.id, PrintJob.attached_at > before)
    old = select(PrintFile.id).where(PrintFile.forgotten_at.is_(None), PrintFile.uploaded_at <= before, ~lately)
    yield from db.session.scalars(old.order_by(PrintFile.id)).all()


def forget_if_unused(file_id: int) -> None:
    """Forget the bytes of an old file, unless somebody has come to need it since."""
    file = db.session.scalars(select(PrintFile).where(PrintFile.id == file_id).with_for_update()).one_or_none()
    if file is None or file.uploaded_at > clock.now() - KEPT_UNUSED or db.session.scalar(select(_is_needed(file.id))):
        return
    audit.record(HOUSE, "print_file.forgotten", _subject(file))
    _forget(file)


def sweep() -> int:
    """Remove bytes that belong to no row, left by an upload that was broken off a day ago or more; how many."""
    before = (clock.now() - _STALE).timestamp()
    old = [one for one in _folder().iterdir() if one.stat().st_mtime < before]
    known = set(db.session.scalars(select(PrintFile.stored).where(PrintFile.forgotten_at.is_(None))))
    left = [one for one in old if one.name.partition(".")[0] not in known]
    for one in left:
        one.unlink(missing_ok=True)
    return len(left)


def _forget(file: PrintFile) -> None:
    file.forgotten_at = clock.now()
    source = _folder() / file.stored
    source.unlink(missing_ok=True)
    _preview_of(source).unlink(missing_ok=True)


def _is_needed(file_id: int) -> Exists:
    return exists().where(PrintJob.file_id == file_id, PrintJob.state.in_((JobState.ATTACHED, *OPEN)))


def _preview_of(source: Path) -> Path:
    return source.with_name(f"{source.name}.preview")


def _subject(file: PrintFile) -> str:
    return f"print_file:{file.id}"


def largest_bytes() -> int:
    megabytes: int = current_app.extensions["settings"].print_file_megabytes
    return megabytes * 1024 * 1024


def _folder() -> Path:
    uploads: Path = current_app.extensions["settings"].uploads
    folder = uploads / "prints"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
