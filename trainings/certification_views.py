"""Pages where people are certified, and one certification's history with what may be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.exc import NoResultFound

from app.accounts import queries as accounts
from app.kernel import clock
from app.kernel.actors import Actor, Role, current_actor
from app.kernel.refusals import NotAllowed, Refusal, Refused
from app.kernel.web import once, page, see
from trainings import certifications, facts, histories, queries, rosters, rules
from trainings.certifications import Award, Outcome
from trainings.forms import MOST_AT_ONCE, CertifyForm, LiftForm, ReasonForm, posted_ids
from trainings.models import Certification, Competence, Level
from trainings.views import bp

__all__ = ["bp"]

ID = "<int(max=2147483647):certification_id>"

Act = Callable[[Actor, int, str], Any]


# ── certifying ───────────────────────────────────────────────────────────────────────────────────────────────────────


@bp.get("/competences/<slug>/certifications")
def certify(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)
    _only_certifiers(row)
    form = CertifyForm(formdata=None).name_choices()
    form.valid_until.data = rules.last_day(clock.today(), row.valid_months)
    return _certify_page(row, form, posted_ids(request.args.getlist("m"))[:MOST_AT_ONCE], {}, {})


@bp.post("/competences/<slug>/certifications")
def create_certifications(slug: str) -> ResponseReturnValue:
    row = queries.competence(slug)
    _only_certifiers(row)
    form = CertifyForm().name_choices()
    awards = form.awards()
    outcomes: list[Outcome] = []

    def act() -> str:
        outcomes[:] = certifications.grant_all(
            actor=current_actor(),
            competence_id=row.id,
            awards=awards,
            evidence=rules.Evidence(form.evidence.data),
            valid_until=form.valid_until.data,
            note=form.note.data or None,
        )
        left = [outcome.member_id for outcome in outcomes if outcome.certification is None]
        if len(left) == len(outcomes):
            raise Refused([refusal for outcome in outcomes for refusal in outcome.refusals])
        return url_for("trainings.certify", slug=row.slug, m=left) if left else url_for("trainings.competence", slug=row.slug)

    if form.validate() and awards:
        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            _tell(outcomes)
            return see(url)
    chosen = posted_ids(request.form.getlist("member"))
    levels = {award.member_id: award.level for award in awards}
    against = {outcome.member_id: outcome.refusals for outcome in outcomes}
    return _certify_page(row, form, chosen, levels, against)


def _tell(outcomes: Sequence[Outcome]) -> None:
    """The result, person by person; a repeated click finds nothing more to tell."""
    granted = [outcome for outcome in outcomes if outcome.certification is not None]
    left = [outcome for outcome in outcomes if outcome.certification is None]
    if granted:
        names = ", ".join(
            _("%(name)s (%(level)s)", name=outcome.name, level=_(rules.LEVEL_WORDS[outcome.certification.level]).lower())
            for outcome in granted
            if outcome.certification
        )
        flash(
            ngettext("%(num)d person certified: %(names)s.", "%(num)d people certified: %(names)s.", len(granted), names=names),
            "free",
        )
    if left:
        names = ", ".join(outcome.name for outcome in left)
        flash(_("Not certified yet: %(names)s. The reasons stand beside each name.", names=names), "care")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One person on the trainer's list, and what stands against certifying them."""

    member_id: int
    name: str
    hint: str
    level: Level
    refusals: Sequence[Refusal]


def _certify_page(
    row: Competence,
    form: CertifyForm,
    chosen: Sequence[int],
    levels: Mapping[int, Level],
    against: Mapping[int, Sequence[Refusal]],
) -> ResponseReturnValue:
    actor = current_actor()
    people = rosters.members_named(chosen)
    awards = [Award(person.member_id, levels.get(person.member_id, Level.AUTONOMOUS)) for person in people]
    until: date | None = form.valid_until.data
    found = against or certifications.preview(actor=actor, competence_id=row.id, awards=awards, valid_until=until)
    listed = {person.member_id for person in people}
    words = request.args.get("q", "").replace("\x00", "")[:100]
    return page(
        "trainings/certify.html",
        form.status,
        competence=row,
        form=form,
        candidates=[
            _Candidate(
                person.member_id,
                person.name,
                person.hint,
                levels.get(person.member_id, Level.AUTONOMOUS),
                found.get(person.member_id, ()),
            )
            for person in people
        ],
        words=words,
        results=[one for one in rosters.find_members(words) if one.member_id not in listed] if words else [],
        waiting=[one for one in rosters.waiting(row.id) if one.member_id not in listed],
        levels=[level for level in Level if level is not Level.TRAINER or actor.has(Role.MANAGER)],
        level_words=rules.LEVEL_WORDS,
        is_full=len(people) >= MOST_AT_ONCE,
        latest=rules.last_day(clock.today(), row.valid_months),
    )


# ── one certification ────────────────────────────────────────────────────────────────────────────────────────────────


@bp.get(f"/certifications/{ID}")
def certification(certification_id: int) -> ResponseReturnValue:
    row, certifier = _readable(certification_id)
    history = histories.history(row)
    siblings = histories.certifications_of(row.member_id, row.competence_id)
    badge = next(one for one in histories.badges(row.member_id, clock.today()) if one.competence.id == row.competence_id)
    return page(
        "trainings/certification.html",
        certification=row,
        competence=row.competence,
        certifier=certifier,
        history=history,
        siblings=siblings,
        badge=badge,
        names=accounts.names([row.member_id, *(entry.by_id for entry in history), *(one.granted_by_id for one in siblings)]),
        level_words=rules.LEVEL_WORDS,
        evidence_words=rules.EVIDENCE_WORDS,
        is_mine=certifier.member_id == row.member_id,
    )


@dataclass(frozen=True, slots=True)
class _Taking:
    """The words of one of the three acts on a certification."""

    title: str
    text: str
    label: str
    kind: str
    done: str


def _suspend(actor: Actor, certification_id: int, words: str) -> None:
    certifications.suspend(actor=actor, certification_id=certification_id, reason=words)


def _lift(actor: Actor, certification_id: int, words: str) -> None:
    certifications.lift(actor=actor, certification_id=certification_id, note=words or None)


def _revoke(actor: Actor, certification_id: int, words: str) -> None:
    certifications.revoke(actor=actor, certification_id=certification_id, reason=words)


@bp.route(f"/certifications/{ID}/suspension", methods=["GET", "POST"])
def suspend_certification(certification_id: int) -> ResponseReturnValue:
    words = _Taking(
        title=_("Suspend at once"),
        text=_("From now on nothing of this competence counts for this person, until somebody else lifts it."),
        label=_("Suspend"),
        kind="danger",
        done=_("Suspended. The member was told why."),
    )
    return _take(certification_id, ReasonForm(), words, _suspend)


@bp.route(f"/certifications/{ID}/reinstatement", methods=["GET", "POST"])
def reinstate_certification(certification_id: int) -> ResponseReturnValue:
    words = _Taking(
        title=_("Lift the suspension"),
        text=_("What was granted before counts again at once."),
        label=_("Lift the suspension"),
        kind="primary",
        done=_("The suspension is lifted. The member was told."),
    )
    return _take(certification_id, LiftForm(), words, _lift)


@bp.route(f"/certifications/{ID}/revocation", methods=["GET", "POST"])
def revoke_certification(certification_id: int) -> ResponseReturnValue:
    words = _Taking(
        title=_("Revoke for good"),
        text=_("Everything granted so far for this competence stops counting. Only a new certification gives it back."),
        label=_("Revoke"),
        kind="danger",
        done=_("Revoked. The member was told why."),
    )
    return _take(certification_id, ReasonForm(), words, _revoke)


def _take(certification_id: int, form: ReasonForm | LiftForm, words: _Taking, do: Act) -> ResponseReturnValue:
    row, certifier = _readable(certification_id)
    if not certifier.may:
        raise NotAllowed
    back = url_for("trainings.certification", certification_id=certification_id)
    if request.method == "POST" and form.validate():

        def act() -> str:
            do(current_actor(), certification_id, form.reason.data or "")
            return back

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(words.done, "free")
            return see(url)
    name = accounts.names([row.member_id])[row.member_id]
    return page(
        "trainings/take.html",
        form.status,
        form=form,
        words=words,
        certification=row,
        competence=row.competence,
        name=name,
        back=back,
    )


# ── shared ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _readable(certification_id: int) -> tuple[Certification, rules.Certifier]:
    """Somebody else's history is nothing, for who neither trains it nor manages."""
    row = histories.certification(certification_id)
    certifier = facts.certifier(current_actor(), row.competence_id)
    if not rules.may_read(certifier, member_id=row.member_id):
        raise NoResultFound
    return row, certifier


def _only_certifiers(row: Competence) -> None:
    if not facts.certifier(current_actor(), row.id).may:
        raise NotAllowed
