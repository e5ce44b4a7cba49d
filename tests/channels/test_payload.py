"""The bodies of webhooks: whole where they can be, small always, and in two forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.channels.payload import MOST_BYTES, encode
from healthmgr.channels.payload_alertmanager import MOST_BYTES as FOREIGN_MOST_BYTES
from healthmgr.channels.payload_alertmanager import encode_for_alertmanager, fingerprint
from healthmgr.domain.check import Severity
from healthmgr.domain.message import Breach, ChangeFacts, HeldBack, Links, MessageKind

NOW = datetime(2026, 11, 24, 3, 24, tzinfo=UTC)


def test_the_body_tells_the_facts_in_a_versioned_form(compose_message):
    document = json.loads(encode(compose_message(MessageKind.RESOLUTION)))
    assert (document["type"], document["version"]) == ("incident.resolution", 1)
    assert document["timestamp"] == "2026-11-24T04:16:09Z"
    data = document["data"]
    assert data["incident"]["number"] == 12
    assert data["incident"]["severity"] == "critical"
    assert data["reason"] == "all_resolved"
    assert data["trimmed"] == []
    (alert,) = data["alerts"]
    assert alert["check"] == "session-manager"
    assert alert["resolved_at"] == "2026-11-24T04:16:05Z"
    assert alert["resolution"] == "recovered: 2 good results in a row"
    assert alert["labels"] == {"team": "identity", "region": "eu-1"}
    assert alert["breaches"] == [
        {"metric": "response_time", "value": "7.2 s", "threshold": "> 5 s", "status": "unhealthy"}
    ]
    assert alert["last_results"][0] == {
        "at": "2026-11-24T03:24:10Z", "status": "unhealthy", "message": "HTTP 200 in 7.2 s", "response_time": 7.2,
    }  # fmt: skip
    assert alert["impacted"] == ["security-manager", "account-health"]


def test_the_body_tells_links_changes_who_is_told_and_where_it_came_from(compose_message, compose_alert):
    links = Links("https://h.example.com/i/12", "https://h.example.com/a?sig=1", "https://h.example.com/s?sig=2")
    alert = compose_alert(
        origin="alertmanager", source_url="http://prom/graph", annotations={"dashboard": "https://g/1"}
    )
    message = compose_message(
        MessageKind.ACKNOWLEDGEMENT, alerts=(alert,), links=links, told=("bob over pager",), actor="alice",
        changes=(ChangeFacts(NOW, "deployed shop 1.2"),), is_test=True,
    )  # fmt: skip
    document = json.loads(encode(message))
    data = document["data"]
    assert (document["type"], document["version"]) == ("incident.acknowledgement", 1)
    assert data["links"] == {"incident": links.incident, "acknowledge": links.acknowledge, "silence": links.silence}
    assert data["told"] == ["bob over pager"]
    assert data["changes"] == [{"at": "2026-11-24T03:24:00Z", "what": "deployed shop 1.2"}]
    assert (data["actor"], data["is_test"]) == ("alice", True)
    assert (data["alerts"][0]["origin"], data["alerts"][0]["source_url"]) == ("alertmanager", "http://prom/graph")
    assert data["alerts"][0]["annotations"] == {"dashboard": "https://g/1"}


def test_a_link_that_acts_is_told_whole_or_not_at_all(compose_message):
    long = "https://h.example.com/a?sig=" + "x" * 600
    assert json.loads(encode(compose_message(links=Links(acknowledge=long))))["data"]["links"]["acknowledge"] == ""


def held_back(many: int) -> tuple[HeldBack, ...]:
    return tuple(
        HeldBack(n, Severity.HIGH, f"High: Check {n} is unhealthy", NOW - timedelta(minutes=n), n % 2 == 1)
        for n in range(1, many + 1)
    )


def test_a_digest_lists_what_it_tells_of(compose_message):
    message = compose_message(MessageKind.DIGEST, alerts=(), held_back=held_back(60))
    document = json.loads(encode(message))
    assert document["type"] == "incident.digest"
    data = document["data"]
    assert (data["title"], data["alert_count"], data["held_back_count"]) == ("60 more incidents", 0, 60)
    assert data["trimmed"] == ["held_back"]
    assert data["held_back"][0] == {
        "incident_number": 1, "severity": "high", "title": "High: Check 1 is unhealthy",
        "opened_at": "2026-11-24T03:23:00Z", "is_resolved": True,
    }  # fmt: skip


def test_a_digest_of_nothing_is_refused(compose_message):
    with pytest.raises(ValueError, match="no alert to tell of"):
        encode(compose_message(MessageKind.DIGEST, alerts=(), held_back=()))


def test_a_body_stays_small_and_says_what_it_leaves_out(compose_message, compose_alert):
    results = compose_alert().last_results * 40
    document = encode(compose_message(alerts=(compose_alert(last_results=results),)))
    assert len(document) < MOST_BYTES
    assert json.loads(document)["data"]["trimmed"] == ["last_results"]


@pytest.mark.parametrize("character", ["🙂", '"', "\\", "<", "\ud800a", "\x00a", "\n"])
def test_no_message_is_too_large_or_too_strange_to_be_sent(compose_message, compose_alert, character):
    huge = character * 100_000
    names = tuple(huge for _ in range(300))
    alert = compose_alert(
        check_slug=huge, check_name=huge, summary=huge, service=huge, category=huge, description=huge, runbook_url=huge,
        resolution=huge, dependents=names, impacted=names, labels={f"{n}{huge[:1000]}": huge for n in range(200)},
        breaches=(Breach(huge, huge, huge, compose_alert().status),) * 20, origin=huge, source_url=huge,
        annotations={f"{n}{huge[:1000]}": huge for n in range(200)},
    )  # fmt: skip
    link = "https://health.example.com/" + character * 400
    message = compose_message(
        alerts=(alert,) * 60, recipient=huge, url=huge, how_to_acknowledge=huge, reason=huge, told=names, actor=huge,
        changes=(ChangeFacts(NOW, huge),) * 300, links=Links(link, link, link),
        held_back=(HeldBack(1, Severity.LOW, huge, NOW),) * 300,
    )  # fmt: skip
    body, size = encode(message), len(encode_for_alertmanager(message))
    length = len(body)
    assert length < 20_000
    assert size < FOREIGN_MOST_BYTES
    data = json.loads(body)["data"]
    assert data["alert_count"] == 60
    assert {"alerts", "dependents", "impacted", "labels", "told", "changes", "held_back"} <= set(data["trimmed"])


def test_a_response_time_that_is_no_number_leaves_valid_json(compose_message, compose_alert):
    result = compose_alert().last_results[0]
    broken = type(result)(result.at, result.status, result.message, float("nan"))
    body = encode(compose_message(alerts=(compose_alert(last_results=(broken,)),)))
    assert b"NaN" not in body


def foreign(message) -> dict:
    return json.loads(encode_for_alertmanager(message))


def test_a_resolution_in_alertmanagers_form_says_when_it_ended(compose_message):
    document = foreign(compose_message(MessageKind.RESOLUTION))
    (alert,) = document["alerts"]
    assert (document["status"], alert["status"], alert["endsAt"]) == ("resolved", "resolved", "2026-11-24T04:16:05Z")


def test_a_partly_resolved_incident_is_still_firing(compose_message, compose_alert):
    alerts = (compose_alert(), compose_alert(check_name="Cache", check_slug="cache", resolved_at=NOW))
    document = foreign(compose_message(MessageKind.UPDATE, alerts=alerts))
    assert (document["status"], [alert["status"] for alert in document["alerts"]]) == (
        "firing", ["firing", "resolved"],
    )  # fmt: skip
    assert document["groupLabels"] == {}
    assert "check" not in document["commonLabels"]
    assert document["commonLabels"]["team"] == "identity"


def test_an_alert_from_a_door_leaves_with_the_labels_it_came_with(compose_message, compose_alert):
    labels = {"alertname": "DiskFull", "instance": "db-1", "severity": "page"}
    alert = compose_alert(check_slug="", check_name="DiskFull", labels=labels, annotations={"summary": "disk full"})
    (told,) = foreign(compose_message(alerts=(alert,)))["alerts"]
    assert told["labels"] == labels
    assert told["annotations"]["summary"] == "disk full"


def test_fingerprints_are_those_of_prometheus():
    assert fingerprint({}) == f"{14695981039346656037:016x}"
    assert fingerprint({"name": "garland, briggs", "fear": "love is not enough"}) == f"{5799056148416392346:016x}"


def test_a_digest_in_alertmanagers_form_has_an_alert_for_each_incident(compose_message):
    document = foreign(compose_message(MessageKind.DIGEST, alerts=(), held_back=held_back(3)))
    assert [alert["labels"]["incident"] for alert in document["alerts"]] == ["1", "2", "3"]
    assert [alert["status"] for alert in document["alerts"]] == ["resolved", "firing", "resolved"]
    assert len({alert["fingerprint"] for alert in document["alerts"]}) == 3


def test_an_incident_too_large_for_a_receiver_is_cut_and_counted(compose_message, compose_alert):
    alert = compose_alert(description="x" * 4000)
    document = foreign(compose_message(alerts=(alert,) * 600))
    assert (len(document["alerts"]), document["truncatedAlerts"]) == (100, 500)


def test_alerts_that_are_not_listed_are_counted(compose_message):
    message = compose_message(more_alerts=7)
    data = json.loads(encode(message))["data"]
    assert (data["alert_count"], data["trimmed"]) == (8, ["alerts"])
    assert json.loads(encode_for_alertmanager(message))["truncatedAlerts"] == 7
