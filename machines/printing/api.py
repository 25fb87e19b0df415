"""Printing as JSON: send a file, put it to a reservation, start, watch, pause, stop, settle. The same services as the pages.

The team's token acts on other people's prints only with the scope `manage`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import url_for

from app.kernel import api, clock
from app.kernel.actors import current_actor
from app.kernel.api import answers, once, scoped
from app.kernel.web import takes_up_to
from machines import queries as machines
from machines.printing import files, metering, overview, prints, queries
from machines.printing.job_page import gathered
from machines.printing.live import live
from machines.printing.models import PrintFile, PrintJob
from machines.printing.print_forms import largest_body
from machines.printing.rules import OPEN
from machines.printing.schemas import (
    AttachSchema,
    DecisionSchema,
    FileSchema,
    JobSchema,
    OutcomeSchema,
    PrinterSchema,
    ReadinessSchema,
    SentFileSchema,
    StartSchema,
    UsageSchema,
)
from machines.reservation_api import acting

blp = api.blueprint("prints", __name__, "Prints, from the file to what it used")

JOB = f"/prints/<int(max={api.MAX_ID}):job_id>"
FILE = f"/print-files/<int(max={api.MAX_ID}):file_id>"
_COLUMNS = (
    "id", "reservation_id", "file_id", "attempt", "state", "wish", "estimated_seconds", "needs_approval", "is_approved",
    "decision_note", "attached_at", "started_at", "ended_at",
)  # fmt: skip
RESERVATION = f"/reservations/<int(max={api.MAX_ID}):reservation_id>/prints"


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@blp.get("/print-files")
@blp.response(200, FileSchema(many=True))
@answers(blp, 401, 403)
@scoped("prints")
def my_files() -> list[dict[str, Any]]:
    """Yours that are still kept, latest first."""
    return [_file(one) for one in queries.files_of(current_actor().member_id or 0)]


@blp.post("/print-files")
@blp.arguments(SentFileSchema, location="files")
@blp.response(201, FileSchema)
@answers(blp, 400, 401, 403, 409, 413, 415)
@scoped("prints")
@takes_up_to(largest_body)
def send_file(sent: dict[str, Any]) -> Any:
    """Send G-code. It is read at once; the same bytes again are the same file."""
    actor, file = acting(), sent["file"]
    taken = files.take(name=file.filename or "", source=file.stream)
    kept: list[files.Kept] = []

    def act() -> int:
        kept.append(files.keep(actor=actor, taken=taken))
        return kept[-1].file.id

    try:
        ident = once(act, taken.sha256)
    except Exception:
        files.discard(taken)
        raise
    if not kept:  # the key's first call has made the row
        files.discard(taken)
    return _file(queries.file_or_404(actor, ident)), 201, {"Location": url_for("prints_api.one_file", file_id=ident)}


@blp.get(FILE)
@blp.response(200, FileSchema)
@answers(blp, 401, 403, 404)
@scoped("prints")
def one_file(file_id: int) -> dict[str, Any]:
    """One of yours, with what was read in it."""
    return _file(queries.file_or_404(current_actor(), file_id))


# ── prints ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@blp.get(RESERVATION)
@blp.response(200, JobSchema(many=True))
@answers(blp, 401, 403, 404)
@scoped("prints")
def of_reservation(reservation_id: int) -> list[dict[str, Any]]:
    """The prints of a reservation, in the order they were attached."""
    machines.reservation_or_404(acting(), reservation_id)
    return [_shown(job) for job in queries.jobs_of_reservation(reservation_id)]


@blp.post(RESERVATION)
@blp.arguments(AttachSchema)
@blp.response(201, JobSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("prints")
def attach(wanted: dict[str, Any], reservation_id: int) -> Any:
    """Put one of your files to your reservation of a printer. It is checked against that printer; nothing starts."""
    actor = acting()
    machines.reservation_or_404(actor, reservation_id)
    file_id = queries.file_or_404(actor, wanted["file_id"]).id
    material_id = queries.material_id(wanted["material"])

    def act() -> int:
        return prints.attach(actor=actor, reservation_id=reservation_id, file_id=file_id, material_id=material_id).id

    ident = once(act)
    return _read(ident), 201, {"Location": url_for("prints_api.one", job_id=ident)}


@blp.get("/prints")
@blp.response(200, JobSchema(many=True))
@answers(blp, 401, 403)
@scoped("prints")
def mine() -> list[dict[str, Any]]:
    """Your last ones, latest first."""
    return [_shown(job) for job in queries.history(member_id=current_actor().member_id or 0).jobs]


@blp.get(JOB)
@blp.response(200, JobSchema)
@answers(blp, 401, 403, 404)
@scoped("prints")
def one(job_id: int) -> dict[str, Any]:
    """One print; while it is under way, with its figures."""
    return _read(job_id)


@blp.get(f"{JOB}/readiness")
@blp.response(200, ReadinessSchema)
@answers(blp, 401, 403, 404)
@scoped("prints")
def readiness(job_id: int) -> dict[str, Any]:
    """Whether it may start now, every reason why not, what the file holds against it, what it should take and cost."""
    known = gathered(acting(), _job(job_id))
    return {
        "may_start": known.is_ready and not known.refusals,
        "reasons": api.reasons(known.refusals),
        "findings": [
            {**api.reasons([one.refusal])[0], "line": one.line, "blocks": one.blocks} for one in known.findings
        ],
        "forecast": known.forecast,
    }  # fmt: skip


@blp.post(f"{JOB}/start")
@blp.arguments(StartSchema)
@blp.response(200, JobSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("prints")
def start(said: dict[str, Any], job_id: int) -> dict[str, Any]:
    """Ask for it to be sent and started. Its state tells when the printer has begun; ask once, then read."""
    return _asked(job_id, lambda: prints.start(actor=acting(), job_id=job_id, **said).id)


@blp.post(f"{JOB}/pause")
@blp.response(200, JobSchema)
@answers(blp, 401, 403, 404, 409)
@scoped("prints")
def pause(job_id: int) -> dict[str, Any]:
    """Ask for a pause."""
    return _asked(job_id, lambda: prints.pause(actor=acting(), job_id=job_id).id)


@blp.post(f"{JOB}/resumption")
@blp.response(200, JobSchema)
@answers(blp, 401, 403, 404, 409)
@scoped("prints")
def resume(job_id: int) -> dict[str, Any]:
    """Ask to go on."""
    return _asked(job_id, lambda: prints.resume(actor=acting(), job_id=job_id).id)


@blp.post(f"{JOB}/cancellation")
@blp.response(200, JobSchema)
@answers(blp, 401, 403, 404, 409)
@scoped("prints")
def cancel(job_id: int) -> dict[str, Any]:
    """Ask to stop it for good."""
    return _asked(job_id, lambda: prints.cancel(actor=acting(), job_id=job_id).id)


@blp.post(f"{JOB}/removal")
@blp.response(200, JobSchema)
@answers(blp, 401, 403, 404, 409)
@scoped("prints")
def discard(job_id: int) -> dict[str, Any]:
    """Take back what was not started; the file stays."""

    def act() -> int:
        prints.discard(actor=acting(), job_id=job_id)
        return job_id

    return _asked(job_id, act)


@blp.post(f"{JOB}/repetition")
@blp.response(201, JobSchema)
@answers(blp, 401, 403, 404, 409)
@scoped("prints")
def again(job_id: int) -> Any:
    """The same file once more in the same reservation."""
    actor = acting()
    _job(job_id)
    ident = once(lambda: prints.again(actor=actor, job_id=job_id).id)
    return _read(ident), 201, {"Location": url_for("prints_api.one", job_id=ident)}


@blp.post(f"{JOB}/decision")
@blp.arguments(DecisionSchema)
@blp.response(200, JobSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("manage")
def decide(said: dict[str, Any], job_id: int) -> dict[str, Any]:
    """Let it start, or send it back with a word (managers)."""
    return _asked(job_id, lambda: prints.decide(actor=acting(), job_id=job_id, **said).id)


@blp.get(f"{JOB}/usage")
@blp.response(200, UsageSchema)
@answers(blp, 401, 403, 404)
@scoped("prints")
def usage(job_id: int) -> Any:
    """What it used, once it has ended. What it cost is in /charges."""
    _job(job_id)
    return queries.counted_or_404(job_id)


@blp.post(f"{JOB}/outcome")
@blp.arguments(OutcomeSchema)
@blp.response(200, UsageSchema)
@answers(blp, 400, 401, 403, 404, 409, 415)
@scoped("prints")
def settle(said: dict[str, Any], job_id: int) -> Any:
    """Say how it ended, where nobody knows, or that it was the machine; the team may correct."""
    actor = acting()
    _job(job_id)
    once(lambda: metering.correct(actor=actor, job_id=job_id, **said).id)
    return queries.counted_or_404(job_id)


@blp.get("/printers")
@blp.response(200, PrinterSchema(many=True))
@answers(blp, 401, 403)
@scoped("prints")
def printers() -> list[dict[str, Any]]:
    """Every printer now: what it does, how far it is, who has it next is nobody's business."""
    now = clock.now()
    return [_printer(one, live(one.job, one.link, now) if one.job else None) for one in overview.printers()]


def _asked(job_id: int, act: Callable[[], int]) -> dict[str, Any]:
    _job(job_id)  # somebody else's is unknown, before anything is asked of it
    once(act)
    return _read(job_id)


def _job(job_id: int) -> PrintJob:
    return queries.job_or_404(acting(), job_id)


def _read(job_id: int) -> dict[str, Any]:
    return _shown(_job(job_id))


def _shown(job: PrintJob) -> dict[str, Any]:
    """With its figures beside it, while it is under way."""
    figures = live(job, job.link, clock.now()) if job.state in OPEN else None
    return {name: getattr(job, name) for name in _COLUMNS} | {
        "machine": job.reservation.machine.slug,
        "file": job.file.name,
        "live": figures,
    }


def _file(file: PrintFile) -> dict[str, Any]:
    read = files.facts(file)
    columns = {name: getattr(file, name) for name in ("id", "name", "size", "sha256", "uploaded_at")}
    said = {name: getattr(read, name) for name in ("seconds", "material", "nozzle_hundredths", "slicer")}
    return {**columns, **said, "filament_mm": read.filament_total_mm}


def _printer(one: overview.Printer, figures: Any) -> dict[str, Any]:
    machine = one.link.machine
    return {
        "machine": machine.slug,
        "name": machine.name,
        "condition": "out" if one.is_out else one.condition,
        "percent": figures.percent if figures else None,
        "ends_about": figures.ends_about if figures else None,
        "reserved_from": one.taken[0] if one.taken else None,
        "reserved_until": one.taken[1] if one.taken else None,
        "seen_at": one.link.observed_at,
    }
