"""How what is wrong with a file is said, with its owner's next step. Pure data; when each applies is in `lint` and `files`."""

from __future__ import annotations

from app.kernel.refusals import N_, Reason


def _reason(code: str, message: str, next_step: str, icon: str = "stop") -> Reason:
    return Reason(f"printing.file.{code}", message, next_step, icon=icon)


# ── before a file is kept ────────────────────────────────────────────────────────────────────────────────────────────

IS_A_MODEL = _reason(
    "is_a_model",
    N_("“%(name)s” is a model, not instructions for a printer."),
    N_("Open it in your slicer, export the G-code and send that file."),
)
WRONG_EXTENSION = _reason(
    "wrong_extension",
    N_("The name of the file must end in .gcode, .gco or .g."),
    N_("Export the G-code from your slicer and send that file."),
)
BINARY_GCODE = _reason(
    "binary_gcode",
    N_("This is binary G-code."),
    N_("In your slicer’s printer settings, switch “binary G-code” off and export again."),
)
TOO_LARGE = _reason(
    "too_large",
    N_("This file is larger than %(megabytes)d MB."),
    N_("Slice it with thicker layers or in several parts."),
)
TOO_MANY_BYTES = Reason(
    "printing.file.too_many_bytes",
    N_("With this file you would keep more than %(gigabytes)d GB here."),
    N_("Remove files you no longer need."),
    next_endpoint="print_files.mine",
    icon="file",
)
EMPTY = _reason("empty", N_("This file is empty."), N_("Export it again from your slicer."))
IN_USE = _reason(
    "in_use",
    N_("A print of this file is prepared or under way."),
    N_("Take the print back or let it end first."),
    icon="printer",
)

# ── what stops a file at every printer ───────────────────────────────────────────────────────────────────────────────

NOT_GCODE = _reason(
    "not_gcode",
    N_("From line %(line)d on, this is not G-code but some other text."),
    N_("Export the G-code from your slicer and send that file."),
)
CONTROL_BYTES = _reason(
    "control_bytes",
    N_("Line %(line)d holds bytes that are not text; they can freeze a printer."),
    N_("Export it again from your slicer, as plain G-code."),
)
LONG_LINE = _reason(
    "long_line",
    N_("Line %(line)d is longer than a printer can take."),
    N_("Export it again from your slicer; look at your own start and end G-code."),
)
TOO_MANY_LINES = _reason(
    "too_many_lines",
    N_("This file has more than %(millions)d million lines."),
    N_("Slice the model more coarsely, or in several parts."),
)
NO_EXTRUSION = _reason(
    "no_extrusion",
    N_("Nothing is printed in this file: no move pushes plastic."),
    N_("Slice the model again and look at the preview before exporting."),
)

# ── what depends on the printer ──────────────────────────────────────────────────────────────────────────────────────

REFUSED_COMMAND = _reason(
    "refused_command",
    N_("Line %(line)d holds %(command)s, which is not allowed on this printer."),
    N_("Take it out of your slicer’s start and end G-code and export again."),
)
NOZZLE_TOO_HOT = _reason(
    "nozzle_too_hot",
    N_("Line %(line)d heats the nozzle to %(degrees)d °C; this printer goes to %(most)d °C."),
    N_("Choose this printer and the right filament in your slicer, and export again."),
)
BED_TOO_HOT = _reason(
    "bed_too_hot",
    N_("Line %(line)d heats the bed to %(degrees)d °C; this printer goes to %(most)d °C."),
    N_("Choose this printer and the right filament in your slicer, and export again."),
)
OUTSIDE_BED = _reason(
    "outside_bed",
    N_("Line %(line)d prints at %(axis)s = %(at)s mm; this printer goes from 0 to %(most)d mm."),
    N_("Move or shrink the model in your slicer, or take a larger printer."),
)
NO_SUCH_TOOL = _reason(
    "no_such_tool",
    N_("Line %(line)d takes tool %(tool)d, which this printer does not have."),
    N_("Choose this printer in your slicer, with one filament, and export again."),
)

# ── what one should know ─────────────────────────────────────────────────────────────────────────────────────────────

WAITS_FOR_YOU = _reason(
    "waits_for_you",
    N_("At line %(line)d (%(command)s) the printer stops and will wait for you."),
    N_("Be there then: the printer stays yours, and the time runs."),
    icon="clock",
)
OTHER_NOZZLE = _reason(
    "other_nozzle",
    N_("The file is made for a nozzle of %(file)s mm; this printer has %(printer)s mm."),
    N_("Choose the right nozzle in your slicer and export again."),
    icon="warn",
)
OTHER_MATERIAL = _reason(
    "other_material",
    N_("The file is made for %(material)s, which is not among this printer’s materials."),
    N_("Ask the team, or take another printer."),
    icon="warn",
)
NO_TIME = _reason(
    "no_time",
    N_("The slicer has not written how long the print takes; we added up its moves, and it will take longer."),
    N_("Book with some room to spare."),
    icon="clock",
)
