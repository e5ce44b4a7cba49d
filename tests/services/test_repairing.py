"""Carrying out one step: everything that goes wrong is an answer, and nothing secret is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict

from healthmgr.domain.check import Severity
from healthmgr.domain.run import Broke, Progress
from healthmgr.domain.run_state import RunState, StepState
from healthmgr.domain.runbook import Runbook, Step
from healthmgr.domain.step import Balance, Done, StepOutcome
from healthmgr.errors import Conflict, StepError, UnknownPlugin
from healthmgr.ports import StepContext
from healthmgr.services.recovering_ports import ClaimedStep, Run, Trigger
from healthmgr.services.repairing import Repairing

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "geheim-4711"


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    what: str
    times: int = 1


class Played:
    """A kind of step that does what the test says."""

    kind = "played"
    Config = Config
    action_field = "what"
    fixed_fields: ClassVar[frozenset[str]] = frozenset()
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive = False

    def __init__(self, act: Callable[[Config, StepContext], StepOutcome]) -> None:
        self.act = act

    def run(self, config: Config, context: StepContext) -> StepOutcome:
        return self.act(config, context)

    def describe(self, config: Config) -> str:
        return config.what


class Kinds:
    def __init__(self, played: Played) -> None:
        self._played = played

    def step_type(self, kind: str) -> Any:
        if kind != "played":
            raise UnknownPlugin(f"There is no step type {kind!r}.")
        return self._played


class Instances:
    """Where balancers' wishes go."""

    def __init__(self) -> None:
        self.wishes: list[tuple[str, str, str, str]] = []

    def set_wanted(self, service: str, instance: str, wanted: str, by: str, now: datetime) -> None:
        if instance == "last":
            raise Conflict("it is the last one")
        self.wishes.append((service, instance, wanted, by))


def claimed(kind: str = "played", labels: dict[str, str] | None = None, **config: Any) -> ClaimedStep:
    step = Step("restart", kind, config={"what": "shop", **config}, timeout=timedelta(seconds=30))
    run = Run(
        id=UUID(int=7),
        progress=replace(Progress(Runbook("mend", (step,))), state=RunState.RUNNING),
        trigger=Trigger.HARD,
        target="api",
        severity=Severity.HIGH,
        problem_at=NOW,
        created_at=NOW,
        check="api",
        facts={"look": {"pid": 42}},
    )
    values = {"check": "api", "labels": labels or {}, "parameters": {}, "severity": "high", "steps": {}}
    return ClaimedStep(run, step, UUID(int=8), 3, values, NOW + timedelta(minutes=1))


def carried_out(act: Callable[[Config, StepContext], StepOutcome], step: ClaimedStep | None = None) -> Any:
    return Repairing(Kinds(Played(act)), {"TOKEN": SECRET}, Instances()).carry_out(step or claimed(), lambda: NOW)


def test_a_step_is_given_its_settings_filled_in_and_a_key_of_its_own() -> None:
    seen: list[tuple[Config, StepContext]] = []

    def act(config: Config, context: StepContext) -> Done:
        seen.append((config, context))
        return Done("done", facts={"pid": 1})

    step = claimed(what="{{ labels.host }}:${TOKEN}", labels={"host": "${TOKEN} {{ check }} $(rm)"})
    outcome, ended = carried_out(act, step)
    assert isinstance(outcome, Done)
    ((config, context),) = seen
    assert config.what == "${TOKEN} {{ check }} $(rm):" + SECRET
    assert context.key == f"{UUID(int=7)}/restart/1"
    assert (context.facts, context.timeout, context.now) == ({"look": {"pid": 42}}, timedelta(seconds=30), NOW)
    assert (ended.state, ended.message, ended.facts) == (StepState.SUCCEEDED, "done", {"pid": 1})


def test_no_secret_is_kept_of_what_a_step_says() -> None:
    outcome, ended = carried_out(
        lambda _config, _context: Done(f"used {SECRET}", output=f"x{SECRET}\0y", facts={"t": [SECRET]}),
        claimed(what="${TOKEN}"),
    )
    assert isinstance(outcome, Done)
    assert (ended.message, ended.output, ended.facts) == ("used ***", "x***y", {"t": ["***"]})


def _fails(error: Exception) -> Callable[[Config, StepContext], Done]:
    def act(_config: Config, _context: StepContext) -> Done:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "broke", "state"),
    [
        (StepError("503"), Broke("503"), StepState.FAILED),
        (StepError("404", permanent=True), Broke("404", is_permanent=True), StepState.FAILED),
        (StepError("late", is_timeout=True), Broke("late", is_timeout=True), StepState.TIMED_OUT),
        (StepError(f"token {SECRET}"), Broke("token ***"), StepState.FAILED),
        (
            RuntimeError(f"token {SECRET}"),
            Broke("the plugin of 'played' failed: RuntimeError", is_permanent=True),
            StepState.FAILED,
        ),
    ],
)
def test_everything_that_goes_wrong_is_an_answer(error: Exception, broke: Broke, state: StepState) -> None:
    outcome, ended = carried_out(_fails(error), claimed(what="${TOKEN}"))
    assert outcome == broke
    assert (ended.state, ended.message) == (state, broke.words)


def test_what_the_target_said_of_a_failure_is_kept() -> None:
    _, ended = carried_out(_fails(StepError("exit 3", output=f"no such unit {SECRET}")), claimed(what="${TOKEN}"))
    assert ended.output == "no such unit ***"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (claimed(kind="gone"), "There is no step type 'gone'."),
        (
            claimed(what="{{ labels.host }}"),
            "what: needs 'labels.host', which this run does not have: labels has nothing",
        ),
        (claimed(what="${NOT_SET}"), "${NOT_SET} is not set in this process: export NOT_SET or NOT_SET_FILE"),
        (claimed(times="many"), "its settings cannot be used: times: Input should be a valid integer"),
    ],
)
def test_a_step_that_cannot_be_prepared_has_failed_for_good(step: ClaimedStep, words: str) -> None:
    outcome, _ = carried_out(_fails(AssertionError("was run")), step)
    assert isinstance(outcome, Broke)
    assert outcome.is_permanent
    assert outcome.words.startswith(words)


def test_facts_that_cannot_be_kept_are_left_out_and_say_so() -> None:
    _, ended = carried_out(lambda _config, _context: Done("done", facts={"x": "y" * 20_000}))
    assert "longer than" in str(ended.facts["left_out"])
    _, ended = carried_out(lambda _config, _context: Done("done", facts={"x": float("nan")}))
    assert "cannot be kept" in str(ended.facts["left_out"])


def test_instances_are_drained_through_the_balancers_state() -> None:
    instances = Instances()

    def act(config: Config, _context: StepContext) -> Balance:
        return Balance("shop", config.what, "drained")

    repairing = Repairing(Kinds(Played(act)), {}, instances)
    outcome, ended = repairing.carry_out(claimed(what="web-1"), lambda: NOW)
    assert isinstance(outcome, Done)
    assert ended.message == "shop/web-1 is drained"
    assert instances.wishes == [("shop", "web-1", "drained", "runbook mend (run 0)")]
    refused, _ = repairing.carry_out(claimed(what="last"), lambda: NOW)
    assert refused == Broke("it is the last one", is_permanent=True)
    nowhere, _ = Repairing(Kinds(Played(act)), {}).carry_out(claimed(what="web-1"), lambda: NOW)
    assert isinstance(nowhere, Broke)


def test_a_kind_that_is_not_installed_here_counts_as_one_that_can_do_harm() -> None:
    repairing = Repairing(Kinds(Played(_fails(AssertionError()))), {})
    assert repairing.is_destructive("gone")
    assert not repairing.is_destructive("played")
