"""What hangs on a check, what was foretold of it, and what an incident may come from, in the form of every channel."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from healthmgr.channels import pagerduty_event, payload, slack_blocks
from healthmgr.channels.rendering import render
from healthmgr.domain.message import Message, MessageKind
from healthmgr.testing.messages import make_alert, make_message

CAUSE = "Deploy data 42: data 42 was changed by ann 3 min before its trouble began <b>&"
HANGING, FORETOLD = "12 checks in 4 services", "disk_usage will pass 95% in 9 h (at 03:40 UTC)"


@pytest.fixture
def message() -> Message:
    alert = make_alert(hanging=HANGING, foretold=FORETOLD, annotations={"foretold": FORETOLD})
    return make_message(alerts=(alert,), causes=(CAUSE, "database: it failed itself"))


def test_mail_names_them_once_and_safely(message):
    rendered = render(message)
    assert "What it may come from\n  1. Deploy data 42:" in rendered.text
    assert "  2. database: it failed itself" in rendered.text
    assert HANGING in rendered.text
    assert rendered.text.count(FORETOLD) == 1
    assert "&lt;b&gt;&amp;" in rendered.html
    assert "<b>&" not in rendered.html


def test_slack_shows_them(message):
    shown = json.dumps(slack_blocks.payload(message))
    assert "*What it may come from*\\n1. Deploy data 42" in shown
    assert "&lt;b&gt;&amp;" in shown
    assert HANGING in shown
    assert shown.count(FORETOLD) == 1


def test_programs_get_them(message):
    data = json.loads(payload.encode(message))["data"]
    assert data["causes"] == [CAUSE, "database: it failed itself"]
    assert (data["alerts"][0]["hanging"], data["alerts"][0]["foretold"]) == (HANGING, FORETOLD)
    details = pagerduty_event.event(message)["payload"]["custom_details"]
    assert details["May come from"] == [CAUSE, "database: it failed itself"]
    assert (details["Hangs on it"], details["Foretold"]) == (HANGING, FORETOLD)


def test_without_them_nothing_is_said_of_them():
    plain = render(make_message())
    assert "may come from" not in plain.text
    assert "Hangs on it" not in plain.text
    assert json.loads(payload.encode(make_message()))["data"]["causes"] == []


def test_a_thousand_causes_break_no_limit(message):
    many = replace(message, causes=(CAUSE * 40,) * 1000)
    assert len(payload.encode(many)) <= payload.MOST_BYTES
    assert len(json.dumps(slack_blocks.payload(many))) < 40_000
    assert message.kind is MessageKind.PROBLEM
