"""The frame around a definition that is tried alone: the sections that it does not write itself, and its refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from healthmgr.errors import DefinitionError
from healthmgr.services.defining import Defining
from tests.definitions.plugins import TestRegistry

# What is written, the line, the field, and the words that say what was expected.
Bad = tuple[str, int, str, str]

REST = """\
channels: {post: {kind: letter, config: {host: h}}, bell: {kind: bell, config: {host: h}}}
recipients: {ops: {contacts: {post: ops@example.com}}}
routing: {default: {to: ops, via: post}}
"""


def file_of(text: str, rest: str = REST) -> str:
    """A whole file: a definition from its line 2 on, then the sections of `rest` that it does not write."""
    sections = {line.split(":")[0] for line in text.splitlines() if line[:1].isalpha()}
    kept = "".join(line + "\n" for line in rest.splitlines() if line.split(":")[0] not in sections)
    return f"version: 1\n{text}{kept}"


def validate(path: Path) -> object:
    """Judge a file without a database, with the plugins of these tests."""
    return Defining(None, TestRegistry(), {}).validate(path)


def assert_refused(bad: Bad, path: Path, *, rest: str = REST, judge: Callable[[Path], object] = validate) -> None:
    """The definition is refused at its line and field, with words that say what was expected."""
    text, line, field, words = bad
    path.write_text(file_of(text, rest), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        judge(path)
    said = [(problem.file, problem.line, problem.path) for problem in caught.value.problems if words in problem.message]
    assert (str(path), line, field) in said, [str(problem) for problem in caught.value.problems]
