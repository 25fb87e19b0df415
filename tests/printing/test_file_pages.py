"""Pages of files: who may open what, every reason said, one click one file, and a preview small enough to send."""

from __future__ import annotations

import io
import math
import re
import struct
from array import array
from datetime import timedelta

import pytest
from flask import current_app
from sqlalchemy import func, select

from app.kernel import clock
from app.kernel.db import db, transaction
from machines.printing import files, gcode
from machines.printing.bed import plan
from machines.printing.lint import Limits
from machines.printing.models import PrinterLink, PrintFile
from machines.printing.preview import BREAK, Preview
from machines.printing.rules import JobState
from tests.builders import acting, save
from tests.machines.scene import fresh
from tests.printing.gcode_files import SQUARE, START, good
from tests.printing.test_files import _empty_folder, a_job, a_link, send, stored

__all__ = ["_empty_folder"]


def text(response):
    return response.get_data(as_text=True)


def post(client, data: bytes = good(), name: str = "vase.gcode", **fields):
    return client.post("/print-files", data={"upload": (io.BytesIO(data), name), **fields})


def rows() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(PrintFile))


# a visitor, the owner (Ada), another member, a trainer, an accountant, a manager and an administrator
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/print-files", (303, 200, 200, 200, 200, 200, 200)),
        ("GET", "/print-files?show=all&page=7", (303, 200, 200, 200, 200, 200, 200)),
        ("GET", "/print-files?page=x", (303, 200, 200, 200, 200, 200, 200)),
        ("GET", "/print-files/{file}", (303, 200, 404, 404, 404, 200, 200)),
        ("GET", "/print-files/{file}/layers", (303, 200, 404, 404, 404, 200, 200)),
        ("GET", "/print-files/{file}/download", (303, 200, 404, 404, 404, 200, 200)),
        ("GET", "/print-files/999999", (303, 404, 404, 404, 404, 404, 404)),
        ("GET", "/print-files/99999999999999999999", (404, 404, 404, 404, 404, 404, 404)),
        ("POST", "/print-files", (303, 422, 422, 422, 422, 422, 422)),
        ("POST", "/print-files/{file}/removal", (303, 303, 404, 404, 404, 404, 404)),
    ],
)
def test_who_may_open_what(shop, as_, method, path, expected):
    file_id = send(shop.ada).id
    people = (None, shop.ada, shop.ben, shop.chloe, shop.alba, shop.lea, shop.adele)
    clients = [as_(one) for one in people]
    order = sorted(range(7), key=lambda place: people[place] is shop.ada)  # hers last: it may remove the file
    found = {place: clients[place].open(path.format(file=file_id), method=method).status_code for place in order}
    assert tuple(found[place] for place in range(7)) == expected


def test_sending_leads_to_the_files_page_which_says_what_is_in_it_and_where_it_fits(shop, as_):
    a_link(shop)
    client = as_(shop.ada)
    answer = post(client, good("M600\n"))
    assert answer.status_code == 303
    shown = text(client.get(answer.location))
    for words in ("vase.gcode", "PrusaSlicer 2.7.1", "PLA", "M600", "printer (fr)"):
        assert words in shown
    assert 'data-tone="care"' in shown
    assert rows() == 1


def test_where_it_does_not_fit_every_reason_and_next_step_is_said(shop, as_):
    a_link(shop)
    shown = text(as_(shop.ben).get(post(as_(shop.ben), good("M112\nM104 S500\nG1 X400 E1\nT3\n")).location))
    for words in ("M112", "500", "X = 400", "3", "Does not fit"):
        assert words in shown
    assert shown.count("export again") >= 3


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("vase.3mf", b"PK\x03\x04", "export the G-code"),
        ("vase.gcode", b"<html></html>\n", "not G-code"),
        ("vase.gcode", good() + b";" * 1024 * 1024, "larger than 1 MB"),
    ],
)
def test_a_refused_file_is_answered_with_the_next_step_and_not_kept(shop, as_, name, data, words):
    answer = post(as_(shop.ben), data, name)
    assert answer.status_code == 409
    assert words in text(answer)
    assert (rows(), stored()) == (0, [])


def test_who_keeps_too_much_is_led_to_what_can_go(shop, as_, monkeypatch):
    client = as_(shop.ben)
    post(client)
    monkeypatch.setattr(files, "MOST_KEPT", len(good()) + 1)
    answer = post(client, good("; more\n"))
    assert answer.status_code == 409
    assert "Remove files you no longer need" in text(answer)
    assert (rows(), len(stored())) == (1, 1)


def test_a_file_far_too_large_is_not_even_read(shop, as_):
    assert post(as_(shop.ben), b";" * 3 * 1024 * 1024).status_code == 413
    assert stored() == []


def test_a_file_larger_than_other_forms_may_send_is_taken(shop, as_, monkeypatch):
    monkeypatch.setitem(current_app.config, "MAX_CONTENT_LENGTH", 1000)
    assert post(as_(shop.ada), good(";" + "x" * 5000 + "\n")).status_code == 303
    answer = as_(shop.ada).post("/machines/laser-1/faults", data={"text": "x" * 5000})
    assert answer.status_code == 413


def test_a_visitor_may_not_send_more_than_any_form_takes(shop, as_, monkeypatch):
    monkeypatch.setitem(current_app.config, "MAX_CONTENT_LENGTH", 1000)
    assert post(as_(None), b";" * 5000).status_code in (303, 413)
    assert stored() == []


def test_two_clicks_are_one_file_and_leave_nothing_behind(shop, as_):
    client = as_(shop.ada)
    first, second = (post(client, key="the-same-key").location for _ in range(2))
    assert first == second
    assert (rows(), len(stored())) == (1, 1)


def test_another_file_of_the_same_name_from_one_form_is_another_submission(shop, as_):
    client = as_(shop.ada)
    first, second = (post(client, data, key="the-same-key").location for data in (good(), good("M600\n")))
    assert first != second
    assert (rows(), len(stored())) == (2, 2)


def test_the_same_bytes_again_are_told(shop, as_):
    client = as_(shop.ben)
    post(client)
    assert "You sent this file before" in text(client.get(post(client, name="again.gcode").location))
    assert (rows(), len(stored())) == (1, 1)


def test_members_see_their_own_files_and_staff_everybodys(shop, as_):
    send(shop.ada, name="adas.gcode")
    send(shop.ben, name="bens.gcode")
    assert ("adas.gcode" in text(as_(shop.ben).get("/print-files?show=all"))) is False
    shown = text(as_(shop.lea).get("/print-files?show=all"))
    assert all(words in shown for words in ("adas.gcode", "bens.gcode", "Ada Lovelace"))
    assert "adas.gcode" not in text(as_(shop.lea).get("/print-files"))


def test_a_name_cannot_write_into_the_page(shop, as_):
    client = as_(shop.ada)
    shown = text(client.get(post(client, name="<script>alert(1)<script>.gcode").location))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


def test_the_list_takes_as_many_statements_for_one_file_as_for_many(shop, as_, statements):
    def taken() -> int:
        client.get("/print-files")
        statements.clear()
        client.get("/print-files")
        return len(statements)

    client = as_(shop.ada)
    send(shop.ada)
    few = taken()
    for number in range(5):
        send(shop.ada, good(f"; {number}\n"))
    assert taken() == few


def test_a_files_page_takes_as_many_statements_for_one_printer_as_for_many(shop, as_, statements):
    client, file_id = as_(shop.ada), send(shop.ada).id
    a_link(shop)

    def taken() -> int:
        client.get(f"/print-files/{file_id}")
        statements.clear()
        client.get(f"/print-files/{file_id}")
        return len(statements)

    few = taken()
    for machine in (shop.laser1, shop.laser2, shop.bench):
        save(PrinterLink(machine_id=machine.id, kind="simulator", address="simulator://x"))
    assert taken() == few


def test_download_is_the_file_itself_under_its_own_name(shop, as_):
    file = send(shop.ada, name="été.gcode")
    answer = as_(shop.ada).get(f"/print-files/{file.id}/download")
    assert answer.data == good()
    assert answer.content_type == "application/octet-stream"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "%C3%A9t%C3%A9.gcode" in answer.headers["Content-Disposition"]


def test_removing_a_file_says_why_not_while_a_print_needs_it(shop, as_):
    file, client = send(shop.ada), as_(shop.ada)
    a_job(shop, a_link(shop), file)
    assert client.post(f"/print-files/{file.id}/removal").location == f"/print-files/{file.id}"
    with client.session_transaction() as session:
        assert [kind for kind, _words in session["_flashes"]] == ["stop"]
    assert fresh(file).forgotten_at is None


def test_a_forgotten_file_still_tells_how_it_went(shop, as_):
    file, client = send(shop.ada), as_(shop.ada)
    a_job(shop, a_link(shop), file, JobState.DONE)
    client.post(f"/print-files/{file.id}/removal")
    shown = client.get(f"/print-files/{file.id}")
    assert shown.status_code == 200
    assert "/prints/" in text(shown)
    assert client.get(f"/print-files/{file.id}/layers").status_code == 404
    assert client.get(f"/print-files/{file.id}/download").status_code == 303


# ── preview ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def unpacked(data: bytes) -> list[tuple[float, list[int]]]:
    (count,) = struct.unpack_from("<I", data)
    place, found = 4 + 8 * count, []
    for index in range(count):
        z, size = struct.unpack_from("<fI", data, 4 + 8 * index)
        numbers = array("h")
        numbers.frombytes(data[place : place + 2 * size])
        place += 2 * size
        found.append((round(z, 3), list(numbers)))
    assert place == len(data)
    return found


def drawn(source: str, **more) -> list[tuple[float, list[int]]]:
    pen = Preview(**more)
    gcode.read(io.BytesIO(source.encode()), pen=pen)
    return unpacked(pen.packed())


def test_the_layers_are_the_lines_that_push_plastic(shop, as_):
    file = send(shop.ada)
    answer = as_(shop.ada).get(f"/print-files/{file.id}/layers")
    square = [1000, 1000, 1800, 1000, 1800, 1800, 1000, 1800, 1000, 1000]
    assert unpacked(answer.data) == [(0.2, [BREAK, *square])]
    assert "private" in answer.headers["Cache-Control"]
    assert as_(shop.ada).get(f"/print-files/{file.id}/layers").data == answer.data


def test_each_layer_is_drawn_once_in_order_of_height():
    upper = SQUARE.replace("Z0.2", "Z0.6").replace("X90", "X70")
    found = drawn(START + upper + SQUARE + SQUARE.replace("Z0.2", "Z0.4"))
    assert [z for z, _numbers in found] == [0.2, 0.4, 0.6]


def test_a_file_of_many_lines_stays_small_and_keeps_its_shape():
    turns = "".join(
        f"G1 X{100 + 50 * math.cos(step / 50):.3f} Y{100 + 50 * math.sin(step / 50):.3f} E.01\n" for step in range(20_000)
    )
    layers = "".join(f"G1 Z{number / 5:.1f}\n{turns}" for number in range(1, 11))
    pen = Preview(20_000)
    gcode.read(io.BytesIO(f"M83\n{layers}".encode()), pen=pen)
    packed = pen.packed()
    assert len(packed) <= 2 * 20_000 + 1000
    for _z, numbers in unpacked(packed):
        points = [number for number in numbers if number != BREAK]
        assert (min(points[2::2]), max(points[2::2])) == (pytest.approx(1000, abs=20), pytest.approx(3000, abs=20))


def test_what_lies_far_away_does_not_break_the_bytes():
    assert drawn("M83\nG1 X99999 Y-99999 E1\n") == [(0.0, [BREAK, 0, 0, 32767, -32767])]


def test_the_outline_without_script_lies_on_the_bed_as_it_will():
    limits = Limits(250, 210, 200, 290, 110, 1, 40)
    known = gcode.read(io.BytesIO(good()))
    drawing = plan(known, limits)
    assert (drawing.bed, drawing.at, drawing.size) == ((250, 210), (50, 120), (40, 40, 0.2))
    assert plan(known, None) is None


def test_the_page_draws_the_outline_and_says_it_in_words(shop, as_):
    a_link(shop)
    shown = text(as_(shop.ben).get(post(as_(shop.ben)).location))
    assert re.search(r'<rect class="part" x="50.0" y="120.0" width="40.0" height="40.0"/>', shown)
    assert "250 × 210 mm" in shown
    assert "40 × 40 mm" in shown


def test_old_files_go_by_the_clockwork(shop, app):
    send(shop.ada)
    clock.set_clock(clock.now() + timedelta(days=91))
    app.extensions["jobs"]["printing.forget_files"].run()
    assert stored() == []


def test_reading_again_what_was_read_before_is_better_when_we_read_better(shop):
    file = send(shop.ada)
    with transaction():
        db.session.get_one(PrintFile, file.id).facts = {**file.facts, "material": None}
    with transaction():
        files.receive(actor=acting(shop.ada), name="vase.gcode", source=io.BytesIO(good()))
    assert files.facts(fresh(file)).material == "PLA"
