"""Silences by Alertmanager's API: made, changed, looked for, ended."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from healthmgr.api.doors.alertmanager_views import moment
from tests.builders import NOW
from tests.serving import Client, Container, HttpClient

HOUR = timedelta(hours=1)
GHOST = "0190b5a1-0000-7000-8000-000000000001"


def wanted(**over: Any) -> dict[str, Any]:
    body = {
        "matchers": [{"name": "alertname", "value": "Down", "isRegex": False}],
        "startsAt": moment(NOW),
        "endsAt": moment(NOW + HOUR),
        "createdBy": "alice",
        "comment": "working on it",
    }
    return body | over


@pytest.fixture
def client(client_as: Client) -> HttpClient:
    return client_as("responder")


def save(client: HttpClient, **over: Any) -> str:
    answer = client.post("/api/v2/silences", json=wanted(**over))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["silenceID"])


def test_a_silence_that_is_made_keeps_its_alert_quiet_and_is_told_in_full(
    client: HttpClient, client_as: Client
) -> None:
    client_as("ingest").post("/api/v2/alerts", json=[{"labels": {"alertname": "Down"}}])
    silence_id = save(client)
    assert client.get(f"/api/v2/silence/{silence_id}").json() == {
        "id": silence_id,
        "status": {"state": "active"},
        "updatedAt": moment(NOW),
        "matchers": [{"name": "alertname", "value": "Down", "isRegex": False, "isEqual": True}],
        "startsAt": moment(NOW),
        "endsAt": moment(NOW + HOUR),
        "createdBy": "alice",
        "comment": "working on it",
        "annotations": {},
    }
    (alert,) = client.get("/api/v2/alerts").json()
    assert alert["status"] == {"state": "suppressed", "silencedBy": [silence_id], "inhibitedBy": [], "mutedBy": []}


def test_a_longer_silence_is_the_same_one_and_another_matcher_makes_another(client: HttpClient) -> None:
    silence_id = save(client)
    assert save(client, id=silence_id, endsAt=moment(NOW + 2 * HOUR)) == silence_id
    other = save(client, id=silence_id, matchers=[{"name": "job", "value": "a|b", "isRegex": True}])
    assert other != silence_id
    states = {one["id"]: one["status"]["state"] for one in client.get("/api/v2/silences").json()}
    assert states == {silence_id: "expired", other: "active"}


def test_silences_are_looked_for_by_state_and_matcher(client: HttpClient) -> None:
    active = save(client)
    pending = save(client, startsAt=moment(NOW + HOUR / 2))
    expired = save(client, matchers=[{"name": "job", "value": "shop", "isRegex": False}])
    assert client.delete(f"/api/v2/silence/{expired}").status_code == 200
    assert client.delete(f"/api/v2/silence/{expired}").status_code == 200, "over is over"

    def ids(query: str) -> set[str]:
        return {one["id"] for one in client.get(f"/api/v2/silences?{query}").json()}

    assert ids("") == {active, pending, expired}
    assert ids("expired=false") == {active, pending}
    assert ids("active=false&expired=false") == {pending}
    assert ids("filter=job=shop") == {expired}
    assert client.get("/api/v2/silences?filter={").status_code == 400


@pytest.mark.parametrize(
    "over",
    [
        {"matchers": []},
        {"matchers": [{"name": "a", "value": "", "isRegex": False}]},
        {"matchers": [{"name": "a", "value": "(", "isRegex": True}]},
        {"matchers": [{"name": "", "value": "a", "isRegex": False}]},
        {"matchers": [{"name": "a", "value": "\0", "isRegex": False}]},
        {"endsAt": moment(NOW - HOUR)},
        {"endsAt": moment(NOW)},
        {"startsAt": moment(NOW + 2 * HOUR)},
        {"startsAt": None},
        {"comment": ""},
        {"createdBy": "\0"},
        {"id": "not a uuid"},
    ],
)
def test_what_cannot_be_is_refused_with_400_and_a_text(client: HttpClient, over: dict[str, Any]) -> None:
    answer = client.post("/api/v2/silences", json=wanted(**over))
    assert answer.status_code == 400, answer.text
    assert isinstance(answer.json(), str)
    assert client.get("/api/v2/silences").json() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{" * 50_000, b'{"matchers": 1}', b"\xff"])
def test_a_hostile_body_is_refused(client: HttpClient, body: bytes) -> None:
    assert client.post("/api/v2/silences", data=body).status_code == 400


def test_an_unknown_id_is_404_and_no_id_is_400(client: HttpClient) -> None:
    assert client.post("/api/v2/silences", json=wanted(id=GHOST)).status_code == 404
    for method in (client.get, client.delete):
        assert method(f"/api/v2/silence/{GHOST}").status_code == 404
        answer = method("/api/v2/silence/nonsense")
        assert answer.status_code == 400
        assert "UUID" in json.loads(answer.text)


def test_only_who_may_answer_may_silence(client_as: Client, container: Container) -> None:
    for role in ("viewer", "ingest"):
        assert client_as(role).post("/api/v2/silences", json=wanted()).status_code == 403
    silence_id = save(client_as("admin"))
    assert UUID(silence_id)
    assert client_as("viewer").delete(f"/api/v2/silence/{silence_id}").status_code == 403
    assert client_as("viewer").get(f"/api/v2/silence/{silence_id}").status_code == 200
