"""Money at the desk: who pays when, by cash or card; who asks for less, and what the team answers; one mistake undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.demo.people import Person
from app.demo.story import Story
from app.kernel import clock
from app.kernel.money import Cents
from billing import adjustments, payments
from billing import queries as money
from billing.models import Charge
from billing.rules import Method

PATIENCE = {"now": timedelta(0), "week": timedelta(days=7), "month": timedelta(days=24), "late": timedelta(days=20)}
"""How long a debt waits before its owner pays when passing by. Some never do."""

ASKS = (
    ("La machine s’est arrêtée dix minutes en plein travail.", "C’est juste, la moitié vous est rendue.", 0.5),
    ("J’ai oublié d’appuyer sur « Terminer » en partant.", "Vu avec Tom, qui vous a vu partir : une demi-heure en moins.", 0.7),
    ("L’impression a raté à cause du plateau voilé.", "Le plateau était bien voilé. Rien à payer.", 0.0),
    ("Je pensais être au tarif solidaire ce jour-là.", "Le tarif solidaire vaut depuis votre demande, pas avant.", None),
    ("Coupe à refaire : la lentille était sale.", "Lentille nettoyée depuis. Un tiers en moins.", 0.67),
    ("Je n’ai utilisé que la moitié du créneau.", "Le temps réservé est dû : personne d’autre n’a pu venir.", None),
)  # fmt: skip


@dataclass(slots=True)
class Desk:
    """`hosts` hold it in turn."""

    story: Story
    hosts: list[Person]
    taken: int = 0

    def note_debt(self, person: Person) -> None:
        person.owes_since = person.owes_since or clock.now()

    def passes_by(self, person: Person) -> None:
        """On the way out: pays, or not today."""
        if person.owes_since is None or person.pays == "never":
            return
        if clock.now() - person.owes_since >= PATIENCE[person.pays]:
            self.story.at(clock.now() + timedelta(minutes=3), lambda: self.settle(person))

    def settle(self, person: Person) -> None:
        """Everything that is due."""
        owed = money.balance_cents(person.id)
        person.owes_since = None
        if owed <= 0:
            return
        self.taken += 1
        host = self.hosts[self.taken % len(self.hosts)]
        if host is person:
            host = self.hosts[(self.taken + 1) % len(self.hosts)]
        method = Method.CASH if self.taken % 5 in (0, 3) and owed < 3000 else Method.CARD_TERMINAL
        receipt = payments.take(actor=host.actor, payer_id=person.id, cents=owed, method=method, at=clock.now())
        if self.taken % 397 == 5:
            self.story.at(clock.now() + timedelta(minutes=4), lambda: self._undo(person, receipt.number, owed, method))

    def will_ask(self, person: Person, charge_id: int, dice: float) -> None:
        """The next morning they find it too much and say why; the team answers within days."""
        note, answer, share = ASKS[int(dice * len(ASKS))]
        asked_at = clock.now() + timedelta(hours=14 + 6 * dice)
        self.story.at(asked_at, lambda: self._ask(person, charge_id, note, answer, share))

    def ask_and_wait(self, person: Person, charge_id: int, note: str) -> None:
        """Nobody has answered yet."""
        adjustments.ask(actor=person.actor, charge_id=charge_id, note=note, at=clock.now())

    def _ask(self, person: Person, charge_id: int, note: str, answer: str, share: float | None) -> None:
        asked = adjustments.ask(actor=person.actor, charge_id=charge_id, note=note, at=clock.now())
        host = next(one for one in self.hosts if one is not person)
        self.story.at(clock.now() + timedelta(hours=27), lambda: self._answer(host, asked.id, charge_id, answer, share))

    def _answer(self, host: Person, adjustment_id: int, charge_id: int, answer: str, share: float | None) -> None:
        if share is None:
            adjustments.decline(actor=host.actor, adjustment_id=adjustment_id, words=answer, at=clock.now())
            return
        charge = money.adjustment(adjustment_id).charge
        assert charge.id == charge_id
        adjustments.accept(
            actor=host.actor, adjustment_id=adjustment_id, new_cents=_part(charge, share), words=answer, at=clock.now()
        )

    def _undo(self, person: Person, number: str, owed: Cents, method: Method) -> None:
        """Typed on the wrong line: cancelled, and taken again as it was."""
        manager = self.hosts[0]
        payments.cancel(actor=manager.actor, number=number, reason="Saisi en espèces, payé par carte.", at=clock.now())
        other = Method.CARD_TERMINAL if method is Method.CASH else Method.CASH
        payments.take(actor=manager.actor, payer_id=person.id, cents=owed, method=other, at=clock.now())


def _part(charge: Charge, share: float) -> Cents:
    return Cents(round(charge.total_cents * share / 10) * 10)
