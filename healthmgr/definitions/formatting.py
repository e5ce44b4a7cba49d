"""The usual form of a definitions file: its order, its spelling, its lengths. Comments are kept.

The text is edited in place rather than written anew, so that whatever is not touched stays as it was; a result
that would not mean the same is thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

import yaml

from healthmgr.definitions import spelling_oncall, spelling_runbooks
from healthmgr.definitions.arranging import Arranger
from healthmgr.definitions.composing import Node
from healthmgr.definitions.document import parse_document
from healthmgr.definitions.spelling import ADVICE, FIELDS, LEAST_MS, METRICS, respell
from healthmgr.definitions.spelling_alerting import LENGTHS, SECTION_NAMES, own_name, respell_section
from healthmgr.definitions.spelling_runbooks import RUNBOOK, RUNBOOKS, Level
from healthmgr.domain.quantity import format_duration, parse_duration
from healthmgr.errors import DefinitionError

_LENGTHS = frozenset({"interval", "timeout", "retry_interval", *LENGTHS, *spelling_oncall.LENGTHS})
_RUN_LENGTHS = spelling_runbooks.LENGTHS
_ENTRIES = ("checks", "templates")
_ALERTING = ("receivers", "routing", "maintenance", "inhibitions", "time_windows")

Edit = tuple[int, int, str]


def format_text(text: str, file: str) -> str:
    """The text in its usual form. Raises DefinitionError when it is no sound YAML document."""
    text = text.replace("\r\n", "\n")
    document = parse_document(text, file)
    if document.problems:
        raise DefinitionError(document.problems)
    spelled = _kept_if_same(text, _respelled(text), file)
    arranged = _kept_if_same(spelled, _arranged(spelled), file)
    return _kept_if_same(arranged, _tidied(arranged), file)


def _kept_if_same(before: str, after: str, file: str) -> str:
    """What was made of a text, unless it would not mean the same."""
    if before == after:
        return before
    try:
        document = parse_document(after, file)
    except DefinitionError:
        return before
    is_same = not document.problems and _meaning(document.root) == _meaning(parse_document(before, file).root)
    return after if is_same else before


def _compose(text: str) -> yaml.MappingNode | None:
    """The tree with its marks; None where there is nothing to arrange.

    By the parser written in Python, whose marks count characters; what it alone refuses is left as it is.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    return root if isinstance(root, yaml.MappingNode) else None


def _arranged(text: str) -> str:
    root = _compose(text)
    if root is None or root.flow_style:
        return text
    return "\n".join(Arranger(text.split("\n"), root).arranged())


def _tidied(text: str) -> str:
    """Without spaces at the ends of lines and more than one empty line, and with one end of line at the end."""
    root = _compose(text)
    if root is None:
        return text
    lines = text.split("\n")
    protected = Arranger(lines, root).protected
    tidy: list[str] = []
    for number, line in enumerate(lines):
        kept = line if number in protected else line.rstrip()
        if kept.strip() or number in protected or (tidy and tidy[-1].strip()):
            tidy.append(kept)
    return "\n".join(tidy).rstrip("\n") + "\n"


def _respelled(text: str) -> str:
    root = _compose(text)
    if root is None:
        return text
    for start, end, new in sorted(set(_edits(root)), reverse=True):
        if text[start:end][:1] not in ("&", "!", "*"):
            text = text[:start] + new + text[end:]
    return text


def _edits(root: yaml.MappingNode) -> Iterator[Edit]:
    for section, node in root.value:
        if section.value == "defaults":
            yield from _edit_check(node)
        elif section.value in _ENTRIES and isinstance(node, yaml.MappingNode):
            for _, entry in node.value:
                yield from _edit_check(entry)
        else:
            name = SECTION_NAMES.get(section.value, section.value)
            if name != section.value:
                yield _span(section, name)
            if name in _ALERTING and isinstance(node, yaml.MappingNode):
                for _, entry in node.value:
                    yield from _edit_entry(name, entry)
            elif name in (*spelling_oncall.ONCALL, RUNBOOKS) and not isinstance(node, yaml.ScalarNode):
                for entry in node.value if isinstance(node, yaml.SequenceNode) else (value for _, value in node.value):
                    yield from _edit_runbook(RUNBOOK, entry) if name == RUNBOOKS else _edit_deep(name, entry)


def _edit_entry(section: str, entry: yaml.Node) -> Iterator[Edit]:
    """Edits of a route, receiver and so on, and of the routes below it."""
    if isinstance(entry, yaml.SequenceNode):
        for item in entry.value:
            yield from _edit_entry(section, item)
    for key, value in entry.value if isinstance(entry, yaml.MappingNode) else ():
        name = own_name(section, key.value)
        if name != key.value:
            yield _span(key, name)
        yield from _edit_length(name, value)
        if name == "routes":
            yield from _edit_entry(section, value)


def _edit_deep(section: str, entry: yaml.Node) -> Iterator[Edit]:
    """Edits of a person, schedule and so on, at any depth."""
    if isinstance(entry, yaml.SequenceNode):
        for item in entry.value:
            yield from _edit_deep(section, item)
    for key, value in entry.value if isinstance(entry, yaml.MappingNode) else ():
        name = spelling_oncall.own_name(section, key.value)
        if name != key.value:
            yield _span(key, name)
        yield from _edit_length(name, value)
        if not (isinstance(value, yaml.MappingNode) and spelling_oncall.is_free(name, {})):
            yield from _edit_deep(section, value)


def _edit_runbook(level: Level, entry: yaml.Node) -> Iterator[Edit]:
    """Edits of a runbook, and of the parts of it whose spelling is ours."""
    if isinstance(entry, yaml.SequenceNode):
        for item in entry.value:
            yield from _edit_runbook(level, item)
    for key, value in entry.value if isinstance(entry, yaml.MappingNode) else ():
        name = level.names.get(key.value, key.value)
        if name != key.value:
            yield _span(key, name)
        yield from _edit_length(name, value, _RUN_LENGTHS)
        part = level.part(name)
        if part is not None:
            yield from _edit_runbook(part, value)


def _edit_check(entry: yaml.Node) -> Iterator[Edit]:
    if not isinstance(entry, yaml.MappingNode):
        return
    for key, value in entry.value:
        name = FIELDS.get(key.value, key.value)
        if name != key.value:
            yield _span(key, name)
        yield from _edit_length(name, value)
        if name == "thresholds" and isinstance(value, yaml.MappingNode):
            for _, limits in value.value:
                yield from _edit_limits(limits)


def _edit_limits(limits: yaml.Node) -> Iterator[Edit]:
    for key, value in limits.value if isinstance(limits, yaml.MappingNode) else ():
        name = METRICS.get(key.value)
        if name is None:
            continue
        yield _span(key, name)
        if name == "response_time" and re.fullmatch(r"\d+(\.\d+)?", str(value.value)):
            yield _span(value, format_duration(timedelta(milliseconds=float(value.value))))


def _edit_length(name: str, value: yaml.Node, lengths: Collection[str] = _LENGTHS) -> Iterator[Edit]:
    if name not in lengths or not isinstance(value, yaml.ScalarNode) or value.style in ("|", ">"):
        return
    written = str(value.value)
    try:
        is_bare = not value.style and re.fullmatch(r"\d+", written) and int(written) >= LEAST_MS
        length = timedelta(milliseconds=int(written)) if is_bare else parse_duration(written)
    except (ValueError, OverflowError):
        return
    usual = format_duration(length)
    if (usual != written or value.style) and parse_duration(usual) == length:
        yield _span(value, usual)


def _span(node: yaml.Node, new: str) -> Edit:
    return node.start_mark.index, node.end_mark.index, new


def _meaning(root: Node) -> Any:
    """What a document says, whatever its spelling and order."""
    if not isinstance(root.data, dict):
        return root.data
    meaning: dict[str, Any] = {}
    for section, node in root.children.items():
        name = SECTION_NAMES.get(str(section), str(section))
        if section == "defaults":
            meaning[name] = _check_meaning(node)
        elif section in _ENTRIES and isinstance(node.data, dict):
            meaning[name] = {key: _check_meaning(entry) for key, entry in node.children.items()}
        elif name in (*_ALERTING, *spelling_oncall.ONCALL, RUNBOOKS):
            said: list[str] = []
            spelled = respell_section(name, node, lambda message, _: said.append(message))  # noqa: B023 - used at once
            meaning.setdefault(name, []).append((_with_lengths(spelled.data), sorted(said)))
        else:
            meaning[name] = node.data
    return meaning


def _with_lengths(value: Any, key: str = "") -> Any:
    """The value with every length in it as such."""
    if isinstance(value, dict):
        return {name: _with_lengths(item, str(name)) for name, item in value.items()}
    return [_with_lengths(item) for item in value] if isinstance(value, list) else _length(key, value)


def _check_meaning(entry: Node) -> Any:
    foreign = {key: child.data for key, child in entry.children.items() if key in ADVICE}
    said: list[str] = []
    data = respell(entry, (), lambda message, _: said.append(message)).data
    if not isinstance(data, dict):
        return data
    return {**{key: _length(key, value) for key, value in data.items()}, **foreign, "": sorted(said)}


def _length(key: str, value: Any) -> Any:
    if key not in _LENGTHS | _RUN_LENGTHS or not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except (ValueError, OverflowError):
        return value
