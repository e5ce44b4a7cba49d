"""Alertmanager's API version 2: what is brought, and what is told."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from healthmgr.api.doors.alertmanager_views import moment
from healthmgr.api.limits import MAX_ALERTS
from healthmgr.rates import TokenBuckets
from healthmgr.storage.database import connect
from tests.api.doors.conftest import DoorContainer
from tests.builders import NOW
from tests.serving import Client, Container, ServedApp

MINUTE = timedelta(minutes=1)
DOWN = {"labels": {"alertname": "Down", "job": "shop"}, "annotations": {"summary": "shop is down"}}


_DEFINE = text("""
INSERT INTO routing (name, position, document, managed_by, updated_at)
VALUES (:name, :position, :document, 'test', :now)
""")


def define(engine: Engine) -> None:
    """Two routes: what is critical goes to the pager, all else to alice by mail."""
    routes = [
        ("pages", {"matchers": [{"name": "severity", "operator": "=", "value": "critical"}], "receiver": "pager"}),
        ("default", {"to": ["alice"], "via": ["mail"], "options": {"group_by": ["job"], "group_wait": 0.0}}),
    ]
    empty = {"matchers": [], "continues": False, "receiver": "", "to": [], "via": [], "options": {}}
    empty |= {"mute_during": [], "active_during": [], "routes": []}
    with engine.begin() as connection:
        for position, (name, said) in enumerate(routes):
            document = json.dumps({"name": name, **empty, **said})
            connection.execute(_DEFINE, {"name": name, "position": position, "document": document, "now": NOW})


def rows(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(sql)).all())


def silence(engine: Engine, name: str, value: str) -> str:
    with engine.begin() as connection:
        return str(
            connection.execute(
                text("""
                INSERT INTO silences (id, matchers, starts_at, ends_at, created_by, created_at, updated_at)
                VALUES (gen_random_uuid(), :matchers, :now, :until, 'alice', :now, :now) RETURNING id
                """),
                {
                    "matchers": json.dumps([{"name": name, "operator": "=", "value": value}]),
                    "now": NOW,
                    "until": NOW + 60 * MINUTE,
                },
            ).scalar_one()
        )


@pytest.mark.parametrize("prefix", ["/api/v2", "/alertmanager/api/v2"])
def test_an_alert_that_is_brought_is_told_with_all_that_its_schema_asks_for(client_as: Client, prefix: str) -> None:
    answer = client_as("ingest").post(f"{prefix}/alerts", json=[DOWN])
    assert (answer.status_code, answer.content) == (200, b"")
    (told,) = client_as("viewer").get(f"{prefix}/alerts").json()
    assert told == {
        "labels": {"alertname": "Down", "job": "shop", "severity": "medium"},
        "annotations": {"summary": "shop is down"},
        "receivers": [{"name": "default"}],
        "fingerprint": told["fingerprint"],
        "startsAt": moment(NOW),
        "updatedAt": moment(NOW),
        "endsAt": moment(NOW + 5 * MINUTE),
        "generatorURL": "",
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }
    assert len(told["fingerprint"]) == 16


def test_what_prometheus_sends_is_taken_again_and_again(
    client_as: Client, container: Container, engine: Engine
) -> None:
    prometheus = client_as("ingest")
    for _ in range(4):
        now = container.clock.at
        alert = {
            **DOWN,
            "startsAt": NOW.isoformat().replace("+00:00", ".123456789Z"),
            "endsAt": moment(now + 4 * MINUTE),
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0",
        }
        assert prometheus.post("/api/v2/alerts", json=[alert]).status_code == 200
        container.clock.at += MINUTE
    (row,) = rows(engine, "SELECT source_url, ends_at, resolved_at FROM alerts")
    assert row.source_url.startswith("http://prometheus:9090/")
    assert (row.ends_at, row.resolved_at) == (NOW + 7 * MINUTE, None)
    resolved = {**DOWN, "startsAt": moment(NOW), "endsAt": moment(container.clock.at - MINUTE)}
    for _ in range(3):
        assert prometheus.post("/api/v2/alerts", json=[resolved]).status_code == 200
    (row,) = rows(engine, "SELECT resolution FROM alerts")
    assert row.resolution == "resolved_by_source"
    assert client_as("viewer").get("/api/v2/alerts").json() == []


def test_valid_alerts_are_stored_although_others_in_the_body_are_not_valid(client_as: Client, engine: Engine) -> None:
    bad = [{"labels": {}}, {"labels": {"a": "b"}, "startsAt": moment(NOW), "endsAt": moment(NOW - MINUTE)}]
    answer = client_as("ingest").post("/api/v2/alerts", json=[bad[0], DOWN, bad[1]])
    assert answer.status_code == 400
    assert answer.json() == ("alert 0: at least one label pair required; alert 2: start time must be before end time")
    assert [row.name for row in rows(engine, "SELECT name FROM alerts")] == ["Down"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b"[",
        b"[" * 100_000,
        b'[{"labels": {"a": 1}}]',
        b'[{"labels": {"a": "\\ud800"}}]',
        b'[{"labels": {"a": "\\u0000"}}]',
        b'[{"labels": {"a": "\xff"}}]',
        b'[{"labels": {"a": "b"}, "startsAt": 1e400}]',
        b'[{"labels": {"a": "b"}, "startsAt": "2026-01-01"}]',
        b'[{"labels": {"a": "b"}, "endsAt": "yesterday"}]',
        b'[{"labels": {"a": "b"}, "annotations": {"a": []}}]',
    ],
)
def test_a_hostile_body_is_answered_with_400_and_a_text(client_as: Client, engine: Engine, body: bytes) -> None:
    answer = client_as("ingest").post("/api/v2/alerts", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert isinstance(answer.json(), str)
    assert rows(engine, "SELECT 1 FROM alerts") == []


def test_times_at_the_ends_of_the_calendar_do_no_harm(client_as: Client) -> None:
    zero = {**DOWN, "startsAt": "0001-01-01T00:00:00.000Z", "endsAt": "0001-01-01T00:00:00.000Z"}
    far = {"labels": {"a": "b"}, "startsAt": "0002-01-01T00:00:00+14:00", "endsAt": "9999-12-31T23:59:59-12:00"}
    assert client_as("ingest").post("/api/v2/alerts", json=[zero, far]).status_code == 200
    first, second = client_as("viewer").get("/api/v2/alerts").json()
    assert (first["startsAt"], first["endsAt"]) == (moment(NOW), moment(NOW + 5 * MINUTE))
    assert second["endsAt"].startswith("9000")


def test_a_large_batch_is_taken_and_an_endless_one_is_not(client_as: Client) -> None:
    batch = [
        {"labels": {"alertname": "Down", "instance": str(n)}, "annotations": {"description": "x" * 10_000}}
        for n in range(256)
    ]
    assert client_as("ingest").post("/api/v2/alerts", json=batch).status_code == 200
    assert len(client_as("viewer").get("/api/v2/alerts").json()) == 256
    answer = client_as("ingest").post("/api/v2/alerts", data=b" " * (MAX_ALERTS + 1))
    assert answer.status_code == 413


def test_alerts_are_told_by_matchers_receiver_and_state(client_as: Client, engine: Engine) -> None:
    define(engine)
    page = {"labels": {"alertname": "Page", "job": "shop", "severity": "page"}}
    client_as("ingest").post("/api/v2/alerts", json=[DOWN, page])
    silence_id = silence(engine, "alertname", "Down")

    def names(query: str) -> list[str]:
        answer = client_as("viewer").get(f"/api/v2/alerts?{query}")
        assert answer.status_code == 200, answer.text
        return [alert["labels"]["alertname"] for alert in answer.json()]

    assert names("") == ["Down", "Page"]
    assert names("silenced=false") == ["Page"]
    assert names("active=false") == ["Down"]
    assert names("filter=job=shop&filter=severity=critical") == ["Page"], "matched as routes and silences match it"
    assert names('filter={alertname=~"D.*"}') == ["Down"]
    assert names("receiver=pager") == ["Page"]
    assert names("receiver=pa") == [], "the expression has to match the whole name"
    (down,) = client_as("viewer").get("/api/v2/alerts?filter=alertname=Down").json()
    assert down["status"] == {"state": "suppressed", "silencedBy": [silence_id], "inhibitedBy": [], "mutedBy": []}
    assert down["receivers"] == [{"name": "alice via mail"}]


@pytest.mark.parametrize("query", ["filter=", "filter=a", "filter={a=", "receiver=(", "active=perhaps"])
def test_a_question_that_makes_no_sense_is_refused(client_as: Client, query: str) -> None:
    client_as("ingest").post("/api/v2/alerts", json=[DOWN])
    assert client_as("viewer").get(f"/api/v2/alerts?{query}").status_code in (400, 422)


def test_an_inhibited_alert_names_the_one_that_mutes_it(client_as: Client, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO inhibitions (name, source_matchers, target_matchers, equal, managed_by, updated_at) VALUES
            ('down', '[{"name": "alertname", "operator": "=", "value": "Down"}]',
             '[{"name": "alertname", "operator": "=", "value": "Slow"}]', ARRAY['job'], 'test', now())
            """)
        )
    slow = {"labels": {"alertname": "Slow", "job": "shop"}}
    client_as("ingest").post("/api/v2/alerts", json=[DOWN, slow])
    down, told = client_as("viewer").get("/api/v2/alerts").json()
    assert told["status"]["inhibitedBy"] == [down["fingerprint"]]
    assert client_as("viewer").get("/api/v2/alerts?inhibited=false").json() == [down]


def test_groups_are_those_in_which_people_hear_of_them(client_as: Client, engine: Engine) -> None:
    define(engine)
    other = {"labels": {"alertname": "Slow", "job": "shop"}}
    third = {"labels": {"alertname": "Slow", "job": "blog"}}
    client_as("ingest").post("/api/v2/alerts", json=[DOWN, other, third])
    groups = client_as("viewer").get("/api/v2/alerts/groups").json()
    assert [(g["labels"], g["receiver"], len(g["alerts"])) for g in groups] == [
        ({"job": "blog"}, {"name": "alice via mail"}, 1),
        ({"job": "shop"}, {"name": "alice via mail"}, 2),
    ]


def test_the_status_carries_a_configuration_that_can_be_loaded(client_as: Client, engine: Engine) -> None:
    define(engine)
    status = client_as("viewer").get("/api/v2/status").json()
    assert status["cluster"]["status"] == "disabled"
    assert set(status["versionInfo"]) == {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}
    assert yaml.safe_load(status["config"]["original"]) == {
        "global": {"resolve_timeout": "5m"},
        "route": {
            "receiver": "alice via mail",
            "group_by": ["job"],
            "group_wait": "0s",
            "routes": [
                {
                    "receiver": "pager",
                    "group_by": ["job"],
                    "matchers": ['severity="critical"'],
                    "continue": False,
                    "group_wait": "0s",
                }
            ],
        },
        "receivers": [{"name": "alice via mail"}, {"name": "pager"}],
    }
    assert client_as("viewer").get("/api/v2/receivers").json() == [{"name": "alice via mail"}, {"name": "pager"}]


@pytest.mark.parametrize("prefix", ["", "/alertmanager"])
def test_the_health_endpoints_answer_without_a_token(client_as: Client, prefix: str) -> None:
    client = client_as(None)
    for path in ("/-/healthy", "/-/ready"):
        assert client.get(prefix + path).status_code == 200
        assert client.head(prefix + path).status_code == 200
    assert client.post(f"{prefix}/-/reload").status_code == 200


def test_a_token_may_come_as_the_password_of_basic_authentication(client_as: Client, container: Container) -> None:
    token = container.tokens.ensure("prometheus", "ingest", None, NOW)
    client = client_as(None)
    assert client.post("/api/v2/alerts", json=[DOWN], auth=("anybody", token)).status_code == 200
    assert client.post("/api/v2/alerts", json=[DOWN], auth=(token, "")).status_code == 401
    for header in ("Basic !!!", "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Basic", "Digest x", "Bearer "):
        answer = client.post("/api/v2/alerts", json=[DOWN], headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_each_role_may_do_what_is_its_own(client_as: Client) -> None:
    posts = {role: client_as(role).post("/api/v2/alerts", json=[DOWN]).status_code for role in ("viewer", "responder")}
    assert posts == {"viewer": 403, "responder": 403}
    assert client_as("ingest").get("/api/v2/alerts").status_code == 403
    assert client_as(None).get("/api/v2/alerts").status_code == 401
    assert client_as("admin").post("/api/v2/alerts", json=[DOWN]).status_code == 200


def test_who_comes_too_often_is_told_when_to_come_again(client_as: Client, served: ServedApp) -> None:
    tick = [0.0]
    served.app.state.door_rates = TokenBuckets(per_second=0.5, burst=2, tick=lambda: tick[0])
    try:
        client, other = client_as("ingest"), client_as("admin")
        answers = [client.post("/api/v2/alerts", json=[DOWN]) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "2"
        assert other.post("/api/v2/alerts", json=[DOWN]).status_code == 200, "each token has its own measure"
        tick[0] = 2
        assert client.post("/api/v2/alerts", json=[DOWN]).status_code == 200
    finally:
        served.app.state.door_rates = TokenBuckets()


def test_an_alertmanager_that_goes_on_running_may_send_its_webhook(client_as: Client, engine: Engine) -> None:
    alert = {**DOWN, "status": "firing", "startsAt": moment(NOW), "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "x"}
    body = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "hm", "alerts": [alert]}
    hook = client_as("ingest")
    assert hook.post("/api/v1/doors/alertmanager-webhook", json=body).status_code == 200
    (row,) = rows(engine, "SELECT name, ends_at FROM alerts")
    assert tuple(row) == ("Down", None), "it lasts until it is said to be over"
    over = {**alert, "status": "resolved", "endsAt": moment(NOW)}
    assert hook.post("/api/v1/doors/alertmanager-webhook", json={**body, "alerts": [over]}).status_code == 200
    assert rows(engine, "SELECT 1 FROM alerts WHERE resolved_at IS NULL") == []
    assert hook.post("/api/v1/doors/alertmanager-webhook", json={"version": "4"}).status_code == 400


def test_while_the_database_is_away_nothing_is_answered_with_2xx(client_as: Client, served: ServedApp) -> None:
    client = client_as("ingest")
    served.app.state.parts = DoorContainer(connect("postgresql://postgres:secret@127.0.0.1:9/none"))
    for path in ("/api/v2/alerts", "/api/v1/doors/alertmanager-webhook"):
        answer = client.post(path, json=[DOWN])
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
