"""Which metrics of a check are watched for what is unlike their past: none, unless the check or the defaults say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from healthmgr.definitions.composing import Location
from healthmgr.definitions.models import AnomalyEntry, CheckEntry, OptionsEntry
from healthmgr.domain.anomaly_gate import GateRule
from healthmgr.domain.anomaly_rule import LONGEST_STEP, SHORTEST_STEP, AnomalyRule
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.rollup import MOST_METRICS, RESPONSE_TIME
from healthmgr.domain.threshold import Thresholds

Say = Callable[[str, Location], None]
Documents = dict[str, dict[str, str]]


def settle_anomalies(
    check: CheckEntry, defaults: OptionsEntry, thresholds: Thresholds, place: Location, say: Say
) -> Documents:
    """The watched metrics of a check with nothing left unsaid; what cannot be is said."""
    is_possible = judge_anomaly(check, place, say)
    entry = defaults.anomaly if check.anomaly is None else check.anomaly
    if entry is None or not is_possible or _fault(entry):
        return {}
    gate = GateRule(entry.points, entry.of, entry.lasting)
    metrics = _usual(thresholds) if entry.metrics is None else entry.metrics
    return {
        metric: AnomalyRule(metric, entry.step, entry.severity, entry.threshold, gate).to_document()
        for metric in metrics
    }


def judge_anomaly(options: OptionsEntry, place: Location, say: Say) -> bool:
    """Whether what is written here can be; what cannot is said."""
    fault = None if options.anomaly is None else _fault(options.anomaly)
    if fault is not None:
        field, words = fault
        say(words, (*place, "anomaly", field))
    return fault is None


def _fault(entry: AnomalyEntry) -> tuple[str, str] | None:
    """Which field cannot be, and why."""
    minutes = entry.step.total_seconds() / SHORTEST_STEP.total_seconds()
    if not SHORTEST_STEP <= entry.step <= LONGEST_STEP or minutes != int(minutes):
        bounds = f"from {format_duration(SHORTEST_STEP)} to {format_duration(LONGEST_STEP)}"
        return "step", f"must be whole minutes {bounds}, found {format_duration(entry.step)}"
    if entry.points > entry.of:
        return "points", f"{entry.points} of the last {entry.of} points can't be strange: write {entry.of} or fewer"
    if entry.metrics is not None and len(entry.metrics) > MOST_METRICS:
        return "metrics", f"names {len(entry.metrics)} metrics: {MOST_METRICS} at most are kept of one check"
    if entry.metrics is not None and "" in entry.metrics:
        return "metrics", "holds an empty name: write the name of a metric, such as response_time"
    return None


def _usual(thresholds: Thresholds) -> Iterable[str]:
    """Response times, and what somebody thought worth a limit."""
    limited = (each.metric for each in (*thresholds.warning, *thresholds.critical))
    return dict.fromkeys((RESPONSE_TIME, *limited))
