"""A check as a definitions file says it, with nothing left unsaid and no secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from healthmgr.definitions.concealing import conceal
from healthmgr.definitions.definition import CheckDefinition
from healthmgr.definitions.forecasting import suggested
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.threshold import Thresholds


def check_text(check: CheckDefinition, model: type[BaseModel] | None) -> str:
    """The check as YAML, as it stands under `checks`; `model` is that of its plugin's settings, None: not known.

    Read again it is the same check, but for what was hidden in its settings (`***`).
    """
    said = {check.slug: {name: value for name, value in _said(check, model).items() if value not in ("", {}, [])}}
    if not check.forecasts and suggested(check.kind, Thresholds.parse(check.thresholds)):
        said[check.slug]["forecast"] = {}  # else what its kind suggests would hold
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)


def _said(check: CheckDefinition, model: type[BaseModel] | None) -> dict[str, Any]:
    return {
        "name": check.name,
        "description": check.description,
        "kind": check.kind,
        "config": conceal(check.config, model),
        "service": check.service,
        "category": check.category,
        "labels": dict(check.labels),
        "severity": check.severity.value,
        "degraded_severity": check.degraded_severity.value,
        "interval": format_duration(check.interval),
        "timeout": format_duration(check.timeout),
        "retry_interval": format_duration(check.retry_interval),
        "max_attempts": check.max_attempts,
        "success_threshold": check.success_threshold,
        "detect_flapping": check.detects_flapping,
        "depends_on": [_dependency(parent, group) for parent, group in sorted(check.dependencies.items())],
        "thresholds": {level: dict(limits) for level, limits in check.thresholds.items() if limits},
        "forecast": {metric: dict(rule) for metric, rule in check.forecasts.items()},
        "anomaly": _anomaly(check.anomalies),
        "runbook": check.runbook_url,
        "recovery_procedure": check.recovery_procedure,
        "enabled": "" if check.is_enabled else False,
    }


def _dependency(parent: str, group: str) -> str | dict[str, str]:
    return {"check": parent, "redundancy_group": group} if group else parent


def _anomaly(anomalies: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """All metrics of a check are watched by one rule: it is written once."""
    if not anomalies:
        return {}
    rule = dict(next(iter(anomalies.values())))
    numbers = {"threshold": float(rule["threshold"]), "points": int(rule["points"]), "of": int(rule["of"])}
    return {"metrics": list(anomalies), **rule, **numbers}
