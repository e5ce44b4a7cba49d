"""Evaluates the expressions of an HTTP check, where they may take long in a process of their own.

`python -m healthmgr.checks.http_child` is that process: it reads one order as JSON, answers in JSON and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import resource
import sys
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from healthmgr.checks.http_config import NAMES, Plan
from healthmgr.domain.assertion import Expression, NotEvaluable, Subject

_MOST_MEMORY = 1 << 30  # bytes of address space
_MOST_SECONDS = 10.0
_MODULE = "healthmgr.checks.http_child"
_AT_ONCE = 2  # such processes per event loop


@dataclass(slots=True)
class Verdicts:
    """What the expressions of one check say. `pattern` is why the body does not match; empty where it does."""

    complaints: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    pattern: str = ""


def evaluate(
    assertions: Sequence[Expression],
    metrics: Sequence[tuple[str, Expression]],
    pattern: Expression | None,
    values: dict[str, Any],
    absent: dict[str, str],
) -> Verdicts:
    """Evaluate everything; what has no value is told, never raised."""
    subject, verdicts = Subject(values, absent), Verdicts()
    for assertion in assertions:
        complaint = assertion.complaint(subject)
        if complaint:
            verdicts.complaints.append(complaint)
    for name, expression in metrics:
        try:
            verdicts.metrics[name] = expression.number(subject)
        except NotEvaluable as error:
            verdicts.notes.append(f"no metric {name}: {error}")
    if pattern is not None:
        try:
            verdicts.pattern = "" if pattern.value(subject) is True else "no match"
        except NotEvaluable as error:
            verdicts.pattern = str(error)
    return verdicts


class _Turns:
    """Who may start a process: a few at once on each event loop, the others wait."""

    def __init__(self) -> None:
        self._made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    def here(self) -> asyncio.Semaphore:
        """The turns of the running loop."""
        return self._made.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))


_turns = _Turns()


async def ask_child(plan: Plan, values: dict[str, Any], absent: dict[str, str], time_left: float) -> Verdicts:
    """The same as `evaluate`, in a process that is ended after `time_left` seconds, 10 at most.

    Where it does not answer, every assertion and the pattern fail for that reason.
    """
    seconds = min(_MOST_SECONDS, time_left)
    order = {
        "assertions": [expression.text for expression in plan.assertions],
        "metrics": [(name, expression.text) for name, expression in plan.metrics],
        "pattern": plan.pattern.text if plan.pattern is not None else None,
        "values": values,
        "absent": absent,
        "seconds": math.ceil(seconds) + 1,
    }
    reason = f"this took longer than {seconds:.3g} s to evaluate"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), _turns.here():
            found = await _converse(json.dumps(order).encode())
            if found is not None:
                return Verdicts(**found)
            reason = "this took more time or memory to evaluate than it may"
    return Verdicts(
        complaints=[f"expected {expression.text}, but {reason}" for expression in plan.assertions],
        notes=[f"no metric {name}: {reason}" for name, _ in plan.metrics],
        pattern=reason if plan.pattern is not None else "",
    )


async def _converse(order: bytes) -> dict[str, Any] | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        _MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        said, _ = await process.communicate(order)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return json.loads(said) if process.returncode == 0 else None


def _main() -> None:
    order = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (order["seconds"], order["seconds"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    verdicts = evaluate(
        [Expression(text, NAMES) for text in order["assertions"]],
        [(name, Expression(text, NAMES)) for name, text in order["metrics"]],
        Expression(order["pattern"], NAMES) if order["pattern"] is not None else None,
        order["values"],
        order["absent"],
    )
    json.dump(asdict(verdicts), sys.stdout)


if __name__ == "__main__":
    _main()
