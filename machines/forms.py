"""The shape of what people type about machines and reservations. What is permitted is for `rules` to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as __
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError

from app.kernel import clock
from app.kernel.web import HouseForm
from machines.catalogue import is_link
from machines.models import Machine
from machines.rules import LONGEST_MINUTES, Claim

ICONS = ("laser", "printer", "cnc", "vinyl", "sewing", "solder", "wood", "spool")
PLAIN = Regexp(r"^[^\x00]*$")


def is_near(day: date) -> bool:
    """Within ten years of today: what lies beyond is a slip of the keyboard."""
    return abs((day - clock.today()).days) < 3660


def near(_form: Any, field: Any) -> None:
    if field.data is not None and not is_near(field.data):
        raise ValidationError(_("Choose a day of this year or the next."))


class ReservationForm(HouseForm):
    """A day, a start and a length, as wall-clock time of the lab; plus what only managers may fill in."""

    day = DateField(__("Day"), validators=[DataRequired(__("Choose a day.")), near])
    start = TimeField(__("Start"), validators=[InputRequired(__("Choose a time, for example 14:00."))])
    minutes = IntegerField(
        __("Length in minutes"), validators=[InputRequired(__("Choose a length.")), NumberRange(-1440, 7 * 1440)]
    )
    project = StringField(__("What for? (optional)"), validators=[Length(max=120), PLAIN])
    member = StringField(__("For whom? E-mail of the member"), validators=[Length(max=200), PLAIN])
    override_reason = TextAreaField(__("Reason for the exception"), validators=[Length(max=500), PLAIN])

    member_id: int | None = None
    """Whom `member` turned out to be."""

    @property
    def is_readable(self) -> bool:
        """Whether day, start and length say a time at all, possible or not."""
        said = self.day.data is not None and self.start.data is not None and self.minutes.data is not None
        return said and not (self.day.errors or self.start.errors or self.minutes.errors)

    @property
    def claim(self) -> Claim:
        assert self.day.data is not None
        assert self.start.data is not None
        return Claim.lasting(datetime.combine(self.day.data, self.start.data), self.minutes.data or 0, clock.zone())

    @classmethod
    def for_claim(cls, claim: Claim, **more: Any) -> ReservationForm:
        local = claim.start.astimezone(clock.zone())
        return cls(day=local.date(), start=local.time(), minutes=claim.minutes, **more)


class CancellationForm(HouseForm):
    reason = TextAreaField(__("Reason (the member reads it)"), validators=[Length(max=500), PLAIN])
    override_reason = TextAreaField(__("Reason for the exception"), validators=[Length(max=500), PLAIN])


class CheckInForm(HouseForm):
    code = StringField(
        __("Code on the machine's screen"), validators=[DataRequired(__("Type the six digits.")), Length(max=12), PLAIN]
    )
    ticks = SelectMultipleField(__("Before you start"), validate_choice=True)

    def offer_ticks(self, texts: Sequence[str]) -> None:
        self.ticks.choices = [(str(number), text) for number, text in enumerate(texts)]


class EndingForm(HouseForm):
    is_clean = RadioField(
        __("Is the machine clean and tidy?"),
        choices=[("yes", __("Yes, ready for the next person")), ("no", __("No, I could not tidy everything"))],
        validators=[InputRequired(__("Tell the next person whether it is clean."))],
    )
    fault = TextAreaField(__("Something wrong? Describe it (optional)"), validators=[Length(max=1000), PLAIN])
    stops_machine = BooleanField(__("It is not safe to use: stop the machine"))
    note = TextAreaField(__("Material and settings, for your notes (optional)"), validators=[Length(max=1000), PLAIN])

    def validate_fault(self, field: Any) -> None:
        if self.stops_machine.data and not (field.data or "").strip():
            raise ValidationError(_("Say in a few words what is wrong, so that somebody can repair it."))


class FaultForm(HouseForm):
    text = TextAreaField(
        __("What is wrong?"), validators=[DataRequired(__("Describe the fault in a few words.")), Length(max=1000), PLAIN]
    )
    stops_machine = BooleanField(__("It is not safe to use: stop the machine"))


class ResolutionForm(HouseForm):
    resolution = TextAreaField(
        __("What was done?"),
        validators=[DataRequired(__("Say what was done, for the machine's history.")), Length(max=1000), PLAIN],
    )
    back_in_service = BooleanField(__("It works: put the machine back in service"))


class OutageForm(HouseForm):
    until = DateField(__("Back on (leave empty if unknown)"), validators=[Optional(), near])
    note = StringField(__("What is wrong, in a few words"), validators=[Length(max=200), PLAIN])


def _whole(label: Any, default: int, least: int, most: int) -> IntegerField:
    return IntegerField(label, default=default, validators=[InputRequired(), NumberRange(least, most)])


class MachineForm(HouseForm):
    """Everything the catalogue says of a machine. Requirements: one line per condition, alternatives ticked together."""

    name_fr = StringField(__("Name in French"), validators=[DataRequired(__("Give the machine a name.")), Length(max=80), PLAIN])
    name_en = StringField(__("Name in English"), validators=[Length(max=80), PLAIN])
    slug = StringField(
        __("Short address"),
        description=__("Lower-case letters, digits and hyphens: it is part of the page's address and of the QR code."),
        validators=[
            DataRequired(__("Give a short address.")),
            Length(max=60),
            Regexp(r"^[a-z0-9]+(-[a-z0-9]+)*$", message=__("Only a-z, 0-9 and hyphens.")),
        ],
    )
    code = StringField(__("Plate number"), validators=[DataRequired(__("Give the number on its plate.")), Length(max=20), PLAIN])
    space = SelectField(__("Space"), coerce=int)
    capacity = _whole(__("Seats"), 1, 1, 100)
    icon = SelectField(__("Icon"), choices=[(name, name) for name in ICONS])
    danger = SelectField(
        __("Danger class"),
        coerce=int,
        choices=[(1, __("1: simple, free to use")), (2, __("2: certification needed")), (3, __("3: dangerous, host present"))],
    )
    is_attended = BooleanField(__("The person stays beside the machine all the time"), default=True)
    can_do_fr = TextAreaField(__("What it does, in French"), validators=[Length(max=2000), PLAIN])
    can_do_en = TextAreaField(__("What it does, in English"), validators=[Length(max=2000), PLAIN])
    cannot_do_fr = TextAreaField(__("What it does not do, in French"), validators=[Length(max=2000), PLAIN])
    cannot_do_en = TextAreaField(__("What it does not do, in English"), validators=[Length(max=2000), PLAIN])
    house_rules_fr = TextAreaField(__("Rules in plain words, in French"), validators=[Length(max=2000), PLAIN])
    house_rules_en = TextAreaField(__("Rules in plain words, in English"), validators=[Length(max=2000), PLAIN])
    ticks_fr = TextAreaField(__("Safety points to tick at check-in, in French, one a line"), validators=[Length(max=1000), PLAIN])
    ticks_en = TextAreaField(__("The same in English, one a line"), validators=[Length(max=1000), PLAIN])
    documents = TextAreaField(
        __("Documents: one a line, title then address"),
        description=__("For example: User manual https://example.org/manual.pdf"),
        validators=[Length(max=2000), PLAIN],
    )
    required_all = SelectMultipleField(__("Certifications needed, all of them"), coerce=int)
    required_any = SelectMultipleField(__("And one of these"), coerce=int)
    required_any_too = SelectMultipleField(__("And one of these as well"), coerce=int)
    shortest_minutes = _whole(__("Shortest reservation, minutes"), 30, 5, 1440)
    longest_minutes = _whole(__("Longest reservation, minutes"), 240, 5, LONGEST_MINUTES)
    step_minutes = SelectField(
        __("Step, minutes"), coerce=int, choices=[(n, str(n)) for n in (5, 10, 15, 20, 30, 60)], default=15
    )
    turnaround_minutes = _whole(__("Cleaning time after each use, minutes"), 0, 0, 240)
    horizon_days = _whole(__("Booked at most, days ahead"), 30, 1, 365)
    notice_minutes = _whole(__("Booked at least, minutes ahead"), 0, 0, 10080)
    ahead_most = _whole(__("Reservations to come per person"), 3, 1, 100)
    bills_actual = BooleanField(__("Bill the real use instead of the reserved time"))
    photo = FileField(__("Photo (JPEG, PNG or WebP, 10 MB at most)"))
    picture = HiddenField(validators=[Optional(), Regexp(r"^[A-Za-z0-9_-]+\.(webp|svg)$")])
    more_conditions: Sequence[Sequence[int]] = ()
    """What the machine asks for beyond what the fields can show: it stays as it is."""

    def validate_slug(self, field: Any) -> None:
        if field.data == "new":
            raise ValidationError(_("This address is the page that adds a machine: choose another one."))

    def validate_longest_minutes(self, field: Any) -> None:
        if field.data is not None and self.shortest_minutes.data is not None and field.data < self.shortest_minutes.data:
            raise ValidationError(_("The longest reservation cannot be shorter than the shortest."))

    def validate_documents(self, field: Any) -> None:
        for line in (field.data or "").splitlines():
            if line.strip() and not is_link(line.split()[-1]):
                raise ValidationError(_("Each line ends with an address that starts with https:// or http://"))

    @property
    def described(self) -> dict[str, Any]:
        """The fields as `catalogue` takes them."""
        ticks = zip_lines(self.ticks_fr.data, self.ticks_en.data)
        return {
            **{
                name: both(self[f"{name}_fr"].data, self[f"{name}_en"].data)
                for name in ("name", "can_do", "cannot_do", "house_rules")
            },
            **{name: self[name].data for name in SAME_NAME},
            "safety_ticks": ticks,
            "documents": [
                {"title": " ".join(line.split()[:-1]) or line.split()[-1], "url": line.split()[-1]}
                for line in (self.documents.data or "").splitlines()
                if line.strip()
            ],
        }

    @property
    def requirements(self) -> list[list[int]]:
        """Conditions that must all be met, each by any one of its competences."""
        alternatives = [list(field.data) for field in (self.required_any, self.required_any_too) if field.data]
        return [*([ident] for ident in self.required_all.data or []), *alternatives, *map(list, self.more_conditions)]

    @classmethod
    def describing(cls, machine: Machine, conditions: Sequence[Sequence[int]]) -> MachineForm:
        said = {
            f"{name}_{language}": (getattr(machine, name) or {}).get(language, "")
            for name in ("name", "can_do", "cannot_do", "house_rules")
            for language in ("fr", "en")
        }
        ticks = {
            f"ticks_{language}": "\n".join(tick.get(language, "") for tick in machine.safety_ticks) for language in ("fr", "en")
        }
        alternatives = [list(one) for one in conditions if len(one) > 1]
        return cls(
            **said,
            **ticks,
            **{name: getattr(machine, name) for name in SAME_NAME},
            space=machine.resource.parent_id,
            capacity=machine.resource.capacity,
            picture=machine.picture or "",
            documents="\n".join(f"{document['title']} {document['url']}" for document in machine.documents),
            required_all=[one[0] for one in conditions if len(one) == 1],
            required_any=next(iter(alternatives), []),
            required_any_too=next(iter(alternatives[1:]), []),
        )


SAME_NAME = (
    "slug", "code", "icon", "danger", "is_attended", "shortest_minutes", "longest_minutes", "step_minutes",
    "turnaround_minutes", "horizon_days", "notice_minutes", "ahead_most", "bills_actual",
)  # fmt: skip


def both(french: str | None, english: str | None) -> dict[str, str]:
    """A text in the languages that were filled in."""
    return {language: text.strip() for language, text in (("fr", french), ("en", english)) if text and text.strip()}


def zip_lines(french: str | None, english: str | None) -> list[dict[str, str]]:
    """Two lists written one a line, paired by rank; a line may stay empty in one of them."""
    pairs = zip_longest((french or "").splitlines(), (english or "").splitlines(), fillvalue="")
    return [said for one, other in pairs if (said := both(one, other))]
