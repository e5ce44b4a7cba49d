"""Calls a function in a process of its own, which is ended with its time and with the worker that waits for it.

Libraries that wait for a server without a bound, and functions of other people's, cannot be stopped any other way.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.steps.output import line, shown
from healthmgr.steps.program import Ended, Program, run_program

_CHILD = "healthmgr.steps.apart_child"
_MOST_ANSWERED = 1 << 20  # bytes


def call_apart(
    function: str,
    arguments: Mapping[str, Any],
    timeout: timedelta,
    secrets: tuple[str, ...] = (),
    told: Mapping[str, str] | None = None,
) -> tuple[Any, str]:
    """What `function` ("package.module:name") returns, called with these by name, and what it printed.

    `told` are variables besides this process's own. Arguments and answer are JSON, and stand in no list of processes.
    Raises StepError where the function does, for any other exception of its, and at its deadline.
    """
    with TemporaryFile() as order, TemporaryFile() as answer:
        order.write(json.dumps({"function": function, "arguments": dict(arguments)}).encode())
        order.seek(0)
        files = (order.fileno(), answer.fileno())
        environment = {**os.environ, **(told or {}), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        words = [sys.executable, "-P", "-m", _CHILD, *map(str, files)]
        ended = run_program(Program(words, environment, str(Path.cwd()), files), timeout)
        printed = shown(ended.output, secrets)
        answer.seek(0)
        said = answer.read(_MOST_ANSWERED + 1)
    return _value(function, said, ended, timeout, printed, secrets), printed


def carry_out_apart(
    function: str, arguments: Mapping[str, Any], timeout: timedelta, secrets: tuple[str, ...] = ()
) -> Done:
    """The same for a function that returns the fields of a Done."""
    value, _ = call_apart(function, arguments, timeout, secrets)
    return Done(line(value["message"], secrets), shown(value.get("output", ""), secrets), value.get("facts", {}))


def _value(
    function: str, answered: bytes, ended: Ended, timeout: timedelta, printed: str, secrets: tuple[str, ...]
) -> Any:
    if ended.is_timeout:
        said = f"it was ended after {format_duration(timeout)}, before it was done"
        raise StepError(said, is_timeout=True, output=printed)
    if len(answered) > _MOST_ANSWERED:
        raise StepError(f"{function} returned more than {_MOST_ANSWERED} bytes", permanent=True, output=printed)
    try:
        answer = json.loads(answered)
    except ValueError:
        status = f"its process ended with exit status {ended.exit_status} and without an answer"
        raise StepError(f"{function}: {status}, so what it did is unknown", is_timeout=True, output=printed) from None
    if "error" in answer:
        error = answer["error"]
        raise StepError(
            line(error["message"], secrets, most=1000),
            permanent=error["permanent"],
            is_timeout=error["is_timeout"],
            output=shown(error["output"], secrets) or printed,
        )
    return answer["value"]
