"""Keeping the machines: describing them, what they require, taking them out of service and back, faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.calendar.models import Kind
from sqlalchemy import select

from app.calendar import resources
from app.kernel import audit, clock, mail
from app.kernel.actors import Actor, Role
from app.kernel.db import db, locked
from app.kernel.refusals import N_, NotAllowed, Reason, Refused
from machines.models import Incident, Machine, Requirement, State

TAKEN = Reason("machines.name_taken", N_("Another machine has this address or this code already."), N_("Choose another one."))
UNTIL_PAST = Reason("machines.until_past", N_("The end of the outage is already past."), N_("Choose a later day."))
ALREADY_RESOLVED = Reason("machines.already_resolved", N_("Somebody resolved this fault already."), N_("Nothing is left to do."))

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
    _check_free(None, described["slug"], described["code"])
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
    _check_free(machine_id, described["slug"], described["code"])
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
    machine.state, machine.out_until, machine.out_note = State.OUT_OF_ORDER, until, note or None
    resources.touch([machine.resource_id])
    audit.record(actor, "machine.out_of_order", machine.subject, until=until.isoformat() if until else None, note=note or None)
    return machine


def put_back(*, actor: Actor, machine_id: int) -> Machine:
    _only_managers(actor)
    machine = locked(Machine, machine_id)
    machine.state, machine.out_until, machine.out_note = State.IN_SERVICE, None, None
    resources.touch([machine.resource_id])
    audit.record(actor, "machine.back_in_service", machine.subject)
    return machine


def retire(*, actor: Actor, machine_id: int) -> Machine:
    """Hide it for ever; its history stays readable. Reservations to come must be dealt with first (they are listed)."""
    _only_managers(actor)
    machine = locked(Machine, machine_id)
    machine.state = State.RETIRED
    resources.retire(actor=actor, resource_id=machine.resource_id)
    audit.record(actor, "machine.retired", machine.subject)
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
        machine.state, machine.out_until, machine.out_note = State.OUT_OF_ORDER, None, text
        resources.touch([machine.resource_id])
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


def _require(machine_id: int, requirements: Sequence[Sequence[int]]) -> None:
    for number, competences in enumerate(requirements):
        for competence_id in competences:
            db.session.add(Requirement(machine_id=machine_id, condition=number, competence_id=competence_id))


def _check_free(machine_id: int | None, slug: str, code: str) -> None:
    others = select(Machine.id).where((Machine.slug == slug) | (Machine.code == code))
    if machine_id is not None:
        others = others.where(Machine.id != machine_id)
    if db.session.scalar(others.limit(1)) is not None:
        raise Refused([TAKEN()])


def _only_managers(actor: Actor) -> None:
    if not actor.has(Role.MANAGER):
        raise NotAllowed


def item_names(idents: Sequence[int]) -> Mapping[str, dict[str, str]]:
    """How billing calls each machine on a price list."""
    rows = db.session.execute(select(Machine.id, Machine.name).where(Machine.id.in_(list(idents))))
    return {f"machine:{row.id}": row.name for row in rows}
