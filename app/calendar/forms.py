"""The shape of what managers type about places, hours and blocks. Permission is in the services, decisions in `rules`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as __
from wtforms import DateField, Field, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError
from wtforms.widgets import TextInput

from app.calendar import wall_times
from app.calendar.models import Purpose, Resource
from app.calendar.wall_times import Stretch
from app.kernel import clock
from app.kernel.periods import Period, wall_instant
from app.kernel.web import HouseForm

PLAIN = Regexp(r"^[^\x00]*$", flags=re.DOTALL)
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_EXCEPTION = timedelta(days=366)
EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)


def within_reason(_form: Any, field: Any) -> None:
    """Years that calendars can count with."""
    if field.data is not None and not EARLIEST <= field.data <= LATEST:
        raise ValidationError(_("Choose a year between 2000 and 2199."))


class HoursField(Field):
    """The opening of one day, as text: “10:00–12:30, 14:00–19:00”, empty when closed. `data` are stretches in minutes."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return wall_times.written(self.data or (), _("the next day"))

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = ()
        if not valuelist:
            return
        try:
            self.data = wall_times.stretches(valuelist[0][:200])
        except wall_times.NotATime as error:
            raise ValueError(
                _(
                    "“%(typed)s” is no opening. Write for example 9:30–12:30, 14:00–19:00, or nothing when closed.",
                    typed=error.args[0],
                )
            ) from error
        except wall_times.NotInOrder as error:
            raise ValueError(
                _(
                    "In “%(typed)s” a closing comes before its opening, or two openings overlap. After midnight, write for"
                    " example 18:00–02:00, or 19:00–10:00 the next day.",
                    typed=error.args[0],
                )
            ) from error


class MinuteField(Field):
    """A time of day as text: “9:30”, “9 h 30”, “24:00”. `data` are minutes after midnight."""

    widget = TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data // 60:02}:{self.data % 60:02}"

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        typed = valuelist[0].strip() if valuelist else ""
        if not typed:
            return
        try:
            self.data = wall_times.minute_of_day(typed[:40])
        except wall_times.NotATime as error:
            raise ValueError(
                _("“%(typed)s” is not a time of day. Write for example 9:30 or 14 h.", typed=error.args[0])
            ) from error


class PlaceForm(HouseForm):
    """A space: its names, where it is, how many may take it at once. The site has names only."""

    name_fr = StringField(__("Name in French"), validators=[DataRequired(__("Give the place a name.")), Length(max=80), PLAIN])
    name_en = StringField(__("Name in English"), validators=[Length(max=80), PLAIN])
    slug = StringField(
        __("Short address"),
        description=__("Lower-case letters, digits and hyphens; empty: made from the name."),
        validators=[Optional(), Length(max=60), Regexp(SLUG, message=__("Only a-z, 0-9 and hyphens, such as “wood-shop”."))],
    )
    parent = SelectField(__("Inside"), coerce=int)
    capacity = IntegerField(
        __("How many can take it at once"),
        default=1,
        validators=[
            InputRequired(__("Give a number of seats, 1 if only one group can take it.")),
            NumberRange(1, 1000, __("Give a number from 1 to 1000.")),
        ],
    )

    @property
    def name(self) -> dict[str, str]:
        return both(self.name_fr.data, self.name_en.data)

    @property
    def address(self) -> str:
        return self.slug.data or slug_of(self.name_fr.data)

    def without_place(self) -> PlaceForm:
        """For the site, which stands nowhere and is not counted in seats."""
        del self.parent, self.capacity
        return self

    @classmethod
    def describing(cls, place: Resource) -> PlaceForm:
        return cls(
            name_fr=place.name.get("fr", ""),
            name_en=place.name.get("en", ""),
            slug=place.slug,
            parent=place.parent_id,
            capacity=place.capacity,
        )


class WeekForm(HouseForm):
    """The hours of one week, for one season or all year."""

    valid_from = DateField(__("From"), validators=[Optional(), within_reason])
    valid_until = DateField(__("Until, last day included"), validators=[Optional(), within_reason])
    monday = HoursField(__("Monday"))
    tuesday = HoursField(__("Tuesday"))
    wednesday = HoursField(__("Wednesday"))
    thursday = HoursField(__("Thursday"))
    friday = HoursField(__("Friday"))
    saturday = HoursField(__("Saturday"))
    sunday = HoursField(__("Sunday"))

    def validate_valid_until(self, field: Any) -> None:
        if field.data and self.valid_from.data and field.data < self.valid_from.data:
            raise ValidationError(_("The last day comes before the first. Choose a later one."))

    @property
    def week(self) -> list[tuple[int, int, int]]:
        """(weekday, opens, closes) in minutes, as `resources.set_weekly` takes them."""
        return [(number, opens, closes) for number, name in enumerate(WEEKDAYS) for opens, closes in self[name].data or ()]

    @classmethod
    def showing(cls, days: Sequence[Sequence[Stretch]], **more: Any) -> WeekForm:
        return cls(formdata=None, **dict(zip(WEEKDAYS, days, strict=True)), **more)


class ExceptionForm(HouseForm):
    first_day = DateField(__("First day"), validators=[DataRequired(__("Choose the day.")), within_reason])
    last_day = DateField(__("Last day, included"), description=__("Empty: that one day."), validators=[Optional(), within_reason])
    hours = HoursField(__("Open on those days"), description=__("For example 10:00–16:00. Empty: closed all day."))
    note_fr = StringField(__("Why, in French"), validators=[Length(max=120), PLAIN])
    note_en = StringField(__("Why, in English"), validators=[Length(max=120), PLAIN])

    def validate_last_day(self, field: Any) -> None:
        if not field.data or not self.first_day.data:
            return
        if field.data < self.first_day.data:
            raise ValidationError(_("The last day comes before the first. Choose a later one."))
        if field.data - self.first_day.data > LONGEST_EXCEPTION:
            raise ValidationError(_("A year at most: for longer, change the weekly hours."))

    @property
    def days(self) -> tuple[date, date]:
        """First and last, both included."""
        assert self.first_day.data is not None
        return self.first_day.data, self.last_day.data or self.first_day.data

    @property
    def note(self) -> dict[str, str]:
        return both(self.note_fr.data, self.note_en.data)


class BlockForm(HouseForm):
    from_day = DateField(__("From day"), validators=[DataRequired(__("Choose the first day.")), within_reason])
    from_time = MinuteField(__("From, time"), default=0, description=__("For example 9:30. Empty: from midnight."))
    until_day = DateField(__("Until day"), validators=[DataRequired(__("Choose the last day.")), within_reason])
    until_time = MinuteField(
        __("Until, time"), default=wall_times.DAY, description=__("For example 18:00. Empty or 24:00: the whole day.")
    )
    purpose = SelectField(
        __("What for"),
        choices=[(Purpose.MAINTENANCE.value, __("Maintenance")), (Purpose.CLOSURE.value, __("Closure"))],
        default=Purpose.MAINTENANCE.value,
    )
    extent = RadioField(
        __("How much of it"),
        choices=[("whole", __("All its seats")), ("lane", __("One seat; the others can still be booked"))],
        default="whole",
    )
    reason = TextAreaField(
        __("Why"),
        description=__("Members read it on the timetable."),
        validators=[DataRequired(__("Say why in a few words: members read it.")), Length(max=300), PLAIN],
    )

    def validate_until_time(self, field: Any) -> None:
        if field.errors or self.from_time.errors or self.from_day.errors or self.until_day.errors:
            return
        start, end = self._ends()
        if end <= start:
            raise ValidationError(_("The end comes before the beginning. Choose a later day or time."))

    @property
    def period(self) -> Period:
        return Period(*self._ends())

    def _ends(self) -> tuple[datetime, datetime]:
        assert self.from_day.data is not None
        assert self.until_day.data is not None
        tz = clock.zone()
        until = self.until_time.data
        start = wall_instant(self.from_day.data, self.from_time.data or 0, tz)
        return start, wall_instant(self.until_day.data, wall_times.DAY if until is None else until, tz)


def both(french: str | None, english: str | None) -> dict[str, str]:
    """A text in the languages that were filled in."""
    return {language: text.strip() for language, text in (("fr", french), ("en", english)) if text and text.strip()}


def slug_of(name: str | None) -> str:
    """“Atelier bois” becomes "atelier-bois"; never empty."""
    plain = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "place"
