"""Events: what happened, as programs outside are told of it, and who wants to hear of which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from healthmgr.domain.matcher import Matcher, match_all
from healthmgr.errors import DefinitionError, Problem

NAMES = (
    "alert_triggered",
    "alert_acknowledged",
    "alert_resolved",
    "check_state_changed",
    "notification_sent",
    "notification_failed",
    "incident_opened",
    "incident_acknowledged",
    "incident_unacknowledged",
    "incident_resolved",
    "escalation_started",
    "recovery_started",
    "recovery_successful",
    "recovery_ended",
    "approval_asked",
    "approval_decided",
    "silence_created",
    "silence_changed",
)
# Told in place of events that were forgotten before somebody read them: what they say has to be asked for anew.
RESET = "reset"
_AS_LABELS = ("check", "service", "severity", "route", "runbook", "recipient", "channel")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events somebody wants to hear of: those of these names (none: all) whose labels every matcher fits."""

    names: frozenset[str] = frozenset()
    matchers: tuple[Matcher, ...] = ()

    def takes(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether an event of this name with these labels is among them."""
        return (not self.names or name in self.names) and match_all(self.matchers, labels)


def labels_of(data: Mapping[str, Any]) -> dict[str, str]:
    """The labels of what an event tells of, and its check, service, severity and the like as further ones.

    An incident has those of the alert that it is shown by, too, where it has none of its own of that name.
    """
    alert = data.get("alert") or {}
    own = {name: str(facts[name]) for facts in (alert, data) for name in _AS_LABELS if facts.get(name)}
    labels = {**(alert.get("labels") or {}), **own, **(data.get("labels") or {})}
    return {str(name): str(value) for name, value in labels.items()}


def read_names(names: Iterable[str]) -> frozenset[str]:
    """These names. Raises DefinitionError naming those that no event has."""
    problems = [
        Problem(f"{name!r} is no event: use one of {', '.join(NAMES)}", path="types")
        for name in names
        if name not in NAMES
    ]
    if problems:
        raise DefinitionError(problems)
    return frozenset(names)
