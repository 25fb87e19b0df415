"""Members' files: what is taken in, kept once, found again, and forgotten in time; nothing stays of what is refused."""

from __future__ import annotations

import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy import select

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused
from machines.printing import file_jobs, files, gcode, lint
from machines.printing.models import Material, PrinterLink, PrinterMaterial, PrintFile, PrintJob
from machines.printing.rules import JobState
from tests.builders import acting, save
from tests.machines.scene import at_once, book, fresh
from tests.printing.gcode_files import good


def folder() -> Path:
    return current_app.extensions["settings"].uploads / "prints"


def stored() -> list[str]:
    return sorted(path.name for path in folder().iterdir()) if folder().exists() else []


@pytest.fixture(autouse=True)
def _empty_folder(app):
    for name in stored():
        (folder() / name).unlink()


def send(member, data: bytes = good(), name: str = "vase.gcode") -> PrintFile:
    with transaction():
        return files.receive(actor=acting(member), name=name, source=io.BytesIO(data))


def why_not(member, data: bytes, name: str = "vase.gcode") -> list[str]:
    with pytest.raises(Refused) as refused, transaction():
        files.receive(actor=acting(member), name=name, source=io.BytesIO(data))
    assert stored() == []
    assert list(db.session.scalars(select(PrintFile))) == []
    return [one.code.removeprefix("printing.file.") for one in refused.value.refusals]


def a_link(shop, **changes) -> PrinterLink:
    link = PrinterLink(machine_id=shop.printer.id, kind="simulator", address="simulator://one", **changes)
    save(link)
    return link


def a_job(shop, link, file, state=JobState.ATTACHED, start="14:00") -> PrintJob:
    reservation = book(shop.ada, shop.printer, start, 1)
    job = PrintJob(
        reservation_id=reservation.id, link_id=link.id, file_id=file.id, attempt=1, state=state, attached_at=clock.now(),
        attached_by_id=shop.ada.id,
    )  # fmt: skip
    save(job)
    return job


# ── coming in ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_a_file_is_kept_byte_for_byte_with_what_was_read_in_it(shop):
    file = fresh(send(shop.ada))
    assert files.path(file).read_bytes() == good()
    assert (file.name, file.size, file.owner_id) == ("vase.gcode", len(good()), shop.ada.id)
    assert files.facts(file) == gcode.read(io.BytesIO(good()))


def test_only_we_can_read_what_is_stored_and_its_name_tells_nothing(shop):
    file = send(shop.ada, name="secret plan.gcode")
    path = files.path(file)
    assert (path.stat().st_mode & 0o777, path.parent) == (0o600, folder())
    assert "secret" not in path.name
    assert len(path.name) >= 32


@pytest.mark.parametrize(
    ("name", "kept"),
    [("VASE.GCODE", "VASE.GCODE"), ("a.gco", "a.gco"), ("a.g", "a.g"), (r"C:\print\été.gcode", "été.gcode"),
     ("../../etc/a.gcode", "a.gcode"), ("a\x00\nb.gcode", "ab.gcode"), ("x" * 300 + ".gcode", "x" * 100 + ".gcode")],
)  # fmt: skip
def test_its_name_is_shown_as_it_was_but_tidy(shop, name, kept):
    assert send(shop.ada, name=name).name == kept


@pytest.mark.parametrize(
    ("name", "data", "codes"),
    [
        ("vase.3mf", good(), ["is_a_model"]),
        ("vase.gcode.3mf", good(), ["is_a_model"]),
        ("vase.STL", good(), ["is_a_model"]),
        ("vase.bgcode", good(), ["binary_gcode"]),
        ("vase.gcode", b"GCDE\x01\x00\x00\x00", ["binary_gcode"]),
        ("vase.txt", good(), ["wrong_extension"]),
        ("vase", good(), ["wrong_extension"]),
        ("", good(), ["wrong_extension"]),
        ("vase.gcode", b"", ["empty"]),
        ("vase.gcode", good() + b";" * 1024 * 1024, ["too_large"]),
        ("vase.gcode", good(f"G1 X1\x00\nG1 {'X1 ' * 200}\n"), ["control_bytes", "long_line"]),
        ("vase.gcode", os.urandom(5000).replace(b"GCDE", b""), None),
    ],
)  # fmt: skip
def test_nothing_is_stored_of_what_is_refused(shop, name, data, codes):
    found = why_not(shop.ada, data, name)
    assert found == codes if codes else found


def test_case_15_html_named_gcode_is_refused_and_never_kept(shop):
    assert why_not(shop.ada, b"<html><body><h1>Not found</h1></body></html>\n") == ["not_gcode"]


@pytest.mark.parametrize(("data", "code"), [(b"", "empty"), (b"; only\n; comments\n", "no_extrusion"), (b"\n\n", "no_extrusion")])
def test_case_16_an_empty_and_a_comment_only_file_are_refused(shop, data, code):
    assert why_not(shop.ada, data) == [code]


def test_case_17_what_a_printer_cannot_do_is_kept_and_refused_for_that_printer(shop):
    file, link = send(shop.ada, good("M104 S500\nG1 X400 E1\nM112\n")), a_link(shop)
    found = lint.findings(files.facts(file), files.limits(link))
    assert [one.refusal.code.removeprefix("printing.file.") for one in found if one.blocks] == [
        "refused_command", "nozzle_too_hot", "outside_bed",
    ]  # fmt: skip
    able = a_limits(link, bed_x=500, nozzle_most=600, refused_commands=[])
    assert lint.findings(files.facts(file), able) == []


def a_limits(link, **changes):
    with transaction():
        for name, value in changes.items():
            setattr(db.session.get_one(PrinterLink, link.id), name, value)
    return files.limits(fresh(link))


# ── the same bytes again ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_the_same_bytes_again_are_the_same_row_and_stored_once(shop):
    first = send(shop.ada)
    again = files.take(name="other name.gcode", source=io.BytesIO(good()))
    with transaction():
        kept = files.keep(actor=acting(shop.ada), taken=again)
    assert (kept.file.id, kept.is_known, kept.file.name) == (first.id, True, "vase.gcode")
    assert stored() == [first.stored]


@pytest.mark.both_engines
def test_two_members_may_have_the_same_bytes(shop):
    assert send(shop.ada).id != send(shop.ben).id
    assert len(stored()) == 2


@pytest.mark.both_engines
def test_the_same_bytes_at_the_same_moment_are_one_row(app, shop):
    ada = acting(shop.ada)
    found = at_once(app, [lambda: files.receive(actor=ada, name="a.g", source=io.BytesIO(good())).id] * 4)
    assert len(set(found)) == 1
    assert len(stored()) == 1


def test_a_forgotten_file_sent_again_comes_back_to_its_row(shop):
    file = send(shop.ada)
    link = a_link(shop)
    a_job(shop, link, file, JobState.DONE)
    with transaction():
        files.delete(actor=acting(shop.ada), file=file)
    again = send(shop.ada)
    assert (again.id, again.forgotten_at) == (file.id, None)
    assert files.path(again).read_bytes() == good()


def weighs(file, size: int) -> None:
    """As if it were so large: two gigabytes take a while to send."""
    with transaction():
        db.session.get_one(PrintFile, file.id).size = size


@pytest.mark.both_engines
def test_a_member_keeps_no_more_than_the_house_has_room_for(shop):
    large, other = send(shop.ada), good("; other\n")
    weighs(large, files.MOST_KEPT - len(other) + 1)
    with pytest.raises(Refused) as refused:
        send(shop.ada, other)
    assert [one.code for one in refused.value.refusals] == ["printing.file.too_many_bytes"]
    assert stored() == [large.stored]
    assert send(shop.ada).id == large.id  # nothing more to keep
    assert send(shop.ben, other).owner_id == shop.ben.id
    weighs(large, files.MOST_KEPT - len(other))
    assert send(shop.ada, other).owner_id == shop.ada.id


def test_what_is_forgotten_takes_no_room_until_it_comes_back(shop):
    old = send(shop.ada)
    a_job(shop, a_link(shop), old, JobState.DONE)
    with transaction():
        files.delete(actor=acting(shop.ada), file=old)
    weighs(old, files.MOST_KEPT)
    new = send(shop.ada, good("; new\n"))
    with pytest.raises(Refused) as refused:
        send(shop.ada)
    assert [one.code for one in refused.value.refusals] == ["printing.file.too_many_bytes"]
    assert (fresh(old).forgotten_at, stored()) == (clock.now(), [new.stored])


# ── what it weighs, what a printer can do ────────────────────────────────────────────────────────────────────────────


def test_weight_is_by_the_material_else_as_the_slicer_says_else_unknown():
    known = gcode.read(io.BytesIO(good("G1 X60 E994\n")))
    assert files.grams(known, Material(code="PLA", name={}, density_mg=1240)) == 2983
    assert files.grams(known, None) == 20
    assert files.grams(gcode.read(io.BytesIO(b"M83\nG1 X1 E1\n")), None) is None


def test_limits_are_the_printers_own(shop):
    link = a_link(shop, bed_x=300, refused_commands=["M84"], tools=2)
    pla = Material(code="PLA", name={"fr": "PLA"}, density_mg=1240)
    save(pla)
    save(PrinterMaterial(link_id=link.id, material_id=pla.id))
    limits = files.limits(link)
    assert (limits.bed_x, limits.refused_commands, limits.tools, limits.materials) == (300, ("M84",), 2, ("PLA",))
    assert files.limits(link, ["ABS"]).materials == ("ABS",)


# ── going away ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", [JobState.ATTACHED, JobState.SENDING, JobState.PRINTING, JobState.PAUSED])
def test_a_file_that_a_print_needs_stays(shop, state):
    file = send(shop.ada)
    a_job(shop, a_link(shop), file, state)
    with pytest.raises(Refused) as refused, transaction():
        files.delete(actor=acting(shop.ada), file=file)
    assert [one.code for one in refused.value.refusals] == ["printing.file.in_use"]
    assert files.path(fresh(file)).exists()


@pytest.mark.both_engines
def test_a_file_never_printed_is_gone_without_a_trace_but_the_audit(shop):
    file = send(shop.ada)
    files.preview(file)
    with transaction():
        files.delete(actor=acting(shop.ada), file=file)
    assert stored() == []
    assert list(db.session.scalars(select(PrintFile))) == []
    assert "print_file.deleted" in set(db.session.scalars(select(AuditEntry.verb)))


def test_a_file_that_was_printed_leaves_its_row_for_history(shop):
    file = send(shop.ada)
    a_job(shop, a_link(shop), file, JobState.DONE)
    with transaction():
        files.delete(actor=acting(shop.ada), file=file)
    assert fresh(file).forgotten_at == clock.now()
    with pytest.raises(Refused) as refused:
        files.path(file)
    assert [one.code for one in refused.value.refusals] == ["printing.file_forgotten"]


def test_after_ninety_days_unused_only_the_bytes_are_forgotten(shop):
    old, printed, waiting = (send(shop.ada, good(f"; {n}\n"), f"{n}.gcode") for n in range(3))
    start, link = clock.now(), a_link(shop)
    waits = a_job(shop, link, waiting)
    clock.set_clock(start + timedelta(days=89))
    file_jobs.forget_files()
    assert len(stored()) == 3
    clock.set_clock(start + timedelta(days=90, minutes=1))
    a_late_job = PrintJob(
        reservation_id=waits.reservation_id, link_id=link.id, file_id=printed.id, attempt=2, state=JobState.DONE,
        attached_at=clock.now(), attached_by_id=shop.ada.id,
    )  # fmt: skip
    save(a_late_job)
    file_jobs.forget_files()
    assert [fresh(one).forgotten_at is None for one in (old, printed, waiting)] == [False, True, True]
    assert stored() == sorted([printed.stored, waiting.stored])


def test_bytes_that_belong_to_nobody_are_swept_a_day_later(shop):
    kept, left = send(shop.ada), files.take(name="a.gcode", source=io.BytesIO(good("; left\n")))
    files.preview(kept)
    for name in stored():
        os.utime(folder() / name, (clock.now().timestamp() - 3600,) * 2)
    file_jobs.forget_files()
    assert len(stored()) == 3
    for name in stored():
        os.utime(folder() / name, (clock.now().timestamp() - 90000,) * 2)
    file_jobs.forget_files()
    assert stored() == sorted([kept.stored, f"{kept.stored}.preview"])
    assert left.stored not in stored()
