"""A request for an application key that waits for somebody's yes in OctoPrint, as the browser of who asked carries it, sealed."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from app.kernel.refusals import N_, Term
from machines.printing import vault

LONGEST = timedelta(minutes=10)
"""OctoPrint keeps a request no longer."""
DROPPED_AFTER = timedelta(seconds=5)
"""OctoPrint drops a request nobody asks after."""


class Ending(enum.StrEnum):
    """Why no key came. OctoPrint answers all three alike."""

    DENIED = "denied"
    DROPPED = "dropped"
    EXPIRED = "expired"


ENDING_WORDS = {
    Ending.DENIED: (
        Term(N_("Somebody said no in OctoPrint.")),
        Term(N_("Nothing was stored here. Ask again if it was a mistake.")),
    ),
    Ending.DROPPED: (
        Term(N_("OctoPrint forgot the request: this page had not looked for more than five seconds.")),
        Term(N_("Ask again, and leave this page open until you have said yes in OctoPrint.")),
    ),
    Ending.EXPIRED: (
        Term(N_("Ten minutes have passed without an answer in OctoPrint.")),
        Term(N_("Ask again when somebody who may say yes there is at hand.")),
    ),
}


@dataclass(frozen=True, slots=True)
class Pending:
    """`token` is what OctoPrint is asked after, `dialog` the page where its administrator says yes or no."""

    link_id: int
    address: str
    app: str
    user: str
    token: str
    dialog: str
    asked_at: datetime
    looked_at: datetime

    def is_over(self, now: datetime) -> bool:
        return now - self.asked_at >= LONGEST

    def ending(self, now: datetime) -> Ending:
        """Why OctoPrint knows no more of it."""
        if self.is_over(now):
            return Ending.EXPIRED
        return Ending.DROPPED if now - self.looked_at > DROPPED_AFTER else Ending.DENIED

    def looked(self, now: datetime) -> Pending:
        return replace(self, looked_at=now)

    def sealed(self) -> str:
        said = asdict(self) | {"asked_at": self.asked_at.isoformat(), "looked_at": self.looked_at.isoformat()}
        return vault.seal(json.dumps(said))

    @classmethod
    def opened(cls, sealed: str | None) -> Pending | None:
        """None for nothing, and for what cannot be read any more."""
        if not sealed:
            return None
        try:
            said = json.loads(vault.open_sealed(sealed))
        except vault.Unreadable:
            return None
        instants = {name: datetime.fromisoformat(said[name]) for name in ("asked_at", "looked_at")}
        return cls(**{**said, **instants})
