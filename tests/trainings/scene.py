"""What the tests of trainings share: a lab's competences, its people, and acts that happen at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from app.accounts.models import Member
from app.kernel import clock
from app.kernel.db import db, repeating, transaction
from app.kernel.refusals import Refused
from tests.builders import acting, save
from trainings import certifications
from trainings.models import Capacity, Certification, Competence, Evidence, Level, Prerequisite


def a_competence(slug: str, *, needs: Sequence[Competence] = (), **changes: Any) -> Competence:
    values: dict[str, Any] = {
        "slug": slug,
        "name": {"fr": f"{slug} (fr)", "en": f"{slug} (en)"},
        "description": {},
        "path": {"fr": "Une séance avec Léa."},
        "valid_months": 24,
        "position": 0,
    }
    competence = Competence(**{**values, **changes})
    save(competence)
    save(*(Prerequisite(competence_id=competence.id, needs_id=one.id) for one in needs))
    return competence


def a_certification(
    member: Member, competence: Competence, level: Level = Level.AUTONOMOUS, *, by: Member, **changes: Any
) -> Certification:
    """A row as it would stand, without asking the rules."""
    values: dict[str, Any] = {
        "member_id": member.id,
        "competence_id": competence.id,
        "level": level,
        "valid_from": clock.today(),
        "valid_until": clock.today() + timedelta(days=365),
        "granted_at": clock.now(),
        "granted_by_id": by.id,
        "granted_as": Capacity.MANAGER,
        "evidence": Evidence.PRACTICAL,
        "note": None,
    }
    row = Certification(**{**values, **changes})
    save(row)
    return row


def certify(
    trainer: Member, member: Member, competence: Competence, level: Level = Level.AUTONOMOUS, **more: Any
) -> Certification:
    with transaction():
        return certifications.grant(actor=acting(trainer), member_id=member.id, competence_id=competence.id, level=level, **more)


def suspend(trainer: Member, row: Certification, reason: str = "Left the laser alone") -> None:
    with transaction():
        certifications.suspend(actor=acting(trainer), certification_id=row.id, reason=reason)


def lift(trainer: Member, row: Certification) -> None:
    with transaction():
        certifications.lift(actor=acting(trainer), certification_id=row.id)


def revoke(trainer: Member, row: Certification, reason: str = "Never again") -> None:
    with transaction():
        certifications.revoke(actor=acting(trainer), certification_id=row.id, reason=reason)


def codes(refused: pytest.ExceptionInfo[Refused]) -> set[str]:
    return {refusal.code.removeprefix("trainings.") for refusal in refused.value.refusals}


def at_once(app: Flask, *acts: Callable[[], Any]) -> list[Any]:
    """Run `acts` at the same moment, each in its own transaction; a refusal is a result like another."""
    instant = clock.now()
    ready = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        clock.set_clock(instant)
        with app.app_context():

            def whole() -> Any:
                with transaction():
                    return act()

            ready.wait()
            try:
                results[number] = repeating(whole)()
            except Refused as refused:
                results[number] = refused
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(number, act)) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return results


def in_days(days: int) -> date:
    return clock.today() + timedelta(days=days)
