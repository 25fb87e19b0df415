"""Who holds what after granting, renewing, suspending, lifting and revoking."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, NoResultFound

from app.accounts.models import Member
from app.kernel import clock, events, mail, outbox
from app.kernel.actors import Role
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import Refused
from tests.builders import a_member, acting
from tests.trainings.scene import a_certification, a_competence, at_once, certify, codes, in_days, lift, revoke, suspend
from trainings import certifications, histories, interests, openings, queries
from trainings.certifications import Award
from trainings.events import CertificationGranted, CertificationLost
from trainings.models import Capacity, Certification, Interest, Level, Suspension


def holds(member, competence, level=Level.AUTONOMOUS):
    held = queries.held(member.id, clock.today()).get(competence.id)
    return held is not None and held.level is level


def test_a_trainer_certifies_and_the_validity_is_the_competences(lab):
    row = certify(lab.chloe, lab.ben, lab.laser)
    assert holds(lab.ben, lab.laser)
    assert (row.valid_from.isoformat(), row.valid_until.isoformat()) == ("2026-11-26", "2028-11-26")
    assert row.granted_as is Capacity.TRAINER
    assert queries.missing_competences(lab.ben.id, [lab.laser.id, lab.cnc.id], clock.today()) == [lab.cnc]


def test_a_manager_may_certify_and_it_is_recorded_as_such(lab):
    assert certify(lab.lea, lab.ben, lab.laser).granted_as is Capacity.MANAGER


def test_a_trainer_may_choose_an_earlier_last_day(lab):
    assert certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(30)).valid_until == in_days(30)


def test_a_trainer_of_the_laser_cannot_certify_the_cnc(lab):
    with pytest.raises(Refused) as refused:
        certify(lab.chloe, lab.ben, lab.cnc)
    assert codes(refused) == {"not_trainer"}
    assert not holds(lab.ben, lab.cnc)


@pytest.mark.parametrize("who", ["chloe", "lea"])
def test_nobody_certifies_themselves(lab, who):
    person = getattr(lab, who)
    a_certification(person, lab.safety, by=lab.carl, valid_until=None)
    with pytest.raises(Refused) as refused:
        certify(person, person, lab.laser)
    assert "yourself" in codes(refused)


def test_somebody_new_is_told_everything_that_stands_in_the_way(lab):
    zoe = a_member("Zoé Neuf", email_proved_at=None, suspended_at=clock.now(), suspension_reason="Owes")
    with pytest.raises(Refused) as refused:
        certify(lab.chloe, zoe, lab.laser, Level.TRAINER)
    assert codes(refused) == {"managers_name_trainers", "account_suspended", "email_not_proved", "prerequisite_missing"}


def test_a_prerequisite_held_with_help_only_does_not_count(lab):
    a_certification(lab.ada, lab.safety, Level.ASSISTED, by=lab.lea)
    with pytest.raises(Refused) as refused:
        certify(lab.chloe, lab.ada, lab.laser)
    assert codes(refused) == {"prerequisite_missing"}


def test_a_trainer_whose_own_right_ended_certifies_no_more(lab):
    old = a_member("Old Hand")
    a_certification(old, lab.laser, Level.TRAINER, by=lab.lea, valid_from=in_days(-400), valid_until=in_days(-1))
    with pytest.raises(Refused) as refused:
        certify(old, lab.ben, lab.laser)
    assert codes(refused) == {"not_trainer"}


def test_the_last_day_counts_and_the_day_after_does_not(lab):
    row = certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(10))
    assert lab.laser.id in queries.held(lab.ben.id, row.valid_until)
    assert lab.laser.id not in queries.held(lab.ben.id, in_days(11))
    assert lab.laser.id not in queries.held(lab.ben.id, in_days(-1))


def test_a_renewal_is_a_new_row_and_the_old_one_stays(lab):
    first = certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(60))
    second = certify(lab.lea, lab.ben, lab.laser)
    rows = histories.certifications_of(lab.ben.id, lab.laser.id)
    assert [row.id for row in rows] == [second.id, first.id]
    assert rows[1].valid_until == in_days(60)
    assert queries.held(lab.ben.id, clock.today())[lab.laser.id].certification_id == second.id


def test_certifying_again_for_no_longer_is_refused(lab):
    certify(lab.chloe, lab.ben, lab.laser)
    with pytest.raises(Refused) as refused:
        certify(lab.lea, lab.ben, lab.laser)
    assert codes(refused) == {"already_held"}


def test_what_is_held_is_the_best_that_counts(lab):
    certify(lab.chloe, lab.ben, lab.laser, Level.ASSISTED)
    certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(30))
    assert holds(lab.ben, lab.laser)
    assert queries.held(lab.ben.id, in_days(31))[lab.laser.id].level is Level.ASSISTED


def test_held_is_one_statement(lab, statements):
    certify(lab.chloe, lab.ben, lab.laser)
    statements.clear()
    assert set(queries.held(lab.ben.id, clock.today())) == {lab.safety.id, lab.laser.id}
    assert len(statements) == 1


@pytest.mark.both_engines
def test_a_suspension_blocks_at_once_and_lifting_restores(lab):
    certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(30))
    row = certify(lab.chloe, lab.ben, lab.laser)
    suspend(lab.chloe, row)
    assert not queries.held(lab.ben.id, clock.today()).get(lab.laser.id)  # nor by the older row
    lift(lab.lea, row)
    assert holds(lab.ben, lab.laser)


def test_during_a_suspension_nobody_certifies_around_it(lab):
    row = certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(30))
    suspend(lab.chloe, row)
    with pytest.raises(Refused) as refused:
        certify(lab.lea, lab.ben, lab.laser)
    assert codes(refused) == {"competence_suspended"}


def test_the_person_cannot_lift_their_own_suspension_even_as_a_manager_or_trainer(lab):
    boss = a_member("Boss Two", roles=(Role.MANAGER,))
    row = a_certification(boss, lab.laser, by=lab.lea)
    suspend(lab.chloe, row)
    with pytest.raises(Refused) as refused:
        lift(boss, row)
    assert codes(refused) == {"yourself"}
    with pytest.raises(Refused) as refused:
        lift(lab.carl, row)
    assert codes(refused) == {"not_trainer"}
    lift(lab.chloe, row)
    assert holds(boss, lab.laser)


def test_a_second_suspension_waits_for_the_first_to_end(lab):
    row = certify(lab.chloe, lab.ben, lab.laser)
    suspend(lab.chloe, row)
    with pytest.raises(Refused) as refused:
        suspend(lab.lea, row)
    assert codes(refused) == {"already_suspended"}
    lift(lab.lea, row)
    suspend(lab.lea, row)
    assert db.session.scalar(select(func.count()).select_from(Suspension)) == 2


@pytest.mark.both_engines
def test_revoking_never_resurrects_an_older_certification(lab):
    certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(300))
    certify(lab.chloe, lab.ben, lab.laser, Level.ASSISTED)
    row = certify(lab.chloe, lab.ben, lab.laser)
    revoke(lab.lea, row)
    assert set(queries.held(lab.ben.id, clock.today())) == {lab.safety.id}
    certify(lab.chloe, lab.ben, lab.laser, Level.ASSISTED)
    assert holds(lab.ben, lab.laser, Level.ASSISTED)


def test_revoking_by_an_older_row_takes_the_newer_too(lab):
    old = certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(300))
    certify(lab.chloe, lab.ben, lab.laser)
    revoke(lab.lea, old)
    assert lab.laser.id not in queries.held(lab.ben.id, clock.today())


def test_revoking_ends_a_suspension_so_that_a_new_certification_counts(lab):
    row = certify(lab.chloe, lab.ben, lab.laser)
    suspend(lab.chloe, row)
    revoke(lab.chloe, row)
    assert lab.laser.id not in queries.held(lab.ben.id, clock.today())
    with pytest.raises(Refused) as refused:
        lift(lab.lea, row)
    assert codes(refused) == {"not_suspended"}
    certify(lab.chloe, lab.ben, lab.laser)
    assert holds(lab.ben, lab.laser)


def test_what_is_over_cannot_be_suspended_nor_revoked(lab):
    row = a_certification(lab.ben, lab.laser, by=lab.lea, valid_from=in_days(-400), valid_until=in_days(-1))
    for act in (suspend, revoke):
        with pytest.raises(Refused) as refused:
            act(lab.lea, row)
        assert codes(refused) == {"not_held_any_more"}


def test_the_history_tells_who_did_what_and_why(lab):
    old = certify(lab.chloe, lab.ben, lab.laser, note="Quick learner")
    suspend(lab.chloe, old, "Left it alone")
    lift(lab.lea, old)
    revoke(lab.chloe, old, "Again")
    new = certify(lab.chloe, lab.ben, lab.laser)
    suspend(lab.lea, new, "Third time")
    told = [(entry.verb, entry.by_id, entry.words) for entry in histories.history(old)]
    assert told == [
        ("granted", lab.chloe.id, "Quick learner"),
        ("suspended", lab.chloe.id, "Left it alone"),
        ("lifted", lab.lea.id, None),
        ("revoked", lab.chloe.id, "Again"),
    ]
    assert [entry.verb for entry in histories.history(new)] == ["granted", "suspended"]
    verbs = db.session.scalars(select(AuditEntry.verb).where(AuditEntry.subject == old.subject).order_by(AuditEntry.id))
    assert list(verbs) == [f"certification.{verb}" for verb in ("granted", "suspended", "reinstated", "revoked")]


@pytest.mark.both_engines
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE certification SET level = 'trainer'",
        "DELETE FROM certification",
        "UPDATE certification_revocation SET reason = 'x'",
        "DELETE FROM certification_revocation",
        "UPDATE certification_suspension SET reason = 'x' WHERE ended_at IS NOT NULL",
        "DELETE FROM certification_suspension",
        "UPDATE certification_suspension SET ended_at = NULL, ending = NULL",
        "INSERT INTO certification (member_id, competence_id, level, valid_from, granted_at, granted_by_id, granted_as,"
        " evidence) SELECT member_id, competence_id, level, valid_from, granted_at, member_id, granted_as, evidence"
        " FROM certification",
    ],
)
def test_the_database_itself_refuses_to_rewrite_history_or_self_certification(lab, sql):
    row = certify(lab.chloe, lab.ben, lab.laser)
    suspend(lab.chloe, row)
    lift(lab.lea, row)
    revoke(lab.chloe, row)
    with pytest.raises(DBAPIError), transaction():
        db.session.execute(text(sql))


# ── trainers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_flagged(member):
    return "trainer" in db.session.scalar(select(Member.roles).where(Member.id == member.id))


def test_only_managers_name_trainers_and_the_account_says_so(lab):
    with pytest.raises(Refused) as refused:
        certify(lab.chloe, lab.ben, lab.laser, Level.TRAINER)
    assert codes(refused) == {"managers_name_trainers"}
    row = certify(lab.lea, lab.ben, lab.laser, Level.TRAINER)
    assert is_flagged(lab.ben)
    assert queries.trainer_competences(lab.ben.id, clock.today()) == {lab.laser.id}
    suspend(lab.chloe, row)
    assert not is_flagged(lab.ben)
    assert not queries.trainer_competences(lab.ben.id, clock.today())
    lift(lab.lea, row)
    assert is_flagged(lab.ben)
    revoke(lab.lea, row)
    assert not is_flagged(lab.ben)


def test_a_trainer_does_not_revoke_another_trainer(lab):
    row = certify(lab.lea, lab.ben, lab.laser, Level.TRAINER)
    with pytest.raises(Refused) as refused:
        revoke(lab.chloe, row)
    assert codes(refused) == {"managers_name_trainers"}


def test_a_trainer_of_two_things_stays_one_when_one_is_lost(lab):
    row = certify(lab.lea, lab.ben, lab.laser, Level.TRAINER)
    certify(lab.lea, lab.ben, lab.cnc, Level.TRAINER)
    revoke(lab.lea, row)
    assert is_flagged(lab.ben)


def test_a_lapsed_trainer_loses_the_flag(lab):
    old = a_member("Old Hand", roles=(Role.TRAINER,))
    a_certification(old, lab.laser, Level.TRAINER, by=lab.lea, valid_from=in_days(-400), valid_until=in_days(-1))
    with transaction():
        assert certifications.note_lapsed_trainers() == 1
    assert not is_flagged(old)
    assert is_flagged(lab.chloe)


# ── interests, events, letters ───────────────────────────────────────────────────────────────────────────────────────


def test_an_interest_is_asked_once_withdrawn_and_closed_when_certified(lab):
    for _ in range(2):
        with transaction():
            interests.declare(actor=acting(lab.ben), competence_id=lab.laser.id)
    with transaction():
        interests.declare(actor=acting(lab.ada), competence_id=lab.laser.id)
        interests.declare(actor=acting(lab.ada), competence_id=lab.cnc.id)
    assert [(one.slug, one.count) for one in interests.demand()] == [("laser", 2), ("cnc", 1)]
    with transaction():
        interests.withdraw(actor=acting(lab.ada), competence_id=lab.laser.id)
        interests.withdraw(actor=acting(lab.ada), competence_id=lab.laser.id)
    certify(lab.chloe, lab.ben, lab.laser, Level.ASSISTED)
    assert lab.laser.id in queries.open_interests(lab.ben.id)  # with help only: still waiting
    certify(lab.chloe, lab.ben, lab.laser)
    assert [one.slug for one in interests.demand()] == ["cnc"]
    with pytest.raises(Refused) as refused, transaction():
        interests.declare(actor=acting(lab.ben), competence_id=lab.laser.id)
    assert codes(refused) == {"you_hold_it"}


@pytest.mark.both_engines
def test_two_clicks_on_tell_me_when_make_one_interest(app, lab):
    at_once(app, *[lambda: interests.declare(actor=acting(lab.ben), competence_id=lab.laser.id)] * 4)
    assert db.session.scalar(select(func.count()).select_from(Interest)) == 1


@pytest.fixture
def news(app):
    heard = []
    for event in (CertificationGranted, CertificationLost):
        events.subscribe(app, event, heard.append)
    yield heard
    for event in (CertificationGranted, CertificationLost):
        app.extensions["subscriptions"][event].remove(heard.append)


def test_those_above_hear_of_what_is_granted_and_lost(lab, news):
    row = certify(lab.chloe, lab.ben, lab.laser)
    suspend(lab.chloe, row)
    lift(lab.lea, row)
    revoke(lab.chloe, row)
    granted = CertificationGranted(lab.ben.id, lab.laser.id, Level.AUTONOMOUS)
    lost = CertificationLost(lab.ben.id, lab.laser.id)
    assert news == [granted, lost, granted, lost]


@pytest.fixture
def opening(app):
    def opens(ids):
        return {ident: [("Laser LAS-01", "/machines/laser")] for ident in ids}

    openings.add_openings(app, opens)
    yield
    app.extensions["trainings.openings"].remove(opens)


def letters():
    outbox.drain()
    return list(db.session.scalars(select(mail.Mail).order_by(mail.Mail.id)))


def test_letters_are_in_the_members_language_and_say_why(lab, opening):
    row = certify(lab.chloe, lab.ben, lab.laser)
    outbox.drain()
    suspend(lab.chloe, row, "Left the laser alone")
    outbox.drain()
    lift(lab.lea, row)
    outbox.drain()
    revoke(lab.chloe, row, "Did it again")
    granted, suspended, lifted, revoked = letters()
    assert {one.locale for one in (granted, suspended, lifted, revoked)} == {"en"}
    assert "laser (en)" in granted.subject
    assert "Laser LAS-01" in granted.text
    assert "http://lab.test/machines/laser" in granted.text
    assert "Chloé Petit" in granted.text
    assert "Left the laser alone" in suspended.text
    assert f"http://lab.test/certifications/{row.id}" in lifted.text
    assert "Did it again" in revoked.text


def test_no_letter_says_certified_once_it_was_taken_away(lab):
    revoke(lab.chloe, certify(lab.chloe, lab.ben, lab.laser))
    assert [one.template for one in letters()] == ["trainings.revoked"]


# ── many, and at once ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.both_engines
def test_sixty_people_are_certified_in_one_transaction_with_few_statements(lab, statements):
    people = [a_member(f"Member{n} X") for n in range(60)]
    for one in people:
        a_certification(one, lab.safety, by=lab.lea, valid_until=None)
    with transaction():
        statements.clear()
        outcomes = certifications.grant_all(
            actor=acting(lab.chloe), competence_id=lab.laser.id, awards=[Award(one.id) for one in people]
        )
        db.session.flush()
    assert all(outcome.certification for outcome in outcomes)
    # SQLAlchemy sends rows to SQLite one INSERT each, for want of ordered RETURNING; PostgreSQL gets them together.
    questions = [one for one in statements if not one.startswith("INSERT")]
    assert len(questions) <= 8, questions
    if db.engine.dialect.name == "postgresql":
        assert len(statements) <= 12, statements
    assert len(letters()) == 60


def test_one_persons_refusal_does_not_hold_up_another(lab):
    with transaction():
        outcomes = certifications.grant_all(
            actor=acting(lab.chloe),
            competence_id=lab.laser.id,
            awards=[Award(lab.ada.id), Award(lab.ben.id, Level.ASSISTED), Award(lab.chloe.id)],
        )
    told = [(one.name, {refusal.code for refusal in one.refusals}) for one in outcomes]
    assert told[0] == ("Ada Lovelace", {"trainings.prerequisite_missing"})
    assert told[1] == ("Ben Oz", set())
    assert "trainings.yourself" in told[2][1]
    assert holds(lab.ben, lab.laser, Level.ASSISTED)


def test_an_unknown_member_or_competence_is_unknown(lab):
    with pytest.raises(NoResultFound), transaction():
        certifications.grant(actor=acting(lab.chloe), member_id=99_999, competence_id=lab.laser.id)
    with pytest.raises(NoResultFound), transaction():
        certifications.grant(actor=acting(lab.chloe), member_id=lab.ben.id, competence_id=99_999)


@pytest.mark.both_engines
def test_two_trainers_certifying_the_same_person_at_once_make_one_certification(app, lab):
    def by(trainer):
        return lambda: certifications.grant(actor=acting(trainer), member_id=lab.ben.id, competence_id=lab.laser.id).granted_by_id

    for _ in range(3):
        results = at_once(app, by(lab.chloe), by(lab.lea))
        refused = [one for one in results if isinstance(one, Refused)]
        assert [{refusal.code for refusal in one.refusals} for one in refused] == [{"trainings.already_held"}]
        row = histories.certifications_of(lab.ben.id, lab.laser.id)[0]
        assert holds(lab.ben, lab.laser)
        revoke(lab.lea, row)
    assert db.session.scalar(select(func.count()).select_from(Certification).where(Certification.member_id == lab.ben.id)) == 4


@pytest.mark.both_engines
def test_a_suspension_and_a_renewal_at_once_never_leave_both(app, lab):
    """Whoever comes second learns of the first; in both orders nothing counts while the suspension runs."""
    for _ in range(3):
        row = certify(lab.chloe, lab.ben, lab.laser, valid_until=in_days(30))
        results = at_once(
            app,
            lambda: certifications.grant(actor=acting(lab.lea), member_id=lab.ben.id, competence_id=lab.laser.id).id,
            lambda: certifications.suspend(actor=acting(lab.chloe), certification_id=row.id, reason="Unsafe").id,  # noqa: B023
        )
        assert not isinstance(results[1], Refused)
        assert lab.laser.id not in queries.held(lab.ben.id, clock.today())
        revoke(lab.lea, row)


@pytest.mark.both_engines
def test_a_trainer_losing_the_right_at_the_same_moment_certifies_before_or_not_at_all(app, lab):
    row = db.session.scalars(select(Certification).where(Certification.member_id == lab.chloe.id)).one()
    results = at_once(
        app,
        lambda: certifications.grant(actor=acting(lab.chloe), member_id=lab.ben.id, competence_id=lab.laser.id).id,
        lambda: certifications.revoke(actor=acting(lab.lea), certification_id=row.id, reason="Left").id,
    )
    assert not isinstance(results[1], Refused)
    assert isinstance(results[0], Refused) != holds(lab.ben, lab.laser)


def test_expiring_names_what_ends_and_was_not_renewed(lab):
    a_certification(lab.ben, lab.laser, by=lab.lea, valid_until=in_days(10))
    a_certification(lab.ada, lab.laser, by=lab.lea, valid_until=in_days(10))
    a_certification(lab.ada, lab.laser, by=lab.lea, valid_until=in_days(400))
    a_certification(lab.ada, lab.cnc, Level.ASSISTED, by=lab.lea, valid_until=in_days(30))
    found = [(one.member, one.slug, one.valid_until) for one in queries.expiring(30)]
    assert found == [("Ben Oz", "laser", in_days(10)), ("Ada Lovelace", "cnc", in_days(30))]


def test_badges_say_where_one_stands(lab):
    kim = a_member("Kim B")
    old = a_competence("old", position=9)
    a_certification(kim, lab.safety, by=lab.lea, valid_until=None)
    suspend(lab.lea, a_certification(kim, lab.laser, by=lab.lea), "Unsafe")
    a_certification(kim, lab.cnc, by=lab.lea, valid_until=in_days(5))
    a_certification(kim, old, by=lab.lea, valid_from=in_days(-50), valid_until=in_days(-5))
    gone = a_competence("gone", position=10)
    revoke(lab.lea, a_certification(kim, gone, by=lab.lea), "Dangerous")
    states = [(badge.competence.slug, badge.state.value, badge.reason) for badge in histories.badges(kim.id, clock.today())]
    assert states == [
        ("safety", "held", None),
        ("laser", "suspended", "Unsafe"),
        ("cnc", "soon", None),
        ("old", "expired", None),
        ("gone", "revoked", "Dangerous"),
    ]


def test_a_member_is_found_without_accents_and_an_address_only_whole(lab):
    from trainings import rosters

    assert [one.name for one in rosters.find_members("lea")] == ["Léa Martin"]
    assert [one.name for one in rosters.find_members("PETIT chl")] == ["Chloé Petit"]
    assert [one.name for one in rosters.find_members(lab.ben.email)] == ["Ben Oz"]
    assert rosters.find_members("lab.test") == []
    assert rosters.find_members("l") == []
    assert rosters.find_members(lab.ben.email)[0].hint == "b…@lab.test"
