"""The doubles that plugin authors are given do what the real parts do."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
import requests
from pydantic import ValidationError

from healthmgr.channels.slack import SlackChannel
from healthmgr.checks.http import HttpCheck
from healthmgr.domain.check import Status
from healthmgr.domain.message import MessageKind
from healthmgr.errors import ChannelError
from healthmgr.ports import Channel
from healthmgr.testing import (
    FakeClock,
    HttpTarget,
    RecordingChannel,
    assert_channel_contract,
    assert_check_type_contract,
    make_alert,
    make_message,
    probe,
    probe_context,
)


def test_the_clock_moves_when_it_is_told_to() -> None:
    clock = FakeClock(datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    assert clock.advance(timedelta(minutes=30)) == clock.now() == datetime(2026, 5, 1, 10, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="no time zone"):
        FakeClock(datetime(2026, 5, 1))  # noqa: DTZ001 - that is the mistake


def test_the_channel_keeps_what_it_is_sent_and_fails_when_told_to() -> None:
    channel = RecordingChannel()
    assert isinstance(channel, Channel)
    channel.fail_with(ChannelError("away"), ChannelError("refused", permanent=True))
    config, message, limit = channel.Config(), make_message(), timedelta(seconds=3)
    for permanent in (False, True):
        with pytest.raises(ChannelError) as caught:
            channel.send(config, message, "alice", limit)
        assert caught.value.permanent is permanent
    assert channel.send(config, message, "alice", limit).provider_id == "1"
    assert [(sent.message, sent.address, sent.timeout) for sent in channel.sent] == [(message, "alice", limit)]
    assert channel.attempts == 3


def test_messages_are_whole_and_can_be_changed() -> None:
    assert make_message().title == "Critical: Session manager is unhealthy"
    assert make_message(MessageKind.RESOLUTION).title == "Resolved: Session manager"
    assert make_message(alerts=(make_alert(check_name="Cache"),), recipient="Bob").recipient == "Bob"
    with pytest.raises(TypeError):
        make_message(no_such_field=1)


def test_a_check_type_is_probed_as_a_worker_would() -> None:
    with HttpTarget() as target:
        assert probe(HttpCheck, {"url": f"{target.url}health"}).status is Status.HEALTHY
        target.reply(500, "broken", headers={"X-Reason": "test"})
        assert probe(HttpCheck(), {"url": target.url}).status is Status.UNHEALTHY
        assert_check_type_contract(HttpCheck, {"url": target.url})
    assert [request.path for request in target.seen[:2]] == ["/health", "/"]
    assert target.seen[0].method == "GET"
    assert all(request.headers["connection"] == "close" for request in target.seen[:2])
    with pytest.raises(ValidationError):
        probe(HttpCheck, {"url": "nonsense"})


def test_a_coroutine_is_cut_off_at_its_timeout() -> None:
    with HttpTarget() as target:
        target.reply(after=timedelta(seconds=20))
        started = time.monotonic()
        outcome = probe(HttpCheck, {"url": target.url}, timeout=timedelta(seconds=0.3))
    assert outcome.status is Status.UNHEALTHY
    assert time.monotonic() - started < 2


def test_the_context_holds_what_a_worker_gives() -> None:
    async def look() -> None:
        async with probe_context("shop", timeout=timedelta(seconds=2), now=FakeClock().now(), view={"a": 1}) as context:
            assert (context.slug, context.timeout.total_seconds(), dict(context.view)) == ("shop", 2, {"a": 1})
            assert context.now == FakeClock().now()
            assert context.http is not None
            assert not context.http.closed

    asyncio.run(look())


def test_the_target_takes_what_a_channel_sends() -> None:
    with HttpTarget() as target:
        assert_channel_contract(SlackChannel, {"url": f"{target.url}services/T0/B0/hidden"})
        target.reply(404, "no_service")
        assert_channel_contract(SlackChannel, {"url": f"{target.url}services/T0/B0/hidden"})
    assert [request.method for request in target.seen] == ["POST", "POST"]
    assert b"Session manager" in target.seen[0].body


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_target_answers_every_method(method: str) -> None:
    with HttpTarget() as target:
        target.reply(201, b"\xff", headers={"X-Kind": "test"})
        answer = requests.request(method, target.url, timeout=5)
    assert (answer.status_code, answer.content, answer.headers["X-Kind"]) == (201, b"\xff", "test")
