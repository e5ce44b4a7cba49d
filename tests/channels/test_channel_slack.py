"""Slack gets messages that it can take, whatever is in them, and its answers say whether trying again could help."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta
from typing import Any

import pytest
from loopback import scripted
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from slack_limits import assert_within_limits, buttons, shown
from werkzeug import Response

from healthmgr.channels.slack import SlackChannel, SlackConfig
from healthmgr.definitions.plugin_config import with_environment
from healthmgr.domain.message import Message, MessageKind
from healthmgr.errors import ChannelError

PATH = "/services/T0/B0/hidden-hidden"


def send(server: HTTPServer, message: Message, timeout: float = 5, **options: str):
    return SlackChannel().send(config(server, **options), message, "", timedelta(seconds=timeout))


def config(server: HTTPServer, **options: str) -> SlackConfig:
    return SlackConfig.model_validate({"url": server.url_for(PATH), **options})


def answer(server: HTTPServer, status: int, body: str, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.expect_request(PATH, method="POST").respond_with_response(Response(body, status, headers=named))


def failure(server: HTTPServer, message: Message, **arguments: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(server, message, **arguments)
    assert "hidden" not in str(caught.value)
    return caught.value


def sent(server: HTTPServer) -> list[dict[str, Any]]:
    return [json.loads(request.get_data()) for request, _ in server.log]


def test_a_problem_tells_what_a_person_needs_at_night(httpserver, compose_message):
    answer(httpserver, 200, "ok")
    receipt = send(httpserver, compose_message())
    (document,) = sent(httpserver)
    assert receipt.detail == "200 ok"
    assert document["blocks"][0]["text"]["text"] == "Critical: Session manager is unhealthy"
    assert document["text"].startswith("Critical: Session manager is unhealthy (#12)")
    said = shown(document)
    for fact in (
        "answers in 7.2 s, sign-ins time out",
        "*Severity*\ncritical",
        "*Since*\n2026-11-24 03:12 UTC (12 min ago)",
        "*Service*\naccounts",
        "response time 7.2 s (unhealthy at &gt; 5 s)",
        "security-manager and account-health",
        "team=identity",
        "03:24:10 · unhealthy · 7.20 s · HTTP 200 in 7.2 s",
        "Acknowledge: `healthmgr alerts ack 12`",
        "to Alice Meyer: first notification",
    ):
        assert fact in said
    assert buttons(document) == {
        "Open incident #12 and acknowledge": "https://health.example.com/incidents/12",
        "Runbook": "https://wiki.example.com/runbooks/session-manager",
    }
    assert_within_limits(document)


def test_a_message_without_alerts_is_refused_for_good(httpserver, compose_message):
    error = failure(httpserver, compose_message(alerts=()))
    assert error.permanent
    assert sent(httpserver) == []


def test_channel_and_user_name_are_sent_where_they_are_given(httpserver, compose_message):
    answer(httpserver, 200, "ok")
    send(httpserver, compose_message(), channel="#alerts", username="Health Monitor")
    send(httpserver, compose_message())
    with_options, without = sent(httpserver)
    assert (with_options["channel"], with_options["username"]) == ("#alerts", "Health Monitor")
    assert not {"channel", "username"} & set(without)


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (404, "no_service", "make a new one"),
        (410, "channel_is_archived", "choose another"),
        (404, "channel_not_found", "correct `channel`"),
        (403, "action_prohibited", "administrator"),
        (403, "invalid_token", "copy it again"),
        (400, "something_new", "something_new"),
    ],
)
def test_a_refusal_is_permanent_and_says_what_to_do(httpserver, compose_message, status, body, advice):
    answer(httpserver, status, body)
    error = failure(httpserver, compose_message())
    assert (error.permanent, error.is_ambiguous) == (True, False)
    assert body in str(error)
    assert advice in str(error)
    assert len(sent(httpserver)) == 1


def test_too_many_messages_wait_as_long_as_slack_wishes(httpserver, compose_message):
    answer(httpserver, 429, "rate_limited", Retry_After="30")
    error = failure(httpserver, compose_message())
    assert (error.permanent, error.retry_after) == (False, timedelta(seconds=30))


@pytest.mark.parametrize("status", [500, 503])
def test_trouble_at_slack_is_temporary(httpserver, compose_message, status):
    answer(httpserver, status, "server_error")
    assert not failure(httpserver, compose_message()).permanent


@pytest.mark.parametrize("body", ["", "OK then", "<html>sign in</html>", '{"ok": false, "error": "not_authed"}'])
def test_only_ok_is_an_acceptance(httpserver, compose_message, body):
    answer(httpserver, 200, body)
    error = failure(httpserver, compose_message())
    assert error.permanent
    assert "did not say `ok`" in str(error)


@pytest.mark.parametrize("word", ["invalid_blocks", "invalid_attachments", "msg_blocks_too_long"])
def test_a_message_whose_form_is_refused_is_told_as_text_alone(httpserver, compose_message, word):
    httpserver.expect_ordered_request(PATH).respond_with_response(Response(word, 400))
    httpserver.expect_ordered_request(PATH).respond_with_response(Response("ok", 200))
    receipt = send(httpserver, compose_message(), channel="#alerts")
    rich, plain = sent(httpserver)
    assert "text alone" in receipt.detail
    assert "blocks" in rich
    assert set(plain) == {"text", "unfurl_links", "unfurl_media", "channel"}
    assert "answers in 7.2 s" in plain["text"]
    assert "healthmgr alerts ack 12" in plain["text"]


def test_a_form_refused_twice_is_a_permanent_error(httpserver, compose_message):
    answer(httpserver, 400, "invalid_payload")
    assert failure(httpserver, compose_message()).permanent
    assert len(sent(httpserver)) == 2


def test_a_server_that_never_answers_costs_the_timeout_and_may_have_the_message(compose_message):
    def hang(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with scripted(hang) as port:
        started = time.monotonic()
        slack = SlackConfig.model_validate({"url": f"http://127.0.0.1:{port}{PATH}"})
        with pytest.raises(ChannelError) as caught:
            SlackChannel().send(slack, compose_message(), "", timedelta(seconds=0.5))
    assert time.monotonic() - started < 2
    assert (caught.value.permanent, caught.value.is_ambiguous) == (False, True)


def test_the_address_is_kept_secret_and_judged_where_it_is_known():
    known = SlackConfig.model_validate({"url": f"https://hooks.slack.com{PATH}"})
    assert "hidden" not in f"{known!r} {known} {known.model_dump_json()}"
    assert SlackConfig.model_validate({"url": "${SLACK_WEBHOOK_URL}"}).url.get_secret_value() == "${SLACK_WEBHOOK_URL}"
    for wrong in ("hooks.slack.com/hidden", "ftp://hooks.slack.com/hidden", "https://"):
        with pytest.raises(ValidationError) as caught:
            SlackConfig.model_validate({"url": wrong})
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"channel": "two words"}, {"channel": "x" * 300}, {"username": "x" * 100}])
def test_names_that_slack_cannot_take_are_refused(wrong):
    with pytest.raises(ValidationError):
        SlackConfig.model_validate({"url": f"https://hooks.slack.com{PATH}", **wrong})


def test_an_acknowledgement_is_one_line_below_the_problem(httpserver, compose_message):
    answer(httpserver, 200, "ok")
    send(httpserver, compose_message(MessageKind.ACKNOWLEDGEMENT, actor="Bob"))
    (document,) = sent(httpserver)
    assert document["text"] == "Acknowledged by Bob: Session manager (#12)"
    assert "blocks" not in document


def test_a_digest_is_posted_like_any_other_message(httpserver, compose_message):
    answer(httpserver, 200, "ok")
    send(httpserver, compose_message(MessageKind.DIGEST))
    (document,) = sent(httpserver)
    assert_within_limits(document)


def test_buttons_are_offered_through_a_webhook_too(httpserver, compose_message):
    answer(httpserver, 200, "ok")
    send(httpserver, compose_message(), buttons=True, signing_secret="hidden")
    assert {"Acknowledge", "Silence 1h", "Resolve"} <= set(buttons(sent(httpserver)[0]))


@pytest.mark.parametrize("name", ["url", "webhook_url", "webhookUrl"])
def test_the_webhook_has_the_names_that_people_know(name):
    known = SlackConfig.model_validate({name: "https://hooks.slack.com/services/x"})
    assert known.url.get_secret_value() == "https://hooks.slack.com/services/x"
    said = with_environment("slack", {name: "x"}, SlackConfig, {"SLACK_WEBHOOK_URL": "y", "SLACK_CHANNEL": "#z"})
    assert said == {name: "x", "channel": "${SLACK_CHANNEL}"}
