"""What an answer is worth: its status, its body, the assertions over it, and the numbers in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from healthmgr.checks.http_child import Verdicts, ask_child, evaluate
from healthmgr.checks.http_config import HttpConfig, Plan
from healthmgr.checks.http_exchange import Answer
from healthmgr.checks.http_words import answer_line, plain
from healthmgr.domain.assertion import NotEvaluable, size_of
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome

_CHEAP = 0.02  # seconds that the event loop, and every other probe with it, may be held up


async def judge(
    config: HttpConfig, plan: Plan, answer: Answer, facts: dict[str, float], seconds: float, time_left: float
) -> Outcome:
    """The outcome, whose metrics begin with `facts`.

    `seconds` is what the exchange took, `time_left` what expressions may take.
    """
    metrics = {"status_code": float(answer.status), "body_bytes": float(len(answer.body)), **facts}
    if config.metrics_from_body:
        metrics.update(_metrics_in(answer.body))
    said = answer_line(answer.status, answer.reason)
    if answer.redirects:
        said += f" at {plain(answer.url)}"
    complaint = "" if answer.status in plan.statuses else _status_complaint(config)
    complaint = complaint or _text_complaint(config, answer)
    notes: list[str] = []
    if plan.assertions or plan.metrics or plan.pattern:
        verdicts = await _verdicts(plan, answer, seconds, time_left)
        metrics.update(verdicts.metrics)
        complaint = complaint or _pattern_complaint(config, answer, verdicts) or "; ".join(verdicts.complaints)
        notes = verdicts.notes
    if complaint:
        return Outcome(Status.UNHEALTHY, f"answered {said}, {complaint}", response_time=seconds, metrics=metrics)
    message = f"{said} ({'; '.join(notes)})" if notes else said
    return Outcome(Status.HEALTHY, message, response_time=seconds, metrics=metrics)


def _status_complaint(config: HttpConfig) -> str:
    return f"expected {' or '.join(str(pattern) for pattern in config.expected_status)}"


def _text_complaint(config: HttpConfig, answer: Answer) -> str:
    if config.expect_body is None and config.forbid_body is None:
        return ""
    text = answer.text
    if config.expect_body is not None and config.expect_body not in text:
        return f"without {config.expect_body!r} in {_where(config, answer)}"
    if config.forbid_body is not None and config.forbid_body in text:
        return f"with {config.forbid_body!r}, which is forbidden, in its body"
    return ""


def _pattern_complaint(config: HttpConfig, answer: Answer, verdicts: Verdicts) -> str:
    if config.match_body is None or not verdicts.pattern:
        return ""
    if verdicts.pattern == "no match":
        return f"without a match of {config.match_body!r} in {_where(config, answer)}"
    return f"and its body could not be searched for {config.match_body!r}: {verdicts.pattern}"


def _where(config: HttpConfig, answer: Answer) -> str:
    size = len(answer.body)
    return f"the first {config.max_body} bytes" if size >= config.max_body else f"its {size} bytes"


async def _verdicts(plan: Plan, answer: Answer, seconds: float, time_left: float) -> Verdicts:
    """What the expressions say: here when that is sure to be quick, else in a process that can be ended."""
    expressions = [*plan.assertions, *(expression for _, expression in plan.metrics)]
    if plan.pattern is not None:
        expressions.append(plan.pattern)
    names = frozenset[str]().union(*(expression.names for expression in expressions))
    values, absent = _values(answer, seconds, names)
    sizes = {name: size_of(value) for name, value in values.items()}
    if sum(expression.cost(sizes) for expression in expressions) <= _CHEAP:
        return evaluate(plan.assertions, plan.metrics, plan.pattern, values, absent)
    return await ask_child(plan, values, absent, time_left)


def _values(answer: Answer, seconds: float, names: frozenset[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of these names, and for those that have none, why."""
    makers: dict[str, Callable[[], Any]] = {
        "status": lambda: answer.status,
        "headers": lambda: answer.headers,
        "body": lambda: answer.text,
        "json": lambda: _parsed(answer.body),
        "response_time": lambda: seconds,
    }
    values: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for name in names:
        try:
            values[name] = makers[name]()
        except NotEvaluable as error:
            absent[name] = str(error)
    return values, absent


def _parsed(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotEvaluable("the body is not JSON") from None
    try:
        size_of(document)
    except NotEvaluable as error:
        raise NotEvaluable(f"the JSON of the body is not looked into: {error}") from None
    return document


def _metrics_in(body: bytes) -> dict[str, float]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    nested = document.get("metrics")
    return {**_numbers(document), **(_numbers(nested) if isinstance(nested, dict) else {})}


def _numbers(members: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in members.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    }
