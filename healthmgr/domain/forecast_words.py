"""A forecast in words, as an alert, and as a small picture in text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from healthmgr.domain.forecast import Forecast, ForecastRule, Measured, Seen, is_reset
from healthmgr.domain.forecast_telling import KEEPS_FOR
from healthmgr.domain.incoming import LONGEST_NAME, LONGEST_SUMMARY, IncomingAlert
from healthmgr.domain.phrasing import absolute, lasted

ORIGIN = "forecast"  # of the alerts
HEIGHT = 8
_BLOCKS = " ▁▂▃▄▅▆▇█"

_WHY: Mapping[Seen, str] = {
    Seen.CROSSED: "it is beyond {limit} already",
    Seen.BEYOND_HORIZON: "it reaches {limit} only in {left}",
    Seen.TOO_FAR: "it would reach {limit} in {left}, which is too far ahead for what was seen of it",
    Seen.AWAY: "it moves away from {limit}",
    Seen.FLAT: "it stays where it is",
    Seen.NOISY: "it goes up and down without going anywhere",
    Seen.CROOKED: "it follows no straight line",
    Seen.UNSTEADY: "it does not go the same way for long",
    Seen.DAILY: "it did the same a day ago, and turned",
    Seen.RESET_BEFORE: "it was reset before {limit} every time so far",
    Seen.TOO_FEW: "too little was measured",
    Seen.TOO_SHORT: "it was seen for too short a time",
    Seen.STALE: "nothing was measured lately",
}


def summary(forecast: Forecast, rule: ForecastRule) -> str:
    """What is to be expected, in one sentence: "disk_usage will pass 95% in 9 h (at 03:40)"."""
    if forecast.seen is Seen.WILL_CROSS:
        return promise(forecast, rule)
    left = lasted(forecast.left) if forecast.left else ""
    return f"{rule.metric}: {_WHY[forecast.seen].format(limit=_limit(rule), left=left)}"


def promise(forecast: Forecast, rule: ForecastRule) -> str:
    """When it will be crossed, in words; raises ValueError where it will not."""
    if forecast.crosses_at is None or forecast.left is None:
        raise ValueError("nothing is crossed")
    verb = "pass" if rule.is_rising else "fall below"
    at = forecast.crosses_at.astimezone(UTC)
    is_today = at.date() == forecast.now.astimezone(UTC).date()
    moment = f"{at:%H:%M}" if is_today else f"{at:%Y-%m-%d %H:%M}"
    return f"{rule.metric} will {verb} {_limit(rule)} in {lasted(forecast.left)} (at {moment} UTC)"


def explanation(forecast: Forecast) -> str:
    """What it rests on."""
    if forecast.value is None or forecast.slope is None:
        return f"{forecast.points} points over {lasted(forecast.span)}"
    way = "rises" if forecast.slope > 0 else "falls"
    parts = [f"it is at {forecast.value:.4g} and {way} by {abs(forecast.slope):.3g} an hour"]
    if forecast.earliest and forecast.latest:
        parts.append(f"between {absolute(forecast.earliest)} and {absolute(forecast.latest)}")
    parts.append(f"{forecast.points} points over {lasted(forecast.span)}, R squared {forecast.r_squared or 0.0:.2f}")
    if is_reset(forecast):
        parts.append("since it was last reset")
    elif forecast.broke is not None:
        parts.append("since it last jumped")
    if forecast.dropped:
        parts.append(f"without {forecast.dropped} that stood out")
    return "; ".join(parts)


def alert(
    name: str, labels: Mapping[str, str], identity: Mapping[str, str], forecast: Forecast, rule: ForecastRule
) -> IncomingAlert:
    """The alert of a forecast: it ends by itself unless it is renewed."""
    said = promise(forecast, rule)
    return IncomingAlert(
        labels={**labels, "forecast": rule.metric},
        starts_at=forecast.now,
        ends_at=forecast.now + KEEPS_FOR,
        severity=rule.severity,
        name=f"{name}: {rule.metric} ahead"[:LONGEST_NAME],
        summary=said[:LONGEST_SUMMARY],
        annotations={"description": f"{said}: {explanation(forecast)}"},
        identity=identity,
    )


def picture(points: Measured, rule: ForecastRule, width: int = 60) -> list[str]:
    """What was measured as bars, the limit as a line of dashes through them; none for too little."""
    if len(points) < 2:
        return []
    values = _columns(points, width)
    present = [value for value in values if value is not None]
    low, high = min([*present, rule.threshold.limit]), max([*present, rule.threshold.limit])
    reach = (high - low) or 1.0
    low, high = low - 0.05 * reach, high + 0.05 * reach
    line_at = int((rule.threshold.limit - low) / (high - low) * HEIGHT)
    rows = []
    for row in range(HEIGHT - 1, -1, -1):
        filled = "".join(_cell(value, row, low, high, is_line=row == line_at) for value in values)
        title = f"{rule.threshold.limit:g}" if row == line_at else ""
        rows.append(f"{title:>9} {filled}".rstrip())
    begin, end = (at.astimezone(UTC) for at in (points[0][0], points[-1][0]))
    form = "%H:%M" if begin.date() == end.date() else "%m-%d %H:%M"
    left, right = begin.strftime(form), end.strftime(form)
    return [*rows, f"{'UTC':>9} {left}{right:>{max(1, len(values) - len(left))}}"]


def _columns(points: Measured, width: int) -> list[float | None]:
    begin, end = points[0][0], points[-1][0]
    count = min(width, len(points))
    sums: list[list[float]] = [[] for _ in range(count)]
    for at, value in points:
        sums[min(count - 1, int((at - begin) / (end - begin) * count))].append(value)
    return [sum(each) / len(each) if each else None for each in sums]


def _cell(value: float | None, row: int, low: float, high: float, *, is_line: bool) -> str:
    if value is None:
        return "-" if is_line else " "
    eighths = (value - low) / (high - low) * HEIGHT * 8 - row * 8
    block = _BLOCKS[int(max(0.0, min(8.0, eighths)))]
    return "-" if is_line and block == " " else block


def _limit(rule: ForecastRule) -> str:
    return rule.threshold.text.removeprefix(rule.threshold.comparison).strip()
