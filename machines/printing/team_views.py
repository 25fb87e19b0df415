"""Pages of printing for the team: approvals, prints of unknown owner or end, histories. Routes of `print_views.bp`."""

from __future__ import annotations

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.accounts import queries as accounts
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, see
from machines import queries as machines
from machines.printing import foreign as foreigns
from machines.printing import overview, prints, queries
from machines.printing.job_page import shared
from machines.printing.print_forms import DecisionForm, ForeignForm
from machines.printing.print_views import ONE, bp

__all__ = ["bp"]

FOREIGN = f"/foreign-prints/<int(max={MAX_ID}):foreign_id>"


@bp.get("/prints/approvals")
@needs(Role.MANAGER)
def approvals() -> ResponseReturnValue:
    """What waits for somebody's eyes before it starts, and what is left to settle."""
    return _approvals()


def _approvals(form: DecisionForm | None = None, job_id: int | None = None) -> ResponseReturnValue:
    return page(
        "printing/approvals.html",
        form.status if form else 200,
        desk=overview.desk(),
        form=form or DecisionForm(formdata=None),
        wrong_id=job_id,
        **shared(),
    )


@bp.post(f"{ONE}/decision")
@needs(Role.MANAGER)
def decide(job_id: int) -> ResponseReturnValue:
    """Let it start, or send it back with a word."""
    actor, form = current_actor(), DecisionForm()
    queries.job_or_404(actor, job_id)
    if not form.validate_on_submit():
        return _approvals(form, job_id)

    def act() -> str:
        note = (form.note.data or "").strip()
        prints.decide(actor=actor, job_id=job_id, is_approved=form.is_approved, note=note)
        return url_for("prints.approvals")

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(url_for("prints.approvals"))
    flash(_("They may start.") if form.is_approved else _("They have been told what to change."), "free")
    return see(url)


@bp.route(FOREIGN, methods=["GET", "POST"])
def foreign(foreign_id: int) -> ResponseReturnValue:
    """Whose print was it? The member who had the slot says so for themselves, the team for anybody."""
    actor = current_actor()
    one = overview.foreign_or_404(actor, foreign_id)
    is_team, asked_id = queries.is_team(actor, one.link.machine_id), foreigns.asked_member(one)
    form = ForeignForm()
    form.offer(is_team=is_team, is_asked=asked_id == actor.member_id)
    if form.validate_on_submit() and _finds_member(form):

        def act() -> str:
            foreigns.attribute(
                actor=actor,
                foreign_id=foreign_id,
                member_id=form.member_id,
                answer=form.answer.data or "",
                remember=bool(form.remember.data),
            )
            return url_for("prints.approvals") if actor.has(Role.MANAGER) else url_for("reservations.mine")

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
            one = overview.foreign_or_404(actor, foreign_id)
        else:
            flash(_("Thank you, it is noted."), "free")
            return see(url)
    return page(
        "printing/foreign.html",
        form.status if form.is_submitted() else 200,
        foreign=one,
        form=form,
        is_team=is_team,
        names=accounts.names(ident for ident in (one.member_id, asked_id) if ident is not None),
        asked_id=asked_id,
        answer_words=foreigns.ANSWER_WORDS,
        **shared(),
    )


def _finds_member(form: ForeignForm) -> bool:
    """Whom the team names; tells the field when there is nobody."""
    if form.answer.data != foreigns.Answer.MEMBER or not form.member.data:
        return True
    found = accounts.member_by_email(form.member.data)
    if found is None:
        form.member.errors = [_("No member has this address.")]
        return False
    form.member_id = found.id
    return True


@bp.get(f"/members/<int(max={MAX_ID}):member_id>/prints")
@needs(Role.MANAGER)
def of_member(member_id: int) -> ResponseReturnValue:
    member = accounts.member(member_id)
    show, machine = request.args.get("show", "all"), request.args.get("machine", "")
    found = queries.history(member_id=member_id, machine=machine, show=show, number=request.args.get("page", 1, type=int))
    return page(
        "printing/history.html",
        found=found,
        member=member,
        printers=queries.printed_on(),
        chosen={"show": show, "machine": machine},
        **shared(),
    )


@bp.get("/machines/<slug>/prints")
@needs(Role.MANAGER, Role.TRAINER)
def of_machine(slug: str) -> ResponseReturnValue:
    """Every print of a printer, with who made it; to its team."""
    machine = machines.machine(slug, even_retired=True)
    queries.team_or_404(current_actor(), machine.id)
    show = request.args.get("show", "all")
    found = queries.history(machine=slug, show=show, number=request.args.get("page", 1, type=int))
    return page(
        "printing/history.html",
        found=found,
        machine=machine,
        names=accounts.names({job.reservation.member_id for job in found.jobs}),
        printers=[],
        chosen={"show": show, "machine": slug},
        **shared(),
    )
