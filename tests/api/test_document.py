"""The OpenAPI document is true: whatever it allows is answered as it says, and never by a 500.

Each operation is called with paths made up from the document, then with the same body on things that exist.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.accounts import tokens
from app.kernel import clock
from app.kernel.actors import HOUSE, Role
from app.kernel.api import SCOPES
from app.kernel.db import db, transaction
from app.kernel.money import Cents
from billing import payments
from billing.rules import Method
from machines import reservations, usage
from machines.models import Reservation
from machines.printing import metering
from machines.printing.rules import JobState, Outcome, Source
from machines.rules import Claim
from machines.usage import Ending
from tests.browser.scene import a_whole_lab
from tests.builders import a_member, acting, period
from tests.conftest import as_a_server_would
from tests.printing.engine_scene import a_file, a_link, attach, put
from tests.trainings.scene import a_certification

pytestmark = pytest.mark.slow

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture
def document(app):
    """The document of a lab where something happens, served to one who may do everything; nothing is throttled for long."""
    lab = a_whole_lab()
    roles = (Role.ADMINISTRATOR, Role.MANAGER, Role.ACCOUNTANT)
    ada = a_member("Ada Lovelace", charter=lab.charter, roles=roles)
    for competence in (lab.safety, lab.laser):
        a_certification(ada, competence, by=lab.lea)
    for day, hour in (("2026-11-26", "10:00"), ("2026-11-27", "10:00"), ("2026-11-27", "14:00")):
        slot = period(hour, 1, day=day)
        with transaction():
            reservations.book(actor=acting(ada), machine=lab.machine, claim=Claim(slot.start, slot.end))
    with transaction():
        usage.check_in(actor=acting(lab.lea), reservation_id=1, code=None, ticks=0, vouched=True)
        charge = usage.end(actor=acting(ada), reservation_id=1, ending=Ending(is_clean=True))
    with transaction():
        receipt = payments.take(actor=acting(lab.lea), payer_id=ada.id, cents=Cents(100), method=Method.CASH, at=clock.now())
    job = _a_print_that_was_lost(ada, lab.machine)
    app.config["FUZZ_KNOWN"] = {
        "reservation_id": 2, "charge_id": charge.id, "certification_id": 1, "member_id": ada.id, "number": receipt.number,
        "job_id": job.id, "file_id": job.file_id,
    }  # fmt: skip
    with transaction():
        app.config["FUZZ_TOKEN"] = tokens.create_api_token(
            actor=HOUSE, member_id=ada.id, name="fuzzer", scopes=list(SCOPES), days=1
        )
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


def _a_print_that_was_lost(owner, machine):
    """In the third reservation; the machine is a printer from now on."""
    a_link(machine)
    with transaction():
        reservation = db.session.get_one(Reservation, 3)
    job = put(attach(owner, reservation, a_file(owner)), JobState.LOST, ended_at=clock.now())
    with transaction():
        metering.record(job=job, outcome=Outcome.UNKNOWN, source=Source.OBSERVED, at=clock.now())
    return job


def test_every_operation_answers_as_the_document_says(document, app):
    headers = {"Authorization": f"Bearer {app.config['FUZZ_TOKEN']}"}
    tried, failures, answered = 0, [], []
    for operation in (result.ok() for result in document.get_all_operations()):
        tried += 1

        @given(case=operation.as_strategy())
        @settings(
            max_examples=15,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def follow(case):
            as_a_server_would(lambda: case.call_and_validate(headers=headers, checks=CHECKS))
            if case.path_parameters:
                known = {**app.config["FUZZ_KNOWN"], "slug": "laser-1" if "machines" in case.path else "laser"}
                case.path_parameters = {name: known[name] for name in case.path_parameters}
                response = as_a_server_would(lambda: case.call_and_validate(headers=headers, checks=CHECKS))
                answered.append(response.status_code)

        try:
            follow()
        except Exception as failure:  # every operation is tried: what each breaks is told together
            failures.append(f"{operation.label}: {failure}"[:1500])
    assert tried > 30
    assert {200, 201, 204, 409, 422} <= set(answered)
    assert not failures, "\n\n".join(failures)
