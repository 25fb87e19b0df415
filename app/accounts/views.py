"""Getting in and out: sign-up, sign-in, the links of letters, language and light. Who one is: `profile_views`."""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.accounts import access, members, passwords, queries, throttle, tokens
from app.accounts.edge import address, bp, count_try, let_in, me, onward, slow_down, wished
from app.accounts.forms import AddressForm, PasswordForm, SignInForm, SignUpForm, text
from app.accounts.models import Member, TokenPurpose
from app.accounts.rules import WRONG_PASSWORD
from app.accounts.throttle import Throttled, Try
from app.kernel import i18n
from app.kernel.actors import Actor, current_actor
from app.kernel.db import transaction
from app.kernel.refusals import Refusal, Refused
from app.kernel.web import HouseForm, once, page, public, safe_next, see


@bp.route("/sign-up", methods=["GET", "POST"])
@public
def sign_up() -> ResponseReturnValue:
    if current_actor().member_id is not None:
        return see(onward())
    form = SignUpForm()
    if not form.validate_on_submit():
        return page("accounts/sign_up.html", form.status if form.is_submitted() else 200, form=form, next=wished())
    try:
        count_try(Try.JOINING, text(form.email))
    except Throttled as throttled:
        return slow_down("accounts/sign_up.html", form, throttled, next=wished())
    password_hash = passwords.hashed(form.password.data) if form.password.data else None
    language, back = i18n.locale(), wished()

    def act() -> str:
        members.sign_up(
            actor=Actor(None),
            name=text(form.name),
            email=text(form.email),
            password_hash=password_hash,
            locale=language,
            back=back,
        )
        return url_for("accounts.look_at_mail")

    url = once(act)
    session["wrote_to"] = text(form.email)
    return see(url)


@bp.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """With a password, or with a link by mail: asked for by its button, or by leaving the password empty."""
    if current_actor().member_id is not None:
        return see(onward())
    form = SignInForm()
    if form.validate_on_submit():
        asks_link = "link" in request.form or not form.password.data
        try:
            if form.password.data and (member := _recognised(text(form.email), form.password.data)):
                return let_in(member)
        except Throttled as throttled:
            if not asks_link:
                return slow_down("accounts/sign_in.html", form, throttled, next=wished())
        if asks_link:
            back = wished()
            return _send_quietly(form, lambda email: access.ask_link(email=email, back=back), "accounts/sign_in.html")
        form.refuse(Refused([WRONG_PASSWORD()]))
    return page("accounts/sign_in.html", form.status if form.is_submitted() else 200, form=form, next=wished())


def _recognised(email: str, password: str) -> Member | None:
    """Whose password this is. Raises Throttled."""
    count_try(Try.PASSWORD, email)
    member = queries.member_by_email(email)
    if not passwords.verified(member.password_hash if member else None, password):
        return None
    with transaction():
        throttle.forgive(Try.PASSWORD, email, address())
    return member


def _send_quietly(form: HouseForm, ask: Callable[[str], None], template: str) -> ResponseReturnValue:
    """Have a link sent if the address has an account, and say the same if it has not."""
    email = text(form["email"])
    try:
        count_try(Try.LETTER, email)
    except Throttled as throttled:
        return slow_down(template, form, throttled, next=wished())
    with transaction():
        ask(email)
    session["wrote_to"] = email
    return see(url_for("accounts.look_at_mail"))


@bp.get("/look-at-your-mail")
@public
def look_at_mail() -> ResponseReturnValue:
    keeps_letters = not current_app.extensions["settings"].smtp_url
    return page("accounts/look_at_mail.html", email=session.get("wrote_to"), keeps_letters=keeps_letters)


@bp.route("/password/forgotten", methods=["GET", "POST"])
@public
def forgotten() -> ResponseReturnValue:
    form = AddressForm()
    if form.validate_on_submit():
        return _send_quietly(form, lambda email: access.ask_reset(email=email), "accounts/forgotten.html")
    return page("accounts/forgotten.html", form.status if form.is_submitted() else 200, form=form)


# ── links of letters: looking does nothing (mail programs look, by GET and by HEAD), the button acts ─────────────────


@bp.route("/sign-in/link/<token>", methods=["GET", "POST"])
@public
def follow_link(token: str) -> ResponseReturnValue:
    if request.method != "POST":
        return _look(TokenPurpose.SIGN_IN, token)
    try:
        with transaction():
            member, set_aside = access.follow_link(token=token)
    except Refused as refused:
        return _spent(TokenPurpose.SIGN_IN, refused)
    response = let_in(member)
    if set_aside:
        flash(_("Your address is proved. For safety, choose your password again, on this page or later."), "care")
        return see(url_for("accounts.profile", _anchor="password"))
    return response


@bp.route("/email-proofs/<token>", methods=["GET", "POST"])
@public
def prove_email(token: str) -> ResponseReturnValue:
    if request.method != "POST":
        return _look(TokenPurpose.PROVE_EMAIL, token)
    try:
        with transaction():
            member = access.prove_email(token=token)
    except Refused as refused:
        return _spent(TokenPurpose.PROVE_EMAIL, refused)
    response = let_in(member)
    flash(_("Your address is proved. Welcome!"), "free")
    return response


@bp.route("/email-changes/<token>", methods=["GET", "POST"])
@public
def change_email(token: str) -> ResponseReturnValue:
    if request.method != "POST":
        return _look(TokenPurpose.CHANGE_EMAIL, token)
    try:
        with transaction():
            member = members.change_email(token=token)
    except Refused as refused:
        return _spent(TokenPurpose.CHANGE_EMAIL, refused)
    response = let_in(member)
    flash(_("Your account uses this address now."), "free")
    return response


@bp.route("/password/<token>", methods=["GET", "POST"])
@public
def reset_password(token: str) -> ResponseReturnValue:
    row = tokens.peek(TokenPurpose.RESET_PASSWORD, token)
    if row is None:
        return _spent(TokenPurpose.RESET_PASSWORD)
    owner = queries.member(row.member_id)
    form = PasswordForm()
    form.known_name, form.known_email = owner.name, owner.email
    if form.validate_on_submit():
        password_hash = passwords.hashed(form.password.data or "")
        try:
            with transaction():
                member = access.reset_password(token=token, password_hash=password_hash)
        except Refused as refused:
            return _spent(TokenPurpose.RESET_PASSWORD, refused)
        response = let_in(member)
        flash(_("Your new password is set; other sessions have ended."), "free")
        return response
    return page("accounts/reset.html", form.status if form.is_submitted() else 200, form=form, email=owner.email)


def _look(purpose: TokenPurpose, token: str) -> ResponseReturnValue:
    row = tokens.peek(purpose, token)
    if row is None:
        return _spent(purpose)
    owner = queries.member(row.member_id)
    email = row.extra if purpose is TokenPurpose.CHANGE_EMAIL else owner.email
    return page("accounts/link.html", what=purpose.value, works=True, owner=owner, email=email, next=wished())


def _spent(purpose: TokenPurpose, refused: Refused | None = None) -> ResponseReturnValue:
    """Why a link does nothing any more, and where to get another."""
    refusals: list[Refusal] = refused.refusals if refused else []
    return page("accounts/link.html", 410, what=purpose.value, works=False, refusals=refusals)


# ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@bp.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    session.clear()
    return see(url_for("reports.home"))


@bp.post("/sign-out/everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    with transaction():
        access.end_sessions(actor=current_actor(), member_id=me().id)
    session.clear()
    flash(_("You are signed out on every device."), "free")
    return see(url_for("accounts.sign_in"))


# ── language and light ───────────────────────────────────────────────────────────────────────────────────────────────


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
        is_secure = current_app.extensions["settings"].is_secure
        response.set_cookie("theme", chosen, max_age=60 * 60 * 24 * 365, samesite="Lax", httponly=True, secure=is_secure)
    else:
        response.delete_cookie("theme")
    return response
