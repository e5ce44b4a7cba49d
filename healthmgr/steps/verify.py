"""Verify: looks whether a check is healthy now."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.step import Verify
from healthmgr.ports import StepContext
from healthmgr.steps.fields import Length, StepConfig


class VerifyConfig(StepConfig):
    """Which check, and how sure to be."""

    check: str = Field("", description="The check to probe; if not given, the one that the run is for")
    times: int = Field(1, ge=1, le=100, description="How often in a row it has to be healthy")
    every: Length = Field(timedelta(seconds=5), description="How long from one probe to the next")


class VerifyStep:
    """Probes a check now, and again, until it is healthy."""

    kind: ClassVar[str] = "verify"
    Config: ClassVar[type[VerifyConfig]] = VerifyConfig
    action_field: ClassVar[str] = "check"
    fixed_fields: ClassVar[frozenset[str]] = frozenset()
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = False

    def run(self, config: VerifyConfig, context: StepContext) -> Verify:  # noqa: ARG002 - the port's signature
        """Have healthmgr probe it, until it is healthy or the step's time is up."""
        return Verify(config.check, config.times, config.every)

    def describe(self, config: VerifyConfig) -> str:
        """Which check would be probed, and how often it has to be healthy."""
        often = "once" if config.times == 1 else f"{config.times} times in a row, {format_duration(config.every)} apart"
        return f"probe {config.check or 'the check'} until it is healthy {often}"
