"""The contract that authors of steps are given: a step that keeps it passes, and every breach is found."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from healthmgr.domain.step import Done, Pause
from healthmgr.errors import StepError
from healthmgr.testing import assert_step_type_contract, run_step, step_context

SHORT = timedelta(seconds=0.2)


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    token: SecretStr = Field(SecretStr(""), description="what lets us in")


class GoodStep:
    kind = "good"
    action_field = "token"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"token.0"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive = True
    Config: ClassVar[type[BaseModel]] = Config

    def run(self, config: Any, context: Any) -> Any:
        return Done("done", "all of it", {"key": context.key})

    def describe(self, config: Any) -> str:
        return "do it"


def step(**changes: Any) -> type:
    """A step that differs from a good one in this."""
    return type("BadStep", (GoodStep,), changes)


def _waits(self: Any, config: Any, context: Any) -> Pause:
    return Pause(timedelta(seconds=1))


def _fails(self: Any, config: Any, context: Any) -> Done:
    raise StepError("no", permanent=True, output="no way")


def _raises(self: Any, config: Any, context: Any) -> Done:
    raise OSError("no route")


def _tells(self: Any, config: Any, context: Any) -> Done:
    raise StepError("no", output=f"tried {config.token.get_secret_value()}")


def _tells_when_done(self: Any, config: Any, context: Any) -> Done:
    return Done("done", facts={"with": config.token.get_secret_value()})


def _hangs(self: Any, config: Any, context: Any) -> Done:
    threading.Event().wait(1.5)
    return Done("late")


BAD_STEPS = {
    "kind has to be a name": step(kind="Not a name"),
    "there is no method 'describe'": step(describe=None),
    "has to take (config, context)": step(run=lambda self, config: None),
    "has to take (config)": step(describe=lambda self: ""),
    "is_destructive has to be": step(is_destructive="rather"),
    "action_field: 'path' is no field": step(action_field="path"),
    "parameters_field: 'rest' is no field": step(parameters_field="rest"),
    "fixed_fields: path is no field": step(fixed_fields=frozenset({"path"})),
    "url_fields: has to be a frozenset": step(url_fields=["token"]),
    "describe has to say": step(describe=lambda self, config: "one\ntwo"),
    "OSError escaped": step(run=_raises),
    "it tells a secret": step(run=_tells),
    "BadStep: it tells a secret": step(run=_tells_when_done),
    "run returned NoneType": step(run=lambda self, config, context: None),
    "has to be one line": step(run=lambda self, config, context: Done("")),
    "are no JSON": step(run=lambda self, config, context: Done("done", facts={"x": object()})),
    "run took longer": step(run=_hangs),
}


def test_a_good_step_keeps_the_contract() -> None:
    for kind in (GoodStep, step(run=_waits), step(run=_fails)):
        assert_step_type_contract(kind, {"token": "hidden"})


@pytest.mark.parametrize("said", BAD_STEPS)
def test_every_breach_by_a_step_is_found(said: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_step_type_contract(BAD_STEPS[said], {"token": "hidden"}, timeout=SHORT)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_step_is_run_as_a_worker_does() -> None:
    context = step_context(attempt=2)
    assert run_step(GoodStep, {}, context) == Done("done", "all of it", {"key": f"{context.run_id}:step:2"})
    with pytest.raises(ValidationError):
        run_step(GoodStep(), {"surprise": 1})
