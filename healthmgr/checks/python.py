"""Python: a function of your own, importable where the worker runs, says how things are."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.errors import HealthmgrError, ProbeError
from healthmgr.ports import ProbeContext

_SAID = frozenset({"status", "message", "response_time", "responseTime", "metrics", "timestamp"})
_FORMS = "an Outcome, True or False, None, a (status, message) pair, or a dict with status, message and numbers"


class PythonConfig(BaseModel):
    """Which function to call, and with what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    function: str = Field(pattern=r"^[\w.]+:[\w.]+$", description="The function, as package.module:name")
    args: dict[str, Any] | list[Any] = Field(default_factory=dict, description="Its arguments, by name or in order")


class PythonCheck:
    """Calls a function."""

    kind: ClassVar[str] = "python"
    Config: ClassVar[type[BaseModel]] = PythonConfig
    uses_network: ClassVar[bool] = False

    def probe(self, config: PythonConfig, context: ProbeContext) -> Outcome:
        """Call the function; its own exceptions are unhealthy. Raises ProbeError when it can't be imported or read."""
        function = _find(config.function)
        try:
            answer = _call(function, config.args)
            if inspect.isawaitable(answer):
                answer = asyncio.run(_wait_for(answer, context))
        except HealthmgrError:
            raise
        except Exception as error:
            return Outcome(Status.UNHEALTHY, _last_line(error))
        return _read(answer, config.function)


def _find(function: str) -> Callable[..., Any]:
    module, _, path = function.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise ProbeError(f"{function} cannot be imported: {_last_line(error)}") from error
    if not callable(found):
        raise ProbeError(f"{function} is not a function")
    return found  # type: ignore[no-any-return]


def _call(function: Callable[..., Any], args: dict[str, Any] | list[Any]) -> Any:
    return function(**args) if isinstance(args, dict) else function(*args)


async def _wait_for(answer: Any, context: ProbeContext) -> Any:
    deadline = asyncio.timeout(context.timeout.total_seconds())
    try:
        async with deadline:
            return await answer
    except TimeoutError:
        if deadline.expired():
            return Outcome(Status.UNHEALTHY, f"timed out after {format_duration(context.timeout)}")
        raise


def _read(answer: Any, function: str) -> Outcome:
    """What the function meant, in any of the forms it may answer in."""
    if isinstance(answer, Outcome):
        return answer
    if answer is None or isinstance(answer, bool):
        status = Status.UNHEALTHY if answer is False else Status.HEALTHY
        return Outcome(status, f"{function} returned {answer}")
    if isinstance(answer, Mapping):
        return _read_mapping(answer, function)
    if isinstance(answer, tuple) and len(answer) == 2:
        return Outcome(_status(answer[0], function), str(answer[1]))
    raise ProbeError(f"{function} returned {type(answer).__name__}: return {_FORMS}")


def _read_mapping(answer: Mapping[str, Any], function: str) -> Outcome:
    status = _status(answer.get("status", Status.HEALTHY), function)
    response_time = answer.get("response_time")
    if response_time is None and isinstance(milliseconds := answer.get("responseTime"), int | float):
        response_time = milliseconds / 1000
    numbers = dict(answer.get("metrics") or {})
    numbers.update({k: v for k, v in answer.items() if k not in _SAID})
    metrics = {str(k): float(v) for k, v in numbers.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    message = str(answer.get("message") or f"{function} returned {status.value}")
    return Outcome(status, message, None if response_time is None else float(response_time), metrics)


def _status(value: Any, function: str) -> Status:
    try:
        return Status(str(value).lower())
    except ValueError as error:
        names = ", ".join(status.value for status in Status)
        raise ProbeError(f"{function} returned the status {value!r}: expected one of {names}") from error


def _last_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__
