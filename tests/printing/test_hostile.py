"""Servers that mean harm, or are merely broken: every call ends in time, in an error of ours, and the key goes nowhere else."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from machines.printing import addresses, http, octoprint_keys
from machines.printing.addresses import Allowed
from machines.printing.gateway import (
    AddressRefused,
    BadKey,
    OutcomeUnknown,
    PastPrint,
    PrinterError,
    Seen,
    ServerFault,
    StartingUp,
    TooLarge,
    Unreachable,
)
from machines.printing.octoprint import OctoPrint
from tests.real.octoprint.fixtures import ALLOWED, gcode

KEY = "A-KEY-THAT-NOBODY-ELSE-MAY-SEE"
JOB = b'{"state": "Operational", "job": {"file": {}}, "progress": {}}'


class Host:
    """A server on a port of its own that treats each connection as `act` says; keeps all that it was sent."""

    def __init__(self, act: Callable[[Host, socket.socket], None]) -> None:
        self._act, self.heard, self._over = act, b"", threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._treat, args=(peer,), daemon=True).start()

    def _treat(self, peer: socket.socket) -> None:
        with peer:
            try:
                self._act(self, peer)
            except OSError:
                return

    def hear(self, peer: socket.socket) -> None:
        """A whole request: one that is left half unread is reset by the kernel, answer and all."""
        said = b""
        while b"\r\n\r\n" not in said and (more := peer.recv(65536)):
            said += more
        head, _, body = said.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        left = int(length[1]) - len(body) if length else 0
        while left > 0 and (more := peer.recv(65536)):
            said += more
            left -= len(more)
        self.heard += said

    def drip(self, peer: socket.socket, text: bytes) -> None:
        """One byte each 0.2 s, for 12 s."""
        for number in range(60):
            if self._over.wait(0.2):
                return
            peer.sendall(text[number % len(text) :][:1])

    def wait(self) -> None:
        self._over.wait(15)

    def close(self) -> None:
        self._over.set()
        self._listener.close()


@pytest.fixture
def host() -> Iterator[Callable[[Callable[[Host, socket.socket], None]], Host]]:
    opened: list[Host] = []

    def open_one(act: Callable[[Host, socket.socket], None]) -> Host:
        opened.append(Host(act))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


class Impatient(OctoPrint):
    read_seconds = write_seconds = 0.8


def printer(url: str, allowed: Allowed = ALLOWED) -> OctoPrint:
    return Impatient(addresses.parse(url, allowed), KEY, allowed=allowed)


def answering(body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: application/json") -> Callable[..., None]:
    def act(host: Host, peer: socket.socket) -> None:
        host.hear(peer)
        peer.sendall(f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    return act


def dripping_headers(host: Host, peer: socket.socket) -> None:
    host.hear(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    host.drip(peer, b"a")


def dripping_body(host: Host, peer: socket.socket) -> None:
    host.hear(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    host.drip(peer, JOB)


def silent(host: Host, peer: socket.socket) -> None:
    host.hear(peer)
    host.wait()


def endless(host: Host, peer: socket.socket) -> None:
    host.hear(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        peer.sendall(b'{"a":' * 20000)


def endless_headers(host: Host, peer: socket.socket) -> None:
    host.hear(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.sendall(b"X-More: " + b"a" * 60000 + b"\r\n")


@pytest.mark.parametrize("act", [dripping_headers, dripping_body, silent])
def test_case_40_a_server_that_drips_is_left_in_time(host, act):
    async def story():
        began = time.monotonic()
        found = await printer(host(act).url).status()
        assert found.state is Seen.OFFLINE
        assert time.monotonic() - began < 5

    asyncio.run(story())


@pytest.mark.parametrize("act", [dripping_headers, dripping_body, silent])
def test_case_40_a_write_to_such_a_server_has_an_unknown_outcome(host, act):
    async def story():
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await printer(host(act).url).pause()
        assert time.monotonic() - began < 5

    asyncio.run(story())


def test_case_40_many_dripping_servers_hold_up_nobody(host):
    async def story():
        began = time.monotonic()
        away = [printer(host(dripping_body).url).status() for _ in range(10)]
        well = [printer(host(answering(JOB)).url).status() for _ in range(10)]
        found = await asyncio.gather(*away, *well)
        assert [one.state for one in found] == [Seen.OFFLINE] * 10 + [Seen.IDLE] * 10
        assert time.monotonic() - began < 6

    asyncio.run(story())


@pytest.mark.parametrize("act", [endless, endless_headers])
def test_case_40_an_endless_answer_is_cut(host, act):
    async def story():
        with pytest.raises((ServerFault, StartingUp)):
            await printer(host(act).url).probe()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>hello</html>", "Content-Type: text/html"),
        (b"", "Content-Type: application/json"),
        (b"[]", "Content-Type: application/json"),
        (b"null", "Content-Type: application/json"),
        (b'{"state": 3, "job": [], "progress": null}', "Content-Type: application/json"),
        (b"\xff\xfe\x00", "Content-Type: application/json"),
        (b'{"state": "Operational", "job": {}, "progress": {}}', "Content-Type: application/json\r\nContent-Encoding: gzip"),
        (b"[" * 100_000, "Content-Type: application/json"),
    ],
)
def test_case_40_what_is_no_answer_of_octoprint_is_a_fault_of_the_server(host, body, headers):
    if "gzip" in headers:
        body = b"\x1f\x8b" + body
    with pytest.raises(ServerFault):
        asyncio.run(printer(host(answering(body, headers=headers)).url).status())


def test_case_40_numbers_that_make_no_sense_are_left_out(host):
    body = (
        b'{"state": "Printing", "job": {"file": {"path": ["x"]}, "user": {}},'
        b' "progress": {"completion": NaN, "filepos": "1", "printTime": true, "printTimeLeft": 1e999}}'
    )
    found = asyncio.run(printer(host(answering(body)).url).status())
    assert found.state is Seen.PRINTING
    assert (found.remote_path, found.started_by, found.completion, found.filepos) == (None, None, None, None)
    assert (found.print_seconds, found.seconds_left) == (None, None)


def test_case_40_a_listing_that_makes_no_sense_tells_of_no_print(host):
    last = [
        '{"date": 1e10}',
        '{"date": -1}',
        '{"date": NaN}',
        '{"date": 1e999}',
        '{"date": "1"}',
        '{"date": true}',
        "[1]",
        "null",
    ]
    files = [f'{{"type": "machinecode", "path": "{number}.g", "prints": {{"last": {one}}}}}' for number, one in enumerate(last)]
    files += ["3", "null", '{"path": "x"}', '{"type": "machinecode", "prints": {"last": {"date": 5}}}']
    files += ['{"type": "machinecode", "path": "fablab/1/1-1.gcode", "prints": {"last": {"date": 5}}}', '{"children": 3}']
    inner = '{"type": "machinecode", "path": "x/\\u0000\\ud800a.g", "user": 3, "prints": {"last": LAST}}'
    inner = inner.replace("LAST", '{"date": 5, "printTime": 1e300, "success": 1}')
    files.append(f'{{"type": "folder", "path": "x", "prints": {{"last": {{"date": 5}}}}, "children": [{inner}]}}')
    body = f'{{"files": [{",".join(files)}]}}'.encode()
    found = asyncio.run(printer(host(answering(body)).url).printed_since(datetime(1970, 1, 1, tzinfo=UTC)))
    assert found == [PastPrint("x/a.g", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC))]


@pytest.mark.parametrize("body", [b'{"files": 3}', b"{}", b'{"files": [[]]}'])
def test_case_40_a_listing_without_files_tells_of_no_print(host, body):
    assert asyncio.run(printer(host(answering(body)).url).printed_since(datetime(1970, 1, 1, tzinfo=UTC))) == []


def test_case_40_a_long_listing_is_read_and_an_endless_one_is_cut(host):
    one = b'{"type": "machinecode", "path": "a.g", "prints": {"last": {"date": 5}}, "x": "' + b"x" * 1000 + b'"},'
    whole = b'{"files": [' + one * 4000 + b"{}]}"
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    assert len(asyncio.run(printer(host(answering(whole)).url).printed_since(begin))) == 100
    with pytest.raises(ServerFault):
        asyncio.run(printer(host(answering(whole + b" " * 5_000_000)).url).printed_since(begin))


def test_something_that_does_not_speak_http_is_starting_up(host):
    def placeholder(host: Host, peer: socket.socket) -> None:
        host.hear(peer)
        peer.sendall(b"Not found")

    found = asyncio.run(printer(host(placeholder).url).status())
    assert found.state is Seen.STARTING_UP


def test_a_server_that_hangs_up_may_be_starting_and_leaves_a_write_in_doubt(host):
    one = printer(host(lambda host, peer: host.hear(peer)).url)
    assert asyncio.run(one.status()).state is Seen.STARTING_UP
    with pytest.raises(OutcomeUnknown):
        asyncio.run(one.pause())


def test_nothing_that_listens_means_that_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable):
        asyncio.run(printer(f"http://127.0.0.1:{port}").pause())


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_case_40_a_redirect_is_not_followed_and_the_key_stays(host, status):
    target = host(answering(JOB))
    elsewhere = host(answering(b"", status=status, headers=f"Location: {target.url}/api/job"))
    with pytest.raises(ServerFault):
        asyncio.run(printer(elsewhere.url).status())
    with pytest.raises(ServerFault):
        asyncio.run(printer(elsewhere.url).pause())
    assert KEY.encode() in elsewhere.heard
    assert target.heard == b""


def test_case_40_a_proxy_of_the_environment_is_not_used(host, monkeypatch):
    proxy = host(answering(JOB))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    well = host(answering(JOB))
    assert asyncio.run(printer(well.url).status()).state is Seen.IDLE
    assert proxy.heard == b""


def test_no_cookie_is_kept(host):
    one = host(answering(JOB, headers="Content-Type: application/json\r\nSet-Cookie: session=1; Path=/"))
    found = printer(one.url)
    for _ in range(2):
        one.heard = b""
        assert asyncio.run(found.status()).state is Seen.IDLE
    assert b"cookie" not in one.heard.lower()


def test_the_name_is_kept_in_the_host_header_and_the_address_checked(host, monkeypatch):
    one = host(answering(JOB))
    _answer_names(monkeypatch, "127.0.0.1")
    found = asyncio.run(printer(f"http://octopi.lan:{one.port}/printers/mk4").status())
    assert found.state is Seen.IDLE
    assert f"Host: octopi.lan:{one.port}\r\n".encode() in one.heard
    assert one.heard.startswith(b"GET /printers/mk4/api/")


@pytest.mark.parametrize(
    "answers", [["127.0.0.1", "8.8.8.8"], ["8.8.8.8"], ["127.0.0.1", "169.254.169.254"], ["::ffff:8.8.8.8"], ["0.0.0.0"]]
)
def test_case_40_a_name_with_one_refused_address_is_refused_whole(host, monkeypatch, answers):
    one = host(answering(JOB))
    _answer_names(monkeypatch, *answers)
    with pytest.raises(AddressRefused):
        asyncio.run(printer(f"http://octopi.lan:{one.port}").status())
    assert one.heard == b""


def test_case_40_a_name_that_changes_its_mind_is_asked_at_every_call(host, monkeypatch):
    one = host(answering(JOB))
    found = printer(f"http://octopi.lan:{one.port}")
    _answer_names(monkeypatch, "127.0.0.1")
    assert asyncio.run(found.status()).state is Seen.IDLE
    _answer_names(monkeypatch, "8.8.8.8")
    with pytest.raises(AddressRefused):
        asyncio.run(found.status())


@pytest.mark.parametrize("ip", ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::1"])
def test_case_40_a_name_for_this_machine_is_refused_unless_listed(host, monkeypatch, ip):
    one = host(answering(JOB))
    lab = Allowed((ip_network("192.168.0.0/16"), ip_network("0.0.0.0/0")), frozenset({one.port}))
    _answer_names(monkeypatch, ip)
    with pytest.raises(AddressRefused):
        asyncio.run(printer(f"http://octopi.lan:{one.port}", lab).status())
    assert one.heard == b""


def test_a_name_nobody_knows_is_unreachable(monkeypatch):
    def nobody(*_args: object, **_more: object) -> object:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert asyncio.run(printer("http://octopi.lan:5000").status()).state is Seen.OFFLINE


def test_the_second_address_is_tried_when_the_first_is_dead(host, monkeypatch):
    one = host(answering(JOB))
    both = Allowed((*ALLOWED.networks, ip_network("::1/128")), ALLOWED.ports)
    _answer_names(monkeypatch, "::1", "127.0.0.1")
    assert asyncio.run(printer(f"http://octopi.lan:{one.port}", both).status()).state is Seen.IDLE


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of octopi.lan, signed by nobody but itself; with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "octopi.lan")])
    day = timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(datetime.now(UTC) - day).not_valid_after(datetime.now(UTC) + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("octopi.lan")]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "octopi.pem"
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*plain) + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(("trusted", "name", "state"), [
    (True, "octopi.lan", Seen.IDLE), (True, "other.lan", Seen.OFFLINE), (False, "octopi.lan", Seen.OFFLINE),
])  # fmt: skip
def test_a_certificate_must_be_trusted_and_of_the_name_that_was_given(host, monkeypatch, certificate, trusted, name, state):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def act(host: Host, peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as wrapped:
            answering(JOB)(host, wrapped)

    one = host(act)
    _answer_names(monkeypatch, "127.0.0.1", name=name)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http._tls.cache_clear()
    try:
        assert asyncio.run(printer(f"https://{name}:{one.port}").status()).state is state
    finally:
        http._tls.cache_clear()
    assert (KEY.encode() in one.heard) is (state is Seen.IDLE)


def test_case_40_a_camera_gets_no_key_and_only_pictures_are_taken(host):
    web = host(answering(b"<html>", headers="Content-Type: text/html"))
    camera = host(answering(b"\xff\xd8 a picture", headers="Content-Type: image/jpeg"))

    def look(url: str) -> OctoPrint:
        server = addresses.parse("http://127.0.0.1:5000", ALLOWED)
        return OctoPrint(server, KEY, allowed=ALLOWED, camera=addresses.parse_picture(url, ALLOWED))

    with pytest.raises(ServerFault):
        asyncio.run(look(f"{web.url}/webcam/?action=snapshot").picture())
    found = asyncio.run(look(f"{camera.url}/webcam/?action=snapshot").picture())
    assert (found.content_type, found.data) == ("image/jpeg", b"\xff\xd8 a picture")
    assert camera.heard.startswith(b"GET /webcam/?action=snapshot ")
    assert KEY.encode() not in camera.heard + web.heard


def test_case_40_a_picture_without_end_is_cut(host):
    def film(host: Host, peer: socket.socket) -> None:
        host.hear(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")
        while True:
            peer.sendall(b"a" * 65536)

    server = addresses.parse("http://127.0.0.1:5000", ALLOWED)
    one = OctoPrint(server, KEY, allowed=ALLOWED, camera=addresses.parse_picture(host(film).url, ALLOWED))
    with pytest.raises(ServerFault):
        asyncio.run(one.picture())


def test_the_dialog_of_a_key_request_is_at_our_address(host):
    body = b'{"app_token": "abcdef0123456789", "auth_dialog": "http://evil.example/steal"}'
    one = host(answering(body, status="201 Created", headers="Content-Type: application/json\r\nLocation: http://evil.example/"))
    address = addresses.parse(one.url, ALLOWED)
    found = asyncio.run(octoprint_keys.ask(address, ALLOWED, app="Établi", user="karim & co"))
    assert found.dialog == f"{one.url}/plugin/appkeys/auth/abcdef0123456789?user=karim%20%26%20co"


def test_a_token_that_is_a_path_is_refused(host):
    one = host(answering(b'{"app_token": "../../api/settings"}', status="201 Created"))
    with pytest.raises(ServerFault):
        asyncio.run(octoprint_keys.ask(addresses.parse(one.url, ALLOWED), ALLOWED, app="Établi", user=None))


def test_a_server_that_hangs_up_in_the_middle_of_a_file_and_is_well_refuses_its_size(host, tmp_path):
    def picky(host: Host, peer: socket.socket) -> None:
        said = peer.recv(65536)
        if said.startswith(b"POST"):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            return
        peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")

    with pytest.raises(TooLarge):
        asyncio.run(printer(host(picky).url).upload(_large(tmp_path), "fablab/1/1-1.gcode", {}))


def test_a_server_that_hangs_up_for_good_leaves_a_file_in_doubt(host, tmp_path):
    with pytest.raises(OutcomeUnknown):
        asyncio.run(printer(host(lambda host, peer: host.hear(peer)).url).upload(_large(tmp_path), "fablab/1/1-1.gcode", {}))


def test_neither_the_log_nor_an_error_holds_the_key_or_the_answer(host, caplog):
    caplog.set_level(logging.DEBUG)
    secret = b'{"error": "CSRF validation failed: an answer nobody should read"}'
    one = printer(host(answering(secret, status="400 BAD REQUEST")).url)
    with pytest.raises(BadKey) as refused:
        asyncio.run(one.pause())
    told = caplog.text + repr(one) + str(refused.value) + repr(refused.value)
    assert KEY not in told
    assert "nobody should read" not in told


@pytest.mark.parametrize("status", [100, 199, 300, 304, 400, 401, 402, 403, 404, 409, 411, 413, 415, 429, 500, 502, 503, 599])
def test_every_error_is_ours(host, status):
    """Whatever its status, what comes out is a PrinterError."""
    one = printer(host(answering(b"", status=f"{status} X")).url)
    for call in (one.probe, one.pause):
        with pytest.raises(PrinterError):
            asyncio.run(call())


def _answer_names(monkeypatch: pytest.MonkeyPatch, *ips: str, name: str = "octopi.lan") -> None:
    """The resolver is outside: what it says is scripted. Sockets themselves are real."""
    real = socket.getaddrinfo

    def scripted(host: str | bytes, port: object, *args: object, **more: object) -> list[object]:
        if host != name:
            return real(host, port, *args, **more)
        families = [(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip) for ip in ips]
        return [(family, socket.SOCK_STREAM, 6, "", (ip, 0)) for family, ip in families]

    monkeypatch.setattr(socket, "getaddrinfo", scripted)


def _large(folder: Path) -> Path:
    path = gcode(folder)
    path.write_bytes(path.read_bytes() + b"; filled up\n" * 400_000)
    return path
