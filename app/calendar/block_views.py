"""Managers take a place out of use for a while, see who did, and give it back early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.calendar import blocks as services
from app.calendar import plans, queries, subjects
from app.calendar.forms import BlockForm
from app.calendar.models import Kind, Purpose, Resource
from app.calendar.rules import PURPOSE_WORDS
from app.calendar.views import attempt, bp
from app.kernel import clock
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refusal
from app.kernel.web import ShownReason, needs, page, see, shown


@bp.route("/places/<slug>/blocks", methods=["GET", "POST"])
@needs(Role.MANAGER)
def blocks(slug: str) -> ResponseReturnValue:
    place, today = queries.resource(slug), clock.today()
    form = BlockForm() if request.method == "POST" else BlockForm(from_day=today, until_day=today)
    if not _has_seats(place):
        del form.extent
    if form.validate_on_submit():
        actor = current_actor()

        def act() -> str:
            services.block(
                actor=actor,
                resource_id=place.id,
                period=form.period,
                purpose=Purpose(form.purpose.data),
                reason=(form.reason.data or "").strip(),
                one_lane=bool(form.extent) and form.extent.data == "lane",
            )
            return url_for("calendar.blocks", slug=slug)

        if (url := attempt(act, form)) is not None:
            flash(_("The place is out of use for that time."), "free")
            return see(url)
    return page(
        "calendar/blocks.html",
        form.status if form.is_submitted() else 200,
        place=place,
        form=form,
        obstacles=_with_pages(form.refusals),
        lines=plans.blocks(place.id),
        purposes=PURPOSE_WORDS,
    )


@bp.post(f"/places/<slug>/blocks/<int(max={MAX_ID}):block_id>/release")
@needs(Role.MANAGER)
def release_block(slug: str, block_id: int) -> ResponseReturnValue:
    place, actor = queries.resource(slug), current_actor()
    if plans.block_place(block_id) != place.id:
        raise NoResultFound

    def act() -> str:
        services.release(actor=actor, block_id=block_id)
        return url_for("calendar.blocks", slug=slug)

    url = attempt(act)
    if url is not None:
        flash(_("The place can be booked again."), "free")
    return see(url or url_for("calendar.blocks", slug=slug))


def _has_seats(place: Resource) -> bool:
    return place.kind is Kind.MACHINE and place.capacity > 1


def _with_pages(refusals: Sequence[Refusal]) -> list[ShownReason]:
    """Each reason with the page of what stands in the way, where a room above has one."""
    pages = [subjects.page_of(str(refusal.params.get("subject", ""))) for refusal in refusals]
    return [replace(one, next_url=url) if url else one for one, url in zip(shown(refusals), pages, strict=True)]
