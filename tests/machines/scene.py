"""A small workshop and what happens at its machines, in a word each. Every act commits like production."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import Charter, CharterAcceptance, Member, TariffGroup
from app.calendar import resources
from app.calendar.models import Kind, Resource
from app.kernel import clock, mail, outbox
from app.kernel.actors import Actor, Role
from app.kernel.db import Base, db, repeating, transaction
from app.kernel.money import Cents
from app.kernel.refusals import Refused
from billing import rates
from billing.pricing import RateTerms
from machines import catalogue, codes, reservations, usage
from machines.models import Machine, Reservation
from machines.rules import Claim
from machines.usage import Ending
from tests.builders import a_charter, a_lab, a_member, acting, save
from tests.trainings.scene import a_certification, a_competence
from trainings.models import Capacity, Certification, Competence, Evidence, Level

TICKS = [{"fr": "L’aspiration tourne.", "en": "The extraction runs."}, {"fr": "Je reste.", "en": "I stay."}]


@dataclass(frozen=True)
class Workshop:
    """Open every day but Sunday 9–19. Ada may use the lasers alone, Ben nothing; Léa manages, Chloé trains the laser.

    Both lasers ask for safety and the laser, take quarters of an hour between half an hour and four hours, need ten minutes
    to clear the air and cost 18 € an hour. The printer is left alone and billed by the real minute; the bench has six seats
    and is free.
    """

    lea: Member
    chloe: Member
    alba: Member
    adele: Member
    ada: Member
    ben: Member
    charter: Charter
    safety: Competence
    laser: Competence
    space: Resource
    laser1: Machine
    laser2: Machine
    printer: Machine
    bench: Machine


def a_workshop() -> Workshop:
    a_lab()
    charter = a_charter()
    lea = a_member("Léa Martin", roles=(Role.MANAGER,), charter=charter)
    chloe = a_member("Chloé Petit", roles=(Role.TRAINER,), charter=charter)
    alba = a_member("Alba Conte", roles=(Role.ACCOUNTANT,), charter=charter)
    adele = a_member("Adèle Roi", roles=(Role.ADMINISTRATOR,), charter=charter)
    ada, ben = a_member("Ada Lovelace", charter=charter), a_member("Ben Oz", locale="en", charter=charter)
    safety, laser = a_competence("safety", position=1), a_competence("laser", position=2)
    for competence in (safety, laser):
        a_certification(ada, competence, by=lea)
        a_certification(chloe, competence, Level.TRAINER, by=lea)
    with transaction():
        site = resources.create_site("La Forge du Canal")
        hours = [(weekday, 9 * 60, 19 * 60) for weekday in range(6)]
        resources.set_weekly(actor=acting(lea), resource_id=site.id, hours=hours)
        space = resources.create(
            actor=acting(lea), parent_id=site.id, kind=Kind.SPACE, name={"fr": "Atelier", "en": "Workshop"}, slug="workshop"
        )
    needs = [[safety.id], [laser.id]]
    lasers = [
        a_machine(
            lea, space, f"laser-{n}", icon="laser", danger=2, requirements=needs, turnaround_minutes=10, safety_ticks=TICKS,
            rate=RateTerms(Cents(1800)),
        )
        for n in (1, 2)
    ]  # fmt: skip
    printer = a_machine(
        lea, space, "printer", icon="printer", is_attended=False, bills_actual=True, longest_minutes=2880,
        rate=RateTerms(Cents(300), minimum_minutes=10, step_minutes=5),
    )  # fmt: skip
    bench = a_machine(lea, space, "bench", icon="solder", capacity=6)
    return Workshop(lea, chloe, alba, adele, ada, ben, charter, safety, laser, space, *lasers, printer, bench)


def a_machine(by: Member, space: Resource, slug: str, *, rate: RateTerms | None = None, **described: Any) -> Machine:
    values = {"slug": slug, "code": slug.upper(), "name": {"fr": f"{slug} (fr)", "en": f"{slug} (en)"}}
    with transaction():
        machine = catalogue.add(actor=acting(by), space_id=space.id, **{**values, **described})
        if rate is not None:
            rates.set_rate(actor=acting(by), item=machine.item, tariff_group=TariffGroup.STANDARD, terms=rate)
    return machine


def ready(workshop: Workshop, name: str) -> Member:
    """One more member who may use the lasers."""
    member = a_member(name, charter=workshop.charter)
    for competence in (workshop.safety, workshop.laser):
        a_certification(member, competence, by=workshop.lea)
    return member


def crowd(workshop: Workshop, size: int) -> list[Member]:
    """As many as `size` more who may use the lasers, in one transaction."""
    values = {"locale": "en", "tariff_group": "standard", "roles": [], "photo_consent": False, "session_epoch": 0}
    people = [
        Member(
            name=f"Racer {n}", email=f"racer{n}@lab.test", calendar_token=f"racer-{n}", created_at=clock.now(),
            email_proved_at=clock.now(), **values,
        )
        for n in range(size)
    ]  # fmt: skip
    save(*people)
    accepted = [CharterAcceptance(member_id=one.id, charter_id=workshop.charter.id, accepted_at=clock.now()) for one in people]
    held = [
        Certification(
            member_id=one.id, competence_id=competence.id, level=Level.AUTONOMOUS, valid_from=clock.today(), valid_until=None,
            granted_at=clock.now(), granted_by_id=workshop.lea.id, granted_as=Capacity.MANAGER, evidence=Evidence.PRACTICAL,
        )
        for one in people
        for competence in (workshop.safety, workshop.laser)
    ]  # fmt: skip
    save(*accepted, *held)
    return people


def at(hour: str, day: str = "2026-11-27") -> datetime:
    """Lab time, tomorrow unless a day is given."""
    return datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=clock.zone())


def claim(start: str, hours: float = 2, *, day: str = "2026-11-27") -> Claim:
    return Claim.lasting(datetime.fromisoformat(f"{day}T{start}"), int(hours * 60), clock.zone())


def book(member: Member, machine: Machine, start: str = "14:00", hours: float = 2, **more: Any) -> Reservation:
    day = more.pop("day", "2026-11-27")
    actor = acting(more.pop("by", member))
    if actor.member_id != member.id:
        more["member_id"] = member.id
    with transaction():
        return reservations.book(actor=actor, machine=machine, claim=claim(start, hours, day=day), **more)


def move(by: Member | Actor, reservation: Reservation, start: str, hours: float = 2, **more: Any) -> Reservation:
    day = more.pop("day", "2026-11-27")
    with transaction():
        return reservations.move(actor=_actor(by), reservation_id=reservation.id, claim=claim(start, hours, day=day), **more)


def cancel(by: Member | Actor, reservation: Reservation, **more: Any) -> Reservation:
    with transaction():
        return reservations.cancel(actor=_actor(by), reservation_id=reservation.id, **more)


def extend(by: Member, reservation: Reservation) -> Reservation:
    with transaction():
        return reservations.extend(actor=acting(by), reservation_id=reservation.id)


def shown_code(machine: Machine) -> str:
    return codes.check_in_code(machine.check_in_secret, clock.now())


def check_in(by: Member, reservation: Reservation, machine: Machine, **more: Any) -> Reservation:
    """Standing there, every safety point ticked, unless the test says otherwise."""
    values = {"code": shown_code(machine), "ticks": len(machine.safety_ticks)}
    with transaction():
        return usage.check_in(actor=acting(by), reservation_id=reservation.id, **{**values, **more})


def end(by: Member, reservation: Reservation, **said: Any) -> Any:
    with transaction():
        return usage.end(actor=acting(by), reservation_id=reservation.id, ending=Ending(**{"is_clean": True, **said}))


def set_clock(hour: str, day: str = "2026-11-27") -> None:
    clock.set_clock(at(hour, day))


def _actor(by: Member | Actor) -> Actor:
    return acting(by) if isinstance(by, Member) else by


def fresh(row: Any) -> Any:
    """The row as the database has it now."""
    db.session.rollback()
    kind: type[Base] = type(row)
    return db.session.scalars(select(kind).where(kind.id == row.id).execution_options(populate_existing=True)).one()


def codes_of(refused: pytest.ExceptionInfo[Refused] | Refused) -> list[str]:
    """The codes of a refusal, in their order; those of machines without their first word."""
    error = refused if isinstance(refused, Refused) else refused.value
    return [refusal.code.removeprefix("machines.") for refusal in error.refusals]


def letters(template: str | None = None) -> list[mail.Mail]:
    """Every letter written so far (of one kind), in order."""
    outbox.drain()
    db.session.rollback()
    found = db.session.scalars(select(mail.Mail).order_by(mail.Mail.id))
    return [one for one in found if template is None or one.template == f"machines.{template}"]


def at_once(app: Flask, acts: Sequence[Callable[[], Any]], *, bare: bool = False) -> list[Any]:
    """Run `acts` at the same moment, each in a thread and a transaction of its own; an error is a result like another.

    `bare` acts open their transactions themselves.
    """
    instant, ready_all = clock.now(), threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)
    db.session.rollback()

    def run(number: int, act: Callable[[], Any]) -> None:
        clock.set_clock(instant)

        @repeating
        def whole() -> Any:
            with transaction():
                return act()

        with app.app_context():
            ready_all.wait()
            try:
                results[number] = act() if bare else whole()
            except Exception as error:
                results[number] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(number, act)) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return results
