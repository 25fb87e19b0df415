"""Pages about machines: the catalogue, one machine with its path, week and booking card, the timetable, its screen."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import segno
from app.accounts.models import TariffGroup
from flask import Blueprint, abort, current_app, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from itsdangerous import URLSafeSerializer
from markupsafe import Markup

from app.accounts import lab
from app.accounts import queries as accounts
from app.calendar import queries as calendar
from app.kernel import clock, i18n, uploads
from app.kernel.actors import Role, current_actor
from app.kernel.periods import Period, wall_instant
from app.kernel.refusals import Refused
from app.kernel.web import flash_refusals, needs, once, page, public, see, shown
from machines import catalogue, queries, reservations, rules, timetable
from machines.forms import FaultForm, ReservationForm, ResolutionForm
from machines.models import Machine, State
from machines.rules import Claim
from trainings import queries as trainings

bp = Blueprint("machines", __name__, template_folder="templates")

LENGTHS = (30, 60, 120, 180, 240)


@bp.get("/machines", endpoint="catalogue")
@public
def catalogue_page() -> ResponseReturnValue:
    cards = queries.cards(_me(), _tariff_group())
    chosen = request.args.get("show", "all")
    kept = [card for card in cards if chosen == "all" or (not card.missing and card.now.state != "out")]
    return page("machines/catalogue.html", cards=kept, chosen=chosen, total=len(cards))


@bp.get("/machines/<slug>")
@public
def machine(slug: str) -> ResponseReturnValue:
    """The machine, what one still needs for it, its week, and a slot already proposed."""
    one = queries.machine(slug)
    return _machine_page(one)


@bp.post("/machines/<slug>/reservations")
def create_reservation(slug: str) -> ResponseReturnValue:
    one = queries.machine(slug)
    form = ReservationForm()
    if form.validate_on_submit():
        actor = current_actor()
        member_id = _member_typed(form)
        if member_id is not None or not form.member.data:
            try:
                url = once(
                    lambda: url_for(
                        "reservations.one",
                        reservation_id=reservations.book(
                            actor=actor,
                            machine=one,
                            claim=form.claim,
                            member_id=member_id,
                            project=form.project.data,
                            override_reason=form.override_reason.data or None,
                        ).id,
                    )
                )
            except Refused as refused:
                form.refuse(refused)
            else:
                flash(_("It is yours: %(when)s.", when=i18n.span(form.claim.start, form.claim.end)), "free")
                return see(url)
    return _machine_page(one, form)


def _machine_page(one: Machine, form: ReservationForm | None = None) -> ResponseReturnValue:
    house = lab.current()
    first = _monday(_day("week", clock.today() if form is None or not form.day.data else form.day.data))
    member_id = _me()
    claim = _claim(one, member_id) if form is None else _typed_claim(form)
    form = form or (ReservationForm.for_claim(claim) if claim else ReservationForm())
    offer = None
    if claim is not None and member_id is not None:
        offer = reservations.offer(actor=current_actor(), member_id=member_id, machine=one, claim=claim)
    alternatives: list[calendar.Slot] = []
    refusals = list(form.refusals) or (offer.refusals if offer else [])
    if claim and claim.period and any(refusal.code in ("calendar.slot_taken", "machines.lab_closed") for refusal in refusals):
        alternatives = alternatives_to(one, claim.period)
    asked = queries.conditions([one.id]).get(one.id, [])
    ids = [competence for condition in asked for competence, _slug, _name in condition.competences]
    [state] = queries.states_now([one]).values()
    return page(
        "machines/machine.html",
        form.status if form.is_submitted() else 200,
        machine=one,
        space=queries.spaces().get(one.resource.parent_id or 0, {}),
        now=state[0],
        steps=trainings.steps(member_id, ids, clock.today()) if ids else [],
        autonomous=bool(member_id) and not queries.missing_competences(member_id or 0, one.id, clock.today()),
        week=timetable.of_week(one, first, member_id),
        first=first,
        previous=first - timedelta(days=7) if first > _monday(clock.today()) else None,
        following=first + timedelta(days=7),
        claim=claim,
        lengths=[minutes for minutes in LENGTHS if one.shortest_minutes <= minutes <= one.longest_minutes],
        offer=offer,
        refusals=shown(refusals),
        alternatives=alternatives,
        form=form,
        notice=timedelta(minutes=house.cancel_notice_minutes if house else 0),
        incidents=[incident for incident in queries.incidents(one.id) if incident.resolved_at is None],
    )


def alternatives_to(one: Machine, period: Period) -> list[calendar.Slot]:
    """Three nearest stretches of the same length, here or on a machine that can stand in."""
    candidates = [one, *queries.similar(one)]
    turnarounds = {other.resource_id: other.turnaround_minutes for other in candidates}
    return calendar.alternatives([other.resource_id for other in candidates], period, count=3, turnaround_minutes=turnarounds)


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
    minutes = request.args.get("minutes", 120, type=int)
    minutes = min(max(minutes or 120, 15), 480)
    cards = [
        card for card in queries.cards(_me(), _tariff_group()) if not card.missing and card.machine.state is State.IN_SERVICE
    ]
    fitting = {
        card.machine.resource_id: card
        for card in cards
        if card.machine.shortest_minutes <= minutes <= card.machine.longest_minutes
    }
    slots = calendar.first_free(
        list(fitting),
        minutes,
        after=clock.now(),
        turnaround_minutes={ident: card.machine.turnaround_minutes for ident, card in fitting.items()},
    )
    nearest: dict[int, calendar.Slot] = {}
    for slot in slots:
        nearest.setdefault(slot.resource_id, slot)
    found = [(fitting[slot.resource_id], slot) for slot in sorted(nearest.values(), key=lambda slot: slot.period.start)]
    return page("machines/first_free.html", block="found", found=found, minutes=minutes, lengths=LENGTHS)


@bp.route("/machines/<slug>/faults", methods=["GET", "POST"])
def report_fault(slug: str) -> ResponseReturnValue:
    one = queries.machine(slug)
    form = FaultForm()
    if form.validate_on_submit():
        actor = current_actor()

        def act() -> str:
            catalogue.report(actor=actor, machine_id=one.id, text=form.text.data, stops_machine=bool(form.stops_machine.data))
            return url_for("machines.machine", slug=slug)

        url = once(act)
        flash(_("Thank you. The team has been told."), "free")
        return see(url)
    return page("machines/fault.html", form.status if form.is_submitted() else 200, machine=one, form=form)


@bp.get("/machines/<slug>/screen/<token>")
@public
def screen(slug: str, token: str) -> ResponseReturnValue:
    """What the tablet or the sheet beside the machine shows: who is next, and the code that proves one stands there."""
    one = queries.machine(slug)
    if _screens().loads_unsafe(token) != (True, one.id):
        abort(404)
    code = rules.check_in_code(one.check_in_secret, clock.now())
    link = url_for("machines.check_in", slug=slug, code=code, _external=True)
    [state] = queries.states_now([one]).values()
    return page(
        "machines/screen.html",
        block="screen",
        machine=one,
        code=code,
        qr=Markup(segno.make(link, error="m").svg_inline(scale=6, border=2, svgclass="qr", lineclass=None)),  # noqa: S704 - our own drawing
        now=state[0],
        seconds_left=rules.CODE_SECONDS - int(clock.now().timestamp()) % rules.CODE_SECONDS,
        seen_at=clock.now(),
    )


@bp.post("/machines/<slug>/screen")
@needs(Role.MANAGER)
def open_screen(slug: str) -> ResponseReturnValue:
    """The address to open on the machine's tablet; signed, so that nobody reads the code from home."""
    one = queries.machine(slug)
    return redirect(url_for("machines.screen", slug=slug, token=_screens().dumps(one.id)), 303)


@bp.get("/machines/pictures/<name>")
@public
def picture(name: str) -> ResponseReturnValue:
    return uploads.send("machines", name)


@bp.post("/incidents/<int:incident_id>/resolution")
@needs(Role.MANAGER)
def resolve_incident(incident_id: int) -> ResponseReturnValue:
    form = ResolutionForm()
    if not form.validate_on_submit():
        flash(_("Say what was done, for the machine's history."), "stop")
        return see(url_for("reports.today"))
    actor = current_actor()

    def act() -> str:
        catalogue.resolve(
            actor=actor,
            incident_id=incident_id,
            resolution=form.resolution.data,
            back_in_service=bool(form.back_in_service.data),
        )
        return url_for("reports.today")

    try:
        url = once(act)
    except Refused as refused:
        flash_refusals(refused)
        return see(url_for("reports.today"))
    flash(_("Noted in the machine's history."), "free")
    return see(url)


def _screens() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="machine-screen")


def _me() -> int | None:
    return current_actor().member_id


def _tariff_group() -> str:
    member = g.get("member")
    return member.tariff_group if member is not None else TariffGroup.STANDARD


def _day(name: str, otherwise: date) -> date:
    """A day of the address; anything unreadable is today, and years beyond reason too."""
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return otherwise
    return day if abs((day - clock.today()).days) < 3660 else otherwise


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _claim(one: Machine, member_id: int | None) -> Claim | None:
    """The slot to propose: the one asked for in the address, else the first free one of the usual length."""
    usual = queries.last_minutes(member_id, one.id) if member_id is not None else None
    minutes = request.args.get("minutes", type=int) or usual or 120
    minutes = min(max(minutes, one.shortest_minutes), one.longest_minutes)
    try:
        start = datetime.fromisoformat(request.args["start"])
    except (KeyError, ValueError):
        return _first_claim(one, minutes)
    begun = Claim.from_wall(start, start, clock.zone()) if start.tzinfo is None else Claim(start, start)
    return Claim(begun.start, begun.start + timedelta(minutes=minutes), begun.skipped)


def _first_claim(one: Machine, minutes: int) -> Claim | None:
    after = max(clock.now() + timedelta(minutes=one.notice_minutes), one.out_until or clock.now())
    if one.state is State.OUT_OF_ORDER and one.out_until is None:
        return None
    if "week" in request.args:
        after = max(after, wall_instant(_monday(_day("week", clock.today())), 0, clock.zone()))
    slots = calendar.first_free(
        [one.resource_id], minutes, after=after, step_minutes=one.step_minutes,
        turnaround_minutes={one.resource_id: one.turnaround_minutes},
    )  # fmt: skip
    return Claim(slots[0].period.start, slots[0].period.end) if slots else None


def _typed_claim(form: ReservationForm) -> Claim | None:
    return form.claim if form.day.data and form.start.data is not None and form.minutes.data is not None else None


def _member_typed(form: ReservationForm) -> int | None:
    """The member a manager books for; tells the field when there is none."""
    if not form.member.data:
        return None
    found = accounts.member_by_email(form.member.data)
    if found is None or not current_actor().has(Role.MANAGER):
        form.member.errors = [_("No member has this address.")]
        return None
    return found.id
