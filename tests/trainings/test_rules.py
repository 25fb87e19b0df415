"""Certifying decisions as tables: no app, no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from trainings import rules
from trainings.rules import Certifier, CertifyingFacts, Level, LiveRow, Needed, TakingFacts

NAME = {"fr": "Laser", "en": "Laser"}
TODAY = date(2026, 11, 26)
CHLOE = Certifier(member_id=1, trains_it=True, is_manager=False, suspended=None)
LEA = Certifier(member_id=2, trains_it=False, is_manager=True, suspended=None)
BEN = Certifier(member_id=9, trains_it=False, is_manager=False, suspended=None)

FINE = CertifyingFacts(
    certifier=CHLOE,
    slug="laser",
    competence=NAME,
    is_retired=False,
    valid_months=24,
    member_id=9,
    member="Ben",
    account_suspended=None,
    email_proved=True,
    missing=(),
    suspended=None,
    suspended_certification_id=None,
    live=(),
    level=Level.AUTONOMOUS,
    valid_from=TODAY,
    valid_until=date(2028, 11, 26),
)

MAY_NOT = [
    ({}, set()),
    ({"certifier": LEA}, set()),
    ({"certifier": LEA, "level": Level.TRAINER}, set()),
    ({"level": Level.TRAINER}, {"managers_name_trainers"}),
    ({"certifier": BEN, "member_id": 8}, {"not_trainer"}),
    ({"certifier": replace(CHLOE, suspended="Owes")}, {"you_are_suspended"}),
    ({"member_id": 1}, {"yourself"}),
    ({"certifier": LEA, "member_id": 2}, {"yourself"}),
    ({"is_retired": True}, {"competence_retired"}),
    ({"account_suspended": ""}, {"account_suspended"}),
    ({"email_proved": False}, {"email_not_proved"}),
    ({"missing": (Needed("safety", NAME), Needed("visit", NAME))}, {"prerequisite_missing"}),
    ({"suspended": "Unsafe", "suspended_certification_id": 4}, {"competence_suspended"}),
    ({"live": (LiveRow(Level.AUTONOMOUS, date(2028, 11, 26)),)}, {"already_held"}),
    ({"live": (LiveRow(Level.TRAINER, date(2029, 1, 1)),)}, {"already_held"}),
    ({"live": (LiveRow(Level.AUTONOMOUS, None),)}, {"already_held_for_good"}),
    ({"live": (LiveRow(Level.AUTONOMOUS, date(2028, 11, 25)),)}, set()),
    ({"live": (LiveRow(Level.ASSISTED, None),)}, set()),
    ({"valid_until": TODAY}, {"ends_too_soon"}),
    ({"valid_until": date(2026, 11, 27)}, set()),
    ({"valid_until": date(2028, 11, 27)}, {"ends_too_late"}),
    ({"valid_until": None}, {"ends_too_late"}),
    ({"valid_until": None, "valid_months": None}, set()),
    ({"valid_until": date(2099, 1, 1), "valid_months": None}, set()),
]


@pytest.mark.parametrize(("changes", "expected"), MAY_NOT)
def test_what_stands_against_certifying(changes, expected):
    found = rules.certifying_refusals(replace(FINE, **changes))
    assert {refusal.code.removeprefix("trainings.") for refusal in found} == expected


def test_every_reason_is_given_at_once_and_none_can_be_lifted():
    everything = replace(
        FINE,
        certifier=replace(BEN, suspended="Owes"),
        level=Level.TRAINER,
        is_retired=True,
        account_suspended="",
        email_proved=False,
        missing=(Needed("safety", NAME),),
        suspended="Unsafe",
        live=(LiveRow(Level.TRAINER, None),),
        valid_until=TODAY,
    )
    found = rules.certifying_refusals(everything)
    assert len(found) == len(rules.CERTIFYING_RULES) - 1  # an end cannot be both too soon and too late
    assert not any(refusal.reason.overridable for refusal in found)


HELD = TakingFacts(
    certifier=CHLOE,
    slug="laser",
    competence=NAME,
    member_id=9,
    member="Ben",
    holds=True,
    is_trainer=False,
    suspended=None,
    is_revoked=False,
)


@pytest.mark.parametrize(
    ("act", "changes", "expected"),
    [
        (rules.suspension_refusals, {}, set()),
        (rules.suspension_refusals, {"certifier": LEA}, set()),
        (rules.suspension_refusals, {"is_trainer": True}, set()),
        (rules.suspension_refusals, {"certifier": replace(BEN, member_id=8)}, {"not_trainer"}),
        (rules.suspension_refusals, {"member_id": 1}, {"yourself"}),
        (rules.suspension_refusals, {"holds": False}, {"not_held_any_more"}),
        (rules.suspension_refusals, {"holds": False, "is_revoked": True}, {"already_revoked"}),
        (rules.suspension_refusals, {"suspended": "Unsafe"}, {"already_suspended"}),
        (rules.revocation_refusals, {}, set()),
        (rules.revocation_refusals, {"suspended": "Unsafe"}, set()),
        (rules.revocation_refusals, {"is_trainer": True}, {"managers_name_trainers"}),
        (rules.revocation_refusals, {"is_trainer": True, "certifier": LEA}, set()),
        (rules.revocation_refusals, {"is_revoked": True}, {"already_revoked"}),
        (rules.revocation_refusals, {"member_id": 1}, {"yourself"}),
        (rules.lifting_refusals, {"suspended": "Unsafe"}, set()),
        (rules.lifting_refusals, {"suspended": "Unsafe", "certifier": LEA}, set()),
        (rules.lifting_refusals, {"suspended": "Unsafe", "member_id": 1}, {"yourself"}),
        (rules.lifting_refusals, {"suspended": "Unsafe", "certifier": LEA, "member_id": 2}, {"yourself"}),
        (rules.lifting_refusals, {"suspended": "Unsafe", "certifier": replace(BEN, member_id=8)}, {"not_trainer"}),
        (rules.lifting_refusals, {"suspended": "Unsafe", "certifier": replace(CHLOE, suspended="")}, {"you_are_suspended"}),
        (rules.lifting_refusals, {}, {"not_suspended"}),
    ],
)
def test_who_may_suspend_lift_and_revoke(act, changes, expected):
    assert {one.code.removeprefix("trainings.") for one in act(replace(HELD, **changes))} == expected


def test_managers_naming_a_trainer_act_as_managers_even_when_they_train_it():
    both = replace(CHLOE, is_manager=True)
    assert rules.capacity(both, Level.AUTONOMOUS) is rules.Capacity.TRAINER
    assert rules.capacity(both, Level.TRAINER) is rules.Capacity.MANAGER
    assert rules.capacity(LEA, Level.AUTONOMOUS) is rules.Capacity.MANAGER


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 11, 26), 24, date(2028, 11, 26)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 11, 26), None, None),
    ],
)
def test_validity_counts_calendar_months(start, months, end):
    assert rules.last_day(start, months) == end


@pytest.mark.parametrize(
    ("needs", "way"),
    [
        ({1: [2], 2: [3]}, []),
        ({1: [1]}, [1, 1]),
        ({1: [2], 2: [1]}, [1, 2, 1]),
        ({1: [2, 4], 2: [3], 4: [3], 3: []}, []),
        ({1: [2], 2: [3], 3: [1]}, [1, 2, 3, 1]),
        ({1: [2], 2: [3], 3: [2]}, []),
    ],
)
def test_circles_of_prerequisites_are_found(needs, way):
    assert rules.circle(needs, 1) == way


@pytest.mark.parametrize(
    ("done", "way"),
    [
        (frozenset(), [3, 2, 1]),
        (frozenset({3}), [3, 2, 1]),
        (frozenset({1}), [1]),
        (frozenset({1, 2}), [2, 1]),
        (frozenset({2}), [2, 1]),
    ],
)
def test_the_way_names_prerequisites_first_and_asks_nobody_to_walk_back(done, way):
    assert rules.path_to([1], {1: [2], 2: [3]}, done) == way


@pytest.mark.parametrize(
    ("name", "slug"), [("Découpe laser CO₂", "decoupe-laser-co2"), ("  Œuvre d’art ", "oeuvre-d-art"), ("切", "")]
)
def test_addresses_come_from_names(name, slug):
    assert rules.slug_of(name) == slug
