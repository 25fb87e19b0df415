"""Managers' pages: members, roles, the lab's settings, the charter's editor, the first set-up. Letters are in `post_views`."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, current_app, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_user
from itsdangerous import BadSignature, URLSafeSerializer

from app.accounts import charter as charters
from app.accounts import lab, members, passwords, queries, records, setup
from app.accounts.forms import CharterEditor, LabForm, NoteForm, ReasonForm, RoleForm, SetUpForm, text
from app.accounts.models import Lab, Member
from app.kernel import i18n, uploads
from app.kernel.actors import Actor, Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.refusals import Refused
from app.kernel.web import HouseForm, flash_refusals, needs, once, page, public, see

bp = Blueprint("people", __name__, template_folder="templates")


@bp.get("/members")
@needs(Role.MANAGER, Role.ACCOUNTANT)
def members_list() -> ResponseReturnValue:
    words = request.args.get("search", "")[:100]
    found = queries.search_members(words, request.args.get("page", 1, type=int) or 1)
    return page("accounts/members.html", block="list", found=found, text=words)


@bp.post(f"/members/<int(max={MAX_ID}):member_id>/roles")
@needs(Role.MANAGER)
def grant_role(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id,
        RoleForm(),
        lambda actor, form: members.grant_role(actor=actor, member_id=member_id, role=Role(text(form["role"]))),
    )


@bp.post(f"/members/<int(max={MAX_ID}):member_id>/roles/revocation")
@needs(Role.MANAGER)
def revoke_role(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id,
        RoleForm(),
        lambda actor, form: members.revoke_role(actor=actor, member_id=member_id, role=Role(text(form["role"]))),
    )


@bp.post(f"/members/<int(max={MAX_ID}):member_id>/suspension")
@needs(Role.MANAGER)
def suspend(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id,
        ReasonForm(),
        lambda actor, form: members.suspend(actor=actor, member_id=member_id, reason=text(form["reason"])),
    )


@bp.post(f"/members/<int(max={MAX_ID}):member_id>/reinstatement")
@needs(Role.MANAGER)
def reinstate(member_id: int) -> ResponseReturnValue:
    return _change(member_id, HouseForm(), lambda actor, _form: members.reinstate(actor=actor, member_id=member_id))


@bp.post(f"/members/<int(max={MAX_ID}):member_id>/notes")
@needs(Role.MANAGER)
def write_note(member_id: int) -> ResponseReturnValue:
    return _change(
        member_id, NoteForm(), lambda actor, form: records.write_note(actor=actor, member_id=member_id, text=text(form["text"]))
    )


@bp.route("/settings", methods=["GET", "POST"])
@needs(Role.MANAGER)
def lab_settings() -> ResponseReturnValue:
    house = lab.current()
    if house is None:
        abort(404)
    form = LabForm() if request.method == "POST" else _describing(house)
    if form.validate_on_submit():
        values = {name: form[name].data for name in form._fields if hasattr(Lab, name)}
        values["description"] = _both(form.description_fr.data, form.description_en.data)
        values["holidays_region"] = text(form.holidays_region) or None
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
    if not form.validate_on_submit():
        return page("accounts/set_up.html", form.status if form.is_submitted() else 200, form=form)
    password_hash, language = passwords.hashed(form.password.data or ""), i18n.locale()
    made: list[Member] = []

    def act() -> str:
        administrator = setup.open_lab(
            lab_name=text(form.lab_name),
            city=text(form.city),
            name=text(form.name),
            email=text(form.email),
            password_hash=password_hash,
            locale=language,
        )
        if administrator is not None:
            made.append(administrator)
        return url_for("people.checklist")

    url = once(act)
    if made:
        session.clear()
        login_user(made[0])
        session.permanent = True
    return see(url)


@bp.get("/setup")
@needs(Role.MANAGER)
def checklist() -> ResponseReturnValue:
    """What a new lab still has to say, in the order it needs it."""
    return page("accounts/checklist.html", steps=setup.steps())


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="set-up")


def _change(member_id: int, form: HouseForm, act: Callable[[Actor, HouseForm], object]) -> ResponseReturnValue:
    """One small change of a member, back to their page; what is wrong is said above it."""
    back = url_for("reports.member", member_id=member_id)
    if not form.validate_on_submit():
        for errors in form.errors.values():
            flash(" ".join(str(error) for error in errors), "stop")
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
