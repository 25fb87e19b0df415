"""Keeping the machines: describing them, what they require, taking them out of service and back, faults."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.calendar import resources
from app.calendar.models import Kind
from app.kernel import audit, clock, mail
from app.kernel.actors import HOUSE, Actor, Role
from app.kernel.db import db, locked
from app.kernel.refusals import N_, NotAllowed, Reason, Refused
from machines.models import Incident, Machine, Requirement, Reservation, State
from machines.rules import LIVE

TAKEN = Reason("machines.name_taken", N_("Another machine has this address or this code already."), N_("Choose another one."))
UNTIL_PAST = Reason("machines.until_past", N_("The end of the outage is already past."), N_("Choose a later day."))
ALREADY_RESOLVED = Reason("machines.already_resolved", N_("Somebody resolved this fault already."), N_("Nothing is left to do."))
STILL_BOOKED = Reason(
    "machines.still_booked",
    N_("%(count)d reservations are still to come or running on this machine."),
    N_("Move, cancel or end them first, then retire it."),
)
NOT_A_LINK = Reason(
    "machines.not_a_link",
    N_("A document's address starts with http:// or https://."),
    N_("Copy the address from your browser's address bar."),
)

DESCRIBED = (
    "slug", "code", "name", "icon", "picture", "danger", "is_attended", "can_do", "cannot_do", "house_rules", "safety_ticks",
    "documents", "shortest_minutes", "longest_minutes", "step_minutes", "horizon_days", "notice_minutes", "turnaround_minutes",
    "ahead_most", "bills_actual",
)  # fmt: skip


def add(
    *, actor: Actor, space_id: int, capacity: int = 1, requirements: Sequence[Sequence[int]] = (), **described: Any
) -> Machine:
    """A new machine in a space. `requirements`: all conditions, each met by any one of its competences.

    Raises Refused when its slug or code is taken.
    """
    _only_managers(actor)
    _check(None, described)
    resource = resources.create(
        actor=actor, parent_id=space_id, kind=Kind.MACHINE, name=described["name"], slug=described["slug"], capacity=capacity
    )
    machine = Machine(resource_id=resource.id, **{name: described[name] for name in DESCRIBED if name in described})
    db.session.add(machine)
    db.session.flush()  # the requirements and the audit name its id
    _require(machine.id, requirements)
    audit.record(actor, "machine.added", machine.subject)
    return machine


def describe(
    *, actor: Actor, machine_id: int, requirements: Sequence[Sequence[int]], space_id: int, capacity: int, **described: Any
) -> Machine:
    """Change what is said of a machine; reservations already made keep their time."""
    _only_managers(actor)
    machine = locked(Machine, machine_id)
    _check(machine_id, described)
    changed = {name: described[name] for name in DESCRIBED if name in described and getattr(machine, name) != described[name]}
    for name, value in changed.items():
        setattr(machine, name, value)
    resources.describe(
        actor=actor, resource_id=machine.resource_id, name=machine.name, slug=machine.slug, parent_id=space_id, capacity=capacity
    )
    for row in db.session.scalars(select(Requirement).where(Requirement.machine_id == machine_id)):
        db.session.delete(row)
    db.session.flush()  # the old conditions leave before the new ones take their numbers
    _require(machine_id, requirements)
    audit.record(
        actor, "machine.described", machine.subject, changed=sorted(changed), requirements=[list(r) for r in requirements]
    )
    return machine


def put_out_of_order(*, actor: Actor, machine_id: int, until: datetime | None, note: str) -> Machine:
    """At once: new reservations and check-ins before `until` (or until it is back) are refused; made ones stay, listed."""
    _only_managers(actor)
    if until is not None and until <= clock.now():
        raise Refused([UNTIL_PAST()])
    machine = locked(Machine, machine_id)
    _stop(machine, until, note)
    audit.record(actor, "machine.out_of_order", machine.subject, until=until.isoformat() if until else None, note=note or None)
    return machine


def put_back(*, actor: Actor, machine_id: int) -> Machine:
    _only_managers(actor)
    machine = locked(Machine, machine_id)
    _start(actor, machine)
    return machine


def put_back_if_due(machine_id: int) -> bool:
    """The house does it by itself when the outage had an end. Whether it did."""
    machine = locked(Machine, machine_id)
    if machine.state is not State.OUT_OF_ORDER or machine.is_out_at(clock.now()):
        return False
    _start(HOUSE, machine)
    return True


def retire(*, actor: Actor, machine_id: int) -> Machine:
    """Hide it for ever; its history stays readable. Raises Refused while somebody uses it or is going to."""
    _only_managers(actor)
    machine = locked(Machine, machine_id)
    # Locks its place on the timetable: whoever books now has done so before we count. A refusal undoes it.
    resources.retire(actor=actor, resource_id=machine.resource_id)
    live = select(func.count()).where(
        Reservation.machine_id == machine_id, Reservation.status.in_(LIVE), Reservation.ends_at > clock.now()
    )
    if count := db.session.scalar(live):
        raise Refused([STILL_BOOKED(count=count)])
    machine.state = State.RETIRED
    audit.record(actor, "machine.retired", machine.subject)
    return machine


def renew_secret(*, actor: Actor, machine_id: int) -> Machine:
    """Every address of its screen, and every code shown until now, is worth nothing from here on."""
    _only_managers(actor)
    machine = locked(Machine, machine_id)
    machine.check_in_secret = secrets.token_hex(16)
    audit.record(actor, "machine.secret_renewed", machine.subject)
    return machine


def report(*, actor: Actor, machine_id: int, text: str, stops_machine: bool, reservation_id: int | None = None) -> Incident:
    """Any member reports a fault; one that stops the machine puts it out of order until somebody looks at it."""
    if actor.member_id is None:
        raise NotAllowed
    incident = Incident(
        machine_id=machine_id,
        reservation_id=reservation_id,
        reported_by_id=actor.member_id,
        reported_at=clock.now(),
        text=text,
        stops_machine=stops_machine,
    )
    db.session.add(incident)
    if stops_machine:
        machine = locked(Machine, machine_id)
        if machine.state is not State.RETIRED:
            _stop(machine, None, text)
    db.session.flush()  # the audit and the letters name its id
    audit.record(actor, "machine.fault_reported", f"machine:{machine_id}", incident=incident.id, stops_machine=stops_machine)
    mail.send("machines.fault", key=f"machines.fault:{incident.id}", incident=incident.id)
    return incident


def resolve(*, actor: Actor, incident_id: int, resolution: str, back_in_service: bool) -> Incident:
    """Say what was done about a fault, and put the machine back if it is well again."""
    _only_managers(actor)
    incident = locked(Incident, incident_id)
    if incident.resolved_at is not None:
        raise Refused([ALREADY_RESOLVED()])
    incident.resolved_at, incident.resolved_by_id, incident.resolution = clock.now(), actor.member_id, resolution
    audit.record(actor, "machine.fault_resolved", f"machine:{incident.machine_id}", incident=incident.id)
    if back_in_service:
        put_back(actor=actor, machine_id=incident.machine_id)
    return incident


def _stop(machine: Machine, until: datetime | None, note: str) -> None:
    if not machine.is_out_at(clock.now()):
        machine.out_from = clock.now()
    machine.state, machine.out_until, machine.out_note = State.OUT_OF_ORDER, until, note or None
    resources.touch([machine.resource_id])


def _start(actor: Actor, machine: Machine) -> None:
    if machine.state is not State.OUT_OF_ORDER:
        return
    machine.state, machine.out_from, machine.out_until, machine.out_note = State.IN_SERVICE, None, None, None
    resources.touch([machine.resource_id])
    audit.record(actor, "machine.back_in_service", machine.subject)


def _require(machine_id: int, requirements: Sequence[Sequence[int]]) -> None:
    for number, competences in enumerate(requirements):
        for competence_id in competences:
            db.session.add(Requirement(machine_id=machine_id, condition=number, competence_id=competence_id))


def _check(machine_id: int | None, described: Mapping[str, Any]) -> None:
    found = []
    others = select(Machine.id).where((Machine.slug == described["slug"]) | (Machine.code == described["code"]))
    if machine_id is not None:
        others = others.where(Machine.id != machine_id)
    if db.session.scalar(others.limit(1)) is not None:
        found.append(TAKEN())
    if not all(is_link(str(document["url"])) for document in described.get("documents") or ()):
        found.append(NOT_A_LINK())
    if found:
        raise Refused(found)


def is_link(url: str) -> bool:
    """Whether it is safe to lead somebody there."""
    return url.startswith(("https://", "http://"))


def _only_managers(actor: Actor) -> None:
    if not actor.has(Role.MANAGER):
        raise NotAllowed


def item_names(idents: Sequence[int]) -> Mapping[str, dict[str, str]]:
    """How billing calls each machine on a price list; the retired ones are on none."""
    kept = (Machine.id.in_(list(idents)), Machine.state != State.RETIRED)
    rows = db.session.execute(select(Machine.id, Machine.name).where(*kept))
    return {f"machine:{row.id}": row.name for row in rows}
