"""Reading G-code: every dialect of numbers, plastic net of retractions, what slicers say, the same in blocks of any size."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.printing import gcode
from machines.printing.gcode import Mark, Reach
from tests.printing.gcode_files import SQUARE, START, good


def read(text: str | bytes, **more):
    return gcode.read(io.BytesIO(text.encode("latin-1") if isinstance(text, str) else text), **more)


def used(text: str) -> tuple[float, ...]:
    return read(text).filament_mm


def box(text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    facts = read(text)
    return tuple(one.value for one in facts.least), tuple(one.value for one in facts.most)


def test_a_file_as_a_slicer_writes_it():
    facts = read(good())
    assert (facts.slicer, facts.seconds, facts.seconds_from, facts.material) == ("PrusaSlicer 2.7.1", 4971, "slicer", "PLA")
    assert (facts.nozzle_hundredths, facts.diameter_um, facts.layer_um, facts.slicer_grams) == (40, 1750, 200, 0.02)
    assert facts.filament_mm == (6.0,)
    assert facts.least == (Reach(50, 11), Reach(50, 11), Reach(0.2, 11))
    assert facts.most == (Reach(90, 11), Reach(90, 12), Reach(0.2, 11))
    assert (facts.nozzle_max, facts.bed_max) == (Reach(215, 4), Reach(60, 5))
    assert (facts.lines, facts.extruding_moves, facts.layers, facts.others) == (23, 4, 1, 0)
    assert (facts.control_line, facts.long_line, facts.other_line, facts.is_markup) == (None, None, None, False)


@pytest.mark.parametrize(
    ("text", "mm"),
    [
        ("M83\nG1 X1 E1\nG1 X2 E2\n", 3),
        ("M82\nG1 X1 E1\nG1 X2 E2\n", 2),
        ("G1 X1 E1\nG92 E0\nG1 X2 E2\n", 3),
        ("M82\nG92 E5\nG1 X2 E7\n", 2),
        ("M83\nG1 X1 E5\nG1 E-2\nG1 E2\nG1 X2 E1\n", 6),
        ("M82\nG1 X1 E5\nG1 E3\nG1 X9\nG1 E5\nG1 X2 E6\n", 6),
        ("M83\nG1 E-2\nG1 X1 E2\nG1 X2 E1\n", 1),
        ("M83\nG1 X1 E5\nG1 E-2\n", 5),
        ("M83\nG1 X1 Y1 E5\nG1 X2 Y2 E-1\nG1 X3 Y3 E1\nG1 X4 Y4 E1\n", 6),
        ("M82\nG1 X1 E5\nG91\nG1 E-2\nG90\nG1 X2 E6\n", 6),
        ("G91\nG1 X1 E5\nG1 X1 E5\nG90\n", 10),
        ("M83\nG20\nG1 X1 E1\nG21\nG1 X1 E1\n", 26.4),
        ("M83\nM200 D2\nG1 X1 E3.14159265\nM200 D0\nG1 X2 E1\n", 2),
        ("M83\nG2 X10 Y0 I5 J0 E4\n", 4),
        ("g1 x1 e1\nG01X2E2\nG 1 X 3 E 3\n", 3),
        ("N1 G1 X1 E1*83\nN2 G1 X2 E2 *97\n", 2),
        ("G1 X1 (E9) E1 ; E5\n", 1),
        ("G1 X1 Y1 E1\r\nG1 X2 Y2 E2\r\n", 2),
        ("G1 X1 Y1 E1\nG1 X2 Y2 E2", 2),
        ("G1 X1 Y1 E1\nG1 X2 Y2 E1.2.3\nG1 X3 Y3 E2\n", 2),
    ],
)
def test_plastic_is_net_of_retractions_in_every_way_of_counting(text, mm):
    assert used(text) == (pytest.approx(mm, abs=1e-4),)


def test_every_tool_has_its_own_plastic():
    facts = read("M83\nG1 X1 E1\nT1\nG1 X2 E2\nG1 E-5\nT0\nG1 X1 E1\nT1\nG1 E5\n")
    assert (facts.filament_mm, facts.tools_used) == ((2.0, 2.0), (Reach(0, 6), Reach(1, 3)))


def test_a_lone_carriage_return_ends_a_line_as_well():
    assert read("G28\rT3\r").tools_used == (Reach(3, 2),)


def test_a_tool_is_taken_by_heating_it_too():
    assert read("M104 T2 S200\n").tools_used == (Reach(2, 1),)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("M83\nG1 X10 Y10\nG1 X20 Y5 E1\nG1 X300 Y300\n", (10, 5, 0), (20, 10, 0)),
        ("M83\nG91\nG1 X10 Y10\nG1 X10 Y-5 E1\n", (10, 5, 0), (20, 10, 0)),
        ("M83\nG20\nG1 X1 Y1\nG1 X2 E1\n", (25.4, 25.4, 0), (50.8, 25.4, 0)),
        ("M83\nG1 X100\nG92 X0\nG1 X50 E1\nG28 X\nG1 X50 E1\n", (0, 0, 0), (150, 0, 0)),
        ("M83\nG1 X10 Y0\nG3 X-10 Y0 I-10 J0 E1\n", (-10, 0, 0), (10, 10, 0)),
        ("M83\nG1 X10 Y0\nG2 X-10 Y0 I-10 J0 E1\n", (-10, -10, 0), (10, 0, 0)),
        ("M83\nG1 X10 Y0\nG3 X10 Y0 I-10 J0 E1\n", (-10, -10, 0), (10, 10, 0)),
        ("M83\nG1 X10 Y0\nG3 X0 Y10 I-10 J0 E1\n", (0, 0, 0), (10, 10, 0)),
        ("M83\nG1 X10 Y0\nG2 X0 Y10 I-10 J0 E1\n", (-10, -10, 0), (10, 10, 0)),
        ("M83\nG1 X10 Y0\nG3 X0 Y10 R10 E1\n", (0, 0, 0), (10, 10, 0)),
        ("M83\nG1 X10 Y0\nG3 X0 Y10 R-10 E1\n", (0, 0, 0), (20, 20, 0)),
        ("M83\nG1 X0 Y0\nG2 X1 Y0 I0.5 J-500 E1\n", (0, 0, 0), (1, 0, 0)),
        ("M83\nG1 Z5 E1\nG1 X1 Z6 E1\n", (0, 0, 0), (1, 0, 6)),
    ],
)
def test_the_box_is_of_what_is_printed(text, least, most):
    low, high = box(text)
    assert low == tuple(pytest.approx(value, abs=1e-3) for value in least)
    assert high == tuple(pytest.approx(value, abs=1e-3) for value in most)


def test_each_side_of_the_box_has_its_line():
    facts = read("M83\nG1 X10 Y10 Z1\nG1 X20 Y10 E1\nG1 X30 Y50 E1\nG1 X5 Y60 E1\n")
    assert [one.line for one in facts.least] == [5, 3, 3]
    assert [one.line for one in facts.most] == [4, 5, 3]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("M83\nG1 F600\nG1 X100 E1\n", 10),
        ("M83\nG1 X100 F1200 E1\nG4 S3\nG4 P2000\n", 10),
        ("M83\nG1 F600\nG1 X100 Y0 E1\nG1 X200 Y0 F6000\nG0 X300 Y0\nG0 X400 Y0\n", 13),
        ("M83\nG1 F600 X100 Y0 E1\nG1 F3000 X200 Y0 E1\nG1 X300 Y0 E1\n", 14),
        ("M83\nG1 X10 Y0 F600\nG3 X-10 Y0 I-10 J0 E1\n", 4),
        ("M83\nG1 F60\nG1 X3 Y4 E1\nG1 E-4\nG1 Z10\n", 19),
        ("M83\nG20\nG1 F60\nG1 X3 E1\n", 3),
    ],
)
def test_without_the_slicers_time_moves_and_dwells_are_added_up(text, seconds):
    facts = read(text)
    assert (facts.seconds, facts.seconds_from) == (seconds, "moves")


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ("; estimated printing time (normal mode) = 1d 2h 3m 4s\n; estimated printing time (silent mode) = 9s",
         {"seconds": 93784}),
        (";FLAVOR:Marlin\n;TIME:7210\n;Layer height: 0.12\n;Generated with Cura_SteamEngine 5.6.0\n;LAYER_COUNT:40",
         {"seconds": 7210, "layer_um": 120, "slicer": "Cura_SteamEngine 5.6.0", "layers": 40}),
        (";TIME:6666\n;TIME_ELAPSED:17.5", {"seconds_from": "moves"}),
        ("; G-Code generated by Simplify3D(R) Version 4.1.2\n;   printMaterial,PETG\n;   layerHeight,0.3\n"
         ";   extruderDiameter,0.6\n;   filamentDiameters,2.85|2.85\n;   Build time: 1 hour 20 minutes\n"
         ";   Plastic weight: 3.45 g (0.01 lb)",
         {"slicer": "Simplify3D(R) Version 4.1.2", "material": "PETG", "layer_um": 300, "nozzle_hundredths": 60,
          "diameter_um": 2850, "seconds": 4800, "slicer_grams": 3.45}),
        (";Sliced by ideaMaker 4.3.2\n;Print Time: 5127\n;Filament Diameter #1: 1.75\n;Nozzle Diameter #1: 0.40",
         {"slicer": "ideaMaker 4.3.2", "seconds": 5127, "diameter_um": 1750, "nozzle_hundredths": 40}),
        ("; generated by OrcaSlicer 2.0.0 on 2026-01-01\n; model printing time: 1h 0m 0s; total estimated time: 1h 6m 40s\n"
         "; total layer number: 12\n; filament_type = PLA;PETG\n; filament used [g] = 3.7, 0.3",
         {"slicer": "OrcaSlicer 2.0.0", "seconds": 4000, "layers": 12, "material": "PLA", "slicer_grams": 4.0}),
        ("; generated by SuperSlicer 2.5.59 on 2026-01-01\n; filament_diameter = 1.75,1.75\n; nozzle_diameter = 0.25",
         {"slicer": "SuperSlicer 2.5.59", "diameter_um": 1750, "nozzle_hundredths": 25}),
        (";PRINT.TIME:900\n;GENERATOR.NAME:Cura_SteamEngine\n;EXTRUDER_TRAIN.0.NOZZLE.DIAMETER:0.8",
         {"seconds": 900, "slicer": "Cura_SteamEngine", "nozzle_hundredths": 80}),
    ],
)  # fmt: skip
def test_what_slicers_say(comments, expected):
    facts = read(f"{comments}\n{START}{SQUARE}")
    assert {name: getattr(facts, name) for name in expected} == expected


def test_a_byte_order_mark_and_other_letters_do_no_harm():
    facts = read(b"\xef\xbb\xbfM83\n; \xe9t\xe9 \xc3\xa9\nG1 X1 Y1 E1\n")
    assert (facts.others, facts.filament_mm, facts.control_line, facts.size) == (0, (1.0,), None, 28)
    assert read(b"\xef\xbb\xbfM83\n", block=1) == read(b"\xef\xbb\xbfM83\n")


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("M112", ["M112"]),
        ("m112", ["M112"]),
        ("M0112", ["M112"]),
        ("M 112", ["M112"]),
        ("  M112.0 ; stop", ["M112"]),
        ("N5 M112*12", ["M112"]),
        ("G1 X1 M112", ["M112"]),
        ("M104 S200 M112", ["M104", "M112"]),
        ("M117 see M112 G12", ["M117"]),
        ("@pause now", ["@PAUSE"]),
        ("firmware_restart", ["FIRMWARE_RESTART"]),
        ("; M112", []),
    ],
)
def test_a_command_is_found_however_it_is_written(line, commands):
    assert [mark.command for mark in read(f"{line}\n").commands] == commands


def test_a_command_tells_its_first_line_and_how_often():
    facts = read("M204 P800\nG1 X1\nM600\nM204 P800\nM600\n")
    assert facts.commands == (Mark("M204", 1, 2), Mark("M600", 3, 2))


def test_the_hottest_counts_wherever_it_is_asked():
    facts = read("M104 S200\nM109 R500\nM109 S210\nM190 S60\nM140 S120\nSET_HEATER_TEMPERATURE HEATER=heater_bed TARGET=130\n")
    assert (facts.nozzle_max, facts.bed_max) == (Reach(500, 2), Reach(130, 6))


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        (b"G1 X1\nG1 \x00X2\n", "control_line", 2),
        (b"G1 X1\n;\x1b[2J\n", "control_line", 2),
        (b"G1 X1\n" + b"G1 X1 " * 90 + b"\n", "long_line", 2),
        (b"G1 X1\n;" + b"x" * 2000 + b"\n", "long_line", None),
        (b"G1 X1\n" + b"x" * 400_000 + b"\nG1 X2\n", "long_line", 2),
        (b"<html>\n<p>Hello\n", "other_line", 1),
        (b"G28\nDear friend,\n", "other_line", 2),
    ],
)
def test_what_is_no_gcode_is_found_with_its_line(text, name, line):
    assert getattr(read(text), name) == line


def test_facts_come_back_from_the_database_as_they_went():
    facts = read(good("T1\nM600\n"))
    assert gcode.from_json(json.loads(json.dumps(gcode.to_json(facts)))) == facts


# ── up to a byte ─────────────────────────────────────────────────────────────────────────────────────────────────────

SIX = b"".join(b"G1 X%d Y10 E%d.000 ; %s\n" % (n, n, b"x" * (680 if n == 1 else 20)) for n in range(1, 7))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_print_stopped_at_a_line_end_has_used_what_stands_before(ending):
    text = SIX.replace(b"\n", ending)
    end = text.index(ending) + len(ending)
    assert gcode.extruded_mm(io.BytesIO(text), end) == (1.0,)
    assert gcode.extruded_mm(io.BytesIO(text), end - len(ending)) == (1.0,)
    assert gcode.extruded_mm(io.BytesIO(text), end - len(ending) - 1) == (0.0,)
    assert gcode.extruded_mm(io.BytesIO(text), end + 5) == (1.0,)
    assert gcode.extruded_mm(io.BytesIO(text), None) == (6.0,)
    assert gcode.extruded_mm(io.BytesIO(text), len(text) + 1000) == (6.0,)
    assert gcode.extruded_mm(io.BytesIO(text), 0) == (0.0,)


coordinates = st.decimals(-50, 300, places=3).map(str)
plastic = st.decimals("-3", "5", places=4).map(str)
lines = st.one_of(
    st.builds("G1 X{} Y{} E{}".format, coordinates, coordinates, plastic),
    st.builds("G1 X{} Y{} E{}".format, coordinates, coordinates, st.decimals("0.001", "2", places=3).map(str)),
    st.builds("G0 X{} Y{}".format, coordinates, coordinates),
    st.builds("G1 X{} Y{} F{}".format, coordinates, coordinates, st.integers(1, 9000)),
    st.builds("G1 E{} F2100".format, plastic),
    st.builds("G3 X{} Y{} I{} J1 E.1".format, coordinates, coordinates, coordinates),
    st.sampled_from(
        ["M82", "M83", "G90", "G91", "G92 E0", "G92", "G20", "G21", "T0", "T1", "G28", "G4 P500", "M104 S210", "M600", "M204 P1",
         "", ";TIME:12", "; été", "M117 hello", "blah", "G1 X1 Y1 E1.2.3", "N3 G1 X5*9", "\x00", "x" * 600, "<b>"]
    ),
)  # fmt: skip
files = st.builds(
    lambda found, end, last: (end.join(found) + (end if last else "")).encode("latin-1"),
    st.lists(lines, max_size=40), st.sampled_from(["\n", "\r\n"]), st.booleans(),
)  # fmt: skip


@given(files, st.integers(1, 80))
@settings(max_examples=200, deadline=None)
def test_blocks_of_any_size_give_the_same_facts(text, size):
    assert read(text, block=size) == read(text)


@given(st.lists(lines, max_size=20), st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_plastic_only_grows_and_ends_at_the_total(found, size):
    text = "".join(f"{line}\n" for line in found).encode("latin-1")
    ends = [0, *(position + 1 for position, byte in enumerate(text) if byte == 10)]
    spent = [sum(gcode.extruded_mm(io.BytesIO(text), end, block=size)) for end in ends]
    assert spent == sorted(spent)
    assert spent[-1] == read(text).filament_total_mm


@given(st.lists(lines, max_size=40))
@settings(max_examples=200, deadline=None)
def test_stretches_computed_at_once_are_as_line_by_line(found):
    """A comment behind each line makes every line be read by itself."""
    plain, single = (read("".join(f"{line}{more if line[:1] != ';' else ''}\n" for line in found)) for more in ("", " ;"))
    assert replace(plain, size=0, lines=0) == replace(single, size=0, lines=0)
