"""The letters of the story. Those of the last days are written, as if the worker had been there; none is ever sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select, update

from app.demo.story import Story
from app.kernel.db import db
from app.kernel.outbox import OutboxMessage

KEPT = timedelta(days=3)
"""How far back the Letters page goes."""


@dataclass(slots=True)
class Post:
    story: Story
    last_id: int = 0

    def write(self, instant: datetime) -> None:
        """Write what the act of this instant left to be written, under its clock, in its transaction."""
        if instant < self.story.now - KEPT:
            return
        waiting = select(OutboxMessage).where(OutboxMessage.id > self.last_id, OutboxMessage.topic == "mail.send")
        waiting = waiting.where(OutboxMessage.created_at >= self.story.now - KEPT).order_by(OutboxMessage.id)
        write = current_app.extensions["outbox"]["mail.send"].run
        for message in db.session.scalars(waiting).all():
            write(message.payload)
            self.last_id = message.id

    def close(self) -> None:
        """All of it counts as done: nobody gets a year of mail when the lab has a mail server.

        No service can say so, for in a real lab only the worker ever does what is in the outbox.
        """
        past = update(OutboxMessage).where(OutboxMessage.done_at.is_(None))
        db.session.execute(past.values(done_at=OutboxMessage.created_at).execution_options(synchronize_session=False))
