"""A definitions file as plain values, with the line of everything in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from healthmgr.definitions.composing import Composer, Location, Node, format_path
from healthmgr.errors import DefinitionError, Problem

MAX_BYTES = 5 * 1024 * 1024

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file, or several put together, say: values, their places, and what is wrong with them as YAML.

    `files` are all that were read, in their order; `expanded` the checks that were made from a template.
    """

    file: str
    root: Node
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    expanded: frozenset[str] = frozenset()

    def place_of(self, path: Location) -> tuple[str, int]:
        """File and line of the value at a path; for what is not there, of the nearest part around it that is."""
        node, line = self.root, self.root.line
        for part in path:
            if part not in node.children:
                break
            line = node.keys[part]
            node = node.children[part]
        return node.file or self.file, line

    def line_of(self, path: Location) -> int:
        """The line of the value at a path; for what is not there, of the nearest part around it that is."""
        return self.place_of(path)[1]

    def at(self, path: Location) -> Any:
        """The value at a path, or None."""
        node = self.root
        for part in path:
            if part not in node.children:
                return None
            node = node.children[part]
        return node.data

    def problem(self, message: str, path: Location = ()) -> Problem:
        """A problem with its place."""
        file, line = self.place_of(path)
        return Problem(message, format_path(path), line, file)

    def in_order(self, problems: Iterable[Problem]) -> list[Problem]:
        """Problems by file and line, each once: a template's own fault is not said for every check made from it."""
        order = {file: position for position, file in enumerate(self.files)}
        told: dict[tuple[Any, ...], Problem] = {}
        for problem in problems:
            parts = problem.path.split(".", 2)
            is_expanded = parts[0] == "checks" and len(parts) > 2 and parts[1] in self.expanded
            field = tuple(parts[2:] if is_expanded else parts)
            told.setdefault((problem.message, problem.file, problem.line, field), problem)
        return sorted(told.values(), key=lambda p: (order.get(p.file, len(order)), p.line or 0))


def read_document(path: Path) -> Document:
    """The document in a file. Raises DefinitionError when it cannot be read as one at all."""
    return parse_document(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a file. Raises DefinitionError when it cannot be read, is too large, or is not UTF-8."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DefinitionError([Problem(f"cannot be read: {error.strerror}", file=str(path))]) from error
    if len(content) > MAX_BYTES:
        raise DefinitionError([Problem(f"is larger than {MAX_BYTES // 1024**2} MiB: split it", file=str(path))])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DefinitionError([Problem("is not UTF-8 text: save it as UTF-8", line=line, file=str(path))]) from error


def parse_document(text: str, file: str) -> Document:
    """The document in a text. Raises DefinitionError when it is no YAML document within the limits."""
    composer = Composer(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"holds a character that YAML does not allow ({error.character!r})"
        raise DefinitionError([Problem(message, line=line, file=file)]) from error
    except yaml.MarkedYAMLError as error:
        raise DefinitionError([_syntax_problem(error, text, file)]) from error
    if composer.root is None:
        raise DefinitionError([Problem("is empty: it should begin with `version: 1`", line=1, file=file)])
    return Document(file, composer.root, tuple(composer.problems), (file,))


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    words = ", ".join(part for part in (error.context, error.problem) if part)
    lines = text.splitlines()
    source = lines[line - 1] if line and line <= len(lines) else ""
    if re.search(r"[{\[,].*\$\{", source):
        words += ' (within { } or [ ], write "${VAR}" in quotes)'
    elif "\t" in source:
        words += " (indent with spaces, not with tabs)"
    return Problem(f"is not valid YAML: {words}", line=line, file=file)
