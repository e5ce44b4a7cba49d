"""The step `redis` in a real Redis."""

from __future__ import annotations

import pytest
import redis
from pydantic import ValidationError

from healthmgr.errors import StepError
from healthmgr.steps.redis import ALLOWED


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def test_a_command_is_given_once(run, client, redis_url):
    client.set("session:1", "x")
    outcome = run("redis", {"url": redis_url, "command": ["del", "session:1", "session:2"]})
    assert outcome.facts == {"answer": 1}
    assert client.keys() == []


def test_numbers_are_words_to_redis(run, client, redis_url):
    client.rpush("queue", *range(10))
    run("redis", {"url": redis_url, "command": ["LTRIM", "queue", 0, 2]})
    assert client.lrange("queue", 0, -1) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "name", ["CONFIG", "config", "EVAL", "FLUSHALL", "SHUTDOWN", "KEYS", "DEBUG", "SCRIPT", "del x"]
)
def test_what_is_not_among_the_commands_that_repair_is_refused(registry, name):
    with pytest.raises(ValidationError, match="none of those that a step may give"):
        registry.step_type("redis").Config(url="redis://x/0", command=[name, "x"])


def test_a_whole_database_is_flushed_only_when_that_is_confirmed(run, registry, client, redis_url):
    client.set("a", 1)
    with pytest.raises(ValidationError, match="confirm: true"):
        registry.step_type("redis").Config(url=redis_url, command="FLUSHDB")
    run("redis", {"url": redis_url, "command": "FLUSHDB", "confirm": True})
    assert client.dbsize() == 0


def test_what_the_server_refuses_is_permanent(run, client, redis_url):
    client.set("text", "x")
    with pytest.raises(StepError, match="LTRIM was refused: WRONGTYPE") as caught:
        run("redis", {"url": redis_url, "command": ["LTRIM", "text", "0", "1"]})
    assert caught.value.permanent


def test_no_command_that_is_allowed_reaches_beyond_named_keys():
    assert not ALLOWED & {"CONFIG", "EVAL", "EVALSHA", "FLUSHALL", "FLUSHDB", "SHUTDOWN", "DEBUG", "MODULE", "ACL"}
