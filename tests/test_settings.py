"""Settings by environment, by file and in code: names, units, precedence, faults, secrets."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from healthmgr.cli.settings import settings as settings_command
from healthmgr.errors import SettingsError
from healthmgr.settings import Settings, environment

SPEC = """
globalCheckInterval: 30000
maxConcurrentChecks: 15
alerting:
  aggregationWindow: 300000
  deduplicationWindow: 600000
  maxAlertsPerHour: 50
escalation: {defaultEscalationDelay: 10, autoAcknowledgeAfter: 30, autoResolveAfter: 120}
recovery: {maxRecoveryAttempts: 5, recoveryTimeout: 600000, requireApprovalForCritical: true, enabled: false}
monitoring: {retentionPeriod: 604800000, anomalyDetection: true, predictiveMonitoring: false}
"""
Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings of an environment, and of a file where a text is given."""

    def read(text: str = "", config: dict[str, Any] | None = None, **environ: str) -> Settings:
        path = tmp_path / "settings.yaml"
        path.write_text(text, encoding="utf-8")
        named = {"HEALTHMGR_SETTINGS": str(path)} if text else {}
        return Settings.load({"HEALTHMGR_DATA": str(tmp_path), **named, **environ}, config)

    return read


def test_every_variable_has_its_name_and_unit(load: Load) -> None:
    settings = load(
        SMTP_HOST="smtp.company.com",
        SMTP_PORT="2525",
        SMTP_USERNAME="alerts@company.com",
        SMTP_PASSWORD="password",
        ALERT_EMAIL_FROM="alerts@twikit.com",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/services/x",
        SLACK_CHANNEL="#alerts",
        PAGERDUTY_INTEGRATION_KEY="key",
        HEALTH_CHECK_INTERVAL="60000",
        MAX_CONCURRENT_CHECKS="10",
        DEFAULT_TIMEOUT="30000",
        ENABLE_AUTO_RECOVERY="false",
        LOG_LEVEL="DEBUG",
    )
    assert (settings.smtp_host, settings.smtp_port, settings.smtp_username) == (
        "smtp.company.com",
        2525,
        "alerts@company.com",
    )
    assert (settings.smtp_password, settings.alert_email_from) == ("password", "alerts@twikit.com")
    assert (settings.slack_webhook_url, settings.slack_channel) == ("https://hooks.slack.com/services/x", "#alerts")
    assert settings.pagerduty_integration_key == "key"
    assert (settings.check_interval, settings.default_timeout) == (timedelta(minutes=1), timedelta(seconds=30))
    assert (settings.max_concurrent_checks, settings.auto_recovery, settings.log_level) == (10, False, "debug")


def test_every_advanced_key_has_its_name_and_unit(load: Load) -> None:
    settings = load(SPEC)
    advanced = settings.advanced
    assert (settings.check_interval, settings.max_concurrent_checks) == (timedelta(seconds=30), 15)
    assert (settings.retention, settings.auto_recovery) == (timedelta(days=7), False)
    assert advanced.alerting.enabled
    assert advanced.alerting.aggregation_window == timedelta(minutes=5)
    assert advanced.alerting.deduplication_window == timedelta(minutes=10)
    assert advanced.alerting.max_alerts_per_hour == 50
    assert advanced.escalation.default_escalation_delay == timedelta(minutes=10)
    assert advanced.escalation.auto_acknowledge_after == timedelta(minutes=30)
    assert advanced.escalation.auto_resolve_after == timedelta(hours=2)
    assert (advanced.recovery.max_recovery_attempts, advanced.recovery.recovery_timeout) == (5, timedelta(minutes=10))
    assert advanced.recovery.require_approval_for_critical
    assert (advanced.monitoring.anomaly_detection, advanced.monitoring.predictive_monitoring) == (True, False)


def test_the_channels_keys_are_the_variables_in_other_words(load: Load) -> None:
    settings = load(
        "alerting:\n  channels:\n"
        "    email: {enabled: true, smtpHost: smtp.company.com, smtpPort: 2525, from: alerts@twikit.com,"
        " defaultRecipients: [ops@company.com, ann@company.com]}\n"
        "    slack: {enabled: false, webhookUrl: 'https://hooks.slack.com/x', channel: '#alerts', username: Twikit}\n"
        "    pagerduty: {enabled: true, integrationKey: key}\n",
        SLACK_WEBHOOK_URL="https://hooks.slack.com/mine",
    )
    assert (settings.smtp_host, settings.smtp_port, settings.alert_email_from) == (
        "smtp.company.com",
        2525,
        "alerts@twikit.com",
    )
    assert settings.slack_webhook_url == "https://hooks.slack.com/mine", "the environment wins"
    assert (settings.slack_channel, settings.pagerduty_integration_key) == ("#alerts", "key")
    channels = settings.advanced.alerting.channels
    assert channels.email.default_recipients == ("ops@company.com", "ann@company.com")
    assert (channels.slack.enabled, channels.slack.username, channels.pagerduty.enabled) == (False, "Twikit", True)
    resolved = environment(settings, {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/mine"})
    assert (resolved["PAGERDUTY_INTEGRATION_KEY"], resolved["SMTP_HOST"]) == ("key", "smtp.company.com")
    assert resolved["SLACK_WEBHOOK_URL"] == "https://hooks.slack.com/mine"


def test_snake_case_and_written_units_say_the_same(load: Load) -> None:
    snake = load(
        "global_check_interval: 30s\nmax_concurrent_checks: 15\n"
        "alerting: {aggregation_window: 5m, deduplication_window: 10m, max_alerts_per_hour: 50}\n"
        "escalation: {default_escalation_delay: 10m, auto_acknowledge_after: 30m, auto_resolve_after: 2h}\n"
        "recovery: {max_recovery_attempts: 5, recovery_timeout: 10m, require_approval_for_critical: yes, enabled: no}\n"
        "monitoring: {retention_period: 7d, anomaly_detection: true, predictive_monitoring: false}\n"
    )
    assert snake.model_dump() == load(SPEC).model_dump()


def test_code_wins_over_the_environment_and_that_over_the_file(load: Load) -> None:
    written = "globalCheckInterval: 1000\nmaxConcurrentChecks: 1\ndefaultTimeout: 1000"
    settings = load(written, {"globalCheckInterval": 3000}, HEALTH_CHECK_INTERVAL="2000", MAX_CONCURRENT_CHECKS="2")
    assert (settings.check_interval, settings.max_concurrent_checks, settings.default_timeout) == (
        timedelta(seconds=3),
        2,
        timedelta(seconds=1),
    )
    origins = settings.origins
    assert origins["HEALTH_CHECK_INTERVAL"] == "the given configuration"
    assert origins["MAX_CONCURRENT_CHECKS"] == "environment"
    assert origins["DEFAULT_TIMEOUT"].endswith("settings.yaml:3")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("globalCheckIntervall: 5", r"settings\.yaml:1: globalCheckIntervall: .*did you mean 'globalCheckInterval'"),
        (
            "\nalerting:\n  maxAlertsPerHour: 0",
            r"settings\.yaml:3: alerting\.maxAlertsPerHour: .*greater than or equal",
        ),
        ("alerting: {enabled: maybe}", r":1: alerting\.enabled: .*boolean"),
        ("alerting: {aggregationWindow: -5}", r"alerting\.aggregationWindow: must be longer"),
        ("alerting: {aggregationWindow: soon}", r"'soon' is not a duration"),
        ("alerting: [1]", r"alerting: expected a mapping \(name: value\), found a list"),
        ("globalCheckInterval: {a: 1}", r"globalCheckInterval: expected one value, found a mapping"),
        ("globalCheckInterval: 0", r"globalCheckInterval: must be longer than nothing"),
        ("globalCheckInterval: 5\nglobal_check_interval: 5", r":2: global_check_interval: is written twice"),
        ("a: 1\na: 2", r":2: a: is written twice"),
        ("alerting: {channels: []}", r"alerting\.channels: expected a mapping"),
        ("alerting: {channels: {sms: {enabled: true}}}", r"alerting\.channels\.sms: is no setting; there is email"),
        ("alerting: {channels: {email: {smtpHots: x}}}", r"did you mean 'smtpHost'"),
        ("alerting: {channels: {email: {enabled: maybe}}}", r":1: alerting\.channels\.email\.enabled: .*boolean"),
        ("alerting: {channels: {email: {smtpHost: [a]}}}", r"smtpHost: expected one value, found a list"),
        ("alerting: {channels: {email: {defaultRecipients: {a: b}}}}", r"defaultRecipients: expected one value"),
        ("escalation: {rules: [a]}", r"escalation\.rules: is no setting: .*under escalation_rules"),
        ("escalation: {autoResolveAfter: never}", r"escalation\.autoResolveAfter: 'never' is not a duration"),
        ("monitoring: {retentionPeriod: long}", r"monitoring\.retentionPeriod: 'long' is not a duration"),
        ("- a", r":1: expected a mapping"),
        ("a: [", r":1: is not valid YAML"),
        ("recovery: {maxRecoveryAttempts: 1.5}", r"recovery\.maxRecoveryAttempts"),
    ],
)
def test_a_bad_file_is_refused_with_line_key_and_fix(load: Load, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(text)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HEALTH_CHECK_INTERVAL", "often", "HEALTH_CHECK_INTERVAL: 'often' is not a duration"),
        ("DEFAULT_TIMEOUT", "-1", "DEFAULT_TIMEOUT: must be longer"),
        ("MAX_CONCURRENT_CHECKS", "0", "MAX_CONCURRENT_CHECKS"),
        ("SMTP_PORT", "70000", "SMTP_PORT"),
        ("ENABLE_AUTO_RECOVERY", "perhaps", "ENABLE_AUTO_RECOVERY"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL"),
        ("HEALTHMGR_SETTINGS", "/nowhere/settings.yaml", "/nowhere/settings.yaml, which cannot be read"),
    ],
)
def test_a_bad_variable_is_refused_by_name(load: Load, name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(**{name: value})


def test_the_command_says_where_each_value_came_from_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("\nalerting: {maxAlertsPerHour: 7}\n", encoding="utf-8")
    (tmp_path / "password").write_text("hunter22\n", encoding="utf-8")
    for name, value in {
        "HEALTHMGR_DATA": str(tmp_path),
        "HEALTHMGR_SETTINGS": str(path),
        "SMTP_PASSWORD_FILE": str(tmp_path / "password"),
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/hush",
        "DATABASE_URL": "postgresql://me:topsecret@db.example.com/x",
    }.items():
        monkeypatch.setenv(name, value)
    app = typer.Typer()
    app.command()(settings_command)
    said = CliRunner().invoke(app, ["--json"])
    assert said.exit_code == 0, said.output
    found = {entry["name"]: (entry["value"], entry["source"]) for entry in json.loads(said.stdout)["settings"]}
    assert found["alerting.maxAlertsPerHour"] == (7, f"{path}:2")
    assert found["SMTP_PASSWORD"] == ("(set, not shown)", "SMTP_PASSWORD_FILE")
    assert found["HEALTHMGR_SETTINGS"] == (str(path), "environment")
    assert found["LOG_FORMAT"] == ("console", "default")
    assert "db.example.com" in found["DATABASE_URL"][0]
    text = CliRunner().invoke(app, []).stdout
    assert "alerting.maxAlertsPerHour" in text
    for secret in ("hunter22", "hush", "topsecret"):
        assert secret not in said.stdout + text


VARIABLES = [
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_USERNAME",
    "SMTP_PASSWORD",
    "ALERT_EMAIL_FROM",
    "SLACK_WEBHOOK_URL",
    "SLACK_CHANNEL",
    "PAGERDUTY_INTEGRATION_KEY",
    "HEALTH_CHECK_INTERVAL",
    "MAX_CONCURRENT_CHECKS",
    "DEFAULT_TIMEOUT",
    "ENABLE_AUTO_RECOVERY",
    "LOG_LEVEL",
]
# Each advanced key, and the name of the variable under which it is shown where there is one.
KEYS = {
    "globalCheckInterval": "HEALTH_CHECK_INTERVAL",
    "maxConcurrentChecks": "MAX_CONCURRENT_CHECKS",
    "alerting.enabled": "",
    "alerting.aggregationWindow": "",
    "alerting.deduplicationWindow": "",
    "alerting.maxAlertsPerHour": "",
    "alerting.channels.email.enabled": "",
    "alerting.channels.email.defaultRecipients": "",
    "alerting.channels.slack.enabled": "",
    "alerting.channels.slack.username": "",
    "alerting.channels.pagerduty.enabled": "",
    "escalation.defaultEscalationDelay": "",
    "escalation.autoAcknowledgeAfter": "",
    "escalation.autoResolveAfter": "",
    "recovery.maxRecoveryAttempts": "",
    "recovery.recoveryTimeout": "",
    "recovery.requireApprovalForCritical": "",
    "monitoring.retentionPeriod": "HEALTHMGR_RETENTION",
    "monitoring.anomalyDetection": "",
    "monitoring.predictiveMonitoring": "",
}


def test_every_variable_and_every_key_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTHMGR_DATA", str(tmp_path))
    app = typer.Typer()
    app.command()(settings_command)
    said = CliRunner().invoke(app, ["--json"])
    shown = {entry["name"] for entry in json.loads(said.stdout)["settings"]}
    assert [name for name in VARIABLES if name not in shown] == []
    assert [key for key, variable in KEYS.items() if (variable or key) not in shown] == []


def test_the_settings_file_of_the_readme_can_be_used(load: Load, project_root: Path) -> None:
    readme = (project_root / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(
        r"^((?:    [^\n]*\n)*?    globalCheckInterval(?:[^\n]*\n    )*[^\n]*\n)", readme, re.MULTILINE
    )
    settings = load(textwrap.dedent(block))
    assert settings.check_interval == timedelta(seconds=30)
    assert settings.advanced.escalation.auto_resolve_after == timedelta(hours=2)
    assert len(settings.origins) > 18, "it names every key"
