"""The letters about prints, in the reader's language. Each is sent with `job`, to its owner, or to the team with `team=True`.

Those of other people (who is next, who is asked whose a foreign print was) are in `other_letters`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts import lab
from app.accounts import queries as accounts
from app.kernel import i18n, mail
from app.kernel.db import db
from app.kernel.mail import Letter, Recipient
from machines.models import Machine, Reservation
from machines.printing.models import PrintJob
from machines.printing.queries import counting
from machines.printing.rules import OPEN, JobState, Outcome, PausedBy

COLLECT_WITHIN = timedelta(minutes=30)
"""How long a finished piece may stay on the bed before the team puts it on the shelf."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one letter adds to what they all say: its subject, its lines, its facts."""

    subject: str
    lines: list[str]
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class About:
    """A print in the words of the language being spoken. `who` is somebody's name, said to the team only."""

    job: PrintJob
    machine: str
    file: str
    who: str
    is_for_team: bool


def init_app(app: Flask) -> None:
    for name, words in (
        ("approval_asked", _approval_asked),
        ("approved", _approved),
        ("refused", _refused),
        ("paused", _paused),
        ("finished", _finished),
        ("stopped", _stopped),
        ("failed", _failed),
        ("lost", _lost),
        ("unreachable", _unreachable),
        ("stalled", _stalled),
        ("rejected", _rejected),
        ("overrun_owner", _overrun_owner),
    ):
        mail.compose_with(app, f"printing.{name}", _letter(words))


def _letter(words: Callable[[About], Said | None]) -> mail.Composer:
    def compose(facts: dict[str, Any]) -> Letter | None:
        job = _job(facts["job"])
        is_for_team = bool(facts.get("team"))
        to = team() if is_for_team else accounts.recipient(job.reservation.member_id)
        if to is None:
            return None
        with i18n.speaking(to.locale):
            owner = accounts.names([job.reservation.member_id]).get(job.reservation.member_id, "")
            about = About(job, i18n.in_words(job.reservation.machine.name), job.file.name, owner, is_for_team)
            said = words(about)
            if said is None:
                return None
            who = [(_("Member"), owner)] if is_for_team else []
            return Letter(
                to=to,
                subject=said.subject,
                lines=said.lines,
                facts=[(_("Machine"), about.machine), (_("File"), about.file), *who, *said.facts],
                actions=[(_("Open the print"), mail.absolute("prints.one", job_id=job.id))],
            )

    return compose


def team() -> Recipient | None:
    """Where letters to the team go: the lab's own address, in the lab's language; None where it has none."""
    house = lab.current()
    return Recipient(house.email, house.name, i18n.DEFAULT_LOCALE) if house is not None and house.email else None


def _job(ident: int) -> PrintJob:
    statement = select(PrintJob).where(PrintJob.id == ident)
    whole = joinedload(PrintJob.reservation).joinedload(Reservation.machine).joinedload(Machine.resource)
    return db.session.scalars(statement.options(whole, joinedload(PrintJob.file), joinedload(PrintJob.link))).one()


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _approval_asked(about: About) -> Said | None:
    job = about.job
    if job.is_approved is not None or job.state is not JobState.ATTACHED:
        return None
    return Said(
        _("%(machine)s: a print waits for your eyes", machine=about.machine),
        [
            _(
                "%(name)s would like to print “%(file)s”. It may start once somebody has looked at it.",
                name=about.who,
                file=about.file,
            ),
            _("The slot begins %(when)s.", when=i18n.moment(job.reservation.starts_at)),
        ],
        _estimate(job),
    )


def _approved(about: About) -> Said:
    note = [_("Their note: %(note)s", note=about.job.decision_note)] if about.job.decision_note else []
    return Said(
        _("%(machine)s: your print may start", machine=about.machine),
        [_("The team has looked at “%(file)s” and it may start in your slot.", file=about.file), *note],
        [(_("When"), i18n.span(about.job.reservation.starts_at, about.job.reservation.ends_at))],
    )


def _refused(about: About) -> Said:
    return Said(
        _("%(machine)s: your print may not start as it is", machine=about.machine),
        [
            _("The team has looked at “%(file)s” and asks you to change something first.", file=about.file),
            _("Their reason: %(note)s", note=about.job.decision_note or _("they will tell you at the desk.")),
            _("Send the changed file on the page of your reservation: your slot stays yours."),
        ],
        [],
    )


def _rejected(about: About) -> Said:
    return Said(
        _("%(machine)s: the print did not start", machine=about.machine),
        [
            _("The printer did not take “%(file)s”. Nothing was printed and nothing is charged for it.", file=about.file),
            _("Look at the printer, then print it again from its page."),
        ],
        [],
    )


# ── meanwhile ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _paused(about: About) -> Said | None:
    if about.job.state is not JobState.PAUSED or about.job.paused_by not in (PausedBy.FILE, PausedBy.PRINTER):
        return None
    why = (
        _("The file asks for it, most often to change the filament.")
        if about.job.paused_by is PausedBy.FILE
        else _("The printer paused by itself: the filament may have run out, or somebody pressed its button.")
    )
    return Said(
        _("%(machine)s waits for you: “%(file)s” is paused", machine=about.machine, file=about.file),
        [why, _("Come to the printer, do what it asks, and let it go on there or from the print’s page.")],
        _timing(about.job),
    )


def _unreachable(about: About) -> Said | None:
    if about.job.state not in OPEN:
        return None
    return Said(
        _("%(machine)s does not answer while it prints", machine=about.machine),
        [
            _("We have not heard the printer for a few minutes. Most often the network is cut and the print goes on."),
            _("If you are in the lab, please have a look. We never stop a print because of this."),
        ],
        _timing(about.job),
    )


def _stalled(about: About) -> Said | None:
    if about.job.state not in OPEN:
        return None
    return Said(
        _("%(machine)s has not moved for a while", machine=about.machine),
        [
            _("The printer says that it prints, but “%(file)s” has not advanced for at least ten minutes.", file=about.file),
            _("Please have a look: it may be stuck, with a hot nozzle. You can stop the print from its page."),
        ],
        _timing(about.job),
    )


def _overrun_owner(about: About) -> Said | None:
    if about.job.state not in OPEN:
        return None
    return Said(
        _("%(machine)s: your print will pass the end of your slot", machine=about.machine),
        [
            _("It goes on for now. Lengthen your reservation if nobody has the printer after you, or stop the print in time."),
            _("If somebody waits for the printer, they have been told and see when it should be free."),
        ],
        [(_("Your slot ends"), i18n.moment(about.job.reservation.ends_at)), *_timing(about.job)],
    )


# ── after ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _finished(about: About) -> Said:
    return Said(
        _("%(machine)s: “%(file)s” is finished", machine=about.machine, file=about.file),
        [
            _("Let the bed cool down, then come and take your piece."),
            _(
                "Please collect it within %(length)s: after that the team may put it on the shelf for the next person.",
                length=i18n.duration(int(COLLECT_WITHIN.total_seconds()) // 60),
            ),
        ],
        _used(about.job),
    )


def _stopped(about: About) -> Said:
    by = about.job.cancelled_by_id
    if by is None:
        first = _("Its slot was over, and this printer stops then.")
    elif by == about.job.reservation.member_id and not about.is_for_team:
        first = _("You stopped it.")
    else:
        first = _("%(name)s stopped it.", name=accounts.names([by]).get(by, ""))
    return Said(
        _("%(machine)s: “%(file)s” was stopped", machine=about.machine, file=about.file),
        [first, _("Please clear the bed for the next person, and print it again when you are ready.")],
        _used(about.job),
    )


def _failed(about: About) -> Said:
    record = counting([about.job.id]).get(about.job.id)
    is_elsewhere = record is not None and record.outcome is Outcome.STOPPED_ELSEWHERE
    first = (
        _("It was stopped at the printer or on its server’s own page, not from here.")
        if is_elsewhere
        else _("The printer stopped before the end, and it looks like a fault of the machine.")
    )
    if about.is_for_team:
        then = _("Please have a look at the printer before the next person comes.")
    elif is_elsewhere:
        then = _("If it was the machine, say so on the print’s page: what the machine spoils costs you nothing.")
    else:
        then = _("We are sorry. What the machine spoils costs you nothing; print it again when you like.")
    return Said(_("%(machine)s: “%(file)s” has failed", machine=about.machine, file=about.file), [first, then], _used(about.job))


def _lost(about: About) -> Said:
    return Said(
        _("%(machine)s: how did “%(file)s” end?", machine=about.machine, file=about.file),
        [
            _("We lost sight of the print and cannot know how it ended: a power cut or a restart, perhaps."),
            _("Nothing is charged for it until somebody says. One tap on its page is enough."),
        ],
        [],
    )


def _estimate(job: PrintJob) -> list[tuple[str, str]]:
    if job.estimated_seconds is None:
        return []
    return [(_("Estimated time"), i18n.duration(-(-job.estimated_seconds // 60)))]


def _timing(job: PrintJob) -> list[tuple[str, str]]:
    return [(_("Ends about"), i18n.moment(job.ends_about))] if job.ends_about else []


def _used(job: PrintJob) -> list[tuple[str, str]]:
    record = counting([job.id]).get(job.id)
    if record is None:
        return []
    found = [(_("Printed for"), i18n.duration(-(-record.machine_seconds // 60)))]
    if record.filament_mg:
        found.append((_("Filament"), i18n.weight(record.filament_mg)))
    return found
