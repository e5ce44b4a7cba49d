"""Notification: tells people how far a runbook has come."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from healthmgr.domain.step import MOST_OUTPUT, Tell
from healthmgr.ports import StepContext
from healthmgr.steps.fields import Names, StepConfig
from healthmgr.steps.output import line, shown


class NotificationConfig(StepConfig):
    """What to tell, and to whom."""

    message: str = Field(min_length=1, max_length=MOST_OUTPUT, description="What people are told")
    channels: Names = Field((), description="Channels over which it is told; if not given, those of the incident")
    recipients: Names = Field((), description="Who is told; if not given, whoever was told of the incident")


class NotificationStep:
    """Tells people something."""

    kind: ClassVar[str] = "notification"
    Config: ClassVar[type[NotificationConfig]] = NotificationConfig
    action_field: ClassVar[str] = "message"
    fixed_fields: ClassVar[frozenset[str]] = frozenset()
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = False

    def run(self, config: NotificationConfig, context: StepContext) -> Tell:  # noqa: ARG002 - the port's signature
        """Have healthmgr tell it, as it tells everything else."""
        return Tell(shown(config.message), config.channels, config.recipients)

    def describe(self, config: NotificationConfig) -> str:
        """What would be told, and over what."""
        over = ", ".join(config.channels) or "the incident's channels"
        to = f" to {', '.join(config.recipients)}" if config.recipients else ""
        return line(f"tell{to} over {over}: {config.message}")
