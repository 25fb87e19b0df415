"""The shape of what people type about money. Permission is in `rules` and the services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as __
from wtforms import DateField, Field, IntegerField, RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, StopValidation
from wtforms.widgets import TextInput

from app.accounts.models import TariffGroup
from app.kernel import i18n
from app.kernel.money import ZERO, Cents, NotAnAmount, parse_amount
from app.kernel.web import HouseForm
from billing.pricing import RateTerms
from billing.rules import METHOD_WORDS, Answer, Method

MOST_CENTS = Cents(100_000_00)
"""No amount typed at the desk is larger: beyond it, it is a slip of the finger."""

MOST_MINUTES = 24 * 60

GROUP_WORDS = {
    TariffGroup.STANDARD: __("Standard"),
    TariffGroup.SOLIDARITY: __("Solidarity"),
    TariffGroup.PROFESSIONAL: __("Professional"),
}


def clean(value: str | None) -> str | None:
    """Trimmed, without the NUL that PostgreSQL cannot store."""
    return value.replace("\x00", "").strip() if value else value


class AmountField(Field):
    """Euros as people type them, "4,85" or "4.85"; `data` is cents, None when nothing was typed."""

    widget = TextInput()
    data: Cents | None

    def __init__(self, label: Any, *, least: Cents = ZERO, **kwargs: Any) -> None:
        super().__init__(label, **{"render_kw": {"inputmode": "decimal", "autocomplete": "off"}, **kwargs})
        self.least = least
        self.typed: str | None = None

    def _value(self) -> str:
        if self.typed is not None:
            return self.typed
        return typed_amount(self.data) if self.data is not None else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.typed, self.data = valuelist[0].replace("\x00", ""), None
        if not self.typed.strip():
            return
        try:
            cents = parse_amount(self.typed)
        except NotAnAmount:
            raise ValueError(_("Write an amount in euros, such as %(example)s.", example=typed_amount(1250))) from None
        if cents < self.least:
            raise ValueError(_("Write at least %(least)s.", least=i18n.money(self.least)))
        if cents > MOST_CENTS:
            raise ValueError(_("Write at most %(most)s.", most=i18n.money(MOST_CENTS)))
        self.data = cents

    def pre_validate(self, form: Any) -> None:
        """What could not be read is said once; nothing more is asked of it."""
        if self.process_errors:
            raise StopValidation


def typed_amount(cents: int) -> str:
    """An amount as one types it in the reader's language: 12,50 or 12.50."""
    text = f"{cents // 100}.{cents % 100:02}"
    return text.replace(".", ",") if i18n.locale() == "fr" else text


class PaymentForm(HouseForm):
    amount = AmountField(__("Amount, in euros"), least=Cents(1), validators=[DataRequired(__("Write the amount you take."))])
    method = RadioField(
        __("How"),
        choices=[(method.value, __(words)) for method, words in METHOD_WORDS.items()],
        validators=[InputRequired(__("Say how it was paid."))],
    )

    @property
    def chosen_method(self) -> Method:
        return Method(self.method.data)


class PaymentCancellationForm(HouseForm):
    reason = TextAreaField(
        __("Why is this payment cancelled?"),
        filters=[clean],
        validators=[DataRequired(__("Write why: the member reads it, and it stays in the books.")), Length(max=500)],
    )


class AskForm(HouseForm):
    note = TextAreaField(
        __("What should be looked at?"),
        filters=[clean],
        validators=[DataRequired(__("Write what happened, in a sentence or two.")), Length(max=1000)],
    )


class AnswerForm(HouseForm):
    answer = RadioField(
        __("Your answer"),
        choices=[(Answer.ACCEPTED.value, __("Lower the price")), (Answer.DECLINED.value, __("Leave it as it is"))],
        validators=[InputRequired(__("Choose an answer."))],
    )
    new_amount = AmountField(__("New price, in euros"))
    words = TextAreaField(__("A word for the member"), filters=[clean], validators=[Length(max=1000)])

    def validate_new_amount(self, field: AmountField) -> None:
        if self.is_accepted and field.data is None:
            raise StopValidation(_("Write the new price; 0 makes it free."))

    def validate_words(self, field: TextAreaField) -> None:
        if self.answer.data == Answer.DECLINED.value and not field.data:
            raise StopValidation(_("Say why: the member will read it."))

    @property
    def is_accepted(self) -> bool:
        return bool(self.answer.data == Answer.ACCEPTED.value)


def _price(when_empty: Any) -> Any:
    return AmountField(__("Price an hour, in euros"), description=when_empty)


def _minimum() -> Any:
    return IntegerField(__("At least, in minutes"), default=0, validators=[Optional(), NumberRange(0, MOST_MINUTES)])


def _step() -> Any:
    return IntegerField(__("Counted by, in minutes"), default=1, validators=[Optional(), NumberRange(1, MOST_MINUTES)])


class RateForm(HouseForm):
    """One price a group; an empty price means no rate of one's own: the standard one, or free where there is none."""

    valid_from = DateField(__("From"), validators=[DataRequired(__("Choose the first day of these prices."))])
    standard_price, standard_minimum, standard_step = _price(__("Empty: free to use.")), _minimum(), _step()
    solidarity_price, solidarity_minimum, solidarity_step = _price(__("Empty: the standard price.")), _minimum(), _step()
    professional_price, professional_minimum, professional_step = _price(__("Empty: the standard price.")), _minimum(), _step()

    def fill(self, terms: Mapping[TariffGroup, RateTerms], first: date) -> RateForm:
        self.valid_from.data = first
        for group, one in terms.items():
            self[f"{group.value}_price"].data = one.cents_per_hour
            self[f"{group.value}_minimum"].data = one.minimum_minutes
            self[f"{group.value}_step"].data = one.step_minutes
        return self

    def wanted(self) -> dict[TariffGroup, RateTerms | None]:
        """What each group is to pay; None for a group without a rate of its own."""
        return {group: self._terms(group) for group in TariffGroup}

    def _terms(self, group: TariffGroup) -> RateTerms | None:
        cents = self[f"{group.value}_price"].data
        if cents is None:
            return None
        minimum, step = self[f"{group.value}_minimum"].data, self[f"{group.value}_step"].data
        return RateTerms(cents, minimum or 0, step or 1, group.value)
