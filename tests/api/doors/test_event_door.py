"""The door for any program that can POST JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.builders import NOW
from tests.serving import Client, Container

PATH = "/api/v1/events"
EVENT = {
    "source": "security-manager",
    "id": "INC-1",
    "title": "Many failed logins",
    "threat_level": "high",
    "details": {"address": "203.0.113.7", "attempts": 412},
    "labels": {"zone": "edge"},
    "occurred_at": "2026-03-01T11:59:00+01:00",
    "url": "https://security.example.com/INC-1",
}


def rows(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)).all())


def test_a_threat_level_becomes_a_severity(client_as: Client, engine: Engine) -> None:
    client = client_as("ingest")
    for level in ("low", "medium", "high", "critical"):
        answer = client.post(PATH, json={**EVENT, "id": level, "threat_level": level})
        assert (answer.status_code, answer.json()) == (202, {"id": level, "severity": level, "is_over": False})
    assert {row.severity for row in rows(engine, "SELECT severity FROM alerts")} == {
        "low",
        "medium",
        "high",
        "critical",
    }


def test_an_event_is_open_until_the_same_id_is_resolved(
    client_as: Client, engine: Engine, container: Container
) -> None:
    client = client_as("ingest")
    for _ in range(2):
        client.post(PATH, json=EVENT)
    (row,) = rows(engine, "SELECT * FROM alerts")
    assert (row.origin, row.name, row.labels) == (
        "events",
        "Many failed logins",
        {"service": "security-manager", "source": "security-manager", "zone": "edge"},
    )
    assert row.annotations == {"summary": "Many failed logins", "address": "203.0.113.7", "attempts": "412"}
    assert row.source_url == "https://security.example.com/INC-1"
    assert row.started_at.isoformat() == "2026-03-01T10:59:00+00:00"
    container.clock.at = NOW + timedelta(days=3)
    answer = client.post(PATH, json={**EVENT, "title": "over", "status": "resolved"})
    assert answer.json() == {"id": "INC-1", "severity": "high", "is_over": True}
    (row,) = rows(engine, "SELECT resolution FROM alerts")
    assert row.resolution == "resolved_by_source"


def test_fields_may_be_written_in_camel_case(client_as: Client, engine: Engine) -> None:
    body = {"source": "s", "title": "t", "threatLevel": "critical", "dedupKey": "k", "occurredAt": NOW.isoformat()}
    assert client_as("ingest").post(PATH, json=body).json() == {"id": "k", "severity": "critical", "is_over": False}
    (row,) = rows(engine, "SELECT started_at FROM alerts")
    assert row.started_at == NOW


@pytest.mark.parametrize("level", ["none", "resolved"])
def test_no_threat_any_more_ends_it_as_well(client_as: Client, engine: Engine, level: str) -> None:
    client = client_as("ingest")
    client.post(PATH, json=EVENT)
    client.post(PATH, json={**EVENT, "threat_level": level})
    assert rows(engine, "SELECT 1 FROM alerts WHERE resolved_at IS NULL") == []


def test_without_an_id_the_same_title_of_the_same_source_is_the_same_problem(client_as: Client, engine: Engine) -> None:
    client = client_as("ingest")
    nameless = {name: value for name, value in EVENT.items() if name != "id"}
    client.post(PATH, json=nameless)
    client.post(PATH, json={**nameless, "threat_level": "critical"})
    client.post(PATH, json={**nameless, "source": "other"})
    client.post(PATH, json={**nameless, "dedup_key": "k"})
    found = rows(engine, "SELECT severity FROM alerts ORDER BY opened_at, id")
    assert [row.severity for row in found] == ["critical", "high", "high"]


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"threat_level": "dreadful"}, "threat_level"),
        ({"source": ""}, "source"),
        ({"title": None}, "title"),
        ({"labels": {"a": 1}}, "labels"),
        ({"labels": {"a": "x\0"}}, "NUL"),
        ({"labels": {f"l{n}": "x" for n in range(65)}}, "labels"),
        ({"details": {"a": "\0"}}, "NUL"),
        ({"details": {"a": {"deep": ["\ud800"]}}}, "UTF-8"),
        ({"id": "x\0"}, "NUL"),
        ({"occurred_at": "noon"}, "occurred_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_no_event_is_refused_with_where_it_is_wrong(
    client_as: Client, engine: Engine, over: dict[str, Any], said: str
) -> None:
    answer = client_as("ingest").post(PATH, json={**EVENT, **over})
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]
    assert rows(engine, "SELECT 1 FROM alerts") == []


def test_only_who_may_bring_alerts_brings_events(client_as: Client) -> None:
    assert client_as("viewer").post(PATH, json=EVENT).status_code == 403
    assert client_as(None).post(PATH, json=EVENT).status_code == 401
