"""Other spellings in runbooks: camelCase, milliseconds, a list of procedures with ids, steps as KIND: ACTION."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic.alias_generators import to_camel

from healthmgr.definitions.composing import Location, Node, attach
from healthmgr.definitions.models_runbooks import (
    ApprovalEntry,
    BlastRadiusEntry,
    LimitsEntry,
    StepEntry,
)
from healthmgr.definitions.spelling import Say, in_milliseconds

RUNBOOKS = "runbooks"
SECTION_NAMES: Mapping[str, str] = {
    "recovery_procedures": RUNBOOKS,
    "recoveryProcedures": RUNBOOKS,
}
LENGTHS = frozenset({"timeout", "retry_after", "expires_after", "per", "cool_down", "target_cool_down"})

_ALIKE = 0.7  # a field that is misspelt is no kind of step


@dataclass(frozen=True, slots=True)
class Level:
    """The fields of one part of a runbook: our names for others' spellings, and the parts within it.

    Whatever is not named is left as it is: a plugin's settings have their own spelling.
    """

    names: Mapping[str, str]
    parts: Mapping[str, Level] = field(default_factory=dict)
    is_step: bool = False

    def part(self, name: str) -> Level | None:
        """The part of this name; steps that undo a step are steps."""
        return self if self.is_step and name == "rollback" else self.parts.get(name)


def _camel(model: type) -> dict[str, str]:
    return {to_camel(name): name for name in getattr(model, "model_fields", {}) if "_" in name}


_STEP = Level(
    {**_camel(StepEntry), "type": "kind", "is_idempotent": "idempotent", "rollbackSteps": "rollback"}, is_step=True
)
RUNBOOK = Level(
    {
        "automationLevel": "automation",
        "automation_level": "automation",
        "triggers": "trigger",
        "verifies": "verify",
    },
    {
        "trigger": Level({"matchers": "match", "severities": "severity"}),
        "approval": Level({**_camel(ApprovalEntry), "approvers": "by"}),
        "limits": Level(_camel(LimitsEntry) | {"blastRadius": "blast_radius"}, {
            "blast_radius": Level(_camel(BlastRadiusEntry)),
        }),
        "steps": _STEP,
    },
)  # fmt: skip
_FIELDS = frozenset({*StepEntry.model_fields, *_STEP.names})


def respell_runbooks(node: Node, say: Say) -> Node:
    """The section in our own spelling, as a mapping by name."""
    if isinstance(node.data, list):
        node = _by_name(node, say)
    if not isinstance(node.data, dict):
        return node
    spelled = Node({}, node.line, node.file)
    for name, entry in node.children.items():
        attach(spelled, name, node.keys[name], _respelled(entry, RUNBOOK, (RUNBOOKS, name), say))
    return spelled


def kind_of_short(fields: Mapping[str, object]) -> str | None:
    """The kind of a step that is written as KIND: ACTION; None for one that says its kind, or nothing that is one."""
    foreign = [key for key in fields if key not in _FIELDS]
    if "kind" in fields or "type" in fields or len(foreign) != 1:
        return None
    return None if difflib.get_close_matches(foreign[0], ("kind", "type", *_FIELDS), n=1, cutoff=_ALIKE) else foreign[0]


def _by_name(node: Node, say: Say) -> Node:
    """A list of procedures, each with its id, as a mapping."""
    named = Node({}, node.line, node.file)
    for index, entry in node.children.items():
        written = entry.children.get("id") if isinstance(entry.data, dict) else None
        name = written.data if written is not None else None
        if not isinstance(name, str) or not name:
            say("needs an id, by which checks and people name it", (RUNBOOKS, index))
        elif name in named.children:
            say(f"has the same id as the one in line {named.keys[name]}: keep one of them", (RUNBOOKS, index))
        else:
            rest = Node({}, entry.line, entry.file)
            for key, child in entry.children.items():
                if key != "id":
                    attach(rest, key, entry.keys[key], child)
            attach(named, name, entry.keys["id"], rest)
    return named


def _respelled(node: Node, level: Level, place: Location, say: Say) -> Node:
    if isinstance(node.data, list):
        spelled = Node([], node.line, node.file)
        for index, child in node.children.items():
            attach(spelled, index, node.keys[index], _respelled(child, level, (*place, index), say))
        return spelled
    if not isinstance(node.data, dict):
        return node
    node = _in_full(node) if level.is_step else node
    spelled = Node({}, node.line, node.file)
    for key, child in node.children.items():
        name = level.names.get(str(key), str(key))
        if name != key and (name in node.children or name in spelled.children):
            say(f"says the same as {name}: keep one of them", (*place, key))
            continue
        part = level.part(name)
        value = child if part is None else _respelled(child, part, (*place, key), say)
        attach(spelled, name, node.keys[key], in_milliseconds(value) if name in LENGTHS else value)
    return spelled


def _in_full(step: Node) -> Node:
    """A step that is written as KIND: ACTION with both said apart; settings stand where the action would."""
    kind = kind_of_short(step.data)
    said = "config" if kind is not None and isinstance(step.data[kind], dict) else "action"
    if kind is None or said in step.children:
        return step
    full = Node({}, step.line, step.file)
    for key, child in step.children.items():
        if key != kind:
            attach(full, key, step.keys[key], child)
            continue
        attach(full, "kind", step.keys[key], Node(kind, step.keys[key], step.file))
        if child.data is not None:
            attach(full, said, step.keys[key], child)
    return full
