"""One strange point is no problem yet: how many, or for how long, until somebody is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Gate(StrEnum):
    """Where a series stands between calm and told, and why."""

    CALM = "calm"
    WAITING = "waiting"  # strange, and not yet often or long enough
    CONSENSUS = "consensus"  # so many of the last points are strange
    LASTING = "lasting"  # strange for so long without a break

    @property
    def is_open(self) -> bool:
        """Whether an alert is due."""
        return self in (Gate.CONSENSUS, Gate.LASTING)


@dataclass(frozen=True, slots=True)
class GateRule:
    """Opens when `needed` of the last `out_of` points are strange, or all are for `lasting`; closes when none is."""

    needed: int = 3
    out_of: int = 5
    lasting: timedelta | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.out_of <= 64:
            raise ValueError(
                f"{self.needed} of the last {self.out_of} points can't be: write 1 to 64 points, and no more needed"
            )
        if self.lasting is not None and self.lasting <= timedelta(0):
            raise ValueError(f"a deviation can't last for {self.lasting}: write a length above zero")


@dataclass(frozen=True, slots=True)
class AnomalyGate:
    """What a series' last points were: `with_point` gives the next one. `points` has the newest as its lowest bit."""

    rule: GateRule = GateRule()
    points: int = 0
    strange_since: datetime | None = None
    was_open: bool = False

    def with_point(self, at: datetime, is_strange: bool) -> AnomalyGate:
        """The gate after one more point."""
        points = ((self.points << 1) | is_strange) & ((1 << self.rule.out_of) - 1)
        since = (self.strange_since or at) if is_strange else None
        gate = AnomalyGate(self.rule, points, since, self.was_open)
        is_open = gate._opens(at) is not None or (self.was_open and points > 0)
        return AnomalyGate(self.rule, points, since, is_open)

    def decide(self, at: datetime) -> Gate:
        """Where it stands at this time. Once open it stays open until no recent point is strange."""
        if reason := self._opens(at):
            return reason
        if not self.points:
            return Gate.CALM
        return Gate.CONSENSUS if self.was_open else Gate.WAITING

    def _opens(self, at: datetime) -> Gate | None:
        if self.points.bit_count() >= self.rule.needed:
            return Gate.CONSENSUS
        lasting, since = self.rule.lasting, self.strange_since
        return Gate.LASTING if lasting is not None and since is not None and at - since >= lasting else None

    def to_state(self) -> dict[str, Any]:
        """What is kept of it, for JSON; its rule comes from the definitions."""
        since = self.strange_since.isoformat() if self.strange_since else None
        return {"points": self.points, "strange_since": since, "was_open": self.was_open}

    @classmethod
    def from_state(cls, rule: GateRule, state: Mapping[str, Any]) -> AnomalyGate:
        """The gate that `to_state` described, under this rule: one that asks for fewer forgets the older ones."""
        since = datetime.fromisoformat(state["strange_since"]) if state["strange_since"] else None
        points = int(state["points"]) & ((1 << rule.out_of) - 1)
        return cls(rule, points, since, bool(state["was_open"]) and points > 0)
