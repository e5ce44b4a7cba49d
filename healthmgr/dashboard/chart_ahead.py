"""What is foreseen of a metric, as ECharts wants it told: the way to its limit, and how soon and late it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.forecast import Seen
from healthmgr.domain.threshold import Threshold
from healthmgr.views_insight import ForecastView

LINE = "foreseen"
FLOOR = "foreseen from"  # the invisible line that the band stands on: of no use in a legend
_COLOUR = "#2aa198"
_BAND = "rgba(42,161,152,.16)"
_STEPS = 24  # of the way


@dataclass(frozen=True, slots=True)
class Way:
    """A straight way from a value now to a limit, whose passing is expected at `at`, from `earliest` to `latest`."""

    now: datetime
    value: float
    limit: float
    at: datetime
    earliest: datetime
    latest: datetime

    def points(self, reaches: datetime, until: datetime) -> Iterator[tuple[datetime, float]]:
        """Where the limit is passed at `reaches`: the way there, level from then on, up to `until`."""
        whole = reaches - self.now
        for step in range(_STEPS + 1):
            gone = (until - self.now) * step / _STEPS
            share = min(1.0, gone / whole) if whole > timedelta() else 1.0
            yield self.now + gone, self.value + (self.limit - self.value) * share


def way_ahead(metric: str, forecasts: Sequence[ForecastView], now: datetime) -> Way | None:
    """The way of the chart's metric, where it is expected to pass its limit."""
    for one in forecasts:
        if one.metric != metric or one.seen != Seen.WILL_CROSS or one.value is None or one.crosses_at is None:
            continue
        limit = Threshold.parse(metric, one.threshold).limit
        return Way(now, one.value, limit, one.crosses_at, one.earliest or one.crosses_at, one.latest or one.crosses_at)
    return None


def end_of(way: Way, begin: datetime, now: datetime) -> datetime:
    """Up to when a chart that begins then goes on: the past keeps at least half of it."""
    longest = max(way.latest, way.at) + (way.at - now) / 10
    return min(longest, now + (now - begin))


def drawn_ahead(way: Way, until: datetime, scale: float) -> list[dict[str, Any]]:
    """The band as two stacked lines of which the upper is filled, the way as a dashed line, and where it ends."""
    first, last = (list(way.points(at, until)) for at in (way.earliest, way.latest))
    lower, upper = (last, first) if way.limit > way.value else (first, last)
    plain = {"type": "line", "symbol": "none", "silent": True, "lineStyle": {"opacity": 0}, "stack": "ahead",
             "stackStrategy": "all", "color": _BAND, "tooltip": {"show": False}}  # fmt: skip
    line: dict[str, Any] = {
        "name": LINE, "type": "line", "symbol": "none", "silent": True, "color": _COLOUR,
        "lineStyle": {"width": 1.8, "type": "dashed"},
        "data": [[_stamp(at), _scaled(value, scale)] for at, value in _up_to_the_limit(way, until)],
    }  # fmt: skip
    if way.at <= until:
        label = {"formatter": f"{way.limit * scale:g}", "position": "top", "color": _COLOUR, "fontWeight": "bold"}
        crossing = {"coord": [_stamp(way.at), _scaled(way.limit, scale)], "symbol": "circle", "symbolSize": 9}
        line["markPoint"] = {"silent": True, "itemStyle": {"color": _COLOUR}, "label": label, "data": [crossing]}
    return [
        {**plain, "name": FLOOR, "data": [[_stamp(at), _scaled(low, scale)] for at, low in lower]},
        {**plain, "name": f"{LINE} band", "areaStyle": {"color": _BAND},
         "data": [[_stamp(at), _scaled(high - low, scale)] for (at, low), (_, high) in zip(lower, upper, strict=True)]},
        line,
    ]  # fmt: skip


def _up_to_the_limit(way: Way, until: datetime) -> list[tuple[datetime, float]]:
    if way.at <= until:
        return [(way.now, way.value), (way.at, way.limit)]
    return [(way.now, way.value), list(way.points(way.at, until))[-1]]


def _stamp(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _scaled(value: float, scale: float) -> float:
    return round(value * scale, 3)
