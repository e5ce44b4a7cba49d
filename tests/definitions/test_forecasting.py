"""Forecasts in definitions: what is written, what the kind suggests, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthmgr.definitions.definition import CheckDefinition
from healthmgr.errors import DefinitionError
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining

FRAME = """version: 1
channels: {post: {kind: loopback}}
recipients: {ops: {contacts: {post: ops}}}
routing: {default: {to: ops, via: post}}
checks:
  disk:
    kind: %s
"""


def read(tmp_path: Path, lines: str, kind: str = "host") -> CheckDefinition:
    path = tmp_path / "healthmgr.yaml"
    path.write_text(FRAME % kind + "".join(f"    {line}\n" for line in lines.splitlines()))
    return Defining(None, Registry.load(), {}).validate(path).checks["disk"]


def test_what_is_left_out_is_filled_in(tmp_path):
    check = read(tmp_path, 'thresholds: {critical: {swap_usage: "> 90%"}}\nforecast: {swap_usage: {}}')
    assert check.forecasts == {"swap_usage": {"threshold": "> 90%", "horizon": "1d", "window": "6h", "severity": "low"}}


def test_what_is_written_holds(tmp_path):
    check = read(tmp_path, 'forecast: {swap_usage: {threshold: "95", horizon: 2h, window: 1h, severity: medium}}')
    assert check.forecasts["swap_usage"] == {
        "threshold": "> 95",
        "horizon": "2h",
        "window": "1h",
        "severity": "medium",
    }


def test_the_critical_limit_counts_and_else_the_warning(tmp_path):
    both = 'thresholds: {warning: {swap_usage: "> 70%"}, critical: {swap_usage: "> 90%"}}\nforecast: {swap_usage: {}}'
    assert read(tmp_path, both).forecasts["swap_usage"]["threshold"] == "> 90%"
    one = 'thresholds: {warning: {swap_usage: "> 70%"}}\nforecast: {swap_usage: {}}'
    assert read(tmp_path, one).forecasts["swap_usage"]["threshold"] == "> 70%"


def test_a_kind_suggests_what_has_a_threshold(tmp_path):
    assert set(read(tmp_path, 'thresholds: {critical: {disk_usage: "> 95%", load_1m: "> 9"}}').forecasts) == {
        "disk_usage"
    }
    assert read(tmp_path, "labels: {a: b}").forecasts == {}


def test_an_empty_mapping_asks_for_none(tmp_path):
    assert read(tmp_path, 'thresholds: {critical: {disk_usage: "> 95%"}}\nforecast: {}').forecasts == {}


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        ("{load_1m: {}}", "checks.disk.forecast.load_1m", "needs a limit"),
        ('{load_1m: {threshold: "high"}}', "checks.disk.forecast.load_1m.threshold", "is not an amount"),
        ('{load_1m: {threshold: "== 5"}}', "checks.disk.forecast.load_1m.threshold", "no direction"),
        ("{load_1m: {threshold: 5, window: 5m}}", "checks.disk.forecast.load_1m.window", "10m at least"),
        ("{load_1m: {threshold: 5, severity: high}}", "checks.disk.forecast.load_1m.severity", "low or medium"),
        ("{load_1m: {threshold: 5, horizon: 60}}", "checks.disk.forecast.load_1m.horizon", "needs a unit"),
        ("{load_1m: {treshold: 5}}", "checks.disk.forecast.load_1m.treshold", "is not a field here"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path, written, place, words):
    with pytest.raises(DefinitionError) as refused:
        read(tmp_path, f"forecast: {written}")
    assert [(place, True)] == [(each.path, words in each.message) for each in refused.value.problems]
