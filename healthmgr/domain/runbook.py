"""A runbook: when it may start, what it does step by step, and the rails that it keeps to.

It is frozen into the run that it starts: what is edited meanwhile holds for the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher


class Automation(StrEnum):
    """How much of a runbook happens by itself."""

    MANUAL = "manual"  # a person starts it
    SEMI_AUTOMATED = "semi_automated"  # it starts by itself and asks before its first step
    FULLY_AUTOMATED = "fully_automated"  # it starts and goes on by itself, where the severity lets it


class OnFailure(StrEnum):
    """What a failed step does to its run."""

    STOP = "stop"
    CONTINUE = "continue"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Step:
    """One action. `config` is as written: references to secrets and placeholders are filled in when it runs.

    `retries` are extra attempts after a failure, `retry_after` apart; after a timeout there are none unless the
    step is idempotent. `when` is a CEL expression that has to be true ("": always). `rollback` undoes this step:
    where a run is rolled back, the steps that were done are undone in the opposite order.
    """

    id: str
    kind: str
    name: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    timeout: timedelta = timedelta(seconds=30)
    retries: int = 0
    retry_after: timedelta = timedelta(seconds=5)
    on_failure: OnFailure = OnFailure.STOP
    when: str = ""
    is_idempotent: bool = False
    rollback: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a runbook by itself: an alert of one of its checks, with labels that match, at one of the severities.

    All that is named has to fit; what is left empty asks for nothing. `attempt` is the soft attempt at which it
    starts; None: when the state is hard. Empty `checks` and `matchers` start nothing: such a runbook is named by a
    check's `recovery_procedure`, or started by people.
    """

    checks: tuple[str, ...] = ()
    matchers: tuple[Matcher, ...] = ()
    severities: tuple[Severity, ...] = ()
    attempt: int | None = None

    def fits(self, check: str, labels: Mapping[str, str], severity: Severity, *, is_named: bool = False) -> bool:
        """Whether an alert starts the runbook; `is_named`: its check's `recovery_procedure` is the runbook."""
        if self.severities and severity not in self.severities:
            return False
        if is_named:
            return True
        if not self.checks and not self.matchers:
            return False
        return (not self.checks or check in self.checks) and all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Who has to agree before the first step.

    `approvers` are people and teams as policies write them, "ada" or "team:web" (none: whoever may respond). An
    approval that is not given within `expires_after` is a refusal. Nobody approves for a critical problem what they
    started themselves.
    """

    needed: int = 1
    approvers: tuple[str, ...] = ()
    expires_after: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """How many of a group may be under repair at once.

    The group is the checks with the same values of the labels `by` (none: the checks of the same service).
    `most` is a count, `most_percent` a share of the group; `keep_healthy` have to be healthy besides;
    `is_canary_first`: while the first repair of the group is not proved, no second one starts.
    """

    by: tuple[str, ...] = ()
    most: int | None = None
    most_percent: float | None = None
    keep_healthy: int = 0
    is_canary_first: bool = False

    @property
    def is_unbounded(self) -> bool:
        """Whether it bounds nothing."""
        return self.most is None and self.most_percent is None and not (self.keep_healthy or self.is_canary_first)


@dataclass(frozen=True, slots=True)
class Rails:
    """What a runbook never does, however it was started.

    `max_attempts` runs for one alert (None: the installation's), `most_in_window` runs within `window`;
    `cool_down` between two runs of the runbook, `target_cool_down` between two on one target, whichever runbook;
    after `opens_after` failures in a row the breaker opens, until a person closes it.
    """

    max_attempts: int | None = None
    most_in_window: int | None = None
    window: timedelta = timedelta(hours=1)
    cool_down: timedelta = timedelta(0)
    target_cool_down: timedelta = timedelta(minutes=1)
    opens_after: int = 3
    blast_radius: BlastRadius = BlastRadius()


@dataclass(frozen=True, slots=True)
class Runbook:
    """An automated recovery procedure.

    `target` names what is repaired, with placeholders ("": the check's slug); one target is under one repair at a
    time. `parameters` are what a run may be given, with their defaults; one without (None) has to be given by whoever
    starts it. `timeout` bounds the whole run (None: the
    installation's). `team` is whose kill switch holds besides the installation's ("": none). `verifies` says that
    the check is probed again after the last step.
    """

    name: str
    steps: tuple[Step, ...]
    title: str = ""
    description: str = ""
    automation: Automation = Automation.SEMI_AUTOMATED
    trigger: Trigger = Trigger()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""
    timeout: timedelta | None = None
    approval: ApprovalRule = ApprovalRule()
    rails: Rails = Rails()
    team: str = ""
    verifies: bool = True
