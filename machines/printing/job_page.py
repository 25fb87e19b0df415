"""Everything the page of one print shows, gathered for it: a constant number of statements, whatever happened to the print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.accounts import queries as accounts
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.money import Cents
from app.kernel.refusals import Refusal
from machines.models import Reservation
from machines.printing import bills, delays, facts, files, lint, queries, rules, stills
from machines.printing.corrections import may_ask_member
from machines.printing.forecast import Forecast, forecast
from machines.printing.gcode import GcodeFacts
from machines.printing.lint import Finding
from machines.printing.live import Live, live
from machines.printing.models import Material, PrintEvent, PrintJob, UsageRecord
from machines.printing.rules import ENDED, OPEN, JobState, Outcome


@dataclass(frozen=True, slots=True)
class JobPage:
    """`refusals` are the reasons why it cannot start now, but for the box that is ticked on the page itself.

    `moment` tells one state of the page from another: while it stays, the page may refresh its figures alone.
    """

    job: PrintJob
    is_mine: bool
    is_team: bool
    material: Material | None
    read: GcodeFacts
    findings: list[Finding]
    live: Live
    forecast: Forecast | None
    before_me: int
    refusals: list[Refusal]
    used: UsageRecord | None
    cost_cents: Cents | None
    events: list[PrintEvent]
    names: dict[int, str]
    shows_camera: bool
    has_still: bool

    @property
    def moment(self) -> str:
        return moment(self.job)

    @property
    def is_ready(self) -> bool:
        return self.job.state is JobState.ATTACHED

    @property
    def is_open(self) -> bool:
        return self.job.state in OPEN

    @property
    def is_ended(self) -> bool:
        return self.job.state in ENDED

    @property
    def asks(self) -> str | None:
        """What one may still say: `ended` how, was it the `machine`, or the team's word to `correct` it."""
        if self.used is None or not self.is_ended:
            return None
        if self.used.outcome is Outcome.UNKNOWN:
            return "ended"
        if self.is_team and not self.is_mine:
            return "correct"
        return "machine" if self.is_mine and may_ask_member(self.used.outcome, self.used.source) else None


def may_be_watched(job: PrintJob) -> bool:
    """Whether the camera is on, and the print under way: no picture is kept of anything else."""
    return job.link.camera_is_on and job.state in OPEN


def moment(job: PrintJob) -> str:
    return ":".join((job.state.value, job.wish.value if job.wish else "", str(job.is_approved)))


def gathered(actor: Actor, job: PrintJob) -> JobPage:
    now, reservation = clock.now(), job.reservation
    is_team = queries.is_team(actor, reservation.machine_id)
    is_ready, is_ended = job.state is JobState.ATTACHED, job.state in ENDED
    material = queries.materials([job.material_id]).get(job.material_id or 0)
    read = files.facts(job.file)
    people = {job.bed_clear_by_id, job.decided_by_id, job.cancelled_by_id, job.wished_by_id}
    if is_team:
        people.add(reservation.member_id)
    shows_camera = may_be_watched(job)
    if shows_camera:
        stills.look(job.link_id)
    return JobPage(
        job=job,
        is_mine=reservation.member_id == actor.member_id,
        is_team=is_team,
        material=material,
        read=read,
        findings=lint.findings(read, files.limits(job.link)) if is_ready else [],
        live=live(job, job.link, now),
        forecast=forecast(job, material) if is_ready else None,
        before_me=queries.before_me(job) if is_ready else 0,
        refusals=_refusals(actor, job) if is_ready else [],
        used=queries.counting([job.id]).get(job.id) if is_ended else None,
        cost_cents=bills.cost_cents(reservation) if is_ended else None,
        events=queries.events(job.id) if is_team else [],
        names=accounts.names(ident for ident in people if ident is not None),
        shows_camera=shows_camera,
        has_still=shows_camera and stills.last(job.link_id) is not None,
    )


def _refusals(actor: Actor, job: PrintJob) -> list[Refusal]:
    reservation, link = job.reservation, job.link
    known = facts.starting(
        actor, job, reservation=reservation, machine=reservation.machine, link=link, file=job.file, bed_is_clear=True
    )
    return rules.start_refusals(known)


def of_reservation(reservation: Reservation, *, has_link: bool) -> dict[str, Any]:
    """What the page of a reservation shows of its prints: None where its machine is no printer, and to who comes by a letter's
    link, which opens the reservation alone; and how late the printer is for it.
    """
    is_printer = not has_link and queries.link_of_machine(reservation.machine_id) is not None
    return {
        "prints": queries.jobs_of_reservation(reservation.id) if is_printer else None,
        "delay": delays.delay(reservation) if is_printer else None,
        "state_words": rules.STATE_WORDS,
    }


def shared() -> dict[str, Any]:
    """What every template of printing needs to say a state."""
    return {"state_words": rules.STATE_WORDS, "JobState": JobState, "Outcome": Outcome, "clock_now": clock.now()}
