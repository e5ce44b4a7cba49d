"""What a run of a runbook would do: the answer of a dry run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.rails import Judgement
from healthmgr.domain.runbook import Runbook, Step


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """What a step would do, in `words`, or why it could not (`fault`).

    `is_taken` says whether its condition holds; None where that is known when the step's turn comes, and `why` says
    what is known of it.
    """

    step: Step
    words: str
    fault: str = ""
    is_taken: bool | None = True
    why: str = ""
    rollback: tuple[RehearsedStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would be. `judgement` is what the rails say now; None without a check, which they are about.

    `asks` says whether somebody is asked before the first step.
    """

    runbook: Runbook
    check: str
    severity: Severity
    labels: Mapping[str, str]
    parameters: Mapping[str, Any]
    missing: tuple[str, ...]
    target: str
    steps: tuple[RehearsedStep, ...]
    asks: bool
    judgement: Judgement | None = None
