"""A lab round a real OctoPrint, in real time: its members, its printer, and the engine at work beside them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from app.accounts.models import Charter, Member
from app.calendar import resources
from app.kernel import clock, mail, outbox
from app.kernel.actors import Role
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from billing.pricing import RateTerms
from machines import codes, reservations, usage
from machines.models import Machine, Reservation
from machines.printing import files, prints, vault
from machines.printing.engine import Engine
from machines.printing.models import Material, PrinterLink, PrinterMaterial, PrintEvent, PrintJob, UsageRecord
from machines.printing.rules import ENDED, JobState
from machines.rules import Claim
from tests.builders import a_lab, a_member, acting, save
from tests.machines.scene import a_machine, fresh
from tests.real.octoprint.server import Server
from tests.trainings.scene import a_certification, a_competence
from trainings.models import Competence

PETG_MG = 1270


@dataclass
class Floor:
    """Open day and night. Ada may print and has the slot that runs now; Ben may not; Léa manages. 3 € an hour, PETG."""

    app: Flask
    server: Server
    charter: Charter
    lea: Member
    ada: Member
    ben: Member
    printing: Competence
    machine: Machine
    link: PrinterLink
    petg: Material
    reservation: Reservation | None = None

    def slot(self, member: Member | None = None, *, hours: float = 2, arrived: bool = True) -> Reservation:
        """The slot that began within this quarter of an hour, its member at the printer."""
        member = member or self.ada
        now = clock.now()
        start = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
        with transaction():
            made = reservations.book(
                actor=acting(member), machine=self.machine, claim=Claim(start, start + timedelta(hours=hours))
            )
        if arrived:
            self.arrive(member, made)
        return fresh(made)

    def arrive(self, member: Member, reservation: Reservation) -> None:
        code = codes.check_in_code(self.machine.check_in_secret, clock.now())
        with transaction():
            usage.check_in(actor=acting(member), reservation_id=reservation.id, code=code, ticks=0)

    def next_one(self, reservation: Reservation) -> tuple[Member, Reservation]:
        """Cleo, who may print too, and her hour after that slot."""
        cleo = a_member("Cleo Sol", charter=self.charter)
        a_certification(cleo, self.printing, by=self.lea)
        claim = Claim(reservation.ends_at, reservation.ends_at + timedelta(hours=1))
        with transaction():
            return cleo, reservations.book(actor=acting(cleo), machine=self.machine, claim=claim)

    def attach(self, reservation: Reservation, path: Path, member: Member | None = None) -> PrintJob:
        actor = acting(member or self.ada)
        with path.open("rb") as source, transaction():
            file = files.receive(actor=actor, name=path.name, source=source)
        with transaction():
            return prints.attach(actor=actor, reservation_id=reservation.id, file_id=file.id)

    def start(self, job: PrintJob, member: Member | None = None) -> PrintJob:
        with transaction():
            return prints.start(actor=acting(member or self.ada), job_id=job.id, bed_is_clear=True)

    def begin_when_seen(self, path: Path) -> PrintJob:
        """In Ada's slot, attached and started, as soon as the engine has seen the printer idle."""
        self.reservation = self.slot()
        job = self.attach(self.reservation, path)
        with self.engine():
            self.until_seen_idle()
        return self.start(job)

    def ask(self, act: str, job: PrintJob, member: Member | None = None) -> None:
        with transaction():
            getattr(prints, act)(actor=acting(member or self.ada), job_id=job.id)

    def wait(self, job: PrintJob, *states: JobState, seconds: float = 20) -> PrintJob:
        deadline = time.monotonic() + seconds
        while (now := fresh(job)).state not in states:
            assert time.monotonic() < deadline, f"still {now.state}, not {states}; {self.story(job)}; {self.server.state()}"
            assert now.state not in ENDED, f"{now.state}: {now.error_text}; {self.story(job)}"
            time.sleep(0.05)
        return now

    def until_seen_idle(self, seconds: float = 10) -> None:
        """The engine has looked at the printer lately, and it is idle."""
        self.until(lambda: fresh(self.link).observed_state == "idle" and fresh(self.link).circuit == "closed", seconds)

    def until(self, is_so: object, seconds: float = 10) -> None:
        assert callable(is_so)
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, f"not so within {seconds} s; seen: {fresh(self.link).observed}"
            time.sleep(0.05)

    def story(self, job: PrintJob) -> list[str]:
        db.session.rollback()
        return list(db.session.scalars(select(PrintEvent.kind).where(PrintEvent.job_id == job.id).order_by(PrintEvent.id)))

    def records(self, job: PrintJob) -> list[UsageRecord]:
        db.session.rollback()
        return list(db.session.scalars(select(UsageRecord).where(UsageRecord.job_id == job.id).order_by(UsageRecord.id)))

    def letters(self) -> list[str]:
        """The printing letters written so far, by their names."""
        outbox.drain()
        db.session.rollback()
        return [
            template.removeprefix("printing.")
            for template in db.session.scalars(select(mail.Mail.template).order_by(mail.Mail.id))
            if template.startswith("printing.")
        ]

    def starts_logged(self) -> int:
        """How often OctoPrint's log says that a print was started."""
        return (self.server.base / "logs" / "octoprint.log").read_text(errors="replace").count("Print job started")

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """The one that talks to the printer, on a thread of its own as beside the worker."""
        engine, stopping = Engine(self.app), threading.Event()
        thread = threading.Thread(target=engine.run, args=(stopping,), daemon=True)
        thread.start()
        try:
            yield engine
        finally:
            stopping.set()
            thread.join(60)
            assert not thread.is_alive(), "the engine does not stop"


def a_floor(app: Flask, server: Server) -> Floor:
    """Built under the real clock: what a printer does takes real time."""
    clock.set_clock(None)
    a_lab(closes_on_holidays=False)
    charter = Charter(
        version=1, title={"en": "Charter"}, intro={"en": "Here"}, points=[{"en": "Tidy"}],
        published_at=clock.now() - timedelta(days=30),
    )  # fmt: skip
    save(charter)
    lea = a_member("Léa Martin", roles=(Role.MANAGER,), charter=charter)
    ada, ben = a_member("Ada Lovelace", charter=charter), a_member("Ben Oz", charter=charter)
    printing = a_competence("printing")
    a_certification(ada, printing, by=lea)
    with transaction():
        site = resources.create_site("La Forge du Canal")
        resources.set_weekly(actor=acting(lea), resource_id=site.id, hours=[(day, 0, 1440) for day in range(7)])
    machine = a_machine(
        lea, site, "prusa", icon="printer", requirements=[[printing.id]], longest_minutes=2880, rate=RateTerms(Cents(300))
    )
    petg = Material(code="PETG", name={"en": "PETG"}, density_mg=PETG_MG)
    link = PrinterLink(
        machine_id=machine.id, kind="octoprint", address=server.url, key_sealed=vault.seal(server.key),
        app_name="etabli-tests", remote_user="platform", heat_up_minutes=0,
    )  # fmt: skip
    save(petg, link)
    save(PrinterMaterial(link_id=link.id, material_id=petg.id))
    return Floor(app, server, charter, lea, ada, ben, printing, machine, link, petg)
