"""The shape of the code: no cycles, nothing imported in secret, nothing too long to be read, nothing left undone."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

_ROOT = Path(__file__).parents[1]
_LONGEST_FILE = 300
_LONGEST_FUNCTION = 60
_MIGRATIONS = _ROOT / "healthmgr" / "storage" / "migrations"  # what was once done to the tables, never changed again
_UNDONE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

_FILES = [
    _ROOT / "beat_schedule.py",
    *sorted(path for folder in ("healthmgr", "workers") for path in (_ROOT / folder).rglob("*.py")),
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(_ROOT)}:{line}"


def functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def is_migration(path: Path) -> bool:
    return path.is_relative_to(_MIGRATIONS)


def cycle_through(module: str, graph: dict[str, set[str]]) -> list[str]:
    """The shortest way from a module back to itself; empty when there is none."""
    ways = [[module]]
    seen: set[str] = set()
    for way in ways:
        for following in sorted(graph[way[-1]]):
            if following == module:
                return [*way, module]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Which module imports which; what only a type checker imports is left out, for it never runs."""
    graph = grimp.build_graph("healthmgr", "workers", exclude_type_checking_imports=True, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def test_no_module_imports_itself_by_way_of_others(imports: dict[str, set[str]]) -> None:
    assert len(imports) > 100
    cycles = [cycle for module in sorted(imports) if (cycle := cycle_through(module, imports))]
    assert not cycles, "\n".join(" -> ".join(cycle) for cycle in cycles)


def test_a_cycle_would_be_found() -> None:
    assert cycle_through("a", {"a": {"b"}, "b": {"c"}, "c": {"b", "a"}}) == ["a", "b", "c", "a"]
    assert cycle_through("a", {"a": {"b"}, "b": {"c"}, "c": {"b"}}) == []


def test_nothing_is_imported_inside_a_function() -> None:
    found = [
        place(path, node.lineno)
        for path in _FILES
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not found


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _FILES}
    found = [
        f"{path.relative_to(_ROOT)}: {length} lines"
        for path, length in lengths.items()
        if length > _LONGEST_FILE and not is_migration(path)
    ]
    assert not found


def test_no_function_is_too_long_to_be_seen_at_once() -> None:
    found = [
        f"{place(path, function.lineno)}: {function.name}"
        for path in _FILES
        if not is_migration(path)
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno >= _LONGEST_FUNCTION
    ]
    assert not found


def test_nothing_is_left_undone() -> None:
    found = []
    for path in _FILES:
        source = path.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            is_note = token.type == tokenize.COMMENT and _UNDONE.search(token.string)
            if is_note or (token.type == tokenize.NAME and token.string == "NotImplementedError"):
                found.append(place(path, token.start[0]))
    assert not found
