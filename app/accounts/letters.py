"""The letters about accounts, in the reader's language."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_babel import gettext as _

from app.accounts import queries
from app.accounts.models import CharterAcceptance
from app.kernel import i18n, mail
from app.kernel.db import db
from app.kernel.mail import Letter, Recipient


def init_app(app: Flask) -> None:
    for name, composer in (
        ("prove_email", _prove_email),
        ("already_member", _already_member),
        ("sign_in_link", _sign_in_link),
        ("reset_password", _reset_password),
        ("change_email", _change_email),
        ("email_changed", _email_changed),
        ("guardian", _guardian),
        ("suspended", _suspended),
        ("reinstated", _reinstated),
    ):
        mail.compose_with(app, f"accounts.{name}", composer)


def _prove_email(facts: dict[str, Any]) -> Letter:
    to = queries.recipient(facts["member"])
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Prove your address"),
            lines=[_("Welcome! Press the button to prove that this address is yours. The link works for 24 hours.")],
            actions=[
                (
                    _("This is my address"),
                    mail.absolute("accounts.prove_email", token=facts["token"], next=facts.get("back") or None),
                )
            ],
            reason=_("You did not create this account? Do nothing: without the button, nobody can book with it."),
        )


def _already_member(facts: dict[str, Any]) -> Letter:
    to = queries.recipient(facts["member"])
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("You have an account already"),
            lines=[_("Somebody, you perhaps, wanted to use this address for an account. It has one already.")],
            actions=[(_("Sign in"), mail.absolute("accounts.sign_in"))],
            reason=_("It was not you? Nothing changed, you need do nothing."),
        )


def _sign_in_link(facts: dict[str, Any]) -> Letter:
    to = queries.recipient(facts["member"])
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Your link to sign in"),
            lines=[_("Press the button to sign in. The link works once, for 15 minutes.")],
            actions=[(_("Sign in"), mail.absolute("accounts.follow_link", token=facts["token"], next=facts.get("back") or None))],
            reason=_("You did not ask for it? Do nothing."),
        )


def _reset_password(facts: dict[str, Any]) -> Letter:
    to = queries.recipient(facts["member"])
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Choose a new password"),
            lines=[_("Press the button to choose a new password. The link works once, for one hour.")],
            actions=[(_("Choose a password"), mail.absolute("accounts.reset_password", token=facts["token"]))],
            reason=_("You did not ask for it? Do nothing: your password stays."),
        )


def _change_email(facts: dict[str, Any]) -> Letter:
    known = queries.recipient(facts["member"])
    to = Recipient(facts["email"], known.name, known.locale)
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Prove your new address"),
            lines=[_("Press the button to use this address for your account. The link works for 24 hours.")],
            actions=[(_("Use this address"), mail.absolute("accounts.change_email", token=facts["token"]))],
            reason=_("You did not ask for it? Do nothing: the account keeps its address."),
        )


def _email_changed(facts: dict[str, Any]) -> Letter:
    known = queries.recipient(facts["member"])
    to = Recipient(facts["before"], known.name, known.locale)
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Your account has a new address"),
            lines=[_("From now on we write to the new address of your account, and you sign in with it.")],
            reason=_("It was not you? Tell the team of the lab at once."),
        )


def _guardian(facts: dict[str, Any]) -> Letter | None:
    acceptance = db.session.get_one(CharterAcceptance, facts["acceptance"])
    if acceptance.guardian_email is None or acceptance.guardian_confirmed_at is not None:
        return None
    child = queries.recipient(acceptance.member_id)
    to = Recipient(acceptance.guardian_email, acceptance.guardian_name or "", child.locale)
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("%(name)s needs your agreement", name=child.name),
            lines=[
                _("%(name)s, who is under 18, would like to use our workshop and names you as guardian.", name=child.name),
                _("Please read the charter and confirm with the button. The link works for 14 days."),
            ],
            actions=[(_("Read and confirm"), mail.absolute("accounts.guardian", token=facts["token"]))],
            reason=_("You do not know this person? Do nothing: nothing happens without you."),
        )


def _suspended(facts: dict[str, Any]) -> Letter:
    to = queries.recipient(facts["member"])
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Your account is suspended"),
            lines=[
                _("A manager suspended your account: you cannot book or use machines for now."),
                _("Reason: %(reason)s", reason=facts["reason"]),
                _("Come and talk about it with the team: a suspension can be lifted."),
            ],
        )


def _reinstated(facts: dict[str, Any]) -> Letter:
    to = queries.recipient(facts["member"])
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Your account is open again"),
            lines=[_("You can book and use the machines again. Welcome back!")],
            actions=[(_("See the machines"), mail.absolute("reports.home"))],
        )
