"""The form in which a runbook is stored, and frozen into its runs: plain values, there and back without loss."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.runbook import (
    ApprovalRule,
    Automation,
    BlastRadius,
    OnFailure,
    Rails,
    Runbook,
    Step,
    Trigger,
)


def runbook_to_document(runbook: Runbook) -> dict[str, Any]:
    """A runbook as plain values."""
    return {
        "name": runbook.name,
        "title": runbook.title,
        "description": runbook.description,
        "automation": runbook.automation.value,
        "trigger": _trigger_to_document(runbook.trigger),
        "parameters": dict(runbook.parameters),
        "target": runbook.target,
        "steps": [step_to_document(step) for step in runbook.steps],
        "timeout": _seconds(runbook.timeout),
        "approval": _approval_to_document(runbook.approval),
        "rails": _rails_to_document(runbook.rails),
        "team": runbook.team,
        "verifies": runbook.verifies,
    }


def runbook_from_document(document: Mapping[str, Any]) -> Runbook:
    """The reverse."""
    return Runbook(
        name=document["name"],
        title=document["title"],
        description=document["description"],
        automation=Automation(document["automation"]),
        trigger=_trigger_from_document(document["trigger"]),
        parameters=document["parameters"],
        target=document["target"],
        steps=tuple(step_from_document(step) for step in document["steps"]),
        timeout=_length(document["timeout"]),
        approval=_approval_from_document(document["approval"]),
        rails=_rails_from_document(document["rails"]),
        team=document["team"],
        verifies=document["verifies"],
    )


def step_to_document(step: Step) -> dict[str, Any]:
    """A step as plain values, with the steps that undo it."""
    return {
        "id": step.id,
        "kind": step.kind,
        "name": step.name,
        "config": dict(step.config),
        "timeout": step.timeout.total_seconds(),
        "retries": step.retries,
        "retry_after": step.retry_after.total_seconds(),
        "on_failure": step.on_failure.value,
        "when": step.when,
        "is_idempotent": step.is_idempotent,
        "rollback": [step_to_document(undoing) for undoing in step.rollback],
    }


def step_from_document(document: Mapping[str, Any]) -> Step:
    """The reverse."""
    return Step(
        id=document["id"],
        kind=document["kind"],
        name=document["name"],
        config=document["config"],
        timeout=timedelta(seconds=document["timeout"]),
        retries=document["retries"],
        retry_after=timedelta(seconds=document["retry_after"]),
        on_failure=OnFailure(document["on_failure"]),
        when=document["when"],
        is_idempotent=document["is_idempotent"],
        rollback=tuple(step_from_document(undoing) for undoing in document["rollback"]),
    )


def _trigger_to_document(trigger: Trigger) -> dict[str, Any]:
    return {
        "checks": list(trigger.checks),
        "matchers": [matcher.to_document() for matcher in trigger.matchers],
        "severities": [severity.value for severity in trigger.severities],
        "attempt": trigger.attempt,
    }


def _trigger_from_document(document: Mapping[str, Any]) -> Trigger:
    return Trigger(
        checks=tuple(document["checks"]),
        matchers=tuple(Matcher.from_document(matcher) for matcher in document["matchers"]),
        severities=tuple(Severity(severity) for severity in document["severities"]),
        attempt=document["attempt"],
    )


def _approval_to_document(rule: ApprovalRule) -> dict[str, Any]:
    return {
        "needed": rule.needed,
        "approvers": list(rule.approvers),
        "expires_after": rule.expires_after.total_seconds(),
    }


def _approval_from_document(document: Mapping[str, Any]) -> ApprovalRule:
    expires_after = timedelta(seconds=document["expires_after"])
    return ApprovalRule(document["needed"], tuple(document["approvers"]), expires_after)


def _rails_to_document(rails: Rails) -> dict[str, Any]:
    radius = rails.blast_radius
    return {
        "max_attempts": rails.max_attempts,
        "most_in_window": rails.most_in_window,
        "window": rails.window.total_seconds(),
        "cool_down": rails.cool_down.total_seconds(),
        "target_cool_down": rails.target_cool_down.total_seconds(),
        "opens_after": rails.opens_after,
        "blast_radius": {
            "by": list(radius.by),
            "most": radius.most,
            "most_percent": radius.most_percent,
            "keep_healthy": radius.keep_healthy,
            "is_canary_first": radius.is_canary_first,
        },
    }


def _rails_from_document(document: Mapping[str, Any]) -> Rails:
    radius = document["blast_radius"]
    return Rails(
        max_attempts=document["max_attempts"],
        most_in_window=document["most_in_window"],
        window=timedelta(seconds=document["window"]),
        cool_down=timedelta(seconds=document["cool_down"]),
        target_cool_down=timedelta(seconds=document["target_cool_down"]),
        opens_after=document["opens_after"],
        blast_radius=BlastRadius(
            by=tuple(radius["by"]),
            most=radius["most"],
            most_percent=radius["most_percent"],
            keep_healthy=radius["keep_healthy"],
            is_canary_first=radius["is_canary_first"],
        ),
    )


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _length(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
