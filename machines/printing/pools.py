"""From a file to free slots: which printers can print it in a material, when, at what price, and why the others cannot.

Reads only, in a number of statements that does not grow with the printers. Which stretches are free and what stands in the way
of booking them is for `machines.proposals` and `machines.rules` to say, as for every machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import contains_eager

from app.accounts import queries as accounts
from app.accounts.queries import Standing
from app.kernel import clock, i18n
from app.kernel.db import db
from app.kernel.money import Cents
from app.kernel.periods import Period
from app.kernel.refusals import Refusal
from billing import pricing, rates, weights
from billing import queries as money
from machines import agenda, proposals, requirements
from machines import facts as machine_facts
from machines import reasons as machine_reasons
from machines import rules as machine_rules
from machines.models import Machine, State
from machines.printing import files, lint, pace, reasons, rules, windows
from machines.printing.gcode import GcodeFacts
from machines.printing.models import Material, PrinterLink, PrinterMaterial, PrintFile
from machines.printing.rules import Counting
from machines.printing.windows import Window
from machines.proposals import Proposal
from machines.rules import Claim

SHUT = (
    machine_reasons.EMAIL_NOT_PROVED,
    machine_reasons.CHARTER_NOT_ACCEPTED,
    machine_reasons.SUSPENDED,
    machine_reasons.OWES,
)
"""What keeps somebody from every printer at once."""
LASTING = (
    *SHUT,
    machine_reasons.NOT_CERTIFIED,
    machine_reasons.OUT_OF_SERVICE,
    machine_reasons.TOO_FAR,
    machine_reasons.TOO_MANY,
)
"""What another hour of the same days would not change."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A slot free when we looked. `seconds` is how long the print takes there, `material` its weight where it is known."""

    machine: Machine
    period: Period
    seconds: int
    time: pricing.PricedLine
    material: pricing.PricedLine | None

    @property
    def cents(self) -> Cents:
        return pricing.total_cents([self.time, self.material] if self.material else [self.time])

    @property
    def ends_about(self) -> datetime:
        return self.period.start + timedelta(minutes=-(-self.seconds // 60))


@dataclass(frozen=True, slots=True)
class LeftOut:
    machine: Machine
    refusals: list[Refusal]


@dataclass(frozen=True, slots=True)
class Pool:
    """What can be had: `found` begins within the window, `later` after it; each printer is in one of the three lists.

    `shut` stands between the member and every printer.
    """

    window: Window
    shut: list[Refusal]
    found: list[Offer]
    later: list[Offer]
    left_out: list[LeftOut]


@dataclass(frozen=True, slots=True)
class _Printer:
    """A printer and what in the file or the material speaks against it. `minutes` of its time cover the print."""

    link: PrinterLink
    seconds: int
    minutes: int
    refusals: list[Refusal]

    @property
    def machine(self) -> Machine:
        return self.link.machine


@dataclass(frozen=True, slots=True)
class _Person:
    """What booking asks about somebody, read once for all printers."""

    standing: Standing
    engagements: Sequence[agenda.Engagement]
    conditions: Mapping[int, list[requirements.Condition]]
    held: requirements.Held
    overdue_cents: Cents

    def refusals(self, machine: Machine, claim: Claim) -> list[Refusal]:
        """Every rule of booking but the opening hours, which the search for free stretches keeps."""
        day = claim.start.astimezone(clock.zone()).date()
        held = {ident: until for ident, until in self.held.items() if until is None or until >= day}
        known = machine_facts.known(
            self.standing,
            machine,
            claim,
            engagements=self.engagements,
            opening=[claim.period] if claim.period else [],
            missing=requirements.missing(self.conditions.get(machine.id, []), held),
            overdue_cents=self.overdue_cents,
        )
        return machine_rules.booking_refusals(known)


@dataclass(slots=True)
class _Search:
    """Who looks for what, with the printers that can take it and, by printer, why the others cannot."""

    person: _Person
    known: GcodeFacts
    material: Material | None
    shut: list[Refusal] = field(default_factory=list)
    fit: dict[int, _Printer] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def lengths(self) -> list[tuple[Machine, int]]:
        return [(one.machine, one.minutes) for one in self.fit.values()]


def has_printers() -> bool:
    """Whether somebody could print here. One statement."""
    return db.session.scalars(_links().with_only_columns(PrinterLink.id).limit(1)).first() is not None


def materials() -> list[Material]:
    """What some printer of the lab takes; one that names nothing takes all that is offered. One statement."""
    named = select(PrinterMaterial.link_id).where(PrinterMaterial.link_id == PrinterLink.id)
    links = _links().with_only_columns(PrinterLink.id)
    takes = select(PrinterMaterial.material_id).where(PrinterMaterial.link_id.in_(links))
    anything = links.where(~named.exists())
    offered = select(Material).where(Material.is_offered, or_(Material.id.in_(takes), anything.exists()))
    return list(db.session.scalars(offered.order_by(Material.code)))


def one_material(code: str) -> Material | None:
    """By its code, if it is offered, whether or not a printer takes it."""
    return db.session.scalars(
        select(Material).where(Material.code == code.replace("\x00", ""), Material.is_offered)
    ).one_or_none()


def said_by(file: PrintFile, choices: Sequence[Material]) -> Material | None:
    """The material the file itself names, or the only one there is."""
    said = (files.facts(file).material or "").casefold()
    named = next((one for one in choices if one.code.casefold() == said), None)
    return named or (choices[0] if len(choices) == 1 else None)


def look(*, member_id: int, file: PrintFile, material: Material | None, window: Window) -> Pool:
    """For each printer, its first free slot from the beginning of the window on, or every reason it has none."""
    search = _search(member_id, file, material, window.period.start)
    first: dict[int, Proposal] = {}
    for proposal in proposals.in_order(search.lengths, member_id, after=window.period.start):
        first.setdefault(proposal.machine.id, proposal)
    free = []
    for ident, printer in search.fit.items():
        found = _against(search, printer, first.get(ident))
        if found:
            search.left_out.append(LeftOut(printer.machine, found))
        else:
            free.append(first[ident])
    offers = _offers(search, sorted(free, key=lambda one: (one.period.start, one.machine.code)))
    return Pool(
        window=window,
        shut=search.shut,
        found=[one for one in offers if window.period.contains(one.period.start)],
        later=[one for one in offers if not window.period.contains(one.period.start)],
        left_out=sorted(search.left_out, key=lambda one: one.machine.code),
    )


def nearest(*, member_id: int, file: PrintFile, material: Material | None, machine: Machine, start: datetime) -> list[Offer]:
    """The three slots nearest to one that cannot be had, on any printer the file may go to; that printer goes first."""
    search = _search(member_id, file, material, max(start, clock.now()))
    return _offers(search, proposals.nearest_among(search.lengths, member_id, machine, start))


def _search(member_id: int, file: PrintFile, material: Material | None, start: datetime) -> _Search:
    known = files.facts(file)
    printers = _printers(known, material)
    search = _Search(_person(member_id, printers, start), known, material)
    for one in printers:
        claim = Claim(start, start + timedelta(minutes=one.minutes))
        asked = [refusal for refusal in search.person.refusals(one.machine, claim) if refusal.reason in LASTING]
        search.shut = [refusal for refusal in asked if refusal.reason in SHUT]
        lasting = [*one.refusals, *(refusal for refusal in asked if refusal.reason not in SHUT)]
        if lasting:
            search.left_out.append(LeftOut(one.machine, lasting))
        else:
            search.fit[one.machine.id] = one
    return search


def _person(member_id: int, printers: Sequence[_Printer], start: datetime) -> _Person:
    now = clock.now()
    return _Person(
        standing=accounts.standing(member_id),
        engagements=agenda.engagements(member_id, now),
        conditions=requirements.conditions(one.machine.id for one in printers),
        held=requirements.held_alone(member_id, start.astimezone(clock.zone()).date()),
        overdue_cents=money.overdue_cents(member_id, now),
    )


def _links() -> Select[PrinterLink]:
    return select(PrinterLink).join(PrinterLink.machine).where(PrinterLink.is_enabled, Machine.state != State.RETIRED)


def _printers(known: GcodeFacts, material: Material | None) -> list[_Printer]:
    """Every printer of the lab. Three statements."""
    whole = contains_eager(PrinterLink.machine).joinedload(Machine.resource)
    links = list(db.session.scalars(_links().options(whole).order_by(Machine.code)))
    takes: dict[int, list[Material]] = defaultdict(list)
    taken = select(PrinterMaterial.link_id, Material).join(Material, Material.id == PrinterMaterial.material_id)
    for link_id, one in db.session.execute(taken.order_by(Material.code)):
        takes[link_id].append(one)
    paces = pace.percents([link.id for link in links])
    return [_printer(link, known, material, takes[link.id], paces[link.id]) for link in links]


def _printer(
    link: PrinterLink, known: GcodeFacts, material: Material | None, takes: Sequence[Material], factor_percent: int
) -> _Printer:
    machine = link.machine
    limits = files.limits(link, [one.code for one in takes])
    refusals = [one.refusal for one in lint.findings(known, limits) if one.blocks]
    if material is not None and takes and material.id not in {one.id for one in takes}:
        refusals.append(reasons.MATERIAL_NOT_TAKEN())
    seconds = rules.estimated_seconds(known.seconds, factor_percent, link.heat_up_minutes)
    if seconds is None:
        return _Printer(link, 0, machine.shortest_minutes, [*refusals, reasons.TIME_UNKNOWN()])
    minutes = windows.minutes_needed(seconds, shortest_minutes=machine.shortest_minutes, step_minutes=machine.step_minutes)
    if minutes > machine.longest_minutes:
        longest = i18n.duration(machine.longest_minutes)
        refusals.append(reasons.TOO_LONG_FOR_PRINTER(needed=i18n.duration(minutes), longest=longest))
    return _Printer(link, seconds, minutes, refusals)


def _against(search: _Search, printer: _Printer, proposal: Proposal | None) -> list[Refusal]:
    """Why the first free slot of a printer is none for this member, if there is one at all."""
    if proposal is None:
        return [reasons.NOTHING_LONG_ENOUGH(needed=i18n.duration(printer.minutes))]
    asked = search.person.refusals(printer.machine, proposal.claim)
    return [refusal for refusal in asked if refusal.reason not in SHUT]


def _offers(search: _Search, found: Sequence[Proposal]) -> list[Offer]:
    """With their prices, by the rates of the day each begins on: two statements a day."""
    of_day: dict[date, list[Proposal]] = defaultdict(list)
    for one in found:
        of_day[_day(one)].append(one)
    group = search.person.standing.tariff_group
    terms = {day: rates.terms_for([one.machine.item for one in some], group, day) for day, some in of_day.items()}
    weighed = {day: _weighed(search, day) for day in of_day}
    offers = []
    for one in found:
        printer, day = search.fit[one.machine.id], _day(one)
        minutes = one.period.minutes if printer.link.counting is Counting.RESERVED else -(-printer.seconds // 60)
        time = pricing.price_time(minutes, terms[day].get(one.machine.item))
        offers.append(Offer(one.machine, one.period, printer.seconds, time, weighed[day]))
    return offers


def _weighed(search: _Search, day: date) -> pricing.PricedLine | None:
    """The print's weight at that day's price; None where the file or the material does not tell a weight."""
    milligrams = files.grams(search.known, search.material)
    if search.material is None or milligrams is None:
        return None
    return pricing.price_weight(milligrams, weights.price(search.material.item, day))


def _day(proposal: Proposal) -> date:
    return proposal.period.start.astimezone(clock.zone()).date()
