"""The JSON Schema for editors: what is valid passes, what is not is marked, every plugin is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from healthmgr.cli.main import app
from healthmgr.definitions.document import parse_document
from healthmgr.registry import Registry

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": int | float,
    "integer": int,
}
CHECKED = {
    "$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default", "description", "enum",
    "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "if", "items", "maxItems", "maxLength", "maximum",
    "minItems", "minLength", "minimum", "oneOf", "pattern", "patternProperties", "prefixItems", "properties",
    "propertyNames", "required", "then", "title", "type", "uniqueItems", "writeOnly", "maxProperties", "minProperties",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return dict(json.loads(CliRunner().invoke(app, ["schema"]).stdout))


def complaints(value: Any, schema: Any, root: dict[str, Any], place: str = "") -> list[str]:
    """What a validator of JSON Schema says, as far as the schema's own keywords go."""
    if isinstance(schema, bool):
        return [] if schema else [f"{place}: nothing is allowed here"]
    if not _is_of_type(value, schema.get("type", [])):
        return [f"{place}: is no {schema['type']}"]
    found = list(_own(value, schema, place))
    if "$ref" in schema:
        found += complaints(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, place)
    if "anyOf" in schema and all(complaints(value, arm, root, place) for arm in schema["anyOf"]):
        found.append(f"{place}: fits no alternative")
    for part in schema.get("allOf", ()):
        found += complaints(value, part, root, place)
    if "if" in schema and not complaints(value, schema["if"], root, place):
        found += complaints(value, schema["then"], root, place)
    if isinstance(value, list) and "items" in schema:
        found += [c for n, item in enumerate(value) for c in complaints(item, schema["items"], root, f"{place}[{n}]")]
    return found + (_inside(value, schema, root, place) if isinstance(value, dict) else [])


def _is_of_type(value: Any, names: str | list[str]) -> bool:
    known = [names] if isinstance(names, str) else names
    if isinstance(value, bool):
        return not known or "boolean" in known
    return not known or any(isinstance(value, _TYPES[name]) for name in known)


def _own(value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{place}: is not {schema['const']}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{place}: does not match"
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{place}: is out of bounds"


def _inside(value: dict[str, Any], schema: Any, root: dict[str, Any], place: str) -> list[str]:
    found = [f"{place}: {name} is required" for name in schema.get("required", ()) if name not in value]
    for name, item in value.items():
        parts = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        parts += [part for form, part in schema.get("patternProperties", {}).items() if re.search(form, name)]
        for part in parts or [schema.get("additionalProperties", True)]:
            found += complaints(item, part, root, f"{place}.{name}")
    return found


def judge(text: str, schema: dict[str, Any]) -> list[str]:
    return complaints(parse_document(text, "f.yaml").root.data, schema, schema)


def test_our_own_definitions_fit(schema: dict[str, Any], project_root: Path) -> None:
    for name in ("healthmgr.yaml", "healthmgr/demo/demo.yaml", "healthmgr/demo/demo-team.yaml"):
        assert judge((project_root / name).read_text(encoding="utf-8"), schema) == []
    readme = (project_root / "README.md").read_text(encoding="utf-8")
    assert judge(re.findall(r"^```yaml\n(.*?)^```$", readme, re.M | re.S)[0], schema) == []


@pytest.mark.parametrize(
    "text",
    [
        "include: conf.d/*.yaml",
        "use: {twikit: {interval: 30s}}",
        "defaults: {interval: 30s, labels: {team: core}}",
        "templates: {site: {kind: http, config: {url: 'https://{{ host }}'}, interval: '{{ every }}'}}",
        "checks: {'site-{{ name }}': {template: site, for_each: [{name: a}]}}",
        "checks: {a: {kind: tcp, config: {host: x, port: '${PORT}'}, depends_on: b}}",
        "checks: {a: {kind: tcp, config: {host: x, port: 1}, depends_on: [b, {check: c, redundancy_group: r}]}}",
        "checks: {a: {kind: http, config: {url: 'http://x', expected_status: 204}, thresholds: {warning: {x: 5}}}}",
        "people: {a: {contacts: [{via: sms, to: '+49', after: 2m}], quiet_hours: {hours: [night], severities: low}}}",
        "recipients: {a: {contacts: {mail: x}, timezone: Europe/Berlin}}",
        "teams: {a: [b, c], d: {members: [e]}}",
        "schedules: {a: {layers: [{rotation: {type: weekly, start: '2026-01-05 09:00', members: [b]}}, {people: b}]}}",
        "schedules: {a: {ical: {primary: 'https://x/y'}}}",
        "escalation_policies: {a: {levels: [{to: [b, team:c], after: 5m, when: {severity: high, alerts: '>= 3'}}]}}",
        "escalation_rules: [{severity: critical, level: L1_SUPPORT, delay_minutes: 5, channels: mail, recipients: a}]",
        "routing: {high: {escalation: a}}",
        "receivers: {a: {escalation: b}}",
        "runbooks: {a: {steps: [{wait: 10s}, {kind: wait, config: {length: 10s}, when: 'x', rollback: [{wait: 1s}]}]}}",
        "runbooks: {a: {automation: manual, steps: [{verify: }], trigger: {checks: b, match: a=b, on: soft 2}}}",
        "runbooks: {a: {steps: [{wait: 1s}], limits: {per: 1h, blast_radius: {most: 25%, by: service}}}}",
        "runbooks: {a: {steps: [{kind: verify, config: {times: '{{ check }}'}}], approval: {by: [a, 'team:b']}}}",
    ],
)
def test_what_is_valid_fits(schema: dict[str, Any], text: str) -> None:
    assert judge(f"version: 1\n{text}\n", schema) == []


@pytest.mark.parametrize(
    "text",
    [
        "checkz: {}",
        "checks: {Upper: {kind: tcp}}",
        "checks: {a: {kind: tpc}}",
        "checks: {a: {}}",
        "checks: {a: {kind: tcp, config: {hots: x}}}",
        "checks: {a: {kind: tcp, config: {host: x, port: 70000}}}",
        "checks: {a: {kind: tcp, interval: soon}}",
        "checks: {a: {kind: tcp, severity: urgent}}",
        "checks: {a: {kind: tcp, max_attempts: 0}}",
        "checks: {a: {kind: tcp, thresholds: {fatal: {x: 1}}}}",
        "channels: {a: {kind: email, config: {hots: x}}}",
        "routing: {urgent: {to: a, via: b}}",
        "routing: {default: {to: a}}",
        "recipients: {a: {contact: {}}}",
        "people: {a: {contacts: [{to: x}]}}",
        "people: {a: {quiet_hours: [{severities: [low]}]}}",
        "teams: {a: {member: [b]}}",
        "schedules: {a: {layers: [{rotation: {type: fortnightly}}]}}",
        "escalation_policies: {a: {repeat: 1}}",
        "escalation_policies: {a: {levels: [{after: 5m}]}}",
        "escalation_policies: {a: {levels: [{to: b, when: {alerts: some}}]}}",
        "escalation_rules: [{severity: critical, level: L9, channels: [mail], recipients: [a]}]",
        "runbooks: {a: {}}",
        "runbooks: {a: {steps: [{weit: 10s}]}}",
        "runbooks: {a: {steps: [{kind: weit}]}}",
        "runbooks: {a: {steps: [{kind: wait, config: {lenght: 10s}}]}}",
        "runbooks: {a: {steps: [{wait: 10s, on_failure: retry}]}}",
        "runbooks: {a: {steps: [{wait: 10s, rollback: [{weit: 1s}]}]}}",
        "runbooks: {a: {automation: magic, steps: [{wait: 10s}]}}",
        "runbooks: {a: {steps: [{wait: 10s}], trigger: {on: soft}}}",
        "runbooks: {a: {steps: [{wait: 10s}], limits: {blast_radius: {most: some}}}}",
    ],
)
def test_what_is_not_valid_is_marked(schema: dict[str, Any], text: str) -> None:
    assert judge(f"version: 1\n{text}\n", schema) != []


def test_every_plugin_and_no_unknown_keyword_is_in_it(schema: dict[str, Any]) -> None:
    registry = Registry.load()
    checks = schema["properties"]["checks"]["patternProperties"]
    kinds = {arm["if"]["properties"]["kind"]["const"] for check in checks.values() for arm in check.get("allOf", ())}
    assert kinds == set(registry.check_kinds())
    channels = next(iter(schema["properties"]["channels"]["patternProperties"].values()))
    assert {arm["if"]["properties"]["kind"]["const"] for arm in channels["allOf"]} == set(registry.channel_kinds())
    step = schema["$defs"]["Step"]
    assert {arm["if"]["properties"]["kind"]["const"] for arm in step["allOf"]} == set(registry.step_kinds())
    assert keywords(schema) - CHECKED == set()


def keywords(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for key, value in schema.items():
        if key in ("properties", "patternProperties", "$defs"):
            found |= {word for part in value.values() for word in keywords(part)}
        elif key in ("anyOf", "allOf", "oneOf", "prefixItems"):
            found |= {word for part in value for word in keywords(part)}
        elif key not in ("default", "examples", "const", "enum"):
            found |= keywords(value)
    return found
