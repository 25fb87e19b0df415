"""Managers' and administrators' pages: members, roles, the lab's settings, the charter's editor, letters, the outbox, set-up."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, current_app, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_user
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select

from app.accounts import charter as charters
from app.accounts import lab, members, passwords, queries
from app.accounts.forms import CharterEditor, LabForm, NoteForm, ReasonForm, RoleForm, SetUpForm
from app.accounts.models import Lab
from app.kernel import i18n, outbox, uploads
from app.kernel.actors import Actor, Door, Role, current_actor
from app.kernel.db import db
from app.kernel.mail import Mail
from app.kernel.outbox import OutboxMessage
from app.kernel.refusals import Refused
from app.kernel.web import HouseForm, flash_refusals, needs, once, page, public, see

bp = Blueprint("people", __name__, template_folder="templates")


@bp.get("/members")
@needs(Role.MANAGER, Role.ACCOUNTANT)
def members_list() -> ResponseReturnValue:
    text = request.args.get("search", "")[:100]
    found = queries.search_members(text, request.args.get("page", 1, type=int) or 1)
    return page("accounts/members.html", block="list", found=found, text=text)


@bp.post("/members/<int:member_id>/roles")
@needs(Role.MANAGER)
def grant_role(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id, RoleForm(), lambda actor, form: members.grant_role(actor=actor, member_id=member_id, role=Role(form.role.data))
    )


@bp.post("/members/<int:member_id>/roles/revocation")
@needs(Role.MANAGER)
def revoke_role(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id,
        RoleForm(),
        lambda actor, form: members.revoke_role(actor=actor, member_id=member_id, role=Role(form.role.data)),
    )


@bp.post("/members/<int:member_id>/suspension")
@needs(Role.MANAGER)
def suspend(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id, ReasonForm(), lambda actor, form: members.suspend(actor=actor, member_id=member_id, reason=form.reason.data)
    )


@bp.post("/members/<int:member_id>/reinstatement")
@needs(Role.MANAGER)
def reinstate(member_id: int) -> ResponseReturnValue:
    return _change(member_id, HouseForm(), lambda actor, _form: members.reinstate(actor=actor, member_id=member_id))


@bp.post("/members/<int:member_id>/notes")
@needs(Role.MANAGER)
def write_note(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id, NoteForm(), lambda actor, form: members.write_note(actor=actor, member_id=member_id, text=form.text.data)
    )


@bp.route("/settings", methods=["GET", "POST"])
@needs(Role.MANAGER)
def lab_settings() -> ResponseReturnValue:
    house = lab.current()
    if house is None:
        abort(404)
    form = LabForm() if request.method == "POST" else _describing(house)
    if form.validate_on_submit():
        names = [name for name in LabForm()._fields if hasattr(Lab, name)]
        values = {name: form[name].data for name in names}
        values["description"] = _both(form.description_fr.data, form.description_en.data)
        values["holidays_region"] = form.holidays_region.data or None
        if _picture(form, values):
            actor = current_actor()

            def act() -> str:
                lab.change(actor=actor, **values)
                return url_for("people.lab_settings")

            url = once(act)
            flash(_("Saved."), "free")
            return see(url)
    return page("accounts/lab.html", form.status if form.is_submitted() else 200, form=form)


@bp.get("/pictures/<name>")
@public
def picture(name: str) -> Response:
    return uploads.send("lab", name)


@bp.route("/charter/editor", methods=["GET", "POST"])
@needs(Role.MANAGER)
def edit_charter() -> ResponseReturnValue:
    in_force = queries.charter_in_force()
    form = CharterEditor()
    if request.method == "GET" and in_force is not None:
        form = CharterEditor(
            **{f"{part}_{lang}": getattr(in_force, part).get(lang, "") for part in ("title", "intro") for lang in ("fr", "en")},
            **{f"points_{lang}": "\n".join(point.get(lang, "") for point in in_force.points) for lang in ("fr", "en")},
        )
    if form.validate_on_submit():
        actor = current_actor()

        def act() -> str:
            charters.publish(
                actor=actor,
                title=_both(form.title_fr.data, form.title_en.data),
                intro=_both(form.intro_fr.data, form.intro_en.data),
                points=form.points,
            )
            return url_for("accounts.charter")

        url = once(act)
        flash(_("Published. Everybody is asked to accept it at their next visit."), "free")
        return see(url)
    return page("accounts/charter_editor.html", form.status if form.is_submitted() else 200, form=form)


@bp.get("/admin/letters")
@needs(Role.ADMINISTRATOR)
def letters() -> ResponseReturnValue:
    """What was written to people; without a mail server this is where letters are read."""
    search = request.args.get("to", "")[:200].lower()
    statement = select(Mail).order_by(Mail.id.desc()).limit(100)
    if search:
        statement = statement.where(Mail.to_address == search)
    return page("accounts/letters.html", letters=list(db.session.scalars(statement)), search=search)


@bp.get("/admin/letters/<int:mail_id>")
@needs(Role.ADMINISTRATOR)
def letter(mail_id: int) -> ResponseReturnValue:
    return page("accounts/letter.html", letter=db.session.scalars(select(Mail).where(Mail.id == mail_id)).one())


@bp.get("/admin/letters/<int:mail_id>.ics")
@needs(Role.ADMINISTRATOR)
def letter_calendar(mail_id: int) -> Response:
    found = db.session.scalars(select(Mail).where(Mail.id == mail_id)).one()
    if not found.calendar:
        abort(404)
    return Response(found.calendar, content_type="text/calendar; charset=utf-8")


@bp.get("/admin/outbox")
@needs(Role.MANAGER)
def outbox_page() -> ResponseReturnValue:
    waiting = (
        select(OutboxMessage)
        .where(OutboxMessage.done_at.is_(None))
        .order_by(OutboxMessage.parked_at.is_(None), OutboxMessage.due_at)
    )
    return page("accounts/outbox.html", messages=list(db.session.scalars(waiting.limit(100))))


@bp.post("/admin/outbox/<int:message_id>/retry")
@needs(Role.MANAGER)
def retry(message_id: int) -> ResponseReturnValue:
    def act() -> str:
        outbox.retry(message_id)
        return url_for("people.outbox_page")

    return see(once(act))


# ── the first set-up ─────────────────────────────────────────────────────────────────────────────────────────────────


def set_up_url() -> str:
    """The one-time address of the first set-up; it dies with the first administrator."""
    settings = current_app.extensions["settings"]
    with current_app.test_request_context(base_url=settings.base_url):
        return url_for("people.set_up", token=_signer().dumps("set-up"), _external=True)


@bp.route("/setup/<token>", methods=["GET", "POST"])
@public
def set_up(token: str) -> ResponseReturnValue:
    """Who holds the address printed at the first start names the lab and becomes its administrator."""
    try:
        _signer().loads(token)
    except BadSignature:
        abort(404)
    if queries.administrators():
        return see(url_for("people.checklist"))
    form = SetUpForm()
    if form.validate_on_submit():
        password_hash = passwords.hashed(form.password.data)
        house = Actor(None, door=Door.COMMAND)
        made: list[int] = []

        def act() -> str:
            if lab.current() is None:
                lab.create(actor=house, name=form.lab_name.data, city=form.city.data or "", email=form.email.data)
            if queries.charter_in_force() is None:
                charters.publish_first(actor=house)
            if queries.member_by_email(form.email.data) is None:
                members.sign_up(
                    actor=house, name=form.name.data, email=form.email.data, password_hash=password_hash, locale=i18n.locale()
                )
            made.append(members.promote(actor=house, email=form.email.data, role=Role.ADMINISTRATOR).id)
            return url_for("people.checklist")

        url = once(act)
        if made:
            session.clear()
            login_user(queries.member(made[0]))
        return see(url)
    return page("accounts/set_up.html", form.status if form.is_submitted() else 200, form=form)


@bp.get("/setup")
@needs(Role.MANAGER)
def checklist() -> ResponseReturnValue:
    """What a new lab still has to say, in the order it needs it."""
    return page("accounts/checklist.html")


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="set-up")


def _change(member_id: int, form: HouseForm, act: Callable[[Actor, HouseForm], object]) -> ResponseReturnValue:
    """One small change of a member, back to their page; what is wrong is said above it."""
    back = url_for("reports.member", member_id=member_id)
    if not form.validate_on_submit():
        for errors in form.errors.values():
            flash(" ".join(errors), "stop")
        return see(back)
    actor = current_actor()

    def do() -> str:
        act(actor, form)
        return back

    try:
        url = once(do)
    except Refused as refused:
        flash_refusals(refused)
        return see(back)
    flash(_("Done."), "free")
    return see(url)


def _describing(house: Lab) -> LabForm:
    said = house.description or {}
    return LabForm(obj=house, description_fr=said.get("fr", ""), description_en=said.get("en", ""))


def _picture(form: LabForm, values: dict[str, object]) -> bool:
    if not form.photo.data or not form.photo.data.filename:
        return True
    try:
        values["picture"] = uploads.store_picture(form.photo.data.stream, "lab")
    except Refused as refused:
        form.photo.errors = [i18n.explain(refusal) for refusal in refused.refusals]
        return False
    return True


def _both(french: str | None, english: str | None) -> dict[str, str]:
    return {language: text.strip() for language, text in (("fr", french), ("en", english)) if text and text.strip()}
