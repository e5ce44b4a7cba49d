"""What Alertmanager's API tells of our own checks, and of what keeps an alert quiet besides silences."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, insert

from healthmgr.api.doors.alertmanager_views import moment
from healthmgr.domain import synthetic
from healthmgr.storage import tables
from tests.builders import NOW, make_alert, make_check
from tests.serving import Client

MINUTE = timedelta(minutes=1)
SHOP = [{"name": "service", "operator": "=", "value": "shop"}]


def test_alerts_of_checks_are_told_beside_those_that_were_brought(client_as: Client, engine: Engine) -> None:
    labels = {"check": "api", "service": "shop"}
    make_alert(engine, make_check(engine, "api"), labels=labels, severity="critical", started_at=NOW - MINUTE)
    (told,) = client_as("viewer").get("/api/v2/alerts?filter=origin=healthmgr").json()
    assert told["labels"] == {**labels, "severity": "critical"}
    assert told["annotations"] == {"summary": "connection refused"}
    assert (told["startsAt"], told["endsAt"]) == (moment(NOW - MINUTE), moment(NOW + 5 * MINUTE))
    assert told["status"]["state"] == "active"


def test_what_its_root_cause_explains_is_inhibited_by_it(client_as: Client, engine: Engine) -> None:
    root = make_alert(engine, make_check(engine, "database"), labels={"check": "database"})
    make_alert(engine, make_check(engine, "api"), labels={"check": "api"}, suppressed_by_id=root)
    database, api = client_as("viewer").get("/api/v2/alerts").json()
    assert api["status"]["inhibitedBy"] == [database["fingerprint"]]
    assert client_as("viewer").get("/api/v2/alerts?inhibited=false").json() == [database]


def test_a_maintenance_window_and_the_hours_of_a_route_mute(client_as: Client, engine: Engine) -> None:
    window = {"starts_at": (NOW - MINUTE).isoformat(), "ends_at": (NOW + MINUTE).isoformat()}
    route = {"name": "default", "matchers": [], "continues": False, "receiver": "", "to": ["ops"], "via": ["mail"]}
    route |= {"options": {}, "mute_during": ["always"], "active_during": [], "routes": []}
    managed = {"managed_by": "test", "updated_at": NOW}
    with engine.begin() as connection:
        connection.execute(
            insert(tables.maintenance_windows).values(
                name="upgrade", matchers=SHOP, window=window, is_enabled=True, **managed
            )
        )
        connection.execute(insert(tables.routing).values(name="default", position=0, document=route, **managed))
        connection.execute(
            insert(tables.time_windows).values(
                name="always", intervals=[{"times": [{"start_time": "00:00", "end_time": "24:00"}]}], **managed
            )
        )
    make_alert(engine, make_check(engine, "api"), labels={"check": "api", "service": "shop"})
    (told,) = client_as("viewer").get("/api/v2/alerts").json()
    assert told["status"]["mutedBy"] == ["upgrade", "default"]
    assert client_as("viewer").get("/api/v2/alerts/groups?muted=false").json() == []


def test_our_trials_of_ourselves_are_nobodys_alerts(client_as: Client, engine: Engine) -> None:
    make_alert(engine, None, origin=synthetic.ORIGIN, labels=dict(synthetic.LABELS))
    assert client_as("viewer").get("/api/v2/alerts").json() == []
