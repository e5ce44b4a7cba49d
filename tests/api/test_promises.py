"""Promises over HTTP: the figures, marks of false alerts, metrics."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from tests.builders import NOW, make_alert, make_check
from tests.serving import Client


def test_promises_are_read_with_what_may_be_looked_at(client_as: Client, engine: Engine) -> None:
    opened_at = NOW - timedelta(hours=1)
    alert = make_alert(
        engine, make_check(engine, "api"), opened_at=opened_at, resolved_at=opened_at + timedelta(seconds=9)
    )
    answer = client_as("viewer").get("/api/v1/promises?over=24h")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["over"] == 86400
    assert [one["name"] for one in found["figures"]] == [
        "detection_time", "alert_delivery", "alerting_availability", "false_positive_rate", "automatic_resolution",
    ]  # fmt: skip
    assert found["figures"][3] | {"words": ""} == {
        "name": "false_positive_rate", "unit": "share", "target": 0.05, "value": 0.0, "is_kept": True, "count": 1,
        "missed": 0, "objective": 0.95, "budget_left": 1.0, "percentiles": None, "words": "", "note": "",
    }  # fmt: skip
    assert [(one["id"], one["lasted_for"]) for one in found["candidates"]] == [(str(alert), 9.0)]
    assert client_as("viewer").get("/api/v1/promises?over=soon").status_code == 422
    assert client_as(None).get("/api/v1/promises").status_code == 401


def test_an_alert_is_marked_as_false_and_the_mark_taken_back(client_as: Client, engine: Engine) -> None:
    alert = make_alert(engine, make_check(engine, "api"), opened_at=NOW - timedelta(hours=1))
    address = f"/api/v1/alerts/{alert}/false"
    assert client_as("viewer").put(address, json={"why": "x"}).status_code == 403
    client = client_as("responder")
    assert client.put(address, json={"why": ""}).status_code == 422
    marked = client.put(address, json={"why": "a slow switch"})
    assert marked.status_code == 200, marked.text
    assert (marked.json()["marked_by"], marked.json()["why"]) == ("responder-token", "a slow switch")
    metrics = client.get("/metrics").text
    assert 'healthmgr_promise_value{promise="false_positive_rate"} 1.0' in metrics
    assert 'healthmgr_promise_kept{promise="false_positive_rate"} 0.0' in metrics
    assert 'healthmgr_promise_target{promise="alerting_availability"} 0.999' in metrics
    assert 'healthmgr_promise_value{promise="detection_time"}' not in metrics
    assert client.delete(address).status_code == 204
    assert client.delete(address).status_code == 409
    assert client.put(f"/api/v1/alerts/{'0' * 8}-0000-0000-0000-{'0' * 12}/false", json={"why": "x"}).status_code == 404
