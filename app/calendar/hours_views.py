"""When a place is open: a page for everybody, where managers also set weekly hours, seasons and exceptional days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import NoResultFound

from app.calendar import plans, queries, resources
from app.calendar.forms import WEEKDAYS, ExceptionForm, WeekForm
from app.calendar.models import Resource
from app.calendar.views import attempt, bp
from app.calendar.wall_times import Stretch
from app.kernel import clock, i18n
from app.kernel.actors import Role, current_actor
from app.kernel.api import MAX_ID
from app.kernel.periods import wall_instant
from app.kernel.web import needs, page, public, see

A_MONDAY = date(2001, 1, 1)
"""A day like any other, to write a wall-clock time down."""


@bp.get("/hours")
@bp.get("/places/<slug>/hours")
@public
def hours(slug: str | None = None) -> ResponseReturnValue:
    """Of the site, or of one place. Everybody reads; managers find the forms below."""
    return _page(_place(slug))


@bp.post("/places/<slug>/hours")
@needs(Role.MANAGER)
def set_hours(slug: str) -> ResponseReturnValue:
    """The weekly hours of one season, or of all year when no date is given."""
    place, form, actor = _place(slug), WeekForm(), current_actor()
    is_season = bool(form.valid_from.data or form.valid_until.data)
    if request.form.get("season") == "new" and not is_season:
        form.valid_from.errors = [_("Give the season a first or a last day.")]
        return _page(place, season=form)
    if form.validate_on_submit():
        if not form.week:
            form.monday.errors = [_("Write at least one opening, or close the place with exceptional days.")]
            return _page(place, **{"season" if is_season else "usual": form})

        def act() -> str:
            resources.set_weekly(
                actor=actor,
                resource_id=place.id,
                hours=form.week,
                valid_from=form.valid_from.data,
                valid_until=form.valid_until.data,
            )
            return url_for("calendar.hours", slug=slug)

        if (url := attempt(act, form)) is not None:
            flash(_("Saved. The next days below show what will be."), "free")
            return see(url)
    return _page(place, **{"season" if is_season else "usual": form})


@bp.post("/places/<slug>/hours/removal")
@needs(Role.MANAGER)
def remove_hours(slug: str) -> ResponseReturnValue:
    """End a season, or let a place follow the one above it again."""
    place, actor = _place(slug), current_actor()
    season = _day(request.form.get("valid_from")), _day(request.form.get("valid_until"))

    def act() -> str:
        resources.set_weekly(actor=actor, resource_id=place.id, hours=[], valid_from=season[0], valid_until=season[1])
        return url_for("calendar.hours", slug=slug)

    url = attempt(act)
    if url is not None:
        flash(_("Removed."), "free")
    return see(url or url_for("calendar.hours", slug=slug))


@bp.post("/places/<slug>/exceptions")
@needs(Role.MANAGER)
def add_exception(slug: str) -> ResponseReturnValue:
    """Days that are closed, or have hours of their own."""
    place, form, actor = _place(slug), ExceptionForm(), current_actor()
    if not form.validate_on_submit():
        return _page(place, exception=form)

    first, last = form.days

    def act() -> str:
        resources.add_exception(
            actor=actor,
            resource_id=place.id,
            first_day=first,
            last_day=last,
            periods=form.hours.data,
            note=form.note,
        )
        return url_for("calendar.hours", slug=slug, _anchor="exceptions")

    if (url := attempt(act, form)) is None:
        return _page(place, exception=form)
    flash(_("Saved. What is booked on those days stays booked: look at the timetable."), "free")
    return see(url)


@bp.post(f"/places/<slug>/exceptions/<int(max={MAX_ID}):exception_id>/removal")
@needs(Role.MANAGER)
def remove_exception(slug: str, exception_id: int) -> ResponseReturnValue:
    place, actor = _place(slug), current_actor()

    def act() -> str:
        resources.remove_exception(actor=actor, resource_id=place.id, exception_id=exception_id)
        return url_for("calendar.hours", slug=slug, _anchor="exceptions")

    url = attempt(act)
    if url is not None:
        flash(_("Removed."), "free")
    return see(url or url_for("calendar.hours", slug=slug))


def _page(
    place: Resource, *, usual: WeekForm | None = None, season: WeekForm | None = None, exception: ExceptionForm | None = None
) -> ResponseReturnValue:
    """The page; a form that was sent back stands where it was typed."""
    schedule = plans.schedule(place, language=i18n.locale())
    sent = usual or season or exception
    typed = (season.valid_from.data, season.valid_until.data) if season else None
    seasons = [
        (one, _words(one), season if season and one.season == typed else WeekForm.showing(one.days)) for one in schedule.seasons
    ]
    is_new = season is not None and all(one.season != typed for one in schedule.seasons)
    return page(
        "calendar/hours.html",
        sent.status if sent else 200,
        place=place,
        schedule=schedule,
        usual_words=_words(schedule.usual),
        usual=usual or WeekForm.showing(schedule.usual.days),
        seasons=seasons,
        new_season=season if is_new else WeekForm.showing(schedule.usual.days),
        exception=exception or ExceptionForm(formdata=None),
        exceptions=[(one, spoken([(opens, closes) for opens, closes in one.periods])) for one in schedule.exceptions],
        sent=sent,
        weekdays=WEEKDAYS,
        ids_of=_ids,
        may_edit=current_actor().has(Role.MANAGER),
    )


def spoken(hours: Sequence[Stretch]) -> str:
    """“10 h – 12 h 30, 14 h – 19 h”, as the reader's language writes times; empty when closed."""
    return ", ".join(f"{_clock(opens)}\u00a0–\u00a0{_clock(closes)}" for opens, closes in hours)


def _ids(prefix: str) -> dict[str, str]:
    """Several weeks stand on one page: the fields of each have ids of their own."""
    return {name: prefix + name for name in (*WEEKDAYS, "valid_from", "valid_until")}


def _words(week: plans.Weekly) -> list[str]:
    return [spoken(day) for day in week.days]


def _clock(minute: int) -> str:
    return i18n.hour(wall_instant(A_MONDAY, minute, clock.zone()))


def _place(slug: str | None) -> Resource:
    """Raises NoResultFound where there is none, or no site yet."""
    found = queries.site() if slug is None else queries.resource(slug)
    if found is None:
        raise NoResultFound
    return found


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
