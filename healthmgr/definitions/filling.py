"""Fills the placeholders of templates and sets, and lays what a file says itself over what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping

from healthmgr.definitions.composing import Node, attach

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")

_MERGED = (
    "config", "labels", "thresholds", "warning", "critical", "headers", "trigger", "approval", "limits", "parameters",
)  # fmt: skip

Values = Mapping[str, Node]


class Filling:
    """Fills the placeholders of one check. A value that stands for the whole keeps its sort and its place."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.used: set[str] = set()
        self.wanted: set[str] = set()
        self.missing: set[str] = set()
        self._unfit: set[str] = set()

    @property
    def faults(self) -> list[str]:
        """What could not be filled."""
        return [f"needs {name!r}, which is not given here" for name in sorted(self.missing)] + sorted(self._unfit)

    def fill(self, node: Node) -> Node:
        """The value with every placeholder in it filled."""
        if isinstance(node.data, str):
            whole = PLACEHOLDER.fullmatch(node.data.strip())
            if whole is not None:
                return self._value(whole[1]) or node
            return Node(self.text(node.data), node.line, node.file) if "{{" in node.data else node
        if not node.children:
            return node
        filled = Node({} if isinstance(node.data, dict) else [], node.line, node.file)
        for key, child in node.children.items():
            value = self.fill(child)
            is_elsewhere = (value.file, value.line) != (child.file, child.line)
            attach(filled, key, value.line if is_elsewhere else node.keys[key], value)
        return filled

    def text(self, text: str) -> str:
        """A text with every placeholder in it filled."""
        return PLACEHOLDER.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        node = self._value(match[1])
        if node is None:
            return match[0]
        if isinstance(node.data, dict | list):
            self._unfit.add(f"{match[1]!r} stands within text, so it has to be one value")
        return str(node.data).lower() if isinstance(node.data, bool) else "" if node.data is None else str(node.data)

    def _value(self, name: str) -> Node | None:
        self.wanted.add(name)
        self.used.add(name)
        if name not in self._values:
            self.missing.add(name)
        return self._values.get(name)


def overlay(below: Node, above: Node) -> Node:
    """What `above` says, and what `below` says where it is silent; mappings such as config are put together."""
    merged = Node({}, above.line, above.file)
    for key in dict.fromkeys([*below.children, *above.children]):
        low, high = below.children.get(key), above.children.get(key)
        if high is None and low is not None:
            attach(merged, key, below.keys[key], low)
        elif high is not None:
            is_mapping = low is not None and isinstance(low.data, dict) and isinstance(high.data, dict)
            both = overlay(low, high) if low is not None and is_mapping and key in _MERGED else high
            attach(merged, key, above.keys[key], both)
    return merged


def without(node: Node, keys: tuple[str, ...]) -> Node:
    """A mapping without some of its keys."""
    rest = Node({}, node.line, node.file)
    for key, child in node.children.items():
        if key not in keys:
            attach(rest, key, node.keys[key], child)
    return rest
