"""Certificates of printers' servers: only the one given is trusted there, no key leaves before, and none is kept with its key."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from app.kernel import clock
from app.kernel.audit import AuditEntry
from app.kernel.db import db, transaction
from app.kernel.refusals import NotAllowed
from machines.printing import addresses, certificates, engine_edge, http, links, octoprint_keys, troubles
from machines.printing.gateway import NotSecure, OutOfDate, PrinterError, Seen, Untrusted, WrongName
from machines.printing.link_views import said_of
from machines.printing.octoprint import OctoPrint
from tests.builders import acting
from tests.machines.scene import fresh
from tests.printing.test_link_pages import PAGE, adele, body
from tests.real.octoprint.fixtures import ALLOWED

__all__ = ["adele"]

KEY = "A-KEY-THAT-NOBODY-ELSE-MAY-SEE"
ANSWERS = {
    "/api/version": {"text": "OctoPrint 1.11.8", "server": "1.11.8"},
    "/api/currentuser": {"name": "etabli", "permissions": ["STATUS"]},
    "/api/job": {"state": "Operational", "job": {"file": {}}, "progress": {}},
    "/plugin/appkeys/request": {"app_token": "abcdef0123456789"},
    "/plugin/appkeys/request/abcdef0123456789": {"api_key": KEY},
    "/api/plugin/appkeys": {"api_key": f"{KEY}-2"},
}


class Made(NamedTuple):
    """A certificate with its key, both in PEM."""

    certificate: str
    key: str


CAMERA = "camera.lan"


def make(name: str = "octopi", *, ip: str = "127.0.0.1", by: Made | None = None, days: tuple[float, float] = (-1, 9)) -> Made:
    """For that address and the name of a camera, valid on those days from today; signed by itself, or `by` an authority."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = x509.load_pem_x509_certificate(by.certificate.encode()) if by else None
    signing = serialization.load_pem_private_key(by.key.encode(), None) if by else key
    built = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(signer.subject if signer else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days[0])).not_valid_after(now + timedelta(days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(ip)), x509.DNSName(CAMERA)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(signing, hashes.SHA256())
    )  # fmt: skip
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Made(built.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(*plain).decode())


def _answer_to(path: str) -> bytes:
    if path.endswith("/probe"):
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    kind, found = "application/json", json.dumps(ANSWERS.get(path, {})).encode()
    if path == "/picture":
        kind, found = "image/png", b"\x89PNG"
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(found)}\r\n\r\n".encode() + found


class Secure:
    """A printer's server behind TLS, on a port of its own; keeps all that it was sent once the handshake was done."""

    def __init__(self, made: Made, folder: Path, *, handshakes: bool = True) -> None:
        chain = folder / f"{id(self)}.pem"
        chain.write_text(made.key + made.certificate)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._handshakes, self.heard, self.visits = handshakes, b"", 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            peer.settimeout(5)
            try:
                self._answer(peer)
            except OSError:
                peer.close()

    def _answer(self, peer: socket.socket) -> None:
        if not self._handshakes:
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            peer.close()
            return
        with self._context.wrap_socket(peer, server_side=True) as wrapped:
            said = b""
            while b"\r\n\r\n" not in said and (more := wrapped.recv(65536)):
                said += more
            head, _, content = said.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            while length and len(content) < int(length[1]) and (more := wrapped.recv(65536)):
                content += more
            self.heard += said
            wrapped.sendall(_answer_to(head.split(b" ", 2)[1].decode()))

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Secure]]:
    opened: list[Secure] = []

    def open_one(made: Made, **more: bool) -> Secure:
        opened.append(Secure(made, tmp_path, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def printer(url: str, certificate: str | None, camera: str | None = None) -> OctoPrint:
    look = addresses.parse_picture(camera, ALLOWED) if camera else None
    return OctoPrint(addresses.parse(url, ALLOWED), KEY, allowed=ALLOWED, camera=look, certificate=certificate)


def conversations(url: str, certificate: str | None) -> list[Callable[[], object]]:
    """Everything that is said to a server before it is known, reading and writing, with a key and for one."""
    one, address = printer(url, certificate), addresses.parse(url, ALLOWED)
    return [
        lambda: asyncio.run(one.probe()),
        lambda: asyncio.run(one.start("fablab/1/1-1.gcode")),
        lambda: asyncio.run(octoprint_keys.is_supported(address, ALLOWED, certificate=certificate)),
        lambda: asyncio.run(octoprint_keys.ask(address, ALLOWED, app="Établi", user=None, certificate=certificate)),
        lambda: asyncio.run(octoprint_keys.poll(address, ALLOWED, "abcdef0123456789", certificate=certificate)),
        lambda: asyncio.run(octoprint_keys.make_another(address, ALLOWED, key=KEY, app="Établi", certificate=certificate)),
        lambda: asyncio.run(octoprint_keys.revoke(address, ALLOWED, key=KEY, app="Établi", certificate=certificate)),
    ]


AUTHORITY, OTHER_AUTHORITY = make("lab"), make("lab")
OWN, OTHER = make(), make()
SIGNED = make(by=AUTHORITY)
ELSEWHERE = make(ip="127.0.0.9")
OVER, TOO_EARLY = make(days=(-9, -1)), make(days=(1, 9))


# ── the connection ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        (OWN, OWN.certificate),
        (SIGNED, AUTHORITY.certificate),
        (SIGNED, SIGNED.certificate),
        (OWN, OTHER.certificate + OWN.certificate),
    ],
    ids=["its own", "its authority's", "its own, that an authority signed", "among several"],
)
def test_a_server_with_the_certificate_that_was_given_is_talked_to(serve, shown, given):
    one = serve(shown)
    for said in conversations(one.url, given):
        said()
    assert asyncio.run(printer(one.url, given).status()).state is Seen.IDLE
    assert one.heard.count(f"X-Api-Key: {KEY}".encode()) >= 5


@pytest.mark.parametrize(
    ("shown", "given", "error"),
    [
        (OWN, None, Untrusted),
        (SIGNED, None, Untrusted),
        (OWN, OTHER.certificate, Untrusted),
        (OWN, AUTHORITY.certificate, Untrusted),
        (SIGNED, OTHER_AUTHORITY.certificate, Untrusted),
        (ELSEWHERE, ELSEWHERE.certificate, WrongName),
        (OVER, OVER.certificate, OutOfDate),
        (TOO_EARLY, TOO_EARLY.certificate, OutOfDate),
    ],
    ids=["none", "none, signed", "another", "an authority's", "another authority's", "wrong name", "over", "too early"],
)
def test_any_other_is_refused_before_anything_is_said(serve, shown, given, error):
    one = serve(shown)
    said = conversations(one.url, given)
    for conversation in said:
        with pytest.raises(PrinterError) as refused:
            conversation()
        assert type(refused.value) is error
    seen = asyncio.run(printer(one.url, given).status())
    assert (seen.state, seen.trouble) == (Seen.OFFLINE, error.__name__)
    assert one.visits == len(said) + 1
    assert one.heard == b""


def test_with_a_certificate_the_authorities_of_the_system_count_no_more(serve, monkeypatch, tmp_path):
    one, trusted = serve(OWN), tmp_path / "system.pem"
    trusted.write_text(OWN.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    http._tls.cache_clear()
    try:
        assert asyncio.run(printer(one.url, None).status()).state is Seen.IDLE
        one.heard = b""
        assert asyncio.run(printer(one.url, OTHER.certificate).status()).state is Seen.OFFLINE
    finally:
        http._tls.cache_clear()
    assert one.heard == b""


def test_what_answers_without_tls_is_said_to_be_so(serve):
    one = serve(OWN, handshakes=False)
    with pytest.raises(NotSecure) as refused:
        asyncio.run(printer(one.url, OWN.certificate).pause())
    assert type(refused.value) is NotSecure


def test_trust_is_built_once_for_each_certificate(serve):
    one, other = serve(OWN), serve(OTHER)
    http._tls.cache_clear()
    for _ in range(3):
        asyncio.run(printer(one.url, OWN.certificate).status())
        asyncio.run(printer(other.url, OTHER.certificate).status())
    assert http._tls.cache_info().misses == 2
    assert http._tls(OWN.certificate) is not http._tls(OTHER.certificate)


def test_a_camera_on_the_same_host_is_trusted_alike_and_no_other(serve, monkeypatch):
    one, real = serve(OWN), socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **also: real("127.0.0.1" if host == CAMERA else host, *more, **also)
    )
    picture = asyncio.run(printer("https://127.0.0.1:5000", OWN.certificate, f"{one.url}/picture").picture())
    assert picture is not None
    assert picture.data == b"\x89PNG"
    assert KEY.encode() not in one.heard
    with pytest.raises(Untrusted):
        asyncio.run(printer("https://127.0.0.1:5000", OWN.certificate, f"https://{CAMERA}:{one.port}/picture").picture())
    assert one.heard.count(b"GET") == 1


# ── what is pasted ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_certificates_are_taken_out_of_what_openssl_writes():
    around = (
        f"CONNECTED(00000003)\n---\n 0 s:CN = octopi\n{SIGNED.certificate}\n 1 s:CN = lab\n{AUTHORITY.certificate}---\nDONE\n"
    )
    found = certificates.read(around.replace("\n", "\r\n"))
    assert [one.pem for one in found] == [SIGNED.certificate, AUTHORITY.certificate]
    stored = x509.load_pem_x509_certificate(SIGNED.certificate.encode())
    assert found[0].fingerprint.replace(":", "").lower() == stored.fingerprint(hashes.SHA256()).hex()
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", found[0].fingerprint)
    assert found[0].last_day == stored.not_valid_after_utc.date()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a certificate"),
        ("hello", "not a certificate"),
        (OWN.certificate.replace("-----END CERTIFICATE-----", ""), "not a certificate"),
        (OWN.certificate[:200] + OWN.certificate[260:], "damaged"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "damaged"),
        (OWN.certificate + OWN.key, "private key"),
        ("x" * 16_001 + OWN.certificate, "16 kB"),
        ("-----begin rsa private key-----" + "x" * 20_000, "private key"),
    ],
    ids=["nothing", "words", "no end", "cut", "no content", "with its key", "too long", "a key, too long"],
)
def test_anything_else_is_refused_in_words(text, words):
    with pytest.raises(certificates.NotAccepted, match=words):
        certificates.read(text)


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def linked(shop, url):
    with transaction():
        link = links.connect(actor=acting(shop.adele), machine_id=shop.printer.id, kind="octoprint", address=url, revision=0)
    return fresh(link)


def give(client, link, text, **more):
    return client.post(f"{PAGE}/certificate", data={"certificate": text, "revision": str(fresh(link).revision), **more})


def told(link):
    entries = select(AuditEntry).where(AuditEntry.subject == link.subject, AuditEntry.verb == "printer.certificate_set")
    return [json.dumps(entry.details) for entry in db.session.scalars(entries.order_by(AuditEntry.id))]


def test_only_servers_with_https_have_a_certificate(shop, adele):
    link = linked(shop, "http://127.0.0.1:9")
    assert "Certificate of its server" not in body(adele.get(PAGE))
    assert give(adele, link, OWN.certificate).status_code == 404
    assert fresh(link).certificate is None


def test_from_a_refused_handshake_to_a_stored_key(shop, adele, serve):
    one = serve(OWN)
    link = linked(shop, one.url)
    adele.post(f"{PAGE}/test")
    adele.post(f"{PAGE}/key", data={"key": KEY})
    html = body(adele.post(f"{PAGE}/key", data={"key": KEY}))
    assert "shows a certificate that the house does not trust" in html
    assert "give its certificate on this page" in html
    assert f"openssl s_client -connect 127.0.0.1:{one.port} -showcerts" in html
    assert adele.post(f"{PAGE}/request", data={"user": "etabli"}).location == PAGE
    assert one.heard == b""

    assert give(adele, link, f"0 s:CN = octopi\n{OWN.certificate}").status_code == 303
    assert fresh(link).certificate == OWN.certificate
    html = body(adele.get(PAGE))
    [shown] = certificates.read(OWN.certificate)
    assert shown.fingerprint in html
    assert f"{shown.last_day.day} {shown.last_day:%B}" in html
    assert adele.post(f"{PAGE}/key", data={"key": KEY}).status_code == 303
    assert fresh(link).key_sealed is not None
    assert adele.post(f"{PAGE}/request", data={"user": "etabli"}).location == f"{PAGE}/request"
    assert adele.get(f"{PAGE}/request").location == PAGE
    assert fresh(link).app_name == "Etabli printer"
    adele.post(f"{PAGE}/rotation/{fresh(link).revision}")
    assert (fresh(link).app_name, fresh(link).former_app) == ("Etabli printer 2", None)
    assert adele.post(f"{PAGE}/test").status_code == 303
    assert "OctoPrint 1.11.8 answers." in body(adele.get(PAGE))


def test_the_books_have_its_fingerprint_and_an_empty_text_takes_it_back(shop, adele):
    link = linked(shop, "https://127.0.0.1")
    assert "127.0.0.1:443 -showcerts" in body(adele.get(PAGE))
    give(adele, link, OWN.certificate)
    revision = fresh(link).revision
    give(adele, link, OWN.certificate)
    assert fresh(link).revision == revision
    give(adele, link, "  ")
    assert fresh(link).certificate is None
    [shown] = certificates.read(OWN.certificate)
    stored, taken_back = told(link)
    assert shown.fingerprint in stored
    assert shown.fingerprint in taken_back
    assert "BEGIN" not in stored + taken_back


@pytest.mark.parametrize("text", [OWN.certificate + OWN.key, OWN.key + "x" * 20_000], ids=["with it", "too long"])
def test_a_private_key_is_neither_kept_nor_shown_again(shop, adele, text, caplog):
    link = linked(shop, "https://127.0.0.1:9")
    answer = give(adele, link, text)
    html = body(answer)
    assert answer.status_code == 422
    assert "There is a private key in this text" in html
    assert "BEGIN PRIVATE KEY" not in html
    assert OWN.key.splitlines()[1] not in html + caplog.text
    assert fresh(link).certificate is None
    assert told(link) == []


def test_what_is_no_certificate_comes_back_as_it_was_typed(shop, adele):
    link = linked(shop, "https://127.0.0.1:9")
    answer = give(adele, link, "my certificate")
    assert answer.status_code == 422
    assert "This is not a certificate" in body(answer)
    assert "my certificate</textarea>" in body(answer)
    assert fresh(link).certificate is None


def test_a_stale_certificate_is_not_taken(shop, adele):
    link = linked(shop, "https://127.0.0.1:9")
    give(adele, link, OWN.certificate)
    answer = give(adele, link, OTHER.certificate, revision="1")
    assert answer.status_code == 409
    assert "Somebody else changed" in body(answer)
    assert fresh(link).certificate == OWN.certificate


def test_another_address_and_a_removed_link_forget_it(shop, adele):
    link = linked(shop, "https://127.0.0.1:9")
    for path, form in (("address", {"kind": "octoprint", "address": "https://127.0.0.1:10"}), ("removal", {})):
        give(adele, link, OWN.certificate)
        assert fresh(link).certificate == OWN.certificate
        adele.post(f"{PAGE}/{path}", data={**form, "revision": str(fresh(link).revision)})
        assert fresh(link).certificate is None


def test_managers_see_whom_the_house_trusts_and_change_nothing(shop, as_):
    link = linked(shop, "https://127.0.0.1:9")
    with transaction():
        links.trust(actor=acting(shop.adele), link_id=link.id, text=OWN.certificate, revision=link.revision)
    html = body(as_(shop.lea).get(PAGE))
    assert certificates.read(OWN.certificate)[0].fingerprint in html
    assert "<textarea" not in html
    with pytest.raises(NotAllowed), transaction():
        links.trust(actor=acting(shop.lea), link_id=link.id, text="", revision=fresh(link).revision)


@pytest.mark.both_engines
def test_the_engine_leaves_what_was_wrong_on_the_link_until_another_certificate_is_given(shop, serve):
    link, seen = linked(shop, serve(OVER).url), None
    for _ in range(3):
        seen = asyncio.run(printer(link.address, OVER.certificate).status())
        engine_edge.saw("nobody", link.id, seen, None)
    assert fresh(link).trouble == "OutOfDate"
    with transaction():
        fresh(link).key_sealed = "sealed"
    assert said_of(fresh(link)).refusal == troubles.OUT_OF_DATE()
    with transaction():
        links.trust(actor=acting(shop.adele), link_id=link.id, text=OWN.certificate, revision=fresh(link).revision)
    assert (fresh(link).trouble, fresh(link).failures) == (None, 0)
    assert clock.now() >= seen.at
