"""Who one is here: profile, address, password, calendar, API tokens, one's data."""

from __future__ import annotations

import orjson
from flask import Response, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_user

from app.accounts import access, members, passwords, queries, records, tokens
from app.accounts.edge import bp, count_try, me
from app.accounts.forms import ChangePasswordForm, EmailChangeForm, ProfileForm, TokenForm, text
from app.accounts.models import Member, TariffGroup
from app.accounts.throttle import Try
from app.kernel.actors import current_actor
from app.kernel.api import MAX_ID
from app.kernel.db import transaction
from app.kernel.web import HouseForm, once, page, public, see


@bp.route("/account", methods=["GET", "POST"])
def profile() -> ResponseReturnValue:
    form = ProfileForm()
    if not form.is_submitted():
        return _profile_page()
    if not form.validate():
        return _profile_page(form=form)
    values = {name: form[name].data for name in ("name", "locale", "photo_consent", "born_on")}
    values |= {"tariff_group": TariffGroup(form.tariff_group.data), "emergency_contact": text(form.emergency_contact) or None}
    actor, member_id = current_actor(), me().id

    def act() -> str:
        members.update_profile(actor=actor, member_id=member_id, **values)
        return url_for("accounts.profile")

    url = once(act)
    flash(_("Saved."), "free")
    return see(url)


@bp.post("/account/email")
def ask_email_change() -> ResponseReturnValue:
    member, form = me(), EmailChangeForm()
    if not form.validate_on_submit() or not _confirmed(form, member):
        return _profile_page(address=form)
    count_try(Try.LETTER, text(form.email))
    with transaction():
        members.ask_email_change(actor=current_actor(), member_id=member.id, email=text(form.email))
    flash(_("Look at the mail we sent to %(email)s: its link makes the change.", email=text(form.email)), "free")
    return see(url_for("accounts.profile"))


@bp.post("/account/email-proof")
def resend_proof() -> ResponseReturnValue:
    member = me()
    count_try(Try.LETTER, member.email)
    if member.email_proved_at is None:
        with transaction():
            access.send_proof(member, member.password_hash)
    flash(_("We sent the mail again. Look in the unwanted ones too."), "free")
    return see(url_for("accounts.profile"))


@bp.post("/account/password")
def change_password() -> ResponseReturnValue:
    member, form = me(), ChangePasswordForm()
    form.known_name, form.known_email = member.name, member.email
    if not form.validate_on_submit() or not _confirmed(form, member):
        return _profile_page(password=form)
    password_hash = passwords.hashed(form.password.data or "")
    with transaction():
        changed = access.change_password(actor=current_actor(), member_id=member.id, password_hash=password_hash)
    login_user(changed)
    flash(_("Your new password is set; other sessions have ended."), "free")
    return see(url_for("accounts.profile"))


def _confirmed(form: EmailChangeForm | ChangePasswordForm, member: Member) -> bool:
    """Whether the present password was given, by who has one: an open session alone does not take an account over."""
    if member.password_hash is None:
        return True
    count_try(Try.CONFIRMATION, member.email)
    if passwords.verified(member.password_hash, form.current.data or ""):
        return True
    form.current.errors = [_("This is not your present password.")]
    return False


@bp.post("/account/calendar-address")
def new_calendar_address() -> ResponseReturnValue:
    with transaction():
        members.new_calendar_address(actor=current_actor(), member_id=me().id)
    flash(_("Your calendar has a new secret address; the old one no longer works."), "free")
    return see(url_for("accounts.profile"))


@bp.get("/account/data.json")
def my_data() -> ResponseReturnValue:
    """Everything accounts keeps about me, to take away."""
    body = orjson.dumps(records.personal_data(me().id), option=orjson.OPT_INDENT_2)
    response = Response(body, content_type="application/json")
    response.headers["Content-Disposition"] = "attachment; filename=etabli-data.json"
    return response


@bp.route("/account/tokens", methods=["GET", "POST"])
def api_tokens() -> ResponseReturnValue:
    """A token is on the page that made it, once; sent again, the form leads back to the list."""
    form, made = TokenForm(), ""
    if form.validate_on_submit():
        actor, member_id = current_actor(), me().id

        def act() -> str:
            nonlocal made
            made = tokens.create_api_token(
                actor=actor, member_id=member_id, name=text(form.name), scopes=form.scopes.data or [], days=form.days.data
            )
            return url_for("accounts.api_tokens")

        url = once(act)
        if not made:
            return see(url)
        form = TokenForm(formdata=None)
    status = form.status if form.is_submitted() else 200
    return page("accounts/tokens.html", status, form=form, token=made, tokens=queries.live_tokens(me().id))


@bp.post(f"/account/tokens/<int(max={MAX_ID}):token_id>/revocation")
def revoke_token(token_id: int) -> ResponseReturnValue:
    with transaction():
        tokens.revoke_api_token(actor=current_actor(), member_id=me().id, token_id=token_id)
    flash(_("The token no longer works."), "free")
    return see(url_for("accounts.api_tokens"))


@bp.get("/privacy")
@public
def privacy() -> ResponseReturnValue:
    return page("accounts/privacy.html")


def _profile_page(
    *, form: ProfileForm | None = None, address: EmailChangeForm | None = None, password: ChangePasswordForm | None = None
) -> ResponseReturnValue:
    """The forms of the profile: the one sent back with its errors, the others as new."""
    member = me()
    failed: HouseForm | None = form or address or password
    return page(
        "accounts/profile.html",
        422 if failed is not None else 200,
        member=member,
        standing=queries.standing(member.id),
        form=form or ProfileForm(formdata=None, obj=member),
        address=address or EmailChangeForm(formdata=None),
        password=password or ChangePasswordForm(formdata=None),
        failed=failed,
        calendar_url=url_for("feeds.personal", token=member.calendar_token, _external=True),
    )
