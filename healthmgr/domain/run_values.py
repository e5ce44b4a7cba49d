"""What the placeholders and conditions of a runbook's steps can speak of."""

from __future__ import annotations

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
