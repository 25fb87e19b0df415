"""Languages: whose to speak, how a date, a time or an amount reads in it, and a refusal as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from babel import dates, numbers
from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel, force_locale, get_locale
from flask_babel import gettext as _

from app.kernel import clock
from app.kernel.refusals import Amount, Refusal, Term

LOCALES = ("fr", "en")
DEFAULT_LOCALE = "fr"

babel = Babel()


def init_app(app: Flask) -> None:
    app.config.setdefault("BABEL_DEFAULT_LOCALE", DEFAULT_LOCALE)
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    babel.init_app(app, locale_selector=_choose_locale, timezone_selector=lambda: app.extensions["settings"].timezone.key)
    filters = {
        "money": money,
        "day": day,
        "clock": hour,
        "moment": moment,
        "span": span,
        "duration": duration,
        "weight": weight,
        "number": number,
        "said": in_words,
        "shortday": short_day,
    }
    app.jinja_env.filters.update(filters)


def locale() -> str:
    """The language being spoken: "fr" or "en"."""
    return get_locale().language if get_locale() else DEFAULT_LOCALE


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak `language` in the body of a `with`, for a mail or a document that has another reader."""
    with force_locale(language if language in LOCALES else DEFAULT_LOCALE):
        yield


def _choose_locale() -> str:
    """The member's language, then the one picked in this browser, then the browser's own, then French."""
    if not has_request_context():
        return DEFAULT_LOCALE
    member = getattr(g, "member", None)
    if member is not None:
        return cast(str, member.locale)
    if (picked := session.get("locale")) in LOCALES:
        return cast(str, picked)
    return request.accept_languages.best_match(LOCALES, default=DEFAULT_LOCALE) or DEFAULT_LOCALE


def in_words(text: Mapping[str, str] | None) -> str:
    """A text the lab wrote in its languages, in the reader's, else in the first one it has."""
    if not text:
        return ""
    return text.get(locale()) or next((words for words in text.values() if words), "")


def money(cents: int) -> str:
    """9,00 € or €9.00; the font has no narrow space, so a no-break space stands for it."""
    text = numbers.format_currency(Decimal(cents) / 100, "EUR", locale=_babel_locale())
    return text.replace("\u202f", "\u00a0").replace("-", "−")


def day(value: date | datetime, *, year: bool | None = None) -> str:
    """“jeudi 26 novembre”; with the year when it is not this one (or as `year` says)."""
    local = _local(value).date() if isinstance(value, datetime) else value
    with_year = local.year != clock.today().year if year is None else year
    pattern = "EEEE d MMMM y" if with_year else "EEEE d MMMM"
    text = dates.format_date(local, pattern, locale=_babel_locale())
    return text.replace(" 1 ", " 1er ") if locale() == "fr" else text


def short_day(value: date) -> str:
    """“jeu. 26”, for the head of a narrow row."""
    return f"{dates.format_date(value, 'EEE', locale=_babel_locale())} {value.day}"


def hour(value: datetime) -> str:
    """“14 h 30”, “14 h” in French; “14:30” in English."""
    local = _local(value)
    if locale() == "fr":
        return f"{local.hour}\u00a0h" + (f"\u00a0{local.minute:02}" if local.minute else "")
    return f"{local.hour}:{local.minute:02}"


def moment(value: datetime) -> str:
    return f"{day(value)}, {hour(value)}"


def span(start: datetime, end: datetime) -> str:
    """One stretch of time; the second day is named only when it is another."""
    if _local(start).date() == _local(end).date():
        return f"{day(start)}, {hour(start)} – {hour(end)}"
    return f"{moment(start)} – {moment(end)}"


def duration(minutes: int) -> str:
    """“1 h 30”, “45 min”, “2 h”."""
    hours, rest = divmod(int(minutes), 60)
    if not hours:
        return f"{rest}\u00a0min"
    return f"{hours}\u00a0h" + (f"\u00a0{rest:02}" if rest else "")


def weight(milligrams: int) -> str:
    """“23,4 g”, “0,35 g”, “1,25 kg”."""
    grams = Decimal(milligrams) / 1000
    amount, unit = (grams / 1000, "kg") if grams >= 1000 else (grams, "g")
    pattern = "#,##0.0" if unit == "g" and grams >= 1 else "#,##0.00"
    text = numbers.format_decimal(amount, pattern, locale=_babel_locale())
    return f"{text}\u00a0{unit}".replace("\u202f", "\u00a0")


def number(value: float) -> str:
    """“1 234,56”, “0,4”: two places at most."""
    return numbers.format_decimal(Decimal(str(value)), "#,##0.##", locale=_babel_locale()).replace("\u202f", "\u00a0")


def explain(refusal: Refusal) -> str:
    """A refusal as a sentence in the reader's language."""
    return str(_(refusal.reason.message, **_shown(refusal.params)))


def next_step(refusal: Refusal) -> str:
    return str(_(refusal.reason.next_step, **_shown(refusal.params))) if refusal.reason.next_step else ""


def _shown(params: Mapping[str, object]) -> dict[str, Any]:
    return {name: _show(value) for name, value in params.items()}


def _show(value: object) -> object:
    shown: tuple[tuple[type, Callable[[Any], object]], ...] = (
        (datetime, moment), (date, day), (dict, in_words), (Term, _), (Amount, money), (float, number),
    )  # fmt: skip
    return next((say(value) for kind, say in shown if isinstance(value, kind)), value)


def _local(value: datetime) -> datetime:
    return value.astimezone(clock.zone())


def _babel_locale() -> str:
    return "fr_FR" if locale() == "fr" else "en_GB"
