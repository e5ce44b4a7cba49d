"""The facade: what a program beside healthmgr sees, does, adds and hears."""

from __future__ import annotations

import queue
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import Engine, select, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.custom import HealthStatus
from healthmgr.domain.check import Status
from healthmgr.errors import Conflict, DefinitionError, HealthmgrError, NotFound, SettingsError, Unavailable
from healthmgr.manager import HealthManager
from healthmgr.settings import Settings
from healthmgr.storage.tables import audit_entries, checks
from tests.builders import make_check
from tests.manager.conftest import Fleet, fail


def later() -> dict[str, Any]:
    return {"next_due_at": datetime.now(UTC) + timedelta(hours=1)}


def test_the_system_is_as_bad_as_its_worst_check(manager: HealthManager, engine: Engine, healthmgr: Healthmgr) -> None:
    for slug in ("cache", "database", "shop"):
        make_check(engine, slug, **later())
    make_check(engine, "old", is_paused=True, **later())
    found = manager.get_system_health_status()
    assert (found.status, found.details.healthy_checks, found.details.total_checks) == ("healthy", 3, 3)
    fail(healthmgr, "shop")
    found = manager.get_system_health_status()
    assert (found.status, found.message) == ("unhealthy", "2 of 3 checks are healthy")


def test_an_alert_is_seen_acknowledged_and_resolved(
    manager: HealthManager, engine: Engine, healthmgr: Healthmgr
) -> None:
    make_check(engine, "shop", severity="critical", **later())
    fail(healthmgr, "shop", message="no stock")
    (alert,) = manager.get_active_alerts()
    assert (alert.title, alert.severity, alert.state) == ("Shop is unhealthy", "critical", "firing")
    acknowledged = manager.acknowledge_alert(str(alert.id), "alice")
    assert (acknowledged.state, acknowledged.acknowledged_by) == ("acknowledged", "alice")
    resolved = manager.resolve_alert(alert.id, "Restarted the pool")
    assert (resolved.state, resolved.resolved_by) == ("resolved", "health-manager")
    assert manager.get_active_alerts() == []
    with engine.connect() as connection:
        details = connection.execute(select(audit_entries.c.detail).where(audit_entries.c.action == "alert.resolve"))
        assert details.scalar_one() == {"comment": "Restarted the pool"}


@pytest.mark.parametrize("alert_id", ["no-uuid", uuid4()])
def test_an_alert_that_is_not_there_is_said(manager: HealthManager, alert_id: str | UUID) -> None:
    with pytest.raises(NotFound):
        manager.acknowledge_alert(alert_id, "alice")


def test_the_latest_result_of_every_check_is_there_by_its_slug(
    manager: HealthManager, engine: Engine, healthmgr: Healthmgr
) -> None:
    make_check(engine, "shop", **later())
    make_check(engine, "cache", **later())
    fail(healthmgr, "shop", message="no stock")
    results = manager.get_health_check_results()
    assert {slug: result.last_message for slug, result in results.items()} == {"shop": "no stock", "cache": "fine"}


def test_the_numbers_are_those_of_the_latest_results(
    manager: HealthManager, engine: Engine, healthmgr: Healthmgr
) -> None:
    make_check(engine, "shop", last_response_time=0.3, **later())
    make_check(engine, "cache", last_response_time=0.2, **later())
    make_check(engine, "new", last_response_time=None, last_result_at=None, status="unknown", **later())
    fail(healthmgr, "shop")
    stats = manager.get_health_manager_stats()
    assert (stats.health_checks.total_checks, stats.health_checks.successful_checks) == (3, 1)
    assert stats.health_checks.average_response_time == pytest.approx(150.0)
    assert (stats.alerts.active, stats.alerts.by_severity["high"], stats.alerts.opened_last_day) == (1, 1, 1)
    assert stats.notifications.sent_last_day == 0


def test_numbers_of_nothing_are_zero(manager: HealthManager) -> None:
    stats = manager.get_health_manager_stats()
    assert (stats.health_checks.total_checks, stats.health_checks.average_response_time) == (0, 0.0)


def test_a_check_is_executed_by_the_fleet_and_its_result_waited_for(
    manager: HealthManager, engine: Engine, healthmgr: Healthmgr
) -> None:
    make_check(engine, "shop", **later())
    with Fleet(healthmgr, Status.DEGRADED):
        result = manager.execute_health_check("shop", timedelta(seconds=10))
    assert (result.status, result.message, result.cause) == ("degraded", "found", "request")


def test_executing_without_a_fleet_says_that_the_order_stands(manager: HealthManager, engine: Engine) -> None:
    make_check(engine, "shop", **later())
    with pytest.raises(Unavailable, match="the order stands"):
        manager.execute_health_check("shop", timedelta(seconds=0.2))
    with pytest.raises(NotFound):
        manager.execute_health_check("shops")


def custom_service() -> dict[str, Any]:
    return {
        "status": HealthStatus.HEALTHY,
        "message": "Service operational",
        "timestamp": datetime.now(UTC),
        "responseTime": 150,
        "metrics": {"customMetric": 100},
    }


SPEC: dict[str, Any] = {
    "id": "custom-service-health",
    "name": "Custom Service Health",
    "description": "Monitors custom service functionality",
    "service": "CustomService",
    "category": "application",
    "interval": 60000,
    "timeout": 30000,
    "retries": 3,
    "enabled": True,
    "dependencies": ["database-health"],
    "thresholds": {
        "warning": {"responseTime": 2000, "errorRate": 5},
        "critical": {"responseTime": 5000, "errorRate": 10},
    },
    "checkFunction": custom_service,
    "recoveryProcedure": "custom-service-restart",
}


def test_a_check_is_registered_as_it_always_was(manager: HealthManager, engine: Engine) -> None:
    make_check(engine, "database-health", **later())
    check = manager.register_health_check(SPEC)
    assert (check.slug, check.kind, check.interval, check.timeout) == ("custom-service-health", "python", 60.0, 30.0)
    assert (check.max_attempts, check.depends_on, check.category) == (4, ["database-health"], "application")
    assert check.thresholds == {
        "warning": {"response_time": "> 2000ms", "error_rate": "> 5"},
        "critical": {"response_time": "> 5000ms", "error_rate": "> 10"},
    }
    with engine.connect() as connection:
        config = connection.execute(select(checks.c.config).where(checks.c.slug == check.slug)).scalar_one()
    assert config == {"function": "tests.manager.test_manager:custom_service"}


def test_registering_again_changes_and_unregistering_disables(manager: HealthManager, engine: Engine) -> None:
    fields: dict[str, Any] = {"check_function": custom_service}
    manager.register_health_check(id="shop", interval="30s", **fields)
    manager.register_health_check(id="bank", kind="tcp", config={"host": "127.0.0.1", "port": 1})
    assert manager.register_health_check(id="shop", interval="45s", **fields).interval == 45.0
    manager.unregister_health_check("shop")
    assert set(manager.get_health_check_results()) == {"bank"}
    with pytest.raises(NotFound):
        manager.unregister_health_check("shop")


def script() -> bool:
    return True


script.__module__ = "__main__"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"check_function": custom_service}, "id: is missing"),
        ({"id": "shop"}, "give a check_function, or kind and config"),
        ({"id": "shop", "check_function": lambda: True}, "at the top of a module"),
        ({"id": "shop", "check_function": script}, "in the script itself"),
        ({"id": "Shop!", "check_function": custom_service}, "lower-case letters"),
        ({"id": "shop", "check_function": custom_service, "interval": "soon"}, "interval"),
        ({"id": "shop", "check_function": custom_service, "interval": -5}, "interval"),
        ({"id": "shop", "check_function": custom_service, "timeout": True}, "timeout"),
        ({"id": "shop", "check_function": custom_service, "colour": "red"}, "colour"),
        ({"id": "shop", "check_function": custom_service, "dependencies": ["nobody"]}, "there is no check 'nobody'"),
        ({"id": "shop", "kind": "htp"}, "Did you mean 'http'"),
    ],
)
def test_a_check_at_fault_is_refused_by_field_and_changes_nothing(
    manager: HealthManager, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(DefinitionError, match=said):
        manager.register_health_check(**fields)
    assert manager.get_health_check_results() == {}


def test_a_check_of_a_file_is_not_taken_from_it(manager: HealthManager, engine: Engine) -> None:
    make_check(engine, "shop", **later())
    with pytest.raises(DefinitionError, match="belongs to test"):
        manager.register_health_check(id="shop", check_function=custom_service)


def test_callbacks_hear_what_another_process_causes(
    manager: HealthManager, engine: Engine, healthmgr: Healthmgr
) -> None:
    heard: queue.Queue[tuple[str, Any]] = queue.Queue()
    make_check(engine, "shop", severity="critical", **later())

    def fails(alert: Any) -> None:
        raise RuntimeError("this callback is broken")

    manager.on("alertTriggered", fails)
    manager.on("alertTriggered", lambda alert: heard.put(("triggered", alert)))
    manager.on("alert_resolved", lambda alert: heard.put(("resolved", alert)))
    manager.on("check_state_changed", lambda change: heard.put(("changed", change)))
    fail(healthmgr, "shop", message="no stock")
    fail(healthmgr, "shop", Status.HEALTHY)
    healthmgr.eventing.publish(healthmgr.now())
    events = [heard.get(timeout=5) for _ in range(4)]
    by_name = dict(events)
    assert sorted(name for name, _ in events) == ["changed", "changed", "resolved", "triggered"]
    alert = by_name["triggered"]
    assert (alert.title, alert.severity, alert.check, alert["summary"]) == (
        "Shop is unhealthy", "critical", "shop", "no stock",
    )  # fmt: skip
    assert by_name["resolved"].id == alert.id
    assert alert.labels.check == "shop"
    with pytest.raises(AttributeError, match="says nothing of 'colour'"):
        _ = alert.colour


def test_an_unknown_event_is_refused(manager: HealthManager) -> None:
    with pytest.raises(DefinitionError, match="alert_triggered"):
        manager.on("alert_opened", print)


def test_events_are_read_on_from_where_one_was(manager: HealthManager, engine: Engine, healthmgr: Healthmgr) -> None:
    make_check(engine, "shop", **later())
    fail(healthmgr, "shop")
    healthmgr.eventing.publish(healthmgr.now())
    wait = timedelta(seconds=0.05)
    first = list(manager.events(idle_for=wait))
    assert {event.name for event in first} == {"alert_triggered", "check_state_changed"}
    assert list(manager.events(after=first[0].id, idle_for=wait)) == first[1:]
    assert list(manager.events(after=first[-1].id, idle_for=wait)) == []
    with pytest.raises(DefinitionError, match="is no event's id"):
        list(manager.events(after="yesterday", idle_for=wait))


def test_a_program_that_has_no_logging_of_structlogs_is_not_shown_our_variables(
    settings: Settings, engine: Engine
) -> None:
    structlog.reset_defaults()
    HealthManager(settings).close()
    assert structlog.is_configured()


def test_there_is_one_instance_until_it_is_closed(manager: HealthManager, settings: Settings) -> None:
    assert HealthManager.get_instance() is manager
    assert HealthManager.get_instance(settings) is manager
    with pytest.raises(Conflict, match="close"):
        HealthManager.get_instance(settings.model_copy(update={"max_concurrent_checks": 15}))
    manager.close()
    other = HealthManager.get_instance(settings)
    assert other is not manager
    other.close()


def test_advanced_keys_are_taken_and_wrong_ones_refused(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    with HealthManager.get_instance({"globalCheckInterval": 30000, "maxConcurrentChecks": 15}) as manager:
        assert manager.initialize() is manager
    with pytest.raises(SettingsError, match="globalInterval"):
        HealthManager.get_instance({"globalInterval": 30000})


def test_events_without_redis_are_refused_by_name(settings: Settings, engine: Engine) -> None:
    with HealthManager(settings.model_copy(update={"redis_url": ""})) as manager:
        with pytest.raises(SettingsError, match="REDIS_URL"):
            manager.on("alert_triggered", print)
        assert manager.get_active_alerts() == []


def test_initialize_says_when_the_schema_is_another(manager: HealthManager, engine: Engine) -> None:
    with engine.begin() as connection:
        before = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        with pytest.raises(Unavailable, match="healthmgr db upgrade"):
            manager.initialize()
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": before})
    assert manager.initialize() is manager


def test_without_a_database_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HealthmgrError, match="DATABASE_URL"):
        HealthManager(Settings())
