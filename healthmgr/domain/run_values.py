"""What the placeholders and conditions of a runbook's steps can speak of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from healthmgr.domain.check import Severity

CHECK, SEVERITY, LABELS, PARAMETERS, STEPS = "check", "severity", "labels", "parameters", "steps"
NAMES = (CHECK, SEVERITY, LABELS, PARAMETERS, STEPS)


def values_of(
    check: str,
    severity: Severity,
    labels: Mapping[str, str],
    parameters: Mapping[str, Any],
    facts: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The values by name: `labels` are the alert's, `facts` what the steps that are done noted, by step."""
    return {
        CHECK: check,
        SEVERITY: severity.value,
        LABELS: dict(labels),
        PARAMETERS: dict(parameters),
        STEPS: {step: dict(noted) for step, noted in facts.items()},
    }


def read_value(text: str) -> Any:
    """A parameter's value as people type it: a number, yes or no, a list or a mapping as in JSON; else the text."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no value that can be kept")
