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

    `can_suppress` is false for one that is disabled, paused or muted; `open_alert_id` is its own open
    alert, `root_alert_id` the alert that this parent is itself suppressed by.
    """

    id: UUID
    status: Status
    is_hard: bool
    last_result_at: datetime | None
    can_suppress: bool = True
    open_alert_id: UUID | None = None
    root_alert_id: UUID | None = None

    @property
    def is_down(self) -> bool:
        """Bad, hard, known to be so, and able to explain the failure of others."""
        return (
            self.last_result_at is not None
            and self.is_hard
            and self.status is Status.UNHEALTHY
            and self.can_suppress
            and self.open_alert_id is not None
        )

    @property
    def is_wavering(self) -> bool:
        """Bad for now, but not yet hard: the next attempts will tell."""
        return self.last_result_at is not None and not self.is_hard and self.status.is_bad and self.can_suppress


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


def judge_reachability(
    dependencies: Sequence[Dependency], parents: Mapping[UUID, Parent], failed_at: datetime
) -> Reachability:
    """Whether a check that failed at `failed_at` is unreachable, reachable, or not to be told yet."""
    is_undecided = False
    for group in _groups(dependencies):
        members = [parents[d.parent_id] for d in group if d.parent_id in parents]
        if not members:
            continue
        down = [parent for parent in members if parent.is_down]
        if len(down) == len(members):
            root = down[0].root_alert_id or down[0].open_alert_id
            assert root is not None  # noqa: S101 - is_down asks for an open alert
            return Unreachable(root)
        if all(parent.is_down or parent.is_wavering or _is_stale(parent, failed_at) for parent in members):
            is_undecided = True
    return Undecided() if is_undecided else Reachable()


def _groups(dependencies: Sequence[Dependency]) -> list[list[Dependency]]:
    groups: dict[str, list[Dependency]] = {}
    for dependency in dependencies:
        groups.setdefault(dependency.redundancy_group or str(dependency.parent_id), []).append(dependency)
    return list(groups.values())


def _is_stale(parent: Parent, failed_at: datetime) -> bool:
    return parent.can_suppress and parent.last_result_at is not None and parent.last_result_at < failed_at
