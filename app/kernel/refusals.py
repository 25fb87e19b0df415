"""Refusals as data: a reason with a code, its parameters, and the person's next step. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


def N_(text: str) -> str:  # noqa: N802 - the name translation tools look for
    """Mark a sentence for the catalogue without translating it yet."""
    return text


class Term(str):
    """A word given as a parameter that is itself translated: `Term(N_("Booked"))`."""

    __slots__ = ()


class Amount(int):
    """Cents given as a parameter, shown as money in the reader's language: `Amount(1250)`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused. `code` is stable and public; `message` and `next_step` are marked with N_.

    `next_endpoint` names the page where the next step is taken; the edge builds its URL from the refusal's `link`
    parameters. An `overridable` reason may be lifted by a manager who writes why; safety reasons never are.
    """

    code: str
    message: str
    next_step: str = ""
    next_endpoint: str = ""
    overridable: bool = False
    icon: str = "warn"

    def __call__(self, *, link: Mapping[str, object] | None = None, **params: object) -> Refusal:
        return Refusal(self, params, dict(link or {}))


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: Reason
    params: Mapping[str, object] = field(default_factory=dict)
    link: Mapping[str, object] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return self.reason.code


class Refused(Exception):
    """A normal answer: every reason at once, in the order a person would want to fix them."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(", ".join(refusal.code for refusal in refusals))
        self.refusals = list(refusals)


class NotAllowed(Exception):
    """The actor may see this but not do that: 403 at the edge."""
