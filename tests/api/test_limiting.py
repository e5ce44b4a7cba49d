"""Budgets of requests: counted by all processes together, told in every answer, and never in the way of alerts."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest
import redis

from healthmgr.errors import SettingsError
from healthmgr.services.pinging import ping_key
from healthmgr.settings import Settings
from healthmgr.storage.shared_buckets import SharedBuckets
from tests.builders import make_check
from tests.serving import SECRET_KEY, Client, Container, ServedApp


@pytest.fixture
def limited(served: ServedApp, redis_url: str) -> Iterator[SharedBuckets]:
    """The server answers three requests a minute of a viewer, and two of an address."""
    before = served.app.state.budgets
    served.app.state.budgets = SharedBuckets(redis_url, {"viewer": 3, "address": 2, "responder": 0})
    yield served.app.state.budgets
    served.app.state.budgets.close()
    served.app.state.budgets = before


def test_every_answer_tells_what_is_left_and_beyond_it_is_429(client_as: Client, limited: SharedBuckets) -> None:
    viewer = client_as("viewer")
    for left in (2, 1, 0):
        answer = viewer.get("/api/v1/checks")
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"viewer";q=3;w=60'
        assert re.fullmatch(rf'"viewer";r={left};t=\d+', answer.headers["RateLimit"])
    answer = viewer.get("/api/v1/checks")
    assert (answer.status_code, answer.headers["Content-Type"]) == (429, "application/problem+json")
    assert "'viewer-token'" in answer.json()["detail"]
    assert 18 <= int(answer.headers["Retry-After"]) <= 20  # a third of the minute, when the next one is there
    assert answer.headers["RateLimit"].startswith('"viewer";r=0;t=6')
    responder = client_as("responder").get("/api/v1/checks")  # of another token, and without a limit
    assert responder.status_code == 200
    assert "RateLimit" not in responder.headers


def test_without_a_token_the_address_is_counted_and_valid_tokens_from_it_are_not_held_up(
    client_as: Client, limited: SharedBuckets
) -> None:
    nobody = client_as(None)
    assert [nobody.get("/api/v1/checks").status_code for _ in range(3)] == [401, 401, 429]
    nobody.headers["Authorization"] = "Bearer hm_wrong"
    answer = nobody.get("/api/v1/checks")
    assert (answer.status_code, answer.headers["RateLimit-Policy"]) == (429, '"address";q=2;w=60')
    assert client_as("viewer").get("/api/v1/checks").status_code == 200


def test_pings_are_never_refused(container: Container, client_as: Client, limited: SharedBuckets) -> None:
    path = f"/ping/backup/{ping_key(SECRET_KEY, make_check(container.engine, 'backup', kind='heartbeat'))}"
    answers = [client_as(None).get(path) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 10
    assert "RateLimit" not in answers[0].headers


def test_two_processes_count_together_and_each_for_itself_while_redis_is_away(redis_url: str) -> None:
    one, other = (SharedBuckets(redis_url, {"viewer": 4}) for _ in range(2))
    taken = [buckets.take_one("viewer", "ada") for buckets in (one, other, one, other, one, other)]
    assert [each.left for each in taken if each] == [3, 2, 1, 0, 0, 0]
    assert [bool(each.too_early) for each in taken if each] == [False] * 4 + [True] * 2
    other_name = one.take_one("viewer", "bob")
    assert other_name is not None
    assert other_name.left == 3
    for buckets in (one, other):
        buckets.close()
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        tick = [100.0]
        away = SharedBuckets(f"redis://127.0.0.1:{silent.getsockname()[1]}", {"viewer": 2}, lambda: tick[0])
        taken = [away.take_one("viewer", "ada") for _ in range(3)]
        assert [each.left for each in taken if each] == [1, 0, 0]
        assert taken[2] is not None
        assert taken[2].too_early == pytest.approx(30)
        away.close()


def test_what_is_taken_comes_back_with_time(redis_url: str) -> None:
    buckets, client = SharedBuckets(redis_url, {"viewer": 2}), redis.Redis.from_url(redis_url)
    assert [buckets.take_one("viewer", "ada") is not None for _ in range(2)] == [True, True]
    refused = buckets.take_one("viewer", "ada")
    assert refused is not None
    assert 29 < refused.too_early <= 30
    (key,) = client.keys()
    client.set(key, float(client.get(key) or 0) - 30)  # as if half a minute had passed
    taken = buckets.take_one("viewer", "ada")
    assert taken is not None
    assert (taken.left, taken.too_early) == (0, 0)
    buckets.close()
    client.close()


def test_the_setting_changes_some_and_leaves_the_others() -> None:
    settings = Settings.load({"HEALTHMGR_RATE_LIMITS": "viewer=10, address=0"})
    assert (settings.quotas["viewer"], settings.quotas["address"], settings.quotas["admin"]) == (10, 0, 1200)
    for wrong in ("viewer", "king=3", "viewer=-1", "viewer=1.5"):
        with pytest.raises(SettingsError, match="write NAME=REQUESTS"):
            Settings.load({"HEALTHMGR_RATE_LIMITS": wrong})
