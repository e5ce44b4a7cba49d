"""What the end of a program means for the step that ran it."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from datetime import timedelta

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.steps.output import line, shown
from healthmgr.steps.program import Ended


def judge_ending(
    name: str, ended: Ended, timeout: timedelta, expected: Iterable[int] = (0,), secrets: Iterable[str] = ()
) -> Done:
    """Done where it ended by itself with one of the statuses expected; raises StepError otherwise."""
    output = shown(ended.output, secrets)
    if ended.is_timeout:
        raise StepError(f"{name} was ended after {format_duration(timeout)}", is_timeout=True, output=output)
    if ended.exit_status not in tuple(expected):
        raise StepError(f"{name} {_ending(ended.exit_status)}{_last_line(output)}", output=output)
    return Done(f"{name} ended with exit status {ended.exit_status}", output, {"exit_status": ended.exit_status})


def _ending(exit_status: int) -> str:
    if exit_status >= 0:
        return f"ended with exit status {exit_status}"
    try:
        return f"was ended by the signal {signal.Signals(-exit_status).name}"
    except ValueError:
        return f"was ended by the signal {-exit_status}"


def _last_line(output: str) -> str:
    lines = [each for each in output.splitlines() if each.strip()]
    return f": {line(lines[-1])}" if lines else ""
