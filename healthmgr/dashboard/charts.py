"""Charts of a metric over time, as ECharts wants them told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from healthmgr.dashboard.chart_ahead import FLOOR, Way, drawn_ahead, end_of
from healthmgr.dashboard.chart_ahead import LINE as FORESEEN
from healthmgr.domain.anomaly_watch import SeenPoint
from healthmgr.domain.check import Status
from healthmgr.domain.rollup import RESPONSE_TIME, Point
from healthmgr.domain.threshold import Thresholds
from healthmgr.views import TransitionView

MOST_STEPS = 180  # points on a chart
_QUANTILES = ((0.5, "p50", "#4c8dff"), (0.95, "p95", "#e0a030"), (0.99, "p99", "#e0566a"))
_SHADES = {Status.UNHEALTHY: "rgba(224,86,106,.16)", Status.DEGRADED: "rgba(224,160,48,.16)",
           Status.UNKNOWN: "rgba(140,110,230,.14)"}  # fmt: skip
_BAND = "rgba(76,141,255,.14)"
_LINE = "rgba(128,136,148,.28)"
_WORDS = "#8a929c"
_LIMITS = "limits"
_UNNAMED = ("expected from", _LIMITS, FLOOR, f"{FORESEEN} band")  # in the legend
_NEAR = 4.0  # times what was measured: a limit that is further away is not brought into view


@dataclass(frozen=True, slots=True)
class Range:
    """How much of the past a chart shows."""

    name: str
    length: timedelta

    @property
    def step(self) -> timedelta:
        """The length of one point."""
        return max(self.length / MOST_STEPS, timedelta(minutes=1))


RANGES = (
    Range("1h", timedelta(hours=1)),
    Range("6h", timedelta(hours=6)),
    Range("24h", timedelta(days=1)),
    Range("7d", timedelta(days=7)),
    Range("30d", timedelta(days=30)),
    Range("90d", timedelta(days=90)),
)


def range_of(name: str) -> Range:
    """The range of this name; a day for one that is none."""
    return next((one for one in RANGES if one.name == name), RANGES[2])


def chart(
    metric: str,
    points: Sequence[Point],
    begin: datetime,
    end: datetime,
    *,
    limits: Mapping[str, Mapping[str, str]],
    transitions: Sequence[TransitionView],
    status: str,
    seen: Sequence[SeenPoint] = (),
    incidents: Mapping[int, datetime] | None = None,
    ahead: Way | None = None,
) -> dict[str, Any]:
    """The metric's median and tails, its limits as lines, and the times in which the check was not well as shades.

    `seen`: what was thought of its points, where it is watched; drawn as the expected band and marks of the strange.
    `incidents`: when each of them began for this check, by number; drawn as upright lines.
    `ahead`: the way to its limit, where it is foreseen to pass it; the chart goes on beyond `end` then.
    """
    scale = 1000.0 if metric == RESPONSE_TIME else 1.0
    series: list[dict[str, Any]] = [
        {
            "name": name,
            "type": "line",
            "showSymbol": len(points) < 2,
            "smooth": False,
            "lineStyle": {"width": 1.6},
            "color": colour,
            "data": [[_stamp(point.at), _scaled(point.sketch.quantile(share), scale)] for point in points],
        }
        for share, name, colour in _QUANTILES
    ]
    series[0]["markLine"] = _limit_lines(metric, limits, scale)
    begun = {number: at for number, at in (incidents or {}).items() if begin <= at < end}
    series[0]["markLine"]["data"] += _incident_lines(begun)
    series[0]["markArea"] = {"silent": True, "data": _bad_times(transitions, status, begin, end)}
    series += _anomalies([point for point in seen if begin <= point.at < end], scale)
    series += _in_view(metric, points, begin, limits, scale)
    shown_until = end if ahead is None else end_of(ahead, begin, end)
    series += [] if ahead is None else drawn_ahead(ahead, shown_until, scale)
    named = [each["name"] for each in series if each["name"] not in _UNNAMED]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 8, "containLabel": True},
        "legend": {
            "data": named, "right": 8, "top": 0, "textStyle": {"color": _WORDS}, "icon": "roundRect", "itemHeight": 3,
        },
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "line"}},
        "xAxis": {
            "type": "time", "min": _stamp(begin), "max": _stamp(shown_until),
            "axisLine": {"lineStyle": {"color": _LINE}}, "axisLabel": {"color": _WORDS, "hideOverlap": True},
        },
        "yAxis": {
            "type": "value", "scale": True, "min": 0 if scale > 1 else None,
            "name": "ms" if metric == RESPONSE_TIME else metric.replace("_", " "), "nameTextStyle": {"color": _WORDS},
            "splitLine": {"lineStyle": {"color": _LINE}}, "axisLabel": {"color": _WORDS},
        },
        "series": series,
    }  # fmt: skip


def _anomalies(seen: Sequence[SeenPoint], scale: float) -> list[dict[str, Any]]:
    """The band in which values were expected, as two stacked lines of which the upper is filled, and the marks."""
    if not seen:
        return []
    most = max(1, len(seen) // MOST_STEPS)
    banded = [(_stamp(p.at), *p.expected) for p in seen[::most] if p.expected]
    plain = {"type": "line", "symbol": "none", "silent": True, "lineStyle": {"opacity": 0}, "stack": "expected",
             "stackStrategy": "all", "color": _BAND, "tooltip": {"show": False}}  # fmt: skip
    strange = [[_stamp(p.at), _scaled(p.value, scale)] for p in seen if p.is_strange]
    return [
        {**plain, "name": "expected from", "data": [[at, _scaled(low, scale)] for at, low, _ in banded]},
        {**plain, "name": "expected", "areaStyle": {"color": _BAND},
         "data": [[at, _scaled(high - low, scale)] for at, low, high in banded]},
        {"name": "anomaly", "type": "scatter", "symbolSize": 8, "color": "#b05ce0", "data": strange},
    ]  # fmt: skip


def _limit_lines(metric: str, limits: Mapping[str, Mapping[str, str]], scale: float) -> dict[str, Any]:
    known = Thresholds.parse(limits)
    lines = []
    for level, colour, found in (("warning", "#e0a030", known.warning), ("critical", "#e0566a", known.critical)):
        for limit in found:
            if limit.metric == metric:
                label = {"formatter": level, "position": "insideEndTop", "color": colour}
                lines.append({"yAxis": limit.limit * scale, "lineStyle": {"color": colour}, "label": label})
    return {"symbol": "none", "silent": True, "lineStyle": {"type": "dashed"}, "data": lines}


def _in_view(
    metric: str, points: Sequence[Point], begin: datetime, limits: Mapping[str, Mapping[str, str]], scale: float
) -> list[dict[str, Any]]:
    """Unseen points at the limits that lie near enough to what was measured, so that the axis reaches them."""
    medians = [value for point in points if (value := point.sketch.quantile(0.5)) is not None]
    if not medians:
        return []
    low, high = min(medians), max(medians)
    reach = _NEAR * max(high - low, abs(high))
    known = Thresholds.parse(limits)
    near = [
        each.limit for each in (*known.warning, *known.critical)
        if each.metric == metric and low - reach <= each.limit <= high + reach
    ]  # fmt: skip
    data = [[_stamp(begin), _scaled(limit, scale)] for limit in near]
    hidden = {"type": "scatter", "symbolSize": 0, "silent": True, "tooltip": {"show": False}}
    return [{**hidden, "name": _LIMITS, "data": data}] if data else []


def _incident_lines(begun: Mapping[int, datetime]) -> list[dict[str, Any]]:
    label = {"position": "end", "color": _WORDS, "distance": 2}
    style = {"type": "solid", "color": _WORDS, "width": 1}
    return [
        {"xAxis": _stamp(at), "lineStyle": style, "label": {**label, "formatter": f"#{number}"}}
        for number, at in sorted(begun.items())
    ]


def _bad_times(
    transitions: Sequence[TransitionView], status: str, begin: datetime, end: datetime
) -> list[list[dict[str, Any]]]:
    """From when to when the check was not well, read backwards from how it is now."""
    times: list[list[dict[str, Any]]] = []
    until, then = end, Status(status)
    for change in transitions:
        times += _shade(then, max(change.at, begin), until)
        until, then = max(change.at, begin), Status(change.old_status)
        if change.at <= begin:
            break
    # Before its first result a check was not unknown: nobody asked.
    return times if then is Status.UNKNOWN else [*times, *_shade(then, begin, until)]


def _shade(status: Status, since: datetime, until: datetime) -> list[list[dict[str, Any]]]:
    if status not in _SHADES or since >= until:
        return []
    return [[{"xAxis": _stamp(since), "itemStyle": {"color": _SHADES[status]}}, {"xAxis": _stamp(until)}]]


def _stamp(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else round(value * scale, 3)
