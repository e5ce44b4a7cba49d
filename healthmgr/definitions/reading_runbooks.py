"""Reads runbooks: what starts them, whom they ask, their limits, and whether their placeholders can be filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import PluginRegistry, RunbookDefinition
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.models_runbooks import BlastRadiusEntry, LimitsEntry, RunbookEntry
from healthmgr.definitions.reading_placeholders import PlaceholderReading
from healthmgr.definitions.reading_steps import STEPS, StepReading
from healthmgr.domain.escalation import Named, TargetKind
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.runbook import (
    ApprovalRule,
    Automation,
    BlastRadius,
    OnFailure,
    Rails,
    Runbook,
    Step,
    Trigger,
)

RUNBOOKS = "runbooks"

_MAY_APPROVE = (TargetKind.PERSON, TargetKind.TEAM)


@dataclass(frozen=True, slots=True)
class RunbookReading:
    """Reads runbooks into a draft; `run_timeout` is how long a run may take that does not say."""

    draft: Draft
    registry: PluginRegistry
    environ: Mapping[str, str]
    run_timeout: timedelta

    def read(self, name: str, written: Any) -> None:
        """Read one; what is wrong with it is said."""
        place: Location = (RUNBOOKS, name)
        entry, faulty = self.draft.judge(RunbookEntry, written, place)
        if entry is None:
            return
        reading = StepReading(self.draft, self.registry, self.environ)
        steps = tuple(reading.read(entry.steps, (*place, STEPS)))
        runbook = Runbook(
            name=name,
            steps=steps,
            title=entry.name,
            description=entry.description.strip(),
            automation=entry.automation,
            trigger=_trigger(entry),
            parameters=entry.parameters,
            target=entry.target,
            timeout=entry.timeout,
            approval=ApprovalRule(
                entry.approval.needed,
                tuple(self._approvers(entry.approval.by, (*place, "approval", "by"))),
                entry.approval.expires_after,
            ),
            rails=_rails(entry.limits),
            team=entry.team,
            verifies=entry.verify,
        )
        if "parameters" not in faulty:
            PlaceholderReading(self.draft, runbook, reading, place).judge()
        self._judge_times(runbook, reading.places)
        self._warn(entry, runbook, reading.places, place)
        self.draft.step_places.update({(name, step_id): where for step_id, where in reading.places.items()})
        self.draft.runbooks[name] = RunbookDefinition(runbook)

    def _approvers(self, written: list[str], place: Location) -> Iterator[str]:
        for index, text in enumerate(written):
            try:
                named = Named.parse(text)
            except ValueError as error:
                self.draft.say(str(error), *place, index)
                continue
            if named.kind not in _MAY_APPROVE:
                message = f"is a {named.kind}: people and teams approve, written as ada and team:web"
                self.draft.say(message, *place, index)
            else:
                yield named.name if named.kind is TargetKind.PERSON else str(named)

    def _judge_times(self, runbook: Runbook, places: Mapping[str, Location]) -> None:
        """No step may take longer than the whole run."""
        longest = runbook.timeout or self.run_timeout
        whose = "runbook" if runbook.timeout else "installation"
        for step in _each(runbook.steps):
            where = places[step.id]
            if step.timeout > longest:
                found = f"{format_duration(step.timeout)}, and the whole run {format_duration(longest)}"
                message = f"may take {found} (the {whose}'s timeout): shorten it, or give the runbook a longer one"
                self.draft.say(message, *where, "timeout")
            elif step.timeout * (step.retries + 1) + step.retry_after * step.retries > longest:
                message = f"with {step.retries} retries may take longer than the whole run, {format_duration(longest)}"
                self.draft.warn(message, *where, "retries")

    def _warn(self, entry: RunbookEntry, runbook: Runbook, places: Mapping[str, Location], place: Location) -> None:
        steps = list(_each(runbook.steps))
        for step in runbook.steps:
            if step.on_failure is OnFailure.ROLLBACK and not any(each.rollback for each in steps):
                message = "asks for a rollback, and no step says how it is undone: write `rollback` at one"
                self.draft.warn(message, *places[step.id], "on_failure")
        if runbook.automation is Automation.MANUAL and entry.trigger.model_fields_set:
            self.draft.warn("starts nothing, for this runbook is manual: people start it", *place, "trigger")


def _trigger(entry: RunbookEntry) -> Trigger:
    trigger = entry.trigger
    matchers = tuple(dict.fromkeys(matcher for text in trigger.match for matcher in parse_matchers(text)))
    return Trigger(tuple(trigger.checks), matchers, tuple(dict.fromkeys(trigger.severity)), trigger.on)


def _rails(entry: LimitsEntry) -> Rails:
    return Rails(
        max_attempts=entry.attempts,
        most_in_window=entry.most,
        window=entry.per,
        cool_down=entry.cool_down,
        target_cool_down=entry.target_cool_down,
        opens_after=entry.breaker,
        blast_radius=_blast_radius(entry.blast_radius),
    )


def _blast_radius(entry: BlastRadiusEntry) -> BlastRadius:
    is_share = entry.most is not None and entry.most.endswith("%")
    return BlastRadius(
        by=tuple(entry.by),
        most=int(entry.most) if entry.most is not None and not is_share else None,
        most_percent=float(entry.most[:-1]) if entry.most is not None and is_share else None,
        keep_healthy=entry.keep_healthy,
        is_canary_first=entry.canary,
    )


def _each(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from step.rollback
