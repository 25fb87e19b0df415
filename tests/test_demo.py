"""The demo lab: believable, the same each time, whole or not at all, and silent towards the outside."""

from __future__ import annotations

import contextvars
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
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
from app.demo.teaching import TAUGHT
from app.factory import create_app
from app.kernel import clock
from app.kernel.db import Base, db
from app.kernel.mail import Mail
from app.kernel.outbox import OutboxMessage
from billing import ledger
from billing.models import Adjustment, Charge, Payment, Receipt
from machines.models import Incident, Machine, Reservation, State
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
    }


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
    "/account/competences", "/account/money", "/account/data.json", "/charter", "/prices", "/hours",
)  # fmt: skip
DESK = ("/desk", "/members")
TEAM = (*DESK, "/today", "/places", "/places/site/hours", "/settings", "/setup", "/machines/surjeteuse/edit", "/charter/editor")
PAGES = {
    "ines": MEMBER,
    "karim": MEMBER,
    "emma": MEMBER,
    "priya": MEMBER,
    "chloe": (*MEMBER, "/competences/decoupe-laser", "/competences/decoupe-laser/certifications"),
    "paul": DESK,
    "lea": (*MEMBER, *TEAM, "/competences/fraiseuse"),
    "nora": (*TEAM, "/admin/letters", "/admin/outbox"),
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
    left, before = iter(range(2000)), pictures(app)

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
    assert pictures(app) == before


def pictures(app: Flask) -> list[Path]:
    return list(app.extensions["settings"].uploads.rglob("*.svg"))


# ── silent, and calm outside its hours ───────────────────────────────────────────────────────────────────────────────


def test_on_a_sunday_with_a_mail_server_nobody_is_there_and_nothing_is_sent(loading):
    sunday = datetime(2026, 11, 29, 11, 5, tzinfo=PARIS)
    app = loading(sunday, "smtp://127.0.0.1:9")
    with app.app_context():
        assert counted(Reservation, Reservation.status.in_((Status.IN_USE, Status.CHECKED_IN))) == 0
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
