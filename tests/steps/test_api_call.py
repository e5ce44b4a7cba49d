"""The step `api_call` against a real server."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from pydantic import ValidationError

from healthmgr.domain.step import MOST_OUTPUT, Done
from healthmgr.errors import StepError


def test_a_short_call_posts_its_parameters_as_json_under_a_key_of_its_own(run, target):
    target.reply(202, '{"state": "stopping"}')
    config = {
        "url": "/api/service/shutdown",
        "base_url": target.url,
        "parameters": {"graceful": True},
        "timeout": 30000,
    }
    outcome = run("api_call", config)
    (seen,) = target.seen
    assert (seen.method, seen.path, json.loads(seen.body)) == ("POST", "/api/service/shutdown", {"graceful": True})
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["idempotency-key"].endswith(":step:1")
    assert isinstance(outcome, Done)
    assert (outcome.facts, outcome.output) == ({"status": 202}, '{"state": "stopping"}')


def test_two_attempts_have_two_keys(run, target):
    for attempt in (1, 2):
        run("api_call", {"url": target.url}, attempt=attempt)
    assert len({seen.headers["idempotency-key"] for seen in target.seen}) == 2


def test_a_base_keeps_its_own_path_and_no_url_leaves_it(run, target):
    for url, path in (("/restart", "/v1/restart"), ("//elsewhere.example/x", "/v1//elsewhere.example/x")):
        run("api_call", {"url": url, "base_url": f"{target.url}v1/"})
        assert target.seen[-1].path == path
    with pytest.raises(ValidationError, match="begins with /"):
        run("api_call", {"url": "@elsewhere.example/x", "base_url": target.url})


def test_a_relative_url_needs_a_base(run, registry):
    with pytest.raises(StepError, match="is relative: say base_url") as caught:
        run("api_call", {"url": "/restart"})
    assert caught.value.permanent
    step = registry.step_type("api_call")
    assert "base_url is missing" in step.describe(step.Config(url="/restart"))


@pytest.mark.parametrize(
    ("status", "permanent", "is_unknown"),
    [
        *[(status, True, False) for status in (400, 404, 409)],
        *[(status, False, False) for status in (408, 429, 500, 503)],
        *[(status, False, True) for status in (502, 504)],
    ],
)
def test_refusals_are_permanent_where_trying_again_cannot_help(run, target, status, permanent, is_unknown):
    target.reply(status, "no")
    with pytest.raises(StepError, match=f"answered {status} no") as caught:
        run("api_call", {"url": target.url})
    assert (caught.value.permanent, caught.value.is_timeout) == (permanent, is_unknown)
    assert caught.value.output == "no"


def test_a_status_that_is_expected_is_done(run, target):
    target.reply(404)
    assert (
        run("api_call", {"url": target.url, "method": "DELETE", "expected_status": [204, 404]}).facts["status"] == 404
    )
    assert target.seen[0].method == "DELETE"


def test_redirects_are_not_followed(run, target):
    target.reply(307, headers={"Location": "http://elsewhere.example/"})
    with pytest.raises(StepError, match="redirects are not followed") as caught:
        run("api_call", {"url": target.url})
    assert caught.value.permanent
    assert len(target.seen) == 1


def test_the_answer_is_held_to_assertions_and_gives_facts(run, target):
    target.reply(200, '{"job": {"id": 42}, "state": "stopped"}')
    config = {"url": target.url, "assertions": ["json.state == 'stopped'"], "facts": {"job": "json.job.id"}}
    assert run("api_call", config).facts == {"status": 200, "job": 42}
    built = run("api_call", {**config, "facts": {"at": "timestamp('2026-01-01T00:00:00Z')"}}).facts["at"]
    assert built.startswith("2026-01-01")
    with pytest.raises(StepError, match=r"expected json.state == 'gone', found json.state = .stopped") as caught:
        run("api_call", {**config, "assertions": ["json.state == 'gone'"]})
    assert caught.value.permanent
    with pytest.raises(StepError, match="there is no 'nothing'"):
        run("api_call", {**config, "facts": {"job": "json.nothing"}})
    target.reply(200, "not json")
    with pytest.raises(StepError, match="the answer is not JSON"):
        run("api_call", config)


def test_an_expression_that_would_take_too_long_is_not_begun(run, target):
    target.reply(200, json.dumps(list(range(8000))))
    dear = "json.all(a, json.all(b, json.all(c, a + b + c >= 0)))"
    started = time.monotonic()
    with pytest.raises(StepError, match="too long"):
        run("api_call", {"url": target.url, "assertions": [dear]})
    assert time.monotonic() - started < 2


def test_an_answer_that_is_too_long_is_cut(run, target):
    target.reply(200, "x" * 1_000_000)
    assert len(run("api_call", {"url": target.url}).output) <= MOST_OUTPUT


def test_credentials_are_sent_and_never_repeated(run, target):
    target.reply(500, "you said s3cret-word")
    with pytest.raises(StepError) as caught:
        run("api_call", {"url": target.url, "auth": {"token": "s3cret-word"}})
    assert target.seen[0].headers["authorization"] == "Bearer s3cret-word"
    assert "s3cret-word" not in str(caught.value) + caught.value.output


def test_what_was_asked_and_not_answered_is_unknown(run, target):
    target.reply(after=timedelta(seconds=30))
    started = time.monotonic()
    with pytest.raises(StepError) as caught:
        run("api_call", {"url": target.url, "timeout": "500ms"})
    assert time.monotonic() - started < 2
    assert caught.value.is_timeout


@pytest.mark.parametrize("header", ["Idempotency-Key", "Host", "Content-Length"])
def test_headers_that_are_ours_are_refused(registry, header):
    with pytest.raises(ValidationError, match="set by healthmgr itself"):
        registry.step_type("api_call").Config(url="/", headers={header: "x"})


def test_it_says_beforehand_what_it_would_call(registry):
    step = registry.step_type("api_call")
    config = step.Config(url="https://me:s3cret-word@shop.example.com/restart?token=s3cret-word")
    assert step.describe(config) == "call POST https://shop.example.com/restart"


def test_two_ways_to_say_who_asks_exclude_each_other(registry):
    model = registry.step_type("api_call").Config
    login, header = {"token": "s3cret-word"}, {"Authorization": "Bearer other"}
    for url, wrong in (
        ("https://shop.example.com/", {"auth": login, "headers": header}),
        ("https://me:pw@shop.example.com/", {"auth": login}),
        ("https://me:pw@shop.example.com/", {"headers": header}),
    ):
        with pytest.raises(ValidationError, match="exclude each other"):
            model(url=url, **wrong)


def test_authorities_that_are_not_there_or_are_none_are_permanent(run, target, tmp_path):
    url = target.url.replace("http:", "https:")
    with pytest.raises(StepError, match="is not there on this worker") as caught:
        run("api_call", {"url": url, "ca_file": str(tmp_path / "none.pem")})
    assert caught.value.permanent
    (tmp_path / "odd.pem").write_text("no certificates", encoding="utf-8")
    with pytest.raises(StepError):
        run("api_call", {"url": url, "ca_file": str(tmp_path / "odd.pem")})
    assert target.seen == []


def test_what_cannot_be_an_address_is_permanent_and_not_repeated(run):
    for url in ("http://", "ftp://shop.example.com/", "http://shop.example.com:port/", "http://a b/s3cret-word"):
        with pytest.raises((StepError, ValidationError)) as caught:
            run("api_call", {"url": url})
        assert "s3cret-word" not in str(caught.value)
