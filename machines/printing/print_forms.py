"""The shape of what people type about prints. What is permitted is for `rules` and the services to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as __
from flask_wtf.file import FileField
from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from app.kernel import i18n
from app.kernel.settings import Settings
from app.kernel.web import HouseForm
from machines.forms import PLAIN
from machines.printing.foreign import Answer
from machines.printing.models import Material, PrintFile
from machines.printing.rules import Outcome


def largest_body(settings: Settings) -> int:
    """A form with a file in it, and a little for the rest of the form."""
    return (settings.print_file_megabytes + 1) * 1024 * 1024


class AttachForm(HouseForm):
    """One of my files, or a new one; and what it is printed with."""

    file_id = RadioField(__("One of your files"), coerce=int, validate_choice=True, default=0)
    upload = FileField(__("Or send a new one"), description=__("G-code from your slicer: .gcode, .gco or .g"))
    material_id = SelectField(__("Filament"), coerce=int, default=0)

    chosen = 0
    """Which file it came to, the one sent along included."""

    def offer(self, files: Sequence[PrintFile], materials: Sequence[Material]) -> None:
        self.file_id.choices = [(one.id, one.name) for one in files]
        self.file_id.choices.append((0, _("The file I send now")))
        self.material_id.choices = [(0, _("Not said")), *((one.id, i18n.in_words(one.name)) for one in materials)]

    def validate_upload(self, field: Any) -> None:
        if not self.file_id.data and not (field.data and field.data.filename):
            raise ValidationError(_("Choose one of your files, or send one."))

    @property
    def sends(self) -> bool:
        """Whether a file came with it; it counts before the one that was ticked."""
        return bool(self.upload.data and self.upload.data.filename)


class StartForm(HouseForm):
    bed_is_clear = BooleanField(
        __("The bed is empty and clean, the right filament is in"),
        validators=[InputRequired(__("Look at the printer, then tick this box."))],
    )
    override_reason = TextAreaField(__("Reason for the exception"), validators=[Length(max=500), PLAIN])


class DecisionForm(HouseForm):
    verdict = StringField(validators=[DataRequired(), Length(max=10)])
    note = TextAreaField(__("A word to them (they read it)"), validators=[Length(max=500), PLAIN])

    def validate_note(self, field: Any) -> None:
        if not self.is_approved and not (field.data or "").strip():
            raise ValidationError(_("Say what to change, so that they can."))

    @property
    def is_approved(self) -> bool:
        return bool(self.verdict.data == "approve")


class OutcomeForm(HouseForm):
    """How a print ended, said afterwards."""

    outcome = RadioField(
        __("How did it end?"),
        choices=[
            (Outcome.DONE.value, __("It is finished, the piece is good")),
            (Outcome.CANCELLED.value, __("It was stopped on purpose")),
            (Outcome.MACHINE_FAILED.value, __("The machine failed")),
            (Outcome.FILE_FAILED.value, __("It failed because of the file or the settings")),
        ],
        validators=[InputRequired(__("Choose one."))],
    )
    note = TextAreaField(__("What happened, in a few words"), validators=[Length(max=500), PLAIN])


class ForeignForm(HouseForm):
    """Whose a print was that the house did not start; a member may only speak for themselves."""

    answer = RadioField(__("Whose print is it?"), validators=[InputRequired(__("Choose one."))])
    member = StringField(__("E-mail of the member"), validators=[Length(max=200), PLAIN])

    remember = BooleanField(__("Prints of this user of the printer’s server are theirs from now on"))

    member_id: int | None = None
    """Whom the answer names."""

    def offer(self, *, is_team: bool, is_asked: bool) -> None:
        asked = [(Answer.MINE.value, _("It was mine")), (Answer.NOT_MINE.value, _("It was not mine"))]
        team = [
            (Answer.MEMBER.value, _("A member’s, named below")),
            (Answer.TEST.value, _("A test of the team")),
            (Answer.NOBODY.value, _("Nobody knows")),
        ]
        if not is_team:
            self.answer.label.text = _("Was it yours?")
        self.answer.choices = [*(asked if is_asked else []), *(team if is_team else [])]
