"""One night from end to end: L1 does not answer, L2 declines by SMS, L3 acknowledges in Slack, a commander, a report.

Answers come in through the real API, signed as Slack and Twilio sign them; the clock alone is moved.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from healthmgr.api.app import create_app
from healthmgr.domain.report import draft
from healthmgr.services.commanding import Act
from tests.serving import HttpClient, ServedApp
from tests.stories.harness import Delivery, Story, check

TWILIO, SLACK = "twilio-token", "slack-secret"
BOB = "+4915187654321"

DEFINED: dict[str, Any] = {
    "channels": {
        "mail": {"kind": "email", "config": {"host": "127.0.0.1", "port": 25, "from": "healthmgr@example.com"}},
        "text": {
            "kind": "sms",
            "config": {"account_sid": "AC" + "0" * 32, "auth_token": TWILIO, "from": "+4915111111111", "replies": True},
        },
        "chat": {"kind": "slack", "config": {"bot_token": "xoxb-1", "channel": "#ops", "signing_secret": SLACK}},
    },
    "recipients": {"operations": {"contacts": {"mail": "operations@example.com"}}},
    "people": {
        "alice": {"contacts": {"mail": "alice@example.com"}},
        "bob": {"contacts": {"text": BOB}},
        "carol": {"contacts": {"chat": "#carol"}},
        "dave": {"contacts": {"mail": "dave@example.com"}},
        "erin": {"contacts": {"mail": "erin@example.com"}},
    },
    "schedules": {
        "support": {"layers": [{"people": ["alice"]}]},
        "commander": {"layers": [{"people": ["dave"]}]},
    },
    "escalation_policies": {
        "tiers": {
            "levels": [
                {"name": "L1 support", "to": "schedule:support"},
                {"name": "L2 engineering", "to": "bob", "after": "10m"},
                {"name": "L3 senior", "to": "carol", "after": "20m"},
            ]
        }
    },
}
ROUTING = {"critical": {"escalation": "tiers"}, "default": {"to": "operations", "via": "mail"}}


@dataclass
class MovedClock:
    """The database's clock, as late as the story is."""

    story: Story

    def now(self) -> datetime:
        """The story's time."""
        return self.story.now


@dataclass
class Night:
    """A story whose people answer over the API."""

    story: Story
    url: str

    def told(self, recipient: str, via: str, kind: str = "problem") -> Delivery:
        """What this person was told over this kind of channel; it is then done with."""
        for index, delivery in enumerate(self.story.deliveries):
            message = delivery.message
            if (delivery.via, message.recipient, message.kind) == (via, recipient, kind):
                return self.story.deliveries.pop(index)
        raise AssertionError(f"{recipient} got no {kind} over {via}: {self.story.deliveries}")

    def texts(self, number: str, body: str) -> str:
        """Somebody replies by text message; what he is answered."""
        path = "/api/v1/interactions/twilio/reply"
        form = {"From": number, "Body": body, "MessageSid": "SM" + "0" * 32}
        signed = self.url + path + "".join(name + value for name, value in sorted(form.items()))
        signature = base64.b64encode(hmac.digest(TWILIO.encode(), signed.encode(), "sha1")).decode()
        answer = HttpClient(self.url, None).post(path, data=form, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 200, answer.text
        self.story.settle()
        return answer.text

    def presses(self, user: str, action: str, incident_id: UUID) -> str:
        """Somebody presses a button in Slack; what he is answered."""
        payload = {
            "type": "block_actions",
            "user": {"id": "U1", "username": user},
            "actions": [{"action_id": f"healthmgr.{action}", "value": str(incident_id)}],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        stamp = str(int(self.story.now.timestamp()))
        signature = hmac.new(SLACK.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signature}",
        }
        answer = HttpClient(self.url, None).post("/api/v1/interactions/slack", data=body, headers=headers)
        assert answer.status_code == 200, answer.text
        self.story.settle()
        return str(answer.json()["text"])


@pytest.fixture
def night(story_with: Callable[..., Story]) -> Iterator[Night]:
    story = story_with(incidentCommand={"commander": "schedule:commander"})
    served = ServedApp(create_app(replace(story.healthmgr, clock=MovedClock(story))))
    served.start()
    yield Night(story, served.url)
    served.stop()


def test_l1_is_silent_l2_declines_by_sms_l3_acknowledges_in_slack_and_a_report_is_drafted(night: Night) -> None:
    story = night.story
    story.given(check("api", service="shop"), routing=ROUTING, **DEFINED)
    story.all_is_well()

    # L1 is told at once, and so is the commander; each reads who commands.
    story.check_fails("api", "connection refused")
    story.fast_forward(seconds=30)
    first = night.told("alice", "email")
    assert first.message.roles == ("commander: dave",)
    assert night.told("dave", "email").message.said == "You are the commander of this incident."
    story.expect_silence()
    incident_id, number = story.incident("api"), first.message.incident_number

    # L1 does not answer: L2 is told ten minutes later, over his telephone.
    story.let_pass(minutes=9)
    story.expect_silence()
    story.let_pass(minutes=2)
    second = night.told("bob", "sms")
    assert second.message.reason == "nobody_answered_the_level_before"
    story.expect_silence()

    # L2 declines by SMS: L3 is told at once, not in twenty minutes.
    assert "carol is told" in night.texts(BOB, f"DECLINE {number}")
    third = night.told("carol", "slack")
    assert third.at == story.now
    story.expect_silence()

    # L3 acknowledges in Slack: nobody is told any more, however long it takes.
    assert night.presses("carol", "acknowledge", incident_id).startswith("You have it in hand")
    story.let_pass(hours=3)
    assert {d.message.kind for d in story.deliveries} <= {"acknowledgement"}
    story.deliveries.clear()
    incident = story.healthmgr.reading.incident(incident_id)
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "slack:carol")
    assert [(role.role, role.person) for role in incident.roles] == [("commander", "dave")]

    # The commander keeps others up to date, and notes what is left to do.
    act = Act("dave", "cli", story.now)
    story.healthmgr.coordinating.subscribe(incident_id, "erin", act)
    story.healthmgr.coordinating.update(incident_id, "The pool is being rebuilt.", act)
    story.settle()
    assert night.told("erin", "email", "update").message.said == "dave: The pool is being rebuilt."
    story.healthmgr.coordinating.add_task(incident_id, "Size the pool", act, assignee="bob")

    # It is mended: all who were told hear of the end.
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    for recipient, via in (
        ("alice", "email"),
        ("dave", "email"),
        ("bob", "sms"),
        ("carol", "slack"),
        ("erin", "email"),
    ):
        night.told(recipient, via, "resolution")
    story.expect_silence()

    # The report is drafted from what was written down.
    text = draft(story.healthmgr.reading.report_facts(incident_id, story.now))
    timeline = text.split("## Timeline")[1].split("##")[0].splitlines()
    lines = [line.split(" ", 2)[2] for line in timeline if line.startswith("- ")]
    told_in_order = [
        "dave is the commander from now on by the rule for schedule:commander",
        "bob cannot take it; the next level is told at once",
        "Escalated to level 3 (L3 senior) by bob, because nobody at the level before can take it",
        "slack:carol is on it",
        "dave gave a status update to erin: The pool is being rebuilt.",
    ]
    assert [line for line in lines if line in told_in_order] == told_in_order
    assert "- Commander: dave" in text
    assert "- Answer (the alert until somebody had it in hand): 11 min" in text
    assert "- [ ] Size the pool (bob)" in text
