"""The letters of trainings, each in its reader's language."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_babel import gettext as _

from app.accounts import queries as accounts
from app.kernel import clock, i18n, mail
from app.kernel.db import db
from app.kernel.mail import Letter
from trainings import histories, openings, queries
from trainings.models import Certification, Competence, Revocation, Suspension
from trainings.rules import LEVEL_WORDS


def init_app(app: Flask) -> None:
    mail.compose_with(app, "trainings.certified", _certified)
    mail.compose_with(app, "trainings.suspended", _suspended)
    mail.compose_with(app, "trainings.lifted", _lifted)
    mail.compose_with(app, "trainings.revoked", _revoked)
    mail.compose_with(app, "trainings.expiring", _expiring)


def _certified(facts: dict[str, Any]) -> Letter | None:
    """Nothing is left to say when it was taken away before the letter was written: the other letter tells."""
    row = histories.certification(facts["certification"])
    held = queries.held(row.member_id, clock.today()).get(row.competence_id)
    if held is None:
        return None
    to = accounts.recipient(row.member_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(row.competence.name)
        opened = openings.opened_by([row.competence_id]).get(row.competence_id, [])
        lines = [
            _("You may now use what “%(competence)s” covers, on your own.", competence=name)
            if row.level.is_autonomous
            else _("You may now use what “%(competence)s” covers, with somebody of the team beside you.", competence=name)
        ]
        if opened:
            lines.append(_("It opens: %(places)s.", places=", ".join(place for place, _url in opened)))
        actions = [(_("Book: %(place)s", place=place), url) for place, url in opened[:3]]
        actions.append((_("See my competences"), mail.absolute("trainings.my_competences")))
        return Letter(
            to=to,
            subject=_("You are certified: %(competence)s", competence=name),
            lines=lines,
            facts=_facts_of(row, accounts.names([row.granted_by_id]).get(row.granted_by_id, "")),
            actions=actions,
            reason=_("You get this letter because somebody of the team certified you."),
        )


def _suspended(facts: dict[str, Any]) -> Letter | None:
    row = db.session.get_one(Suspension, facts["suspension"])
    competence = db.session.get_one(Competence, row.competence_id)
    to = accounts.recipient(row.member_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(competence.name)
        return Letter(
            to=to,
            subject=_("Your certification is suspended: %(competence)s", competence=name),
            lines=[
                _("Please do not use what “%(competence)s” covers until the suspension is lifted.", competence=name),
                _("The reason given: %(reason)s", reason=row.reason),
                _("Talk to a trainer or a manager at the lab: somebody other than you can lift it."),
            ],
            facts=[(_("Suspended on"), i18n.moment(row.suspended_at)), *_by(row.suspended_by_id)],
            actions=[(_("See my certification"), _address(row.certification_id))],
            reason=_("You get this letter because it concerns your safety and that of others."),
        )


def _lifted(facts: dict[str, Any]) -> Letter | None:
    row = db.session.get_one(Suspension, facts["suspension"])
    competence = db.session.get_one(Competence, row.competence_id)
    to = accounts.recipient(row.member_id)
    if row.ended_at is None:
        return None
    with i18n.speaking(to.locale):
        name = i18n.in_words(competence.name)
        held = queries.held(row.member_id, clock.today()).get(row.competence_id)
        lines = [
            _("The suspension is over: your certification counts again.")
            if held
            else _("The suspension is over, but your certification has expired meanwhile: ask to renew it.")
        ]
        if row.ending_note:
            lines.append(_("The note left: %(note)s", note=row.ending_note))
        opened = openings.opened_by([row.competence_id]).get(row.competence_id, []) if held else []
        actions = [(_("Book: %(place)s", place=place), url) for place, url in opened[:3]]
        return Letter(
            to=to,
            subject=_("The suspension is lifted: %(competence)s", competence=name),
            lines=lines,
            facts=[(_("Lifted on"), i18n.moment(row.ended_at)), *_by(row.ended_by_id)],
            actions=[*actions, (_("See my certification"), _address(row.certification_id))],
            reason=_("You get this letter because your certification was suspended."),
        )


def _revoked(facts: dict[str, Any]) -> Letter | None:
    row = db.session.get_one(Revocation, facts["revocation"])
    competence = db.session.get_one(Competence, row.competence_id)
    to = accounts.recipient(row.member_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(competence.name)
        return Letter(
            to=to,
            subject=_("Your certification is revoked: %(competence)s", competence=name),
            lines=[
                _("You may no longer use what “%(competence)s” covers.", competence=name),
                _("The reason given: %(reason)s", reason=row.reason),
                _("To use it again, get certified anew: the page says how."),
            ],
            facts=[(_("Revoked on"), i18n.moment(row.revoked_at)), *_by(row.revoked_by_id)],
            actions=[
                (_("See how to get certified"), mail.absolute("trainings.competence", slug=competence.slug)),
                (_("See my certification"), _address(row.certification_id)),
            ],
            reason=_("You get this letter because it concerns your safety and that of others."),
        )


def _expiring(facts: dict[str, Any]) -> Letter | None:
    """Nothing is left to say once it is renewed, suspended, revoked or over."""
    row = histories.certification(facts["certification"])
    today = clock.today()
    held = queries.held(row.member_id, today).get(row.competence_id)
    if held is None or held.certification_id != row.id or row.valid_until is None:
        return None
    to = accounts.recipient(row.member_id)
    with i18n.speaking(to.locale):
        name = i18n.in_words(row.competence.name)
        return Letter(
            to=to,
            subject=_("%(competence)s: certified until %(day)s", competence=name, day=i18n.day(row.valid_until)),
            lines=[
                _(
                    "Your certification “%(competence)s” ends on %(day)s. From the day after, you cannot book with it.",
                    competence=name,
                    day=i18n.day(row.valid_until),
                ),
                _("Ask a trainer to renew it, or ask to be told of the next date."),
            ],
            facts=_facts_of(row, ""),
            actions=[(_("Renew it"), mail.absolute("trainings.competence", slug=row.competence.slug))],
            reason=_("You get this letter 30 days and 7 days before a certification ends."),
        )


def _facts_of(row: Certification, by: str) -> list[tuple[str, str]]:
    until = i18n.day(row.valid_until, year=True) if row.valid_until else _("No end")
    found = [(_("Level"), _(LEVEL_WORDS[row.level])), (_("Until"), until)]
    return [*found, (_("By"), by)] if by else found


def _by(member_id: int | None) -> list[tuple[str, str]]:
    name = accounts.names([member_id]).get(member_id) if member_id is not None else None
    return [(_("By"), name)] if name else []


def _address(certification_id: int) -> str:
    return mail.absolute("trainings.certification", certification_id=certification_id)
