"""PagerDuty's Events API v2, as a door."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from healthmgr.rates import TokenBuckets
from tests.builders import NOW
from tests.serving import Client, Container, HttpClient, ServedApp

PAYLOAD = {
    "summary": "Database is down",
    "source": "db-1",
    "severity": "critical",
    "component": "postgres",
    "class": "availability",
    "custom_details": {"free": 3, "hosts": ["a", "b"], "summary": "not this one"},
}


@pytest.fixture
def key(container: Container) -> str:
    return container.tokens.ensure("legacy", "ingest", None, NOW)


@pytest.fixture
def client(client_as: Client) -> HttpClient:
    return client_as(None)


def event(key: str, action: str = "trigger", **over: Any) -> dict[str, Any]:
    return {"routing_key": key, "event_action": action, "dedup_key": "db", "payload": PAYLOAD} | over


def rows(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)).all())


def test_a_trigger_opens_an_alert_and_a_resolve_with_its_key_ends_it(
    client: HttpClient, key: str, engine: Engine
) -> None:
    body = event(key, client="cron", client_url="https://cron.example.com", links=[{"href": "https://x", "text": "x"}])
    for _ in range(2):
        answer = client.post("/v2/enqueue", json=body)
        assert (answer.status_code, answer.json()) == (
            202,
            {"status": "success", "message": "Event processed", "dedup_key": "db"},
        )
    (row,) = rows(engine, "SELECT origin, name, severity, labels, annotations, source_url, ends_at FROM alerts")
    assert (row.origin, row.name, row.severity, row.ends_at) == ("pagerduty", "Database is down", "critical", None)
    assert row.labels == {
        "service": "postgres",
        "source": "db-1",
        "component": "postgres",
        "class": "availability",
        "client": "cron",
    }
    assert row.annotations == {"summary": "Database is down", "free": "3", "hosts": '["a", "b"]'}
    assert row.source_url == "https://cron.example.com"
    assert client.post("/v2/enqueue", json=event(key, "resolve", payload=None)).status_code == 202
    (row,) = rows(engine, "SELECT resolution FROM alerts")
    assert row.resolution == "resolved_by_source"


def test_after_its_end_a_trigger_opens_another(
    client: HttpClient, key: str, engine: Engine, container: Container
) -> None:
    for action in ("trigger", "resolve", "trigger"):
        container.clock.at += timedelta(minutes=1)
        client.post("/v2/enqueue", json=event(key, action))
    found = rows(engine, "SELECT resolved_at IS NULL AS is_open FROM alerts ORDER BY opened_at")
    assert [row.is_open for row in found] == [False, True]


def test_an_acknowledgement_is_one_and_a_second_does_no_harm(client: HttpClient, key: str, engine: Engine) -> None:
    client.post("/v2/enqueue", json=event(key))
    for _ in range(2):
        assert client.post("/v2/enqueue", json=event(key, "acknowledge")).status_code == 202
    (row,) = rows(engine, "SELECT acknowledged_by FROM alerts")
    assert row.acknowledged_by == "legacy"
    assert len(rows(engine, "SELECT 1 FROM audit_entries WHERE action = 'alert.acknowledge'")) == 1


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_what_is_not_open_is_neither_acknowledged_nor_resolved(
    client: HttpClient, key: str, engine: Engine, action: str
) -> None:
    assert client.post("/v2/enqueue", json=event(key, action)).status_code == 202
    assert rows(engine, "SELECT 1 FROM alerts") == []


def test_a_key_names_another_problem_for_another_token(
    client: HttpClient, key: str, engine: Engine, container: Container
) -> None:
    other = container.tokens.ensure("other", "ingest", None, NOW)
    client.post("/v2/enqueue", json=event(key))
    client.post("/v2/enqueue", json=event(other, "resolve"))
    assert len(rows(engine, "SELECT 1 FROM alerts WHERE resolved_at IS NULL")) == 1


def test_without_a_key_each_trigger_is_a_problem_of_its_own(client: HttpClient, key: str, engine: Engine) -> None:
    keys = {client.post("/v2/enqueue", json=event(key, dedup_key=None)).json()["dedup_key"] for _ in range(2)}
    assert len(keys) == 2
    assert len(rows(engine, "SELECT 1 FROM alerts")) == 2


def test_the_severity_may_rise_with_a_later_trigger(client: HttpClient, key: str, engine: Engine) -> None:
    client.post("/v2/enqueue", json=event(key, payload={**PAYLOAD, "severity": "warning"}))
    (before,) = rows(engine, "SELECT severity FROM alerts")
    client.post("/v2/enqueue", json=event(key))
    (after,) = rows(engine, "SELECT severity FROM alerts")
    assert (before.severity, after.severity) == ("medium", "critical")
    (due,) = rows(engine, "SELECT reason FROM dispatches")
    assert due.reason == "worsened"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{" * 100_000,
        b'{"event_action": "trigger"}',
        json.dumps(event("KEY", "explode")).encode(),
        json.dumps(event("KEY", payload=None)).encode(),
        json.dumps(event("KEY", "resolve", dedup_key=None)).encode(),
        json.dumps(event("KEY", dedup_key="x" * 256)).encode(),
        json.dumps(event("KEY", payload={**PAYLOAD, "severity": "bad"})).encode(),
        json.dumps(event("KEY", payload={**PAYLOAD, "source": ""})).encode(),
        json.dumps(event("KEY", payload={**PAYLOAD, "summary": "\0"})).encode(),
        json.dumps(event("KEY", payload={**PAYLOAD, "custom_details": {"a": {"b": "\0\ud800"}}})).encode(),
        json.dumps(event("KEY", payload={**PAYLOAD, "timestamp": 12})).encode(),
        json.dumps(event("hm_unknown")).encode(),
        json.dumps(event("x" * 32)).encode(),
    ],
)
def test_what_is_no_event_is_answered_as_pagerduty_does(
    client: HttpClient, key: str, engine: Engine, body: bytes
) -> None:
    answer = client.post("/v2/enqueue", data=body.replace(b'"KEY"', json.dumps(key).encode()))
    assert answer.status_code == 400
    said = answer.json()
    assert (said["status"], said["message"]) == ("invalid event", "Event object is invalid")
    assert said["errors"]
    assert rows(engine, "SELECT 1 FROM alerts") == []


def test_a_token_of_another_role_brings_nothing(client: HttpClient, container: Container, engine: Engine) -> None:
    viewer = container.tokens.ensure("viewer", "viewer", None, NOW)
    assert client.post("/v2/enqueue", json=event(viewer)).status_code == 400
    assert rows(engine, "SELECT 1 FROM alerts") == []


def test_who_comes_too_often_is_throttled(client: HttpClient, key: str, served: ServedApp) -> None:
    served.app.state.door_rates = TokenBuckets(per_second=1, burst=1, tick=lambda: 0.0)
    try:
        assert client.post("/v2/enqueue", json=event(key)).status_code == 202
        answer = client.post("/v2/enqueue", json=event(key))
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    finally:
        served.app.state.door_rates = TokenBuckets()


def test_a_change_is_remembered_for_messages(client: HttpClient, key: str, engine: Engine) -> None:
    payload = {"summary": "shop 2.1 deployed", "source": "ci", "custom_details": {"build": 7}}
    body = {"routing_key": key, "payload": payload, "links": [{"href": "https://ci/7", "text": "build"}]}
    answer = client.post("/v2/change/enqueue", json=body)
    assert (answer.status_code, answer.json()["status"]) == (202, "success")
    (row,) = rows(engine, "SELECT actor, action, target, detail FROM audit_entries WHERE action LIKE 'change.%'")
    assert tuple(row) == (
        "legacy",
        "change.reported",
        "shop 2.1 deployed",
        {
            "build": "7",
            "source": "ci",
            "links": "https://ci/7",
            "service": "ci",
            "by": "legacy",
            "link": "https://ci/7",
            "from": "127.0.0.1",
        },
    )
    (kept,) = rows(engine, "SELECT service, title, changed_by, link, source FROM changes")
    assert tuple(kept) == ("ci", "shop 2.1 deployed", "legacy", "https://ci/7", "pagerduty")
    bad = {**body, "payload": {**payload, "custom_details": "\0"}}
    assert client.post("/v2/change/enqueue", json=bad).status_code == 400
    assert client.post("/v2/change/enqueue", json={**body, "routing_key": "no"}).status_code == 400
