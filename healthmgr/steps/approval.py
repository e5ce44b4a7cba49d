"""Approval: asks people whether to go on."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.step import Ask
from healthmgr.ports import StepContext
from healthmgr.steps.fields import Length, Names, StepConfig
from healthmgr.steps.output import line

_LONGEST_QUESTION = 1000  # characters


class ApprovalConfig(StepConfig):
    """What to ask, and whose yes counts."""

    question: str = Field("Go on?", min_length=1, max_length=_LONGEST_QUESTION, description="What people are asked")
    needed: int = Field(1, ge=1, le=20, description="How many of them have to agree")
    approvers: Names = Field((), description="People and teams who may; if not given, whoever may respond to alerts")
    expires_after: Length = Field(timedelta(minutes=30), description="How long to wait; no answer by then is a no")


class ApprovalStep:
    """Asks for approval of what follows."""

    kind: ClassVar[str] = "approval"
    Config: ClassVar[type[ApprovalConfig]] = ApprovalConfig
    action_field: ClassVar[str] = "question"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"needed", "approvers"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = False

    def run(self, config: ApprovalConfig, context: StepContext) -> Ask:  # noqa: ARG002 - the port's signature
        """Have healthmgr ask."""
        return Ask(line(config.question, most=_LONGEST_QUESTION), config.needed, config.approvers, config.expires_after)

    def describe(self, config: ApprovalConfig) -> str:
        """Who would be asked, and what."""
        who = ", ".join(config.approvers) or "whoever may respond"
        within = format_duration(config.expires_after)
        return line(f"ask {config.needed} of {who} to approve within {within}: {config.question}")
