"""The shapes that a board of checks is read in: services with their counts, and lines with their latest results."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import Field

from healthmgr.views import View


class BeatView(View):
    """One result in a row of them: `late` is how many seconds after its slot it began, None for one without a slot."""

    at: datetime
    status: str
    took: float
    late: float | None


class BoardLine(View):
    """One check on a board; `beats` are its latest results, oldest first, `response_time` in seconds.

    `certificate_days` is what is left of the certificate that the check looks at, None where it looks at none.
    """

    id: UUID
    slug: str
    name: str
    service: str
    kind: str
    severity: str
    is_paused: bool
    status: str
    is_hard: bool
    is_flapping: bool
    attempt: int
    max_attempts: int
    since_at: datetime | None
    last_result_at: datetime | None
    last_message: str
    response_time: float | None
    certificate_days: float | None
    has_open_alert: bool
    beats: list[BeatView] = Field(default_factory=list)


class GlanceView(View):
    """The last day of a check: the share of its looks that found it up, and its mean response time by the hour.

    `means` are seconds, oldest first, None for an hour in which nothing was measured; `uptime` is None where no look
    could tell.
    """

    uptime: float | None
    means: list[float | None]


class ServiceLine(View):
    """A service: how its checks are, by status, those that are paused apart; `status` is the worst of them."""

    service: str
    status: str
    counts: dict[str, int]

    @property
    def checks(self) -> int:
        """How many checks it has."""
        return sum(self.counts.values())


class Board(View):
    """A page of a board: the services on it, worst first, and the lines of each in order; `total` over all pages."""

    services: list[ServiceLine]
    lines: list[BoardLine]
    total: int


class ChangeLine(View):
    """A hard change of state, for a list of what happened lately."""

    at: datetime
    slug: str
    name: str
    old_status: str
    new_status: str
    message: str


class StateLine(View):
    """How a check is at present."""

    slug: str
    name: str
    service: str
    is_paused: bool
    status: str


class HeartbeatView(View):
    """What a job told last: `started_at` is of the run that is under way, `run_time` of the last whole one."""

    armed_at: datetime
    last_ping_at: datetime | None
    last_kind: str | None
    last_detail: str
    ping_count: int
    last_success_at: datetime | None
    started_at: datetime | None
    run_time: timedelta | None


class NeighbourLine(View):
    """A check that another one hangs on, or the other way round; those of one redundancy group stand for each other."""

    slug: str
    name: str
    is_paused: bool
    status: str
    redundancy_group: str


class Neighbours(View):
    """What a check hangs on, what hangs on it, and the check that its open alert is held back because of ("": none)."""

    parents: list[NeighbourLine]
    children: list[NeighbourLine]
    suppressed_by: str
