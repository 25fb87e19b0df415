"""One submission, one effect: a key sent with a form or an API call is remembered with the answer it got."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel import clock
from app.kernel.db import Base, db


class Submission(Base):
    """`key` includes who sent it, so nobody can replay another's. `answer` is where the first submission led."""

    __tablename__ = "submission"

    key: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(index=True)


def claim(key: str) -> str | None:
    """Take `key` in the caller's transaction: None the first time, the remembered answer afterwards.

    A second submission in flight waits for the first to commit (row or write lock), then gets its answer.
    """
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # By RETURNING, because an INSERT's rowcount may be -1 (unknown), which is true.
    fresh = insert(Submission).values(key=key, at=clock.now()).on_conflict_do_nothing().returning(Submission.key)
    if db.session.execute(fresh).one_or_none() is not None:
        return None
    return db.session.scalar(select(Submission.answer).where(Submission.key == key))


def answer(key: str, answer: str) -> None:
    db.session.execute(update(Submission).where(Submission.key == key).values(answer=answer))
