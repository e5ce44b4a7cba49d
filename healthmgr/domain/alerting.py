"""What holds for all alerts of an installation: how much is told, and what happens by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from healthmgr.domain.command import CommandRule
from healthmgr.domain.routing_tree import GROUP_INTERVAL


@dataclass(frozen=True, slots=True)
class AlertingRules:
    """The rules under the spec's names.

    `group_interval` is its aggregationWindow; an incident whose group breaks again within `reopens_within` (its
    deduplicationWindow) of its end is the same incident. Over one channel to one address, `most_per_minute` and
    `most_per_hour` (its maxAlertsPerHour) messages go out by themselves, and the rest in digests. `command` says
    whose the command of grave incidents is from their beginning. None: never.
    """

    is_telling: bool = True
    group_interval: timedelta = GROUP_INTERVAL
    reopens_within: timedelta = timedelta(minutes=10)
    most_per_minute: int = 10
    most_per_hour: int = 50
    acknowledges_after: timedelta | None = None
    resolves_after: timedelta | None = None
    command: CommandRule | None = None

    def auto_acknowledge_at(self, opened_at: datetime) -> datetime | None:
        """When an incident that nobody answered is acknowledged by itself."""
        return None if self.acknowledges_after is None else opened_at + self.acknowledges_after

    def auto_resolve_at(self, opened_at: datetime) -> datetime | None:
        """When an incident's alerts are closed by themselves, as far as they are no longer bad."""
        return None if self.resolves_after is None else opened_at + self.resolves_after
