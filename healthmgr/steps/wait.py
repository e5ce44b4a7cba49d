"""Wait: gives what was done time to take effect."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.step import Pause
from healthmgr.ports import StepContext
from healthmgr.steps.fields import Length, StepConfig


class WaitConfig(StepConfig):
    """How long."""

    length: Length = Field(description="How long to wait before the next step: 30s, 5m, or milliseconds")


class WaitStep:
    """Waits before the next step."""

    kind: ClassVar[str] = "wait"
    Config: ClassVar[type[WaitConfig]] = WaitConfig
    action_field: ClassVar[str] = "length"
    fixed_fields: ClassVar[frozenset[str]] = frozenset()
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = False

    def run(self, config: WaitConfig, context: StepContext) -> Pause:  # noqa: ARG002 - the port's signature
        """Have healthmgr come back later: no worker waits."""
        return Pause(config.length)

    def describe(self, config: WaitConfig) -> str:
        """How long it would be."""
        return f"wait for {format_duration(config.length)}"
