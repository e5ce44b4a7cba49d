"""What the dashboard and the command line can do, the API can: the tables say by which operation, or why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import healthmgr.dashboard
from healthmgr.api.app import document
from healthmgr.cli.main import app

HERE_ALONE = ""  # what is of one machine, its files or its processes

COMMANDS = {
    "alerts ack": "acknowledge_alert", "alerts list": "list_alerts", "alerts mark": "mark_false unmark_false",
    "alerts reopen": "reopen_alert", "alerts resolve": "resolve_alert", "alerts show": "show_alert",
    "alerts unack": "unacknowledge_alert", "announce incident": "publish_announcement",
    "announce list": "list_announcements", "announce maintenance": "publish_announcement",
    "announce show": "show_announcement", "announce update": "update_announcement",
    "announce withdraw": "withdraw_announcement", "anomaly backtest": "try_anomalies", "anomaly list": "list_watched",
    "anomaly show": "show_anomalies", "approvals approve": "approve_approval", "approvals deny": "deny_approval",
    "approvals list": "list_approvals show_approval", "changes add": "report_change", "changes list": "list_changes",
    "channels list": "list_channels", "channels test": "send_test", "checks list": "list_checks",
    "checks metrics": "show_metric", "checks pause": "pause_check", "checks results": "list_results",
    "checks resume": "resume_check", "checks run": "run_check run_check_and_wait", "checks show": "show_check",
    "checks uptime": "show_uptime list_uptime", "contacts confirm": "confirm_code", "contacts list": "list_contacts",
    "contacts verify": "send_code", "escalate simulate": "simulate_alert", "forecast": "show_forecasts",
    "graph impact": "show_impact", "graph show": "show_graph show_mermaid", "graph spof": "list_single_points",
    "graph suggestions accept": "accept_suggestion", "graph suggestions dismiss": "dismiss_suggestion",
    "graph suggestions": "list_suggestions", "incidents ack": "acknowledge_incident acknowledge_incidents",
    "incidents ask": "ask_incident", "incidents assign": "assign_incident",
    "incidents comment": "comment_on_incident", "incidents decline": "decline_incident",
    "incidents done": "finish_task", "incidents escalate": "escalate_incident", "incidents handover": "hand_over",
    "incidents link": "link_incident", "incidents list": "list_incidents", "incidents merge": "merge_incident",
    "incidents report": "report_incident", "incidents resolve": "resolve_incident",
    "incidents role": "give_role take_role", "incidents show": "show_incident", "incidents snooze": "snooze_incident",
    "incidents subscribe": "subscribe_incident unsubscribe_incident", "incidents task": "add_task",
    "incidents unack": "unacknowledge_incident", "incidents update": "update_incident", "kinds": "list_kinds show_kind",
    "lb drain": "want_instance", "lb enable": "want_instance", "lb list": "list_instances",
    "maintenance add": "create_maintenance change_maintenance", "maintenance delete": "delete_maintenance",
    "maintenance end": "end_maintenance", "maintenance list": "list_maintenance",
    "maintenance preview": "preview_maintenance", "maintenance show": "show_maintenance",
    "notifications list": "list_notifications", "notify preview": "preview_notification",
    "oncall changes": "list_schedule_changes", "oncall export": "show_calendar_address",
    "oncall list": "list_schedules", "oncall override": "add_override", "oncall remove": "remove_change",
    "oncall show": "show_schedule", "oncall swap accept": "answer_swap", "oncall swap decline": "answer_swap",
    "oncall swap list": "list_swaps", "oncall swap propose": "propose_swap", "oncall swap withdraw": "answer_swap",
    "oncall temporary": "add_temporary", "oncall who": "show_who", "promises": "read_promises",
    "recovery start": "start_recovery", "recovery status": "show_recovery", "recovery stop": "stop_recovery",
    "route show": "show_routes", "route test": "try_routes", "runbooks close": "close_breaker",
    "runbooks dry-run": "try_runbook", "runbooks list": "list_runbooks", "runbooks run": "start_run",
    "runbooks show": "show_runbook", "runs cancel": "cancel_run", "runs list": "list_runs", "runs show": "show_run",
    "runs undo": "undo_run",
    "schema": "show_definitions_schema", "settings": "list_settings", "silence add": "create_silence change_silence",
    "silence expire": "expire_silence", "silence list": "list_silences", "silence preview": "preview_silence",
    "silence show": "show_silence", "slo list": "list_slos", "slo show": "show_slo", "slo times": "list_times",
    "slo uptime": "list_service_uptime", "status": "read_status read_overview", "tokens create": "create_token",
    "tokens list": "list_tokens", "tokens revoke": "revoke_token", "users add": "add_user",
    "users disable": "change_user", "users enable": "change_user", "users list": "list_users list_sessions",
    "users passwd": "change_user", "users person": "change_user", "users role": "change_user",
    "users sign-out": "end_sessions", "webhooks add": "add_webhook", "webhooks deliveries": "list_webhook_deliveries",
    "webhooks disable": "change_webhook", "webhooks enable": "change_webhook", "webhooks list": "list_webhooks",
    "webhooks redeliver": "redeliver_to_webhook", "webhooks remove": "remove_webhook",
    "webhooks secret": "change_webhook_secret", "webhooks test": "try_webhook",
    # Whoever writes definitions decides what workers run and which secrets they send where: that is done at the files.
    "apply": HERE_ALONE, "diff": HERE_ALONE, "fmt": HERE_ALONE, "validate": HERE_ALONE,
    "api": HERE_ALONE, "beat": HERE_ALONE, "worker": HERE_ALONE, "up": HERE_ALONE, "doctor": HERE_ALONE,
    "db current": HERE_ALONE, "db downgrade": HERE_ALONE, "db upgrade": HERE_ALONE, "openapi": HERE_ALONE,
    "demo break": HERE_ALONE, "demo inbox": HERE_ALONE, "demo mend": HERE_ALONE, "demo status": HERE_ALONE,
    "probe": HERE_ALONE, "tokens ensure-admin": HERE_ALONE,
}  # fmt: skip

PAGES = {
    "/": "show_board read_status list_incidents list_schedules list_checks",
    "/announcements": "list_announcements publish_announcement update_announcement withdraw_announcement",
    "/audit": "list_audit",
    "/checks/{slug}": "show_check list_results show_metric show_uptime list_transitions show_forecasts show_anomalies"
    " show_neighbours show_heartbeat show_check_definition show_ping_address run_check pause_check resume_check",
    "/graph": "show_graph show_impact list_single_points list_suggestions accept_suggestion dismiss_suggestion",
    "/incidents": "list_incidents acknowledge_incidents",
    "/incidents/{number}": "show_incident show_blast show_causes list_runs list_notifications acknowledge_incident"
    " unacknowledge_incident snooze_incident resolve_incident escalate_incident decline_incident comment_on_incident"
    " assign_incident ask_incident hand_over give_role take_role update_incident subscribe_incident"
    " unsubscribe_incident reopen_alert add_task finish_task merge_incident",
    "/incidents/{number}/report": "report_incident",
    "/maintenance": "list_maintenance create_maintenance preview_maintenance end_maintenance delete_maintenance",
    "/oncall": "list_schedules list_swaps",
    "/oncall/{name}": "show_schedule add_override preview_override add_temporary preview_temporary propose_swap"
    " answer_swap remove_change show_calendar_address",
    "/people": "list_people send_code confirm_code",
    "/routes": "show_routes try_routes",
    "/runbooks": "list_runbooks list_approvals show_recovery stop_recovery start_recovery close_breaker",
    "/runbooks/{name}": "show_runbook try_runbook start_run",
    "/runs": "list_runs",
    "/runs/{which}": "show_run cancel_run approve_approval deny_approval",
    "/settings": "list_webhooks add_webhook change_webhook remove_webhook try_webhook"
    " list_channels send_test list_users add_user change_user list_tokens create_token revoke_token"
    " list_sessions end_sessions list_settings",
    "/silences": "list_silences create_silence preview_silence change_silence expire_silence",
    "/simulate": "simulate_alert",
    "/workers": "list_queues list_workers read_statistics read_promises",
}


@pytest.fixture(scope="module")
def operations() -> set[str]:
    return {operation["operationId"] for item in document()["paths"].values() for operation in item.values()}


def test_every_command_has_its_operation_or_is_of_one_machine(operations: set[str]) -> None:
    assert {" ".join(words) for words in _commands(get_command(app))} == set(COMMANDS)
    named = {name for said in COMMANDS.values() for name in said.split()}
    assert named - operations == set()


def test_every_page_has_its_operations(operations: set[str]) -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in Path(healthmgr.dashboard.__path__[0]).glob("*.py"))
    assert set(re.findall(r'^@page\("([^"]+)"', written, re.MULTILINE)) == set(PAGES)
    named = {name for said in PAGES.values() for name in said.split()}
    assert named - operations == set()


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that does something; one that does something and has others below it, too."""
    below = getattr(command, "commands", None) or {}
    if not below or getattr(command, "invoke_without_command", False):
        yield words
    for name, child in below.items():
        if not child.hidden:
            yield from _commands(getattr(child, "loaded", child), (*words, name))
