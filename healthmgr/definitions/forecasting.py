"""Which metrics of a check are carried forward to their limits: those that it names, else what its kind suggests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from healthmgr.definitions.composing import Location
from healthmgr.definitions.models import CheckEntry, ForecastEntry
from healthmgr.domain.check import Severity
from healthmgr.domain.forecast import HORIZON, LONGEST_WINDOW, SHORTEST_WINDOW, WINDOW, ForecastRule
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.threshold import Threshold, Thresholds

Say = Callable[[str, Location], None]
Documents = dict[str, dict[str, str]]

_SLOW = timedelta(days=2)  # the window of what changes by the day
_FAR = timedelta(days=7)

# What is carried forward without being asked for, where there is a threshold on it: (window, horizon, severity).
SUGGESTED: Mapping[str, Mapping[str, tuple[timedelta, timedelta, Severity]]] = {
    "host": {
        "disk_usage": (WINDOW, HORIZON, Severity.MEDIUM),
        "disk_free": (WINDOW, HORIZON, Severity.MEDIUM),
        "memory_usage": (WINDOW, timedelta(hours=6), Severity.LOW),
    },
    "tls": {"certificate_days_left": (_SLOW, _FAR, Severity.LOW)},
    "http": {"certificate_days_left": (_SLOW, _FAR, Severity.LOW)},
    "celery": {"queue_depth": (timedelta(hours=1), timedelta(hours=4), Severity.MEDIUM)},
}


def settle_forecasts(check: CheckEntry, thresholds: Thresholds, place: Location, say: Say) -> Documents:
    """The forecasts of a check with nothing left unsaid; what cannot be is said."""
    if check.forecast is None:
        return suggested(check.kind, thresholds)
    rules: Documents = {}
    for metric, entry in check.forecast.items():
        here = (*place, "forecast", metric)
        limit = _limit(metric, entry, thresholds, here, say)
        if limit is not None and _is_possible(limit, entry, here, say):
            rules[metric] = ForecastRule(limit, entry.horizon, entry.window, entry.severity).to_document()
    return rules


def suggested(kind: str, thresholds: Thresholds) -> Documents:
    """What is carried forward of a check of this kind that does not say what to."""
    limits = {metric: _nearest(metric, thresholds) for metric in SUGGESTED.get(kind, ())}
    rules: Documents = {}
    for metric, limit in limits.items():
        if limit is not None and limit.comparison[0] in "<>":
            window, horizon, severity = SUGGESTED[kind][metric]
            rules[metric] = ForecastRule(limit, horizon, window, severity).to_document()
    return rules


def _limit(metric: str, entry: ForecastEntry, thresholds: Thresholds, place: Location, say: Say) -> Threshold | None:
    if entry.threshold is not None:
        try:
            return Threshold.parse(metric, entry.threshold)
        except (ValueError, OverflowError) as error:
            say(str(error), (*place, "threshold"))
            return None
    found = _nearest(metric, thresholds)
    if found is None:
        say(f'needs a limit: write `threshold: "> 95%"` here, or a threshold on {metric!r} under thresholds', place)
    return found


def _nearest(metric: str, thresholds: Thresholds) -> Threshold | None:
    """The critical limit on it, else the warning."""
    return next((each for each in (*thresholds.critical, *thresholds.warning) if each.metric == metric), None)


def _is_possible(limit: Threshold, entry: ForecastEntry, place: Location, say: Say) -> bool:
    if limit.comparison[0] not in "<>":
        say(f"{limit.text!r} has no direction to look ahead in: write '> ...' or '< ...'", (*place, "threshold"))
        return False
    if not SHORTEST_WINDOW <= entry.window <= LONGEST_WINDOW:
        bounds = f"{format_duration(SHORTEST_WINDOW)} at least and {format_duration(LONGEST_WINDOW)} at most"
        say(f"must be {bounds}, found {format_duration(entry.window)}", (*place, "window"))
        return False
    if entry.severity not in (Severity.LOW, Severity.MEDIUM):
        say(
            f"must be low or medium, found {entry.severity.value!r}: what may come is no emergency before it does",
            (*place, "severity"),
        )
        return False
    return True
