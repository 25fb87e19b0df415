"""Getting a key through our own pages, from a real OctoPrint: granted, denied, forgotten, renewed, asked too often."""

from __future__ import annotations

import re
import time

import pytest
from sqlalchemy import select

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from machines.printing import doors, key_views, links
from machines.printing.asking import Pending
from machines.printing.gateway import Unreachable
from tests.builders import acting
from tests.conftest import THURSDAY
from tests.machines.conftest import as_, built, shop
from tests.machines.scene import fresh
from tests.real.octoprint import server

__all__ = ["as_", "built", "shop"]
PAGE = "/printers/printer/link"

pytestmark = pytest.mark.real


def body(response):
    return re.sub(r"\s+", " ", response.get_data(as_text=True))


class Browser:
    """Adèle at the pages of the printer's link, and OctoPrint's administrator in another tab."""

    def __init__(self, client, printer):
        self.client, self.printer = client, printer

    def ask(self, user="platform"):
        answer = self.client.post(f"{PAGE}/request", data={"user": user})
        assert answer.status_code == 303
        return answer.location

    def pending(self):
        with self.client.session_transaction() as session:
            return Pending.opened(session.get(key_views.PENDING))

    def look(self):
        return self.client.get(f"{PAGE}/request", headers={"HX-Request": "true"})

    def decide(self, yes):
        """As the user it was asked for: nobody else may, and that user needs the permission to grant."""
        key, app = self.printer.key, self.pending().app
        self.let(*server.PLATFORM, "PLUGIN_APPKEYS_GRANT")
        _status, told = self.printer.ask("GET", "/api/plugin/appkeys", key=key)
        [token] = [token for token, asked in told["pending"].items() if (asked["app_id"], asked["user_id"]) == (app, "platform")]
        status, _told = self.printer.ask("POST", f"/plugin/appkeys/decision/{token}", {"decision": yes}, key=key)
        assert status == 204
        self.let(*server.PLATFORM)

    def let(self, *permissions):
        said = {"active": True, "admin": False, "groups": [], "permissions": list(permissions)}
        self.printer.do("PUT", "/api/access/users/platform", said)

    def page(self):
        return body(self.client.get(PAGE))


def keys_there(printer, user="platform"):
    found = printer.do("GET", "/api/plugin/appkeys?all=true")["keys"]
    return sorted(one["app_id"] for one in found if one["user_id"] == user and one["app_id"] != server.APP)


@pytest.fixture
def link(shop, octoprint):
    shop.adele.locale = "en"
    with transaction():
        db.session.add(shop.adele)
        return links.connect(
            actor=acting(shop.adele), machine_id=shop.printer.id, kind="octoprint", address=octoprint.url, revision=0
        )


@pytest.fixture
def adele(shop, as_, link, octoprint):
    """On the scripted clock, which stands: a second passes only where the test says so."""
    browser = Browser(as_(shop.adele), octoprint)
    yield browser
    for app in keys_there(octoprint):
        octoprint.do("POST", "/api/plugin/appkeys", {"command": "revoke", "app": app, "user": "platform"})


def granted(adele):
    adele.ask()
    adele.decide(True)
    return adele.look()


def test_case_1_a_pasted_key_is_tried_and_what_it_may_do_is_shown(adele, link, octoprint):
    assert adele.client.post(f"{PAGE}/key", data={"key": octoprint.key}).status_code == 303
    stored, html = fresh(link), adele.page()
    assert (stored.remote_user, stored.version, stored.missing, stored.too_strong, stored.app_name) == (
        "platform",
        "1.11.8",
        [],
        [],
        None,
    )
    assert doors.key(stored) == octoprint.key
    assert "OctoPrint 1.11.8" in html
    assert "In order" in html
    assert octoprint.key not in html


def test_case_2_a_key_that_is_too_strong_is_said_with_what_to_do(adele, link, octoprint):
    adele.client.post(f"{PAGE}/key", data={"key": octoprint.keys["admin"]})
    html = adele.page()
    assert "This key may do more than it should." in html
    assert "<code>ADMIN</code>" in html
    assert "make a user of its own for the house" in html


def test_case_3_a_wrong_key_is_not_stored(adele, link, octoprint):
    answer = adele.client.post(f"{PAGE}/key", data={"key": "wrong-wrong-wrong"})
    assert (answer.status_code, "does not accept the key" in body(answer)) == (409, True)
    assert fresh(link).key_sealed is None
    adele.client.post(f"{PAGE}/key", data={"key": octoprint.keys["viewer"]})
    assert "This user may not do all that is needed." in adele.page()
    assert "<code>PRINT</code>" in adele.page()


def test_case_7_granted(adele, link, octoprint):
    assert adele.ask() == f"{PAGE}/request"
    first = adele.client.get(f"{PAGE}/request")
    assert adele.pending().dialog in body(first).replace("&amp;", "&")
    assert adele.pending().dialog.startswith(f"{octoprint.url}/plugin/appkeys/auth/")
    assert adele.look().status_code == 204
    adele.decide(True)
    answer = adele.look()
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, PAGE)
    stored = fresh(link)
    assert (stored.remote_user, stored.app_name, stored.missing) == ("platform", "Etabli printer", [])
    assert octoprint.ask("GET", "/api/currentuser", key=doors.key(stored))[1]["name"] == "platform"
    assert adele.pending() is None
    assert "The key is stored. platform is our user there." in adele.page()
    assert adele.client.post(f"{PAGE}/test").status_code == 303
    assert "OctoPrint 1.11.8 answers." in adele.page()


def test_case_8_denied(adele, link):
    adele.ask()
    adele.look()
    adele.decide(False)
    html = body(adele.look())
    assert "Somebody said no in OctoPrint." in html
    assert "hx-trigger" not in html
    assert (adele.pending(), fresh(link).key_sealed) == (None, None)


@pytest.mark.slow
def test_case_8_not_asked_after_for_six_seconds(adele, link):
    adele.ask()
    time.sleep(6)  # OctoPrint counts by its own clock
    clock.set_clock(THURSDAY.replace(second=6))
    html = body(adele.look())
    assert "OctoPrint forgot the request" in html
    assert (adele.pending(), fresh(link).key_sealed) == (None, None)


def test_case_9_renewed_and_the_old_one_is_refused(adele, link, octoprint):
    granted(adele)
    before = fresh(link)
    old = doors.key(before)
    assert adele.client.post(f"{PAGE}/rotation/{before.revision}").status_code == 303
    html, after = adele.page(), fresh(link)
    assert "The old key is revoked." in html
    assert doors.key(after) != old
    assert (after.app_name, after.former_app, after.remote_user) == ("Etabli printer 2", None, "platform")
    assert octoprint.ask("GET", "/api/job", key=old)[0] == 403
    assert octoprint.ask("GET", "/api/job", key=doors.key(after))[0] == 200
    assert keys_there(octoprint) == ["Etabli printer 2"]
    verbs = list(db.session.scalars(select(AuditEntry.verb).where(AuditEntry.subject == link.subject).order_by(AuditEntry.id)))
    assert verbs == ["printer.address_set", "printer.key_stored", "printer.key_stored", "printer.former_key_revoked"]


def test_case_9_an_old_key_that_could_not_be_revoked_is_revoked_later(adele, link, octoprint, monkeypatch):
    granted(adele)
    revoke = key_views.octoprint_keys.revoke
    monkeypatch.setattr(key_views.octoprint_keys, "revoke", _cut_off)
    adele.client.post(f"{PAGE}/rotation/{fresh(link).revision}")
    html = adele.page()
    assert "it still opens the printer" in html
    assert "Revoke the old key" in html
    assert fresh(link).former_app == "Etabli printer"
    monkeypatch.setattr(key_views.octoprint_keys, "revoke", revoke)
    adele.client.post(f"{PAGE}/rotation/{fresh(link).revision}")  # not a third key before the first is gone
    assert keys_there(octoprint) == ["Etabli printer", "Etabli printer 2"]
    for words in ("The old key is revoked.", None):
        assert adele.client.post(f"{PAGE}/former-key").status_code == 303
        assert words is None or words in adele.page()
    assert (fresh(link).former_app, keys_there(octoprint)) == (None, ["Etabli printer 2"])


async def _cut_off(*_args, **_more):
    raise Unreachable("the line was cut")


def test_case_9_a_revoked_key_renews_nothing_and_says_why(adele, link, octoprint):
    granted(adele)
    octoprint.do("POST", "/api/plugin/appkeys", {"command": "revoke", "app": "Etabli printer", "user": "platform"})
    adele.client.post(f"{PAGE}/rotation/{fresh(link).revision}")
    html = adele.page()
    assert "The old key stays in use." in html
    assert "does not accept the key" in html
    assert keys_there(octoprint) == []
    granted(adele)  # the way out: ask again, under another name
    assert (fresh(link).app_name, keys_there(octoprint)) == ("Etabli printer 2", ["Etabli printer 2"])


@pytest.mark.slow
def test_case_10_asked_too_often_is_said_as_a_pause(shop, as_):
    with server.running(devel={"enableRateLimiter": True}) as impatient:
        shop.adele.locale = "en"
        with transaction():
            db.session.add(shop.adele)
            links.connect(
                actor=acting(shop.adele), machine_id=shop.printer.id, kind="octoprint", address=impatient.url, revision=0
            )
        adele = Browser(as_(shop.adele), impatient)
        assert [adele.ask() for _time in range(4)] == [f"{PAGE}/request"] * 3 + [PAGE]
        assert "was asked too often and wants a pause. Wait a minute" in adele.page()
