"""Calling a step as a recovery worker does: its configuration validated, its deadline and its key in a context."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from healthmgr.domain.step import StepOutcome
from healthmgr.ports import StepContext, StepType

_TIMEOUT = timedelta(seconds=5)


def step_context(
    *,
    timeout: timedelta = _TIMEOUT,
    run_id: UUID | None = None,
    attempt: int = 1,
    now: datetime | None = None,
    check: str = "subject",
    facts: Mapping[str, Mapping[str, Any]] | None = None,
) -> StepContext:
    """A context of the step `step` of a runbook; `key` names the run, the step and the attempt."""
    run = run_id or uuid4()
    return StepContext(
        run_id=run,
        runbook="runbook",
        step="step",
        attempt=attempt,
        key=f"{run}:step:{attempt}",
        timeout=timeout,
        now=now or datetime.now(UTC),
        check=check,
        facts=facts or {},
    )


def run_step(
    step_type: type[StepType] | StepType, config: Mapping[str, Any], context: StepContext | None = None
) -> StepOutcome:
    """What a step does with this configuration, given as in a definitions file (but with everything filled in).

    Raises pydantic's ValidationError for a wrong configuration, and whatever the step raises.
    """
    plugin = step_type() if isinstance(step_type, type) else step_type
    return plugin.run(plugin.Config.model_validate(dict(config)), context or step_context())
