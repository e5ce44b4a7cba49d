"""The checks that healthmgr brings along, channels by environment, and the other spelling of a check."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from healthmgr.definitions.definition import Definitions
from healthmgr.domain.check import Severity
from healthmgr.domain.runbook import Automation
from healthmgr.errors import DefinitionError
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining
from tests.definitions.plugins import ROUTED, TestRegistry

TWIKIT = """version: 1
use:
  twikit:
    session_manager_url: https://sessions.example.com/health
    security_manager_url: https://security.example.com/health
    cache_url: "redis://:${CACHE_PASSWORD}@cache.example.com:6379/0"
    database_url: postgresql://db.example.com/twikit
    account_health_url: https://accounts.example.com/health
channels: {inbox: {kind: email}}
recipients: {ops: {contacts: {inbox: ops@example.com}}}
routing: {default: {to: ops, via: inbox}}
"""
ENVIRON = {"CACHE_PASSWORD": "hush", "SMTP_HOST": "mail", "ALERT_EMAIL_FROM": "a@example.com", "SMTP_PORT": "25"}


@pytest.fixture
def twikit(tmp_path: Path) -> Callable[[str], Definitions]:
    def adopt(text: str) -> Definitions:
        path = tmp_path / "t.yaml"
        path.write_text(text, encoding="utf-8")
        return Defining(None, Registry.load(), ENVIRON).validate(path)

    return adopt


def test_the_five_default_checks_are_adopted_with_one_entry(twikit: Callable[[str], Definitions]) -> None:
    definitions = twikit(TWIKIT)
    found = {slug: (check.thresholds, check.recovery_procedure) for slug, check in definitions.checks.items()}
    assert found == {
        "session-manager-health": (
            {"warning": {"response_time": "> 5s"}, "critical": {"response_time": "> 10s"}},
            "session-manager-restart",
        ),
        "security-manager-health": (
            {"warning": {"threat_level": ">= 1"}, "critical": {"threat_level": ">= 2"}},
            "security-manager-restart",
        ),
        "cache-manager-health": (
            {"warning": {"hit_rate": "< 80"}, "critical": {"hit_rate": "< 60"}},
            "cache-manager-restart",
        ),
        "database-health": (
            {
                "warning": {"response_time": "> 1s", "connection_usage": "> 80%"},
                "critical": {"response_time": "> 5s", "connection_usage": "> 95%"},
            },
            "service-restart",
        ),
        "account-health-monitor": (
            {"warning": {"at_risk_accounts": ">= 5"}, "critical": {"at_risk_accounts": ">= 10"}},
            "service-restart",
        ),
    }
    assert definitions.checks["session-manager-health"].timeout == timedelta(seconds=15)
    assert definitions.checks["account-health-monitor"].dependencies == {"session-manager-health": ""}
    assert definitions.checks["cache-manager-health"].config["url"].startswith("redis://:${CACHE_PASSWORD}@")


def test_without_a_word_on_what_they_restart_procedures_are_for_people_alone(
    twikit: Callable[[str], Definitions],
) -> None:
    definitions = twikit(TWIKIT)
    assert [(name, item.runbook.automation) for name, item in definitions.runbooks.items()] == [
        ("service-restart", Automation.MANUAL)
    ]
    assert definitions.warnings == ()


def test_the_procedures_come_along_once_they_are_told_what_they_restart(twikit: Callable[[str], Definitions]) -> None:
    given = (
        "    session_manager_unit: sessions\n    session_manager_api: https://sessions.example.com\n"
        "    security_manager_unit: security\n    cache_manager_unit: cache\n    restart_driver: supervisor\nchannels:"
    )
    own = "runbooks: {cache-manager-restart: {automation: fully_automated, limits: {attempts: 1}}}\n"
    definitions = twikit(TWIKIT.replace("channels:", given, 1) + own)
    assert definitions.warnings == ()
    found = {name: item.runbook for name, item in definitions.runbooks.items()}
    named = {check.recovery_procedure for check in definitions.checks.values()}
    assert named == {"session-manager-restart", "security-manager-restart", "cache-manager-restart", "service-restart"}
    assert set(found) == named
    sessions = found["session-manager-restart"]
    assert sessions.automation is Automation.SEMI_AUTOMATED
    assert [(step.id, step.kind) for step in sessions.steps] == [
        ("notify-restart", "notification"),
        ("graceful-shutdown", "api_call"),
        ("restart-service", "service_restart"),
        ("verify", "verify"),
    ]
    assert sessions.parameters == {"service": "sessions"}
    assert sessions.steps[1].config["base_url"] == "https://sessions.example.com"
    assert sessions.steps[2].config == {"service": "{{ parameters.service }}", "driver": "supervisor", "wait": True}
    cache = found["cache-manager-restart"]  # which says some things of its own, and has the rest
    assert (cache.automation, cache.rails.max_attempts) == (Automation.FULLY_AUTOMATED, 1)
    assert cache.rails.cool_down == timedelta(minutes=15)


def test_a_driver_that_there_is_not_is_refused_where_it_is_given(twikit: Callable[[str], Definitions]) -> None:
    given = "    session_manager_unit: sessions\n    restart_driver: upstart\nchannels:"
    with pytest.raises(DefinitionError) as caught:
        twikit(TWIKIT.replace("channels:", given, 1))
    assert {(Path(problem.file).name, problem.line) for problem in caught.value.problems} == {("t.yaml", 10)}


def test_a_channel_takes_what_it_leaves_unsaid_from_the_variables_of_its_kind(
    twikit: Callable[[str], Definitions],
) -> None:
    channel = twikit(TWIKIT).channels["inbox"]
    assert channel.config == {"host": "${SMTP_HOST}", "port": "${SMTP_PORT}", "from": "${ALERT_EMAIL_FROM}"}


def test_a_default_check_can_be_changed_and_left_out(twikit: Callable[[str], Definitions]) -> None:
    text = TWIKIT.replace("    security_manager_url: https://security.example.com/health\n", "")
    definitions = twikit(
        text + "checks:\n"
        "  security-manager-health: {enabled: false}\n"
        "  database-health: {severity: low, thresholds: {warning: {response_time: '> 2s'}}}\n"
    )
    assert "security-manager-health" not in definitions.checks
    database = definitions.checks["database-health"]
    assert database.severity is Severity.LOW
    assert database.thresholds["warning"] == {"response_time": "> 2s", "connection_usage": "> 80%"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  twikit:", "  twiket:", "t.yaml:3: use.twiket: there is no set of checks 'twiket'; did you mean 'twikit'?"),
        ("    cache_url:", "    cash_url:", "use.twikit: needs cache_url (address of the cache manager's Redis"),
        (
            "    cache_url:",
            "    cash_url:",
            "t.yaml:6: use.twikit.cash_url: is nothing that twikit takes; did you mean",
        ),
        ("https://sessions", "sessions", "t.yaml:4: checks.session-manager-health.config.url: "),
        ("use:\n  twikit:\n", "use: [twikit]\nx:\n", "t.yaml:2: use: expected a mapping"),
    ],
)
def test_bad_uses_of_a_set_are_refused(twikit: Callable[[str], Definitions], old: str, new: str, expected: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        twikit(TWIKIT.replace(old, new))
    assert expected in str(caught.value), str(caught.value)


SPELLED = """
checks:
  database-health: {kind: door, config: {url: x}}
  custom-service-health:
    name: Custom Service Health
    description: Monitors custom service functionality
    service: CustomService
    category: application
    interval: 60000
    timeout: 30000
    retries: 3
    enabled: true
    dependencies: ['database-health']
    thresholds:
      warning: {responseTime: 2000, errorRate: 5}
      critical: {responseTime: 5000, errorRate: 10}
    recoveryProcedure: custom-service-restart
    successThreshold: 2
    kind: door
    config: {url: x}
"""


def test_a_check_in_the_other_spelling_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"version: 1\n{ROUTED}{SPELLED}", encoding="utf-8")
    check = Defining(None, TestRegistry(), {}).validate(path).checks["custom-service-health"]
    assert (check.interval, check.timeout) == (timedelta(minutes=1), timedelta(seconds=30))
    assert (check.max_attempts, check.success_threshold, check.is_enabled) == (4, 2, True)
    assert check.dependencies == {"database-health": ""}
    assert check.thresholds == {
        "warning": {"response_time": "> 2s", "error_rate": "> 5"},
        "critical": {"response_time": "> 5s", "error_rate": "> 10"},
    }
    assert (check.service, check.category, check.recovery_procedure) == (
        "CustomService",
        "application",
        "custom-service-restart",
    )


def test_a_limit_beyond_the_timeout_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    limits = "{warning: {response_time: 1s}, critical: {response_time: 5s}}"
    check = f"{{kind: door, config: {{url: x}}, timeout: 3s, thresholds: {limits}}}"
    path.write_text(f"version: 1\nchecks:\n  a: {check}\n{ROUTED}", encoding="utf-8")
    (warning,) = Defining(None, TestRegistry(), {}).validate(path).warnings
    assert (warning.line, warning.path) == (3, "checks.a.thresholds.critical.response_time")
    assert warning.message == "is never crossed: a probe is ended after its timeout of 3s"


@pytest.mark.parametrize("begins", ["templates:", "use:"])
def test_the_short_forms_of_the_readme_are_valid(begins: str, project_root: Path, tmp_path: Path) -> None:
    readme = (project_root / "README.md").read_text(encoding="utf-8")
    block = readme[readme.index(f"\n    {begins}\n") + 1 :].split("\n\n")[0]
    path = tmp_path / "a.yaml"
    routed = ROUTED.replace("letter, config: {host: h}", "email, config: {host: h, from: a@b.c}")
    path.write_text(f"version: 1\n{textwrap.dedent(block)}\n{routed}", encoding="utf-8")
    environ = {"REDIS_PASSWORD": "x", "DB_PASSWORD": "x"}
    assert len(Defining(None, Registry.load(), environ).validate(path).checks) == {"templates:": 3, "use:": 4}[begins]
