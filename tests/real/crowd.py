"""Real processes that act at the same moment, each with its own app and its own connections to one database."""

from __future__ import annotations

import contextlib
import importlib
import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Children are forked from a clean server that has imported the program once: real processes, in milliseconds each.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.real.acts"])

DEADLINE = 60.0

Outcome = tuple[str, Any]
"""("done", result), ("refused", [codes]) or ("failed", what went wrong)."""


class Crowd:
    """`size` processes on one database, waiting to be told what to do."""

    def __init__(self, url: str, home: Path, size: int) -> None:
        self._start = processes.Barrier(size)
        self.pipes: list[Connection] = []
        self._people = []
        for _ in range(size):
            ours, theirs = processes.Pipe()
            person = processes.Process(target=_live, args=(url, home, theirs, self._start), daemon=True)
            person.start()
            theirs.close()
            self.pipes.append(ours)
            self._people.append(person)

    def at_once(self, act: Callable[..., Any], wishes: Sequence[dict[str, Any]], *, now: datetime) -> list[Outcome]:
        """Everybody runs `act` with a wish of their own, all starting together. One wish each."""
        assert len(wishes) == len(self.pipes)
        for pipe, wish in zip(self.pipes, wishes, strict=True):
            pipe.send((f"{act.__module__}:{act.__name__}", wish, now))
        return [self._answer(pipe) for pipe in self.pipes]

    def rest(self) -> None:
        """Let go of the database, so that it can be replaced."""
        for pipe in self.pipes:
            pipe.send(None)
        for pipe in self.pipes:
            self._answer(pipe)

    def go_home(self) -> None:
        for pipe in self.pipes:
            pipe.close()
        for person in self._people:
            person.join(5)
            if person.is_alive():
                person.kill()

    @staticmethod
    def _answer(pipe: Connection) -> Outcome:
        if not pipe.poll(DEADLINE):
            raise TimeoutError(f"no answer within {DEADLINE} s")
        outcome: Outcome = pipe.recv()
        return outcome


@contextlib.contextmanager
def somebody(act: Callable[..., Any], url: str, home: Path, now: datetime, **wish: Any) -> Iterator[Any]:
    """One more process that runs `act` alone, and may be killed."""
    person = processes.Process(target=_once, args=(url, home, f"{act.__module__}:{act.__name__}", wish, now), daemon=True)
    person.start()
    try:
        yield person
    finally:
        person.kill()
        person.join()


def _live(url: str, home: Path, pipe: Connection, start: Any) -> None:
    from app.kernel.db import db

    app = _app(url, home)
    with contextlib.suppress(EOFError, OSError):
        while True:
            told = pipe.recv()
            if told is None:
                with app.app_context():
                    db.engine.dispose()
                pipe.send(("done", None))
                continue
            with contextlib.suppress(Exception):
                start.wait(DEADLINE)
            pipe.send(_run(app, *told))


def _once(url: str, home: Path, act: str, wish: dict[str, Any], now: datetime) -> None:
    _run(_app(url, home), act, wish, now)


def _app(url: str, home: Path) -> Any:
    from app.factory import create_app
    from tests.conftest import settings_for
    from tests.real import acts

    app = create_app(settings_for(home, url))
    logging.disable(logging.CRITICAL)
    acts.init_app(app)
    return app


def _run(app: Any, act: str, wish: dict[str, Any], now: datetime) -> Outcome:
    from app.kernel import clock
    from app.kernel.db import db
    from app.kernel.refusals import Refused

    module, _sep, name = act.partition(":")
    clock.set_clock(now)
    with app.app_context():
        try:
            return "done", getattr(importlib.import_module(module), name)(**wish)
        except Refused as refused:
            return "refused", [refusal.code for refusal in refused.refusals]
        except Exception as error:
            return "failed", f"{type(error).__name__}: {error}"
        finally:
            db.session.remove()
