"""Faulty providers: each notification ends as sent or visibly failed over, and what may be doubled is counted.

The real channels, on the real services and rows, call real servers; only the clock between the attempts is moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import build
from healthmgr.settings import Settings
from tests.providers.faulty import (
    Provider,
    http_provider,
    mail_provider,
    pagerduty,
    plain,
    slack_bot,
    slack_webhook,
    twilio,
    webhook,
)
from tests.stories.harness import Story, check

PATIENCE = timedelta(seconds=0.6)  # what a send may take here, instead of 15 s
SECRET = "whsec_" + "a" * 32


@dataclass(frozen=True)
class Kind:
    """A kind of provider: how it is run, how a channel is led to it, and the recipient's contact."""

    run: Callable[[], AbstractContextManager[Provider]]
    channel: Callable[[int], dict[str, Any]]
    contact: str = ""
    has_key: bool = False
    # It is asked, before a second attempt, whether it took the first.
    is_asked: bool = False


KINDS = {
    "email": Kind(
        mail_provider,
        lambda port: {
            "kind": "email",
            "config": {"host": "127.0.0.1", "port": port, "from": "hm@example.com", "tls": "none"},
        },
        "alice@example.com",
    ),
    "webhook": Kind(
        lambda: http_provider(webhook),
        lambda port: {"kind": "webhook", "config": {"url": f"http://127.0.0.1:{port}/hook", "secret": SECRET}},
        has_key=True,
    ),
    "slack webhook": Kind(
        lambda: http_provider(slack_webhook),
        lambda port: {"kind": "slack", "config": {"url": f"http://127.0.0.1:{port}/services/x"}},
    ),
    "slack bot": Kind(
        lambda: http_provider(slack_bot),
        lambda port: {
            "kind": "slack",
            "config": {"bot_token": "xoxb-x", "channel": "#alerts", "api_url": f"http://127.0.0.1:{port}/api"},
        },
    ),
    "pagerduty": Kind(
        lambda: http_provider(pagerduty),
        lambda port: {
            "kind": "pagerduty",
            "config": {"routing_key": "0" * 32, "url": f"http://127.0.0.1:{port}/v2/enqueue"},
        },
        has_key=True,
    ),
    "sms": Kind(
        lambda: http_provider(twilio),
        lambda port: {
            "kind": "sms",
            "config": {
                "account_sid": "AC" + "0" * 32,
                "auth_token": "x",
                "from": "+15005550006",
                "url": f"http://127.0.0.1:{port}",
            },
        },
        "+491511234567",
        is_asked=True,
    ),
    "apprise": Kind(
        lambda: http_provider(plain),
        lambda port: {"kind": "apprise", "config": {"urls": f"json://127.0.0.1:{port}/x"}},
    ),
}
HTTP_KINDS = [name for name in KINDS if name != "email"]


class RealStory(Story):
    """A story whose messages go out over the real channels, each with less patience than in life."""

    def channel(self, kind: str) -> Any:
        return Impatient(self.healthmgr.registry.channel(kind))


class Impatient:
    """A channel that is given less time."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self.Config = channel.Config

    def send(self, config: Any, message: Any, address: str, timeout: timedelta) -> Any:
        return self._channel.send(config, message, address, min(timeout, PATIENCE))


@dataclass
class World:
    """A story, the provider under test and the one that is fallen back to."""

    story: RealStory
    kind: Kind
    provider: Provider
    spare: Provider

    def break_and_wait(self, minutes: float = 10) -> None:
        """The check fails, is told of, and so much time passes."""
        self.story.check_fails("api")
        self.story.fast_forward(seconds=11)
        self.story.let_pass(minutes=minutes)

    @property
    def ledger(self) -> list[tuple[str, str, list[str]]]:
        """Each notification by its channel: its state, and the outcomes of its attempts."""
        query = """
        SELECT n.channel, n.state, array_agg(d.outcome ORDER BY d.attempt) AS outcomes
        FROM notifications n LEFT JOIN deliveries d ON d.notification_id = n.id GROUP BY n.id ORDER BY n.position
        """
        return [(row.channel, row.state, list(row.outcomes)) for row in self.story.rows(query)]

    @property
    def possible_duplicates(self) -> int:
        """As they are counted, of all kinds of channel."""
        return sum(self.story.healthmgr.reading.numbers(self.story.now).possible_duplicates.values())

    def is_told(self) -> None:
        """Nothing is lost: somebody saw it, and no notification is left hanging."""
        assert self.provider.seen or self.spare.seen
        for channel, state, _ in self.ledger:
            assert state == "sent" or (state == "failed" and self.spare.seen), (channel, state)

    def is_doubled_only_where_it_is_counted(self) -> None:
        """What users see twice is not more than what was counted, and nothing where the provider takes a key."""
        surplus = len(self.provider.seen) - 1
        if self.kind.has_key or self.kind.is_asked:
            assert surplus <= 0
        assert surplus <= self.possible_duplicates


@pytest.fixture
def world(request: pytest.FixtureRequest, engine: Engine, database_url: str, tmp_path: Path) -> Iterator[World]:
    kind = KINDS[request.param]
    healthmgr = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}), worker="story")
    with ExitStack() as stack:
        stack.callback(healthmgr.close)
        provider = stack.enter_context(kind.run())
        spare = stack.enter_context(http_provider(webhook))
        story = RealStory(healthmgr, engine, tmp_path)
        hook = {"kind": "webhook", "config": {"url": f"http://127.0.0.1:{spare.port}/spare", "secret": SECRET}}
        story.given(
            check("api", max_attempts=1),
            channels={"first": kind.channel(provider.port), "spare": hook},
            recipients={"alice": {"contacts": {"first": kind.contact}}, "bob": {"contacts": {"spare": ""}}},
            routing={"critical": {"to": ["alice"], "via": ["first"]}, "default": {"to": ["bob"], "via": ["spare"]}},
        )
        story.fast_forward(seconds=30)
        yield World(story, kind, provider, spare)


def of(*names: str) -> Any:
    return pytest.mark.parametrize("world", names, indirect=True)


@of(*KINDS)
def test_when_all_is_well_it_arrives_once(world: World) -> None:
    world.break_and_wait()
    assert world.ledger == [("first", "sent", ["accepted"])]
    assert (len(world.provider.taken), world.spare.taken, world.possible_duplicates) == (1, [], 0)


@of("webhook", "slack webhook", "slack bot", "pagerduty", "sms")
def test_a_provider_that_says_how_long_to_wait_is_not_asked_sooner(world: World) -> None:
    world.provider.tempers.append((429, {"ok": False, "error": "ratelimited", "code": 20429}, {"Retry-After": "77"}))
    world.break_and_wait()
    assert world.ledger == [("first", "sent", ["retry", "accepted"])]
    ((pause,),) = world.story.rows("SELECT max(started_at) - min(started_at) FROM deliveries")
    assert timedelta(seconds=77) <= pause < timedelta(seconds=80)
    world.is_told()
    assert (len(world.provider.taken), world.possible_duplicates) == (1, 0)


@of(*HTTP_KINDS)
@pytest.mark.parametrize("temper", [(500, {}, {}), (503, {}, {}), "reset", "hang"])
def test_a_passing_fault_before_acceptance_is_tried_again(world: World, temper: Any) -> None:
    world.provider.tempers.extend([temper, temper])
    world.break_and_wait()
    ((channel, state, outcomes),) = world.ledger
    assert (channel, state, outcomes[-1], len(outcomes)) == ("first", "sent", "accepted", 3)
    assert (len(world.provider.taken), world.spare.taken) == (1, [])
    world.is_doubled_only_where_it_is_counted()


@of(*HTTP_KINDS)
@pytest.mark.parametrize("temper", ["lose", "break"])
def test_a_fault_after_acceptance_doubles_only_where_there_is_no_key_and_is_counted(world: World, temper: str) -> None:
    world.provider.tempers.append(temper)
    world.break_and_wait()
    ((channel, state, outcomes),) = world.ledger
    assert (channel, state, outcomes) == ("first", "sent", ["unknown", "accepted"])
    assert len(world.provider.seen) == (1 if world.kind.has_key or world.kind.is_asked else 2)
    assert world.possible_duplicates == 1
    world.is_doubled_only_where_it_is_counted()


@of("slack bot")
@pytest.mark.parametrize(("error", "outcome"), [("internal_error", "unknown"), ("ratelimited", "retry")])
def test_a_refusal_that_comes_with_200_is_one(world: World, error: str, outcome: str) -> None:
    world.provider.tempers.append((200, {"ok": False, "error": error}, {}))
    world.break_and_wait()
    assert world.ledger == [("first", "sent", [outcome, "accepted"])]
    assert len(world.provider.taken) == 1


@of("slack bot")
def test_a_refusal_for_good_that_comes_with_200_falls_back_at_once(world: World) -> None:
    world.provider.usual = (200, {"ok": False, "error": "account_inactive"}, {})
    world.break_and_wait(minutes=1)
    assert world.ledger == [("first", "failed", ["refused"]), ("spare", "sent", ["accepted"])]
    world.is_told()


@of("webhook", "slack webhook", "slack bot", "pagerduty", "sms")
def test_a_refusal_for_good_falls_back_at_once(world: World) -> None:
    world.provider.usual = (403, {"code": 20003, "message": "no"}, {})
    world.break_and_wait(minutes=1)
    assert world.ledger == [("first", "failed", ["refused"]), ("spare", "sent", ["accepted"])]
    assert len(world.spare.seen) == 1
    world.is_told()


@of("email")
@pytest.mark.parametrize(
    "temper",
    [
        ("RCPT", "450 4.7.1 greylisted, come back"),
        ("greeting", "421 too busy"),
        ("RCPT", "421 closing"),
        ("content", "451 4.3.0 try later"),
        "reset",
        "hang",
    ],
)
def test_a_mail_server_that_puts_us_off_gets_it_later(world: World, temper: Any) -> None:
    world.provider.tempers.extend([temper, temper])
    world.break_and_wait()
    assert world.ledger == [("first", "sent", ["retry", "retry", "accepted"])]
    assert (len(world.provider.taken), world.spare.taken, world.possible_duplicates) == (1, [], 0)


@of("email")
@pytest.mark.parametrize(("temper", "arrived"), [("drop", 1), ("lose", 2), ("break", 2)])
def test_a_mail_server_that_falls_silent_after_the_content_may_have_it_and_gets_it_again(
    world: World, temper: str, arrived: int
) -> None:
    world.provider.tempers.append(temper)
    world.break_and_wait()
    assert world.ledger == [("first", "sent", ["unknown", "accepted"])]
    assert len(world.provider.seen) == arrived
    assert world.possible_duplicates == 1
    world.is_doubled_only_where_it_is_counted()


@of("email")
@pytest.mark.parametrize("temper", [("RCPT", "550 5.1.1 no such mailbox"), ("content", "554 5.7.1 refused")])
def test_a_mail_server_that_refuses_for_good_is_passed_by_at_once(world: World, temper: Any) -> None:
    world.provider.usual = temper
    world.break_and_wait(minutes=1)
    assert world.ledger == [("first", "failed", ["refused"]), ("spare", "sent", ["accepted"])]
    world.is_told()


@of(*KINDS)
def test_ten_minutes_of_outage_are_bridged_by_the_next_channel_and_made_up_for(world: World) -> None:
    world.provider.usual = "reset"
    world.break_and_wait(minutes=2)
    assert len(world.spare.seen) == 1, "told over the next channel within two minutes"
    world.story.let_pass(minutes=8)
    assert world.provider.seen == []
    world.provider.usual = "ok"
    world.story.let_pass(minutes=6)
    first, spare = world.ledger
    assert (first[:2], first[2][-1]) == (("first", "sent"), "accepted")
    assert spare == ("spare", "sent", ["accepted"])
    assert (len(world.provider.seen), len(world.spare.seen)) == (1, 1)
    world.is_told()


@of("webhook", "email")
def test_the_end_follows_a_problem_whose_fate_is_not_known(world: World) -> None:
    world.provider.tempers.append("lose")
    world.story.check_fails("api")
    world.story.fast_forward(seconds=11)
    world.story.check_recovers("api")
    world.story.fast_forward(seconds=60)
    world.story.let_pass(minutes=10)
    kinds = Counter(kind for (kind,) in world.story.rows("SELECT kind FROM notifications WHERE state = 'sent'"))
    assert kinds["resolution"] == 1
    assert not world.story.rows("SELECT 1 FROM notifications WHERE due_at IS NOT NULL")
