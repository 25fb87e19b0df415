"""Pages about machines: the catalogue, one machine with its path, week and booking card, the timetable, its screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from flask import Blueprint, flash, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.accounts import queries as accounts
from app.accounts.models import TariffGroup
from app.calendar.rules import SLOT_TAKEN
from app.kernel import clock, i18n, uploads
from app.kernel.actors import Role, current_actor
from app.kernel.periods import wall_instant
from app.kernel.refusals import Refusal, Refused
from app.kernel.web import once, page, public, see, shown
from machines import agenda, catalogue, proposals, queries, requirements, reservations, timetable
from machines.forms import ReservationForm, is_near
from machines.models import Machine, Reservation, State
from machines.printing import pools
from machines.printing.here import here
from machines.reasons import LAB_CLOSED
from machines.rules import GRACE, Claim
from trainings import queries as trainings

bp = Blueprint("machines", __name__, template_folder="templates")

LENGTHS = (30, 60, 120, 180, 240)


@bp.get("/machines", endpoint="catalogue")
@public
def catalogue_page() -> ResponseReturnValue:
    cards = queries.cards(_me(), _tariff_group())
    chosen = request.args.get("show", "all")
    kept = [card for card in cards if chosen == "all" or (not card.missing and card.now.state != "out")]
    prints = _me() is not None and pools.has_printers()
    return page("machines/catalogue.html", cards=kept, chosen=chosen, total=len(cards), has_printers=prints)


@bp.get("/machines/<slug>")
@public
def machine(slug: str) -> ResponseReturnValue:
    """The machine, what one still needs for it, its week, and a slot already proposed. A retired one says so."""
    return _machine_page(queries.machine(slug, even_retired=True))


@bp.post("/machines/<slug>/reservations")
def create_reservation(slug: str) -> ResponseReturnValue:
    one = queries.machine(slug, even_retired=True)
    form = ReservationForm()
    if form.validate_on_submit() and _finds_member(form):
        actor = current_actor()

        def act() -> str:
            reservation = reservations.book(
                actor=actor,
                machine=one,
                claim=form.claim,
                member_id=form.member_id,
                project=form.project.data,
                override_reason=form.override_reason.data,
            )
            return url_for("reservations.one", reservation_id=reservation.id)

        try:
            url = once(act)
        except Refused as refused:
            form.refuse(refused)
        else:
            flash(_("It is yours: %(when)s.", when=i18n.span(form.claim.start, form.claim.end)), "free")
            return see(url)
    return _machine_page(one, form)


def _machine_page(one: Machine, form: ReservationForm | None = None) -> ResponseReturnValue:
    me = current_actor().member_id
    claim, typed = _proposed(one, me) if form is None or not form.is_readable else (form.claim, form)
    form = form or typed
    shown_day = claim.start.astimezone(clock.zone()).date() if claim else clock.today()
    first, this_week = _monday(_day("week", shown_day)), _monday(clock.today())
    whose = form.member_id or me
    offer = reservations.offer(member_id=whose, machine=one, claim=claim) if claim and whose else None
    refusals = list(form.refusals) or (offer.refusals if offer else [])
    asked = requirements.conditions([one.id]).get(one.id, [])
    competences = [ident for condition in asked for ident in condition.ids]
    [state] = queries.states_now([one]).values()
    return page(
        "machines/machine.html",
        form.status if form.is_submitted() else 200,
        machine=one,
        is_retired=one.state is State.RETIRED,
        space=queries.spaces().get(one.resource.parent_id or 0, {}),
        now=state[0],
        steps=trainings.steps(me, competences, clock.today()) if competences else [],
        week=timetable.of_week(one, first, me),
        first=first,
        previous=first - timedelta(days=7) if first > this_week else None,
        following=first + timedelta(days=7),
        claim=claim,
        lengths=lengths_of(one),
        offer=offer,
        refusals=shown(refusals),
        alternatives=alternatives_to(one, whose, claim, refusals),
        form=form,
        grace_minutes=GRACE.seconds // 60,
        documents=[document for document in one.documents if catalogue.is_link(document["url"])],
        incidents=[incident for incident in queries.incidents(one.id) if incident.resolved_at is None],
        here=here(one, current_actor()),
    )


def lengths_of(one: Machine) -> list[int]:
    """The lengths to choose from with one click."""
    return [
        minutes
        for minutes in LENGTHS
        if one.shortest_minutes <= minutes <= one.longest_minutes and minutes % one.step_minutes == 0
    ]


def alternatives_to(
    one: Machine, member_id: int | None, claim: Claim | None, refusals: Sequence[Refusal], moving: Reservation | None = None
) -> list[proposals.Proposal]:
    """The nearest free stretches, when the one asked for is taken or the lab is closed then."""
    if member_id is None or claim is None or claim.period is None:
        return []
    if not any(refusal.reason in (SLOT_TAKEN, LAB_CLOSED) for refusal in refusals):
        return []
    return proposals.nearest(one, member_id, claim.period, moving=moving)


@bp.get("/timetable", endpoint="timetable")
@public
def timetable_page() -> ResponseReturnValue:
    """Every machine on one day: a table on a desk, a list of free stretches in the hand."""
    day = _day("day", clock.today())
    member_id = _me()
    cards = queries.cards(member_id, _tariff_group())
    places = {card.machine.resource.parent_id or 0: card.space for card in cards}
    chosen = request.args.get("show", "all")
    kept = [
        card.machine
        for card in cards
        if chosen == "all" or (chosen == "mine" and not card.missing) or chosen == str(card.machine.resource.parent_id)
    ]
    return page(
        "machines/timetable.html",
        block="table",
        day=day,
        table=timetable.of_day(kept, day, member_id),
        cards={card.machine.id: card for card in cards},
        places=places,
        chosen=chosen,
        autonomous=sum(1 for card in cards if not card.missing),
        total=len(cards),
        today=clock.today(),
        clock_now=clock.now(),
        yesterday=day - timedelta(days=1),
        tomorrow=day + timedelta(days=1),
    )


@bp.get("/first-free")
def first_free() -> ResponseReturnValue:
    """“The first two hours free”: on machines where I am autonomous, soonest first."""
    me = current_actor().member_id
    assert me is not None
    asked = request.args.get("minutes", 120, type=int)
    minutes = min(max(-(-asked // 5) * 5, 15), 480)
    ready = {card.machine.id: card for card in queries.cards(me, _tariff_group()) if not card.missing}
    found = proposals.first_of_each([card.machine for card in ready.values()], me, minutes)
    return page(
        "machines/first_free.html",
        block="found",
        found=[(ready[proposal.machine.id], proposal) for proposal in found],
        minutes=minutes,
        lengths=LENGTHS,
    )


@bp.get("/machines/pictures/<name>")
@public
def picture(name: str) -> ResponseReturnValue:
    return uploads.send("machines", name)


def _me() -> int | None:
    return current_actor().member_id


def _tariff_group() -> str:
    member = g.get("member")
    return member.tariff_group if member is not None else TariffGroup.STANDARD


def _day(name: str, otherwise: date) -> date:
    """A day of the address; anything unreadable is `otherwise`, and years beyond reason too."""
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return otherwise
    return day if is_near(day) else otherwise


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _proposed(one: Machine, me: int | None) -> tuple[Claim | None, ReservationForm]:
    """The slot asked for in the address, else the first free one as long as the last time; and the form that books it."""
    habit = agenda.habit(me, one.id) if me is not None else None
    minutes = request.args.get("minutes", type=int) or (habit.minutes if habit else 120)
    minutes = min(max(minutes, one.shortest_minutes), one.longest_minutes)
    minutes -= minutes % one.step_minutes
    claim = _asked(minutes)
    if claim is None and one.state is not State.RETIRED:
        claim = proposals.first(one, me, minutes, after=wall_instant(_day("week", clock.today()), 0, clock.zone()))
    project = request.args.get("project", habit.project if habit else "")
    return claim, ReservationForm.for_claim(claim, project=project) if claim else ReservationForm()


def _asked(minutes: int) -> Claim | None:
    try:
        start = datetime.fromisoformat(request.args["start"].replace(" ", "+"))
    except (KeyError, ValueError):
        return None
    return Claim.lasting(start, minutes, clock.zone()) if is_near(start.date()) else None


def _finds_member(form: ReservationForm) -> bool:
    """Whom a manager books for; tells the field when there is nobody."""
    if not form.member.data:
        return True
    found = accounts.member_by_email(form.member.data) if current_actor().has(Role.MANAGER) else None
    if found is None:
        form.member.errors = [_("No member has this address.")]
        return False
    form.member_id = found.id
    return True
