"""Fills in what a check leaves unsaid: from the file's defaults first, then from healthmgr's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from healthmgr.definitions.definition import CheckDefinition
from healthmgr.definitions.models import CheckEntry, OptionsEntry
from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import DEFAULT_DELAY
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.threshold import Thresholds

# A critical check fails three times and is told within half a minute: 10 + 2 x 3 s, and 3 s for each probe.
CRITICAL_INTERVAL = timedelta(seconds=10)
CRITICAL_TIMEOUT = timedelta(seconds=3)
CRITICAL_RETRY = timedelta(seconds=3)
RETRY = timedelta(seconds=15)
TIMEOUT_SHARE = 0.8  # of the interval, for timeouts that are inherited


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """What holds for checks, levels and runbooks where the file says nothing: the installation's own settings."""

    interval: timedelta = timedelta(seconds=60)
    timeout: timedelta = timedelta(seconds=10)
    escalation_delay: timedelta = DEFAULT_DELAY
    recovery_timeout: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a check is probed, and for how long it may take."""

    interval: timedelta
    timeout: timedelta
    retry_interval: timedelta


def settle_timing(check: OptionsEntry, defaults: OptionsEntry, severity: Severity, fallbacks: Fallbacks) -> Timing:
    """The check's lengths. Raises ValueError when it asks for a timeout that is not below its interval."""
    is_critical = severity is Severity.CRITICAL
    interval = check.interval or defaults.interval or (CRITICAL_INTERVAL if is_critical else fallbacks.interval)
    if check.timeout is not None and check.timeout >= interval:
        raise ValueError(
            f"must be less than the interval of {format_duration(interval)}, found {format_duration(check.timeout)}"
        )
    own = CRITICAL_TIMEOUT if is_critical and interval <= CRITICAL_INTERVAL else fallbacks.timeout
    inherited = defaults.timeout if defaults.timeout is not None else own
    is_too_long = inherited >= interval or defaults.timeout is None
    clamped = min(inherited, interval * TIMEOUT_SHARE) if is_too_long else inherited
    retry = defaults.retry_interval or (CRITICAL_RETRY if is_critical else RETRY)
    return Timing(interval, check.timeout or clamped, check.retry_interval or min(interval, retry))


def settle_check(
    slug: str, check: CheckEntry, defaults: OptionsEntry, timing: Timing, thresholds: Thresholds
) -> CheckDefinition:
    """The check with nothing left unsaid."""
    severity = severity_of(check, defaults)
    mild = Severity.MEDIUM if severity in (Severity.CRITICAL, Severity.HIGH) else Severity.LOW
    attempts = check.attempts if check.attempts is not None else defaults.attempts
    return CheckDefinition(
        slug=slug,
        name=check.name or humanise(slug),
        kind=check.kind,
        config=check.config,
        interval=timing.interval,
        timeout=timing.timeout,
        retry_interval=timing.retry_interval,
        max_attempts=3 if attempts is None else attempts,
        success_threshold=_first(check.success_threshold, defaults.success_threshold, 1),
        severity=severity,
        degraded_severity=_first(check.degraded_severity, defaults.degraded_severity, mild),
        detects_flapping=_first(check.detect_flapping, defaults.detect_flapping, True),
        description=check.description.strip(),
        service=_first(check.service, defaults.service, ""),
        category=_first(check.category, defaults.category, ""),
        labels={**defaults.labels, **check.labels},
        thresholds=thresholds.to_document(),
        runbook_url=_first(check.runbook, defaults.runbook, ""),
        recovery_procedure=check.recovery_procedure,
        is_enabled=_first(check.enabled, defaults.enabled, True),
        dependencies={parent.check: parent.redundancy_group for parent in check.depends_on},
    )


def severity_of(check: OptionsEntry, defaults: OptionsEntry) -> Severity:
    """How much this check matters: high, unless it or the defaults say otherwise."""
    return check.severity or defaults.severity or Severity.HIGH


def humanise(slug: str) -> str:
    """A name for people: "session-manager" is "Session manager"."""
    words = slug.replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
