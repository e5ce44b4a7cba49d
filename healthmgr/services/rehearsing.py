"""Rehearsing a runbook: what a run would do, step by step, and whether it would be let. Nothing is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from pydantic import ValidationError

from healthmgr.definitions.faults import explain
from healthmgr.definitions.plugin_config import Resolution
from healthmgr.domain.approval import needs_approval
from healthmgr.domain.assertion import NotEvaluable
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.condition import compile_condition, complaint_of
from healthmgr.domain.placeholder import fill, fill_text, placeholders_in
from healthmgr.domain.rails import RecoveryRules
from healthmgr.domain.rehearsal import Rehearsal, RehearsedStep
from healthmgr.domain.run_values import CHECK, SEVERITY, STEPS, values_of
from healthmgr.domain.runbook import Automation, Runbook, Step
from healthmgr.errors import Conflict, NotFound, PluginError
from healthmgr.services.recovering import Verdict
from healthmgr.services.recovering_making import refuse_unknown
from healthmgr.services.recovering_ports import Called, StepKinds

_SOMEBODY = "somebody"
_FAILING = (Status.DEGRADED, Status.UNHEALTHY)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be rehearsed: for a check, for labels that an alert would have, or for both put together."""

    runbook: str
    check: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


class RehearsingTransaction(Protocol):
    """What a rehearsal reads."""

    def runbook(self, name: str) -> Runbook | None:
        """The runbook of this name."""
        ...

    def called(self, check: str, now: datetime) -> Called | None:
        """A check as a run of its runbook would be about it."""
        ...


class RehearsingStore(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractContextManager[RehearsingTransaction]:
        """A transaction that changes nothing."""
        ...


class Judge(Protocol):
    """Whoever knows the rails."""

    def judge(self, runbook: Runbook, check: str, now: datetime, *, is_automatic: bool = True) -> Verdict:
        """What would be said of a run that started now."""
        ...


class Rehearsing:
    """Says what runs would do."""

    def __init__(
        self,
        store: RehearsingStore,
        judge: Judge,
        kinds: StepKinds,
        environ: Mapping[str, str],
        rules: RecoveryRules,
    ) -> None:
        self._store = store
        self._rules = rules
        self._judge = judge
        self._kinds = kinds
        self._environ = environ

    def rehearse(self, wish: Wish, now: datetime) -> Rehearsal:
        """What a run of it would do now.

        Raises NotFound for a runbook or check that there is not, and Conflict for a parameter that is not taken.
        """
        with self._store.begin() as transaction:
            runbook = transaction.runbook(wish.runbook)
            if runbook is None:
                hint = "`healthmgr runbooks list` shows those that exist"
                raise NotFound(f"There is no runbook {wish.runbook!r}: {hint}")
            check = wish.check or (runbook.trigger.checks[0] if len(runbook.trigger.checks) == 1 else "")
            called = transaction.called(check, now) if check else None
            if check and called is None:
                raise NotFound(f"There is no check {check!r}: `healthmgr checks list` shows those that exist")
        refuse_unknown(runbook, wish.parameters)
        labels = {**(called.labels if called is not None else {}), **wish.labels}
        severity = _severity(called, wish.labels)
        parameters = {**runbook.parameters, **wish.parameters}
        values = values_of(check or labels.get(CHECK, ""), severity, labels, parameters, {})
        starts_by_itself = runbook.automation is not Automation.MANUAL
        complete = replace(runbook, parameters=parameters)
        verdict = self._judge.judge(complete, check, now, is_automatic=starts_by_itself) if check else None
        return Rehearsal(
            runbook=runbook,
            check=check,
            severity=severity,
            labels=labels,
            parameters=parameters,
            missing=tuple(sorted(name for name, value in parameters.items() if value is None)),
            target=_target(runbook, values),
            steps=tuple(self._rehearsed(step, values) for step in runbook.steps),
            asks=needs_approval(
                runbook,
                severity,
                started_by="" if starts_by_itself else _SOMEBODY,
                asks_for_critical=self._rules.asks_for_critical,
            ),
            judgement=verdict.judgement if verdict is not None else None,
        )

    def _rehearsed(self, step: Step, values: Mapping[str, Any]) -> RehearsedStep:
        is_taken, why = _condition(step.when, values)
        words, fault = self._described(step, values)
        rollback = tuple(self._rehearsed(undoing, values) for undoing in step.rollback)
        return RehearsedStep(step, words, fault, is_taken, why, rollback)

    def _described(self, step: Step, values: Mapping[str, Any]) -> tuple[str, str]:
        """What a step would do, and what is wrong with it. No secret is in either."""
        later = _facts_of_later(step.config)
        resolution = Resolution(self._environ)
        try:
            plugin = self._kinds.step_type(step.kind)
            known = {**values, STEPS: later}
            config = fill(
                step.config, known, url_fields=plugin.url_fields, literal=lambda text: str(resolution.of(text))
            )
            if resolution.missing:
                return "", "; ".join(message for _, message in resolution.missing)
            words = resolution.conceal(plugin.describe(plugin.Config.model_validate(config)))
            return _readable(words, step.config), ""
        except ValidationError as error:
            if later:
                return f"{step.kind}, with what {', '.join(sorted(later))} will have found", ""
            faults = (
                f"{'.'.join(map(str, place)) or 'its settings'}: {message}"
                for place, message in explain(error, plugin.Config, step.config)
            )
            return "", resolution.conceal("; ".join(faults))
        except PluginError as error:
            return "", resolution.conceal(str(error))


def _target(runbook: Runbook, values: Mapping[str, Any]) -> str:
    try:
        return fill_text(runbook.target, values) if runbook.target else str(values[CHECK])
    except PluginError as error:
        return f"cannot be told: {error}"


def _condition(text: str, values: Mapping[str, Any]) -> tuple[bool | None, str]:
    if not text:
        return True, ""
    try:
        if STEPS in compile_condition(text).names:
            return None, f"if {text}, which is known when its turn comes"
        complaint = complaint_of(text, values)
    except (ValueError, NotEvaluable) as error:
        return None, f"if {text}, but {error}"
    return not complaint, complaint or f"for {text}"


def _facts_of_later(config: Mapping[str, Any]) -> dict[str, Any]:
    """For what earlier steps will have noted, the placeholder itself, so that it is seen where it would land."""
    found: dict[str, Any] = {}
    for path in _step_placeholders(config):
        inner = found
        for part in path[:-1]:
            inner = inner.setdefault(part, {}) if isinstance(inner.get(part, {}), dict) else {}
        inner[path[-1]] = _placeholder(path)
    return found


def _readable(words: str, config: Mapping[str, Any]) -> str:
    """With the placeholders that stay as they are written, also where an address has them percent-encoded."""
    for path in _step_placeholders(config):
        placeholder = _placeholder(path)
        words = words.replace(quote(placeholder, safe=""), placeholder)
    return words


def _placeholder(path: list[str]) -> str:
    return f"{{{{ {STEPS}.{'.'.join(path)} }}}}"


def _step_placeholders(config: Mapping[str, Any]) -> Iterator[list[str]]:
    for _, name in placeholders_in(config):
        root, _, rest = name.partition(".")
        if root == STEPS and rest:
            yield rest.split(".")


def _severity(called: Called | None, labels: Mapping[str, str]) -> Severity:
    """The one that is asked for, else that of the problem; of a check that is well, the one that its failing has."""
    asked = labels.get(SEVERITY)
    if asked is not None:
        try:
            return Severity(asked)
        except ValueError:
            raise Conflict(f"There is no severity {asked!r}: write {', '.join(Severity)}.") from None
    if called is None:
        return Severity.HIGH
    return called.severity if called.status in _FAILING else called.check.severity
