"""Pages that look across the house: the public home, the Today board, a member's page. They read everything, write nothing."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, g, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.accounts import queries as accounts
from app.accounts.models import TariffGroup
from app.calendar import queries as calendar
from app.calendar.models import Kind, Resource
from app.kernel import clock
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.audit import AuditEntry
from app.kernel.db import db
from app.kernel.periods import Period, local_day
from app.kernel.web import needs, page, public
from billing import adjustments
from billing import queries as money
from machines import queries as machines
from machines.forms import ResolutionForm
from machines.printing import overview as printing
from machines.rules import STATUS_WORDS, Outcome, Status
from trainings import interests
from trainings import queries as trainings

bp = Blueprint("reports", __name__, template_folder="templates")

LATE_AFTER = timedelta(minutes=5)


@bp.get("/")
@public
def home() -> ResponseReturnValue:
    """Open now? Which machines are free? What does it cost? And for a member: what comes next."""
    now = clock.now()
    member = g.get("member")
    site = db.session.scalars(select(Resource).where(Resource.kind == Kind.SITE).limit(1)).first()
    ahead = calendar.opening([site.id], Period(now - timedelta(days=1), now + timedelta(days=14)))[site.id] if site else []
    cards = machines.cards(member.id if member else None, member.tariff_group if member else TariffGroup.STANDARD)
    coming = machines.of_member(member.id, past=0)[0] if member else []
    return page(
        "reports/home.html",
        block="wall",
        now=now,
        today=clock.today(),
        open_now=next((hours for hours in ahead if hours.contains(now)), None),
        coming_hours=[hours for hours in ahead if hours.start > now][:3],
        cards=cards,
        coming=coming[:3],
        status_words=STATUS_WORDS,
        priced=sorted((one for one in cards if one.terms), key=lambda one: -one.terms.cents_per_hour if one.terms else 0)[:3],
    )


@bp.get("/today")
@needs(Role.MANAGER)
def today() -> ResponseReturnValue:
    """Who is due, who is here, what is broken, what waits for a decision; by the hour."""
    now, day = clock.now(), clock.today()
    lines = machines.day_lines(local_day(day, clock.zone()))
    waiting = adjustments.waiting()
    troubles, prints = machines.troubles(), printing.desk()
    here = [line for line in lines if line.status in (Status.CHECKED_IN, Status.IN_USE)]
    late = [line for line in lines if line.status is Status.CONFIRMED and line.starts_at + LATE_AFTER < now]
    unchecked = [line for line in lines if line.outcome == Outcome.HOUSE]
    return page(
        "reports/today.html",
        block="board",
        now=now,
        lines=lines,
        here=here,
        late=late,
        unchecked=unchecked,
        waiting=waiting,
        troubles=troubles,
        prints=prints,
        attention=len(waiting) + len(troubles) + len(late) + prints.count,
        demand=interests.demand(),
        takings=money.day_takings(day),
        debtors=money.debtors(),
        expiring=trainings.expiring(30),
        resolution=ResolutionForm(formdata=None),
        status_words=STATUS_WORDS,
    )


@bp.get(f"/members/<int(max={MAX_ID}):member_id>")
@needs(Role.MANAGER, Role.ACCOUNTANT)
def member(member_id: int) -> ResponseReturnValue:
    """Competences, reservations, money and notes, kept apart. Accountants see the money only."""
    one = accounts.member(member_id)
    coming, past = machines.of_member(member_id)
    return page(
        "reports/member.html",
        member=one,
        standing=accounts.standing(member_id),
        is_manager=current_actor().has(Role.MANAGER),
        held=trainings.held_with_names(member_id),
        coming=coming,
        past=past,
        charges=money.charges_of(member_id, limit=20),
        balance=money.balance_cents(member_id),
        notes=accounts.notes(member_id),
        history=list(
            db.session.scalars(
                select(AuditEntry).where(AuditEntry.subject == f"member:{member_id}").order_by(AuditEntry.at.desc()).limit(30)
            )
        ),
        status_words=STATUS_WORDS,
        back=url_for("people.members_list"),
    )
