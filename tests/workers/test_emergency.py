"""The channel of last resort, over real HTTP, with a moved clock."""

from __future__ import annotations

import json

import pytest
from pytest_httpserver import HTTPServer

from workers.emergency import TOLD_AFTER, TOLD_AGAIN_AFTER, Emergency


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(server: HTTPServer) -> list[str]:
    return [json.loads(request.data)["type"] for request, _ in server.log]


def test_an_outage_is_told_once_after_a_while_and_its_end_too(httpserver: HTTPServer, clock: Clock) -> None:
    httpserver.expect_request("/", method="POST").respond_with_data("")
    emergency = Emergency(httpserver.url_for("/"), clock)
    emergency.failed("PostgreSQL does not answer")
    clock.now += TOLD_AFTER - 1
    emergency.failed("PostgreSQL does not answer")
    assert told(httpserver) == []
    clock.now += 1
    emergency.failed("PostgreSQL does not answer")
    emergency.failed("PostgreSQL does not answer")
    assert told(httpserver) == ["healthmgr.emergency"]
    assert "PostgreSQL does not answer" in json.loads(httpserver.log[0][0].data)["text"]
    emergency.succeeded()
    emergency.succeeded()
    assert told(httpserver) == ["healthmgr.emergency", "healthmgr.emergency_over"]


def test_a_lasting_outage_is_told_again(httpserver: HTTPServer, clock: Clock) -> None:
    httpserver.expect_request("/", method="POST").respond_with_data("")
    emergency = Emergency(httpserver.url_for("/"), clock)
    for _ in range(3):
        emergency.failed("gone")
        clock.now += TOLD_AGAIN_AFTER
    assert told(httpserver) == ["healthmgr.emergency"] * 2


def test_a_short_outage_is_no_emergency(httpserver: HTTPServer, clock: Clock) -> None:
    emergency = Emergency(httpserver.url_for("/"), clock)
    emergency.failed("gone")
    clock.now += TOLD_AFTER - 1
    emergency.succeeded()
    clock.now += TOLD_AFTER
    emergency.failed("gone")
    assert told(httpserver) == []


def test_a_message_that_was_refused_is_tried_again_at_the_next_failure(httpserver: HTTPServer, clock: Clock) -> None:
    httpserver.expect_oneshot_request("/", method="POST").respond_with_data("", status=503)
    httpserver.expect_oneshot_request("/", method="POST").respond_with_data("")
    emergency = Emergency(httpserver.url_for("/"), clock)
    emergency.failed("gone")
    clock.now += TOLD_AFTER
    emergency.failed("gone")
    emergency.failed("gone")
    emergency.failed("gone")
    assert len(httpserver.log) == 2


def test_without_an_address_nothing_is_told_and_nothing_fails(clock: Clock) -> None:
    emergency = Emergency("", clock)
    emergency.failed("gone")
    clock.now += TOLD_AFTER
    emergency.failed("gone")
    emergency.succeeded()
