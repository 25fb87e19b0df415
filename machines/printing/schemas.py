"""Shapes of printing's JSON. Lengths of time are seconds, filament millimetres and milligrams, temperatures °C."""

from __future__ import annotations

import marshmallow as ma
from flask_smorest.fields import Upload
from marshmallow import validate

from app.kernel.api import MAX_ID, ReasonSchema, Text
from machines.printing.rules import Counting, JobState, Outcome, PausedBy, Source, Wish
from machines.schemas import Words


class FileSchema(ma.Schema):
    id = ma.fields.Integer(required=True)
    name = ma.fields.String(required=True)
    size = ma.fields.Integer(required=True)
    sha256 = ma.fields.String(required=True)
    uploaded_at = ma.fields.DateTime(required=True)
    seconds = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "What the file says, or its moves"})
    filament_mm = ma.fields.Float(required=True)
    material = ma.fields.String(required=True, allow_none=True)
    nozzle_hundredths = ma.fields.Integer(required=True, allow_none=True)
    slicer = ma.fields.String(required=True, allow_none=True)


class SentFileSchema(ma.Schema):
    """A form with the file, as a browser sends it."""

    file = Upload(required=True, metadata={"description": "G-code: .gcode, .gco or .g"})


class AttachSchema(ma.Schema):
    file_id = ma.fields.Integer(required=True, validate=validate.Range(1, MAX_ID))
    material = Text(load_default=None, allow_none=True, most=40, metadata={"description": "Its code; else what the file says"})


class StartSchema(ma.Schema):
    bed_is_clear = ma.fields.Boolean(required=True, metadata={"description": "Somebody looked: it is kept with their name"})
    override_reason = Text(load_default=None, allow_none=True, most=500)


class OutcomeSchema(ma.Schema):
    outcome = ma.fields.Enum(Outcome, by_value=True, required=True)
    note = Text(load_default="", least=0, most=500)


class DecisionSchema(ma.Schema):
    is_approved = ma.fields.Boolean(required=True)
    note = Text(load_default="", least=0, most=500)


class LiveSchema(ma.Schema):
    """The figures of a print under way. `percent` is of time, `doubts` among unreachable, stalled, overrun."""

    percent = ma.fields.Integer(required=True, allow_none=True)
    seconds_done = ma.fields.Integer(required=True)
    seconds_left = ma.fields.Integer(required=True, allow_none=True)
    ends_about = ma.fields.DateTime(required=True, allow_none=True)
    tool_temp = ma.fields.Float(required=True, allow_none=True)
    tool_target = ma.fields.Float(required=True, allow_none=True)
    bed_temp = ma.fields.Float(required=True, allow_none=True)
    bed_target = ma.fields.Float(required=True, allow_none=True)
    seen_at = ma.fields.DateTime(required=True, allow_none=True)
    paused_by = ma.fields.Enum(PausedBy, by_value=True, required=True, allow_none=True)
    doubts = ma.fields.List(ma.fields.String(), required=True)
    can_pause = ma.fields.Boolean(required=True)
    can_resume = ma.fields.Boolean(required=True)
    can_cancel = ma.fields.Boolean(required=True)


class JobSchema(ma.Schema):
    """`wish` is what was asked and nobody has seen happen yet."""

    id = ma.fields.Integer(required=True)
    reservation_id = ma.fields.Integer(required=True)
    machine = ma.fields.String(required=True)
    file_id = ma.fields.Integer(required=True)
    file = ma.fields.String(required=True)
    attempt = ma.fields.Integer(required=True)
    state = ma.fields.Enum(JobState, by_value=True, required=True)
    wish = ma.fields.Enum(Wish, by_value=True, required=True, allow_none=True)
    estimated_seconds = ma.fields.Integer(required=True, allow_none=True)
    needs_approval = ma.fields.Boolean(required=True)
    is_approved = ma.fields.Boolean(required=True, allow_none=True)
    decision_note = ma.fields.String(required=True, allow_none=True)
    attached_at = ma.fields.DateTime(required=True)
    started_at = ma.fields.DateTime(required=True, allow_none=True)
    ended_at = ma.fields.DateTime(required=True, allow_none=True)
    live = ma.fields.Nested(LiveSchema, required=True, allow_none=True, metadata={"description": "While it is under way"})


class ForecastSchema(ma.Schema):
    seconds = ma.fields.Integer(required=True, allow_none=True)
    milligrams = ma.fields.Integer(required=True, allow_none=True)
    time_cents = ma.fields.Integer(required=True)
    material_cents = ma.fields.Integer(required=True, allow_none=True)
    total_cents = ma.fields.Integer(required=True)
    counting = ma.fields.Enum(Counting, by_value=True, required=True)
    ends_about = ma.fields.DateTime(required=True, allow_none=True)
    late_minutes = ma.fields.Integer(required=True, metadata={"description": "By how much it would pass the end of the slot"})


class FindingSchema(ReasonSchema):
    line = ma.fields.Integer(required=True, allow_none=True)
    blocks = ma.fields.Boolean(required=True)


class ReadinessSchema(ma.Schema):
    may_start = ma.fields.Boolean(required=True, metadata={"description": "Once the bed is said to be clear"})
    reasons = ma.fields.List(ma.fields.Nested(ReasonSchema), required=True)
    findings = ma.fields.List(ma.fields.Nested(FindingSchema), required=True)
    forecast = ma.fields.Nested(ForecastSchema, required=True, allow_none=True)


class UsageSchema(ma.Schema):
    """The record that counts; a correction is a new one that reverses the one before."""

    job_id = ma.fields.Integer(required=True)
    outcome = ma.fields.Enum(Outcome, by_value=True, required=True)
    source = ma.fields.Enum(Source, by_value=True, required=True)
    recorded_at = ma.fields.DateTime(required=True)
    machine_seconds = ma.fields.Integer(required=True)
    occupied_seconds = ma.fields.Integer(required=True)
    filament_mm = ma.fields.Integer(required=True)
    filament_mg = ma.fields.Integer(required=True)
    filament_is_exact = ma.fields.Boolean(required=True)
    is_free = ma.fields.Boolean(required=True)
    note = ma.fields.String(required=True, allow_none=True)


class PrinterSchema(ma.Schema):
    """A printer as the wall shows it: nobody's name, no file's."""

    machine = ma.fields.String(required=True)
    name = Words(required=True)
    condition = ma.fields.String(
        required=True, metadata={"description": "free, printing, paused, busy, unplugged, fault, away, off, unknown or out"}
    )
    percent = ma.fields.Integer(required=True, allow_none=True)
    ends_about = ma.fields.DateTime(required=True, allow_none=True)
    reserved_from = ma.fields.DateTime(required=True, allow_none=True)
    reserved_until = ma.fields.DateTime(required=True, allow_none=True)
    seen_at = ma.fields.DateTime(required=True, allow_none=True)
