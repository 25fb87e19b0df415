"""The shape of a file being sent. What it may hold is for `files` and `lint` to say."""

from __future__ import annotations

from flask_babel import lazy_gettext as __
from flask_wtf.file import FileField, FileRequired

from app.kernel.web import HouseForm


class FileForm(HouseForm):
    upload = FileField(
        __("G-code file (.gcode, .gco or .g)"), validators=[FileRequired(__("Choose the file your slicer has exported."))]
    )
