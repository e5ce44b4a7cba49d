"""What an answer is judged by, and the numbers that are picked from it."""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer

from healthmgr.checks.http import HttpCheck, HttpConfig
from healthmgr.domain.check import Status
from healthmgr.ports import ProbeContext
from tests.plugins.conftest import NOW

_POOL = {"pool": {"used": 12, "size": 20}, "jobs": [{"late": 0}, {"late": 3}], "state": "running"}


@pytest.fixture
def pool(httpserver: HTTPServer) -> str:
    httpserver.expect_request("/pool").respond_with_json(_POOL, headers={"X-Version": "1.2"})
    return httpserver.url_for("/pool")


def examples_of(field: str) -> list[Any]:
    return list(HttpConfig.model_fields[field].examples or ())


@pytest.fixture
def shop(httpserver: HTTPServer) -> str:
    """Answers as the examples in the descriptions of the fields have it."""
    document = {
        "status": "up",
        "nodes": [{"role": "leader", "ready": True}, {"role": "follower", "ready": True}],
        "pool": {"used": 15, "size": 20},
        "built_at": "2026-03-01T10:00:00Z",
    }
    httpserver.expect_request("/").respond_with_json(document)
    return httpserver.url_for("/")


@pytest.mark.parametrize("example", [text for texts in examples_of("assertions") for text in texts])
def test_every_assertion_of_the_examples_holds_and_can_fail(
    probe: Any, shop: str, httpserver: HTTPServer, example: str
) -> None:
    assert probe("http", {"url": shop, "assertions": example}).message == "200 OK"
    httpserver.expect_request("/broken").respond_with_data("Exception", status=500)
    late = {"method": "GET", "expected_status": "5xx", "assertions": example}
    is_about_time = example.startswith("response_time")
    assert (probe("http", {"url": shop + "broken", **late}).status is Status.HEALTHY) is is_about_time


def test_every_metric_of_the_examples_is_a_number(probe: Any, shop: str) -> None:
    wanted = {name: text for example in examples_of("metrics") for name, text in example.items()}
    outcome = probe("http", {"url": shop, "metrics": wanted})
    assert {name: outcome.metrics[name] for name in wanted} == {
        "pool_used": 15, "pool_percent": 75, "nodes_ready": 2, "queued": 0,
    }  # fmt: skip


@pytest.mark.parametrize("field", ["headers", "auth", "expected_status", "match_body"])
def test_every_other_example_is_accepted(field: str) -> None:
    for example in examples_of(field):
        HttpConfig.model_validate({"url": "http://shop.example.com/", field: example})
    assert examples_of(field)


def test_assertions_that_hold_leave_it_healthy(probe: Any, pool: str) -> None:
    assertions = [
        "status == 200",
        "headers['x-version'] == '1.2'",
        "json.pool.used < json.pool.size",
        "json.jobs.all(job, job.late < 5)",
        "body.contains('running')",
        "response_time < 5.0",
    ]
    outcome = probe("http", {"url": pool, "assertions": assertions})
    assert (outcome.status, outcome.message) == (Status.HEALTHY, "200 OK")


def test_every_assertion_that_fails_is_told_with_what_was_found(probe: Any, pool: str) -> None:
    outcome = probe("http", {"url": pool, "assertions": ["json.pool.used < 10", "status == 200", "json.free > 0"]})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message == (
        "answered 200 OK, expected json.pool.used < 10, found json.pool.used = 12; "
        "expected json.free > 0, but there is no 'free' (found json.free = nothing)"
    )


def test_one_assertion_needs_no_list(probe: Any, pool: str) -> None:
    assert probe("http", {"url": pool, "assertions": "json.state == 'running'"}).status is Status.HEALTHY


def test_an_answer_that_is_no_json_fails_what_is_asserted_of_its_json(probe: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("<html>")
    outcome = probe("http", {"url": httpserver.url_for("/"), "assertions": ["json.ok"]})
    assert outcome.status is Status.UNHEALTHY
    assert "but the body is not JSON" in outcome.message


def test_numbers_are_picked_by_expressions(probe: Any, pool: str) -> None:
    metrics = {"used": "json.pool.used", "share": "double(json.pool.used) / double(json.pool.size)"}
    outcome = probe("http", {"url": pool, "metrics": metrics})
    assert (outcome.metrics["used"], outcome.metrics["share"]) == (12.0, 0.6)


def test_a_number_that_is_not_there_is_told_and_does_not_make_it_unhealthy(probe: Any, pool: str) -> None:
    outcome = probe("http", {"url": pool, "metrics": {"free": "json.pool.free", "used": "json.pool.used"}})
    assert outcome.status is Status.HEALTHY
    assert outcome.message == "200 OK (no metric free: there is no 'free')"
    assert outcome.metrics["used"] == 12.0
    assert "free" not in outcome.metrics


def test_numbers_are_picked_from_an_unhealthy_answer_too(probe: Any, pool: str) -> None:
    outcome = probe("http", {"url": pool, "expected_status": 204, "metrics": {"used": "json.pool.used"}})
    assert (outcome.status, outcome.metrics["used"]) == (Status.UNHEALTHY, 12.0)


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        ({"match_body": r'"used":\s*12\b'}, ""),
        ({"match_body": "(?i)RUNNING"}, ""),
        ({"match_body": "stopped|idle"}, "without a match of 'stopped|idle' in its "),
        ({"forbid_body": "stopped"}, ""),
        ({"forbid_body": "running"}, "with 'running', which is forbidden, in its body"),
        ({"expect_body": "running", "forbid_body": "late"}, "with 'late', which is forbidden"),
    ],
)
def test_a_body_is_searched(probe: Any, pool: str, looks: dict[str, Any], said: str) -> None:
    outcome = probe("http", {"url": pool, **looks})
    assert (outcome.status is Status.HEALTHY) is not bool(said)
    assert said in outcome.message


@pytest.mark.parametrize(
    ("expected", "healthy"),
    [("400-404", True), (["200-299", 404], True), ("404", True), ("405-499", False), ("2xx", False)],
)
def test_an_expected_status_may_be_a_range(probe: Any, httpserver: HTTPServer, expected: Any, healthy: bool) -> None:
    httpserver.expect_request("/").respond_with_data("", status=404)
    outcome = probe("http", {"url": httpserver.url_for("/"), "expected_status": expected})
    assert (outcome.status is Status.HEALTHY) is healthy


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("expected_status", "299-200", "smaller number first"),
        ("expected_status", "600-700", "is no status: write a number (204), a class (2xx) or a range"),
        ("assertions", ["status ="], "not an expression in CEL"),
        ("assertions", ["state == 1"], "there is no 'state'"),
        ("assertions", ["true"] * 21, "at most 20"),
        ("metrics", {"a b": "status"}, "not a name for a metric"),
        ("metrics", {"a": "json."}, "not an expression in CEL"),
        ("match_body", "(", "unclosed group"),
        ("match_body", r"(a)\1", "not a regular expression"),
        ("match_body", "(?=a)", "not a regular expression"),
        ("match_body", "x{1000}{1000}", "not a regular expression"),
        ("match_body", "x" * 501, "at most 500"),
        ("max_body", 1 << 30, "less than or equal"),
    ],
)
def test_what_can_never_be_judged_is_refused(field: str, value: Any, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate({"url": "http://127.0.0.1/", field: value})
    assert why in str(caught.value)


def test_what_may_take_long_is_evaluated_elsewhere_with_the_same_answer(probe: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json({"items": [{"n": n} for n in range(1200)]})
    document = {
        "url": httpserver.url_for("/"),
        "assertions": ["json.items.all(a, json.items.exists(b, a.n == b.n))", "json.items[3].n == 4", "json.none > 1"],
        "metrics": {"most": "size(json.items.filter(i, json.items.exists(j, j.n > i.n)))", "none": "json.none"},
        "match_body": "n.: *1199",
    }
    outcome = probe("http", document, timeout=timedelta(seconds=20))
    assert outcome.message == (
        "answered 200 OK, expected json.items[3].n == 4, found json.items[3].n = 3; "
        "expected json.none > 1, but there is no 'none' (found json.none = nothing)"
    )
    assert outcome.metrics["most"] == 1199.0


def test_what_may_take_long_is_evaluated_from_any_thread(probe: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json(list(range(1500)))
    document = {"url": httpserver.url_for("/"), "assertions": ["json.all(a, json.exists(b, a == b))"]}
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(probe, "http", document, timeout=timedelta(seconds=20)) for _ in range(2)]
        assert [one.result().message for one in asked] == ["200 OK", "200 OK"]


def test_what_takes_too_much_memory_is_ended(probe: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("x" * 1_000_000)
    doubling = "[body]" + ".map(a, a + a)" * 14 + ".size() == 1"
    outcome = probe("http", {"url": httpserver.url_for("/"), "assertions": [doubling]})
    assert outcome.status is Status.UNHEALTHY
    # On a machine that is busy, time may run out before memory does.
    assert re.search("took (more time or memory to evaluate than it may|longer than .* to evaluate)", outcome.message)


def test_a_probe_that_is_cancelled_leaves_no_process_behind(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json(list(range(2000)))
    dear = "json.all(a, json.all(b, json.all(c, a + b + c > -1)))"
    config = HttpConfig(url=httpserver.url_for("/"), assertions=(dear,))

    async def cancelled() -> float:
        context = ProbeContext("subject", timedelta(seconds=9), NOW, {})
        task = asyncio.create_task(HttpCheck().probe(config, context))
        await asyncio.wait({task}, timeout=1.0)
        assert not task.done()
        started = time.monotonic()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        return time.monotonic() - started

    assert asyncio.run(cancelled()) < 1.0
