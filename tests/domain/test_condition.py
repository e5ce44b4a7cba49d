"""Conditions of steps."""

from __future__ import annotations

import pytest

from healthmgr.domain.assertion import NotEvaluable
from healthmgr.domain.check import Severity
from healthmgr.domain.condition import compile_condition, complaint_of
from healthmgr.domain.run_values import values_of

_VALUES = values_of(
    "shop", Severity.CRITICAL, {"host": "web-1"}, {"service": "shop", "most": 3}, {"drain": {"sessions": 0}}
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'severity == "critical"',
        'check == "shop" && labels.host.startsWith("web")',
        'parameters.most > 2 && steps["drain"].sessions == 0',
        'has(labels.host) && !("zone" in labels)',
    ],
)
def test_a_condition_holds_over_what_the_run_knows(text: str) -> None:
    assert complaint_of(text, _VALUES) == ""


def test_a_condition_that_does_not_hold_says_what_was_found() -> None:
    assert complaint_of('severity == "low"', _VALUES) == 'expected severity == "low", found severity = "critical"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters.most", "parameters.most is neither true nor false"),
        ("labels.zone == 'eu'", "there is no 'zone'"),
        ("severity ==", "is not an expression in CEL"),
        ("[1,2,3].all(a, [1,2,3].all(b, [a,b].all(c, [a,b,c].all(d, [a].map(e, e) == [d]))))", "could take"),
    ],
)
def test_what_can_be_neither_true_nor_false_is_said(text: str, message: str) -> None:
    with pytest.raises(NotEvaluable, match=message.replace("[", r"\[").replace("(", r"\(")):
        complaint_of(text, _VALUES)


def test_a_condition_speaks_of_what_a_run_knows_alone() -> None:
    with pytest.raises(ValueError, match=r"there is no 'json' in 'json.ok'; there is check, labels, parameters, "):
        compile_condition("json.ok")
