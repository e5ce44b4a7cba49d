"""healthmgr's own health and its metrics, from the outside."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from healthmgr.domain.plan import Target
from healthmgr.domain.synthetic import CHANNEL, RECIPIENT, Trials
from tests.builders import (
    NOW,
    make_alert,
    make_channel,
    make_check,
    make_delivery,
    make_incident,
    make_notification,
    make_pulse,
    make_well,
)
from tests.serving import Client, Container


def test_healthz_is_200_while_all_is_well(engine: Engine, client_as: Client) -> None:
    make_well(engine)
    answer = client_as(None).get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["is_well"] is True
    assert client_as(None).head("/healthz").status_code == 200
    parts = {part.pop("name"): part for part in answer.json()["parts"]}
    assert parts["queue checks"] == {"is_well": True, "age": 0.0, "message": "", "depth": 0}
    assert parts["beat"] == {"is_well": True, "age": 0.0, "message": "", "depth": None}


def test_healthz_is_503_and_says_what_to_do_when_a_queue_is_not_consumed(
    engine: Engine, client_as: Client, container: Container
) -> None:
    make_well(engine, NOW - timedelta(minutes=2))
    for kind in ("beat", "sweep"):
        make_pulse(engine, kind, "beat-2")
    answer = client_as(None).get("/healthz")
    assert answer.status_code == 503
    messages = {part["name"]: part["message"] for part in answer.json()["parts"] if not part["is_well"]}
    assert "start a worker with -Q escalation" in messages["queue escalation"]
    assert "beat" not in messages


def test_readyz_wants_the_schema_of_this_version(engine: Engine, client_as: Client) -> None:
    client = client_as(None)
    assert client.get("/readyz").status_code == 200
    with engine.begin() as connection:
        head = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("DELETE FROM alembic_version"))
    try:
        answer = client.get("/readyz")
    finally:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
    assert answer.status_code == 503
    assert "healthmgr db upgrade" in answer.json()["message"]


def samples(client_as: Client, accept: str = "text/plain") -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client_as("viewer").get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_tell_what_the_rows_hold(engine: Engine, client_as: Client) -> None:
    make_well(engine, NOW - timedelta(seconds=3))
    check = make_check(engine, "api", status="unhealthy", sequence=7, next_due_at=NOW - timedelta(seconds=9))
    make_check(engine, "paused", is_paused=True, sequence=2, next_due_at=NOW - timedelta(days=9))
    make_check(engine, "backup", kind="heartbeat", ping_count=4)
    make_alert(engine, check, severity="critical", acknowledged_at=NOW)
    make_notification(engine, make_incident(engine), state="pending", due_at=NOW - timedelta(seconds=4), sent_at=None)
    found = samples(client_as)

    def value(name: str, **labels: str) -> float:
        return found["healthmgr_" + name, frozenset(labels.items())]

    assert value("checks", status="unhealthy") == 1
    assert value("checks", status="paused") == 1
    assert value("checks", status="degraded") == 0
    assert value("open_alerts", severity="critical", state="acknowledged") == 1
    assert value("open_alerts", severity="low", state="firing") == 0
    assert value("open_incidents") == 1
    assert value("notifications", state="pending") == 1
    assert value("notifications", state="sent") == 0
    assert value("notification_lag_seconds") == 4
    assert value("schedule_lag_seconds") == 9
    assert value("probes_total") == 9
    assert value("pings_total") == 4
    assert value("well") == 1
    assert value("beat_age_seconds") == 3
    assert value("queue_age_seconds", queue="checks") == 3
    assert value("queue_depth", queue="upkeep") == 0
    assert value("workers", state="well") == 1


def test_metrics_without_any_row_leave_out_what_is_not_known(client_as: Client) -> None:
    found = samples(client_as)
    assert found["healthmgr_well", frozenset()] == 0
    assert ("healthmgr_beat_age_seconds", frozenset()) not in found


def test_no_label_grows_with_what_is_watched(engine: Engine, client_as: Client) -> None:
    make_well(engine)
    make_alert(engine, make_check(engine, "first"))  # figures of alerts need one
    before = len(samples(client_as))
    for number in range(20):
        make_alert(engine, make_check(engine, f"check-{number}"))
        make_pulse(engine, "worker", f"worker-{number + 10}")
    assert len(samples(client_as)) == before


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", "text/plain"])
def test_metrics_come_in_the_format_that_is_asked_for(client_as: Client, accept: str) -> None:
    answer = client_as("viewer").get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(accept.split(";")[0])


def test_metrics_tell_how_long_telling_took_and_what_may_have_arrived_twice(engine: Engine, client_as: Client) -> None:
    make_channel(engine, "mail", kind="email")
    sent_at = NOW - timedelta(minutes=5)
    sent = {"state": "sent", "sent_at": sent_at, "created_at": sent_at - timedelta(seconds=1), "severity": "critical"}
    incident, began = make_incident(engine), sent_at - timedelta(seconds=7)
    told = make_notification(engine, incident, channel="mail", due_at=None, problem_at=began, **sent)
    make_delivery(engine, told, attempt=1, outcome="unknown")
    make_delivery(engine, told, attempt=2, outcome="accepted")
    found = samples(client_as)
    labels = {"kind": "problem", "severity": "critical", "channel_kind": "email"}

    def value(name: str, **more: str) -> float:
        return found["healthmgr_" + name, frozenset({**labels, **more}.items())]

    assert value("notifications_sent", over="1h") == value("notifications_sent", over="24h") == 1
    assert {value("delivery_seconds", over="1h", quantile=q) for q in ("0.5", "0.95", "0.99")} == {7}
    assert value("sending_seconds", over="24h", quantile="0.99") == 1
    doubled = frozenset({"channel_kind": "email", "is_idempotent": "false"}.items())
    assert found["healthmgr_possible_duplicates_total", doubled] == 1


def test_metrics_tell_how_the_synthetic_notification_fares(engine: Engine, client_as: Client) -> None:
    assert ("healthmgr_synthetic_notification_age_seconds", frozenset()) not in samples(client_as)
    target, sent_at = Target(RECIPIENT, CHANNEL, ""), NOW - timedelta(seconds=90)
    took = timedelta(seconds=1.5)
    trials = Trials(timedelta(minutes=5), NOW - timedelta(seconds=91.5), target, sent_at=sent_at, took=took)
    make_pulse(engine, "synthetic", "synthetic", **trials.to_document())
    found = samples(client_as)
    assert found["healthmgr_synthetic_notification_age_seconds", frozenset()] == 90
    assert found["healthmgr_synthetic_notification_seconds", frozenset()] == 1.5
    assert found["healthmgr_synthetic_notifications_lost", frozenset()] == 0
