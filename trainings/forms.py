"""The shape of what people type about competences and certifications. Permission is in `rules`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    DateField,
    Field,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.kernel.api import MAX_ID
from app.kernel.web import HouseForm
from trainings import rules
from trainings.certifications import Award
from trainings.competences import Draft
from trainings.models import Competence, Evidence, Level

MOST_AT_ONCE = 30

ICONS = ("check", "laser", "printer", "cnc", "vinyl", "sewing", "solder", "wood", "repair", "people")
"""Icons of the sprite a competence may wear."""


def clean(value: str | None) -> str | None:
    """Trimmed, without the NUL that PostgreSQL cannot store."""
    return value.replace("\x00", "").strip() if value else value


class CertifyForm(HouseForm):
    """What is the same for all the people ticked. Who they are, and each one's level, are read by `awards`."""

    valid_until = DateField(_l("Valid until, last day included"), validators=[Optional()])
    evidence = SelectField(_l("It rested on"), default=Evidence.PRACTICAL.value)
    note = TextAreaField(_l("Note, for trainers and managers"), validators=[Optional(), Length(max=2000)], filters=[clean])

    people_errors: Sequence[str] = ()

    def name_choices(self) -> CertifyForm:
        self.evidence.choices = [(one.value, _(words)) for one, words in rules.EVIDENCE_WORDS.items()]
        return self

    @property
    def status(self) -> int:
        return 422 if self.people_errors and not self.refusals else super().status

    def awards(self) -> list[Award]:
        """The people ticked with their levels; on a wrong one, `people_errors` says so."""
        idents = posted_ids(request.form.getlist("member"))
        levels = {ident: request.form.get(f"level-{ident}", Level.AUTONOMOUS.value) for ident in idents}
        errors = []
        if not idents:
            errors.append(_("Tick at least one person."))
        if len(idents) > MOST_AT_ONCE:
            errors.append(_("At most %(most)d people at once: untick some.", most=MOST_AT_ONCE))
        if not set(levels.values()) <= {level.value for level in Level}:
            errors.append(_("Choose a level for each person."))
        self.people_errors = errors
        return [] if errors else [Award(ident, Level(level)) for ident, level in levels.items()]


def posted_ids(raw: Sequence[str]) -> list[int]:
    """Row numbers out of what a browser sent; anything else is dropped, each is kept once."""
    numbers = [int(text) for text in raw if text.isascii() and text.isdigit() and len(text) <= 10]
    return [number for number in dict.fromkeys(numbers) if 0 < number <= MAX_ID]


class ReasonForm(HouseForm):
    """Suspending and revoking: always with a reason."""

    reason = TextAreaField(
        _l("Reason"),
        filters=[clean],
        validators=[DataRequired(_l("Write why: the member will read it.")), Length(max=1000)],
    )


class LiftForm(HouseForm):
    """Lifting: what was checked is welcome."""

    reason = TextAreaField(_l("What was checked or agreed"), filters=[clean], validators=[Optional(), Length(max=1000)])


class _Ticks(SelectMultipleField):
    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


@dataclass(frozen=True, slots=True)
class _Languages:
    fr: str
    en: str

    def said(self) -> dict[str, str]:
        return {name: words for name, words in (("fr", self.fr), ("en", self.en)) if words}


class CompetenceForm(HouseForm):
    """A competence in both languages; the French name is asked, English falls back to it."""

    name_fr = StringField(_l("Name in French"), filters=[clean], validators=[DataRequired(_l("Give it a name.")), Length(max=80)])
    name_en = StringField(_l("Name in English"), filters=[clean], validators=[Optional(), Length(max=80)])
    slug = StringField(_l("Short name for its address"), filters=[clean], validators=[Optional(), Length(max=60)])
    description_fr = TextAreaField(_l("What it covers, in French"), filters=[clean], validators=[Length(max=2000)])
    description_en = TextAreaField(_l("What it covers, in English"), filters=[clean], validators=[Length(max=2000)])
    path_fr = TextAreaField(_l("How to get it, in French"), filters=[clean], validators=[Length(max=2000)])
    path_en = TextAreaField(_l("How to get it, in English"), filters=[clean], validators=[Length(max=2000)])
    valid_months = IntegerField(
        _l("Valid for, in months (empty: without an end)"), validators=[Optional(), NumberRange(min=1, max=120)]
    )
    icon = SelectField(_l("Icon"), choices=[(name, name) for name in ICONS], default="check")
    position = IntegerField(_l("Place in the list"), default=0, validators=[Optional(), NumberRange(min=0, max=9999)])
    prerequisites = _Ticks(_l("Held first"), coerce=int)

    def name_choices(self, others: Sequence[Competence], in_words: object) -> CompetenceForm:
        assert callable(in_words)
        self.prerequisites.choices = [(row.id, in_words(row.name)) for row in others]
        return self

    def validate_slug(self, field: Field) -> None:
        if field.data and not rules.is_slug(field.data):
            raise ValidationError(_("Small letters, figures and hyphens only, such as “laser-co2”."))

    def validate_name_fr(self, field: Field) -> None:
        if field.data and not self.slug.data and not rules.is_slug(rules.slug_of(field.data)):
            raise ValidationError(_("No address can be made of this name: write a short name below."))

    def draft(self) -> Draft:
        return Draft(
            name=_Languages(self.name_fr.data or "", self.name_en.data or "").said(),
            description=_Languages(self.description_fr.data or "", self.description_en.data or "").said(),
            path=_Languages(self.path_fr.data or "", self.path_en.data or "").said(),
            icon=self.icon.data,
            valid_months=self.valid_months.data,
            prerequisite_ids=tuple(self.prerequisites.data or ()),
            position=self.position.data or 0,
            slug=self.slug.data or "",
        )

    def fill(self, competence: Competence, needs: Sequence[int]) -> None:
        for name in ("name", "description", "path"):
            words: dict[str, str] = getattr(competence, name) or {}
            self[f"{name}_fr"].data = words.get("fr", "")
            self[f"{name}_en"].data = words.get("en", "")
        self.valid_months.data = competence.valid_months
        self.icon.data = competence.icon
        self.position.data = competence.position
        self.prerequisites.data = list(needs)
