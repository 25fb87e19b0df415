"""The desk: who owes, taking a payment, undoing a mistake, answering requests; and the prices, for managers."""

from __future__ import annotations

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.accounts import queries as accounts
from app.kernel import clock, i18n
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.money import ZERO
from app.kernel.refusals import Refused
from app.kernel.web import needs, once, page, see
from billing import adjustments, names, payments, queries, rates, receipts, rules
from billing.forms import GROUP_WORDS, AnswerForm, PaymentCancellationForm, PaymentForm, RateForm, clean
from billing.views import bp

MEMBER = f"<int(max={MAX_ID}):member_id>"
ADJUSTMENT = f"<int(max={MAX_ID}):adjustment_id>"
SHOWN = 50


@bp.get("/desk")
@needs(Role.MANAGER, Role.ACCOUNTANT)
def desk() -> ResponseReturnValue:
    """Who owes, oldest first; or the members a search finds, with what they owe."""
    words = (clean(request.args.get("q")) or "")[:100]
    found = accounts.search_members(words).items if words else []
    return page(
        "billing/desk.html",
        words=words,
        found=found,
        owes=queries.balances([one.id for one in found]),
        debtors=queries.debtors(),
        waiting=adjustments.waiting(),
        takings=queries.day_takings(clock.today()),
    )


@bp.route(f"/desk/{MEMBER}", methods=["GET", "POST"])
@needs(Role.MANAGER, Role.ACCOUNTANT)
def desk_member(member_id: int) -> ResponseReturnValue:
    """What one member owes, and taking it."""
    member = accounts.member(member_id)
    form = PaymentForm()
    if form.validate_on_submit():
        actor, cents, method = current_actor(), form.amount.data or ZERO, form.chosen_method

        def act() -> str:
            receipt = payments.take(actor=actor, payer_id=member_id, cents=cents, method=method, at=clock.now())
            return url_for("billing.receipt", number=receipt.number)

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("The payment is taken; the receipt goes by mail too."), "free")
            return see(url)
    owes = queries.balance_cents(member_id)
    if not form.is_submitted() and owes > 0:
        form.amount.data = owes
    charges = queries.charges_of(member_id, limit=SHOWN)
    return page(
        "billing/desk_member.html",
        form.status if form.is_submitted() else 200,
        form=form,
        member=member,
        owes=owes,
        charges=charges,
        asked=queries.adjustments_of([one.id for one in charges]),
        payments=queries.payments_of(member_id, limit=SHOWN),
        status_words=rules.STATUS_WORDS,
        method_words=rules.METHOD_WORDS,
    )


@bp.route("/receipts/<number>/cancellation", methods=["GET", "POST"])
@needs(Role.MANAGER)
def cancel_payment(number: str) -> ResponseReturnValue:
    found = queries.receipt(number)
    form = PaymentCancellationForm()
    if form.validate_on_submit():
        actor, reason = current_actor(), form.reason.data or ""

        def act() -> str:
            payments.cancel(actor=actor, number=number, reason=reason, at=clock.now())
            return url_for("billing.receipt", number=number)

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("The payment is cancelled; what it covered is due again."), "free")
            return see(url)
    status = form.status if form.is_submitted() else 200
    return page("billing/cancel_payment.html", status, form=form, receipt=receipts.printed(found))


@bp.route(f"/adjustments/{ADJUSTMENT}", methods=["GET", "POST"])
@needs(Role.MANAGER, Role.ACCOUNTANT)
def adjustment(adjustment_id: int) -> ResponseReturnValue:
    """One request and its answer."""
    queries.adjustment(adjustment_id)
    form = AnswerForm()
    if form.validate_on_submit():
        actor, words = current_actor(), form.words.data or ""

        def act() -> str:
            if form.is_accepted:
                new_cents = form.new_amount.data or ZERO
                adjustments.accept(actor=actor, adjustment_id=adjustment_id, new_cents=new_cents, words=words, at=clock.now())
            else:
                adjustments.decline(actor=actor, adjustment_id=adjustment_id, words=words, at=clock.now())
            return url_for("billing.desk")

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("The member has your answer by mail."), "free")
            return see(url)
    found = queries.adjustment(adjustment_id)
    people = accounts.names([one for one in (found.asked_by_id, found.answered_by_id) if one is not None])
    return page(
        "billing/adjustment.html",
        form.status if form.is_submitted() else 200,
        form=form,
        adjustment=found,
        charge=found.charge,
        people=people,
        status_words=rules.STATUS_WORDS,
    )


@bp.route("/prices/edit/<item>", methods=["GET", "POST"])
@needs(Role.MANAGER)
def edit_rates(item: str) -> ResponseReturnValue:
    """What an item costs each group, from a day on; and what it cost before."""
    name = names.item_names([item]).get(item)
    if name is None:
        raise NoResultFound
    today = clock.today()
    rows = rates.history(item)
    form = RateForm()
    if not form.is_submitted():
        form.fill({row.tariff_group: row.terms for row in rows if row.holds_on(today)}, today)
    elif form.validate():

        def act() -> str:
            rates.set_rates(actor=current_actor(), item=item, wanted=form.wanted(), valid_from=form.valid_from.data or today)
            return url_for("billing.price_list")

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("The prices of “%(name)s” are set.", name=i18n.in_words(name)), "free")
            return see(url)
    return page(
        "billing/edit_rates.html",
        form.status if form.is_submitted() else 200,
        form=form,
        item=item,
        name=name,
        rows=rows,
        people=accounts.names([row.set_by_id for row in rows if row.set_by_id is not None]),
        groups=GROUP_WORDS,
        today=today,
    )
