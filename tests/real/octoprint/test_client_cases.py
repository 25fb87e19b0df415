"""What our client makes of a real OctoPrint: the numbered cases, as far as the client decides them.

The platform's side of the same cases (who may start, what is billed) is proved elsewhere, on the same fixtures.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from machines.printing import addresses, octoprint_keys
from machines.printing.gateway import (
    BadKey,
    Conflict,
    Forbidden,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Seen,
    TooLarge,
)
from machines.printing.octoprint import OctoPrint
from tests.real.octoprint import server
from tests.real.octoprint.fixtures import ALLOWED, address_of, gcode, open_printer, seen
from tests.real.octoprint.proxy import proxied
from tests.real.octoprint.server import APP, PLATFORM, Server

pytestmark = pytest.mark.real
slow = pytest.mark.slow
MARKER = {"platform": "etabli", "job": "7", "sha256": "ab" * 32}
NAMES = (f"fablab/3/{number}-1.gcode" for number in itertools.count(1))


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


async def printing(printer: OctoPrint, file: Path, name: str = "") -> str:
    """A print of `file` under way."""
    path = await printer.upload(file, name or next(NAMES), MARKER)
    await printer.start(path)
    await seen(printer, Seen.PRINTING)
    return path


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_case_01_a_probe_tells_product_version_user_and_permissions(any_octoprint):
    found = asyncio.run(open_printer(any_octoprint).probe())
    assert (found.product, found.version, found.user) == ("OctoPrint", any_octoprint.version, "platform")
    assert found.permissions == set(PLATFORM)
    assert (found.too_strong, found.missing) == ((), ())


def test_case_02_a_key_that_may_too_much_is_told(octoprint):
    found = asyncio.run(open_printer(octoprint, octoprint.keys["admin"]).probe())
    assert found.too_strong == ("ADMIN", "SETTINGS", "SYSTEM", "CONTROL")
    assert found.missing == ()


def test_case_02_a_key_that_may_too_little_is_told(octoprint):
    found = asyncio.run(open_printer(octoprint, octoprint.keys["viewer"]).probe())
    assert "PRINT" in found.missing
    assert "STATUS" not in found.missing


def test_case_03_a_wrong_key_is_known_as_such_when_reading(any_octoprint):
    async def story():
        wrong = open_printer(any_octoprint, "0" * 32)
        for call in (wrong.status, wrong.probe, lambda: wrong.stat("a.gcode"), wrong.error_details):
            with pytest.raises(BadKey):
                await call()

    run(story)


def test_case_04_a_wrong_key_is_known_as_such_when_writing(any_octoprint, tmp_path):
    async def story():
        wrong = open_printer(any_octoprint, "0" * 32)
        for call in (
            wrong.pause,
            wrong.connect_printer,
            lambda: wrong.start("a.gcode"),
            lambda: wrong.delete("a.gcode"),
            lambda: wrong.upload(gcode(tmp_path), "fablab/1/1-1.gcode", {}),
        ):
            with pytest.raises(BadKey):
                await call()

    run(story)


def test_a_key_that_may_not_is_no_wrong_key(octoprint, tmp_path):
    async def story():
        viewer = open_printer(octoprint, octoprint.keys["viewer"])
        assert (await viewer.status()).state is Seen.IDLE
        with pytest.raises(Forbidden):
            await viewer.upload(gcode(tmp_path), "fablab/1/1-1.gcode", {})
        with pytest.raises(Forbidden):
            await open_printer(octoprint).connect_printer()

    run(story)


def test_case_05_a_key_revoked_between_two_looks_is_a_bad_key(octoprint):
    async def story():
        address = address_of(octoprint)
        key = await octoprint_keys.make_another(address, ALLOWED, key=octoprint.key, app="for a while")
        printer = open_printer(octoprint, key)
        assert (await printer.status()).state is Seen.IDLE
        await octoprint_keys.revoke(address, ALLOWED, key=octoprint.key, app="for a while")
        with pytest.raises(BadKey):
            await printer.status()

    run(story)


def test_case_06_the_key_of_somebody_put_out_is_a_bad_key(octoprint):
    person = {"groups": ["readonly"], "permissions": [], "admin": False}
    octoprint.do("PUT", "/api/access/users/viewer", {**person, "active": False})
    try:
        viewer = open_printer(octoprint, octoprint.keys["viewer"])
        for call in (viewer.status, viewer.pause):
            with pytest.raises(BadKey):
                asyncio.run(call())
    finally:
        octoprint.do("PUT", "/api/access/users/viewer", {**person, "active": True})


def _decide(one: Server, app: str, *, is_granted: bool) -> None:
    """The administrator answers at OctoPrint's page."""
    pending = one.do("GET", "/api/plugin/appkeys")["pending"]
    [token] = [token for token, asked in pending.items() if asked["app_id"] == app]
    one.do("POST", f"/plugin/appkeys/decision/{token}", {"decision": is_granted})


def test_case_07_a_key_is_asked_for_and_told_once_after_the_yes(any_octoprint):
    async def story():
        address = address_of(any_octoprint)
        assert await octoprint_keys.is_supported(address, ALLOWED)
        asked = await octoprint_keys.ask(address, ALLOWED, app="Fab-lab platform", user=None)
        assert asked.dialog == f"{any_octoprint.url}/plugin/appkeys/auth/{asked.token}"
        assert any_octoprint.ask("GET", asked.dialog.removeprefix(any_octoprint.url))[0] in (200, 302)
        assert await octoprint_keys.poll(address, ALLOWED, asked.token) is None
        _decide(any_octoprint, "Fab-lab platform", is_granted=True)
        key = await octoprint_keys.poll(address, ALLOWED, asked.token)
        assert (await open_printer(any_octoprint, key).probe()).user == "admin"
        with pytest.raises(NotFound):
            await octoprint_keys.poll(address, ALLOWED, asked.token)

    run(story)


def test_case_08_a_key_that_is_denied_is_not_found(octoprint):
    async def story():
        address = address_of(octoprint)
        asked = await octoprint_keys.ask(address, ALLOWED, app="Denied", user=None)
        _decide(octoprint, "Denied", is_granted=False)
        with pytest.raises(NotFound):
            await octoprint_keys.poll(address, ALLOWED, asked.token)
        with pytest.raises(NotFound):
            await octoprint_keys.poll(address, ALLOWED, "../../api/version")

    run(story)


@slow
def test_case_08_a_request_nobody_polls_for_is_dropped(octoprint):
    async def story():
        address = address_of(octoprint)
        asked = await octoprint_keys.ask(address, ALLOWED, app="Forgotten", user=None)
        await asyncio.sleep(6)
        with pytest.raises(NotFound):
            await octoprint_keys.poll(address, ALLOWED, asked.token)

    run(story)


def test_case_09_a_key_is_renewed_under_another_name_and_the_old_one_revoked(octoprint):
    async def story():
        address = address_of(octoprint)
        old = await octoprint_keys.make_another(address, ALLOWED, key=octoprint.key, app="fablab")
        assert await octoprint_keys.make_another(address, ALLOWED, key=old, app="FABLAB") == old
        new = await octoprint_keys.make_another(address, ALLOWED, key=old, app="fablab-2")
        assert new != old
        assert (await open_printer(octoprint, new).probe()).user == "platform"
        await octoprint_keys.revoke(address, ALLOWED, key=new, app="fablab")
        with pytest.raises(BadKey):
            await open_printer(octoprint, old).status()
        with pytest.raises(Rejected):
            await octoprint_keys.revoke(address, ALLOWED, key=new, app="fablab")
        await octoprint_keys.revoke(address, ALLOWED, key=octoprint.key, app="fablab-2")
        assert APP != "fablab-2"

    run(story)


@slow
def test_case_10_too_many_requests_are_told_to_wait():
    with _own(devel={"enableRateLimiter": True}) as one:

        async def story():
            for _ in range(3):
                await octoprint_keys.ask(address_of(one), ALLOWED, app="Impatient", user=None)
            with pytest.raises(RateLimited):
                await octoprint_keys.ask(address_of(one), ALLOWED, app="Impatient", user=None)

        run(story)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_case_11_a_file_is_stored_under_our_name_with_our_marker(any_octoprint, tmp_path):
    async def story():
        printer, source, name = open_printer(any_octoprint), gcode(tmp_path), next(NAMES)
        assert await printer.upload(source, name, MARKER) == name
        found = await printer.stat(name)
        assert (found.path, found.size, found.marker) == (name, source.stat().st_size, MARKER)
        assert await printer.stat("fablab/0/0-0.gcode") is None

    run(story)


@pytest.mark.parametrize("original", ["mon pièce n° 3.gcode", "日本 😀.gcode", "semi;colon & co.gcode", ".hidden.gcode"])
def test_case_12_the_name_somebody_gave_never_reaches_the_printer(octoprint, tmp_path, original):
    async def story():
        name = next(NAMES)
        assert await open_printer(octoprint).upload(gcode(tmp_path, name=original), name, MARKER) == name
        told = octoprint.do("GET", f"/api/files/local/{name}")
        assert (told["name"], told["display"]) == (name.rsplit("/", 1)[1], name.rsplit("/", 1)[1])

    run(story)


def test_the_name_the_server_gave_is_the_one_that_is_told(octoprint, tmp_path):
    path = asyncio.run(open_printer(octoprint).upload(gcode(tmp_path), "a;b.gcode", {}))
    assert path == "ab.gcode"


def test_case_13_a_second_upload_of_an_attempt_is_a_conflict_and_the_marker_is_ours(octoprint, tmp_path):
    async def story():
        printer, name = open_printer(octoprint), next(NAMES)
        await printer.upload(gcode(tmp_path), name, MARKER)
        with pytest.raises(Conflict):
            await printer.upload(gcode(tmp_path), name, MARKER)
        assert (await printer.stat(name)).marker == MARKER

    run(story)


@slow
def test_case_14_a_file_over_the_limit_of_the_server_is_too_large(tmp_path):
    with _own(server={"uploads": {"maxSize": 100_000}}) as one:

        async def story():
            printer = open_printer(one)
            for many in (20_000, 2_000_000):  # answered, and cut while it is sent
                large = gcode(tmp_path)
                large.write_bytes(large.read_bytes() + b"; filled up\n" * many)
                with pytest.raises(TooLarge):
                    await printer.upload(large, next(NAMES), {})
            assert (await printer.status()).state is Seen.IDLE

        run(story)


def test_a_name_outside_our_folder_or_of_another_kind_is_rejected(octoprint, tmp_path):
    for name in ("../evil.gcode", "fablab/part.stl", "fablab/part.bgcode", "fablab/part"):
        with pytest.raises(Rejected):
            asyncio.run(open_printer(octoprint).upload(gcode(tmp_path), name, {}))


def test_a_large_file_is_streamed(octoprint, tmp_path):
    large = gcode(tmp_path)
    large.write_bytes(large.read_bytes() + b"; filled up\n" * 600_000)
    name = next(NAMES)
    assert asyncio.run(open_printer(octoprint).upload(large, name, {})) == name
    assert asyncio.run(open_printer(octoprint).stat(name)).size == large.stat().st_size


# ── prints ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_case_18_a_start_is_seen_as_a_print_of_our_file(any_octoprint, tmp_path):
    async def story():
        printer = open_printer(any_octoprint)
        path = await printer.upload(gcode(tmp_path, seconds=30), next(NAMES), MARKER)
        await printer.start(path)
        found = await seen(printer, Seen.STARTING, Seen.PRINTING)
        assert found.remote_path == path
        assert found.started_by in ("platform", None)  # 2.0 forgets it in mid print

    run(story)


def test_case_21_a_start_while_printing_is_a_conflict(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        path = await printing(printer, gcode(tmp_path, seconds=30))
        with pytest.raises(Conflict):
            await printer.start(path)
        with pytest.raises(Conflict):
            await printer.delete(path)

    run(story)


def test_case_22_a_start_while_disconnected_is_a_conflict_and_the_state_says_which(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        path = await printer.upload(gcode(tmp_path), next(NAMES), MARKER)
        octoprint.unplug()
        with pytest.raises(Conflict):
            await printer.start(path)
        assert (await printer.status()).state is Seen.DISCONNECTED

    run(story)


@slow
def test_case_23_a_start_that_a_hung_server_swallowed_is_unknown_then_happens_once(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        printer.write_seconds = printer.read_seconds = 0.5
        path = await printer.upload(gcode(tmp_path, seconds=6), next(NAMES), MARKER)
        octoprint.hang()
        with pytest.raises(OutcomeUnknown):
            await printer.start(path)
        assert (await printer.status()).state is Seen.OFFLINE
        octoprint.go_on()
        printer.read_seconds = 8
        assert (await seen(printer, Seen.PRINTING)).remote_path == path
        await seen(printer, Seen.IDLE)
        assert (await printer.stat(path)).successes == 1

    run(story)


@slow
def test_case_24_progress_grows_and_the_time_left_shrinks(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        await printing(printer, gcode(tmp_path, seconds=5))
        looks = []
        while (now := await printer.status()).is_active:
            looks.append(now)
            await asyncio.sleep(0.3)
        grown = [one.completion for one in looks if one.completion is not None]
        assert grown == sorted(grown)
        assert len(set(grown)) > 5
        assert [one.print_seconds for one in looks][-1] >= 4
        kinds = {one.seconds_left_kind for one in looks}
        assert kinds - {None} <= {"linear", "analysis", "estimate", "average", "mixed-analysis", "mixed-average"}

    run(story)


@slow
def test_case_25_a_pause_is_seen_the_clock_of_the_print_stands_and_it_goes_on(any_octoprint, tmp_path):
    async def story():
        printer = open_printer(any_octoprint)
        await printing(printer, gcode(tmp_path, seconds=30))
        await printer.pause()
        paused = await seen(printer, Seen.PAUSED)
        await printer.pause()
        await asyncio.sleep(1.2)
        assert (await printer.status()).print_seconds == paused.print_seconds
        await printer.resume()
        await seen(printer, Seen.PRINTING)

    run(story)


@slow
def test_case_26_a_resume_during_the_pausing_is_refused_rather_than_lost(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        await printing(printer, gcode(tmp_path, seconds=30, dwell=1))
        await printer.pause()
        with pytest.raises(Conflict):
            await printer.resume()
        await seen(printer, Seen.PAUSED)
        await printer.resume()
        await seen(printer, Seen.PRINTING)

    run(story)


@slow
def test_case_27_a_stopped_print_was_last_seen_at_the_end_of_a_line(any_octoprint, tmp_path):
    async def story():
        printer, source = open_printer(any_octoprint), gcode(tmp_path, seconds=30)
        path = await printing(printer, source)
        last = await seen(printer, Seen.PRINTING)
        while last.filepos is None or last.filepos < 150:
            last = await printer.status()
        text = source.read_bytes()
        assert text[last.filepos - 1 : last.filepos] == b"\n"
        await printer.cancel(path)
        after = await seen(printer, Seen.IDLE)
        assert (after.remote_path, after.filepos, after.completion, after.print_seconds) == (path, None, None, None)
        stored = await printer.stat(path)
        assert (stored.successes, stored.failures, stored.last_success) == (0, 1, False)

    run(story)


@slow
def test_case_28_a_finished_print_is_whole_and_counted(any_octoprint, tmp_path):
    async def story():
        printer, source = open_printer(any_octoprint), gcode(tmp_path, seconds=4)
        path = await printing(printer, source)
        done = await seen(printer, Seen.IDLE)
        assert (done.remote_path, done.completion, done.filepos) == (path, 100, source.stat().st_size)
        assert done.print_seconds == pytest.approx(4, abs=2)
        stored = await printer.stat(path)
        assert (stored.successes, stored.failures, stored.last_success) == (1, 0, True)
        assert stored.last_print_seconds == pytest.approx(4, abs=2)

    run(story)


def test_case_30_a_file_that_asks_for_filament_pauses(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        path = await printer.upload(gcode(tmp_path, seconds=3, begin="M600"), next(NAMES), MARKER)
        await printer.start(path)
        assert (await seen(printer, Seen.PAUSED)).remote_path == path
        await printer.cancel(path)
        await seen(printer, Seen.IDLE)

    run(story)


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


@slow
def test_case_31_a_fault_of_the_firmware_is_a_fault_and_wipes_the_print(any_octoprint, tmp_path):
    async def story():
        printer = open_printer(any_octoprint)
        await printing(printer, gcode(tmp_path, seconds=30))
        any_octoprint.gcode("!!DEBUG:trigger_fatal_error_marlin")
        found = await seen(printer, Seen.FAULT)
        ends = time.monotonic() + 10
        while found.remote_path is not None and time.monotonic() < ends:  # 2.0 forgets it a moment later
            await asyncio.sleep(0.05)
            found = await seen(printer, Seen.FAULT)
        assert (found.remote_path, found.completion) == (None, None)
        if any_octoprint.version == server.STABLE:  # 2.0 tells neither
            assert found.error_text
            assert "firmware" in await printer.error_details()
        else:
            assert await printer.error_details() is None

    run(story)


@slow
def test_case_32_a_lost_serial_line_is_a_fault(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        await printing(printer, gcode(tmp_path, seconds=20))
        octoprint.gcode("!!DEBUG:drop_connection")
        found = await seen(printer, Seen.FAULT, seconds=20)
        assert found.error_text

    run(story)


@slow
def test_case_33_a_silent_printer_prints_on_for_forty_seconds_then_is_a_fault(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        await printing(printer, gcode(tmp_path, seconds=90))
        octoprint.gcode("!!DEBUG:go_awol")
        await asyncio.sleep(5)
        assert (await printer.status()).state is Seen.PRINTING
        found = await seen(printer, Seen.FAULT, seconds=60)
        assert "timeouts" in found.error_text

    run(story)


@slow
def test_case_34_an_emergency_stop_in_a_pause_is_a_fault_that_nobody_counts(octoprint, tmp_path):
    async def story():
        printer = open_printer(octoprint)
        path = await printing(printer, gcode(tmp_path, seconds=30))
        await printer.pause()
        await seen(printer, Seen.PAUSED)
        octoprint.gcode("M112")
        await seen(printer, Seen.FAULT)
        assert (await printer.stat(path)).failures == 0

    run(story)


@slow
def test_case_35_after_a_power_cut_there_is_no_trace(tmp_path):
    with _own() as one:

        async def story():
            printer = open_printer(one)
            path = await printing(printer, gcode(tmp_path, seconds=30))
            one.kill()
            assert (await printer.status()).state is Seen.OFFLINE
            one.start()
            found = await printer.status()
            assert (found.state, found.remote_path) == (Seen.DISCONNECTED, None)
            stored = await printer.stat(path)
            assert (stored.successes, stored.failures) == (0, 0)

        run(story)


@slow
def test_case_36_a_stopped_server_loses_the_print_and_a_cut_cable_does_not(tmp_path):
    with _own() as one, proxied(one.port) as cable:

        async def story():
            address = addresses.parse(cable.url, ALLOWED)
            printer = OctoPrint(address, one.key, allowed=ALLOWED)
            path = await printing(printer, gcode(tmp_path, seconds=30))
            cable.cut()
            assert (await printer.status()).state is Seen.OFFLINE
            await asyncio.sleep(1)
            cable.mend()
            found = await printer.status()
            assert (found.state, found.remote_path) == (Seen.PRINTING, path)
            assert found.print_seconds >= 1
            one.stop()
            assert (await printer.status()).state in (Seen.OFFLINE, Seen.STARTING_UP)  # the cable answers, and hangs up
            one.start()
            found = await printer.status()
            assert (found.state, found.remote_path) == (Seen.DISCONNECTED, None)

        run(story)


@slow
def test_case_37_a_starting_server_is_starting_up(tmp_path):
    with _own() as one:
        one.stop()
        looks: list[Seen] = []

        async def story():
            printer = open_printer(one)
            ends = time.monotonic() + 60
            while Seen.DISCONNECTED not in looks and time.monotonic() < ends:
                looks.append((await printer.status()).state)
                await asyncio.sleep(0.02)

        thread = threading.Thread(target=run, args=(story,))  # not the start: the server dies with the thread that starts it
        thread.start()
        one.start()
        thread.join()
        assert set(looks) == {Seen.OFFLINE, Seen.STARTING_UP, Seen.DISCONNECTED}


def test_case_38_a_print_started_at_the_page_names_its_user(octoprint, tmp_path):
    async def story():
        ours = open_printer(octoprint)
        await printing(open_printer(octoprint, octoprint.keys["member"]), gcode(tmp_path, seconds=30), "by-hand.gcode")
        found = await seen(ours, Seen.PRINTING)
        assert (found.remote_path, found.started_by) == ("by-hand.gcode", "member")
        with pytest.raises(Conflict):
            await ours.cancel("fablab/1/1-1.gcode")

    run(story)


def test_case_38_without_the_permission_members_start_nothing_there(octoprint, tmp_path):
    group = octoprint.do("GET", "/api/access/groups/users")
    kept = {name: group[name] for name in ("description", "permissions", "subgroups", "default")}
    less = [name for name in kept["permissions"] if name not in ("PRINT", "FILES_SELECT")]
    octoprint.do("PUT", "/api/access/groups/users", {**kept, "permissions": less})
    try:
        member = open_printer(octoprint, octoprint.keys["member"])
        path = asyncio.run(member.upload(gcode(tmp_path), "by-hand.gcode", {}))
        with pytest.raises(Forbidden):
            asyncio.run(member.start(path))
    finally:
        octoprint.do("PUT", "/api/access/groups/users", kept)


@contextmanager
def _own(**settings: Any) -> Iterator[Server]:
    """A server that this test alone breaks, or sets up otherwise."""
    try:
        with server.running(**settings) as one:
            yield one
    except server.NoOctoPrint as reason:
        pytest.skip(str(reason))
