"""A pressed button counts when Slack says so, lately, and names something of ours."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from slack_sdk.signature import Clock, SignatureVerifier

from healthmgr.channels.slack_buttons import Action, buttons
from healthmgr.channels.slack_signature import Interaction, parse_interaction, verify

# The example of Slack's own page on verifying requests.
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TIMESTAMP = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW = datetime.fromtimestamp(int(TIMESTAMP), UTC)
INCIDENT = UUID("019ab3c0-0000-7000-8000-000000000001")


def sign(timestamp: str, body: bytes, secret: str = SECRET) -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


def test_slacks_own_example_is_from_slack():
    assert verify(SECRET, TIMESTAMP, BODY, SIGNATURE, NOW)


def test_slacks_own_library_agrees():
    class Then(Clock):
        def now(self) -> float:
            return NOW.timestamp()

    library = SignatureVerifier(SECRET, Then())
    assert library.is_valid(BODY, TIMESTAMP, SIGNATURE)
    assert verify(SECRET, TIMESTAMP, b"", library.generate_signature(timestamp=TIMESTAMP, body=b""), NOW)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_request_may_be_five_minutes_old_or_ahead(seconds):
    assert verify(SECRET, TIMESTAMP, BODY, SIGNATURE, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_an_older_one_may_have_been_recorded(seconds):
    assert not verify(SECRET, TIMESTAMP, BODY, SIGNATURE, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("secret", "timestamp", "body", "signature"),
    [
        ("another", TIMESTAMP, BODY, SIGNATURE),
        ("", TIMESTAMP, BODY, sign(TIMESTAMP, BODY, "")),
        (SECRET, "1531420619", BODY, SIGNATURE),
        (SECRET, TIMESTAMP, BODY + b"x", SIGNATURE),
        (SECRET, TIMESTAMP, BODY, SIGNATURE[:-1]),
        (SECRET, TIMESTAMP, BODY, SIGNATURE.removeprefix("v0=")),
        (SECRET, TIMESTAMP, BODY, SIGNATURE.replace("v0=", "v1=")),
        (SECRET, TIMESTAMP, BODY, ""),
        (SECRET, TIMESTAMP, BODY, "v0=ü\ud800"),
        (SECRET, "", BODY, sign("", BODY)),
        (SECRET, "-1531420618", BODY, sign("-1531420618", BODY)),
        (SECRET, "1531420618.0", BODY, sign("1531420618.0", BODY)),
        (SECRET, "١٥٣١٤٢٠٦١٨", BODY, sign("١٥٣١٤٢٠٦١٨", BODY)),
        (SECRET, "9" * 5000, BODY, sign("9" * 5000, BODY)),
    ],
)
def test_everything_else_is_not_from_slack(secret, timestamp, body, signature):
    assert verify(secret, timestamp, body, signature, NOW) is False


def pressed(**changes) -> str:
    document = {
        "type": "block_actions",
        "user": {"id": "U777", "username": "alice", "name": "alice"},
        "actions": [{"action_id": "healthmgr.acknowledge", "value": str(INCIDENT), "type": "button"}],
        "response_url": "https://hooks.slack.com/actions/T0/1/abc",
    }
    return json.dumps({**document, **changes})


def test_a_pressed_button_says_who_wants_what():
    assert parse_interaction(pressed()) == Interaction(
        Action.ACKNOWLEDGE, INCIDENT, "U777", "alice", "https://hooks.slack.com/actions/T0/1/abc"
    )


def test_every_button_that_is_sent_is_understood(compose_message):
    (row, _) = buttons(compose_message(), with_actions=True)
    understood = [parse_interaction(pressed(actions=[element])) for element in row["elements"]]
    actions = [Action.ACKNOWLEDGE, Action.ESCALATE, Action.SILENCE, Action.RESOLVE]
    assert [each.action for each in understood] == actions
    assert {each.subject_id for each in understood} == {compose_message().incident_id}


@pytest.mark.parametrize(
    "changes", [{"type": "view_submission"}, {"actions": [{"action_id": "incident"}]}, {"actions": [{"action_id": 7}]}]
)
def test_what_asks_nothing_of_us_is_nothing(changes):
    assert parse_interaction(pressed(**changes)) is None


@pytest.mark.parametrize(
    "payload",
    [
        "", "hush", "[]", "null", "[" * 100_000, pressed(user=None), pressed(user="alice"), pressed(actions=[]),
        pressed(actions={}), pressed(actions=["x"]), pressed(actions=[{"action_id": "healthmgr.resolve"}]),
        pressed(actions=[{"action_id": "healthmgr.resolve", "value": "hush"}]),
    ],
)  # fmt: skip
def test_what_slack_does_not_send_is_refused_without_being_repeated(payload):
    with pytest.raises(ValueError, match=r"payload|incident") as caught:
        parse_interaction(payload)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/x",
        "https://evil.example.com/x",
        "https://evilslack.com/",
        "https://[",
        7,
        None,
        "x" * 9999,
    ],
)
def test_an_answer_goes_to_slack_or_nowhere(url):
    assert parse_interaction(pressed(response_url=url)).response_url == ""


def test_a_users_name_is_one_short_line():
    interaction = parse_interaction(pressed(user={"id": "U777", "username": "a\nb\u202e" + "c" * 500}))
    assert len(interaction.user_name) <= 120
    assert interaction.user_name.startswith("a b")
