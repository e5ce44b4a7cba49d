"""How deliveries to webhooks go on, and when one is given up on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from standardwebhooks import Webhook as Verifier

from healthmgr.domain.event import Wanted, labels_of, read_names
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.webhook import Answered, Disabled, State, Webhook, after_try, secret_of
from healthmgr.errors import DefinitionError
from tests.builders import NOW

HOOK = Webhook(UUID(int=1), "https://hooks.example.com/x?key=abc", Wanted(), "", NOW, "alice", 0)
SECONDS = timedelta(seconds=1)


def test_a_delivery_is_tried_for_a_day_and_then_given_up() -> None:
    webhook, now, attempts, waits = HOOK, NOW, 0, []
    while True:
        attempts += 1
        after = after_try(webhook, Answered(500, "no"), attempts, now, 0.0)
        webhook = after.webhook
        if after.due_at is None:
            break
        waits.append(after.due_at - now)
        now = after.due_at
    assert waits == sorted(waits)
    assert waits[0] == 5 * SECONDS
    assert timedelta(hours=23) < now - NOW < timedelta(hours=26)
    assert (after.state, attempts) == (State.FAILED, 11)
    assert after.webhook.is_enabled


@pytest.mark.parametrize("status", [None, 301, 400, 401, 404, 500])
def test_whatever_is_not_accepted_is_tried_again(status: int | None) -> None:
    after = after_try(HOOK, Answered(status, ""), 1, NOW, 1.0)
    assert after.state is State.PENDING
    assert after.due_at == NOW + 5.5 * SECONDS
    assert (after.webhook.failures, after.webhook.failing_since) == (1, NOW)


def test_a_receivers_wish_is_never_undercut() -> None:
    wished = after_try(HOOK, Answered(429, "", timedelta(hours=1)), 1, NOW, 0.0)
    assert wished.due_at == wished.webhook.held_until == NOW + timedelta(hours=1)
    overloaded = after_try(HOOK, Answered(504, ""), 1, NOW, 0.0)
    assert overloaded.webhook.held_until == NOW + 30 * SECONDS


def test_each_failure_in_a_row_holds_the_others_longer_and_a_success_ends_that() -> None:
    webhook, holds = HOOK, []
    for _ in range(12):
        webhook = after_try(webhook, Answered(500, ""), 1, NOW, 0.0).webhook
        assert webhook.held_until is not None
        holds.append((webhook.held_until - NOW).total_seconds())
    assert holds[:4] == [1, 2, 4, 8]
    assert holds[-1] == 300
    mended = after_try(webhook, Answered(204, ""), 1, NOW, 0.0)
    assert (mended.state, mended.webhook) == (State.DELIVERED, HOOK)


def test_who_is_gone_or_fails_for_days_is_disabled_and_who_failed_long_ago_once_is_not() -> None:
    assert after_try(HOOK, Answered(410, ""), 1, NOW, 0.0).webhook.disabled is Disabled.GONE
    failing = replace(HOOK, failing_since=NOW - timedelta(days=3), failures=9)
    ended = after_try(failing, Answered(500, ""), 1, NOW, 0.0)
    assert (ended.state, ended.webhook.disabled) == (State.FAILED, Disabled.FAILING)
    assert after_try(replace(failing, failures=1), Answered(500, ""), 1, NOW, 0.0).webhook.is_enabled


def test_a_secret_is_of_one_webhook_and_version_and_the_libraries_take_it() -> None:
    made = {secret_of("k" * 32, UUID(int=n), version) for n in (1, 2) for version in (1, 2)}
    assert len(made) == 4
    for secret in made:
        Verifier(secret)
    changed = replace(HOOK, secret_version=2, secret_changed_at=NOW)
    assert len(changed.secrets("k", NOW + timedelta(hours=23))) == 2
    assert changed.secrets("k", NOW + timedelta(hours=24)) == (secret_of("k", HOOK.id, 2),)
    assert HOOK.place == "https://hooks.example.com"


def test_labels_are_those_of_what_an_event_tells_of_and_its_own() -> None:
    alert = {"check": "shop", "severity": "low", "labels": {"service": "web", "host": "a"}}
    labels = labels_of({"severity": "critical", "route": "r", "labels": {"service": "all"}, "alert": alert})
    assert labels == {"check": "shop", "severity": "critical", "route": "r", "service": "all", "host": "a"}
    wanted = Wanted(frozenset({"incident_opened"}), parse_matchers("service=all,host=~a|b"))
    assert wanted.takes("incident_opened", labels)
    assert not wanted.takes("incident_resolved", labels)
    assert not wanted.takes("incident_opened", {})
    with pytest.raises(DefinitionError, match="'nothing' is no event: use one of alert_triggered"):
        read_names(["nothing"])
