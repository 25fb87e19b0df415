"""News from accounts that the rooms above react to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabCreated:
    """The first administrator set the lab up."""

    name: str


@dataclass(frozen=True, slots=True)
class LabChanged:
    """A setting of the lab changed, public holidays perhaps."""
