"""The part of the schema about runbooks and their steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from healthmgr.definitions.models_runbooks import RunbookEntry
from healthmgr.definitions.schema_parts import NAMES, object_of
from healthmgr.domain.check import Severity

_SEVERITIES = {"enum": [severity.value for severity in Severity]}
_STEPS = {"type": "array", "items": {"$ref": "#/$defs/Step"}}


def step_schema(step: dict[str, Any], kinds: Iterable[str]) -> dict[str, Any]:
    """A step in full, or as KIND: ACTION."""
    fields = step["properties"]
    fields["rollback"] = {**_STEPS, "description": fields["rollback"]["description"]}
    short = sorted(set(kinds) - set(fields))
    fields.update({kind: {"description": f"a step of kind {kind}, by its action or its config"} for kind in short})
    return {**step, "required": [], "anyOf": [{"required": [name]} for name in ("kind", *short)]}


def runbook_schema(shared: dict[str, Any]) -> dict[str, Any]:
    """A runbook; what it is made of is put into `shared`."""
    runbook = object_of(RunbookEntry, shared)
    fields = runbook["properties"]
    fields["steps"] = {**_STEPS, "minItems": 1, "description": fields["steps"]["description"]}
    trigger = shared["TriggerEntry"]["properties"]
    _describe(trigger, "checks", NAMES)
    _describe(trigger, "match", NAMES)
    _describe(trigger, "severity", {"anyOf": [_SEVERITIES, {"type": "array", "items": _SEVERITIES}]})
    _describe(trigger, "on", {"type": "string", "pattern": r"^\s*(?:[hH]ard|[sS]oft\s+[1-9]\d{0,2})\s*$"})
    _describe(shared["ApprovalEntry"]["properties"], "by", NAMES)
    radius = shared["BlastRadiusEntry"]["properties"]
    _describe(radius, "by", NAMES)
    percent = {"type": "string", "pattern": r"^\s*\d{1,3}(\.\d{1,3})?\s*%\s*$"}
    _describe(radius, "most", {"anyOf": [{"type": "integer", "minimum": 1}, percent]})
    return runbook


def _describe(fields: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """Put a schema in the place of a field's own, whose description stays."""
    fields[name] = {**schema, "description": fields[name]["description"]}
