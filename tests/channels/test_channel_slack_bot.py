"""A bot keeps one message for each incident up to date and says what is new in its thread, whatever Slack answers."""

from __future__ import annotations

import json
import socket
import struct
import time
from datetime import timedelta

import pytest
from loopback import scripted
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from slack_server import TOKEN, SlackServer
from werkzeug import Request, Response

from healthmgr.channels.slack import SlackChannel, SlackConfig
from healthmgr.domain.message import MessageKind
from healthmgr.errors import ChannelError


@pytest.fixture
def slack(httpserver) -> SlackServer:
    return SlackServer(httpserver)


def config(api_url: str, **options) -> SlackConfig:
    return SlackConfig(**{"bot_token": TOKEN, "channel": "#alerts", "api_url": api_url, **options})


def send(slack: SlackServer, message, address: str = "", timeout: float = 5, **options):
    return SlackChannel().send(config(slack.url, **options), message, address, timedelta(seconds=timeout))


def failure(slack: SlackServer, message, **arguments) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(slack, message, **arguments)
    assert "hidden" not in str(caught.value)
    return caught.value


def test_the_first_message_is_posted_and_named(slack, compose_message):
    receipt = send(slack, compose_message(), username="Health Monitor")
    (posted,) = slack.said("chat.postMessage")
    assert receipt.provider_id == "C0123:1764000000.000000"
    assert (posted["channel"], posted["username"]) == ("#alerts", "Health Monitor")
    assert posted["blocks"][0]["text"]["text"] == "Critical: Session manager is unhealthy"
    assert "thread_ts" not in posted


def test_a_recipients_contact_goes_before_the_channel(slack, compose_message):
    assert send(slack, compose_message(), address="U777").provider_id.startswith("D0777:")


def test_a_resolution_changes_the_incidents_message_and_is_told_in_its_thread(slack, compose_message):
    first = send(slack, compose_message()).provider_id
    receipt = send(slack, compose_message(MessageKind.RESOLUTION, first_provider_id=first))
    shown = slack.messages[first]
    reply = slack.said("chat.postMessage")[1]
    assert receipt.provider_id == first
    assert shown["blocks"][0]["text"]["text"] == "Resolved: Session manager"
    assert (reply["channel"], reply["thread_ts"]) == tuple(first.split(":"))
    assert reply["text"].startswith("Resolved, lasted 1 h 04 min: 2026-11-24 03:12 to 04:16 UTC\nrecovered")
    assert reply["reply_broadcast"] is False
    assert "blocks" not in reply


def test_what_somebody_has_to_act_on_is_shown_in_the_channel_too(slack, compose_message):
    first = send(slack, compose_message()).provider_id
    send(slack, compose_message(round=2, first_provider_id=first))
    send(slack, compose_message(MessageKind.ACKNOWLEDGEMENT, actor="Bob <!here>", first_provider_id=first))
    send(slack, compose_message(MessageKind.UPDATE, first_provider_id=first))
    _, reminder, acknowledged, update = slack.said("chat.postMessage")
    assert reminder["text"].startswith("Reminder 2: Critical: Session manager is unhealthy\nanswers in 7.2 s")
    assert acknowledged["text"] == "Acknowledged by Bob &lt;!here&gt;"
    assert update["text"].startswith("Severity rose: Critical: Session manager is unhealthy")
    assert [each["reply_broadcast"] for each in (reminder, acknowledged, update)] == [True, False, False]
    assert len(slack.said("chat.update")) == 3


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_message_that_can_be_changed_no_longer_gets_a_successor(slack, compose_message, code):
    first = send(slack, compose_message()).provider_id
    slack.refuse("chat.update", code)
    receipt = send(slack, compose_message(MessageKind.UPDATE, first_provider_id=first))
    assert receipt.provider_id not in ("", first)
    assert "thread_ts" not in slack.said("chat.postMessage")[1]


def test_a_thread_that_takes_no_replies_gets_a_successor_too(slack, compose_message):
    first = send(slack, compose_message()).provider_id
    slack.refuse("chat.postMessage", "cannot_reply_to_message")
    receipt = send(slack, compose_message(MessageKind.RESOLUTION, first_provider_id=first))
    assert receipt.provider_id not in ("", first)


@pytest.mark.parametrize("name", ["", "ok", "C0123:", "webhook-id", "C0123:1.2:3", "../x:1.2"])
def test_what_is_no_name_of_a_message_is_posted_anew(slack, compose_message, name):
    send(slack, compose_message(round=1, first_provider_id=name))
    assert [method for method, _ in slack.calls] == ["chat.postMessage"]


def test_a_digest_stands_for_itself(slack, compose_message):
    first = send(slack, compose_message()).provider_id
    receipt = send(slack, compose_message(MessageKind.DIGEST, first_provider_id=first))
    assert receipt.provider_id != first
    assert slack.said("chat.update") == []


@pytest.mark.parametrize("code", ["ratelimited", "service_unavailable", "request_timeout"])
def test_a_passing_refusal_is_tried_again_when_slack_wishes(slack, compose_message, code):
    slack.refuse("chat.postMessage", code, Retry_After="17")
    error = failure(slack, compose_message())
    assert (error.permanent, error.is_ambiguous, error.retry_after) == (False, False, timedelta(seconds=17))


@pytest.mark.parametrize("code", ["internal_error", "fatal_error"])
def test_slacks_own_trouble_may_have_posted_the_message(slack, compose_message, code):
    slack.refuse("chat.postMessage", code)
    error = failure(slack, compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, True)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("channel_not_found", "invite the bot"),
        ("not_in_channel", "/invite"),
        ("is_archived", "choose another"),
        ("invalid_auth", "copy"),
        ("account_inactive", "install it again"),
        ("token_revoked", "copy its new token"),
        ("something_new", "something_new"),
    ],
)
def test_a_refusal_with_status_200_is_permanent_and_says_what_to_do(slack, compose_message, code, advice):
    slack.refuse("chat.postMessage", code)
    error = failure(slack, compose_message())
    assert (error.permanent, error.is_ambiguous) == (True, False)
    assert code in str(error)
    assert advice in str(error)
    assert len(slack.calls) == 1


def test_a_scope_that_is_missing_is_named(slack, compose_message):
    body = json.dumps({"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "none"})
    slack.answer("chat.postMessage", Response(body, 200))
    assert "missing_scope (needs chat:write)" in str(failure(slack, compose_message()))


def test_too_many_calls_wait_as_long_as_slack_wishes(slack, compose_message):
    slack.refuse("chat.postMessage", "ratelimited", status=429, Retry_After="30")
    error = failure(slack, compose_message())
    assert (error.permanent, error.retry_after) == (False, timedelta(seconds=30))


def test_an_update_that_has_to_wait_leaves_the_thread_untold(slack, compose_message):
    first = send(slack, compose_message()).provider_id
    slack.refuse("chat.update", "ratelimited", Retry_After="3")
    error = failure(slack, compose_message(MessageKind.UPDATE, first_provider_id=first))
    assert not error.permanent
    assert len(slack.said("chat.postMessage")) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_trouble_at_slack_is_temporary(slack, compose_message, status):
    slack.answer("chat.postMessage", Response("oops", status))
    assert not failure(slack, compose_message()).permanent


def test_blocks_that_are_refused_are_told_as_text_alone(slack, compose_message):
    first = send(slack, compose_message()).provider_id
    slack.refuse("chat.update", "invalid_blocks")
    receipt = send(slack, compose_message(MessageKind.RESOLUTION, first_provider_id=first))
    assert "text alone" in receipt.detail
    assert (slack.messages[first]["blocks"], slack.messages[first]["attachments"]) == ([], [])
    assert slack.messages[first]["text"].startswith("Resolved: Session manager (#12)")


@pytest.mark.parametrize(
    ("body", "is_permanent"), [("<html>sign in</html>", True), ("ok", True), ("[]", True), ('{"ok": tr', False)]
)
def test_an_answer_that_is_not_slacks_is_no_acceptance(slack, compose_message, body, is_permanent):
    slack.answer("chat.postMessage", Response(body, 200))
    error = failure(slack, compose_message())
    assert (error.permanent, error.is_ambiguous) == (is_permanent, not is_permanent)


def _read_request(connection: socket.socket) -> None:
    taken = b""
    while b"\r\n\r\n" not in taken:
        taken += connection.recv(65536)
    head, _, body = taken.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)


def _reset(connection: socket.socket) -> None:
    _read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _fall_silent(connection: socket.socket) -> None:
    _read_request(connection)
    connection.recv(1)


def _break_off(connection: socket.socket) -> None:
    _read_request(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"ok": true, "chan')


@pytest.mark.parametrize("conversation", [_reset, _fall_silent, _break_off])
def test_without_a_whole_answer_the_message_may_have_arrived(compose_message, conversation):
    started_at = time.monotonic()
    with scripted(conversation) as port:
        bot = config(f"http://127.0.0.1:{port}/api")
        with pytest.raises(ChannelError) as caught:
            SlackChannel().send(bot, compose_message(), "", timedelta(seconds=0.5))
    assert time.monotonic() - started_at < 2
    assert (caught.value.permanent, caught.value.is_ambiguous) == (False, True)


def test_update_and_reply_together_keep_to_the_timeout(compose_message):
    def slow(_request: Request) -> Response:
        time.sleep(0.6)
        return Response(json.dumps({"ok": True, "channel": "C0123", "ts": "1.2"}), 200)

    # A server of its own: the reply that nobody waits for would otherwise arrive in the next test.
    with HTTPServer() as server:
        server.expect_request("/chat.update").respond_with_handler(slow)
        server.expect_request("/chat.postMessage").respond_with_handler(slow)
        message = compose_message(MessageKind.UPDATE, first_provider_id="C0123:1.2")
        started_at = time.monotonic()
        with pytest.raises(ChannelError) as caught:
            SlackChannel().send(config(server.url_for("")), message, "", timedelta(seconds=0.9))
        assert time.monotonic() - started_at < 1.6
    assert caught.value.is_ambiguous


def test_nowhere_to_post_is_said(slack, compose_message):
    error = failure(slack, compose_message(), channel="")
    assert error.permanent
    assert "recipient's contact" in str(error)


def test_a_token_goes_before_a_webhook_that_the_environment_names(slack, compose_message):
    send(slack, compose_message(), url="https://hooks.slack.com/services/hidden")
    assert len(slack.calls) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "say how to reach Slack"),
        ({"bot_token": "two words"}, "copy `Bot User OAuth Token`"),
        ({"bot_token": ""}, "copy `Bot User OAuth Token`"),
        ({"bot_token": TOKEN, "buttons": True}, "signing_secret"),
        ({"bot_token": TOKEN, "api_url": "slack.com/api"}, "not an address"),
    ],
)
def test_a_configuration_that_cannot_work_says_why(options, said):
    with pytest.raises(ValidationError, match=said) as caught:
        SlackConfig(**options)
    assert "hidden" not in str(caught.value)
