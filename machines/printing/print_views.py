"""Pages of one's prints: attaching a file to a reservation, the print's own page, its buttons, and the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kernel.actors import Actor, current_actor
from app.kernel.api import MAX_ID
from app.kernel.db import transaction
from app.kernel.refusals import Refused
from app.kernel.web import HouseForm, flash_refusals, once, page, see, takes_up_to
from machines import queries as machines
from machines.printing import files, job_page, metering, prints, queries, stills
from machines.printing.job_page import gathered, moment, shared
from machines.printing.models import PrintJob
from machines.printing.print_forms import AttachForm, OutcomeForm, StartForm, largest_body
from machines.printing.rules import Outcome

bp = Blueprint("prints", __name__, template_folder="templates")

ONE = f"/prints/<int(max={MAX_ID}):job_id>"
OF_RESERVATION = f"/reservations/<int(max={MAX_ID}):reservation_id>/prints"


@bp.route(OF_RESERVATION, methods=["GET", "POST"])
@takes_up_to(largest_body)
def attach(reservation_id: int) -> ResponseReturnValue:
    """Which file to print in this slot: one of mine, or one sent now."""
    actor = current_actor()
    reservation = machines.reservation_or_404(actor, reservation_id)
    link = queries.link_of_machine(reservation.machine_id)
    if link is None:
        abort(404)
    form = AttachForm()
    materials = queries.materials_of(link.id)
    form.offer(queries.files_of(actor.member_id or 0), materials)
    if form.validate_on_submit() and _takes_in(actor, form):

        def act() -> str:
            file = queries.file_or_404(actor, form.chosen)
            material_id = form.material_id.data or None
            job = prints.attach(actor=actor, reservation_id=reservation_id, file_id=file.id, material_id=material_id)
            return url_for("prints.one", job_id=job.id)

        try:
            return see(once(act, f"file {form.chosen}"))
        except Refused as refused:
            form.refuse(refused)
    if form.refusals:  # as it is now, with the file just sent among those to choose from
        reservation = machines.reservation_or_404(actor, reservation_id)
        form.offer(queries.files_of(actor.member_id or 0), materials)
    status = form.status if form.is_submitted() else 200
    return page("printing/attach.html", status, reservation=reservation, form=form, **shared())


def _takes_in(actor: Actor, form: AttachForm) -> bool:
    """Keep the file that came along, for good, before anything is asked of it; refused, the form says why."""
    if not form.sends:
        form.chosen = form.file_id.data or 0
        return True
    sent = form.upload.data
    try:
        taken = files.take(name=sent.filename or "", source=sent.stream)
        with transaction():
            form.chosen = form.file_id.data = files.keep(actor=actor, taken=taken).file.id
    except Refused as refused:
        form.refuse(refused)
        return False
    return True


@bp.get(ONE)
def one(job_id: int) -> ResponseReturnValue:
    """One print, from its file to what it cost. While it waits or prints, its figures refresh themselves."""
    actor = current_actor()
    job = queries.job_or_404(actor, job_id)
    was = request.args.get("was")
    if was is not None and request.headers.get("HX-Request") and was != moment(job):
        return Response(status=204, headers={"HX-Refresh": "true"})
    return _page(actor, job)


def _page(actor: Actor, job: PrintJob, status: int = 200, **forms: HouseForm) -> Response:
    known = gathered(actor, job)
    given = {"start_form": StartForm(formdata=None), "outcome_form": OutcomeForm(formdata=None), **forms}
    return page("printing/job.html", status, block="figures", page=known, **given, **shared())


@bp.post(f"{ONE}/start")
def start(job_id: int) -> ResponseReturnValue:
    """The bed is clear, says somebody whose name is kept: send the file and start."""
    actor, form = current_actor(), StartForm()
    job = queries.job_or_404(actor, job_id)
    if not form.validate_on_submit():
        return _page(actor, job, form.status, start_form=form)

    def act() -> str:
        reason = (form.override_reason.data or "").strip() or None
        prints.start(actor=actor, job_id=job_id, bed_is_clear=bool(form.bed_is_clear.data), override_reason=reason)
        return url_for("prints.one", job_id=job_id)

    try:
        return see(once(act))
    except Refused as refused:
        form.refuse(refused)
        return _page(actor, queries.job_or_404(actor, job_id), form.status, start_form=form)


@bp.post(f"{ONE}/pause")
def pause(job_id: int) -> ResponseReturnValue:
    return _act(job_id, prints.pause, _("Asked to pause: the printer stops at the end of its move."))


@bp.post(f"{ONE}/resumption")
def resume(job_id: int) -> ResponseReturnValue:
    return _act(job_id, prints.resume, _("Asked to go on."))


@bp.route(f"{ONE}/cancellation", methods=["GET", "POST"])
def cancel(job_id: int) -> ResponseReturnValue:
    """Stop it for good. The page asks once more; holding the button on the print's page does not need it."""
    if request.method == "POST":
        return _act(job_id, prints.cancel, _("Asked to stop: it may take a moment until the printer does."))
    known = gathered(current_actor(), queries.job_or_404(current_actor(), job_id))
    if not known.live.can_cancel:
        return see(url_for("prints.one", job_id=job_id))
    return page("printing/stop.html", page=known, **shared())


@bp.post(f"{ONE}/removal")
def discard(job_id: int) -> ResponseReturnValue:
    """Take a file that was not printed out of its reservation; the file stays."""
    actor = current_actor()
    reservation_id = queries.job_or_404(actor, job_id).reservation_id
    back = url_for("reservations.one", reservation_id=reservation_id, _anchor="prints")
    return _done(lambda: prints.discard(actor=actor, job_id=job_id), back, url_for("prints.one", job_id=job_id))


@bp.post(f"{ONE}/repetition")
def again(job_id: int) -> ResponseReturnValue:
    """The same file once more, in the same reservation."""
    actor, back = current_actor(), url_for("prints.one", job_id=job_id)
    queries.job_or_404(actor, job_id)
    try:
        return see(once(lambda: url_for("prints.one", job_id=prints.again(actor=actor, job_id=job_id).id)))
    except Refused as refused:
        flash_refusals(refused)
        return see(back)


@bp.post(f"{ONE}/outcome")
def settle(job_id: int) -> ResponseReturnValue:
    """Was it the machine? How did it end? What was counted before is reversed, never changed."""
    actor, form = current_actor(), OutcomeForm()
    job = queries.job_or_404(actor, job_id)
    if not form.validate_on_submit():
        return _page(actor, job, form.status, outcome_form=form)
    outcome, note = Outcome(form.outcome.data), (form.note.data or "").strip()

    def act() -> str:
        metering.correct(actor=actor, job_id=job_id, outcome=outcome, note=note)
        return url_for("prints.one", job_id=job_id)

    try:
        url = once(act)
    except Refused as refused:
        form.refuse(refused)
        return _page(actor, queries.job_or_404(actor, job_id), form.status, outcome_form=form)
    flash(_("Thank you, it is noted."), "free")
    return see(url)


@bp.get(f"{ONE}/picture")
def picture(job_id: int) -> ResponseReturnValue:
    """The camera's last still, to the owner and the team while the print is under way."""
    job = queries.job_or_404(current_actor(), job_id)
    data = stills.last(job.link_id) if job_page.may_be_watched(job) else None
    if data is None:
        abort(404)
    stills.look(job.link_id)
    return Response(data, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@bp.get("/prints", endpoint="mine")
def my_prints() -> ResponseReturnValue:
    """What became of my prints; narrowed by how they ended and by printer."""
    member_id = current_actor().member_id
    assert member_id is not None
    show, machine = request.args.get("show", "all"), request.args.get("machine", "")
    found = queries.history(member_id=member_id, machine=machine, show=show, number=request.args.get("page", 1, type=int))
    return page(
        "printing/history.html",
        found=found,
        printers=queries.printed_on(),
        chosen={"show": show, "machine": machine},
        **shared(),
    )


def _act(job_id: int, service: Callable[..., Any], words: str) -> ResponseReturnValue:
    actor, back = current_actor(), url_for("prints.one", job_id=job_id)
    queries.job_or_404(actor, job_id)
    return _done(lambda: service(actor=actor, job_id=job_id), back, back, words)


def _done(service: Callable[[], Any], then: str, otherwise: str, words: str | None = None) -> ResponseReturnValue:
    """Do it once and see `then`; refused, say why on the page `otherwise`."""

    def act() -> str:
        service()
        return then

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(otherwise)
    if words:
        flash(words, "free")
    return see(url)
