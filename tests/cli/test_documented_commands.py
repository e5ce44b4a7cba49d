"""The commands that the pages name are commands of ours, and their options are theirs."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from healthmgr.cli.main import app

# In a line of code, or between backticks.
NAMED = re.compile(r"(?:^ {4,}(?:\w+=\S+ )?(?:\.venv/bin/)?|`(?:\w+=\S+ )?)healthmgr ([^`\n]+)", re.MULTILINE)
ENDS = {"&&", "||", "|", ";", "&"}


def named_on(page: Path) -> list[str]:
    return sorted({line.strip().removesuffix("\\") for line in NAMED.findall(page.read_text(encoding="utf-8"))})


def words_of(line: str) -> list[str]:
    """Without a comment, and without another program that the shell is to run as well."""
    return list(itertools.takewhile(lambda word: word not in ENDS, shlex.split(line, comments=True)))


def fault(line: str) -> str:
    """What of this line does not exist, or ""."""
    words, command = words_of(line), get_command(app)
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            break
        below: Any = command.commands
        if words[0] not in below:
            return f"there is no `{words[0]}`"
        command = below[words.pop(0)]
    command = getattr(command, "loaded", command)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("-") and word.partition("=")[0] not in known | {"--help"}:
            return f"there is no option {word}"
    return ""


@pytest.mark.parametrize("page", ["README.md", "docs/troubleshooting.md", "docs/templates.md"])
def test_every_command_on_a_page_exists(project_root: Path, page: str) -> None:
    lines = named_on(project_root / page)
    assert len(lines) > 2
    assert {line: said for line in lines if (said := fault(line))} == {}


def test_what_does_not_exist_is_found() -> None:
    assert fault("checks shown shop") == "there is no `shown`"
    assert fault("checks list --colour") == "there is no option --colour"
    assert fault("alerts ack session-manager") == ""
