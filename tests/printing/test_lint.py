"""What speaks against a file: each rule with its line, and whether it blocks or warns."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from machines.printing import file_reasons, gcode, lint
from machines.printing.lint import Limits
from tests.printing.gcode_files import GOOD, PRUSA_SAYS, good

PRINTER = Limits(
    bed_x=250, bed_y=210, bed_z=210, nozzle_most=290, bed_most=110, tools=1, nozzle_hundredths=40, materials=("PLA", "petg")
)


def found(text: str | bytes, limits: Limits = PRINTER) -> list[tuple[str, int | None, bool]]:
    facts = gcode.read(io.BytesIO(text.encode("latin-1") if isinstance(text, str) else text))
    seen = lint.findings(facts, limits)
    return [(one.refusal.code.removeprefix("printing.file."), one.line, one.blocks) for one in seen]


def test_a_good_file_has_nothing_against_it():
    assert found(good()) == []


FIRST = 17
"""The line `good(more)` puts its first word on."""


def test_where_more_stands_in_a_good_file():
    assert good("M600\n").decode().splitlines()[FIRST - 1] == "M600"


@pytest.mark.parametrize(
    ("more", "code", "line", "blocks"),
    [
        *((f"{command}\n", "refused_command", FIRST, True) for command in lint.REFUSED),
        ("m0112 ; stop\n", "refused_command", FIRST, True),
        ("G1 F600 M500\n", "refused_command", FIRST, True),
        *((f"{command}\n", "waits_for_you", FIRST, False) for command in lint.WAITING),
        ("@pause\n", "waits_for_you", FIRST, False),
        ("M104 S291\n", "nozzle_too_hot", FIRST, True),
        ("M109 R290.4\n", "nozzle_too_hot", FIRST, True),
        ("M140 S111\n", "bed_too_hot", FIRST, True),
        ("M190 R500\n", "bed_too_hot", FIRST, True),
        ("G1 X256 E1\n", "outside_bed", FIRST, True),
        ("G1 X-5.1 E1\n", "outside_bed", FIRST, True),
        ("G1 Y215.1 E1\n", "outside_bed", FIRST, True),
        ("G1 Y-6 E1\n", "outside_bed", FIRST, True),
        ("G1 Z210.1 E1\n", "outside_bed", FIRST, True),
        ("G1 Z-0.6 E1\n", "outside_bed", FIRST, True),
        ("G92 X-300\nG1 X10 E1\n", "outside_bed", FIRST + 1, True),
        ("T1\n", "no_such_tool", FIRST, True),
        ("T255\n", "no_such_tool", FIRST, True),
        ("M104 T1 S200\n", "no_such_tool", FIRST, True),
        ("G1 X1\x00\n", "control_bytes", FIRST, True),
        ("G1 X1\x1b\n", "control_bytes", FIRST, True),
        ("G1 " + "X1 " * 170 + "\n", "long_line", FIRST, True),
    ],
)
def test_each_rule_says_where_and_how_grave(more, code, line, blocks):
    assert found(good(more)) == [(code, line, blocks)]


@pytest.mark.parametrize(
    "more",
    ["M104 S290\n", "M190 S110\n", "G1 X254 Y214 Z210 E1\n", "G1 Y-4 E1\n", "G1 X900 Y900\nG1 X10 Y10\n", "T0\n",
     "M84\nM117 M112\n", "; M112\n", "G1 (M112) X10 E1\n", "M220 S100\nM221 S95\nM201 X500\n", f";{'x' * 4000}\n",
     "EXCLUDE_OBJECT_START NAME=a\n"],
)  # fmt: skip
def test_what_is_usual_is_allowed(more):
    assert found(good(more)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (good().replace(b"= 0.4\n", b"= 0.6\n"), [("other_nozzle", None, False)]),
        (good(PLA="ABS"), [("other_material", None, False)]),
        (good(PLA="PETG"), []),
        (GOOD.replace(PRUSA_SAYS, ""), [("no_time", None, False)]),
        (good("T1\nM600\nM112\nM104 S400\n", PLA="ABS"),
         [("refused_command", 19, True), ("nozzle_too_hot", 20, True), ("no_such_tool", 17, True), ("waits_for_you", 18, False),
          ("other_material", None, False)]),
    ],
)  # fmt: skip
def test_what_blocks_is_said_before_the_warnings(text, expected):
    assert found(text) == expected


def test_a_printer_may_have_a_list_and_limits_of_its_own():
    text = good("M112\nM84\nT1\n", PLA="ABS")
    other = replace(PRINTER, refused_commands=("m84",), tools=2, materials=())
    assert found(text, other) == [("refused_command", FIRST - 1, True)]
    assert found(text, replace(other, refused_commands=())) == []


def test_case_15_html_named_gcode_is_told_apart():
    assert found("<!DOCTYPE html>\n<html><body>\n<p>G1 X1 E1</p>\n</html>\n") == [("not_gcode", 1, True)]
    assert found("\nDear lab,\nplease print my vase.\nThank you\n") == [("not_gcode", 2, True)]
    assert found("".join(f"WORD_{number} {number}\nG1 X{number} E1\n" for number in range(300)))[0][0] == "not_gcode"


@pytest.mark.parametrize("text", ["", "\n\n", "; only\n; comments\n", "G28\nG1 X10 Y10 F3000\nG1 E5\nG1 E-5\n"])
def test_case_16_nothing_to_print_is_said(text):
    assert found(text) == [("no_extrusion", None, True)]


def test_case_17_too_hot_out_of_bed_and_an_emergency_stop_are_refused():
    assert found(good("M104 S500\nG1 X400 E1\nM112\n")) == [
        ("refused_command", FIRST + 2, True),
        ("nozzle_too_hot", FIRST, True),
        ("outside_bed", FIRST + 1, True),
    ]


def test_more_lines_than_anybody_prints_are_not_read_to_the_end(monkeypatch):
    monkeypatch.setattr("machines.printing.reader.LINES_MOST", 1000)
    monkeypatch.setattr("machines.printing.lint.LINES_MOST", 1000)
    facts = gcode.read(io.BytesIO(good("\n" * 5000)), block=500)
    assert (facts.lines, facts.size) < (2000, 2500)
    assert next(one.refusal.code for one in lint.findings(facts, PRINTER) if one.blocks) == "printing.file.too_many_lines"


def test_every_reason_has_a_next_step():
    said = [one for one in vars(file_reasons).values() if isinstance(one, file_reasons.Reason)]
    assert len(said) > 15
    assert all(one.next_step and one.message for one in said)
