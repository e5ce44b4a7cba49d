"""The shapes in which instances of services are read."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from healthmgr.domain.balancing import Belief, Seen, Wanted, judge, words
from healthmgr.views import View


class WatchingView(View):
    """What one check says of its instance."""

    check: str
    status: str
    is_hard: bool
    is_paused: bool
    says: str = Field(description="healthy, degraded, unhealthy, never_seen_healthy or recovering")
    last_result_at: datetime | None

    @classmethod
    def of(cls, belief: Belief) -> WatchingView:
        """The picture of one belief."""
        return cls(
            check=belief.check,
            status=belief.status.value,
            is_hard=belief.is_hard,
            is_paused=belief.is_paused,
            says=judge(belief).value,
            last_result_at=belief.last_result_at,
        )


class InstanceView(View):
    """An instance of a service, what a balancer is told of it, and why.

    `weight` is in percent; `is_in_doubt` says that the answer is the last that was known. `wanted`, and what goes with
    it, is what was last asked for; `is_drained` whether that drains it now.
    """

    service: str
    instance: str
    is_in_service: bool
    weight: int
    is_up: bool
    is_drained: bool
    is_in_doubt: bool
    cause: str
    words: str
    wanted: str
    wanted_by: str
    wanted_at: datetime | None
    wanted_until: datetime | None
    reason: str
    checks: list[WatchingView]

    @classmethod
    def of(cls, seen: Seen) -> InstanceView:
        """The picture of one instance."""
        answer, wish = seen.answer, seen.instance.wish
        return cls(
            service=seen.key.service,
            instance=seen.key.instance,
            is_in_service=answer.is_in_service,
            weight=answer.weight,
            is_up=answer.is_up,
            is_drained=answer.is_drained,
            is_in_doubt=answer.is_in_doubt,
            cause=answer.cause.value,
            words=words(answer),
            wanted=(wish.wanted if wish else Wanted.ENABLED).value,
            wanted_by=wish.by if wish else "",
            wanted_at=wish.at if wish else None,
            wanted_until=wish.until if wish else None,
            reason=wish.reason if wish else "",
            checks=[WatchingView.of(belief) for belief in seen.instance.beliefs],
        )


class InstanceList(View):
    """Instances in the order of their names."""

    items: list[InstanceView]
