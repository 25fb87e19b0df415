"""The slot of a printer somebody takes with one click, as the page and no keyboard writes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from wtforms import HiddenField, IntegerField
from wtforms.validators import InputRequired, Length, NumberRange, ValidationError

from app.kernel.web import HouseForm
from machines.forms import PLAIN, is_near
from machines.rules import LONGEST_MINUTES, Claim


class SlotForm(HouseForm):
    """`file`, `material` and `when`, which say what the page is about, are read beside it."""

    machine = HiddenField(validators=[InputRequired(), Length(max=80), PLAIN])
    start = HiddenField(validators=[InputRequired(), Length(max=40)])
    minutes = IntegerField(validators=[InputRequired(), NumberRange(1, LONGEST_MINUTES)])

    begins: datetime
    """What `start` turned out to be."""

    def validate_start(self, field: Any) -> None:
        try:
            self.begins = datetime.fromisoformat(field.data)
        except ValueError as error:
            raise ValidationError from error
        if self.begins.tzinfo is None or not is_near(self.begins.date()):
            raise ValidationError

    @property
    def claim(self) -> Claim:
        return Claim(self.begins, self.begins + timedelta(minutes=self.minutes.data or 0))
