"""Puts files together: a folder, what a file includes, and what those include, as one document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from healthmgr.definitions.composing import MAX_VALUES, Node, attach
from healthmgr.definitions.document import Document, read_document
from healthmgr.definitions.spelling_alerting import SECTION_NAMES
from healthmgr.errors import DefinitionError, Problem

INCLUDE = "include"
MAPPINGS = (
    "defaults", "templates", "use", "channels", "people", "recipients", "teams", "schedules", "escalation_policies",
    "receivers", "time_windows", "routing", "maintenance", "inhibitions", "runbooks",
    "checks", "slos", "status_page",
    *(name for name, own in SECTION_NAMES.items() if own != "escalation_rules"),
)  # fmt: skip
LISTS = ("escalation_rules", "escalationRules", "runbooks", "recovery_procedures", "recoveryProcedures")
SUFFIXES = (".yaml", ".yml")
MAX_FILES = 1000

_WILD = ("*", "?", "[")
_FORM = "should be a mapping that begins with `version: 1`"


def gather(path: Path) -> Document:
    """The document of a file, or of all *.yaml of a folder, with everything included.

    Raises DefinitionError when one of them cannot be read as a document.
    """
    gathering = _Gathering()
    for file in files_of(path):
        gathering.take(file, ())
    return gathering.document(str(path))


def files_of(path: Path) -> list[Path]:
    """The file itself, or the definitions files of a folder. Raises DefinitionError when it has none."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if _is_definitions(file))
    if not found:
        raise DefinitionError([Problem("holds no *.yaml file", file=str(path))])
    return found


def _is_definitions(path: Path) -> bool:
    return path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()


class _Gathering:
    """What was read so far. Every file is read once, however often it is included."""

    def __init__(self) -> None:
        self._root: Node | None = None
        self._problems: list[Problem] = []
        self._read: dict[Path, str] = {}
        self._is_readable = True

    def take(self, path: Path, trail: tuple[Path, ...]) -> None:
        """Take a file and what it includes in; `trail` are the files that led to it."""
        identity = path.resolve()
        if identity in self._read:
            return
        if len(self._read) >= MAX_FILES:
            raise DefinitionError([Problem(f"includes more than {MAX_FILES} files", file=str(path))])
        self._read[identity] = str(path)
        try:
            document = read_document(path)
        except DefinitionError as error:
            self._problems.extend(error.problems)
            self._is_readable = False
            return
        self._problems.extend(document.problems)
        if not isinstance(document.root.data, dict):
            self._root = self._root or document.root
            self._problems.append(document.problem(_FORM))
            return
        self._merge(document)
        for included in self._included(document, path, (*trail, identity)):
            self.take(included, (*trail, identity))

    def document(self, name: str) -> Document:
        """All of it as one. Raises DefinitionError when a file could not be read: the rest would be misjudged."""
        if self._root is None or not self._is_readable:
            raise DefinitionError(self._problems)
        files = tuple(self._read.values())
        return Document(files[0] if len(files) == 1 else name, self._root, tuple(self._problems), files)

    def _merge(self, document: Document) -> None:
        root = document.root
        if self._root is None or not isinstance(self._root.data, dict):
            self._root = Node({}, root.line, root.file)
        elif root.data.get("version", 0) != 1:
            self._problems.append(document.problem("every file begins with `version: 1`", ("version",)))
        for key, child in root.children.items():
            if key == INCLUDE:
                continue
            if key not in self._root.children:
                shared = _copied(child) if key in MAPPINGS and isinstance(child.data, dict) else child
                attach(self._root, key, root.keys[key], shared)
            elif key in LISTS and _are_lists(self._root.children[key], child):
                joined = _joined(self._root.children[key], child)
                self._root.children[key], self._root.data[key] = joined, joined.data
                self._grow(child.size)
            elif key in MAPPINGS:
                self._merge_section(document, str(key), self._root.children[key], child)
        if self._root.size > MAX_VALUES:
            raise DefinitionError([Problem(f"holds more than {MAX_VALUES} values in all", file=document.file)])

    def _merge_section(self, document: Document, section: str, into: Node, child: Node) -> None:
        if child.data is None:
            return
        if not isinstance(child.data, dict):
            self._problems.append(document.problem("expected a mapping (name: value)", (section,)))
            return
        if not isinstance(into.data, dict):
            return  # what stands there is said to be no mapping when the sections are judged
        for name, entry in child.children.items():
            if (section, name) == ("routing", "routes") and _are_lists(into.children.get(name), entry):
                routes = _joined(into.children[name], entry)
                into.children[name], into.data[name] = routes, routes.data
                self._grow(entry.size)
            elif name in into.children:
                first = f"{into.children[name].file}:{into.keys[name]}"
                message = f"is written twice, first in {first}: keep one of them"
                self._problems.append(document.problem(message, (section, name)))
            else:
                attach(into, name, child.keys[name], entry)
                self._grow(entry.size)

    def _grow(self, size: int) -> None:
        if self._root is not None:
            self._root.size += size

    def _included(self, document: Document, path: Path, trail: tuple[Path, ...]) -> Iterator[Path]:
        written = document.at((INCLUDE,))
        patterns = [written] if isinstance(written, str) else written
        if patterns is None:
            return
        if not isinstance(patterns, list):
            self._problems.append(document.problem("expected a list of files, relative to this one", (INCLUDE,)))
            return
        for index, pattern in enumerate(patterns):
            place = (INCLUDE,) if isinstance(written, str) else (INCLUDE, index)
            found, fault = _find(path, pattern)
            loop = next((file for file in found if file.resolve() in trail), None)
            if loop is not None:
                names = [self._read[file] for file in trail[trail.index(loop.resolve()) :]]
                fault = f"includes itself: {' -> '.join([*names, names[0]])}"
            if fault:
                self._problems.append(document.problem(fault, place))
            else:
                yield from found


def _find(path: Path, pattern: object) -> tuple[list[Path], str]:
    """The files that a pattern names, or what is wrong with it. A pattern with wildcards leaves its own file out."""
    if not isinstance(pattern, str) or not pattern.strip():
        return [], f"expected the name of a file, or a pattern such as conf.d/*.yaml, found {pattern!r}"
    if Path(pattern).is_absolute():
        return [], f"must be relative to this file, found {pattern!r}"
    if not any(sign in pattern for sign in _WILD):
        single = path.parent / pattern
        if single.is_dir():
            return [], f"is a folder: write {pattern.rstrip('/')}/*.yaml"
        return ([single], "") if single.is_file() else ([], f"there is no file {single}")
    try:
        matching = sorted(path.parent.glob(pattern))
    except ValueError as error:
        return [], f"is not a pattern: {error}"
    found = [file for file in matching if _is_definitions(file) and file.resolve() != path.resolve()]
    return found, "" if found else f"no *.yaml file matches {pattern!r}"


def _are_lists(*nodes: Node | None) -> bool:
    return all(node is not None and isinstance(node.data, list) for node in nodes)


def _joined(first: Node, second: Node) -> Node:
    """The items of one list and then those of the other."""
    joined = Node([], first.line, first.file)
    for index, child in enumerate([*first.children.values(), *second.children.values()]):
        attach(joined, index, child.line, child)
    return joined


def _copied(node: Node) -> Node:
    return Node(dict(node.data), node.line, node.file, node.size, node.height, dict(node.children), dict(node.keys))
