"""Expressions over an answer: what they say, why they fail, and what they may cost."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from healthmgr.domain.assertion import DEEPEST, MOST_VALUES, Expression, NotEvaluable, Size, Subject, size_of

NAMES = ("status", "headers", "body", "json", "response_time")
VALUES: dict[str, Any] = {
    "status": 200,
    "headers": {"content-type": "text/html"},
    "body": "hello é€",
    "json": {"pool": {"used": 5, "max": 10.5}, "nothing": None, "list": [1, 2, 3], "name": "a", "ok": True},
    "response_time": 0.12,
}


def complaint(text: str, values: dict[str, Any] | None = None) -> str:
    return Expression(text, NAMES).complaint(Subject(VALUES if values is None else values))


@pytest.mark.parametrize(
    "text",
    [
        "status == 200",
        "status in [200, 204]",
        "json.pool.used < json.pool.max",
        "json.pool.used == 5.0",
        "json['pool']['used'] == 5",
        "headers['content-type'].startsWith('text/')",
        "body.matches('h.*o')",
        "json.list.all(i, i < 4)",
        "json.nothing == null",
        "json.ok",
        "!has(json.missing) || json.missing > 3",
        "response_time < 0.5 // and a comment",
    ],
)
def test_a_true_assertion_has_no_complaint(text: str) -> None:
    assert complaint(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("json.pool.used < 3", "expected json.pool.used < 3, found json.pool.used = 5"),
        ("status == 201", "expected status == 201, found status = 200"),
        ("json['name'] == 'b'", "expected json['name'] == 'b', found json['name'] = \"a\""),
        ("json.list[1] > 7", "expected json.list[1] > 7, found json.list[1] = 2"),
        ("json.list.all(i, i < 2)", "expected json.list.all(i, i < 2), found json.list = a list of 3"),
        ("json.pool == {}", "expected json.pool == {}, found json.pool = a map of 2"),
        ("response_time < 0.1", "expected response_time < 0.1, found response_time = 0.12"),
        ("body.contains('x')", "expected body.contains('x'), found body = \"hello é€\""),
        ("json.nothing == 1", "expected json.nothing == 1, found json.nothing = null"),
        ("json.ok == false", "expected json.ok == false, found json.ok = true"),
        ("status > 300 && json.ok", "expected status > 300 && json.ok, found status = 200, json.ok = true"),
    ],
)
def test_a_false_assertion_says_what_was_expected_and_what_was_found(text: str, said: str) -> None:
    assert complaint(text) == said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("json.pool.free > 1", "there is no 'free' (found json.pool.free = nothing)"),
        ("json.a.b.c", "there is no 'a' (found json.a.b.c = nothing)"),
        ("json.list[9] == 1", "index out of bounds: 9 (found json.list[9] = nothing)"),
        ("headers['x-none'] == ''", "there is no 'x-none'"),
        ("json.pool.used / json.pool.max < 1.0", "kinds that do not go together"),
        ("1 / 0 == 1", "division by zero"),
        ("9223372036854775807 + status > 0", "verflow"),
        ("status", "neither true nor false (found status = 200)"),
        ("json.pool", "neither true nor false"),
        ("json.list.sum() > 1", "there is no 'sum'"),
        ("body.matches('(')", "regex"),
    ],
)
def test_an_assertion_that_cannot_be_evaluated_fails_and_says_why(text: str, why: str) -> None:
    said = complaint(text)
    assert said.startswith(f"expected {text}, but ")
    assert why in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an expression"),
        ("status ==", "not an expression"),
        ("status = 200", "not an expression"),
        ("(" * 1500, "not an expression"),
        ("a) || (b", "not an expression"),
        ("state == 200", "there is no 'state'"),
        ("json.list.all(i, j < 3)", "there is no 'j'"),
        ("x" * 2049, "2048 at most"),
        ("(" * 200_000, "2048 at most"),
    ],
)
def test_an_expression_that_cannot_be_right_is_refused_beforehand(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"expression|there is no") as caught:
        Expression(text, NAMES)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_name_without_a_value_is_told_with_its_reason_unless_it_does_not_matter() -> None:
    subject = Subject({"status": 204}, {"json": "the body is not JSON"})
    assert Expression("status == 204 || json.ok", NAMES).complaint(subject) == ""
    assert "but the body is not JSON" in Expression("json.ok", NAMES).complaint(subject)


@pytest.mark.parametrize(
    ("text", "number"),
    [("json.pool.used", 5.0), ("json.pool.max * 2.0", 21.0), ("size(json.list)", 3.0), ("status", 200.0), ("'7'", 7.0)],
)
def test_a_number_is_picked(text: str, number: float) -> None:
    assert Expression(text, NAMES).number(Subject(VALUES)) == number


@pytest.mark.parametrize(
    ("text", "why"),
    [("json.ok", "not a number"), ("json.pool", "not a number"), ("json.gone", "no 'gone'"), ("1e308*10.0", "finite")],
)
def test_what_is_no_number_is_not_picked(text: str, why: str) -> None:
    with pytest.raises(NotEvaluable, match=why):
        Expression(text, NAMES).number(Subject(VALUES))


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, {1: {2}}, 10**30, float("nan"), object()])
def test_a_value_that_the_evaluator_does_not_take_fails_the_assertion(value: Any) -> None:
    said = complaint("json == 1", {"json": value})
    assert said.startswith("expected json == 1")


def test_a_long_value_is_cut_in_what_is_said() -> None:
    assert len(complaint("body == ''", {"body": "y" * 1_000_000})) < 200


def test_a_size_counts_values_text_and_the_longest_list() -> None:
    assert size_of({"a": [1, 2, 3], "bc": "text"}) == Size(values=6, longest=3, text=7)


def test_what_is_too_much_or_too_deep_has_no_size() -> None:
    deep: Any = 1
    for _ in range(DEEPEST):
        deep = [deep]
    with pytest.raises(NotEvaluable, match="deeper"):
        size_of(deep)
    assert size_of(deep[0]).values == DEEPEST
    with pytest.raises(NotEvaluable, match="more than"):
        size_of([0] * MOST_VALUES)


_BIG = {"l": [{"a": i, "ok": True} for i in range(200)], "s": "x" * 50_000}


@pytest.mark.parametrize(
    "text",
    [
        "json.l.all(i, i.ok)",
        "json.l.all(i, json.l.exists(j, i.a == j.a))",
        "json.l.exists(i, json.s.contains('y'))",
        "json.l.exists(i, json.s.matches('y$'))",
        "json.s.matches('(x{1,20}){1,20}y')",
        r"json.s.matches('\\w{1,100}\\d{1,100}y')",
        r"json.s.matches('" + r"\\w?" * 120 + "é')",
        "[json.s].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).size() == 2",
        "json.l.all(i, i in [json.l, json.l, json.l])",
        "json.s + json.s + json.s == ''",
    ],
)
def test_no_expression_takes_longer_than_its_cost_says(text: str) -> None:
    expression, subject = Expression(text, NAMES), Subject({"json": _BIG})
    started = time.thread_time()
    expression.complaint(subject)
    assert time.thread_time() - started < 3 * expression.cost({"json": size_of(_BIG)}) + 0.002


def test_a_plain_comparison_is_cheap_and_nested_loops_are_dear() -> None:
    sizes = {"json": size_of(_BIG), "status": Size(1)}
    assert Expression("status == 200", NAMES).cost(sizes) < 1e-4
    assert Expression("json.l.all(a, json.l.all(b, json.l.all(c, true)))", NAMES).cost(sizes) > 1
    doubling = "[json.s]" + ".map(a, a + a)" * 40 + " == []"
    assert Expression(doubling, NAMES).cost(sizes) == math.inf
    nested = "".join(f"[1,2].all(v{i}, " for i in range(40)) + "status > 0" + ")" * 40
    assert Expression(nested, NAMES).cost(sizes) > 1e6
