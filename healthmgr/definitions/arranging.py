"""Puts the lines of a definitions file into their usual order, each comment with what it stands above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import yaml

from healthmgr.definitions.models import ChannelEntry
from healthmgr.definitions.models_alerting import InhibitionEntry, MaintenanceEntry, ReceiverEntry, RouteEntry
from healthmgr.definitions.models_oncall import PersonEntry, PolicyEntry, ScheduleEntry
from healthmgr.definitions.models_runbooks import RunbookEntry
from healthmgr.definitions.reading_slos import SloEntry
from healthmgr.definitions.reading_status_page import StatusPageEntry
from healthmgr.domain.check import Severity
from healthmgr.domain.routing_tree import ROOT

Path = tuple[str, ...]

_CHECK = (
    "<<", "template", "for_each", "with", "name", "description", "kind", "service", "category", "config", "severity",
    "degraded_severity", "interval", "timeout", "max_attempts", "retries", "retry_interval", "success_threshold",
    "detect_flapping", "depends_on", "thresholds", "forecast", "anomaly", "labels", "runbook",
    "recovery_procedure", "enabled",
)  # fmt: skip
_ORDERS: Mapping[str, Sequence[str]] = {
    "": (
        "version", "include", "use", "channels", "people", "recipients", "teams", "schedules", "escalation_policies",
        "escalation_rules", "receivers", "time_windows", "routing", "maintenance", "inhibitions", "runbooks",
        "defaults", "templates", "checks", "slos", "status_page",
    ),
    "routing": ("routes", *(severity.value for severity in Severity), ROOT),
    "defaults": _CHECK,
    "templates.*": _CHECK,
    "checks.*": _CHECK,
    "channels.*": ("<<", *ChannelEntry.model_fields),
    "people.*": ("<<", *PersonEntry.model_fields),
    "recipients.*": ("<<", *PersonEntry.model_fields),
    "schedules.*": ("<<", *ScheduleEntry.model_fields),
    "escalation_policies.*": ("<<", *PolicyEntry.model_fields),
    "receivers.*": ("<<", *ReceiverEntry.model_fields),
    "routing.*": ("<<", *(field.alias or name for name, field in RouteEntry.model_fields.items())),
    "maintenance.*": ("<<", *MaintenanceEntry.model_fields),
    "inhibitions.*": ("<<", *InhibitionEntry.model_fields),
    "runbooks.*": ("<<", *RunbookEntry.model_fields),
    "slos.*": ("<<", *SloEntry.model_fields),
    "status_page": tuple(StatusPageEntry.model_fields),
}  # fmt: skip
_DESCENDED = (
    "checks", "templates", "channels", "people", "recipients", "schedules", "escalation_policies", "receivers",
    "routing", "maintenance", "inhibitions", "runbooks", "defaults", "slos", "status_page",
)  # fmt: skip


@dataclass(slots=True)
class _Chunk:
    """A key with its value and the comments above it, and whether an empty line stands before them."""

    key: str
    lines: list[str]
    has_gap: bool


class Arranger:
    """Arranges the lines of one document. `root` is its tree, with marks."""

    def __init__(self, lines: Sequence[str], root: yaml.MappingNode) -> None:
        self._lines = lines
        self._root = root
        self.protected = frozenset(_lines_within(root))  # continue a text: nothing in them is a comment

    def arranged(self) -> list[str]:
        """The lines in their order."""
        return self._arrange(self._root, 0, len(self._lines), ())

    def _arrange(self, node: yaml.MappingNode, start: int, stop: int, path: Path) -> list[str]:
        keys = [key.start_mark.line for key, _ in node.value]
        if not keys or not self._stands_alone(node, keys, start):
            return list(self._lines[start:stop])
        starts = [self._above(line, start if index == 0 else keys[index - 1] + 1) for index, line in enumerate(keys)]
        if path == () and all(self._is_free(line) for line in range(starts[0])):
            starts[0] = keys[0] if starts[0] == 0 else starts[0]  # what opens the file stays at its top
        end = stop
        while end > keys[-1] + 1 and self._is_free(end - 1):
            end -= 1
        chunks = []
        for index, (key, value) in enumerate(node.value):
            last = starts[index + 1] if index + 1 < len(keys) else end
            body = self._body(starts[index], keys[index], last, value, (*path, str(key.value)))
            has_gap = starts[index] > 0 and index > 0 and not self._lines[starts[index] - 1].strip()
            chunks.append(_Chunk(str(key.value), body, has_gap))
        return [*self._lines[start : starts[0]], *_joined(_in_order(chunks, path), path), *self._lines[end:stop]]

    def _body(self, start: int, key_line: int, stop: int, value: yaml.Node, path: Path) -> list[str]:
        is_inner = isinstance(value, yaml.MappingNode) and not value.flow_style and value.start_mark.line > key_line
        if is_inner and path[0] in _DESCENDED and len(path) <= 2 and isinstance(value, yaml.MappingNode):
            body = [*self._lines[start : key_line + 1], *self._arrange(value, key_line + 1, stop, path)]
        else:
            body = list(self._lines[start:stop])
        while len(body) > 1 and not body[-1].strip() and stop - 1 not in self.protected:
            body.pop()
        return body

    def _stands_alone(self, node: yaml.MappingNode, keys: list[int], start: int) -> bool:
        """Whether every key begins a line of its own, in the order of the lines."""
        rising = all(one < two for one, two in pairwise(keys)) and keys[0] >= start
        return rising and not any(
            self._lines[key.start_mark.line][: key.start_mark.column].strip() for key, _ in node.value
        )

    def _above(self, line: int, least: int) -> int:
        while line > least and self._is_free(line - 1) and self._lines[line - 1].strip():
            line -= 1
        return line

    def _is_free(self, line: int) -> bool:
        text = self._lines[line].strip()
        return line not in self.protected and (not text or text.startswith("#"))


def _in_order(chunks: list[_Chunk], path: Path) -> list[_Chunk]:
    name = ".".join(path[:1] + ("*",) * (len(path) - 1))
    order = _ORDERS.get(name)
    if order is None:
        return chunks
    ranks = {key: rank for rank, key in enumerate(order)}
    return sorted(chunks, key=lambda chunk: ranks.get(chunk.key, len(ranks)))


def _joined(chunks: list[_Chunk], path: Path) -> list[str]:
    joined: list[str] = []
    for index, chunk in enumerate(chunks):
        is_section = path == () and index > 0 and (len(chunk.lines) > 1 or len(chunks[index - 1].lines) > 1)
        if index and (chunk.has_gap or is_section) and joined[-1].strip():
            joined.append("")
        joined += chunk.lines
    return joined


def _lines_within(root: yaml.Node) -> set[int]:
    """The lines that a text of several lines goes on in."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            last = node.end_mark.line if node.style in ("|", ">") else node.end_mark.line + 1
            found.update(range(node.start_mark.line + 1, last))
        elif isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        else:
            waiting += node.value
    return found
