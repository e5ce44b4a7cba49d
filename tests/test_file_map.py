"""What README.md says is so: its file map, its commands, its settings and its examples."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from healthmgr.cli.main import app
from healthmgr.definitions.settling import Fallbacks
from healthmgr.domain.check import Status
from healthmgr.ports import Channel, CheckType, ProbeContext, StepType
from healthmgr.registry import Plugins, Registry
from healthmgr.services.defining import Defining
from healthmgr.settings import Settings

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")
_DOCUMENTS = [_ROOT / "README.md", _ROOT / "CHANGELOG.md", *sorted((_ROOT / "docs").rglob("*.md"))]
_PACKAGES = ("healthmgr", "workers")


def blocks(language: str, text: str = _README) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def file_map() -> dict[str, str]:
    """Each path of the map and what is said of it; a line that is indented belongs to the folder above it."""
    (listing,) = blocks("", _README.split("## File map", 1)[1])
    found: dict[str, str] = {}
    folder = ""
    for line in listing.splitlines():
        match = re.fullmatch(r"( {2})?(\S+) {2,}(\S.*)", line)
        assert match is not None, f"not a line of the map: {line!r}"
        is_inside, name, clause = match.groups()
        folder = folder if is_inside else (name if name.endswith("/") else "")
        path = f"{folder}{name}" if is_inside else name
        assert path not in found, f"twice in the map: {path}"
        found[path] = clause
    return found


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no checkout")
    return done.stdout.splitlines()


def command_lines() -> Iterator[list[str]]:
    """The words after `healthmgr` in every code span and indented or fenced line of the documents."""
    for document in _DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        pieces = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4}(.+)$", text, re.MULTILINE)]
        for piece in pieces:
            for found in re.finditer(r"(?:^|[\s/])healthmgr((?: [a-z][a-z-]*)+)", piece.split("  #")[0]):
                yield found[1].split()


def test_every_path_of_the_map_is_there() -> None:
    missing = [path for path in file_map() if not (_ROOT / path).exists()]
    assert not missing


def test_every_file_and_folder_at_the_top_is_on_the_map() -> None:
    listed = {path.split("/")[0] for path in file_map()}
    assert {path.split("/")[0] for path in tracked()} - listed == set()


def test_every_package_and_every_module_is_on_the_map() -> None:
    listed = set(file_map())
    modules = [path.relative_to(_ROOT) for package in _PACKAGES for path in (_ROOT / package).rglob("*.py")]
    expected = {f"{path.parent}/" for path in modules} | {str(path) for path in modules if path.name != "__init__.py"}
    assert len(expected) > 100
    assert expected - listed == set()


def test_every_folder_of_tests_is_on_the_map() -> None:
    folders = {"/".join(path.split("/")[:2]) + "/" for path in tracked() if re.match(r"tests/[^/]+/", path)}
    assert folders - set(file_map()) == set()


def test_every_command_that_is_named_exists() -> None:
    root = typer.main.get_command(app)
    lines = list(command_lines())
    assert len(lines) > 20
    for words in lines:
        command: Any = root
        for word in words:
            if not hasattr(command, "commands"):
                break  # what follows are arguments
            assert word in command.commands, f"healthmgr {' '.join(words)}: there is no {word!r}"
            command = command.commands[word]


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    texts = [document.read_text(encoding="utf-8") for document in _DOCUMENTS]
    named = {name for text in texts for name in re.findall(r"(?:`|^ {4})make ([a-z]+)", text, re.MULTILINE)}
    assert {"run", "test", "lint", "demo", "fleet"} <= named
    assert named - targets == set()


def test_every_setting_is_in_the_table_and_nothing_else_is() -> None:
    table = _README.split("## Settings", 1)[1].split("\n## ", 1)[0]
    listed = {
        name
        for line in table.splitlines()
        if line[:2] == "| "
        for name in re.findall(r"`([A-Z_]+)`", line.split("|")[1])
    }
    assert listed == {str(field.alias) for field in Settings.model_fields.values()}


def test_every_link_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", _README, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", _README):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif "://" not in target:
            assert (_ROOT / target).exists(), target


@pytest.fixture
def example_plugin() -> ModuleType:
    """The module of the README's own check type."""
    (source,) = [block for block in blocks("python") if "class FileCheck" in block]
    module = ModuleType("healthmgr_file")
    exec(compile(source, "README.md", "exec"), module.__dict__)
    return module


@pytest.fixture
def registry(example_plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """What is installed, and the README's check type by the entry point that the README gives it."""
    monkeypatch.setitem(sys.modules, "healthmgr_file", example_plugin)
    declared = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]["healthmgr.checks"]
    points = [EntryPoint(name, value, "healthmgr.checks") for name, value in declared.items()]
    builtin = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    points += [EntryPoint(name, value, "healthmgr.checks") for name, value in builtin["healthmgr.checks"].items()]
    channels = [EntryPoint(name, value, "healthmgr.channels") for name, value in builtin["healthmgr.channels"].items()]
    check_types = Plugins("check type", CheckType, points)  # type: ignore[type-abstract]
    return Registry(check_types, Plugins("channel", Channel, channels), Plugins("step type", StepType, []))  # type: ignore[type-abstract]


def test_the_check_type_of_the_readme_works(registry: Registry, tmp_path: Path) -> None:
    file = registry.check_type("file")
    context = ProbeContext("dump", timedelta(seconds=1), datetime.now(UTC))
    dump = tmp_path / "dump.sql"
    config = file.Config.model_validate({"path": str(dump)})
    missing: Any = file.probe(config, context)
    assert (missing.status, missing.message) == (Status.UNHEALTHY, f"{dump} is not there")
    dump.write_text("x" * 2000, encoding="utf-8")
    os.utime(dump, (1, 1))
    found: Any = file.probe(config, context)
    assert found.status is Status.HEALTHY
    assert found.metrics["size"] == 2000
    assert found.metrics["age"] > 1_000_000


def test_the_definitions_of_the_readme_are_valid(registry: Registry, tmp_path: Path) -> None:
    whole, addition = blocks("yaml")
    path = tmp_path / "healthmgr.yaml"
    path.write_text(whole + addition.removeprefix("checks:\n"), encoding="utf-8")
    defining = Defining(None, registry, {"SMTP_PASSWORD": "x"}, Fallbacks())
    definitions = defining.validate(path)
    assert set(definitions.checks) == {"shop", "database", "nightly-dump"}
