"""Whether a forecast is told, goes on being told, or is taken back: by this look and by those before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.forecast import Forecast, ForecastRule, Seen, is_reset

CONFIRMED_BY = 2  # looks in a row that say so before anybody is told
WITHDRAWN_BY = 3  # looks in a row that do not before it is taken back
KEEPS_UP_TO = 1.25  # horizons: what was told stays while it is no further ahead than this
KEEPS_FOR = timedelta(hours=1)  # what cannot be told any more ends by itself


@dataclass(frozen=True, slots=True)
class Memory:
    """What the looks before said: how many in a row that it will be crossed, and that it will not."""

    crossing: int = 0
    clear: int = 0
    is_told: bool = False


class Told(StrEnum):
    """What becomes of the alert of a forecast, and why."""

    TELL = "will_cross"
    RENEW = "still_will_cross"
    WITHDRAW = "trend_turned"
    TAKEN_OVER = "taken_over_by_the_breach"
    WAIT = "not_confirmed_yet"
    DOUBT = "may_have_turned"
    UNKNOWN = "nothing_measured"
    NOTHING = "nothing_to_tell"


def advance(memory: Memory, forecast: Forecast, rule: ForecastRule, *, is_breached: bool) -> tuple[Memory, Told]:
    """What this look does to what the earlier ones said. `is_breached`: the check itself has an open alert.

    It takes two looks to tell and three to take back, and what was told holds a little beyond the horizon, so that
    a line that wavers about it neither opens nor closes anything by turns.
    """
    if is_breached or forecast.seen is Seen.CROSSED:
        return Memory(), Told.TAKEN_OVER if memory.is_told else Told.NOTHING
    if not forecast.seen.is_known:
        return memory, Told.UNKNOWN
    if forecast.seen is Seen.WILL_CROSS or (memory.is_told and _still_near(forecast, rule)):
        crossing = memory.crossing + 1
        if memory.is_told:
            return Memory(crossing, 0, is_told=True), Told.RENEW
        is_sure = crossing >= CONFIRMED_BY
        return Memory(crossing, 0, is_told=is_sure), Told.TELL if is_sure else Told.WAIT
    if not memory.is_told:
        return Memory(), Told.NOTHING
    # What has just been cleaned or drained needs no second look.
    clear = WITHDRAWN_BY if forecast.seen is Seen.TOO_SHORT and is_reset(forecast) else memory.clear + 1
    return (Memory(), Told.WITHDRAW) if clear >= WITHDRAWN_BY else (Memory(0, clear, is_told=True), Told.DOUBT)


def _still_near(forecast: Forecast, rule: ForecastRule) -> bool:
    """A line that can be believed, and reaches its limit not much later than what is told."""
    is_line = forecast.seen in (Seen.BEYOND_HORIZON, Seen.TOO_FAR)
    return is_line and forecast.left is not None and forecast.left <= KEEPS_UP_TO * rule.horizon


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One metric that is carried forward: of which check, by which rule, and what the looks before said.

    `is_breached`: the check itself has an open alert. `due_at` is when the next look is due, and the token of this one.
    """

    check_id: UUID
    slug: str
    name: str
    labels: Mapping[str, str]
    rule: ForecastRule
    memory: Memory
    told: str
    words: str
    is_breached: bool
    due_at: datetime

    @property
    def identity(self) -> Mapping[str, str]:
        """What makes alerts of it the same problem."""
        return identity(self.slug, self.rule.metric)


def identity(slug: str, metric: str) -> dict[str, str]:
    """What makes forecasts the same problem, whatever else their labels say."""
    return {"check": slug, "forecast": metric}
