"""Builds a tree of plain values, with lines, from the events of a YAML parser.

Nothing is ever constructed from a tag, nothing recurses, the limits hold before memory is spent, and
duplicate keys are seen. Scalars follow YAML 1.2: `on`, `yes`, `0644` and dates are text, so that no word
changes its meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from healthmgr.errors import DefinitionError, Problem

MAX_NESTING = 32
MAX_VALUES = 1_000_000

_PLAIN_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!")
_SCALARS: Sequence[tuple[re.Pattern[str], Callable[[str], Any]]] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    (re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})"), int),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"), float),
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # what PostgreSQL's text cannot hold; only escapes can write it

Location = tuple[str | int, ...]


@dataclass(slots=True)
class Node:
    """A value of the document: `size` counts it and all in it, `height` its levels, `keys` its keys' lines.

    `file` is where it was written: what is put together from several files remembers each.
    """

    data: Any
    line: int
    file: str = ""
    size: int = 1
    height: int = 1
    children: dict[str | int, Node] = field(default_factory=dict)
    keys: dict[str | int, int] = field(default_factory=dict)


def format_path(path: Location) -> str:
    """A path as people read it: "checks.database.depends_on[0]"."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open. `key` is the mapping's key whose value comes next."""

    node: Node
    anchor: str | None
    is_mapping: bool
    key: str | None = None
    key_line: int = 0
    is_merge: bool = False
    merges: list[Node] = field(default_factory=list)


class Composer:
    """Builds the tree from events, one at a time."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        """Take the next event in."""
        if isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise self._refusal("holds a second document (---): write one only", _line(event))

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        line = _line(event)
        self._check_tag(event.tag, line)
        if _UNSTORABLE.search(event.value):
            self._say("holds a NUL or half a character, which cannot be stored", line)
            event.value = _UNSTORABLE.sub("", event.value)
        is_plain = not event.style and event.tag is None
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.is_mapping and frame.key is None:
            frame.key, frame.key_line = event.value, line
            frame.is_merge = event.value == "<<" and is_plain
            return
        node = Node(self._resolve(event.value, line) if is_plain else event.value, line, self.file)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._place(node)

    def _resolve(self, text: str, line: int) -> Any:
        for form, convert in _SCALARS:
            if form.fullmatch(text):
                value = convert(text)
                if isinstance(value, float) and not math.isfinite(value):
                    self._say(f"{text} is too large a number", line)
                    return 0.0
                return value
        return text

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        line = _line(event)
        self._check_tag(event.tag, line)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise self._refusal("has a mapping or a list as a key: a key is one word", line)
        if len(self._stack) >= MAX_NESTING:
            raise self._refusal(f"is nested deeper than {MAX_NESTING} levels", line)
        self._stack.append(_Frame(Node({} if is_mapping else [], line, self.file), event.anchor, is_mapping))

    def _close(self) -> None:
        frame = self._stack.pop()
        for merged in frame.merges:
            for key, child in merged.children.items():
                if key not in frame.node.children:
                    attach(frame.node, key, merged.keys[key], child)
        if frame.anchor:
            self._anchors[frame.anchor] = frame.node
        self._place(frame.node)

    def _take_alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise self._refusal(
                f"*{event.anchor} refers to itself, or to an anchor that is not written above it", _line(event)
            )
        if self._stack and self._stack[-1].is_mapping and self._stack[-1].key is None:
            raise self._refusal("has an alias as a key: write the key out", _line(event))
        self._place(node)

    def _place(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        if not frame.is_mapping:
            attach(frame.node, len(frame.node.data), node.line, node)
        elif frame.is_merge:
            self._merge(frame, node)
        else:
            self._put(frame, str(frame.key), node)
        frame.key = None
        if frame.node.size > MAX_VALUES:
            raise self._refusal(f"holds more than {MAX_VALUES} values once its aliases are followed", node.line)
        if frame.node.height + len(self._stack) - 1 > MAX_NESTING:
            raise self._refusal(f"is nested deeper than {MAX_NESTING} levels once its aliases are followed", node.line)

    def _put(self, frame: _Frame, key: str, node: Node) -> None:
        if key in frame.node.children:
            first = frame.node.keys[key]
            path = (*self._path(), key)
            message = f"is written twice, first in line {first}: keep one of them"
            self.problems.append(Problem(message, format_path(path), frame.key_line, self.file))
            return
        attach(frame.node, key, frame.key_line, node)

    def _merge(self, frame: _Frame, node: Node) -> None:
        sources = list(node.children.values()) if isinstance(node.data, list) else [node]
        if not all(isinstance(source.data, dict) for source in sources):
            self._say("<< takes a mapping or a list of mappings", frame.key_line)
            return
        frame.merges.extend(sources)

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag not in _PLAIN_TAGS:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._say(f"carries the tag {shown}: tags are not used here, remove it", line)

    def _path(self) -> Location:
        outer = self._stack[:-1]
        return tuple(len(f.node.data) if not f.is_mapping else str(f.key) for f in outer)

    def _say(self, message: str, line: int) -> None:
        frame = self._stack[-1] if self._stack else None
        here: Location = ()
        if frame is not None:
            own: Location = (len(frame.node.data),) if not frame.is_mapping else (str(frame.key),) if frame.key else ()
            here = (*self._path(), *own)
        self.problems.append(Problem(message, format_path(here), line, self.file))

    def _refusal(self, message: str, line: int) -> DefinitionError:
        return DefinitionError([*self.problems, Problem(message, line=line, file=self.file)])


def attach(parent: Node, key: str | int, key_line: int, child: Node) -> None:
    """Put a value into a mapping, under a key that is not there yet, or at the end of a list."""
    if isinstance(key, int):
        parent.data.append(child.data)
    else:
        parent.data[key] = child.data
    parent.children[key], parent.keys[key] = child, key_line
    parent.size += child.size
    parent.height = max(parent.height, child.height + 1)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
