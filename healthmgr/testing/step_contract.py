"""What every kind of step owes, checked on the class and, given a configuration, on a run."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_args

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.step import Done, StepOutcome
from healthmgr.errors import StepError
from healthmgr.ports import StepType
from healthmgr.testing.plugin_contract import assert_config, assert_discreet, assert_plugin, owe
from healthmgr.testing.stepping import run_step, step_context

_GRACE = 1.0  # seconds beyond the timeout


def assert_step_type_contract(
    step_type: type[Any], config: Mapping[str, Any] | None = None, *, timeout: timedelta = timedelta(seconds=5)
) -> None:
    """Raises AssertionError, saying what to change, unless this class is a kind of step that healthmgr can use.

    With a `config`, as in a definitions file, it is described and run as well, once: it has to return one of the
    outcomes, or raise a StepError, within `timeout`; neither may tell a secret.
    """
    assert_plugin(step_type, "run", ["config", "context"])
    assert_plugin(step_type, "describe", ["config"])
    assert_config(step_type)
    name = step_type.__qualname__
    owe(isinstance(getattr(step_type, "is_destructive", None), bool), f"{name}: is_destructive has to be True or False")
    owe(isinstance(step_type(), StepType), f"{name}: it lacks something of healthmgr.ports.StepType")
    _assert_fields(step_type)
    if config is not None:
        assert_discreet(step_type, config, [_described(step_type, config), *_run(step_type, config, timeout)])


def _assert_fields(step_type: type[Any]) -> None:
    name, fields = step_type.__qualname__, step_type.Config.model_fields
    for said in ("action_field", "parameters_field"):
        field = getattr(step_type, said, "")
        owe(not field or field in fields, f"{name}.{said}: {field!r} is no field of Config")
    for said in ("fixed_fields", "url_fields"):
        named = getattr(step_type, said)
        owe(isinstance(named, frozenset), f"{name}.{said}: has to be a frozenset of names")
        unknown = [field for field in named if field.partition(".")[0] not in fields]
        owe(not unknown, f"{name}.{said}: {', '.join(unknown)} is no field of Config")


def _described(step_type: type[Any], config: Mapping[str, Any]) -> str:
    plugin = step_type()
    said = plugin.describe(plugin.Config.model_validate(dict(config)))
    is_line = isinstance(said, str) and bool(said.strip()) and "\n" not in said
    owe(is_line, f"{step_type.__qualname__}: describe has to say what would be done, in one line")
    return str(said)


def _run(step_type: type[Any], config: Mapping[str, Any], timeout: timedelta) -> list[str]:
    name = step_type.__qualname__
    started = time.monotonic()
    try:
        outcome: Any = run_step(step_type, config, step_context(timeout=timeout))
    except StepError as error:
        said = ["".join(traceback.format_exception(error)), error.output]
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__} escaped from run: raise StepError instead") from error
    else:
        owe(isinstance(outcome, get_args(StepOutcome)), f"{name}: run returned {type(outcome).__name__}, no outcome")
        said = [repr(outcome)]
        if isinstance(outcome, Done):
            _assert_done(name, outcome)
    is_in_time = time.monotonic() - started <= timeout.total_seconds() + _GRACE
    owe(is_in_time, f"{name}: run took longer than its timeout of {format_duration(timeout)}")
    return said


def _assert_done(name: str, outcome: Done) -> None:
    is_line = bool(outcome.message) and "\n" not in outcome.message
    owe(is_line, f"{name}: the message of its Done has to be one line")
    try:
        json.dumps(dict(outcome.facts))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{name}: the facts of its Done are no JSON ({error})") from error
