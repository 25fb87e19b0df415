"""Pages of members' G-code: sending it, what is in it and where it fits, its layers, taking it back."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, flash, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.accounts import queries as accounts
from app.kernel.actors import Actor, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.settings import Settings
from app.kernel.web import flash_refusals, once, page, see, takes_up_to
from machines.printing import file_queries, files, queries
from machines.printing.bed import plan
from machines.printing.file_forms import FileForm
from machines.printing.rules import STATE_WORDS

bp = Blueprint("print_files", __name__, template_folder="templates")

ONE = f"/print-files/<int(max={MAX_ID}):file_id>"
_ROUND_IT = 1024 * 1024
"""Room for what a form adds to its file."""


def largest_form(settings: Settings) -> int:
    """What a form with a G-code file may weigh, a little more than the file: so `files` says which size is too large."""
    return settings.print_file_megabytes * 1024 * 1024 + _ROUND_IT


@bp.route("/print-files", methods=["GET", "POST"])
@takes_up_to(largest_form)
def mine() -> ResponseReturnValue:
    """My files, and the form that sends one more."""
    actor, form = current_actor(), FileForm()
    if form.validate_on_submit():
        try:
            return see(_receive(actor, form))
        except Refused as refused:
            form.refuse(refused)
    everybody = actor.is_staff and request.args.get("show") == "all"
    number = request.args.get("page", 1, type=int)
    shelf = file_queries.shelf(actor, everybody=everybody, number=number)
    return page(
        "printing/files.html",
        form.status if form.is_submitted() else 200,
        form=form,
        shelf=shelf,
        facts={file.id: files.facts(file) for file in shelf.files},
        owners=accounts.names(file.owner_id for file in shelf.files) if everybody else {},
        everybody=everybody,
        megabytes=files.largest_bytes() // 1024 // 1024,
    )


def _receive(actor: Actor, form: FileForm) -> str:
    """Read the file first: no transaction waits for it."""
    sent = form.upload.data
    taken = files.take(name=sent.filename or "", source=sent.stream)
    kept: list[files.Kept] = []

    def act() -> str:
        kept.append(files.keep(actor=actor, taken=taken))
        return url_for("print_files.one", file_id=kept[-1].file.id)

    return _kept_or_discarded(taken, kept, lambda: once(act, taken.sha256))


def _kept_or_discarded(taken: files.Taken, kept: list[files.Kept], act: Callable[[], str]) -> str:
    """Without a row of its own (a failure, or the second click of one form) the bytes go again."""
    try:
        url = act()
    except BaseException:
        files.discard(taken)
        raise
    if not kept:
        files.discard(taken)
    elif kept[-1].is_known:
        flash(_("You sent this file before: here is how it went."), "mine")
    else:
        flash(_("The file is here. See below where it fits."), "free")
    return url


@bp.get(ONE)
def one(file_id: int) -> ResponseReturnValue:
    actor = current_actor()
    file = file_queries.seen_or_404(actor, file_id)
    checks, jobs = file_queries.checks(file), queries.jobs_of_file(file.id)
    known, is_mine = files.facts(file), file.owner_id == actor.member_id
    return page(
        "printing/file.html",
        file=file,
        facts=known,
        milligrams=files.grams(known, None),
        is_here=files.is_here(file),
        is_mine=is_mine,
        owner=None if is_mine else accounts.names([file.owner_id]).get(file.owner_id),
        checks=checks,
        plan=plan(known, checks[0].limits if checks else None),
        plan_of=checks[0].machine if checks else None,
        jobs=jobs,
        used=queries.counting([job.id for job in jobs]),
        state_words=STATE_WORDS,
    )


@bp.get(f"{ONE}/layers")
def layers(file_id: int) -> ResponseReturnValue:
    """The drawn lines of each layer, packed as `preview` says. The bytes of a file never change."""
    file = file_queries.seen_or_404(current_actor(), file_id)
    try:
        packed = files.preview(file)
    except Refused:
        return Response(status=404)
    response = Response(packed, content_type="application/octet-stream")
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


@bp.get(f"{ONE}/download")
def download(file_id: int) -> ResponseReturnValue:
    file = file_queries.seen_or_404(current_actor(), file_id)
    try:
        path = files.path(file)
    except Refused as refused:
        flash_refusals(refused)
        return see(url_for(".one", file_id=file_id))
    return send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=file.name)


@bp.post(f"{ONE}/removal")
def remove(file_id: int) -> ResponseReturnValue:
    actor = current_actor()
    file = file_queries.own_or_404(actor, file_id)

    def act() -> str:
        files.delete(actor=actor, file=file)
        return url_for(".mine")

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(url_for(".one", file_id=file_id))
    flash(_("The file is gone from here."), "free")
    return see(url)
