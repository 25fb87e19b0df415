"""The charter at the edge: reading, accepting, a guardian's agreement, and reminding who has not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.accounts import charter as charters
from app.accounts import queries, tokens
from app.accounts.edge import bp, count_try, me, onward, slow_down, wished
from app.accounts.forms import CharterForm, text
from app.accounts.models import Charter, TokenPurpose
from app.accounts.rules import ADULT_AT, NO_CHARTER, age_on
from app.accounts.throttle import Throttled, Try
from app.kernel import clock, i18n
from app.kernel.actors import current_actor
from app.kernel.api import is_api_request
from app.kernel.db import transaction
from app.kernel.refusals import Refused
from app.kernel.web import once, page, public, see

FREE_OF_CHARTER = {"accounts", "people"}
"""Blueprints whose pages do not send to the charter first: links of letters, one's own data, and what runs the lab."""


@bp.get("/charter")
@public
def charter() -> ResponseReturnValue:
    in_force = queries.charter_in_force()
    return _charter_page(_as_known(in_force), in_force)


def _as_known(in_force: Charter | None) -> CharterForm:
    """What was said before about photos and a guardian, to be said again or changed; no point is ticked for anybody."""
    member = g.get("member")
    if member is None:
        return CharterForm(formdata=None)
    before = queries.acceptance(member.id, in_force.id) if in_force else None
    is_young = member.born_on is not None and age_on(clock.today(), member.born_on) < ADULT_AT
    return CharterForm(
        formdata=None,
        photo_consent=member.photo_consent,
        is_minor=is_young or bool(before and before.guardian_email),
        guardian_name=before.guardian_name if before else "",
        guardian_email=before.guardian_email if before else "",
    )


@bp.post("/charter/acceptance")
def accept_charter() -> ResponseReturnValue:
    in_force = queries.charter_in_force()
    if in_force is None:
        abort(404)
    form, version = CharterForm(), request.form.get("version", 0, type=int) or 0
    _offer_points(form, in_force)
    if version != in_force.version:
        form.validate()
        return _changed_meanwhile(form, Refused([NO_CHARTER()]))
    if not form.validate_on_submit():
        return _charter_page(form, in_force)
    actor, is_minor = current_actor(), bool(form.is_minor.data)

    def act() -> str:
        charters.accept(
            actor=actor,
            version=version,
            photo_consent=bool(form.photo_consent.data),
            guardian_name=text(form.guardian_name) if is_minor else None,
            guardian_email=text(form.guardian_email) if is_minor else None,
        )
        return onward()

    try:
        if is_minor:
            count_try(Try.LETTER, text(form.guardian_email))
        url = once(act)
    except Throttled as throttled:
        return slow_down("accounts/charter.html", form, throttled, **_about(in_force))
    except Refused as refused:
        if NO_CHARTER.code in {refusal.code for refusal in refused.refusals}:
            return _changed_meanwhile(form, refused)
        form.refuse(refused)
        return _charter_page(form, in_force)
    flash(
        _("We wrote to your guardian: you can book once they agree.") if is_minor else _("Thank you. You can book now."), "free"
    )
    return see(url)


def _changed_meanwhile(form: CharterForm, refused: Refused) -> ResponseReturnValue:
    """Another version came into force while this one was read: it is shown, unticked."""
    in_force = queries.charter_in_force()
    _offer_points(form, in_force)
    form.forget_ticks()
    form.refuse(refused)
    return _charter_page(form, in_force)


def _charter_page(form: CharterForm, in_force: Charter | None) -> ResponseReturnValue:
    _offer_points(form, in_force)
    return page("accounts/charter.html", form.status if form.is_submitted() else 200, form=form, **_about(in_force))


def _about(in_force: Charter | None) -> dict[str, Any]:
    actor = current_actor()
    accepted = queries.acceptance(actor.member_id, in_force.id) if actor.member_id is not None and in_force else None
    return {"charter": in_force, "accepted": accepted, "next": wished()}


def _offer_points(form: CharterForm, in_force: Charter | None) -> None:
    points = in_force.points if in_force else []
    form.points.choices = [(number, i18n.in_words(point)) for number, point in enumerate(points)]


@bp.route("/guardian/<token>", methods=["GET", "POST"])
@public
def guardian(token: str) -> ResponseReturnValue:
    row = tokens.peek(TokenPurpose.GUARDIAN, token)
    if row is None:
        return page("accounts/link.html", 410, what=TokenPurpose.GUARDIAN.value, works=False, refusals=[])
    acceptance, accepted = queries.charter_accepted_in(int(row.extra or 0))
    child, confirmed = queries.member(acceptance.member_id), False
    if request.method == "POST":
        try:
            with transaction():
                charters.confirm_by_guardian(token=token)
        except Refused as refused:
            return page("accounts/link.html", 410, what=TokenPurpose.GUARDIAN.value, works=False, refusals=refused.refusals)
        confirmed = True
    return page("accounts/guardian.html", child=child, charter=accepted, acceptance=acceptance, confirmed=confirmed)


# ── reminding ────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask_for_charter() -> ResponseReturnValue | None:
    """Before a member's page: the charter in force, once for each version, when they have not accepted it. Afterwards
    `reminders` say so on every page, and booking is refused.
    """
    member = g.get("member")
    if member is None or is_api_request() or request.method != "GET" or request.blueprint is None or not _is_a_page():
        return None
    standing = g.standing = queries.standing(member.id)
    if standing.charter_accepted or standing.guardian_awaited:
        return None
    if request.blueprint in FREE_OF_CHARTER:
        return None
    if session.get("charter_asked") == standing.charter_version:
        return None
    session["charter_asked"] = standing.charter_version
    return redirect(url_for("accounts.charter", next=_here()), 303)


def _is_a_page() -> bool:
    """Not a fragment, not JSON, not the picture in a page."""
    fetched_for = request.headers.get("Sec-Fetch-Dest", "document")
    return fetched_for == "document" and not request.headers.get("HX-Request") and not is_api_request()


@dataclass(frozen=True, slots=True)
class Reminder:
    """What stands between a member and booking. `url` is a page to open, or where to post when `is_act`."""

    tone: str
    text: str
    label: str = ""
    url: str = ""
    is_act: bool = False


def reminders() -> Sequence[Reminder]:
    """For the page being shown to a member; nothing on the page that is the remedy."""
    standing = g.get("standing")
    if standing is None:
        return []
    found = []
    if standing.suspended is not None:
        words = _("Your account is suspended: you can look, but not book. The reason: %(reason)s", reason=standing.suspended)
        found.append(Reminder("stop", words))
    if not standing.email_proved:
        words = _("Before booking, prove your address: press the button of the mail we sent to %(email)s.", email=me().email)
        found.append(Reminder("care", words, _("Send it again"), url_for("accounts.resend_proof"), is_act=True))
    if request.endpoint == "accounts.charter":
        return found
    if standing.guardian_awaited:
        found.append(Reminder("hold", _("You can book as soon as your guardian has agreed: we wrote to them.")))
    elif not standing.charter_accepted:
        words = _("Before booking, read the charter and agree with it.")
        found.append(Reminder("care", words, _("Read the charter"), url_for("accounts.charter", next=_here())))
    return found


def _here() -> str:
    return request.full_path.rstrip("?")
