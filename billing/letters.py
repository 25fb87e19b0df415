"""The letters about money, each in its reader's language."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_babel import gettext as _

from app.accounts import queries as accounts
from app.kernel import i18n, mail
from app.kernel.mail import Letter
from billing import queries, receipts
from billing.rules import METHOD_WORDS, Answer


def init_app(app: Flask) -> None:
    mail.compose_with(app, "billing.receipt", _receipt)
    mail.compose_with(app, "billing.payment_cancelled", _payment_cancelled)
    mail.compose_with(app, "billing.adjustment", _adjustment)


def _receipt(facts: dict[str, Any]) -> Letter | None:
    """Nothing is left to say when the payment was undone before the letter was written: the other letter tells."""
    row = queries.receipt(facts["receipt"])
    if row.payment.cancelled_at is not None:
        return None
    printed = receipts.printed(row)
    to = accounts.recipient(row.payer_id)
    with i18n.speaking(to.locale):
        lines = [_("Thank you. Here is your receipt, number %(number)s.", number=printed.number)]
        if printed.owes_cents > 0:
            lines.append(_("%(amount)s remains to be paid.", amount=i18n.money(printed.owes_cents)))
        told = [(_named(line), i18n.money(line.amount_cents)) for covered in printed.covered for line in covered.lines]
        return Letter(
            to=to,
            subject=_("Receipt %(number)s: %(amount)s", number=printed.number, amount=i18n.money(printed.cents)),
            lines=lines,
            facts=[
                *told,
                (_("Paid"), i18n.money(printed.cents)),
                (_("How"), _(METHOD_WORDS[printed.method])),
                (_("When"), i18n.moment(printed.taken_at)),
                *([(_("Taken by"), printed.taken_by)] if printed.taken_by else []),
            ],
            actions=[(_("See or print the receipt"), mail.absolute("billing.receipt", number=printed.number))],
            reason=_("You get this letter because you paid at the desk."),
        )


def _named(line: receipts.Line) -> str:
    """What was paid for; of what was weighed also how much, at what price."""
    name = i18n.in_words(line.label)
    if line.milligrams is None:
        return name
    price = i18n.money(line.cents_per_kilogram or 0)
    terms = _("%(weight)s × %(price)s/kg", weight=i18n.weight(line.milligrams), price=price)
    return f"{name}, {terms}"


def _payment_cancelled(facts: dict[str, Any]) -> Letter:
    row = queries.receipt(facts["receipt"])
    to = accounts.recipient(row.payer_id)
    with i18n.speaking(to.locale):
        return Letter(
            to=to,
            subject=_("Receipt %(number)s is cancelled", number=row.number),
            lines=[
                _("The payment of %(amount)s was taken by mistake and is cancelled.", amount=i18n.money(row.payment.cents)),
                _("The reason given: %(reason)s", reason=row.payment.cancellation_reason or ""),
                _("What it covered is to be paid again. If that surprises you, tell the desk."),
            ],
            actions=[(_("See what is due"), mail.absolute("billing.account"))],
            reason=_("You get this letter because it changes what you owe."),
        )


def _adjustment(facts: dict[str, Any]) -> Letter:
    row = queries.adjustment(facts["adjustment"])
    to = accounts.recipient(row.asked_by_id)
    with i18n.speaking(to.locale):
        label = next((i18n.in_words(line.label) for line in row.charge.lines), "")
        if row.answer is Answer.ACCEPTED:
            lines = [_("We looked at it again: it now costs %(amount)s.", amount=i18n.money(row.new_cents or 0))]
            if facts["freed"]:
                freed = i18n.money(facts["freed"])
                lines.append(_("You had paid %(amount)s beyond that: it goes towards your other charges.", amount=freed))
        else:
            lines = [_("We looked at it again, and the price stays as it is.")]
        if row.answer_note:
            lines.append(_("The team's words: %(words)s", words=row.answer_note))
        by = accounts.names([row.answered_by_id]).get(row.answered_by_id) if row.answered_by_id else None
        return Letter(
            to=to,
            subject=_("Your question about %(label)s, %(day)s", label=label, day=i18n.day(row.charge.opened_at)),
            lines=lines,
            facts=[
                (_("You wrote"), row.note),
                (_("Charged at first"), i18n.money(row.charge.amount_cents)),
                (_("Price now"), i18n.money(row.charge.total_cents)),
                *([(_("Answered by"), by)] if by else []),
            ],
            actions=[(_("See my account"), mail.absolute("billing.account"))],
            reason=_("You get this letter because you asked for a price to be looked at."),
        )
