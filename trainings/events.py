"""News of trainings for those above: who may now use what, and who no longer."""

from __future__ import annotations

from dataclasses import dataclass

from trainings.rules import Level


@dataclass(frozen=True, slots=True)
class CertificationGranted:
    """Certified, or a suspension was lifted: from now on it counts."""

    member_id: int
    competence_id: int
    level: Level


@dataclass(frozen=True, slots=True)
class CertificationLost:
    """Suspended or revoked: from now on nothing of this competence counts for the member."""

    member_id: int
    competence_id: int
