"""The text of a calendar (RFC 5545), built with `icalendar`; times in UTC, stable UIDs, a SEQUENCE that rises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Calendar, vCalAddress
from icalendar import Event as Component

Person = tuple[str, str]
"""A name and an e-mail address."""


@dataclass(frozen=True, slots=True)
class Event:
    """`organizer` and `attendee` belong to what a mail asks or takes back (RFC 5546); a feed names nobody."""

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str
    location: str
    url: str
    cancelled: bool
    updated_at: datetime
    organizer: Person | None = None
    attendee: Person | None = None


def calendar_text(events: Iterable[Event], *, name: str, method: str = "PUBLISH") -> str:
    """One VCALENDAR; `method` is the iTIP method (RFC 5546): PUBLISH for a feed, REQUEST or CANCEL in a mail."""
    calendar = Calendar()
    calendar.add("prodid", "-//Etabli//Etabli//FR")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add("x-wr-calname", name)
    for event in events:
        calendar.add_component(_component(event))
    return bytes(calendar.to_ical()).decode("utf-8")


def _component(event: Event) -> Component:
    component = Component()
    component.add("uid", event.uid)
    component.add("sequence", event.sequence)
    component.add("dtstamp", event.updated_at.astimezone(UTC))
    component.add("last-modified", event.updated_at.astimezone(UTC))
    component.add("dtstart", event.starts_at.astimezone(UTC))
    component.add("dtend", event.ends_at.astimezone(UTC))
    component.add("summary", event.summary)
    component.add("status", "CANCELLED" if event.cancelled else "CONFIRMED")
    component.add("transp", "TRANSPARENT" if event.cancelled else "OPAQUE")
    for field, text in (("description", event.description), ("location", event.location), ("url", event.url)):
        if text:
            component.add(field, text)
    if event.organizer:
        component.add("organizer", _person(event.organizer))
    if event.attendee:
        component.add("attendee", _person(event.attendee, ROLE="REQ-PARTICIPANT", PARTSTAT="ACCEPTED"))
    return component


def _person(person: Person, **params: str) -> vCalAddress:
    name, address = person
    return vCalAddress(f"mailto:{address}", params={"CN": name, **params})
