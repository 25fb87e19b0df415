"""Prints the house did not start, seen on its printers or found at night in what their servers remember: noticed, attributed,
asked about, and in blocks stopped where wanted.

Letters: `printing.foreign_asked` (foreign, member: whose slot it is) and `printing.foreign_alert` (foreign). What is to be
stopped has `stop_wished_at`; the engine asks for it once.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.interfaces import ORMOption

from app.accounts import queries as accounts
from app.accounts.models import Member
from app.calendar import queries as calendar
from app.calendar.models import Purpose
from app.kernel import audit, clock, mail
from app.kernel.actors import HOUSE, Actor, Role
from app.kernel.db import db, locked
from app.kernel.periods import Period, wall_instant
from app.kernel.refusals import N_, NotAllowed, Reason, Refused, Term
from machines.models import Machine, Reservation
from machines.printing import queries
from machines.printing.gateway import ACTIVE, Observation, PastPrint, Seen
from machines.printing.models import ForeignPrint, PrinterLink, PrintJob, RemoteMember
from machines.printing.rules import JobState
from machines.rules import LIVE, Status

SHOWN = 100
NIGHT_MINUTE = 3 * 60
"""When a night's look back begins, in minutes after midnight."""
LOOKS_BACK = timedelta(days=7)
_OVERLAP, _CLOCKS_DIFFER = timedelta(minutes=10), timedelta(minutes=2)

_MOMENT = timedelta(seconds=1)
_MAY_GO_ON = timedelta(days=1)
"""For how long a print that was lost from sight may show up again as what it was."""
_SAYS_NOTHING = frozenset({Seen.OFFLINE, Seen.STARTING_UP, Seen.UNKNOWN})
"""Nothing is seen in these: what went on may go on."""

ALREADY_ANSWERED = Reason(
    "printing.foreign_answered",
    N_("Somebody has said already whose print this was."),
    N_("Look at the list: it shows what they said."),
    icon="person",
)
NAME_A_MEMBER = Reason(
    "printing.foreign_no_member",
    N_("Nobody is chosen."),
    N_("Choose the member, or say that it was a test or that nobody knows."),
    icon="person",
)


class Answer(enum.StrEnum):
    """Who says whose it was: the member of the slot, the mapping of the server's users, or the team."""

    MINE = "mine"
    NOT_MINE = "not_mine"
    MAPPED = "mapped"
    MEMBER = "member"
    TEST = "test"
    NOBODY = "nobody"


ANSWER_WORDS = {
    Answer.MINE: Term(N_("Theirs, they say")),
    Answer.NOT_MINE: Term(N_("Not theirs, they say")),
    Answer.MAPPED: Term(N_("Known by their user on the printer’s server")),
    Answer.MEMBER: Term(N_("The team says whose")),
    Answer.TEST: Term(N_("A test of the team")),
    Answer.NOBODY: Term(N_("Nobody knows")),
}
OF_STAFF = (Answer.MEMBER, Answer.TEST, Answer.NOBODY)


@dataclass(frozen=True, slots=True)
class _Around:
    """What is on the timetable while it is seen."""

    reservation: Reservation | None
    is_block: bool


def notice(*, link: PrinterLink, seen: Observation, open_job: PrintJob | None) -> None:
    """Follow what is printed that is not ours: its beginning, its end. Safe with the same observation twice."""
    if seen.state in _SAYS_NOTHING:
        return
    is_foreign = seen.state in ACTIVE and not _is_ours(link, seen, open_job)
    going = _going_on(link.id)
    if not is_foreign and going is None:
        return
    if is_foreign and going is not None and _is_same(going, seen) and going.remote_path is not None:
        return
    locked(PrinterLink, link.id)
    going = _going_on(link.id)
    if is_foreign and going is not None and _is_same(going, seen):
        going.remote_path, going.remote_user = going.remote_path or seen.remote_path, going.remote_user or seen.started_by
        return
    if going is not None:
        going.seen_until = seen.at
        db.session.flush()  # one at a time goes on
    if is_foreign:
        row = ForeignPrint(link_id=link.id, remote_path=seen.remote_path, remote_user=seen.started_by, seen_from=seen.at)
        around = _around(link, seen.at)
        if _write_down(row, around):
            if around.is_block and link.stops_foreign_in_blocks:
                row.stop_wished_at = seen.at
            if row.asked_at is None:
                mail.send("printing.foreign_alert", key=f"printing.foreign_alert:{row.id}", foreign=row.id)


def to_look_back(link_id: int) -> datetime | None:
    """Since when the printer's server is to be asked for prints that no look saw; None when that was done since the night
    began. A printer that is off at night is asked when it is on again.
    """
    known_until = db.session.scalars(select(PrinterLink.prints_known_until).where(PrinterLink.id == link_id)).one()
    now, today = clock.now(), clock.today()
    begins = wall_instant(today, NIGHT_MINUTE, clock.zone())
    if now < begins:
        begins = wall_instant(today - timedelta(days=1), NIGHT_MINUTE, clock.zone())
    return max(known_until - _OVERLAP, now - LOOKS_BACK) if known_until < begins else None


def look_back(link_id: int, asked_at: datetime, told: Sequence[PastPrint]) -> None:
    """Write down those of the prints that no row covers, with one letter to the team for all of them. Safe if done twice.

    A print the server dates later than now is left for another night.
    """
    link = locked(PrinterLink, link_id)
    link.prints_known_until = max(link.prints_known_until, asked_at)
    for_team = []
    for past in told:
        if past.ended_at > asked_at or _is_known(link.id, past):
            continue
        row = ForeignPrint(
            link_id=link.id, remote_path=past.path, remote_user=past.put_by, seen_from=past.began_at, seen_until=past.ended_at
        )
        around = _around(link, past.began_at)
        needs_somebody = _write_down(row, around)
        if row.asked_at is None and (
            needs_somebody or around.reservation is None
        ):  # who put a file there may not have started it
            for_team.append(row)
    if for_team:
        unknown = [row for row in for_team if row.member_id is None]
        first = (unknown or for_team)[0]
        mail.send(
            "printing.foreign_alert", key=f"printing.foreign_alert:{first.id}", foreign=first.id, afterwards=True,
            others=len(unknown) > 1,
        )  # fmt: skip


def attribute(*, actor: Actor, foreign_id: int, member_id: int | None, answer: str, remember: bool = False) -> ForeignPrint:
    """Say whose a foreign print was. The member of the slot answers for themselves, the team for anybody; `remember` keeps
    whose the user of the printer's server is.

    Once; only a “not mine” is answered again, by the team. Raises Refused, ValueError for no answer, NotAllowed to others.
    """
    said, row = Answer(answer), locked(ForeignPrint, foreign_id)
    machine_id = db.session.scalars(select(PrinterLink.machine_id).where(PrinterLink.id == row.link_id)).one()
    is_staff = queries.is_team(actor, machine_id)
    if said in OF_STAFF and not is_staff:
        raise NotAllowed
    if said in (Answer.MINE, Answer.NOT_MINE) and (actor.member_id is None or actor.member_id != asked_member(row)):
        raise NotAllowed
    if said is Answer.MAPPED:
        raise NotAllowed
    if row.answered_at is not None and not (is_staff and row.answer == Answer.NOT_MINE):
        raise Refused([ALREADY_ANSWERED()])
    if said is Answer.MEMBER and member_id is None:
        raise Refused([NAME_A_MEMBER()])
    row.member_id = {Answer.MINE: actor.member_id, Answer.MEMBER: member_id}.get(said)
    row.answer, row.answered_at, row.answered_by_id = said.value, clock.now(), actor.member_id
    if said is Answer.MEMBER and remember and row.remote_user and member_id is not None:
        remember_user(actor=actor, link_id=row.link_id, remote_user=row.remote_user, member_id=member_id)
    if said is Answer.NOT_MINE:
        mail.send("printing.foreign_alert", key=f"printing.foreign_alert:{row.id}:not_mine", foreign=row.id)
    audit.record(actor, "foreign_print.attributed", f"foreign:{row.id}", answer=said.value, member=row.member_id)
    return row


def remember_user(*, actor: Actor, link_id: int, remote_user: str, member_id: int) -> None:
    """From now on, prints of this user of the printer's server are this member's."""
    row = db.session.get(RemoteMember, (link_id, remote_user))
    if row is None:
        db.session.add(RemoteMember(link_id=link_id, remote_user=remote_user, member_id=member_id))
    else:
        row.member_id = member_id
    audit.record(actor, "remote_member.set", f"printer:{link_id}", remote_user=remote_user, member=member_id)


def asked_member(row: ForeignPrint) -> int | None:
    """Who is asked about it: the member of the slot it was seen in."""
    if row.reservation_id is None:
        return None
    return db.session.scalars(select(Reservation.member_id).where(Reservation.id == row.reservation_id)).one()


def listed(*, only_open: bool = False, most: int = SHOWN) -> list[ForeignPrint]:
    """Those nobody has spoken for first, then the latest; with their printers. One statement."""
    is_open = ForeignPrint.answered_at.is_(None) | (ForeignPrint.answer == Answer.NOT_MINE.value)
    rows = select(ForeignPrint).options(_with_printer())
    if only_open:
        rows = rows.where(is_open)
    return list(db.session.scalars(rows.order_by((~is_open), ForeignPrint.seen_from.desc()).limit(most)))


def one(foreign_id: int) -> ForeignPrint:
    """With its printer. Raises NoResultFound."""
    return db.session.scalars(select(ForeignPrint).where(ForeignPrint.id == foreign_id).options(_with_printer())).one()


def _with_printer() -> ORMOption:
    return joinedload(ForeignPrint.link).joinedload(PrinterLink.machine).joinedload(Machine.resource)


# ── noticing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_ours(link: PrinterLink, seen: Observation, open_job: PrintJob | None) -> bool:
    """A print of the house: the open one's, also while its server does not say the file, or one lately lost from sight. A file
    of ours that somebody prints again at the server's own page is not.
    """
    if open_job is not None and seen.remote_path in (None, open_job.remote_path):
        return True
    if seen.remote_path is None:
        return False
    known = select(PrintJob.id).where(
        PrintJob.link_id == link.id,
        PrintJob.remote_path == seen.remote_path,
        PrintJob.state.in_((JobState.LOST, JobState.REJECTED)),
        PrintJob.ended_at > seen.at - _MAY_GO_ON,
    )
    return db.session.scalars(known.limit(1)).first() is not None


def _is_same(going: ForeignPrint, seen: Observation) -> bool:
    """The server may name the file of a print a little later than the print."""
    return going.remote_path in (None, seen.remote_path) or seen.remote_path is None


def _going_on(link_id: int) -> ForeignPrint | None:
    rows = select(ForeignPrint).where(ForeignPrint.link_id == link_id, ForeignPrint.seen_until.is_(None))
    return db.session.scalars(rows.execution_options(populate_existing=True)).one_or_none()


def _is_known(link_id: int, past: PastPrint) -> bool:
    """Ours under whatever name, or seen while it went on; the clocks of two servers may differ a little."""
    ours = select(PrintJob.id).where(PrintJob.link_id == link_id, PrintJob.remote_path == past.path)
    covering = select(ForeignPrint.id).where(
        ForeignPrint.link_id == link_id,
        ForeignPrint.remote_path.is_(None) | (ForeignPrint.remote_path == past.path),
        ForeignPrint.seen_from <= past.ended_at + _CLOCKS_DIFFER,
        ForeignPrint.seen_until.is_(None) | (ForeignPrint.seen_until >= past.began_at - _CLOCKS_DIFFER),
    )
    return any(db.session.scalars(found.limit(1)).first() is not None for found in (ours, covering))


def _write_down(row: ForeignPrint, around: _Around) -> bool:
    """Whose it is by the server's own user; else the member of the slot is asked. False when it needs nobody's attention;
    when nobody was asked it needs the team's.
    """
    member_id, now = _known_user(row.link_id, row.remote_user), clock.now()
    row.reservation_id = around.reservation.id if around.reservation else None
    if member_id is not None:
        row.member_id, row.answer, row.answered_at = member_id, Answer.MAPPED.value, now
    db.session.add(row)
    db.session.flush()  # the letters name its id
    audit.record(HOUSE, "foreign_print.seen", f"foreign:{row.id}", printer=row.link_id, member=member_id)
    if member_id is not None and _may_print_there(member_id, around):
        return False
    if around.reservation is not None and member_id is None:
        row.asked_at = now
        asked = around.reservation.member_id
        mail.send("printing.foreign_asked", key=f"printing.foreign_asked:{row.id}", foreign=row.id, member=asked)
    return True


def _may_print_there(member_id: int, around: _Around) -> bool:
    """In one's own slot, or, for the team, in a block or in nobody's slot: a test."""
    if around.reservation is not None:
        return around.reservation.member_id == member_id
    return Role.MANAGER.value in accounts.member(member_id).roles


def _around(link: PrinterLink, at: datetime) -> _Around:
    resource = select(Machine.resource_id).where(Machine.id == link.machine_id)
    resource_id = db.session.scalars(resource).one()
    was_in_use = (Reservation.status == Status.COMPLETED) & (Reservation.used_until > at)  # at that time, if it is over by now
    running = select(Reservation).where(
        Reservation.machine_id == link.machine_id,
        Reservation.starts_at <= at,
        Reservation.ends_at > at,
        Reservation.status.in_(LIVE) | was_in_use,
    )
    taken = calendar.occupied([resource_id], Period(at, at + _MOMENT))[resource_id]
    return _Around(db.session.scalars(running.limit(1)).first(), any(one.purpose is not Purpose.RESERVATION for one in taken))


def _known_user(link_id: int, remote_user: str | None) -> int | None:
    if not remote_user:
        return None
    known = select(RemoteMember.member_id).join(Member, Member.id == RemoteMember.member_id)
    return db.session.scalars(known.where(RemoteMember.link_id == link_id, RemoteMember.remote_user == remote_user)).one_or_none()
