"""What the http kind makes of an answer."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from healthmgr.checks.http import HttpConfig
from healthmgr.domain.check import Status


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as running:
        yield running


def test_a_2xx_answer_is_healthy(probe: Any, server: HTTPServer) -> None:
    server.expect_request("/health").respond_with_data("fine", status=204)
    outcome = probe("http", {"url": server.url_for("/health")})
    assert (outcome.status, outcome.metrics["status_code"]) == (Status.HEALTHY, 204)


def test_an_unexpected_status_says_what_was_expected(probe: Any, server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data("", status=503)
    outcome = probe("http", {"url": server.url_for("/"), "expected_status": [200, "3xx"]})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.lower() == "answered 503 service unavailable, expected 200 or 3xx"


@pytest.mark.parametrize(("expected", "healthy"), [(404, True), ("4xx", True), ([200, 404], True), (200, False)])
def test_the_expected_status_is_a_number_a_class_or_a_list(
    probe: Any, server: HTTPServer, expected: Any, healthy: bool
) -> None:
    server.expect_request("/").respond_with_data("", status=404)
    outcome = probe("http", {"url": server.url_for("/"), "expected_status": expected})
    assert (outcome.status is Status.HEALTHY) is healthy


@pytest.mark.parametrize("expected", [99, "6xx", "ok", []])
def test_an_expected_status_that_cannot_be_is_refused(expected: Any) -> None:
    with pytest.raises(ValidationError):
        HttpConfig(url="http://127.0.0.1/", expected_status=expected)


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org/", "http://", "/health"])
def test_an_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="write a whole address"):
        HttpConfig(url=url)


def test_the_body_must_hold_the_expected_text(probe: Any, server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data("grün und gut")
    good = probe("http", {"url": server.url_for("/"), "expect_body": "grün"})
    bad = probe("http", {"url": server.url_for("/"), "expect_body": "rot"})
    assert good.status is Status.HEALTHY
    assert bad.status is Status.UNHEALTHY
    assert "'rot'" in bad.message


def test_a_compressed_body_is_looked_into(probe: Any, server: HTTPServer) -> None:
    headers = {"Content-Encoding": "gzip"}
    server.expect_request("/").respond_with_data(gzip.compress(b"all is well"), headers=headers)
    assert probe("http", {"url": server.url_for("/"), "expect_body": "is well"}).status is Status.HEALTHY


def test_no_more_than_max_body_is_read(probe: Any, server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data("x" * 200_000 + "needle")
    outcome = probe("http", {"url": server.url_for("/"), "expect_body": "needle", "max_body": 100_000})
    assert outcome.metrics["body_bytes"] == 100_000
    assert outcome.status is Status.UNHEALTHY
    assert "first 100000 bytes" in outcome.message


def test_method_headers_and_body_are_sent(probe: Any, server: HTTPServer) -> None:
    def echo(request: Request) -> Response:
        said = f"{request.method} {request.headers['X-Token']} {request.get_json()['n']}"
        return Response(said)

    server.expect_request("/").respond_with_handler(echo)
    document = {"url": server.url_for("/"), "method": "PUT", "headers": {"X-Token": "t1"}, "body": {"n": 7}}
    assert probe("http", document | {"expect_body": "PUT t1 7"}).status is Status.HEALTHY


def test_redirects_are_followed_only_when_asked(probe: Any, server: HTTPServer) -> None:
    server.expect_request("/old").respond_with_data("", status=302, headers={"Location": "/new"})
    server.expect_request("/new").respond_with_data("here")
    followed = probe("http", {"url": server.url_for("/old"), "expect_body": "here"})
    stayed = probe("http", {"url": server.url_for("/old"), "follow_redirects": False})
    assert followed.status is Status.HEALTHY
    assert (stayed.status, stayed.metrics["status_code"]) == (Status.UNHEALTHY, 302)


def test_a_circle_of_redirects_ends(probe: Any, server: HTTPServer) -> None:
    server.expect_request("/round").respond_with_data("", status=302, headers={"Location": "/round"})
    outcome = probe("http", {"url": server.url_for("/round")})
    assert outcome.status is Status.UNHEALTHY
    assert "redirected more than 5 times" in outcome.message


def test_numbers_in_a_json_answer_become_metrics_when_asked(probe: Any, server: HTTPServer) -> None:
    answer = {"sessions": 12, "ok": True, "name": "a", "metrics": {"hit_rate": 93.5, "deep": {"no": 1}}}
    server.expect_request("/").respond_with_json(answer)
    asked = probe("http", {"url": server.url_for("/"), "metrics_from_body": True}).metrics
    plain = probe("http", {"url": server.url_for("/")}).metrics
    assert (asked["sessions"], asked["hit_rate"]) == (12.0, 93.5)
    assert set(asked) == {"status_code", "body_bytes", "sessions", "hit_rate"}
    assert set(plain) == {"status_code", "body_bytes"}


@pytest.mark.parametrize("body", ["[1, 2]", "not json", ""])
def test_an_answer_that_is_no_json_object_has_no_metrics(probe: Any, server: HTTPServer, body: str) -> None:
    server.expect_request("/").respond_with_data(body)
    outcome = probe("http", {"url": server.url_for("/"), "metrics_from_body": True})
    assert (outcome.status, set(outcome.metrics)) == (Status.HEALTHY, {"status_code", "body_bytes"})


def test_a_name_that_does_not_resolve_is_unhealthy(probe: Any) -> None:
    outcome = probe("http", {"url": "http://no-such-host.invalid/"})
    assert outcome.status is Status.UNHEALTHY
    assert "no-such-host.invalid does not resolve" in outcome.message


def test_a_broken_off_answer_is_unhealthy(probe: Any, serve: Any) -> None:
    def talk(connection: Any) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    outcome = probe("http", {"url": f"http://127.0.0.1:{serve(talk)}/"})
    assert outcome.status is Status.UNHEALTHY
    assert "broke off" in outcome.message


def test_plain_http_behind_an_https_address_is_unhealthy(probe: Any, server: HTTPServer) -> None:
    outcome = probe("http", {"url": server.url_for("/").replace("http://", "https://")})
    assert outcome.status is Status.UNHEALTHY
    assert "TLS" in outcome.message
