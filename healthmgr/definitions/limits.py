"""Judges the thresholds of a check: each limit by itself, and the two levels against each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from healthmgr.definitions.composing import Location
from healthmgr.definitions.models import ThresholdsEntry
from healthmgr.domain.quantity import format_duration, parse_duration
from healthmgr.domain.threshold import RESPONSE_TIME, Threshold, Thresholds

Say = Callable[[str, Location], None]


def judge_thresholds(entry: ThresholdsEntry | None, place: Location, say: Say) -> Thresholds:
    """The limits that can be used; everything else is said."""
    levels: dict[str, tuple[Threshold, ...]] = {}
    for level in ("warning", "critical"):
        limits: Mapping[str, str] = getattr(entry, level, {})
        parsed = [_parse(metric, text, (*place, level, metric), say) for metric, text in limits.items()]
        levels[level] = tuple(threshold for threshold in parsed if threshold is not None)
    thresholds = Thresholds(levels["warning"], levels["critical"])
    _judge_order(thresholds, place, say)
    return thresholds


def unreachable(thresholds: Thresholds, timeout: timedelta) -> Iterator[tuple[str, str]]:
    """Limits on the response time that no probe can cross, for it is ended before: (level, what to tell)."""
    for level, limits in (("warning", thresholds.warning), ("critical", thresholds.critical)):
        for limit in limits:
            if limit.metric == RESPONSE_TIME and limit.comparison[0] == ">" and limit.limit >= timeout.total_seconds():
                yield level, f"is never crossed: a probe is ended after its timeout of {format_duration(timeout)}"


def _parse(metric: str, text: str, place: Location, say: Say) -> Threshold | None:
    try:
        threshold = Threshold.parse(metric, text)
        if metric == RESPONSE_TIME:
            _check_has_unit(threshold)
    except (ValueError, OverflowError) as error:
        say(str(error), place)
        return None
    if re.fullmatch(r"response[-_ ]?time", metric, re.IGNORECASE) and metric != RESPONSE_TIME:
        say(f"is not measured; did you mean {RESPONSE_TIME!r}?", place)
    return threshold


def _check_has_unit(threshold: Threshold) -> None:
    amount = threshold.text.removeprefix(threshold.comparison).strip()
    if re.fullmatch(r"[\d.]+", amount):
        raise ValueError(f'needs a unit, found {amount!r}: write "{amount}s" for seconds or "{amount}ms"')
    parse_duration(amount)


def _judge_order(thresholds: Thresholds, place: Location, say: Say) -> None:
    """A warning that is crossed no earlier than the critical limit can never be seen."""
    critical = {limit.metric: limit for limit in thresholds.critical}
    for warning in thresholds.warning:
        worse = critical.get(warning.metric)
        if worse is None or warning.comparison[0] != worse.comparison[0] or warning.comparison[0] not in "<>":
            continue
        is_rising = warning.comparison[0] == ">"
        is_late = warning.limit > worse.limit if is_rising else warning.limit < worse.limit
        is_same = warning.limit == worse.limit and len(warning.comparison) <= len(worse.comparison)
        if is_late or is_same:
            turned = "<" if is_rising else ">"
            advice = f'; where a {"low" if is_rising else "high"} value is bad, write "{turned} ..." for both'
            say(
                f"can never be reached: critical ({worse.text}) is crossed first{advice if is_late else ''}",
                (*place, "warning", warning.metric),
            )
