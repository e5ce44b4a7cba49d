"""Incidents over the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Whole
from tests.builders import make_channel, make_recipient

PATH = "/api/v1/incidents/1"


def test_incidents_are_listed_and_shown_by_number_and_id(whole: Whole) -> None:
    client = whole.client("viewer")
    (line,) = client.get("/api/v1/incidents").json()["items"]
    assert (line["number"], line["title"], line["state"]) == (1, "The shop", "firing")
    by_number, by_id = client.get(PATH), client.get(f"/api/v1/incidents/{whole.incident_id}")
    assert by_number.json() == by_id.json()
    assert [member["check"] for member in by_number.json()["members"]] == ["shop"]
    assert client.get("/api/v1/incidents?state=resolved").json()["items"] == []
    assert client.get("/api/v1/incidents?severity=low").json()["items"] == []


@pytest.mark.parametrize("which", ["99", "shop", "00000000-0000-0000-0000-000000000000", "9" * 30])
def test_what_names_no_incident_is_not_found(which: str, whole: Whole) -> None:
    answer = whole.client("viewer").get(f"/api/v1/incidents/{which}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_answer_is_kept_with_who_gave_it_and_from_where(whole: Whole) -> None:
    client = whole.client("responder")
    shown = client.post(f"{PATH}/acknowledge", json={"comment": "on it", "for": "2h"}).json()
    assert (shown["state"], shown["acknowledged_by"]) == ("acknowledged", "responder-token")
    lasts_for = datetime.fromisoformat(shown["acknowledged_until"]) - datetime.fromisoformat(shown["acknowledged_at"])
    assert lasts_for == timedelta(hours=2)
    assert whole.audit()[-1] == ("responder-token", "api", "incident.acknowledge", "127.0.0.1")
    assert client.post(f"{PATH}/acknowledge").status_code == 409


def test_an_acknowledgement_may_end_at_a_time_and_be_taken_back(whole: Whole) -> None:
    client, until = whole.client("responder"), whole.now + timedelta(hours=3)
    shown = client.post(f"{PATH}/acknowledge", json={"until": until.isoformat()}).json()
    assert datetime.fromisoformat(shown["acknowledged_until"]) == until
    assert client.post(f"{PATH}/unacknowledge").json()["state"] == "firing"
    assert client.post(f"{PATH}/unacknowledge").status_code == 409


def test_an_incident_is_snoozed_assigned_commented_and_resolved(whole: Whole) -> None:
    client = whole.client("responder")
    make_channel(whole.engine, "pager")
    make_recipient(whole.engine, "carol", pager="carol@example.com")
    given = client.post(f"{PATH}/assign", json={"person": "carol"}).json()
    assert given["assignee"] == "carol"
    assert [(told["recipient"], told["reason"]) for told in given["notifications"]] == [("carol", "assigned")]
    assert client.post(f"{PATH}/assign", json={"person": "carol"}).status_code == 409
    assert client.post(f"{PATH}/assign", json={"person": "erin"}).status_code == 409, "nobody can reach her"
    assert client.post(f"{PATH}/assign", json={"person": None}).json()["assignee"] is None
    assert client.post(f"{PATH}/snooze", json={"for": "1h"}).json()["state"] == "snoozed"
    timeline = client.post(f"{PATH}/comment", json={"comment": "waiting for the vendor"}).json()["timeline"]
    assert timeline[-1]["detail"] == {"comment": "waiting for the vendor"}
    members = client.post(f"{PATH}/resolve", json={"comment": "moved"}).json()["members"]
    assert [member["state"] for member in members] == ["resolved"]


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("acknowledge", {"for": "soon"}),
        ("acknowledge", {"for": "1h", "until": "2099-01-01T00:00:00Z"}),
        ("acknowledge", {"until": "2099-01-01T00:00:00"}),
        ("acknowledge", {"for": "9" * 40 + "d"}),
        ("acknowledge", {"who": "me"}),
        ("snooze", {}),
        ("assign", {}),
        ("assign", {"person": ""}),
        ("comment", {"comment": ""}),
        ("resolve", {"comment": "x" * 2001}),
    ],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(action: str, body: dict[str, Any], whole: Whole) -> None:
    answer = whole.client("responder").post(f"{PATH}/{action}", json=body)
    assert answer.status_code == 422, answer.text
    assert whole.audit() == []


def test_an_end_in_the_past_is_a_conflict(whole: Whole) -> None:
    body = {"until": "2001-01-01T00:00:00Z"}
    assert whole.client("responder").post(f"{PATH}/acknowledge", json=body).status_code == 409


@pytest.mark.parametrize("action", ["acknowledge", "unacknowledge", "snooze", "assign", "comment", "resolve"])
def test_a_viewer_may_look_and_not_act(action: str, whole: Whole) -> None:
    assert whole.client("viewer").post(f"{PATH}/{action}", json={}).status_code == 403
    assert whole.client().post(f"{PATH}/{action}", json={}).status_code == 401
    assert whole.client().get(PATH).status_code == 401


def test_an_alert_is_acknowledged_for_a_while_taken_back_closed_and_opened_again(whole: Whole) -> None:
    client, path = whole.client("responder"), f"/api/v1/alerts/{whole.alert_id}"
    assert client.post(f"{path}/acknowledge", json={"for": "30m"}).json()["acknowledged_until"]
    assert client.post(f"{path}/unacknowledge", json={"comment": "off it"}).json()["state"] == "firing"
    assert client.post(f"{path}/reopen").status_code == 409, "it is open"
    assert client.post(f"{path}/resolve").json()["state"] == "resolved"
    assert client.post(f"{path}/reopen").json()["state"] == "firing"
    assert [entry[2] for entry in whole.audit()] == [
        f"alert.{verb}" for verb in ("acknowledge", "unacknowledge", "resolve", "reopen")
    ]


def test_many_incidents_are_answered_in_one_call_by_the_labels_of_their_alerts(whole: Whole) -> None:
    client = whole.client("responder")
    path = "/api/v1/incidents/acknowledge"
    assert client.post(path, json={"matchers": ["service=elsewhere"]}).json() == {"count": 0, "incidents": []}
    assert client.post(path, json={"matchers": ["not a matcher"]}).status_code == 422
    said = {"matchers": ["check=shop"], "comment": "all mine", "for": "2h"}
    assert client.post(path, json=said).json() == {"count": 1, "incidents": [1]}
    shown = client.get(PATH).json()
    assert (shown["state"], shown["acknowledged_by"]) == ("acknowledged", "responder-token")
    assert shown["members"][0]["acknowledged_by"] == "responder-token"
    assert shown["timeline"][-1]["kind"] == "acknowledged"
    assert whole.audit()[-1] == ("responder-token", "api", "incident.acknowledge", "127.0.0.1")
    assert client.post(path, json={"matchers": []}).json()["count"] == 0, "somebody has it already"
    assert whole.client("viewer").post(path, json={"matchers": []}).status_code == 403


def test_an_answer_to_many_is_taken_back_one_by_one(whole: Whole) -> None:
    client = whole.client("responder")
    assert client.post("/api/v1/incidents/acknowledge", json={"matchers": []}).json()["count"] == 1
    assert client.post(f"{PATH}/unacknowledge").json()["state"] == "firing"
    assert client.post("/api/v1/incidents/acknowledge", json={"matchers": []}).json()["count"] == 1
