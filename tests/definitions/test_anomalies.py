"""Anomaly detection in definitions: a switch, names, or all of it; what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthmgr.definitions.definition import CheckDefinition
from healthmgr.definitions.schema import definitions_schema
from healthmgr.errors import DefinitionError
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining

FRAME = """version: 1
channels: {post: {kind: loopback}}
recipients: {ops: {contacts: {post: ops}}}
routing: {default: {to: ops, via: post}}
"""
USUAL = {"step": "5m", "severity": "medium", "threshold": "8.5", "points": "3", "of": "5"}


def read(tmp_path: Path, lines: str = "", defaults: str = "{}") -> CheckDefinition:
    path = tmp_path / "healthmgr.yaml"
    own = "".join(f"    {line}\n" for line in lines.splitlines())
    path.write_text(f"{FRAME}defaults: {defaults}\nchecks:\n  shop:\n    kind: host\n{own}")
    return Defining(None, Registry.load(), {}).validate(path).checks["shop"]


def test_nothing_is_watched_unasked(tmp_path):
    assert read(tmp_path).anomalies == {}


def test_a_switch_watches_response_times_and_what_has_thresholds(tmp_path):
    limits = 'thresholds: {warning: {load_1m: "> 4"}, critical: {load_1m: "> 9", disk_usage: "> 95%"}}\n'
    assert read(tmp_path, limits + "anomaly: true").anomalies == {
        "response_time": USUAL,
        "load_1m": USUAL,
        "disk_usage": USUAL,
    }


@pytest.mark.parametrize("written", ["load_1m", "[load_1m]", "{metrics: load_1m}", "{metrics: [load_1m, load_1m]}"])
def test_metrics_may_be_named(tmp_path, written):
    assert read(tmp_path, f"anomaly: {written}").anomalies == {"load_1m": USUAL}


def test_what_is_written_holds(tmp_path):
    written = "anomaly: {metrics: [load_1m], step: 1m, severity: high, threshold: 10, points: 2, of: 4, for: 10m}"
    assert read(tmp_path, written).anomalies == {
        "load_1m": {"step": "1m", "severity": "high", "threshold": "10", "points": "2", "of": "4", "for": "10m"}
    }


def test_defaults_hold_for_all_and_a_check_may_differ(tmp_path):
    assert read(tmp_path, defaults="{anomaly: true}").anomalies == {"response_time": USUAL}
    assert read(tmp_path, "anomaly: false", "{anomaly: true}").anomalies == {}
    low = read(tmp_path, "anomaly: {severity: low}", "{anomaly: {step: 1m}}")
    assert low.anomalies == {"response_time": {**USUAL, "severity": "low"}}


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        ("{step: 30s}", "step", "must be whole minutes from 1m to 1h, found 30s"),
        ("{step: 2h}", "step", "must be whole minutes from 1m to 1h, found 2h"),
        ("{step: 90s}", "step", "must be whole minutes from 1m to 1h, found 1m30s"),
        ("{points: 6}", "points", "6 of the last 5 points can't be strange: write 5 or fewer"),
        ("{metrics: ['']}", "metrics", "holds an empty name: write the name of a metric, such as response_time"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path, written, place, words):
    with pytest.raises(DefinitionError) as refused:
        read(tmp_path, f"anomaly: {written}")
    assert [(each.path, each.message) for each in refused.value.problems] == [(f"checks.shop.anomaly.{place}", words)]


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        ("{threshold: 0}", "checks.shop.anomaly.threshold", "1"),
        ("{points: 0}", "checks.shop.anomaly.points", "1"),
        ("{severity: grave}", "checks.shop.anomaly.severity", "critical"),
        ("{for: 10}", "checks.shop.anomaly.for", "needs a unit"),
        ("{gate: 3}", "checks.shop.anomaly.gate", "is not a field here"),
        ("5", "checks.shop.anomaly", "expected"),
    ],
)
def test_what_the_model_refuses_is_said_at_its_place(tmp_path, written, place, words):
    with pytest.raises(DefinitionError) as refused:
        read(tmp_path, f"anomaly: {written}")
    (problem,) = refused.value.problems
    assert problem.path == place
    assert words in problem.message


def test_a_fault_of_the_defaults_is_told_once_where_it_stands(tmp_path):
    path = tmp_path / "healthmgr.yaml"
    checks = "checks: {shop: {kind: host}, other: {kind: host}}\n"
    path.write_text(f"{FRAME}defaults: {{anomaly: {{points: 9}}}}\n{checks}")
    with pytest.raises(DefinitionError) as refused:
        Defining(None, Registry.load(), {}).validate(path)
    assert [each.path for each in refused.value.problems] == ["defaults.anomaly.points"]


def test_the_schema_for_editors_knows_every_way_to_write_it():
    schema = definitions_schema({"host": Registry.load().check_type("host").Config}, {}, {})
    ways = schema["properties"]["defaults"]["properties"]["anomaly"]["anyOf"]
    assert [way.get("type") for way in ways] == ["boolean", "string", "array", None]
    assert ways[-1] == {"$ref": "#/$defs/AnomalyEntry"}
    assert {"metrics", "step", "severity", "threshold", "points", "of", "for"} == set(
        schema["$defs"]["AnomalyEntry"]["properties"]
    )
