"""Steps that are played: a story's world notes what was done to it, and answers as the story says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel

from healthmgr.bootstrap_recovery import recovery_rules
from healthmgr.domain.step import Done, StepOutcome
from healthmgr.ports import StepContext, StepType
from healthmgr.services.recovering import Recovering
from healthmgr.services.repairing import Balancer, Repairing
from healthmgr.storage.recovering_rows import RecoveringRows
from healthmgr.storage.transactions import Transactions
from tests.stories.playing import AnyConfig

PASSIVE = {"notification", "wait", "verify", "approval", "load_balancer"}


@dataclass
class Deed:
    """Something that a step did to the world."""

    kind: str
    context: StepContext
    config: dict[str, Any]

    @property
    def step(self) -> str:
        """The step that did it."""
        return self.context.step


@dataclass
class PlayedStep:
    """A kind of step that changes something, played."""

    steps: PlayedSteps
    kind: str
    Config: type[BaseModel] = AnyConfig
    action_field: str = ""
    fixed_fields: ClassVar[frozenset[str]] = frozenset()
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: bool = True

    def run(self, config: AnyConfig, context: StepContext) -> StepOutcome:
        """Note that it was done, and answer as the story says."""
        deed = Deed(self.kind, context, config.model_dump())
        self.steps.deeds.append(deed)
        answer = self.steps.answers.get(context.step)
        return (answer(deed) if answer else None) or Done("done")

    def describe(self, config: AnyConfig) -> str:
        """What it would do."""
        return f"play {self.kind} with {config.model_dump()}"


@dataclass
class PlayedSteps:
    """The kinds of steps of a story: those that only decide are the real ones."""

    registry: Any
    deeds: list[Deed] = field(default_factory=list)
    answers: dict[str, Callable[[Deed], StepOutcome | None]] = field(default_factory=dict)

    def step_type(self, kind: str) -> StepType:
        """The kind of this name (the port that repairing looks kinds up by)."""
        return self.registry.step_type(kind) if kind in PASSIVE else PlayedStep(self, kind)

    def done(self) -> list[str]:
        """The steps that did something, in their order."""
        return [deed.step for deed in self.deeds]


def recovering_with(
    healthmgr: Any, engine: Any, steps: PlayedSteps, worker: str = "story", balancer: Balancer | None = None
) -> Recovering:
    """The real recovery over real rows, its steps played; `balancer` stands before the real instances of services."""
    rows = partial(RecoveringRows, needs_address=lambda kind: kind != "webhook")
    return Recovering(
        Transactions(engine, rows),
        Transactions(engine, partial(rows, will_remind=False)),
        Repairing(steps, {"TOKEN": "geheim-4711"}, balancer or healthmgr.balancing),
        recovery_rules(healthmgr.settings),
        worker,
    )
