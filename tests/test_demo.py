"""The demo lab: believable, the same each time, whole or not at all, and silent towards the outside."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from app import demo
from app.accounts import passwords
from app.accounts.models import CharterAcceptance, Member
from app.calendar.models import Block, Occupancy
from app.demo import drawings
from app.demo.equipment import EQUIPMENT
from app.demo.equipment.filaments import PRINTERS
from app.demo.gcodes import PIECES, sliced
from app.demo.teaching import TAUGHT
from app.factory import create_app
from app.kernel import clock
from app.kernel.db import Base, db
from app.kernel.mail import Mail
from app.kernel.outbox import OutboxMessage
from billing import ledger
from billing.models import Adjustment, Charge, ChargeLine, Payment, Receipt
from machines.models import Incident, Machine, Reservation, State
from machines.printing import file_reasons, files, gcode, lint, metering
from machines.printing.gateway import Seen
from machines.printing.models import ForeignPrint, PrinterLink, PrintFile, PrintJob
from machines.printing.rules import RUNNING, JobState, Outcome, PausedBy
from machines.printing.simulator import Simulator
from machines.rules import Status
from tests.conftest import PARIS, HouseClient, settings_for
from trainings.models import Certification, Interest

AFTERNOON = datetime(2026, 11, 26, 15, 37, tzinfo=PARIS)
"""A Thursday; the lab is open until 22:00."""
SMALL = {"days": 30, "members": 20}

pytestmark = pytest.mark.slow

Loading = Callable[[datetime, str | None], Flask]


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loading]:
    """Builds a house of its own with the demo in it, as of an instant, with or without a mail server."""
    built: list[Flask] = []

    def load(at: datetime, smtp_url: str | None = None) -> Flask:
        home = tmp_path_factory.mktemp("demo")
        app = create_app(settings_for(home, f"sqlite:///{home / 'lab.sqlite3'}", smtp_url=smtp_url))
        app.test_client_class = HouseClient
        built.append(app)
        contextvars.copy_context().run(_fill, app, at)
        return app

    yield load
    for app in built:
        with app.app_context():
            db.engine.dispose()


def _fill(app: Flask, at: datetime) -> None:
    clock.set_clock(at)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        demo.load(**SMALL)
        db.session.remove()


@pytest.fixture(scope="module")
def afternoon(loading: Loading) -> Flask:
    return loading(AFTERNOON, None)


@pytest.fixture
def lab(afternoon: Flask) -> Iterator[Flask]:
    """The demo on a Thursday afternoon, to be read only."""
    clock.set_clock(AFTERNOON)
    with afternoon.app_context():
        yield afternoon
        db.session.rollback()
        db.session.remove()
    clock.set_clock(None)


def counted(entity: type[Base], *where: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(entity).where(*where)) or 0


def facts() -> dict[str, object]:
    """What two tellings of one story must agree on."""
    statuses = select(Reservation.status, func.count()).group_by(Reservation.status)
    booked = select(Reservation.starts_at, Reservation.ends_at, Reservation.member_id, Reservation.machine_id)
    last = db.session.execute(select(Charge.payer_id, Charge.amount_cents).order_by(Charge.id.desc()).limit(20)).all()
    return {
        "members": list(db.session.scalars(select(Member.name).order_by(Member.id))),
        "statuses": {status.value: count for status, count in db.session.execute(statuses)},
        "reservations": [tuple(row) for row in db.session.execute(booked.order_by(Reservation.id))],
        "charged": db.session.scalar(select(func.sum(Charge.amount_cents))),
        "credited": db.session.scalar(select(func.sum(Charge.credited_cents))),
        "paid": db.session.scalar(select(func.sum(Payment.cents)).where(Payment.cancelled_at.is_(None))),
        "last charges": [tuple(row) for row in last],
        "certifications": counted(Certification),
        "prints": [tuple(row) for row in db.session.execute(select(*OF_A_PRINT).order_by(PrintJob.id))],
    }


OF_A_PRINT = (PrintJob.reservation_id, PrintJob.state, PrintJob.started_at, PrintJob.ended_at, PrintJob.print_seconds)


# ── a believable lab ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_people_are_at_the_machines_while_the_lab_is_open(lab):
    assert counted(Reservation, Reservation.status == Status.IN_USE) >= 4
    assert counted(Reservation, Reservation.status == Status.CONFIRMED, Reservation.starts_at > AFTERNOON) >= 8


def test_nothing_of_the_past_is_left_hanging(lab):
    over = Reservation.ends_at < AFTERNOON - timedelta(minutes=15)
    assert counted(Reservation, over, Reservation.status.in_((Status.CONFIRMED, Status.CHECKED_IN, Status.IN_USE))) == 0


def test_no_lane_is_taken_twice(lab):
    rows = db.session.execute(
        select(Occupancy.resource_id, Occupancy.lane, Occupancy.starts_at, Occupancy.ends_at)
        .where(Occupancy.released_at.is_(None))
        .order_by(Occupancy.resource_id, Occupancy.lane, Occupancy.starts_at)
    ).all()
    assert len(rows) > 40
    pairs = pairwise(rows)
    assert all(one[3] <= other[2] for one, other in pairs if one[:2] == other[:2])


def test_nobody_stands_at_two_machines_at_once(lab):
    rows = db.session.execute(
        select(Reservation.member_id, Reservation.starts_at, Reservation.ends_at, Reservation.used_until)
        .join(Machine)
        .where(Machine.is_attended, Reservation.status.not_in((Status.CANCELLED, Status.NO_SHOW)))
        .order_by(Reservation.member_id, Reservation.starts_at)
    ).all()
    pairs = pairwise(rows)
    assert all((one[3] or one[2]) <= other[1] or one[2] <= other[1] for one, other in pairs if one[0] == other[0])


def test_the_books_are_true(lab):
    assert ledger.verify().fault is None
    charged = select(func.sum(Charge.amount_cents - Charge.credited_cents - Charge.paid_cents))
    assert db.session.scalar(charged) > 0, "somebody still owes something"
    assert counted(Payment) > 15


def test_there_is_something_to_decide_and_something_broken(lab):
    assert counted(Adjustment, Adjustment.answered_at.is_(None)) >= 1
    assert counted(Incident, Incident.resolved_at.is_(None)) >= 2
    assert counted(Machine, Machine.state == State.OUT_OF_ORDER) == 1
    assert counted(Block, Block.starts_at > AFTERNOON) >= 2
    assert counted(Interest, Interest.closed_at.is_(None)) >= 1


def test_the_team_and_karim_have_read_the_charter(lab):
    people = select(Member.id).where(Member.email.in_([f"{box}@forge.example" for _who, box in demo.FACES]))
    ids = list(db.session.scalars(people))
    assert len(ids) == len(demo.FACES)
    assert counted(CharterAcceptance, CharterAcceptance.member_id.in_(ids)) >= len(ids)


def test_everybody_printed_gets_in_with_the_printed_password(lab):
    lines = [line.split() for line in demo.sign_ins()[1:]]
    for *_who, address, password in lines:
        member = db.session.scalars(select(Member).where(Member.email == address)).one()
        assert passwords.verified(member.password_hash, password)
        assert member.email_proved_at is not None


MEMBER = (
    "/", "/machines", "/machines?show=mine", "/first-free", "/timetable", "/reservations", "/competences", "/account",
    "/account/competences", "/account/money", "/account/data.json", "/charter", "/prices", "/hours", "/prints", "/print-files",
    "/printers/book",
)  # fmt: skip
DESK = ("/desk", "/members")
TEAM = (
    *DESK,
    "/today",
    "/places",
    "/places/site/hours",
    "/settings",
    "/setup",
    "/machines/surjeteuse/edit",
    "/charter/editor",
    "/prints/approvals",
    "/printers/wall",
    "/materials",
    "/machines/heron/prints",
)
PAGES = {
    "ines": MEMBER,
    "karim": MEMBER,
    "emma": MEMBER,
    "priya": MEMBER,
    "chloe": (*MEMBER, "/competences/decoupe-laser", "/competences/decoupe-laser/certifications"),
    "paul": DESK,
    "lea": (*MEMBER, *TEAM, "/competences/fraiseuse"),
    "nora": (*TEAM, "/admin/letters", "/admin/outbox", "/printers", *(f"/printers/{one.slug}/link" for one in PRINTERS)),
}


def as_(lab: Flask, box: str) -> FlaskClient:
    """A browser in which a persona is signed in."""
    member = db.session.scalars(select(Member).where(Member.email == f"{box}@forge.example")).one()
    client = lab.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = member.get_id(), True
    return client


def broken(client: FlaskClient, urls: Iterable[str]) -> dict[str, int]:
    """The pages that do not answer, with their code; a page that leads to another one answers."""
    codes = {url: client.get(url).status_code for url in urls}
    return {url: code for url, code in codes.items() if code not in (200, 303)}


def test_a_visitor_sees_every_machine_day_and_competence(lab):
    days = [f"/timetable?day=2026-11-{day}" for day in range(23, 31)]
    machines = [f"/machines/{one.slug}" for one in EQUIPMENT]
    urls = [
        "/",
        "/machines",
        "/prices",
        "/hours",
        "/competences",
        *days,
        *machines,
        *(f"/competences/{one.slug}" for one in TAUGHT),
    ]
    assert broken(lab.test_client(), urls) == {}


@pytest.mark.parametrize("box", PAGES)
def test_each_persona_sees_the_pages_they_live_on(lab, box):
    assert broken(as_(lab, box), PAGES[box]) == {}


def test_every_reservation_bill_question_and_letter_can_be_opened(lab):
    def pages(address: str, column: Any) -> list[str]:
        return [address % ident for ident in db.session.scalars(select(column).order_by(column.desc()).limit(25))]

    assert broken(as_(lab, "lea"), [*pages("/reservations/%d", Reservation.id), *pages("/adjustments/%d", Adjustment.id)]) == {}
    assert broken(as_(lab, "lea"), [*pages("/prints/%d", PrintJob.id), *pages("/print-files/%d", PrintFile.id)]) == {}
    assert broken(as_(lab, "nora"), pages("/admin/letters/%d", Mail.id)) == {}
    assert broken(as_(lab, "paul"), pages("/receipts/%s", Receipt.number)) == {}


def test_a_manager_opens_the_page_of_every_member(lab):
    assert broken(as_(lab, "lea"), [f"/members/{ident}" for ident in db.session.scalars(select(Member.id))]) == {}


def test_ines_has_two_steps_before_the_laser(lab):
    page = as_(lab, "ines").get("/machines/laser-co2").get_data(as_text=True)
    assert page.count("/competences/securite") >= 1
    assert page.count("/competences/decoupe-laser") >= 1
    ines = select(Member.id).where(Member.email == "ines@forge.example").scalar_subquery()
    assert counted(Certification, Certification.member_id == ines) == 0


# ── the printers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def jobs_under_way() -> dict[str, PrintJob]:
    """The print that goes on at each printer, by the machine's slug."""
    running = select(Machine.slug, PrintJob).join(PrintJob.link).join(PrinterLink.machine).where(PrintJob.state.in_(RUNNING))
    return {row[0]: row[1] for row in db.session.execute(running)}


def simulator(slug: str, home: Path) -> Simulator:
    return Simulator(home / "printers", slug)


def test_four_printers_are_at_work(lab):
    jobs = jobs_under_way()
    assert set(jobs) == {one.slug for one in PRINTERS} == {"heron", "loutre", "martin-pecheur", "libellule"}
    assert {slug: round(job.completion or 0) for slug, job in jobs.items()} == {
        "heron": 12, "loutre": 47, "martin-pecheur": 83, "libellule": 61
    }  # fmt: skip
    waiting = jobs["libellule"]
    assert (waiting.state, waiting.paused_by) == (JobState.PAUSED, PausedBy.FILE)
    reservations = [job.reservation_id for job in jobs.values()]
    holders = db.session.scalars(
        select(Reservation.id).where(Reservation.id.in_(reservations), Reservation.status == Status.IN_USE)
    )
    assert len(list(holders)) == 4


def test_each_printer_shows_what_the_house_knows_of_it(lab, tmp_path):
    home = shutil.copytree(lab.extensions["settings"].home / "printers", tmp_path / "printers").parent
    for slug, job in jobs_under_way().items():
        seen = asyncio.run(simulator(slug, home).status())
        assert (seen.remote_path, seen.filepos, seen.print_seconds) == (job.remote_path, job.filepos, job.print_seconds)
        assert (seen.state is Seen.PAUSED) == (job.state is JobState.PAUSED)


def test_what_is_under_way_finishes_by_itself_within_its_slot(lab, tmp_path):
    home = shutil.copytree(lab.extensions["settings"].home / "printers", tmp_path / "printers").parent
    for slug, job in jobs_under_way().items():
        slot = db.session.get_one(Reservation, job.reservation_id)
        with clock.at(slot.ends_at):
            seen = asyncio.run(simulator(slug, home).status())
        if slug != "libellule":
            assert (seen.state, seen.completion) == (Seen.IDLE, 100)
        else:
            assert seen.state is Seen.PAUSED


def test_every_print_that_began_and_ended_is_recorded_once_and_charged_by_weight(lab):
    ended = list(db.session.scalars(select(PrintJob).where(PrintJob.ended_at.is_not(None), PrintJob.started_at.is_not(None))))
    assert len(ended) >= 4
    counts = metering.current([job.id for job in ended])
    assert set(counts) == {job.id for job in ended}
    free = {job.reservation_id for job in ended if counts[job.id].is_free or counts[job.id].outcome is Outcome.UNKNOWN}
    subjects = [f"reservation:{job.reservation_id}" for job in ended if job.reservation_id not in free]
    lines = select(ChargeLine.charge_id).join(Charge).where(Charge.subject.in_(subjects), ChargeLine.item.like("material:%"))
    assert len(set(db.session.scalars(lines))) == len(set(subjects))


def test_a_print_out_of_sight_a_foreign_one_and_one_to_approve_wait_for_somebody(lab):
    lost = db.session.scalars(select(PrintJob).where(PrintJob.state == JobState.LOST)).one()
    assert metering.current([lost.id])[lost.id].outcome is Outcome.UNKNOWN
    assert counted(ForeignPrint, ForeignPrint.answered_at.is_(None), ForeignPrint.seen_until.is_not(None)) == 1
    waiting = (PrintJob.state == JobState.ATTACHED, PrintJob.needs_approval, PrintJob.decided_at.is_(None))
    assert counted(PrintJob, *waiting) == 1


def test_every_file_of_the_demo_may_be_printed_where_it_is(lab):
    jobs = db.session.execute(
        select(PrintFile, PrinterLink).join(PrintJob, PrintJob.file_id == PrintFile.id).join(PrintJob.link)
    ).all()
    assert len(jobs) >= 8
    for file, link in jobs:
        known = files.facts(file)
        said = {one.refusal.reason for one in lint.findings(known, files.limits(link))}
        assert said == ({file_reasons.WAITS_FOR_YOU} if "bicolore" in file.name else set())
        assert known.seconds_from == "slicer"
        assert 20_000 < file.size < 260_000
        assert gcode.read(files.path(file).open("rb")) == known


def test_the_same_file_is_drawn_each_time_and_grows_with_its_minutes():
    sizes = []
    for piece in PIECES:
        code = sliced.__wrapped__(piece, filament="PLA", bed=(250, 210))
        assert code == sliced.__wrapped__(piece, filament="PLA", bed=(250, 210))
        known = gcode.read(BytesIO(code))
        assert abs((known.seconds or 0) - 60 * piece.minutes) < 90
        assert known.layers > 5
        sizes.append(known.filament_total_mm)
    assert sizes[-1] > 5 * sizes[0] > 5000


# ── the same each time, whole or not at all ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_the_same_seed_on_the_same_day_tells_the_same_story_on_the_other_engine(app, afternoon):
    with afternoon.app_context():
        expected = facts()
        db.session.remove()
    clock.set_clock(AFTERNOON)
    demo.load(**SMALL)
    assert facts() == expected
    assert ledger.verify().fault is None


def test_loading_a_second_time_is_refused_in_words(lab):
    before = counted(Member)
    with pytest.raises(demo.NotEmpty, match="already"):
        demo.load(**SMALL)
    assert counted(Member) == before
    assert demo.is_loaded()


def test_a_crash_in_the_middle_leaves_nothing(app):
    left, before = iter(range(2000)), stored(app)

    def fail(*_statement: object) -> None:
        if next(left, None) is None:
            raise MemoryError("the power went")

    event.listen(db.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(MemoryError):
            demo.load(**SMALL)
    finally:
        event.remove(db.engine, "before_cursor_execute", fail)
    assert counted(Member) == 0
    assert not demo.is_loaded()
    assert stored(app) == before


def stored(app: Flask) -> set[Path]:
    settings = app.extensions["settings"]
    return {path for folder in (settings.uploads, settings.home / "printers") for path in folder.rglob("*") if path.is_file()}


# ── silent, and calm outside its hours ───────────────────────────────────────────────────────────────────────────────


def test_on_a_sunday_with_a_mail_server_nobody_is_there_and_nothing_is_sent(loading):
    sunday = datetime(2026, 11, 29, 11, 5, tzinfo=PARIS)
    app = loading(sunday, "smtp://127.0.0.1:9")
    with app.app_context():
        attended = select(Machine.id).where(Machine.is_attended)
        here = Reservation.status.in_((Status.IN_USE, Status.CHECKED_IN))
        assert counted(Reservation, here, Reservation.machine_id.in_(attended)) == 0
        assert len(jobs_under_way()) == counted(Reservation, here) == 4, "printers go on without anybody"
        assert counted(Reservation, Reservation.status == Status.CONFIRMED, Reservation.starts_at > sunday) >= 4
        assert counted(Mail) > 5
        assert counted(OutboxMessage, OutboxMessage.topic == "mail.deliver") > 0
        assert counted(OutboxMessage, OutboxMessage.done_at.is_(None)) == 0
        db.session.remove()


def test_only_letters_of_the_last_days_were_written(lab):
    oldest, latest = db.session.execute(select(func.min(Mail.created_at), func.max(Mail.created_at))).one()
    assert AFTERNOON - timedelta(days=3) <= oldest
    assert latest <= AFTERNOON
    assert counted(OutboxMessage, OutboxMessage.done_at.is_(None)) == 0


# ── its texts and pictures ───────────────────────────────────────────────────────────────────────────────────────────


def test_everything_is_said_in_both_languages():
    said = [getattr(one, field.name) for one in (*EQUIPMENT, *TAUGHT) for field in dataclasses.fields(one)]
    texts = [value for value in said if isinstance(value, dict)] + [tick for one in EQUIPMENT for tick in one.ticks]
    assert len(texts) > 80
    assert [text for text in texts if set(text) != {"fr", "en"} or not all(text.values())] == []


def test_each_machine_has_a_picture_of_its_own():
    drawn = {one.slug: drawings.machine(one.slug) for one in EQUIPMENT}
    assert len(set(drawn.values())) == len(EQUIPMENT) == 14
    for picture in (*drawn.values(), drawings.workshop()):
        assert ElementTree.fromstring(picture).get("viewBox") == "0 0 1260 540"
        assert b"http" not in picture.replace(b"http://www.w3.org/2000/svg", b"")


def test_fourteen_machines_stand_in_four_spaces(lab):
    places = db.session.scalars(select(Machine)).all()
    assert len(places) == 14
    assert len({one.space for one in EQUIPMENT}) == 4
    assert all(machine.picture for machine in places)
