"""Which failing checks are merely unreachable, as Icinga 2 decides it (lib/icinga/checkable-dependency.cpp).

All of a check's parents must be available; parents that share a redundancy group are alternatives, of
which one is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from healthmgr.domain.check import Status

MAX_DEPTH = 256
HELD_FOR = timedelta(seconds=15)
JUDGED_AGAIN_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Dependency:
    """A check hangs on a parent; parents of one `redundancy_group` stand in for each other."""

    parent_id: UUID
    redundancy_group: str = ""


@dataclass(frozen=True, slots=True)
class Parent:
    """What is believed of a check that others hang on.

    `can_suppress` is false for one that is disabled, paused or muted; `open_alert_id` is its own open alert.
    """

    id: UUID
    status: Status
    is_hard: bool
    last_result_at: datetime | None
    can_suppress: bool = True
    open_alert_id: UUID | None = None

    def stands(self, failed_at: datetime) -> Reachability:
        """What it says of a child that failed at this instant: explains it, may yet explain it, or does not.

        Only a hard unhealthy parent with an open alert explains anything; one that wavers, or has not been looked
        at since the failure, may come to. One that was never probed, or cannot suppress, explains nothing.
        """
        if not self.can_suppress or self.last_result_at is None:
            return Reachable()
        if self.is_hard and self.status is Status.UNHEALTHY and self.open_alert_id is not None:
            return Unreachable(self.open_alert_id)
        is_wavering = not self.is_hard and self.status.is_bad
        return Undecided() if is_wavering or self.last_result_at < failed_at else Reachable()


@dataclass(frozen=True, slots=True)
class Reachable:
    """Nothing that the check hangs on explains its failure."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The failure is explained by the alert at the root."""

    root_alert_id: UUID


@dataclass(frozen=True, slots=True)
class Undecided:
    """A parent wavers, or has not been looked at since the failure: wait for it a little."""


Reachability = Reachable | Unreachable | Undecided


@dataclass(frozen=True, slots=True)
class Ancestry:
    """All that a check hangs on, however far away: who hangs on whom, and what is believed of each."""

    dependencies: Mapping[UUID, Sequence[Dependency]]
    parents: Mapping[UUID, Parent]


def judge_reachability(check_id: UUID, ancestry: Ancestry, failed_at: datetime) -> Reachability:
    """Whether a check that failed at `failed_at` is unreachable, reachable, or not to be told yet.

    A parent that is itself unreachable is not available, whatever its own state, and the outermost alert is the
    root. Cycles have been refused before.
    """
    return _judge(check_id, ancestry, failed_at, {})


def _judge(check_id: UUID, ancestry: Ancestry, failed_at: datetime, known: dict[UUID, Reachability]) -> Reachability:
    is_undecided = False
    for group in _groups(ancestry.dependencies.get(check_id, ())):
        verdicts = [_judge_parent(parent_id, ancestry, failed_at, known) for parent_id in group]
        unreachable = [verdict for verdict in verdicts if isinstance(verdict, Unreachable)]
        if len(unreachable) == len(verdicts):
            return unreachable[0]
        if not any(isinstance(verdict, Reachable) for verdict in verdicts):
            is_undecided = True
    return Undecided() if is_undecided else Reachable()


def _judge_parent(
    parent_id: UUID, ancestry: Ancestry, failed_at: datetime, known: dict[UUID, Reachability]
) -> Reachability:
    """What can be reached through this parent: what lies above it counts first, for the root is the outermost."""
    if parent_id not in known:
        above = _judge(parent_id, ancestry, failed_at, known)
        known[parent_id] = above if isinstance(above, Unreachable) else ancestry.parents[parent_id].stands(failed_at)
    return known[parent_id]


def _groups(dependencies: Sequence[Dependency]) -> list[list[UUID]]:
    groups: dict[str, list[UUID]] = {}
    for dependency in dependencies:
        groups.setdefault(dependency.redundancy_group or str(dependency.parent_id), []).append(dependency.parent_id)
    return list(groups.values())
