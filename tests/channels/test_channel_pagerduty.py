"""PagerDuty gets events that it takes, whatever is in them, and one alert for each incident."""

from __future__ import annotations

import json
import socket
import struct
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import scripted
from pagerduty_server import faults, strict
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Response

from healthmgr.channels.pagerduty import PagerDutyChannel, PagerDutyConfig
from healthmgr.channels.pagerduty_event import MOST_BYTES, TRIMMED, encode, event
from healthmgr.definitions.plugin_config import with_environment
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import Breach, ChangeFacts, Links, Message, MessageKind
from healthmgr.errors import ChannelError
from healthmgr.testing import make_alert, make_message, make_whole_message

PATH = "/v2/enqueue"
KEY = "hidden" * 5 + "77"


@pytest.fixture
def pagerduty(httpserver: HTTPServer) -> HTTPServer:
    httpserver.expect_request(PATH, method="POST").respond_with_handler(strict)
    return httpserver


def config(server: HTTPServer | None = None, **options: Any) -> PagerDutyConfig:
    address = {"url": server.url_for(PATH)} if server else {}
    return PagerDutyConfig.model_validate({"routing_key": KEY, **address, **options})


def send(server: HTTPServer, message: Message, timeout: float = 5, **options: Any):
    return PagerDutyChannel().send(config(server, **options), message, "", timedelta(seconds=timeout))


def failure(server: HTTPServer, message: Message, **arguments: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(server, message, **arguments)
    assert "hidden" not in str(caught.value)
    return caught.value


def sent(server: HTTPServer) -> list[dict[str, Any]]:
    return [json.loads(request.get_data()) for request, _ in server.log]


def pages(events: list[dict[str, Any]]) -> int:
    """How often somebody is paged: by a trigger whose key has no alert that is open."""
    return sum(
        each["event_action"] == "trigger" and each["dedup_key"] not in _alerts(events[:count])
        for count, each in enumerate(events)
    )


def standing(events: list[dict[str, Any]]) -> list[str]:
    """The states of the alerts that are open after these events."""
    return list(_alerts(events).values())


def _alerts(events: list[dict[str, Any]]) -> dict[str, str]:
    open_: dict[str, str] = {}
    for each in events:
        key, action = each["dedup_key"], each["event_action"]
        if action == "trigger":
            open_.setdefault(key, "triggered")
        elif action == "acknowledge" and key in open_:
            open_[key] = "acknowledged"
        elif action == "resolve":
            open_.pop(key, None)
    return open_


def answer(server: HTTPServer, status: int, body: str, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.expect_request(PATH).respond_with_response(Response(body, status, headers=named))


def test_an_incident_is_triggered_acknowledged_and_resolved_under_one_key(pagerduty):
    receipts = [
        send(pagerduty, make_message(kind))
        for kind in (MessageKind.PROBLEM, MessageKind.UPDATE, MessageKind.ACKNOWLEDGEMENT, MessageKind.RESOLUTION)
    ]
    events = sent(pagerduty)
    assert [each["event_action"] for each in events] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert len({each["dedup_key"] for each in events}) == 1
    assert {receipt.provider_id for receipt in receipts} == {events[0]["dedup_key"]}
    assert receipts[0].detail == "trigger: 202 Event processed"
    assert set(events[2]) == {"routing_key", "event_action", "dedup_key"}


def test_what_is_told_again_after_an_answer_pages_anew_and_leaves_nothing_open(pagerduty):
    """PagerDuty adds to what is acknowledged there without paging anybody: only a new alert wakes people."""
    told: list[tuple[MessageKind, int]] = [
        (MessageKind.PROBLEM, 0), (MessageKind.ACKNOWLEDGEMENT, 0),
        (MessageKind.PROBLEM, 1), (MessageKind.PROBLEM, 1), (MessageKind.ACKNOWLEDGEMENT, 1),
        (MessageKind.PROBLEM, 3),
    ]  # fmt: skip
    for kind, answers in told:
        send(pagerduty, make_message(kind, answers=answers))
    assert pages(sent(pagerduty)) == 3
    assert standing(sent(pagerduty)) == ["acknowledged", "triggered"], "that of the answer between was never told"
    send(pagerduty, make_message(MessageKind.RESOLUTION, answers=3))
    assert standing(sent(pagerduty)) == []
    last = [each["dedup_key"] for each in sent(pagerduty)[-4:]]
    assert last[0].endswith(".3"), "the present one first"
    assert len(set(last)) == 4


def test_the_key_is_the_incidents_whoever_is_told():
    alice, bob = make_message(), make_message(recipient="Bob", thread_key="another")
    other = make_message(incident_id=make_whole_message().notification_id)
    assert event(alice)["dedup_key"] == event(bob)["dedup_key"] != event(other)["dedup_key"]


def test_a_trigger_tells_what_is_known_where_pagerduty_shows_it(pagerduty):
    send(pagerduty, make_whole_message())
    (document,) = sent(pagerduty)
    payload = document["payload"]
    assert payload["summary"] == "Critical: Session manager is unhealthy (#12): answers in 7.2 s, sign-ins time out"
    assert (payload["component"], payload["group"], payload["class"]) == ("session-manager", "accounts", "core")
    assert payload["timestamp"] == "2026-11-24T03:12:05.000Z"
    assert document["client"] == "healthmgr"
    assert document["client_url"] == "https://health.example.com/incidents/12"
    assert {link["text"] for link in document["links"]} >= {"Open incident #12", "Runbook"}
    details = payload["custom_details"]
    assert details["Failing with it"] == "security-manager and account-health"
    assert details["Labels"] == {"team": "identity", "region": "eu-1"}
    assert details["Last results"][0] == "03:24:10 unhealthy, 7.20 s, HTTP 200 in 7.2 s"
    assert any("deployment" in change for change in details["Changed at that time"])


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        ({}, "session-manager"),
        ({"host": "db1", "instance": "db1:5432"}, "db1:5432"),
        ({"node": " "}, "session-manager"),
    ],
)
def test_the_source_is_the_affected_system(labels, source):
    assert event(make_message(alerts=(make_alert(labels=labels),)))["payload"]["source"] == source


def test_severities_are_pagerdutys_and_can_be_chosen(pagerduty):
    for severity in Severity:
        send(pagerduty, make_message(severity=severity))
    send(pagerduty, make_message(severity=Severity.HIGH), severity_map={"high": "critical"})
    levels = [each["payload"]["severity"] for each in sent(pagerduty)]
    assert levels == ["critical", "error", "warning", "info", "critical"]


def test_an_alert_from_a_door_has_a_name_and_a_source(pagerduty):
    alert = make_alert(check_slug="", origin="alertmanager", source_url="https://prometheus.example.com/graph?g0=x")
    send(pagerduty, make_message(alerts=(alert,)))
    document = sent(pagerduty)[0]
    assert document["payload"]["component"] == "Session manager"
    assert {"href": alert.source_url, "text": "Source"} in document["links"]


def test_a_test_says_that_it_is_one(pagerduty):
    send(pagerduty, make_message(is_test=True))
    assert sent(pagerduty)[0]["payload"]["summary"].startswith("Test: Critical: ")


def test_only_addresses_become_links():
    links = Links(incident="javascript:alert(1)", acknowledge="https://[", silence="https:///x")
    alert = make_alert(runbook_url="see wiki, page 4")
    document = event(make_message(links=links, url="", alerts=(alert,)))
    assert "links" not in document
    assert document["payload"]["custom_details"]["Runbook"] == "see wiki, page 4"


def test_details_that_are_too_large_are_left_out_and_that_is_said(pagerduty):
    labels = {f"{n}{'ä' * 250}": "\U0001f4a5" * 900 for n in range(200)}
    receipt = send(pagerduty, make_message(alerts=(make_alert(labels=labels),)))
    document = sent(pagerduty)[0]
    assert document["payload"]["custom_details"] == {"details": TRIMMED}
    assert document["payload"]["summary"].startswith("Critical: Session manager")
    assert "the details were left out" in receipt.detail


def test_a_thousand_alerts_are_counted_and_named_as_far_as_there_is_room(pagerduty):
    alerts = tuple(make_alert(check_name=f"Check {n}") for n in range(1000))
    send(pagerduty, make_message(alerts=alerts))
    others = sent(pagerduty)[0]["payload"]["custom_details"]["Further alerts"]
    assert others[0] == "Check 1 is unhealthy: answers in 7.2 s, sign-ins time out"
    assert others[-1] == "and 799 more"


_TEXT = st.text(max_size=3000) | st.sampled_from(["\U0001f4a5" * 3000, "\ud800 \x00\u202e" * 500])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=100)
@given(kind=st.sampled_from(MessageKind), name=_TEXT, said=_TEXT, url=_TEXT, many=st.integers(1, 60))
def test_no_content_breaks_an_event(kind, name, said, url, many):
    alert = make_alert(
        check_name=name, check_slug=name, summary=said, service=name, category=said, description=said,
        labels={f"{n}{name}": said for n in range(many)}, annotations={name: said}, impacted=(name,) * many,
        breaches=(Breach(name, said, name, Status.UNHEALTHY),) * many, runbook_url=f"https://x.example.com/{url}",
    )  # fmt: skip
    result = replace(alert.last_results[0], message=said, response_time=float("nan"))
    alert = replace(alert, last_results=(result,) * many)
    message = make_message(
        kind, alerts=(alert,) * many, links=Links(url, "https://" + url, url), told=(name,) * many, actor=name,
        changes=(ChangeFacts(alert.opened_at, said),) * many, reason=said, how_to_acknowledge=said,
    )  # fmt: skip
    body, _ = encode({"routing_key": KEY, **event(message)})
    assert len(body) <= MOST_BYTES
    assert faults(json.loads(body)) == []


def test_a_refusal_is_permanent_and_repeats_every_complaint(pagerduty):
    error = failure(pagerduty, make_message(), routing_key="hidden")
    assert (error.permanent, error.is_ambiguous) == (True, False)
    assert "Event object is invalid: Length of 'routing_key' is incorrect (should be 32 characters)" in str(error)


def test_a_refusal_that_repeats_the_key_does_not_tell_it(httpserver):
    answer(httpserver, 400, json.dumps({"message": f"Invalid key {KEY}", "errors": [KEY]}))
    assert "Invalid key ***" in str(failure(httpserver, make_message()))


@pytest.mark.parametrize(("headers", "wait"), [({"Retry_After": "120"}, 120), ({}, 30)])
def test_too_many_events_wait(httpserver, headers, wait):
    answer(httpserver, 429, "", **headers)
    error = failure(httpserver, make_message())
    assert (error.permanent, error.retry_after) == (False, timedelta(seconds=wait))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_trouble_at_pagerduty_is_temporary(httpserver, status):
    answer(httpserver, status, "<html>oops</html>")
    assert not failure(httpserver, make_message()).permanent


@pytest.mark.parametrize("body", ["", "ok", '{"status": "invalid event"}', "[]", '"success"'])
def test_only_pagerdutys_own_acceptance_counts(httpserver, body):
    answer(httpserver, 200, body)
    error = failure(httpserver, make_message())
    assert error.permanent
    assert "as PagerDuty does" in str(error)


def test_a_problem_without_alerts_is_refused_for_good_but_an_end_is_told(pagerduty):
    assert failure(pagerduty, make_message(alerts=())).permanent
    send(pagerduty, make_message(MessageKind.RESOLUTION, alerts=()))
    assert [each["event_action"] for each in sent(pagerduty)] == ["resolve"]


def hang(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def reset(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("temper", [hang, reset])
def test_silence_costs_the_timeout_at_most_and_may_be_tried_again(temper):
    with scripted(temper) as port:
        started = time.monotonic()
        with pytest.raises(ChannelError) as caught:
            PagerDutyChannel().send(
                config(url=f"http://127.0.0.1:{port}{PATH}"), make_message(), "", timedelta(seconds=0.5)
            )
    assert time.monotonic() - started < 2
    assert (caught.value.permanent, caught.value.is_ambiguous) == (False, True)


def test_it_says_of_itself_what_the_engine_wants_to_know():
    channel = PagerDutyChannel
    assert (channel.tells_acknowledgements, channel.is_idempotent, channel.is_exempt_from_digests) == (True, True, True)


@pytest.mark.parametrize("name", ["routing_key", "integration_key", "integrationKey"])
def test_the_key_has_three_names_and_each_stands_before_the_environment(name):
    environ = {"PAGERDUTY_INTEGRATION_KEY": "e" * 32}
    said = with_environment("pagerduty", {name: KEY}, PagerDutyConfig, environ)
    assert PagerDutyConfig.model_validate(said).routing_key.get_secret_value() == KEY
    unsaid = with_environment("pagerduty", {}, PagerDutyConfig, environ)
    assert unsaid["routing_key"] == "${PAGERDUTY_INTEGRATION_KEY}"
    assert PagerDutyConfig.model_validate({"routing_key": unsaid["routing_key"]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"routing_key": "hidden"},
        {"routing_key": "hidden" * 5 + "7 "},
        {"region": "mars"},
        {"url": "hidden.example.com"},
        {"severity_map": {"critical": "fatal"}},
        {"severity_map": {"fatal": "critical"}},
        {"client": ""},
    ],
)
def test_a_configuration_that_cannot_work_is_refused_without_telling_the_key(wrong):
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("kind", [MessageKind.PROBLEM, MessageKind.RESOLUTION])
def test_a_preview_is_the_event_without_its_key(pagerduty, kind):
    send(pagerduty, make_message(kind))
    (document,) = sent(pagerduty)
    shown = PagerDutyChannel().preview(config(pagerduty), make_message(kind), "")
    assert {"routing_key": KEY, **json.loads(shown)} == document
    assert KEY not in shown
