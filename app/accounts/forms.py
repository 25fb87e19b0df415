"""The shape of what people type about themselves and their lab."""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from flask_babel import lazy_gettext as __
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from app.accounts import rules
from app.accounts.models import TariffGroup
from app.kernel import clock
from app.kernel.actors import Role
from app.kernel.api import SCOPES
from app.kernel.web import HouseForm

PLAIN = Regexp(r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")
"""Without control characters, the NUL that PostgreSQL cannot store among them."""
LANGUAGES = [("fr", "Français"), ("en", "English")]
GROUPS = [
    (TariffGroup.STANDARD.value, __("Standard")),
    (TariffGroup.SOLIDARITY.value, __("Solidarity: for small incomes, no proof asked, nobody is told")),
    (TariffGroup.PROFESSIONAL.value, __("Professional: for those who earn with it")),
]
REGIONS = [
    ("", __("France, common holidays")),
    ("Alsace-Moselle", "Alsace-Moselle"),
    ("GP", "Guadeloupe"),
    ("MQ", "Martinique"),
    ("GF", "Guyane"),
    ("RE", "La Réunion"),
    ("YT", "Mayotte"),
    ("NC", "Nouvelle-Calédonie"),
    ("PF", "Polynésie française"),
]


def an_address(_form: Any, field: Any) -> None:
    """A well-formed e-mail address; whether it answers is for the link in the letter to find out."""
    try:
        validate_email((field.data or "").strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValidationError(_("This does not look like an e-mail address. Example: ada@example.org")) from None


def text(field: Any) -> str:
    """What was typed, trimmed; "" for nothing."""
    return (field.data or "").strip()


def _email(label: Any = None) -> EmailField:
    checks = [DataRequired(__("Type your e-mail address.")), Length(max=200), PLAIN, an_address]
    return EmailField(label or __("E-mail address"), validators=checks, render_kw={"autocomplete": "email"})


def _new_password(label: Any, *checks: Any) -> PasswordField:
    return PasswordField(label, validators=[*checks, Length(max=200)], render_kw={"autocomplete": "new-password"})


class SignUpForm(HouseForm):
    name = StringField(
        __("Your name"),
        validators=[DataRequired(__("Tell us your name.")), Length(max=100), PLAIN],
        render_kw={"autocomplete": "name"},
    )
    email = _email()
    password = _new_password(__("Password (optional)"), Optional())

    def validate_password(self, field: Any) -> None:
        _check_strength(field, name=self.name.data or "", email=self.email.data or "")


class SignInForm(HouseForm):
    """With a password, or with a link by mail when the box is left empty."""

    email = _email()
    password = PasswordField(
        __("Password"), validators=[Optional(), Length(max=200)], render_kw={"autocomplete": "current-password"}
    )


class AddressForm(HouseForm):
    email = _email()


class EmailChangeForm(HouseForm):
    email = _email(__("New e-mail address"))
    current = PasswordField(__("Present password"), validators=[Length(max=200)], render_kw={"autocomplete": "current-password"})


class PasswordForm(HouseForm):
    """A new password, for somebody whose name and address are set by the view."""

    password = _new_password(__("New password"), DataRequired(__("Choose a password.")))
    known_name = known_email = ""

    def validate_password(self, field: Any) -> None:
        _check_strength(field, name=self.known_name, email=self.known_email)


class ChangePasswordForm(PasswordForm):
    current = PasswordField(__("Present password"), validators=[Length(max=200)], render_kw={"autocomplete": "current-password"})


def _check_strength(field: Any, *, name: str, email: str) -> None:
    if field.data and rules.password_is_weak(field.data, name=name, email=email):
        words = _("Choose at least %(least)d characters, without your name or address.", least=rules.PASSWORD_LEAST)
        raise ValidationError(words)


class ProfileForm(HouseForm):
    name = StringField(__("Your name"), validators=[DataRequired(__("Tell us your name.")), Length(max=100), PLAIN])
    locale = SelectField(__("Language"), choices=LANGUAGES)
    tariff_group = RadioField(__("Price level, your own choice"), choices=GROUPS)
    photo_consent = BooleanField(__("I may appear on the lab's photos"))
    emergency_contact = StringField(__("Emergency contact (optional)"), validators=[Length(max=200), PLAIN])
    born_on = DateField(__("Date of birth (optional)"), validators=[Optional()])

    def validate_born_on(self, field: Any) -> None:
        if field.data and field.data.year < 1900:
            raise ValidationError(_("Nobody is that old: check the year."))
        if field.data and field.data > clock.today():
            raise ValidationError(_("This day is still to come: check the year."))


class CharterForm(HouseForm):
    """One box a point, set by the view."""

    points = SelectMultipleField(
        __("I agree with each point"), coerce=int, widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )
    photo_consent = BooleanField(__("I may appear on the lab's photos (optional)"))
    is_minor = BooleanField(__("I am under 18"))
    guardian_name = StringField(__("Name of your guardian"), validators=[Length(max=100), PLAIN])
    guardian_email = EmailField(__("E-mail of your guardian"), validators=[Length(max=200), PLAIN])

    def validate_points(self, field: Any) -> None:
        if len(set(field.data or [])) < len(field.choices or []):
            raise ValidationError(_("Tick every point: each one protects somebody."))

    def validate_guardian_email(self, field: Any) -> None:
        if self.is_minor.data:
            an_address(self, field)

    def validate_guardian_name(self, field: Any) -> None:
        if self.is_minor.data and not text(field):
            raise ValidationError(_("Tell us your guardian's name."))

    def forget_ticks(self) -> None:
        """What was ticked was another version."""
        self.points.data = []


class CharterEditor(HouseForm):
    title_fr = StringField(
        __("Title in French"), validators=[DataRequired(__("Give the charter a title.")), Length(max=120), PLAIN]
    )
    title_en = StringField(
        __("Title in English"), validators=[DataRequired(__("Give the charter a title.")), Length(max=120), PLAIN]
    )
    intro_fr = TextAreaField(__("Introduction in French"), validators=[Length(max=1000), PLAIN])
    intro_en = TextAreaField(__("Introduction in English"), validators=[Length(max=1000), PLAIN])
    points_fr = TextAreaField(
        __("Points in French, one a line, seven at most"),
        validators=[DataRequired(__("Write one point at least.")), Length(max=3000), PLAIN],
    )
    points_en = TextAreaField(
        __("The same in English, one a line"),
        validators=[DataRequired(__("Write one point at least.")), Length(max=3000), PLAIN],
    )

    def validate_points_en(self, field: Any) -> None:
        french, english = (_lines(text) for text in (self.points_fr.data, field.data))
        if len(french) != len(english):
            raise ValidationError(_("Write as many points in English as in French."))
        if len(french) > 7:
            raise ValidationError(_("Seven points at most: nobody reads more."))

    @property
    def points(self) -> list[dict[str, str]]:
        pairs = zip(_lines(self.points_fr.data), _lines(self.points_en.data), strict=True)
        return [{"fr": french, "en": english} for french, english in pairs]


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


class ReasonForm(HouseForm):
    reason = TextAreaField(
        __("Reason"), validators=[DataRequired(__("Write why, in one sentence: the person reads it.")), Length(max=500), PLAIN]
    )


class NoteForm(HouseForm):
    text = TextAreaField(__("Note for the team"), validators=[DataRequired(__("The note is empty.")), Length(max=2000), PLAIN])


class RoleForm(HouseForm):
    role = SelectField(
        __("Role"),
        choices=[
            (Role.MANAGER.value, __("Fab manager")),
            (Role.ACCOUNTANT.value, __("Accountant")),
            (Role.ADMINISTRATOR.value, __("Administrator")),
        ],
    )


SCOPE_WORDS = {
    "profile": __("Read and change my profile, accept the charter"),
    "reservations": __("Read, book, move, cancel and end my reservations"),
    "prints": __("Send files, start, watch and stop my prints"),
    "trainings": __("Certify members for the competences I train"),
    "desk": __("Take payments and read what members owe (managers and accountants)"),
    "manage": __("Read members and act on their reservations (managers)"),
}


class TokenForm(HouseForm):
    name = StringField(__("What is it for?"), validators=[DataRequired(__("Give it a name.")), Length(max=80), PLAIN])
    scopes = SelectMultipleField(
        __("What it may do"),
        choices=[(name, SCOPE_WORDS.get(name, words)) for name, words in SCOPES.items()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    days = SelectField(
        __("For how long"), coerce=int, choices=[(30, __("30 days")), (90, __("90 days")), (365, __("A year"))], default=90
    )

    def validate_scopes(self, field: Any) -> None:
        if not field.data:
            raise ValidationError(_("Tick at least one."))


def _minutes(label: Any, most: int) -> IntegerField:
    within = NumberRange(0, most, message=__("Write a number of minutes, from %(min)s to %(max)s."))
    return IntegerField(label, validators=[InputRequired(__("Write a number of minutes.")), within])


class LabForm(HouseForm):
    name = StringField(__("Name of the lab"), validators=[DataRequired(__("Give the lab a name.")), Length(max=120), PLAIN])
    address = StringField(__("Street and number"), validators=[Length(max=200), PLAIN])
    postcode = StringField(__("Postcode"), validators=[Length(max=12), PLAIN])
    city = StringField(__("City"), validators=[Length(max=80), PLAIN])
    phone = StringField(__("Telephone"), validators=[Length(max=40), PLAIN])
    email = EmailField(
        __("E-mail of the team (faults are sent there)"), validators=[Length(max=200), PLAIN, Optional(), an_address]
    )
    description_fr = TextAreaField(__("Welcome sentence in French"), validators=[Length(max=400), PLAIN])
    description_en = TextAreaField(__("Welcome sentence in English"), validators=[Length(max=400), PLAIN])
    photo = FileField(__("Photo of the place (JPEG, PNG or WebP, 10 MB at most)"))
    closes_on_holidays = BooleanField(__("Closed on public holidays"))
    holidays_region = SelectField(__("Which public holidays"), choices=REGIONS)
    check_in_opens_minutes = _minutes(__("Check-in opens, minutes before the start"), 120)
    no_show_after_minutes = _minutes(__("A slot is freed when nobody came, minutes after the start"), 240)
    auto_end_after_minutes = _minutes(__("A forgotten use ends, minutes after the slot"), 240)
    cancel_notice_minutes = _minutes(__("Free cancellation, minutes before the start"), 10080)


class SetUpForm(HouseForm):
    lab_name = StringField(__("Name of the lab"), validators=[DataRequired(__("Give the lab a name.")), Length(max=120), PLAIN])
    city = StringField(__("City"), validators=[Length(max=80), PLAIN])
    name = StringField(__("Your name"), validators=[DataRequired(__("Tell us your name.")), Length(max=100), PLAIN])
    email = _email()
    password = _new_password(__("Password"), DataRequired(__("Choose a password.")))

    def validate_password(self, field: Any) -> None:
        _check_strength(field, name=self.name.data or "", email=self.email.data or "")
