"""Letters reach a real SMTP server; while it is down they wait, and none is lost."""

from __future__ import annotations

import email
import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from sqlalchemy import select, update

from app.kernel import clock, mail, outbox
from app.kernel.db import db, transaction
from app.kernel.mail import Letter, Mail, Recipient
from app.kernel.outbox import OutboxMessage
from tests.conftest import settings_for

pytestmark = pytest.mark.real

ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


class Postman:
    """What an SMTP server got, and what it answers: `refusals` by step, until they are cleared."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.refusals: dict[str, str] = {}
        self.drops_after_data = False

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if answer := self.refusals.get("MAIL"):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if answer := self.refusals.get("RCPT"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:
        if answer := self.refusals.get("DATA"):
            return answer
        self.got.append(email.message_from_bytes(envelope.content, policy=policy.default))
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        if self.drops_after_data:
            server.transport.abort()
        return "250 OK"


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
def server(postman: Postman) -> Iterator[Controller]:
    controller = Controller(postman, hostname="127.0.0.1", port=_free_port())
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def post(app, monkeypatch):
    """`post(url)`: the lab's mail goes to this server from now on; letters called "note" are composed from their facts."""
    monkeypatch.setitem(app.extensions["composers"], "note", _note)

    def use(url: str | None, **changes: Any) -> None:
        settings = app.extensions["settings"]
        monkeypatch.setitem(
            app.extensions, "settings", settings_for(settings.home, settings.database_url, smtp_url=url, **changes)
        )

    return use


def _note(facts: dict[str, Any]) -> Letter | None:
    if facts.get("nothing"):
        return None
    return Letter(
        to=Recipient(facts.get("to", "ada@lab.test"), facts.get("name", "Ada Lovelace"), facts.get("locale", "fr")),
        subject=facts.get("subject", "Votre réservation"),
        lines=["Bonjour <Ada>,", "À demain."],
        facts=[("Machine", "Laser & co")],
        actions=[("Voir", "https://lab.test/reservations/1")],
        calendar=facts.get("calendar"),
        method="REQUEST",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def url_of(server: Controller, scheme: str = "smtp", login: str = "") -> str:
    return f"{scheme}://{login}127.0.0.1:{server.port}"


def send(**facts: Any) -> None:
    with transaction():
        mail.send("note", **facts)


def letters() -> list[Mail]:
    db.session.rollback()
    return list(db.session.scalars(select(Mail).order_by(Mail.id).execution_options(populate_existing=True)))


def waiting() -> list[OutboxMessage]:
    db.session.rollback()
    statement = select(OutboxMessage).where(OutboxMessage.done_at.is_(None)).execution_options(populate_existing=True)
    return list(db.session.scalars(statement))


def live(rounds: int) -> None:
    """Work, then wait for what is due next, and again."""
    for _ in range(rounds):
        outbox.drain()
        due = [one.due_at for one in waiting() if one.parked_at is None]
        clock.set_clock(max([clock.now() + timedelta(minutes=1), *due]))


# ── arriving ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_letter_arrives_whole(post, server, postman):
    post(url_of(server))
    send(calendar=ICS)
    outbox.drain()
    [got] = postman.got
    assert postman.envelopes == [("lab@lab.test", ["ada@lab.test"])]
    assert got["Subject"] == "Votre réservation"
    assert got["From"].addresses[0].display_name == "Établi"
    assert got["To"].addresses[0].addr_spec == "ada@lab.test"
    assert got["Content-Language"] == "fr"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"].endswith("@lab.test>")
    assert got["Date"].datetime == clock.now().replace(microsecond=0)
    kinds = [part.get_content_type() for part in got.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "text/calendar", "text/calendar"]
    plain, page, invitation, file = (part for part in got.walk() if not part.is_multipart())
    assert "Bonjour <Ada>," in plain.get_content()
    assert "Bonjour &lt;Ada&gt;," in page.get_content()
    assert "https://lab.test/reservations/1" in plain.get_content()
    assert invitation["Content-Type"].params["method"] == "REQUEST"
    assert file.get_filename() == "reservation.ics"
    assert file.get_content().splitlines() == invitation.get_content().splitlines() == ICS.splitlines()
    [kept] = letters()
    assert (kept.sent_at, kept.message_id) == (clock.now(), got["Message-ID"])


def test_without_a_server_letters_are_kept_to_be_read(post):
    post(None)
    send()
    outbox.drain()
    [kept] = letters()
    assert (kept.sent_at, kept.to_address, kept.locale) == (None, "ada@lab.test", "fr")
    assert waiting() == []


def test_a_composer_with_nothing_to_say_writes_nothing(post, server, postman):
    post(url_of(server))
    send(nothing=True)
    outbox.drain()
    assert (letters(), waiting(), postman.got) == ([], [], [])


def test_a_letter_is_written_in_its_readers_language(post, server, postman):
    post(url_of(server))
    for locale in ("fr", "en"):
        send(locale=locale)
    outbox.drain()
    assert [got["Content-Language"] for got in postman.got] == ["fr", "en"]
    french, english = (got.get_body(("html",)).get_content() for got in postman.got)
    assert 'lang="fr"' in french
    assert 'lang="en"' in english


@pytest.mark.parametrize(
    "facts",
    [
        {"subject": "Bonjour\r\nBcc: eve@evil.test"},
        {"name": "Ada\r\nBcc: eve@evil.test"},
        {"name": 'Ada "the" <eve@evil.test>, Eve'},
        {"subject": "a\x0bBcc: eve@evil.test"},
    ],
)
def test_nobody_adds_a_reader_through_a_name_or_a_subject(post, server, postman, facts):
    post(url_of(server))
    send(**facts)
    outbox.drain()
    [got] = postman.got
    assert postman.envelopes == [("lab@lab.test", ["ada@lab.test"])]
    assert got["Bcc"] is None
    assert [one.addr_spec for one in got["To"].addresses] == ["ada@lab.test"]


# ── a server that is down, slow to believe, or refuses ───────────────────────────────────────────────────────────────


def test_a_server_that_is_down_delays_letters_and_loses_none(post, postman):
    port = _free_port()
    post(f"smtp://127.0.0.1:{port}")
    for number in range(5):
        send(subject=f"Lettre {number}")
    live(7)
    assert [kept.sent_at for kept in letters()] == [None] * 5
    written = {kept.message_id for kept in letters()}
    assert {one.topic for one in waiting()} == {"mail.deliver"}
    assert all(one.parked_at is None for one in waiting())
    controller = Controller(postman, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        live(2)
    finally:
        controller.stop()
    assert {got["Message-ID"] for got in postman.got} == written
    assert sorted(got["Subject"] for got in postman.got) == [f"Lettre {number}" for number in range(5)]
    assert waiting() == []
    assert all(kept.sent_at is not None for kept in letters())


@pytest.mark.parametrize(
    ("step", "answer"),
    [("RCPT", "450 greylisted"), ("DATA", "451 try later"), ("MAIL", "421 closing"), ("MAIL", "550 no relay for you")],
)
def test_what_may_pass_is_tried_until_it_passes(post, server, postman, step, answer):
    post(url_of(server))
    postman.refusals = {step: answer}
    send()
    live(8)
    assert (postman.got, letters()[0].sent_at) == ([], None)
    postman.refusals = {}
    live(2)
    assert len(postman.got) == 1


@pytest.mark.parametrize(("step", "answer"), [("RCPT", "550 no such person"), ("DATA", "554 looks like spam")])
def test_what_is_refused_for_good_is_parked_after_five_tries_and_can_be_tried_again(post, server, postman, step, answer):
    post(url_of(server))
    postman.refusals = {step: answer}
    send()
    live(8)
    [parked] = waiting()
    assert (parked.parked_at is not None, parked.attempts) == (True, 5)
    assert answer[:3] in parked.last_error
    postman.refusals = {}
    with transaction():
        outbox.retry(parked.id)
    outbox.drain()
    assert len(postman.got) == 1
    assert waiting() == []


def test_a_server_that_hangs_up_after_taking_it_gets_the_same_letter_again(post, server, postman):
    post(url_of(server))
    postman.drops_after_data = True
    send()
    outbox.drain()
    postman.drops_after_data = False
    live(2)
    assert len(postman.got) == 2
    assert len({got["Message-ID"] for got in postman.got}) == 1


def test_a_letter_that_was_sent_is_not_sent_again(post, server, postman):
    """The worker died after the server took it and after that was written, before the message was ticked off."""
    post(url_of(server))
    send()
    outbox.drain()
    with transaction():
        db.session.execute(update(OutboxMessage).where(OutboxMessage.topic == "mail.deliver").values(done_at=None))
    assert outbox.drain() == 1
    assert len(postman.got) == 1


def test_a_letter_that_cannot_be_written_is_parked_and_the_others_go(post, server, postman):
    post(url_of(server))
    send(to="zoé@lab.test")
    send()
    live(8)
    assert [got["To"].addresses[0].addr_spec for got in postman.got] == ["ada@lab.test"]
    [parked] = waiting()
    assert parked.parked_at is not None


# ── encryption and signing in ────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_without_encryption_is_not_spoken_to_when_it_was_asked_for(post, server, postman):
    post(url_of(server, "smtp+starttls"))
    send()
    outbox.drain()
    assert postman.got == []
    [late] = waiting()
    assert (late.parked_at, "SMTPNotSupportedError" in late.last_error) == (None, True)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_the_lab_signs_in_with_its_name_and_password(post, postman):
    seen = []

    def check(_server, _session, _envelope, _mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss", handled=False)

    controller = Controller(
        postman, hostname="127.0.0.1", port=_free_port(), authenticator=check, auth_required=True, auth_require_tls=False
    )
    controller.start()
    try:
        post(url_of(controller, login="lab:wrong@"))
        send()
        outbox.drain()
        assert (postman.got, waiting()[0].parked_at) == ([], None)
        post(url_of(controller, login="lab:p%40ss@"))
        live(2)
    finally:
        controller.stop()
    assert len(postman.got) == 1
    assert (b"lab", b"p@ss") in seen


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of 127.0.0.1 that nobody signed but itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        *subject,
        "-keyout",
        str(path),
        "-out",
        f"{path}.crt",
    ]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
@pytest.mark.parametrize("is_trusted", [True, False])
def test_letters_go_encrypted_to_a_server_that_proves_who_it_is(post, postman, certificate, monkeypatch, scheme, is_trusted):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    how = {"tls_context": context, "require_starttls": True} if scheme == "smtp+starttls" else {"ssl_context": context}
    controller = Controller(postman, hostname="127.0.0.1", port=_free_port(), **how)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    controller.start()  # it calls itself once, and must believe itself
    if not is_trusted:
        monkeypatch.delenv("SSL_CERT_FILE")
    try:
        post(url_of(controller, scheme))
        send()
        outbox.drain()
    finally:
        controller.stop()
    assert len(postman.got) == is_trusted
    if not is_trusted:
        [late] = waiting()
        assert (late.parked_at, "CERTIFICATE_VERIFY_FAILED" in late.last_error) == (None, True)


def test_no_connection_is_left_open_when_signing_in_fails(post, server, monkeypatch):
    opened = []
    connect = smtplib.SMTP.__init__

    def noting(self, *args, **kwargs):
        opened.append(self)
        connect(self, *args, **kwargs)

    monkeypatch.setattr(smtplib.SMTP, "__init__", noting)
    post(url_of(server, login="lab:secret@"))
    send()
    outbox.drain()
    assert [one.sock for one in opened] == [None]
