"""Getting in and being somebody: sign-up, sign-in, links, profile, charter. Managers' pages are in `admin_views`."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, abort, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_user, logout_user

from app.accounts import charter as charters
from app.accounts import members, passwords, queries, throttle, tokens
from app.accounts.forms import (
    AddressForm,
    ChangePasswordForm,
    CharterForm,
    PasswordForm,
    ProfileForm,
    SignInForm,
    SignUpForm,
    TokenForm,
)
from app.accounts.models import CharterAcceptance, Member, TokenPurpose
from app.accounts.rules import WRONG_PASSWORD
from app.accounts.throttle import Throttled
from app.kernel import i18n
from app.kernel.actors import Actor, current_actor
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused
from app.kernel.web import HouseForm, once, page, public, safe_next, see

bp = Blueprint("accounts", __name__, template_folder="templates")

FREE_OF_CHARTER = {
    "accounts.charter", "accounts.accept_charter", "accounts.sign_out", "accounts.sign_out_everywhere", "accounts.profile",
    "accounts.privacy", "accounts.set_locale", "accounts.set_theme", "accounts.my_data",
}  # fmt: skip


# ── in and out ───────────────────────────────────────────────────────────────────────────────────────────────────────


@bp.route("/sign-up", methods=["GET", "POST"])
@public
def sign_up() -> ResponseReturnValue:
    form = SignUpForm()
    if form.validate_on_submit():
        try:
            throttle.count_try(form.email.data, _address())
        except Throttled as throttled:
            return _throttled("accounts/sign_up.html", form, throttled)
        password_hash = passwords.hashed(form.password.data) if form.password.data else None
        language = i18n.locale()

        def act() -> str:
            members.sign_up(
                actor=Actor(None), name=form.name.data, email=form.email.data, password_hash=password_hash, locale=language
            )
            return url_for("accounts.look_at_mail")

        return see(once(act))
    return page("accounts/sign_up.html", form.status if form.is_submitted() else 200, form=form)


@bp.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    if current_actor().member_id is not None:
        return see(_next())
    form = SignInForm()
    if form.validate_on_submit():
        try:
            throttle.count_try(form.email.data, _address())
        except Throttled as throttled:
            return _throttled("accounts/sign_in.html", form, throttled, link=AddressForm(formdata=None))
        member = queries.member_by_email(form.email.data)
        if passwords.verified(member.password_hash if member else None, form.password.data) and member is not None:
            with transaction():
                throttle.forgive(form.email.data)
            return _let_in(member)
        form.refuse(Refused([WRONG_PASSWORD()]))
    status = form.status if form.is_submitted() else 200
    return page("accounts/sign_in.html", status, form=form, link=AddressForm(formdata=None), next=request.args.get("next", ""))


@bp.post("/sign-in/link")
@public
def ask_link() -> ResponseReturnValue:
    form = AddressForm()
    if not form.validate_on_submit():
        return page("accounts/sign_in.html", 422, form=SignInForm(formdata=None), link=form, next=request.args.get("next", ""))
    return _send_quietly(form, members.send_link, "accounts/sign_in.html")


@bp.route("/sign-in/link/<token>", methods=["GET", "POST"])
@public
def follow_link(token: str) -> ResponseReturnValue:
    """Looking at the link does nothing (mail programs look); the button uses it."""
    if request.method == "GET":
        return _ask("sign_in", tokens.peek(TokenPurpose.SIGN_IN, token) is not None)
    try:
        with transaction():
            member = members.follow_link(token=token)
    except Refused:
        return _ask("sign_in", False)
    return _let_in(member)


@bp.route("/email-proofs/<token>", methods=["GET", "POST"])
@public
def prove_email(token: str) -> ResponseReturnValue:
    if request.method == "GET":
        return _ask("prove", tokens.peek(TokenPurpose.PROVE_EMAIL, token) is not None)
    try:
        with transaction():
            member = members.prove_email(token=token)
    except Refused:
        return _ask("prove", False)
    flash(_("Your address is proved. Welcome!"), "free")
    return _let_in(member)


@bp.route("/email-changes/<token>", methods=["GET", "POST"])
@public
def change_email(token: str) -> ResponseReturnValue:
    if request.method == "GET":
        return _ask("change", tokens.peek(TokenPurpose.CHANGE_EMAIL, token) is not None)
    try:
        with transaction():
            member = members.change_email(token=token)
    except Refused:
        return _ask("change", False)
    flash(_("Your account uses this address now."), "free")
    return _let_in(member)


@bp.route("/password/forgotten", methods=["GET", "POST"])
@public
def forgotten() -> ResponseReturnValue:
    form = AddressForm()
    if form.validate_on_submit():
        return _send_quietly(form, members.send_reset, "accounts/forgotten.html")
    return page("accounts/forgotten.html", form.status if form.is_submitted() else 200, form=form)


@bp.route("/password/<token>", methods=["GET", "POST"])
@public
def reset_password(token: str) -> ResponseReturnValue:
    row = tokens.peek(TokenPurpose.RESET_PASSWORD, token)
    if row is None:
        return _ask("reset", False)
    owner = queries.member(row.member_id)
    form = PasswordForm()
    form.known_name, form.known_email = owner.name, owner.email
    if form.validate_on_submit():
        password_hash = passwords.hashed(form.password.data)
        try:
            with transaction():
                member = members.reset_password(token=token, password_hash=password_hash)
        except Refused:
            return _ask("reset", False)
        flash(_("Your new password is set; other sessions have ended."), "free")
        return _let_in(member)
    return page("accounts/reset.html", form.status if form.is_submitted() else 200, form=form)


@bp.get("/look-at-your-mail")
@public
def look_at_mail() -> ResponseReturnValue:
    return page("accounts/look_at_mail.html")


@bp.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    logout_user()
    session.clear()
    return see(url_for("reports.home"))


@bp.post("/sign-out/everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    actor = current_actor()
    assert actor.member_id is not None
    with transaction():
        members.end_sessions(actor=actor, member_id=actor.member_id)
    logout_user()
    session.clear()
    flash(_("You are signed out on every device."), "free")
    return see(url_for("accounts.sign_in"))


# ── language and theme ───────────────────────────────────────────────────────────────────────────────────────────────


@bp.post("/locale")
@public
def set_locale() -> ResponseReturnValue:
    chosen = request.form.get("locale")
    if chosen in i18n.LOCALES:
        session["locale"] = chosen
        actor = current_actor()
        if actor.member_id is not None:
            with transaction():
                members.update_profile(actor=actor, member_id=actor.member_id, locale=chosen)
    return see(safe_next(request.form.get("next"), url_for("reports.home")))


@bp.post("/theme")
@public
def set_theme() -> ResponseReturnValue:
    response = redirect(safe_next(request.form.get("next"), url_for("reports.home")), 303)
    chosen = request.form.get("theme", "")
    if chosen in ("light", "dark"):
        response.set_cookie("theme", chosen, max_age=60 * 60 * 24 * 365, samesite="Lax", httponly=True)
    else:
        response.delete_cookie("theme")
    return response


# ── me ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@bp.route("/account", methods=["GET", "POST"])
def profile() -> ResponseReturnValue:
    member = _me()
    form = ProfileForm(obj=member, tariff_group=member.tariff_group.value) if request.method == "GET" else ProfileForm()
    if form.validate_on_submit():
        values = {name: form[name].data for name in ("name", "locale", "tariff_group", "photo_consent", "born_on")}
        actor = current_actor()

        def act() -> str:
            members.update_profile(
                actor=actor, member_id=member.id, emergency_contact=form.emergency_contact.data or None, **values
            )
            return url_for("accounts.profile")

        url = once(act)
        flash(_("Saved."), "free")
        return see(url)
    return _profile_page(form)


@bp.post("/account/email")
def ask_email_change() -> ResponseReturnValue:
    form = AddressForm()
    member = _me()
    if not form.validate_on_submit():
        return _profile_page(ProfileForm(formdata=None, obj=member, tariff_group=member.tariff_group.value), address=form)
    throttle.count_try(form.email.data, _address())
    with transaction():
        members.ask_email_change(actor=current_actor(), member_id=member.id, email=form.email.data)
    flash(_("Look at the mail we sent to %(email)s: its link makes the change.", email=form.email.data), "free")
    return see(url_for("accounts.profile"))


@bp.post("/account/email-proof")
def resend_proof() -> ResponseReturnValue:
    member = _me()
    throttle.count_try(f"proof {member.email}", _address())
    if member.email_proved_at is None:
        with transaction():
            members.send_proof(member)
    flash(_("We sent the mail again. Look in the unwanted ones too."), "free")
    return see(url_for("accounts.profile"))


@bp.post("/account/password")
def change_password() -> ResponseReturnValue:
    member = _me()
    form = ChangePasswordForm()
    form.known_name, form.known_email = member.name, member.email
    if form.validate_on_submit():
        throttle.count_try(f"password {member.email}", _address())
        if member.password_hash and not passwords.verified(member.password_hash, form.current.data or ""):
            form.current.errors = [_("This is not your present password.")]
        else:
            password_hash = passwords.hashed(form.password.data)
            with transaction():
                changed = members.change_password(actor=current_actor(), member_id=member.id, password_hash=password_hash)
            login_user(changed)
            flash(_("Your new password is set; other sessions have ended."), "free")
            return see(url_for("accounts.profile"))
    fresh = ProfileForm(formdata=None, obj=member, tariff_group=member.tariff_group.value)
    return _profile_page(fresh, password=form)


@bp.post("/account/calendar-address")
def new_calendar_address() -> ResponseReturnValue:
    member = _me()
    with transaction():
        members.new_calendar_address(actor=current_actor(), member_id=member.id)
    flash(_("Your calendar has a new secret address; the old one no longer works."), "free")
    return see(url_for("accounts.profile"))


@bp.get("/account/data.json")
def my_data() -> ResponseReturnValue:
    """Everything accounts keeps about me, to take away."""
    response = Response(_json(members.personal_data(_me().id)), content_type="application/json")
    response.headers["Content-Disposition"] = "attachment; filename=etabli-data.json"
    return response


@bp.route("/account/tokens", methods=["GET", "POST"])
def api_tokens() -> ResponseReturnValue:
    member, form, token = _me(), TokenForm(), None
    if form.validate_on_submit():
        with transaction():
            token = tokens.create_api_token(
                actor=current_actor(), member_id=member.id, name=form.name.data, scopes=form.scopes.data, days=form.days.data
            )
    status = form.status if form.is_submitted() else 200
    return page("accounts/tokens.html", status, form=form, token=token, tokens=queries.live_tokens(member.id))


@bp.post("/account/tokens/<int:token_id>/revocation")
def revoke_token(token_id: int) -> ResponseReturnValue:
    with transaction():
        tokens.revoke_api_token(actor=current_actor(), member_id=_me().id, token_id=token_id)
    flash(_("The token no longer works."), "free")
    return see(url_for("accounts.api_tokens"))


@bp.get("/privacy")
@public
def privacy() -> ResponseReturnValue:
    return page("accounts/privacy.html")


# ── the charter ──────────────────────────────────────────────────────────────────────────────────────────────────────


@bp.get("/charter")
@public
def charter() -> ResponseReturnValue:
    return _charter_page(CharterForm(formdata=None))


@bp.post("/charter/acceptance")
def accept_charter() -> ResponseReturnValue:
    form = CharterForm()
    in_force = queries.charter_in_force()
    if in_force is None:
        abort(404)
    _offer_points(form)
    if not form.validate_on_submit():
        return _charter_page(form)
    actor, minor = current_actor(), bool(form.is_minor.data)

    def act() -> str:
        charters.accept(
            actor=actor,
            version=request.form.get("version", 0, type=int) or 0,
            photo_consent=bool(form.photo_consent.data),
            guardian_name=form.guardian_name.data if minor else None,
            guardian_email=form.guardian_email.data if minor else None,
        )
        return _next()

    try:
        url = once(act)
    except Refused as refused:
        form.refuse(refused)
        return _charter_page(form)
    words = _("We wrote to your guardian: you can book once they agree.") if minor else _("Thank you. You can book now.")
    flash(words, "free")
    return see(url)


@bp.route("/guardian/<token>", methods=["GET", "POST"])
@public
def guardian(token: str) -> ResponseReturnValue:
    row = tokens.peek(TokenPurpose.GUARDIAN, token)
    if row is None:
        return _ask("guardian", False)
    if request.method == "POST":
        try:
            with transaction():
                charters.confirm_by_guardian(token=token)
        except Refused:
            return _ask("guardian", False)
        return page("accounts/guardian.html", child=queries.member(row.member_id), charter=None)
    acceptance = db.session.get_one(CharterAcceptance, int(row.extra or 0))
    return page("accounts/guardian.html", child=queries.member(acceptance.member_id), charter=queries.charter_in_force())


def ask_for_charter() -> ResponseReturnValue | None:
    """Before a member's page: the charter in force, if they have not accepted it. Never before signing out or the profile."""
    member = g.get("member")
    if member is None or request.method != "GET" or request.endpoint in FREE_OF_CHARTER or request.headers.get("HX-Request"):
        return None
    if request.blueprint is None or request.path.startswith("/api/") or session.get("charter_seen") == member.id:
        return None
    session["charter_seen"] = member.id
    if queries.standing(member.id).charter_accepted:
        return None
    return redirect(url_for("accounts.charter", next=request.full_path.rstrip("?")), 303)


def _charter_page(form: CharterForm) -> ResponseReturnValue:
    in_force = queries.charter_in_force()
    actor = current_actor()
    accepted = queries.acceptance(actor.member_id, in_force.id) if actor.member_id is not None and in_force else None
    _offer_points(form)
    status = form.status if form.is_submitted() else 200
    return page(
        "accounts/charter.html", status, charter=in_force, form=form, accepted=accepted, next=request.args.get("next", "")
    )


def _offer_points(form: CharterForm) -> None:
    in_force = queries.charter_in_force()
    points = in_force.points if in_force else []
    form.points.choices = [(number, i18n.in_words(point)) for number, point in enumerate(points)]


def _profile_page(
    form: ProfileForm, *, address: AddressForm | None = None, password: ChangePasswordForm | None = None
) -> ResponseReturnValue:
    failed = next((one for one in (address, password, form) if one is not None and one.is_submitted() and one.errors), None)
    return page(
        "accounts/profile.html",
        422 if failed is not None else 200,
        member=_me(),
        standing=queries.standing(_me().id),
        form=form,
        address=address or AddressForm(formdata=None),
        password=password or ChangePasswordForm(formdata=None),
        failed=failed,
        calendar_url=url_for("feeds.personal", token=_me().calendar_token, _external=True),
    )


def _me() -> Member:
    member: Member = g.member
    return member


def _next() -> str:
    return safe_next(request.values.get("next"), url_for("reports.home"))


def _address() -> str:
    return request.remote_addr or "unknown"


def _let_in(member: Member) -> ResponseReturnValue:
    url = _next()
    session.clear()
    login_user(member)
    session.permanent = True
    return see(url)


def _ask(what: str, works: bool) -> ResponseReturnValue:
    """The page of a link: a button when it would work, else where to get another."""
    return page("accounts/link.html", 200 if works else 410, what=what, works=works)


def _throttled(template: str, form: HouseForm, throttled: Throttled, **context: object) -> ResponseReturnValue:
    form.refuse(throttled)
    response = page(template, 429, form=form, **context)
    response.headers["Retry-After"] = str(int(throttle.WINDOW.total_seconds()))
    return response


def _send_quietly(form: AddressForm, send: object, template: str) -> ResponseReturnValue:
    """Send a link if the address has an account, and say the same if it has not."""
    try:
        throttle.count_try(f"mail {form.email.data}", _address())
    except Throttled as throttled:
        return _throttled(template, form, throttled, link=form, next="")
    with transaction():
        send(form.email.data)  # type: ignore[operator]
    return see(url_for("accounts.look_at_mail"))


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
