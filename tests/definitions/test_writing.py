"""A stored check, written as a file says it: the same check when it is read again, and no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from healthmgr.definitions.concealing import conceal
from healthmgr.definitions.definition import CheckDefinition
from healthmgr.definitions.writing import check_text
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining

FRAME = """version: 1
channels: {post: {kind: loopback}}
recipients: {ops: {contacts: {post: ops}}}
routing: {default: {to: ops, via: post}}
checks:
  db-1: {kind: tcp, config: {host: db, port: 1}, enabled: false}
  db-2: {kind: tcp, config: {host: db, port: 2}}
"""
PLAIN = """
  shop: {kind: http, config: {url: "https://shop/health"}}
"""
WHOLE = """
  shop:
    kind: http
    name: "The shop: front"
    description: "Sells, and more.\\nTwo lines."
    config: {url: "https://shop/health?a=1", expected_status: [200, 204]}
    service: web
    category: application
    severity: critical
    degraded_severity: high
    interval: 90s
    timeout: 250ms
    retry_interval: 5s
    retries: 1
    success_threshold: 2
    detect_flapping: false
    labels: {team: "yes", number: "12"}
    thresholds: {warning: {response_time: "> 100ms"}, critical: {certificate_days_left: "< 7"}}
    forecast: {certificate_days_left: {window: 2d, horizon: 7d, severity: medium}}
    anomaly: {metrics: [response_time], for: 20m, points: 2}
    depends_on: [{check: db-1, redundancy_group: db}, {check: db-2, redundancy_group: db}]
    runbook: "https://wiki/shop"
    enabled: false
"""
NO_FORECAST = """
  shop: {kind: host, thresholds: {critical: {disk_usage: "> 95%"}}, forecast: {}}
"""


def read(folder: Path, checks: str) -> CheckDefinition:
    path = folder / "healthmgr.yaml"
    path.write_text(FRAME + checks, encoding="utf-8")
    return Defining(None, Registry.load(), {}).validate(path).checks["shop"]


@pytest.mark.parametrize("written", [PLAIN, WHOLE, NO_FORECAST])
def test_it_is_the_same_when_it_is_read_again(tmp_path: Path, written: str) -> None:
    check = read(tmp_path, written)
    text = check_text(check, Registry.load().check_type(check.kind).Config)
    indented = "".join(f"  {line}\n" for line in text.splitlines())
    assert read(tmp_path, indented) == check


def test_references_stay_and_secrets_do_not() -> None:
    model = Registry.load().check_type("http").Config
    written = {
        "url": "https://ada:${PW}@shop/health?token=t0ken&page=2&sig=${SIG:-s1g}",
        "auth": {"username": "ada", "password": "hunter2"},
        "headers": {"Authorization": "Bearer ${TOKEN}", "X-Team": "web", "Cookie": "sid=${SID:-abc}"},
        "proxy": "http://ada:hunter2@proxy:80",
        "body": '{"password": "hunter2", "user": "ada"}',
    }
    assert conceal(written, model) == {
        "url": "https://ada:${PW}@shop/health?token=***&page=2&sig=${SIG:-***}",
        "auth": {"username": "ada", "password": "***"},
        "headers": {"Authorization": "Bearer ${TOKEN}", "X-Team": "***", "Cookie": "***${SID:-***}"},
        "proxy": "***",
        "body": '{"password": "***", "user": "ada"}',
    }


def test_without_a_model_names_and_looks_decide() -> None:
    written = {
        "command": ["probe", "--password", "hunter2", "--api-key=k3y", "--verbose", "on"],
        "url": "postgres://ada:hunter2@db/shop",
        "api_token": 12345,
        "nested": [{"secret": "hunter2", "port": 80}],
        "uses_auth": True,
    }
    shown = conceal(written, None)
    assert shown == {
        "command": ["probe", "--password", "***", "--api-key=***", "--verbose", "on"],
        "url": "postgres://ada:***@db/shop",
        "api_token": "***",
        "nested": [{"secret": "***", "port": 80}],
        "uses_auth": True,
    }
    assert "hunter2" not in yaml.safe_dump(shown)
