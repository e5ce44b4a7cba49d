"""Conditions of steps: an expression in CEL over what a run knows, which has to be true for its step to be taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from healthmgr.domain.assertion import Expression, NotEvaluable, Subject, size_of
from healthmgr.domain.run_values import NAMES

_DEAREST = 0.1  # seconds: nothing can interrupt the evaluator, and the run's heartbeat waits for it


def compile_condition(text: str) -> Expression:
    """The expression; raises ValueError saying what is wrong with it."""
    return Expression(text, NAMES)


def complaint_of(text: str, values: Mapping[str, Any]) -> str:
    """Why a condition does not hold over these values (see `run_values`); "" where it holds, and where there is none.

    Raises NotEvaluable for what can be neither true nor false, and for what could take too long.
    """
    if not text:
        return ""
    try:
        expression = compile_condition(text)
    except ValueError as error:
        raise NotEvaluable(str(error)) from error
    cost = expression.cost({name: size_of(values[name]) for name in expression.names if name in values})
    if cost > _DEAREST:
        raise NotEvaluable(f"{text} could take {cost:.1f} s over these values: {_DEAREST} s is allowed")
    subject = Subject(values)
    value = expression.value(subject)
    if not isinstance(value, bool):
        raise NotEvaluable(f"{text} is neither true nor false")
    return "" if value else expression.complaint(subject)
