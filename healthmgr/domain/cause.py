"""What an incident comes from: candidates weighed by evidence that can be read out, each with its weight.

No learning and no box: a score is the sum of the weights of its evidence, and the words beside them say what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from healthmgr.domain.cascade import Graph
from healthmgr.domain.correlation import Move, Resemblance

LOOKS_BACK = timedelta(minutes=60)
BEFORE = timedelta(minutes=15)  # what moved or failed longer ago has nothing to do with it
_MOST_SAID = 5


class EvidenceKind(StrEnum):
    """What speaks for a cause, or against it."""

    FAILED = "failed"
    MOVED = "moved"
    FIRST = "came_first"
    ROOT = "nothing_above_it"
    BELOW = "something_above_it"
    EXPLAINS = "explains"
    ACCOUNTS = "accounts_for_more"
    SPREADS = "spreads"
    STOPS = "does_not_spread"
    RESEMBLES = "moves_alike"
    CHANGED = "changed"
    SHARED = "shared"
    ONE_OF_MANY = "one_of_many"


# The most that each kind of evidence weighs.
WEIGHTS: Mapping[EvidenceKind, float] = {
    EvidenceKind.FAILED: 0.5,
    EvidenceKind.MOVED: 1.0,
    EvidenceKind.FIRST: 1.5,
    EvidenceKind.ROOT: 2.0,
    EvidenceKind.BELOW: -2.0,
    EvidenceKind.EXPLAINS: 3.0,
    EvidenceKind.ACCOUNTS: 2.0,
    EvidenceKind.SPREADS: 2.5,
    EvidenceKind.STOPS: -2.5,
    EvidenceKind.RESEMBLES: 1.0,
    EvidenceKind.CHANGED: 3.0,
    EvidenceKind.SHARED: 6.0,
    EvidenceKind.ONE_OF_MANY: -3.0,
}


class CauseKind(StrEnum):
    """What sort of thing a cause is."""

    CHECK = "check"
    CHANGE = "change"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was seen, what it weighs, and how to say it."""

    kind: EvidenceKind
    weight: float
    words: str


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause with all that speaks for it. `subject` is a check, a change's title, or a label ("zone=eu-1")."""

    kind: CauseKind
    subject: str
    score: float
    evidence: tuple[Evidence, ...]
    service: str = ""
    at: datetime | None = None
    link: str = ""

    @property
    def words(self) -> str:
        """In one line: the cause, and the weightiest of what speaks for it."""
        said = sorted((each for each in self.evidence if each.weight > 0), key=lambda each: -each.weight)
        return f"{self.subject}: {'; '.join(each.words for each in said[:_MOST_SAID])}"


@dataclass(frozen=True, slots=True)
class Movement:
    """A metric that changed its level, when, and how alike it is to what the incident shows."""

    metric: str
    at: datetime
    move: Move
    alike: Resemblance | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What one check did about the time of the incident: when it failed (None: it did not), what of it moved."""

    slug: str
    failed_at: datetime | None = None
    movements: tuple[Movement, ...] = ()

    @property
    def began_at(self) -> datetime | None:
        """The first sign of trouble."""
        signs = [movement.at for movement in self.movements]
        return min([*signs, self.failed_at] if self.failed_at else signs, default=None)


@dataclass(frozen=True, slots=True)
class Changed:
    """Something was deployed or changed on purpose."""

    service: str
    title: str
    at: datetime
    version: str = ""
    by: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A change as it is kept; `source` is the door that it came through."""

    id: UUID
    changed: Changed
    source: str
    reported_at: datetime


@dataclass(frozen=True)
class Situation:
    """All that is known: what the incident is about, what every check did, who hangs on whom, and what was changed.

    `symptoms` are the checks of the incident's alerts; `places` are labels that put checks together ("zone=eu-1"),
    with the checks that carry them.
    """

    opened_at: datetime
    symptoms: frozenset[str]
    observed: Mapping[str, Observed]
    graph: Graph
    changes: Sequence[Changed] = ()
    places: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def affected(self) -> Mapping[str, datetime]:
        """Checks that showed trouble shortly before the incident or since, and when they began to."""
        earliest = self.opened_at - BEFORE
        began = {slug: each.began_at for slug, each in self.observed.items()}
        return {slug: at for slug, at in began.items() if at is not None and at >= earliest}

    @cached_property
    def typical_at(self) -> datetime:
        """When the symptoms began, the middle one of them."""
        times = sorted(self.affected[slug] for slug in self.symptoms if slug in self.affected)
        return times[len(times) // 2] if times else self.opened_at
