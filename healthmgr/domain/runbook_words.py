"""A runbook in the words of a definitions file, as names and values that can be compared and shown."""

from __future__ import annotations

from typing import Any

from healthmgr.domain.runbook import Automation, Runbook, Step


def runbook_facts(runbook: Runbook) -> dict[str, Any]:
    """What a runbook says, in the words of the file."""
    radius = runbook.rails.blast_radius
    share = None if radius.most_percent is None else f"{radius.most_percent:g}%"
    return {
        "name": runbook.title,
        "description": runbook.description,
        "automation": runbook.automation,
        "trigger": {
            "checks": runbook.trigger.checks,
            "match": tuple(str(matcher) for matcher in runbook.trigger.matchers),
            "severity": runbook.trigger.severities,
            "on": "hard" if runbook.trigger.attempt is None else f"soft {runbook.trigger.attempt}",
        },
        "parameters": dict(runbook.parameters),
        "target": runbook.target,
        "steps": {step.id: step_facts(step) for step in runbook.steps},
        "timeout": runbook.timeout,
        "verify": runbook.verifies,
        "approval": {
            "needed": runbook.approval.needed,
            "by": runbook.approval.approvers,
            "expires_after": runbook.approval.expires_after,
        },
        "limits": {
            "attempts": runbook.rails.max_attempts,
            "most": runbook.rails.most_in_window,
            "per": runbook.rails.window,
            "cool_down": runbook.rails.cool_down,
            "target_cool_down": runbook.rails.target_cool_down,
            "breaker": runbook.rails.opens_after,
            "blast_radius": {
                "by": radius.by,
                "most": radius.most if share is None else share,
                "keep_healthy": radius.keep_healthy,
                "canary": radius.is_canary_first,
            },
        },
        "team": runbook.team,
    }


def step_facts(step: Step) -> dict[str, Any]:
    """What a step says, in the words of the file."""
    return {
        "name": step.name,
        "kind": step.kind,
        "config": dict(step.config),
        "timeout": step.timeout,
        "retries": step.retries,
        "retry_after": step.retry_after,
        "on_failure": step.on_failure,
        "when": step.when,
        "idempotent": step.is_idempotent,
        "rollback": {undoing.id: step_facts(undoing) for undoing in step.rollback},
    }


def starts(runbook: Runbook, *, is_named: bool) -> str:
    """When a runbook starts by itself; `is_named`: a check has it for its recovery procedure."""
    trigger = runbook.trigger
    if runbook.automation is Automation.MANUAL:
        return "people start it"
    if not (trigger.checks or trigger.matchers or is_named):
        return "nothing starts it"
    when = "hard" if trigger.attempt is None else f"soft {trigger.attempt}"
    of = [*(str(matcher) for matcher in trigger.matchers), *(severity.value for severity in trigger.severities)]
    return ", ".join([when, *of])
