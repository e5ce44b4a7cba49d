"""The graph, changes, causes and forecasts on the API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.builders import NOW, make_check, make_incident
from tests.serving import Client

RULE = {"disk_usage": {"threshold": "> 95%", "horizon": "1d", "window": "6h", "severity": "medium"}}


@pytest.fixture(autouse=True)
def fleet(engine: Engine) -> None:
    make_check(engine, "database", service="data")
    make_check(engine, "api", service="shop", depends_on=["database"])
    make_check(engine, "lone", service="other")


def execute(engine: Engine, sql: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql), values)


def test_the_graph_and_what_falls(client_as: Client) -> None:
    client = client_as("viewer")
    shown = client.get("/api/v1/graph").json()
    assert [each["check"] for each in shown["checks"]] == ["api", "database", "lone"]
    assert client.get("/api/v1/graph/mermaid").text.startswith("flowchart TD\n")
    fallen = client.get("/api/v1/graph/impact/database").json()
    assert [(each["check"], each["depth"], each["because_of"]) for each in fallen["fallen"]] == [
        ("api", 1, ["database"])
    ]
    assert client.get("/api/v1/graph/single-points").json()["items"][0]["check"] == "database"
    missing = client.get("/api/v1/graph/impact/nowhere")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


def test_a_suggestion_is_decided_by_a_responder(client_as: Client, engine: Engine) -> None:
    execute(
        engine,
        "INSERT INTO dependency_suggestions (check_id, parent_id, together, confidence, lift, lag, seen_at)"
        " SELECT c.id, p.id, 5, 0.83, 120, interval '20 s', now() FROM checks c, checks p"
        " WHERE c.slug = 'lone' AND p.slug = 'database'",
    )
    (listed,) = client_as("viewer").get("/api/v1/graph/suggestions").json()["items"]
    assert (listed["check"], listed["parent"], listed["lag"]) == ("lone", "database", 20.0)
    address = "/api/v1/graph/suggestions/lone/database"
    assert client_as("viewer").post(f"{address}/accept").status_code == 403
    responder = client_as("responder")
    accepted = responder.post(f"{address}/accept", json={"comment": "same disk"}).json()
    assert (accepted["state"], accepted["decided_by"], accepted["comment"]) == (
        "accepted",
        "responder-token",
        "same disk",
    )
    assert responder.post(f"{address}/accept").status_code == 409
    assert responder.post(f"{address}/dismiss").json()["state"] == "dismissed"
    assert responder.get("/api/v1/graph/suggestions").json()["items"] == []
    assert len(responder.get("/api/v1/graph/suggestions", params={"all": "true"}).json()["items"]) == 1
    assert responder.post("/api/v1/graph/suggestions/api/lone/accept").status_code == 404


def test_a_change_is_reported_and_listed(client_as: Client) -> None:
    ingest = client_as("ingest")
    body = {"title": "Deploy shop 2.1", "service": "shop", "version": "2.1", "link": "https://ci.example/7"}
    answer = ingest.post("/api/v1/changes", json=body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["by"], answer.json()["source"]) == ("ingest-token", "api")
    (listed,) = client_as("viewer").get("/api/v1/changes", params={"service": "shop"}).json()["items"]
    assert listed == answer.json()
    assert client_as("viewer").get("/api/v1/changes", params={"service": "mail"}).json()["items"] == []


@pytest.mark.parametrize(
    ("over", "path"),
    [
        ({"link": "javascript:alert(1)"}, "link"),
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"at": (NOW + timedelta(days=1)).isoformat()}, "at"),
        ({"at": "yesterday"}, "at"),
        ({"service": "a\0b"}, "service"),
        ({"sevrice": "shop"}, "sevrice"),
    ],
)
def test_a_change_that_cannot_be_is_refused(over: dict[str, str], path: str, client_as: Client) -> None:
    refused = client_as("ingest").post("/api/v1/changes", json={"title": "Deploy"} | over)
    assert refused.status_code == 422
    assert path in json.dumps(refused.json()["problems"])


def test_causes_of_an_incident(client_as: Client, engine: Engine) -> None:
    incident_id = make_incident(engine)
    client = client_as("viewer")
    assert client.get(f"/api/v1/incidents/{incident_id}/causes").json() == {"found_at": None, "causes": []}
    evidence = [{"kind": "explains", "weight": 3.0, "words": "all of it hangs on it"}]
    cause = {
        "kind": "check",
        "subject": "database",
        "service": "data",
        "score": 3.0,
        "at": None,
        "link": "",
        "evidence": evidence,
    }
    execute(
        engine,
        "INSERT INTO incident_causes (incident_id, found_at, causes) VALUES (:id, :now, CAST(:causes AS jsonb))",
        id=incident_id,
        now=NOW,
        causes=json.dumps([cause]),
    )
    (shown,) = client.get(f"/api/v1/incidents/{incident_id}/causes").json()["causes"]
    assert shown == cause | {"words": "database: all of it hangs on it"}
    assert client.get(f"/api/v1/incidents/{incident_id}").json()["causes"] == [shown]
    assert client.get("/api/v1/incidents/999/causes").status_code == 404


def test_forecasts_of_a_check(client_as: Client, engine: Engine) -> None:
    make_check(engine, "disk", kind="host", forecasts=RULE)
    wanted = "SELECT id, 'disk_usage', now() FROM checks WHERE slug = 'disk'"
    execute(engine, f"INSERT INTO forecasts (check_id, metric, due_at) {wanted}")
    client = client_as("viewer")
    (shown,) = client.get("/api/v1/checks/disk/forecasts").json()["items"]
    assert (shown["metric"], shown["threshold"], shown["horizon"]) == ("disk_usage", "> 95%", 86400.0)
    assert (shown["seen"], shown["crosses_at"], shown["series"]) == ("too_few_points", None, [])
    assert client.get("/api/v1/checks/lone/forecasts").json()["items"] == []
    assert client.get("/api/v1/checks/nowhere/forecasts").status_code == 404


def test_nobody_reads_without_a_token(client_as: Client) -> None:
    for address in ("graph", "graph/suggestions", "changes", "checks/lone/forecasts"):
        assert client_as(None).get(f"/api/v1/{address}").status_code == 401
