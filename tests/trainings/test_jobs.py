"""Letters before certifications end: once each, late or early, with one worker or two."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kernel import clock, mail, outbox
from app.kernel.db import db
from tests.conftest import THURSDAY
from tests.trainings.scene import a_certification, certify, in_days, suspend
from trainings import jobs


def told():
    outbox.drain()
    db.session.rollback()
    rows = db.session.scalars(select(mail.Mail).where(mail.Mail.template == "trainings.expiring").order_by(mail.Mail.id))
    return [(row.to_name, row.created_at.astimezone(clock.zone()).date()) for row in rows]


def on_day(days):
    clock.set_clock(THURSDAY + timedelta(days=days))
    jobs.warn_of_expiry()
    jobs.warn_of_expiry()


def test_a_letter_written_too_late_is_not_sent(lab):
    a_certification(lab.ben, lab.laser, by=lab.lea, valid_from=in_days(-300), valid_until=in_days(20))
    jobs.warn_of_expiry()
    clock.set_clock(THURSDAY + timedelta(days=21))
    assert told() == []


def test_letters_go_out_day_by_day_once_each(lab):
    start = clock.today()
    a_certification(lab.ben, lab.laser, by=lab.lea, valid_until=in_days(60))
    for day in range(0, 62):
        on_day(day)
        outbox.drain()
    assert told() == [("Ben Oz", start + timedelta(days=30)), ("Ben Oz", start + timedelta(days=53))]


def test_a_worker_stopped_for_days_still_tells(lab):
    start = clock.today()
    a_certification(lab.ben, lab.laser, by=lab.lea, valid_until=in_days(60))
    for day in (0, 29, 33, 34, 58, 59):
        on_day(day)
        outbox.drain()
    assert told() == [("Ben Oz", start + timedelta(days=33)), ("Ben Oz", start + timedelta(days=58))]


def test_nobody_is_warned_of_what_was_renewed_suspended_or_just_given(lab):
    a_certification(lab.ben, lab.laser, by=lab.lea, valid_from=in_days(-300), valid_until=in_days(20))
    certify(lab.chloe, lab.ben, lab.laser)
    row = a_certification(lab.ada, lab.cnc, by=lab.lea, valid_from=in_days(-300), valid_until=in_days(20))
    suspend(lab.lea, row)
    a_certification(lab.ada, lab.safety, by=lab.lea, valid_until=in_days(20))
    jobs.warn_of_expiry()
    assert told() == []


@pytest.mark.both_engines
def test_two_workers_say_it_once(app, lab):
    a_certification(lab.ben, lab.laser, by=lab.lea, valid_from=in_days(-300), valid_until=in_days(20))
    db.session.rollback()
    instant, ready = clock.now(), threading.Barrier(2)

    def work():
        clock.set_clock(instant)
        with app.app_context():
            ready.wait()
            for _ in range(3):
                jobs.warn_of_expiry()
                outbox.run_due_jobs()
                outbox.drain()
            db.session.remove()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [name for name, _day in told()] == ["Ben Oz"]
