"""The process in which `apart` has one function called: `python -m healthmgr.steps.apart_child ORDER ANSWER`.

Both are numbers of open files: from the first it reads what to call, into the second it writes what came of it.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
from typing import Any

from healthmgr.errors import StepError

_LONGEST_MESSAGE = 1000  # characters


def _main(order_file: int, answer_file: int) -> None:
    with os.fdopen(order_file, "rb") as told:
        order = json.load(told)
    answer = _answer(order["function"], order["arguments"])
    sys.stdout.flush()
    with os.fdopen(answer_file, "wb") as answered:
        answered.write(answer)


def _answer(function: str, arguments: dict[str, Any]) -> bytes:
    try:
        value = _call(function, arguments)
    except StepError as error:
        return _said(str(error), permanent=error.permanent, is_timeout=error.is_timeout, output=error.output)
    except Exception as error:
        return _said(f"{function}: {_last_line(error)}")
    try:
        return json.dumps({"value": value}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return _said(f"{function} did its work, but returned what is no JSON: {error}", permanent=True)


def _call(function: str, arguments: dict[str, Any]) -> Any:
    module, _, name = function.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise StepError(f"{function} cannot be imported: {_last_line(error)}", permanent=True) from error
    if not inspect.isroutine(found) or getattr(found, "__module__", module) != module:
        raise StepError(f"{function} is not a function of that module's own", permanent=True)
    try:
        inspect.signature(found).bind(**arguments)
    except TypeError as error:
        raise StepError(f"{function}: {error}", permanent=True) from error
    answer = found(**arguments)
    return asyncio.run(_wait_for(answer)) if inspect.isawaitable(answer) else answer


async def _wait_for(answer: Any) -> Any:
    return await answer


def _said(message: str, *, permanent: bool = False, is_timeout: bool = False, output: str = "") -> bytes:
    error = {
        "message": message[:_LONGEST_MESSAGE],
        "permanent": permanent,
        "is_timeout": is_timeout,
        "output": output,
    }
    return json.dumps({"error": error}).encode()


def _last_line(error: BaseException) -> str:
    lines = [each for each in str(error).splitlines() if each.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
