"""Silences and maintenance windows over HTTP: what is answered, who may do it, and how it is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from tests.builders import NOW, make_alert, make_check, make_incident, make_notification
from tests.serving import Client, Container

SILENCES, MAINTENANCE = "/api/v1/silences", "/api/v1/maintenance"
WANTED = {"matchers": ["service=shop"], "lasts_for": "2h", "comment": "moving the pool"}
NIGHTLY = {
    "name": "nightly",
    "matchers": ["check=database"],
    "window": {"cron": "0 2 * * 0", "duration": "2h", "timezone": "Europe/Berlin"},
    "comment": "vacuum",
}


@pytest.fixture
def shop(engine: Engine) -> UUID:
    """An incident of two alerts, one of them of the shop; a message about the shop's waits."""
    incident = make_incident(engine, severity="high")
    till, stock = make_check(engine, "till", service="shop"), make_check(engine, "stock", service="store")
    alert = make_alert(engine, till, incident_id=incident, labels={"check": "till", "service": "shop"})
    make_alert(engine, stock, incident_id=incident, labels={"check": "stock", "service": "store"})
    content = {"firing": [str(alert)], "resolved": []}
    make_notification(engine, incident, state="pending", due_at=NOW, sent_at=None, content=content)
    return alert


def test_a_silence_is_made_shown_listed_changed_and_ended(client_as: Client, container: Container) -> None:
    client = client_as("responder")
    made = client.post(SILENCES, json=WANTED)
    assert made.status_code == 201, made.text
    silence = made.json()
    assert silence["state"] == "active"
    assert silence["matchers"] == ['service="shop"']
    assert silence["created_by"] == "responder-token"
    assert silence["ends_at"] == (NOW + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    address = f"{SILENCES}/{silence['id']}"
    assert client.get(address).json() == silence
    container.clock.at = NOW + timedelta(hours=1)
    longer = client.put(address, json=WANTED | {"lasts_for": "5h"}).json()
    assert longer["id"] == silence["id"]
    assert longer["starts_at"] == silence["starts_at"]
    other = client.put(address, json=WANTED | {"matchers": ["service=store"]}).json()
    assert other["id"] != silence["id"]
    assert [one["state"] for one in client.get(SILENCES).json()["items"]] == ["active", "expired"]
    assert client.delete(f"{SILENCES}/{other['id']}").json()["state"] == "expired"
    again = client.delete(f"{SILENCES}/{other['id']}")
    assert again.status_code == 409
    assert "over already" in again.json()["detail"]


def test_silences_are_found_by_state_and_by_their_own_matchers(client_as: Client) -> None:
    client = client_as("responder")
    client.post(SILENCES, json=WANTED)
    tomorrow = (NOW + timedelta(days=1)).isoformat()
    client.post(SILENCES, json=WANTED | {"matchers": ["host=~db.*"], "starts_at": tomorrow})

    def found(**query: Any) -> list[list[str]]:
        return [one["matchers"] for one in client.get(SILENCES, params=query).json()["items"]]

    assert found(state="pending") == [['host=~"db.*"']]
    assert found(state=["pending", "active"]) == [['service="shop"'], ['host=~"db.*"']]
    assert found(matcher="service=shop") == [['service="shop"']]
    assert found(matcher="service=~s.*") == [['service="shop"']]
    assert found(state="expired") == []


def test_a_preview_shows_alerts_incidents_and_waiting_messages_and_changes_nothing(
    client_as: Client, shop: UUID
) -> None:
    client = client_as("viewer")
    hits = client.post(f"{SILENCES}/preview", json={"matchers": ["service=shop"]}).json()
    assert [(alert["name"], alert["id"]) for alert in hits["alerts"]] == [("till", str(shop))]
    [incident] = hits["incidents"]
    assert (incident["alerts"], incident["open_alerts"], incident["is_quiet"]) == (["till"], 2, False)
    assert hits["notifications"] == 1
    assert "till" in hits["checks"]
    both = client.post(f"{SILENCES}/preview", json={"matchers": ["service=~shop|store"]}).json()
    assert both["incidents"][0]["is_quiet"]
    assert client.get(SILENCES).json()["items"] == []


@pytest.mark.parametrize(
    ("over", "path", "words"),
    [
        ({"matchers": ["service"]}, "matchers", "write one of = != =~ !~"),
        ({"matchers": ['service=~".*"']}, "matchers", "mute everything"),
        ({"matchers": []}, "body.matchers", "at least 1"),
        ({"comment": " "}, "comment", "is missing"),
        ({"lasts_for": "soon"}, "lasts_for", "not a duration"),
        ({"lasts_for": "99999999w"}, "lasts_for", ""),
        ({"ends_at": "2026-03-01T13:00:00Z"}, "ends_at", "one of them"),
        ({"lasts_for": None, "ends_at": "2026-02-01T13:00:00Z"}, "ends_at", "in the past"),
        ({"lasts_for": None, "ends_at": "2026-03-01T13:00:00"}, "body.ends_at", "timezone"),
        ({"comment": "nul \0"}, "comment", "no text"),
        ({"color": "red"}, "body.color", "not permitted"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_by_its_field(
    client_as: Client, over: dict[str, Any], path: str, words: str
) -> None:
    answer = client_as("responder").post(SILENCES, json=WANTED | over)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    [problem] = answer.json()["problems"]
    assert problem["path"] == path
    assert words in problem["message"]


def test_a_silence_that_there_is_not_is_neither_shown_nor_changed_nor_ended(client_as: Client) -> None:
    client, address = client_as("responder"), f"{SILENCES}/{uuid4()}"
    assert client.get(address).status_code == 404
    assert client.put(address, json=WANTED).status_code == 404
    assert client.delete(address).status_code == 404


def test_a_window_is_planned_shown_ended_and_deleted(client_as: Client, container: Container) -> None:
    client = client_as("responder")
    made = client.post(MAINTENANCE, json=NIGHTLY)
    assert made.status_code == 201, made.text
    window = made.json()
    assert (window["state"], window["managed_by"], window["created_by"]) == ("waiting", "api", "responder-token")
    assert window["next"] == {"starts_at": "2026-03-08T01:00:00Z", "ends_at": "2026-03-08T03:00:00Z"}
    assert window["window"] == NIGHTLY["window"]
    assert client.post(MAINTENANCE, json=NIGHTLY).status_code == 409
    early = client.post(f"{MAINTENANCE}/nightly/end")
    assert early.status_code == 409
    assert "2026-03-08 01:00 UTC" in early.json()["detail"]
    container.clock.at = NOW + timedelta(days=6, hours=14)
    assert client.get(f"{MAINTENANCE}/nightly").json()["state"] == "open"
    ended = client.post(f"{MAINTENANCE}/nightly/end", json={"comment": "done sooner"}).json()
    assert (ended["state"], ended["current"]) == ("waiting", None)
    assert ended["next"]["starts_at"] == "2026-03-15T01:00:00Z"
    assert [one["name"] for one in client.get(MAINTENANCE).json()["items"]] == ["nightly"]
    assert client.delete(f"{MAINTENANCE}/nightly").status_code == 204
    assert client.get(f"{MAINTENANCE}/nightly").status_code == 404


def test_a_window_is_planned_anew_and_a_files_is_not(client_as: Client, engine: Engine) -> None:
    client = client_as("responder")
    client.post(MAINTENANCE, json=NIGHTLY)
    anew = {key: value for key, value in NIGHTLY.items() if key != "name"}
    anew["window"] = {"starts_at": NOW.isoformat(), "ends_at": (NOW + timedelta(hours=1)).isoformat()}
    assert client.put(f"{MAINTENANCE}/nightly", json=anew).json()["state"] == "open"
    with engine.begin() as connection:
        connection.execute(text("UPDATE maintenance_windows SET managed_by = 'healthmgr.yaml'"))
    refused = client.put(f"{MAINTENANCE}/nightly", json=anew)
    assert refused.status_code == 409
    assert "healthmgr.yaml" in refused.json()["detail"]
    assert client.delete(f"{MAINTENANCE}/nightly").status_code == 409


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"cron": "0 2 * * 0"}, "duration is missing"),
        ({"cron": "soon", "duration": "2h"}, "cron"),
        (
            {"rrule": "FREQ=WEEKLY", "dtstart": "2026-03-01T02:00:00", "duration": "2h", "timezone": "Berlin"},
            "timezone",
        ),
        ({}, "starts_at and ends_at"),
        ({"time_intervals": [{"weekdays": ["someday"]}]}, "time_intervals[0]"),
        ({"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}, "over before it begins"),
    ],
)
def test_a_window_that_is_never_open_is_refused(client_as: Client, window: dict[str, Any], words: str) -> None:
    answer = client_as("responder").post(MAINTENANCE, json=NIGHTLY | {"window": window})
    assert answer.status_code == 422, answer.text
    [problem] = answer.json()["problems"]
    assert problem["path"] == "window"
    assert words in problem["message"]


def test_a_window_that_covers_dependents_previews_them_too(client_as: Client, engine: Engine) -> None:
    make_alert(engine, make_check(engine, "database"), labels={"check": "database"})
    make_alert(engine, make_check(engine, "api", depends_on=["database"]), labels={"check": "api"})
    wanted = {"matchers": ["check=database"], "covers_dependents": True}
    hits = client_as("viewer").post(f"{MAINTENANCE}/preview", json=wanted).json()
    assert [alert["name"] for alert in hits["alerts"]] == ["database", "api"]


WRITES = [
    ("post", SILENCES, WANTED),
    ("put", f"{SILENCES}/{uuid4()}", WANTED),
    ("delete", f"{SILENCES}/{uuid4()}", None),
    ("post", MAINTENANCE, NIGHTLY),
    ("put", f"{MAINTENANCE}/x", {key: value for key, value in NIGHTLY.items() if key != "name"}),
    ("post", f"{MAINTENANCE}/x/end", None),
    ("delete", f"{MAINTENANCE}/x", None),
]


@pytest.mark.parametrize(("method", "address", "body"), WRITES, ids=[f"{m} {a[8:16]}" for m, a, _ in WRITES])
def test_only_a_responder_changes_what_is_quiet(client_as: Client, method: str, address: str, body: Any) -> None:
    assert client_as("viewer").request(method, address, json=body).status_code == 403
    assert client_as("ingest").request(method, address, json=body).status_code == 403
    assert client_as(None).request(method, address, json=body).status_code == 401


@pytest.mark.parametrize("address", [SILENCES, MAINTENANCE])
def test_a_viewer_reads_what_is_quiet_and_nobody_without_a_token(client_as: Client, address: str) -> None:
    assert client_as("viewer").get(address).status_code == 200
    assert client_as(None).get(address).status_code == 401
