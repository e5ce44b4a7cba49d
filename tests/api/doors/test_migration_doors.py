"""The addresses of GoAlert and of Grafana OnCall: who leaves them changes one line."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.builders import NOW
from tests.serving import Client, Container, HttpClient

GENERIC = "/api/v2/generic/incoming"


@pytest.fixture
def key(container: Container) -> str:
    return container.tokens.ensure("legacy", "ingest", None, NOW)


@pytest.fixture
def client(client_as: Client) -> HttpClient:
    return client_as(None)


def rows(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)).all())


def webhook(status: str) -> dict[str, Any]:
    return {"alerts": [{"status": status, "labels": {"alertname": "Down"}, "endsAt": "2020-01-01T00:00:00Z"}]}


def test_goalerts_generic_address_takes_query_form_and_json(client: HttpClient, key: str, engine: Engine) -> None:
    said = {"summary": "disk full", "details": "sda1", "dedup": "d"}
    query = {"token": key, "meta": ["severity=critical", "host=a=b"]}
    assert client.post(GENERIC, params={**query, **said}).status_code == 204
    assert client.post(GENERIC, params={"token": key}, data={**said, "meta": "host=c"}).status_code == 204
    body = {**said, "meta": {"host": "d", "severity": "error"}}
    answer = client.post(GENERIC, params={"token": key}, json=body, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["IsNew"] is False
    (row,) = rows(engine, "SELECT origin, name, severity, labels, annotations FROM alerts")
    assert (row.origin, row.name, row.severity) == ("goalert", "disk full", "high")
    assert row.labels == {"service": "legacy", "host": "d", "severity": "error"}
    assert row.annotations == {"summary": "disk full", "description": "sda1"}
    assert client.post(GENERIC, params={"token": key, **said, "action": "close"}).status_code == 204
    assert rows(engine, "SELECT 1 FROM alerts WHERE resolved_at IS NULL") == []


def test_without_a_key_what_says_the_same_is_the_same(client: HttpClient, key: str, engine: Engine) -> None:
    for details in ("a", "a", "b"):
        client.post(GENERIC, params={"token": key, "summary": "s", "details": details})
    assert len(rows(engine, "SELECT 1 FROM alerts")) == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"summary": "s", "meta": [1]}', "application/json"),
        (b'{"summary": 1}', "application/json"),
        (b'{"summary": "s", "meta": {"a": {}}}', "application/json"),
        (b'{"summary": "\\u0000"}', "application/json"),
        (b'{"summary": "\\ud800"}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"summary=%ff%00", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"a=b&" * 2000, "application/x-www-form-urlencoded"),
        (b"", "text/plain"),
    ],
)
def test_what_is_hostile_is_refused(client: HttpClient, key: str, engine: Engine, body: bytes, kind: str) -> None:
    answer = client.post(GENERIC, params={"token": key}, data=body, headers={"Content-Type": kind})
    assert answer.status_code == 400, answer.text
    assert rows(engine, "SELECT 1 FROM alerts") == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/prometheusalertmanager/incoming?token={key}",
        "/integrations/v1/alertmanager/{key}/",
        "/integrations/v1/grafana_alerting/{key}",
    ],
)
def test_alertmanagers_webhook_is_taken_at_the_addresses_that_others_gave_it(
    client: HttpClient, key: str, engine: Engine, path: str
) -> None:
    firing = webhook("firing")
    firing["alerts"][0]["endsAt"] = "0001-01-01T00:00:00Z"
    assert client.post(path.format(key=key), json=firing).status_code == 200
    (row,) = rows(engine, "SELECT name, resolved_at FROM alerts")
    assert tuple(row) == ("Down", None)
    assert client.post(path.format(key="hm_nobody"), json=firing).status_code == 401


def test_oncalls_formatted_webhook_opens_and_ends_an_alert(client: HttpClient, key: str, engine: Engine) -> None:
    path = f"/integrations/v1/formatted_webhook/{key}/"
    event = {"alert_uid": "1", "title": "Down", "state": "alerting", "message": "very", "severity": "critical"}
    assert client.post(path, json={**event, "link_to_upstream_details": "https://x"}).status_code == 200
    (row,) = rows(engine, "SELECT name, severity, source_url FROM alerts")
    assert tuple(row) == ("Down", "critical", "https://x")
    client.post(path, json={**event, "state": "ok"})
    assert rows(engine, "SELECT 1 FROM alerts WHERE resolved_at IS NULL") == []
    for bad in (b"", b"[]", b'{"title": "\\u0000"}', b'{"title": null}'):
        assert client.post(path, data=bad).status_code == 400
    assert client.post(f"/integrations/v1/unheard_of/{key}/", json=event).status_code == 422


def test_a_token_that_may_not_bring_alerts_does_not(client: HttpClient, container: Container) -> None:
    viewer = container.tokens.ensure("viewer", "viewer", None, NOW)
    assert client.post(GENERIC, params={"token": viewer, "summary": "s"}).status_code == 401
    assert client.post(GENERIC, params={"summary": "s"}).status_code == 401
    assert client.post(f"/integrations/v1/alertmanager/{viewer}/", json=webhook("firing")).status_code == 401
