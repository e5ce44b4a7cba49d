"""Incident command over the API."""

from __future__ import annotations

import pytest

from tests.api.conftest import Whole
from tests.builders import make_channel, make_incident, make_recipient

PATH = "/api/v1/incidents/1"


@pytest.fixture(autouse=True)
def carol(whole: Whole) -> None:
    make_channel(whole.engine, "pager")
    make_recipient(whole.engine, "carol", pager="carol@example.com")


def test_somebody_is_asked_and_gets_a_role_and_the_incident(whole: Whole) -> None:
    client = whole.client("responder")
    asked = client.post(f"{PATH}/ask", json={"who": "carol", "comment": "you know it"}).json()
    assert [(told["recipient"], told["reason"]) for told in asked["notifications"]] == [("carol", "asked_by_name")]
    given = client.post(f"{PATH}/roles", json={"role": "commander", "person": "carol"}).json()
    assert [(role["role"], role["person"]) for role in given["roles"]] == [("commander", "carol")]
    assert client.post(f"{PATH}/roles", json={"role": "commander", "person": "carol"}).status_code == 409
    assert client.delete(f"{PATH}/roles/commander/carol").json()["roles"] == []
    assert client.post(f"{PATH}/handover", json={"person": "carol"}).json()["assignee"] == "carol"
    assert whole.audit()[-1] == ("responder-token", "api", "incident.hand_over", "127.0.0.1")


def test_who_cannot_be_reached_or_is_no_target_is_refused(whole: Whole) -> None:
    client = whole.client("responder")
    assert client.post(f"{PATH}/ask", json={"who": "mallory"}).status_code == 409
    assert client.post(f"{PATH}/ask", json={"who": "planet:mars"}).status_code == 422


def test_escalating_and_declining_go_on(whole: Whole) -> None:
    client = whole.client("responder")
    client.post(f"{PATH}/acknowledge")
    assert client.post(f"{PATH}/escalate").json()["state"] == "firing"
    assert client.post(f"{PATH}/decline", json={"comment": "away"}).json()["timeline"][-1]["kind"] == "declined"


def test_subscribers_tasks_and_updates(whole: Whole) -> None:
    client = whole.client("responder")
    assert client.post(f"{PATH}/subscribers", json={"person": "carol"}).json()["subscribers"] == ["carol"]
    told = client.post(f"{PATH}/updates", json={"text": "Failing over"}).json()["notifications"]
    assert [(each["recipient"], each["kind"]) for each in told] == [("carol", "update")]
    assert client.delete(f"{PATH}/subscribers/carol").json()["subscribers"] == []
    assert client.post(f"{PATH}/tasks", json={"title": "Call", "assignee": "carol"}).status_code == 201
    assert client.post(f"{PATH}/tasks/1/done").json()["tasks"][0]["done_by"] == "responder-token"
    assert client.post(f"{PATH}/tasks/1/done").status_code == 409


def test_incidents_are_linked_and_merged(whole: Whole) -> None:
    make_incident(whole.engine, severity="low", opened_at=whole.now)
    client = whole.client("responder")
    assert client.post(f"{PATH}/causes", json={"other": "2"}).json()["linked"][0]["kind"] == "caused"
    assert client.post(f"{PATH}/merge", json={"other": "2"}).status_code == 200
    assert client.get("/api/v1/incidents/2").json()["number"] == 1
    assert client.post(f"{PATH}/merge", json={"other": "99"}).status_code == 404


def test_a_report_is_markdown_and_every_act_needs_a_responder(whole: Whole) -> None:
    viewer = whole.client("viewer")
    answer = viewer.get(f"{PATH}/report")
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.text.startswith("# Incident #1: The shop\n")
    for verb in ("escalate", "decline"):
        assert viewer.post(f"{PATH}/{verb}").status_code == 403
