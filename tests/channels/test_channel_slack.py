"""Slack gets messages that it can take, whatever is in them, and its answers say whether trying again could help."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from loopback import scripted
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Response

from healthmgr.channels.slack import SlackChannel, SlackConfig
from healthmgr.channels.slack_blocks import escaped, payload
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import Breach, Message, MessageKind, ResultFacts
from healthmgr.errors import ChannelError

PATH = "/services/T0/B0/hidden-hidden"
HOSTILE = "<!channel> <@U1> @here &<https://evil.example.com|click> *b* `c` ```\n\r\x00\u202e \U0001f4a5" * 400


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


def details(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["attachments"][0]["blocks"]


def texts(value: Any) -> Iterator[str]:
    """Every text of a document that Slack would show."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def shown(document: dict[str, Any]) -> str:
    return "\n".join(texts(details(document)))


def buttons(document: dict[str, Any]) -> dict[str, str]:
    found = [block["elements"] for block in details(document) if block["type"] == "actions"]
    return {button["text"]["text"]: button["url"] for elements in found for button in elements}


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def assert_within_limits(document: dict[str, Any]) -> None:
    """Block Kit's published limits, and the undocumented one on all text together."""
    blocks = [*document["blocks"], *(block for each in document["attachments"] for block in each["blocks"])]
    assert len(blocks) <= 50
    for block in blocks:
        match block["type"]:
            case "header":
                assert 1 <= length(block["text"]["text"]) <= 150
            case "section" if "text" in block:
                assert 1 <= length(block["text"]["text"]) <= 3000
            case "section":
                assert 1 <= len(block["fields"]) <= 10
                assert all(1 <= length(field["text"]) <= 2000 for field in block["fields"])
            case "context":
                assert 1 <= len(block["elements"]) <= 10
            case "actions":
                assert 1 <= len(block["elements"]) <= 25
                assert all(length(button["text"]["text"]) <= 75 for button in block["elements"])
                assert all(len(button["url"]) <= 3000 for button in block["elements"])
                assert all(len(button["action_id"]) <= 255 for button in block["elements"])
            case other:
                pytest.fail(f"an unknown block: {other}")
    assert sum(map(length, texts(document))) <= 11_000


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


def test_a_resolution_says_how_long_it_lasted_and_asks_nothing(compose_message):
    document = payload(compose_message(MessageKind.RESOLUTION))
    said = shown(document)
    assert document["blocks"][0]["text"]["text"] == "Resolved: Session manager"
    assert "recovered: 2 good results in a row" in said
    assert "*Lasted*\n1 h 04 min: 2026-11-24 03:12 to 04:16 UTC" in said
    assert "*Problem was*\nanswers in 7.2 s" in said
    assert "Acknowledge" not in said
    assert "Last results" not in said
    assert buttons(document) == {"Open incident #12": "https://health.example.com/incidents/12"}


def test_an_update_says_what_is_new_and_a_reminder_that_it_is_one(compose_message):
    assert "*Severity raised*" in shown(payload(compose_message(MessageKind.UPDATE)))
    assert "*Reminder 3*" in shown(payload(compose_message(round=3)))


def test_problems_updates_and_resolutions_differ_in_colour(compose_message):
    colours = [payload(compose_message(kind))["attachments"][0]["color"] for kind in MessageKind]
    by_severity = [payload(compose_message(severity=severity))["attachments"][0]["color"] for severity in Severity]
    assert len({*colours, *by_severity}) == len(MessageKind) + len(Severity) - 1
    assert colours[0] == by_severity[0]


def test_further_alerts_of_the_incident_are_named_and_counted(compose_message, compose_alert):
    many = tuple(compose_alert(check_name=f"Check {n}") for n in range(40))
    said = shown(payload(compose_message(alerts=many)))
    assert "• *Check 1* is unhealthy: answers in 7.2 s" in said
    assert "and 27 more" in said
    assert "Check 39" not in said


def hostile_message(compose_message, compose_alert, kind: MessageKind) -> Message:
    alert = compose_alert(
        check_slug=HOSTILE, check_name=HOSTILE, summary=HOSTILE, resolution=HOSTILE, service=HOSTILE,
        runbook_url="https://" + "a" * 1900, labels={f"{n}{HOSTILE}": HOSTILE for n in range(50)},
        breaches=tuple(Breach(HOSTILE, HOSTILE, HOSTILE, Status.UNHEALTHY) for _ in range(50)),
        dependents=(HOSTILE,) * 500, impacted=(HOSTILE,) * 500,
    )  # fmt: skip
    results = tuple(replace(result, message=HOSTILE, response_time=float("nan")) for result in alert.last_results * 20)
    alert = replace(alert, last_results=results, resolved_at=compose_message(MessageKind.RESOLUTION).composed_at)
    return compose_message(
        kind, alerts=(alert,) * 200, reason=HOSTILE, recipient=HOSTILE, how_to_acknowledge=HOSTILE, round=10**9,
        url="https://health.example.com/" + "x" * 1900,
    )  # fmt: skip


@pytest.mark.parametrize("kind", MessageKind)
def test_hostile_content_stays_within_every_limit_and_is_only_text(compose_message, compose_alert, kind):
    document = payload(hostile_message(compose_message, compose_alert, kind))
    assert_within_limits(document)
    json.dumps(document).encode()
    for text in [document["text"], shown(document)]:
        assert "<" not in text.replace("&lt;", "")
        assert ">" not in text.replace("&gt;", "")
        assert not any(ord(character) < 32 and character != "\n" for character in text)
        assert "\u202e" not in text


@pytest.mark.parametrize("kind", MessageKind)
def test_no_text_of_the_details_makes_mentions_of_its_own(compose_message, kind):
    document = payload(compose_message(kind, recipient="@channel"))
    for block in details(document):
        objects = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        for found in filter(None, objects):
            assert found["type"] in ("button", "mrkdwn")
            assert found["type"] == "button" or found["verbatim"] is True
    assert (document["unfurl_links"], document["unfurl_media"]) == (False, False)


def test_a_cut_divides_no_escape_and_no_character():
    for most in range(2, 40):
        kept = escaped("a<b>&\U0001f4a5" * 20, most)
        assert length(kept) <= most
        assert kept.endswith("…")
        body = kept[:-1]
        assert body.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "").count("&") == 0
    assert escaped("a < b", 8) == "a &lt; b"


def test_an_address_that_is_no_link_becomes_words_and_not_a_button(compose_message, compose_alert):
    alert = compose_alert(runbook_url="see wiki, page 4")
    document = payload(compose_message(alerts=(alert,), url="javascript:alert(1)"))
    assert buttons(document) == {}
    assert "Runbook: see wiki, page 4" in shown(document)
    assert "javascript" not in json.dumps(document)


def test_little_content_makes_a_valid_message_too(compose_message, compose_alert):
    alert = compose_alert(
        summary="", service="", runbook_url="", labels={}, breaches=(), last_results=(), dependents=(), impacted=()
    )
    document = payload(compose_message(alerts=(alert,), url="", how_to_acknowledge=""))
    assert_within_limits(document)
    assert "No details are known." in shown(document)


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


def test_old_results_are_told_with_their_day(compose_message, compose_alert):
    old = ResultFacts(compose_message().composed_at - timedelta(days=2), Status.UNKNOWN, "no answer", 1.0)
    said = shown(payload(compose_message(alerts=(compose_alert(last_results=(old,)),))))
    assert "11-22 03:24:10 · unknown · 1.00 s · no answer" in said
